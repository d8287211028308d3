"""Current, heat and conductance against the table, quadrature and closed forms."""

import jax
import numpy as np
import oracle
import pytest
from helpers import (
    ASPECT,
    CURRENT_UNIT,
    HALF_WIDTH,
    MASS,
    MODES,
    POWER_UNIT,
    Saddle,
    Step,
    constriction,
    kelvin,
    landauer_rows,
    reference_rows,
    vector,
)
from mpmath import polylog
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import expit

import qpcjax as qpc
from qpcjax import constants

TABLE = reference_rows("observables")
CONDUCTANCES = reference_rows("conductance")


@jax.jit
def current_and_dissipation(c, r):
    """Compiled together, they share the integrals."""
    return qpc.current(c, r), qpc.dissipation(c, r)


@pytest.fixture(scope="module", params=sorted(set(TABLE["ell"])))
def table_rows(request):
    """The rows of one ell, through the public functions and the default panels."""
    at = TABLE["ell"] == request.param
    c = constriction(request.param, modes=5)
    rows = {key: column[at] for key, column in TABLE.items()}
    # One compiled shape for all.
    sources = [np.resize(rows[key], 8) for key in ("mu", "eV", "kT")]
    r = qpc.Reservoirs(sources[0], sources[1], kelvin(sources[2]))
    count = int(np.sum(at))
    assert count <= 8
    flow, p = current_and_dissipation(c, r)
    values = {
        "I": flow / CURRENT_UNIT,
        "PL": p.left / POWER_UNIT,
        "PR": p.right / POWER_UNIT,
        "PA": p.asymmetry / POWER_UNIT,
    }
    sizes = [
        oracle.observables(ell, mu, bias, kT, kT, modes=5)
        for ell, mu, bias, kT in zip(rows["ell"], rows["mu"], rows["eV"], rows["kT"], strict=True)
    ]
    size = {
        "I": "current_size",
        "PL": "power_size",
        "PR": "power_size",
        "PA": "asymmetry_size",
    }
    sizes = {key: np.array([s[name] for s in sizes]) for key, name in size.items()}
    return rows, {key: np.asarray(v)[:count] for key, v in values.items()}, sizes


@pytest.mark.parametrize("name", ["I", "PL", "PR", "PA"])
def test_observables_of_the_table(table_rows, name):
    rows, values, sizes = table_rows
    wrong = np.abs(values[name] - rows[name])
    np.testing.assert_array_less(wrong, 1e-10 * sizes[name])
    if name == "PA":
        # A small bias keeps its digits.
        np.testing.assert_allclose(values[name], rows[name], rtol=1e-8)


@pytest.mark.parametrize("ell", sorted(set(CONDUCTANCES["ell"])))
def test_conductance_of_the_table(ell):
    at = CONDUCTANCES["ell"] == ell
    mu, kT, exact = (np.resize(CONDUCTANCES[key][at], 6) for key in ("mu", "kT", "G"))
    value = qpc.conductance(constriction(ell, modes=5), mu, kelvin(kT))
    np.testing.assert_allclose(value, exact, rtol=1e-10)


# --- relations between the observables ------------------------------------------------------

GRID = np.array(
    [
        vector(ell, mu, bias, kT, kT_difference)
        for ell in (0.6, 3.0)
        for mu in (1.1, 3.9)
        for bias, kT, kT_difference in (
            (0.3, 0.0, 0.0),
            (0.2, 0.05, 0.03),
            (0.37, 0.05, -0.1),
            (1e-3, 0.02, 0.001),
        )
    ]
)
SWAP = np.array([1, 1, 1, 1, 1, -1, 1, -1, 1])


@pytest.fixture(scope="module")
def grid_values():
    return landauer_rows(GRID)


def test_heat_is_the_work_of_the_voltage(grid_values):
    v = grid_values
    size = np.abs(v["left"]) + np.abs(v["right"])
    work = GRID[:, 5] * v["current"]
    np.testing.assert_array_less(np.abs(v["left"] + v["right"] - work), 4e-15 * size)


def test_energy_current_is_the_heat_carried_above_each_potential():
    barrier = Saddle(height=1.0, spacing=1.0, width=0.4, drift=0.0)
    r = qpc.Reservoirs(1.6, np.array([0.3, -0.2]), kelvin(0.05), kelvin(0.02))
    carried, flow, p = (f(barrier, r) for f in (qpc.energy_current, qpc.current, qpc.dissipation))
    np.testing.assert_allclose(p.left, r.mu_left * flow - carried, rtol=1e-12)
    np.testing.assert_allclose(p.right, carried - r.mu_right * flow, rtol=1e-12)


