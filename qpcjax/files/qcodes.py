"""QCoDeS' databases, read without QCoDeS: SQLite, with a table for each run.

`runs` names the table of a run and describes its parameters, what was set and what was measured
against it, as JSON. A cell is a number, or an array as the bytes of a .npy file; a row holds a set
point and what was measured there, or one of the parameters that were, and NULL for the others.
"""

import io
import json
import math

import numpy as np
from numpy.lib import format as npy

from qpcjax.files.qcodes_rows import joined
from qpcjax.files.sqlite import check_whole, exists, opened, quoted
from qpcjax.files.table import MOST_BYTES, Column, Table, check_values, mib
from qpcjax.measurements import InputError

_MOST_RUNS = 100_000
_ROWS = 20_000  # of a table that are fetched at once
_NUMERIC = ("numeric", "array", "complex")


def read_qcodes(path):
    """A table for each measured parameter's set of axes, of every run, as `formats` calls it."""
    check_whole(path)
    with opened(path) as database:
        if not exists(database, "runs"):
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
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError):
        raise InputError(
            f"{path}, part {run}: the description of the run cannot be read. Export the run as "
            "netCDF with QCoDeS"
        ) from None
    if not measured or not exists(database, results):
        return []
    there = {row[1] for row in database.execute(f"PRAGMA table_info({quoted(results)})")}
    groups = {}
    for name, axes in measured.items():
        if axes and kinds.get(name) in _NUMERIC and {name, *axes} <= there & kinds.keys():
            groups.setdefault(frozenset(axes), (axes, []))[1].append(name)
    tables = []
    for i, (axes, names) in enumerate(groups.values()):
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
        table = quoted(self.results)
        cells = [quoted(name) for name in self.names]
        # Axes alone stand in the rows of other parameters.
        some = " OR ".join(f"{quoted(name)} IS NOT NULL" for name in self.measured)
        with opened(self.path) as database:
            sizes = " + ".join(f"COALESCE(LENGTH({cell}), 0)" for cell in cells)
            blobs = " OR ".join(f"TYPEOF({cell}) = 'blob'" for cell in cells)
            count, size, arrays = database.execute(
                f"SELECT COUNT(*), SUM({sizes}), SUM({blobs}) FROM {table} WHERE {some}"
            ).fetchone()
            check_values(where, count * len(cells))
            if size is not None and size > MOST_BYTES:
                raise InputError(
                    f"{where}: the run has {mib(size)}, and no more than {mib(MOST_BYTES)} are "
                    "read. Export the scan that is to be fitted as netCDF"
                )
            if not count:
                return [np.zeros(0)] * len(cells)
            rows = database.execute(
                f"SELECT {', '.join(cells)} FROM {table} WHERE {some} ORDER BY id"
            )
            return self._of_arrays(where, rows) if arrays else self._of_numbers(where, rows)

    def _of_numbers(self, where, rows):
        """Columns of a run whose cells are numbers."""
        values, present, axes = [], [], len(self.names) - len(self.measured)
        while piece := rows.fetchmany(_ROWS):
            cells = np.array(piece, object)
            present.append(np.array([[cell is not None for cell in row[axes:]] for row in piece]))
            try:
                values.append(cells.astype(float))  # NaN for None, and for the text that QCoDeS has
            except ValueError:
                before = _ROWS * len(values)
                for i, row in enumerate(piece):
                    self._row(where, before + i, row)  # which raises the error
                raise
        table = np.concatenate(values)
        places = table[:, :axes] + 0.0  # -0.0 is the same place as 0.0
        kinds = np.ascontiguousarray(places).view(np.dtype((np.void, 8 * axes))).ravel()
        found = joined(np.unique(kinds, return_inverse=True)[1], np.concatenate(present))
        set_points = table[found.max(axis=1), :axes]
        measured = [
            np.where(own < 0, np.nan, table[own, axes + i]) for i, own in enumerate(found.T)
        ]
        return [*set_points.T, *measured]

    def _of_arrays(self, where, rows):
        """Columns of a run some of whose cells are arrays."""
        axes, cells = len(self.names) - len(self.measured), rows.fetchall()
        known: dict[tuple, int] = {}
        places = np.array([known.setdefault(row[:axes], len(known)) for row in cells])
        present = np.array([[cell is not None for cell in row[axes:]] for row in cells])
        pieces, size = [], 0
        for own in joined(places, present):
            row = max(own)
            together = [None if j < 0 else cells[j][axes + i] for i, j in enumerate(own)]
            pieces.append(self._row(where, row, [*cells[row][:axes], *together]))
            size += pieces[-1][0].size
            check_values(where, size * len(self.names))
        return [np.concatenate(column) for column in zip(*pieces, strict=True)]

    def _row(self, where, i, row):
        """The cells of a row as arrays of one length."""
        cells = [
            _numbers(f"{where}, row {i}, column '{name}'", cell)
            for name, cell in zip(self.names, row, strict=True)
        ]
        try:
            check_values(where, math.prod(np.broadcast_shapes(*(cell.shape for cell in cells))))
            return [np.ravel(cell) for cell in np.broadcast_arrays(*cells)]
        except InputError:
            raise
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
