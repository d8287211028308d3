"""Softened scatterers against thermal averages and shifts of the hard ones."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import qpcjax as qpc
from qpcjax import constants
from qpcjax.scatterers import grid_points, soften

SOFTNESS = 0.2
MU = 7.0
POINTS = grid_points(12.0, SOFTNESS)


@functools.partial(jax.jit, static_argnames="panels")
def softened_between(scatterer, low, high, panels=None):
    """The scatterer softened between two energies."""
    kept = {} if panels is None else {"panels": panels}
    return soften(scatterer, jnp.asarray(SOFTNESS), low, high, POINTS, **kept)


@pytest.fixture(scope="module")
def constriction():
    return qpc.AbruptConstriction(60.0, 50.0, modes=12)


@pytest.fixture(scope="module")
def softened(constriction):
    return softened_between(constriction, 1.0, 13.0)


def test_transmission_is_the_thermal_average_of_the_hard_one(constriction, softened):
    energy = jnp.linspace(1.0, 12.5, 61)
    smeared = qpc.conductance(constriction, energy, SOFTNESS / constants.BOLTZMANN)
    np.testing.assert_allclose(qpc.transmission(softened, energy), smeared, rtol=1e-8)


def test_powers_are_those_of_shifted_hard_constrictions(constriction, softened):
    # P depends on energies relative to mu only, so that smearing T averages P over shifts of mu.
    shift = np.arange(-37, 37.01, 0.25)
    weight = 0.25 / (4 * np.cosh(shift / 2) ** 2)
    hard = qpc.dissipation(constriction, qpc.Reservoirs(MU + SOFTNESS * shift, 2.0, 1.0))
    soft = qpc.dissipation(softened, qpc.Reservoirs(MU, 2.0, 1.0))
    np.testing.assert_allclose(soft.left, np.sum(weight * hard.left), rtol=1e-8)
    np.testing.assert_allclose(soft.right, np.sum(weight * hard.right), rtol=1e-8)


def test_hot_spot_is_the_maximum_of_the_power_per_length(softened):
    reservoirs, damping = qpc.Reservoirs(MU, 2.0, 1.0), qpc.QuadraticDamping()
    spot = qpc.hot_spot(softened, reservoirs, damping)
    near = float(spot.distance) * np.append(np.linspace(0.5, 2.0, 301), 1.0)
    *power, peak = np.asarray(qpc.power_per_length(softened, reservoirs, damping, near))
    assert np.all(power <= peak * (1 + 1e-12))


def test_outside_the_window_is_nan(softened):
    assert np.all(np.isnan(qpc.transmission(softened, jnp.asarray([0.5, 13.5]))))


def test_too_few_kept_panels_give_nan(constriction):
    few, many, full = (softened_between(constriction, 1.0, 13.0, n) for n in (1, 200, None))
    assert np.all(np.isnan(few.log_total))
    np.testing.assert_allclose(many.log_total, full.log_total, rtol=0, atol=1e-13)
