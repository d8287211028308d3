"""A scatterer whose transmission is smeared: the softness of a barrier on top of another model."""

import jax
import jax.numpy as jnp

from qpcjax.quadrature import panel_rule
from qpcjax.scatterers._base import AbstractScatterer


class SoftenedScatterer(AbstractScatterer):
    r"""Transmission of another scatterer, averaged over a logistic kernel.

    .. math:: T(E) = \int dE'\, T_0(E')\, \frac{1}{4 s \cosh^2[(E' - E)/2s]}

    A linear-response conductance smeared so is that of T_0 at the temperature s/k_B; currents and
    heat are not, because the softness belongs to the barrier and not to the reservoirs. The sum
    over the channel is smeared, not each mode: there is one eigenvalue, the total. Build it with
    `soften`.

    Args:
        energies: nodes E' in meV.
        weights: T_0(E') times the quadrature weights, in meV.
        softness: s in meV, positive.
        mass: effective mass in m_e.
        window: the energies in meV between which T(E) is resolved.
        limit: energy in meV above which T(E) is not whole.
    """

    energies: jax.Array
    weights: jax.Array
    softness: jax.Array
    mass: jax.Array
    window: tuple[jax.Array, jax.Array]
    limit: jax.Array

    _EDGES = 24

    def eigenvalues(self, energy, bias=0.0):
        """T(E) at one energy, shape (1,); it does not depend on the bias."""
        return self.total(energy)[None]

    def total(self, energy, bias=0.0):
        """T(E) at one energy."""
        decay = jnp.exp(-jnp.abs(self.energies - energy) / self.softness)
        return jnp.sum(self.weights * decay / (1 + decay) ** 2) / self.softness

    def thresholds(self, bias=0.0):
        """None: T(E) is smooth."""
        return jnp.zeros(0, self.energies.dtype)

    def panel_edges(self, bias=0.0):
        """Even steps through the window."""
        return jnp.linspace(*self.window, self._EDGES, dtype=self.energies.dtype)

    def energy_limit(self):
        """Energy in meV above which modes that were not kept would count."""
        return self.limit


_REACH = 37.0  # the kernel beyond weighs 1e-16
_TAIL = 28.0  # and beyond this 1e-12


def soften(scatterer, softness, lower, upper, panels=64, order=8):
    """Smear the transmission of a scatterer that does not depend on the bias.

    Args:
        scatterer: the scatterer, with a mass.
        softness: s in meV, positive; its kernel is resolved while s exceeds about a fifth of the
            window's width divided by `panels`.
        lower: lowest energy in meV that will be asked for.
        upper: highest energy in meV that will be asked for.
        panels: even panels laid over the scatterer's own.
        order: Gauss nodes in a panel.
    """
    first, last = lower - _REACH * softness, upper + _REACH * softness
    even = jnp.linspace(first, last, panels)
    edges = jnp.concatenate([scatterer.panel_edges(), even])
    energies, weights = panel_rule(scatterer.thresholds(), edges, first, last, order)
    energies, weights = energies.reshape(-1), weights.reshape(-1)
    return SoftenedScatterer(
        energies,
        weights * jax.vmap(scatterer.total)(energies),
        softness,
        jnp.asarray(scatterer.mass, energies.dtype),
        (lower, upper),
        scatterer.energy_limit() - _TAIL * softness,
    )
