"""Resonant levels against closed forms, and classes whose features a search has to find."""

import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

import qpcjax as qpc
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM


class Resonance(eqx.Module):
    """A Lorentzian that states nothing but its eigenvalues."""

    level: float
    half_width: float

    def eigenvalues(self, energy, bias):
        return (self.half_width**2 / ((energy - self.level) ** 2 + self.half_width**2))[None]

    def thresholds(self, bias):
        return []


class Bump(eqx.Module):
    """A Gaussian, which vanishes beside its peak."""

    level: float
    width: float

    def eigenvalues(self, energy, bias):
        return jnp.exp(-(((energy - self.level) / self.width) ** 2))[None]

    def thresholds(self, bias):
        return []


class StatedBump(Bump):
    """The same with its scale stated."""

    def finest_scale(self, bias=0.0):
        return self.width


WIDTHS = [0.5, 0.1, 0.02, 1e-3, 1e-4]
COLD = qpc.Reservoirs(14.0, 4.0)


def cold_current(level, half_width):
    """Current in nA of a Lorentzian at T = 0 between mu_R = 12 and mu_L = 16 meV."""
    angles = [mpmath.atan((mu - level) / half_width) for mu in (16, 12)]
    return CONDUCTANCE_QUANTUM * half_width * float(angles[0] - angles[1])


def warm_conductance(level, half_width, mu, kT):
    """G in 2e^2/h of a Lorentzian, by the digamma function."""
    z = mpmath.mpf(1) / 2 + mpmath.mpc(half_width, mu - level) / (2 * mpmath.pi * kT)
    return float(half_width / (2 * mpmath.pi * kT) * mpmath.re(mpmath.psi(1, z)))


@jax.jit
def traced_current(scatterer):
    return qpc.current(scatterer, COLD)


@pytest.mark.parametrize("half_width", WIDTHS)
def test_a_lorentzian_of_any_width(half_width):
    exact = cold_current(14.5, half_width)
    assert float(qpc.current(Resonance(14.5, half_width), COLD)) == pytest.approx(exact, rel=1e-9)
    assert float(traced_current(Resonance(14.5, half_width))) == pytest.approx(exact, rel=1e-6)
    level = qpc.BreitWigner(14.5, 2 * half_width)
    assert float(traced_current(level)) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("half_width", [0.1, 1e-3])
def test_a_warm_lorentzian(half_width):
    kT = BOLTZMANN * 1.6
    exact = warm_conductance(14.5, half_width, 14.3, kT)
    for scatterer in (Resonance(14.5, half_width), qpc.BreitWigner(14.5, 2 * half_width)):
        found = float(qpc.conductance(scatterer, 14.3, 1.6))
        assert found == pytest.approx(exact, rel=1e-9)


def test_slopes_through_a_search():
    half_width, step = 1e-3, 1e-7
    slope = jax.jit(jax.grad(qpc.current))(Resonance(14.5, half_width), COLD)
    exact = [cold_current(14.5, half_width + s) for s in (step, -step)]
    assert float(slope.half_width) == pytest.approx((exact[0] - exact[1]) / 2 / step, rel=1e-6)


class StatedBumps(StatedBump):
    """Two such channels behind the onset of a third, as a square root, 1 meV below."""

    def eigenvalues(self, energy, bias):
        onset = self.level - 1.0
        first = jnp.exp(-(((energy - self.level) / self.width) ** 2))
        second = jnp.exp(-(((energy - self.level - 0.7) / self.width) ** 2))
        third = jnp.sqrt(jnp.maximum(energy - onset, 1e-300) / 10)
        return jnp.stack([first, second, third])

    def thresholds(self, bias):
        return [self.level - 1.0]


