"""Damping laws: the interface, and a law from outside the package."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import qpcjax as qpc
from qpcjax.constants import HBAR2_OVER_2M
from qpcjax.validation import Real, allowed, positive

SADDLE = qpc.SaddlePoint(10.0, 3.0, 1.0)
POINT = qpc.Reservoirs(14.0, 4.0, 1.6)


class PowerLaw(qpc.AbstractDamping):
    """Gamma = c |x|^p, of nobody's theory."""

    strength: Real = eqx.field(metadata=allowed(positive("number")))
    power: int = eqx.field(static=True)

    def rate(self, excess, mu_side=None, temperature=0.0):
        return self.strength * excess**self.power


@jax.jit
def spot(law):
    return qpc.hot_spot(SADDLE, POINT, law)


def test_rates():
    law = qpc.QuadraticDamping(0.04)
    assert float(law.rate(2.0, 10.0)) == pytest.approx(0.04 * 4 / 10)
    assert float(qpc.QuadraticDamping(0.04, 8.0).rate(2.0)) == pytest.approx(0.04 * 4 / 8)
    with pytest.raises(ValueError, match="mu_side must be given"):
        law.rate(2.0)


def test_a_square_of_ones_own_is_the_quadratic_law():
    own, paper = spot(PowerLaw(0.04 / 12.0, 2)), spot(qpc.QuadraticDamping(0.04))
    assert float(own.energy) == pytest.approx(float(paper.energy), rel=1e-13)
    assert float(own.distance) == pytest.approx(float(paper.distance), rel=1e-13)


@pytest.mark.parametrize("power", [2, 3])
def test_the_hot_spot_of_any_law_is_the_highest_power_per_length(power):
    law = PowerLaw(0.003, power)
    found = spot(law)
    r = np.linspace(0.5, 2, 401) * float(found.distance)
    p = qpc.power_per_length(SADDLE, POINT, law, r)
    assert abs(r[np.argmax(p)] / float(found.distance) - 1) < 0.01
    here = float(qpc.power_per_length(SADDLE, POINT, law, found.distance))
    assert np.all(np.asarray(p) <= here * (1 + 1e-12))
    # l = hbar/sqrt(2m) sqrt(u)/Gamma.
    x, u = float(found.energy) - 12.0, float(found.energy) + 2.0
    path = np.sqrt(HBAR2_OVER_2M / 0.067 * u) / (0.003 * x**power)
    assert float(found.distance) == pytest.approx(path, rel=1e-12)


def test_distances_scale_with_the_strength():
    slope = jax.grad(lambda law: spot(law).distance)(PowerLaw(0.003, 3)).strength
    value = float(spot(PowerLaw(0.003, 3)).distance)
    assert float(slope) == pytest.approx(-value / 0.003, rel=1e-9)


def test_power_per_length_integrates_to_the_emitted_power():
    law = PowerLaw(0.003, 3)
    y = np.linspace(np.log(1.0), np.log(1e8), 4001)  # beyond, what is left is below 1e-8
    p = np.asarray(qpc.power_per_length(SADDLE, POINT, law, np.exp(y)))
    emitted = np.sum((p * np.exp(y))[1:] + (p * np.exp(y))[:-1]) / 2 * (y[1] - y[0])
    energy = np.linspace(12.0, 20.0, 4001)
    kT = qpc.constants.BOLTZMANN * 1.6
    filling = [1 / (1 + np.exp((energy - mu) / kT)) for mu in (16.0, 12.0)]
    heat = (
        (energy - 12.0) * np.asarray(qpc.transmission(SADDLE, energy)) * (filling[0] - filling[1])
    )
    exact = qpc.constants.CONDUCTANCE_QUANTUM * np.sum(heat[1:] + heat[:-1]) / 2 * 0.002
    assert emitted == pytest.approx(exact, rel=1e-4)


def test_a_refused_strength_is_nan_where_traced():
    with pytest.raises(ValueError, match="strength must be a positive number"):
        PowerLaw(-1.0, 2)
    found = jax.jit(lambda c: spot(PowerLaw(c, 2)))(jnp.asarray(-1.0))
    assert np.isnan(found.distance)
    assert found.status == 1
