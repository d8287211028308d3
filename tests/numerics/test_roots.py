"""Roots and their derivatives, against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qpcjax._numerics.roots import falling_root


def cube_root(a, lower=0.0, upper=7.0):
    """The root of a - x^3 in brackets that need not be near it."""
    return falling_root(lambda x: a - x**3, jnp.asarray(lower), jnp.asarray(upper))


@pytest.mark.parametrize("a", [0.3, 2.0, 300.0])
def test_values_and_derivatives_of_any_order(a):
    exact = a ** (1 / 3), a ** (-2 / 3) / 3, -2 * a ** (-5 / 3) / 9, 10 * a ** (-8 / 3) / 27
    derivatives = cube_root, jax.grad(cube_root), jax.hessian(cube_root)
    third = jax.jacfwd(jax.grad(jax.grad(cube_root)))
    for derivative, value in zip((*derivatives, third), exact, strict=True):
        np.testing.assert_allclose(derivative(a), value, rtol=1e-11)


def test_batches_with_closed_over_numbers_of_both_kinds():
    a, b = np.linspace(0.5, 5, 4), 2.0

    def root(a, b):
        return falling_root(lambda x: a - b * x, jnp.zeros(()), jnp.full((), 9.0))

    slopes = jax.jit(jax.vmap(jax.grad(root, (0, 1)), (0, None)))(a, b)
    np.testing.assert_allclose(jax.vmap(root, (0, None))(a, b), a / b, rtol=1e-13)
    np.testing.assert_allclose(slopes[0], np.full(4, 1 / b), rtol=1e-13)
    np.testing.assert_allclose(slopes[1], -a / b**2, rtol=1e-13)


def test_where_nothing_changes_sign_an_end_is_near():
    assert cube_root(400.0) > 6.9
    assert abs(cube_root(-1.0)) < 0.1


def test_a_value_traces_no_derivative():
    calls = []

    def fun(x):
        calls.append(x)
        return 2.0 - x

    jax.jit(lambda: falling_root(fun, jnp.zeros(()), jnp.full((), 3.0)))()
    assert len(calls) == 1
