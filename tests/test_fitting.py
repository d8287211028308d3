"""The fit of a conductance trace, its report and its heating prediction."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optimistix as optx
import pytest
from typer.testing import CliRunner

import qpcjax as qpc
from qpcjax import cli, files, units
from qpcjax.fitting import fit_trace
from qpcjax.fitting.device import gate_knots
from qpcjax.fitting.heating import predict_heating
from qpcjax.fitting.model import ConductanceModel, GateCalibration
from qpcjax.fitting.optimiser import levenberg_marquardt
from qpcjax.fitting.report import as_json, text
from qpcjax.parameters import Parameter, Space

EXAMPLE = Path(__file__).parents[1] / "fits" / "data" / "trace.csv"
# What made the example, from its header.
TRUE = {"length": 60.0, "series_resistance": 300.0, "smearing_1": 0.15, "smearing_2": 0.4}
TRUE_MU = 7.15


def true_width(gate):
    return 15 + 165 * (np.exp((gate + 1500) / 800) - 1)


@pytest.fixture(scope="module")
def fit():
    """A fit of the example trace, its rows shuffled."""
    trace = files.read_trace(EXAMPLE)
    order = np.random.default_rng(1).permutation(trace.gate.size)
    shuffled = files.ConductanceTrace(trace.gate[order], trace.conductance[order], "shuffled")
    return fit_trace(shuffled, mu=TRUE_MU)


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
        Parameter("held", 5.0, "", 0.0, 9.0, free=False),
        Parameter("b", -3.0, "ohm", -5.0, 5.0),
    ]
    space = Space(parameters)
    values = space.decode(space.encode())
    np.testing.assert_allclose([values[n] for n in ("a", "held", "b")], [2, 5, -3], rtol=1e-12)
    far = space.decode(jnp.array([1e3, -1e3]))
    assert far["a"] == pytest.approx(10)
    assert far["b"] == pytest.approx(-5)
    with pytest.raises(ValueError, match="contradict"):
        Parameter("a", 1.0, "nm", 3.0, 2.0)
    with pytest.raises(ValueError, match=r"a must lie between 2 and 3 nm, got 1"):
        Parameter("a", 1.0, "nm", 2.0, 3.0)


def test_gate_calibration_is_the_polynomial_through_its_knots():
    gate_range = (-1500.0, -1000.0)
    knots = gate_knots(gate_range, 4)
    cubic = np.polynomial.Polynomial([40.0, 0.09, -1e-5, 2e-8], domain=[-1500, -1000])
    calibration = GateCalibration(gate_range, jnp.asarray(cubic(knots)), jnp.array([0.0, 1.0]))
    gate = np.linspace(-1500, -1000, 17)
    width, floor = calibration(jnp.asarray(gate))
    np.testing.assert_allclose(width, cubic(gate), rtol=1e-12)
    np.testing.assert_allclose(floor, np.linspace(0, 1, 17), atol=1e-12)
    dip = GateCalibration(gate_range, jnp.array([1.0, 100.0, 100.0, 1.0]) - 40, jnp.zeros(2))
    assert np.all(dip(jnp.asarray(gate))[0] > 0)


def _model(mu=TRUE_MU, scale=1.0, **changes):
    numbers = {"aspect_limit": 5.0, "order": 12} | changes
    widths = jnp.asarray(true_width(gate_knots((-1500.0, -1000.0), 5)))
    return ConductanceModel(
        GateCalibration((-1500.0, -1000.0), widths * scale, jnp.zeros(2)),
        jnp.asarray(mu),
        jnp.asarray(60.0 * scale),
        jnp.array([0.15, 0.4]),
        jnp.asarray(300.0),
        units.GAAS_MASS,
        9,
        **numbers,
    )


@jax.jit
def _evaluated(model, gate):
    return model(gate)


def test_model_is_the_public_conductance_behind_a_resistance():
    gate = jnp.array([-1490.0, -1420.0, -1250.0, -1010.0])
    model = _model()
    half_width, length, _, smearing = model.channel(gate)
    g = np.array(
        [
            qpc.conductance(
                qpc.AbruptConstriction(float(w), float(length_), modes=12, aspect_limit=5),
                TRUE_MU,
                float(s) / units.BOLTZMANN,
            )
            for w, length_, s in zip(half_width, length, smearing, strict=True)
        ]
    )
    np.testing.assert_allclose(_evaluated(model, gate), g / (1 + 300 / 12906.4037 * g), rtol=1e-6)


def test_kept_panels_change_nothing_and_too_few_are_nan():
    gate = jnp.linspace(-1500.0, -1000.0, 9)
    needed = _model().panels_needed(gate)
    np.testing.assert_allclose(
        _evaluated(_model(panels=needed), gate), _evaluated(_model(), gate), rtol=1e-13
    )
    assert np.any(np.isnan(_evaluated(_model(panels=needed // 2), gate)))


def test_energy_scale_leaves_no_trace():
    gate = jnp.linspace(-1500.0, -1000.0, 9)
    scaled = _model(mu=4 * TRUE_MU, scale=0.5)
    np.testing.assert_allclose(_evaluated(scaled, gate), _evaluated(_model(), gate), rtol=1e-10)


# --- the fit --------------------------------------------------------------------------------


def test_fit_recovers_what_made_the_example(fit):
    assert fit.status == "converged"
    assert fit.rms == pytest.approx(1.0, abs=0.1)  # the noise, in uS
    values = fit.values()
    for name, true in TRUE.items():
        assert abs(values[name] - true) < 4 * fit.stderr[name], name
    knots = gate_knots(fit.model.calibration.range, 5)
    for i, gate in enumerate(knots):
        assert abs(values[f"width_{i + 1}"] - true_width(gate)) < 4 * fit.stderr[f"width_{i + 1}"]


def test_fit_sorts_its_rows_and_counts_points(fit):
    assert np.all(np.diff(fit.trace.gate) > 0)
    assert fit.trace.gate.size == 399
    assert len(fit.free) <= 10


def test_covariance_is_that_of_the_residuals_at_the_minimum(fit):
    """Against central differences of the prediction: no derivative of the package is used."""
    values, free = fit.values(), fit.free
    columns = []
    for p in free:
        h = 0.1 * fit.stderr[p.name]
        up = fit.predict(values | {p.name: p.value + h})
        columns.append((up - fit.predict(values | {p.name: p.value - h})) / (2 * h))
    jacobian = np.stack(columns, axis=1) * units.CONDUCTANCE_QUANTUM
    residual = (fit.predict(values) - fit.trace.conductance) * units.CONDUCTANCE_QUANTUM
    variance = residual @ residual / (residual.size - len(free)) * fit.correlation_length
    expected = np.sqrt(np.diag(variance * np.linalg.inv(jacobian.T @ jacobian)))
    np.testing.assert_allclose([fit.stderr[p.name] for p in free], expected, rtol=1e-3)
    _, spread = fit.band(fit.trace.gate)
    slopes = jacobian / units.CONDUCTANCE_QUANTUM
    expected = np.sqrt(np.einsum("gi,ij,gj->g", slopes, fit.covariance, slopes))
    np.testing.assert_allclose(spread, expected, rtol=1e-3)
    # At a minimum the residuals are orthogonal to the columns.
    cosine = jacobian.T @ residual / np.linalg.norm(jacobian, axis=0) / np.linalg.norm(residual)
    assert np.max(np.abs(cosine)) < 1e-3


def test_flat_direction_is_the_energy_scale(fit):
    first = fit.flat_directions[0].changes
    assert first["mu"] == pytest.approx(1)
    assert first["length"] == pytest.approx(-0.5, abs=1e-6)
    assert all(first[f"width_{i}"] == pytest.approx(-0.5, abs=1e-6) for i in range(1, 6))


def test_report_says_what_one_trace_cannot(fit):
    report = text(fit)
    for words in ("converged", "Lever arm", "Temperature and softness", "Energy scale", "uS"):
        assert words in report
    content = as_json(fit)
    assert {"status", "parameters", "rms", "rms_unit", "flat_directions", "points"} <= set(content)
    assert {"data_sha256", "versions"} <= set(content)
    assert {"value", "stderr", "unit", "free"} <= set(content["parameters"]["length"])
    json.dumps(content)


def test_bad_questions_are_refused_before_any_work(fit):
    trace = fit.trace
    few = files.ConductanceTrace(trace.gate[::50], trace.conductance[::50], "few")
    with pytest.raises(files.InputError, match="8 points cannot determine 9 free parameters"):
        fit_trace(few, knots=5)
    flat = files.ConductanceTrace(trace.gate, 0.01 + 0 * trace.conductance, "flat")
    with pytest.raises(files.InputError, match="no conductance step"):
        fit_trace(flat)
    with pytest.raises(ValueError, match="no parameter is called lenght"):
        fit_trace(trace, fixed={"lenght": 50.0})
    with pytest.raises(ValueError, match="cannot be fixed and free"):
        fit_trace(trace, fixed={"floor_1": 0.0}, free=("floor_1",))
    with pytest.raises(ValueError, match="mu must be a positive energy"):
        fit_trace(trace, mu=-1.0)
    with pytest.raises(ValueError, match="knots must be"):
        fit_trace(trace, knots=9)


# --- heating --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def heating(fit):
    return predict_heating(fit, 2.0, 1.6, gates=6)


def test_heating_is_that_of_the_softened_constriction(fit, heating):
    """An independent route: powers of the hard constriction averaged over shifts of mu."""
    k = 3
    half_width, length, _, softness = (
        float(x[0]) for x in fit.model.channel(jnp.asarray(heating.gate[k : k + 1]))
    )
    constriction = qpc.AbruptConstriction(half_width, length, modes=14)
    voltage = heating.voltage[k]
    shift = np.arange(-30, 30.01, 0.25)
    weight = 0.25 / (4 * np.cosh(shift / 2) ** 2)
    at = qpc.Reservoirs(TRUE_MU + softness * shift, voltage, 1.6)
    # Compiled together, they share the integrals.
    power, flow = jax.jit(lambda c, r: (qpc.dissipation(c, r), qpc.current(c, r)))(constriction, at)
    np.testing.assert_allclose(heating.value["P_L"][k], weight @ power.left, rtol=1e-6)
    np.testing.assert_allclose(heating.value["P_R"][k], weight @ power.right, rtol=1e-6)
    # The rest of the bias drops across the series resistance: V - V_qpc = I R_s.
    drop = (weight @ flow) * fit.values()["series_resistance"] * 1e-6  # nA ohm in mV
    np.testing.assert_allclose(voltage + drop, 2.0, rtol=1e-7)


def test_heating_bands_hold_the_prediction(heating):
    for name, value in heating.value.items():
        assert np.all(heating.low[name] <= value)
        assert np.all(heating.high[name] >= value)
        assert np.all(heating.high[name] > heating.low[name])
    np.testing.assert_allclose(heating.value["P_A"], heating.value["P_R"] - heating.value["P_L"])


def test_heating_refuses_what_has_no_answer(fit):
    with pytest.raises(ValueError, match="other than 0"):
        predict_heating(fit, 0.0, 1.6)
    with pytest.raises(ValueError, match="temperature must be 0 or more"):
        predict_heating(fit, 2.0, -1.0)
    with pytest.raises(ValueError, match="strength must be a positive number"):
        predict_heating(fit, 2.0, 1.0, damping=0.0)


# --- the command ----------------------------------------------------------------------------


def test_command_writes_report_tables_and_figures(tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "qpcjax", "fit", EXAMPLE, "-o", out]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    names = {"report.txt", "fit.json", "fit.png", "heating.csv", "heating.png"}
    assert {path.name for path in out.iterdir()} == names
    assert (out / "report.txt").read_text() in done.stdout
    content = json.loads((out / "fit.json").read_text())
    assert content["status"] == "converged"
    assert content["points"] == 399
    assert content["dropped"] == 2
    assert content["parameters"]["series_resistance"]["value"] == pytest.approx(300, abs=6)
    table = np.genfromtxt(out / "heating.csv", delimiter=",", names=True)
    assert len(table.dtype.names) == 14
    assert np.all(np.isfinite(table["P_R_pW"]))
    for name in ("fit.png", "heating.png"):
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
    ],
)
def test_command_refuses_bad_input_and_writes_nothing(tmp_path, content, options, words):
    path = tmp_path / ("missing.csv" if content is None else "trace.csv")
    if content is not None:
        path.write_text(content)
    out = tmp_path / "out"
    # In this process: that a refusal shows no traceback is tested with the command's entry point.
    done = CliRunner().invoke(cli.app, ["fit", str(path), "-o", str(out), *options])
    assert isinstance(done.exception, SystemExit)
    assert done.exit_code == 2
    assert words.lower() in done.stderr.lower()
    assert not out.exists()


# --- measured traces ------------------------------------------------------------------------

DATA = os.environ.get("QPCJAX_DATA")
# Series resistance in ohm from eight free logistics, by trace.
RESISTANCE = {0: 275, 1: 275, 2: 276, 3: 279, 4: 283, 5: 296}


@pytest.mark.skipif(not DATA, reason="QPCJAX_DATA does not name a folder with split_gate/")
@pytest.mark.parametrize("number", [5])  # the hardest of the six; each takes half a minute
def test_measured_trace(number):
    folder = Path(DATA or "") / "split_gate"
    trace = files.read_trace_columns(
        folder / "splitgateV_clean.csv", folder / "conductance_clean.csv", number, "V", "uS"
    )
    fit = fit_trace(trace)
    assert fit.status == "converged"
    assert len(fit.free) <= 10
    assert fit.rms <= 3.0
    assert abs(fit.values()["series_resistance"] - RESISTANCE[number]) <= 25
