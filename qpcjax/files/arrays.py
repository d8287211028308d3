"""Tables from named arrays, which is what NumPy's, HDF5 and netCDF files hold.

Arrays over the same dimensions make a table. An array over some of them, such as the gate voltages
of a map over gate and bias, is an axis: it is repeated along the others.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from qpcjax.files.column_units import loose_unit, plain, split_unit
from qpcjax.files.table import Column, Table, check_values
from qpcjax.measurements import InputError

_MOST_COLUMNS = 20  # of a matrix without names that is taken for a table


@dataclasses.dataclass(frozen=True, eq=False)
class Array:
    """An array of numbers in a file.

    Args:
        name: its name in the file.
        unit: as the file states it, None where it does not.
        shape: its lengths.
        read: gives its numbers.
        dims: names of its dimensions, or None where the file has none.
        axis: whether the file says that it was set.
        label: a longer name, where the file has one.
    """

    name: str
    unit: str | None
    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]
    dims: tuple[str, ...] | None = None
    axis: bool = False
    label: str = ""


def unit_from(where, name, stated):
    """The unit of an array from its name and from everything that states it.

    Args:
        where: file, for a message.
        name: the array's, maybe with a unit in brackets.
        stated: the units that are stated elsewhere, or None.

    Returns:
        The unit as it is written, None where nothing states one.

    Raises:
        InputError: they contradict one another.
    """
    units = [u for u in (split_unit(name)[1], *stated) if u]
    if len({plain(unit) for unit in units}) > 1:
        raise InputError(
            f"{where}: '{name}' has contradictory units: {' and '.join(dict.fromkeys(units))}. "
            "State one of them only"
        )
    return units[0] if units else None


def tables_from(path, arrays, metadata, part=""):
    """The tables that arrays make up.

    Args:
        path: the file.
        arrays: list of `Array`, of one dimension or more.
        metadata: what else the file says.
        part: which part of the file they stand in.

    Raises:
        InputError: arrays of which it is not clear how they belong together, too many numbers.
    """
    where = f"{path}, part {part}" if part else f"{path}"
    arrays = [a if a.dims is not None else _with_dims(where, a, arrays) for a in arrays]
    groups = {}
    for array in arrays:
        groups.setdefault(frozenset(array.dims), []).append(array)
    tables = []
    for dims, members in groups.items():
        larger = any(dims < other for other in groups)
        axes = [a for a in arrays if set(a.dims) < dims and _is_axis(a)]
        if larger and all(_is_axis(a) for a in members):
            continue  # they are axes of the larger ones, nothing of their own
        tables.append(_table(path, where, part, [*axes, *members], members[0], metadata))
    if len(tables) > 1:
        tables = [_numbered(table, part, i) for i, table in enumerate(tables)]
    return tables


def _is_axis(array):
    return array.axis or all(dim.startswith("#") for dim in array.dims)


def _numbered(table, part, i):
    return dataclasses.replace(table, part=f"{part}:{i}" if part else str(i))


def _with_dims(where, array, arrays):
    """The array with dimensions that are told apart by their lengths."""
    if len(array.shape) > 1 and len(set(array.shape)) < len(array.shape):
        beside = [a.name for a in arrays if len(a.shape) == 1 and a.shape[0] in array.shape]
        if beside:
            raise InputError(
                f"{where}: '{array.name}' has the shape {array.shape}, so which of its dimensions "
                f"'{beside[0]}' runs along cannot be told. Save all of them with that shape, or as "
                "netCDF, where dimensions have names"
            )
    seen = {}
    dims = []
    for length in array.shape:
        seen[length] = seen.get(length, 0) + 1
        dims.append(f"#{length}" + "'" * (seen[length] - 1))
    return dataclasses.replace(array, dims=tuple(dims))


def _table(path, where, part, arrays, whole, metadata):
    check_values(where, math.prod(whole.shape) * len(arrays))
    if len(arrays) == 1 and _is_table(whole):
        return _nameless(path, where, part, whole, metadata)
    columns = [_column(array, whole) for array in arrays]
    columns.sort(key=lambda column: not column.swept)
    return Table(path, tuple(columns), part, metadata)


def _is_table(array):
    """Whether a matrix alone is a table: long, with few columns, or rows in their place."""
    few = min(array.shape, default=0)
    bare = all(dim.startswith("#") for dim in array.dims)
    return len(array.shape) == 2 and bare and 2 <= few <= _MOST_COLUMNS and few < max(array.shape)


def _nameless(path, where, part, array, metadata):
    """The table of a matrix whose columns, or rows, have numbers for names."""
    across = array.shape[0] < array.shape[1]
    count = min(array.shape)

    def column(i):
        return lambda: array.read()[i] if across else array.read()[:, i]

    columns = tuple(Column(str(i), str(i), None, column(i)) for i in range(count))
    numbered = (
        f"{where}: the {count} {'rows' if across else 'columns'} of '{array.name}' have no names. "
        "Say which they are by their numbers, counted from 0, with their units, such as --gate 0 "
        "--gate-unit V --conductance 1 --conductance-unit uS"
    )
    return Table(path, columns, part, metadata, numbered)


def _column(array, whole):
    name, inside = split_unit(array.name)
    if not array.unit and not inside:
        name, inside = loose_unit(array.name)
        array = dataclasses.replace(array, unit=inside)
    title = array.name if inside or not array.unit else f"{array.name} ({array.unit})"
    swept = array.axis or set(array.dims) < set(whole.dims)
    return Column(title, name, array.unit, lambda: _along(array, whole), swept, array.label)


def _along(array, whole):
    """The array's numbers repeated along the dimensions that it lacks, in the order of `whole`."""
    values = array.read()
    order = [array.dims.index(dim) for dim in whole.dims if dim in array.dims]
    values = np.transpose(values, order)
    lacking = tuple(i for i, dim in enumerate(whole.dims) if dim not in array.dims)
    return np.broadcast_to(np.expand_dims(values, lacking), whole.shape).ravel()
