"""Several traces of one device: the command, shared and private parameters, contradictions."""

import json

import numpy as np
import pytest
import small_fits
from commands import call

from qpcjax.files.trace_selection import each_pointed
from qpcjax.fitting import fit_together, load_fit
from qpcjax.fitting.command import TraceFitOptions, temperatures
from qpcjax.fitting.together import along
from qpcjax.measurements import ConductanceTrace, InputError

GATE = np.linspace(*small_fits.RANGE, 48)


def values(seed, shift=0.0):
    noise = small_fits.SIGMA * np.random.default_rng(seed).standard_normal(GATE.size)
    return small_fits.conductance(GATE - shift) + noise


def trace(name, seed, shift=0.0):
    return ConductanceTrace(GATE, values(seed, shift), name, sigma=small_fits.SIGMA,
                            temperature=small_fits.TEMPERATURE)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the command says and writes of two traces of one saddle."""
    where = tmp_path_factory.mktemp("two")
    np.savetxt(where / "G.csv", np.stack([GATE, GATE], 1), delimiter=",")
    np.savetxt(where / "C.csv", np.stack([values(1), values(2)], 1), delimiter=",")
    options = f"--gate-unit mV --conductance-unit 2e2/h --mu {small_fits.MU} --knots 2"
    options += " --model saddle --trace-temperature 1,1 --hold series_resistance=0"
    options += " --hold hbar_omega_y=2"
    found = call(
        "fit", "--gate", where / "G.csv", "--conductance", f"{where / 'C.csv'}#0-1",
        "-o", where / "out", *options.split(),
    )  # fmt: skip
    return where / "out", found


@pytest.mark.end_to_end
def test_the_command_fits_two_traces_together(folder):
    out, (code, printed, complaint) = folder
    assert (code, complaint) == (0, "")
    names = {"report.txt", "report.html", "fit.json", "fit_curves.csv", "parameters.csv"}
    names |= {"heating.csv", "fit.png", "heating.png", "correlation.png"}
    assert {path.name for path in out.iterdir()} == names
    assert "C.csv, trace 0 alone: rms" in printed
    assert "[[Traces]]" in printed
    found = load_fit(out / "fit.json")
    assert found.status == "converged"
    assert [part.name for part in found.parts] == ["C.csv, trace 0", "C.csv, trace 1"]
    assert found.misfit < 1.3
    truth = {"height_1": 4.8, "height_2": 1.2, "hbar_omega_x_1": 0.8, "hbar_omega_x_2": 0.8}
    for name, true in truth.items():
        assert abs(found.values()[name] - true) < 4 * found.stderr[name], name
    content = json.loads((out / "fit.json").read_text())
    assert set(content["alone"]) == {"C.csv, trace 0", "C.csv, trace 1"}
    for own in content["alone"].values():
        # Two traces know a parameter better than one.
        assert found.stderr["height_2"] < own["stderr"]["height_2"]
    table = (out / "fit_curves.csv").read_text().splitlines()
    rows = [line for line in table if not line.startswith("#")]
    assert len(rows) == 1 + 2 * GATE.size


@pytest.fixture(scope="module")
def shifted():
    """Two traces whose gates are 4 mV apart, which share everything."""
    traces = [trace("a", 1), trace("b", 2, shift=4.0)]
    held = {"series_resistance": 0.0, "hbar_omega_y": 2.0}
    own = {"mu": small_fits.MU, "knots": 2, "fixed": held}
    return (
        fit_together(traces, "saddle", **own),
        fit_together(traces, "saddle", private=("height",), **own),
    )


def test_traces_that_do_not_belong_together_are_said(shifted):
    shared, private = shifted
    (said,) = [words for words in shared.contradictions if words.startswith("height at")]
    assert "in a and" in said
    assert "--private height gives each its own" in said
    assert shared.found.misfit > 1.3
    assert not [words for words in private.contradictions if words.startswith("height")]
    assert all(part.misfit < 1.3 for part in private.found.parts)
    # 4 mV of a height that falls by 3.6 meV over 60 mV.
    moved = private.found.values()["height_1@b"] - private.found.values()["height_1@a"]
    error = np.hypot(*(private.found.stderr[f"height_1@{n}"] for n in "ab"))
    slope = private.found.values()["height_2@a"] - private.found.values()["height_1@a"]
    assert moved == pytest.approx(-slope * 4 / 60, abs=5 * error)


def test_a_device_along_another_range(shifted):
    device = shifted[0].alone["a"].device
    wide = along(device, -80.0, 10.0)
    for gate in (-55.0, -20.0):
        there, here = (d.at(gate).scatterer for d in (wide, device))
        assert float(there.height) == pytest.approx(float(here.height), rel=1e-9)
        assert float(there.hbar_omega_x) == pytest.approx(float(here.hbar_omega_x), rel=1e-9)


def test_traces_without_a_common_gate_voltage():
    far = ConductanceTrace(GATE + 500, values(2), "b", sigma=0.004, temperature=1.0)
    with pytest.raises(InputError, match=r"no gate voltage in common.*--private height"):
        fit_together([trace("a", 1), far], "saddle", mu=small_fits.MU, knots=2)
    with pytest.raises(InputError, match="at least two traces"):
        fit_together([trace("a", 1)], "saddle")


# --- what the command is asked --------------------------------------------------------------


def test_traces_by_their_numbers(tmp_path):
    assert each_pointed("C.csv#0-2") == ["C.csv#0", "C.csv#1", "C.csv#2"]
    assert each_pointed("C.csv#3,0,5-6") == ["C.csv#3", "C.csv#0", "C.csv#5", "C.csv#6"]
    assert each_pointed("C.csv#3") == ["C.csv#3"]
    assert each_pointed("C.csv") == ["C.csv"]
    (tmp_path / "a#0-2").write_text("")
    assert each_pointed(tmp_path / "a#0-2") == [str(tmp_path / "a#0-2")]
    for wrong, words in (
        ("C.csv#2-0", "a range of traces rises"),
        ("C.csv#1,1", "each trace once"),
    ):
        with pytest.raises(InputError, match=words):
            each_pointed(wrong)


def test_temperatures_of_several_traces():
    assert temperatures(None) is None
    assert temperatures("0.3") == 0.3
    question = TraceFitOptions(trace_temperature=temperatures("0.3,1.2"))
    assert question.temperatures_of(2) == [0.3, 1.2]
    assert TraceFitOptions(trace_temperature=0.3).temperatures_of(3) == [0.3] * 3
    assert TraceFitOptions().temperatures_of(2) == [None] * 2
    with pytest.raises(ValueError, match="one for each of the 3 traces, got 2"):
        question.temperatures_of(3)
    own = [ConductanceTrace(GATE, values(1), temperature=t) for t in (4.2, None)]
    kept = TraceFitOptions().at_known_temperatures(own)
    assert [part.temperature for part in kept] == [4.2, None]
    assert [part.temperature for part in question.at_known_temperatures(own)] == [0.3, 1.2]
    with pytest.raises(ValueError, match="T1,T2"):
        temperatures("cold")


def test_private_needs_several_traces(tmp_path):
    path = tmp_path / "trace.csv"
    rows = "\n".join(f"{v},{g}" for v, g in zip(GATE, values(1), strict=True))
    path.write_text("gate (mV),conductance (2e2/h)\n" + rows)
    code, out, err = call("fit", path, "--private", "height", "-o", tmp_path / "out")
    assert (code, out) == (2, "")
    assert "--private is for several traces, such as FILE#0-5" in err
