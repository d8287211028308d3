"""A scatterer whose transmission is smeared: the softness of a barrier on top of another model."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics.panels import lay_panels, panel_nodes
from qpcjax.scatterers.base import AbstractScatterer

# Kernel widths beyond which the kernel weighs 1e-16 and, in the tail, 1e-12.
_REACH = 37.0
_TAIL = 28.0
_STENCIL = 8
_GRID_STEP = 0.4  # of the softness: the stencil then interpolates ln T to about 1e-8
_KERNEL_PANEL = 4.0  # of the softness: eight Gauss nodes resolve the kernel
_ORDER = 8


def _stencil_powers():
    """Matrix from values at eight even points to the coefficients of t^k, t = 0 in their middle."""
    t = np.arange(_STENCIL) - (_STENCIL - 1) / 2
    return np.linalg.inv(np.vander(t, increasing=True))


class SoftenedScatterer(AbstractScatterer):
    r"""Transmission of another scatterer, averaged over a logistic kernel.

    .. math:: T(E) = \int dE'\, T_0(E')\, \frac{1}{4 s \cosh^2[(E' - E)/2s]}

    A linear-response conductance smeared so is that of T_0 at the temperature s/k_B; currents and
    heat are not, because the softness belongs to the barrier and not to the reservoirs. The sum
    over the channel is smeared, not each mode: there is one eigenvalue, the total. T(E) is kept as
    its logarithm on an even grid, and interpolated between. Build it with `soften`.

    Args:
        start: first energy of the grid in meV.
        step: its step in meV.
        log_total: ln T on the grid.
        mass: effective mass in m_e.
        limit: energy in meV above which T(E) is not known.
    """

    start: jax.Array
    step: jax.Array
    log_total: jax.Array
    mass: jax.Array = eqx.field()  # not the default of the base class
    limit: jax.Array

    follows_bias = False
    opens_in_steps = False

    def eigenvalues(self, energy, bias=0.0):
        """T(E) at one energy, shape (1,); it does not depend on the bias."""
        return self.total(energy)[None]

    def total(self, energy, bias=0.0):
        """T(E) at one energy; NaN outside the grid."""
        place = (energy - self.start) / self.step
        first = jnp.floor(place) - (_STENCIL // 2 - 1)
        last = self.log_total.size - _STENCIL
        inside = (place >= 0) & (place <= self.log_total.size - 1)
        first = jnp.clip(first, 0, last)
        values = jax.lax.dynamic_slice(self.log_total, (first.astype(int),), (_STENCIL,))
        coefficients = jnp.asarray(_stencil_powers(), values.dtype) @ values
        t = place - jax.lax.stop_gradient(first) - (_STENCIL - 1) / 2
        value = coefficients[-1]
        for k in range(_STENCIL - 2, -1, -1):
            value = value * t + coefficients[k]
        return jnp.where(inside, jnp.exp(value), jnp.nan)

    def thresholds(self, bias=0.0):
        """None: T(E) is smooth."""
        return jnp.zeros(0, self.log_total.dtype)

    def finest_scale(self, bias=0.0):
        """Two steps of the grid in meV."""
        return 2 * self.step

    def panel_edges(self, bias=0.0):
        """Every eighth point of the grid."""
        places = jnp.arange(0, self.log_total.size, _STENCIL, dtype=self.log_total.dtype)
        return self.start + self.step * places

    def energy_limit(self):
        """Energy in meV above which modes that were not kept would count."""
        return self.limit


def grid_points(width, softness):
    """Points that resolve a window of this width (meV), a power of two and not fewer than 64."""
    wanted = width / (_GRID_STEP * softness) + _STENCIL
    return 2 ** max(6, math.ceil(math.log2(wanted)))


def soften(scatterer, softness, lower, upper, points, panels=None, bias=0.0):
    """Smear the transmission of a scatterer, as it is at one bias.

    Args:
        scatterer: the scatterer, with a mass.
        softness: s in meV, positive.
        lower: lowest energy in meV that will be asked for.
        upper: highest energy in meV that will be asked for.
        points: grid points, a Python number: see `grid_points`.
        panels: how many of the scatterer's own panels to keep; by default all.
        bias: eV in meV; the result holds for this one.
    """
    softness, lower, upper = (jnp.asarray(x) for x in (softness, lower, upper))
    step = (upper - lower) / (points - 1)
    grid = lower + step * jnp.arange(points, dtype=step.dtype)
    first, last = lower - _REACH * softness, upper + _REACH * softness
    even = math.ceil((points * _GRID_STEP + 2 * _REACH) / _KERNEL_PANEL)
    edges = jnp.concatenate([scatterer.panel_edges(bias), jnp.linspace(first, last, even)])
    keep = None if panels is None else panels + even
    panels = lay_panels(scatterer.thresholds(bias), edges, first, last, keep)
    nodes, weights = panel_nodes(panels, _ORDER)
    nodes, weights = nodes.reshape(-1), weights.reshape(-1)
    passed = weights * jax.vmap(lambda energy: scatterer.total(energy, bias))(nodes)

    def smeared(energy):
        decay = jnp.exp(-jnp.abs(nodes - energy) / softness)
        return jnp.log(jnp.sum(passed * decay / (1 + decay) ** 2) / softness)

    return SoftenedScatterer(
        lower,
        step,
        jax.vmap(smeared)(grid),
        jnp.asarray(scatterer.mass, step.dtype),
        jnp.minimum(scatterer.energy_limit() - _TAIL * softness, upper),
    )
