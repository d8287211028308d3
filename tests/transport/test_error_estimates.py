"""The error estimates of the integrals: never below the true error, and not far above it."""

import functools

import equinox as eqx
import jax
import numpy as np
import oracle
import pytest
from helpers import (
    CURRENT_UNIT,
    HALF_WIDTH,
    MASS,
    POWER_UNIT,
    Saddle,
    kelvin,
    problem_vector,
    reference_rows,
    vector,
)
from problems import PROBLEMS

import qpcjax as qpc
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM, NOISE_QUANTUM

TABLE = reference_rows("observables")
CONDUCTANCES = reference_rows("conductance")

# The largest estimate that counts as tight: this many true errors and this much of the modulus.
FACTOR, FLOOR = 1000, 1e-13
# What the oracle of the catalogue is good for, of the modulus.
ORACLE = 1e-13


CATALOGUE = np.array([problem_vector(p) for p in PROBLEMS])
POINTS = list(zip(*(TABLE[key] for key in ("ell", "mu", "eV", "kT")), strict=True))
# Above E_5 = 25 E1: nothing has an answer there.
BEYOND = vector(0.5, 30.0, 0.4, 0.01)
# One array for all, so that an order is compiled once. Five modes are enough for the table.
EVERYTHING = np.concatenate([CATALOGUE, [vector(*point) for point in POINTS], [BEYOND]])
OF_CATALOGUE = slice(0, len(CATALOGUE))
OF_TABLE = slice(len(CATALOGUE), -1)
MODES = 5
LINEAR, NOISE = ("conductance", "seebeck", "lorenz_ratio"), ("current", "thermal")


def observables(theta, order):
    """Values with their estimated errors, in the oracle's units."""
    w, length, offset, mass, mu, bias, temperature, temperature_bias, _ = theta
    c = qpc.AbruptConstriction(w, length, offset, mass, modes=MODES, aspect_limit=15)
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


@functools.cache
def everything(order):
    """`observables` of all rows: name -> (values, estimates)."""
    rows = jax.jit(lambda vectors: jax.lax.map(lambda v: observables(v, order), vectors))
    return jax.tree.map(np.asarray, rows(EVERYTHING))


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
            modes=MODES,
        )
        for p in PROBLEMS
    ]
    return {key: np.array([a[key] for a in answers]) for key in answers[0]}


@pytest.mark.parametrize("order", [4, 8, 16])
def test_catalogue(catalogue, order):
    values = {name: [a[OF_CATALOGUE] for a in pair] for name, pair in everything(order).items()}
    for name, (value, estimate) in values.items():
        size = catalogue[size_of(name)]
        driven = size > 0
        assert np.all(estimate[~driven] == 0)
        arrays = (value, estimate, catalogue[name], size)
        check(*(a[driven] for a in arrays), ORACLE)
    # Too few nodes show.
    if order == 4:
        assert np.max(values["current"][1] / catalogue["current_size"].clip(1e-300)) > 1e-4


@pytest.fixture(scope="module")
def table_sizes():
    """Integrals of the moduli at the points of the table."""
    return [oracle.observables(ell, mu, bias, kT, kT, modes=MODES) for ell, mu, bias, kT in POINTS]


@pytest.mark.parametrize("order", [4, 16])
def test_table(table_sizes, order):
    names = {"current": "I", "left": "PL", "right": "PR", "asymmetry": "PA"}
    for name, (value, estimate) in everything(order).items():
        size = np.array([s[size_of(name)] for s in table_sizes])
        # The table has 17 digits, but P_A is a difference of its powers to fewer.
        check(value[OF_TABLE], estimate[OF_TABLE], TABLE[names[name]], size, 1e-15)


@functools.cache
def conductances(order):
    """Conductances of the table and, last, one above E_5, with their estimates."""

    def one(ell, mu, temperature):
        c = qpc.AbruptConstriction(
            HALF_WIDTH, 2 * HALF_WIDTH * ell, 0.0, MASS, modes=MODES, aspect_limit=15
        )
        return qpc.conductance(c, mu, temperature, order=order, with_error=True)

    columns = zip(
        (*(CONDUCTANCES[key] for key in ("ell", "mu", "kT")),), (0.5, 30.0, 0.01), strict=True
    )
    ell, mu, kT = (np.append(column, beyond) for column, beyond in columns)
    rows = jax.jit(lambda *columns: jax.lax.map(lambda row: one(*row), columns))
    return jax.tree.map(np.asarray, rows(ell, mu, kelvin(kT)))


@pytest.mark.parametrize("order", [4, 16])
def test_conductance(order):
    exact = CONDUCTANCES["G"]
    value, estimate = (a[:-1] for a in conductances(order))
    check(value, estimate, exact, exact, 1e-15)


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


class LimitedSaddle(Saddle):
    """A barrier whose transmission is known up to an energy only."""

    limit: float = np.inf

    def energy_limit(self):
        return self.limit


BARRIER = LimitedSaddle(height=1.0, spacing=1.0, width=0.4, drift=0.3, limit=50.0)
AROUND_ITS_STEPS = qpc.Reservoirs(np.array([1.1, 1.7]), -0.4, kelvin(0.05), kelvin(0.02))
INTEGRALS = (qpc.current, qpc.energy_current, qpc.dissipation, qpc.differential_conductance)


@functools.partial(jax.jit, static_argnames=("order", "with_error"))
def integrals(barrier, **options):
    """All integrals by name, compiled together."""
    return {f.__name__: f(barrier, AROUND_ITS_STEPS, **options) for f in INTEGRALS}


