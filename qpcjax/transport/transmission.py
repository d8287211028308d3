"""The two functions that read a scatterer's transmission."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from qpcjax.scatterers.users import as_scatterer
from qpcjax.transport.batching import batched

_ENERGIES_AT_ONCE = 1 << 16
# Where one kernel does everything only the result takes memory.
_ENERGIES_AT_ONCE_IN_BULK = 1 << 26
_BULK = 1 << 12  # energies that are worth the longer compilation


@batched(_ENERGIES_AT_ONCE, room="")
def eigenvalues(scatterer, energy, bias=0.0):
    r"""Transmission eigenvalues T_n(E, V).

    Args:
        scatterer: any scatterer.
        energy: E in meV from the bottom of the conduction band, any shape.
        bias: eV in meV, broadcasts with `energy`.

    Returns:
        T_n from 0 to 1, shape energy.shape + (modes,). Their sum times the scatterer's `weight`, 1
        or for single spins 1/2, is T(E, V).
    """
    return scatterer.eigenvalues(energy, bias)


def transmission(scatterer, energy, bias: Any = 0.0):
    r"""Total transmission :math:`T(E, V) = \sum_n T_n(E, V)`.

    Args:
        scatterer: any scatterer.
        energy: E in meV from the bottom of the conduction band, any shape.
        bias: eV in meV, broadcasts with `energy`.

    Returns:
        T, shape energy.shape; NaN outside the scatterer's energies: above its limit, where a mode
        that is not kept would open, and below its floor.
    """
    scatterer = as_scatterer(scatterer)
    many = max(np.size(energy), np.size(bias)) >= _BULK
    total = _bulk if many and scatterer.in_one_kernel else _total
    return total(scatterer, energy, bias)


@batched(_ENERGIES_AT_ONCE, room="modes")
def _total(scatterer, energy, bias):
    return _known(scatterer, energy, scatterer.total(energy, bias))


@batched(_ENERGIES_AT_ONCE_IN_BULK, room="modes")
def _bulk(scatterer, energy, bias):
    return _known(scatterer, energy, scatterer.transmissions(energy, bias, bulk=True))


def _known(scatterer, energy, total):
    outside = (energy > scatterer.energy_limit()) | (energy < scatterer.energy_floor())
    return jnp.where(outside, jnp.nan, total)
