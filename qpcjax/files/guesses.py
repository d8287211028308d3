"""What a table may hold whose columns do not tell it: guesses that `qpcjax inspect` offers.

A guess is never read by itself. It is a command line behind an "if", for the user to confirm.
"""

import dataclasses
import itertools
import warnings

import numpy as np

from qpcjax.files.column_roles import recognised, usual
from qpcjax.files.column_units import (
    BIAS,
    CONDUCTANCE,
    CURRENT,
    ENERGY,
    EXCITATION,
    GATE,
    LOCK_IN,
    RESISTANCE,
    TIME,
    TRANSMISSION,
    key,
    plain,
)
from qpcjax.files.trace_selection import MOST_POINTS, offered_traces
from qpcjax.files.traces import Choice, gate_column, is_lock_in, trace_columns
from qpcjax.files.transmission import TransmissionTable, transmission_of
from qpcjax.measurements import InputError

_MOST_COLUMNS = 32
_MOST_SHOWN = 3
_FEWEST, _MOST_MODES = 5, 200  # of what may be T(E)
_DRIVEN, _AMPLIFIED = "100 uV", "1e7 V/A"  # usual ones, to be replaced by those of the measurement
# Units by the largest number of a column: the first whose number is not smaller is meant.
_SIZES = {
    GATE.name: (("V", 20.0), ("mV", np.inf)),
    BIAS.name: (("V", 0.1), ("mV", 50.0), ("uV", np.inf)),
    CONDUCTANCE.name: (("S", 2e-3), ("2e2/h", 20.0), ("uS", np.inf)),
    RESISTANCE.name: (("kOhm", 5e3), ("Ohm", np.inf)),
    CURRENT.name: (("A", 1e-5), ("nA", np.inf)),
    ENERGY.name: (("eV", 0.5), ("meV", np.inf)),
    LOCK_IN.name: (("V", np.inf),),
}


def likely_unit(quantity, values) -> str:
    """The unit that numbers of a quantity are likely to have, by their size."""
    largest = np.max(np.abs(values), initial=0.0, where=np.isfinite(values))
    return next(unit for unit, most in _SIZES[quantity.name] if largest <= most)


def guesses(table, choice) -> list[tuple[str, Choice]]:
    """What the user may mean by a table that is not understood: words and what would say it.

    Each makes a trace, or several, of the table.

    Args:
        table: the table.
        choice: what the user has said so far.
    """
    if len(table.columns) > _MOST_COLUMNS:
        return []
    found = []
    for (gate, of_gate), told_gate in _gates(table, choice):
        for of_measured, told in _measured(table, told_gate, gate):
            try:
                offered_traces(table, told)
            except InputError:
                continue
            found.append((" and ".join(w for w in (of_gate, of_measured) if w), told))
            if len(found) == _MOST_SHOWN:
                return found
    return found


def steps_guess(table) -> tuple[str, dict[str, str], TransmissionTable] | None:
    """What the user may mean by a table that may hold T(E): words, options, and the table.

    Args:
        table: the table; its columns may have the names of T(E), or none.
    """
    told, words = {}, ""
    energies = usual(table, ENERGY.names) or list(table.columns[:1])
    values = usual(table, TRANSMISSION.names) or list(table.columns[1:2])
    if len(energies) != 1 or len(values) != 1 or len(table.columns) > _MOST_COLUMNS:
        return None
    (energy,), (value,) = energies, values
    unit = energy.unit or likely_unit(ENERGY, _numbers(energy))
    if not energy.unit:
        told["energy"] = f"{energy.name} ({unit})"
        words = f"'{energy.name}' is the energy in {unit}"
    if table.nameless:
        told["transmission"], words = value.name, f"{words} and '{value.name}' is T"
    try:
        with warnings.catch_warnings():  # what is rounded is said when it is evaluated
            warnings.simplefilter("ignore", UserWarning)
            found = transmission_of(table, **told)
    except InputError:
        return None
    if found[0].size < _FEWEST or np.max(found[1]) > _MOST_MODES:
        return None
    return words, told, TransmissionTable(table.name, *found)


