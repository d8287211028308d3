"""Which columns of a table were set beside the gate, and at which settings.

A map is measured in loops, so a column that was set takes few values in a regular order: it rests
while the gate is swept, or is swept while the gate rests, or makes a grid with it. A reading, such
as a time or a temperature that drifts, does neither.
"""

import dataclasses
from functools import cached_property

import numpy as np

from qpcjax.files.column_roles import Found, named, recognised
from qpcjax.files.column_units import BIAS, SIGMA_NAMES, TIME, key, plain
from qpcjax.files.gate_sweeps import sweeps
from qpcjax.files.table import Column, Table
from qpcjax.measurements import InputError

_ALIGNED = 0.9  # of the steps of an outer axis that must fall on turns of the gate
_WHOLE = 0.2  # of the gate's range that a run at one setting covers
_APART = 3  # times the noise of a read-back that two settings differ by
_BIASED = 0.05  # meV, or mV: what is less is an offset of the instrument
_REST = 4  # points for which a gate may rest, where nothing else is swept meanwhile


@dataclasses.dataclass(frozen=True, eq=False)
class Axis:
    """A column that was set besides the gate.

    Args:
        column: the column.
        values: the setting at each point; of a setting that was read back, the mean of its sweep.
        bias: whether its name says that it is a bias.
    """

    column: Column
    values: np.ndarray
    bias: bool = False

    @property
    def settings(self) -> np.ndarray:
        """The different settings, from the lowest to the highest."""
        return np.unique(self.values[~np.isnan(self.values)])

    def nearest(self, table, wanted) -> float:
        """The setting that is meant by a number in the unit of the column, or by a text of it.

        Raises:
            InputError: something else than a number, or no such setting.
        """
        unit, bare = self.column.unit or "", str(wanted).strip()
        try:
            number = float(bare.removesuffix(unit) if unit else bare)
        except ValueError:
            raise InputError(
                f"--at must be a number in the unit of '{self.column.title}', got {bare!r}"
            ) from None
        settings = self.settings
        found = settings[np.argmin(np.abs(settings - number))]
        if not abs(found - number) <= 1e-3 * np.min(np.diff(settings)):
            raise InputError(
                f"{table.where}: nothing was taken at {wanted}; the nearest is {self.said(found)}"
                f", of {settings.size} from {settings[0]:.5g} to {settings[-1]:.5g}"
            )
        return float(found)

    def said(self, value) -> str:
        """A setting in words, such as 'bias = 0.5 mV'."""
        return f"{self.column.name} = {value:.5g} {self.column.unit or ''}".strip()


@dataclasses.dataclass(frozen=True, eq=False)
class Axes:
    """What else was set in a table, and what rested.

    Args:
        moved: axes, in the order of the columns.
        fixed: columns of one value that a measurement is taken at, such as a second gate.
    """

    moved: tuple[Axis, ...] = ()
    fixed: tuple[Axis, ...] = ()

    @property
    def first(self) -> Axis | None:
        """The axis that tells a line from the others first of all: a bias where there is one."""
        return next((a for a in self.moved if a.bias), next(iter(self.moved), None))


def axes_of(table: Table, gate: Found, measured: Column, kept, setting=None, known=()) -> Axes:
    """The axes of a table besides its gate.

    Args:
        table: the table.
        gate: its gate voltage.
        measured: the column of what was measured.
        kept: numbers of the points that have a gate voltage and a value.
        setting: name of a column that the user says was set.
        known: columns that are known, and not looked at.

    Raises:
        InputError: no such column; a gate that rests while another column is swept and nothing
            says what that is.
    """
    stated = None if setting is None else named(table, BIAS, setting)
    biases = recognised(table, BIAS)
    told = [c for c in table.columns if c.swept] if gate.column.swept else []
    moved, fixed = [], []
    for column in table.columns:
        if column in (gate.column, measured, *known) or _is_no_setting(column):
            continue
        said = column in (*told, *biases) or column is stated
        values = _numbers(column) if said or not told else None
        if values is None:
            continue
        points = kept[~np.isnan(values[kept])]
        if 2 * points.size <= kept.size:
            continue
        along = _Along(values[points], gate.column.values[points])
        kind, every = along.kind, np.full(values.size, np.nan)
        every[points] = along.means if kind == "read back" else along.values
        axis = Axis(column, every, column in biases)
        if kind == "fixed":
            fixed.append(axis)
        elif kind in ("axis", "read back") or (said and kind == "follows" and axis.bias):
            moved.append(axis)
        elif kind == "reading":
            if not moved:
                _check_rest(table, gate, column, along)
            fixed += [_at_its_mean(axis)] if said else []
    if stated is not None and not any(a.column is stated for a in moved):
        raise InputError(
            f"{table.where}: '{stated.title}' is no axis beside the gate '{gate.column.title}': "
            "it rests, follows the gate, or is a reading with a value of its own at nearly every "
            "point. Name another column with --setting, or leave it out"
        )
    return Axes(tuple(moved), tuple(fixed))


