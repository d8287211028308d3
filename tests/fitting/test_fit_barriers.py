"""Any barrier can be fitted: parameters come back from data made without the package."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
import pytest
from helpers import HALF_WIDTH, MASS, kelvin
from kwant_table import kwant_limit
from scipy.special import expit

import qpcjax as qpc
from qpcjax.fitting import fit, trace_device
from qpcjax.measurements import ConductanceTrace


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


@pytest.mark.slow
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


# --- traces ---------------------------------------------------------------------------------

TRACE_GATE = np.linspace(-100.0, 0.0, 24)


def trace_of(barrier_at, temperature, resistance=200.0):
    """A noiseless trace by the public conductance of a barrier at each gate voltage."""
    barriers = [barrier_at(g) for g in TRACE_GATE]
    batch = jax.tree.map(lambda *x: jnp.asarray(x, float), *barriers)
    g = jax.vmap(lambda c: qpc.conductance(c, MU, temperature))(batch)
    return ConductanceTrace(TRACE_GATE, g / (1 + resistance / 12906.403721 * g), sigma=0.003)


MU = 7.15


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "temperature", "barrier_at", "truth"),
    [
        (
            "adiabatic",
            1.0,
            lambda g: qpc.AdiabaticConstriction(45.0 + 0.3 * g, 150.0, modes=8),
            {"half_width_1": 15.0, "half_width_2": 45.0, "curvature_radius_1": 150.0},
        ),
        (
            "profile",
            1.0,
            lambda g: qpc.AbruptConstriction(
                45.0 + 0.3 * g, 60.0, modes=8, matching="profile", aspect_limit=2.0
            ),
            {"half_width_1": 15.0, "half_width_2": 45.0, "length": 60.0},
        ),
    ],
)
def test_traces_of_other_barriers(model, temperature, barrier_at, truth):
    trace = trace_of(barrier_at, temperature)
    device = trace_device(trace, model, mu=MU, knots=2, temperature=temperature)
    found = fit(dataclasses.replace(device, smearing=None), trace, starts=6)
    assert found.status == "converged"
    for name, value in (truth | {"series_resistance": 200.0}).items():
        assert abs(found.values()[name] - value) < 0.1 * found.stderr[name], name


@pytest.mark.slow
def test_a_coupled_channel_is_fitted_from_the_fit_of_its_profile():
    temperature = 1.0

    def at(gate):
        return qpc.MatchedConstriction(45.0 + 0.3 * gate, 60.0, None, 14, aspect_limit=2.0)

    trace = trace_of(at, temperature)
    held = {"series_resistance": 200.0}
    scout, matched = (
        dataclasses.replace(
            trace_device(trace, model, mu=MU, knots=2, temperature=temperature), smearing=None
        )
        for model in ("profile", "matched")
    )
    few = qpc.MatchedConstriction(30.0, 60.0, None, 14)
    near = fit(scout, trace, fixed=held, starts=6)
    found = fit(matched.replaced(few), trace, fixed=held, starts=near)
    assert found.status == "converged"
    assert found.chi_square < 0.01 * near.chi_square
    for name, value in {"half_width_1": 15.0, "half_width_2": 45.0, "length": 60.0}.items():
        assert abs(found.values()[name] - value) < 0.1 * found.stderr[name], name
