"""Tables from numbers under names under names, as JSON and MATLAB's structures hold them.

A name stands for a list of numbers, or for a mapping that has the list under "values", "data" or
the like, and its unit and its axes beside it. All other mappings are parts of the file.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from qpcjax.files.arrays import Array, tables_from, unit_from
from qpcjax.files.table import Table
from qpcjax.measurements import InputError

_NUMBERS = ("ndarray", "values", "value", "data", "array")
_UNITS = ("unit", "units")
_AXES = ("axes", "set_arrays", "depends_on", "dims")
_UNIT_ENDS = ("_unit", "_units")
_DEEPEST = 32  # levels; a file of measurements has four


def tree_tables(path, tree: Mapping) -> list[Table]:
    """The tables of every mapping that holds arrays of numbers by name.

    Args:
        path: the file.
        tree: name -> array, list, text, number or mapping.

    Raises:
        InputError: mappings nested too deep, lists of lists of several lengths.
    """
    found, waiting = [], [("", tree)]
    while waiting:
        part, branch = waiting.pop(0)
        if part.count("/") > _DEEPEST:
            raise InputError(f"{path}: it is nested more than {_DEEPEST} levels deep")
        arrays = []
        for name, value in branch.items():
            numbers = _numbers(path, value)
            if numbers is not None:
                arrays.append(_array(path, str(name), numbers, value, branch))
            elif isinstance(value, Mapping):
                waiting.append((f"{part}/{name}" if part else str(name), value))
        if arrays:
            found += tables_from(path, _with_axes(arrays), _metadata(branch), part)
    return found


def _numbers(path, value):
    """The array that a value is or holds, None where there is none."""
    if isinstance(value, Mapping):
        under = [value[key] for key in _NUMBERS if key in value]
        return _array_of(path, under[0]) if len(under) == 1 else None
    return _array_of(path, value)


def _array_of(path, value):
    if isinstance(value, list):
        if not _is_of_numbers(value):
            return None
        try:
            value = np.array(value, float)
        except (ValueError, TypeError):
            raise InputError(
                f"{path}: a list in it holds lists of several lengths, or texts among numbers. "
                "Numbers were expected, null where one is missing"
            ) from None
    if not isinstance(value, np.ndarray) or not value.ndim or not value.size:
        return None
    return value if value.dtype.kind in "biufc" else None


def _is_of_numbers(value):
    """Whether a list holds numbers or null, or lists of them, by its first elements."""
    while isinstance(value, list) and value:
        value = next((item for item in value if item is not None), 0.0)
    return isinstance(value, int | float) and not isinstance(value, bool)


def _array(path, name, numbers, value, beside):
    told = dict(value) if isinstance(value, Mapping) else {}
    more = told.get("attrs")
    told = {**more, **told} if isinstance(more, Mapping) else told
    units = [told.get(key) for key in _UNITS] + [beside.get(name + end) for end in _UNIT_ENDS]
    dims = next((told[key] for key in _AXES if isinstance(told.get(key), list | tuple)), None)
    if dims is not None and told.get("is_setpoint") is True and name not in dims:
        dims = [*dims, name]
    label = told.get("label", told.get("long_name", ""))
    return Array(
        name,
        unit_from(path, name, [unit.strip() for unit in units if isinstance(unit, str)]),
        numbers.shape,
        lambda: numbers,
        None if dims is None else tuple(map(str, dims)),
        label=label if isinstance(label, str) else "",
    )


def _with_axes(arrays):
    """The arrays with their dimensions, where all of them agree on these, and axes marked.

    An axis that lists no dimension has its own.
    """
    listed = {dim for array in arrays for dim in array.dims or ()}
    told = [
        dataclasses.replace(
            array,
            dims=array.dims or ((array.name,) if array.name in listed else None),
            axis=array.name in listed,
        )
        for array in arrays
    ]
    lengths, agree = {}, True
    for array in told:
        dims = array.dims or ()
        agree &= len(dims) == len(array.shape) and len(set(dims)) == len(dims)
        for dim, length in zip(dims, array.shape, strict=False):
            agree &= lengths.setdefault(dim, length) == length
    return told if agree else [dataclasses.replace(array, dims=None) for array in told]


def _metadata(branch):
    return {
        str(name): value.item() if isinstance(value, np.generic) else value
        for name, value in branch.items()
        if isinstance(value, str | int | float | np.generic)
    }
