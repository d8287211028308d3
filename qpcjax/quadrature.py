"""Integrals over energy: Gauss panels between thresholds, weighted with Fermi functions.

All energies here are offsets y from the mean electrochemical potential mu, so that a small bias
keeps its digits. A panel ends wherever T(E) or a Fermi function is not smooth, and its nodes
crowd quadratically towards both ends, which makes the 3/2-power onsets of T(E) harmless. Every
shape is static: panels outside the integration window have width zero.
"""

import math
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax import _safe
from qpcjax.units import BOLTZMANN

ORDER = 16  # Gauss nodes in a panel

# A panel end this near to a threshold, in panel widths, is treated as being on it.
_NEAR_THRESHOLD = 0.03

# Panel ends around an electrochemical potential, in kT; the tails beyond weigh 1e-16.
_THERMAL_EDGES = np.array([-37.0, -20.0, -10.0, -4.0, 0.0, 4.0, 10.0, 20.0, 37.0])

# Thermal widths beyond which a Fermi function or its derivative weighs 1e-16.
REACH = 37.0

# Largest Fermi weight above a scatterer's energy limit that an integral may lose.
LOST_WEIGHT = 1e-12


def panels_in(edges, centres, reach):
    """Largest number of panels, over several windows centre +- reach, that these edges make.

    NumPy arrays on the host: edges of shape (windows, edges), centres and reach (windows,).
    """
    inside = np.abs(edges - np.asarray(centres)[:, None]) < np.asarray(reach)[:, None]
    distinct = [np.unique(row[held]).size for row, held in zip(edges, inside, strict=True)]
    return max(distinct) + len(_THERMAL_EDGES) + 1


def panel_rule(thresholds, edges, lower, upper, order=ORDER, keep=None):
    r"""Nodes and weights of a composite Gauss rule on [lower, upper].

    Args:
        thresholds: points at which the integrand has a square root or a 3/2 power.
        edges: further panel ends, in any order.
        lower: start of the window; what lies outside the window is moved to its ends.
        upper: end of the window.
        order: Gauss-Legendre nodes in a panel.
        keep: number of panels to keep; by default all, whether they lie in the window or not. The
            weights are NaN where the window holds more.

    Returns:
        Nodes and weights, each of shape (panels, order). On a panel [a, b] the nodes are
        a + (b - a) phi(s), with s the Gauss nodes of [0, 1] and phi quadratic at an end that is a
        threshold, so that a square root there is analytic in s.
    """
    ends = jnp.sort(jnp.clip(jnp.concatenate([thresholds, edges]), lower, upper))
    # The window's own ends are put in after sorting, so that their derivatives survive ties.
    ends = jnp.concatenate([lower[None], ends, upper[None]])
    start, width = ends[:-1], jnp.diff(ends)
    # Another panel end may stand next to a threshold: what counts is how near, in panel widths.
    from_threshold = jnp.min(jnp.abs(ends[:, None] - thresholds), axis=1, initial=jnp.inf)
    rough_start = from_threshold[:-1] <= _NEAR_THRESHOLD * width
    rough_end = from_threshold[1:] <= _NEAR_THRESHOLD * width
    if keep is not None and keep < width.size:
        chosen = jnp.argsort(width == 0, stable=True)[:keep]
        complete = jnp.sum(width > 0) <= keep
        start, width = start[chosen], jnp.where(complete, width[chosen], jnp.nan)
        rough_start, rough_end = rough_start[chosen], rough_end[chosen]
    start, width, rough_start, rough_end = (
        a[:, None] for a in (start, width, rough_start, rough_end)
    )
    node, weight = _gauss_maps(order)
    kind = jnp.where(rough_start, 1, 0) + jnp.where(rough_end, 2, 0)

    def pick(table):
        return jnp.select([kind == k for k in range(4)], list(jnp.asarray(table, ends.dtype)))

    return start + width * pick(node), width * pick(weight)


