"""Conductance traces from tables: which columns they are, in which units."""

import dataclasses
import re

import numpy as np

from qpcjax.constants import CONDUCTANCE_QUANTUM, RESISTANCE_QUANTUM
from qpcjax.files.column_roles import (
    Found,
    different,
    locate,
    moving,
    named,
    recognised,
    stated_unit,
    titles,
    unit_of,
    usual,
)
from qpcjax.files.column_units import (
    BIAS,
    CONDUCTANCE,
    CURRENT,
    EXCITATION,
    GAIN,
    GATE,
    LOCK_IN,
    RESISTANCE,
    SIGMA_NAMES,
    amount,
    key,
    plain,
)
from qpcjax.files.offsets import AUTO, stated_offset, without_shown_offset
from qpcjax.measurements import ConductanceTrace, InputError

_MEASURED = (CONDUCTANCE, RESISTANCE, CURRENT)
_SMALL = 0.05  # of X of a lock-in: Y below it is left out without a question
_FEW = 5  # points that tell a sign
_OPEN = 0.1  # in 2e^2/h: what is less is noise about 0


@dataclasses.dataclass(frozen=True)
class Choice:
    """What the user says of a file, None where nothing; see `read_trace`."""

    gate: str | None = None
    conductance: str | None = None
    gate_unit: str | None = None
    conductance_unit: str | None = None
    excitation: str | float | None = None
    component: str | None = None
    gain: str | None = None
    setting: str | None = None
    at: str | float | None = None
    offset: str | None = None


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
    """The gate voltage: named by the user or by its name, or the only axis or column in volts."""
    if choice.gate is None and not table.nameless and not recognised(table, GATE):
        taken = [*recognised(table, BIAS), *usual(table, EXCITATION.names)]
        volts = [c for c in table.columns if plain(c.unit or "") in GATE.units and c not in taken]
        axes = [c for c in volts if c.swept]
        if len(axes) == 1:
            return Found(table, axes[0], GATE, axes[0].unit or "", "it is the only axis in volts")
        rest = moving([c for c in volts if not is_lock_in(c)] or volts)
        if not axes and len(rest) == 1 and len(table.columns) > 1:
            why = "it is the only column in volts"
            return Found(table, rest[0], GATE, rest[0].unit or "", why)
    return locate(table, GATE, choice.gate, choice.gate_unit)


def trace_columns(table, choice) -> tuple[Found, Found]:
    """The gate voltage, and the column of the conductance, a resistance or a current.

    Raises:
        InputError: no such columns, one for both, units that do not fit, a current whose excitation
            is not known.
    """
    gate = gate_column(table, choice)
    column, quantity, why = _measured(table, choice, gate.column)
    different(table.where, {"gate": gate.column, "conductance": column})
    stated = choice.conductance_unit or stated_unit(column, choice.conductance)
    unit = unit_of(table.where, column.title, column.unit, quantity, stated)
    _check_drive(table, choice, column, quantity)
    return gate, Found(table, column, quantity, unit, why)


def _check_drive(table, choice, column, quantity):
    """Raise InputError where excitation and gain do not go with what was measured."""
    driven = choice.excitation is not None or usual(table, EXCITATION.names)
    known = f"no column is recognised as the conductance. The columns there are: {titles(table)}"
    if quantity is CURRENT and not driven:
        raise InputError(
            f"{table.where}: {known}. '{column.title}' is a current: state the excitation that "
            "drives it, such as '100 uV', for G = I/V"
        )
    if quantity is LOCK_IN and choice.gain is None and not _is_current(choice.excitation):
        raise InputError(
            f"{table.where}: {known}. '{column.title}' is a voltage, as a lock-in shows it: state "
            "the gain of the current amplifier and the excitation, such as --gain '1e7 V/A' "
            "--excitation '100 uV', for G = V/(gain x excitation); or, where a current was driven, "
            "that current alone, such as --excitation '10 nA', for G = I/V"
        )
    if quantity is LOCK_IN and not driven:
        raise InputError(
            f"{table.where}: '{column.title}' is a voltage behind an amplifier: state the "
            "excitation too, such as '100 uV', for G = V/(gain x excitation)"
        )
    for name, value, kinds in (
        ("excitation", choice.excitation, (CURRENT, LOCK_IN)),
        ("gain", choice.gain, (LOCK_IN,)),
    ):
        if value is not None and quantity not in kinds:
            raise InputError(
                f"{table.where}: the {name} belongs to a {kinds[0].name}, but '{column.title}' is "
                f"a {quantity.name}. Leave the {name} out, or name the {kinds[0].name}'s column"
            )


def _is_current(excitation):
    """Whether an excitation is a current that was driven, such as '10 nA'."""
    unit = re.sub(r"^[\s\d.+-]*([eE][+-]?\d+)?\s*", "", str(excitation or ""))
    return plain(unit) in CURRENT.units


def is_lock_in(column):
    """Whether a column's name is that of what a lock-in shows."""
    name = key(column.name)
    return name in LOCK_IN.names or bool(LOCK_IN.likely.fullmatch(name))


