"""The abrupt constriction against the table and the formulas as printed."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import oracle
import pytest
from helpers import (
    HALF_WIDTH,
    MASS,
    PARAMETERS,
    constriction,
    eigenvalue_rows,
    reference_rows,
    ulp,
)

import qpcjax as qpc
from qpcjax import constants

TABLE = reference_rows("transmission")
DERIVATIVES = reference_rows("derivative")
SCATTERER_PARAMETERS = PARAMETERS[:4]


def test_energy_scale_of_the_tests_is_one():
    assert constriction(1.0).energy_scale == 1.0


# --- values ---------------------------------------------------------------------------------


def eigenvalue_tolerance(e, n, value):
    """The stated accuracy: 1e-11, and the condition number just above an onset."""
    onset = (n - 1) ** 2
    gap = np.where(e == onset, 1, np.abs(e - onset))
    return (1e-11 + 8 * ulp(e) / gap) * value


def test_eigenvalues_of_the_table():
    e, ell, n, exact = (TABLE[key] for key in ("energy", "ell", "n", "Tn"))
    values = np.asarray(eigenvalue_rows(e, ell, np.zeros_like(e)))
    value = values[np.arange(len(e)), n.astype(int) - 1]
    tolerance = eigenvalue_tolerance(e, n, exact)
    wrong = np.abs(value - exact) > tolerance
    assert not np.any(wrong), np.column_stack([e, ell, n, exact, value])[wrong]
    assert np.min(exact[exact > 0]) < 1e-100


def test_oracle_agrees_with_the_table():
    for row in np.column_stack([TABLE[key] for key in ("energy", "ell", "n", "Tn")])[::7]:
        e, ell, n, exact = row
        assert float(oracle.eigenvalue(e, ell, int(n))) == pytest.approx(exact, rel=1e-13)
    e, ell, exact = (DERIVATIVES[key] for key in ("energy", "ell", "T"))
    smooth = e % 1 != 0
    values = [oracle.transmission(*row) for row in np.column_stack([e, ell])[smooth]]
    np.testing.assert_allclose(values, exact[smooth], rtol=1e-11)


def test_wavevector_of_the_oracle_is_the_average_of_its_definition():
    # Eq. (18) itself, not its antiderivative.
    for e in (0.37, 1.0, 2.9, 4.0, 13.7):
        for n in range(1, 5):
            root = mp.sqrt(e)
            breaks = [n - 1, root, n + 1] if n - 1 < root < n + 1 else [n - 1, n + 1]
            exact = mp.quad(lambda q, e=e: mp.sqrt(mp.mpc(e) - q * q), breaks) / 2
            assert mp.almosteq(oracle.averaged_wavevector(mp.mpf(e), n), exact, 1e-13)


@pytest.mark.parametrize("offset", [-1.7, 0.3, 1.0, 5.2])
def test_offset_moves_the_channel_and_not_the_leads(offset):
    e = np.array([0.2, 0.9, 1.0, 1.3, 2.0, 3.3, 4.0, 6.2, 9.0, 11.4])
    ell = np.array([0.0, 0.2, 1.0, 4.0, 0.7, 2.5, 1.0, 2.0, 0.4, 6.0])
    values = np.asarray(eigenvalue_rows(e, ell, np.full_like(e, offset)))
    for row, e_i, ell_i in zip(values, e, ell, strict=True):
        for n in range(1, 6):
            exact = float(oracle.eigenvalue(e_i, ell_i, n, offset))
            tolerance = eigenvalue_tolerance(e_i, n, exact) + 1e-300
            assert abs(row[n - 1] - exact) <= tolerance, (e_i, ell_i, n)


def test_units_enter_as_printed():
    """Eqs. (18)-(20) with k, Q_n, w and L in SI-derived units, for GaAs."""
    w, length, offset, energy = 35.0, 90.0, 1.3, 7.1
    per_energy = mp.mpf(constants.GAAS_MASS) / mp.mpf(constants.HBAR2_OVER_2M)
    k2 = energy * per_energy
    for n in (1, 2, 3, 4):
        low, high = (mp.pi * m / (2 * w) for m in (n - 1, n + 1))
        k = mp.sqrt(k2)
        breaks = [low, k, high] if low < k < high else [low, high]
        a = w / mp.pi * mp.quad(lambda q: mp.sqrt(mp.mpc(k2) - q * q), breaks)
        channel = mp.sqrt(mp.mpc(k2 - (mp.pi * n / (2 * w)) ** 2 - offset * per_energy))
        phase = mp.exp(-1j * channel * length)
        d = (channel + a) ** 2 * phase - (channel - a) ** 2 / phase
        exact = (4 * abs(channel) * mp.re(a) / abs(d)) ** 2 if low < k else mp.mpf(0)
        value = qpc.eigenvalues(qpc.AbruptConstriction(w, length, offset), energy)[n - 1]
        assert float(value) == pytest.approx(float(exact), rel=1e-11)


def test_only_two_numbers_remain():
    # The same e and ell in another width, mass and length.
    other = qpc.AbruptConstriction(7.0, 21.0, mass=0.3)
    e = jnp.asarray([0.4, 1.2, 3.0, 5.5])
    np.testing.assert_allclose(
        qpc.eigenvalues(other, e * other.energy_scale),
        qpc.eigenvalues(constriction(1.5, modes=8), e),
        rtol=1e-12,
    )


def test_energies_without_an_answer():
    c = constriction(1.0, modes=3)
    energy = jnp.asarray([-5.0, -1e-300, 0.0, jnp.nan, 9.0, 9.0 + 1e-9])
    t = np.asarray(jax.jit(qpc.transmission)(c, energy))
    np.testing.assert_array_equal(t[:3], 0)
    assert np.isnan(t[3])
    assert t[4] == pytest.approx(float(sum(oracle.eigenvalue(9, 1, n) for n in (1, 2, 3))))
    assert np.isnan(t[5])
    assert np.all(np.isnan(qpc.eigenvalues(c, jnp.nan)))
    slopes = jax.jit(jax.vmap(jax.grad(qpc.transmission, (0, 1)), (None, 0)))
    gradient, slope = slopes(c, jnp.asarray([-5.0, -1e-300, 0.0, -2.0]))
    np.testing.assert_array_equal(slope[:3], 0)
    assert all(getattr(gradient, name)[3] == 0 for name in SCATTERER_PARAMETERS)


def test_eigenvalues_are_exactly_zero_below_their_onset():
    e = np.array([1.0, 4.0, 9.0, 8.999999])
    values = np.asarray(eigenvalue_rows(e, np.full(4, 0.3), np.zeros(4)))
    for e_i, row in zip(e, values, strict=True):
        opened = np.arange(8) ** 2 < e_i
        assert np.all(row[~opened] == 0)
        assert np.all(row[opened] > 0)


# --- derivatives ----------------------------------------------------------------------------


@jax.jit
def slopes(energy, half_width, length, mass):
    """T, its first derivatives, and d2T/dE2."""

    def total(energy, half_width, length, mass):
        c = qpc.AbruptConstriction(half_width, length, 0.0, mass, modes=6)
        return qpc.transmission(c, energy)

    def one(energy, *rest):
        first = jax.value_and_grad(total, argnums=(0, 1, 2, 3))
        (value, slope), (_, curvature) = jax.jvp(lambda e: first(e, *rest), (energy,), (1.0,))
        return value, slope, curvature[0]

    return jax.vmap(one)(energy, half_width, length, mass)


@pytest.fixture(scope="module")
def table_slopes():
    e, ell = DERIVATIVES["energy"], DERIVATIVES["ell"]
    w = np.full_like(e, HALF_WIDTH)
    return slopes(e, w, 2 * w * ell, np.full_like(e, MASS))


def slope_tolerance(exact):
    """1e-9, with a floor of 1e-12; 1e-6 on a threshold, where an ulp of E moves T' by its root."""
    on_threshold = np.isin(DERIVATIVES["energy"], [1.0, 4.0, 9.0, 16.0])
    return np.where(on_threshold, 1e-6, 1e-9) * np.abs(exact) + 1e-12


