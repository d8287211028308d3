"""Sweeps as xarray datasets, zarr, netCDF, CSV and JSON, without holding a large one in memory."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from qpcjax.files import InputError, save_json, save_table
from qpcjax.files.atomic_writing import replacing, replacing_folder
from qpcjax.files.results import SUFFIXES as TABLE_SUFFIXES
from qpcjax.files.results import csv_source
from qpcjax.sweeping.chunks import Chunks
from qpcjax.sweeping.result import StoredValues
from qpcjax.sweeping.store import MANIFEST
from qpcjax.sweeping.zarr_group import MARK, encoded, group_files

_PIECE = 1 << 20  # points written at once
_ROWS = 1 << 15  # of a CSV file made at once
MOST_JSON = 1_000_000  # numbers in a JSON file, which is made as a whole


def _needs(module) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError:
        raise ImportError(
            f"{module} is missing: install the extra with pip install 'qpcjax[files]'"
        ) from None


def dataset(result):
    """The result as an `xarray.Dataset`; see `SweepResult.to_xarray`."""
    xarray = _needs("xarray")

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
    _needs("xarray")
    from xarray.backends import BackendArray
    from xarray.core import indexing

    class Stored(BackendArray):
        shape, dtype = values.shape, values.dtype

        def __getitem__(self, key):
            support = indexing.IndexingSupport.OUTER
            return indexing.explicit_indexing_adapter(key, self.shape, support, values.__getitem__)

    return indexing.LazilyIndexedArray(Stored())


def write_netcdf(result, path):
    """Write the result as netCDF-4; see `SweepResult.to_netcdf`."""
    h5netcdf = _needs("h5netcdf")
    with replacing(path) as part, h5netcdf.File(part, "w") as file:
        _fill(file, result)


def write_csv(result, path):
    """Write the result as CSV; see `SweepResult.to_csv`."""
    size = math.prod(result.shape)
    with replacing(path) as part, open(part, "w", encoding="utf-8", newline="") as file:
        for start in range(0, size, _ROWS):
            columns = _rows(result, start, min(start + _ROWS, size))
            file.write(save_table(columns, header=start == 0))
        file.write(csv_source(result.attributes))


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
    return {_title(name, result.units[name]): values for name, values in columns.items()}


def _title(name, unit):
    return name if unit in ("", "1") else f"{name} ({unit})"


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
    with replacing(path) as part:
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


def write_zarr(result, path):
    """Write the result as a zarr group; see `SweepResult.to_zarr`."""
    check_zarr(path)
    chunks = Chunks.of(result.shape, _PIECE)
    with replacing_folder(path) as part:
        for name in (*result.axes, *result.values):
            (part / name).mkdir()
        for name, content in group_files(result, chunks).items():
            (part / name).write_bytes(content)
        for name, values in result.values.items():
            for number in range(chunks.count):
                run = _run(values, *chunks.bounds(number))
                content = b"".join(encoded(run, chunks.size))
                (part / name / chunks.key(number)).write_bytes(content)


# By format, whose suffixes are those of tables and one of its own.
WRITERS = {"csv": write_csv, "json": write_json, "netcdf": write_netcdf, "zarr": write_zarr}
SUFFIXES = {**TABLE_SUFFIXES, "zarr": ".zarr"}


def _fill(file, result):
    file.dimensions = dict(zip(result.dimensions, result.shape, strict=True))
    file.attrs.update(result.flat_attributes)
    for name, values in result.axes.items():
        variable = file.create_variable(name, result.dimensions_of(name), "f8")
        variable[...] = np.asarray(values)
        variable.attrs.update(result.labels(name))
    chunks = Chunks.of(result.shape, _PIECE)
    for name, values in result.values.items():
        variable = file.create_variable(name, result.dimensions, "f8", fillvalue=np.nan)
        variable.attrs.update(result.labels(name))
        for number in range(chunks.count):
            box = chunks.box(number)
            run = _run(values, *chunks.bounds(number))
            variable[box] = run.reshape([s.stop - s.start for s in box])


def _run(values, start, stop):
    """Values of the points from `start` to `stop` of the flat grid."""
    stored = isinstance(values, StoredValues)
    return values.run(start, stop) if stored else values.reshape(-1)[start:stop]
