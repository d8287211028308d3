"""Spin splitting against the mean over both spins, written out."""

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from barriers import Barrier, reservoir_rows
from helpers import kelvin
from scipy.special import expit

import qpcjax as qpc
from qpcjax.constants import BOHR_MAGNETON, CONDUCTANCE_QUANTUM

MAGNETON = BOHR_MAGNETON  # which test_units.py holds to its SI value
MODES = 4


def split_saddle(height, y, x, orbital, field, g):
    """A saddle in a field along z, and a total field for its spins."""
    return qpc.ZeemanSplit(qpc.SaddlePoint(height, y, x, orbital, modes=MODES), field, g)


BARRIER = Barrier(lambda p: split_saddle(*p), 6)
STEP = Barrier(lambda p: qpc.ZeemanSplit(qpc.IdealStep(p[0]), *p[1:]), 3)


class Resonance(eqx.Module):
    """Somebody else's class: a level that the bias shifts."""

    level: float
    width: float

    def eigenvalues(self, energy, bias):
        return self.width**2 / ((energy - self.level - bias / 4) ** 2 + self.width**2)

    def thresholds(self, bias):
        return jnp.zeros(0, jnp.result_type(bias))


def total(energy, height, y, x, orbital, field, g):
    """T(E) of both spins, for no field along z."""
    tops = height + y * (np.arange(MODES) + 0.5)
    spins = [energy - s * g * MAGNETON * field / 2 - tops for s in (1, -1)]
    return np.mean([np.sum(expit(2 * np.pi * e / x)) for e in spins])


def breaks(height, y, x, orbital, field, g):
    """Energies around the steps and down the tail."""
    s, shift = x / (2 * np.pi), g * MAGNETON * field / 2
    tops = height + y * (np.arange(MODES) + 0.5)
    around = (tops[:, None] + s * np.arange(-40, 41, 4)).reshape(-1)
    edges = np.concatenate([around, tops[0] - s * np.arange(40, 300, 10)])
    return np.concatenate([edges + shift, edges - shift])


# --- the transmission -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "inner",
    [
        qpc.SaddlePoint(10.0, 3.0, 1.7, 2.0),
        Resonance(12.0, 0.4),
        qpc.TabulatedTransmission([0.0, 10.0, 11.0, 40.0], [0.1, 0.3, 2.0, 2.0]),
    ],
    ids=lambda inner: type(inner).__name__,
)
def test_total_is_the_mean_of_both_spins(inner):
    energy, bias = np.linspace(5.0, 22.0, 35), 0.8
    shift = 2.0 * MAGNETON * 9.0 / 2
    split = qpc.ZeemanSplit(inner, magnetic_field=9.0, g_factor=2.0)
    spins = [qpc.transmission(inner, energy + s, bias) for s in (-shift, shift)]
    np.testing.assert_allclose(qpc.transmission(split, energy, bias), np.mean(spins, 0), rtol=1e-12)
    modes = [qpc.eigenvalues(inner, energy + s, bias) for s in (-shift, shift)]
    np.testing.assert_allclose(
        qpc.eigenvalues(split, energy, bias), np.concatenate(modes, 1), rtol=1e-12
    )
    assert split.weight == 0.5
    same = qpc.transmission(qpc.ZeemanSplit(inner, 0.0), energy, bias)
    # Another program, in which the compiler may contract products and sums otherwise.
    np.testing.assert_allclose(same, qpc.transmission(inner, energy, bias), rtol=1e-15)


def test_steps_of_one_spin():
    split = qpc.ZeemanSplit(qpc.SaddlePoint(10.0, 3.0, 0.05), 10.0, g_factor=2.0)
    assert split.zeeman_energy == pytest.approx(2 * MAGNETON * 10, rel=1e-9)
    np.testing.assert_allclose(
        qpc.transmission(split, jnp.asarray([10.0, 11.5, 13.0, 14.5])), [0, 0.5, 1, 1.5], atol=1e-9
    )