def test_reversal_swaps_the_sides(grid_values):
    there, back = grid_values, landauer_rows(GRID * SWAP)
    np.testing.assert_allclose(back["left"], there["right"], rtol=1e-14)
    np.testing.assert_allclose(back["right"], there["left"], rtol=1e-14)
    np.testing.assert_allclose(back["current"], -there["current"], rtol=1e-14)
    np.testing.assert_allclose(
        back["differential_conductance"], there["differential_conductance"], rtol=1e-12
    )


def test_mirrored_reservoirs_swap_the_sides():
    barrier = Saddle(height=1.0, spacing=1.0, width=0.4, drift=0.3)
    r = qpc.Reservoirs(1.1, 0.2, kelvin(0.05), kelvin(0.03))
    there, back = qpc.dissipation(barrier, r), qpc.dissipation(barrier, r.mirrored())
    assert float(back.left) == pytest.approx(float(there.right), rel=1e-14)
    assert float(back.right) == pytest.approx(float(there.left), rel=1e-14)


def test_unequal_temperatures_against_adaptive_quadrature(grid_values):
    # Every other row has both sides warm or one of them cold.
    for row, theta in list(enumerate(GRID))[1::2]:
        w, length, _, _, mu, bias, temperature, difference, _ = theta
        left, right = (
            max(constants.BOLTZMANN * (temperature + s * difference / 2), 0.0) for s in (1, -1)
        )
        exact = oracle.observables(length / (2 * w), mu, bias, left, right, modes=MODES)
        for name in ("current", "left", "right", "asymmetry"):
            size = exact["current_size" if name == "current" else "power_size"]
            wrong = abs(grid_values[name][row] / POWER_UNIT - exact[name])
            assert wrong <= 1e-10 * size, (theta, name)


# --- conductances ---------------------------------------------------------------------------


def test_differential_conductance_against_differences(grid_values):
    step = 1e-4
    moves = np.zeros_like(GRID[0])
    moves[5] = step
    shifted = [landauer_rows(GRID + m * moves)["current"] for m in (-1, -0.5, 0.5, 1)]
    slope = (4 * (shifted[2] - shifted[1]) / step - (shifted[3] - shifted[0]) / (2 * step)) / 3
    value = grid_values["differential_conductance"]
    np.testing.assert_allclose(value, slope / CURRENT_UNIT, rtol=1e-8)


def test_differential_conductance_at_zero_temperature_is_the_mean_of_both_ends(grid_values):
    cold = GRID[:, 6] == 0
    assert np.sum(cold) == 4
    for theta, value in zip(GRID[cold], grid_values["differential_conductance"][cold], strict=True):
        ell, mu, bias = theta[1] / (2 * theta[0]), theta[4], theta[5]
        ends = [oracle.transmission(mu + s * bias / 2, ell) for s in (1, -1)]
        assert value == pytest.approx(np.mean(ends), rel=1e-11)


def test_differential_conductance_at_no_bias_is_the_conductance():
    mus = [0.9, 1.0, 2.4, 4.0]
    rows = np.array([vector(1.0, mu, 0.0, kT) for mu in mus for kT in (0.0, 0.03)])
    v = landauer_rows(rows)
    assert np.all(v["current"] == 0)
    np.testing.assert_allclose(v["differential_conductance"], v["conductance"], rtol=1e-11)


def test_a_transmission_that_follows_the_bias():
    """T(E, V) of a barrier that drifts with the bias, with scipy's quadrature as the oracle."""
    barrier = Saddle(height=1.0, spacing=1.0, width=0.4, drift=0.7)
    mu, bias, kT = 1.6, 0.5, 0.06

    def total(e, bias):
        tops = 1.0 + (np.arange(2) + 0.5) + 0.7 * bias**2
        return np.sum(expit(2 * np.pi * (e - tops) / 0.4))

    def flow(bias):
        def integrand(e):
            x = oracle.occupation_difference(e - mu, bias / 2, kT, kT)
            return total(e, bias) * x

        return quad(integrand, mu - 3, mu + 3, points=[mu], epsabs=1e-14, epsrel=1e-13, limit=400)[
            0
        ]

    r = qpc.Reservoirs(mu, bias, kelvin(kT))
    assert float(qpc.current(barrier, r)) == pytest.approx(CURRENT_UNIT * flow(bias), rel=1e-11)
    h = 1e-3
    slope = (8 * (flow(bias + h) - flow(bias - h)) - flow(bias + 2 * h) + flow(bias - 2 * h)) / (
        12 * h
    )
    assert float(qpc.differential_conductance(barrier, r)) == pytest.approx(slope, rel=1e-9)
    # It is not the transmission at fixed bias alone.
    still = Saddle(height=1.0 + 0.7 * bias**2, spacing=1.0, width=0.4, drift=0.0)
    fixed = float(qpc.differential_conductance(still, r))
    assert abs(fixed - slope) > 0.1 * slope


