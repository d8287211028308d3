"""The steps of a trace: their gate voltages, and the series resistance that plateaus tell."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.constants import RESISTANCE_QUANTUM
from qpcjax.fitting.device import GateCurve, Gated, GateLine
from qpcjax.fitting.half_plateaus import has_half_plateau, low_first_plateau
from qpcjax.measurements import ConductanceTrace, InputError
from qpcjax.resolution import keeping, modes_kept
from qpcjax.scatterers.fields import innermost, quantity_of, with_plain_numbers

_TRIALS = 241  # values of the number that the gate moves, among which steps are looked for
_REACH = 30.0  # factor on it
_LEAST, _MOST = 1e-2, 1e2  # of 2e^2/h: a largest conductance of another size is in another unit


def is_peak(trace):
    """Whether a trace comes down again on both sides, or nowhere reaches a first step."""
    smooth = _smoothed(trace)
    top, foot = smooth.max(), max(smooth[0], smooth[-1])
    return bool(top < 0.5 or top - foot > 0.5 * (top - smooth.min()))


def _why_no_step(trace, smooth):
    """Why a trace has no step, and what to do."""
    low, high = smooth.min(), smooth.max()
    found = (
        f"no conductance step: the conductance goes from {low:.3g} to {high:.3g} 2e2/h, and a fit "
        "of a gate curve needs one step, from below to above 0.5 2e2/h; "
    )
    if not _LEAST < high < _MOST or low < -0.5:
        return found + "is the unit right?"
    if low > 0.5:
        return found + "the trace lies on plateaus alone: measure or keep points towards pinch-off"
    if high - max(smooth[0], smooth[-1]) > 0.5 * (high - low):
        return found + (
            "the trace comes down again on both sides, as a resonance does: fit a Device of "
            "BreitWigner in Python"
        )
    return found + (
        "less than half a step says little of the barrier: measure on to the first plateau, or fit "
        "a Device in Python from values of your own, most of them held"
    )


def _low_plateau(level):
    """What a first plateau far below 2e^2/h means, and what to do."""
    resistance = RESISTANCE_QUANTUM * (1 / level - 1)
    modes = level / (1 - level)
    return (
        f"the first plateau lies at {level:.2f} of 2e2/h. A resistance of {resistance:.0f} ohm in "
        f"series puts it there, or a second constriction with {modes:.1f} open modes: take the "
        "resistance that is known off the data, G = 1/(1/G - R), or measure with the other "
        "constriction wide open"
    )


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
            raise InputError(f"{trace.name}: {_why_no_step(trace, smooth)}")
        gate, rising = (
            (self.gate, self.smooth) if self.rising else (-self.gate[::-1], self.smooth[::-1])
        )
        if (level := low_first_plateau(gate, rising)) is not None:
            raise InputError(f"{trace.name}: {_low_plateau(level)}")

    def corrected(self, resistance):
        """Conductance of the constriction behind this resistance, in 2e^2/h."""
        return self.smooth / np.maximum(1 - resistance / RESISTANCE_QUANTUM * self.smooth, 1e-3)

    def _plateau_resistance(self):
        top = max(self.smooth.max(), 1e-6)
        most = min(2000.0, 0.5 * RESISTANCE_QUANTUM / top)
        trial = np.linspace(0, most, 81)
        # On a staircase sin^2(pi g) averages lowest where the plateaus are whole numbers; or whole
        # halves, where the spins are split.
        spins = 2 if has_half_plateau(self.gate, self.smooth) else 1
        misfit = [np.mean(np.sin(np.pi * spins * self.corrected(r)) ** 2) for r in trial]
        return float(trial[int(np.argmin(misfit))])

    def positions(self, resistance, share=0.5):
        """Gate voltages at which g crosses n - 1 + share, and the n; g may rise or fall."""
        g, gate = self.corrected(resistance), self.gate
        if not self.rising:
            g, gate = g[::-1], gate[::-1]
        g = np.maximum.accumulate(g)
        n = np.arange(1, int(np.floor(g[-1] + 1 - share)) + 1)
        level = n - 1 + share
        n = n[(level > g[0]) & (level < g[-1])]
        rising = np.concatenate([[True], np.diff(g) > 0])
        return np.interp(n - 1 + share, g[rising], gate[rising]), n

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

    @property
    def parts_first(self):
        """Whether the first step is there, and two others beside which it may be different."""
        _, modes = self.positions(self.resistance)
        return modes.size > 2 and modes[0] == 1

    def softness(self, values):
        """A softness along the gate, positive.

        Args:
            values: one or two, of a logarithm that is constant or linear; or three, of which one is
                that of the first step and what lies before it: from the second step on the
                logarithm is linear, up to the end of the trace.
        """
        values = np.asarray(values, float)
        if values.size < 3:
            return GateCurve(self.range, values, "log")
        where, _ = self.positions(self.resistance)
        end = self.range[1] if self.rising else self.range[0]
        return GateLine(sorted([where[0], where[1], end]), values)


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
    scatterer = with_plain_numbers(scatterer)
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
