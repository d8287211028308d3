"""Sweeps as xarray datasets, and as files for other programs: netCDF, zarr, CSV and JSON."""

import contextlib
import math
from pathlib import Path

import numpy as np

from qpcjax.files import InputError, save_json
from qpcjax.files.atomic_writing import not_writable, replacing, require_room
from qpcjax.files.optional_libraries import need
from qpcjax.files.results import SUFFIXES as TABLE_SUFFIXES
from qpcjax.files.results import csv_pieces
from qpcjax.overviews import titled
from qpcjax.sweeping.chunks import Chunks
from qpcjax.sweeping.manifests import MANIFEST
from qpcjax.sweeping.stored_values import StoredValues
from qpcjax.sweeping.zarr_group import MARK

_PIECE = 1 << 20  # points of a zarr group written at once
_HEADERS = 1 << 20  # bytes of a netCDF file beside its numbers
_ROWS = 1 << 15  # of a CSV file made at once
MOST_JSON = 1_000_000  # numbers in a JSON file, which is made as a whole


def dataset(result):
    """The result as an `xarray.Dataset`; see `SweepResult.to_xarray`."""
    xarray = need("xarray")

    def variable(name, values):
        labels = result.labels(name)
        labels.pop("coordinates", None)  # which xarray has as such
        return xarray.Variable(result.dimensions_of(name), values, labels)

    coordinates = {n: variable(n, np.asarray(values)) for n, values in result.axes.items()}
    observables = {
        name: variable(name, _lazy(values) if isinstance(values, StoredValues) else values)
        for name, values in result.values.items()
    }
    return xarray.Dataset(observables, coordinates, result.flat_attributes)


def _lazy(values):
    from xarray.backends import BackendArray
    from xarray.core import indexing

    class Stored(BackendArray):
        shape, dtype = values.shape, values.dtype

        def __getitem__(self, key):
            support = indexing.IndexingSupport.OUTER
            return indexing.explicit_indexing_adapter(key, self.shape, support, values.__getitem__)

    return indexing.LazilyIndexedArray(Stored())


@contextlib.contextmanager
def _exported(path):
    """A name to write to, which becomes `path` once all is written."""
    try:
        with replacing(path) as part:
            yield part
    except OSError as error:
        raise not_writable(path, error, "Choose another name, or make room") from None


def write_netcdf(result, path):
    """Write the result as netCDF-4; see `SweepResult.to_netcdf`."""
    data = dataset(result)
    numbers = math.prod(result.shape) * len(result.values)
    numbers += sum(np.size(axis) for axis in result.axes.values())
    with _exported(path) as part:
        require_room(part, 8 * numbers + _HEADERS)  # on a full disk the HDF5 library crashes
        for number, name in enumerate(result.values):  # xarray holds all that it writes at once
            data[[name]].to_netcdf(part, mode="a" if number else "w", engine="h5netcdf")


def write_zarr(result, path):
    """Write the result as a zarr group; see `SweepResult.to_zarr`."""
    check_zarr(path)
    data, chunks = dataset(result), Chunks.of(result.shape, _PIECE)
    # Of points that are all missing zarr writes no chunks: this makes the arrays alone.
    missing = np.broadcast_to(np.nan, result.shape)
    empty = data.assign({n: (result.dimensions, missing, data[n].attrs) for n in result.values})
    encoding = {name: {"chunks": chunks.chunk} for name in result.values}
    bare = data.drop_vars(result.axes)
    with _exported(path) as part:
        part.mkdir()  # zarr would make the folders on the way to it as well
        empty.to_zarr(part, mode="w", zarr_format=2, encoding=encoding)
        for number in range(chunks.count):
            region = dict(zip(result.dimensions, chunks.box(number), strict=True))
            bare.isel(region).to_zarr(part, zarr_format=2, region=region)


def write_csv(result, path):
    """Write the result as CSV; see `SweepResult.to_csv`."""
    size = math.prod(result.shape)
    pieces = (_rows(result, i, min(i + _ROWS, size)) for i in range(0, size, _ROWS))
    with _exported(path) as part, open(part, "w", encoding="utf-8", newline="") as file:
        file.writelines(csv_pieces(pieces, result.attributes))


def _rows(result, start, stop):
    """Columns of the points from `start` to `stop`: title -> values."""
    if result.is_table:
        columns = {name: values[start:stop] for name, values in result.axes.items()}
    else:
        places = np.unravel_index(np.arange(start, stop), result.shape)
        axes = zip(result.axes.items(), places, strict=True)
        columns = {name: values[place] for (name, values), place in axes}
    for name, values in result.values.items():
        columns[name] = _run(values, start, stop)
    return {titled(name, result.units[name]): values for name, values in columns.items()}


def write_json(result, path):
    """Write the result as JSON; see `SweepResult.to_json`."""
    check_json(len(result.values) * math.prod(result.shape))
    axes = {
        name: {"unit": result.units[name], "values": np.asarray(values).tolist()}
        for name, values in result.axes.items()
    }
    observables = {
        name: {
            "unit": result.units[name],
            "title": result.titles[name],
            "values": np.asarray(values).tolist(),
        }
        for name, values in result.values.items()
    }
    shape = {"dimensions": list(result.dimensions), "shape": list(result.shape)}
    text = save_json({**shape, "axes": axes, "observables": observables, **result.attributes})
    with _exported(path) as part:
        part.write_text(text, encoding="utf-8")


def check_zarr(path):
    """Raise InputError where something is in the way that a zarr group does not replace."""
    path = Path(path)
    if (path / MANIFEST).exists():
        kind = "a sweep's folder, itself a zarr group that xarray.open_zarr reads"
    elif path.exists() and not (path / MARK).is_file():
        kind = "no zarr group"
    else:
        return
    raise InputError(f"{path} is there already and is {kind}: it is not replaced. Choose another")


def check_json(numbers):
    """Raise InputError where a result holds more numbers than are written as JSON."""
    if numbers > MOST_JSON:
        raise InputError(
            f"the sweep holds {numbers:.3g} numbers, and no more than {MOST_JSON:.3g} are written "
            "as JSON, which no program reads piece by piece: write it as netCDF (.nc), zarr or CSV"
        )


# By format, whose suffixes are those of tables and one of its own.
WRITERS = {"csv": write_csv, "json": write_json, "netcdf": write_netcdf, "zarr": write_zarr}
SUFFIXES = {**TABLE_SUFFIXES, "zarr": ".zarr"}


def _run(values, start, stop):
    """Values of the points from `start` to `stop` of the flat grid."""
    stored = isinstance(values, StoredValues)
    return values.run(start, stop) if stored else values.reshape(-1)[start:stop]
