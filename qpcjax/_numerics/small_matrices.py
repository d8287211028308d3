"""Inverse of small matrices, many at once."""

import jax
import jax.numpy as jnp


@jax.custom_jvp
def inverse(matrix):
    r"""Inverse of a square matrix, by elimination with row exchanges.

    For batches of small matrices it is as fast as LAPACK's, and unlike it safe: two batched LAPACK
    calls of one program can wait for each other for ever on a CPU with few threads (seen with
    jaxlib 0.10.2). Its derivative is :math:`-M^{-1}\, dM\, M^{-1}`.

    Args:
        matrix: shape (n, n), real or complex, not singular.
    """
    size = matrix.shape[0]
    rows = jnp.arange(size)

    def eliminate(k, state):
        m, order = state
        largest = jnp.argmax(jnp.where(rows >= k, jnp.abs(m[:, k]), -1))
        exchanged = jnp.where(rows == k, largest, jnp.where(rows == largest, k, rows))
        m, order = m[exchanged], order[exchanged]
        column, here = m[:, k], rows == k
        row = jnp.where(here, 1, m[k]) / column[k]
        rest = jnp.where(here, 0, m) - jnp.where(here, 0, column)[:, None] * row
        return jnp.where(here[:, None], row, rest), order

    m, order = jax.lax.fori_loop(0, size, eliminate, (matrix, rows))
    return m[:, jnp.argsort(order)]


@inverse.defjvp
def _(primals, tangents):
    value = inverse(*primals)
    return value, -product(value, tangents[0], value)


def product(*matrices):
    """Matrix product in the full precision of its dtype, on every device."""
    first, *others = matrices
    for matrix in others:
        first = jnp.matmul(first, matrix, precision=jax.lax.Precision.HIGHEST)
    return first
