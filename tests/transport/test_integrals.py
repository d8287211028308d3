"""Thermal averages that are known, and how the error falls with the order."""

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

from qpcjax.transport.integrals import transport_moments
from qpcjax.transport.linear_response import thermal_terms


def average(fun, kT, thresholds=()):
    thresholds, mu, kT = jnp.asarray(thresholds, dtype=float), jnp.asarray(0.3), jnp.asarray(kT)
    _, kernel, values = thermal_terms(lambda y, _: fun(y), thresholds, jnp.zeros(0), mu, kT)
    return jnp.sum(kernel * values) / jnp.sum(kernel)


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
