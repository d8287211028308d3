"""Fits of gates in volts: predictions, slopes, recovery, files and messages."""

import dataclasses
import json

import numpy as np
import pytest
from commands import call

import qpcjax as qpc
from qpcjax.constants import BOLTZMANN, RESISTANCE_QUANTUM
from qpcjax.files import InputError
from qpcjax.fitting import ConductanceTrace, GatedSample, fit, gate_files, load_fit
from qpcjax.fitting.gate_checks import GridCheck
from qpcjax.fitting.gate_predictions import (
    GatePredictor,
    GateSizes,
    nodes_needed,
    thermal_nodes,
)
from qpcjax.fitting.gate_start import starting_values
from qpcjax.staircases import Region
from qpcjax.staircases.layout import read_measured_layout
from qpcjax.staircases.region import channel_levels
from qpcjax.staircases.tabulation import softness

REGION = Region(half_length=300.0, width=340.0, window=120.0, tolerance=1e-2)
SIZES = GateSizes(10, 64, 28, (20,), 12.0)  # what these devices need, without the search
GATE = np.array([-785.0, -772.0, -762.0, -752.0, -740.0, -700.0, -680.0, -665.0, -655.0])
LAYOUT = """
grid = 25.0
box = [1200.0, 800.0]

[stack]
density = 2.5
depth = 60.0

[split_gate]
gap = 203.0
length = 103.0

[errors]
gap = 5.0

[voltages]
lower = -0.7
"""


def sample(density=2.5, series_resistance=300.0, **more):
    stack = qpc.Heterostructure(density=density, depth=60.0)
    gates = qpc.SplitGate(gap=203.0, length=103.0)
    device = qpc.GatedDevice(stack, gates, grid=25.0, box=(1200.0, 800.0))
    more = {"temperature": 0.8, "region": REGION} | more
    return GatedSample(device, series_resistance=series_resistance, **more)


@pytest.fixture(scope="module")
def true():
    return sample()


@pytest.fixture(scope="module")
def predictor(true):
    return GatePredictor(true, "conductance", {"gate": GATE}, range(8), SIZES)


@pytest.mark.parametrize("kT", [0.02, 0.1, 0.2, 0.5])
def test_thermal_nodes(kT):
    """Steps of a saddle, averaged: against a dense sum, wherever mu stands."""
    saddle = qpc.SaddlePoint(height=5.0, hbar_omega_y=2.0, hbar_omega_x=0.6, modes=4)
    energy = np.linspace(4.0, 8.0, 64)
    soft = softness(energy, np.asarray(qpc.transmission(saddle, energy)))
    assert soft == pytest.approx(
        0.6 / (2 * np.pi), rel=0.03
    )  # E_n / hbar omega_x enters times 2 pi
    x, w = thermal_nodes(nodes_needed(kT, soft))
    dense = np.linspace(-40, 40, 4001)
    weight = 1 / (4 * np.cosh(dense / 2) ** 2)
    middle = np.linspace(-6, 6, 61)[:, None] * max(kT, soft)

    def step(energy):
        return 1 / (1 + np.exp(-np.clip(energy / soft, -500, 500)))

    known = np.trapezoid(weight * step(kT * dense - middle), dense)
    np.testing.assert_allclose(step(kT * x - middle) @ w, known, atol=1e-3)


