"""The search of a trace's fit over every length, or softness, and every smearing."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from qpcjax.constants import BOLTZMANN
from qpcjax.fitting.device import (
    GateCurve,
    Gated,
    GateLine,
    Ratio,
    StepPositions,
    gate_basis,
    gate_knots,
)
from qpcjax.fitting.landscape import Landscape, joined, tabulate
from qpcjax.fitting.steps import Steps, opening_values
from qpcjax.fitting.table_fits import Broadening, TableFits, fit_on_table
from qpcjax.optimise.parameters import Parameter
from qpcjax.resolution import keeping, modes_kept
from qpcjax.scatterers import as_scatterer
from qpcjax.scatterers.fields import innermost, quantity_of
from qpcjax.scatterers.wrapper import wrappers

_SHAPES = ("length", "hbar_omega_x", "curvature_radius")
_SHORTEST, _LONGEST = 0.15, 14.0  # of a channel, over its width where the first mode opens
_FRINGE = 0.28  # of that width, the step between long channels: a sixth of a fringe or less
_SHORT = 1.12  # of that width, below which a length grows by a quarter
_LENGTHS = np.append(
    np.geomspace(_SHORTEST, _SHORT, 9), np.arange(_SHORT + _FRINGE, _LONGEST, _FRINGE)
)
_RATIOS = np.geomspace(0.4, 20.0, 42)  # L/w
_SOFTNESSES = np.geomspace(1 / 30, 8.0, 19)  # over the value that the device has
_WARMTH_STEP = 0.156  # of ln kT on the table: many kT cost few evaluations of T(E)
_COLDEST, _WARMEST = 1 / 6, 3.2  # kT over a power of two below that of the sharpest step
_WIDEST = 2.0  # kT over a power of two above that of the widest step
_LEAST_WARMTH = 0.0015  # of mu
_PER_WARMTH = 1.5  # of the smallest kT, how far the moved number may shift energies at once
_FEWEST_MOVED, _MOST_MOVED, _MOST_CLOSELY = 120, 320, 640
_CLOSED, _OPENED = 0.75, 0.6  # the table reaches beyond the steps by so many steps
_MOST_POINTS = 320
_STARTS = (6, 13)  # of the warmths, from which fits begin
FOLLOWED = 4  # minima that are looked at closely
_HOPELESS = 3.0  # times the best rms, from which on a minimum is not followed
BETWEEN = 7  # shapes from one neighbour on the grid to the other one
APART = 2  # neighbouring shapes that belong to one minimum
_SPARE = 4  # modes kept beyond those of the trace
_QUARTERS = 2.197  # widths of a logistic step between a quarter and three quarters of it
_LEAST_SMEARING = 0.02  # of kT, where the temperature alone is enough


@dataclasses.dataclass(frozen=True, eq=False)
class Minimum:
    """A minimum on the table.

    Fields:
        values: the device's numbers by name.
        rms: of the residuals in 2e^2/h.
    """

    values: dict[str, float]
    rms: float


def moved_number(device):
    """The number that the gate moves: the first curve with values of its own."""
    if not isinstance(device.barrier, Gated):
        return None
    curves = device.barrier.curves
    return next((n for n, c in curves.items() if isinstance(c, GateCurve | StepPositions)), None)


def is_searchable(device, parameters: Mapping[str, Parameter]) -> bool:
    """Whether the search knows this device: a free curve of one number, spins that are alike."""
    name = moved_number(device)
    around = wrappers(device.scatterer)
    splits = any(getattr(w, "magnetic_field", 0.0) for w in (*around, device.scatterer))
    if name is None or splits:
        return False
    curve = device.barrier.curves[name]
    if not isinstance(curve, GateCurve) or curve.kind == "log":
        return False
    knots = [parameters.get(f"{name}_{k + 1}") for k in range(curve.values.shape[0])]
    return all(p is not None and p.free for p in knots)


class Law(NamedTuple):
    """What a device has beside its shape: chosen by `choose_law`.

    Fields:
        knots: values of the gate curve.
        softened: values of the smearing along the gate; 0 for none.
        warms: whether the electrons' temperature is free.
    """

    knots: int
    softened: int
    warms: bool


class TraceSearch:
    """Fits of one trace on the table of a device's barrier.

    Args:
        device: a device that `is_searchable`.
        trace: `ConductanceTrace`.
        parameters: number's name -> `Parameter`; what is held stays.

    Raises:
        InputError: a trace without a step, or steps that the barrier cannot have.
    """

    def __init__(self, device, trace, parameters: Mapping[str, Parameter]):
        self.device, self.parameters = device, dict(parameters)
        self.steps = Steps(trace)
        self.mu = float(device.mu)
        self.name = moved_number(device)
        self.gate, self.value = _averaged(trace)
        self.temperature = self._temperature(trace)
        self.opening = self._openings(self.mu)
        self._signed = quantity_of(device.scatterer, self.name).signed
        self.landscape = self._tabulated(self._shapes()[1])
        self._fine = self.landscape

    # --- the table ---

    def _openings(self, mu):
        steps, scatterer = self.steps, innermost(self.device.scatterer)
        most = np.max(steps.corrected(steps.resistance))
        return opening_values(scatterer, self.name, mu, max(math.floor(1.1 * most + 0.5) + 1, 2))

    def _tabulated(self, shapes, most=_MOST_MOVED):
        shape_name, _, ratio = self._shapes()
        scatterer = as_scatterer(innermost(self.device.scatterer)).stand_in()
        scatterer = self._at_middle(scatterer)
        if modes_kept(scatterer) is not None:
            scatterer = keeping(scatterer, self.opening.size + _SPARE)
        slope = np.abs(self._place(self._openings(1.01 * self.mu)) - self._place(self.opening))
        energy_per_place = 0.01 * self.mu / np.maximum(slope, 1e-9)
        kT = self._warmths(*self._widths(energy_per_place))
        place = self._place(self.opening)
        apart = np.diff(place)
        low = place[0] - _CLOSED * apart[0]
        high = place[-1] + _OPENED * apart[-1]
        nodes = abs(high - low) * energy_per_place.max() / (_PER_WARMTH * kT[0])
        nodes = int(np.clip(nodes, _FEWEST_MOVED, most))
        grid = np.linspace(min(low, high), max(low, high), nodes)
        moved = grid if self._signed else np.exp(grid)
        names = self.name, shape_name
        return tabulate(scatterer, self.mu, names, moved, shapes, kT, not self._signed, ratio)

    def _place(self, moved):
        return moved if self._signed else np.log(moved)

    def _at_middle(self, scatterer):
        """The scatterer with what else follows the gate at its value in the middle."""
        curves = self.device.barrier.curves
        others = {n: c for n, c in curves.items() if n != self.name and not isinstance(c, Ratio)}
        if not others:
            return scatterer
        return Gated(scatterer, **others).at(sum(self.steps.range) / 2)

    def _shapes(self):
        """Name of the shape, its values, and whether they are ratios to the moved number."""
        curves = self.device.barrier.curves
        own = innermost(self.device.scatterer)
        name = next((n for n in _SHAPES if hasattr(own, n)), None)
        if name is None:
            return None, np.ones(1), False
        ratio = isinstance(curves.get(name), Ratio)
        parameter = self.parameters[self._shape_names(name)[0]]
        value = parameter.value
        width = 2 * float(self.opening[0])
        if ratio:
            tried = _RATIOS
        elif name == "length":
            tried = width * _LENGTHS
        else:
            tried = _SOFTNESSES * value
        if not parameter.free:
            tried = np.array([value])
        inside = tried[(tried >= parameter.lower) & (tried <= parameter.upper)]
        return name, inside if inside.size else np.array([value]), ratio

    def _shape_names(self, name):
        """Names of the device's numbers that the shape is."""
        curve = self.device.barrier.curves.get(name)
        if isinstance(curve, Ratio):
            return [f"{name}_over_{curve.to}"]
        if isinstance(curve, GateCurve):
            return [f"{name}_{k + 1}" for k in range(curve.values.shape[0])]
        return [name]

    def _widths(self, energy_per_place):
        """The kT in meV of thermal steps as wide as the sharpest and the widest of the trace."""
        resistance = self.steps.resistance
        place = self._place(self.opening)
        centre, modes = self.steps.positions(resistance)
        rate = 0.5 * abs(place[1] - place[0]) / np.ptp(self.steps.range)
        if centre.size > 1:
            rate = np.ptp(place[np.minimum(modes, place.size) - 1]) / np.ptp(centre)
        quarter, below = self.steps.positions(resistance, 0.25)
        three, above = self.steps.positions(resistance, 0.75)
        both = np.intersect1d(below, above)
        both = both[both <= place.size]
        if not both.size:
            return self.mu / 20, self.mu / 20
        wide = np.abs(three[np.isin(above, both)] - quarter[np.isin(below, both)])
        wide = np.maximum(wide, np.median(np.diff(self.steps.gate)))
        found = wide * rate * energy_per_place[both - 1] / _QUARTERS
        return float(np.min(found)), float(np.max(found))

    def _warmths(self, sharpest, widest):
        if self.temperature is not None and self.device.smearing is None:
            return np.array([BOLTZMANN * self.temperature])
        # On a coarse lattice, so that similar traces share a table.
        octaves = math.floor(math.log2(max(sharpest / self.mu, _LEAST_WARMTH / _COLDEST)))
        sharpest = self.mu * 2.0**octaves
        widest = self.mu * 2.0 ** math.ceil(math.log2(min(widest / self.mu, 1.0)))
        coldest, warmest = _COLDEST * sharpest, max(_WARMEST * sharpest, _WIDEST * widest)
        count = 1 + round(math.log(warmest / coldest) / _WARMTH_STEP)
        return np.geomspace(coldest, warmest, count)

    def _temperature(self, trace):
        """The electrons' temperature where it is known."""
        if trace.temperature is not None:
            return float(np.mean(trace.temperature))
        own = self.parameters.get("temperature")
        return None if own is None or own.free else own.value

    # --- fits ---

    def fits(self, law: Law, table=None, shapes=None) -> TableFits:
        """Fits from two warmths for each shape of a table; by default for all of them."""
        knots, softened, warms = law
        table = self.landscape if table is None else table
        shapes = np.arange(table.shape.size) if shapes is None else np.asarray(shapes)
        tried = _STARTS if table.kT.size > 1 else (0,)
        rows = [self._start(table, k, j, law) for k in shapes for j in tried]
        basis = np.asarray(gate_basis(self.steps.range, self.gate, knots))
        soft = np.asarray(self._softness(softened).basis(self.gate)) if softened else None
        broadening = Broadening(warms or self.temperature is not None, warms, soft)
        resists = self._is_free("series_resistance")
        index = np.repeat(shapes, len(tried))
        return fit_on_table(table, basis, self.value, broadening, rows, index, resists)

    def _is_free(self, name):
        return name in self.parameters and self.parameters[name].free

    def _start(self, table, shape, warmth, law):
        """A row of `fit_on_table`: the steps where the trace has them."""
        knots, softened, warms = law
        steps = self.steps
        g, moved = table.conductance[shape, warmth], table.moved
        if g[-1] < g[0]:
            g, moved = g[::-1], moved[::-1]
        g = np.maximum.accumulate(g)

        def at_step(n):
            rising = np.concatenate([[True], np.diff(g) > 0])
            return np.interp(n - 0.5, g[rising], moved[rising])

        resistance = steps.resistance
        if not self._is_free("series_resistance"):
            own = self.parameters.get("series_resistance")
            resistance = 0.0 if own is None else own.value
        values = steps.curve(resistance, at_step, knots)
        values = np.clip(values, table.moved[2], table.moved[-3])
        kT = table.kT[warmth]
        known = self.temperature if self.temperature is not None and not warms else None
        if known is not None and softened:
            kT = math.sqrt(max(kT**2 - (BOLTZMANN * known) ** 2, (0.1 * kT) ** 2))
        smearing = []
        if softened:
            share = _LEAST_SMEARING if warms else 1.0
            at = np.interp(self._softness(softened).knots, gate_knots(steps.range, knots), values)
            at = self._place(at)
            unit = np.exp(np.interp(at, table.place, np.log(table.unit)))
            smearing = list(share * kT / unit)
        return [*values, resistance, kT / BOLTZMANN if known is None else known, *smearing]

    def minima(self) -> list[Minimum]:
        """The distinct minima of the device's own fit, the best first."""
        knots = self.device.barrier.curves[self.name].values.shape[0]
        warms = self._is_free("temperature") and self.temperature is None
        law = Law(knots, self._softened(), warms)
        found = self._nearer(self.fits(law), law)
        order = np.argsort(found.rms, kind="stable")
        near = found.rms <= _HOPELESS * found.rms.min()
        return [self._minimum(found, row, law) for row in order if near[row]]

    def _nearer(self, found, law):
        """The best minima of a search of all shapes, each looked at between its neighbours."""
        rows = self.distinct(found)[:FOLLOWED]
        self._fine = self.between(found.shape[rows])
        if self._fine is self.landscape:
            return _rows(found, rows)
        fine = self.fits(law, self._fine)
        group = fine.shape // BETWEEN
        best = [np.flatnonzero(group == g) for g in range(len(rows))]
        return _rows(fine, [r[np.argmin(fine.rms[r])] for r in best])

    def between(self, shapes: Sequence[int]) -> Landscape:
        """A table of `BETWEEN` shapes from the one neighbour of each of these to the other one."""
        shape = self.landscape.shape
        if shape.size == 1:
            return self.landscape
        near = []
        for k in shapes:
            low, high = shape[max(k - 1, 0)], shape[min(k + 1, shape.size - 1)]
            near.append(np.linspace(low, high, BETWEEN))
        # A table for each: another law of the same trace leads to some of them again.
        return joined([self._tabulated(shapes, _MOST_CLOSELY) for shapes in near])

    def distinct(self, found: TableFits) -> list[int]:
        """Rows of distinct minima, the best first."""
        chosen = []
        for row in np.argsort(found.rms, kind="stable"):
            near = [abs(int(found.shape[row] - found.shape[k])) for k in chosen]
            if np.isfinite(found.rms[row]) and all(d > APART for d in near):
                chosen.append(int(row))
        return chosen

    def _softened(self):
        curve = self.device.smearing
        along = isinstance(curve, GateCurve | GateLine)
        return curve.values.shape[0] if along and self._is_free("smearing_1") else 0

    def _softness(self, count):
        """The curve of a softness of so many values: the device's own, if it has as many."""
        own = self.device.smearing
        if isinstance(own, GateCurve | GateLine) and own.values.shape[0] == count:
            return own
        return self.steps.softness(np.ones(count))

    def _minimum(self, found, row, law):
        values = {f"{self.name}_{k + 1}": float(v) for k, v in enumerate(found.moved[row])}
        name, _, _ = self._shapes()
        if name is not None:
            shape = float(self._fine.shape[found.shape[row]])
            values |= dict.fromkeys(self._shape_names(name), shape)
        if "series_resistance" in self.parameters:
            values["series_resistance"] = float(found.resistance[row])
        if law.warms:
            values["temperature"] = float(found.temperature[row])
        values |= {f"smearing_{k + 1}": float(found.smearing[row, k]) for k in range(law.softened)}
        return Minimum(values, float(found.rms[row]))


def _rows(found, rows):
    """Some rows of `TableFits`."""
    fields = (getattr(found, f.name)[rows] for f in dataclasses.fields(found))
    return TableFits(*fields)


def _averaged(trace):
    """Gates and values of a trace, neighbours averaged where it has very many points."""
    trace = trace.sorted()
    together = -(-trace.value.size // _MOST_POINTS)
    first = np.arange(0, trace.value.size, together)
    count = np.diff(np.append(first, trace.value.size))
    return tuple(np.add.reduceat(x, first) / count for x in (trace.gate, trace.value))
