"""The command: what it prints, what it refuses, and that a refusal writes nothing."""

import json
import math
import os
import subprocess
import sys

import jax
import numpy as np
import pytest
import typer
from commands import call
from typer.testing import CliRunner

import qpcjax as qpc
from qpcjax import constants
from qpcjax._versions import versions
from qpcjax.cli.app import app
from qpcjax.evaluation import Evaluation, TableRow
from qpcjax.files import open_file
from qpcjax.resolution import modes_needed

# Fig. 5's example: 2w = 40 nm, mu = 4 E1, eV = 4 meV, kT = 0.04 E1.
E1 = constants.transverse_energy(20.0)
EXAMPLE = {
    "half-width": 20,
    "length": 80,
    "mu": 4 * E1,
    "bias": 4,
    "temperature": 0.04 * E1 / constants.BOLTZMANN,
}


COMMANDS = typer.main.get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue]


def evaluate(*more, **changes):
    options = {**EXAMPLE, **{name.replace("_", "-"): value for name, value in changes.items()}}
    given = [word for name, value in options.items() for word in (f"--{name}", value)]
    return call("evaluate", *given, *more)


def evaluate_json(**changes):
    code, out, err = evaluate("--json", **changes)
    assert (code, err) == (0, "")
    return json.loads(out)


# --- evaluate -------------------------------------------------------------------------------


def test_evaluate_agrees_with_the_paper_and_the_package():
    answer = evaluate_json()
    value = {name: entry["value"] for name, entry in answer["results"].items()}
    assert value["E1"] == pytest.approx(5612.4 / 40**2, rel=1e-4)
    assert value["r*"] == pytest.approx(2100, rel=0.03)  # the paper says 2.1 um
    assert value["P_L"] + value["P_R"] == pytest.approx(4 * value["I"], rel=1e-12)
    assert value["P_R"] - value["P_L"] == pytest.approx(value["P_A"], rel=1e-12)
    c = qpc.AbruptConstriction(20.0, 80.0, modes=3)
    r = qpc.Reservoirs(EXAMPLE["mu"], 4.0, EXAMPLE["temperature"])
    assert value["T"] == pytest.approx(float(qpc.transmission(c, r.mu)), rel=1e-12)
    assert value["I"] == pytest.approx(float(qpc.current(c, r)), rel=1e-12)
    assert value["P_L"] == pytest.approx(float(qpc.dissipation(c, r).left), rel=1e-12)
    assert value["G"] == pytest.approx(float(qpc.conductance(c, r.mu, r.temperature)), rel=1e-12)
    # l(E) of Eq. (23) links the two numbers of the hot spot.
    x = value["E*"] - (EXAMPLE["mu"] - 2)
    b = (EXAMPLE["mu"] - 2) / 0.04 * math.sqrt(constants.HBAR2_OVER_2M / 0.067)
    assert value["r*"] == pytest.approx(b * math.sqrt(value["E*"] + 2) / x**2, rel=1e-10)


def test_evaluate_states_units_inputs_and_versions():
    answer = evaluate_json()
    shown = {name: entry["unit"] for name, entry in answer["results"].items()}
    assert shown == {
        **{"E1": "meV", "T": "1", "G": "2e^2/h", "I": "nA"},
        **{"P_L": "pW", "P_R": "pW", "P_A": "pW", "E*": "meV", "r*": "nm"},
    }
    inputs = answer["inputs"]
    assert inputs["half_width"] == {"value": 20.0, "unit": "nm"}
    assert inputs["bias"] == {"value": 4.0, "unit": "meV"}
    assert inputs["damping"] == {"value": 0.04, "unit": "1"}
    assert inputs["fermi_energy"] == {"value": "mu_R", "unit": None}
    assert inputs["modes"]["value"] == 3
    assert answer["versions"] == versions()
    assert answer["notes"] == []


def test_evaluate_prints_a_table():
    code, out, err = evaluate("--also", "total")
    assert (code, err) == (0, "")
    assert "P_L + P_R power dissipated on both sides" in out
    assert "2w = 40 nm, L = 80 nm" in out
    assert "E1 lowest transverse energy 3.50774 meV" in out
    for words in ("2e^2/h", "nA", "pW", "nm", "power dissipated on the left"):
        assert words in out


