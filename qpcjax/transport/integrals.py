"""Integrals over energy: Gauss panels between thresholds, weighted with Fermi functions.

All energies here are offsets y from the mean electrochemical potential mu, so that a small bias
keeps its digits. Panels end where a Fermi function is not smooth, too. What several integrals
share is jitted here, so that it is traced once.
"""

import functools
import math
from typing import Any, NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from qpcjax._numerics import safe
from qpcjax._numerics.panels import ORDER, at_panels, lay_panels, nodes_inside
from qpcjax.constants import BOLTZMANN
from qpcjax.resolution import LOST_WEIGHT
from qpcjax.scatterers.search import over
from qpcjax.validation import meaningful, require_count

# Panel ends around an electrochemical potential, in kT; the tails beyond weigh 1e-16.
_THERMAL_EDGES = np.array([-37.0, -20.0, -10.0, -4.0, 0.0, 4.0, 10.0, 20.0, 37.0])

# Thermal widths beyond which a Fermi function or its derivative weighs 1e-16.
REACH = 37.0

# Rounding errors of an integral, in ulps of the integral of the modulus.
_ROUNDING = 128

# Panel ends around the energy of thermally activated transport, in kT.
_ACTIVATED_EDGES = np.array([-24.0, -12.0, -5.0, 5.0, 12.0, 24.0])


def panels_in(edges, centres, reach):
    """Largest number of panels, over several windows centre +- reach, that these edges make.

    NumPy arrays on the host: edges of shape (windows, edges), centres and reach (windows,).
    """
    inside = np.abs(edges - np.asarray(centres)[:, None]) < np.asarray(reach)[:, None]
    distinct = [np.unique(row[held]).size for row, held in zip(edges, inside, strict=True)]
    return max(distinct) + len(_THERMAL_EDGES) + 1


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


def thermal_terms(
    function,
    thresholds,
    edges,
    mu,
    kT,
    order=ORDER,
    keep=None,
    reach=(REACH, REACH),
    moving=False,
    thermal=_THERMAL_EDGES,
):
    r"""Terms of the average of a function over the thermal kernel -df/dE at mu.

    .. math:: \langle g \rangle = \int dE\, g(E)\, \left(-\frac{\partial f}{\partial E}\right)
              = \int dx\, g(\mu + k_B T x)\, \frac{1}{4 \cosh^2(x/2)}

    In the variable x nothing is singular at kT = 0, where the average is g(mu).

    Args:
        function: g, a pytree called with offsets y = E - mu of shape (panels, order), and with how
            many of the panels count.
        thresholds: offsets from mu at which g is not smooth.
        edges: offsets from mu that resolve g between them.
        mu: centre, used only for the scale of rounding.
        kT: thermal energy, 0 or more.
        order: Gauss nodes in a panel.
        keep: number of panels to keep, as in `lay_panels`.
        reach: how far the window reaches below and above mu, in kT.
        moving: whether nodes follow the thresholds under differentiation, for functions that jump.
        thermal: panel ends that resolve the kernel, in kT.

    Returns:
        The nodes y, the kernel times the weights, whose sum is nearly 1, and g.
    """
    cold = kT <= _negligible(mu)
    unit = jnp.where(cold, 1, kT)
    thresholds, edges = (jnp.where(cold, 0, y / unit) for y in (thresholds, edges))
    thermal = jnp.asarray(thermal, edges.dtype)
    below, above = jnp.asarray(reach, edges.dtype)
    edges = jnp.concatenate([thermal, edges])
    rounding = _negligible(mu) / unit if moving else None
    panels = lay_panels(thresholds, edges, -below, above, keep, rounding)
    if not moving:
        panels = jax.lax.stop_gradient(panels)
    return at_panels(Partial(_with_kernel, function, kT), panels, order)


def _with_kernel(function, kT, x, weight, filled):
    y = kT * x
    return y, weight * jax.nn.sigmoid(x) * jax.nn.sigmoid(-x), function(y, filled)