def _numbers(column):
    """The numbers of a column; None where it holds text or complex numbers."""
    try:
        values = column.values
    except InputError:
        return None
    return None if values.dtype.kind == "c" else values


def _at_its_mean(axis):
    there = axis.values[~np.isnan(axis.values)]
    return dataclasses.replace(axis, values=np.full(axis.values.size, np.mean(there)))


def _is_no_setting(column):
    """Whether a column is a time, a number of the row, or an error: never an axis."""
    name, unit = key(column.name), plain(column.unit or "")
    return name in SIGMA_NAMES or name in TIME.names or unit in TIME.units


class _Along:
    """A column beside the gate, point by point.

    Args:
        values: of the column, finite.
        gate: the gate voltage at the same points, finite.
    """

    def __init__(self, values, gate):
        self.values, self.gate = values, gate
        self.kinds, label = np.unique(values, return_inverse=True)
        self.label = np.ravel(label)

    @cached_property
    def kind(self):
        """What it is beside the gate: fixed, axis, read back, follows it, or reading."""
        if self.kinds.size == 1:
            return "fixed"
        if self._follows():
            return "follows"
        few = self.kinds.size <= self.values.size / 2
        if few and (self._rests() or self._cycles() or self._grid()):
            return "axis"
        return "reading" if self.means is None else "read back"

    def _follows(self):
        """Whether it goes with the gate, as a second gate that is swept along, or drifts once."""
        along = self.values[np.lexsort((self.values, self.gate))]
        return np.sum(np.abs(np.diff(along))) <= 1.5 * np.ptp(self.values)

    def _rests(self):
        """Whether it changes where the gate turns or flies back, and nowhere else."""
        places = np.flatnonzero(np.diff(self.label)) + 1
        if 2 * (places.size + 1) > self.label.size:
            return False
        steps = np.diff(self.gate)
        here = steps[places - 1]
        before = steps[np.maximum(places - 2, 0)]
        after = steps[np.minimum(places, steps.size - 1)]
        same = (np.sign(here) == np.sign(before)) & (np.sign(here) == np.sign(after))
        small = np.abs(here) <= 3 * np.maximum(np.abs(before), np.abs(after))
        goes_on = same & small & (here != 0)
        reach = np.median([np.ptp(run) for run in np.split(self.gate, places)])
        whole = reach >= _WHOLE * np.ptp(self.gate)
        return bool(whole and np.mean(~goes_on) >= _ALIGNED)

    def _cycles(self):
        """Whether it goes through its settings again at one gate voltage after another."""
        label, count = self.label, self.kinds.size
        for period in (count, 2 * count, 2 * count - 1, 2 * count - 2):
            if 2 <= period <= label.size / 2:
                again = label[period:] == label[:-period]
                if np.mean(again) >= _ALIGNED:
                    return True
        if not self.gate_rests(2):
            return False
        blocks = np.split(label, self._steps)
        full = [np.unique(block).size >= block.size / 2 for block in blocks]
        wide = np.median([np.ptp(block) for block in blocks]) >= 0.5 * (count - 1)
        return bool(wide and np.mean(full) >= _ALIGNED)

    def _grid(self):
        """Whether nearly every setting was met once with every gate voltage, in any order."""
        voltages, place = np.unique(self.gate, return_inverse=True)
        pairs = np.unique(np.ravel(place) * self.kinds.size + self.label).size
        full = voltages.size * self.kinds.size <= 1.2 * pairs
        return bool(voltages.size > 1 and full and pairs > 0.9 * self.label.size)

    @cached_property
    def means(self):
        """The mean in each sweep of the gate where these differ by steps, else None."""
        parts = sweeps(self.gate)
        if len(parts) < 2:
            return None
        means = np.array([np.mean(self.values[p.points]) for p in parts])
        noise = max(np.ptp(self.values[p.points]) for p in parts)
        order = np.argsort(means)
        cluster = np.cumsum(np.r_[0, np.diff(means[order]) > _APART * noise])
        if cluster[-1] == 0:
            return None
        found = np.empty(self.values.size)
        for number in range(cluster[-1] + 1):
            points = np.concatenate([parts[i].points for i in order[cluster == number]])
            found[points] = np.mean(self.values[points])
        return found

    @cached_property
    def _steps(self):
        """Where the gate changes."""
        return np.flatnonzero(np.diff(self.gate)) + 1

    def gate_rests(self, points):
        """Whether the gate moves, and rests for so many points at each voltage on average."""
        return self._steps.size > 0 and (self._steps.size + 1) * points <= self.gate.size

    def rest(self):
        """For how many points the gate rests while this is swept; 0 where it is not."""
        if not self.gate_rests(_REST):
            return 0
        blocks = np.split(self.values, self._steps)
        reach = np.median([np.ptp(block) for block in blocks if block.size >= _REST])
        if reach <= 0.5 * np.ptp(self.values):
            return 0
        return round(float(np.median([block.size for block in blocks])))


