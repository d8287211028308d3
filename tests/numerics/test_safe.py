"""Every guarded primitive against arbitrary precision."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

from qpcjax._numerics import safe

mp.mp.dps = 50


# --- the averaged wavevector ----------------------------------------------------------------


def exact_angle(e, m):
    k = mp.sqrt(mp.mpf(e))
    return mp.acos(m / k) if m <= k else mp.acosh(m / k)


def exact_segment(e, m):
    e, m = mp.mpf(e), mp.mpf(m)
    root = mp.sqrt(e)
    if m <= root:
        return mp.quad(lambda t: (root * mp.sin(t)) ** 2, [0, mp.acos(m / root)])
    # q = sqrt(e) cosh t
    return -mp.quad(lambda t: e * mp.sinh(t) ** 2, [0, mp.acosh(m / root)])


ENERGIES = [1e-6, 0.3, 0.97, 0.9999, 1 - 1e-9, 1 + 1e-9, 1.0001, 1.03, 3.9, 4.0, 4.1, 17.3, 63.7]


@pytest.mark.parametrize("m", [1, 2, 3, 8])
def test_circle_segment_and_angle(m):
    e = np.array([*ENERGIES, m * m * 0.979, m * m * 0.981, m * m * 1.019, m * m * 1.021])
    segment = safe.circle_segment(jnp.asarray(e), m)
    angle = safe.circle_angle(jnp.asarray(e), m)
    # No arithmetic in e beats the condition number of the difference e - m^2.
    conditioned = 1e-14 + 4 * np.spacing(e) / np.where(e == m * m, 1, np.abs(e - m * m))
    exact = np.array([float(exact_segment(x, m)) for x in e])
    np.testing.assert_array_less(np.abs(segment - exact), conditioned * np.abs(exact) + 1e-300)
    exact = np.array([float(exact_angle(x, m)) for x in e])
    np.testing.assert_array_less(np.abs(angle - exact), conditioned * np.abs(exact) + 1e-300)


def test_circle_at_its_centre_and_on_its_rim():
    e = jnp.asarray([0.3, 1.0, 20.0])
    np.testing.assert_allclose(safe.circle_segment(e, 0), np.pi * e / 4, rtol=1e-15)
    np.testing.assert_allclose(safe.circle_angle(e, 0), np.pi / 2, rtol=1e-15)
    for m in (1, 2, 5):
        assert safe.circle_segment(jnp.asarray(float(m * m)), m) == 0
        assert safe.circle_angle(jnp.asarray(float(m * m)), m) == 0


@pytest.mark.parametrize("m", [0, 1, 3])
def test_circle_derivatives(m):
    e = np.array([0.4, 0.95, 1.02, 8.5, 9.6, 31.0])
    slope = jax.vmap(jax.grad(lambda e: safe.circle_segment(e, m)))(jnp.asarray(e))
    exact = [float(mp.diff(lambda x: exact_segment(x, m), mp.mpf(x))) for x in e]
    np.testing.assert_allclose(slope, exact, rtol=1e-13)
    slope = jax.vmap(jax.grad(lambda e: safe.circle_angle(e, m)))(jnp.asarray(e))
    exact = [float(mp.diff(lambda x: exact_angle(x, m), mp.mpf(x))) for x in e]
    np.testing.assert_allclose(slope, exact, rtol=1e-13, atol=1e-15)


def test_circle_derivative_on_the_rim_is_zero_and_finite():
    slope = jax.grad(lambda e: safe.circle_segment(e, 2))
    assert slope(4.0) == 0
    assert jax.grad(slope)(4.0) == 0


# --- entire functions -----------------------------------------------------------------------


def exact_entire(k, z, order=0):
    """Derivative of the sum of (-z)^j/(2j + k)!, term by term; the digits cover cancellation."""
    with mp.workdps(120):
        z = mp.mpf(z)
        terms = (
            (-1) ** j * mp.ff(j, order) * z ** (j - order) / mp.factorial(2 * j + k)
            for j in range(order, 250)
        )
        return float(mp.fsum(terms))


# From the clip at -pi^2/4 up, with a zero of each function and the joints of their branches.
SQUARES = np.array(
    [-2.46, -1.0, -1e-8, 0.0, 1e-8, 1.0, 2.467, 2.468, 3.99, 4.0, 4.01, np.pi**2, 30.0, 900.0, 7e3]
)


def phase_rounding(derivative):
    """Error from the rounding of the phase sqrt z, of a derivative that falls as z^-(k/2)."""
    phase = np.sqrt(np.maximum(SQUARES, 1))
    return 2e-15 * phase / phase**derivative


def test_cosine():
    exact = np.array([exact_entire(0, z) for z in SQUARES])
    wrong = np.abs(np.asarray(safe.cosine(jnp.asarray(SQUARES))) - exact)
    np.testing.assert_array_less(wrong, phase_rounding(0))
    slope = jax.vmap(jax.grad(safe.cosine))(jnp.asarray(SQUARES))
    exact = np.array([exact_entire(0, z, 1) for z in SQUARES])
    np.testing.assert_array_less(np.abs(np.asarray(slope) - exact), phase_rounding(1))


@pytest.mark.parametrize("k", [0, 1, 2, 3, 4])
def test_sinc_and_its_derivatives(k):
    value, slope = jax.vmap(jax.value_and_grad(lambda z: safe.sinc(k, z)))(jnp.asarray(SQUARES))
    for order, result in ((k, value), (k + 1, slope)):
        exact = np.array([exact_entire(1, z, order) for z in SQUARES])
        wrong = np.abs(np.asarray(result) - exact)
        np.testing.assert_array_less(wrong, 2 * phase_rounding(min(order + 1, 2)))


def test_scaled_cos_sin():
    z = np.array([-1e6, -400.0, -1.01, -1.0, -0.99, -1e-12, 0.0, 1e-12, 2.0, 300.0])
    cos, sine, square = safe.scaled_cos_sin(jnp.asarray(z))
    for i, x in enumerate(z):
        phase = mp.sqrt(mp.mpc(x))
        g = mp.exp(-mp.sqrt(-mp.mpf(x))) if x < -1 else mp.mpf(1)
        tolerance = 2e-15 * max(1, abs(x) ** 0.5 if x > 0 else 1)
        assert float(square[i]) == pytest.approx(float(g**2), rel=1e-12, abs=1e-320)
        assert float(cos[i]) == pytest.approx(float(mp.re(mp.cos(phase)) * g), abs=tolerance)
        expected = 1 if x == 0 else mp.re(mp.sin(phase) / phase)
        assert float(sine[i]) == pytest.approx(
            float(expected * g), rel=tolerance, abs=tolerance / 20
        )


def test_divide():
    value, slope = jax.value_and_grad(safe.divide, argnums=1)(3.0, 0.0, 7.0)
    assert (value, slope) == (7, 0)
    value, slope = jax.value_and_grad(safe.divide, argnums=1)(3.0, 2.0, 7.0)
    assert (value, slope) == (1.5, -0.75)


# --- Fermi functions ------------------------------------------------------------------------


def test_fermi():
    energy = np.array([-900.0, -3.0, 0.0, 2.0, 700.0])
    value = safe.fermi(jnp.asarray(energy), jnp.asarray(1.0))
    exact = [float(1 / (mp.exp(x) + 1)) for x in energy]
    np.testing.assert_allclose(value, exact, rtol=1e-15)
    cold = safe.fermi(jnp.asarray(energy), jnp.asarray(0.0))
    np.testing.assert_array_equal(cold, [1, 1, 0.5, 0, 0])
    slope = jax.vmap(jax.grad(safe.fermi), (0, None))(jnp.asarray(energy), 1.0)
    exact = [float(-1 / (4 * mp.cosh(mp.mpf(x) / 2) ** 2)) for x in energy]
    np.testing.assert_allclose(slope, exact, rtol=1e-14)


def exact_difference(y, half, left, right):
    y, half = mp.mpf(y), mp.mpf(half)
    return 1 / (mp.exp((y - half) / left) + 1) - 1 / (mp.exp((y + half) / right) + 1)


@pytest.mark.parametrize("half_bias", [1e-14, 1e-9, 1e-3, 0.2, 3.0])
@pytest.mark.parametrize("kT", [1e-3, 0.04, 1.0])
def test_fermi_difference_keeps_the_digits_of_the_bias(half_bias, kT):
    y = np.array([-30.0, -2.0, -0.1, 0.0, 1e-3, 0.7, 5.0]) * kT
    value = safe.fermi_difference(jnp.asarray(y), *map(jnp.asarray, (half_bias, kT, kT, 0.0)))
    with mp.workdps(1000):
        exact = np.array([float(exact_difference(x, half_bias, kT, kT)) for x in y])
    # Rounding of an argument x of the exponentials costs eps |x|.
    argument = 1 + (np.abs(y) + half_bias) / kT
    np.testing.assert_array_less(np.abs(value - exact), 1e-15 * argument * np.abs(exact) + 1e-300)


@pytest.mark.parametrize("ratio", [1e-12, 1e-3, 0.5, -0.9, 1.9])
def test_fermi_difference_of_unequal_temperatures(ratio):
    kT, half_bias = 0.05, 0.01
    delta = ratio * kT
    left, right = kT + delta / 2, kT - delta / 2
    y = np.array([-0.9, -0.2, -0.011, 0.003, 0.05, 0.4])
    value = safe.fermi_difference(
        jnp.asarray(y), *map(jnp.asarray, (half_bias, left, right, delta))
    )
    with mp.workdps(200):
        exact_left, exact_right = mp.mpf(kT) + mp.mpf(delta) / 2, mp.mpf(kT) - mp.mpf(delta) / 2
        exact = np.array(
            [float(exact_difference(x, half_bias, exact_left, exact_right)) for x in y]
        )
    coldest = min(left, right)
    argument = 1 + (np.abs(y) + half_bias) / coldest
    np.testing.assert_array_less(np.abs(value - exact), 4e-15 * argument * np.abs(exact) + 1e-300)


def test_fermi_difference_with_a_cold_side():
    y = jnp.asarray([-0.5, -0.2, -0.1, 0.1, 0.2, 0.5])
    zero, half, kT = jnp.asarray(0.0), jnp.asarray(0.2), jnp.asarray(0.1)
    both = safe.fermi_difference(y, half, zero, zero, zero)
    np.testing.assert_array_equal(both, [0, 0.5, 1, 1, 0.5, 0])
    left = safe.fermi_difference(y, half, zero, kT, -kT)
    warm = np.array([float(1 / (mp.exp((x + 0.2) / mp.mpf(0.1)) + 1)) for x in np.asarray(y)])
    np.testing.assert_allclose(left, np.array([1, 1, 1, 1, 0.5, 0]) - warm, rtol=0, atol=2e-16)


def test_fermi_difference_has_finite_derivatives_at_no_bias():
    slopes = jax.jacfwd(safe.fermi_difference, argnums=(0, 1, 2, 3, 4))(0.1, 0.0, 0.05, 0.05, 0.0)
    assert np.all(np.isfinite(slopes))
    exact = mp.diff(lambda h: exact_difference(0.1, h, 0.05, 0.05), 0)
    assert float(slopes[1]) == pytest.approx(float(exact), rel=1e-14)


@pytest.mark.parametrize("gap", [0.34999, 0.35001, 2.0])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("y", [-1.3, -0.02, 0.0, 0.6])
def test_fermi_difference_and_its_derivatives_where_its_formula_changes(gap, sign, y):
    kT = 0.05
    at = (y, sign * gap * kT / 2, kT, kT)
    value, slopes = jax.value_and_grad(
        lambda y, half, left, right: safe.fermi_difference(y, half, left, right, left - right),
        argnums=(0, 1, 2, 3),
    )(*at)
    with mp.workdps(60):
        exact = [exact_difference(*at)] + [
            mp.diff(exact_difference, at, tuple(int(i == j) for j in range(4))) for i in range(4)
        ]
    size = abs(float(exact[0]))
    assert float(value) == pytest.approx(float(exact[0]), rel=1e-13)
    for found, slope in zip(slopes, exact[1:], strict=True):
        assert float(found) == pytest.approx(float(slope), rel=1e-13, abs=1e-13 * size / kT)