# --- closed forms ---------------------------------------------------------------------------


def test_ideal_step():
    """At mu on an ideal step I = G0 V/2, and P_A by dilogarithms."""
    mu, kT = 2.0, 0.1
    bias = np.array([0.02, 0.1, 0.3, 0.6, 1.0, 2.0, 0.3158, 1e-3]) * np.array([1] * 6 + [0.1, 1])
    bias[6] = kT / 0.3158
    r = qpc.Reservoirs(mu, bias, kelvin(kT))
    p = qpc.dissipation(Step(mu), r)
    np.testing.assert_allclose(qpc.current(Step(mu), r), CURRENT_UNIT * bias / 2, rtol=1e-12)

    def first(x):
        return -float(polylog(2, -np.exp(x)))

    exact = [2 * kT**2 * (first(v / 2) - first(-v / 2)) for v in bias / kT]
    np.testing.assert_allclose(p.asymmetry, POWER_UNIT * np.array(exact), rtol=1e-11)
    assert abs(p.left[6]) < 2e-4 * p.right[6]
    cold = qpc.dissipation(Step(mu), qpc.Reservoirs(mu, bias, 0.0))
    np.testing.assert_allclose(cold.asymmetry, POWER_UNIT * bias**2 / 4, rtol=1e-12)


def test_monotonic_transmission_heats_the_downstream_side_more():
    barrier = Saddle(height=1.0, spacing=1.0, width=0.3, drift=0.0)
    mu = np.linspace(0.3, 3.5, 8)
    for kT in (0.0, 0.02, 0.2):
        p = qpc.dissipation(barrier, qpc.Reservoirs(mu, 0.4, kelvin(kT)))
        assert np.all(np.asarray(p.asymmetry) > 0)


# --- the paper's figures --------------------------------------------------------------------


def test_colour_range_of_figure_3():
    """P_R and P_A in 2 E1^2/h at eV = E1 and zero temperature for L/w from 1 to 10."""
    mu = np.linspace(0.5, 7.0, 112)
    for ratio in (1, 2, 4, 10):
        v = landauer_rows(np.array([vector(ratio / 2, m, 1.0, 0.0) for m in mu]))
        right, asymmetry = v["right"] / POWER_UNIT, v["asymmetry"] / POWER_UNIT
        assert 0.97 - 5e-3 <= np.max(right) <= 0.99 + 5e-3
        assert 0.18 - 5e-3 <= np.max(asymmetry) <= 0.22 + 5e-3
        assert -0.03 - 5e-3 <= np.min(asymmetry) <= 0.001


@pytest.mark.parametrize(
    ("bias", "crossings"),
    [
        (0.2, {1: 0.074, 2: 0.0485, 4: 0.032, 6: 0.046, 10: 0.0445}),
        (0.6, {1: 0.149, 2: 0.134, 4: 0.145, 6: 0.145, 10: 0.145}),
    ],
)
def test_temperature_at_which_the_left_side_cools_in_figure_4(bias, crossings):
    kT = np.linspace(0.01, 0.2, 96)
    for ratio, crossing in crossings.items():
        left = landauer_rows(np.array([vector(ratio / 2, 1.0, bias, k) for k in kT]))["left"]
        change = np.flatnonzero((left[:-1] > 0) & (left[1:] <= 0))
        assert len(change) == 1, (ratio, kT[change])
        i = change[0]
        found = kT[i] + (kT[i + 1] - kT[i]) * left[i] / (left[i] - left[i + 1])
        assert found == pytest.approx(crossing, abs=6e-4), ratio


# --- validity -------------------------------------------------------------------------------


