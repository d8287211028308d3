"""Tridiagonal systems of equations."""

from typing import Any

import jax
import jax.numpy as jnp


def tridiagonal(below: Any, diagonal: Any, above: Any, right: Any) -> jax.Array:
    """Solution of a diagonally dominant tridiagonal system, by elimination without exchanges.

    The one of a library is a call that not every GPU has.

    Args:
        below: (n,), of which the first is not used.
        diagonal: (n,).
        above: (n,), of which the last is not used.
        right: (n,).
    """

    def forward(before, row):
        below, diagonal, above, right = row
        pivot = diagonal - below * before[0]
        after = above / pivot, (right - below * before[1]) / pivot
        return after, after

    def backward(after, row):
        found = row[1] - row[0] * after
        return found, found

    none = jnp.zeros_like(right[0])
    _, rows = jax.lax.scan(forward, (none, none), (below, diagonal, above, right))
    return jax.lax.scan(backward, none, rows, reverse=True)[1]
