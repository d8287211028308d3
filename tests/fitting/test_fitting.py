"""The fit of a conductance trace, its report and its heating prediction."""

import dataclasses
import hashlib
import json
import math
import os
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optimistix as optx
import pytest
import xarray as xr
from commands import call
from helpers import optimised
from typer.testing import CliRunner

import qpcjax as qpc
from qpcjax import constants, files
from qpcjax.cli.app import app
from qpcjax.fitting import Device, GateCurve, Gated, fit, load_fit, trace_device
from qpcjax.fitting.compiled_predictions import Predictor
from qpcjax.fitting.device import gate_knots
from qpcjax.fitting.heating import predict_heating
from qpcjax.fitting.interpolation import GateNodes
from qpcjax.fitting.report import page, text
from qpcjax.fitting.tables import as_json
from qpcjax.measurements import InputError
from qpcjax.optimise.least_squares import levenberg_marquardt
from qpcjax.optimise.parameters import Coordinates, Parameter
from qpcjax.resolution import least

EXAMPLE = Path(__file__).parents[2] / "fits" / "data" / "trace.csv"
# What made the example, from its header.
TRUE = {"length": 60.0, "series_resistance": 300.0, "smearing_1": 0.15, "smearing_2": 0.4}
TRUE_MU = 7.15


def true_width(gate):
    return 15 + 165 * (np.exp((gate + 1500) / 800) - 1)


def widths(fitted):
    """How many values the curve of the half-width has."""
    return sum(p.name.startswith("half_width_") for p in fitted.parameters)


@pytest.fixture(scope="module")
def fitted():
    """A fit of the example trace, its rows shuffled."""
    trace = files.read_trace(EXAMPLE)
    order = np.random.default_rng(1).permutation(trace.gate.size)
    shuffled = files.ConductanceTrace(trace.gate[order], trace.conductance[order], "shuffled")
    with optimised():
        return fit(trace_device(shuffled, mu=TRUE_MU), shuffled)


# --- parts ----------------------------------------------------------------------------------


def test_levenberg_marquardt_finds_the_minimum_that_optimistix_finds():
    x = np.linspace(0, 4, 30)
    y = 2.5 * np.exp(-1.3 * x) + 0.3 + 0.05 * np.sin(7 * x)

    def residual(p, _=None):
        return p[0] * jnp.exp(-p[1] * x) + p[2] - y

    start = jnp.array([1.0, 0.3, 0.0])
    solver = optx.LevenbergMarquardt(rtol=1e-12, atol=1e-12)
    expected = optx.least_squares(residual, solver, start).value

    optimiser = levenberg_marquardt()
    params, state = start, optimiser.init(start)
    for _ in range(40):
        r, jacobian = residual(params), jax.jacfwd(residual)(params)
        updates, state = optimiser.update(
            jacobian.T @ r, state, params, value=r @ r / 2, curvature=jacobian.T @ jacobian
        )
        params = optax.apply_updates(params, updates)
    np.testing.assert_allclose(state.params, expected, rtol=1e-9)
    assert state.predicted < 1e-12


def test_levenberg_marquardt_leaves_a_worse_point_behind():
    optimiser = levenberg_marquardt()
    start = jnp.array([1.0])
    state = optimiser.init(start)
    one = jnp.ones((1, 1))
    _, state = optimiser.update(jnp.array([1.0]), state, start, value=1.0, curvature=one)
    damping = state.damping
    for worse in (2.0, math.nan):
        _, state = optimiser.update(jnp.array([9.0]), state, start + 5, value=worse, curvature=one)
        assert state.params == start
        assert state.value == 1.0
        assert state.damping > damping


def test_parameters_keep_their_bounds_and_come_back():
    parameters = [
        Parameter("a", 2.0, "nm", 1.0, 10.0, log=True),
        Parameter("b", -3.0, "ohm", -5.0, 5.0),
    ]
    coordinates = Coordinates(parameters)
    values, slopes = coordinates.decode(coordinates.encode([2.0, -3.0]))
    np.testing.assert_allclose(values, [2, -3], rtol=1e-12)
    h = 1e-5
    moved = [coordinates.decode(coordinates.encode([2.0, -3.0]) + x)[0] for x in (h, -h)]
    np.testing.assert_allclose(slopes, (moved[0] - moved[1]) / (2 * h), rtol=1e-8)
    far, _ = coordinates.decode(np.array([1e3, -1e3]))
    np.testing.assert_allclose(far, [10, -5])
    with pytest.raises(ValueError, match="contradict"):
        Parameter("a", 1.0, "nm", 3.0, 2.0)
    with pytest.raises(ValueError, match=r"a must lie between 2 and 3 nm, got 1"):
        Parameter("a", 1.0, "nm", 2.0, 3.0)