def test_outside_its_validity_an_integral_is_nan():
    # The aspect limit is 15, and the last mode kept opens at E_3 = 9.
    rows = [
        (1.0, 1.5, 0.1, 0.02),  # fine
        (1.0, 1.5, 0.1, -0.02),  # negative temperature
        (1.0, 1.5, 0.1, 0.02, 0.05),  # a side below zero
        (1.0, 1.5, 0.1, 0.02, -0.05),
        (1.0, 1.5, 0.1, np.nan),
        (1.24 * ASPECT, 1.5, 0.1, 0.02),  # within a quarter of the aspect limit
        (1.26 * ASPECT, 1.5, 0.1, 0.02),  # beyond it
        (1.0, 8.94, 0.1, 0.0),  # the window ends below E_3
        (1.0, 8.96, 0.1, 0.0),  # mu_L above it
        (1.0, 9 - 2.7, 0.1, 0.1),  # weight above E_3 around 1e-12
        (1.0, 9 - 2.8, 0.1, 0.1),  # for the conductance just below, for the rest just above
        (1.0, 9 - 2.85, 0.1, 0.1),  # below for all
        (1.0, np.nan, 0.1, 0.02),
    ]
    v = landauer_rows(np.array([vector(*row) for row in rows]))
    nan = np.array([0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 0, 1], dtype=bool)
    weights = np.exp(-(np.array([2.7, 2.8, 2.85]) - 0.05) / 0.1)
    np.testing.assert_array_equal(weights > 1e-12, nan[9:12])
    for name in ("current", "left", "right", "asymmetry", "differential_conductance"):
        np.testing.assert_array_equal(np.isnan(v[name]), nan, err_msg=name)
    # One temperature, and no bias.
    nan[[2, 3, 8]] = False
    nan[9:12] = np.exp(-np.array([2.7, 2.8, 2.85]) / 0.1) > 1e-12
    np.testing.assert_array_equal(nan[9:12], [True, False, False])
    np.testing.assert_array_equal(np.isnan(v["conductance"]), nan)


def test_scatterers_without_a_limit_take_any_energy():
    barrier = Saddle(height=1.0, spacing=1.0, width=0.3, drift=0.0)
    assert float(qpc.conductance(barrier, 40.0, kelvin(0.1))) == pytest.approx(2, rel=1e-12)


# --- shapes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ell", "offset", "mu", "bias"),
    [(15.0, 1.3, 1.0, 1.9), (15.0, -0.7, 0.3, 0.05), (5.0, 6.0, 4.0, 2.0)],
)
def test_a_floor_in_a_long_channel(ell, offset, mu, bias):
    """Deep tunnelling through a raised floor, sharp resonances over a lowered one."""
    c = constriction(ell, offset)
    exact = oracle.observables(ell, mu, bias, 0.0, 0.0, offset, modes=3)
    p, error = qpc.dissipation(c, qpc.Reservoirs(mu, bias), with_error=True)
    for name in ("left", "right", "asymmetry"):
        wrong = abs(float(getattr(p, name)) / POWER_UNIT - exact[name])
        assert wrong <= 1e-11 * exact["power_size"], name
    assert float(error.total) <= 1e-11 * exact["power_size"] * POWER_UNIT


def test_new_values_trace_nothing_anew():
    """New numbers of the same shapes use what is compiled: a trace would call T(E) in Python."""
    traces = []

    class Counted(qpc.AbruptConstriction):
        def transmissions(self, energies, *args, **options):
            traces.append(energies)
            return super().transmissions(energies, *args, **options)

    def evaluated(half_width, length, mu, bias, temperature):
        c = Counted(half_width, length, mass=MASS, modes=2, aspect_limit=2)
        r = qpc.Reservoirs(mu, bias, temperature)
        return [qpc.dissipation(c, r), qpc.conductance(c, mu, temperature), qpc.current(c, r)]

    evaluated(HALF_WIDTH, 3 * HALF_WIDTH, 1.1, 0.2, 0.5)
    count = len(traces)
    assert count > 0
    evaluated(1.1 * HALF_WIDTH, 2 * HALF_WIDTH, 0.7, -0.1, 0.0)
    evaluated(1.2 * HALF_WIDTH, 0.0, 1.0, 0.0, 0.4)
    assert len(traces) == count


def test_in_bulk_is_the_same_scatterer():
    c, r = constriction(1.0), qpc.Reservoirs(np.array([0.7, 1.3]), 0.2, 0.5)
    bulk = qpc.in_bulk(c)
    np.testing.assert_allclose(qpc.current(bulk, r), qpc.current(c, r), rtol=1e-13)
    assert bulk.mass == c.mass
    step = qpc.IdealStep(1.0)
    assert qpc.in_bulk(step) is step


