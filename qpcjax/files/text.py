"""Tables as text, with a header or without: cells between commas, semicolons, tabs or blanks."""

import csv
import dataclasses
import io
import re
from collections import Counter
from functools import cached_property

import numpy as np

from qpcjax.files.table import Column, Table, read_bytes
from qpcjax.files.text_decoding import decoded
from qpcjax.files.text_layout import (
    commented_names,
    is_missing,
    is_number,
    names_of,
    split_lines,
    title_unit,
)
from qpcjax.files.text_matrix import matrix_table
from qpcjax.files.text_meta import meta_files, meta_names
from qpcjax.files.text_numbers import long_table
from qpcjax.files.text_programs import program_tables
from qpcjax.measurements import InputError, counted

MOST_TEXT = 1 << 26  # bytes of a table of plain numbers
_MOST_CELLS = 1 << 24  # bytes of any other, whose cells take a hundred times as much
_MOST_COLUMNS = 1 << 14

TRACE_EXAMPLE = "gate (mV),conductance (2e2/h)"

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_BLANKS = " "
_LOOKED_AT = 100  # lines at the end
_NAMES = 3  # lines above a table that may name its columns
_DECIMAL_COMMA = re.compile(r"[+-]?(\d+,\d*|,\d+)([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")  # may be a whole number, in groups
_DECIMAL_COMMA_HINT = "numbers are written with a decimal point, not a comma"
_MAYBE_COMMAS = (
    "the columns are separated by commas and no number has a decimal point: if the numbers were "
    "written with decimal commas they have been cut in two"
)
_COMMAS_READ = "its numbers have decimal commas, and are read like that"
_CORRECT_OR_DROP = "Correct the cell, or leave it empty to drop the row"


def read_text(path):
    """The tables in a text file, as `formats` calls it."""
    found = long_table(path, MOST_TEXT, lambda head: _of_head(path, head))
    if found is not None:
        return [found]
    content = read_bytes(path, _MOST_CELLS)
    text, note = decoded(path, content)
    found = program_tables(path, text)
    if found is None:
        rows = Rows(path, content)
        found = [matrix_table(rows) or text_table(_with_meta(rows))]
    return [dataclasses.replace(t, notes=(*t.notes, note)) if note else t for t in found]


def _of_head(path, head):
    """Rows of the first bytes of a file, and the table that they make; None of a matrix."""
    rows = Rows(path, head)
    return rows, None if matrix_table(rows) else text_table(_with_meta(rows))


def _with_meta(rows):
    """The rows, named by the file that qtlab writes beside them where they have no names."""
    if rows.has_header or not meta_files(rows.path):
        return rows
    width = rows.width_without_header()
    numbers = rows.numbers({i: str(i) for i in range(width)}, width)
    rows.titles = meta_names(rows.path, list(np.transpose(numbers)))
    return rows


def text_table(rows):
    """Columns of a text file, named by its header or, without one, numbered from 0.

    Raises:
        InputError: names that are there twice, a header with nothing below it.
    """
    if rows.has_header:
        titles, nameless = rows.header(TRACE_EXAMPLE), ""
    else:
        titles = [str(i) for i in range(rows.width_without_header())]
        nameless = rows.without_names(TRACE_EXAMPLE)
    if not any(line.strip() for _, line in rows.lines):
        raise InputError(f"{rows.path}: there are no rows of numbers below the header")
    return header_table(rows, titles, nameless)


def header_table(rows, titles, nameless=""):
    """The table of rows whose columns have these titles; a column without a title is left out."""
    columns = [_column(rows, i, title, len(titles)) for i, title in enumerate(titles) if title]
    return Table(rows.path, tuple(columns), "", rows.metadata, nameless, rows.notes)


def _column(rows, i, title, width):
    name, unit = title_unit(title)
    read = lambda: np.ravel(rows.numbers({i: title}, width))  # noqa: E731
    return Column(title, name, unit, read, number=i)


