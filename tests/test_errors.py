"""The error estimates of the integrals: never below the true error, and not far above it."""

import functools

import jax
import numpy as np
import oracle
import pytest
from helpers import CURRENT_UNIT, POWER_UNIT, Saddle, kelvin, problem_vector, reference_rows, vector
from problems import PROBLEMS

import qpcjax as qpc

TABLE = reference_rows("observables")
CONDUCTANCES = reference_rows("conductance")

# The largest estimate that counts as tight: this many true errors and this much of the modulus.
FACTOR, FLOOR = 1000, 1e-13
# What the oracle of the catalogue is good for, of the modulus.
ORACLE = 1e-13


def observables(theta, order, modes):
    """Values with their estimated errors, in the oracle's units."""
    w, length, offset, mass, mu, bias, temperature, temperature_bias, _ = theta
    c = qpc.AbruptConstriction(w, length, offset, mass, modes=modes, aspect_limit=15)
    r = qpc.Reservoirs(mu, bias, temperature, temperature_bias)
    flow, flow_error = qpc.current(c, r, order=order, with_error=True)
    p, error = qpc.dissipation(c, r, order=order, with_error=True)
    units = {"current": CURRENT_UNIT}
    pairs = {
        "current": (flow, flow_error),
        "left": (p.left, error.left),
        "right": (p.right, error.right),
        "asymmetry": (p.asymmetry, error.asymmetry),
    }
    return {
        k: (v / units.get(k, POWER_UNIT), e / units.get(k, POWER_UNIT))
        for k, (v, e) in pairs.items()
    }


@functools.partial(jax.jit, static_argnames=("order", "modes"))
def rows(vectors, order, modes):
    return jax.lax.map(lambda theta: observables(theta, order, modes), vectors)


def size_of(name):
    return {"current": "current_size", "asymmetry": "asymmetry_size"}.get(name, "power_size")


def check(value, estimate, exact, size, uncertainty):
    """Estimates that are honest and tight; `uncertainty` is that of the exact value."""
    wrong = np.abs(np.asarray(value) - exact)
    estimate = np.asarray(estimate)
    assert np.all(wrong <= estimate + uncertainty * size), np.max((wrong - estimate) / size)
    allowed = np.maximum(FACTOR * (wrong + uncertainty * size), FLOOR * size)
    assert np.all(estimate <= allowed), np.max(estimate / allowed)


@pytest.fixture(scope="module")
def catalogue():
    answers = [
        oracle.observables(
            p.ell,
            p.mu,
            p.bias,
            p.kT + p.kT_difference / 2,
            p.kT - p.kT_difference / 2,
            p.offset,
            modes=3,
        )
        for p in PROBLEMS
    ]
    return {key: np.array([a[key] for a in answers]) for key in answers[0]}


@pytest.mark.parametrize("order", [4, 8, 16])
def test_catalogue(catalogue, order):
    values = rows(np.array([problem_vector(p) for p in PROBLEMS]), order, 3)
    for name, (value, estimate) in values.items():
        size = catalogue[size_of(name)]
        driven = size > 0
        assert np.all(np.asarray(estimate)[~driven] == 0)
        arrays = (value, estimate, catalogue[name], size)
        check(*(np.asarray(a)[driven] for a in arrays), ORACLE)
    # Too few nodes show.
    if order == 4:
        assert (
            np.max(np.asarray(values["current"][1]) / catalogue["current_size"].clip(1e-300)) > 1e-4
        )


@pytest.mark.parametrize("order", [5, 16])
def test_table(order):
    t = TABLE
    points = list(zip(t["ell"], t["mu"], t["eV"], t["kT"], strict=True))
    values = rows(np.array([vector(*point) for point in points]), order, 5)
    sizes = [oracle.observables(ell, mu, bias, kT, kT, modes=5) for ell, mu, bias, kT in points]
    names = {"current": "I", "left": "PL", "right": "PR", "asymmetry": "PA"}
    for name, (value, estimate) in values.items():
        size = np.array([s[size_of(name)] for s in sizes])
        # The table has 17 digits, but P_A is a difference of its powers to fewer.
        check(value, estimate, t[names[name]], size, 1e-15)


