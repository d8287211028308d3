"""What a sweep gives: observables with labelled axes, in memory or on the disk."""

import dataclasses
from typing import Any

import numpy as np

from qpcjax.files.results import one_line
from qpcjax.overviews import Overview, Shown, in_words, unit_text
from qpcjax.sweeping.stored_values import StoredValues


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class SweepResult(Shown):
    """The observables of a sweep.

    `result["current"]` is a float64 array with one dimension for each axis (one alone for a table):
    a NumPy array, or for a sweep on the disk `StoredValues`, which reads what is asked for. NaN
    stands where there is no answer.

    Attributes:
        dimensions: names of the dimensions: the axes, or "point" for a table.
        axes: name -> values of shape (n,).
        values: observable -> values.
        units: of the axes and the observables, "1" for pure numbers, "" where not known.
        attributes: the scatterer, the numbers that are fixed, versions, the hash of all that it
            was computed from.
        titles: of the observables: what each of them is, in words.
        folder: where they are, None for those in memory.
    """

    dimensions: tuple[str, ...]
    axes: dict[str, np.ndarray]
    values: dict[str, Any]
    units: dict[str, str]
    attributes: dict[str, Any]
    titles: dict[str, str]
    folder: Any = None

    @property
    def shape(self):
        """Shape of every observable."""
        return next(iter(self.values.values())).shape

    @property
    def is_table(self):
        """Whether the axes are the columns of a table of points."""
        return self.dimensions[0] not in self.axes

    @property
    def unfinished(self):
        """Number of chunks that are not finished; 0 for results in memory."""
        values = next(iter(self.values.values()))
        return values.unfinished if isinstance(values, StoredValues) else 0

    @property
    def flat_attributes(self):
        """The attributes as text and numbers, what is nested as JSON."""
        return {name: one_line(value) for name, value in self.attributes.items()}

    def dimensions_of(self, name):
        """Names of the dimensions of an axis or an observable."""
        return self.dimensions if name in self.values or self.is_table else (name,)

    def labels(self, name):
        """What a file says of an axis or an observable: units, title, its coordinates."""
        labels = {"units": self.units[name]}
        if name in self.values:
            labels["long_name"] = self.titles[name]
            if self.is_table:  # the axes are no dimensions there
                labels["coordinates"] = " ".join(self.axes)
        return labels

    def _overview(self):
        described = {**self.axes, **self.values}
        rows = [
            (
                name,
                "on the disk" if isinstance(values, StoredValues) else in_words(values),
                unit_text(self.units[name]),
            )
            for name, values in described.items()
        ]
        fixed = [f"{name} = {in_words(v)}" for name, v in self.attributes["fixed"].items()]
        notes = [f"fixed: {', '.join(fixed)}"] if fixed else []
        if self.folder is not None:
            notes.append(f"folder: {self.folder}")
        points = " x ".join(map(str, self.shape))
        return Overview(f"SweepResult at {points} points", rows, notes)

    def __getitem__(self, observable):
        if observable not in self.values:
            raise KeyError(f"{observable!r}; there are {', '.join(self.values)}")
        return self.values[observable]

    def to_xarray(self):
        """An `xarray.Dataset` with the axes as coordinates, units, and versions as attributes.

        Values on the disk stay there until they are used. Needs the extra `files`.
        """
        from qpcjax.sweeping.export import dataset

        return dataset(self)

    def to_csv(self, path):
        """Write a CSV file, piece by piece: a row for each point, its axes and observables.

        The header has the units, and what the result is from stands in comments behind the rows.
        Numbers read back to the last bit.

        Args:
            path: the file; replaced if it is there.

        Raises:
            InputError: it cannot be written.
        """
        from qpcjax.sweeping.export import write_csv

        write_csv(self, path)

    def to_json(self, path):
        """Write a JSON file of up to a million numbers, nested as the grid is; NaN is null.

        Args:
            path: the file; replaced if it is there.

        Raises:
            InputError: there are more, or it cannot be written.
        """
        from qpcjax.sweeping.export import write_json

        write_json(self, path)

    def to_netcdf(self, path):
        """Write a netCDF-4 file, by xarray and one observable after the other.

        One observable at a time is held in memory, 8 bytes a point: a larger sweep goes to zarr.
        Needs the extra `files`.

        Args:
            path: the file; replaced if it is there.

        Raises:
            InputError: it cannot be written.
        """
        from qpcjax.sweeping.export import write_netcdf

        write_netcdf(self, path)

    def to_zarr(self, path):
        """Write a zarr group (format 2), by xarray and block by block.

        The folder of a sweep is one already, in the sweep's own chunks; this one has blocks of up
        to a million points, and is compressed. Needs the extra `files`.

        Args:
            path: the folder; a zarr group that is there is replaced.

        Raises:
            InputError: it cannot be written, or something else is there.
        """
        from qpcjax.sweeping.export import write_zarr

        write_zarr(self, path)