class Rows:
    """The lines of a text table that are not comments, each with its number in the file.

    Args:
        path: the file, for messages.
        content: its bytes.

    Attributes:
        titles: names of the columns from a row or from comments, None where there are none.

    Raises:
        InputError: no text, nothing but comments, more than one kind of separator.
    """

    def __init__(self, path, content):
        self.path = path
        text, _ = decoded(path, content)
        numbered = list(enumerate(io.StringIO(text, newline=None), start=1))
        _check_width(path, numbered)
        layout = split_lines(numbered)
        self.lines, self.comments = layout.lines, [c.strip() for c in layout.comments]
        if not (layout.lines or layout.above):
            raise InputError(f"{path}: the file holds nothing but comments")
        self.delimiter = self._find_delimiter((layout.above[-1:] or layout.lines)[0])
        self.header_line = layout.above[-1] if layout.above else None
        self.titles: list[str] | None = None
        if layout.above:
            self._take_names(layout.above)
        elif self.lines:
            near = layout.comments[: layout.near]
            self.titles = commented_names(near, len(self._stripped(self.first)), self.delimiter)

    def _take_names(self, above):
        """Find the names in lines above the table; what else stands there is kept as comments."""
        near = above[-_NAMES:]
        cells = []
        for line in near:
            try:
                cells.append(self.cells(*line))
            except InputError:
                if line is near[-1]:
                    raise
                cells.append([])
        named, place = names_of(cells) or ([], 0)
        self.titles = named
        width = len(self._stripped(self.first)) if self.lines else len(named)
        if self.delimiter == _BLANKS and len(named) != width:
            # Blanks stand in the names, and each ends with a unit in brackets.
            whole = re.findall(r"[^\s()\[\]][^()\[\]]*[(\[][^)\]]*[)\]]", near[place][1])
            self.titles = whole if len(whole) == width else named
        while len(self.titles) > width and not self.titles[-1]:
            self.titles.pop()  # a separator at the end
        texts = [
            line.strip() for _, line in above[: len(above) - len(near) + place] if line.strip()
        ]
        self.comments = [*texts, *self.comments]

    @property
    def first(self):
        """The cells of the first row."""
        return self.cells(*self.lines[0])

    def _stripped(self, cells):
        """Cells without empty ones at the end, as a separator behind the last one leaves them."""
        end = len(cells)
        while end > 1 and not cells[end - 1]:
            end -= 1
        return cells[:end]

    @property
    def metadata(self):
        """What stands beside the table, for its metadata."""
        comments = "\n".join(self.comments)
        return {"comments": comments} if comments else {}

    @property
    def notes(self):
        """What may be wrong with the table, or had to be guessed."""
        notes = [_MAYBE_COMMAS] if self.may_have_decimal_commas else []
        return (*notes, *([_COMMAS_READ] if self.decimal_commas else []))

    def _find_delimiter(self, named):
        number, line = named
        # What stands in quotes or brackets belongs to a column's name.
        bare = re.sub(r'"[^"]*"|\([^)]*\)|\[[^]]*\]', "", line)
        present = [mark for mark in _DELIMITERS if mark in bare]
        below = [mark for mark in _DELIMITERS if any(mark in row for _, row in self.lines[:20])]
        if len(present) > 1 and len(below) == 1 and named not in self.lines:
            present = below  # the others belong to the names
        if present in ([",", ";"], [",", "\t"]):
            # In a first line of numbers the commas may be those of the numbers.
            cells = [cell.strip() for cell in bare.rstrip("\n").split(present[1])]
            if all(is_missing(c) or is_number(c) or _DECIMAL_COMMA.fullmatch(c) for c in cells):
                present = present[1:]
        if len(present) > 1:
            names = " and ".join(_DELIMITERS[mark] for mark in present)
            raise InputError(
                f"{self.path}: row {number} holds more than one kind of separator ({names}); "
                f"separate the columns with one of them only ({_DECIMAL_COMMA_HINT})"
            )
        if present:
            return present[0]
        # Only blanks stand in the header: they separate if they separate the numbers below.
        last = self.lines[-1][1].split() if self.lines else []
        return _BLANKS if len(last) > 1 and all(map(_number_like, last)) else ","

    @property
    def has_header(self):
        """Whether the columns have names, in a row or in comments."""
        return self.titles is not None

    def _is_number(self, cell):
        if self.decimal_commas and _DECIMAL_COMMA.fullmatch(cell):
            return True
        return is_number(cell)

    @cached_property
    def decimal_commas(self):
        """Whether the numbers have decimal commas.

        They have where semicolons or tabs separate the columns, some number has one that cannot
        stand between thousands, and none has a point.
        """
        if self.delimiter not in (";", "\t") or not any("," in line for _, line in self.lines):
            return False
        cells = [cell for number, line in self.lines for cell in self.cells(number, line)]
        commas = [cell for cell in cells if _DECIMAL_COMMA.fullmatch(cell)]
        points = any("." in cell and is_number(cell) for cell in cells)
        return not points and any(not _THOUSANDS.fullmatch(cell) for cell in commas)

    @property
    def may_have_decimal_commas(self):
        """Whether commas that separate columns might have been decimal ones."""
        body = self.lines[-_LOOKED_AT:]
        return self.delimiter == "," and not any("." in line for _, line in body)

    def cells(self, number, line):
        """The cells of one line."""
        if self.delimiter == _BLANKS:
            # A unit in brackets belongs to the name before it.
            return re.findall(r'"[^"]*"|[^\s(\[]+(?:\s*[(\[][^)\]]*[)\]])?', line)
        try:
            row = next(csv.reader([line.rstrip("\n")], delimiter=self.delimiter, strict=True), [])
        except csv.Error as error:
            raise InputError(f"{self.path}: row {number} cannot be split: {error}") from None
        return [cell.strip() for cell in row]

    def header(self, example):
        """The names of the columns; the example is for a message."""
        if self.titles is None:
            raise InputError(self.without_names(example))
        known = Counter(name.casefold() for name in self.titles if name)
        for name in self.titles:
            if known[name.casefold()] > 1:
                raise InputError(
                    f"{self.path}: more than one column is called '{name}'; give each its own name"
                )
        return self.titles

    def without_names(self, example):
        """The message that columns have no names."""
        number, line = self.lines[0]
        return (
            f"{self.path}: row {number} should name the columns with their units, such as "
            f"'{example}', but holds {shown(line)}. If there are no names, say which columns they "
            "are by their numbers, counted from 0, with their units, such as "
            "--gate '0 (V)' --conductance '1 (uS)'"
        )

    def width_without_header(self):
        """Number of columns of a file without header."""
        number, line = self.header_line or self.lines[0]
        cells = self._stripped(self.cells(number, line))
        if self.header_line or not any(self._is_number(c) or is_missing(c) for c in cells):
            raise InputError(
                f"{self.path}: row {number} holds text ({shown(line)}), but a file without header "
                "was expected: numbers from the first row on. Remove the header, or read the file "
                "as a table with named columns"
            )
        return len(cells)

    def row_numbers(self):
        """Numbers in the file of the lines that are not blank."""
        return [number for number, line in self.lines if line.strip()]

    @cached_property
    def _split(self):
        return self._cells_of(self.lines)

    def _cells_of(self, lines):
        return [(number, line, self.cells(number, line)) for number, line in lines]

    def numbers(self, columns, width, blank_rows=False, complete=False, lines=None):
        """Numbers in some columns, a list for each row; NaN where a cell is empty.

        Args:
            columns: column -> its name in a message.
            width: how many cells every row must have.
            blank_rows: whether an empty line is a row of its own (two files must stay in step).
            complete: whether a cell without a number is an error.
            lines: the lines to read; by default all.
        """
        table = []
        for number, line, row in self._split if lines is None else self._cells_of(lines):
            if not line.strip() and (width == 1 or not blank_rows):
                if blank_rows:
                    table.append([np.nan])
                continue
            while len(row) > width and not row[-1]:
                row.pop()  # a separator at the end
            if len(row) != width:
                raise InputError(
                    f"{self.path}: row {number} has {counted(len(row), 'cell')}, {width} expected: "
                    f"{shown(line)} ({_DECIMAL_COMMA_HINT})"
                )
            named = ((row[i], name) for i, name in columns.items())
            table.append([self._number(number, cell, name, complete) for cell, name in named])
        return table

    def _number(self, row, cell, column, complete):
        where = f"{self.path}: row {row}, column '{column}'"
        remedy = "Correct the cell" if complete else _CORRECT_OR_DROP
        if is_missing(cell) and not complete:
            return np.nan
        if self.decimal_commas and _DECIMAL_COMMA.fullmatch(cell):
            cell = cell.replace(",", ".")
        if not is_number(cell):
            if _DECIMAL_COMMA.fullmatch(cell) or _THOUSANDS.fullmatch(cell):
                raise InputError(
                    f"{where}: {_DECIMAL_COMMA_HINT}, found {shown(cell)}. Decimal commas are read "
                    "where semicolons or tabs separate the columns, no number of the file has a "
                    "point, and the commas cannot be those between thousands"
                )
            if _is_complex(cell):
                raise InputError(
                    f"{where}: a complex number, found {shown(cell)}. Write its real and imaginary "
                    "part, X and Y of a lock-in, into columns of their own, and name the one that "
                    "is meant"
                )
            found = shown(cell) if cell else "an empty cell"
            raise InputError(f"{where}: a number was expected, found {found}. {remedy}")
        value = float(cell)
        if np.isinf(value) or (complete and np.isnan(value)):
            raise InputError(
                f"{where}: a finite number was expected, found {shown(cell)}. {remedy}"
            )
        return value


def _check_width(path, lines):
    """Raise InputError where a line has more cells than a table has columns."""
    for number, line in lines:
        if len(line) > _MOST_COLUMNS and max(map(line.count, (*_DELIMITERS, " "))) > _MOST_COLUMNS:
            raise InputError(
                f"{path}: row {number} has more than {_MOST_COLUMNS} columns, and no more are "
                "read. Save the columns that are to be fitted alone"
            )


def _number_like(cell):
    return is_number(cell) or is_missing(cell)


def _is_complex(cell):
    try:
        complex(re.sub(r"\s", "", cell).replace("i", "j"))
    except ValueError:
        return False
    return True


def shown(text):
    """The user's text in quotes, shortened."""
    text = text.strip()
    return repr(text if len(text) <= 50 else text[:47] + "...")
