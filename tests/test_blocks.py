"""Functions of many points: the values, and what XLA makes of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qpcjax._blocks import as_kernel, in_blocks


@pytest.mark.parametrize("at_once", [1, 4, 10, 11, 100])
def test_blocks_of_any_length(at_once):
    x = np.linspace(0.0, 1.0, 11)
    sums = in_blocks(lambda columns: columns[0] + 2 * columns[1], [x, x**2], at_once)
    np.testing.assert_allclose(sums, x + 2 * x**2, rtol=1e-15)


def _area(a, x):
    return jnp.sum(as_kernel(lambda y: jnp.exp(-a * y), x))


def test_a_kernel_is_the_function_and_its_derivative():
    x = np.linspace(0.0, 1.0, 11)
    value, slope = jax.jit(jax.value_and_grad(_area))(1.5, x)
    np.testing.assert_allclose(value, np.sum(np.exp(-1.5 * x)), rtol=1e-14)
    np.testing.assert_allclose(slope, np.sum(-x * np.exp(-1.5 * x)), rtol=1e-14)


@pytest.mark.skipif(
    jax.default_backend() != "cpu", reason="it is a kernel of its own on CPUs alone"
)
def test_a_kernel_stays_apart_from_the_sum():
    # Not of the answer but of its cost: XLA must leave the branch, also in a batch.
    many = jax.jit(jax.vmap(_area, (0, None)))
    compiled = many.lower(np.ones(3), np.linspace(0.0, 1.0, 11)).compile()
    assert " conditional(" in compiled.as_text()