@pytest.mark.parametrize("order", [4, 16])
def test_conductance(order):
    c = CONDUCTANCES

    @jax.jit
    def conductances(vectors):
        def one(theta):
            w, length, _, mass, mu, _, temperature, *_ = theta
            barrier = qpc.AbruptConstriction(w, length, 0.0, mass, modes=5, aspect_limit=15)
            return qpc.conductance(barrier, mu, temperature, order=order, with_error=True)

        return jax.lax.map(one, vectors)

    vectors = [
        vector(ell, mu, 0.0, kT) for ell, mu, kT in zip(c["ell"], c["mu"], c["kT"], strict=True)
    ]
    value, estimate = conductances(np.array(vectors))
    check(value, estimate, c["G"], c["G"], 1e-15)


def test_panels_that_are_too_wide_show():
    """A barrier whose steps are sharper than its panels."""

    class Sharp(Saddle):
        def panel_edges(self, bias=0.0):
            return super().panel_edges(bias)[:1]

    r = qpc.Reservoirs(1.6, 0.8, kelvin(0.3))
    exact = qpc.current(Saddle(1.0, 0.5, 0.02, 0.0), r)
    value, error = qpc.current(Sharp(1.0, 0.5, 0.02, 0.0), r, with_error=True)
    wrong = abs(float(value - exact))
    assert 1e-6 * float(exact) < wrong <= float(error)


BARRIER = Saddle(height=1.0, spacing=1.0, width=0.4, drift=0.3)


@pytest.mark.parametrize("order", [3, 16])
@pytest.mark.parametrize(
    "function", [qpc.current, qpc.energy_current, qpc.dissipation, qpc.differential_conductance]
)
def test_every_integral_gives_its_value_and_an_honest_error(function, order):
    r = qpc.Reservoirs(np.array([1.1, 1.7]), -0.4, kelvin(0.05), kelvin(0.02))
    alone = function(BARRIER, r, order=order)
    value, error = function(BARRIER, r, order=order, with_error=True)
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b), alone, value)
    exact = function(BARRIER, r, order=40)
    wrong = jax.tree.leaves(jax.tree.map(lambda a, b: np.abs(a - b), value, exact))
    estimates = jax.tree.leaves(error)[: len(wrong)]
    for w, e in zip(wrong, estimates, strict=True):
        assert np.all(w <= e)
        assert np.all(e > 0)


def test_the_total_has_its_own_error():
    r = qpc.Reservoirs(1.1, 0.4, kelvin(0.05))
    p, error = qpc.dissipation(BARRIER, r, order=3, with_error=True)
    exact = qpc.dissipation(BARRIER, r)
    for name in ("total", "asymmetry"):
        wrong = abs(float(getattr(p, name) - getattr(exact, name)))
        assert 0 < wrong <= float(getattr(error, name))


@pytest.mark.parametrize("order", [1, 0, 2.5, True, "16"])
def test_an_order_that_is_no_number_of_nodes(order):
    r = qpc.Reservoirs(1.1, 0.4, 1.0)
    with pytest.raises(ValueError, match="order must be a whole number, 2 or more"):
        qpc.current(BARRIER, r, order=order)


def test_where_there_is_no_value_there_is_no_error():
    c = qpc.AbruptConstriction(20.0, 30.0, modes=1)
    for function in (qpc.current, qpc.dissipation, qpc.differential_conductance):
        both = function(c, qpc.Reservoirs(30.0, 0.4, 1.0), with_error=True)
        assert np.all(np.isnan(jax.tree.leaves(both)))
    assert np.all(np.isnan(qpc.conductance(c, 30.0, 1.0, with_error=True)))
