"""From a layout of gates to conductance and heat along their voltages."""

import dataclasses
import json
import math
from typing import Any

import equinox as eqx
import numpy as np
import pytest
from commands import call
from scipy.special import expit

import qpcjax as qpc
from qpcjax.constants import BOLTZMANN
from qpcjax.files import InputError
from qpcjax.staircases import Region, command
from qpcjax.staircases.layout import read_layout
from qpcjax.staircases.tabulation import Tabulation, resolving

STACK = qpc.Heterostructure(density=2.5, depth=60.0)
BOX = (1600.0, 800.0)
DEVICE = qpc.GatedDevice(STACK, qpc.SplitGate(gap=203.0, length=103.0), grid=20.0, box=BOX)
REGION = Region.of(DEVICE, width=400.0, half_length=400.0, tolerance=1e-2)
VOLTAGES = [-0.6, -0.7, -0.8, -1.0]
LAYOUT = """
grid = 20.0
box = [1600.0, 800.0]

[stack]
density = 2.5
depth = 60.0

[split_gate]
gap = 200.0
length = 100.0

[voltages]
all = [-0.6, -1.0]
points = 5

[reservoirs]
bias = 0.5

[region]
width = 400.0
"""


class Saddles(Tabulation):
    """Tables of saddles instead of potentials."""

    def transmission(self, potential):
        return np.asarray(qpc.transmission(potential, self.energies))


@pytest.mark.parametrize("softness", [0.004, 0.02, 0.06, 0.3])
def test_a_table_follows_the_softness_of_the_steps(softness):
    """Sharp steps are not interpolated over; what a table of at most 1025 misses is said."""
    saddles: list[Any] = [
        qpc.SaddlePoint(9.8, 4.0, 2 * np.pi * s, modes=4) for s in (softness, 0.5)
    ]
    table, doubt = resolving(Saddles(np.linspace(8.0, 16.0, 161), 8.0, {}), saddles)
    assert 161 <= table.energies.size <= 1025
    fine = np.linspace(8.0, 16.0, 5001)
    saddle = saddles[0]
    passed = table.table(np.asarray(qpc.transmission(saddle, table.energies)))
    true = np.asarray(qpc.transmission(saddle, fine))
    error = np.max(np.abs(np.asarray(qpc.transmission(passed, fine)) - true))
    assert error <= 2 * doubt
    assert (doubt < 1e-3) == (softness > 0.01)


def test_the_table_of_hot_electrons():
    """At 10 K electrons count from the bottom of the band on: G is the integral over all."""
    saddle, mu = qpc.SaddlePoint(4.0, 3.0, 1.0), 6.0
    upper = mu + 36.0 * 10.0 * BOLTZMANN
    energies = np.linspace(upper / 100, upper, 1025)
    tabulation = Tabulation(energies, mu - 36.0 * 10.0 * BOLTZMANN, {})
    table = tabulation.table(np.asarray(qpc.transmission(saddle, energies)))
    found = float(qpc.conductance(table, mu, 10.0))
    fine = np.linspace(1e-6, upper, 20001)
    passed = expit(2 * np.pi * (fine[:, None] - 4.0 - 3.0 * (np.arange(20) + 0.5)))
    fermi = 1 / np.cosh((fine - mu) / (2 * 10.0 * BOLTZMANN)) ** 2 / (4 * 10.0 * BOLTZMANN)
    assert found == pytest.approx(np.trapezoid(passed.sum(axis=1) * fermi, fine), abs=2e-4)


@pytest.fixture(scope="module")
def found():
    return qpc.gate_staircase(DEVICE, VOLTAGES, bias=1.0, temperature=0.0, region=REGION)