def test_evaluate_says_why_there_is_no_hot_spot():
    changes = {"mu": 1.5, "temperature": 1, "modes": 3}
    answer = evaluate_json(**changes)
    assert answer["results"]["r*"]["value"] is None
    assert answer["results"]["E*"]["value"] is None
    assert answer["results"]["P_L"]["value"] < 0
    cooled, why = answer["notes"]
    assert "left side is cooled" in cooled
    assert "mu - |eV|/2 = -0.5 meV" in why
    _, out, _ = evaluate(**changes)
    assert "distance of the hot spot, right - nm" in out
    assert "-0.5 meV" in out


def test_evaluate_at_zero_bias():
    answer = evaluate_json(bias=0, temperature=0, modes=3)
    assert answer["results"]["I"]["value"] == 0
    assert answer["results"]["r*"]["value"] is None
    assert "zero bias and zero temperature" in answer["notes"][0]
    answer = evaluate_json(bias=0, modes=3)
    assert answer["results"]["r*"]["value"] > 0
    assert "limit of a small bias" in answer["notes"][0]


def test_evaluate_with_the_bias_reversed():
    forward, backward = evaluate_json(), evaluate_json(bias=-4)
    for one, other, sign in (
        ("I", "I", -1),
        ("P_L", "P_R", 1),
        ("P_A", "P_A", -1),
        ("r*", "r*", 1),
    ):
        assert backward["results"][one]["value"] == pytest.approx(
            sign * forward["results"][other]["value"], rel=1e-12
        )
    assert "left" in backward["results"]["r*"]["name"]
    assert "flow to the left" in backward["notes"][0]


@pytest.mark.parametrize(
    ("option", "value", "facts"),
    [
        ("half-width", -20, ["positive", "nm", "-20"]),
        ("half-width", 0, ["positive", "nm"]),
        ("half-width", "inf", ["finite"]),
        ("length", -1, ["0 or more", "nm", "-1"]),
        ("mass", 0, ["positive", "m_e"]),
        ("mu", "nan", ["finite", "nan"]),
        ("bias", "inf", ["finite"]),
        ("temperature", -1.6, ["0 or more", "K", "-1.6"]),
        ("temperature-bias", 5, ["twice the temperature", "0 K"]),
        ("damping", -0.04, ["positive"]),
        ("damping", "rap", ["strength such as 0.04", "giuliani-quinn", "mean rpa?"]),
        ("density", 2, ["of the laws rpa and giuliani-quinn", "the damping is quadratic"]),
        ("also", "curent_noise", ["no observable 'curent_noise'", "current_noise"]),
        ("fermi-energy", "EF", ["mu_R", "a number in meV", "'EF'"]),
        ("fermi-energy", -7, ["positive", "meV", "-7"]),
        ("fermi-energy", "nan", ["finite"]),
        ("modes", 0, ["1 or more", "got 0"]),
        ("modes", 2, ["at least 3", "got 2", "14.03 meV"]),
        ("modes", 100000, ["smaller than 100000", "3 are enough"]),
        ("mu", "high", ["Invalid value", "number"]),
        ("colour", "red", ["No such option"]),
    ],
)
def test_evaluate_refuses_a_bad_option_and_names_it(option, value, facts):
    code, out, err = evaluate(**{option: value})
    assert (code, out) == (2, "")
    for fact in (f"--{option}", *facts):
        assert fact in err


@pytest.mark.parametrize(
    ("value", "words"),
    [("1e200", "at which E1 is a number of meV"), ("1e-200", "too large or too small")],
)
def test_evaluate_refuses_what_overflows(value, words):
    code, out, err = evaluate(half_width=value)
    assert (code, out) == (2, "")
    assert words in " ".join(err.split())


@pytest.mark.parametrize("changes", [{"half_width": 3000}, {"half_width": 400, "length": 1e6}])
def test_evaluate_refuses_more_modes_than_it_can_hold(changes):
    code, _, err = evaluate(**changes)
    assert code == 2
    assert "modes with L/2w" in err
    assert "more than one evaluation can hold" in err


