"""Conductance traces from tables: which columns they are, in which units."""

import dataclasses

import numpy as np

from qpcjax.constants import CONDUCTANCE_QUANTUM, RESISTANCE_QUANTUM
from qpcjax.files.column_roles import Found, different, locate, named, titles, unit_of, usual
from qpcjax.files.column_units import (
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
from qpcjax.measurements import ConductanceTrace, InputError

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


def measured_in(values, unit, quantity):
    """Numbers in this package's unit."""
    return values * quantity.units[plain(unit)]


def make_trace(gate, conductance, *, name, sigma=None, **more) -> ConductanceTrace:
    """A trace of the points that have both a gate voltage and a conductance.

    Args:
        gate: in mV, NaN where it is missing.
        conductance: in 2e^2/h, NaN where it is missing.
        name: its name.
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
        gate[kept], conductance[kept], name, dropped=int(np.sum(~kept)), sigma=sigma, **more
    )


def gate_column(table, choice) -> Found:
    """The gate voltage: named by the user or as usual, or the only axis in volts."""
    axes = [c for c in table.columns if c.swept and plain(c.unit or "") in GATE.units]
    axes = [c for c in axes if c not in usual(table, BIAS.names)]
    if choice.gate is None and not usual(table, GATE.names) and len(axes) == 1:
        return Found(table, axes[0], GATE, axes[0].unit or "", "it is the only axis in volts")
    return locate(table, GATE, choice.gate, choice.gate_unit)


def trace_columns(table, choice) -> tuple[Found, Found]:
    """The gate voltage, and the column of the conductance, a resistance or a current.

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
    return named(table, CONDUCTANCE), CONDUCTANCE, ""  # which raises the error


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