@pytest.mark.end_to_end
def test_prediction_and_slopes(true, predictor):
    """Against the Fermi window over T(E) of the potential, and differences."""
    gate = {"gate": np.array([-762.0])}
    numbers = predictor.layout.values
    value, slopes = (x[0, 0] for x in predictor.linearise(numbers, gate))
    mu, kT = float(true.mu), BOLTZMANN * 0.8
    c = qpc.PotentialScatterer(
        true.barrier.potential(-0.762), width=340.0, half_length=300.0, window=120.0,
        cap=mu + 50.0, sectors=72, modes=32,
    )  # fmt: skip
    energy = mu + kT * np.linspace(-15, 15, 31)
    weight = 1 / (4 * kT * np.cosh((energy - mu) / (2 * kT)) ** 2)
    g = np.trapezoid(weight * np.asarray(qpc.transmission(c, energy)), energy)
    assert value == pytest.approx(g / (1 + 300.0 / RESISTANCE_QUANTUM * g), abs=1e-3)
    for k, name in enumerate(predictor.layout.names):
        h = 1e-4 * max(abs(numbers[k]), 1.0)
        moved = numbers + h * np.eye(8)[k], numbers - h * np.eye(8)[k]
        up, down = (predictor.predict(m, gate)[0, 0] for m in moved)
        assert slopes[k] == pytest.approx((up - down) / (2 * h), rel=3e-3), name
    # A voltage at the gates is the trace's, times the lever arm, and the offset.
    names = predictor.layout.names
    ratio = slopes[names.index("lever_arm")] / slopes[names.index("offset")]
    assert ratio == pytest.approx(-762.0, rel=1e-9)


def test_room_follows_the_density(true, monkeypatch):
    """A search meets no edge where mu comes near the largest energy that is known."""
    few = GatePredictor(true, "conductance", {"gate": GATE[:1]}, sizes=SIZES)
    asked = []
    monkeypatch.setattr(GatePredictor, "make_room", lambda k, row: asked.append(row[0]))
    # mu is 3.573 meV for each 1e11 cm^-2, and nodes reach 9 kT away.
    for density in (2.5, 2.9, 3.4, 9.0):
        few.predict(np.array([density, *few.layout.values[1:]]))
    assert asked == [3.4]
    assert np.isnan(few.predict(np.array([9.0, *few.layout.values[1:]]))).all()


@pytest.fixture(scope="module")
def found(predictor, true):
    value = predictor.predict(predictor.layout.values)[0]
    value = value + 0.002 * np.array([0.5, -1.2, 0.8, 0.3, -0.6, 0.4, 1.1, -0.9, 0.2])
    trace = ConductanceTrace(GATE, value, name="nine points", sigma=0.002)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GatePredictor, "make_room", lambda k, _: setattr(k, "resolution", SIZES))
        held = {"temperature": 0.8}
        return fit(sample(2.7, 0.0), trace, fixed=held)


@pytest.mark.end_to_end
def test_recovery(found):
    assert found.status == "converged"
    assert [p.name for p in found.free] == ["density", "series_resistance"]
    for name, known in (("density", 2.5), ("series_resistance", 300.0)):
        assert abs(found.values()[name] - known) < 3 * found.stderr[name]
    assert found.stderr["density"] < 0.01
    assert found.misfit < 2
    # Depth, gap and density move the steps alike: one trace does not tell them apart.
    assert any({"density", "gap"} & set(d.changes) for d in found.flat_directions)
    assert any("Hall" in d.remedy for d in found.flat_directions)
    assert "density of the 2DEG" in found.report()


@pytest.mark.end_to_end
def test_saved_and_read(found, tmp_path):
    read = load_fit(found.save(tmp_path / "fit.json"))
    assert read.device.voltages(-700.0) == found.device.voltages(-700.0)
    assert read.device.region == REGION
    np.testing.assert_array_equal(read.covariance, found.covariance)
    gate = np.array([-750.0])
    np.testing.assert_allclose(
        read.predict("conductance", gate), found.predict("conductance", gate)
    )
    with pytest.raises(InputError, match="cannot be sampled"):
        read.sample(samples=10)
    with pytest.raises(InputError, match="gate_staircase"):
        read.predict("left", gate, bias=1.0, temperature=1.0)


