"""Inverse design of gates: slopes, a layout found again, a finer grid, and messages."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

import qpcjax as qpc
from qpcjax.designing import (
    Constraint,
    FlattestPlateau,
    FlattestPlateaus,
    StrongestCooling,
    TargetConductance,
    curve_objectives,
    layout_check,
)
from qpcjax.designing.design import _parameters
from qpcjax.designing.layout_problem import LayoutProblem
from qpcjax.designing.problem import with_room
from qpcjax.heat.damping import QuadraticDamping
from qpcjax.staircases import GatedConstriction, Region, constriction

STACK = qpc.Heterostructure(density=2.5, depth=60.0)
BOX = (1200.0, 800.0)
DEVICE = qpc.GatedDevice(STACK, qpc.SplitGate(gap=203.0, length=103.0), grid=25.0, box=BOX)
REGION = Region(half_length=240.0, width=290.0, window=100.0, tolerance=1e-2)
SIZES = {"sectors": 44, "modes": 20, "kept": (16,)}  # what these gates need, without the search
GATES = GatedConstriction(DEVICE, -0.765, region=REGION, sizes=SIZES)
POINT = qpc.Reservoirs(float(DEVICE.mu), 0.5, 0.5)
VOLTAGES = np.array([-0.785, -0.695, -0.68])
FREE = {"gap": (200.0, 214.0), "length": (90.0, 110.0)}
# The same numbers are differentiated by everywhere: one program serves all tests.
EVERY = {**FREE, "voltage": (-0.78, -0.74)}


def problem(objective, *constraints):
    roomy = with_room(objective, GATES, POINT, _parameters(GATES, POINT, EVERY))
    return LayoutProblem(objective, constraints, roomy, POINT, QuadraticDamping(), tuple(EVERY))


class EveryCurve(FlattestPlateau):
    """All objectives of a curve, at the same three voltages around that of the gates."""

    def of_curve(self, conductance):
        places = np.zeros(3)
        others = [
            FlattestPlateaus(places, 0, 1, "voltage"),
            TargetConductance(places, places, "voltage"),
        ]
        own = super().of_curve(conductance)
        return jnp.concatenate([own, *(other.of_curve(conductance) for other in others)])


@pytest.mark.parametrize("what", ["point", "curve"])
def test_slopes(what, monkeypatch):
    """Those of every objective and of constraints, against central differences."""
    monkeypatch.setattr(curve_objectives, "_PLATEAU_NODES", 3)
    if what == "point":
        asked = problem(StrongestCooling(), Constraint("current", 0.0), Constraint("asymmetry", 0))
    else:
        asked = problem(EveryCurve(span=0.02, level=1.0, axis="voltage"))
    row = np.array([205.0, 101.0, -0.757])
    steps = np.diag([0.05, 0.05, 1e-4])
    outputs, slopes = asked.linearise(np.concatenate([row[None], row + steps, row - steps]))
    differences = (outputs[1:4] - outputs[4:]) / (2 * np.diag(steps)[:, None])
    largest = np.max(np.abs(differences), axis=1)
    np.testing.assert_allclose(
        slopes[0].T / largest[:, None], differences / largest[:, None], atol=1e-3
    )
    assert np.min(largest) > 0


@pytest.fixture(scope="module")
def known():
    """A wanted G(V), from gates that are known."""
    asked = problem(TargetConductance(VOLTAGES, np.zeros(3), "voltage"))
    return asked.curve("voltage", VOLTAGES, [209.0, 97.0, -0.755])


@pytest.fixture(scope="module")
def found(known):
    wanted = TargetConductance(VOLTAGES, known, "voltage")
    return qpc.design(wanted, GATES, POINT, FREE, starts=2, descents=1)


def test_a_wanted_curve(known, found):
    """Gates that make it are found again."""
    assert np.ptp(known) > 0.5
    assert found.status == "converged"
    assert found.value < 1e-12
    assert found.values() == pytest.approx({"gap": 209.0, "length": 97.0}, rel=1e-5)


def test_a_finer_grid(found, monkeypatch):
    """A design of a coarse grid is evaluated on the finer one, its numbers as they are."""
    coarse = qpc.GatedDevice(STACK, qpc.SplitGate(gap=203.0, length=103.0), 100 / 3, BOX)
    gates = dataclasses.replace(found.scatterer, layout=coarse)
    sized = lambda c, potential, _: dataclasses.replace(c, sizes=SIZES).states(potential)  # noqa: E731
    monkeypatch.setattr(constriction, "_resolved", sized)
    checked = layout_check(dataclasses.replace(found, scatterer=gates, value=0.5), grid=25.0)
    assert (checked.grid, checked.coarse) == (25.0, 0.5)
    assert checked.value < 1e-12
    assert "on a grid of 25 nm" in checked.in_words()
    with pytest.raises(ValueError, match="finer than the 25 nm"):
        layout_check(found, 30.0)


def test_messages():
    wanted = TargetConductance(VOLTAGES, [0.0, 1.0, 1.0], "voltage")
    for point, free, message in (
        (POINT, {"mu": (8.0, 9.0)}, "let density be free"),
        (qpc.Reservoirs(9.5), FREE, "must be that of the gates, 8.93"),
        (POINT, {"voltage": (-0.8, -0.7)}, "axis of the target"),
        (POINT, {"half_width": (10, 20)}, "there is no parameter 'half_width'"),
        (POINT, {"gap": (-5.0, 20.0)}, "gap must be positive"),
    ):
        with pytest.raises(ValueError, match=message):
            qpc.design(wanted, GATES, point, free)
    with pytest.raises(TypeError, match="layout must be a GatedDevice"):
        GatedConstriction(STACK, -0.7)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="second gates and second_voltage go together"):
        GatedConstriction(DEVICE, -0.7, second=("upper",))
    with pytest.raises(ValueError, match="there is no gate 'top'"):
        GatedConstriction(DEVICE, -0.7, second=("top",), second_voltage=-0.1)
    with pytest.raises(ValueError, match="take with_room"):
        qpc.conductance(GATES, POINT.mu, 1.0)
    for few, message in ((SIZES | {"sectors": 20}, "more modes or sectors"),):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(GATES, sizes=few).with_room([(GATES, POINT)])
    gates = qpc.Gates({"upper": (-50, 50, 100, None), "lower": (-50, 50, None, -100)})
    with pytest.raises(ValueError, match="no gap of their own"):
        GatedConstriction(qpc.GatedDevice(STACK, gates, 25.0, BOX), -0.7, gap=200.0)
    two = GatedConstriction(DEVICE, -0.7, second=("lower",), second_voltage=-0.9)
    assert {n: float(v) for n, v in two.voltages.items()} == {"upper": -0.7, "lower": -0.9}
    with pytest.raises(ValueError, match="whole number of 2e"):
        FlattestPlateaus(VOLTAGES, 0.5, 2)
    with pytest.raises(ValueError, match="first and last must differ"):
        FlattestPlateaus(VOLTAGES, 1, 1)
