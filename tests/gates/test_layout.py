"""Outlines of gates, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import qpcjax as qpc
from qpcjax.gates import Donors, Tip, calibrate
from qpcjax.gates.outlines import Polygon, Rectangle

X, Y = np.linspace(-70.0, 80.0, 13), np.linspace(-45.0, 61.0, 11)
L_SHAPE = np.array([[0, 0], [60, 0], [60, 20], [20, 20], [20, 50], [0, 50.0]])


def by_sampling(corners, x, y):
    """Distance to a dense set of points of the outline."""
    t = np.linspace(0, 1, 20001)[:, None]
    ends = zip(corners, np.roll(corners, -1, 0), strict=True)
    points = np.concatenate([a + t * (b - a) for a, b in ends])
    return np.array([[np.min(np.hypot(*(points - (u, v)).T)) for v in y] for u in x])


DISTANCE = jax.jit(lambda corners: Polygon(corners).distance(X, Y))


@pytest.mark.parametrize("sense", [1, -1])
def test_distances_to_a_polygon(sense):
    found = np.asarray(DISTANCE(L_SHAPE[::sense]))
    np.testing.assert_allclose(np.abs(found), by_sampling(L_SHAPE, X, Y), atol=2e-3)
    x, y = X[:, None], Y
    inside = (x > 0) & (y > 0) & (((x < 60) & (y < 20)) | ((x < 20) & (y < 50)))
    np.testing.assert_array_equal(found < 0, inside)


def test_a_rectangle_is_a_polygon_of_four_corners():
    rectangle = Rectangle(-13.0, 31.0, -22.0, 17.0)
    polygon = Polygon(rectangle.corners)
    found = jax.jit(lambda: rectangle.distance(X, Y))()
    np.testing.assert_allclose(found, DISTANCE(rectangle.corners), atol=1e-12)
    bare = rectangle.bare(X, Y, 30.0)
    np.testing.assert_allclose(bare, polygon.bare(X, Y, 30.0), atol=1e-12)


def test_edges_that_run_on():
    half = Rectangle(bottom=-22.0)
    np.testing.assert_allclose(half.distance(X, Y), np.tile(-22.0 - Y, (X.size, 1)))
    wanted = np.tile(0.5 + np.arctan((Y + 22.0) / 30.0) / np.pi, (X.size, 1))
    np.testing.assert_allclose(half.bare(X, Y, 30.0), wanted, atol=1e-12)
    assert np.all(np.asarray(Rectangle().bare(X, Y, 30.0)) == 1)


def test_distances_move_with_the_edges():
    def distances(move):
        corners = jnp.asarray(L_SHAPE).at[1:3, 0].add(move)  # the right edge
        return Polygon(corners).distance(np.array([57.0, 60.0, 63.0]), np.array([10.0]))[:, 0]

    found = jax.jit(jax.jacfwd(distances))(0.0)  # inside, on the edge and outside
    np.testing.assert_allclose(found, -1, atol=1e-12)


SQUARE = (100.0, 300.0, 100.0, 300.0)
STACK = qpc.Heterostructure(2.5, 90.0)
SPLIT = qpc.GatedDevice(STACK, qpc.SplitGate(400.0, 300.0), grid=20.0)


def device(gates, **keywords):
    return qpc.GatedDevice(STACK, qpc.Gates(gates), grid=20.0, **keywords)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: qpc.Heterostructure(2.5, 0.0), "depth must be a positive length in nm"),
        (lambda: qpc.Heterostructure(2.5e11, 90.0), "density must be"),
        (lambda: qpc.Heterostructure(2.5, 90.0, above=0.5), "above must be a relative"),
        (lambda: qpc.Heterostructure(2.5, 90.0, surface="froze"), "did you mean frozen"),
        (lambda: qpc.Heterostructure(2.5, 90.0, thermal_energy=0.0), "thermal_energy must be"),
        (lambda: qpc.SplitGate(0.0, 300.0), "gap must be a positive length"),
        (lambda: qpc.SplitGate(400.0, -1.0), "length must be a positive length"),
        (lambda: qpc.SplitGate(400.0, 300.0, {"uper": 0.1, "lower": 0}), "did you mean upper"),
        (lambda: qpc.Gates({}), "outlines must be a dict"),
        (lambda: qpc.Gates({"a": (300.0, 100.0, 0.0, 50.0)}), "right - left of a gate"),
        (lambda: qpc.Gates({"a": np.zeros((2, 2))}), "must be a polygon"),
        (lambda: qpc.Gates({"a": [[0, 0], [9, 9], [9, 0], [0, 9]]}), "crosses itself"),
        (lambda: qpc.Gates({"a": [[0, 0], [9, 0], [9, 0], [0, 9]]}), "crosses itself"),
        (lambda: qpc.Gates({"a": SQUARE, "b": (200.0, 400.0, 200.0, 400.0)}), "a and b overlap"),
        (lambda: qpc.Gates({"a": SQUARE, "b": (150.0, 250.0, 150.0, 250.0)}), "overlap"),
        (lambda: qpc.Gates({"a": SQUARE, "b": SQUARE}), "overlap"),
        (lambda: device({"a": SQUARE}, box=(640.0, 640.0)), "the gate a leaves the box"),
        (lambda: device({"a": SQUARE}, box=(1010.0, 1000.0)), "even number of steps of 20 nm"),
        (lambda: device({"a": SQUARE}, box=(1000.0,)), "box must be two periods"),
        (lambda: qpc.GatedDevice(STACK, qpc.SplitGate(400.0, 300.0), grid=0.0), "grid must be"),
        (lambda: SPLIT.potential({"upper": -1.0}), "lower has none"),
        (lambda: SPLIT.potential({"upper": -1.0, "lowr": -1.0}), "did you mean lower"),
        (lambda: SPLIT.potential(-1100.0), "voltages are in V"),
        (lambda: SPLIT.potential(np.nan), "voltages must be finite"),
        (lambda: SPLIT.potential([-1.0, -1.0]), "one number for all gates or a dict"),
        (lambda: SPLIT.sweep(abs, -1.0), "voltages must be one array of shape"),
        (lambda: SPLIT.sweep(abs, np.linspace(-700.0, 0.0, 5)), "voltages are in V"),
        (lambda: calibrate(STACK, -360.0), "depletion is in V"),
        (lambda: calibrate(STACK, -0.001, "depth"), "the depth would be -"),
        (lambda: calibrate(STACK, -0.3, "dept"), "did you mean depth"),
        (lambda: device({"a": SQUARE}, external=np.zeros((3, 3))), "external must have the shape"),
        (lambda: Tip(1.0, 0.0, 0.0, 0.0), "height must be a positive length"),
        (lambda: Donors(2.5, 50.0, jax.random.key(0), 1.5), "correlation must be from 0 to 1"),
        (lambda: jax.jit(lambda g: device({"a": (0.0, g, 0.0, 9.0)}).mu)(5.0), "box must be given"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_calibration():
    """Each way the gas under a wide gate is empty at the measured voltage."""
    found = calibrate(STACK, -0.36)
    assert float(found.offset) == pytest.approx(0.36 - 0.3245450975, abs=1e-8)
    for move, before in (("depth", 90.0), ("density", 2.5)):
        found = calibrate(STACK, -0.36, move, offset=0.01)
        assert float(found.stack.depletion) == pytest.approx(350.0, rel=1e-12)
        assert float(found.before) == before
        assert float(getattr(found.stack, move)) == float(found.after) > before


def test_gates_may_touch():
    qpc.Gates({"a": SQUARE, "b": (300.0, 400.0, 100.0, 300.0)})


def test_the_default_box_leaves_bare_ground_and_can_be_transformed_quickly():
    assert SPLIT.mesh.lengths == (3600.0, 2000.0)
    assert SPLIT.mesh.axes[0][90] == SPLIT.mesh.axes[1][50] == 0
