"""QCoDeS' databases, read without QCoDeS: SQLite, with a table for each run.

`runs` names the table of a run and describes its parameters, what was set and what was measured
against it, as JSON. A cell is a number, or an array as the bytes of a .npy file; a row holds what
was measured at once, and NULL for what was not.
"""

import contextlib
import io
import json
import math
import sqlite3
import urllib.parse

import numpy as np
from numpy.lib import format as npy

from qpcjax.files.table import MOST_BYTES, Column, Table, check_values, mib, read_head
from qpcjax.measurements import InputError

_MOST_RUNS = 100_000
_NUMERIC = ("numeric", "array", "complex")


def read_qcodes(path):
    """A table for each measured parameter's set of axes, of every run, as `formats` calls it."""
    _check_whole(path)
    with _opened(path) as database:
        if not _exists(database, "runs"):
            raise InputError(
                f"{path}: an SQLite database, but not one of QCoDeS: it has no table of runs. "
                "Export what was measured as CSV"
            )
        columns = {row[1] for row in database.execute('PRAGMA table_info("runs")')}
        if not {"run_id", "name", "result_table_name", "run_description"} <= columns:
            raise InputError(
                f"{path}: a QCoDeS database of an old version. Open it once with a present QCoDeS, "
                "which brings it up to date, or export the run as netCDF"
            )
        kept = [c for c in ("snapshot", "guid", "run_timestamp", "completed_timestamp")
                if c in columns]  # fmt: skip
        wanted = ", ".join(["run_id", "name", "result_table_name", "run_description", *kept])
        rows = database.execute(f"SELECT {wanted} FROM runs ORDER BY run_id LIMIT {_MOST_RUNS}")
        tables = []
        for run, name, results, description, *values in rows.fetchall():
            metadata = {"name": name} | {
                k: v for k, v in zip(kept, values, strict=True) if isinstance(v, str | int | float)
            }
            tables += _run(path, database, run, results, description, metadata)
    if not tables:
        raise InputError(f"{path}: a QCoDeS database without a run that measured numbers")
    return tables


def _run(path, database, run, results, description, metadata):
    """The tables of one run: one for all parameters that were measured against the same axes."""
    try:
        told = json.loads(description)
        told = told.get("interdependencies_") or _older(told["interdependencies"])
        parameters, measured = told["parameters"], told["dependencies"]
        kinds = {name: p["paramtype"] for name, p in parameters.items()}
    except (TypeError, ValueError, KeyError, AttributeError):
        raise InputError(
            f"{path}, part {run}: the description of the run cannot be read. Export the run as "
            "netCDF with QCoDeS"
        ) from None
    if not measured or not _exists(database, results):
        return []
    there = {row[1] for row in database.execute(f"PRAGMA table_info({_quoted(results)})")}
    groups = {}
    for name, axes in measured.items():
        if kinds.get(name) in _NUMERIC and {name, *axes} <= there & kinds.keys():
            groups.setdefault(tuple(axes), []).append(name)
    tables = []
    for i, (axes, names) in enumerate(groups.items()):
        part = str(run) if len(groups) == 1 else f"{run}:{i}"
        source = _Results(path, part, results, axes, names)
        columns = [_column(source, name, parameters[name], name in axes) for name in source.names]
        tables.append(Table(path, tuple(columns), part, metadata))
    return tables


def _older(told):
    """The description of the first QCoDeS versions in the form of the later ones."""
    specs = {spec["name"]: spec for spec in told["paramspecs"]}
    return {
        "parameters": specs,
        "dependencies": {n: s["depends_on"] for n, s in specs.items() if s["depends_on"]},
    }


def _column(source, name, parameter, swept):
    unit = (parameter.get("unit") or "").strip() or None
    title = f"{name} ({unit})" if unit else name
    label = parameter.get("label") or ""
    return Column(title, name, unit, lambda: source.values(name), swept, label)


