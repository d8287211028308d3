"""Conductance traces from tables: which columns they are, and which of several traces is meant."""

import dataclasses

import numpy as np

from qpcjax.data import ConductanceTrace, InputError, counted
from qpcjax.files.columns import Found, different, locate, named, titles, unit_of, usual
from qpcjax.files.sweeps import lines, sweeps
from qpcjax.files.units import (
    BIAS,
    CONDUCTANCE,
    CURRENT,
    EXCITATION,
    GATE,
    RESISTANCE,
    SIGMA_NAMES,
    amount,
    key,
    plain,
)
from qpcjax.units import CONDUCTANCE_QUANTUM, RESISTANCE_QUANTUM

DIRECTIONS = ("up", "down", "all")

_MEASURED = (CONDUCTANCE, RESISTANCE, CURRENT)


@dataclasses.dataclass(frozen=True)
class Choice:
    """What the user says of a file, None where nothing; see `read_trace`."""

    gate: str | None = None
    conductance: str | None = None
    gate_unit: str | None = None
    conductance_unit: str | None = None
    excitation: str | float | None = None
    component: str | None = None


@dataclasses.dataclass(frozen=True)
class Offered:
    """One of the traces in a table.

    Args:
        data: the trace.
        line: which of the lines at a fixed bias, field or the like, counted from 0.
        sweep: which sweep of the line, counted from 0.
        direction: "up", "down", or "all" for points in no order.
    """

    data: ConductanceTrace
    line: int
    sweep: int
    direction: str


def measured_in(values, unit, quantity):
    """Numbers in this package's unit."""
    return values * quantity.units[plain(unit)]


def make_trace(gate, conductance, *, name, sigma=None, **more) -> ConductanceTrace:
    """A trace of the points that have both a gate voltage and a conductance.

    Args:
        gate: in mV, NaN where it is missing.
        conductance: in 2e^2/h, NaN where it is missing.
        name: what it is called.
        sigma: standard errors in 2e^2/h, None where they are not known.
        more: further fields of the trace.

    Raises:
        InputError: no such point.
    """
    kept = ~(np.isnan(gate) | np.isnan(conductance))
    if sigma is not None:
        kept &= ~np.isnan(sigma)
        sigma = sigma[kept]
    if not np.any(kept):
        raise InputError(
            f"{name}: every one of the {gate.size} rows lacks a gate voltage or a conductance "
            "(NaN or an empty cell), so no point is left"
        )
    return ConductanceTrace(
        gate[kept], conductance[kept], name, int(np.sum(~kept)), sigma=sigma, **more
    )


# --- which columns --------------------------------------------------------------------------


def gate_column(table, choice) -> Found:
    """The gate voltage: named by the user or as usual, or the only axis in volts."""
    axes = [c for c in table.columns if c.swept and plain(c.unit or "") in GATE.units]
    axes = [c for c in axes if c not in usual(table, BIAS.names)]
    if choice.gate is None and not usual(table, GATE.names) and len(axes) == 1:
        return Found(table, axes[0], GATE, axes[0].unit or "", "it is the only axis in volts")
    return locate(table, GATE, choice.gate, choice.gate_unit)


def trace_columns(table, choice) -> tuple[Found, Found]:
    """The gate voltage, and what the conductance is taken from: itself, a resistance, a current.

    Raises:
        InputError: no such columns, one for both, units that do not fit, a current whose excitation
            is not known.
    """
    gate = gate_column(table, choice)
    column, quantity, why = _measured(table, choice)
    different(table.where, {"gate": gate.column, "conductance": column})
    unit = unit_of(table.where, column.title, column.unit, quantity, choice.conductance_unit)
    driven = choice.excitation is not None or usual(table, EXCITATION.names)
    if quantity is CURRENT and not driven:
        raise InputError(
            f"{table.where}: no column is recognised as the conductance. The columns there are: "
            f"{titles(table)}. '{column.title}' is a current: state the excitation that drives "
            "it, such as '100 uV', for G = I/V"
        )
    if quantity is not CURRENT and choice.excitation is not None:
        raise InputError(
            f"{table.where}: the excitation belongs to a current, but '{column.title}' is a "
            f"{quantity.name}. Leave the excitation out, or name the current's column"
        )
    return gate, Found(table, column, quantity, unit, why)


