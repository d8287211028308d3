"""The ideal step, where everything has a closed form."""

import math

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from barriers import Barrier, reservoir_rows
from helpers import kelvin
from scipy.optimize import brentq

import qpcjax as qpc
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM

BARRIER = Barrier(lambda p: qpc.IdealStep(*p), 2)
E0 = 5.0
STEP = [E0, 0.067]


def fermi_integral(x):
    """F_1(x), the integral of t/(1 + exp(t - x)) over positive t."""
    return -mp.polylog(2, -mp.exp(x)).real


def occupation(y, bias, kT):
    """f_L - f_R at y above mu."""
    if kT == 0:
        return float(abs(y) < bias / 2)
    left, right = (1 / (math.exp((y - side * bias / 2) / kT) + 1) for side in (1, -1))
    return left - right


def test_transmission():
    t = qpc.eigenvalues(qpc.IdealStep(E0), jnp.asarray([-1.0, 4.999, 5.0, 5.001, 60.0]))
    np.testing.assert_array_equal(t[:, 0], [0, 0, 1, 1, 1])


@pytest.mark.parametrize("bias", [1e-6, 0.3, 4.0])
def test_on_the_step_at_any_temperature(bias):
    thermal = np.array([0.0, 1e-4, 0.02, 0.3158, 1.0, 30.0]) * bias
    v = BARRIER.rows(reservoir_rows(STEP, [(E0, bias, kT, kT) for kT in thermal]))
    np.testing.assert_allclose(v["current"], CONDUCTANCE_QUANTUM * bias / 2, rtol=1e-9)
    exact = [bias**2 / 4]
    for kT in thermal[1:]:
        half = bias / kT / 2
        exact.append(float(2 * kT**2 * (fermi_integral(half) - fermi_integral(-half))))
    # h P_A/2 in meV^2
    np.testing.assert_allclose(v["asymmetry"] / CONDUCTANCE_QUANTUM, exact, rtol=1e-9)


def test_far_below_the_step_electrons_are_activated():
    mu, kT, bias = E0 - np.array([0.1, 0.7, 3.0, 20.0]), 0.05, 1e-3
    v = BARRIER.rows(reservoir_rows(STEP, [(m, bias, kT, kT) for m in mu]))
    x = (mu + np.array([[0.5], [-0.5]]) * bias - E0) / kT
    # kT ln(1 + e^x) of either side, by its series: e^x is 1e-174 in the end.
    exact = [float(mp.log1p(mp.exp(a)) - mp.log1p(mp.exp(b))) * kT for a, b in x.T]
    np.testing.assert_allclose(v["current"] / CONDUCTANCE_QUANTUM, exact, rtol=1e-9)


def test_cooling_begins_where_it_must():
    bias = 0.7

    def left(kT):
        v = BARRIER.rows(reservoir_rows(STEP, [(E0, bias, kT, kT)]))
        return float((bias * v["current"] - v["asymmetry"])[0]) / 2

    assert left(0.1 * bias) > 0
    assert brentq(left, 0.1 * bias, bias) / bias == pytest.approx(0.3158, abs=5e-5)
    at = 0.3158 * bias
    p = qpc.dissipation(qpc.IdealStep(E0), qpc.Reservoirs(E0, bias, kelvin(at)))
    assert float(p.left) == pytest.approx(left(at), abs=1e-9)


@pytest.mark.parametrize(("n", "microvolt"), [(1, 119.46), (2, 39.82), (3, 23.89)])
def test_thermopower_of_a_staircase(n, microvolt):
    kT, small = 0.01, 1e-5

    def response(bias, difference):
        rows = [
            reservoir_rows(
                [step, 0.067], [(E0 + n, bias, kT + difference / 2, kT - difference / 2)]
            )
            for step in E0 + np.arange(1, 5)  # the n-th of them is at mu
        ]
        return np.sum(BARRIER.rows(np.concatenate(rows))["current"])

    by_bias = response(small, 0.0) - response(-small, 0.0)
    by_heat = (response(0.0, small) - response(0.0, -small)) * BOLTZMANN
    seebeck = -by_heat / by_bias * 1e3  # uV/K
    assert seebeck == pytest.approx(-microvolt, abs=6e-3)
    assert seebeck == pytest.approx(-BOLTZMANN * 1e3 * math.log(2) / (n - 0.5), rel=1e-6)