class _Results:
    """Parameters that were measured together in a run, as columns of one length.

    Args:
        path: the database.
        part: the run, for messages.
        results: its table.
        axes: parameters that were set.
        measured: parameters that were measured.
    """

    def __init__(self, path, part, results, axes, measured):
        self.path, self.part, self.results = path, part, results
        self.names, self.measured = (*axes, *measured), measured
        self._read = None

    def values(self, name):
        """The numbers of one parameter, in the order of the measurement."""
        if self._read is None:
            self._read = dict(zip(self.names, self._columns(), strict=True))
        return self._read[name]

    def _columns(self):
        where = f"{self.path}, part {self.part}"
        table = _quoted(self.results)
        cells = [_quoted(name) for name in self.names]
        # Axes alone stand in the rows of other parameters.
        some = " OR ".join(f"{_quoted(name)} IS NOT NULL" for name in self.measured)
        with _opened(self.path) as database:
            sizes = " + ".join(f"COALESCE(LENGTH({cell}), 0)" for cell in cells)
            count, size = database.execute(
                f"SELECT COUNT(*), SUM({sizes}) FROM {table} WHERE {some}"
            ).fetchone()
            check_values(where, count * len(cells))
            if size is not None and size > MOST_BYTES:
                raise InputError(
                    f"{where}: the run has {mib(size)}, and no more than {mib(MOST_BYTES)} are "
                    "read. Export the scan that is to be fitted as netCDF"
                )
            rows = database.execute(
                f"SELECT {', '.join(cells)} FROM {table} WHERE {some} ORDER BY id"
            )
            pieces = [self._row(where, i, row) for i, row in enumerate(rows)]
        if not pieces:
            return [np.zeros(0)] * len(cells)
        return [np.concatenate(column) for column in zip(*pieces, strict=True)]

    def _row(self, where, i, row):
        """The cells of a row as arrays of one length."""
        cells = [
            _numbers(f"{where}, row {i}, column '{name}'", cell)
            for name, cell in zip(self.names, row, strict=True)
        ]
        try:
            return [np.ravel(cell) for cell in np.broadcast_arrays(*cells)]
        except ValueError:
            shapes = {n: c.shape for n, c in zip(self.names, cells, strict=True)}
            raise InputError(
                f"{where}, row {i}: arrays of one shape were expected, found {shapes}: the run is "
                "damaged. Export it as netCDF with QCoDeS"
            ) from None


def _numbers(where, cell):
    """A cell as an array: a number, or the bytes of a .npy file without objects."""
    if cell is None:
        return np.array(np.nan)
    try:
        if isinstance(cell, int | float | str):  # QCoDeS writes NaN as text
            return np.array(float(cell))
        stream = io.BytesIO(cell)
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(stream)
        numbers = dtype.kind in "biufc"
        whole = stream.tell() + math.prod(shape) * dtype.itemsize == len(cell)
        if numbers and whole:
            stream.seek(0)
            return npy.read_array(stream, allow_pickle=False)
    except (TypeError, ValueError, EOFError):
        pass
    raise InputError(
        f"{where}: a number or an array of numbers was expected, found something else (text, "
        "pickled objects, or damaged bytes). Export the run as netCDF with QCoDeS"
    )


def _check_whole(path):
    """Raise InputError for a database that was cut off: SQLite would read what lacks as zeros."""
    head = read_head(path, 100)
    size = int.from_bytes(head[16:18], "big")
    whole = (65536 if size == 1 else size) * int.from_bytes(head[28:32], "big")
    if len(head) < 100 or (path.stat().st_size < whole and not waiting(path)):
        raise InputError(
            f"{path}: cut off: it has {path.stat().st_size} of {whole} bytes. Copy it once more, "
            "while no other program has it open"
        )


def waiting(path):
    """The file of the newest rows, where QCoDeS has the database open or was not closed."""
    log = path.with_name(path.name + "-wal")
    return [log] if log.exists() and log.stat().st_size > 0 else []


def _quoted(name):
    return '"' + str(name).replace('"', '""') + '"'


def _exists(database, name):
    found = database.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (str(name),)
    )
    return found.fetchone() is not None


@contextlib.contextmanager
def _opened(path):
    """The database, for reading alone."""
    beside = waiting(path)
    # What is `immutable` is opened without a trace, and without a look at other files.
    way = "mode=ro" if beside else "mode=ro&immutable=1"
    try:
        address = f"file:{urllib.parse.quote(str(path.absolute()))}?{way}"
        database = sqlite3.connect(address, uri=True)
        with contextlib.closing(database):
            database.execute("PRAGMA trusted_schema = OFF")
            database.execute("PRAGMA query_only = ON")
            yield database
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter from damaged names
        hint = f", or {beside[0].name} beside it does not belong to it" if beside else ""
        raise InputError(
            f"{path}: cut off or damaged, and cannot be read as SQLite ({error}){hint}. Copy it "
            "once more, while no other program has it open"
        ) from None
