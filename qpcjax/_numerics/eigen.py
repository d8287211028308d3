"""Eigenvalues and eigenvectors of Hermitian matrices, many at once."""

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from qpcjax._numerics.small_matrices import product


@custom_vmap
def _one(matrix):
    return tuple(jnp.linalg.eigh(matrix, symmetrize_input=False))


@_one.def_vmap
def _(size, batched, matrices):
    return jax.lax.map(_one, matrices), (True, True)


@jax.custom_jvp
def eigh(matrix) -> tuple[jax.Array, jax.Array]:
    r"""Rising eigenvalues of a Hermitian matrix, and its eigenvectors as columns.

    On CPUs a batch is taken one by one: two batched calls of LAPACK in one program, such as those
    of two barriers, wait for each other for ever where there are few threads. The derivatives are

    .. math:: d\lambda_i = v_i^\dagger\, dM\, v_i, \quad
        dv_i = \sum_{j \ne i} v_j \frac{v_j^\dagger\, dM\, v_i}{\lambda_i - \lambda_j}.

    Args:
        matrix: shape (n, n), real or complex.
    """
    if jax.default_backend() == "cpu":
        return _one(matrix)
    return tuple(jnp.linalg.eigh(matrix, symmetrize_input=False))


@eigh.defjvp
def _(primals, tangents):
    values, vectors = eigh(*primals)
    (tangent,) = tangents
    half = jnp.asarray(0.5, tangent.dtype)
    tangent = half * (tangent + jnp.conj(tangent.T))
    inner = product(jnp.conj(vectors.T), tangent, vectors)
    one = jnp.eye(values.size, dtype=values.dtype)
    gap = values - values[:, None]
    mixing = (1 - one) / (gap + one)
    change = product(vectors, mixing.astype(inner.dtype) * inner)
    return (values, vectors), (jnp.real(jnp.diagonal(inner)), change)


@jax.custom_jvp
def eigvalsh(matrix) -> jax.Array:
    """Rising eigenvalues of a Hermitian matrix, taken as `eigh` does.

    Their derivatives are finite where some are equal, such as those of closed modes.

    Args:
        matrix: shape (n, n), real or complex.
    """
    return eigh(matrix)[0]


@eigvalsh.defjvp
def _(primals, tangents):
    values, vectors = eigh(*primals)
    inner = product(jnp.conj(vectors.T), tangents[0], vectors)
    return values, jnp.real(jnp.diagonal(inner))
