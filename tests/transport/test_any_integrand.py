"""Integrals over any function of T_n, f_L and f_R: noise of current as the example."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate

import qpcjax as qpc
from qpcjax.constants import BOLTZMANN
from qpcjax.transport.error_estimate import integral_error
from qpcjax.transport.integrals import Integrand, integral


def _noise(energies):
    thermal = energies.left * (1 - energies.left) + energies.right * (1 - energies.right)
    shot = energies.over_modes(lambda t: t * (1 - t)) * energies.difference**2
    return energies.transmission * thermal, shot


NOISE = Integrand(_noise)


class TwoSpins(qpc.AbstractScatterer):
    """A user's class whose eigenvalues are those of single spins."""

    top: float
    splitting: float
    weight = 0.5

    def eigenvalues(self, energy, bias=0.0):
        shift = self.splitting / 2 * jnp.asarray([1.0, -1.0], energy.dtype)
        return jax.nn.sigmoid((energy - self.top - shift) / 0.2)

    def thresholds(self, bias=0.0):
        return jnp.zeros(0, jnp.result_type(bias))


@jax.jit
def noise(scatterer, numbers):
    return jnp.stack(integral(NOISE, scatterer, *numbers))


def exact_noise(tops, widths, weight, mu, bias, temperature, difference=0.0):
    """Thermal and shot part of the noise of logistic steps, by adaptive quadrature."""
    kT = [BOLTZMANN * (temperature + s * difference / 2) for s in (1, -1)]
    edges = [mu + s * bias / 2 for s in (1, -1)]

    def fermi(e):
        return [1 / (np.exp((e - m) / t) + 1) for m, t in zip(edges, kT, strict=True)]

    def eigenvalues(e):
        return 1 / (1 + np.exp(-(e - np.asarray(tops)) / np.asarray(widths)))

    def thermal(e):
        return weight * eigenvalues(e).sum() * sum(f * (1 - f) for f in fermi(e))

    def shot(e):
        t, (left, right) = eigenvalues(e), fermi(e)
        return weight * (t * (1 - t)).sum() * (left - right) ** 2

    reach = abs(bias) / 2 + 40 * max(kT)
    limits = np.linspace(mu - reach, mu + reach, 33)
    return [
        sum(integrate.quad(f, a, b, epsabs=1e-14)[0] for a, b in zip(limits, limits[1:]))  # noqa: B905, RUF007
        for f in (thermal, shot)
    ]


SADDLE = qpc.SaddlePoint(10.0, 3.0, 1.0, modes=4)
SADDLE_TOPS, SADDLE_WIDTHS = 10 + 3 * (np.arange(4) + 0.5), np.full(4, 1 / (2 * np.pi))


@pytest.mark.parametrize("bias", [1.5, -1.5, 0.0])
def test_noise_of_a_saddle(bias):
    exact = exact_noise(SADDLE_TOPS, SADDLE_WIDTHS, 1.0, 11.5, bias, 1.0, 0.4)
    found = noise(SADDLE, jnp.asarray([11.5, bias, 1.0, 0.4]))
    np.testing.assert_allclose(found, exact, rtol=1e-11, atol=1e-14)


def test_noise_counts_the_eigenvalues_of_single_spins():
    split = qpc.ZeemanSplit(SADDLE, 10.0, 2.0)
    shift = float(split.zeeman_energy) / 2
    tops = np.concatenate([SADDLE_TOPS + shift, SADDLE_TOPS - shift])
    numbers = jnp.asarray([11.5, 1.5, 1.0, 0.0])
    exact = exact_noise(tops, np.full(8, 1 / (2 * np.pi)), 0.5, 11.5, 1.5, 1.0)
    np.testing.assert_allclose(noise(split, numbers), exact, rtol=1e-11)
    exact = exact_noise([11.4, 10.6], [0.2, 0.2], 0.5, 11.5, 1.5, 1.0)
    np.testing.assert_allclose(noise(TwoSpins(11.0, 0.8), numbers), exact, rtol=1e-9)


def test_noise_at_zero_temperature_and_its_slopes():
    def at(numbers):
        return noise(SADDLE, numbers)

    cold = jnp.asarray([11.5, 1.5, 0.0, 0.0])
    width = 1 / (2 * np.pi)
    # int T (1 - T) dE of a logistic step is its width times the change of T.
    ends = [1 / (1 + np.exp(-(11.5 + s * 0.75 - SADDLE_TOPS) / width)) for s in (1, -1)]
    np.testing.assert_allclose(at(cold), [0, width * (ends[0] - ends[1]).sum()], atol=1e-13)
    slopes = jax.jit(jax.jacfwd(at))(cold)
    shot = [(t * (1 - t)).sum() for t in ends]
    np.testing.assert_allclose(slopes[:, 0], [0, shot[0] - shot[1]], atol=1e-11)
    np.testing.assert_allclose(slopes[:, 1], [0, (shot[0] + shot[1]) / 2], rtol=1e-9, atol=1e-12)
    # 2 kT T is the thermal noise of a side each; T (1 - T) [(f_L - f_R)^2 - 1] loses kT a side.
    conductances = sum(t.sum() for t in ends)
    expected = [BOLTZMANN * conductances, -BOLTZMANN * sum(shot)]
    np.testing.assert_allclose(slopes[:, 2], expected, rtol=1e-9)


def test_errors_are_honest():
    numbers = 11.5, 1.5, 0.3, 0.1
    exact = exact_noise(SADDLE_TOPS, SADDLE_WIDTHS, 1.0, *numbers)
    for order in (4, 6, 8):
        arrays = [jnp.asarray(x) for x in numbers]
        found = integral(NOISE, SADDLE, *arrays, order=order)
        errors = integral_error(NOISE, SADDLE, *arrays, [(1, 0), (0, 1)], order=order)
        for value, error, truth in zip(found, errors, exact, strict=True):
            assert abs(value - truth) <= error
            assert error <= 1e-2 * truth
