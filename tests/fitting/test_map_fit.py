"""Maps over gate and bias: fitted with and without a trace, and the lever arm of the gate."""

import json
import re
import shlex

import jax
import numpy as np
import pytest
from commands import call
from laboratory_containers import Database

import qpcjax as qpc
from qpcjax.constants import CONDUCTANCE_QUANTUM
from qpcjax.fitting import fit_map, lever_arms
from qpcjax.fitting.command import TraceFitOptions
from qpcjax.fitting.map_files import answer_map
from qpcjax.fitting.map_fit import thinned, zero_bias_line
from qpcjax.measurements import BiasSpectroscopy, ConductanceTrace, InputError

MU, LEVER, TOP, WIDE = 8.0, 0.12, 4.0, 2.0  # TOP in meV at -40 mV
SIGMA, KELVIN = 0.004, 1.0
GATES, BIASES = np.linspace(-68, 0, 36), np.linspace(-1.6, 1.6, 9)


@jax.jit
@jax.vmap
def slope(gate, bias):
    saddle = qpc.SaddlePoint(TOP - LEVER * (gate + 40), WIDE, 0.6, modes=7)
    return qpc.differential_conductance(saddle, qpc.Reservoirs(MU, bias, KELVIN))


def spectrum(gates=GATES, biases=BIASES):
    v, b = (x.ravel() for x in np.meshgrid(gates, biases, indexing="ij"))
    noise = SIGMA * np.random.default_rng(3).standard_normal(v.size)
    values = np.asarray(slope(v, b)) + noise
    return BiasSpectroscopy(v, b, values, "map.csv", sigma=SIGMA, temperature=KELVIN)


@pytest.fixture(scope="module")
def found():
    lines = []
    answer = fit_map(spectrum(), None, "saddle", mu=MU, told=lambda *line: lines.append(line))
    assert [name for name, _ in lines] == ["trace"]
    return answer


@pytest.mark.end_to_end
def test_a_map_tells_how_far_apart_the_steps_are(found):
    assert found.freed == ("hbar_omega_y",)
    assert found.found.status == "converged"
    assert [part.name for part in found.found.parts] == ["map"]
    values, errors = found.found.values(), found.found.stderr
    assert abs(values["hbar_omega_y"] - WIDE) < 4 * errors["hbar_omega_y"] < 0.1
    assert found.found.misfit < 1.3
    # The trace alone holds it.
    assert "hbar_omega_y" not in found.alone.stderr


def test_lever_arms_are_those_that_made_the_map(found):
    arms = lever_arms(found.found)
    assert [arm.subband for arm in arms] == [1, 2, 3, 4]
    for arm in arms:
        # The edge of sub-band n is TOP - LEVER (v + 40) + WIDE (n - 1/2).
        opens = -40 + (TOP + WIDE * (arm.subband - 0.5) - MU) / LEVER
        assert arm.gate == pytest.approx(opens, abs=0.5)
        assert abs(arm.value - LEVER) < 4 * arm.stderr < 0.1 * LEVER


@pytest.mark.end_to_end
def test_what_the_command_writes_of_a_map(found, monkeypatch, tmp_path):
    monkeypatch.setattr("qpcjax.fitting.map_fit.fit_map", lambda *a, **k: found)
    question = TraceFitOptions(model="saddle", mu=MU, bias=1.0, temperature=1.0)
    report, paths = answer_map(spectrum(), None, question, tmp_path, lambda *_: None)
    assert "The map determines hbar_omega_y" in report
    assert "[[Map over gate and bias]]" in report
    names = {path.name for path in paths}
    assert {"report.txt", "fit.json", "map.png", "fit_curves.csv", "parameters.csv"} <= names
    summary = json.loads((tmp_path / "fit.json").read_text())
    assert [arm["subband"] for arm in summary["lever_arms"]] == [1, 2, 3, 4]
    head, *rows = (tmp_path / "fit_curves.csv").read_text().splitlines()
    assert "bias" in head
    assert len([row for row in rows if row[0].isdigit()]) == GATES.size * BIASES.size


def test_the_line_at_zero_bias_is_the_trace():
    line = zero_bias_line(spectrum())
    assert line.gate.size == GATES.size
    np.testing.assert_allclose(line.conductance, slope(GATES, np.zeros(GATES.size)), atol=0.02)
    assert line.name == "map.csv at 0 mV"
    assert line.temperature == KELVIN
    with pytest.raises(InputError, match=r"no line near zero bias, the nearest is 0\.8 mV"):
        zero_bias_line(spectrum(GATES, BIASES[BIASES > 0.5]))


