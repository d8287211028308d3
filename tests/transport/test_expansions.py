"""The expansions against the full integrals, and the derivatives they are made of."""

import jax
import jax.numpy as jnp
import numpy as np
import oracle
import pytest
from helpers import (
    POWER_UNIT,
    Saddle,
    constriction,
    kelvin,
    landauer_rows,
    vector,
)
from scipy.optimize import brentq

import qpcjax as qpc

ELL = 1.0


def exact_slope(mu, ell=ELL):
    return float(
        oracle.difference(
            lambda e: sum(oracle.eigenvalue(e, ell, n) for n in (1, 2, 3)), mu, "1e-20"
        )
    )


@pytest.fixture(scope="module")
def grad_transmission():
    c = constriction(ELL)
    return jax.jit(jax.vmap(jax.grad(lambda e: qpc.transmission(c, e))))


# --- low bias -------------------------------------------------------------------------------


def test_low_bias_powers_are_the_printed_ones():
    mu, bias = np.array([0.8, 1.0, 1.7, 4.0]), 0.01
    p = qpc.low_bias_dissipation(constriction(ELL), mu, bias)
    value = np.array([float(sum(oracle.eigenvalue(e, ELL, n) for n in (1, 2, 3))) for e in mu])
    slope = np.array([exact_slope(e) for e in mu])
    # (1/h) in units of (2/h) is a half.
    exact = POWER_UNIT * (value * bias**2 / 2 - slope * bias**3 / 12)
    np.testing.assert_allclose(p.left, exact, rtol=1e-11)
    np.testing.assert_allclose(p.asymmetry, POWER_UNIT * slope * bias**3 / 6, rtol=1e-9)
    np.testing.assert_allclose(p.total, POWER_UNIT * value * bias**2, rtol=1e-11)


def test_asymmetry_at_vanishing_bias_is_the_slope_of_the_transmission(grad_transmission):
    mu, bias = np.array([0.6, 0.95, 1.0, 1.2, 1.7, 2.6, 3.3, 4.4]), 1e-6
    v = landauer_rows(np.array([vector(ELL, m, bias, 0.0) for m in mu]))
    ratio = v["asymmetry"] / POWER_UNIT / bias**3
    slope = np.asarray(grad_transmission(mu))
    np.testing.assert_allclose(slope, [exact_slope(m) for m in mu], rtol=1e-9)
    np.testing.assert_allclose(ratio, slope / 6, rtol=1e-6)
    expansion = qpc.low_bias_dissipation(constriction(ELL), mu, bias).asymmetry
    np.testing.assert_allclose(v["asymmetry"], expansion, rtol=1e-6)


def test_asymmetry_vanishes_where_the_transmission_is_flat(grad_transmission):
    top = brentq(exact_slope, 1.25, 1.6, xtol=1e-14)
    assert abs(float(grad_transmission(np.array([top]))[0])) < 1e-11
    v = landauer_rows(vector(ELL, top, 1e-6, 0.0))
    assert abs(v["asymmetry"][0] / POWER_UNIT) < 1e-6 * 1e-18


def test_error_of_the_low_bias_powers_falls_with_the_bias():
    bias = np.array([0.04, 0.02, 0.01])
    v = landauer_rows(np.array([vector(ELL, 1.3, b, 0.0) for b in bias]))
    p = qpc.low_bias_dissipation(constriction(ELL), 1.3, bias)
    # The next term of the asymmetry is (eV)^5, that of the sum (eV)^4.
    wrong = np.abs(v["asymmetry"] - np.asarray(p.asymmetry))
    np.testing.assert_allclose(wrong[:-1] / wrong[1:], 32, rtol=0.05)
    wrong = np.abs(v["left"] + v["right"] - np.asarray(p.total))
    np.testing.assert_allclose(wrong[:-1] / wrong[1:], 16, rtol=0.05)


def test_small_bias_and_low_temperature_together():
    """P_A = (eV T'/3h) [(eV)^2 + 4 pi^2 (kT)^2]."""
    errors = []
    for size in (1e-3, 1e-4):
        rows = np.array([[1.3, 1.0, 1.0], [1.3, 0.1, 1.0], [1.3, 3.0, 0.2], [2.4, 1.0, 0.5]])
        mu, bias, kT = rows[:, 0], size * rows[:, 1], size * rows[:, 2]
        vectors = [vector(ELL, *row) for row in zip(mu, bias, kT, strict=True)]
        value = landauer_rows(np.array(vectors))["asymmetry"] / POWER_UNIT
        slope = np.array([exact_slope(m) for m in mu])
        exact = bias * slope / 6 * (bias**2 + 4 * np.pi**2 * kT**2)
        errors.append(np.abs(value / exact - 1))
    assert np.all(errors[1] < 1e-5)
    # The next term is two orders higher.
    np.testing.assert_allclose(errors[0] / errors[1], 100, rtol=0.05)


# --- low temperature ------------------------------------------------------------------------

BARRIER = Saddle(height=1.0, spacing=1.2, width=1.5, drift=0.1)


def powers(scatterer, r):
    p = qpc.dissipation(scatterer, r)
    return np.stack([p.left, p.right])


