"""The window of energies that an integral over Fermi functions needs, and what it may lose."""

import math
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics import safe
from qpcjax.resolution import LOST_WEIGHT
from qpcjax.validation import meaningful

# Panel ends around an electrochemical potential, in kT; the tails beyond weigh 1e-16.
THERMAL_EDGES = np.array([-37.0, -20.0, -10.0, -4.0, 0.0, 4.0, 10.0, 20.0, 37.0])

# Thermal widths beyond which a Fermi function or its derivative weighs 1e-16.
REACH = 37.0

# Panel ends around the energy of thermally activated transport, in kT.
ACTIVATED_EDGES = np.array([-24.0, -12.0, -5.0, 5.0, 12.0, 24.0])

# Thermal widths that integrals of many parameter sets reach: what lies beyond weighs 1e-8.
NARROW_REACH = 18.0
NARROW_EDGES = THERMAL_EDGES[np.abs(THERMAL_EDGES) < NARROW_REACH]


def panels_in(edges, centres, reach):
    """Largest number of panels, over several windows centre +- reach, that these edges make.

    NumPy arrays on the host: edges of shape (windows, edges), centres and reach (windows,).
    """
    inside = np.abs(edges - np.asarray(centres)[:, None]) < np.asarray(reach)[:, None]
    distinct = [np.unique(row[held]).size for row, held in zip(edges, inside, strict=True)]
    return max(distinct) + len(THERMAL_EDGES) + 1


@jax.jit
def thermal_reach(scatterer, mu, bias, kT):
    r"""How far a thermal window must reach, and where activated transport stands in it.

    Far below a step T(E) may rise faster than the Fermi functions fall: then electrons many kT
    above mu carry everything. The candidates are the ends of the scatterer's panels.

    Args:
        scatterer: any scatterer.
        mu: mean electrochemical potential in meV.
        bias: eV in meV.
        kT: thermal energy of the warmer side, 0 or more.

    Returns:
        The reach below and above mu -+ eV/2 in kT, so that what lies beyond weighs 1e-16 of the
        largest T(E) exp(-x), but not beyond both REACH and the scatterer's own panels, unless it
        is known to any energy; the energy, as an offset from mu, where that largest value stands;
        and its logarithm, at most 0.
    """
    scatterer, mu, bias, kT = jax.lax.stop_gradient((scatterer, mu, bias, kT))
    ends = jnp.concatenate([mu[None], scatterer.thresholds(bias), scatterer.panel_edges(bias)])
    half_bias, unit = jnp.abs(bias) / 2, jnp.where(kT == 0, 1, kT)
    x = jnp.maximum(jnp.abs(ends - mu) - half_bias, 0) / unit
    x = jnp.where((kT == 0) & (x > 0), jnp.inf, x)
    smallest = jnp.finfo(ends.dtype).tiny
    # What is too far away to count stands at mu: few modes may be open there.
    near = jnp.where(x < -math.log(smallest), ends, mu)
    # A number of rows that XLA does not know, so that T stays a branch: as a part of the reduction
    # below it would be evaluated number by number.
    row = jnp.where(jnp.isnan(mu), 0, 1)
    t = scatterer.transmissions(near[None], bias, row)[0]
    weight = jnp.log(jnp.maximum(t, smallest)) - x
    beyond = (ends > scatterer.energy_limit()) | (ends < scatterer.energy_floor())
    weight = jnp.where(beyond, -jnp.inf, weight)
    largest, highest, lowest, last = _peak_and_ends(weight, ends)
    depth = jnp.clip(largest, math.log(smallest), 0)
    # A hair less than the panels reach: a scatterer may be NaN beyond.
    hair = 32 * jnp.finfo(ends.dtype).eps * jnp.maximum(-lowest, last)
    known = jnp.stack([mu - lowest, last - mu]) - half_bias - hair
    whole = jnp.isposinf(jnp.asarray(scatterer.energy_limit(), ends.dtype))
    known = known.at[1].set(jnp.where(whole, jnp.inf, known[1]))
    reach = jnp.clip(known / unit, REACH, REACH - depth)
    return reach, highest - mu, depth


def _peak_and_ends(weight, x):
    """The largest weight, the x it belongs to, and the least and the largest x: in one kernel.

    XLA hands some of a point's kernels to another thread where more than eight stand ready, which
    takes nearly as long as all of them together: each that can be spared counts.
    """

    def of_two(a, b):
        (weight_a, x_a, low_a, high_a), (weight_b, x_b, low_b, high_b) = a, b
        second = (weight_b > weight_a) | ((weight_b == weight_a) & (x_b < x_a))
        return (
            jnp.where(second, weight_b, weight_a),
            jnp.where(second, x_b, x_a),
            jnp.minimum(low_a, low_b),
            jnp.maximum(high_a, high_b),
        )

    infinity = jnp.asarray(jnp.inf, x.dtype)
    start = (-infinity, infinity, infinity, -infinity)
    return jax.lax.reduce((weight, x, x, x), start, of_two, (0,))


def known_nearby(scatterer, mu, kT, half_bias: Any = 0.0):
    """Whether T(E) is known wherever the kernel of kT around mu +- eV/2 weighs 1e-8."""
    reach = half_bias + NARROW_REACH * kT
    known = (scatterer.energy_limit() >= mu + reach) & (scatterer.energy_floor() <= mu - reach)
    return known & scatterer.resolved() & meaningful(scatterer, mu, kT, half_bias)


def negligible(*energies):
    """Thermal energy below which kT is lost in the rounding of these energies."""
    scale = cast(jax.Array, sum(jnp.abs(energy) for energy in energies))
    info = jnp.finfo(scale.dtype)
    return 64 * info.eps * jax.lax.stop_gradient(scale) + info.tiny / info.eps


def bearable(depth):
    """Weight that may be lost: LOST_WEIGHT, but no more than 1e-10 of the largest T(E) f(E)."""
    return LOST_WEIGHT * jnp.minimum(1, 100 * jnp.exp(depth))


def lost_weight(scatterer, mu, kT):
    """Weight of -df/dE, or of f or 1 - f, beyond the energies at which T(E) is known."""

    def beyond(gap):
        warm = safe.fermi(gap, jnp.where(kT == 0, 1, kT))
        return jnp.where(kT == 0, jnp.heaviside(-gap, 0), warm)

    above, below = scatterer.energy_limit() - mu, mu - scatterer.energy_floor()
    return jnp.maximum(beyond(above), beyond(below))