def _measured(table, choice):
    """Column, quantity, and why."""
    stated = plain(choice.conductance_unit or "")
    if choice.conductance is not None:
        column = named(table, CONDUCTANCE, choice.conductance)
        by_name = [q for q in _MEASURED if key(column.name) in q.names and not table.nameless]
        unit = plain(column.unit or "") or stated
        by_unit = [q for q in _MEASURED if unit in q.units]
        return column, (*by_name, *by_unit, CONDUCTANCE)[0], "named by you"
    for quantity in _MEASURED:
        if usual(table, quantity.names):
            column = named(table, quantity)
            return column, quantity, f"its name is '{column.name}'"
    for quantity in _MEASURED:
        hits = [
            c
            for c in table.columns
            if c.unit and plain(c.unit) in quantity.units and not c.swept
            if key(c.name) not in SIGMA_NAMES
        ]
        if len(hits) == 1:
            return hits[0], quantity, f"it is the only column in units of a {quantity.name}"
    return named(table, CONDUCTANCE), CONDUCTANCE, ""  # which raises what is wrong


def conductance(found, choice):
    """Conductances in 2e^2/h of a measured column.

    Raises:
        InputError: a resistance or an excitation of 0, complex numbers without a component.
    """
    values = found.values(choice.component)
    table, column = found.table, found.column
    if found.quantity is RESISTANCE:
        _refuse_zeros(table, column, values, "resistance")
        return RESISTANCE_QUANTUM / values
    if found.quantity is CURRENT:
        if choice.excitation is None:
            excitation = locate(table, EXCITATION)
            voltage = excitation.values(choice.component)
            _refuse_zeros(table, excitation.column, voltage, "excitation")
        else:
            voltage = amount(choice.excitation, EXCITATION)
            if not (np.isfinite(voltage) and voltage != 0):
                raise InputError(f"the excitation must be other than 0, got {choice.excitation!r}")
        return values / voltage / CONDUCTANCE_QUANTUM  # nA/mV = uS
    return values


def _refuse_zeros(table, column, values, name):
    zeros = np.flatnonzero(values == 0)
    if zeros.size:
        raise InputError(
            f"{table.where}: column '{column.title}', point {zeros[0]} (counted from 0): a "
            f"{name} of 0 gives no finite conductance. Leave it empty to drop the point"
        )


def sigma_column(table, quantity) -> Found | None:
    """The standard errors in this quantity's unit, where the table has them."""
    hits = [c for c in usual(table, SIGMA_NAMES) if c.unit and plain(c.unit) in quantity.units]
    if len(hits) != 1:
        return None
    return Found(table, hits[0], quantity, hits[0].unit or "", f"its name is '{hits[0].name}'")


# --- which of several -----------------------------------------------------------------------


def offered_traces(table, choice, sha256="") -> list[Offered]:
    """All traces of a table: each line at fixed other axes, split where the gate turns."""
    gate, measured = trace_columns(table, choice)
    sigma = sigma_column(table, CONDUCTANCE) if measured.quantity is CONDUCTANCE else None
    voltages, values = gate.values(), conductance(measured, choice)
    errors = None if sigma is None else sigma.values()
    unit = measured.unit
    if measured.quantity is CURRENT:
        unit += f" at {choice.excitation}" if choice.excitation is not None else " by excitation"
    others = _others(table, gate, measured)
    kept = np.flatnonzero(~(np.isnan(voltages) | np.isnan(values)))
    groups = lines([column.values[kept] for column in others])
    found = []
    for i, line in enumerate(groups or [np.arange(kept.size)]):
        points = kept[line]
        if groups and (points.size < 2 or np.ptp(voltages[points]) == 0):
            continue  # where a scan was aborted, or the gate rested
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
                metadata=dict(table.metadata),
            )
            found.append(Offered(data, i, j, sweep.direction))
    if not found:
        raise InputError(
            f"{table.where}: the gate voltage does not move while everything else rests, so there "
            "is no trace. Are these the right columns?"
        )
    return found


def _others(table, gate, measured):
    """What was set besides the gate."""
    told = [c for c in table.columns if c.swept] or usual(table, BIAS.names)
    return [c for c in told if c not in (gate.column, measured.column)]


def chosen_trace(where, offered, trace=None, sweep=None) -> ConductanceTrace:
    """The trace that is meant.

    Args:
        where: file, for messages.
        offered: of `offered_traces`.
        trace: number of the line, counted from 0; None where there is only one.
        sweep: "up", "down", its number counted from 0, or "all" for the line as it was measured.

    Raises:
        InputError: no such trace, or more than one.
    """
    there = sorted({o.line for o in offered})
    if trace is None and len(there) > 1:
        raise InputError(
            f"{where}: it holds {len(there)} traces, taken at different settings. Say which one by "
            f"its number, trace {there[0]} to {there[-1]}"
        )
    trace = there[0] if trace is None else trace
    if trace not in there:
        last = f"{there[0]} to {there[-1]}" if len(there) > 1 else f"only {there[0]}"
        raise InputError(f"{where}: there is no trace {trace}; a trace is {last}")
    line = [o for o in offered if o.line == trace]
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
        f"{where}: {problem}. The sweeps are {listed}. Say which one by sweep up, down or its "
        "number, or all for every point as it was measured"
    )


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
