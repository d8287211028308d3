"""The saddle point against closed forms, its equations of motion, quadrature and differences."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from barriers import Barrier, reservoir_rows
from helpers import kelvin
from scipy import constants
from scipy.special import expit

import qpcjax as qpc
from qpcjax.constants import CONDUCTANCE_QUANTUM

MODES = 8
BARRIER = Barrier(lambda p: qpc.SaddlePoint(*p, modes=MODES), 5)
MASS = 0.067


def modes_of_motion(y, x, field, mass):
    """Hbar omega_+ and omega_- from the classical motion on the saddle, in meV."""
    c = constants.hbar * field / (mass * constants.m_e) * 1e3
    # x'' = w_x^2 x + w_c y', y'' = -w_y^2 y - w_c x' for the vector (x, y, x', y')
    motion = np.array([[0, 0, 1, 0], [0, 0, 0, 1], [x * x, 0, 0, c], [0, -y * y, -c, 0]])
    rates = np.linalg.eigvals(motion)
    return np.max(np.abs(rates.imag)), np.max(np.abs(rates.real))


def total(energy, height, y, x, field, mass):
    """T(E) of all kept modes, for no field."""
    n = np.arange(MODES)
    return np.sum(expit(2 * np.pi * (energy - height - y * (n + 0.5)) / x))


def breaks(height, y, x, field, mass):
    """Energies around the steps and down the tail."""
    s = x / (2 * np.pi)
    tops = height + y * (np.arange(MODES) + 0.5)
    around = (tops[:, None] + s * np.arange(-40, 41, 4)).reshape(-1)
    return np.concatenate([around, tops[0] - s * np.arange(40, 700, 10)])


# --- the transmission -----------------------------------------------------------------------


def test_eigenvalues_in_closed_form():
    energy = np.linspace(-10.0, 40.0, 51)
    t = qpc.eigenvalues(qpc.SaddlePoint(10.0, 3.0, 1.7), energy)
    exponent = -2 * np.pi * (energy[:, None] - 10.0 - 3.0 * (np.arange(MODES) + 0.5)) / 1.7
    np.testing.assert_allclose(t, 1 / (1 + np.exp(exponent)), rtol=1e-13)


@pytest.mark.parametrize("field", [1e-3, 0.7, -4.0, 30.0])
@pytest.mark.parametrize(("y", "x"), [(3.0, 1.7), (1.0, 2.5), (2.0, 2.0), (1.0, 100.0)])
def test_normal_modes_are_those_of_the_motion(y, x, field):
    found = qpc.SaddlePoint(10.0, y, x, field, MASS).normal_modes
    np.testing.assert_allclose(found, modes_of_motion(y, x, field, MASS), rtol=1e-9)
    assert math.prod(map(float, found)) == pytest.approx(x * y, rel=1e-14)


def test_without_a_field_the_modes_are_the_saddle_s_own():
    for y, x in ((3.0, 1.7), (1.0, 2.5), (2.0, 2.0), (1.0, 1e4)):
        np.testing.assert_allclose(qpc.SaddlePoint(10.0, y, x).normal_modes, [y, x], rtol=1e-14)
        np.testing.assert_allclose(
            qpc.SaddlePoint(10.0, y, x, 1e-7).normal_modes, [y, x], rtol=1e-12
        )


def test_landau_levels_in_a_high_field():
    y, x, height = 3.0, 1.7, 10.0
    for field, error in ((50.0, 1e-3), (500.0, 1e-5)):
        s = qpc.SaddlePoint(height, y, x, field, MASS, modes=3)
        cyclotron = constants.hbar * field / (MASS * constants.m_e) * 1e3
        plus, minus = map(float, s.normal_modes)
        assert plus == pytest.approx(cyclotron, rel=error)
        assert minus == pytest.approx(x * y / cyclotron, rel=error)
        # The steps are as sharp as that, at the centres of the levels.
        levels = height + cyclotron * (np.arange(3) + 0.5)
        gap = cyclotron / 4
        t = qpc.transmission(s, np.stack([levels[:2] - gap, levels[:2] + gap]))
        np.testing.assert_allclose(t, [[0, 1], [1, 2]], atol=1e-12)


def test_dropped_modes_do_not_count_up_to_the_limit():
    s, more = (qpc.SaddlePoint(10.0, 3.0, 4.0, modes=n) for n in (4, 9))
    limit = float(s.energy_limit())
    energy = np.array([limit * (1 - 1e-9), limit * (1 + 1e-9)])
    t = np.asarray(jax.jit(qpc.transmission)(s, energy))
    assert np.isnan(t[1])
    # Not far below it they would still not count, not far above they would.
    dropped = float(qpc.transmission(more, energy[0])) - t[0]
    assert 0 <= dropped < 2e-13
    assert float(qpc.eigenvalues(more, energy[0])[4]) == pytest.approx(math.exp(-30), rel=1e-6)


# --- integrals ------------------------------------------------------------------------------


def regimes():
    """Rows whose first step is at 1 meV: what is hard about each stands beside it."""
    cases = [
        # hbar w_y, hbar w_x, mu, eV, kT_L, kT_R
        (1.0, 0.6, 1.0, 0.3, 0.0, 0.0),  # cold
        (1.0, 0.6, 2.3, 0.7, 0.08, 0.08),  # warm
        (1.0, 0.6, 2.3, 1e-5, 0.08, 0.03),  # a small bias, two temperatures
        (1.0, 0.6, 1.9, 0.5, 0.0, 0.05),  # one side cold
        (1.0, 0.6, -40.0, 5.0, 0.0, 0.0),  # deep tunnelling, cold
        (1.0, 0.6, -40.0, 20.0, 0.0, 0.0),
        (1.0, 0.6, -40.0, 5.0, 0.06, 0.06),  # deep tunnelling of warm electrons
        (1.0, 0.3, -9.0, 0.1, 0.05, 0.05),  # as wide thermally as the tail
        (1.0, 0.1, -2.0, 0.3, 0.12, 0.12),  # activated over the top
        (1.0, 1.6, -3.0, 1.5, 0.06, 0.06),  # steps that overlap
        (1.0, 1.6, 0.9, 0.7, 0.0, 0.0),
        (1.0, 1e-3, 2.0, 2.2, 0.0, 0.0),  # narrow steps, cold
        (1.0, 1e-3, 2.0, 1e-3, 1e-5, 1e-5),  # nearly cold
        (1.0, 1e-6, 2.0, 1.7, 0.05, 0.05),  # a staircase
        (0.1, 0.1, 1.1, 0.02, 3e-3, 3e-3),
        (5.0, 0.05, 11.0, 3.0, 0.3, 0.2),
    ]
    rows = []
    for y, x, *reservoirs in cases:
        rows.append(reservoir_rows([1 - y / 2, y, x, 0.0, MASS], [reservoirs])[0])
    return np.array(rows)


def test_integrals_in_every_regime():
    assert np.max(BARRIER.integral_errors(regimes(), total, breaks)) < 2e-12


def test_one_narrow_step_far_above_mu():
    # Everything is carried by electrons 60 kT above mu.
    s, kT = qpc.SaddlePoint(1.5, 3.0, 1e-4, modes=1), 0.05
    value = qpc.current(s, qpc.Reservoirs(0.0, 1e-3, kelvin(kT)))
    exact = CONDUCTANCE_QUANTUM * 2 * kT * math.sinh(1e-3 / 2 / kT) * math.exp(-3.0 / kT)
    assert float(value) == pytest.approx(exact, rel=1e-6)


def test_the_downstream_side_is_heated_more():
    rng = np.random.default_rng(5)
    count = 256
    y = 10 ** rng.uniform(-1, 1, count)
    x = y * 10 ** rng.uniform(-2, -0.3, count)
    mu, bias = y * rng.uniform(-3, 2, count), y * 10 ** rng.uniform(-5, 0, count)
    temperature = kelvin(y * rng.choice([0, 1e-3, 0.03, 0.1], count))
    field = rng.choice([0.0, 1.0], count)
    zero = np.zeros(count)
    rows = np.stack([zero, y, x, field, zero + MASS, mu, bias, temperature, zero], axis=1)
    values = BARRIER.rows(rows)
    assert np.all(values["current"] >= 0)
    assert np.all(values["asymmetry"] >= -1e-12 * bias * values["current"])


def test_gradients_by_every_parameter():
    reservoirs = [
        (12.0, 1.0, 0.0, 0.0),
        (12.0, 1.0, 0.2, 0.2),
        (15.3, 0.4, 0.0, 0.1),
        (4.0, 2.0, 0.1, 0.1),
    ]
    rows = [
        reservoir_rows([10.0, y, x, field, MASS], reservoirs)
        for y, x, field in ((3.0, 1.7, 0.0), (3.0, 3.0, 0.0), (2.5, 1.5, 1.3))
    ]
    BARRIER.check_gradients(np.concatenate(rows), [3e-3, 3e-3, 3e-3, 1e-2, 1e-4])


def test_gradients_in_deep_tunnelling_are_finite():
    row = reservoir_rows([400.0, 3.0, 1.0, 0.5, MASS], [(1.0, 0.5, 0.0, 0.0)])
    assert BARRIER.rows(row)["current"] == 0  # below the smallest double
    for slope in BARRIER.jacobian(row).values():
        assert np.all(np.isfinite(slope))


def test_single_precision():
    s = qpc.SaddlePoint(10.0, 3.0, 1.7)
    mu = np.linspace(0.0, 20.0, 9, dtype=np.float32)
    rows = reservoir_rows([10.0, 3.0, 1.7, 0.0, MASS], [(m, 0.5, 0.1, 0.1) for m in mu])
    double = BARRIER.rows(rows)
    p = qpc.dissipation(s, qpc.Reservoirs(mu, 0.5, kelvin(0.1)))
    for single, exact in (
        (qpc.transmission(s, mu), double["transmission"]),
        (p.asymmetry, double["asymmetry"]),
    ):
        assert single.dtype == jnp.float32
        np.testing.assert_allclose(single, exact, rtol=1e-4, atol=1e-5)


# --- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"height": math.nan}, "height must be finite, in meV, got nan"),
        ({"hbar_omega_y": 0.0}, "hbar_omega_y must be positive, in meV, got 0"),
        ({"hbar_omega_y": math.inf}, "hbar_omega_y must be positive"),
        ({"hbar_omega_x": -1.0}, "hbar_omega_x must be positive, in meV, got -1"),
        ({"magnetic_field": math.inf}, "magnetic_field must be finite, in T, got inf"),
        ({"mass": 0.0}, "mass must be positive, in m_e, got 0"),
        ({"modes": 0}, "modes must be a whole number, 1 or more, got 0"),
        ({"modes": 2.0}, "modes must be a whole number, 1 or more, got 2.0"),
        ({"height": np.zeros(2)}, r"SaddlePoint.height must be a scalar, got shape \(2,\)"),
    ],
)
def test_bad_parameters(changed, message):
    good = {"height": 10.0, "hbar_omega_y": 3.0, "hbar_omega_x": 1.7}
    with pytest.raises(ValueError, match=message):
        qpc.SaddlePoint(**(good | changed))
