"""Results as tables of pandas and datasets of xarray, by their fields and units."""

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from qpcjax.quantities import QUANTITIES


def to_dataframe(result: Any) -> Any:
    """A result as a `pandas.DataFrame`.

    Args:
        result: any result of this package, measured data, a named tuple or a mapping of numbers
            and arrays. Its arrays must have one shape, or broadcast to one.

    Returns:
        A row for each point, in C order, and a column for each number, by the names of the fields;
        of arrays of several dimensions the index has their names. `attrs["units"]` has the units.
        A fit, a design, predicted heat and an evaluation give their own table, a sweep a row for
        each point.

    Raises:
        TypeError: nothing of it is a number.
        ValueError: arrays of shapes that do not broadcast.
        ImportError: pandas is not installed.
    """
    pandas = _need("pandas", "to_dataframe")
    if hasattr(result, "to_dataframe"):
        return result.to_dataframe()
    if (columns := _own(result)) is not None:
        frame = pandas.DataFrame(columns)
        return frame.set_index(frame.columns[0])
    if hasattr(result, "to_xarray"):
        return result.to_xarray().to_dataframe()
    values, shape = _numbers(result)
    index = None
    if len(shape) > 1:
        index = pandas.MultiIndex.from_product(map(range, shape), names=_dims(shape))
    frame = pandas.DataFrame(
        {name: np.broadcast_to(value, shape).ravel() for name, value in values.items()},
        index=index if index is not None else range(int(np.prod(shape))),
    )
    frame.attrs["units"] = {name: _unit(name) for name in values}
    return frame


def to_xarray(result: Any) -> Any:
    """A result as an `xarray.Dataset` with units; arguments and errors as in `to_dataframe`.

    Returns:
        A variable for each number. A sweep has its axes as coordinates; a table has its first
        column as coordinate.
    """
    xarray = _need("xarray", "to_xarray")
    if hasattr(result, "to_xarray"):
        return result.to_xarray()
    if hasattr(result, "to_dataframe") or _own(result) is not None:
        return to_dataframe(result).to_xarray()
    values, shape = _numbers(result)
    return xarray.Dataset(
        {
            name: (*_without_repeats(value, shape), {"units": _unit(name) or "1"})
            for name, value in values.items()
        }
    )


def _without_repeats(value, shape):
    """Dimensions and values of an array, without those along which it is the same."""
    dims = _dims(shape)[len(shape) - value.ndim :]
    full = shape[len(shape) - value.ndim :]
    kept = [i for i, n in enumerate(full) if value.shape[i] == n]
    return [dims[i] for i in kept], value.reshape([full[i] for i in kept])


def _need(module, what):
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ImportError(f"{what} needs {module}: pip install {module}") from None


def _own(result):
    """Columns of the table that the result has of itself, None where it has none."""
    columns = getattr(result, "as_columns", None)
    return None if columns is None else columns()


def _dims(shape):
    return [f"dim_{i}" for i in range(len(shape))]


def _numbers(result):
    """The arrays in a result by name, and the shape to which they broadcast."""
    values = dict(_fields(result))
    if not values:
        raise TypeError(
            f"a result, or a mapping of numbers, was expected, got {type(result).__name__}"
        )
    try:
        shape = np.broadcast_shapes(*(value.shape for value in values.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {value.shape}" for name, value in values.items())
        raise ValueError(f"arrays of one shape were expected, got {shapes}") from None
    return values, shape


def _fields(result, before=""):
    """Name and array of each number in a result; fields of fields have both names."""
    for name, value in _items(result):
        inner = tuple(_items(value))
        if inner:
            yield from _fields(value, f"{before}{name}_")
            continue
        try:
            array = np.asarray(value)
        except (TypeError, ValueError):
            continue
        if array.dtype.kind in "biufc":
            yield f"{before}{name}", array


def _items(value):
    if hasattr(value, "settings_names"):  # measured data
        names = (*value.settings_names, value.measured, "sigma")
        found = ((name, getattr(value, name, None)) for name in names)
        return [(name, numbers) for name, numbers in found if numbers is not None]
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, tuple) and (names := getattr(value, "_fields", None)):
        return [(name, getattr(value, name)) for name in names]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [(f.name, getattr(value, f.name)) for f in dataclasses.fields(value) if f.repr]
    return []


def _unit(name):
    """The unit of a field: that of the quantity of its name, or of the end of its name."""
    words = name.split("_")
    tails = ["_".join(words[i:]) for i in range(len(words))]
    return next((QUANTITIES[tail].unit for tail in tails if tail in QUANTITIES), "")