def test_maps_that_are_refused():
    bare = BiasSpectroscopy(None, BIASES, np.ones(BIASES.size))
    with pytest.raises(InputError, match="no gate voltages"):
        fit_map(bare)
    far = ConductanceTrace(GATES + 500, np.linspace(0, 3, GATES.size), name="trace.csv")
    with pytest.raises(InputError, match=r"trace\.csv .* have no gate voltage in common"):
        fit_map(spectrum(), far)


@pytest.mark.parametrize("most", [600, 100, 30])
def test_large_maps_are_fitted_on_a_coarser_grid(most):
    whole = spectrum()
    few = thinned(whole, most)
    assert few.value.size <= most
    gates, biases = np.unique(few.gate), np.unique(few.bias)
    assert few.value.size == gates.size * biases.size
    assert (gates[0], gates[-1]) == (GATES[0], GATES[-1])
    assert (biases[0], biases[-1]) == (BIASES[0], BIASES[-1])
    assert (few is whole) == (most == 600)
    place = np.flatnonzero((whole.gate == few.gate[7]) & (whole.bias == few.bias[7]))
    assert few.value[7] == whole.value[place[0]]


# --- the command ----------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    data, line = spectrum(), zero_bias_line(spectrum())
    rows = zip(data.gate, data.bias, data.conductance, strict=True)
    text = "gate (mV),bias (mV),dI/dV (2e2/h)\n" + "".join(f"{v},{b},{g}\n" for v, b, g in rows)
    (tmp_path / "map.csv").write_text(text)
    rows = zip(line.gate, line.conductance, strict=True)
    text = "gate (mV),conductance (2e2/h)\n" + "".join(f"{v},{g}\n" for v, g in rows)
    (tmp_path / "trace.csv").write_text(text)
    return tmp_path


@pytest.mark.end_to_end
def test_a_map_in_a_database_is_fitted_by_the_command_that_inspect_prints(tmp_path):
    path, data = tmp_path / "run.db", spectrum()
    kinds = {"bias": ("numeric", "mV"), "gate": ("numeric", "mV"), "G": ("numeric", "uS")}
    siemens = (data.conductance * CONDUCTANCE_QUANTUM).tolist()
    columns = zip(data.gate.tolist(), data.bias.tolist(), siemens, strict=True)
    rows = [{"gate": v, "bias": b, "G": g} for v, b, g in columns]
    Database(path).add(kinds, {"G": ["gate", "bias"]}, rows)
    code, out, err = call("inspect", path)
    assert code == 0, err
    command = shlex.split(re.search(r"to fit it: qpcjax (.*? -o) OUT", out).group(1))
    assert command == ["fit", "--map", str(path), "-o"]
    more = ["--model", "saddle", "--mu", MU, "--temperature", KELVIN]
    code, out, err = call(*command, tmp_path / "out", *more)
    assert code == 0, err
    told = json.loads((tmp_path / "out" / "fit.json").read_text())
    spacing = told["parameters"]["hbar_omega_y"]
    assert abs(spacing["value"] - WIDE) < 4 * spacing["stderr"] < 0.1
    assert told["misfit"] < 1.3
    assert {"map.png", "report.html"} <= {p.name for p in (tmp_path / "out").iterdir()}


@pytest.mark.parametrize("with_trace", [False, True])
def test_the_command_fits_a_map_with_a_trace_and_without(with_trace, files, monkeypatch):
    asked = []

    def answer(*arguments):
        asked.append(arguments)
        return "report", []

    monkeypatch.setattr("qpcjax.fitting.map_files.answer_map", answer)
    trace = [files / "trace.csv"] if with_trace else []
    code, out, err = call("fit", *trace, "--map", files / "map.csv", "-o", files / "out")
    assert code == 0, err
    assert out.startswith("report")
    ((data, line, *_),) = asked
    np.testing.assert_allclose(data.conductance, spectrum().conductance)
    assert (line is not None) == with_trace
    if with_trace:
        np.testing.assert_allclose(line.conductance, zero_bias_line(spectrum()).conductance)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--map", "trace.csv"], "trace.csv"),
        (["--map", "map.csv", "--intervals"], "--intervals is for a trace without --map"),
        (["--map", "map.csv", "--private", "length"], "--private is for several traces"),
        (["--map", "none.csv"], "none.csv"),
    ],
)
def test_what_the_command_refuses_of_maps(options, words, files, monkeypatch):
    monkeypatch.chdir(files)
    code, _, err = call("fit", *options, "-o", "out")
    assert code == 2
    assert words in err
    assert not (files / "out").exists()
