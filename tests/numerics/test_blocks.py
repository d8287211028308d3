"""Functions of many points: their values and derivatives, and which points are evaluated."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from qpcjax._numerics.blocks import in_blocks, leading
from qpcjax._numerics.sorting import ascending


@pytest.mark.parametrize("at_once", [1, 4, 10, 11, 100])
def test_blocks_of_any_length(at_once):
    x = np.linspace(0.0, 1.0, 11)
    sums = in_blocks(lambda columns: columns[0] + 2 * columns[1], [x, x**2], at_once)
    np.testing.assert_allclose(sums, x + 2 * x**2, rtol=1e-15)


ROWS, ORDER = 37, 16  # not a whole number of blocks
NODES = np.random.default_rng(0).uniform(0, 1, (ROWS, ORDER))


def _area(a, filled, nodes=NODES):
    values = leading(lambda x: jnp.exp(-a * x), (jnp.asarray(nodes),), filled, ORDER)
    return jnp.sum(jnp.where(np.arange(ROWS)[:, None] < filled, values, 0))


@jax.jit
def _with_derivatives(a, filled):
    """The area, its derivative, and its second derivative in three ways."""
    value, slope = jax.value_and_grad(_area)(a, filled)
    twice = jax.jacfwd(jax.grad(_area)), jax.grad(jax.grad(_area)), jax.jacfwd(jax.jacfwd(_area))
    return value, slope, [second(a, filled) for second in twice]


@pytest.mark.parametrize("filled", [0, 1, 8, 9, ROWS])
def test_leading_rows_are_the_function_with_its_derivatives(filled):
    x = NODES[:filled]
    value, slope, curvatures = _with_derivatives(1.5, filled)
    np.testing.assert_allclose(value, np.sum(np.exp(-1.5 * x)), rtol=1e-14)
    np.testing.assert_allclose(slope, np.sum(-x * np.exp(-1.5 * x)), rtol=1e-14)
    np.testing.assert_allclose(curvatures, np.sum(x**2 * np.exp(-1.5 * x)), rtol=1e-14)


def test_a_batch_of_batches_evaluates_what_any_of_it_fills():
    filled, a = np.array([[3, 11], [0, 30]]), np.array([0.5, 2.0])
    areas = jax.vmap(jax.vmap(_area, (None, 0)), (0, 0))(a, filled)
    alone = [[_area(a[i], filled[i, j]) for j in range(2)] for i in range(2)]
    np.testing.assert_allclose(areas, alone, rtol=1e-14)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="blocks are left out on CPUs alone")
def test_blocks_that_nothing_fills_are_left_out():
    # This is about the cost: in a batch of batches too, a branch is taken or left out as a whole.
    called = []

    def counted(x):
        jax.debug.callback(lambda _: called.append(1), x[0, 0])
        return x

    @jax.jit
    def total(nodes, filled):
        return jnp.sum(leading(counted, (nodes,), filled, ORDER))

    batch = np.broadcast_to(NODES, (2, 3, *NODES.shape))
    totals = jax.jit(jax.vmap(jax.vmap(total, (0, 0)), (0, None)))
    totals(batch, np.array([9, 2, 16])).block_until_ready()
    jax.effects_barrier()
    assert len(called) == 2 * 6  # two blocks of eight rows, of each of the batch


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_ascending_is_the_sorted_row(dtype):
    x = np.random.default_rng(1).normal(size=50).astype(dtype)
    x[:6] = [0, -0.0, np.inf, -np.inf, x[9], x[9]]
    np.testing.assert_array_equal(ascending(jnp.asarray(x)), np.sort(x))


def test_ascending_carries_derivatives_along():
    x = np.array([3.0, -1.0, 2.0, -5.0])
    np.testing.assert_array_equal(jax.jacfwd(ascending)(x), np.eye(4)[np.argsort(x)])
    np.testing.assert_array_equal(jax.jacrev(ascending)(x), np.eye(4)[np.argsort(x)])