def test_a_gate_curve_is_the_polynomial_through_its_knots():
    gate_range = (-1500.0, -1000.0)
    knots = gate_knots(gate_range, 4)
    cubic = np.polynomial.Polynomial([40.0, 0.09, -1e-5, 2e-8], domain=[-1500, -1000])
    gate = jnp.linspace(-1500, -1000, 17)
    curve = GateCurve(gate_range, cubic(knots))
    np.testing.assert_allclose(curve(gate), cubic(np.asarray(gate)), rtol=1e-12)
    line = GateCurve(gate_range, [1.0, 8.0], "log")(gate)
    np.testing.assert_allclose(np.log(line), np.linspace(0, np.log(8), 17), atol=1e-12)
    dip = GateCurve(gate_range, [1.0, 60.0, 60.0, 1.0], "positive")
    beyond = np.linspace(-1700, -800, 31)
    assert np.min(np.polynomial.Polynomial.fit(dip.knots, dip.values, 3)(beyond)) < 0
    assert np.all(dip(jnp.asarray(beyond)) > 0)


RANGE = (-1500.0, -1000.0)


def _device(mu=TRUE_MU, scale=1.0):
    """What made the example, at five knots of its width."""
    half_width = true_width(gate_knots(RANGE, 5)) / 2 * scale
    barrier = Gated(
        qpc.AbruptConstriction(20.0, 60.0 * scale),
        half_width=GateCurve(RANGE, half_width, "positive"),
    )
    return Device(barrier, mu, GateCurve(RANGE, [0.15, 0.4], "log"), 300.0)


def _conductance(device, gate, order=12):
    kernel = Predictor(device, "conductance", dict(gate=np.asarray(gate)), order)
    return kernel.predict(kernel.layout.values)[0]


def test_a_trace_is_the_public_conductance_behind_a_resistance():
    gate = np.array([-1490.0, -1420.0, -1250.0, -1010.0])
    device = _device()
    points = [device.at(x) for x in gate]
    g = np.array(
        [
            qpc.conductance(
                qpc.AbruptConstriction(float(p.scatterer.half_width), 60.0, modes=12),
                TRUE_MU,
                float(p.smearing) / constants.BOLTZMANN,
            )
            for p in points
        ]
    )
    e1 = [qpc.AbruptConstriction(float(p.scatterer.half_width), 60.0).energy_scale for p in points]
    smearing = np.array([p.smearing for p in points]) / np.array(e1)
    np.testing.assert_allclose(np.log(smearing[[0, 3]]), np.log([0.153, 0.392]), atol=0.01)
    wanted = g / (1 + 300 / 12906.4037 * g)
    # The window of a fit leaves exp(-18) of a step out.
    np.testing.assert_allclose(_conductance(device, gate), wanted, rtol=1e-7, atol=3e-8)


def test_energy_scale_leaves_no_trace():
    gate = np.linspace(-1500.0, -1000.0, 9)
    scaled = _device(mu=4 * TRUE_MU, scale=0.5)
    np.testing.assert_allclose(_conductance(scaled, gate), _conductance(_device(), gate), rtol=1e-8)


def test_too_few_panels_are_nan():
    device, settings = _device(), dict(gate=np.linspace(-1500.0, -1000.0, 9))
    kernel = Predictor(device, "conductance", settings)
    kernel.resolution = kernel.resolution._replace(panels=8)
    assert np.any(np.isnan(kernel.predict(kernel.layout.values)))
    assert not kernel.resolves(kernel.layout.values)


@pytest.mark.parametrize("few", [0, 3])
def test_the_least_number_that_is_enough(few):
    for answer in range(few + 1, 31):
        for guess in range(few + 1, 31):
            tried = []

            def enough(n, answer=answer, tried=tried):
                tried.append(n)
                return n >= answer

            assert least(enough, guess, few, 30) == answer
            assert all(few < n <= 30 for n in tried)
            if guess == answer:
                assert len(tried) <= 2


