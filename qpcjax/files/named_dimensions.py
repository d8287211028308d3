"""Arrays with attributes and named dimensions, as HDF5 and netCDF files hold them."""

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np

from qpcjax.files.arrays import Array, unit_from
from qpcjax.files.hdf5_attributes import text, texts, unit_text
from qpcjax.files.table import check_values
from qpcjax.measurements import InputError

_NETCDF_FILL = 9.969209968386869e36  # what netCDF puts where nothing was written
_AXES = ("depends_on", "set_arrays", "axes")  # of QCoDeS, of the first QCoDeS, of plottr
_NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable"


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """What a file says of an array.

    Args:
        name: its place in the file, such as /run/gate.
        shape: its lengths; None where it has no place for numbers at all.
        kind: NumPy's letter for the kind of its elements.
        attributes: name -> text or numbers.
        dims: names of its dimensions; None where the file gives them none.
    """

    name: str
    shape: tuple[int, ...] | None
    kind: str
    attributes: Mapping
    dims: tuple[str, ...] | None

    @property
    def own(self):
        """Its name without that of the group."""
        return self.name.rsplit("/", 1)[1]

    @property
    def is_placeholder(self):
        """Whether netCDF keeps something else than a measurement in it."""
        named = text(self.attributes.get("NAME", ""))
        return "compress" in self.attributes or named.startswith(_NO_VARIABLE)

    @property
    def is_matrix(self):
        """Whether it is over one dimension twice, as a covariance is, and no column of a table."""
        return self.dims is not None and len(set(self.dims)) < len(self.dims)

    @property
    def axes(self):
        """Names of the axes that it was measured against."""
        told = [name for key in _AXES for name in texts(self.attributes.get(key, ()))]
        return text(self.attributes.get("coordinates", "")).split() + told


def arrays_of(path, datasets: Mapping[str, Dataset], read: Callable[[str], np.ndarray]):
    """The datasets of numbers in a group, as what tables are made of.

    Args:
        path: the file.
        datasets: all of the group, by their names; their attributes are read now.
        read: name -> its numbers, as `decoded` gives them.

    Raises:
        InputError: contradictory units, more numbers than are read.
    """
    gathered = _gathered(datasets)
    listed = {axis for dataset in datasets.values() for axis in dataset.axes}
    arrays = []
    for name, dataset in datasets.items():
        if not dataset.shape or dataset.kind not in "biufc":
            continue
        if dataset.is_placeholder or dataset.is_matrix:
            continue
        check_values(f"{path}, dataset '{name}'", math.prod(dataset.shape))
        arrays.append(_array(path, datasets, dataset, listed, gathered.get(name), read))
    return arrays


def _array(path, datasets, dataset, listed, gathered, read):
    where, own, attributes, dims = dataset.name, dataset.own, dataset.attributes, dataset.dims
    stated = [unit_text(attributes.get(a, "")) for a in ("units", "unit")]
    unit = unit_from(path, own, stated)
    label = text(attributes.get("long_name", attributes.get("label", "")))
    if gathered is not None:
        index, place, lengths = gathered

        def read_all():
            try:
                at = np.unravel_index(read(index), lengths)[place]
            except (TypeError, ValueError) as error:
                raise InputError(
                    f"{path}: '{index}' should hold the numbers of the points of a scan ({error}): "
                    "the file is damaged. Save or copy it once more"
                ) from None
            return read(where)[at]

        dims = datasets[index].dims or (index,)
        return Array(own, unit, datasets[index].shape, read_all, dims, True, label)
    axis = own in listed or dims == (where,)
    return Array(own, unit, dataset.shape, lambda: read(where), dims, axis, label)


def _gathered(datasets):
    """Axes of scans that are no full grid, which netCDF writes by the numbers of their points.

    Returns:
        Axis -> the dataset of these numbers, the axis' place among the axes, and their lengths.
    """
    found = {}
    for name, dataset in datasets.items():
        listed = text(dataset.attributes.get("compress", "")).split()
        axes = [f"{name.rsplit('/', 1)[0]}/{axis}" for axis in listed]
        if axes and all(axis in datasets and datasets[axis].shape for axis in axes):
            lengths = tuple(datasets[axis].shape[0] for axis in axes)
            found |= {axis: (name, place, lengths) for place, axis in enumerate(axes)}
    return found


def decoded(values, attributes):
    """Numbers as they were measured, with NaN where the file says that one is missing."""
    missing = [m for a in ("_FillValue", "missing_value") for m in _first(attributes, a)]
    gone = np.isin(values, [m for m in missing if m == m])
    if values.dtype.kind == "f":
        gone |= values == values.dtype.type(_NETCDF_FILL)
    if "scale_factor" in attributes or "add_offset" in attributes:
        (scale,) = _first(attributes, "scale_factor") or (1.0,)
        (offset,) = _first(attributes, "add_offset") or (0.0,)
        with np.errstate(over="ignore", invalid="ignore"):  # infinite numbers are named later
            values = values * float(scale) + float(offset)
    return np.where(gone, np.nan, values) if np.any(gone) else values


def _first(attributes, name):
    return list(np.ravel(attributes.get(name, ()))[:1])
