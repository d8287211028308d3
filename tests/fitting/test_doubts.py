"""Errors that are not what the slopes say are found, against sums of squares by brute force."""

import dataclasses

import numpy as np
import pytest
from small_fits import fitted

from benchmarks import devices, recovery
from qpcjax.fitting import fit, fit_many, load_fit, report, tables
from qpcjax.fitting.doubts import in_words, poor, poor_in_words
from qpcjax.fitting.rises import rises, too_small
from qpcjax.measurements import ConductanceTrace, HotSpotData
from qpcjax.optimise.parameters import Coordinates, Parameter


class Made:
    """Least squares with a formula for the residuals, as `FitProblem` has it; minimum at (0, 0)."""

    def __init__(self, last, reach=10.0):
        self.last = last
        self.parameters = [Parameter(n, 0.0, "", -reach, 10.0) for n in "xy"]
        self.free, self.coordinates = np.arange(2), Coordinates(self.parameters)
        self.encode = self.coordinates.encode

    def at(self, values):
        x, y = np.moveaxis(values, -1, 0)
        return np.stack([x + y, 0.5 * (x - y), self.last(x)], axis=-1)

    def residuals(self, vectors, _=None):
        return self.at(self.coordinates.decode(vectors)[0])

    def linearise(self, vectors, _=None):
        values, slope = self.coordinates.decode(vectors)
        h = 1e-7
        shifted = [(self.at(values + h * e) - self.at(values - h * e)) / 2 / h for e in np.eye(2)]
        return self.at(values), np.stack(shifted, axis=-1) * slope[:, None]

    def rises(self):
        zero = self.encode(np.zeros((1, 2)))
        jacobian = (self.linearise(zero)[1] / self.coordinates.decode(zero)[1][:, None])[0]
        curvature = jacobian.T @ jacobian
        covariance = np.linalg.inv(curvature)
        errors = np.sqrt(np.diag(covariance))
        return rises(self, zero, covariance[None], curvature[None]), errors

    def profile(self, x):
        """The lowest sum of squares at this x, by trying every y."""
        y = np.linspace(-6, 6, 240001)
        return np.min(np.sum(self.at(np.stack([np.full_like(y, x), y], -1)) ** 2, -1))


@pytest.mark.parametrize(
    "last",
    [
        lambda x: 2 * x,
        lambda x: 3 * np.tanh(2 * x),
        # a hot spot that leaves its place within half an error, to one side alone
        lambda x: np.where(x > 0, 0.2 * (1 - np.exp(-20 * x)), 4 * x),
        # an exchange above, where the distance jumps away from what was measured
        lambda x: x + 3 * (x > 0.3),
    ],
    ids=["straight", "bent", "cliff", "jump"],
)
def test_rises_are_those_of_brute_force(last):
    made = Made(last)
    found, errors = made.rises()
    expected = [made.profile(-errors[0]), made.profile(errors[0])]
    # Where one step of the others is not enough they are fitted; else it says a little too little.
    over = found.over[0]
    np.testing.assert_allclose(over[0], expected, rtol=0.02)
    assert too_small(over[0]) == (min(expected) < 0.4)
    assert np.all(np.isnan(found.lower))


def test_a_straight_line_has_the_errors_of_its_slopes():
    np.testing.assert_allclose(Made(lambda x: 0.3 * x).rises()[0].over, 1, rtol=1e-6)


def test_a_deeper_minimum_is_met():
    made = Made(lambda x: 3 - 3 * np.exp(-(((x - 1) / 0.3) ** 2)))
    found, errors = made.rises()
    assert found.over[0, 0, 1] == pytest.approx(made.profile(errors[0]) - 9, rel=0.02)
    assert "falls" in in_words("xy", found.over[0])[0]
    there = made.coordinates.decode(found.lower)[0][0]
    assert np.sum(made.at(there) ** 2) == pytest.approx(9 + found.over.min(), rel=1e-3)
    assert np.min(np.abs(np.abs(there) - errors)) < 1e-6  # a standard error away in x or y


def test_a_bound_that_is_near_is_not_looked_over():
    found, errors = Made(lambda x: 0.3 * x, reach=0.2).rises()
    over = found.over[0]
    assert 0.5 * errors.min() > 0.2
    np.testing.assert_array_equal(np.isnan(over), [[True, False], [True, False]])
    np.testing.assert_allclose(over[:, 1], 1, rtol=0.2)
    assert not np.any(too_small(over))


def test_no_prediction_one_error_away():
    found, _ = Made(lambda x: np.where(x > 0.1, np.nan, x)).rises()
    over = found.over[0]
    assert np.isnan(over[0, 1])
    assert over[0, 0] == pytest.approx(1)
    assert not np.any(too_small(over))


