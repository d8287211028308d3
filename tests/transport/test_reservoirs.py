"""What reservoirs accept, and how they name what is wrong."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import qpcjax as qpc


def test_electrochemical_potentials():
    r = qpc.Reservoirs(mu=14.0, bias=0.7)
    assert (r.mu_left, r.mu_right) == (14.35, 13.65)
    assert (r.temperature, r.temperature_bias) == (0, 0)


def test_mirrored_twice_is_the_same():
    r = qpc.Reservoirs(2.0, 0.3, 1.0, 0.4)
    assert jax.tree.leaves(r.mirrored()) == [2.0, -0.3, 1.0, -0.4]
    assert jax.tree.leaves(r.mirrored().mirrored()) == jax.tree.leaves(r)
    assert r.mirrored().mu_left == r.mu_right


def test_fields_may_be_arrays_that_broadcast():
    r = qpc.Reservoirs(np.linspace(1, 2, 5), np.ones((3, 1)), [1.0] * 5)
    assert np.shape(r.mu_left) == (3, 5)
    with pytest.raises(ValueError, match="do not broadcast"):
        qpc.Reservoirs(np.ones(3), np.ones(4))


@pytest.mark.parametrize("temperature", [-1e-9, np.array([1.0, -2.0]), jnp.asarray(-1.0)])
def test_negative_temperature(temperature):
    with pytest.raises(ValueError, match=r"temperature must be 0 or more, in K, got -"):
        qpc.Reservoirs(1.0, 0.1, temperature)


def test_negative_temperature_names_the_first_wrong_value():
    with pytest.raises(ValueError, match="got -2"):
        qpc.Reservoirs(1.0, 0.1, np.array([1.0, -2.0, -3.0]))


@pytest.mark.parametrize("difference", [2.1, -2.1, np.array([0.0, 5.0])])
def test_temperature_difference_that_leaves_a_side_below_zero(difference):
    with pytest.raises(ValueError, match="temperature_bias must be at most twice"):
        qpc.Reservoirs(1.0, 0.1, 1.0, difference)


def test_a_side_may_be_at_zero():
    assert qpc.Reservoirs(1.0, 0.1, 1.0, 2.0).temperature_bias == 2
    assert qpc.Reservoirs(1.0, 0.1, 0.0, 0.0).temperature == 0


@pytest.mark.parametrize("value", ["4 K", False, 1j, np.array([True]), np.array(["a"])])
def test_a_field_is_a_number(value):
    with pytest.raises(TypeError, match="temperature must be a real number"):
        qpc.Reservoirs(1.0, 0.1, value)


def test_a_tree_of_axes_is_no_operating_point():
    axes = qpc.Reservoirs(0, None, None, None)
    assert axes.mu == 0
    assert isinstance(axes.mu, int)
    with pytest.raises(TypeError, match=r"Reservoirs\.bias must be a real number, got None"):
        qpc.current(qpc.IdealStep(1.0), axes)


def test_traced_fields_are_not_checked():
    @jax.jit
    def build(temperature):
        return qpc.Reservoirs(1.0, 0.1, temperature).temperature

    assert build(-1.0) == -1


def test_dissipation():
    p = qpc.Dissipation(left=jnp.asarray([1.0, -2.0]), right=jnp.asarray([3.0, 5.0]))
    np.testing.assert_array_equal(p.total, [4, 3])
    np.testing.assert_array_equal(p.asymmetry, [2, 7])
