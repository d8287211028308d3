"""Which of several traces in a table or a file is meant."""

import dataclasses
import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from qpcjax.files.column_roles import named
from qpcjax.files.column_units import BIAS, CONDUCTANCE, RESISTANCE
from qpcjax.files.gate_sweeps import lines, sweeps
from qpcjax.files.offsets import offset_in_words
from qpcjax.files.set_axes import at_finite_bias, axes_of
from qpcjax.files.traces import (
    conductance,
    make_trace,
    sigma_column,
    trace_columns,
)
from qpcjax.measurements import ConductanceTrace, InputError, counted

MOST_POINTS = 1 << 20  # of a table in which traces are looked for
DIRECTIONS = ("up", "down", "all")


def pointed(path, trace=None) -> tuple[Path, int | None]:
    """The file, and the number of the trace in it that is meant: `map.nc#3` is trace 3 of map.nc.

    A file whose name is written like that is itself.

    Args:
        path: the file, maybe with # and a number behind it.
        trace: the number, where it is said elsewhere.

    Raises:
        InputError: something else than a number behind the #, or two different numbers.
    """
    name, mark, number = str(path).rpartition("#")
    if not mark or os.path.exists(path) or not os.path.isfile(name):
        return Path(path), trace
    if not re.fullmatch("[0-9]{1,9}", number):
        raise InputError(
            f"{path}: there is no such file, and behind the # of {name} the number of a trace was "
            f"expected, counted from 0, such as {name}#0"
        )
    if trace not in (None, int(number)):
        raise InputError(
            f"{path}: trace {int(number)} is asked for behind the #, and trace {trace} besides. "
            "Leave one of them out"
        )
    return Path(name), int(number)


def each_pointed(path) -> list[str]:
    """Names of the single traces that are meant: `map.nc#0-5` or `map.nc#0,2,5` are several.

    Args:
        path: the file, maybe with # and numbers behind it.

    Raises:
        InputError: a range that runs backwards, a number twice.
    """
    name, mark, numbers = str(path).rpartition("#")
    if not mark or os.path.exists(path) or not re.fullmatch(r"\d{1,6}([-,]\d{1,6})+", numbers):
        return [str(path)]
    found = []
    for word in numbers.split(","):
        first, _, last = word.partition("-")
        if "-" in last or (last and int(last) < int(first)):
            raise InputError(f"{path}: a range of traces rises, such as {name}#0-5, got {word}")
        found += range(int(first), int(last or first) + 1)
    if len(set(found)) < len(found):
        raise InputError(f"{path}: give each trace once")
    return [f"{name}#{number}" for number in found]


def several(path, numbers, why, best=None):
    """The error that a file holds more than one trace and none of them is named.

    Args:
        path: the file.
        numbers: of the traces, in order.
        why: a clause that describes the traces.
        best: number of the one nearest to zero bias, where it is known.
    """
    first, last = numbers[0], numbers[-1]
    shown = first if best is None else best
    hint = "" if best is None else f"; trace {best} is the nearest to zero"
    return InputError(
        f"{path}: it holds {len(numbers)} traces, {why}. Say which by its number, trace {first} "
        f"to {last}, behind the file's name, such as {path}#{shown}, or with --trace {shown}{hint}"
    )


@dataclasses.dataclass(frozen=True)
class Offered:
    """One of the traces in a table.

    Args:
        data: the trace.
        line: which of the lines at a fixed bias, field or the like, counted from 0.
        sweep: which sweep of the line, counted from 0.
        direction: "up", "down", or "all" for points in no order.
        setting: what was fixed on the line, such as "field = 0.5 T"; "" where nothing was.
        at: the settings of the line by the names of their columns, in the columns' own units.
        nearest: whether no other line is nearer to zero bias, or to 0 of its first other axis.
    """

    data: ConductanceTrace
    line: int
    sweep: int
    direction: str
    setting: str = ""
    at: Mapping[str, float] = dataclasses.field(default_factory=dict)
    nearest: bool = True


