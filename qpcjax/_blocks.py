"""Functions of many points, some at a time."""

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

# Numbers that `leading` evaluates side by side: enough for what starting a kernel costs.
_LEADING = 128


def in_blocks(function, columns, at_once):
    """Apply a function of columns of one length to equal blocks of them, one after the other.

    The last block is filled up: `jax.lax.map` would compile the function once more for a remainder.

    Args:
        function: from a list of columns to a pytree of arrays with one row for each of theirs.
        columns: 1-D arrays.
        at_once: the largest length of a block.
    """
    size = columns[0].size
    blocks = -(-size // at_once)
    if blocks <= 1:
        return function(columns)
    length = -(-size // blocks)
    padding = (0, blocks * length - size)
    columns = [jnp.pad(c, padding, mode="edge").reshape(blocks, length) for c in columns]
    result = jax.lax.map(function, columns)
    return jax.tree.map(lambda r: r.reshape(-1, *r.shape[2:])[:size], result)


@custom_vmap
def _largest(count):
    """A whole number, which in a batch is the largest of all, and one number still."""
    return count


@_largest.def_vmap
def _(size, batched, count):
    return _largest(jnp.max(count)), False


def leading(function, x, filled):
    """Map an elementwise function over the leading rows of an array; the others may be 0 instead.

    On CPUs the rows are taken a block at a time, and blocks that nothing of a batch fills are left
    out. Each is a branch besides, into which XLA does not look: what ends in a sum it would take to
    pieces, two to six times slower than a kernel and a sum apart.

    Args:
        function: from an array to a pytree of arrays of its shape and dtype.
        x: array of shape (rows, n).
        filled: how many rows count.
    """
    if jax.default_backend() != "cpu":
        return function(x)
    rows, n = x.shape
    at_once = min(rows, -(-_LEADING // n))
    blocks = -(-rows // at_once)
    padded = jnp.pad(x, ((0, blocks * at_once - rows), (0, 0)), mode="edge")
    filled = _largest(filled)

    def empty(x):
        return jax.tree.map(lambda y: jnp.zeros(y.shape, y.dtype), jax.eval_shape(function, x))

    def step(first, x):
        return first + at_once, jax.lax.cond(first < filled, function, empty, x)

    start = jnp.zeros((), filled.dtype)
    _, result = jax.lax.scan(step, start, padded.reshape(blocks, at_once, n))
    return jax.tree.map(lambda r: r.reshape(-1, n)[:rows], result)
