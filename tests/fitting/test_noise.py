"""The noise of a curve from its neighbouring points, and how far a fit misses its data."""

import dataclasses
import functools

import numpy as np
import pytest
from small_fits import SIGMA, device, trace

from qpcjax.constants import CONDUCTANCE_QUANTUM
from qpcjax.fitting import ConductanceTrace, fit, report, tables
from qpcjax.fitting.misfit import misfit_in_words, stretches
from qpcjax.fitting.noise import noise_of, point_noise, recording_step
from qpcjax.measurements import BiasSpectroscopy


def staircase(gate, steps=4, softness=0.01):
    """Steps of a logistic shape between 0 and 1."""
    centre = (np.arange(steps) + 0.7) / steps
    return np.sum(1 / (1 + np.exp(-(gate[:, None] - centre) / softness)), axis=1)


@pytest.mark.parametrize("sigma", [1e-4, 1e-2, 0.1])
@pytest.mark.parametrize("spacing", ["even", "random", "repeated", "falling"])
def test_noise_is_that_which_was_added(sigma, spacing):
    rng = np.random.default_rng(3)
    gate = {
        "even": np.linspace(0, 1, 400),
        "random": rng.uniform(0, 1, 400),
        "repeated": np.repeat(np.linspace(0, 1, 100), 4),
        "falling": np.linspace(1, 0, 400),
    }[spacing]
    value = staircase(gate, softness=0.02) + sigma * rng.standard_normal(gate.size)
    # The estimate scatters by 8 % at 400 points.
    np.testing.assert_allclose(point_noise(gate, value), sigma, rtol=0.25)


def test_noise_is_unbiased_and_as_sharp_as_it_is_said_to_be():
    rng = np.random.default_rng(0)
    gate = np.linspace(0, 1, 300)
    found = [point_noise(gate, staircase(gate) + rng.normal(0, 0.01, 300)) for _ in range(60)]
    assert abs(np.mean(found) / 0.01 - 1) < 0.04
    assert np.std(found) / 0.01 < 0.14


def test_outliers_and_a_steep_place_do_not_count():
    rng = np.random.default_rng(1)
    gate = np.linspace(0, 1, 500)
    value = np.where(gate > 0.503, 2.0, 0.0) + rng.normal(0, 0.01, 500)
    value[::50] += 1.0
    np.testing.assert_allclose(point_noise(gate, value), 0.01, rtol=0.25)


def test_resolution_of_the_recording_is_a_floor():
    gate = np.linspace(0, 1, 300)
    value = np.round(staircase(gate) / 0.02) * 0.02
    assert recording_step(value) == pytest.approx(0.02)
    # A curve without noise stands still between two steps of the recording.
    assert point_noise(gate, value) >= 0.02 / np.sqrt(12)
    assert recording_step(staircase(gate) + np.random.default_rng(0).normal(0, 0.01, 300)) == 0


def test_few_points_say_nothing():
    assert np.isnan(point_noise(np.arange(11.0), np.arange(11.0)))


def test_noise_of_a_map_is_that_of_its_lines():
    rng = np.random.default_rng(2)
    gate, bias = (x.ravel() for x in np.meshgrid(np.arange(9.0), np.linspace(-2, 2, 41)))
    value = np.tanh(gate - 4) * (1 + 0.1 * bias**2) + rng.normal(0, 0.003, gate.size)
    data = BiasSpectroscopy(gate, bias, value)
    np.testing.assert_allclose(noise_of(data), 0.003, rtol=0.15)


@functools.cache
def of_noise_alone():
    """A fit of the model to 200 points of itself with noise whose sigma is not stated."""
    return fit(device(), trace(200, sigma=None), starts=1)


def test_a_right_model_leaves_nothing_but_noise():
    found = of_noise_alone()
    np.testing.assert_allclose(found.noise, SIGMA * CONDUCTANCE_QUANTUM, rtol=0.2)
    assert 0.8 < found.misfit < 1.2
    assert found.misfit == pytest.approx(found.rms / found.noise)
    assert found.reduced_chi_square == pytest.approx(
        found.misfit**2 * 200 / (200 - len(found.free))
    )
    assert not any("times the noise" in doubt for doubt in found.doubts)


def test_a_wrong_model_says_by_how_much_and_where_it_misses():
    data = trace(200, sigma=None)
    middle = data.gate[150]
    bump = 0.03 * np.exp(-(((data.gate - middle) / 2) ** 2))
    wrong = ConductanceTrace(data.gate, data.conductance + bump, "bumped")
    missed = fit(of_noise_alone().device, wrong, starts=[{}])
    noise = SIGMA * CONDUCTANCE_QUANTUM
    np.testing.assert_allclose(missed.noise, noise, rtol=0.2)
    assert missed.misfit > 1.3
    (doubt,) = (d for d in missed.doubts if "times the noise" in d)
    assert f"misses bumped by {missed.rms:.3g} uS" in doubt
    worst = max(stretches(missed.parts[0], missed.device), key=lambda s: s.rms)
    assert worst.low <= middle <= worst.high
    assert f"most at {worst.name}" in doubt
    assert f"{missed.misfit:.2f} times the noise" in repr(missed)
    assert f"rms over noise      {missed.misfit:.4g}" in report.text(missed)
    written = tables.as_json(missed)
    assert written["misfit"] == missed.misfit
    assert written["noise"] == missed.noise


@pytest.mark.parametrize(
    ("times", "advice"),
    [
        (1.2, None),
        (2, "may be too small"),
        (5, "compare other barriers"),
        (20, "hold only as far as other barriers"),
    ],
)
def test_doubts_are_graded(times, advice):
    found = of_noise_alone()
    part = found.parts[0]
    off = part.noise * times * np.where(np.arange(200) % 2, 1, -1)
    part = dataclasses.replace(part, predicted=part.data.value + off)
    words = misfit_in_words(part, found.device)
    assert len(words) == (advice is not None)
    assert advice is None or advice in words[0]


def test_stretches_follow_the_modes_of_the_fit():
    found = of_noise_alone()
    names = [s.name for s in stretches(found.parts[0], found.device)]
    assert names[0] in ("the pinched-off foot", "step 1")
    assert "step 1" in names
    wanted = [n for n in ("step 1", "plateau 1", "step 2") if n in names]
    assert wanted == sorted(wanted, key=names.index)