@pytest.mark.parametrize("width", [0.1, 1e-2, 1e-3, 1e-4])
def test_a_stated_feature_that_nothing_shows_is_found(width):
    area = np.sqrt(np.pi) * width
    onset = 2 / 3 * 2.5**1.5 / np.sqrt(10)
    for scatterer, exact in (
        (StatedBump(14.5, width), area),
        (StatedBumps(14.5, width), 2 * area + onset),
    ):
        exact *= CONDUCTANCE_QUANTUM
        assert float(qpc.current(scatterer, COLD)) == pytest.approx(exact, rel=1e-11)
        assert float(traced_current(scatterer)) == pytest.approx(exact, rel=1e-11)


@pytest.mark.parametrize("level", [14.5, 12.0])
def test_a_stated_feature_in_the_thermal_tail(level):
    kT, width = BOLTZMANN * 1.6, 1e-3
    # The weight of a narrow peak, to second order in its width.
    x = (level - 14.5) / kT / 2
    peak = 1 / (4 * kT * np.cosh(x) ** 2)
    curvature = peak * (3 * np.tanh(x) ** 2 - 1) / (2 * kT**2)
    exact = np.sqrt(np.pi) * width * (peak + curvature * width**2 / 4)
    found = jax.jit(qpc.conductance)(StatedBump(level, width), 14.5, 1.6)
    assert float(found) == pytest.approx(exact, rel=1e-8)


def test_a_scale_too_fine_to_be_looked_through_is_nan_and_said():
    with pytest.warns(UserWarning, match=r"finest_scale of its class is too large, or so small"):
        assert np.isnan(qpc.current(StatedBump(14.5, 1e-8), COLD))
    assert np.isnan(traced_current(StatedBump(14.5, 1e-8)))


def test_what_a_search_does_not_resolve_is_nan_and_said():
    class Comb(eqx.Module):
        pitch: float

        def eigenvalues(self, energy, bias):
            return (0.5 + 0.5 * jnp.cos(2 * jnp.pi * energy / self.pitch))[None]

        def thresholds(self, bias):
            return []

    with pytest.warns(UserWarning, match=r"finest_scale\(bias\)"):
        assert np.isnan(qpc.current(Comb(1.3e-4), COLD))
    assert np.isnan(jax.jit(qpc.current)(Comb(1.3e-4), COLD))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert float(qpc.current(Comb(0.5), COLD)) == pytest.approx(
            CONDUCTANCE_QUANTUM * 2, rel=1e-9
        )


def test_fano():
    q, level, width, peak = 1.5, 14.5, 0.4, 0.8
    energy = np.linspace(13, 16, 31)
    x = 2 * (energy - level) / width
    expected = peak / (1 + q * q) * (q + x) ** 2 / (1 + x * x)
    found = qpc.transmission(qpc.BreitWigner(level, width, peak, q), energy)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    assert np.max(expected) <= peak


def test_several_levels_are_channels_of_their_own():
    levels, widths = np.array([13.0, 15.0]), np.array([0.2, 0.05])
    both = qpc.BreitWigner(levels, widths, 0.7)
    t = qpc.eigenvalues(both, [13.0, 15.0])
    np.testing.assert_allclose(np.diag(t), 0.7)
    single = [cold_current(e, w / 2) for e, w in zip(levels, widths, strict=True)]
    assert float(traced_current(both)) == pytest.approx(0.7 * sum(single), rel=1e-12)
    assert float(both.finest_scale()) == pytest.approx(0.025)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((14.0, 0.0), "width must be positive, in meV, got 0"),
        ((np.nan, 1.0), "level must be finite, in meV, got nan"),
        ((14.0, 1.0, 1.2), "peak must be from 0 to 1, a number, got 1.2"),
        ((14.0, 1.0, -0.1), "peak must be from 0 to 1, a number, got -0.1"),
        (([14.0, 15.0], [1.0, 1.0, 1.0]), "scalars or columns of one length"),
    ],
)
def test_bad_levels_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        qpc.BreitWigner(*arguments)


def test_bad_levels_are_nan_where_traced():
    found = jax.jit(lambda p: qpc.current(qpc.BreitWigner(14.0, 1.0, p), COLD))
    assert np.isfinite(found(1.0))
    assert np.isnan(found(1.2))