def test_words_name_the_side_and_the_rise():
    words = in_words(["a", "b", "c"], np.array([[1, 1], [0.12, 0.9], [np.nan, -0.3]]))
    assert len(words) == 2
    assert "error of b" in words[0]
    assert "below it" in words[0]
    assert "by 0.12 and not" in words[0]
    assert "error of c" in words[1]
    assert "above it" in words[1]
    assert "falls" in words[1]


def test_a_good_fit_has_no_doubts(tmp_path):
    found = fitted()
    assert found.doubts == ()
    assert np.all((found.rises > 0.7) & (found.rises < 1.4))
    assert "Doubts" not in report.text(found)
    again = load_fit(found.save(tmp_path / "fit.json"))
    np.testing.assert_array_equal(again.rises, found.rises)


def test_doubts_are_in_every_report():
    risen = fitted().rises.copy()
    risen[1] = 0.1, 0.2
    found = dataclasses.replace(fitted(), rises=risen)
    name = found.free[1].name
    assert len(found.doubts) == 1
    assert f"the error of {name} is not to be trusted" in found.doubts[0]
    text = " ".join(report.text(found).split())
    assert "[[Doubts]]" in text
    assert "by 0.1 and not by 1" in text
    assert "<h2>Doubts</h2>" in report.page(found)
    assert tables.as_json(found)["doubts"] == list(found.doubts)
    assert tables.as_json(found)["rises"][name] == [0.1, 0.2]


def test_a_poor_fit_says_so():
    part = fitted().parts[0]
    bump = dataclasses.replace(part, predicted=part.predicted + 0.02)
    found = dataclasses.replace(fitted(), parts=(bump,))
    (doubt,) = found.doubts
    assert "times the noise of 0.31 uS" in doubt
    # Also where the data state no sigma: their neighbouring points say how much noise they have.
    unknown = dataclasses.replace(found, parts=(dataclasses.replace(bump, known=False),))
    (doubt,) = unknown.doubts
    assert "times the noise" in doubt


def test_chi_square_says_what_a_small_misfit_cannot():
    # Of many points a misfit of 1.2 is no accident.
    assert poor(1.2**2 * 1000, 1000)
    assert not poor(1.2**2 * 20, 20)
    assert "1000 degrees of freedom" in poor_in_words(1440.0, 1000)


# --- of the 1,000 devices of benchmarks/recovery.py -------------------------------------------


def measured(k):
    """The numbers of device k, and what was measured on it."""
    every = devices.draw(1000)
    spots = devices.distances(every[k])
    shape = (1000, devices.GATE.size), (1000, devices.SPOT_BIAS.size)
    # The noise of the benchmark does not know what it is put on.
    noise = devices.noisy(np.zeros(shape[0]), np.ones(shape[1]))
    data = [
        ConductanceTrace(devices.GATE, devices.trace(every[k]) + noise[0][k], sigma=devices.NOISE),
        HotSpotData(
            devices.SPOT_BIAS,
            spots * noise[1][k],
            gate=devices.SPOT_GATE,
            sigma=devices.SPOT_NOISE * spots,
        ),
    ]
    return every[k], data


@pytest.mark.slow
def test_a_hot_spot_about_to_move_makes_the_error_too_small():
    truth, data = measured(794)  # w_2 is many of its standard errors off
    many = fit_many(recovery.guess(), [data])
    pull = recovery.pulls(many, truth[None])[0]
    assert abs(pull[1]) > recovery.FAR  # what has to be found
    assert many.converged[0]
    assert not many.at_bound[0]
    assert many.doubtful[0]
    (words,) = many.doubts(0)
    assert "the error of half_width_2" in words
    assert "above it" in words
    found = fit(recovery.guess(), data, starts=[dict(zip(many.names, many.values[0], strict=True))])
    assert found.status == "converged"
    (words,) = found.doubts
    assert "the error of half_width_2" in words
    # Its profile is honest: the truth is within what three standard errors stand for.
    low, high = found.profile("half_width_2").interval
    value, error = found.values()["half_width_2"], found.stderr["half_width_2"]
    assert 0.5 * error < value - low < 2 * error
    assert 2.5 * error < high - value < np.inf
    assert truth[1] - value < 3 * (high - value)


@pytest.mark.slow
def test_a_deeper_minimum_is_followed(monkeypatch):
    truth, data = measured(770)
    with monkeypatch.context() as patch:
        patch.setattr("qpcjax.fitting.many_fits.FOLLOWED", 0)
        beside = fit_many(recovery.guess(), [data])
    assert "falls" in " ".join(beside.doubts(0))
    many = fit_many(recovery.guess(), [data])
    assert many.doubts(0) == ()
    assert many.chi_square[0] < beside.chi_square[0] - 10
    assert np.all(np.abs(recovery.pulls(many, truth[None])) < 3)
    start = dict(zip(beside.names, beside.values[0], strict=True))
    found = fit(recovery.guess(), data, starts=[start])
    assert "was met a standard error away, and followed" in found.message
    assert found.doubts == ()
    np.testing.assert_allclose(found.chi_square, many.chi_square[0], rtol=1e-6)