def test_nodes_along_a_trace():
    gate = np.sort(np.random.default_rng(0).uniform(-1500, -1000, 400))

    def steps(x):
        return sum(1 / (1 + np.exp(-(x - g) / 12)) for g in (-1440.0, -1300.0, -1100.0))

    misses, needed = [], 0
    for count in (64, 128):
        nodes = GateNodes(gate, count)
        rows = np.stack([steps(nodes.nodes), 2 * steps(nodes.nodes)])
        found = nodes.to_points(rows[..., None] * np.array([1.0, 3.0]))
        assert found.shape == (2, 400, 2)
        miss = np.abs(found[1, :, 1] / 6 - steps(gate))
        misses.append(np.max(miss))
        # The points that nodes miss most are among those that are doubted most.
        doubt = nodes.doubt(rows)[0]
        assert np.argmax(miss) in np.argsort(doubt)[-40:]
        assert np.max(doubt) > np.max(miss)
        needed = nodes.more(misses[-1] / 1e-9)
    assert misses[0] < 1e-3
    assert misses[1] < misses[0] / 50  # eighth order
    enough = GateNodes(gate, needed)
    assert np.max(np.abs(enough.to_points(steps(enough.nodes)[None])[0] - steps(gate))) < 1e-9
    assert enough.nodes.size < 2048
    assert GateNodes(gate, 64).more(np.nan) == 128


# --- the fit --------------------------------------------------------------------------------


def test_fit_recovers_what_made_the_example(fitted):
    assert fitted.status == "converged"
    assert fitted.rms == pytest.approx(1.0, abs=0.1)  # the noise, in uS
    values, errors = fitted.values(), fitted.stderr
    truth = dict(TRUE)
    for i, gate in enumerate(gate_knots(RANGE, widths(fitted))):
        truth[f"half_width_{i + 1}"] = true_width(gate) / 2
    for name, true in truth.items():
        assert abs(values[name] - true) < 4 * errors[name], name


def test_fit_sorts_its_rows_and_counts_points(fitted):
    assert np.all(np.diff(fitted.parts[0].data.gate) > 0)
    assert fitted.points == 399
    assert len(fitted.free) <= 10


def test_covariance_is_that_of_the_residuals_at_the_minimum(fitted):
    """Against central differences of the prediction: no derivative of the package is used."""
    part, kernel = fitted.parts[0], fitted.problem.parts[0].kernel
    numbers = np.array([p.value for p in fitted.parameters])
    columns = []
    for p in fitted.free:
        step = np.zeros(numbers.size)
        step[kernel.layout.names.index(p.name)] = 0.1 * fitted.stderr[p.name]
        up, down = kernel.predict(np.stack([numbers + step, numbers - step]))
        columns.append((up - down) / (2 * step.max()))
    jacobian = np.stack(columns, axis=1)
    residual = part.data.conductance - kernel.predict(numbers)[0]
    variance = residual @ residual / (residual.size - len(columns)) * part.correlation_length
    expected = np.sqrt(np.diag(variance * np.linalg.inv(jacobian.T @ jacobian)))
    np.testing.assert_allclose(list(fitted.stderr.values()), expected, rtol=1e-3)
    gate = part.data.gate[::20]
    _, spread = fitted.band(gate)
    slopes = jacobian[::20]
    expected = np.sqrt(np.einsum("gi,ij,gj->g", slopes, fitted.covariance, slopes))
    np.testing.assert_allclose(spread, expected, rtol=1e-3)
    # At a minimum the residuals are orthogonal to the columns.
    cosine = jacobian.T @ residual / np.linalg.norm(jacobian, axis=0) / np.linalg.norm(residual)
    assert np.max(np.abs(cosine)) < 1e-3


def test_flat_directions_are_the_energy_scale_and_the_lever_arm(fitted):
    meanings = [d.meaning for d in fitted.flat_directions]
    assert any("energy scale" in m for m in meanings)
    names = [p.name for p in fitted.parameters]
    flat = np.array([[d.changes.get(n, 0.0) for n in names] for d in fitted.flat_directions])
    scale = {"mu": 1.0, "length": -0.5}
    scale |= {f"half_width_{i + 1}": -0.5 for i in range(widths(fitted))}
    wanted = np.array([scale.get(n, 0.0) for n in names])
    beyond = wanted - flat.T @ np.linalg.lstsq(flat.T, wanted, rcond=None)[0]
    assert np.linalg.norm(beyond) < 1e-3 * np.linalg.norm(wanted)


