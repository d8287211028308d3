"""Shoulders below the plateaus: fits of a trace made by NumPy, names, reports, saved fits."""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np
import pytest
from commands import call
from small_shoulders import (
    HEIGHTS,
    MU,
    RANGE,
    SIGMA,
    SOFTNESS,
    SPACING,
    TEMPERATURE,
    TRUE,
    conductance,
    trace,
)

import qpcjax as qpc
from qpcjax.constants import BOHR_MAGNETON, BOLTZMANN, RESISTANCE_QUANTUM
from qpcjax.fitting import Device, GateCurve, Gated, fit, load_fit, predict_heating, trace_device
from qpcjax.fitting.command import TraceFitOptions, zeeman_of
from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.fitting.half_plateaus import half_plateau_in_words, has_half_plateau
from qpcjax.fitting.report import text
from qpcjax.fitting.starts import Steps
from qpcjax.measurements import ConductanceTrace


def device(shoulder):
    return trace_device(trace(), "saddle", mu=MU, knots=2, shoulder=shoulder)


@functools.cache
def fits():
    """Without a shoulder, and from there with the gap."""
    held = {"series_resistance": 0.0}
    bare = fit(device(None), trace(), starts=2, fixed=held)
    return bare, fit(device("gap"), trace(), starts=bare, fixed=held)


@pytest.mark.end_to_end
def test_the_gap_is_recovered():
    bare, found = fits()
    assert found.rms < bare.rms / 3
    assert found.initial_values["gap_slope"] == 0.6
    assert found.initial_values["height_1"] == bare.values()["height_1"]
    for name, true in TRUE.items():
        error = found.stderr[name]
        assert abs(found.values()[name] - true) < 4 * error, name
        assert error < 0.2, name
    predicted = found.predict("conductance", gate=np.array([-40.0, -10.0]))[0]
    exact = conductance(np.array([-40.0, -10.0]), *TRUE.values())
    np.testing.assert_allclose(predicted, exact, atol=5 * SIGMA)


@pytest.mark.end_to_end
def test_what_is_said_of_it(tmp_path):
    bare, found = fits()
    heating = predict_heating(found, 1.0, 0.5, gates=5)
    more = {name: 1.3 * value for name, value in heating.value.items()}
    without = dataclasses.replace(heating, value=more)
    words = " ".join(text(found, dataclasses.replace(heating, without=without)).split())
    assert "SaddlePoint; spin gap, phenomenological" in words
    assert "nothing is said of where it comes from" in words
    with_gap, by_other = (h.value["P_A"][h.largest] for h in (heating, without))
    assert f"The largest P_A is {with_gap:.4g} pW with the shoulder, and {by_other:.4g} pW" in words
    assert "slope of the spin gap" in words
    for mechanism in ("kondo", "many-body", "interaction"):
        assert mechanism not in words.lower()
    assert "no one-electron model" in text(bare)
    # heat is that of the barrier with its gap at the device's mu
    k = heating.largest
    there = found.device.at(heating.gate[k])
    power = qpc.dissipation(there.scatterer, qpc.Reservoirs(MU, 1.0, 0.5))
    assert heating.value["P_A"][k] == pytest.approx(float(power.asymmetry), rel=1e-9)
    path = found.save(tmp_path / "gap.json")
    again = load_fit(path)
    assert again.values() == found.values()
    np.testing.assert_array_equal(
        again.predict("conductance", gate=-20.0)[0], found.predict("conductance", gate=-20.0)[0]
    )


# --- devices --------------------------------------------------------------------------------


def test_the_gap_has_the_potential_of_the_device():
    saddle = qpc.SaddlePoint(4.0, SPACING, SOFTNESS)
    gated = Gated(qpc.SpinGap(saddle, 99.0, 0.6, -0.1), height=GateCurve(RANGE, HEIGHTS))
    found = Device(gated, MU, temperature=TEMPERATURE)
    point = found.at(-20.0)
    assert float(point.scatterer.mu) == MU
    other = found.at(-20.0, mu=6.0)
    assert float(other.scatterer.mu) == 6.0
    assert "mu" in DeviceNumbers(found).names

    def measured(mu):
        at = Device(gated, mu, temperature=TEMPERATURE).at(-20.0)
        return qpc.conductance(at.scatterer, at.mu, TEMPERATURE)

    height = float(np.interp(-20.0, RANGE, HEIGHTS))

    def written(mu):
        c = qpc.SpinGap(qpc.SaddlePoint(height, SPACING, SOFTNESS), mu, 0.6, -0.1)
        return float(qpc.conductance(c, mu, TEMPERATURE))

    value, slope = jax.value_and_grad(measured)(MU)
    assert float(value) == pytest.approx(written(MU), rel=1e-12)
    difference = (written(MU + 1e-4) - written(MU - 1e-4)) / 2e-4
    assert float(slope) == pytest.approx(difference, rel=1e-6)


