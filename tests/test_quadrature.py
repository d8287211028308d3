"""The panels and the thermal average on integrals that are known."""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import oracle
import pytest
from helpers import constriction, kelvin
from scipy.integrate import quad

from qpcjax.quadrature import panel_ends, panel_rule, thermal_average, transport_moments


def rule(thresholds, edges, lower, upper, order=16):
    arrays = (np.asarray(x, dtype=float) for x in (thresholds, edges, lower, upper))
    return panel_rule(*map(jnp.asarray, arrays), order)


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
        x, weight = panel_rule(jnp.stack([edge]), jnp.asarray([0.0, 1.0]), lower, upper)
        return jnp.sum(weight * jnp.exp(x))

    for edge in (0.0, 0.4, 1.0, 3.0):
        slopes = jax.grad(integral, argnums=(0, 1, 2))(0.0, 1.0, edge)
        np.testing.assert_allclose(slopes, [-1, math.e, 0], atol=1e-14)


def average(fun, kT, thresholds=()):
    return thermal_average(
        fun, jnp.asarray(thresholds, dtype=float), jnp.zeros(0), jnp.asarray(0.3), jnp.asarray(kT)
    )


def test_thermal_average_of_powers():
    kT = 0.07
    for power, exact in ((0, 1), (2, math.pi**2 / 3), (4, 7 * math.pi**4 / 15)):
        value = average(lambda y, power=power: y**power, kT)
        assert float(value) == pytest.approx(exact * kT**power, rel=1e-12)
    assert float(average(lambda y: y**3, kT)) == pytest.approx(0, abs=1e-16)


def test_thermal_average_without_temperature_is_the_value():
    assert average(lambda y: jnp.cos(y + 0.4), 0.0) == pytest.approx(math.cos(0.4), rel=1e-15)


@pytest.mark.parametrize("threshold", [-0.2, 0.0, 0.31])
def test_thermal_average_over_an_onset(threshold):
    kT = 0.05
    value = average(lambda y: jnp.where(y > threshold, y - threshold, 0) ** 1.5, kT, [threshold])

    def integrand(y):
        return (y - threshold) ** 1.5 / (4 * kT * np.cosh(y / kT / 2) ** 2)

    points = sorted({max(threshold, p) for p in (-0.5, -0.1, 0.0, 0.1, 0.5, 1.9)})
    exact = sum(
        quad(integrand, a, b, epsabs=1e-16, epsrel=1e-12)[0] for a, b in itertools.pairwise(points)
    )
    assert float(value) == pytest.approx(exact, rel=1e-11)


@functools.partial(jax.jit, static_argnames="order")
def moments(mu, bias, temperature, order):
    c = constriction(2.0, modes=3, aspect_limit=2.0)
    return jnp.stack(transport_moments(c, mu, bias, temperature, jnp.zeros_like(mu), order))


def test_error_falls_with_the_order():
    mu, bias, kT = 1.2, 0.3, 0.02
    exact = oracle.moments(
        lambda e: oracle.transmission(e, 2.0, modes=3), [0, 1, 4, 9], mu, bias, kT, kT
    )
    errors = []
    for order in (3, 6, 16):
        value = np.asarray(moments(*map(jnp.asarray, (mu, bias, kelvin(kT))), order))
        errors.append(np.max(np.abs(value - exact[:2]) / exact[2:]))
    assert errors[0] > 10 * errors[1]
    assert errors[1] > 10 * errors[2]
    assert errors[2] < 1e-11


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