def test_report_says_what_one_trace_cannot(fitted):
    report = text(fitted)
    knot = f"{gate_knots(RANGE, widths(fitted))[1]:.5g} mV"
    for words in ("converged", "Temperature and softness", "Energy scale", "uS", knot):
        assert words in report
    assert max(map(len, report.splitlines())) < 130
    content = as_json(fitted)
    assert {"status", "parameters", "rms", "rms_unit", "flat_directions", "points"} <= set(content)
    assert {"value", "stderr", "unit", "free", "start"} <= set(content["parameters"]["length"])
    assert content["data"][0]["points"] == 399
    json.loads(files.save_json(content))


def test_page_escapes_what_a_file_says(fitted):
    part = dataclasses.replace(fitted.parts[0], name="<b>x</b>")
    found = page(dataclasses.replace(fitted, parts=(part,)), figures={"Fit": b"PNG"})
    assert "<b>x</b>" not in found
    assert "&lt;b&gt;x&lt;/b&gt;" in found
    assert "data:image/png;base64,UE5H" in found


def test_bad_questions_are_refused_before_any_work():
    trace = files.read_trace(EXAMPLE)
    few = files.ConductanceTrace(trace.gate[::50], trace.conductance[::50], "few")
    stated = dict(knots=5, smearing="softness")  # a law that is not stated is searched for
    with pytest.raises(files.InputError, match="8 points cannot determine 9 free parameters"):
        fit(trace_device(few, **stated), few)
    with pytest.raises(ValueError, match="did you mean length"):
        fit(trace_device(trace, **stated), trace, fixed={"lenght": 50.0})
    with pytest.raises(
        ValueError, match=r"mu must be from 0\.357.*, got 357\.5.* \(densities of 0\.1"
    ):
        trace_device(trace, mu=357.5)
    with pytest.raises(ValueError, match=r"mu must be from 1\.04\d* to 1040.* at 0\.023 m_e"):
        trace_device(trace, mu=1.0, mass=0.023)
    for density in (0.1, 100.0):  # the ends themselves are allowed
        mu = constants.fermi_energy(density)
        assert float(trace_device(trace, mu=mu, **stated).mu) == mu
    with pytest.raises(ValueError, match="knots must be"):
        trace_device(trace, knots=9)
    with pytest.raises(files.InputError, match="IdealStep"):
        fit(trace_device(trace, "step"), trace)


# --- heating --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def heating(fitted):
    return predict_heating(fitted, 2.0, 1.6, gates=np.linspace(-1500, -1000, 6))


def test_heating_is_that_of_the_softened_constriction(fitted, heating):
    """An independent route: powers of the hard constriction averaged over shifts of mu."""
    k = 3
    point = fitted.device.at(heating.gate[k])
    half_width, length = (float(getattr(point.scatterer, n)) for n in ("half_width", "length"))
    constriction = qpc.AbruptConstriction(half_width, length, modes=14)
    voltage = heating.voltage[k]
    shift = np.arange(-30, 30.01, 0.25)
    weight = 0.25 / (4 * np.cosh(shift / 2) ** 2)
    at = qpc.Reservoirs(TRUE_MU + float(point.smearing) * shift, voltage, 1.6)
    # Compiled together, they share the integrals.
    power, flow = jax.jit(lambda c, r: (qpc.dissipation(c, r), qpc.current(c, r)))(constriction, at)
    np.testing.assert_allclose(heating.value["P_L"][k], weight @ power.left, rtol=1e-6)
    np.testing.assert_allclose(heating.value["P_R"][k], weight @ power.right, rtol=1e-6)
    # The rest of the bias drops across the series resistance: V - V_qpc = I R_s.
    drop = (weight @ flow) * fitted.values()["series_resistance"] * 1e-6  # nA ohm in mV
    np.testing.assert_allclose(voltage + drop, 2.0, rtol=1e-7)


def test_heating_bands_hold_the_prediction(heating):
    assert heating.split
    for name, value in heating.value.items():
        assert np.all(heating.low[name] <= value)
        assert np.all(heating.high[name] >= value)
        assert np.all(heating.high[name] > heating.low[name])
    np.testing.assert_allclose(heating.value["P_A"], heating.value["P_R"] - heating.value["P_L"])