@pytest.mark.end_to_end
def test_staircase(found):
    mu = float(DEVICE.mu)
    # Plateaus at whole numbers, and none beyond pinch-off.
    np.testing.assert_allclose(found.conductance[:2], [2, 1], atol=0.01)
    assert found.conductance[2] < 0.01
    assert [found.conductance[3], found.left[3], found.right[3]] == [0, 0, 0]
    assert np.all(np.diff(found.barrier) > 0)
    # At T = 0 the powers are areas under T(E) between the potentials and mu_L, mu_R.
    energy = np.linspace(mu - 0.5, mu + 0.5, 33)
    c = qpc.PotentialScatterer(
        found.potentials[2],
        width=REGION.width,
        half_length=REGION.half_length,
        window=REGION.window,
        cap=mu + 50.0,
        sectors=96,
        modes=48,
    )
    t = np.asarray(qpc.transmission(c, energy))
    unit = qpc.constants.CONDUCTANCE_QUANTUM
    for power, weight in ((found.right, energy - (mu - 0.5)), (found.left, (mu + 0.5) - energy)):
        assert power[2] == pytest.approx(unit * np.trapezoid(t * weight, energy), rel=0.02)
    np.testing.assert_allclose(found.asymmetry, found.right - found.left)
    # The barrier at the pinch-off is mu.
    assert VOLTAGES[3] < found.pinch_off < VOLTAGES[2]
    at = DEVICE.potential(found.pinch_off)
    x, y = np.linspace(-60, 60, 25), np.linspace(-60, 60, 25)
    assert np.max(np.min(np.asarray(at.at(x, y)), axis=1)) == pytest.approx(mu, abs=0.02)
    assert found.gates[found.swept] == "upper"
    assert 0 < abs(found.box_change.voltage) < 0.01  # V


@pytest.mark.end_to_end
def test_derivatives_of_a_staircase(found):
    """Against central differences of the whole chain, from gate voltages to the powers."""
    energies = found.tabulation.energies
    few = np.linspace(energies[0], energies[-1], 12)
    point = qpc.Reservoirs(DEVICE.mu, 0.8, 0.0)  # whose window does not end where the table does
    step = dataclasses.replace(
        found,
        voltages=np.array([[-0.76, -0.76], [-1.0, -1.0]]),
        potentials=(DEVICE.potential(-0.76), found.potentials[3]),
        reservoirs=point,
        tabulation=dataclasses.replace(found.tabulation, energies=few),
        **{name: getattr(found, name)[[1, 3]] for name in ("conductance", "left", "right")},
    )
    slopes = qpc.gate_slopes(step)

    def flows(device, voltages):
        u = device.potential(voltages, start=step.potentials[0])
        table = step.tabulation.table(qpc.transmission(step.tabulation.scatterer(u), few))
        power = qpc.dissipation(table, qpc.Reservoirs(device.mu, point.bias, point.temperature))
        g = qpc.conductance(table, device.mu, point.temperature)
        return np.array([g, power.left, power.right], float)

    def difference(changed, h):
        return (flows(*changed(h)) - flows(*changed(-h))) / (2 * h)

    def moved(which):
        return lambda h: (eqx.tree_at(which, DEVICE, which(DEVICE) + h), -0.76)

    for which, h in (
        (lambda d: d.stack.density, 1e-4),
        (lambda d: d.stack.depth, 1e-3),
        (lambda d: d.gates.gap, 1e-2),
        (lambda d: d.gates.length, 1e-2),
    ):
        known = [which(slopes[name].device) for name in ("conductance", "left", "right")]
        np.testing.assert_allclose(np.array(known)[:, 0], difference(moved(which), h), rtol=1e-4)
        assert np.all(np.array(known)[:, 1] == 0)  # closed
    known = [slopes[name].voltages[0, 0] for name in ("conductance", "left", "right")]
    upper = difference(lambda h: (DEVICE, {"upper": -0.76 + h, "lower": -0.76}), 1e-4)
    np.testing.assert_allclose(known, upper, rtol=1e-4)


