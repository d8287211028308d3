"""Conductance along mu, temperature, or a number of the scatterer."""

from typing import Any

import jax
import jax.numpy as jnp

from qpcjax.scatterers.fields import with_numbers
from qpcjax.scatterers.shifted import FilledBarrier
from qpcjax.scatterers.wrapper import wrappers
from qpcjax.transport.landauer import conductance


def conductance_along(scatterer: Any, reservoirs: Any, axis: str, values: Any) -> jax.Array:
    """G in 2e^2/h along one axis, at no bias.

    Args:
        scatterer: any scatterer; barriers that follow their filling are as they are at each mu, and
            gates have their own mu at each value.
        reservoirs: `Reservoirs` of numbers; mu and temperature where they are not the axis.
        axis: "mu", "temperature", or a number of the scatterer, such as "half_width".
        values: of the axis, shape (n,).

    Returns:
        Shape (n,).
    """
    mu, temperature, values = reservoirs.mu, reservoirs.temperature, jnp.asarray(values)
    if axis == "temperature":
        return conductance(scatterer, mu, values)
    if axis == "mu":
        if not any(isinstance(w, FilledBarrier) for w in wrappers(scatterer)):
            return conductance(scatterer, values, temperature)
        return jax.vmap(lambda m: conductance(scatterer.at_potential(m), m, temperature))(values)

    def at(value):
        changed = with_numbers(scatterer, {axis: value})
        own = getattr(changed, "own_mu", None)
        return conductance(changed, mu if own is None else own, temperature)

    # Side by side, but for scatterers that take long.
    mapped = jax.lax.map if getattr(scatterer, "dear", False) else (lambda f, x: jax.vmap(f)(x))
    return mapped(at, values)
