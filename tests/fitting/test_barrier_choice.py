"""The barrier chosen by evidence: criteria, what is spared, and the spread between barriers."""

import dataclasses
import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from small_shoulders import MU, RANGE, SIGMA, TRUE, conductance, trace

from qpcjax.fitting import barrier_comparison, compare_barriers, load_fit
from qpcjax.fitting.archive import summary_and_fit
from qpcjax.fitting.barrier_choice import averaged
from qpcjax.fitting.evidence import bayesian_criteria, independent_points
from qpcjax.fitting.heating import Heating
from qpcjax.fitting.report import text
from qpcjax.fitting.tables import as_json, curve_columns, parameter_columns
from qpcjax.fitting.uncertainty import correlation_length
from qpcjax.measurements import ConductanceTrace

# --- the criterion --------------------------------------------------------------------------


def fitted(residual, free, sigma=None, noise=0.01):
    """A stand-in for a fit that leaves these residuals."""
    known = sigma is not None
    square = np.mean(residual**2)
    part = SimpleNamespace(
        predicted=residual, residual=residual, known=known, sigma=sigma,
        rms=np.sqrt(square), misfit=np.sqrt(square) / (sigma if known else noise),
        data=SimpleNamespace(ordered=True, settings={"gate": np.arange(residual.size)}),
        correlation_length=correlation_length(residual),
    )  # fmt: skip
    return SimpleNamespace(parts=[part], free=range(free), loss="linear")


def correlated(count, share, seed=0):
    """Residuals of unit variance, each `share` of the one before."""
    rng = np.random.default_rng(seed)
    found = [rng.standard_normal()]
    for new in rng.standard_normal(count - 1):
        found.append(share * found[-1] + np.sqrt(1 - share**2) * new)
    return np.array(found)


def test_points_that_are_independent():
    white, alike = correlated(4000, 0.0), correlated(4000, 0.9)
    assert independent_points(fitted(white, 1).parts[0]) == pytest.approx(4000, rel=0.01)
    # The integrated autocorrelation of such a chain is (1 + share)/(1 - share), 19.
    assert independent_points(fitted(alike, 1).parts[0]) == pytest.approx(4000 / 19, rel=0.3)
    # A sigma that the residuals keep to says that points are independent; a larger misfit does not.
    assert independent_points(fitted(alike, 1, sigma=1.0).parts[0]) == 4000
    assert independent_points(fitted(alike, 1, sigma=0.5).parts[0]) == pytest.approx(210, rel=0.3)