def test_total_of_the_table(table_slopes):
    np.testing.assert_allclose(table_slopes[0], DERIVATIVES["T"], rtol=1e-11)


def test_derivative_by_energy(table_slopes):
    exact = DERIVATIVES["dT_de"]
    np.testing.assert_array_less(np.abs(table_slopes[1][0] - exact), slope_tolerance(exact))


def test_derivatives_by_length_width_and_mass(table_slopes):
    e, ell, by_e, by_ell = (DERIVATIVES[key] for key in ("energy", "ell", "dT_de", "dT_dell"))
    _, by_w, by_length, by_mass = table_slopes[1]
    scaled = np.asarray(by_length) * 2 * HALF_WIDTH
    np.testing.assert_array_less(np.abs(scaled - by_ell), slope_tolerance(by_ell))
    # e = E/E1 grows with w^2 and with the mass; ell = L/2w.
    exact = 2 * e * by_e - ell * by_ell
    parts = np.abs(2 * e * by_e) + np.abs(ell * by_ell)
    wrong = np.abs(np.asarray(by_w) * HALF_WIDTH - exact)
    np.testing.assert_array_less(wrong, slope_tolerance(parts))
    exact = e * by_e
    wrong = np.abs(np.asarray(by_mass) * MASS - exact)
    np.testing.assert_array_less(wrong, slope_tolerance(exact))