def check_points(table, column):
    """Raise InputError where a table has more points than traces are looked for in."""
    if column.values.size > MOST_POINTS:
        raise InputError(
            f"{table.where}: it has {column.values.size} points, and traces are looked for in up "
            f"to {MOST_POINTS}. Give the scan that is to be fitted alone, or average neighbours"
        )


def offered_traces(table, choice, sha256="") -> list[Offered]:
    """All traces of a table: each line at fixed other axes, split where the gate turns.

    Those at another setting than the choice's `at` are left out.
    """
    gate, measured = trace_columns(table, choice)
    check_points(table, gate.column)
    sigma = sigma_column(table, CONDUCTANCE) if measured.quantity is CONDUCTANCE else None
    voltages = gate.values()
    values, notes = conductance(measured, choice)
    errors = None if sigma is None else sigma.values()
    unit = measured.unit
    if measured.quantity not in (CONDUCTANCE, RESISTANCE):
        unit += f" at {choice.excitation}" if choice.excitation is not None else " by excitation"
    kept = np.flatnonzero(~(np.isnan(voltages) | np.isnan(values)))
    axes = axes_of(table, gate, measured.column, kept, choice.setting)
    groups = lines([axis.values[kept] for axis in axes.moved])
    found = []
    for i, line in enumerate(groups or [np.arange(kept.size)]):
        points = kept[line]
        if groups and (points.size < 2 or np.ptp(voltages[points]) == 0):
            continue  # where a scan was aborted, or the gate rested
        at = {a.column.name: float(a.values[points[0]]) for a in axes.moved if groups}
        setting = ", ".join(a.said(a.values[points[0]]) for a in axes.moved if groups)
        along = sweeps(voltages[points])
        for j, sweep in enumerate(along):
            # Rows without a value are counted where the whole table is one trace.
            whole = not groups and len(along) == 1
            rows = slice(None) if whole else points[sweep.points]
            name = table.name + (f", trace {i}" if groups else "")
            data = make_trace(
                voltages[rows],
                values[rows],
                name=name + (f", sweep {sweep.direction}" if len(along) > 1 else ""),
                sigma=None if errors is None else errors[rows],
                sha256=sha256,
                gate_unit=gate.unit,
                conductance_unit=unit,
                metadata=dict(table.metadata) | ({"setting": setting} if setting else {}),
            )
            found.append(Offered(data, i, j, sweep.direction, setting, at))
    if not found:
        raise InputError(
            f"{table.where}: the gate voltage does not move while everything else rests, so there "
            "is no trace. Are these the right columns?"
        )
    return [_with_notes(o, axes, notes) for o in _at(table, _marked(found, axes), axes, choice)]


def _marked(offered, axes):
    """The traces, those of the line nearest to zero bias marked."""
    if axes.first is None:
        return offered
    away = [abs(o.at.get(axes.first.column.name, 0.0)) for o in offered]
    least = min(away)
    pairs = zip(offered, away, strict=True)
    return [dataclasses.replace(o, nearest=distance == least) for o, distance in pairs]


def _with_notes(offered, axes, notes):
    """The trace with what may be wrong with it."""
    data = offered.data
    found = (*notes, *at_finite_bias(axes, offered.at), *offset_in_words(data.conductance))
    return dataclasses.replace(offered, data=dataclasses.replace(data, notes=found))


def _at(table, offered, axes, choice):
    """Those of the traces that are asked for by the setting at which they were taken."""
    if choice.at is None:
        return offered
    if choice.setting is not None:
        axis = next(a for a in axes.moved if a.column is named(table, BIAS, choice.setting))
    elif len(axes.moved) == 1:
        (axis,) = axes.moved
    else:
        listed = ", ".join(f"'{a.column.title}'" for a in axes.moved)
        problem = "nothing but the gate was set, so --at has no meaning: leave it out"
        if listed:
            problem = f"name the column that --at means with --setting: {listed}"
        raise InputError(f"{table.where}: {problem}")
    meant = axis.nearest(table, choice.at)
    return [o for o in offered if o.at.get(axis.column.name) == meant]


