"""The search over all lengths: its table against integrals, its minima against the truth."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
from scipy.integrate import quad

import qpcjax as qpc
from qpcjax.constants import BOLTZMANN, RESISTANCE_QUANTUM
from qpcjax.files import read_trace
from qpcjax.fitting import ConductanceTrace, GateLine, fit, trace_device
from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.fitting.landscape import Landscape, tabulate, thermal_weights
from qpcjax.fitting.misfit import stretches
from qpcjax.fitting.noise import noise_of
from qpcjax.fitting.table_fits import Broadening, fit_on_table
from qpcjax.fitting.trace_search import TraceSearch
from qpcjax.measurements import InputError

EXACT = Path(__file__).parents[2] / "benchmarks" / "data" / "exact_traces"
TRUTH = json.loads((EXACT / "truth.json").read_text())
MU = 12.0


def test_thermal_weights_are_exact_for_straight_lines_and_close_to_quad():
    offsets, kT = np.linspace(-40, 40, 2001), np.array([0.5, 1.0])
    weights = thermal_weights(offsets, kT)
    np.testing.assert_allclose(weights.sum(0), 1, rtol=1e-12)
    np.testing.assert_allclose((2 * offsets + 1) @ weights, 1, rtol=1e-11)
    for k, warmth in enumerate(kT):
        expected, _ = quad(
            lambda x, w=warmth: np.cos(x) / (4 * w * np.cosh(x / 2 / w) ** 2), -40, 40
        )
        np.testing.assert_allclose(np.cos(offsets) @ weights[:, k], expected, atol=3e-4)


def test_table_is_the_conductance():
    saddle = qpc.SaddlePoint(4.0, 3.0, 1.0)
    heights, softness, kT = np.linspace(0, 6, 40), np.array([0.5, 1.5]), np.array([0.1, 0.2, 0.4])
    table = tabulate(saddle, 6.0, ("height", "hbar_omega_x"), heights, softness, kT, False)
    assert table.conductance.shape == (2, 3, 40)
    for s, t, m in ((0, 0, 5), (0, 2, 20), (1, 1, 33)):
        there = qpc.SaddlePoint(heights[m], 3.0, softness[s])
        expected = qpc.conductance(there, 6.0, kT[t] / BOLTZMANN)
        np.testing.assert_allclose(table.conductance[s, t, m], expected, atol=3e-3)


def test_ratio_makes_the_length_follow_the_width():
    widths, kT = np.geomspace(8, 40, 30), np.array([0.1, 0.2])
    channel = qpc.AbruptConstriction(10.0, 50.0)
    names = "half_width", "length"
    ratio = tabulate(channel, MU, names, widths, np.array([5.0]), kT, True, ratio=True)
    at_20 = int(np.argmin(abs(widths - 20)))
    length = np.array([5 * widths[at_20]])
    constant = tabulate(channel, MU, names, widths, length, kT, True)
    same = ratio.conductance[0, :, at_20], constant.conductance[0, :, at_20]
    np.testing.assert_allclose(*same, rtol=1e-12)
    np.testing.assert_allclose(ratio.unit, channel.energy_scale * (10.0 / widths) ** 2)


def made_up(softened):
    """A table of a formula, a trace of it, and what the trace was made of."""
    moved, kT = np.linspace(0, 4, 400), np.geomspace(0.03, 0.6, 40)
    step = np.arange(1, 5)[:, None, None]
    g = np.sum(1 / (1 + np.exp(-(moved - step + 0.3) / kT[:, None])), axis=0)
    table = Landscape(moved, False, np.ones(1), kT, g[None], np.exp(0.2 * moved))
    x = np.linspace(0, 1, 200)
    basis = np.stack([1 - x, x], axis=1)
    line = basis @ [0.2, 3.6]
    soft = np.exp(basis @ np.log([0.05, 0.2]) + 0.2 * line)
    width = np.hypot(0.1, soft) if softened else 0.1
    exact = np.sum(1 / (1 + np.exp(-(line - step[..., 0] + 0.3) / width)), axis=0)
    share = 300.0 / RESISTANCE_QUANTUM
    return table, basis, exact / (1 + share * exact)


def test_fits_on_a_table_find_what_made_the_trace():
    table, basis, value = made_up(softened=False)
    starts = [[0.3, 3.3, 100.0, 0.2 / BOLTZMANN], [0.1, 3.7, 500.0, 0.05 / BOLTZMANN]]
    found = fit_on_table(
        table, basis, value, Broadening(True, True, None), starts, np.zeros(2, int), True
    )
    best = int(np.argmin(found.rms))
    assert found.rms[best] < 1e-4
    np.testing.assert_allclose(found.moved[best], [0.2, 3.6], atol=1e-3)
    np.testing.assert_allclose(found.resistance[best], 300, atol=1)
    np.testing.assert_allclose(BOLTZMANN * found.temperature[best], 0.1, rtol=5e-3)


def test_softness_along_the_gate_is_told_from_a_temperature():
    table, basis, value = made_up(softened=True)
    start = [0.3, 3.3, 100.0, 0.15 / BOLTZMANN, 0.1, 0.1]
    zero = np.zeros(1, int)
    both = fit_on_table(table, basis, value, Broadening(True, True, basis), [start], zero, True)
    warm = fit_on_table(table, basis, value, Broadening(True, True, None), [start[:4]], zero, True)
    # The search stops where a step gains a millionth: a start for the fit needs no more.
    assert both.rms[0] < 1e-3 < warm.rms[0] / 3
    # What counts is the width of both together; the two are told apart less well.
    line = basis @ both.moved[0]
    soft = np.exp(basis @ np.log(both.smearing[0])) * np.exp(0.2 * line)
    made = np.hypot(0.1, np.exp(basis @ np.log([0.05, 0.2])) * np.exp(0.2 * line))
    width = np.hypot(BOLTZMANN * both.temperature[0], soft)
    np.testing.assert_allclose(width, made, rtol=0.03)


@pytest.mark.parametrize("number", [1, 4, 7, 9])
def test_search_finds_the_length_of_an_exact_trace(number):
    """Traces of an exact solver; these four ended at other lengths with two starts of a length."""
    truth = TRUTH[number]
    trace = read_trace(EXACT / truth["file"])
    device = trace_device(trace, "profile", mu=MU)
    numbers = {p.name: p for p in DeviceNumbers(device).parameters()}
    minima = TraceSearch(device, trace, numbers).minima()
    assert [m.rms for m in minima] == sorted(m.rms for m in minima)
    np.testing.assert_allclose(minima[0].values["length"], truth["length_nm"], rtol=0.02)
    assert minima[0].rms < 1.25 * noise_of(trace)
    # One electron temperature and a half-width that is linear in the gate made these traces.
    assert device.freed == ("temperature",)
    assert device.smearing is None
    assert device.barrier.curves["half_width"].values.shape == (2,)
    resistance = minima[0].values["series_resistance"]
    np.testing.assert_allclose(resistance, truth["series_resistance_ohm"], atol=15)


def test_fit_of_an_exact_trace_is_right_and_leaves_noise():
    truth = TRUTH[9]
    trace = read_trace(EXACT / truth["file"])
    found = fit(trace_device(trace, "profile", mu=MU), trace, starts=1)
    values, errors = found.values(), found.stderr
    assert found.status == "converged"
    assert found.misfit < 1.25
    barrier = dict(zip((p.name for p in found.free), found.barrier_errors, strict=True))
    for name, true in (
        ("length", truth["length_nm"]),
        ("temperature", truth["temperature_K"]),
        ("series_resistance", truth["series_resistance_ohm"]),
    ):
        assert abs(values[name] - true) < 3 * np.hypot(errors[name], barrier[name]), name
    # A fit of a trace whose plateaus all are higher by the distance of 0.007.
    part = found.parts[0]
    g = np.array(trace.conductance)
    flat = np.concatenate(
        [np.r_[s.points] for s in stretches(part, found.device) if s.kind == "plateau"]
    )
    g[flat] += (
        0.007 * (1 - values["series_resistance"] / RESISTANCE_QUANTUM * part.predicted[flat]) ** 2
    )
    raised = fit(found.device, ConductanceTrace(trace.gate, g, "raised"), starts=found)
    moved = abs(raised.values()["series_resistance"] - values["series_resistance"])
    assert 0.6 * barrier["series_resistance"] < moved < 1.2 * barrier["series_resistance"]
    assert found.noise == pytest.approx(truth["noise_uS"], rel=0.2)
    assert found.rms == pytest.approx(found.misfit * found.noise)


def test_sharp_first_step_has_a_softness_of_its_own():
    """The trace is one of linear conductances, each at the temperature s/k_B."""
    gate, noise = np.linspace(-500.0, 0.0, 160), 0.004
    width = np.interp(gate, gate[[0, -1]], [6.0, 66.0])
    # In E1: at the first step, at the second, and at the end.
    shown = np.interp(gate, [-460.0, -370.0, 0.0], np.log([0.05, 0.2, 0.6]))
    energy_scale = jax.vmap(lambda w: qpc.AbruptConstriction(w, 90.0).energy_scale)(width)
    kelvin = np.exp(shown) * energy_scale / BOLTZMANN
    channel = jax.vmap(lambda w: qpc.AbruptConstriction(w, 90.0, aspect_limit=10.0))(width)
    g = jax.vmap(lambda c, t: qpc.conductance(c, MU, t))(channel, kelvin)
    g = g / (1 + 250.0 / RESISTANCE_QUANTUM * g)
    g += noise * np.random.default_rng(3).standard_normal(gate.size)
    trace = ConductanceTrace(gate, g, "sharp foot")
    device = trace_device(trace, mu=MU)
    assert isinstance(device.smearing, GateLine)
    first, second, last = device.smearing.knots
    assert -480 < first < -440
    assert -390 < second < -350
    assert last == 0
    numbers = {p.name: p for p in DeviceNumbers(device).parameters()}
    best = TraceSearch(device, trace, numbers).minima()[0]
    assert best.rms < 1.25 * noise
    np.testing.assert_allclose(best.values["length"], 90.0, rtol=0.02)
    expected = np.exp(np.interp([first, second], gate, shown))
    found = [best.values[f"smearing_{k}"] for k in (1, 2)]
    np.testing.assert_allclose(found, expected, rtol=0.1)


def test_line_along_the_gate_is_straight_in_its_logarithm_and_constant_beyond():
    line = GateLine((-50.0, -40.0, -20.0), [1.0, 4.0, 9.0])
    gate = np.array([-90.0, -50.0, -45.0, -40.0, -30.0, -20.0, 10.0])
    np.testing.assert_allclose(line(gate), [1, 1, 2, 4, 6, 9, 9], rtol=1e-14)
    np.testing.assert_allclose(jax.jit(lambda x: line(x))(-45.0), 2, rtol=1e-14)
    np.testing.assert_allclose(jax.grad(lambda x: line(x))(-45.0), 2 * np.log(4) / 10, rtol=1e-13)
    with pytest.raises(ValueError, match="two or more rising gate voltages"):
        GateLine((-50.0, -50.0), [1.0, 2.0])
    with pytest.raises(ValueError, match="values must be positive"):
        GateLine((-50.0, -40.0), [1.0, 0.0])


def test_device_takes_the_law_that_is_stated():
    trace = read_trace(EXACT / TRUTH[9]["file"])
    stated = trace_device(trace, "profile", mu=MU, knots=3, smearing="both")
    assert stated.freed == ("temperature",)
    assert stated.smearing.values.shape == (2,)
    assert stated.barrier.curves["half_width"].values.shape == (3,)
    soft = trace_device(trace, mu=MU, knots=2, smearing="softness")
    assert soft.temperature is None
    known = trace_device(trace, mu=MU, knots=2, smearing="temperature", temperature=2.0)
    assert known.smearing is None
    assert known.freed == ()
    apart = trace_device(trace, mu=MU, knots=2, smearing="first step")
    assert apart.smearing.values.shape == (3,)
    short = trace[trace.conductance < 1.5]
    with pytest.raises(InputError, match="needs the first three steps"):
        trace_device(short, mu=MU, knots=2, smearing="first step")
    with pytest.raises(ValueError, match="smearing must be one of temperature, softness, first"):
        trace_device(trace, mu=MU, smearing="warmth")
    with pytest.raises(ValueError, match="not for saddle"):
        trace_device(trace, "saddle", mu=MU, smearing="softness")