def test_stacked_sweeps_keep_their_own_correlation():
    one, two = (correlated(4000, 0.9, seed) for seed in (1, 2))
    gate = np.repeat(np.arange(4000.0), 2)
    stacked = np.stack([one, two], axis=1).reshape(-1)
    assert correlation_length(stacked, gate) == pytest.approx(19, rel=0.3)
    # Sweeps that drift apart from the curve between them: neighbours have opposite signs.
    apart = np.stack([one, -one], axis=1).reshape(-1)
    assert correlation_length(apart) == 1
    assert correlation_length(apart, gate) == pytest.approx(19, rel=0.3)
    # What both have in common is measured once, however many sweeps there are.
    same = np.repeat(one, 2)
    assert correlation_length(same, gate) == pytest.approx(2 * correlation_length(one))
    # A sweep that lacks points is one all the same; a few repeated points are none.
    kept = np.random.default_rng(3).random(8000) > 0.1
    assert correlation_length(apart[kept], gate[kept]) == pytest.approx(19, rel=0.35)
    assert correlation_length(one, np.arange(4000.0) // 1.05) == correlation_length(one)


def test_the_criterion_counts_independent_points():
    white = correlated(400, 0.0)
    found = bayesian_criteria({"a": fitted(white, 3), "b": fitted(1.1 * white, 2)})
    wanted = 2 * 400 * np.log(1.1) - np.log(400)
    assert found["b"] - found["a"] == pytest.approx(wanted, rel=1e-3)
    # A stated sigma: the difference of chi-square.
    found = bayesian_criteria({"a": fitted(white, 3, 1.0), "b": fitted(1.1 * white, 2, 1.0)})
    assert found["b"] - found["a"] == pytest.approx(0.21 * np.sum(white**2) - np.log(400))
    # The length is that of the fit with the smaller residuals.
    alike = correlated(400, 0.9)
    few = bayesian_criteria({"a": fitted(alike, 3), "b": fitted(1.1 * white, 3)})
    count = independent_points(fitted(alike, 3).parts[0])
    ratio = 1.21 * np.mean(white**2) / np.mean(alike**2)
    assert few["b"] - few["a"] == pytest.approx(count * np.log(ratio))


# --- the comparison -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found():
    """A saddle with a shoulder, fitted by a saddle, and by a step of one mode."""
    lines = []
    held = {"series_resistance": 0.0}
    barriers = compare_barriers(
        trace(), ("saddle", "step"), fixed=held, mu=MU, knots=2, told=lines.append
    )
    return barriers, lines


@pytest.mark.end_to_end
def test_the_true_barrier_is_chosen(found):
    barriers, lines = found
    first = barriers.rows[0]
    assert (first.name, first.difference, first.alike) == ("saddle, gap", 0.0, True)
    assert barriers.best.misfit < 1.3
    for name, true in TRUE.items():
        assert abs(barriers.best.values()[name] - true) < 4 * barriers.best.stderr[name]
    by_name = {row.name: row for row in barriers.rows}
    bare = by_name["saddle"]
    assert bare.fit is barriers.bare
    assert bare.fit.misfit > 3
    # By chi-square, as a sigma is stated that the best fit keeps to.
    wanted = bare.fit.chi_square - barriers.best.chi_square - 3 * np.log(60)
    assert bare.difference == pytest.approx(wanted)
    # A barrier that cannot have the steps of the trace is no obstacle.
    assert [line.partition(":")[0] for line in lines] == ["saddle", "saddle, gap"]
    assert by_name["step"].fit is None
    assert "cannot open 4 modes" in by_name["step"].why


def test_what_it_is_in_words_and_values(found):
    barriers, _ = found
    report = text(barriers.best, barriers=barriers)
    assert "[[Barriers]]" in report
    assert "saddle, gap fits best, and no other barrier as well." in report
    assert "step: not fitted, energy of IdealStep cannot open 4 modes" in report
    assert "[[Barriers]]" not in text(barriers.best)
    content = as_json(barriers.best, barriers=barriers)
    names = [row["name"] for row in content["barriers"]["table"]]
    assert sorted(names) == sorted(row.name for row in barriers.rows)
    assert content["barriers"]["table"][0]["bic_difference"] == 0.0
    assert as_json(barriers.best)["barriers"] is None


def test_the_file_of_a_comparison_is_that_of_its_best_fit(found, tmp_path):
    barriers, _ = found
    path = tmp_path / "fit.json"
    path.write_text(summary_and_fit(as_json(barriers.best, barriers=barriers), barriers.best))
    assert "barriers" in json.loads(path.read_text())
    assert load_fit(path).values() == barriers.best.values()


def test_a_shoulder_is_not_tried_where_nothing_is_left():
    gate = np.linspace(*RANGE, 60)
    noise = SIGMA * np.random.default_rng(4).standard_normal(60)
    plain = ConductanceTrace(gate, conductance(gate, 0.0, 0.0, 1.0) + noise, sigma=SIGMA,
                             temperature=0.6)  # fmt: skip
    held = {"series_resistance": 0.0}
    barriers = compare_barriers(plain, ("saddle",), fixed=held, mu=MU, knots=2)
    assert [row.name for row in barriers.rows] == ["saddle", "saddle, gap"]
    assert barriers.rows[1].fit is None
    assert "leaves nothing to explain" in barriers.rows[1].why
    assert barriers.bare is None
    assert barriers.systematic == {}
    # One barrier alone has no table.
    alone = dataclasses.replace(barriers, rows=barriers.rows[:1])
    assert "[[Barriers]]" not in text(alone.best, barriers=alone)


# --- the spread between barriers ------------------------------------------------------------


@pytest.fixture
def two(found, monkeypatch):
    """Two barriers that fit as well: the same device with other numbers in the second."""
    best = found[0].best
    moved = tuple(
        dataclasses.replace(p, value=p.value + 0.01) if p.name == "height_1" else p
        for p in best.parameters
    )
    other = dataclasses.replace(best, parameters=moved)

    def heating(fit, bias, temperature, damping, gates=None, progress=None):
        value = 2.0 if fit is other else 1.0
        column = np.full(3, value)
        named = {name: column for name in ("P_L", "P_R", "P_A", "r*")}
        low, high = ({n: c + s for n, c in named.items()} for s in (-0.3, 0.4))
        gate = np.arange(3.0)
        return Heating(gate, gate, named, low, high, bias, temperature, damping, False)

    monkeypatch.setattr(barrier_comparison, "predict_heating", heating)
    row = found[0].rows[0]
    second = dataclasses.replace(row, name="other", fit=other, difference=2.0)
    third = dataclasses.replace(row, name="far", fit=other, difference=9.0, alike=False)
    return barrier_comparison.BarrierComparison((row, second, third))


def test_numbers_have_the_distance_between_barriers(two):
    assert two.systematic["height_1"] == pytest.approx(0.01)
    assert two.systematic["gap_slope"] == 0.0
    assert "series_resistance" not in two.systematic  # it is held
    content = as_json(two.best, barriers=two)
    assert content["parameters"]["height_1"]["systematic"] == pytest.approx(0.01)
    assert content["parameters"]["series_resistance"]["systematic"] is None
    columns = parameter_columns(two.best, barriers=two)
    where = columns["name"].index("height_1")
    assert columns["systematic"][where] == pytest.approx(0.01)
    report = " ".join(text(two.best, barriers=two).split())
    assert "other fits about as well" in report
    assert "[[Errors between barriers]]" in report


def test_bands_hold_the_spread(two):
    gate = np.array([-40.0, -30.0, -20.0])
    best, other = (f.band(gate) for f in two.alike.values())
    np.testing.assert_allclose(two.spread(gate), np.abs(other[0] - best[0]))
    assert np.max(two.spread(gate)) > 0
    used = np.ones(trace().gate.size, bool)
    alone, wide = (curve_columns(two.best, trace(), used, b) for b in (None, two))
    widths = [c["high (2e2/h)"] - c["low (2e2/h)"] for c in (alone, wide)]
    spread = two.spread(trace().gate)
    np.testing.assert_allclose(widths[1], np.hypot(widths[0], 2 * spread), rtol=1e-9)
    heating = two.heating(1.0, 0.5)
    np.testing.assert_allclose(heating.value["P_A"], 1.0)
    np.testing.assert_allclose(heating.low["P_A"], 1 - 0.3)
    np.testing.assert_allclose(heating.high["P_A"], 1 + np.hypot(0.4, 1.0))
    assert list(heating.each) == ["saddle, gap", "other"]
    assert two.cells(heating)[1][5] == "2"
    assert two.cells(heating)[2][5] == ""


# --- what is asked --------------------------------------------------------------------------


def test_averages_keep_the_curve():
    gate = np.linspace(-100.0, 0.0, 1001)
    few = averaged(ConductanceTrace(gate, gate / 10, "a trace", sigma=0.1, temperature=0.3))
    assert few.gate.size == 251
    np.testing.assert_allclose(few.conductance, few.gate / 10)
    sigma: Any = few.sigma
    np.testing.assert_allclose(sigma[:-1], 0.1 / 2)
    assert sigma[-1] == pytest.approx(0.1)
    assert (few.name, few.temperature) == ("a trace", 0.3)


def test_what_is_refused():
    with pytest.raises(ValueError, match="there is no model 'sadle'"):
        compare_barriers(trace(), ("sadle", "mean"))
    with pytest.raises(ValueError, match="at least one"):
        compare_barriers(trace(), ())
    with pytest.raises(ValueError, match="there is no shoulder 'bump'"):
        compare_barriers(trace(), shoulders=("bump",))
