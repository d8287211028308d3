"""Gauss panels on integrals that are known, and functions at their nodes."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from qpcjax._numerics.panels import at_panels, lay_panels, panel_ends, panel_nodes


def rule(thresholds, edges, lower, upper, order=16):
    arrays = (np.asarray(x, dtype=float) for x in (thresholds, edges, lower, upper))
    return panel_nodes(lay_panels(*map(jnp.asarray, arrays)), order)


@pytest.mark.parametrize("order", [2, 5, 16])
def test_panels_integrate_polynomials_exactly(order):
    x, weight = rule([], [0.3, -4.0, 1.1, 0.7, 9.0], -0.5, 1.5, order)
    assert x.shape == weight.shape == (6, order)
    for power in range(2 * order):
        exact = (1.5 ** (power + 1) - (-0.5) ** (power + 1)) / (power + 1)
        assert float(jnp.sum(weight * x**power)) == pytest.approx(exact, rel=1e-13)


def test_panels_stay_in_the_window():
    x, weight = rule([-3.0, 0.2, 5.0], [0.1, 0.2, 0.9, 44.0], 0.0, 1.0)
    assert np.all(np.asarray(weight) >= 0)
    assert np.min(x) >= 0
    assert np.max(x) <= 1
    assert float(jnp.sum(weight)) == pytest.approx(1, rel=1e-15)


@pytest.mark.parametrize("power", [0.5, 1.5, 2.5])
@pytest.mark.parametrize("threshold", [-0.4, 0.0, 0.3, 0.999])
def test_onsets_at_thresholds_do_no_harm(power, threshold):
    x, weight = rule([threshold], [0.5], -0.4, 1.0)
    for side in (1, -1):
        distance = side * (x - threshold)
        y = jnp.where(distance > 0, distance, 0) ** power
        reach = 1.0 - threshold if side > 0 else threshold + 0.4
        exact = reach ** (power + 1) / (power + 1)
        assert float(jnp.sum(weight * y)) == pytest.approx(exact, rel=1e-14, abs=1e-16)


def test_an_edge_next_to_a_threshold_does_no_harm():
    for gap in (1e-3, 1e-9, 1e-15):
        x, weight = rule([0.3], [0.3 + gap, 0.3 - gap], -0.4, 1.0)
        y = jnp.where(x > 0.3, x - 0.3, 0) ** 1.5
        # The accuracy that is stated of the integrals.
        assert float(jnp.sum(weight * y)) == pytest.approx(0.7**2.5 / 2.5, rel=1e-10)


def test_window_moves_by_leibniz():
    """Also where an edge or a threshold stands on the end of the window."""

    def integral(lower, upper, edge):
        panels = lay_panels(jnp.stack([edge]), jnp.asarray([0.0, 1.0]), lower, upper)
        x, weight = panel_nodes(panels, 16)
        return jnp.sum(weight * jnp.exp(x))

    for edge in (0.0, 0.4, 1.0, 3.0):
        slopes = jax.grad(integral, argnums=(0, 1, 2))(0.0, 1.0, edge)
        np.testing.assert_allclose(slopes, [-1, math.e, 0], atol=1e-14)


def test_panels_that_are_not_needed_come_last():
    """Also where the window's end is evaluated inside the compiled function, and edges repeat."""

    @jax.jit
    @jax.vmap
    def widths(centre, reach):
        edges = jnp.concatenate([jnp.linspace(-3.0, 3.0, 31), jnp.linspace(-3.0, 3.0, 61)])
        ends = panel_ends(
            jnp.asarray([0.0, 1.0]), edges, centre - 1.3 * reach, centre + 0.7 * reach
        )
        return jnp.diff(ends)

    rng = np.random.default_rng(3)
    width = np.asarray(widths(rng.uniform(-2, 2, 200), rng.uniform(0.1, 2, 200)))
    wide = width > 0
    assert np.all(wide[:, :-1] >= wide[:, 1:]), "one without a width stands before one that has it"
    assert np.all(width >= 0)
    assert wide.sum(axis=1).min() < 5
    assert 35 < wide.sum(axis=1).max() < 64


EDGES = np.linspace(-3.0, 3.0, 90)  # panels for several blocks
ORDER = 6


def _terms(rate, x, weight, filled):
    return weight * jnp.exp(rate * x)


def _integral(rate, lower, upper):
    """Integral of exp(rate x) from lower to upper, an onset at 0.3."""
    panels = lay_panels(jnp.asarray([0.3]), jnp.asarray(EDGES), lower, upper)
    return jnp.sum(at_panels(Partial(_terms, rate), panels, ORDER))


def _exact(rate, lower, upper):
    return (jnp.exp(rate * upper) - jnp.exp(rate * lower)) / rate


@pytest.mark.parametrize("derivative", [jax.jacfwd, jax.jacrev, jax.hessian])
def test_functions_at_the_nodes_have_their_derivatives(derivative):
    windows = [(-2.9, 2.95), (0.1, 0.2), (-0.4, 1.7), (1.0, 1.0)]
    numbers = jnp.asarray([(0.8, *window) for window in windows])
    value, exact = (
        jax.jit(jax.vmap(derivative(lambda x, f=f: f(*x))))(numbers) for f in (_integral, _exact)
    )
    np.testing.assert_allclose(value, exact, rtol=1e-11, atol=1e-13)


def test_a_batch_of_windows():
    lower = np.array([[-2.9, 0.0, 1.0], [0.3, 0.31, -3.0]])
    upper = lower + np.array([[5.8, 0.0, 0.1], [0.2, 1.5, 0.02]])
    integrals = jax.jit(jax.vmap(jax.vmap(_integral, (None, 0, 0)), (None, 0, 0)))
    value = integrals(0.8, lower, upper)
    np.testing.assert_allclose(value, _exact(0.8, lower, upper), rtol=1e-12, atol=1e-15)


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="panels are left out on CPUs alone")
def test_panels_without_a_width_are_not_evaluated():
    called = []

    def counted(x, weight, filled):
        jax.debug.callback(lambda x: called.append(x), x)
        return weight

    @jax.jit
    def integral(lower, upper):
        panels = lay_panels(jnp.zeros(0), jnp.asarray(EDGES), lower, upper)
        return jnp.sum(at_panels(Partial(counted), panels, ORDER))

    assert float(integral(0.1, 0.2)) == pytest.approx(0.1, rel=1e-14)
    jax.effects_barrier()
    assert len(called) == 1, "one block is enough for three panels"
    # In that block the others stand inside the first panel: beyond the window T(E) may be NaN.
    assert np.all((called[0] > 0.1) & (called[0] < 0.2))


@pytest.mark.parametrize("order", [0, 1, 2.5])
def test_an_order_that_makes_no_rule(order):
    panels = lay_panels(jnp.zeros(0), jnp.asarray(EDGES), jnp.asarray(0.1), jnp.asarray(0.2))
    with pytest.raises((TypeError, ValueError), match="order must be"):
        at_panels(Partial(_terms, 1.0), panels, order)