RESERVOIRS = [
    (E0 + y, bias, kT, kT)
    for y, bias in ((0.11, 0.6), (-0.25, 0.6), (0.5, 0.6), (0.01, 0.3))
    for kT in (0.0, 0.02, 0.3)
]


def test_derivatives_by_the_position():
    slopes = BARRIER.jacobian(reservoir_rows(STEP, RESERVOIRS))
    at_step = np.array([occupation(E0 - mu, bias, kT) for mu, bias, kT, _ in RESERVOIRS])
    y = np.array([E0 - mu for mu, *_ in RESERVOIRS])
    for name, exact in (("current", -at_step), ("asymmetry", -2 * y * at_step)):
        found = slopes[name][:, 0] / CONDUCTANCE_QUANTUM
        np.testing.assert_allclose(found, exact, rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(slopes[name][:, 1], 0)  # by the mass


def test_derivatives_are_those_of_differences():
    BARRIER.check_gradients(reservoir_rows(STEP, RESERVOIRS), [1e-3, 1e-3])


def test_conductance_and_its_derivative():
    mu = E0 + np.array([-0.3, -0.02, 0.0, 0.01, 0.2])[:, None]
    kT = np.array([0.02, 0.1])
    f = 1 / (np.exp((E0 - mu) / kT) + 1)

    def conductance(energy):
        return qpc.conductance(qpc.IdealStep(energy), mu, kelvin(kT))

    value, slope = jax.jvp(conductance, (E0,), (1.0,))
    np.testing.assert_allclose(value, f, rtol=1e-9)
    np.testing.assert_allclose(slope, -f * (1 - f) / kT, rtol=1e-9)


def test_derivatives_with_a_fermi_edge_on_the_step():
    # mu_L = E0 but for rounding, which puts either first.
    mu = np.array([E0 - 0.3, 4.7 + 4e-16, 4.7 - 2e-15])
    rows = reservoir_rows(STEP, [(m, 2 * (E0 - 4.7), 0.02, 0.02) for m in mu])
    found = BARRIER.jacobian(rows)["current"][:, 0] / CONDUCTANCE_QUANTUM
    np.testing.assert_allclose(found, -0.5, rtol=1e-9)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"energy": math.inf}, "energy must be finite, in meV, got inf"),
        ({"energy": math.nan}, "energy must be finite, in meV, got nan"),
        ({"mass": 0.0}, "mass must be positive, in m_e, got 0"),
        ({"energy": np.ones(2)}, "IdealStep.energy must be a scalar"),
    ],
)
def test_bad_parameters(changed, message):
    with pytest.raises(ValueError, match=message):
        qpc.IdealStep(**({"energy": 1.0} | changed))


def test_linear_response_on_the_step_is_that_of_low_temperatures():
    step = qpc.IdealStep(E0)
    mu = np.array([E0, np.nextafter(E0, 9.0), E0 + 1e-6, E0 - 1e-6])
    np.testing.assert_allclose(qpc.conductance(step, mu), [0.5, 0.5, 1, 0], atol=1e-12)
    cold, cool = (qpc.thermoelectrics(step, E0, T) for T in (0.0, 1e-9))
    for name in ("conductance", "seebeck", "peltier", "lorenz_ratio", "zt", "power_factor"):
        assert float(getattr(cold, name)) == pytest.approx(float(getattr(cool, name)), abs=1e-9), (
            name
        )
