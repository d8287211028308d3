"""Reading measured traces and tables, and writing results so that nothing stays half-written."""

import csv
import hashlib
import io
import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from qpcjax.data import ConductanceTrace, InputError, counted
from qpcjax.units import CONDUCTANCE_QUANTUM

# Factors to mV, 2e^2/h and meV; `_plain` brings what stands in a header into this spelling.
GATE_UNITS = {"mV": 1.0, "V": 1e3, "uV": 1e-3}
CONDUCTANCE_UNITS = {
    "2e2/h": 1.0,
    "e2/h": 0.5,
    "uS": 1 / CONDUCTANCE_QUANTUM,
    "mS": 1e3 / CONDUCTANCE_QUANTUM,
    "S": 1e6 / CONDUCTANCE_QUANTUM,
}
ENERGY_UNITS = {"meV": 1.0, "eV": 1e3, "ueV": 1e-3}
_TRANSMISSION_UNITS = {"1": 1.0}  # a pure number

# Column names without case, spaces and underscores.
_GATE_NAMES = {"gate", "gatevoltage", "splitgate", "splitgatevoltage", "vg", "vgate", "vsg"}
_CONDUCTANCE_NAMES = {"conductance", "cond", "g"}
_ENERGY_NAMES = {"energy", "e"}
_TRANSMISSION_NAMES = {"transmission", "t"}

_TRACE_EXAMPLE = "gate (mV),conductance (2e2/h)"
_TRANSMISSION_EXAMPLE = "energy (meV),transmission"

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
_DECIMAL_COMMA_HINT = "numbers are written with a decimal point, not a comma"
_CORRECT_OR_DROP = "Correct the cell, or leave it empty to drop the row"


def read_trace(
    path, gate=None, conductance=None, gate_unit=None, conductance_unit=None
) -> ConductanceTrace:
    """Read a trace from a table whose header names its columns with units.

    The columns are separated by commas, semicolons or tabs; lines that begin with # are comments.
    A header such as `gate (mV),conductance (2e2/h)` needs no further argument.

    Args:
        path: the file, UTF-8 text.
        gate: name of the gate voltage's column, with or without its unit; by default the column
            called gate, Vg, V_gate or the like.
        conductance: name of the conductance's column; by default the one called conductance or G.
        gate_unit: for a header without a unit: mV, V or uV.
        conductance_unit: for a header without a unit: 2e2/h, e2/h, uS, mS or S.

    Raises:
        InputError: anything that the user can mend in the file.
    """
    path = Path(path)
    content = _read_bytes(path)
    rows = _Rows(path, content)
    header = rows.header(_TRACE_EXAMPLE)
    columns = _two_columns(
        path,
        header,
        {"gate": (gate, _GATE_NAMES), "conductance": (conductance, _CONDUCTANCE_NAMES)},
    )
    gate_title, conductance_title = columns.values()
    units = (
        _header_unit(path, gate_title, "gate", gate_unit, GATE_UNITS),
        _header_unit(path, conductance_title, "conductance", conductance_unit, CONDUCTANCE_UNITS),
    )
    table = rows.numbers(columns, len(header))
    if not table:
        raise InputError(f"{path}: there are no rows of numbers below the header")
    return _make_trace(table, units, path.name, hashlib.sha256(content))


def read_trace_columns(
    gate_path, conductance_path, trace=0, gate_unit="mV", conductance_unit="2e2/h"
) -> ConductanceTrace:
    """Read a trace from two files without headers: one column a trace, one row a sample.

    Shorter traces are filled up with NaN or empty cells at the end.

    Args:
        gate_path: file of the gate voltages.
        conductance_path: file of the conductances, of the same shape.
        trace: which column, counted from 0.
        gate_unit: mV, V or uV.
        conductance_unit: 2e2/h, e2/h, uS, mS or S.

    Raises:
        InputError: anything that the user can mend in the files or the arguments.
    """
    units = (
        _known_unit(gate_unit, "gate", GATE_UNITS),
        _known_unit(conductance_unit, "conductance", CONDUCTANCE_UNITS),
    )
    columns, shapes, digest = [], [], hashlib.sha256()
    for path in (Path(gate_path), Path(conductance_path)):
        content = _read_bytes(path)
        digest.update(content)
        rows = _Rows(path, content)
        width = rows.width_without_header()
        if not 0 <= trace < width:
            last = f"0 to {width - 1}" if width > 1 else "only 0"
            raise InputError(
                f"{path}: there is no trace {trace}; the file has {counted(width, 'column')}, so a "
                f"trace is {last}"
            )
        columns.append(rows.numbers({trace: f"trace {trace}"}, width, blank_rows=True))
        shapes.append((len(columns[-1]), width))
    if shapes[0] != shapes[1]:
        (gate_rows, gate_width), (other_rows, other_width) = shapes
        raise InputError(
            f"{gate_path} has {counted(gate_rows, 'row')} of {counted(gate_width, 'column')}, "
            f"{conductance_path} has {counted(other_rows, 'row')} of "
            f"{counted(other_width, 'column')}: the two files must have the same shape"
        )
    table = [g + c for g, c in zip(*columns, strict=True)]
    name = f"{Path(conductance_path).name}, trace {trace}"
    return _make_trace(table, units, name, digest)


