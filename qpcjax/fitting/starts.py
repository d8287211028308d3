"""Where fits start: gate voltages of the steps, series resistance from the plateaus."""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.constants import RESISTANCE_QUANTUM
from qpcjax.fitting.device import GateCurve, Gated, StepPositions
from qpcjax.measurements import ConductanceTrace, InputError
from qpcjax.resolution import keeping, modes_kept
from qpcjax.scatterers.fields import innermost, quantity_of

_TRIALS = 241  # values of the number that the gate moves, among which steps are looked for
_REACH = 30.0  # factor on it


def is_peak(trace):
    """Whether a trace comes down again on both sides, or nowhere reaches a first step."""
    smooth = _smoothed(trace)
    top, foot = smooth.max(), max(smooth[0], smooth[-1])
    return bool(top < 0.5 or top - foot > 0.5 * (top - smooth.min()))


def _smoothed(trace):
    """Values of a sorted trace, averaged over a hundredth of it."""
    window = max(1, trace.value.size // 200)
    padded = np.pad(trace.value, window, mode="edge")
    return np.convolve(padded, np.ones(2 * window + 1), "valid") / (2 * window + 1)


class Steps:
    """Where the steps of a trace are, and the series resistance that makes plateaus integers.

    Raises:
        InputError: the trace has no step.
    """

    def __init__(self, trace: ConductanceTrace):
        trace = trace.sorted()
        smooth = _smoothed(trace)
        # A gate that stands still while it is measured again counts once.
        self.gate, inverse = np.unique(trace.gate, return_inverse=True)
        self.smooth = np.bincount(inverse, smooth) / np.bincount(inverse)
        self.range = float(self.gate[0]), float(self.gate[-1])
        self.rising = self.smooth[-1] >= self.smooth[0]
        self.resistance = self._plateau_resistance()
        self.count = len(self.positions(self.resistance)[1])
        if self.count < 1:
            low, high = smooth.min(), smooth.max()
            raise InputError(
                f"{trace.name}: no conductance step: the conductance goes from {low:.3g} to "
                f"{high:.3g} 2e2/h; a fit needs at least one step, from below to above 0.5 2e2/h "
                f"(is the unit right?)"
            )

    def corrected(self, resistance):
        """Conductance of the constriction behind this resistance, in 2e^2/h."""
        return self.smooth / np.maximum(1 - resistance / RESISTANCE_QUANTUM * self.smooth, 1e-3)

    def _plateau_resistance(self):
        top = max(self.smooth.max(), 1e-6)
        most = min(2000.0, 0.5 * RESISTANCE_QUANTUM / top)
        trial = np.linspace(0, most, 81)
        # On a staircase sin^2(pi g) averages lowest where the plateaus are whole numbers.
        misfit = [np.mean(np.sin(np.pi * self.corrected(r)) ** 2) for r in trial]
        return float(trial[int(np.argmin(misfit))])

    def positions(self, resistance):
        """Gate voltages at which g crosses n - 1/2, and the n; g may rise or fall with the gate."""
        g, gate = self.corrected(resistance), self.gate
        if not self.rising:
            g, gate = g[::-1], gate[::-1]
        g = np.maximum.accumulate(g)
        n = np.arange(1, int(np.floor(g[-1] + 0.5)) + 1)
        n = n[(n - 0.5 > g[0]) & (n - 0.5 < g[-1])]
        rising = np.concatenate([[True], np.diff(g) > 0])
        return np.interp(n - 0.5, g[rising], gate[rising]), n

    def curve(self, resistance, at_step, count, least=None):
        """Values at `count` knots of the number that opens mode n at `at_step(n)`.

        Args:
            resistance: series resistance in ohm.
            at_step: function of an array of n.
            count: number of knots.
            least: smallest value, for a width.
        """
        where, n = self.positions(resistance)
        if len(n) < 2:  # the slope of a single step is unknown: half the range
            away = (self.range[1] - self.range[0]) / 2 * (1 if self.rising else -1)
            where, n = np.append(where, where[-1] + away), np.append(n, n[-1] + 1)
        values = at_step(n)
        order = np.argsort(where)
        where, values = where[order], values[order]
        degree = min(count - 1, len(n) - 1, 3)
        line = np.polynomial.Polynomial.fit(where, values, degree, domain=self.range)
        knots = GateCurve(self.range, np.ones(count)).knots
        # Beyond the outermost steps a polynomial is not to be trusted: continue straight.
        inner = np.clip(knots, where[0], where[-1])
        found = line(inner) + line.deriv()(inner) * (knots - inner)
        return found if least is None else np.maximum(found, least)


def opening_values(scatterer, name, mu, count):
    """Value of one of the scatterer's numbers at which T(mu) is n - 1/2, n = 1 to `count`.

    A width opens modes as it grows, a barrier's height as it falls; either is found from T(mu)
    alone, so that any scatterer will do.

    Args:
        scatterer: any scatterer with that number.
        name: the number.
        mu: electrochemical potential in meV.
        count: how many modes.

    Raises:
        InputError: T(mu) does not pass n - 1/2 however the number is chosen.
    """
    centre = abs(float(getattr(innermost(scatterer), name))) or 1.0
    number = quantity_of(scatterer, name)
    if number.unit == "meV" and number.signed:  # a mode's energy is added to it
        trial = mu + (abs(mu) + centre) * np.linspace(-3, 3, _TRIALS) * max(1, count / 2)
    else:
        trial = centre * np.geomspace(1 / _REACH, _REACH, _TRIALS)
    kept = modes_kept(scatterer)
    if kept is not None:
        scatterer = keeping(scatterer, max(kept, 3 * count + 3))
    t = np.asarray(_totals(scatterer, jnp.asarray(trial), jnp.asarray(mu, float), name))
    n = np.arange(1, count + 1) - 0.5
    known = np.isfinite(t)
    trial, t = trial[known], t[known]
    if t.size and t[-1] < t[0]:
        trial, t = trial[::-1], t[::-1]
    t = np.maximum.accumulate(t) if t.size else t
    if not t.size or t[0] > 0.5 or t[-1] < n[-1]:
        kind = type(innermost(scatterer)).__name__
        raise InputError(
            f"{name} of {kind} cannot open {count} modes at mu = {mu:g} meV, which the trace's "
            "steps ask for: is mu right, and the barrier's other numbers? To start the fit from "
            "the device's own values, pass starts=[{}]"
        )
    rising = np.concatenate([[True], np.diff(t) > 0])
    return np.interp(n, t[rising], trial[rising])


@functools.partial(jax.jit, static_argnames="name")
def _totals(scatterer, values, mu, name):
    """T(mu) for values of one of the scatterer's numbers."""

    def total(value):
        return Gated(scatterer, **{name: GateCurve((0.0, 1.0), value[None])}).at(0.5).total(mu)

    return jax.vmap(total)(values)


# --- starts of a fit ------------------------------------------------------------------------

_JITTER = 0.3  # of the logarithm of a positive parameter, where starts are drawn
_SHAPES = ("smearing", "hbar_omega_x", "curvature_radius", "length")
_FACTORS = (0.5, 1.5)
_LENGTHS = 0.4, 3.2  # ends of those on a length alone


def starting_values(layout, device, named, count, seed):
    """`count` starts, dicts of numbers' names and values; the first is the best guess.

    With a `ConductanceTrace` and a gated barrier the steps of the trace say what the gate does, for
    a few series resistances and shapes of the step. Otherwise, and for a trace that is a peak, the
    device's own numbers are the first start, and the others are drawn around them.
    """
    trace = next((d for d in named.values() if d.staircase and not is_peak(d)), None)
    moved = _moved_number(device)
    own = dict(zip(layout.names, layout.values, strict=True))
    if trace is None or moved is None:
        return [own, *_drawn(layout, own, count - 1, seed)]
    steps = Steps(trace)
    shapes = [
        base for base in _SHAPES if base in layout.bases or f"{base}_over_{moved}" in layout.bases
    ]
    resistances = [0.0]
    if "series_resistance" in layout.bases:
        r = round(steps.resistance, 3)
        resistances = sorted({r, 1.5 * r, 0.5 * r}, key=lambda x: abs(x - r))
        # A length whose oscillations nothing smears has many minima: it is what starts are for.
        resistances = [r] if shapes == ["length"] else resistances
    opening = _opening(device, moved, steps, own["mu"])
    found = []
    for factors in itertools.product(*_factors(shapes[:2], count // len(resistances))):
        for resistance in resistances:
            start = dict(own)
            for base, factor in zip(shapes, factors, strict=False):
                for name, b in zip(layout.names, layout.bases, strict=True):
                    if b.startswith(base):
                        start[name] = own[name] * factor
            if "series_resistance" in start:
                start["series_resistance"] = resistance
            start |= _gate_values(device, moved, steps, resistance, opening)
            found.append(start)
    if len(found) < count:
        found += _drawn(layout, found[0], count - len(found), seed)
    return found[:count]


def _factors(shapes, count):
    """Factors on each of the shapes' numbers; on a length alone, `count` of them."""
    if shapes == ["length"] and count > len(_FACTORS):
        return [np.linspace(*_LENGTHS, count)]
    return [_FACTORS] * len(shapes)


def _moved_number(device):
    """The number that the gate moves: the first curve with values of its own."""
    if not isinstance(device.barrier, Gated):
        return None
    curves = device.barrier.curves
    return next((n for n, c in curves.items() if isinstance(c, GateCurve | StepPositions)), None)


def _opening(device, name, steps, mu):
    """Values of the moved number at which the modes of a trace open, and one more."""
    most = int(np.floor(steps.corrected(2 * steps.resistance).max() + 0.5)) + 1
    return opening_values(device.scatterer, name, mu, max(most, 2))


def _gate_values(device, name, steps, resistance, opening):
    """Values of the moved number's curve that put the steps where the trace has them."""
    curve = device.barrier.curves[name]
    if isinstance(curve, StepPositions):
        where, n = steps.positions(resistance)
        order = np.argsort(where)
        line = np.interp(curve.values, opening[n - 1][order], where[order])
        slope = np.polynomial.Polynomial.fit(opening[n - 1], where, 1)
        inside = (np.array(curve.values) >= opening[n - 1].min()) & (
            np.array(curve.values) <= opening[n - 1].max()
        )
        values = np.where(inside, line, slope(np.array(curve.values)))
        return {f"{name}_position_{k + 1}": v for k, v in enumerate(values)}
    count = curve.values.shape[0]
    least = None if curve.kind == "plain" else 0.3 * float(opening.min())
    values = steps.curve(resistance, lambda n: opening[n - 1], count, least)
    return {f"{name}_{k + 1}": v for k, v in enumerate(values)}


def _drawn(layout, centre, count, seed):
    """Starts drawn around one: positive numbers by their logarithm, others by their scale."""
    rng = np.random.default_rng(seed)
    parameters = layout.parameters()
    found = []
    for _ in range(max(count, 0)):
        start = {}
        for p in parameters:
            value = centre[p.name]
            step = rng.standard_normal()
            if p.log:
                value *= math.exp(_JITTER * step)
            else:
                value += 0.02 * (p.upper - p.lower) * step
            start[p.name] = value
        found.append(start)
    return found
