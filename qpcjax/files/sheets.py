"""Spreadsheets: .xlsx by openpyxl, .ods by itself. A sheet is a part, read as text is."""

import csv
import dataclasses
import io
import zipfile
from collections.abc import Iterable, Iterator
from xml.parsers import expat

from qpcjax.files.damage import readable
from qpcjax.files.optional_libraries import need
from qpcjax.files.table import Table, check_size, mib
from qpcjax.files.text import MOST_TEXT, Rows, text_table
from qpcjax.measurements import InputError

_MOST_ROWS = 1 << 20  # of a sheet, as in Excel
_MOST_CELLS = 1 << 23  # of a sheet, empty ones included
_CELLS = ("table-cell", "covered-table-cell")  # of OpenDocument
_AS_TEXT = "Save the sheet as plain CSV in UTF-8"


def is_xlsx(path):
    """Whether a zip archive is a workbook of Excel."""
    return _member(path, "xl/workbook.xml") is not None


def is_ods(path):
    """Whether a zip archive is a spreadsheet of OpenDocument."""
    return _member(path, "mimetype") == b"application/vnd.oasis.opendocument.spreadsheet"


def _member(path, name):
    """The first bytes of what an archive holds under a name, None where it holds nothing."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as member:
            return member.read(100)
    except Exception:  # the reader of the format says what is wrong
        return None


def read_xlsx(path):
    """A table for each sheet of a workbook, as `formats` calls it."""
    openpyxl = need("openpyxl", "sheets")
    _check(path)

    def sheets():
        with path.open("rb") as stream:  # which is closed, whatever happens to the workbook
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # a file may state any
                yield sheet.title, sheet.iter_rows(values_only=True)

    return _tables(path, sheets())


def read_ods(path):
    """A table for each sheet of an OpenDocument spreadsheet."""
    _check(path)

    def sheets():
        with zipfile.ZipFile(path) as archive, archive.open("content.xml") as content:
            yield from _Content().sheets(content)

    return _tables(path, sheets())


def _check(path):
    """Raise InputError for a spreadsheet that is too large to be read as text."""
    check_size(path, MOST_TEXT)
    with readable(path, "a spreadsheet", _AS_TEXT), zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > MOST_TEXT:
        raise InputError(
            f"{path}: it would unpack to {mib(size)}, and no more than {mib(MOST_TEXT)} are read. "
            f"{_AS_TEXT}, with the columns that are to be fitted alone"
        )


def _tables(path, sheets: Iterator[tuple[str, Iterable[tuple]]]) -> list[Table]:
    """The table of each sheet that has one; the error of the first where none has."""
    found, problems = [], []
    with readable(path, "a spreadsheet", _AS_TEXT):
        for name, rows in sheets:
            content = _as_text(f"{path}, part {name}", rows)
            try:
                if content.strip():
                    table = text_table(Rows(path, content.encode()))
                    found.append(dataclasses.replace(table, part=name))
            except InputError as error:
                problems.append(error)
    if not found:
        raise problems[0] if problems else InputError(f"{path}: all of its sheets are empty")
    return found


def _as_text(where, rows):
    """A sheet as text with tabs between cells; its rows have the same numbers."""
    kept, width = [], 0
    for row in rows:
        cells = list(row)
        while cells and cells[-1] in (None, ""):
            cells.pop()
        kept.append(cells)
        width = max(width, len(cells))
        if len(kept) > _MOST_ROWS or len(kept) * width > _MOST_CELLS:
            raise InputError(
                f"{where}: the sheet has more than {_MOST_ROWS} rows or {_MOST_CELLS} cells. Save "
                "the columns that are to be fitted as plain CSV in UTF-8"
            )
    text = io.StringIO()
    # Quotes keep what stands in a name from being taken for a separator.
    writer = csv.writer(text, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    for cells in kept:
        if not cells:
            text.write("\n")
            continue
        writer.writerow([_cell(cell) for cell in cells] + [None] * (width - len(cells)))
    return text.getvalue()


def _cell(cell):
    if cell is None or (isinstance(cell, int | float) and not isinstance(cell, bool)):
        return cell
    return " ".join(str(cell).split())


class _Content:
    """Reads the sheets in the content of an OpenDocument file as the bytes come.

    Cells and rows may be repeated, so often as to fill a sheet where they are empty: what is empty
    waits until something follows it.
    """

    def __init__(self):
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.done, self.name, self.rows, self.row = [], "", [], []
        self.empty_rows, self.empty_cells, self.row_times, self.cell_times = 0, 0, 1, 1
        self.value, self.text = None, None
        self.cells, self.in_note = 0, False

    def sheets(self, stream):
        """Names and rows of the sheets."""
        while piece := stream.read(1 << 16):
            self.parser.Parse(piece)
            yield from self.done
            self.done = []
        self.parser.Parse(b"", True)
        yield from self.done

    @staticmethod
    def _refuse(*_):
        raise ValueError("it declares a document type")

    def _start(self, tag, attributes):
        kind = tag.rpartition(" ")[2]
        told = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        if kind == "table":
            self.name, self.rows, self.empty_rows, self.cells = told.get("name", ""), [], 0, 0
        elif kind == "table-row":
            self.row, self.empty_cells = [], 0
            self.row_times = int(told.get("number-rows-repeated", 1))
        elif kind in _CELLS:
            self.cell_times = int(told.get("number-columns-repeated", 1))
            self.value, self.text = _value(told), []
        elif kind == "annotation":
            self.in_note = True
        elif kind == "p" and self.text:
            self.text.append(" ")

    def _characters(self, text):
        if self.text is not None and not self.in_note:
            self.text.append(text)

    def _end(self, tag):
        kind = tag.rpartition(" ")[2]
        if kind == "annotation":
            self.in_note = False
        elif kind in _CELLS:
            value = "".join(self.text or ()).strip() if self.value is None else self.value
            self.text = None
            if value == "":
                self.empty_cells += self.cell_times
                return
            self._count(self.empty_cells + self.cell_times)
            self.row += [None] * self.empty_cells + [value] * self.cell_times
            self.empty_cells = 0
        elif kind == "table-row":
            if not self.row:
                self.empty_rows += self.row_times
                return
            self._count(self.empty_rows + (self.row_times - 1) * len(self.row))
            self.rows += [()] * self.empty_rows + [tuple(self.row)] * self.row_times
            self.empty_rows = 0
        elif kind == "table":
            self.done.append((self.name, self.rows))

    def _count(self, more):
        self.cells += more
        if self.cells > _MOST_CELLS:
            raise ValueError(f"a sheet has more than {_MOST_CELLS} cells")


def _value(told):
    """The value that a cell states apart from its text; None where it states none."""
    if told.get("value-type") in ("float", "percentage", "currency"):
        return float(told["value"])
    return told.get("date-value") or told.get("time-value")