@functools.cache
def around_its_steps(order, with_error):
    return integrals(BARRIER, order=order, with_error=with_error)


@pytest.mark.parametrize("order", [3, 16])
@pytest.mark.parametrize("function", INTEGRALS)
def test_every_integral_gives_its_value_and_an_honest_error(function, order):
    name = function.__name__
    alone = around_its_steps(order, False)[name]
    value, error = around_its_steps(order, True)[name]
    # Two programs, each with its own roundings.
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-14), alone, value)
    exact = around_its_steps(40, False)[name]
    wrong = jax.tree.leaves(jax.tree.map(lambda a, b: np.abs(a - b), value, exact))
    estimates = jax.tree.leaves(error)[: len(wrong)]
    for w, e in zip(wrong, estimates, strict=True):
        assert np.all(w <= e)
        assert np.all(e > 0)


def test_the_total_has_its_own_error():
    p, error = around_its_steps(3, True)["dissipation"]
    exact = around_its_steps(40, False)["dissipation"]
    for name in ("total", "asymmetry"):
        wrong = np.abs(getattr(p, name) - getattr(exact, name))
        assert np.all(wrong > 0)
        assert np.all(wrong <= getattr(error, name))


def test_modes_that_are_not_kept_stand_in_the_estimates():
    """A saddle whose ninth mode opens 28 kT above mu: what all further modes add, by NumPy."""
    mu, bias, spacing, softness, temperature = 4.9e-4, 7.9e-5, 0.442, 2.03e-3, 1.533
    saddle, r = qpc.SaddlePoint(0.0, spacing, softness, modes=8), qpc.Reservoirs(mu, bias, 1.533)
    p, error = qpc.dissipation(saddle, r, with_error=True)
    kT = BOLTZMANN * temperature
    opens = spacing * (np.arange(9, 40) - 0.5)
    energy = np.linspace(opens[0] - 0.1, opens[0] + 30 * kT, 400_001)
    rest = np.sum([energy >= e for e in opens], axis=0)  # the steps are sharp here
    rest = rest / (4 * kT) / np.cosh((energy - mu) / (2 * kT)) ** 2
    lacks = np.trapezoid(rest * (energy - mu + bias / 2), energy) * bias * CURRENT_UNIT
    assert lacks > 1e-12 * (abs(p.left) + abs(p.right))
    assert lacks <= error.right <= 100 * lacks
    # The bias is far below kT: noise and thermoelectrics weigh these modes alike.
    x = (energy - mu) / kT
    zeroth, second = (np.trapezoid(rest * x**p, energy) for p in (0, 2))
    s, noise_error = qpc.noise(saddle, r, with_error=True)
    for name, lacks in (("thermal", zeroth), ("right", kT**2 * second)):
        lacks *= 2 * kT * NOISE_QUANTUM
        assert lacks > 1e-12 * getattr(s, name)
        assert lacks <= getattr(noise_error, name) <= 100 * lacks
    linear, linear_error = qpc.thermoelectrics(saddle, mu, temperature, with_error=True)
    assert zeroth <= linear_error.conductance <= 100 * zeroth
    lacks = CONDUCTANCE_QUANTUM * BOLTZMANN**2 * temperature * second
    assert lacks > 1e-12 * linear.thermal_conductance
    assert lacks <= linear_error.thermal_conductance <= 100 * lacks


def test_rounding_of_mu_on_a_jump_stands_in_the_estimates():
    """A step 0.1 kT below mu, where kT is 1e-7 of it: mu moves by its last digit."""
    step, temperature = qpc.IdealStep(5.0), 1e-5
    mu = 5.0 + 0.1 * BOLTZMANN * temperature
    mu = np.array([mu, np.nextafter(mu, 6.0)])
    pairs = (
        qpc.thermoelectrics(step, mu, temperature, with_error=True),
        qpc.noise(step, qpc.Reservoirs(mu, 0.0, temperature), with_error=True),
    )
    for (value, error), names in zip(pairs, (LINEAR, NOISE), strict=True):
        for name in names:
            moved, estimate = np.ptp(getattr(value, name)), getattr(error, name)[0]
            assert 0 < moved <= estimate <= 200 * moved, name


def test_a_difference_of_temperatures_alone_reaches_far():
    """Heat by dT of an open mode: (pi k_B)^2/3 T dT in units of 2/h, of which 1e-14 lies beyond."""
    temperature, difference = 0.3, 1e-6
    r = qpc.Reservoirs(13.0, 0.0, temperature, difference)
    p, error = qpc.dissipation(qpc.IdealStep(0.0), r, with_error=True)
    exact = np.pi**2 / 3 * BOLTZMANN**2 * temperature * difference * CONDUCTANCE_QUANTUM
    assert 1e-15 * exact < abs(p.right - exact) <= error.right <= 1e-12 * exact


@pytest.mark.parametrize("order", [1, 0, 2.5, True, "16"])
def test_an_order_that_is_no_number_of_nodes(order):
    r = qpc.Reservoirs(1.1, 0.4, 1.0)
    with pytest.raises(ValueError, match="order must be a whole number, 2 or more"):
        qpc.current(BARRIER, r, order=order)


def test_where_there_is_no_value_there_is_no_error():
    for pair in (*everything(16).values(), conductances(16)):
        assert np.all(np.isnan([a[-1] for a in pair]))
        assert not np.any(np.isnan([a[:-1] for a in pair]))
    short = eqx.tree_at(lambda barrier: barrier.limit, BARRIER, 1.5)  # in the middle of the steps
    for both in integrals(short, order=16, with_error=True).values():
        assert np.all(np.isnan(jax.tree.leaves(both)))
