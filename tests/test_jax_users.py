"""What users of JAX do with this package: axes, training loops, debugging, traced nonsense."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import qpcjax as qpc

SADDLE = qpc.SaddlePoint(10.0, 3.0, 1.0)
POINT = qpc.Reservoirs(14.0, 4.0, 1.6)


def test_trees_of_axes():
    r = qpc.Reservoirs(jnp.asarray([11.0, 12.0]), 1.0, 1.0)
    axes = qpc.Reservoirs(0, None, None, None)
    mapped = jax.vmap(qpc.current, in_axes=(None, axes))(SADDLE, r)
    np.testing.assert_allclose(mapped, qpc.current(SADDLE, r), rtol=1e-13)
    batch = qpc.SaddlePoint(jnp.asarray(10.0), 3.0, 1.0)
    batch = eqx.tree_at(lambda c: c.height, batch, jnp.asarray([10.0, 11.0]))
    axes = qpc.SaddlePoint(0, None, None, None, None)
    each = jax.vmap(lambda c: qpc.conductance(c, 11.0, 1.0), in_axes=(axes,))(batch)
    expected = [qpc.conductance(qpc.SaddlePoint(h, 3.0, 1.0), 11.0, 1.0) for h in (10.0, 11.0)]
    np.testing.assert_allclose(each, expected, rtol=1e-13)


def test_a_training_loop_moves_a_scatterer_of_plain_numbers():
    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def loss(c):
        return (qpc.conductance(c, 11.0, 1.0) - 0.7) ** 2

    c = SADDLE
    before, slope = loss(c)
    for _ in range(20):
        _, slope = loss(c)
        c = eqx.apply_updates(c, jax.tree.map(lambda g: -0.3 * g, slope))
    assert float(loss(c)[0]) < 0.5 * float(before)


def test_numbers_follow_the_dtype_of_the_energies():
    assert qpc.transmission(SADDLE, jnp.asarray(11.0, jnp.float32)).dtype == jnp.float32
    assert qpc.transmission(SADDLE, 11.0).dtype == jnp.result_type(float)
    moved = jax.tree.map(lambda x: x, SADDLE)
    assert moved.height is SADDLE.height


def test_objects_from_before_double_precision_are_refused():
    jax.config.update("jax_enable_x64", False)
    rounded = qpc.SaddlePoint(10.1, 3.0, 1.0)
    assert qpc.transmission(rounded, 11.0).dtype == jnp.float32
    jax.config.update("jax_enable_x64", True)
    with pytest.raises(ValueError, match="rounded to single precision"):
        qpc.transmission(rounded, 11.0)


def test_without_jit():
    energy = jnp.asarray(9.0)
    for c in (SADDLE, qpc.AbruptConstriction(20.0, 80.0, modes=4)):
        expected = qpc.transmission(c, energy)
        with jax.disable_jit():
            np.testing.assert_allclose(qpc.transmission(c, energy), expected, rtol=1e-13)


REFUSED = {
    "length": (lambda x: qpc.AbruptConstriction(20.0, x), -30.0, 80.0),
    "half_width": (lambda x: qpc.AbruptConstriction(x, 80.0), -20.0, 20.0),
    "curvature_radius": (lambda x: qpc.AdiabaticConstriction(20.0, x), 0.0, 80.0),
    "mass": (lambda x: qpc.SaddlePoint(10.0, 3.0, 1.0, mass=x), -0.067, 0.067),
    "energy": (qpc.IdealStep, np.nan, 9.0),
    "field": (lambda x: qpc.ZeemanSplit(qpc.IdealStep(9.0), x), np.nan, 3.0),
    "table": (lambda x: qpc.TabulatedTransmission([-5.0, x, 30.0], [0.0, 0.5, 1.0]), 31.0, 2.0),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_constructor_refuses_is_nan_where_traced(name):
    build, refused, good = REFUSED[name]
    with pytest.raises(ValueError, match="must"):
        build(refused)
    at = jax.jit(lambda x: qpc.transmission(build(x), 12.0))
    assert np.isnan(at(refused))
    assert np.isfinite(at(good))


def test_refused_damping_is_no_hot_spot():
    at = jax.jit(lambda a: qpc.hot_spot(SADDLE, POINT, qpc.QuadraticDamping(a)))
    for strength in (-0.04, 0.0, np.nan):
        spot = at(strength)
        assert np.isnan(spot.distance)
        assert spot.status == 1
    assert at(0.04).status == 0


class Step(eqx.Module):
    """A user's class that names its jump among the thresholds alone."""

    energy: float

    def eigenvalues(self, energy, bias):
        return jnp.where(energy > self.energy, 1.0, 0.0).astype(energy.dtype)[None]

    def thresholds(self, bias):
        return jnp.asarray(self.energy)[None]