@pytest.mark.end_to_end
def test_the_command(found, tmp_path, monkeypatch):
    monkeypatch.setattr(command, "gate_staircase", lambda *_, **__: found)
    path, out = tmp_path / "layout.toml", tmp_path / "out"
    path.write_text(LAYOUT)
    code, printed, complaint = call("gates", path, "-o", out)
    assert code == 0, complaint
    assert {p.name for p in out.iterdir()} == {
        *("report.txt", "gates.json", "staircase.csv", "potential.png", "staircase.png"),
    }
    assert "pinch-off" in printed
    content = json.loads((out / "gates.json").read_text())
    assert content["conductance"] == found.conductance.tolist()
    assert content["voltage_upper"] == VOLTAGES
    table = np.genfromtxt(out / "staircase.csv", delimiter=",", names=True)
    np.testing.assert_allclose(table["P_A_pW"], found.asymmetry)
    for name in ("potential", "staircase"):
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_a_layout_is_read(tmp_path):
    path = tmp_path / "layout.toml"
    path.write_text(LAYOUT)
    layout = read_layout(path)
    assert [v["lower"] for v in layout.voltages] == pytest.approx([-0.6, -0.7, -0.8, -0.9, -1.0])
    assert layout.named["bias"] == 0.5
    region = layout.named["region"]
    assert (region.width, region.half_length, region.window) == (400.0, 540.0, 150.0)
    gates = (
        "[gates.top]\nrectangle = [-50, 50, 100, inf]\noffset = 0.1\n"
        "[gates.bottom]\npolygon = [[-50, -220], [50, -220], [0, -100]]"
    )
    text = LAYOUT.replace("[split_gate]\ngap = 200.0\nlength = 100.0", gates)
    path.write_text(text.replace("all = [-0.6, -1.0]", "top = [-0.5, -0.7]\nbottom = -0.6"))
    layout = read_layout(path)
    assert layout.device.gates.names == ("top", "bottom")
    assert layout.voltages[2] == pytest.approx({"top": -0.6, "bottom": -0.6})
    np.testing.assert_allclose(layout.device.gates.offset, [0.1, 0.0])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("depth = 60.0", "", r"stack.depth is missing"),
        ("depth = 60.0", "depth = 0", "depth must be a positive length"),
        ("depth = 60.0", 'depth = 60\nsurface = "bare"', "must be frozen or pinned"),
        ("density = 2.5", "densty = 2.5", "there is no 'densty' in stack"),
        ("gap = 200.0", "gap = -1", "gap must be a positive length"),
        ("gap = 200.0", "", "split_gate.gap is missing"),
        ("[split_gate]\ngap = 200.0\nlength = 100.0", "", "either .split_gate. or .gates.NAME."),
        ("all = [-0.6, -1.0]", "upper = -0.6", "voltages.lower is missing"),
        ("all = [-0.6, -1.0]", "all = -0.6", "voltages must change along the staircase"),
        ("all = [-0.6, -1.0]", "all = [-0.6]", r"voltages.all must be \[first, last\]"),
        ("points = 5", "points = 0", "points must be a whole number of 1 to 1000"),
        ("box = [1600.0, 800.0]", "box = [1600.0]", "box must be 2 numbers in nm"),
        ("box = [1600.0, 800.0]", "box = [1610.0, 800.0]", "even number of steps"),
        ("width = 400.0", "width = 400\nwindow = 900", "window must be shorter than half_length"),
    ],
)
def test_what_a_layout_is_refused_for(tmp_path, old, new, words):
    path = tmp_path / "layout.toml"
    assert old in LAYOUT
    path.write_text(LAYOUT.replace(old, new))
    with pytest.raises(InputError, match=words):
        read_layout(path)
    code, out, err = call("gates", path, "-o", tmp_path / "out")
    assert (code, out) == (2, "")
    assert "layout.toml" in err
    assert not (tmp_path / "out").exists()


def test_no_setting_is_refused():
    with pytest.raises(ValueError, match="one setting of the gates or more"):
        qpc.gate_staircase(DEVICE, [])
    with pytest.raises(ValueError, match="width must be a positive number"):
        Region(400.0, math.nan)
