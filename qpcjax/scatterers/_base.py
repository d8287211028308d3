"""What a scatterer is, and the two functions that read its transmission."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from qpcjax._batching import batched


class AbstractScatterer(eqx.Module):
    """A barrier between two reservoirs, known by its transmission and where that is not smooth.

    A scatterer has two things of its own, `eigenvalues` and `thresholds`; the other methods have
    defaults. Everything is written for one energy: batches are made by the functions that use it.
    Energies are in meV from the bottom of the conduction band.
    """

    @abc.abstractmethod
    def eigenvalues(self, energy, bias=0.0) -> jax.Array:
        """Transmission eigenvalues T_n(E, V) at one energy and bias eV, shape (modes,)."""

    @abc.abstractmethod
    def thresholds(self, bias=0.0) -> jax.Array:
        """Energies at which T(E, V) is not smooth, in any order, shape (k,) with static k.

        T itself must be continuous there: derivatives of the integrals rely on it.
        """

    def total(self, energy, bias=0.0) -> jax.Array:
        """Total transmission T(E, V) at one energy and bias: the sum of the eigenvalues."""
        return jnp.sum(self.eigenvalues(energy, bias))

    def panel_edges(self, bias=0.0) -> jax.Array:
        """Energies that, with the thresholds, divide T(E, V) into panels of 16 Gauss nodes."""
        return jnp.zeros(0, jnp.result_type(bias))

    def energy_limit(self) -> Any:
        """Energy up to which the modes that are kept give the whole T(E, V)."""
        return jnp.inf

    def resolved(self) -> Any:
        """Whether panel_edges resolve T(E, V) for these parameters."""
        return True


_ENERGIES_AT_ONCE = 1 << 16


@batched(_ENERGIES_AT_ONCE)
def eigenvalues(scatterer, energy, bias=0.0):
    r"""Transmission eigenvalues T_n(E, V).

    Args:
        scatterer: any scatterer.
        energy: E in meV from the bottom of the conduction band, any shape.
        bias: eV in meV, broadcasts with `energy`.

    Returns:
        T_n, shape energy.shape + (modes,).
    """
    return scatterer.eigenvalues(energy, bias)


@batched(_ENERGIES_AT_ONCE)
def transmission(scatterer, energy, bias=0.0):
    r"""Total transmission :math:`T(E, V) = \sum_n T_n(E, V)`.

    Args:
        scatterer: any scatterer.
        energy: E in meV from the bottom of the conduction band, any shape.
        bias: eV in meV, broadcasts with `energy`.

    Returns:
        T, shape energy.shape; NaN above the scatterer's energy limit, where a mode that is not
        kept would open.
    """
    total = scatterer.total(energy, bias)
    return jnp.where(energy > scatterer.energy_limit(), jnp.nan, total)