@pytest.mark.end_to_end
def test_the_command(found, tmp_path, monkeypatch):
    asked = {}
    trace, layout, out = tmp_path / "trace.csv", tmp_path / "layout.toml", tmp_path / "out"
    rows = "\n".join(f"{v},{g}" for v, g in zip(GATE, found.parts[0].data.value, strict=True))
    trace.write_text(f"gate (mV),conductance (2e2/h)\n{rows}\n")
    layout.write_text(LAYOUT)

    def fitted(device, data, **options):
        asked.update(options, device=device, data=data)
        return found

    monkeypatch.setattr("qpcjax.fitting.joint_fit.fit", fitted)
    monkeypatch.setattr(
        gate_files, "grid_check", lambda _: GridCheck(10.0, np.array([-762.0]), np.array([-2.0]))
    )
    arguments = "fit", trace, "--gates", layout, "--free", "length", "-o", out
    code, printed, complaint = call(*arguments)
    assert code == 0, complaint
    assert list(asked["free"]) == ["gap", "length"]
    assert asked["priors"] == {"gap": (203.0, 5.0)}
    assert asked["device"].voltages(-500.0) == {"upper": -0.5, "lower": -0.7}
    assert {"report.txt", "report.html", "fit.json", "fit.csv", "fit.png"} <= {
        path.name for path in out.iterdir()
    }
    assert "on a grid of 10 nm" in printed.lower()
    kept = json.loads((out / "fit.json").read_text())
    assert kept["parameters"]["density"]["value"] == found.values()["density"]
    assert kept["layout"] == "layout.toml"
    assert load_fit(out / "fit.json").values() == found.values()

    def refused(*more, text=LAYOUT):
        layout.write_text(text)
        code, _, complaint = call("fit", trace, "--gates", layout, "-o", out, *more)
        assert code != 0
        return complaint

    assert "leave out --model, --density" in refused("--density", "2", "--model", "saddle")
    assert "gape" in refused(text=LAYOUT.replace("gap = 5.0", "gape = 5.0"))
    assert "errors.gap must be a positive" in refused(text=LAYOUT.replace("= 5.0", "= -5.0"))
    assert "gap" in refused(text=LAYOUT.replace("gap = 203.0", "gap = -1.0"))


def test_layouts_of_traces(tmp_path):
    path = tmp_path / "layout.toml"
    path.write_text(LAYOUT.replace("lower = -0.7", "all = [-0.6, -0.8]"))
    found = read_measured_layout(path)
    assert found.still == {}
    assert found.errors == {"gap": 5.0}
    path.write_text(LAYOUT.replace("lower = -0.7", "side = -0.7"))
    with pytest.raises(InputError, match="side"):
        read_measured_layout(path)


def test_start_by_levels(true):
    """The first level is that of a harmonic well, and the start has it at mu where the step is."""
    x = y = np.linspace(-300.0, 300.0, 121)
    floor = 5.0 - 1e-4 * x[:, None] ** 2
    well = qpc.Potential(x, y, floor + 2e-3 * y**2, true.barrier.stack.mass)
    region = Region(half_length=290.0, width=580.0)
    scale = qpc.constants.HBAR2_OVER_2M / true.barrier.stack.mass
    spacing = 2 * np.sqrt(scale * 2e-3)
    found = channel_levels(well, region, 4)
    np.testing.assert_allclose(found, 5.0 + (np.arange(4) + 0.5) * spacing, rtol=1e-5)


def test_messages(true):
    with pytest.raises(TypeError, match="GatedDevice"):
        GatedSample(qpc.IdealStep(1.0))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no gate 'side'"):
        sample(still={"side": 0.0})
    with pytest.raises(ValueError, match="follow the trace"):
        sample(still={"upper": 0.0, "lower": 0.0})
    with pytest.raises(ValueError, match="above 0, in K"):
        sample(temperature=0.0)
    kernel = GatePredictor(true, "conductance", {"gate": np.array([-7e4, -9e4])})
    with pytest.raises(InputError, match="cannot have the voltages"):
        kernel.make_room(kernel.layout.values)
    trace = ConductanceTrace(GATE, 0.1 + 1e-4 * GATE, name="flat")
    parameters = {p.name: p for p in kernel.layout.parameters()}
    with pytest.raises(InputError, match="no conductance step"):
        starting_values(true, parameters, trace)
    assert dataclasses.replace(true, offset=10.0).voltages(-700.0)["upper"] == -0.69
