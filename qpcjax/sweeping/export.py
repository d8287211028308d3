"""Sweeps as xarray datasets, netCDF, CSV and JSON files, without holding a large one in memory."""

import math
from typing import Any

import numpy as np

from qpcjax.files import InputError, save_json, save_table
from qpcjax.files.results import csv_source, one_line
from qpcjax.files.writing import replacing
from qpcjax.sweeping.observables import OBSERVABLES
from qpcjax.sweeping.result import StoredValues

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


def _attributes(result):
    """Attributes of a file: text and numbers, what is nested as JSON."""
    return {name: one_line(value) for name, value in result.attributes.items()}


def _labels(result, name):
    title = {"long_name": OBSERVABLES[name].title} if name in result.values else {}
    return {"units": result.units[name], **title}


def dataset(result):
    """The result as an `xarray.Dataset`; see `SweepResult.to_xarray`."""
    xarray = _needs("xarray")
    table = _is_table(result)
    coordinates = {
        name: (result.dimensions if table else (name,), np.asarray(values), _labels(result, name))
        for name, values in result.axes.items()
    }
    variables = {}
    for name, values in result.values.items():
        data = _lazy(values) if isinstance(values, StoredValues) else values
        variables[name] = xarray.Variable(result.dimensions, data, _labels(result, name))
    return xarray.Dataset(variables, coordinates, _attributes(result))


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
    if _is_table(result):
        columns = {name: values[start:stop] for name, values in result.axes.items()}
    else:
        places = np.unravel_index(np.arange(start, stop), result.shape)
        axes = zip(result.axes.items(), places, strict=True)
        columns = {name: values[place] for (name, values), place in axes}
    for name, values in result.values.items():
        stored = isinstance(values, StoredValues)
        columns[name] = values.run(start, stop) if stored else values.reshape(-1)[start:stop]
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
            "title": OBSERVABLES[name].title,
            "values": np.asarray(values).tolist(),
        }
        for name, values in result.values.items()
    }
    shape = {"dimensions": list(result.dimensions), "shape": list(result.shape)}
    text = save_json({**shape, "axes": axes, "observables": observables, **result.attributes})
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def check_json(numbers):
    """Raise InputError where a result holds more numbers than are written as JSON."""
    if numbers > MOST_JSON:
        raise InputError(
            f"the sweep holds {numbers:.3g} numbers, and no more than {MOST_JSON:.3g} are written "
            "as JSON, which no program reads piece by piece: write it as netCDF (.nc) or CSV"
        )


WRITERS = {"csv": write_csv, "json": write_json, "netcdf": write_netcdf}


def _is_table(result):
    return result.dimensions[0] not in result.axes


def _fill(file, result):
    file.dimensions = dict(zip(result.dimensions, result.shape, strict=True))
    file.attrs.update(_attributes(result))
    table = _is_table(result)
    for name, values in result.axes.items():
        dimensions = result.dimensions if table else (name,)
        variable = file.create_variable(name, dimensions, "f8")
        variable[...] = np.asarray(values)
        variable.attrs.update(_labels(result, name))
    for name, values in result.values.items():
        variable = file.create_variable(name, result.dimensions, "f8", fillvalue=np.nan)
        variable.attrs.update(_labels(result, name))
        if table:
            variable.attrs["coordinates"] = " ".join(result.axes)
        for start, piece in _pieces(values):
            for low, box in boxes(start, start + piece.size, result.shape):
                shape = tuple(s.stop - s.start for s in box)
                size = math.prod(shape)
                variable[box] = piece[low - start : low - start + size].reshape(shape)


def _pieces(values):
    if isinstance(values, StoredValues):
        yield from values.chunks()
        return
    flat = values.reshape(-1)
    for start in range(0, flat.size, _PIECE):
        yield start, flat[start : start + _PIECE]


def boxes(start, stop, shape):
    """Boxes of a grid that together are the points from `start` to `stop` of its flat order.

    Args:
        start: first point.
        stop: the one behind the last.
        shape: of the grid, the last axis running fastest.

    Yields:
        Pairs of a box's first point and its slices, one for each axis.
    """
    if stop <= start:
        return
    if len(shape) == 1:
        yield start, (slice(start, stop),)
        return
    row = math.prod(shape[1:])
    first, last = start // row, (stop - 1) // row
    if first == last:
        offset = first * row
        for low, box in boxes(start - offset, stop - offset, shape[1:]):
            yield low + offset, (slice(first, first + 1), *box)
        return
    whole = math.ceil(start / row), stop // row
    yield from boxes(start, whole[0] * row, shape)
    if whole[1] > whole[0]:
        rest = tuple(slice(0, n) for n in shape[1:])
        yield whole[0] * row, (slice(*whole), *rest)
    yield from boxes(whole[1] * row, stop, shape)
