"""Tables of T(E)."""

from pathlib import Path

import numpy as np

from qpcjax.files.column_roles import different, named, unit_of
from qpcjax.files.column_units import ENERGY, TRANSMISSION, plain
from qpcjax.files.table import read_bytes
from qpcjax.files.text import MOST_TEXT, Rows, header_table
from qpcjax.measurements import InputError, counted

_EXAMPLE = "energy (meV),transmission"


def read_transmission(
    path, energy_unit=None, energy=None, transmission=None
) -> tuple[np.ndarray, np.ndarray]:
    """Read a table of T(E) whose header names its columns, for a `TabulatedTransmission`.

    A header such as `energy (eV),transmission` needs no further argument. Separators and comments
    are those of `read_trace`. Every row must hold both numbers, and the energies must increase.

    Args:
        path: the file, UTF-8 text.
        energy_unit: for a header without a unit: meV, eV or ueV.
        energy: name of the energies' column, with or without its unit; by default the one called
            energy or E.
        transmission: name of the transmission's column, which has no unit; by default the one
            called transmission or T.

    Returns:
        Energies in meV and transmissions.

    Raises:
        InputError: anything that the user can mend in the file.
    """
    path = Path(path)
    rows = Rows(path, read_bytes(path, MOST_TEXT))
    titles = rows.header(_EXAMPLE)
    table = header_table(rows, titles)
    columns = {
        "energy": named(table, ENERGY, energy),
        "transmission": named(table, TRANSMISSION, transmission),
    }
    different(path, columns)
    e, t = columns.values()
    unit = unit_of(path, e.title, e.unit, ENERGY, energy_unit)
    unit_of(path, t.title, t.unit, TRANSMISSION)
    wanted = {titles.index(column.title): column.title for column in (e, t)}
    numbers = rows.numbers(wanted, len(titles), complete=True)
    if len(numbers) < 2:
        found = counted(len(numbers), "row") if numbers else "none"
        raise InputError(f"{path}: a table of T(E) needs at least 2 rows of numbers, found {found}")
    energies, values = np.array(numbers, dtype=float).T
    _check(path, rows.row_numbers(), (e.title, energies), (t.title, values))
    return energies * ENERGY.units[plain(unit)], values


def _check(path, row, energy, transmission):
    (title, energies), (value_title, values) = energy, transmission
    falls, negative = np.flatnonzero(np.diff(energies) <= 0), np.flatnonzero(values < 0)
    if falls.size:
        i = falls[0]
        raise InputError(
            f"{path}: row {row[i + 1]}, column '{title}': the energies must increase from "
            f"row to row, found {energies[i + 1]:g} after {energies[i]:g} in row {row[i]}. Sort "
            "the table, with each energy once"
        )
    if negative.size:
        i = negative[0]
        raise InputError(
            f"{path}: row {row[i]}, column '{value_title}': 0 or more was expected, found "
            f"{values[i]:g}"
        )