def powers_of(kT, wrong):
    """Exponents with which errors fall between neighbouring temperatures."""
    return np.diff(np.log(wrong)) / np.diff(np.log(kT))


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("ratio", [0.0, 0.6])
def test_error_of_each_order_falls_with_its_power(order, ratio):
    kT = 0.016 / 1.4 ** np.arange(4)
    r = qpc.Reservoirs(1.5, 0.5, kelvin(kT), kelvin(ratio * kT))
    cold = powers(BARRIER, qpc.Reservoirs(1.5, 0.5, 0 * kT, 0 * kT))
    p = qpc.low_temperature_correction(BARRIER, r, order=order)
    wrong = np.abs(powers(BARRIER, r) - cold - np.stack([p.left, p.right]))
    np.testing.assert_allclose(powers_of(kT, wrong[0]), 2 * order + 2, atol=0.1)
    np.testing.assert_allclose(powers_of(kT, wrong[1]), 2 * order + 2, atol=0.1)


def test_leading_correction_of_the_constriction():
    """Eqs. (14) and (16) as printed, and against the full integral away from thresholds."""
    c = constriction(0.5)
    mu, bias = 2.4, 0.8
    kT = 0.01 / 1.5 ** np.arange(4)
    p = qpc.low_temperature_correction(c, qpc.Reservoirs(mu, bias, kelvin(kT)))
    left, right = mu + bias / 2, mu - bias / 2
    t_left, t_right = (oracle.transmission(e, 0.5) for e in (left, right))
    unit = POWER_UNIT * np.pi**2 / 6 * kT**2
    exact = -unit * (t_left - t_right + bias * exact_slope(right, 0.5))
    np.testing.assert_allclose(p.left, exact, rtol=1e-9)
    exact = unit * (t_left - t_right + bias * exact_slope(left, 0.5))
    np.testing.assert_allclose(p.right, exact, rtol=1e-9)

    v = landauer_rows(np.array([vector(0.5, mu, bias, k) for k in [0.0, *kT]]))
    for full, part in ((v["left"], p.left), (v["right"], p.right)):
        wrong = np.abs(full[1:] - full[0] - np.asarray(part))
        assert np.all(wrong < 1e-2 * np.abs(part))
        np.testing.assert_allclose(powers_of(kT, wrong), 4, atol=0.1)


def test_second_order_of_the_constriction():
    # Below the second threshold one mode is the whole of T. The third order, whose nested
    # derivatives are long to compile, is tested on the barrier above.
    c = constriction(0.1, modes=1)
    mu, bias = 0.55, 0.2
    kT = 0.012 / 1.2 ** np.arange(4)
    v = landauer_rows(np.array([vector(0.1, mu, bias, k) for k in [0.0, *kT]]))
    r = qpc.Reservoirs(mu, bias, kelvin(kT))
    p = qpc.low_temperature_correction(c, r, order=2)
    for full, part in ((v["left"], p.left), (v["right"], p.right)):
        wrong = np.abs(full[1:] - full[0] - np.asarray(part))
        assert np.all(wrong < 1e-3 * np.abs(part))
        np.testing.assert_allclose(powers_of(kT, wrong), 6, atol=0.2)


def test_correction_across_a_whole_step():
    """Eq. (17): +-(pi^2/3h)(kT)^2, between two flat parts of T."""
    step = Saddle(height=1.0, spacing=2.0, width=0.05, drift=0.0)
    kT = 0.01
    r = qpc.Reservoirs(2.0, 1.0, kelvin(kT))
    p = qpc.low_temperature_correction(step, r)
    exact = POWER_UNIT * np.pi**2 / 6 * kT**2
    assert float(p.right) == pytest.approx(exact, rel=1e-12)
    assert float(p.left) == pytest.approx(-exact, rel=1e-12)


def test_each_side_at_its_own_temperature():
    """With a cold right side only the left one's temperature counts."""
    kT = 0.02
    one = qpc.low_temperature_correction(
        BARRIER, qpc.Reservoirs(1.5, 0.5, kelvin(kT), kelvin(2 * kT))
    )
    both = qpc.low_temperature_correction(BARRIER, qpc.Reservoirs(1.5, 0.5, kelvin(2 * kT)))
    other = qpc.low_temperature_correction(
        BARRIER, qpc.Reservoirs(1.5, 0.5, kelvin(kT), kelvin(-2 * kT))
    )
    assert float(one.left + other.left) == pytest.approx(float(both.left), rel=1e-12)
    assert float(one.right + other.right) == pytest.approx(float(both.right), rel=1e-12)
    assert float(one.left) != pytest.approx(float(other.left), rel=1e-3)


@pytest.mark.parametrize("order", [0, -1, 1.0, True])
def test_order_is_a_whole_number(order):
    with pytest.raises(ValueError, match="order must be a whole number, 1 or more, got"):
        qpc.low_temperature_correction(BARRIER, qpc.Reservoirs(1.0, 0.1), order=order)


def test_above_the_energy_limit_is_nan_where_modes_are_fixed():
    c, mu = constriction(0.5, modes=1), jnp.asarray([0.9, 1.1])
    p = jax.jit(qpc.low_bias_dissipation)(c, mu, 0.01)
    np.testing.assert_array_equal(np.isnan(p.left), [False, True])
    more = qpc.low_bias_dissipation(constriction(0.5, modes=4), mu, 0.01)
    np.testing.assert_allclose(qpc.low_bias_dissipation(c, mu, 0.01).left, more.left, rtol=1e-14)