def _gauss_maps(order):
    """Gauss nodes phi(s) and weights phi'(s) w on [0, 1]; a row for each kind of panel."""
    x, w = np.polynomial.legendre.leggauss(order)
    s, w = (x + 1) / 2, w / 2
    one = np.ones_like(s)
    # Rough ends of the rows: none, start, end, both.
    nodes = np.stack([s, s * s, s * (2 - s), s * s * (3 - 2 * s)])
    slopes = np.stack([one, 2 * s, 2 * (1 - s), 6 * s * (1 - s)])
    return nodes, slopes * w


def thermal_average(fun, thresholds, edges, mu, kT, order=ORDER, keep=None):
    r"""Average of a function of the energy over the thermal kernel -df/dE at mu.

    .. math:: \langle g \rangle = \int dE\, g(E)\, \left(-\frac{\partial f}{\partial E}\right)
              = \int dx\, g(\mu + k_B T x)\, \frac{1}{4 \cosh^2(x/2)}

    In the variable x nothing is singular at kT = 0, where the average is g(mu).

    Args:
        fun: g, mapping an array of offsets y = E - mu to an array of that shape.
        thresholds: offsets from mu at which g is not smooth.
        edges: offsets from mu that resolve g between them.
        mu: centre, used only for the scale of rounding.
        kT: thermal energy, 0 or more.
        order: Gauss nodes in a panel.
        keep: number of panels to keep, as in `panel_rule`.
    """
    cold = kT <= _negligible(mu)
    thresholds, edges = (
        jnp.where(cold, 0, y / jnp.where(cold, 1, kT)) for y in (thresholds, edges)
    )
    thermal = jnp.asarray(_THERMAL_EDGES, edges.dtype)
    limit = jnp.asarray(REACH, edges.dtype)
    x, weight = jax.lax.stop_gradient(
        panel_rule(thresholds, jnp.concatenate([thermal, edges]), -limit, limit, order, keep)
    )
    kernel = weight * jax.nn.sigmoid(x) * jax.nn.sigmoid(-x)
    return jnp.sum(kernel * fun(kT * x)) / jnp.sum(kernel)


def conductance_average(scatterer, mu, temperature, order=ORDER):
    """Linear-response conductance in 2e^2/h, the thermal average of T(E) at mu.

    NaN under the same conditions as `transport_moments`.
    """
    kT = BOLTZMANN * temperature
    bias = jnp.zeros_like(mu)

    def total(y):
        return scatterer.total(mu + y, bias)

    thresholds, edges = scatterer.thresholds(bias) - mu, scatterer.panel_edges(bias) - mu
    average = thermal_average(jax.vmap(jax.vmap(total)), thresholds, edges, mu, kT, order)
    lost = _weight_above(scatterer.energy_limit() - mu, jnp.maximum(kT, 0))
    valid = (kT >= 0) & ~(lost > LOST_WEIGHT) & scatterer.resolved()
    return jnp.where(valid, average, jnp.nan)


