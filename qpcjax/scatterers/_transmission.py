"""The two functions that read a scatterer's transmission."""

import jax.numpy as jnp

from qpcjax.scatterers._batching import batched

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
        T, shape energy.shape; NaN outside the scatterer's energies: above its limit, where a mode
        that is not kept would open, and below its floor.
    """
    total = scatterer.total(energy, bias)
    outside = (energy > scatterer.energy_limit()) | (energy < scatterer.energy_floor())
    return jnp.where(outside, jnp.nan, total)
