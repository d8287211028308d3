"""A table of T(E) against scipy's interpolation, its exact integrals and differences."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import oracle
import pytest
from barriers import Barrier, reservoir_rows
from scipy.interpolate import PchipInterpolator

import qpcjax as qpc
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM

# A staircase with a dip, in uneven rows.
ENERGY = np.array([0.0, 1.0, 1.4, 2.0, 2.1, 3.0, 3.8, 4.0, 4.6, 5.5, 7.0])
VALUES = np.array([0.01, 0.03, 0.2, 0.9, 0.95, 1.02, 0.97, 1.3, 1.9, 2.0, 2.3])
ROWS = ENERGY.size
BARRIER = Barrier(lambda p: qpc.TabulatedTransmission(p[ROWS:], p[:ROWS]), 2 * ROWS)
TABLE = [*VALUES, *ENERGY]


@functools.cache
def spline(*table):
    """The interpolation of scipy."""
    return PchipInterpolator(table[ROWS:], table[:ROWS])


def total(energy, *table):
    """T(E), constant beyond the ends."""
    return float(spline(*table)(min(max(energy, table[ROWS]), table[-1])))


def knots(*table):
    """The energies of the table."""
    return np.array(table[ROWS:])


# --- the interpolation ----------------------------------------------------------------------


def uneven_table(rows, seed):
    """A table that turns, has plateaus and falls to 0."""
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.uniform(0.01, 1.0, rows))
    y = rng.uniform(0, 2, rows) * (rng.uniform(size=rows) > 0.2)
    return x, np.where(rng.uniform(size=rows) < 0.2, 1.0, y)


@pytest.mark.parametrize("rows", [2, 3, 4, 60])
def test_interpolation_is_that_of_scipy(rows):
    for seed in range(3 if rows < 5 else 1):
        x, y = uneven_table(rows, seed)
        table = qpc.TabulatedTransmission(x, y)
        energy = np.linspace(x[0], x[-1], 300)
        found = qpc.transmission(table, energy)
        np.testing.assert_allclose(found, PchipInterpolator(x, y)(energy), rtol=0, atol=1e-13)
        np.testing.assert_allclose(qpc.transmission(table, x), y, rtol=1e-15)
        assert np.all(found >= 0)


def test_derivative_by_the_energy_is_that_of_scipy():
    x, y = uneven_table(60, 1)
    energy = np.concatenate([x, np.linspace(x[0], x[-1], 101)])  # on the knots too
    table = qpc.TabulatedTransmission(x, y)
    _, slope = jax.jvp(lambda e: qpc.transmission(table, e), (energy,), (np.ones_like(energy),))
    exact = PchipInterpolator(x, y).derivative()(energy)
    np.testing.assert_allclose(slope, exact, rtol=1e-11, atol=1e-11)


def test_nothing_is_known_outside():
    table = qpc.TabulatedTransmission(ENERGY, VALUES)
    energy = np.array([-1e-9, 0.0, 7.0, 7.0 + 1e-9])
    for t in (qpc.transmission(table, energy), qpc.eigenvalues(table, energy)[:, 0]):
        np.testing.assert_allclose(t, [np.nan, 0.01, 2.3, np.nan], rtol=1e-15)
    # What a thermal tail finds there is the end of the table.
    assert jax.jit(lambda e: table.total(e))(9.0) == pytest.approx(2.3, rel=1e-15)
    assert (table.energy_floor(), table.energy_limit()) == (0.0, 7.0)


def test_single_precision():
    x, y = (column.astype(np.float32) for column in uneven_table(30, 4))
    energy = np.linspace(x[0], x[-1], 50, dtype=np.float32)
    t = qpc.transmission(qpc.TabulatedTransmission(x, y, 0.1), energy)
    assert t.dtype == jnp.float32
    np.testing.assert_allclose(t, PchipInterpolator(x, y)(energy), rtol=0, atol=1e-5)


def test_whole_numbers_and_lists_will_do():
    table = qpc.TabulatedTransmission(np.array([0, 1, 3]), [0, 1, 1])
    np.testing.assert_array_equal(qpc.transmission(table, np.array([0.0, 2.0])), [0, 1])


# --- integrals ------------------------------------------------------------------------------


def test_integrals():
    reservoirs = [
        (3.0, 1.0, 0.0, 0.0),
        (3.3, 1.0, 0.05, 0.05),
        (3.3, 1e-4, 0.05, 0.08),
        (2.0, 0.2, 0.0, 0.03),
        (4.0, 6.0, 0.0, 0.0),  # to the table's end
        # Tails that reach beyond the table with a weight that does not count.
        (4.0, 0.5, 0.09, 0.09),
        (0.5, 0.2, 0.014, 0.014),
    ]
    rows = reservoir_rows(TABLE, reservoirs)
    assert np.max(BARRIER.integral_errors(rows, total, knots)) < 1e-12


def test_integrals_that_need_more_than_the_table_are_nan():
    reservoirs = [(4.0, 0.5, 0.2, 0.2), (0.5, 0.2, 0.05, 0.05), (6.5, 1.1, 0.0, 0.0)]
    values = BARRIER.rows(reservoir_rows(TABLE, reservoirs))
    assert np.all(np.isnan(values["current"]))


def test_cold_integrals_between_knots_are_exact():
    primitive = PchipInterpolator(ENERGY, VALUES).antiderivative()
    sides = [(a, b) for a in ENERGY for b in ENERGY if a < b]
    rows = reservoir_rows(TABLE, [((a + b) / 2, b - a, 0.0, 0.0) for a, b in sides])
    exact = [primitive(b) - primitive(a) for a, b in sides]
    np.testing.assert_allclose(
        BARRIER.rows(rows)["current"], CONDUCTANCE_QUANTUM * np.array(exact), rtol=1e-13
    )


def test_a_long_table_needs_few_nodes_in_a_panel():
    x = np.linspace(0.0, 20.0, 1000)
    y = 1 / (1 + np.exp((10 - x) / 0.3))
    between, kT = PchipInterpolator(x, y), BOLTZMANN * 1.3
    exact = oracle.moments(lambda e: float(between(e)), x, 9.7, 0.6, kT, kT)
    p = qpc.dissipation(qpc.TabulatedTransmission(x, y), qpc.Reservoirs(9.7, 0.6, 1.3), order=6)
    value = np.array([p.total / 0.6, p.asymmetry / 2]) / CONDUCTANCE_QUANTUM
    assert np.max(np.abs(value - exact[:2]) / exact[2:]) < 1e-11


# --- derivatives ----------------------------------------------------------------------------


def test_gradients_by_every_row():
    reservoirs = [
        (3.05, 1.3, 0.0, 0.0),
        (3.05, 1.3, 0.05, 0.05),
        (4.3, 0.6, 0.0, 0.08),
    ]
    BARRIER.check_gradients(reservoir_rows(TABLE, reservoirs), [1e-4] * ROWS + [1e-3] * ROWS)


def test_gradients_by_every_value_with_mu_on_a_knot():
    # mu, or mu_L and mu_R, exactly on knots
    reservoirs = [(2.0, 0.2, 0.0, 0.0), (3.0, 2.0, 0.0, 0.0), (4.0, 1.0, 0.06, 0.06)]
    BARRIER.check_gradients(reservoir_rows(TABLE, reservoirs), [1e-4] * ROWS)


def test_derivatives_by_mu_on_a_knot():
    table = qpc.TabulatedTransmission(ENERGY, VALUES)
    left, right = ENERGY[4:], ENERGY[3]
    g = qpc.differential_conductance(table, qpc.Reservoirs((left + right) / 2, left - right))
    np.testing.assert_allclose(g, (VALUES[4:] + VALUES[3]) / 2, rtol=1e-12)
    bias = 1e-2
    found = qpc.low_bias_dissipation(table, ENERGY, bias).asymmetry
    slope = PchipInterpolator(ENERGY, VALUES).derivative()(ENERGY)
    np.testing.assert_allclose(found, CONDUCTANCE_QUANTUM * slope * bias**3 / 6, rtol=1e-9)


def test_gradients_on_plateaus_are_finite():
    values = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0])
    rows = reservoir_rows([*values, *ENERGY], [(2.05, 1.3, 0.0, 0.0), (1.0, 1.0, 0.03, 0.03)])
    for slope in BARRIER.jacobian(rows).values():
        assert np.all(np.isfinite(slope))


# --- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("energy", "transmission", "message"),
    [
        ([1.0, 2.0, 3.0], [0.1, 0.2], r"same length, got the shapes \(3,\) and \(2,\)"),
        ([[1.0, 2.0]], [[0.1, 0.2]], r"two columns"),
        (1.0, 0.5, r"two columns"),
        ([1.0], [0.1], "needs 2 rows or more, got 1"),
        ([], [], "needs 2 rows or more, got 0"),
        ([1.0, 3.0, 2.0], [0.1, 0.2, 0.3], "energy must increase .*; row 3 holds 2 after 3 in row"),
        ([1.0, 1.0, 2.0], [0.1, 0.2, 0.3], "energy must increase .*; row 2 holds 1 after 1 in row"),
        ([1.0, math.nan], [0.1, 0.2], "energy must be a finite energy in meV, .*row 2 holds nan"),
        ([-math.inf, 1.0], [0.1, 0.2], "energy must be a finite .*row 1 holds -inf"),
        (
            [1.0, 2.0, 3.0],
            [0.1, 0.2, -0.3],
            "transmission must be .* 0 or more, .*row 3 holds -0.3",
        ),
        ([1.0, 2.0], [math.nan, 0.2], "transmission must be a finite number, .*row 1 holds nan"),
        ([1.0, 2.0], [0.1, math.inf], "transmission must be .*row 2 holds inf"),
    ],
)
def test_bad_tables(energy, transmission, message):
    with pytest.raises(ValueError, match=message):
        qpc.TabulatedTransmission(energy, transmission)


def test_bad_mass():
    with pytest.raises(ValueError, match="mass must be positive, in m_e, got 0"):
        qpc.TabulatedTransmission(ENERGY, VALUES, 0.0)
    with pytest.raises(ValueError, match=r"TabulatedTransmission.mass must be a scalar"):
        qpc.TabulatedTransmission(ENERGY, VALUES, np.ones(2))


def test_rounding_below_zero_is_zero():
    """Codes that calculate T(E) give -1e-17 where nothing is transmitted."""
    energy, transmission = [1.0, 2.0, 3.0], [-1e-17, 0.5, -3e-13]
    with pytest.warns(UserWarning, match="2 of 3 transmissions .* -3e-13"):
        table = qpc.TabulatedTransmission(energy, transmission)
    np.testing.assert_array_equal(table.transmission, [0, 0.5, 0])
    with pytest.raises(ValueError, match="row 1 holds -1e-09"):
        qpc.TabulatedTransmission(energy, [-1e-9, 0.5, 1.0])


def test_a_table_of_any_function():
    energies = np.linspace(8.0, 14.0, 7)
    saddle = qpc.SaddlePoint(height=10.0, hbar_omega_y=3.0, hbar_omega_x=1.0)
    table = qpc.TabulatedTransmission.from_function(
        lambda energy: qpc.transmission(saddle, energy), energies
    )
    np.testing.assert_array_equal(table.energy, energies)
    np.testing.assert_array_equal(table.transmission, qpc.transmission(saddle, energies))
    with pytest.raises(ValueError, match="one real number"):
        qpc.TabulatedTransmission.from_function(lambda energy: [0.1, 0.2], energies)
    with pytest.raises(ValueError, match="one real number"):
        qpc.TabulatedTransmission.from_function(lambda energy: 1j, energies)


def test_a_table_from_kwant(monkeypatch):
    """What is asked of Kwant: its S matrix at each energy, in the unit of the system."""
    import sys
    import types

    asked = []

    def smatrix(system, energy, params=None):
        asked.append((system, energy, params))
        return types.SimpleNamespace(transmission=lambda out, into: energy + out - into)

    monkeypatch.setitem(sys.modules, "kwant", types.SimpleNamespace(smatrix=smatrix))
    table = qpc.TabulatedTransmission.from_kwant(
        "wire", [0.1, 0.2], leads=(2, 1), unit=5.0, params={"V": 1}
    )
    assert asked == [("wire", 0.1, {"V": 1}), ("wire", 0.2, {"V": 1})]
    np.testing.assert_allclose(table.energy, [0.5, 1.0])
    np.testing.assert_allclose(table.transmission, [1.1, 1.2])
    monkeypatch.setitem(sys.modules, "kwant", None)
    with pytest.raises(ImportError, match="conda install"):
        qpc.TabulatedTransmission.from_kwant("wire", [0.1, 0.2])