def transport_moments(scatterer, mu, bias, temperature, temperature_bias, order=ORDER):
    r"""The two integrals that hold current and heat, Eqs. (1)-(5).

    .. math:: M_j = \int dE\, (E - \mu)^j\, T(E, V)\, [f_L(E) - f_R(E)]

    A negative bias is the mirror image: sides and sign are exchanged.

    Args:
        scatterer: any scatterer.
        mu: mean electrochemical potential in meV.
        bias: eV = mu_L - mu_R in meV.
        temperature: mean temperature in K.
        temperature_bias: T_L - T_R in K.
        order: Gauss nodes in a panel.

    Returns:
        (M_0, M_1) in meV and meV^2; NaN where a temperature is negative, where the Fermi weight
        above the scatterer's energy limit exceeds 1e-12, and where its panels do not resolve it.
    """
    backward = bias < 0
    sign = jnp.where(backward, -1, 1).astype(bias.dtype)
    half_bias = jnp.where(backward, -bias, bias) / 2
    difference = sign * BOLTZMANN * temperature_bias
    kT_left = BOLTZMANN * temperature + difference / 2
    kT_right = BOLTZMANN * temperature - difference / 2
    valid = (kT_left >= 0) & (kT_right >= 0) & scatterer.resolved()

    # A side whose kT is lost in the rounding of mu counts as cold: its Fermi function is a step,
    # and what its temperature does to the integrals is Sommerfeld's first term, added below.
    tiny = _negligible(mu, half_bias)
    step_left = jnp.where(kT_left <= tiny, 0, kT_left)
    step_right = jnp.where(kT_right <= tiny, 0, kT_right)

    reach = REACH * jnp.maximum(step_left, step_right)
    thermal = jnp.asarray(_THERMAL_EDGES, mu.dtype)
    edges = jnp.concatenate(
        [
            half_bias + step_left * thermal,
            -half_bias + step_right * thermal,
            scatterer.panel_edges(bias) - mu,
        ]
    )
    # T(E) is continuous, so that panel ends may stand still under differentiation; what a moving
    # step of a cold Fermi function does is in _cold_sides.
    thresholds, window = scatterer.thresholds(bias) - mu, half_bias + reach
    y, weight = jax.lax.stop_gradient(panel_rule(thresholds, edges, -window, window, order))
    occupation = _safe.fermi_difference(y, half_bias, step_left, step_right, difference)
    both_cold = (step_left == 0) & (step_right == 0)
    occupation = jnp.where(both_cold, 1, occupation)
    t = jax.vmap(jax.vmap(lambda y: scatterer.total(mu + y, bias)))(y)
    passed = weight * occupation * t

    kT, steps = jnp.stack([kT_left, kT_right]), jnp.stack([step_left, step_right])
    cold = _cold_sides(scatterer, mu, bias, jnp.stack([half_bias, -half_bias]), kT, steps == 0)
    moments = jnp.sum(passed) + cold[0], jnp.sum(passed * y) + cold[1]

    lost = jnp.maximum(
        _weight_above(scatterer.energy_limit() - mu - half_bias, step_left),
        _weight_above(scatterer.energy_limit() - mu + half_bias, step_right),
    )
    valid = valid & ~(lost > LOST_WEIGHT)
    return tuple(jnp.where(valid, sign * moment, jnp.nan) for moment in moments)


def _cold_sides(scatterer, mu, bias, y, kT, cold):
    """What the steps of cold Fermi functions at y = (eV/2, -eV/2) add to the two moments.

    In kT it is Sommerfeld's first term. In y it is nothing but its derivatives, to second order:
    the nodes of the integral stand still, so that the motion of a step is not in it.
    """

    def total(scatterer, mu, bias, y):
        return scatterer.total(mu + y, bias)

    at = jax.lax.stop_gradient(y)
    moved = y - at
    t = jax.vmap(lambda y: total(scatterer, mu, bias, y))(at)
    held = jax.lax.stop_gradient((scatterer, mu, bias))
    slope = jax.vmap(jax.grad(lambda y: total(*held, y)))(at)
    curve = math.pi**2 / 6 * kT**2 + moved**2 / 2
    side = jnp.where(cold, jnp.asarray([1.0, -1.0], y.dtype), 0)
    zeroth = side * (t * moved + slope * curve)
    first = side * (at * t * moved + (jax.lax.stop_gradient(t) + at * slope) * curve)
    return jnp.sum(zeroth), jnp.sum(first)


def _negligible(*energies):
    """Thermal energy below which kT is lost in the rounding of these energies."""
    scale = cast(jax.Array, sum(jnp.abs(energy) for energy in energies))
    info = jnp.finfo(scale.dtype)
    return 64 * info.eps * jax.lax.stop_gradient(scale) + info.tiny / info.eps


def _weight_above(gap, kT):
    """Fermi function at the distance `gap` above an electrochemical potential, 0 or 1 if cold."""
    return jnp.where(kT == 0, jnp.heaviside(-gap, 0), _safe.fermi(gap, jnp.where(kT == 0, 1, kT)))
