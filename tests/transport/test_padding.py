"""Calls with different numbers of points run the same program and have the same results."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import Saddle

import qpcjax as qpc
from qpcjax.transport.padding import padded, padded_size


def test_sizes_are_few_and_not_much_larger():
    sizes = {padded_size(n) for n in range(2, 1025)}
    assert len(sizes) == 21
    assert [padded_size(n) for n in (0, 1, 2, 5, 6, 8, 100, 1024, 1025)] == [
        *(0, 1, 4, 8, 8, 8, 112, 1024, 1025)
    ]
    for n in range(2, 2000):
        assert n <= padded_size(n)
        assert padded_size(n) <= (2 * n if n <= 64 else 1.25 * n)


@pytest.fixture(scope="module")
def counted():
    """A barrier whose T(E) counts how often it is traced."""

    class Counted(Saddle):
        traces = 0

        def eigenvalues(self, energy, bias=0.0):
            Counted.traces += 1
            return super().eigenvalues(energy, bias)

    return Counted(height=1.0, spacing=1.0, width=0.3, drift=0.0)


def test_other_numbers_of_points_compile_nothing(counted):
    mu = np.linspace(1.1, 2.4, 8)
    every = np.asarray(qpc.current(counted, qpc.Reservoirs(mu, 0.2, 0.5)))
    before = type(counted).traces
    for shape in ((5,), (6,), (2, 3), (7, 1), (5, 1, 1)):
        points = np.prod(shape)
        found = qpc.current(counted, qpc.Reservoirs(mu[:points].reshape(shape), 0.2, 0.5))
        assert isinstance(found, jax.Array)
        np.testing.assert_array_equal(found, every[:points].reshape(shape))
    assert type(counted).traces == before


def test_arguments_that_broadcast():
    mu, bias = np.linspace(10.0, 14.0, 3)[:, None], np.array([0.5, np.nan, 1.0, -1.0])
    barrier = qpc.SaddlePoint(10.0, 3.0, 1.0, modes=2)
    power, error = qpc.dissipation(barrier, qpc.Reservoirs(mu, bias, 1.0), with_error=True)
    assert power.left.shape == error.total.shape == (3, 4)
    for i, j in np.ndindex(3, 4):
        one = qpc.dissipation(barrier, qpc.Reservoirs(mu[i, 0], bias[j], 1.0))
        np.testing.assert_allclose(power.right[i, j], one.right, rtol=1e-12)
    # What has an axis of its own behind those of the points keeps it.
    assert qpc.eigenvalues(barrier, np.ones((2, 3)), 0.0).shape == (2, 3, 2)


def test_numbers_of_any_kind():
    barrier = qpc.SaddlePoint(10.0, 3.0, 1.0, modes=2)
    wanted = qpc.transmission(barrier, np.array([11.0, 12.0, 13.0]))
    for energy in ([11, 12, 13], jnp.arange(11, 14), (11.0, 12.0, 13.0)):
        np.testing.assert_array_equal(qpc.transmission(barrier, energy), wanted)
    single = qpc.transmission(barrier, np.array([11.0, 12.0, 13.0], np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, wanted, rtol=1e-6)
    assert qpc.transmission(barrier, np.zeros((0, 3))).shape == (0, 3)
    with pytest.raises(ValueError, match="broadcast"):
        qpc.transmission(barrier, np.ones(3), np.ones(2))


def test_what_is_not_padded():
    whole = jnp.asarray([1.0, 2.0])
    for column in (np.ones(8), np.ones((0, 2)), np.ones(1025), np.float64(1.0)):
        (same, _), restored = padded((column, 2.0))
        assert same is column
        assert restored(column) is column
    (longer, number), restored = padded((whole, 2.0))
    assert longer.shape == (4,)
    assert number == 2.0
    np.testing.assert_array_equal(restored(jnp.asarray(longer)), whole)