def test_evaluate_takes_a_law_and_lists_more(monkeypatch):
    asked = []

    def evaluated(scatterer, reservoirs, damping, also, told):
        told(1, 3)
        told(3, 3)
        asked.append((damping, [observable.name for observable in also]))
        return Evaluation([TableRow("r_50", "median", 2.0, "nm")], [])

    monkeypatch.setattr("qpcjax.evaluation.evaluate", evaluated)
    more = ("--also", "heat_median", "--also", "seebeck")
    code, out, err = evaluate("--json", *more, damping="rpa", density=2, mass=0.06)
    assert (code, err) == (0, "")
    assert asked == [
        (qpc.RPADamping(2.0, qpc.Material(mass=0.06)), ["heat_median", "seebeck"]),
    ]
    found = json.loads(out)
    assert found["inputs"]["damping"] == {"value": "rpa", "unit": None}
    assert found["inputs"]["density"] == {"value": 2.0, "unit": "1e11 cm^-2"}
    assert "fermi_energy" not in found["inputs"]
    assert found["results"]["r_50"]["value"] == 2


@pytest.mark.parametrize("suffix", ["csv", "json", "nc"])
def test_evaluate_writes_its_results(tmp_path, suffix):
    path = tmp_path / "new" / f"point.{suffix}"
    code, _, err = evaluate("--out", path)
    assert (code, err) == (0, "")
    value = {name: entry["value"] for name, entry in evaluate_json()["results"].items()}
    if suffix == "json":
        found = json.loads(path.read_text())
        assert found["columns"]["P_L"] == {"unit": "pW", "values": [value["P_L"]]}
        assert found["inputs"]["half_width"] == 20
        return
    (table,) = open_file(path).tables
    written = {column.name: column for column in table.columns}
    assert set(written) == set(value)
    assert float(written["r*"].values[0]) == value["r*"]
    assert written["r*"].unit == "nm"


def test_evaluate_refuses_another_suffix_before_it_works(tmp_path):
    code, out, err = evaluate("--out", tmp_path / "point.xls")
    assert (code, out) == (2, "")
    assert "point.xls" in err
    assert ".csv, .json, .nc" in err
    assert not list(tmp_path.iterdir())


def test_evaluate_needs_a_constriction():
    code, _, err = call("evaluate", "--length", 80, "--mu", 14)
    assert code == 2
    assert "--half-width" in err


# --- the number of modes --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mu", "bias", "temperature", "needed"),
    [
        (4.0, 0.0, 0.0, 2),
        (np.nextafter(4.0, 5), 0.0, 0.0, 3),
        (3.0, 2.0, 0.0, 2),
        (3.0, -2.1, 0.0, 3),
        (-5.0, 0.0, 0.0, 1),
        (1.0, 0.0, 2.9 / 27.6 / constants.BOLTZMANN, 2),
        (1.0, 0.0, 3.1 / 27.6 / constants.BOLTZMANN, 3),
    ],
)
def test_modes_needed_is_the_smallest_number(mu, bias, temperature, needed):
    reservoirs = qpc.Reservoirs(mu, bias, temperature)
    width, mass = math.pi / 2, constants.HBAR2_OVER_2M
    assert modes_needed(qpc.AbruptConstriction(width, width, mass=mass), reservoirs) == needed
    # One fewer is what the integrals themselves refuse.
    for modes in {needed, max(needed - 1, 1)}:
        c = qpc.AbruptConstriction(width, width, mass=mass, modes=modes)
        current = float(jax.jit(qpc.current)(c, reservoirs))  # keeps the number of modes
        assert math.isnan(current) == (modes < needed)


# --- figures --------------------------------------------------------------------------------


@pytest.fixture
def drawn(monkeypatch):
    """Stand in for the drawing, which has its own tests; records what it was asked for."""
    calls = []

    def paper_figures(folder, half_width, length, mass, model, progress, formats, figure_formats):
        calls.append((half_width, length, mass, model))
        progress(1, 2, "drawing")
        folder.mkdir()
        path = folder / "figure_2.png"
        path.write_bytes(b"picture")
        return [path]

    monkeypatch.setattr("qpcjax.paper_figures.paper_figures", paper_figures)
    return calls


def test_figures_lists_what_it_wrote(tmp_path, drawn):
    code, out, err = call("figures", tmp_path / "out", "--half-width", 25)
    assert (code, err) == (0, "")
    assert drawn == [(25.0, 80.0, 0.067, "mean")]
    assert "figure_2.png" in out
    assert os.listdir(tmp_path / "out") == ["figure_2.png"]


