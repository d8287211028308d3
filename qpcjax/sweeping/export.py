"""Sweeps as xarray datasets and netCDF files, without holding one in memory."""

import contextlib
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from qpcjax.files import InputError
from qpcjax.sweeping.observables import OBSERVABLES
from qpcjax.sweeping.result import StoredValues

_PIECE = 1 << 20  # points written at once


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
    return {
        name: value if isinstance(value, (str, int, float)) else json.dumps(value)
        for name, value in result.attributes.items()
    }


def _labels(result, name):
    title = {"long_name": OBSERVABLES[name].title} if name in result.values else {}
    return {"units": result.units[name], **title}


def dataset(result):
    """The result as an `xarray.Dataset`; see `SweepResult.to_xarray`."""
    xarray = _needs("xarray")
    table = len(result.dimensions) == 1 and result.dimensions[0] not in result.axes
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
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with h5netcdf.File(part, "w") as file:
            _fill(file, result)
        os.replace(part, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path} cannot be written: {reason}") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _fill(file, result):
    file.dimensions = dict(zip(result.dimensions, result.shape, strict=True))
    file.attrs.update(_attributes(result))
    table = result.dimensions[0] not in result.axes
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
