"""The example data, made without the package, and the scripts that fit them."""

import re
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

import qpcjax as qpc
from qpcjax.files import read_trace
from qpcjax.fitting import Device, GateCurve, Gated
from qpcjax.fitting.compiled_predictions import Predictor
from qpcjax.fitting.device import gate_knots

FITS = Path(__file__).parents[2] / "fits"


@pytest.fixture(scope="module")
def made():
    return SimpleNamespace(**runpy.run_path(str(FITS / "make_examples.py")))


def with_errors(printed):
    """What a script printed, and its `name value +- error` lines."""
    lines = re.findall(r"^(\w+) +([-\d.]+) \+- ([\d.e+-]+)", printed, re.MULTILINE)
    return printed, {name: (float(value), float(error)) for name, value, error in lines}


def run(script, *arguments):
    """The same of a script that a user runs."""
    done = subprocess.run(
        [sys.executable, FITS / script, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return with_errors(done.stdout)


def assert_recovered(found, truth):
    assert found.keys() == truth.keys()
    off = {name: (value - truth[name]) / error for name, (value, error) in found.items()}
    assert max(map(abs, off.values())) < 4, off


# --- the data -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["trace.csv", "hot_spot.csv", "hot_spot_conductance.csv"])
def test_the_data_are_what_the_script_makes(made, name):
    kept, new = (FITS / "data" / name).read_text(encoding="utf-8"), made.FILES[name]()
    words = [re.sub(r"(?m)^(?!#).*\d.*$", "", text) for text in (kept, new)]
    assert words[0] == words[1]
    assert "SYNTHETIC" in kept.splitlines()[0]
    values = [
        np.genfromtxt(text.splitlines(), delimiter=",", skip_header=text.count("#") + 1)
        for text in (kept, new)
    ]
    # One unit in the last place, so that another machine's rounding is no failure.
    np.testing.assert_allclose(*values, rtol=0, atol=1.1e-5)


def test_the_trace_has_rows_to_drop(made):
    trace = read_trace(FITS / "data" / "trace.csv")
    assert trace.dropped == len(made.TRACE_LOST)
    assert trace.gate.size == made.TRACE_GATE.size - trace.dropped


# --- the model against the formulas as printed ----------------------------------------------


def test_trace_model(made):
    ends = float(made.TRACE_GATE[0]), float(made.TRACE_GATE[-1])
    half_width = made.trace_width(np.asarray(gate_knots(ends, 10))) / 2
    channel = qpc.AbruptConstriction(20.0, made.TRACE_LENGTH, mass=made.MASS)
    barrier = Gated(channel, half_width=GateCurve(ends, half_width, "positive"))
    smearing = GateCurve(ends, made.TRACE_SMEARING, "log")
    device = Device(barrier, made.TRACE_MU, smearing, made.TRACE_RESISTANCE)
    kernel = Predictor(device, "conductance", dict(gate=made.TRACE_GATE), order=16)
    predicted = kernel.predict(kernel.layout.values)[0]
    np.testing.assert_allclose(predicted, made.trace_truth(), rtol=0, atol=1e-6)


def test_conductance(made):
    channel = qpc.AbruptConstriction(made.SPOT_HALF_WIDTH, made.SPOT_LENGTH)
    g = qpc.conductance(channel, made.SPOT_CONDUCTANCE_MU, made.SPOT_TEMPERATURE)
    np.testing.assert_allclose(g, made.conductances_truth(), rtol=0, atol=1e-6)


def test_hot_spot(made):
    channel = qpc.AbruptConstriction(made.SPOT_HALF_WIDTH, made.SPOT_LENGTH)
    reservoirs = qpc.Reservoirs(made.SPOT_MU, made.SPOT_BIAS, made.SPOT_TEMPERATURE)
    spot = qpc.hot_spot(channel, reservoirs, qpc.QuadraticDamping(made.SPOT_STRENGTH))
    assert np.all(spot.status == 0)
    np.testing.assert_allclose(spot.distance, made.distances_truth(), rtol=1e-6)


# --- the scripts ----------------------------------------------------------------------------


@pytest.mark.end_to_end
def test_conductance_script(made, monkeypatch, capsys, request, remembered_fits):
    # In this process, which has compiled such fits; the script turns double precision on itself.
    monkeypatch.setattr(sys, "argv", ["conductance.py"])
    request.addfinalizer(lambda: jax.config.update("jax_enable_x64", True))
    jax.config.update("jax_enable_x64", False)
    runpy.run_path(str(FITS / "conductance.py"), run_name="__main__")
    assert jax.config.jax_enable_x64  # pyright: ignore[reportAttributeAccessIssue]
    printed, found = with_errors(capsys.readouterr().out)
    assert "\nstatus converged" in printed
    assert "2 rows without a value" in printed
    rms = float(re.search(r"^rms ([\d.]+) uS", printed, re.MULTILINE)[1])
    assert rms == pytest.approx(made.TRACE_NOISE, rel=0.15)
    # mu scales all lengths: the data leave that open, and the script says so.
    assert re.search(
        r"^not determined .*: length -0\.50, half_width_1 -0\.50", printed, re.MULTILINE
    )
    knots = sum(name.startswith("half_width_") for name in found)
    width = made.trace_width(np.asarray(gate_knots(made.TRACE_GATE[[0, -1]], knots)))
    smearing = zip(("smearing_1", "smearing_2"), made.TRACE_SMEARING, strict=True)
    truth = {f"half_width_{i + 1}": w / 2 for i, w in enumerate(width)} | dict(smearing)
    truth |= {"length": made.TRACE_LENGTH, "series_resistance": made.TRACE_RESISTANCE}
    assert_recovered(found, truth)


@pytest.mark.slow
def test_hot_spot_script(made):
    printed, found = run("hot_spot.py")
    assert "\nstatus converged" in printed
    truth = {"strength": made.SPOT_STRENGTH, "half_width": made.SPOT_HALF_WIDTH}
    assert_recovered(found, truth | {"length": made.SPOT_LENGTH})
    # The distances alone fix a to their noise over the square root of their number.
    value, error = found["strength"]
    assert error / value == pytest.approx(made.SPOT_NOISE / made.SPOT_BIAS.size**0.5, rel=0.1)
    assert printed.count("(true ") == 3


@pytest.mark.slow
def test_design_script(made):
    printed, found = run("design.py")
    assert "\nstatus converged" in "\n" + printed
    # The width and bias that it prints have the distance and the current that it was asked for.
    at = dict(re.findall(r"^(\w+) +([-\d.]+) (?:nm|meV)", printed, re.MULTILINE))
    c = qpc.AdiabaticConstriction(float(at["half_width"]), 100.0)
    r = qpc.Reservoirs(14.0, float(at["bias"]), 1.6)
    assert float(qpc.current(c, r)) == pytest.approx(400, rel=1e-3)
    spot = qpc.hot_spot(c, r, qpc.QuadraticDamping(0.04))
    assert float(spot.distance) == pytest.approx(1500, rel=1e-3)
    assert not found
