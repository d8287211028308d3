"""The same functions in single precision: dtypes, no NaN where float64 is finite, accuracy."""

import jax
import jax.numpy as jnp
import numpy as np
import oracle
import pytest
from helpers import (
    MODES,
    POWER_UNIT,
    Saddle,
    hot_spot,
    hot_spot_rows,
    landauer,
    landauer_rows,
    problem_vector,
)
from problems import PROBLEMS

import qpcjax as qpc

SINGLE = np.float32
BARRIER = Saddle(height=1.0, spacing=1.2, width=1.5, drift=0.0)
VECTORS = np.array([problem_vector(p) for p in PROBLEMS])
ROWS = 32


def single_rows(fun):
    mapped = jax.jit(jax.vmap(fun))

    def run(vectors):
        padded = np.concatenate([vectors, np.repeat(vectors[-1:], -len(vectors) % ROWS, axis=0)])
        result = mapped(jnp.asarray(padded.astype(SINGLE)))
        return jax.tree.map(lambda x: np.asarray(x)[: len(vectors)], result)

    return run


@pytest.fixture(scope="module")
def values():
    return single_rows(landauer)(VECTORS)


@pytest.mark.slow
def test_results_follow_the_dtype_of_the_inputs():
    mu = np.linspace(1.0, 2.0, 3, dtype=SINGLE)
    r = qpc.Reservoirs(mu, 0.3, 1.0)
    damping = qpc.QuadraticDamping()
    c = qpc.AbruptConstriction(20.0, 30.0, modes=1)
    for result in (
        qpc.transmission(c, mu),
        qpc.eigenvalues(c, mu),
        qpc.current(BARRIER, r),
        qpc.energy_current(BARRIER, r),
        *qpc.dissipation(BARRIER, r),
        qpc.conductance(BARRIER, mu, 1.0),
        qpc.differential_conductance(BARRIER, r),
        *qpc.low_bias_dissipation(BARRIER, mu, 0.1),
        *qpc.low_temperature_correction(BARRIER, r, order=2),
        *qpc.hot_spot(BARRIER, r, damping)[:2],
        qpc.inelastic_length(BARRIER, r, damping, mu + SINGLE(1)),
        qpc.power_per_length(BARRIER, r, damping, mu),
    ):
        assert result.dtype == SINGLE
        assert np.all(np.isfinite(result))


def test_catalogue_is_finite(values):
    for name, value in values.items():
        assert value.dtype == SINGLE
        assert not [p.name for p, v in zip(PROBLEMS, value, strict=True) if not np.isfinite(v)], (
            name
        )


# Errors relative to the integral of the modulus of the integrand.
# Deep in the tunnelling regime the rounding of the exponent counts as often as it is large.
TOLERANCE, TUNNELLING_TOLERANCE = 1e-6, 2e-5
UNDERFLOW = float(np.finfo(SINGLE).tiny)


@pytest.mark.parametrize("row", [pytest.param(i, id=p.name) for i, p in enumerate(PROBLEMS)])
def test_accuracy(values, row):
    p = PROBLEMS[row]
    # The very numbers that single precision works with.
    w, length, offset, _, mu, bias, *_ = VECTORS[row].astype(SINGLE).astype(float)
    sides = (p.kT + p.kT_difference / 2, p.kT - p.kT_difference / 2)
    exact = oracle.observables(length / (2 * w), mu, bias, *sides, offset, modes=MODES)
    for name in ("current", "left", "right"):
        size = exact["current_size" if name == "current" else "power_size"]
        tolerance = TUNNELLING_TOLERANCE if "tunnelling" in p.tags else TOLERANCE
        wrong = abs(float(values[name][row]) / POWER_UNIT - exact[name])
        # What underflows in single precision is lost.
        assert wrong <= tolerance * size + UNDERFLOW, (name, wrong / size)
    # T(E) itself: the phases of a closed channel are rounded more than those of an open one.
    g = landauer_rows(VECTORS[row].astype(SINGLE).astype(float))["conductance"][0]
    assert float(values["conductance"][row]) == pytest.approx(g, rel=25 * tolerance)


@pytest.mark.slow
def test_hot_spot():
    h = single_rows(hot_spot)(VECTORS)
    exact = hot_spot_rows(VECTORS.astype(SINGLE).astype(float))
    for i, problem in enumerate(PROBLEMS):
        answer = problem.kT > 0 or problem.bias != 0
        found = answer and problem.mu > abs(problem.bias) / 2
        assert np.isfinite(h["energy"][i]) == found, problem.name
        assert np.isfinite(h["distance"][i]) == found, problem.name
        if found:
            assert h["energy"][i] == pytest.approx(exact["energy"][i], rel=1e-6), problem.name
            assert h["distance"][i] == pytest.approx(exact["distance"][i], rel=1e-5), problem.name