def test_what_a_scatterer_knows_is_shifted():
    shift = 0.44 * MAGNETON * 8.0 / 2
    inner = qpc.AbruptConstriction(20.0, 1000.0, mass=0.05, modes=2, aspect_limit=5)
    split = qpc.ZeemanSplit(inner, 8.0)
    assert split.mass == 0.05
    assert not split.resolved()
    onsets = np.array([0.0, 1, 4, 9]) * inner.energy_scale
    both = np.sort(np.concatenate([onsets - shift, onsets + shift]))
    np.testing.assert_allclose(np.sort(split.thresholds()), both, rtol=1e-9)
    limit = 4 * float(inner.energy_scale) - shift
    assert float(split.energy_limit()) == pytest.approx(limit, rel=1e-9)
    table = qpc.ZeemanSplit(qpc.TabulatedTransmission([1.0, 2.0], [0.5, 0.6]), -8.0)
    assert float(table.energy_floor()) == pytest.approx(1 + shift, rel=1e-9)
    assert float(table.energy_limit()) == pytest.approx(2 - shift, rel=1e-9)
    step = qpc.ZeemanSplit(qpc.IdealStep(5.0), 8.0)
    np.testing.assert_allclose(np.sort(step.jumps()), [5 - shift, 5 + shift], rtol=1e-12)
    assert np.all(np.isnan(qpc.transmission(table, jnp.asarray([1.0, 2.0]))))


# --- integrals ------------------------------------------------------------------------------


def test_integrals():
    cases = [
        # hbar w_x, B, g, mu, eV, kT_L, kT_R
        (0.1, 5.0, -0.44, 1.0, 0.3, 0.0, 0.0),
        (0.1, 5.0, 3.0, 1.4, 0.7, 0.03, 0.03),
        (0.1, 5.0, 3.0, 1.4, 0.7, 0.0, 0.02),
        (0.1, 12.0, 2.0, -3.0, 1.0, 0.0, 0.0),
        (0.02, 12.0, 2.0, -1.0, 0.1, 0.05, 0.05),
        (0.1, 0.0, 2.0, 1.1, 0.2, 0.01, 0.01),
    ]
    rows = [
        reservoir_rows([0.5, 1.0, x, 0.0, field, g], [reservoirs])[0]
        for x, field, g, *reservoirs in cases
    ]
    assert np.max(BARRIER.integral_errors(np.array(rows), total, breaks)) < 2e-12


def test_gradients_by_every_parameter():
    reservoirs = [(12.0, 1.0, 0.0, 0.0), (12.0, 1.0, 0.2, 0.2), (13.3, 0.4, 0.0, 0.1)]
    rows = [
        reservoir_rows([10.0, 3.0, 1.5, 1.3, field, g], reservoirs)
        for field, g in ((5.0, 2.0), (0.0, -0.44))
    ]
    BARRIER.check_gradients(np.concatenate(rows), [3e-3, 3e-3, 3e-3, 1e-2, 1e-2, 1e-2])


def test_a_field_of_either_sign_does_the_same():
    rows = reservoir_rows([10.0, 3.0, 1.5, 1.3, 7.0, 2.0], [(12.0, 1.0, 0.2, 0.2)])
    back = rows * np.array([1, 1, 1, 1, -1, 1, 1, 1, 1, 1])
    for name, value in BARRIER.rows(rows).items():
        np.testing.assert_allclose(BARRIER.rows(back)[name], value, rtol=1e-12)
    # so that without a field nothing depends on it to first order
    none = reservoir_rows([10.0, 3.0, 1.5, 1.3, 0.0, 2.0], [(12.0, 1.0, 0.2, 0.2)])
    for slope in BARRIER.jacobian(none).values():
        np.testing.assert_allclose(slope[:, 4:], 0, atol=1e-12)