def chosen_trace(table, offered, trace=None, sweep=None) -> ConductanceTrace:
    """The trace that is meant.

    Args:
        table: where the traces stand.
        offered: of `offered_traces`.
        trace: number of the line, counted from 0; None where there is only one.
        sweep: "up", "down", its number counted from 0, or "all" for the line as it was measured.

    Raises:
        InputError: no such trace, or more than one.
    """
    line = chosen_line(table, offered, trace)
    if sweep is not None:
        sweep = str(sweep).strip().casefold()
        if sweep not in DIRECTIONS and not sweep.isdigit():
            raise InputError(
                f"sweep must be up, down, all or a number counted from 0, got {sweep!r}"
            )
    if sweep == "all":
        return _joined(line)
    hits = [o for o in line if sweep in (None, o.direction, str(o.sweep))]
    if len(hits) == 1:
        return hits[0].data
    listed = ", ".join(
        f"{o.sweep} ({o.direction}, {counted(o.data.gate.size, 'point')})" for o in line
    )
    problem = "the gate was swept more than once" if sweep is None else (
        f"there {'is no' if not hits else 'is more than one'} sweep {sweep}"
    )  # fmt: skip
    raise InputError(
        f"{table.where}: {problem}. The sweeps are {listed}. Say which one by sweep up, down or "
        "its number, or all for every point as it was measured"
    )


def chosen_line(table, offered, trace=None) -> list[Offered]:
    """The sweeps of the line that is meant; see `chosen_trace`."""
    there = sorted({o.line for o in offered})
    if trace is None and len(there) > 1:
        raise several(table.path, there, _taken_at(offered), recommended(offered))
    trace = there[0] if trace is None else trace
    if trace not in there:
        last = f"{there[0]} to {there[-1]}" if len(there) > 1 else f"only {there[0]}"
        raise InputError(f"{table.where}: there is no trace {trace}; a trace is {last}")
    return [o for o in offered if o.line == trace]


def recommended(offered) -> int:
    """The line nearest to zero bias; the first one where nothing tells."""
    return next((o.line for o in offered if o.nearest), offered[0].line)


def _taken_at(offered):
    """A clause that says at which settings traces were taken."""
    first, last = offered[0].setting, offered[-1].setting
    return f"taken at different settings, from {first} to {last}"


def traces_by_name(table, offered) -> dict[str, ConductanceTrace]:
    """Every answer of `chosen_trace`, by what tells it from the others of the file.

    Args:
        table: where the traces stand.
        offered: of `offered_traces`.
    """
    title = table.metadata.get("name", "")
    part = [f"part {table.part}" + (f" ({title})" if title else "")] if table.part else []
    numbers, found = sorted({o.line for o in offered}), {}
    for number in numbers:
        line = chosen_line(table, offered, number)
        told = [*part]
        if len(numbers) > 1:
            told.append(f"trace {number}" + (f": {line[0].setting}" if line[0].setting else ""))
        if len(line) == 1:
            found[", ".join(told) or table.name] = line[0].data
            continue
        for o in line:
            found[", ".join([*told, f"sweep {o.sweep} ({o.direction})"])] = o.data
        found[", ".join([*told, "all sweeps"])] = _joined(line)
    return found


def _joined(line):
    """A line's sweeps as one trace."""
    first = line[0].data
    if len(line) == 1:
        return first
    sigma = None
    if first.sigma is not None:
        sigma = np.concatenate([o.data.sigma for o in line])
    return dataclasses.replace(
        first,
        gate=np.concatenate([o.data.gate for o in line]),
        conductance=np.concatenate([o.data.conductance for o in line]),
        name=first.name.rpartition(", sweep ")[0],
        sigma=sigma,
    )