def test_second_derivative_by_energy(table_slopes):
    exact = DERIVATIVES["d2T_de2"]
    exists = ~np.isnan(exact)
    assert np.sum(~exists) == 2
    assert exists[DERIVATIVES["energy"] == 1.0]
    np.testing.assert_allclose(np.asarray(table_slopes[2])[exists], exact[exists], rtol=1e-7)
    assert np.all(np.isfinite(np.asarray(table_slopes[2])))


eigenvalue_slopes = jax.jit(jax.jacfwd(qpc.eigenvalues, argnums=(0, 1)))
reverse_eigenvalue_slopes = jax.jit(jax.jacrev(qpc.eigenvalues, argnums=1))


@pytest.mark.parametrize("offset", [0.0, 0.4])
def test_derivatives_of_each_eigenvalue_on_the_thresholds(offset):
    """Against differences in 60 digits, with a step whose root is far below the tolerance."""
    ell = 0.7
    c = constriction(ell, offset, modes=4)
    for e in (1.0, 4.0, 9.0):
        by_parameter, slope = eigenvalue_slopes(c, e)
        slope, by_offset = np.asarray(slope), np.asarray(by_parameter.offset)
        for n in range(1, 5):
            exact = oracle.difference(
                lambda x, n=n: oracle.eigenvalue(x, ell, n, offset), e, "1e-24"
            )
            assert slope[n - 1] == pytest.approx(float(exact), rel=1e-9, abs=1e-12)
            exact = oracle.difference(
                lambda u, n=n, e=e: oracle.eigenvalue(e, ell, n, u), offset, "1e-18"
            )
            assert by_offset[n - 1] == pytest.approx(float(exact), rel=1e-9, abs=1e-12)


def test_derivatives_are_right_next_to_the_thresholds():
    ell = 1.3
    c = constriction(ell, modes=4)
    for e in (1 - 1e-9, 1 + 1e-9, 4 - 1e-7, 4 + 1e-12, 9 + 1e-4):
        slope = np.asarray(reverse_eigenvalue_slopes(c, e))
        for n in range(1, 5):
            exact = oracle.difference(lambda x, n=n: oracle.eigenvalue(x, ell, n), e, "1e-24")
            near = abs(e - (n - 1) ** 2)
            tolerance = 1e-9 + (8 * ulp(e) / near if near else 0)
            assert slope[n - 1] == pytest.approx(float(exact), rel=tolerance, abs=1e-12)