def test_steps_of_both_spins_in_closed_form():
    """Also far below the lower one, where activated electrons carry everything."""
    e0, g, bias = 5.0, 1.0, 0.3
    rows, exact = [], []
    for field in (0.5, 20.0, 40.0):
        tops = e0 + MAGNETON * field * g / 2 * np.array([1, -1])
        for mu in (2.0, 4.4, 5.0, 5.6):
            for kT in (0.01, 0.05, 0.2):
                rows.append(reservoir_rows([e0, field, g], [(mu, bias, kT, kT)])[0])
                x = [(mu + s * bias / 2 - tops) / kT for s in (1, -1)]
                # ln(1 + e^x), in full relative precision
                spins = np.subtract(*[np.where(y < -30, np.exp(y), np.logaddexp(0, y)) for y in x])
                exact.append(CONDUCTANCE_QUANTUM * kT * np.mean(spins))
    np.testing.assert_allclose(STEP.rows(np.array(rows))["current"], exact, rtol=1e-9)


def test_derivatives_of_steps_of_both_spins():
    e0, field, g = 5.0, 20.0, 1.0
    rows = reservoir_rows([e0, field, g], [(5.5, 0.4, 0.0, 0.0), (5.5, 0.4, 0.1, 0.1)])
    slope = STEP.jacobian(rows)["current"][:, 1]
    # At T = 0 the upper step alone is in the window.
    assert slope[0] == pytest.approx(-CONDUCTANCE_QUANTUM * MAGNETON * g / 4, rel=1e-9)
    STEP.check_gradients(rows, [1e-3, 1e-2, 1e-3])
    # Without a field both stand in one place, and the field does nothing to first order.
    rows = reservoir_rows([e0, 0.0, g], [(5.1, 0.4, 0.0, 0.0), (5.1, 0.4, 0.1, 0.1)])
    slopes = STEP.jacobian(rows)["current"]
    np.testing.assert_allclose(slopes[:, 1:], 0, atol=1e-12)
    assert slopes[0, 0] == pytest.approx(-CONDUCTANCE_QUANTUM, rel=1e-9)


def test_hot_spot():
    parameters = (10.0, 3.0, 0.5, 0.0, 20.0, 2.0)
    mu, bias, kT = 12.0, 2.0, 0.1
    reservoirs = qpc.Reservoirs(mu, bias, kelvin(kT))
    spot = qpc.hot_spot(split_saddle(*parameters), reservoirs, qpc.QuadraticDamping())
    assert spot.status == 0

    def power(e):
        """Power per unit length where electrons of this energy relax, up to a factor."""
        x, u = e - (mu - bias / 2), e + bias / 2
        left, right = (1 / (np.exp((e - mu - s * bias / 2) / kT) + 1) for s in (1, -1))
        return x**4 * np.sqrt(u) / (4 * u - x) * total(e, *parameters) * (left - right)

    energies = np.linspace(mu - bias / 2 + 0.01, mu + bias, 4001)
    powers = [power(e) for e in energies]
    assert power(float(spot.energy)) >= max(powers)
    assert float(spot.energy) == pytest.approx(energies[np.argmax(powers)], abs=1e-3)


# --- what is refused ------------------------------------------------------------------------


def test_bad_parameters():
    saddle = qpc.SaddlePoint(10.0, 3.0, 1.7)
    with pytest.raises(ValueError, match="magnetic_field must be finite, in T, got inf"):
        qpc.ZeemanSplit(saddle, math.inf)
    with pytest.raises(ValueError, match="g_factor must be a finite number, got nan"):
        qpc.ZeemanSplit(saddle, 1.0, math.nan)
    with pytest.raises(ValueError, match=r"ZeemanSplit.magnetic_field must be a scalar"):
        qpc.ZeemanSplit(saddle, np.zeros(2))
    with pytest.raises(TypeError, match="float is not a scatterer"):
        qpc.ZeemanSplit(1.0, 1.0)
