"""The adiabatic constriction against closed forms, the barrier's own integral and quadrature."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from barriers import Barrier, reservoir_rows
from helpers import HALF_WIDTH, MASS, kelvin
from scipy.integrate import quad
from scipy.special import expit

import qpcjax as qpc
from qpcjax import constants

# With this width and mass E1 is 1 meV.
MODES = 8
BARRIER = Barrier(lambda p: qpc.AdiabaticConstriction(*p, modes=MODES), 4)


def total(energy, half_width, radius, offset, mass):
    """T(E) of all kept modes, with E1 = 1 meV."""
    n = np.arange(1, MODES + 1)
    z = (energy - offset - n * n) / (2 * n)
    return np.sum(expit(np.pi**2 * z * np.sqrt(radius / half_width)))


def breaks(half_width, radius, offset, mass):
    """Energies around the steps and down the tail."""
    n = np.arange(1, MODES + 1)
    s = 2 * n / (np.pi**2 * np.sqrt(radius / half_width))
    around = (n * n + np.arange(-40, 41, 4)[:, None] * s).reshape(-1)
    return offset + np.concatenate([around, 1 - s[0] * np.arange(40, 700, 10)])


# --- the transmission -----------------------------------------------------------------------


def test_eigenvalues_in_closed_form():
    c = qpc.AdiabaticConstriction(20.0, 70.0, 1.3)
    scale = 5612.4 / 40.0**2
    assert float(c.energy_scale) == pytest.approx(scale, rel=1e-4)
    energy = np.linspace(-20.0, 200.0, 45)  # also below the bottom of the band
    n = np.arange(1, MODES + 1)
    z = ((energy[:, None] - 1.3) / float(c.energy_scale) - n * n) / (2 * n)
    exact = 1 / (1 + np.exp(-(np.pi**2) * z * math.sqrt(2 * 70.0 / 40.0)))
    np.testing.assert_allclose(qpc.eigenvalues(c, energy), exact, rtol=1e-12)


def test_steps_are_where_the_modes_fit():
    c = qpc.AdiabaticConstriction(15.0, 400.0, -0.7)
    n = np.arange(1, MODES + 1)
    tops = n * n * float(c.energy_scale) - 0.7
    np.testing.assert_allclose(np.diagonal(qpc.eigenvalues(c, tops)), 0.5, rtol=1e-12)


@pytest.mark.parametrize(("n", "energy"), [(1, 0.4), (1, -1.0), (2, 3.1), (3, 8.2)])
def test_tunnelling_is_that_of_the_parabola(n, energy):
    half_width, radius = 20.0, 55.0
    c = qpc.AdiabaticConstriction(half_width, radius)
    e = energy * float(c.energy_scale)

    def kappa(x):
        # The mode's barrier where the walls are a distance d(x) = 2w + x^2/R apart, to order x^2.
        barrier = n * n * float(c.energy_scale) * (1 - 2 * x * x / (radius * 2 * half_width))
        return np.sqrt(max(barrier - e, 0) / constants.HBAR2_OVER_2M * constants.GAAS_MASS)

    turn = math.sqrt((1 - energy / n**2) * radius * half_width)
    action = quad(kappa, -turn, turn, epsabs=1e-12, limit=200)[0]
    t = float(qpc.eigenvalues(c, e)[n - 1])
    assert t == pytest.approx(1 / (1 + math.exp(2 * action)), rel=1e-7)


def test_dropped_modes_do_not_count_up_to_the_limit():
    # Of walls curved so strongly a mode higher than the next would be the first to count.
    for radius, modes in ((100.0, 4), (0.2, 2)):
        c, more = (qpc.AdiabaticConstriction(20.0, radius, modes=m) for m in (modes, 60))
        limit = float(c.energy_limit())
        energy = np.array([limit - 1e-6, limit + 1e-6])
        assert np.isnan(jax.jit(qpc.transmission)(c, energy)[1])
        dropped = np.asarray(qpc.eigenvalues(more, energy[0])[modes:])
        assert 0.5e-13 < np.max(dropped) < 1e-13


# --- integrals ------------------------------------------------------------------------------


def rows_in_every_regime():
    cases = [
        # R/w, mu, eV, kT_L, kT_R
        (5.0, 1.0, 0.3, 0.0, 0.0),
        (5.0, 4.3, 0.7, 0.1, 0.1),
        (5.0, 4.3, 1e-5, 0.1, 0.03),
        (5.0, 9.0, 2.0, 0.0, 0.1),
        (5.0, -20.0, 3.0, 0.0, 0.0),  # deep tunnelling
        (5.0, -20.0, 3.0, 0.06, 0.06),
        (100.0, -2.0, 0.3, 0.1, 0.1),  # activated over the top
        (1.0, 2.0, 1.5, 0.3, 0.3),  # wide steps
        (1e4, 4.0, 7.0, 0.0, 0.0),  # narrow ones
        (1e8, 4.0, 3.0, 0.1, 0.1),
    ]
    rows = []
    for ratio, *reservoirs in cases:
        parameters = [HALF_WIDTH, ratio * HALF_WIDTH, 0.0, MASS]
        rows.append(reservoir_rows(parameters, [reservoirs])[0])
    return np.array(rows)


def test_integrals_in_every_regime():
    assert np.max(BARRIER.integral_errors(rows_in_every_regime(), total, breaks)) < 2e-12


def test_without_oscillations_the_downstream_side_is_heated_more():
    rng = np.random.default_rng(3)
    count = 256
    radius = HALF_WIDTH * 10 ** rng.uniform(0, 4, count)
    mu, bias = rng.uniform(-1, 16, count), 10 ** rng.uniform(-5, 0, count)
    temperature = kelvin(rng.choice([0, 1e-3, 0.03, 0.2], count))
    zero = np.zeros(count)
    columns = [zero + HALF_WIDTH, radius, zero, zero + MASS, mu, bias, temperature, zero]
    values = BARRIER.rows(np.stack(columns, axis=1))
    assert np.all(values["asymmetry"] >= -1e-12 * bias * values["current"])


def test_gradients_by_every_parameter():
    reservoirs = [
        (4.2, 1.0, 0.0, 0.0),
        (4.2, 1.0, 0.1, 0.1),
        (9.5, 0.4, 0.0, 0.1),
        (0.2, 0.3, 0.02, 0.02),
    ]
    rows = reservoir_rows([HALF_WIDTH, 6 * HALF_WIDTH, 0.1, MASS], reservoirs)
    BARRIER.check_gradients(rows, [1e-4, 1e-2, 1e-3, 1e-3 * MASS])


def test_single_precision():
    c = qpc.AdiabaticConstriction(20.0, 100.0)
    energy = np.linspace(-5.0, 100.0, 9, dtype=np.float32)
    t = qpc.transmission(c, energy)
    assert t.dtype == jnp.float32
    np.testing.assert_allclose(t, qpc.transmission(c, energy.astype(float)), rtol=1e-4)


# --- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"half_width": 0.0}, "half_width must be positive, in nm, got 0"),
        ({"half_width": math.nan}, "half_width must be positive, in nm, got nan"),
        ({"curvature_radius": -5.0}, "curvature_radius must be positive, in nm, got -5"),
        ({"curvature_radius": math.inf}, "curvature_radius must be positive, in nm"),
        ({"offset": math.inf}, "offset must be finite, in meV, got inf"),
        ({"mass": -1.0}, "mass must be positive, in m_e, got -1"),
        ({"modes": 0}, "modes must be a whole number, 1 or more, got 0"),
        ({"modes": True}, "modes must be a whole number, 1 or more, got True"),
        ({"half_width": np.ones(3)}, "AdiabaticConstriction.half_width must be a scalar"),
    ],
)
def test_bad_parameters(changed, message):
    with pytest.raises(ValueError, match=message):
        qpc.AdiabaticConstriction(**({"half_width": 20.0, "curvature_radius": 100.0} | changed))