def test_gradient_has_the_shape_of_the_scatterer():
    c = constriction(1.2, 0.1)
    for differentiate in (jax.grad, jax.jacfwd):
        gradient = jax.jit(differentiate(qpc.transmission))(c, 2.2)
        assert isinstance(gradient, qpc.AbruptConstriction)
        for name in SCATTERER_PARAMETERS:
            value = getattr(gradient, name)
            assert np.shape(value) == ()
            assert np.isfinite(value)
            assert value != 0


# --- shapes and transformations -------------------------------------------------------------


def test_energies_broadcast_with_the_bias():
    c = constriction(1.0, modes=3)
    energy = np.linspace(0.2, 6.0, 6).reshape(2, 3)
    t = qpc.transmission(c, energy)
    assert t.shape == (2, 3)
    assert qpc.eigenvalues(c, energy).shape == (2, 3, 3)
    assert qpc.eigenvalues(c, 1.2).shape == (3,)
    assert qpc.transmission(c, 1.2).shape == ()
    assert qpc.transmission(c, np.ones((4, 1)), np.zeros(5)).shape == (4, 5)
    assert qpc.transmission(c, np.ones(0)).shape == (0,)
    np.testing.assert_allclose(t, np.sum(qpc.eigenvalues(c, energy), axis=-1), rtol=1e-15)
    exact = [oracle.transmission(e, 1.0, modes=3) for e in energy.ravel()]
    np.testing.assert_allclose(t.ravel(), exact, rtol=1e-12)


def test_jit_and_vmap_over_scatterers():
    aspects = jnp.asarray([0.25, 1.0, 3.75])

    @jax.jit
    def batch(aspects, energy):
        return jax.vmap(lambda ell: qpc.transmission(constriction(ell), energy))(aspects)

    energy = jnp.asarray([0.8, 1.4, 4.4])
    result = batch(aspects, energy)
    assert result.shape == (3, 3)
    for ell, row in zip(aspects, result, strict=True):
        exact = [oracle.transmission(float(e), float(ell)) for e in energy]
        np.testing.assert_allclose(row, exact, rtol=1e-11)


def test_a_scatterer_passes_through_jit_as_a_pytree():
    c = constriction(1.0)
    doubled = jax.jit(lambda c: jax.tree.map(lambda leaf: 2 * leaf, c))(c)
    assert doubled.half_width == 2 * c.half_width
    assert doubled.modes == c.modes
    assert len(jax.tree.leaves(c)) == 4


# --- construction ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ell", "bucket"),
    [
        (0.0, 1),
        (1.0, 1),
        (1.001, 2),
        (4.9, 5),
        (9.0, 10),
        (15.0, 15),
        (15.1, 30),
        (41.0, 60),
        (130, 130),
    ],
)
def test_aspect_buckets(ell, bucket):
    assert constriction(ell).aspect_limit == pytest.approx(bucket)


def test_aspect_limit_where_the_length_is_traced():
    seen = []

    @jax.jit
    def length_of(length):
        seen.append(qpc.AbruptConstriction(20.0, length).aspect_limit)
        seen.append(qpc.AbruptConstriction(20.0, length, aspect_limit=12).aspect_limit)
        return length

    length_of(1000.0)
    assert seen == [8, 12]


def test_edges_resolve_what_the_limit_promises():
    c = constriction(5.0, aspect_limit=4.0)
    assert c.resolved()
    assert not constriction(5.1, aspect_limit=4.0).resolved()
    long = constriction(8.0, 0.7, aspect_limit=8.0, modes=3)
    edges = np.asarray(jax.jit(lambda c: c.panel_edges())(long))
    # Between neighbouring panel ends above E_n + U the phase K_n L advances by a few radians.
    inside = np.sort(edges[(edges > 1.7) & (edges < 4.7)])
    advance = np.diff(np.pi * 8 * np.sqrt(inside - 1.7))
    assert np.max(advance) < 6


