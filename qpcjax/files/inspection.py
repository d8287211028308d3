"""The result of `qpcjax inspect`: contents of a file, how they are understood, how to fit them."""

import dataclasses
import shlex

import numpy as np

from qpcjax.files.column_units import CONDUCTANCE, GATE
from qpcjax.files.formats import open_file
from qpcjax.files.guesses import guesses, likely_unit, steps_guess
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
from qpcjax.files.set_axes import axes_of
from qpcjax.files.suggested_commands import Commands
from qpcjax.files.table import digest
from qpcjax.files.trace_selection import check_points, chosen_line, offered_traces, pointed
from qpcjax.files.traces import trace_columns
from qpcjax.files.transmission import TransmissionTable
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
    """One of the traces that a part offers, in mV and 2e^2/h.

    Fields:
        setting: at which it was taken, in words; "" where nothing else was set.
        at: the setting of the first other axis, in its own unit.
        nearest: whether no other line is nearer to zero bias, or to 0 of its first other axis.
        notes: what may be wrong with it.
    """

    trace: int
    sweep: int
    direction: str
    points: int
    gate: tuple[float, float]
    conductance: tuple[float, float]
    setting: str = ""
    at: float | None = None
    nearest: bool = True
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class AxisFacts:
    """A column that was set besides the gate, or rested: how many settings, from where to where."""

    title: str
    settings: int
    low: float
    high: float
    bias: bool


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a file.

    Fields:
        kind: the kind of data that it is taken for, or None.
        why: why.
        axes: what was set besides the gate, and what rested at one setting.
        command: the command line or the call that reads it, "" where there is none.
        others: further command lines, each behind the words that say what it is for.
        data: its data sets for fits; not part of the JSON.
    """

    name: str
    title: str
    columns: tuple[ColumnFacts, ...]
    kind: str | None
    why: str
    traces: tuple[TraceFacts, ...] = ()
    axes: tuple[AxisFacts, ...] = ()
    command: str = ""
    others: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    metadata: dict = dataclasses.field(default_factory=dict)
    data: tuple[Data | TransmissionTable, ...] = dataclasses.field(default=(), repr=False)


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
    likely = (
        likely_unit(GATE, np.concatenate([one.gate for one in data])),
        likely_unit(CONDUCTANCE, np.concatenate([one.conductance for one in data])),
    )
    supposed = ["--gate-unit", likely[0], "--conductance-unit", likely[1]]
    asked = shlex.join(["qpcjax", "fit", *files, *supposed, "-o", "OUT"])
    words = f"if the gate is in {likely[0]} and the conductance in {likely[1]}: {asked}"
    part = Part(
        "",
        "",
        (),
        TRACE if stated else None,
        "two files of one shape without headers, a column a trace",
        traces,
        command=command if stated else "",
        others=() if stated else (words,),
        notes=notes,
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
    offered, data, notes, axes = [], (), list(table.notes), ()
    try:
        if kind == TRACE:
            offered = offered_traces(table, choice, sha256)
            chosen = offered if trace is None else chosen_line(table, offered, trace)
            data = tuple(o.data for o in chosen)
        elif kind in (SPECTROSCOPY, HOT_SPOT, DISSIPATION):
            offered = _lines(table, choice) if kind == SPECTROSCOPY else []
            data = tuple(data_of(table, kind, choice, sha256))
    except InputError as error:
        notes.append(str(error).removeprefix(f"{table.where}: "))
    if kind in (TRACE, SPECTROSCOPY):
        axes = _axes(table, choice)
    chosen = [o for o in offered if trace in (None, o.line)]
    notes += dict.fromkeys(note for one in data for note in one.notes if len(data) == 1)
    commands = Commands(path, name, choice, axes)
    others = commands.others(kind, offered) if (data or offered) and trace is None else ()
    command = commands.first(kind, chosen, offered) if data or chosen else ""
    steps = steps_guess(table) if kind in (None, STEPS) else None
    if kind is None:
        others = tuple(_asked(table, choice, path, name))
    if steps is not None:
        words, told, one = steps
        line = commands.steps(told, one)
        data = (one,) if kind == STEPS else ()
        command, others = ("", (*others, f"if {words}: {line}")) if words else (line, others)
    return Part(
        table.part,
        str(table.metadata.get("name", "")),
        tuple(_facts_of_column(table, column) for column in table.columns),
        kind,
        why.removeprefix(f"{table.where}: "),
        tuple(_facts_of_trace(o.data, o.line, o.sweep, o.direction, o) for o in chosen),
        axes,
        command,
        others,
        tuple(notes),
        {k: _short(v) for k, v in table.metadata.items()},
        data,
    )


def _asked(table, choice, path, name):
    """Command lines for what the table may be, which the user has to confirm."""
    for words, told in guesses(table, choice):
        kind, _ = taken_for(table, told)
        commands = Commands(path, name, told, _axes(table, told))
        yield from commands.asked(words, kind, offered_traces(table, told))


def _lines(table, choice):
    """The lines of a map at fixed biases, where it has any."""
    try:
        return offered_traces(table, choice)
    except InputError:
        return []


def _axes(table, choice):
    gate, measured = trace_columns(table, choice)
    try:
        check_points(table, gate.column)
    except InputError:
        return ()
    there = ~(np.isnan(gate.column.values) | np.isnan(np.abs(measured.column.values)))
    try:
        found = axes_of(table, gate, measured.column, np.flatnonzero(there), choice.setting)
    except InputError:
        return ()
    return tuple(
        AxisFacts(
            axis.column.title,
            axis.settings.size,
            float(axis.settings[0]),
            float(axis.settings[-1]),
            axis.bias,
        )
        for axis in (*found.moved, *found.fixed)
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
    values = np.abs(values) if note else values
    missing = int(np.count_nonzero(np.isnan(values)))
    # NaN passes, and nothing is copied.
    low, high = (f.reduce(values) if missing < values.size else None for f in (np.fmin, np.fmax))
    ends = (None, None) if low is None or high is None else (float(low), float(high))
    return ColumnFacts(column.title, column.unit, column.swept, values.size, missing, *ends, note)


def _facts_of_trace(trace: ConductanceTrace, line, sweep, direction, offered=None) -> TraceFacts:
    gate, g = trace.gate, trace.conductance
    found = TraceFacts(
        line,
        sweep,
        direction,
        gate.size,
        (float(np.min(gate)), float(np.max(gate))),
        (float(np.min(g)), float(np.max(g))),
        notes=trace.notes,
    )
    if offered is None:
        return found
    at = next(iter(offered.at.values()), None)
    return dataclasses.replace(found, setting=offered.setting, at=at, nearest=offered.nearest)


def _short(value):
    text = str(value)
    return value if len(text) <= 200 else text[:197] + "..."