@functools.partial(jax.jit, static_argnames="order")
def conductance_terms(scatterer, mu, temperature, order):
    """Nodes E - mu, thermal kernel, T(E) and whether the thermal average at mu is meaningful."""
    kT = BOLTZMANN * temperature
    bias = jnp.zeros_like(mu)
    warm = jnp.maximum(kT, 0)
    reach, activated, depth = thermal_reach(scatterer, mu, bias, warm)
    below, above = reach * warm
    scatterer = over(scatterer, mu - below, mu + above, bias, 0.0, warm, mu)
    thresholds = scatterer.thresholds(bias) - mu
    edges = jnp.concatenate(
        [scatterer.panel_edges(bias) - mu, activated + warm * _ACTIVATED_EDGES.astype(mu.dtype)]
    )
    moving = scatterer.jumps(bias).size > 0
    function = Partial(_transmission, scatterer, mu, bias)
    y, kernel, t = thermal_terms(
        function, thresholds, edges, mu, kT, order, reach=reach, moving=moving
    )
    lost = _lost_weight(scatterer, mu, warm)
    valid = (kT >= 0) & ~(lost > _bearable(depth)) & scatterer.resolved()
    return y, kernel, t, valid & meaningful(scatterer, mu, temperature)


def _transmission(scatterer, mu, bias, y, filled):
    """T(mu + y, V) at nodes, for `thermal_terms`."""
    return scatterer.transmissions(mu + y, bias, filled)


def conductance_average(scatterer, mu, temperature, order=ORDER):
    """Linear-response conductance in 2e^2/h, the thermal average of T(E) at mu.

    NaN under the same conditions as `transport_moments`.
    """
    _, kernel, t, valid = conductance_terms(scatterer, mu, temperature, order)
    return jnp.where(valid, jnp.sum(kernel * t) / jnp.sum(kernel), jnp.nan)


# Thermal widths that integrals of many parameter sets reach: what lies beyond weighs 1e-8.
NARROW_REACH = 18.0
_NARROW_EDGES = _THERMAL_EDGES[np.abs(_THERMAL_EDGES) < NARROW_REACH]


def smeared_conductance(scatterer, mu, kT, order=ORDER, keep=None):
    """Average of T(E) over the thermal kernel of kT > 0 at mu, to 1e-8, on a few panels.

    For many parameter sets of one barrier: `conductance_average` without the search for activated
    transport, in a narrower window and with only the panels that it holds.

    Args:
        scatterer: any scatterer.
        mu: electrochemical potential in meV.
        kT: width of the kernel in meV, positive.
        order: Gauss nodes in a panel.
        keep: number of panels to keep, see `panels_in`; NaN where the window holds more.
    """
    bias = jnp.zeros_like(mu)
    keep = keep if scatterer.states_panels else None
    reach = (NARROW_REACH, NARROW_REACH)
    window = mu - NARROW_REACH * kT, mu + NARROW_REACH * kT
    scatterer = over(scatterer, *window, bias, 0.0, kT, mu)
    thresholds, edges = scatterer.thresholds(bias) - mu, scatterer.panel_edges(bias) - mu
    moving = scatterer.jumps(bias).size > 0
    function = Partial(_transmission, scatterer, mu, bias)
    _, kernel, t = thermal_terms(
        function, thresholds, edges, mu, kT, order, keep, reach, moving, _NARROW_EDGES
    )
    value = jnp.sum(kernel * t) / jnp.sum(kernel)
    return jnp.where(_holds(scatterer, mu, kT), value, jnp.nan)


