"""Functions of many points, some at a time."""

import jax
import jax.numpy as jnp


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


def as_kernel(function, values):
    """Map a function of a number over a row of them, as one kernel on a CPU.

    What ends in a sum, XLA for CPUs takes to pieces, two to six times slower than a kernel and a
    sum apart. Into a branch it does not look, and it is not told that this one is always taken.
    """
    mapped = jax.vmap(function)
    if jax.default_backend() != "cpu":
        return mapped(values)
    always = jax.lax.optimization_barrier(jnp.asarray(True))
    return jax.lax.cond(always, mapped, jnp.zeros_like, values)