def test_thresholds_are_the_onsets():
    np.testing.assert_allclose(constriction(1.0, 0.3, modes=3).thresholds(), [0, 1, 4, 9, 16])
    gaas = qpc.AbruptConstriction(20.0, 80.0, modes=2)
    np.testing.assert_allclose(gaas.thresholds() / gaas.energy_scale, [0, 1, 4, 9])
    assert gaas.energy_limit() == 4 * gaas.energy_scale


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"half_width": 0.0}, "half_width must be positive, in nm, got 0"),
        ({"half_width": -3.0}, "half_width must be .* got -3"),
        ({"half_width": float("nan")}, "half_width must be .* got nan"),
        ({"length": -1e-9}, "length must be 0 or more, in nm, got -1e-09"),
        ({"offset": float("inf")}, "offset must be finite, in meV, got inf"),
        ({"mass": 0.0}, "mass must be positive, in m_e, got 0"),
        ({"matching": "exact"}, "matching must be .* got 'exact'"),
        ({"modes": 0}, "modes must be a whole number, 1 or more, got 0"),
        ({"modes": 2.0}, "modes must be a whole number, 1 or more, got 2.0"),
        ({"modes": True}, "modes must be a whole number, 1 or more, got True"),
        ({"aspect_limit": 0.0}, "aspect_limit must be a positive number, got 0.0"),
        ({"aspect_limit": float("nan")}, "aspect_limit must be a positive number, got nan"),
        ({"half_width": [10.0, 20.0]}, "half_width must be a scalar.*jax.vmap"),
        ({"length": np.ones((2, 2))}, "length must be a scalar.*jax.vmap"),
        ({"half_width": np.ones(1)}, "half_width must be a scalar"),
    ],
)
def test_construction_says_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        qpc.AbruptConstriction(**{"half_width": 20.0, "length": 80.0, **arguments})


@pytest.mark.parametrize("value", ["20", None, True])
def test_a_width_is_a_number(value):
    with pytest.raises(TypeError, match="a number was wanted"):
        qpc.AbruptConstriction(value, 80.0)


def test_construction_takes_any_kind_of_number():
    values = [20, 20.0, np.float32(20), np.int64(20), np.asarray(20.0), jnp.asarray(20.0)]
    scales = [float(qpc.AbruptConstriction(value, 80).energy_scale) for value in values]
    np.testing.assert_allclose(scales, scales[1], rtol=1e-15)


@jax.jit
def totals_and_eigenvalues(c, energy):
    """The total in a batch of batches, and all eigenvalues."""
    return jax.vmap(jax.vmap(c.total))(energy), qpc.eigenvalues(c, energy)


@pytest.mark.parametrize("top", [0.3, 1.0, 1.5, 4.0, 20.0, np.nan])
def test_the_total_ends_with_the_last_mode_that_is_open(top):
    # A loop over five modes, in a batch of batches, against the sum of all eigenvalues.
    c = constriction(0.8, modes=5)
    energy = np.array([[0.2, 1.0, top], [0.5, top / 2, 0.9]]) * float(c.energy_scale)
    total, each = totals_and_eigenvalues(c, energy)
    np.testing.assert_allclose(total, np.sum(each, axis=-1), rtol=1e-14)


def test_the_total_has_its_second_derivative_by_every_mode():
    c = constriction(0.8, modes=5)
    scale = float(c.energy_scale)
    energy, step = 0.7 * scale, 1e-3 * scale
    before, at, after = np.asarray(jax.jit(jax.vmap(c.total))(energy + step * np.arange(-1.0, 2)))
    difference = (before - 2 * at + after) / step**2
    for second in (jax.hessian(c.total), jax.grad(jax.grad(c.total))):
        assert float(jax.jit(second)(energy)) == pytest.approx(difference, rel=1e-4)