def smeared_flow(scatterer, mu, bias, kT, order=ORDER, keep=None):
    r"""Integral of T(E, V) (f_L - f_R) in meV for kT > 0, to 1e-8, on a few panels.

    `transport_moments` for many parameter sets of one barrier; see `smeared_conductance`. Its
    derivative by the bias is the differential conductance in 2e^2/h.
    """
    half_bias = jnp.abs(bias) / 2
    thermal = kT * jnp.asarray(_NARROW_EDGES, mu.dtype)
    reach = half_bias + NARROW_REACH * kT
    keep = keep if scatterer.states_panels else None
    scatterer = over(scatterer, mu - reach, mu + reach, bias, half_bias, kT, mu)
    edges = [half_bias + thermal, thermal - half_bias, scatterer.panel_edges(bias) - mu]
    thresholds = scatterer.thresholds(bias) - mu
    moving = scatterer.jumps(bias).size > 0
    rounding = _negligible(mu, half_bias) if moving else None
    panels = lay_panels(thresholds, jnp.concatenate(edges), -reach, reach, keep, rounding)
    if not moving:
        panels = jax.lax.stop_gradient(panels)
    flow = Partial(_flow, scatterer, mu, bias, bias / 2, jnp.stack([kT, kT]), jnp.zeros_like(kT))
    value = jnp.sum(at_panels(flow, panels, order)[0])
    return jnp.where(_holds(scatterer, mu, kT, half_bias), value, jnp.nan)


def _holds(scatterer, mu, kT, half_bias: Any = 0.0):
    """Whether T(E) is known wherever the kernel of kT around mu +- eV/2 weighs 1e-8."""
    reach = half_bias + NARROW_REACH * kT
    known = (scatterer.energy_limit() >= mu + reach) & (scatterer.energy_floor() <= mu - reach)
    return known & scatterer.resolved() & meaningful(scatterer, mu, kT, half_bias)


def conductance_error(scatterer, mu, temperature, order=ORDER):
    """Estimated error of `conductance_average` with the same arguments."""
    value = conductance_average(scatterer, mu, temperature, order)

    def parts(order):
        _, kernel, t, _ = conductance_terms(scatterer, mu, temperature, order)
        # The kernel is divided by its sum: where T is constant nothing is wrong.
        return kernel * t, -value * kernel

    error = quadrature_error(parts(order), parts(finer(order)))
    return jnp.where(jnp.isnan(value), jnp.nan, error)


class Integrand(NamedTuple):
    """T(E, V) [f_L - f_R] at nodes, in rows of `order` nodes.

    Fields:
        passed: the integrand times the weights, for the forward direction of the bias.
        offset: y = E - mu of the nodes.
        sign: -1 where the bias is negative.
        valid: whether the integrals are meaningful.
    """

    passed: jax.Array
    offset: jax.Array
    sign: jax.Array
    valid: jax.Array


@functools.partial(jax.jit, static_argnames="order")
def transport_integrand(scatterer, mu, bias, temperature, temperature_bias, order=ORDER):
    """`Integrand` of the moments of `transport_moments`, with the same arguments."""
    require_count("order", order, 2)
    backward = bias < 0
    sign = jnp.where(backward, -1, 1).astype(bias.dtype)
    half_bias = jnp.where(backward, -bias, bias) / 2
    difference = sign * BOLTZMANN * temperature_bias
    kT_left, kT_right = safe.side_temperatures(BOLTZMANN * temperature, difference)
    valid = (kT_left >= 0) & (kT_right >= 0)
    valid = valid & meaningful(scatterer, mu, bias, temperature, temperature_bias)

    # A side whose kT is lost in the rounding of mu counts as cold: its Fermi function is a step,
    # and what its temperature does to the integrals is Sommerfeld's first term, added below.
    tiny = _negligible(mu, half_bias)
    kT = jnp.stack([kT_left, kT_right])
    kT_left, kT_right = warm = jnp.where(kT <= tiny, 0, kT)

    warmer = jnp.maximum(jnp.max(warm), 0)
    reach, activated, depth = thermal_reach(scatterer, mu, bias, warmer)
    thermal = jnp.asarray(_THERMAL_EDGES, mu.dtype)
    below, above = half_bias + reach * warmer
    scatterer = over(scatterer, mu - below, mu + above, bias, half_bias, warmer, mu)
    valid = valid & scatterer.resolved()
    edges = jnp.concatenate(
        [
            half_bias + kT_left * thermal,
            -half_bias + kT_right * thermal,
            activated + warmer * _ACTIVATED_EDGES.astype(mu.dtype),
            scatterer.panel_edges(bias) - mu,
        ]
    )
    thresholds = scatterer.thresholds(bias) - mu
    moving = scatterer.jumps(bias).size > 0
    rounding = _negligible(mu, half_bias) if moving else None
    panels = lay_panels(thresholds, edges, -below, above, rounding=rounding)
    flow = scatterer, mu, bias, half_bias, warm, difference
    if moving:
        passed, y = at_panels(Partial(_flow, *flow), panels, order)
    else:
        # Where T(E) is continuous panel ends may stand still under differentiation.
        passed, y = _flow_and_steps(kT, jax.lax.stop_gradient(panels), order, *flow)
    lost = jnp.max(_lost_weight(scatterer, mu + jnp.stack([half_bias, -half_bias]), warm))
    valid = valid & ~(lost > _bearable(depth))
    return Integrand(passed, y, sign, valid)


