"""A user's own scatterer: two methods are enough, and their lack is said."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import Resonance
from scipy import integrate

import qpcjax as qpc
from qpcjax import constants


class Step(qpc.AbstractScatterer):
    """T = theta(E - E0), which jumps."""

    energy: float

    def eigenvalues(self, energy, bias=0.0):
        return jnp.where(energy >= self.energy, 1, 0).astype(energy.dtype)[None]

    def thresholds(self, bias=0.0):
        return jnp.asarray(self.energy)[None]

    def jumps(self, bias=0.0):
        return self.thresholds(bias)


def test_two_methods_are_enough():
    r = qpc.Reservoirs(mu=5.0, bias=0.7, temperature=1.0)
    kT = constants.BOLTZMANN

    def integrand(e):
        left, right = (1 / (np.exp((e - mu) / kT) + 1) for mu in (5.35, 4.65))
        return 0.25 / ((e - 5.2) ** 2 + 0.25) * (left - right)

    exact = constants.CONDUCTANCE_QUANTUM * integrate.quad(integrand, 3, 7.5, epsabs=1e-13)[0]
    assert float(qpc.current(Resonance(5.2, 0.5), r)) == pytest.approx(exact, rel=1e-9)
    gradient = jax.grad(lambda s: qpc.current(s, r))(Resonance(5.2, 0.5))
    assert np.isfinite(gradient.level)
    assert np.isfinite(gradient.width)


def test_derivatives_see_a_jump():
    # At T = 0 the current is G0 times the part of the bias window above the step.
    r = qpc.Reservoirs(mu=5.0, bias=0.6)
    value, slope = jax.value_and_grad(lambda s: qpc.current(s, r))(Step(5.1))
    assert float(value) == pytest.approx(constants.CONDUCTANCE_QUANTUM * 0.2, rel=1e-12)
    assert float(slope.energy) == pytest.approx(-constants.CONDUCTANCE_QUANTUM, rel=1e-12)


@pytest.mark.parametrize("gap", [5.0, 30.0, 60.0])
def test_a_step_far_above_passes_what_is_activated(gap):
    # Nothing but the step tells how far up the integral must reach.
    kT, bias, step = 0.1, 0.02, 5.1
    r = qpc.Reservoirs(mu=step - gap * kT, bias=bias, temperature=kT / constants.BOLTZMANN)
    sides = [np.log1p(np.exp((s * bias / 2 - gap * kT) / kT)) for s in (1, -1)]
    exact = constants.CONDUCTANCE_QUANTUM * kT * (sides[0] - sides[1])
    assert float(qpc.current(Step(step), r)) == pytest.approx(exact, rel=1e-9)


def test_what_is_missing_is_named():
    class Half(eqx.Module):
        def eigenvalues(self, energy, bias):
            return energy[None]

    with pytest.raises(TypeError, match="Half is not a scatterer: it has no method thresholds"):
        qpc.transmission(Half(), 1.0)

    class Plain:
        def eigenvalues(self, energy, bias):
            return energy[None]

        def thresholds(self, bias):
            return jnp.zeros(0)

    with pytest.raises(TypeError, match="Plain must be a pytree"):
        qpc.transmission(Plain(), 1.0)
