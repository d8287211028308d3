"""Long tables of plain numbers in text, read by NumPy: their cells never become texts of Python."""

import dataclasses
from collections.abc import Callable

import numpy as np

from qpcjax.files.table import Table, check_size, check_values, read_head
from qpcjax.files.text_decoding import decoded
from qpcjax.files.text_programs import program_tables
from qpcjax.measurements import InputError

_LONG = 1 << 20  # bytes; what is shorter is read cell by cell
_HEAD = 1 << 16  # bytes in which the names and the first rows stand
_PIECE = 1 << 20
_PLAIN = b"0123456789+-.eEnaNA,;\t \r\n"
_GAPS = (b"\n\n", b"\r\n\r\n")  # between blocks of gnuplot


def long_table(path, most, table_of: Callable[[bytes], tuple]) -> Table | None:
    """The table of a long text whose rows are plain numbers, None of any other text.

    Args:
        path: the file.
        most: bytes that are read.
        table_of: the first bytes -> the rows of them and the table that they make, or None for a
            table that is laid out in another way.
    """
    if check_size(path, most) < _LONG:
        return None
    head = read_head(path, _HEAD)
    head = head[: head.rfind(b"\n") + 1]
    try:
        if not head or program_tables(path, decoded(path, head)[0]) is not None:
            return None
        rows, table = table_of(head)
    except InputError:
        return None  # the other reader says what is wrong
    if table is None or rows.decimal_commas or not rows.lines:
        return None
    first = rows.lines[0][0]
    begin = len(b"".join(head.splitlines(keepends=True)[: first - 1]))
    count = _plain_rows(path, begin)
    if count is None:
        return None
    width = len(rows.first)
    check_values(path, count * width)
    try:
        numbers = np.loadtxt(
            path,
            float,
            comments=None,
            delimiter=None if rows.delimiter == " " else rows.delimiter,
            skiprows=first - 1,
            max_rows=count,
            ndmin=2,
            encoding="utf-8",
        )
    except ValueError:
        return None
    # Without a copy of what is large; NaN passes.
    if numbers.shape[1] != width or np.isinf(np.fmax.reduce(numbers, axis=None)):
        return None
    if np.isinf(np.fmin.reduce(numbers, axis=None)):
        return None
    columns = tuple(
        dataclasses.replace(column, read=lambda i=column.number: numbers[:, i])
        for column in table.columns
    )
    return dataclasses.replace(table, columns=columns)


def _plain_rows(path, begin):
    """The number of rows from a byte on; None where anything but numbers stands in them."""
    count, last = 0, b""
    with path.open("rb") as file:
        file.seek(begin)
        while piece := file.read(_PIECE):
            if piece.translate(None, _PLAIN) or any(gap in last + piece for gap in _GAPS):
                return None
            count += piece.count(b"\n")
            last = piece[-3:]
    return count + (not last.endswith(b"\n"))