def _flow(scatterer, mu, bias, half_bias, kT, kT_difference, y, weight, filled):
    """T(E, V) [f_L - f_R] times the weights, and the offsets y."""
    passed = weight * _filling(y, half_bias, kT, kT_difference)
    return passed * scatterer.transmissions(mu + y, bias, filled), y


def _filling(y, half_bias, kT, kT_difference):
    """f_L - f_R with these kT of the two sides, 1 in all of the window where both are cold."""
    kT_left, kT_right = kT
    difference = safe.fermi_difference(y, half_bias, kT_left, kT_right, kT_difference)
    return jnp.where(jnp.all(kT == 0), 1, difference)


@eqx.filter_custom_jvp
def _flow_and_steps(kT, panels, order, *flow):
    """What `_flow` gives, after rows for the steps of cold Fermi functions.

    These rows are 0, but not their derivatives: the nodes stand still, so that the motion of a step
    is not in the integral, nor is Sommerfeld's first term, where kT is a rounding of mu. A value
    alone needs no T(E) for this.
    """
    rows = (_step_rows(order), 0), (0, 0)
    return tuple(jnp.pad(x, rows) for x in at_panels(Partial(_flow, *flow), panels, order))


@_flow_and_steps.def_jvp
def _(primals, tangents):
    (passed, y), moved = eqx.filter_jvp(_flow_and_moved_steps, primals, tangents)
    return (passed.at[: _step_rows(primals[2])].set(0), y), moved


def _flow_and_moved_steps(kT, panels, order, scatterer, mu, bias, half_bias, warm, kT_difference):
    """Terms with the derivatives that `_flow_and_steps` has, to second order.

    For g = T and g = (E - mu) T a step that moved from a to b adds (b - a) g((a + b)/2), and its
    temperature (pi kT)^2 g'/6: both with g at two energies, pi^2 kT/6 above the middle and below.
    They stand in rows of their own, so that T(E) and its derivatives are compiled once.
    """
    y, weight, filled = nodes_inside(panels, order)
    step = jnp.stack([half_bias, -half_bias])
    moved = step - jax.lax.stop_gradient(step)
    side = jnp.where(warm == 0, jnp.asarray([1.0, -1.0], y.dtype), 0)
    apart = jnp.asarray([[1.0], [-1.0]], y.dtype)
    near = step - moved / 2 + apart * (math.pi**2 / 6 * kT)
    by_step = side / 2 * (moved + apart * kT)

    rows = _step_rows(order)

    def before(x, numbers, mode):
        numbers = jnp.pad(numbers.reshape(-1), (0, rows * order - numbers.size), mode=mode)
        return jnp.concatenate([numbers.reshape(rows, order), x])

    passed = before(weight * _filling(y, half_bias, warm, kT_difference), by_step, "constant")
    y = before(y, near, "edge")
    return passed * scatterer.transmissions(mu + y, bias, filled + rows), y