def _make_trace(table, units, name, digest):
    """Trace from rows of a gate voltage and a conductance in these units."""
    gate_unit, conductance_unit = units
    gate, conductance = np.array(table, dtype=float).T
    gate = gate * GATE_UNITS[_plain(gate_unit)]
    conductance = conductance * CONDUCTANCE_UNITS[_plain(conductance_unit)]
    kept = ~(np.isnan(gate) | np.isnan(conductance))
    if not np.any(kept):
        raise InputError(
            f"{name}: every one of the {len(table)} rows lacks a gate voltage or a conductance "
            "(NaN or an empty cell), so no point is left"
        )
    return ConductanceTrace(
        gate[kept],
        conductance[kept],
        name,
        int(np.sum(~kept)),
        digest.hexdigest(),
        gate_unit,
        conductance_unit,
    )


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
    rows = _Rows(path, _read_bytes(path))
    header = rows.header(_TRANSMISSION_EXAMPLE)
    columns = _two_columns(
        path,
        header,
        {"energy": (energy, _ENERGY_NAMES), "transmission": (transmission, _TRANSMISSION_NAMES)},
    )
    energy_title, title = columns.values()
    unit = _header_unit(path, energy_title, "energy", energy_unit, ENERGY_UNITS)
    _header_unit(path, title, "transmission", "1", _TRANSMISSION_UNITS)
    table = rows.numbers(columns, len(header), complete=True)
    if len(table) < 2:
        found = counted(len(table), "row") if table else "none"
        raise InputError(f"{path}: a table of T(E) needs at least 2 rows of numbers, found {found}")
    energies, values = np.array(table, dtype=float).T
    row = rows.row_numbers()
    falls, negative = np.flatnonzero(np.diff(energies) <= 0), np.flatnonzero(values < 0)
    if falls.size:
        i = falls[0]
        raise InputError(
            f"{path}: row {row[i + 1]}, column '{energy_title}': the energies must increase from "
            f"row to row, found {energies[i + 1]:g} after {energies[i]:g} in row {row[i]}. Sort "
            "the table, with each energy once"
        )
    if negative.size:
        i = negative[0]
        raise InputError(
            f"{path}: row {row[i]}, column '{title}': 0 or more was expected, found {values[i]:g}"
        )
    return energies * ENERGY_UNITS[_plain(unit)], values


# --- text to cells --------------------------------------------------------------------------


def _read_bytes(path):
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise InputError(f"{path}: this is a folder, a file was expected") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if not content.strip():
        raise InputError(f"{path}: the file is empty")
    return content