def _measured(table, choice, gate):
    """Column, quantity, and why."""
    stated = plain(choice.conductance_unit or "")
    kinds = (*_MEASURED, LOCK_IN)
    if choice.conductance is not None:
        column = named(table, CONDUCTANCE, choice.conductance)
        unit = plain(column.unit or stated_unit(column, choice.conductance) or stated)
        by_name = [q for q in _MEASURED if key(column.name) in q.names and not table.nameless]
        by_unit = [q for q in kinds if unit in q.units]
        if by_unit == [LOCK_IN]:
            by_name = []  # R in volts is the amplitude of a lock-in
        return column, (*by_name, *by_unit, CONDUCTANCE)[0], "named by you"
    columns = [c for c in table.columns if c is not gate]
    if not table.nameless:
        for quantity in _MEASURED:
            hits = [c for c in usual(table, quantity.names) if not _in_volts(c)]
            if hits:
                column = hits[0] if len(hits) == 1 else named(table, quantity)
                return column, quantity, f"its name is '{column.name}'"
        for quantity in _MEASURED:
            hits = [c for c in columns if quantity.likely.fullmatch(key(c.name)) and not c.swept]
            hits = [c for c in hits if plain(c.unit or "") in quantity.units]
            if len(hits) == 1:
                return hits[0], quantity, f"its name is '{hits[0].name}'"
    for quantity in _MEASURED:
        column, why = _by_unit(columns, quantity)
        if column is not None:
            return column, quantity, why
    biases = [*recognised(table, BIAS), *recognised(table, GATE), *usual(table, EXCITATION.names)]
    column, why = _by_unit([c for c in columns if c not in biases], LOCK_IN)
    if column is not None:
        return column, LOCK_IN, why
    return named(table, CONDUCTANCE), CONDUCTANCE, ""  # which raises the error


def _in_volts(column):
    return plain(column.unit or "") in LOCK_IN.units


def _by_unit(columns, quantity):
    """The only column in units of a quantity, or X of a lock-in whose Y is small; and why."""
    hits = [
        c
        for c in columns
        if c.unit and plain(c.unit) in quantity.units and not c.swept
        if key(c.name) not in SIGMA_NAMES
    ]
    if quantity is LOCK_IN:
        hits = [c for c in hits if is_lock_in(c)]
    if len(hits) == 1:
        return hits[0], f"it is the only column in units of a {quantity.name}"
    known = {key(c.name): c for c in hits}
    for name, x in known.items():
        y = known.get(name[:-1] + "y") if name.endswith("x") else None
        if y is not None and _is_small(y, x):
            return x, f"it is X of a lock-in, and Y ('{y.title}') is small beside it"
    return None, ""


def _is_small(y, x):
    """Whether Y of a lock-in, out of phase, is small beside X."""
    if x.unit != y.unit or "c" in (x.values.dtype.kind, y.values.dtype.kind):
        return False
    return np.nanstd(y.values) + abs(np.nanmean(y.values)) <= _SMALL * np.nanmax(np.abs(x.values))


def conductance(found, choice) -> tuple[np.ndarray, tuple[str, ...]]:
    """Conductances in 2e^2/h of a measured column, and what was done to it, in sentences.

    Raises:
        InputError: a resistance or an excitation of 0, complex numbers without a component, an
            offset that cannot be taken off.
    """
    values = found.values(choice.component) - stated_offset(found, choice.offset)
    table, column = found.table, found.column
    if found.quantity is RESISTANCE:
        _refuse_zeros(table, column, values, "resistance")
        values = RESISTANCE_QUANTUM / values
    elif found.quantity is LOCK_IN and _is_current(choice.excitation):
        _refuse_zeros(table, column, values, "voltage")
        values = _stated(choice.excitation, CURRENT, "excitation") / (1e3 * values)  # nA/mV = uS
        values = values / CONDUCTANCE_QUANTUM
    elif found.quantity in (CURRENT, LOCK_IN):
        if found.quantity is LOCK_IN:
            values = 1e9 * values / _stated(choice.gain, GAIN, "gain")  # nA
        values = values / _drive(table, choice) / CONDUCTANCE_QUANTUM  # nA/mV = uS
    values, notes = _upright(column, values)
    if str(choice.offset).strip().casefold() == AUTO:
        values = without_shown_offset(found, values)
    return values, notes


def _drive(table, choice):
    """The voltage that drives a current, in mV."""
    if choice.excitation is not None:
        return _stated(choice.excitation, EXCITATION, "excitation")
    excitation = locate(table, EXCITATION)
    voltage = excitation.values(choice.component)
    _refuse_zeros(table, excitation.column, voltage, "excitation")
    return voltage


def _stated(text, quantity, name):
    value = amount(text, quantity)
    if not (np.isfinite(value) and value != 0):
        raise InputError(f"the {name} must be other than 0, got {text!r}")
    return value


def _upright(column, values):
    """Conductances of an inverting amplifier with their sign turned, and a sentence on it."""
    there = values[~np.isnan(values)]
    if there.size < _FEW or np.min(there) > -_OPEN or np.max(there) > -0.05 * np.min(there):
        return values, ()
    return -values, (
        f"every value of '{column.title}' is negative, as behind an inverting amplifier: the sign "
        "was turned",
    )


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
