"""Derivatives that all come of one backward pass, against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics.slopes import slopes_at_once


def function(pair, y):
    return jnp.exp(pair["a"]) * jnp.sum(pair["b"] ** 2) * jnp.sin(y)


PAIR, Y = {"a": jnp.asarray(0.3), "b": jnp.asarray([1.0, -2.0])}, jnp.asarray(0.7)


def at_once(pair, y):
    return slopes_at_once(function, pair, y)


def test_slopes_forward_and_backward():
    factor = np.exp(0.3) * 5
    for derivative in (jax.jacfwd, jax.jacrev):
        pair, y = derivative(at_once, argnums=(0, 1))(PAIR, Y)
        np.testing.assert_allclose(pair["a"], factor * np.sin(0.7), rtol=1e-15)
        np.testing.assert_allclose(pair["b"], np.exp(0.3) * np.array([2, -4]) * np.sin(0.7))
        np.testing.assert_allclose(y, factor * np.cos(0.7), rtol=1e-15)


def test_second_derivatives_and_batches():
    y = jnp.linspace(0.0, 1.0, 5)
    curve = jax.vmap(jax.jacfwd(jax.grad(at_once, 1), 1), (None, 0))(PAIR, y)
    np.testing.assert_allclose(curve, -np.exp(0.3) * 5 * np.sin(y), rtol=1e-14, atol=1e-15)


def test_what_does_not_move_is_not_differentiated():
    """A function that has no derivative in what stands still is still differentiable."""

    def doubled(least, y):
        factor = jax.lax.while_loop(lambda f: f < least, lambda f: 2 * f, jnp.ones_like(least))
        return factor * jnp.sin(y)

    slope = jax.grad(lambda y: slopes_at_once(doubled, jnp.asarray(5.0), y))(Y)
    np.testing.assert_allclose(slope, 8 * np.cos(0.7), rtol=1e-15)
    value, slope = jax.jvp(lambda x: slopes_at_once(function, PAIR, Y), (Y,), (Y,))
    assert slope == 0
    np.testing.assert_allclose(value, function(PAIR, Y))
