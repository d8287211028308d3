"""Tables as text, with a header or without: cells between commas, semicolons, tabs or blanks."""

import csv
import io
import re
from functools import cached_property

import numpy as np

from qpcjax.files.column_units import split_unit
from qpcjax.files.table import Column, Table, read_bytes
from qpcjax.measurements import InputError, counted

MOST_TEXT = 1 << 26  # bytes; the cells take ten times as much while they are read

TRACE_EXAMPLE = "gate (mV),conductance (2e2/h)"

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_BLANKS = " "
_LOOKED_AT = 100  # lines at the end
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
    """The table in a text file, as `formats` calls it."""
    return [text_table(Rows(path, read_bytes(path, MOST_TEXT)))]


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
    comments = "\n".join(rows.comments)
    metadata = {"comments": comments} if comments else {}
    notes = [_MAYBE_COMMAS] if rows.may_have_decimal_commas else []
    notes += [_COMMAS_READ] if rows.decimal_commas else []
    return Table(rows.path, tuple(columns), "", metadata, nameless, tuple(notes))


def _column(rows, i, title, width):
    name, unit = split_unit(title)
    return Column(title, name, unit, lambda: np.ravel(rows.numbers({i: title}, width)))


class Rows:
    """The lines of a text table that are not comments, each with its number in the file.

    Args:
        path: the file, for messages.
        content: its bytes.

    Raises:
        InputError: not UTF-8, nothing but comments, more than one kind of separator.
    """

    def __init__(self, path, content):
        self.path = path
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            row = content.count(b"\n", 0, error.start) + 1
            raise InputError(
                f"{path}: not UTF-8 text (byte {content[error.start]:#04x} at position "
                f"{error.start}, in row {row}); save the table as plain CSV in UTF-8"
            ) from None
        if "\0" in text:
            row = text.count("\n", 0, text.index("\0")) + 1
            raise InputError(
                f"{path}: row {row} holds a zero byte, so this is not text, or it was cut off or "
                "damaged; save the table as plain CSV in UTF-8"
            )
        self.lines, self.comments = [], []
        for number, line in enumerate(io.StringIO(text, newline=None), start=1):
            if line.lstrip().startswith("#"):
                self.comments.append(line.strip().lstrip("# "))
            else:
                self.lines.append((number, line))
        while self.lines and not self.lines[-1][1].strip():
            self.lines.pop()
        while self.lines and not self.lines[0][1].strip():
            self.lines.pop(0)
        if not self.lines:
            raise InputError(f"{path}: the file holds nothing but comments")
        self.delimiter = self._find_delimiter()

    def _find_delimiter(self):
        number, line = self.lines[0]
        # What stands in quotes or brackets belongs to a column's name.
        bare = re.sub(r'"[^"]*"|\([^)]*\)|\[[^]]*\]', "", line)
        present = [mark for mark in _DELIMITERS if mark in bare]
        if present in ([",", ";"], [",", "\t"]):
            # In a first line of numbers the commas may be those of the numbers.
            cells = [cell.strip() for cell in bare.rstrip("\n").split(present[1])]
            if all(not c or is_number(c) or _DECIMAL_COMMA.fullmatch(c) for c in cells):
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
        last = self.lines[-1][1].split()
        return _BLANKS if len(last) > 1 and all(map(is_number, last)) else ","

    @property
    def has_header(self):
        """Whether the first line is anything but numbers."""
        return not all(map(self._is_number, self.cells(*self.lines[0])))

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
        """Take the first line as the column names; the example is for a message."""
        if not self.has_header:
            raise InputError(self.without_names(example))
        names = self.cells(*self.lines.pop(0))
        known = [name.casefold() for name in names if name]
        for name in names:
            if known.count(name.casefold()) > 1:
                raise InputError(
                    f"{self.path}: more than one column is called '{name}'; give each its own name"
                )
        return names

    def without_names(self, example):
        """The message that columns have no names."""
        number, line = self.lines[0]
        return (
            f"{self.path}: row {number} should name the columns with their units, such as "
            f"'{example}', but holds {shown(line)}. If the names stand in a comment, take "
            "away the # before them. If there are none, say which columns they are by their "
            "numbers, counted from 0, with their units"
        )

    def width_without_header(self):
        """Number of columns of a file without header."""
        number, line = self.lines[0]
        cells = self.cells(number, line)
        if not any(self._is_number(cell) or not cell for cell in cells):
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
        return [(number, line, self.cells(number, line)) for number, line in self.lines]

    def numbers(self, columns, width, blank_rows=False, complete=False):
        """Numbers in some columns, a list for each row; NaN where a cell is empty.

        Args:
            columns: column -> its name in a message.
            width: how many cells every row must have.
            blank_rows: whether an empty line is a row of its own (two files must stay in step).
            complete: whether a cell without a number is an error.
        """
        table = []
        for number, line, row in self._split:
            if not line.strip() and (width == 1 or not blank_rows):
                if blank_rows:
                    table.append([np.nan])
                continue
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
        if not cell and not complete:
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


def is_number(cell):
    """Whether a cell holds a number, be it NaN or infinite."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # Python would read 1_000 as 1000


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