def test_maps_of_heat(fitted, heating):
    """Any gate and bias at once; along one bias it is what `predict_heating` says."""
    settings = dict(gate=heating.gate[:, None], bias=np.array([2.0, 3.0]), temperature=1.6)
    device = fitted.device_with(0.04)
    value, _ = fitted.predict_with(device, "heating", settings, errors=False)
    assert value.shape == (6, 2, 4)
    for k, name in enumerate(heating.value):
        np.testing.assert_allclose(value[:, 0, k], heating.value[name], rtol=1e-6)
    with pytest.raises(InputError, match="give damping="):
        fitted.predict("heating", gate=-50.0, bias=1.0, temperature=1.6)


def test_gate_voltages_in_volts_are_refused(fitted):
    meant = r"gate is in mV: -1\.4 lies far outside of the -1500 to -1000 mV .* mean -1400\?"
    for ask in (
        lambda: fitted.predict("conductance", gate=-1.4),
        lambda: fitted.band(-1.4),
        lambda: predict_heating(fitted, 2.0, 1.6, gates=[-1.4]),
    ):
        with pytest.raises(InputError, match=meant):
            ask()


def test_heating_refuses_what_has_no_answer(fitted):
    with pytest.raises(ValueError, match="other than 0"):
        predict_heating(fitted, 0.0, 1.6)
    with pytest.raises(ValueError, match="temperature must be 0 or more"):
        predict_heating(fitted, 2.0, -1.0)
    with pytest.raises(ValueError, match="strength must be a positive number"):
        predict_heating(fitted, 2.0, 1.0, damping=0.0)
    with pytest.raises(ValueError, match="gates must be a whole number, 1 or more, got 0"):
        predict_heating(fitted, 2.0, 1.6, gates=0)


# --- the command ----------------------------------------------------------------------------


