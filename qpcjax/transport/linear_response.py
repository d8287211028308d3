"""Linear response: averages of T(E) over the thermal kernel -df/dE.

Their integral is one over (E - mu)/kT, in which nothing is singular at kT = 0: over the energies
of `qpcjax.transport.integrals` the kernel is infinite there.
"""

import functools

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from qpcjax._numerics.panels import ORDER, at_panels, lay_panels
from qpcjax.constants import BOLTZMANN
from qpcjax.scatterers.search import over
from qpcjax.transport.error_estimate import finer, quadrature_error, unknown_tails
from qpcjax.transport.window import (
    ACTIVATED_EDGES,
    NARROW_EDGES,
    NARROW_REACH,
    REACH,
    THERMAL_EDGES,
    bearable,
    known_nearby,
    lost_weight,
    negligible,
    thermal_reach,
)
from qpcjax.validation import meaningful


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
    thermal=THERMAL_EDGES,
):
    r"""Terms of the average of a function over the thermal kernel -df/dE at mu.

    .. math:: \langle g \rangle = \int dE\, g(E)\, \left(-\frac{\partial f}{\partial E}\right)
              = \int dx\, g(\mu + k_B T x)\, \frac{1}{4 \cosh^2(x/2)}

    In the variable x nothing is singular at kT = 0, where the average is g(mu), or where g jumps
    there the mean of both sides.

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
    cold = kT <= negligible(mu)
    unit = jnp.where(cold, 1, kT)
    thresholds, edges = (jnp.where(cold, 0, y / unit) for y in (thresholds, edges))
    thermal = jnp.asarray(thermal, edges.dtype)
    below, above = jnp.asarray(reach, edges.dtype)
    edges = jnp.concatenate([thermal, edges])
    rounding = negligible(mu) / unit if moving else None
    panels = lay_panels(thresholds, edges, -below, above, keep, rounding)
    if not moving:
        panels = jax.lax.stop_gradient(panels)
    apart = jnp.where(cold, negligible(mu), 0) if moving else None
    return at_panels(Partial(_with_kernel, function, kT, apart), panels, order)


def in_kernel(y, mu, kT):
    """(E - mu)/kT of nodes of `thermal_terms` at E - mu; 0 of those that stand at mu itself."""
    apart = negligible(mu)
    cold = kT <= apart
    on_sides = jnp.where(y == 0, 0, (y - jnp.sign(y) * apart) / (kT + apart))
    return jnp.where(cold, on_sides, y / jnp.where(cold, 1, kT))


def _with_kernel(function, kT, apart, x, weight, filled):
    y = kT * x
    if apart is not None:  # on the sides of a jump, where they would be on it
        y += apart * (x + jnp.sign(x))
    return y, weight * jax.nn.sigmoid(x) * jax.nn.sigmoid(-x), function(y, filled)


@functools.partial(jax.jit, static_argnames="order")
def conductance_terms(scatterer, mu, temperature, order):
    """Nodes E - mu, thermal kernel, T(E) and whether the thermal average at mu is meaningful."""
    kT = BOLTZMANN * temperature
    scatterer = scatterer.settled()
    bias = jnp.zeros_like(mu)
    warm = jnp.maximum(kT, 0)
    reach, activated, depth = thermal_reach(scatterer, mu, bias, warm)
    below, above = reach * warm
    scatterer = over(scatterer, mu - below, mu + above, bias, 0.0, warm, mu)
    thresholds = scatterer.thresholds(bias) - mu
    edges = jnp.concatenate(
        [scatterer.panel_edges(bias) - mu, activated + warm * ACTIVATED_EDGES.astype(mu.dtype)]
    )
    moving = scatterer.jumps(bias).size > 0
    function = Partial(_transmission, scatterer, mu, bias)
    y, kernel, t = thermal_terms(
        function, thresholds, edges, mu, kT, order, reach=reach, moving=moving
    )
    lost = lost_weight(scatterer, mu, warm)
    valid = (kT >= 0) & ~(lost > bearable(depth)) & scatterer.resolved()
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
    scatterer = scatterer.settled()
    bias = jnp.zeros_like(mu)
    keep = keep if scatterer.states_panels else None
    reach = (NARROW_REACH, NARROW_REACH)
    window = mu - NARROW_REACH * kT, mu + NARROW_REACH * kT
    scatterer = over(scatterer, *window, bias, 0.0, kT, mu)
    thresholds, edges = scatterer.thresholds(bias) - mu, scatterer.panel_edges(bias) - mu
    moving = scatterer.jumps(bias).size > 0
    function = Partial(_transmission, scatterer, mu, bias)
    _, kernel, t = thermal_terms(
        function, thresholds, edges, mu, kT, order, keep, reach, moving, NARROW_EDGES
    )
    value = jnp.sum(kernel * t) / jnp.sum(kernel)
    return jnp.where(known_nearby(scatterer, mu, kT), value, jnp.nan)


def conductance_error(scatterer, mu, temperature, order=ORDER):
    """Estimated error of `conductance_average` with the same arguments."""
    value = conductance_average(scatterer, mu, temperature, order)

    def parts(order):
        _, kernel, t, _ = conductance_terms(scatterer, mu, temperature, order)
        # The kernel is divided by its sum: where T is constant nothing is wrong.
        return kernel * t, -value * kernel

    error = quadrature_error(parts(order), parts(finer(order)))
    kT = BOLTZMANN * temperature
    error += lost_moments(scatterer, mu, kT)[0]
    return jnp.where(jnp.isnan(value), jnp.nan, error)


def lost_moments(scatterer, mu, kT):
    """What the averages of x^p T may lack, p = 0, 1, 2, x = (E - mu)/kT: see `unknown_tails`."""
    tails = unknown_tails(scatterer.settled(), mu, jnp.zeros_like(mu), kT)
    unit = jnp.where(kT == 0, 1, kT)
    # The weight is -df/dE, at most exp(-|x|)/kT.
    return [jnp.where(kT == 0, 0, x / unit ** (p + 1)) for p, x in enumerate(tails)]