def _numbers(column):
    """The finite real numbers of a column, none where it has others or too many."""
    try:
        values = column.values
    except InputError:
        return np.zeros(0)
    if values.dtype.kind == "c" or values.size > MOST_POINTS:
        return np.zeros(0)
    return values[np.isfinite(values)]


def _unevenness(column):
    """How unevenly its numbers are spaced over the mean step; of a bias, which lies about 0, more.

    It is small for what was set in steps, and infinite for what cannot have been.
    """
    numbers = _numbers(column)
    kinds = np.unique(numbers)
    if kinds.size < 3 or key(column.name) in TIME.names:
        return np.inf
    steps = np.diff(kinds)
    about_zero = abs(kinds[0] + kinds[-1]) < 0.2 * np.ptp(kinds)
    return float(np.std(steps) / np.mean(steps)) + 10 * about_zero


def _gates(table, choice):
    """Columns that may be the gate, in words, and the choice that says so; the likeliest first."""
    try:
        column = gate_column(table, choice).column
    except InputError:
        pass
    else:
        yield (column, ""), choice
        return
    if choice.gate is not None:
        return
    known = recognised(table, GATE)
    order = known or sorted(table.columns, key=_unevenness)[:1]
    for column in order:
        if not np.isfinite(_unevenness(column)):
            continue
        if column.unit:
            if plain(column.unit) in GATE.units:
                yield (column, f"'{column.title}' is the gate"), _told(choice, gate=column.title)
            continue
        unit = likely_unit(GATE, _numbers(column))
        named = _told(choice, gate=f"{column.name} ({unit})")
        yield (column, f"'{column.name}' is the gate in {unit}"), named


def _measured(table, choice, gate):
    """What may have been measured, in words, and the choice that says so; the likeliest first."""
    try:
        trace_columns(table, choice)
    except InputError:
        pass
    else:
        yield "", choice
        return
    alone = [None, *(c for c in table.columns if c is not gate)]
    if choice.conductance is not None:
        alone = [None]
    driven = {"excitation": _DRIVEN}
    amplified = driven | {"gain": _AMPLIFIED}
    seen = []
    for column, drive in itertools.product(alone, ({}, driven, amplified)):
        words, named = _named(column)
        if words is None or any(getattr(choice, name) is not None for name in drive):
            continue
        told = _told(choice, **named, **drive)
        try:
            _, measured = trace_columns(table, told)
        except InputError:
            continue
        if measured.column.swept or measured.column in seen or (column and _is_axis(column)):
            continue
        needs = {CURRENT.name: driven, LOCK_IN.name: amplified}.get(measured.quantity.name, {})
        if drive == needs or (not drive and usual(table, EXCITATION.names)):
            seen.append(measured.column)
            by = f"'{measured.column.title}' was driven by {_DRIVEN}" if drive else ""
            by += f" and amplified by {_AMPLIFIED}" if "gain" in drive else ""
            by += " (put your own there)" if drive else ""
            yield " and ".join(w for w in (words, by) if w), told


def _named(column):
    """A column in words as what its name or its place tells, and the option; None for no number."""
    if column is None:
        return "", {}
    numbers = _numbers(column)
    if numbers.size < 3 or key(column.name) in TIME.names:
        return None, {}
    name, quantity = key(column.name), CONDUCTANCE
    for kind in (RESISTANCE, CURRENT):
        if name in kind.names or kind.likely.fullmatch(name):
            quantity = kind
    if is_lock_in(column):
        quantity = LOCK_IN
    if column.unit:
        return f"'{column.title}' was measured", {"conductance": column.title}
    unit = likely_unit(quantity, numbers)
    title = f"{column.name} ({unit})"
    return f"'{column.name}' is the {quantity.name} in {unit}", {"conductance": title}


def _is_axis(column):
    """Whether a column takes few values at even steps, or rests."""
    numbers = _numbers(column)
    few = np.unique(numbers).size <= numbers.size / 2
    return few and (_unevenness(column) % 10 < 0.01 or np.ptp(numbers) == 0)


def _told(choice, **more):
    return dataclasses.replace(choice, **more)