@pytest.mark.end_to_end
def test_command_writes_report_tables_and_figures(tmp_path):
    out = tmp_path / "out"
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)
    example = tmp_path / "trace.csv"
    head = next(k for k, line in enumerate(lines) if line[:1] in "-0123456789")
    example.write_text("".join(lines[:head] + lines[head + 2 :: 3]), encoding="utf-8")
    formats = ["--format", "csv", "--format", "netcdf"]
    # Points beyond the range and between the skipped voltages are in fit.csv all the same.
    choice = ["--range", "-1500:-1005", "--skip", "-1330:-1320"]
    code, printed, complaint = call("fit", example, "-o", out, *formats, *choice, "--model", "mean")
    assert code == 0, complaint
    figures = {"fit.png", "heating.png", "correlation.png"}
    stems = ("fit", "parameters", "heating")
    tables = {f"{name}.{end}" for name in stems for end in ("csv", "nc")}
    names = {"report.txt", "report.html", "fit.json", *tables, *figures}
    assert {path.name for path in out.iterdir()} == names
    assert " ".join((out / "report.txt").read_text().split()) in printed
    content = json.loads((out / "fit.json").read_text())
    assert content["status"] == "converged"
    whole = files.read_trace(example)
    beyond = whole.gate > -1005
    skipped = (whole.gate >= -1330) & (whole.gate <= -1320)
    left_out = int(np.sum(beyond | skipped))
    assert content["points"] == whole.gate.size - left_out
    assert content["data"][0]["dropped"] == 2
    assert content["data"][0]["excluded"] == left_out
    again = load_fit(out / "fit.json")
    assert again.values() == {n: p["value"] for n, p in content["parameters"].items()}
    assert f"2 without a value, {left_out} by choice" in printed
    assert content["parameters"]["series_resistance"]["value"] == pytest.approx(300, abs=6)
    with xr.open_dataset(out / "parameters.nc") as found:
        assert list(found.name.values) == list(content["parameters"])
        for name, facts in content["parameters"].items():
            row = found.sel(name=name)
            assert (float(row.value), str(row.unit.values)) == (
                facts["value"],
                facts["unit"] or "1",
            )
            assert str(row.state.values) == ("free" if facts["free"] else "held")
            assert np.isnan(row.stderr) if facts["stderr"] is None else row.stderr > 0
        sha256 = hashlib.sha256(example.read_bytes()).hexdigest()
        assert found.attrs["input_sha256"] == content["data"][0]["sha256"] == sha256
        assert json.loads(found.attrs["versions"]) == content["versions"]
        assert found.attrs["chi_square"] == content["chi_square"]
    lines = (out / "parameters.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("name,value,stderr,unit,state,start,lower,upper")
    assert f"# input_sha256: {sha256}" in lines
    table = np.genfromtxt(out / "fit.csv", delimiter=",", names=True)
    np.testing.assert_array_equal(table["gate_mV"], whole.gate)
    np.testing.assert_array_equal(table["conductance_2e2h"], whole.conductance)
    np.testing.assert_array_equal(table["used"], ~(beyond | skipped))
    np.testing.assert_array_equal(np.isnan(table["fit_2e2h"]), beyond)
    assert np.std(table["residual_uS"][skipped]) < 3  # uS: the noise is 1
    assert np.all((table["low_2e2h"] < table["fit_2e2h"])[~beyond])
    assert np.all((table["high_2e2h"] > table["fit_2e2h"])[~beyond])
    with xr.open_dataset(out / "fit.nc") as found:
        assert found.conductance.attrs["units"] == "2e2/h"
        assert dict(found.sizes) == {"gate": whole.gate.size}
    table = np.genfromtxt(out / "heating.csv", delimiter=",", names=True)
    assert len(table.dtype.names) == 14
    assert np.all(np.isfinite(table["P_R_pW"]))
    for name in figures:
        assert (out / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (None, (), "missing.csv"),
        ("gate (mV),current (nA)\n1,2\n", (), "conductance"),
        ("gate (mV),conductance (acres)\n1,2\n", (), "acres"),
        ("gate (mV),conductance (uS)\n1,2\n2,much\n", (), "much"),
        ("gate (mV),conductance (uS)\n1,nan\n2,nan\n", (), "nan"),
        ("gate (mV),conductance (uS)\n1,10\n1,20\n1,90\n", (), "gate"),
        ("gate (mV),conductance (uS)\n1,1\n2,40\n3,90\n", (), "free parameters"),
        ("gate (mV),conductance (uS)\n1,1\n2,40\n3,90\n", ("--temperature", "-1"), "temperature"),
        ("gate (mV),conductance (uS)\n1,1\n2,40\n3,90\n", ("--mu", "7", "--density", "2"), "both"),
        ("gate (mV),conductance (uS)\n1,1\n2,40\n3,90\n", ("--knots", "1"), "knots"),
        ("gate (mV),conductance (uS)\n1,1\n2,40\n3,90\n", ("--model", "sadle"), "saddle"),
        ("gate (mV),conductance (uS)\n1,1\n2,40\n3,90\n", ("--hold", "length"), "NAME=VALUE"),
        ("gate (mV),conductance (uS)\n1,1\n2,40\n3,90\n", ("--hold", "mu=0.3"), "mu must be from"),
        ("gate (mV),conductance (uS)\n1,1\n2,40\n3,90\n", ("--loss", "l1"), "loss must be"),
    ],
)
def test_command_refuses_bad_input_and_writes_nothing(tmp_path, content, options, words):
    path = tmp_path / ("missing.csv" if content is None else "trace.csv")
    if content is not None:
        path.write_text(content)
    out = tmp_path / "out"
    # In this process: that a refusal shows no traceback is tested with the command's entry point.
    done = CliRunner().invoke(app, ["fit", str(path), "-o", str(out), *options])
    assert isinstance(done.exception, SystemExit)
    assert done.exit_code == 2
    assert words.lower() in done.stderr.lower()
    assert not out.exists()


# --- measured traces ------------------------------------------------------------------------

DATA = os.environ.get("QPCJAX_DATA")
# Series resistance in ohm from eight free logistics, by trace.
RESISTANCE = {0: 275, 1: 275, 2: 276, 3: 279, 4: 283, 5: 296}


@pytest.mark.end_to_end
@pytest.mark.skipif(not DATA, reason="QPCJAX_DATA does not name a folder with split_gate/")
@pytest.mark.parametrize("number", [5])  # the hardest of the six; each takes half a minute
def test_measured_trace(number):
    folder = Path(DATA or "") / "split_gate"
    trace = files.read_trace_columns(
        folder / "splitgateV_clean.csv", folder / "conductance_clean.csv", number, "V", "uS"
    )
    trace = trace[::3]  # every third of 833 points
    with optimised():
        found = fit(trace_device(trace, constant_ratio=True), trace)
    assert found.status == "converged"
    assert len(found.free) <= 10
    assert found.rms <= 3.0
    assert abs(found.values()["series_resistance"] - RESISTANCE[number]) <= 25