@pytest.mark.parametrize("offset", [0.0, 0.3])
def test_gradients_in_bulk(offset):
    # One kernel for each derivative, and none for a floor at 0 that stands still: against
    # differences, with the floor itself moved, and not.
    def heat(w, length, offset, mu):
        c = qpc.in_bulk(qpc.AbruptConstriction(w, length, offset, modes=2, aspect_limit=2))
        return qpc.dissipation(c, qpc.Reservoirs(mu, 0.5, 1.0)).asymmetry

    at = np.array([HALF_WIDTH, 2.5 * HALF_WIDTH, offset, 2.2])
    steps = 1e-4 * np.diag([HALF_WIDTH, HALF_WIDTH, 1.0, 1.0])
    found = jax.jit(jax.grad(heat, (0, 1, 2, 3)))(*at)
    heats = jax.jit(jax.vmap(heat))
    ahead, back = (heats(*(at[:, None] + s * steps)) for s in (1, -1))
    np.testing.assert_allclose(found, (ahead - back) / (2 * np.diag(steps)), rtol=2e-6, atol=2e-8)
    without = jax.jit(jax.grad(heat, (0, 1, 3)))(*at)
    np.testing.assert_allclose(without, [found[0], found[1], found[3]], rtol=1e-12)


def test_order_may_be_given_by_its_place():
    c = Saddle(height=1.0, spacing=1.0, width=0.3, drift=0.0)
    r = qpc.Reservoirs(1.3, 0.2)
    assert qpc.current(c, r, 5) == qpc.current(c, r, order=5) != qpc.current(c, r)
    assert len(qpc.current(c, r, 5, True)) == 2


def test_fields_broadcast():
    barrier = Saddle(height=1.0, spacing=1.0, width=0.3, drift=0.0)
    r = qpc.Reservoirs(np.linspace(1, 2, 3)[:, None], np.linspace(0.1, 0.4, 4), 1.0)
    p = qpc.dissipation(barrier, r)
    assert p.left.shape == p.right.shape == (3, 4)
    one = qpc.dissipation(barrier, qpc.Reservoirs(1.5, 0.2, 1.0))
    np.testing.assert_allclose(p.right[1, 1], one.right, rtol=1e-13)
    assert qpc.conductance(barrier, np.ones((2, 1)), np.ones(5)).shape == (2, 5)
    assert qpc.conductance(barrier, 1.0).shape == ()


def test_more_points_than_fit_side_by_side():
    mu = np.linspace(0.5, 3.0, 150)
    barrier = Saddle(height=1.0, spacing=1.0, width=0.3, drift=0.0)
    many = qpc.conductance(barrier, mu, 1.0)
    assert many.shape == (150,)
    few = np.concatenate([qpc.conductance(barrier, part, 1.0) for part in np.split(mu, 3)])
    np.testing.assert_allclose(many, few, rtol=1e-14)


@pytest.mark.slow
def test_gradient_by_reverse_mode_is_that_by_forward_mode():
    c = constriction(0.8, modes=1)
    r = qpc.Reservoirs(0.5, 0.2, kelvin(0.01), kelvin(0.002))

    def asymmetry(c, r):
        return qpc.dissipation(c, r).asymmetry

    reverse = jax.grad(asymmetry, argnums=(0, 1))(c, r)
    forward = jax.jacfwd(asymmetry, argnums=(0, 1))(c, r)
    assert isinstance(reverse[0], qpc.AbruptConstriction)
    assert isinstance(reverse[1], qpc.Reservoirs)
    pairs = zip(jax.tree.leaves(reverse), jax.tree.leaves(forward), strict=True)
    for one, other in pairs:
        assert float(one) == pytest.approx(float(other), rel=1e-9)


def test_cooling_starts_where_the_left_power_changes_sign():
    """The sign change of the ideal step, by root finding on the public function."""
    kT = 0.2
    r_of = jax.jit(lambda bias: qpc.dissipation(Step(1.0), qpc.Reservoirs(1.0, bias, kelvin(kT))))
    root = brentq(lambda bias: float(r_of(bias).left), 0.1, 2.0, xtol=1e-12)
    assert kT / root == pytest.approx(0.3158, abs=5e-5)
