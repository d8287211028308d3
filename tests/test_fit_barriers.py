"""Any barrier can be fitted: parameters come back from data made without the package."""

import jax.numpy as jnp
import numpy as np
import optimistix as optx
import pytest
from helpers import HALF_WIDTH, MASS, kelvin
from scipy.special import expit
from test_matched import kwant_limit

import qpcjax as qpc


def fitted(residual, start):
    """Least squares in the logarithms of positive parameters."""
    solver = optx.LevenbergMarquardt(rtol=1e-9, atol=1e-9)
    solution = optx.least_squares(
        lambda y, _: residual(jnp.exp(y)), solver, jnp.log(jnp.asarray(start))
    )
    return np.exp(solution.value)


def test_a_saddle_from_its_conductance():
    truth, kT = np.array([9.0, 3.2, 1.1]), 0.08
    mu = np.linspace(9.0, 17.0, 60)
    # Thermal average of Buettiker's steps, as a plain sum.
    x = np.linspace(-37, 37, 4001)
    n = np.arange(4)[:, None, None]
    energy = mu[:, None] + kT * x
    t = expit(2 * np.pi * (energy - truth[0] - truth[1] * (n + 0.5)) / truth[2]).sum(0)
    data = t @ (expit(x) * expit(-x)) * (x[1] - x[0])

    def residual(p):
        return qpc.conductance(qpc.SaddlePoint(*p, modes=10), mu, kelvin(kT)) - data

    np.testing.assert_allclose(fitted(residual, [10.0, 2.5, 2.0]), truth, rtol=1e-6)


def test_the_geometry_of_a_lattice_from_the_matched_solver():
    # Kwant's transmission for ell = 0.5 and wide regions of five times the channel's width.
    energies, data = kwant_limit(0.5)
    below = energies < 4

    def residual(p):
        c = qpc.MatchedConstriction(*p, 5.0, 12, MASS, extrapolate=True, aspect_limit=1.0)
        return qpc.transmission(c, energies[below]) - data[below]

    width, length = fitted(residual, [1.05 * HALF_WIDTH, 0.8 * HALF_WIDTH])
    assert width == pytest.approx(HALF_WIDTH, rel=1e-3)
    assert length == pytest.approx(HALF_WIDTH, rel=2e-3)
