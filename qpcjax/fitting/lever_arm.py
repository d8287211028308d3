"""Lever arm of the gate: by how much it moves the sub-bands against mu."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.fitting.result import FitResult
from qpcjax.scatterers.subbands import subband_edges

_FINE = 400  # gate voltages between which an opening is found
_STEP = 0.05  # of a standard error, for derivatives by the parameters


class LeverArm(NamedTuple):
    """Lever arm of the gate where a sub-band opens.

    Fields:
        subband: n, counted from 1; where the spins are split there are two to a mode.
        gate: gate voltage in mV at which E_n = mu.
        value: -dE_n/d(e V_g), a pure number (meV of energy for a mV of the gate).
        stderr: its standard error by the covariance of the fit.
    """

    subband: int
    gate: float
    value: float
    stderr: float


def lever_arms(found: FitResult) -> list[LeverArm]:
    r"""Lever arms :math:`\alpha_n = -\partial E_n/\partial (e V_g)` where E_n(V_g) = mu.

    The edge E_n is the top of the barrier of mode n in a saddle, n^2 E1 + U in a channel. It is
    known to the accuracy of the energy scale: by the density or mu that is stated, or by a map
    over gate and bias.

    Args:
        found: fit of a device with a gate.

    Returns:
        One `LeverArm` for each sub-band that opens within the range of the data.

    Raises:
        ValueError: a barrier whose sub-bands have no edges that are known, or without a gate.
    """
    layout = DeviceNumbers(found.device)
    ranges = [np.asarray(p.data.gate) for p in found.parts if p.data.gate is not None]
    if not ranges:
        raise ValueError("a lever arm is that of a gate: the data of this fit have none")
    fine = np.linspace(min(g.min() for g in ranges), max(g.max() for g in ranges), _FINE)

    @jax.jit
    def edges(vector, gate):
        def above(v):
            point = layout.build(vector).at(v)
            return subband_edges(point.scatterer) - point.mu

        # The gate voltages do not know of each other: one direction has all slopes.
        return jax.jvp(jax.vmap(above), (gate,), (jnp.ones_like(gate),))

    free = [p.name for p in found.free]
    where = [layout.names.index(name) for name in free if name in layout.names]
    kept = [free.index(name) for name in free if name in layout.names]
    values = np.array(layout.values, float)
    errors = np.sqrt(np.diag(found.covariance))
    best = _opened(fine, *edges(values, fine))
    slopes = {n: np.zeros(len(kept)) for n in best}
    for column, (place, own) in enumerate(zip(where, kept, strict=True)):
        step = _STEP * errors[own]
        if not step > 0:
            continue
        sides = []
        for sign in (1, -1):
            moved = values.copy()
            moved[place] += sign * step
            sides.append(_opened(fine, *edges(moved, fine)))
        for n in best:
            if all(n in side for side in sides):
                slopes[n][column] = (sides[0][n][1] - sides[1][n][1]) / (2 * step)
    covariance = found.covariance[np.ix_(kept, kept)]
    return [
        LeverArm(n + 1, gate, arm, float(np.sqrt(slopes[n] @ covariance @ slopes[n])))
        for n, (gate, arm) in best.items()
    ]


def _opened(gate, above, slope):
    """Sub-bands that open: number -> gate voltage and lever arm, between neighbouring voltages."""
    above, slope = np.asarray(above), np.asarray(slope)
    found = {}
    for n in range(above.shape[1]):
        crossed = np.flatnonzero((above[:-1, n] > 0) != (above[1:, n] > 0))
        if crossed.size:
            k = crossed[0]
            share = above[k, n] / (above[k, n] - above[k + 1, n])
            voltage = gate[k] + share * (gate[k + 1] - gate[k])
            found[n] = (
                float(voltage),
                float(-(slope[k, n] + share * (slope[k + 1, n] - slope[k, n]))),
            )
    return found
