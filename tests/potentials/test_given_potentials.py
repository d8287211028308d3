"""Potentials as arrays and functions, and the closed forms of bare gates."""

import numpy as np
import pytest

import qpcjax as qpc
from qpcjax.potentials import bare_polygon, bare_rectangle, bare_split_gate, capped, window

X, Y = np.array([-70.0, -5.0, 20.0, 64.0])[:, None], np.array([-31.0, 0.0, 12.0, 55.0])


def solid_angle(x, y, depth, inside, extent=400.0, points=400):
    """Share of the half space that a gate fills, by Gauss sums over the gate's plane."""
    node, weight = np.polynomial.legendre.leggauss(points)
    total = 0.0
    for left, right, bottom, top in inside:
        u = (left + right) / 2 + (right - left) / 2 * node
        v = (bottom + top) / 2 + (top - bottom) / 2 * node
        area = np.outer(weight, weight) * (right - left) * (top - bottom) / 4
        far = (u[:, None] - x) ** 2 + (v - y) ** 2 + depth**2
        total += np.sum(area * depth / far**1.5)
    return total / (2 * np.pi)


def test_a_rectangle_is_its_solid_angle():
    found = np.asarray(bare_rectangle(X, Y, 30.0, -40.0, 25.0, -10.0, 60.0))
    for i, x in enumerate(X.ravel()):
        for j, y in enumerate(Y):
            wanted = solid_angle(x, y, 30.0, [(-40.0, 25.0, -10.0, 60.0)])
            assert found[i, j] == pytest.approx(wanted, rel=1e-9)


def test_half_planes_and_wide_gates():
    found = np.asarray(bare_rectangle(X, Y, 45.0, right=0.0))
    np.testing.assert_allclose(found, 0.5 - np.arctan(X / 45.0) / np.pi + 0 * Y, atol=1e-4)
    np.testing.assert_allclose(bare_rectangle(X, Y, 45.0), 1, atol=2e-4)
    # A long split gate: 1 - (2/pi) atan(gap/2d) in the middle.
    middle = float(bare_split_gate(0.0, 0.0, 60.0, 200.0, 1e5))
    assert middle == pytest.approx(1 - 2 / np.pi * np.arctan(100.0 / 60.0), abs=2e-3)


@pytest.mark.parametrize("sense", [1, -1])
def test_a_polygon_of_four_corners_is_a_rectangle(sense):
    corners = np.array([[-40.0, -10.0], [25.0, -10.0], [25.0, 60.0], [-40.0, 60.0]])[::sense]
    found = bare_polygon(X, Y, 30.0, corners)
    wanted = bare_rectangle(X, Y, 30.0, -40.0, 25.0, -10.0, 60.0)
    np.testing.assert_allclose(found, wanted, rtol=1e-10)


def test_an_l_shaped_polygon_is_two_rectangles():
    corners = [[0, 0], [80, 0], [80, 20], [20, 20], [20, 60], [0, 60]]
    wanted = bare_rectangle(X, Y, 25.0, 0.0, 80.0, 0.0, 20.0)
    wanted = wanted + bare_rectangle(X, Y, 25.0, 0.0, 20.0, 20.0, 60.0)
    np.testing.assert_allclose(bare_polygon(X, Y, 25.0, corners), wanted, rtol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bare_rectangle(0.0, 0.0, 0.0), "depth must be a positive length in nm"),
        (lambda: bare_rectangle(0.0, 0.0, 9.0, 5.0, 2.0), "right - left must be a positive"),
        (lambda: bare_split_gate(0.0, 0.0, 9.0, -5.0, 2.0), "gap must be a positive length"),
        (lambda: bare_polygon(0.0, 0.0, 9.0, [[0, 0], [1, 1]]), "corners must have the shape"),
    ],
)
def test_gates_that_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_window_and_cap():
    x = np.array([-50.0, -20.0, 0.0, 35.0, 50.0, 60.0])
    np.testing.assert_allclose(window(x, 20.0, 50.0), [0, 1, 1, 0.5, 0, 0], atol=1e-15)
    found = np.asarray(capped(np.array([-50.0, 60.0, 900.0]), 60.0, 5.0))
    np.testing.assert_allclose(found, [-50.0, 60.0 - 5.0 * np.log(2), 60.0], atol=1e-8)


def test_an_array_is_its_cubic_spline():
    x, y = np.linspace(-50.0, 50.0, 41), np.linspace(-30.0, 30.0, 31)
    grid = qpc.Potential(x, y, x[:, None] ** 3 / 1e4 - x[:, None] * y**2 / 1e3)
    assert (grid.half_length, grid.width) == (50.0, 60.0)
    u, v = np.array([-49.0, 3.3, 50.0]), np.array([-12.1, 0.0, 29.0, 30.0])
    wanted = u[:, None] ** 3 / 1e4 - u[:, None] * v**2 / 1e3
    np.testing.assert_allclose(grid.at(u, v), wanted, atol=1e-10)
    with pytest.raises(ValueError, match=r"must reach from -60 to 60 nm in x, and it goes from"):
        grid.at(np.array([-60.0, 60.0]), v)


@pytest.mark.parametrize(
    ("x", "energy", "message"),
    [
        ([0.0, 1.0, 1.0, 2.0], np.zeros((4, 5)), "x must increase from point to point"),
        ([0.0, 1.0, 2.0], np.zeros((3, 5)), "x must be a column of 4 numbers or more"),
        ([0.0, 1.0, 2.0, 3.0], np.zeros((5, 4)), r"got \(5, 4\): transpose it"),
        ([0.0, 1.0, 2.0, 3.0], np.full((4, 5), np.nan), "energy must be finite"),
    ],
)
def test_arrays_that_are_refused(x, energy, message):
    with pytest.raises(ValueError, match=message):
        qpc.Potential(x, np.arange(5.0), energy)


def test_functions_that_are_refused():
    with pytest.raises(TypeError, match="function must be a function of x and y"):
        qpc.Potential.from_function(3.0, 10.0, 20.0)
    with pytest.raises(ValueError, match="half_length must be a positive length in nm"):
        qpc.Potential.from_function(lambda x, y: x + y, -10.0, 20.0)
    wrong = qpc.Potential.from_function(lambda x, y: np.zeros(3), 10.0, 20.0)
    with pytest.raises(ValueError, match="must return an array of shape"):
        wrong.at(np.arange(2.0), np.arange(5.0))