def test_figures_has_a_second_set(tmp_path, drawn, monkeypatch):
    calls = []

    def beyond_figures(folder, progress, formats, figure_formats):
        calls.append((folder.name, formats, figure_formats))
        return [folder / "thermopower.png"]

    monkeypatch.setattr("qpcjax.beyond_figures.beyond_figures", beyond_figures)
    code, out, err = call("figures", tmp_path / "out", "--set", "beyond", "--format", "json")
    assert (code, err) == (0, "")
    assert "thermopower.png" in out
    assert calls == [("out", ["json"], ["png"])]
    assert not drawn
    for wrong, words in (
        (("--set", "beyond", "--half-width", 25), "--half-width is of the paper's set"),
        (("--set", "others"), "--set must be paper or beyond, got 'others'"),
    ):
        code, _, err = call("figures", tmp_path / "out", *wrong)
        assert code == 2
        assert words in err


@pytest.mark.parametrize("name", ["half-width", "length", "mass"])
def test_figures_refuses_a_bad_option(tmp_path, drawn, name):
    code, _, err = call("figures", tmp_path / "out", f"--{name}", -3)
    assert code == 2
    assert f"--{name} must be" in err
    assert not drawn
    assert not list(tmp_path.iterdir())


def test_figures_refuses_a_folder_it_cannot_write_before_working(tmp_path, drawn):
    (tmp_path / "taken").write_text("keep")
    code, _, err = call("figures", tmp_path / "taken")
    assert code == 2
    assert "taken cannot be written" in err
    assert not drawn
    assert (tmp_path / "taken").read_text() == "keep"


def test_figures_reports_a_full_disk(tmp_path, monkeypatch):
    def paper_figures(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("qpcjax.paper_figures.paper_figures", paper_figures)
    code, _, err = call("figures", tmp_path / "out")
    assert code == 2
    assert "No space left on device" in err


# --- help, versions, entry points -----------------------------------------------------------


def test_help_names_units_and_gives_examples():
    code, out, _ = call("evaluate", "--help")
    assert code == 0
    for words in ("in nm", "in meV", "in K", "electron masses", "qpcjax evaluate --half-width"):
        assert words in out
    code, out, _ = call("figures", "--help")
    assert code == 0
    assert "Examples: qpcjax figures OUT --half-width 20" in out
    code, out, _ = call("--help")
    assert code == 0
    for command in ("evaluate", "figures", "info"):
        assert command in out


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_the_help_fits_a_screen(command):
    """A line or two for each option, in groups, its default, two examples; in full if asked."""
    run = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "100"})
    assert run.exit_code == 0
    assert len(run.stdout.splitlines()) <= 50
    assert max(map(len, run.stdout.splitlines())) <= 110
    assert run.stdout.count("  qpcjax ") == 2 or not command
    long = CliRunner().invoke(app, [*command.split(), "--help-long"]) if command else run
    assert long.exit_code == 0
    assert len(long.stdout) >= len(run.stdout)


def test_the_commands_are_in_groups():
    run = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "100"})
    titles = ["From a model", "From measured data", "About this installation"]
    places = [run.stdout.index(f" {title} ") for title in titles]
    assert places == sorted(places)
    for name in COMMANDS:
        assert f"\n│ {name} " in run.stdout


def test_the_help_of_a_fit_is_in_groups():
    run = CliRunner().invoke(app, ["fit", "--help"], env={"COLUMNS": "100"})
    titles = ["Data:", "Barrier:", "Model of the fit:", "Reservoirs and heating:", "Output:"]
    places = [run.stdout.index(f"\n{title}") for title in titles]
    assert places == sorted(places)
    for words in ("--bias NUMBER", "eV, in meV [2]", "--sweep TEXT", "--help-long says all"):
        assert words in run.stdout
    assert call("evaluate", "--nothing")[0] == 2


def test_info():
    code, out, _ = call("info", "--json")
    assert code == 0
    facts = json.loads(out)
    assert facts["versions"]["qpcjax"] == qpc.__version__
    assert facts["precision"].startswith("float64")
    assert facts["devices"]
    code, out, _ = call("info")
    assert code == 0
    for name, number in versions().items():
        assert f"{name} {number}" in out


def test_version():
    assert call("--version") == (0, f"qpcjax {qpc.__version__}", "")


def test_the_command_switches_double_precision_on():
    done = subprocess.run(
        [sys.executable, "-m", "qpcjax", "info", "--json"],
        env={**os.environ, "JAX_ENABLE_X64": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["precision"].startswith("float64")


def test_a_refusal_shows_no_traceback():
    options = ["--half-width", "-20", "--length", "80", "--mu", "14"]
    done = subprocess.run(
        [sys.executable, "-m", "qpcjax", "evaluate", *options],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip() == "Error: --half-width must be positive, in nm, got -20"