def _check_rest(table, gate, column, along):
    """Raise InputError where a read-back is swept while the gate rests: a map without lines."""
    size = along.rest()
    if size:
        raise InputError(
            f"{table.where}: the gate '{gate.column.title}' rests for about {size} rows at each of "
            f"its voltages while '{column.title}' is swept, so this is a map, and no trace. If "
            f"'{column.title}' is the bias it can be fitted as one (qpcjax.files.read_map); if "
            "not, name the right gate"
        )


def at_finite_bias(axes: Axes, at) -> tuple[str, ...]:
    """Sentences on a trace that was taken at a bias, or at what may be one.

    Args:
        axes: of its table.
        at: its settings by the names of their columns.
    """
    found = []
    for axis in axes.fixed:
        value = axis.settings[0]
        if axis.bias and abs(value) * BIAS.units.get(plain(axis.column.unit or ""), 1) > _BIASED:
            found.append(f"it was taken at {axis.said(value)}, and a trace is fitted at no bias")
    for axis in axes.moved:
        unit = plain(axis.column.unit or "")
        if axis.column.name not in at or (unit and unit not in BIAS.units):
            continue
        value, nearest = at[axis.column.name], np.min(np.abs(axis.settings))
        nearer = abs(value) > 2 * nearest
        if axis.bias and (nearer or abs(value) * BIAS.units.get(unit, 1) > _BIASED):
            beside = f"; {axis.said(_least(axis))} is in the file too" if nearer else ""
            found.append(
                f"it was taken at {axis.said(value)}, and a trace is fitted at no bias{beside}"
            )
        elif not axis.bias and nearer:
            found.append(
                f"it was taken at {axis.said(value)}: if '{axis.column.name}' is a bias this line "
                "is the wrong one, as a trace is fitted at no bias"
            )
    return tuple(found)


def _least(axis):
    return axis.settings[np.argmin(np.abs(axis.settings))]


def one_setting(table, gate: Found, bias: Found, measured: Found, at=None) -> np.ndarray:
    """The points of a map over gate and bias, of which all else had one setting.

    Args:
        table: the table.
        gate: its gate voltage.
        bias: its bias.
        measured: what was measured.
        at: the setting of what was set besides the two, in its own unit.

    Returns:
        A mask of the rows.

    Raises:
        InputError: something else was set too, and `at` does not say which setting is meant.
    """
    values = (gate.column.values, bias.column.values, np.abs(measured.column.values))
    there = ~np.any(np.isnan(values), axis=0)
    found = axes_of(table, gate, measured.column, np.flatnonzero(there), known=(bias.column,))
    if not found.moved:
        if at is not None:
            raise InputError(
                f"{table.where}: nothing but gate and bias was set there, so --at has no meaning"
            )
        return np.ones(there.size, bool)
    axis = found.moved[0]
    if at is None or len(found.moved) > 1:
        listed = ", ".join(
            f"'{a.column.title}' ({a.settings.size} settings from {a.settings[0]:.5g} to "
            f"{a.settings[-1]:.5g})"
            for a in found.moved
        )
        remedy = f"choose one with --at, such as --at {_least(axis):.5g}"
        if len(found.moved) > 1:
            remedy = "write the points of one setting into a file of their own"
        raise InputError(
            f"{table.where}: it holds several maps: besides gate and bias, {listed} was set; "
            f"{remedy}"
        )
    return np.asarray(axis.values == axis.nearest(table, at))


def bias_column(table, gate: Found, measured: Found, setting=None) -> Column:
    """The bias of a map: named by the user, or known by its name.

    Raises:
        InputError: none, or more than one.
    """
    if setting is not None or recognised(table, BIAS):
        return named(table, BIAS, setting)
    there = ~(np.isnan(gate.column.values) | np.isnan(measured.column.values))
    moved = axes_of(table, gate, measured.column, np.flatnonzero(there)).moved
    if not moved:
        raise InputError(
            f"{table.where}: it holds no map: nothing but the gate '{gate.column.title}' was set. "
            "Name the bias with --setting COLUMN if there is one"
        )
    listed = ", ".join(f"'{axis.column.title}'" for axis in moved)
    raise InputError(
        f"{table.where}: no column is recognised as the bias. Besides the gate, {listed} was set: "
        f"if that is the bias, say so with --setting '{moved[0].column.title}'"
    )
