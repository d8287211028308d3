"""The inverse of small matrices against NumPy's, and its derivative against differences."""

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics.small_matrices import inverse


def test_inverse_of_a_batch():
    rng = np.random.default_rng(1)
    matrices = rng.normal(size=(50, 7, 7)) + 1j * rng.normal(size=(50, 7, 7))
    matrices[0] = np.roll(np.eye(7), 3, axis=1)  # no pivot is on the diagonal
    matrices[1] *= np.logspace(0, -200, 7)  # columns of very different size
    found = jax.jit(jax.vmap(inverse))(jnp.asarray(matrices))
    exact = np.linalg.inv(matrices)
    scale = np.max(np.abs(exact), axis=2, keepdims=True)
    assert np.all(np.abs(found - exact) < 1e-11 * scale)


def test_derivatives_in_both_modes():
    rng = np.random.default_rng(2)
    at, along, weight = rng.normal(size=(3, 4, 4))
    step = 1e-5

    def value(t):
        return jnp.sum(jnp.asarray(weight) * inverse(jnp.asarray(at) + t * jnp.asarray(along)))

    exact = [np.sum(weight * np.linalg.inv(at + t * along)) for t in (-step, 0.0, step)]
    slope, curve = (exact[2] - exact[0]) / (2 * step), jax.jacfwd(jax.grad(value))
    np.testing.assert_allclose(jax.grad(value)(0.0), slope, rtol=1e-7)
    np.testing.assert_allclose(jax.jacfwd(value)(0.0), slope, rtol=1e-7)
    inner = [np.linalg.inv(at + t * along) for t in (-step, step)]
    slopes = [-np.sum(weight * (m @ along @ m)) for m in inner]
    np.testing.assert_allclose(curve(0.0), (slopes[1] - slopes[0]) / (2 * step), rtol=1e-6)