class _Rows:
    """The lines of a text table that are not comments, each with its number in the file."""

    def __init__(self, path, content):
        self.path = path
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path}: not UTF-8 text (byte {content[error.start]:#04x} at position "
                f"{error.start}); save the table as plain CSV in UTF-8"
            ) from None
        numbered = enumerate(io.StringIO(text, newline=None), start=1)
        self.lines = [(n, line) for n, line in numbered if not line.lstrip().startswith("#")]
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
        if len(present) > 1:
            names = " and ".join(_DELIMITERS[mark] for mark in present)
            raise InputError(
                f"{self.path}: row {number} holds more than one kind of separator ({names}); "
                f"separate the columns with one of them only ({_DECIMAL_COMMA_HINT})"
            )
        return present[0] if present else ","

    def cells(self, number, line):
        """The cells of one line."""
        try:
            row = next(csv.reader([line.rstrip("\n")], delimiter=self.delimiter, strict=True), [])
        except csv.Error as error:
            raise InputError(f"{self.path}: row {number} cannot be split: {error}") from None
        return [cell.strip() for cell in row]

    def header(self, example):
        """Take the first line as the column names; the example is for a message."""
        number, line = self.lines.pop(0)
        names = self.cells(number, line)
        if all(_is_number(name) for name in names):
            raise InputError(
                f"{self.path}: row {number} should name the columns with their units, such as "
                f"'{example}', but holds {_shown(line)}. If the names stand in a comment, take "
                "away the # before them"
            )
        known = [name.casefold() for name in names if name]
        for name in names:
            if known.count(name.casefold()) > 1:
                raise InputError(
                    f"{self.path}: more than one column is called '{name}'; give each its own name"
                )
        return names

    def width_without_header(self):
        """Number of columns of a file without header."""
        number, line = self.lines[0]
        cells = self.cells(number, line)
        if not any(_is_number(cell) or not cell for cell in cells):
            raise InputError(
                f"{self.path}: row {number} holds text ({_shown(line)}), but a file without header "
                "was expected: numbers from the first row on. Remove the header, or read the file "
                "as a table with named columns"
            )
        return len(cells)

    def row_numbers(self):
        """Numbers in the file of the lines that are not blank."""
        return [number for number, line in self.lines if line.strip()]

    def numbers(self, columns, width, blank_rows=False, complete=False):
        """Numbers in some columns, a list for each row; NaN where a cell is empty.

        Args:
            columns: column -> what it is called in a message.
            width: how many cells every row must have.
            blank_rows: whether an empty line is a row of its own (two files must stay in step).
            complete: whether a cell without a number is an error.
        """
        table = []
        for number, line in self.lines:
            if not line.strip() and (width == 1 or not blank_rows):
                if blank_rows:
                    table.append([np.nan])
                continue
            row = self.cells(number, line)
            if len(row) != width:
                raise InputError(
                    f"{self.path}: row {number} has {counted(len(row), 'cell')}, {width} expected: "
                    f"{_shown(line)} ({_DECIMAL_COMMA_HINT})"
                )
            named = ((row[i], name) for i, name in columns.items())
            table.append([self._number(number, cell, name, complete) for cell, name in named])
        return table

    def _number(self, row, cell, column, complete):
        where = f"{self.path}: row {row}, column '{column}'"
        remedy = "Correct the cell" if complete else _CORRECT_OR_DROP
        if not cell and not complete:
            return np.nan
        if not _is_number(cell):
            if _DECIMAL_COMMA.fullmatch(cell):
                raise InputError(f"{where}: {_DECIMAL_COMMA_HINT}, found {_shown(cell)}")
            found = _shown(cell) if cell else "an empty cell"
            raise InputError(f"{where}: a number was expected, found {found}. {remedy}")
        value = float(cell)
        if np.isinf(value) or (complete and np.isnan(value)):
            raise InputError(
                f"{where}: a finite number was expected, found {_shown(cell)}. {remedy}"
            )
        return value


def _is_number(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # Python would read 1_000 as 1000


def _shown(text):
    """The user's text in quotes, shortened."""
    text = text.strip()
    return repr(text if len(text) <= 50 else text[:47] + "...")


# --- columns and units ----------------------------------------------------------------------


def _plain(unit):
    """A unit in this file's spelling: uS for the micro signs, 2e2/h for 2 e^2/h and its kin."""
    for mark, letter in {"\u00b5": "u", "\u03bc": "u", "\u00b2": "2", "^": "", " ": ""}.items():
        unit = unit.replace(mark, letter)
    return unit


def _split_unit(title):
    """Name and unit of a column title such as 'gate (mV)'; the unit is None without brackets."""
    match = re.fullmatch(r"(.*?)\s*[(\[](.*)[)\]]", title)
    return (match[1], match[2].strip()) if match else (title, None)


def _two_columns(path, header, wanted):
    """Positions and titles of the columns of two quantities.

    Args:
        path: the file, for messages.
        header: its column titles.
        wanted: quantity -> the name that was asked for or None, and the names it usually has.
    """
    columns = [_find_column(path, header, quantity, *names) for quantity, names in wanted.items()]
    if columns[0] == columns[1]:
        raise InputError(
            f"{path}: the {' and the '.join(wanted)} cannot both be the column "
            f"'{header[columns[0]]}'; name two different columns"
        )
    return {column: header[column] for column in columns}


def _find_column(path, header, quantity, wanted, names):
    """Position of the column that holds a quantity."""
    there = ", ".join(f"'{title}'" for title in header if title)
    bare = [_split_unit(title)[0] for title in header]
    if wanted is not None:
        for same in (lambda name: name, str.casefold):
            hits = [
                i
                for i, title in enumerate(header)
                if same(wanted.strip()) in (same(title), same(bare[i]))
            ]
            if hits:
                break
        problem = f"there is no column '{wanted}'"
    else:
        hits = [i for i, name in enumerate(bare) if _key(name) in names]
        problem = f"no column is recognised as the {quantity}"
    if len(hits) > 1:
        several = ", ".join(f"'{header[i]}'" for i in hits)
        raise InputError(
            f"{path}: more than one column may be the {quantity}: {several}. Say which one by its "
            "full name"
        )
    if not hits:
        raise InputError(
            f"{path}: {problem}. The columns there are: {there}. Name the {quantity}'s column, or "
            f"call it '{quantity}', with its unit in brackets if it has one"
        )
    return hits[0]


def _key(name):
    return re.sub(r"[\s_\-]", "", name).casefold()


def _header_unit(path, title, quantity, stated, units) -> str:
    """The column's unit: what the header says, or what the user stated where it says nothing."""
    name, unit = _split_unit(title)
    if stated is not None:
        stated = _known_unit(stated, quantity, units)
    if unit is None:
        if stated is not None:
            return stated
        example = next(iter(units))
        raise InputError(
            f"{path}: the column '{title}' has no unit; write it into the header, such as "
            f"'{name} ({example})'. Known units are {_listed(units)}"
        )
    if _plain(unit) not in units:
        raise InputError(
            f"{path}: the column '{title}' has the unit '{unit}', which is not known for the "
            f"{quantity}. Known units are {_listed(units)}"
        )
    if stated is not None and _plain(stated) != _plain(unit):
        raise InputError(
            f"{path}: the column '{title}' is in {unit} by its header, but {stated} was stated"
        )
    return unit


def _known_unit(unit, quantity, units):
    if _plain(unit) not in units:
        raise InputError(
            f"'{unit}' is not a known unit of the {quantity}. Known units are {_listed(units)}"
        )
    return unit


def _listed(units):
    return ", ".join(units)


# --- writing --------------------------------------------------------------------------------


def save_table(columns: Mapping[str, Iterable], comments: Iterable[str] = ()) -> str:
    """CSV text of equally long columns, in full precision.

    Args:
        columns: column title, with its unit -> values.
        comments: lines put in front, each behind a #.
    """
    values = {title: np.asarray(column) for title, column in columns.items()}
    shapes = {title: column.shape for title, column in values.items()}
    if len(set(shapes.values())) != 1 or any(len(shape) != 1 for shape in shapes.values()):
        raise ValueError(f"columns of one length were wanted, got the shapes {shapes}")
    text = io.StringIO()
    text.writelines(f"# {line}\n" for line in comments)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(values)
    # tolist gives Python numbers, which csv writes by their shortest exact representation.
    writer.writerows(zip(*(column.tolist() for column in values.values()), strict=True))
    return text.getvalue()


def save_json(value) -> str:
    """JSON text that any program can read: NaN and infinity, which JSON lacks, become null."""
    return json.dumps(_finite(value), indent=2, allow_nan=False) + "\n"


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def check_writable(folder) -> None:
    """Raise InputError now if `write_files` could not write there later; leaves nothing behind."""
    folder = Path(folder)
    made = _make_folder(folder)
    probe = folder / f".write-test-{os.getpid()}"
    try:
        with open(probe, "xb"):
            pass
        probe.unlink()
    except OSError as error:
        raise _not_writable(folder, error) from None
    finally:
        _remove_folders(made)


def write_files(folder, contents: Mapping[str, bytes | str]) -> list[Path]:
    """Write files into a folder, all of them or none.

    Each is written to a temporary name first; only when all are there do they get their names.
    Files of the same name are replaced.

    Args:
        folder: created if it is not there.
        contents: file name -> what to write; text is written as UTF-8.

    Returns:
        The paths, in the order of `contents`.

    Raises:
        InputError: the folder cannot be written.
    """
    folder = Path(folder)
    for name in contents:
        if not name or Path(name).name != name:
            raise ValueError(f"a plain file name was wanted, got {name!r}")
        if (folder / name).is_dir():
            raise InputError(f"{folder / name}: this is a folder, a file is to be written here")
    made = _make_folder(folder)
    targets = {folder / f".{name}.{os.getpid()}.part": folder / name for name in contents}
    try:
        for (part, _), content in zip(targets.items(), contents.values(), strict=True):
            part.write_bytes(content.encode() if isinstance(content, str) else content)
        for part, target in targets.items():
            part.replace(target)
    except BaseException as error:
        for part in targets:
            part.unlink(missing_ok=True)
        _remove_folders(made)
        if isinstance(error, OSError):
            raise _not_writable(folder, error) from None
        raise
    return list(targets.values())


def _make_folder(folder):
    """Create the folder; returns the folders that were not there before, the deepest first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _remove_folders(missing)
        raise _not_writable(folder, error) from None
    return missing


def _remove_folders(folders):
    for path in folders:
        try:
            path.rmdir()
        except OSError:
            return  # something else has been put there, or it was never made


def _not_writable(folder, error):
    if isinstance(error, (FileExistsError, NotADirectoryError)):
        reason = "a file of that name, or on the way to it, is already there"
    else:
        reason = error.strerror or "unknown reason"
    return InputError(
        f"the output folder {folder} cannot be written: {reason}. Choose another folder"
    )
