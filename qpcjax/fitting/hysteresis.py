"""How far the sweeps of a gate up and down lie apart."""

from typing import NamedTuple

import numpy as np

from qpcjax.files.gate_sweeps import sweeps
from qpcjax.fitting.noise import point_noise
from qpcjax.measurements import ConductanceTrace

_REACH = 0.2  # of the range, the farthest that sweeps are looked for apart
_TRIALS = 161
_POINTS = 400
_STEPS = 20
_CLEAR = 3.0  # standard errors from which on a shift is said
_FEWEST = 8  # points that both sweeps must have in common


class Hysteresis(NamedTuple):
    """The sweep up beside the sweep down.

    Fields:
        shift: gate voltage in mV by which the sweep up lies above the sweep down.
        error: its standard error, from the noise of the points.
        difference: root mean square of the two at one gate voltage, in 2e^2/h.
        left: the same when the shift is taken out.
    """

    shift: float
    error: float
    difference: float
    left: float


def hysteresis(trace: ConductanceTrace) -> Hysteresis | None:
    """How far the first sweep up and the first sweep down of a trace lie apart.

    The shift minimises the squares of G_up(V) - G_down(V - shift) where both sweeps were.

    Args:
        trace: in the order of the measurement.

    Returns:
        `Hysteresis`; None for a gate that did not go both ways.
    """
    found = {}
    for sweep in sweeps(trace.gate):
        found.setdefault(sweep.direction, sweep.points)
    if not {"up", "down"} <= set(found):
        return None
    (x, up), (v, down) = (_rising(trace, found[d]) for d in ("up", "down"))
    low, high = max(x[0], v[0]), min(x[-1], v[-1])
    if not low < high or min(np.sum((g >= low) & (g <= high)) for g in (x, v)) < _FEWEST:
        return None
    gate = np.linspace(low, high, _POINTS)
    target = np.interp(gate, x, up)

    def off(shift):
        there = gate - shift
        inside = (there >= v[0]) & (there <= v[-1])
        return np.where(inside, target - np.interp(there, v, down), 0.0), inside

    def misses(shift):
        residual, inside = off(shift)
        return np.sum(residual**2) / max(np.sum(inside), 1)

    reach = _REACH * (high - low)
    trials = np.linspace(-reach, reach, _TRIALS)
    shift = float(trials[int(np.argmin([misses(t) for t in trials]))])
    step = float(trials[1] - trials[0])
    for _ in range(_STEPS):  # a parabola through three points, ever nearer
        below, here, above = (misses(shift + s) for s in (-step, 0.0, step))
        bend = below - 2 * here + above
        if bend > 0:
            shift += float(np.clip(step * (below - above) / (2 * bend), -step, step))
        step /= 1.5
    slope = np.gradient(target, gate)
    noise = np.hypot(point_noise(x, up), point_noise(v, down))
    # The grid has more points than were measured: only the measured ones count.
    points = min(x.size, v.size) * np.mean(slope**2)
    error = float(noise / np.sqrt(points)) if points > 0 else float("nan")
    return Hysteresis(shift, error, float(np.sqrt(misses(0.0))), float(np.sqrt(misses(shift))))


def hysteresis_in_words(trace: ConductanceTrace) -> list[str]:
    """A sentence where the sweeps up and down lie apart by three standard errors; else none."""
    found = hysteresis(trace)
    if found is None or not abs(found.shift) > _CLEAR * found.error:
        return []
    unit, factor = trace.response.residual_unit
    side = "above" if found.shift > 0 else "below"
    return [
        f"hysteresis: the sweep up lies {abs(found.shift):.3g} +- {found.error:.2g} mV {side} the "
        f"sweep down, {factor * found.difference:.3g} {unit} rms between them "
        f"({factor * found.left:.3g} {unit} with the shift taken out); both are fitted as one "
        "curve: --sweep up or --sweep down takes one of them"
    ]


def _rising(trace, points):
    """Gates and values of a sweep in rising order, each gate once."""
    gate, inverse = np.unique(trace.gate[points], return_inverse=True)
    count = np.bincount(inverse)
    return gate, np.bincount(inverse, trace.conductance[points]) / count
