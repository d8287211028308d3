"""Errors from fits that leave out each step and plateau, against those fits themselves."""

import dataclasses
import functools

import numpy as np
import pytest
from small_fits import device, trace

from qpcjax.fitting import ConductanceTrace, fit, load_fit, report, tables
from qpcjax.fitting.jackknife import Jackknife, fixed_by_one
from qpcjax.fitting.minima import OtherMinimum
from qpcjax.fitting.misfit import stretches


@functools.cache
def fitted():
    return fit(device(), trace(200, sigma=None), starts=1)


@functools.cache
def bumped():
    """A fit of a trace with a shoulder that is not in the model."""
    data = trace(200, sigma=None)
    bump = 0.04 * np.exp(-(((data.gate - data.gate[150]) / 2) ** 2))
    return fit(device(), ConductanceTrace(data.gate, data.conductance + bump, "bumped"), starts=1)


@pytest.mark.parametrize("made", [fitted, bumped])
def test_changes_are_those_of_fits_without_a_stretch(made):
    found = made()
    part = found.parts[0]
    data, names = part.data, list(found.jackknife.names)
    every = stretches(part, found.device)
    assert [s.name for s in every] == list(found.jackknife.without)
    errors = found.curvature_errors
    for k in (1, len(every) - 1):
        left = np.ones(data.gate.size, bool)
        left[every[k].points] = False
        rest = ConductanceTrace(data.gate[left], data.conductance[left], "rest")
        without = fit(found.device, rest, starts=[{}])
        change = np.array([without.values()[n] - found.values()[n] for n in names])
        off = np.abs(found.jackknife.changes[k] - change) / errors
        assert np.max(off) < 0.3 * max(1, np.max(np.abs(change) / errors))


def test_error_is_that_of_the_jackknife():
    made_up = Jackknife(("x",), ("step 1", "plateau 1", "step 2"), np.array([[1.0], [2.0], [6.0]]))
    # Tukey: (m - 1)/m of the sum of squares about the mean, here 2/3 of 14.
    np.testing.assert_allclose(made_up.errors, np.sqrt(2 / 3 * 14))
    assert np.isnan(Jackknife(("x",), ("step 1",), np.ones((1, 1))).errors[0])


def test_a_right_model_keeps_the_errors_of_its_curvature():
    found = fitted()
    assert found.misfit < 1.3
    np.testing.assert_array_equal(list(found.stderr.values()), found.curvature_errors)
    # Both measure the same then; six stretches give the jackknife within a factor of three.
    ratio = found.jackknife.errors / found.curvature_errors
    assert np.all((ratio > 1 / 4) & (ratio < 4))


def test_a_wrong_model_has_the_larger_of_both_errors():
    found = bumped()
    assert found.misfit > 1.3
    both = np.fmax(found.curvature_errors, found.jackknife.errors)
    np.testing.assert_allclose(list(found.stderr.values()), both)
    said = report.text(found)
    assert "The misfit is above 1.3" in said
    written = tables.as_json(found)["parameters"]["hbar_omega_x"]
    larger = max(written["curvature_stderr"], written["jackknife_stderr"])
    assert written["stderr"] == pytest.approx(larger, rel=1e-12)


def test_a_step_that_alone_fixes_a_parameter_is_named():
    changes = np.array([[0.1, 0.0], [-39.5, 0.0], [0.2, 9.0]])
    found = Jackknife(("length", "height_1"), ("step 1", "plateau 2", "step 3"), changes)
    (said,) = fixed_by_one(found, [93.5, 5.0], np.array([2.5, 0.1]), [False, True])
    assert said == ("plateau 2 alone fixes length: without it length would be 54 and not 93.5")
    assert not fixed_by_one(found, [93.5, 5.0], np.array([20.0, 0.1]), [False, True])


def test_a_saved_fit_keeps_both_errors(tmp_path):
    found = bumped()
    again = load_fit(found.save(tmp_path / "fit.json"))
    np.testing.assert_array_equal(again.curvature_errors, found.curvature_errors)
    np.testing.assert_array_equal(again.jackknife.changes, found.jackknife.changes)
    assert again.jackknife.without == found.jackknife.without


def test_a_minimum_that_noise_does_not_tell_is_a_doubt():
    found = fitted()
    away = {p.name: p.value + 10 * found.stderr[p.name] for p in found.free}
    near = {p.name: p.value for p in found.free}
    others = (
        OtherMinimum(near, 0.001),  # the same one
        OtherMinimum(away, 0.02),  # chi-square is higher by some 4
        OtherMinimum(away, 0.5),
    )
    beside = dataclasses.replace(found, others=others)
    assert [o.excess for o in beside.rivals] == [0.02]
    (doubt,) = set(beside.doubts) - set(found.doubts)
    assert f"hbar_omega_x {away['hbar_omega_x']:.4g} meV" in doubt
    assert tables.as_json(beside)["other_minima"][1]["excess"] == 0.02
