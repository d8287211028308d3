"""The result of `qpcjax inspect`: contents of a file, how they are understood, how to fit them."""

import dataclasses
import shlex

import numpy as np

from qpcjax.files.formats import open_file
from qpcjax.files.reading import (
    DISSIPATION,
    HOT_SPOT,
    SPECTROSCOPY,
    STEPS,
    TRACE,
    Data,
    data_of,
    taken_for,
)
from qpcjax.files.table import digest
from qpcjax.files.trace_selection import chosen_line, offered_traces, pointed
from qpcjax.files.two_files import count_traces, pair, read_trace_columns
from qpcjax.measurements import ConductanceTrace, InputError

MOST_READ = 20  # parts whose numbers are looked at


@dataclasses.dataclass(frozen=True)
class ColumnFacts:
    """A column: how many numbers it has, from where to where, how many are missing."""

    title: str
    unit: str | None
    swept: bool
    points: int
    missing: int
    low: float | None
    high: float | None
    note: str = ""


@dataclasses.dataclass(frozen=True)
class TraceFacts:
    """One of the traces that a part offers, in mV and 2e^2/h."""

    trace: int
    sweep: int
    direction: str
    points: int
    gate: tuple[float, float]
    conductance: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a file.

    Fields:
        kind: the kind of data that it is taken for, or None.
        why: why.
        command: the command line or the call that reads it, "" where there is none.
        data: its data sets for fits; not part of the JSON.
    """

    name: str
    title: str
    columns: tuple[ColumnFacts, ...]
    kind: str | None
    why: str
    traces: tuple[TraceFacts, ...] = ()
    command: str = ""
    notes: tuple[str, ...] = ()
    metadata: dict = dataclasses.field(default_factory=dict)
    data: tuple[Data, ...] = dataclasses.field(default=(), repr=False)


@dataclasses.dataclass(frozen=True)
class Inspection:
    """Everything that `qpcjax inspect` says of a file."""

    files: tuple[str, ...]
    format: str
    sha256: str
    size: int
    parts: tuple[Part, ...]

    def as_json(self):
        """As plain values."""
        values = dataclasses.asdict(dataclasses.replace(self, parts=()))
        bare = [dataclasses.replace(part, data=()) for part in self.parts]
        values["parts"] = [dataclasses.asdict(part) for part in bare]
        for part in values["parts"]:
            del part["data"]
        return values


def inspect_file(path, choice, part=None) -> Inspection:
    """Look into a file.

    Args:
        path: the file; `map.nc#3` shows trace 3 of map.nc alone.
        choice: the user's statements about it, a `Choice`.
        part: look at this part alone.

    Raises:
        InputError: a file that cannot be read at all, or has no such part.
    """
    path, trace = pointed(path)
    file = open_file(path)
    tables = [t for t in file.tables if part is None or t.part == str(part)]
    if not tables:
        known = ", ".join(t.part for t in file.tables)
        raise InputError(f"{path}: there is no part '{part}'; its parts are {known}")
    alone = len(file.tables) == 1
    parts = [
        _part(t, choice, file.sha256, path, alone, trace) if i < MOST_READ else _unread(t)
        for i, t in enumerate(tables)
    ]
    if trace is not None and not any(part.traces for part in parts):
        first = parts[0]
        raise InputError(f"{path}: {first.notes[-1] if first.kind == TRACE else first.why}")
    return Inspection((str(path),), file.format, file.sha256, file.path.stat().st_size, (*parts,))


def inspect_pair(gate, conductance, gate_unit=None, conductance_unit=None) -> Inspection:
    """Look into two files without headers; see `read_trace_columns`."""
    gate, conductance, trace = pair(gate, conductance)
    paths = gate, conductance
    count = count_traces(*paths)
    stated = gate_unit is not None and conductance_unit is not None
    units = (gate_unit or "mV", conductance_unit or "2e2/h")
    numbers = range(count) if trace is None else [trace]
    data = tuple(read_trace_columns(*paths, i, *units) for i in numbers)
    first = f"{conductance}#{numbers[0]}" if count > 1 else str(conductance)
    files = ["--gate", str(gate), "--conductance", first]
    options = ["--gate-unit", units[0], "--conductance-unit", units[1]]
    command = shlex.join(["qpcjax", "fit", *files, *options, "-o", "OUT"])
    pairs = zip(numbers, data, strict=True)
    traces = tuple(_facts_of_trace(one, i, 0, "all") for i, one in pairs)
    notes = () if stated else (
        "the files do not state their units: the ranges above suppose mV and 2e2/h. State them "
        "with --gate-unit and --conductance-unit",
    )  # fmt: skip
    part = Part(
        "",
        "",
        (),
        TRACE if stated else None,
        "two files of one shape without headers, a column a trace",
        traces,
        command if stated else "",
        notes,
        data=data if stated else (),
    )
    size = sum(path.stat().st_size for path in paths)
    kind = "text without header, two files"
    return Inspection((str(gate), str(conductance)), kind, digest(*paths), size, (part,))


def _part(table, choice, sha256, path, alone, trace) -> Part:
    kind, why = taken_for(table, choice)
    if kind == SPECTROSCOPY and trace is not None:
        kind = TRACE  # one of the lines that it is made of
    name = "" if alone else table.part
    traces, data, notes, several = (), (), list(table.notes), False
    try:
        if kind == TRACE:
            offered = offered_traces(table, choice, sha256)
            several = len({o.line for o in offered}) > 1
            if trace is not None:
                offered = chosen_line(table, offered, trace)
            traces = tuple(_facts_of_trace(o.data, o.line, o.sweep, o.direction) for o in offered)
            data = tuple(o.data for o in offered)
        elif kind in (SPECTROSCOPY, HOT_SPOT, DISSIPATION):
            data = tuple(data_of(table, kind, choice, sha256))
    except InputError as error:
        notes.append(str(error).removeprefix(f"{table.where}: "))
    return Part(
        table.part,
        str(table.metadata.get("name", "")),
        tuple(_facts_of_column(table, column) for column in table.columns),
        kind,
        why.removeprefix(f"{table.where}: "),
        traces,
        _command(path, name, kind, choice, traces, several) if data or kind == STEPS else "",
        tuple(notes),
        {k: _short(v) for k, v in table.metadata.items()},
        data,
    )


def _unread(table) -> Part:
    columns = tuple(
        ColumnFacts(c.title, c.unit, c.swept, 0, 0, None, None, "not read") for c in table.columns
    )
    why = f"only the first {MOST_READ} parts are read; --part {table.part} shows this one"
    return Part(table.part, str(table.metadata.get("name", "")), columns, None, why)


def _facts_of_column(table, column) -> ColumnFacts:
    try:
        values = column.values
    except InputError as error:
        said = str(error).removeprefix(f"{table.where}: ")
        return ColumnFacts(column.title, column.unit, column.swept, 0, 0, None, None, said)
    note = "complex" if values.dtype.kind == "c" else ""
    there = np.abs(values[~np.isnan(values)]) if note else values[~np.isnan(values)]
    ends = (float(np.min(there)), float(np.max(there))) if there.size else (None, None)
    missing = int(values.size - there.size)
    return ColumnFacts(column.title, column.unit, column.swept, values.size, missing, *ends, note)


def _facts_of_trace(trace: ConductanceTrace, line, sweep, direction) -> TraceFacts:
    gate, g = trace.gate, trace.conductance
    return TraceFacts(
        line,
        sweep,
        direction,
        gate.size,
        (float(np.min(gate)), float(np.max(gate))),
        (float(np.min(g)), float(np.max(g))),
    )


def _command(path, part, kind, choice, traces, several):
    """The command line that reads a part; Python where no command takes it."""
    if kind == STEPS:
        return f"qpcjax evaluate --model table --table {shlex.quote(str(path))} --mu MU"
    said = {k: v for k, v in dataclasses.asdict(choice).items() if v is not None}
    if part:
        said["part"] = part
    if kind != TRACE:
        more = "".join(f", {k}={v!r}" for k, v in said.items())
        return f"qpcjax.files.read_data({str(path)!r}{more})"
    named = f"{path}#{traces[0].trace}" if several else str(path)
    line = [t for t in traces if t.trace == traces[0].trace]
    if len(line) > 1:
        ways = [t.direction for t in line]
        said["sweep"] = line[0].direction if ways.count(ways[0]) == 1 else line[0].sweep
    words = [w for k, v in said.items() for w in (f"--{k.replace('_', '-')}", str(v))]
    return shlex.join(["qpcjax", "fit", named, *words, "-o", "OUT"])


def _short(value):
    text = str(value)
    return value if len(text) <= 200 else text[:197] + "..."
