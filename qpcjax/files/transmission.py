"""Tables of T(E)."""

import dataclasses
from pathlib import Path

import numpy as np

from qpcjax.files.column_roles import different, named, stated_unit, unit_of
from qpcjax.files.column_units import ENERGY, TRANSMISSION, plain
from qpcjax.files.formats import FORMATS, open_file, recognised
from qpcjax.files.table import read_bytes
from qpcjax.files.text import MOST_TEXT, Rows, header_table
from qpcjax.measurements import InputError, counted
from qpcjax.scatterers.tabulated import ROUNDING, without_rounding

_EXAMPLE = "energy (meV),transmission"


@dataclasses.dataclass(frozen=True, eq=False)
class TransmissionTable:
    """T(E) of a file, for a look at it.

    Args:
        name: of the table.
        energy: in meV.
        transmission: T.
    """

    name: str
    energy: np.ndarray
    transmission: np.ndarray


def read_transmission(
    path, energy_unit=None, energy=None, transmission=None
) -> tuple[np.ndarray, np.ndarray]:
    """Read a table of T(E) whose columns have names, for a `TabulatedTransmission`.

    A header such as `energy (eV),transmission` needs no further argument. Separators and comments
    are those of `read_trace`. Every row must hold both numbers, and the energies must increase.
    Transmissions from -1e-10 to 0 are rounding: they become 0, with a warning.

    Args:
        path: the file, of any format that is read.
        energy_unit: for a header without a unit: meV, eV or ueV.
        energy: name of the energies' column, with or without its unit; by default the one called
            energy or E.
        transmission: name of the transmission's column, which has no unit; by default the one
            called transmission or T. In a text file without header its number from 0.

    Returns:
        Energies in meV and transmissions.

    Raises:
        InputError: anything that the user can mend in the file.
    """
    path = Path(path)
    by_number = energy is not None and transmission is not None and _without_header(path)
    if by_number or recognised(path) is not FORMATS[-1]:
        return _of_tables(path, energy_unit, energy, transmission)
    rows = Rows(path, read_bytes(path, MOST_TEXT))
    titles = rows.header(_EXAMPLE)
    table = header_table(rows, titles)
    e, t, unit = _columns(table, energy_unit, energy, transmission)
    wanted = {titles.index(column.title): column.title for column in (e, t)}
    numbers = rows.numbers(wanted, len(titles), complete=True)
    if len(numbers) < 2:
        found = counted(len(numbers), "row") if numbers else "none"
        raise InputError(f"{path}: a table of T(E) needs at least 2 rows of numbers, found {found}")
    energies, values = np.array(numbers, dtype=float).T
    named_rows = [f"row {number}" for number in rows.row_numbers()]
    return _checked(path, named_rows, (e.title, energies), (t.title, values), unit)


def _without_header(path):
    """Whether the columns of a file have no names but their numbers."""
    return all(table.nameless for table in open_file(path).tables)


def _of_tables(path, *told):
    """The same from a file of another format: the first part that has both columns."""
    problem = None
    for table in open_file(path).tables:
        try:
            _columns(table, *told)
        except InputError as error:
            problem = problem or error
            continue
        return transmission_of(table, *told)
    raise problem or InputError(f"{path}: it holds no table of T(E)")


def transmission_of(
    table, energy_unit=None, energy=None, transmission=None
) -> tuple[np.ndarray, np.ndarray]:
    """Energies in meV and transmissions of a table; see `read_transmission`.

    Args:
        table: the table.
        energy_unit: where the table does not state it.
        energy: name of the column, or its number.
        transmission: the same.

    Raises:
        InputError: no such columns, numbers that are missing, energies that do not increase.
    """
    e, t, unit = _columns(table, energy_unit, energy, transmission)
    for column in (e, t):
        missing = np.flatnonzero(~np.isfinite(column.values))
        if missing.size or column.values.dtype.kind == "c":
            place = f", point {missing[0]} (counted from 0)" if missing.size else ""
            raise InputError(
                f"{table.where}: column '{column.title}'{place}: finite real numbers expected"
            )
    if e.values.size < 2:
        raise InputError(f"{table.where}: a table of T(E) needs at least 2 points")
    points = [f"point {i} (counted from 0)" for i in range(e.values.size)]
    return _checked(table.where, points, (e.title, e.values), (t.title, t.values), unit)


def _columns(table, energy_unit, energy, transmission):
    """The columns of both, and the unit of the energies."""
    columns = {
        "energy": named(table, ENERGY, energy),
        "transmission": named(table, TRANSMISSION, transmission),
    }
    different(table.where, columns)
    e, t = columns.values()
    energy_unit = energy_unit or stated_unit(e, energy)
    unit = unit_of(table.where, e.title, e.unit, ENERGY, energy_unit)
    unit_of(table.where, t.title, t.unit, TRANSMISSION)
    return e, t, unit


def _checked(where, row, energy, transmission, unit):
    """Energies in meV and transmissions, in which numbers that are negative by rounding are 0."""
    (title, energies), (value_title, values) = energy, transmission
    falls, negative = np.flatnonzero(np.diff(energies) <= 0), np.flatnonzero(values < -ROUNDING)
    if falls.size:
        i = falls[0]
        raise InputError(
            f"{where}: {row[i + 1]}, column '{title}': the energies must increase from "
            f"row to row, found {energies[i + 1]:g} after {energies[i]:g} in {row[i]}. Sort "
            "the table, with each energy once"
        )
    if negative.size:
        i = negative[0]
        raise InputError(
            f"{where}: {row[i]}, column '{value_title}': 0 or more was expected, found "
            f"{values[i]:g}"
        )
    return energies * ENERGY.units[plain(unit)], without_rounding(values)
