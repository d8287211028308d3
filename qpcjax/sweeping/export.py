"""Sweeps as xarray datasets, zarr, netCDF, CSV and JSON, without holding a large one in memory."""

import itertools
import math
from typing import Any

import numpy as np

from qpcjax.files import InputError, save_json, save_table
from qpcjax.files.results import SUFFIXES as TABLE_SUFFIXES
from qpcjax.files.results import csv_source, one_line
from qpcjax.files.writing import check_replaceable, replacing, replacing_folder
from qpcjax.sweeping.observables import OBSERVABLES
from qpcjax.sweeping.result import StoredValues

_PIECE = 1 << 20  # points written at once
_ZARR_MARK = ".zgroup"  # which every group holds
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
    coordinates = {
        name: (_dimensions(result, name), np.asarray(values), _labels(result, name))
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
            "title": OBSERVABLES[name].title,
            "values": np.asarray(values).tolist(),
        }
        for name, values in result.values.items()
    }
    shape = {"dimensions": list(result.dimensions), "shape": list(result.shape)}
    text = save_json({**shape, "axes": axes, "observables": observables, **result.attributes})
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def check_zarr(path):
    """Raise InputError where something other than a zarr group is in the way."""
    check_replaceable(path, _ZARR_MARK)


def check_json(numbers):
    """Raise InputError where a result holds more numbers than are written as JSON."""
    if numbers > MOST_JSON:
        raise InputError(
            f"the sweep holds {numbers:.3g} numbers, and no more than {MOST_JSON:.3g} are written "
            "as JSON, which no program reads piece by piece: write it as netCDF (.nc), zarr or CSV"
        )


def write_zarr(result, path):
    """Write the result as a zarr group; see `SweepResult.to_zarr`."""
    zarr = _needs("zarr")
    with replacing_folder(path, _ZARR_MARK) as part:
        group = zarr.open_group(part, mode="w-", zarr_format=2)
        group.attrs.update(_attributes(result))
        for name, values in result.axes.items():
            group.create_array(
                name,
                data=np.asarray(values),
                fill_value=np.nan,  # the default, 0, would be read as missing
                attributes=_zarr_labels(result, name),
            )
        for name, values in result.values.items():
            array = group.create_array(
                name,
                shape=result.shape,
                chunks=block_shape(result.shape, _PIECE),
                dtype="f8",
                fill_value=np.nan,
                attributes={**_zarr_labels(result, name), **_coordinates(result)},
            )
            for box, block in _blocks(values, result.shape):
                array[box] = block
        zarr.consolidate_metadata(part, zarr_format=2)


# By format, whose suffixes are those of tables and one of its own.
WRITERS = {"csv": write_csv, "json": write_json, "netcdf": write_netcdf, "zarr": write_zarr}
SUFFIXES = {**TABLE_SUFFIXES, "zarr": ".zarr"}


def _zarr_labels(result, name):
    """Attributes of an array; format 2 has no other place for its dimensions."""
    return {"_ARRAY_DIMENSIONS": list(_dimensions(result, name)), **_labels(result, name)}


def _is_table(result):
    return result.dimensions[0] not in result.axes


def _dimensions(result, name):
    """Dimensions of an axis or an observable."""
    return result.dimensions if name in result.values or _is_table(result) else (name,)


def _coordinates(result):
    """The attribute that names the coordinates of an observable where they are no dimensions."""
    return {"coordinates": " ".join(result.axes)} if _is_table(result) else {}


def _fill(file, result):
    file.dimensions = dict(zip(result.dimensions, result.shape, strict=True))
    file.attrs.update(_attributes(result))
    for name, values in result.axes.items():
        variable = file.create_variable(name, _dimensions(result, name), "f8")
        variable[...] = np.asarray(values)
        variable.attrs.update(_labels(result, name))
    for name, values in result.values.items():
        variable = file.create_variable(name, result.dimensions, "f8", fillvalue=np.nan)
        variable.attrs.update({**_labels(result, name), **_coordinates(result)})
        for box, block in _blocks(values, result.shape):
            variable[box] = block


def _run(values, start, stop):
    """Values of the points from `start` to `stop` of the flat grid."""
    stored = isinstance(values, StoredValues)
    return values.run(start, stop) if stored else values.reshape(-1)[start:stop]


def _blocks(values, shape):
    """The blocks of a grid with their values: pairs of slices, one for each axis, and an array."""
    for box in blocks(shape, _PIECE):
        start = np.ravel_multi_index([s.start for s in box], shape)
        size = tuple(s.stop - s.start for s in box)
        yield box, _run(values, start, start + math.prod(size)).reshape(size)


def blocks(shape, most):
    """Slices, one for each axis, of the blocks of `block_shape` that together are a grid."""
    steps = block_shape(shape, most)
    sides = (
        [slice(start, min(start + step, n)) for start in range(0, n, step)]
        for n, step in zip(shape, steps, strict=True)
    )
    return itertools.product(*sides)


def block_shape(shape, most):
    """Shape of the largest equal blocks of a grid that are runs of its flat order.

    Args:
        shape: of the grid, the last axis running fastest.
        most: the most points in a block.
    """
    run, steps = 1, []
    for n in reversed(shape):
        step = math.ceil(n / math.ceil(n / max(most // run, 1)))
        steps.append(step)
        # Behind an axis that is cut every block has one row.
        run = run * step if step == n else most
    return tuple(reversed(steps))