def _step_rows(order):
    """Rows that hold the energies next to both steps."""
    return -(-4 // order)


def integrand_panels(scatterer, *numbers, order):
    """`transport_integrand` in its panels alone, without the rows of steps."""
    f = transport_integrand(scatterer, *numbers, order)
    moving = scatterer.jumps(numbers[1]).size > 0
    rows = 0 if moving else _step_rows(order)
    return f._replace(passed=f.passed[rows:], offset=f.offset[rows:])


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
        above the scatterer's energy limit or below its floor exceeds 1e-12, or 1e-10 of the
        largest T(E) f(E), and where its panels do not resolve it.
    """
    f = transport_integrand(scatterer, mu, bias, temperature, temperature_bias, order)
    moments = jnp.sum(f.passed), jnp.sum(f.passed * f.offset)
    return tuple(jnp.where(f.valid, f.sign * moment, jnp.nan) for moment in moments)


def transport_errors(scatterer, mu, bias, temperature, temperature_bias, combinations, order=ORDER):
    """Estimated errors of combinations of the moments as `transport_moments` gives them.

    Args:
        scatterer: any scatterer.
        mu: as there, and so on.
        bias: as there.
        temperature: as there.
        temperature_bias: as there.
        combinations: pairs (a, b), each of them for the integral a M_0 + b M_1.
        order: Gauss nodes in a panel.

    Returns:
        A list with an estimate for each pair, NaN where the moments are.
    """
    coarse, fine = (
        integrand_panels(scatterer, mu, bias, temperature, temperature_bias, order=nodes)
        for nodes in (order, finer(order))
    )

    def parts(f, a, b):
        return a * f.passed, b * f.passed * f.offset

    return [
        jnp.where(fine.valid, quadrature_error(parts(coarse, a, b), parts(fine, a, b)), jnp.nan)
        for a, b in combinations
    ]


def finer(order):
    """Order of the rule that checks a rule of this order."""
    return order + order // 2 + 1


def quadrature_error(coarse, fine):
    r"""Error estimate of a sum over panels, from the same panels with more nodes.

    With d_p the difference that the additional nodes make in a panel, and S the integral of the
    modulus, the error is twice |sum d_p|, and, for what the finer rule itself may lack,
    sum |d_p| sqrt(|d_p|/S) / 2: half as many nodes more give half as many digits more. The errors
    of panels cannot be added without their signs, since those on both sides of a Fermi edge
    cancel by symmetry. Rounding is charged to every term.

    Args:
        coarse: parts of the integrand times weights, a sequence of arrays (panels, order), that
            together are integrated.
        fine: the same with more nodes.
    """
    parts = zip(coarse, fine, strict=True)
    differences = sum(jnp.sum(f, axis=1) - jnp.sum(c, axis=1) for c, f in parts)
    size = cast(jax.Array, sum(jnp.sum(jnp.abs(f)) for f in fine))
    wrong = jnp.abs(differences)
    unseen = jnp.sum(wrong * jnp.sqrt(wrong / jnp.where(size == 0, 1, size)))
    rounding = _ROUNDING * jnp.finfo(size.dtype).eps * size
    return jax.lax.stop_gradient(2 * jnp.abs(jnp.sum(differences)) + unseen / 2 + rounding)


def _negligible(*energies):
    """Thermal energy below which kT is lost in the rounding of these energies."""
    scale = cast(jax.Array, sum(jnp.abs(energy) for energy in energies))
    info = jnp.finfo(scale.dtype)
    return 64 * info.eps * jax.lax.stop_gradient(scale) + info.tiny / info.eps


def _bearable(depth):
    """Weight that may be lost: LOST_WEIGHT, but no more than 1e-10 of the largest T(E) f(E)."""
    return LOST_WEIGHT * jnp.minimum(1, 100 * jnp.exp(depth))


def _lost_weight(scatterer, mu, kT):
    """Weight of -df/dE, or of f or 1 - f, beyond the energies at which T(E) is known."""

    def beyond(gap):
        warm = safe.fermi(gap, jnp.where(kT == 0, 1, kT))
        return jnp.where(kT == 0, jnp.heaviside(-gap, 0), warm)

    above, below = scatterer.energy_limit() - mu, mu - scatterer.energy_floor()
    return jnp.maximum(beyond(above), beyond(below))