def test_nan_in_gives_nan_out():
    for c in (qpc.IdealStep(14.2), Step(14.2), SADDLE):
        mu = np.array([14.0, np.nan, 20.0])
        for found in (
            qpc.current(c, qpc.Reservoirs(mu, 4.0, 1.6)),
            qpc.conductance(c, mu, 1.6),
            qpc.transmission(c, mu),
            qpc.dissipation(c, qpc.Reservoirs(14.0, 4.0, [1.6, np.nan, 1.0])).left,
        ):
            np.testing.assert_array_equal(np.isnan(found), [False, True, False])


@pytest.mark.filterwarnings("ignore:some of the results")
def test_a_jump_among_the_thresholds_is_followed():
    slope = jax.grad(lambda c: qpc.current(c, POINT))
    expected = slope(qpc.IdealStep(14.37)).energy
    assert float(slope(Step(14.37)).energy) == pytest.approx(float(expected), rel=1e-10)


def test_hot_spots_of_a_flat_transmission_have_slopes():
    def distance(c, strength):
        return qpc.hot_spot(c, POINT, qpc.QuadraticDamping(strength)).distance

    by_step, by_strength = jax.grad(distance, (0, 1))(qpc.IdealStep(9.0), 0.04)
    assert float(by_step.energy) == 0  # far below the window
    value = float(distance(qpc.IdealStep(9.0), 0.04))
    assert float(by_strength) == pytest.approx(-value / 0.04, rel=1e-10)


class Rows(eqx.Module):
    """A class that uses whole numbers as indices, and a function that JAX cannot trace."""

    heights: jax.Array
    rows: jax.Array
    shape: eqx.nn.Lambda

    def eigenvalues(self, energy, bias):
        return self.shape(energy - 14.0) * self.heights[self.rows]

    def thresholds(self, bias):
        return jnp.zeros(0, jnp.result_type(bias))


def test_indices_and_functions_in_a_users_class():
    shape = eqx.nn.Lambda(jax.nn.sigmoid)
    c = Rows(jnp.asarray([0.1, 0.2, 0.3]), jnp.asarray([0, 2]), shape)
    x = np.array([-1.0, 2.0])
    expected = 0.4 / (1 + np.exp(-x))
    np.testing.assert_allclose(qpc.transmission(c, 14.0 + x), expected, rtol=1e-12)


def test_lists_and_whole_numbers_are_numbers():
    for mu in ([11, 12], (11.0, 12.0), np.array([11, 12])):
        found = qpc.conductance(SADDLE, mu, 1)
        np.testing.assert_allclose(found, qpc.conductance(SADDLE, np.array([11.0, 12.0]), 1.0))
    assert qpc.current(SADDLE, POINT, order=np.int64(16)) == qpc.current(SADDLE, POINT)
    with pytest.raises(TypeError, match="mu must be a real number, got the complex number 1j"):
        qpc.conductance(SADDLE, 1j, 1.0)
    with pytest.raises(TypeError, match="energy must be a real number, got complex numbers"):
        qpc.transmission(SADDLE, np.array([1j]))


def test_columns_of_labelled_arrays():
    xarray = pytest.importorskip("xarray", reason="columns of xarray need the extra files")
    energy = xarray.DataArray(np.linspace(0, 30, 31), dims="energy")
    table = qpc.TabulatedTransmission(energy, energy / 30)
    np.testing.assert_allclose(qpc.transmission(table, energy), energy / 30, atol=1e-12)
    assert np.shape(qpc.current(table, qpc.Reservoirs(energy[10:20], 1.0, 0.1))) == (10,)


def test_as_many_modes_as_concrete_arguments_need():
    c, r = qpc.AbruptConstriction(20.0, 80.0), qpc.Reservoirs(230.0, 1.0, 1.0)
    assert np.isnan(jax.jit(qpc.current)(c, r))
    more = qpc.AbruptConstriction(20.0, 80.0, modes=12)
    assert float(qpc.current(c, r)) == pytest.approx(float(qpc.current(more, r)), rel=1e-13)
    assert np.isfinite(qpc.transmission(c, 230.0))
    assert np.isnan(qpc.current(c, qpc.Reservoirs(1e6, 1.0, 1.0)))  # too many to hold


def test_traced_lengths_up_to_ten_widths_are_resolved():
    at = jax.jit(lambda length: qpc.current(qpc.AbruptConstriction(20.0, length), POINT))
    for length in (80.0, 400.0):
        exact = qpc.current(qpc.AbruptConstriction(20.0, length), POINT)
        assert float(at(length)) == pytest.approx(float(exact), rel=1e-10)
    assert np.isnan(at(401.0))
