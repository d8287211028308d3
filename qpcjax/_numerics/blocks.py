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
def largest(count):
    """A whole number, which in a batch is the largest of all, and one number still."""
    return count


@largest.def_vmap
def _(size, batched, count):
    return largest(jnp.max(count, initial=0)), False


def leading(function, columns, filled, each):
    """Map a function of rows over the leading ones; for the others the result may be 0 instead.

    On CPUs the rows are taken a block at a time, and blocks that nothing of a batch fills are left
    out. Each is a branch besides, into which XLA does not look: what ends in a sum it would take to
    pieces, two to six times slower than a kernel and a sum apart. Nor does it share a block out to
    threads, which for one point takes longer than the block.

    Args:
        function: from arrays to a pytree of arrays, with a row for each of theirs.
        columns: its arguments, a tuple of arrays.
        filled: how many rows count.
        each: how many numbers the function evaluates for a row.
    """
    if jax.default_backend() != "cpu":
        return function(*columns)
    filled = largest(filled)
    rows = len(columns[0])
    at_once = min(rows, -(-_LEADING // each))
    blocks = -(-rows // at_once)

    def empty(*columns):
        shapes = jax.eval_shape(function, *columns)
        return jax.tree.map(lambda y: jnp.zeros(y.shape, y.dtype), shapes)

    def evaluated(first, columns):
        return jax.lax.cond(first < filled, function, empty, *columns)

    start = jnp.zeros((), filled.dtype)
    if blocks == 1:
        return evaluated(start, columns)

    def in_rows(x):
        padding = [(0, blocks * at_once - rows), *[(0, 0)] * (x.ndim - 1)]
        return jnp.pad(x, padding, mode="edge").reshape(blocks, at_once, *x.shape[1:])

    def step(first, columns):
        return first + at_once, evaluated(first, columns)

    _, result = jax.lax.scan(step, start, tuple(in_rows(x) for x in columns))
    return jax.tree.map(lambda r: r.reshape(-1, *r.shape[2:])[:rows], result)
