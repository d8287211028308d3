"""Matrices in text: one axis in the first row, the other in the first column, values between."""

import re
from functools import cached_property

import numpy as np

from qpcjax.files.column_units import BIAS, CONDUCTANCE, CURRENT, GATE, LOCK_IN, RESISTANCE, plain
from qpcjax.files.table import Column, Table, check_values
from qpcjax.files.text_layout import is_missing, is_number, title_unit
from qpcjax.measurements import InputError

ROWS, COLUMNS, VALUES = "rows", "columns", "values"
_WIDE = 6  # columns from which numbers alone may be a matrix
_EVEN = 1e-3  # of a step: how evenly an axis is set that has no name
_LABELS = {
    ROWS: r"rows?|first column|y|y axis|vertical|outer",
    COLUMNS: r"columns?|cols?|first row|x|x axis|horizontal|inner",
    VALUES: r"values?|z|cells?|data|measured",
}
_MEASURED = (CONDUCTANCE, RESISTANCE, CURRENT, LOCK_IN)


def matrix_table(rows) -> Table | None:
    """The long table of a matrix, None where the file is none.

    Args:
        rows: the `Rows` of the file.

    Raises:
        InputError: an axis that holds something else than numbers.
    """
    if not rows.lines:
        return None
    titles = rows.header("") if rows.has_header else None
    if titles is not None:
        if not _is_axis_row(titles) or len(rows.lines) < 2:
            return None
        corner, across, body = titles[0], titles[1:], rows.lines
    else:
        first = rows.first
        if not _is_nameless_matrix(rows, first):
            return None
        corner, across, body = "", first[1:], rows.lines[1:]
    names = _names(corner, rows.comments)
    matrix = _Matrix(rows, [float(cell) for cell in across], body)
    nameless = _question(rows, matrix) if not any(names.values()) else ""
    columns = tuple(
        Column(title, *title_unit(title), lambda key=key: matrix.columns[key], key != VALUES)
        for key, title in ((k, names[k] or k) for k in (ROWS, COLUMNS, VALUES))
    )
    said = f"it is a matrix of {len(body)} rows and {len(across)} columns"
    if names[ROWS] and names[COLUMNS]:
        said += f": down its rows runs '{names[ROWS]}', across its columns '{names[COLUMNS]}'"
    return Table(rows.path, columns, "", rows.metadata, nameless, (said,))


def _is_axis_row(titles):
    cells = titles[1:]
    while cells and not cells[-1]:
        cells.pop()
    return len(cells) > 1 and not is_number(titles[0]) and all(map(is_number, cells))


def _is_nameless_matrix(rows, first):
    """Whether rows of numbers alone begin with an axis, and their first column is one."""
    first = list(first)
    while first and not first[-1]:
        first.pop()
    if len(first) < 4 or len(rows.lines) < 3 or not all(map(is_number, first[1:])):
        return False
    down = [rows.cells(*line)[0] for line in rows.lines[1:] if line[1].strip()]
    if not all(map(is_number, down)):
        return False
    across, down = np.array(first[1:], float), np.array(down, float)
    if is_missing(first[0]):
        return _rises(across) and _rises(down)
    return len(first) >= _WIDE and _is_even(across) and _is_even(down)


def _rises(values):
    steps = np.diff(values)
    return bool(np.all(steps > 0) or np.all(steps < 0))


def _is_even(values):
    steps = np.diff(values)
    return _rises(values) and np.ptp(steps) <= _EVEN * np.max(np.abs(steps)) + 1e-9


def _names(corner, comments):
    """What the axes and the values are called; "" where nothing says it."""
    names: dict[str, str] = dict.fromkeys((ROWS, COLUMNS, VALUES), "")
    parts = [p.strip() for p in re.split(r"\s*(?:\\|\||\bvs\.?\b)\s*", corner) if p.strip()]
    if len(parts) == 2:
        names[ROWS], names[COLUMNS] = parts
    elif len(parts) == 1 and title_unit(parts[0])[1]:
        kind = [k for k in _MEASURED if plain(title_unit(parts[0])[1] or "") in k.units]
        names[VALUES if kind and kind != [LOCK_IN] else ROWS] = parts[0]
    for comment in comments:
        word, mark, rest = re.sub(r"\s+", " ", comment).partition(":")
        if not mark:
            word, mark, rest = comment.partition("=")
        for key, label in _LABELS.items():
            if mark and re.fullmatch(label, word.strip(), re.I) and rest.strip():
                names[key] = names[key] or rest.strip()
    if not names[VALUES]:
        named = [c for c in comments if _is_measured(c)]
        names[VALUES] = named[0].strip() if len(named) == 1 else ""
    return names


def _is_measured(comment):
    name, unit = title_unit(comment.strip())
    units = {u for kind in (CONDUCTANCE, RESISTANCE, CURRENT) for u in kind.units}
    return unit is not None and plain(unit) in units and len(name) < 40


def _question(rows, matrix):
    count, across = matrix.shape
    gate, bias = next(iter(GATE.units)), next(iter(BIAS.units))
    return (
        f"{rows.path}: it is a matrix of {count} rows and {across} columns, and nothing says what "
        "they are. Say which is the gate, and all units: "
        f"--gate '{COLUMNS} ({gate})' --setting '{ROWS} ({bias})' --conductance '{VALUES} (uS)', "
        f"or the other way round"
    )


class _Matrix:
    """The numbers of a matrix as columns of a long table."""

    def __init__(self, rows, across, body):
        self.rows, self.across = rows, across
        self.body = [line for line in body if line[1].strip()]
        self.shape = len(self.body), len(across)
        check_values(rows.path, self.shape[0] * self.shape[1] * 3)

    @cached_property
    def columns(self):
        width = 1 + len(self.across)
        titles = {0: ROWS} | {i + 1: f"{v:g}" for i, v in enumerate(self.across)}
        numbers = np.array(self.rows.numbers(titles, width, lines=self.body), float)
        down = numbers[:, 0]
        if np.any(np.isnan(down)):
            place = self.body[int(np.flatnonzero(np.isnan(down))[0])][0]
            raise InputError(
                f"{self.rows.path}: row {place} of the matrix has no number in its first column, "
                "where its axis stands"
            )
        return {
            ROWS: np.repeat(down, len(self.across)),
            COLUMNS: np.tile(self.across, len(self.body)),
            VALUES: numbers[:, 1:].ravel(),
        }
