"""Edges of sub-bands: the energies of the lines in a map over gate voltage and bias."""

from typing import Any

import jax
import jax.numpy as jnp

from qpcjax.scatterers.fields import innermost

_MODES = 12  # of a channel


def subband_edges(scatterer: Any) -> jax.Array:
    """E_n without bias, in meV from the bottom of the conduction band.

    The tops of the modes' barriers in a saddle or between smooth walls, n^2 E1 + U in a channel; a
    pair for each mode where the spins are split.

    Args:
        scatterer: a barrier of modes that open one after the other.

    Returns:
        E_n, shape (modes,), or (2 modes,) with a Zeeman energy; the first 12 of a channel.

    Raises:
        ValueError: the barrier's sub-bands have no edges that are known.
    """
    bare = innermost(scatterer)
    if hasattr(bare, "steps"):
        edges = bare.steps(0.0)[0]
    elif hasattr(bare, "energy_scale"):
        scale = jnp.asarray(bare.energy_scale)
        edges = bare.offset + jnp.arange(1, _MODES + 1, dtype=scale.dtype) ** 2 * scale
    elif hasattr(bare, "energy") and not hasattr(bare, "transmission"):  # an ideal step
        edges = jnp.atleast_1d(bare.energy)
    else:
        raise ValueError(f"the sub-bands of {type(bare).__name__} have no edges that are known")
    spin = getattr(scatterer, "zeeman_energy", None)
    if spin is None:
        return edges
    return jnp.stack([edges - spin / 2, edges + spin / 2], axis=-1).ravel()