def test_names_and_bounds():
    numbers = DeviceNumbers(device("gap"))
    parameters = {p.name: p for p in numbers.parameters()}
    free = {name for name, p in parameters.items() if p.free}
    assert free >= {"gap_slope", "gap_onset", "gap_fade"}
    assert (parameters["gap_fade"].lower, parameters["gap_fade"].upper) == (0.0, 1.2)
    assert parameters["gap_slope"].value == 0.6
    assert parameters["gap_onset"].unit == "meV"
    assert parameters["gap_onset"].value == pytest.approx(-0.1 * MU / 4)
    assert "slope of the spin gap" in numbers.words("gap_slope")
    hartree = DeviceNumbers(device("hartree"))
    assert "hartree_strength" in hartree.names
    # A field on the orbit and one on the spins are two numbers.
    split = qpc.ZeemanSplit(qpc.SaddlePoint(4.0, SPACING, SOFTNESS), 2.0)
    both = DeviceNumbers(Device(Gated(split, height=GateCurve(RANGE, HEIGHTS)), MU))
    assert {"magnetic_field", "spin_magnetic_field", "g_factor"} <= set(both.names)
    assert not {p.name for p in both.parameters() if p.free} & {"spin_magnetic_field", "g_factor"}
    assert "splits the spins" in both.words("spin_magnetic_field")


@pytest.mark.parametrize("model", ["mean", "saddle", "adiabatic"])
@pytest.mark.parametrize("shoulder", ["gap", "hartree"])
def test_barriers_of_traces(model, shoulder):
    made: Any = trace_device(trace(), model, mu=MU, shoulder=shoulder)
    kind = {"gap": qpc.SpinGap, "hartree": qpc.HartreeBarrier}[shoulder]
    assert isinstance(made.scatterer, kind)
    assert float(made.scatterer.mu) == MU


# --- what is refused ------------------------------------------------------------------------


def test_refused():
    with pytest.raises(ValueError, match="there is no shoulder 'gp': did you mean gap"):
        trace_device(trace(), "saddle", mu=MU, shoulder="gp")
    with pytest.raises(ValueError, match="BreitWigner is none"):
        trace_device(trace(), "resonance", mu=MU, shoulder="gap")
    with pytest.raises(ValueError, match="the model resonance has no steps"):
        TraceFitOptions(model="resonance", shoulder="gap")
    code, _, error = call("fit", "trace.csv", "--shoulder", "bump")
    assert code != 0
    assert "there is no shoulder 'bump'" in error


# --- spins that a field splits --------------------------------------------------------------


def split_conductance(gate, splitting, resistance):
    """G of a saddle behind a resistance, its spins split."""
    x = np.linspace(-40, 40, 2001)
    energy = MU + BOLTZMANN * TEMPERATURE * x
    height = np.interp(gate, RANGE, HEIGHTS)[:, None]
    width, total = SOFTNESS / (2 * np.pi), 0.0
    for top in (SPACING * (n + 0.5) + s * splitting / 2 for n in range(6) for s in (1, -1)):
        total = total + 0.5 / (1 + np.exp(-(energy - height - top) / width))
    g = np.trapezoid(total / (4 * np.cosh(x / 2) ** 2), x, axis=1)
    return g / (1 + g * resistance / RESISTANCE_QUANTUM)


@functools.cache
def split_trace(splitting=0.85):
    gate = np.linspace(*RANGE, 90)
    noise = SIGMA * np.random.default_rng(3).standard_normal(90)
    value = split_conductance(gate, splitting, 300.0) + noise
    return ConductanceTrace(gate, value, sigma=SIGMA, temperature=TEMPERATURE)


def test_half_plateaus_are_seen():
    split, whole = split_trace(), split_trace(0.0)
    assert has_half_plateau(split.gate, split.conductance)
    assert not has_half_plateau(whole.gate, whole.conductance)
    assert not has_half_plateau(trace().gate, trace().conductance)  # a shoulder near 0.7
    assert Steps(split).resistance == pytest.approx(300, abs=100)


@pytest.mark.end_to_end
def test_a_field_that_splits_the_spins():
    data = split_trace()
    field = 8.0
    made = trace_device(data, "saddle", mu=MU, knots=2, zeeman=(field, -1.0))
    found = fit(made, data, free=["g_factor"], starts=2)
    true = 0.85 / (BOHR_MAGNETON * field)
    assert abs(found.values()["g_factor"]) == pytest.approx(true, abs=5 * found.stderr["g_factor"])
    error = found.stderr["series_resistance"]
    assert found.values()["series_resistance"] == pytest.approx(300.0, abs=4 * error)
    assert not [d for d in found.doubts if "half of 2e2/h" in d]
    bare = trace_device(data, "saddle", mu=MU, knots=2)
    (doubt,) = half_plateau_in_words(found.parts[0], bare)
    assert "--zeeman B,g" in doubt


def test_the_field_of_the_command():
    assert zeeman_of("8,-0.44") == (8.0, -0.44)
    question = TraceFitOptions(zeeman=zeeman_of("8"))
    assert question.split == (8.0, -1.0)
    assert question.freed == ("g_factor",)
    for word in ("8,1,2", "strong", "inf"):
        with pytest.raises(ValueError, match=r"--zeeman must be B in T or B,g"):
            zeeman_of(word)
