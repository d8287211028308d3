"""Eigenvalues and eigenvectors of Hermitian matrices, with derivatives."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qpcjax._numerics.eigen import eigh, eigvalsh


def hermitian(kind, seed=0):
    rng = np.random.default_rng(seed)
    m = rng.standard_normal((3, 5, 5)) + (1j * rng.standard_normal((3, 5, 5)) if kind else 0)
    return m + np.conj(np.swapaxes(m, 1, 2))


@pytest.mark.parametrize("kind", [0, 1], ids=["real", "complex"])
def test_a_batch_is_diagonalised(kind):
    m = hermitian(kind)
    values, vectors = jax.jit(jax.vmap(eigh))(m)
    np.testing.assert_allclose(values, np.linalg.eigvalsh(m), atol=1e-12)
    back = vectors * values[:, None, :].astype(vectors.dtype) @ np.conj(np.swapaxes(vectors, 1, 2))
    np.testing.assert_allclose(back, m, atol=1e-12)


@pytest.mark.parametrize("kind", [0, 1], ids=["real", "complex"])
def test_derivatives_are_those_of_jax(kind):
    m, direction, weight = hermitian(kind)[0], hermitian(kind, 1)[0], hermitian(0, 2)[0]

    def merit(function, h):
        values, vectors = function(jnp.asarray(m) + h.astype(m.dtype) * direction)
        return jnp.sum(values * values[::-1]) + jnp.sum(weight * jnp.abs(vectors) ** 2)

    found = jax.grad(lambda h: merit(eigh, h))(jnp.asarray(0.0))
    wanted = jax.grad(lambda h: merit(jnp.linalg.eigh, h))(jnp.asarray(0.0))
    assert float(found) == pytest.approx(float(wanted), rel=1e-10)


def test_equal_eigenvalues_have_a_derivative():
    direction = hermitian(1)[0]

    def trace(h):
        levels = jnp.diag(jnp.asarray([1.0, 1.0, 0.0, 0.0, 0.0])).astype(complex)
        return jnp.sum(eigvalsh(levels + h.astype(complex) * direction))

    found = jax.jit(jax.grad(trace))(jnp.asarray(0.0))
    assert float(found) == pytest.approx(np.trace(direction).real, rel=1e-12)


def test_two_batches_of_one_program_do_not_wait_for_each_other():
    code = (
        "import jax, jax.numpy as jnp, numpy as np\n"
        "from qpcjax._numerics.eigen import eigh\n"
        "a = np.random.default_rng(0).standard_normal((200, 24, 24)).astype('float32')\n"
        "a = a + a.transpose(0, 2, 1)\n"
        "many = jax.vmap(eigh)\n"
        "f = jax.jit(lambda a, b: many(a)[0].sum() + many(b)[0].sum())\n"
        "[f(a, a + k).block_until_ready() for k in range(20)]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)
