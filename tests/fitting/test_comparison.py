"""Models beside each other: criteria, data held out, and predictions of all of them."""

import math

import numpy as np
import pytest
from small_fits import SIGMA, conductance, device, fitted, trace

from qpcjax.fitting import compare, fit
from qpcjax.fitting.comparison import held_out_points
from qpcjax.measurements import ConductanceTrace, InputError


@pytest.fixture(scope="module")
def rivals():
    # The trace hardly knows the level spacing against the lever arm. At 2.5 K no softness is
    # small enough for its steps: it ends on its bound.
    return {
        "hot saddle": fit(device(temperature=2.5), trace(), starts=[{}]),
        "saddle": fitted(),
        "wide saddle": fit(device(), trace(), fixed={"hbar_omega_y": 2.1}, starts=[{}]),
    }


@pytest.fixture(scope="module")
def compared(rivals):
    return compare(rivals, folds=4)


def test_criteria_and_weights(rivals, compared):
    assert rivals["hot saddle"].at_bound == ("hbar_omega_x",)
    assert compared.rivals[-1].name == "hot saddle"
    chi = {n: np.sum((f.parts[0].residual / SIGMA) ** 2) for n, f in rivals.items()}
    aic = {n: chi[n] + 2 * len(f.free) for n, f in rivals.items()}
    for r in compared.rivals:
        assert r.aic == pytest.approx(aic[r.name], rel=1e-9)
        assert r.bic == pytest.approx(chi[r.name] + r.free * math.log(24), rel=1e-9)
        assert r.difference == pytest.approx(aic[r.name] - min(aic.values()), abs=1e-6)
    assert sum(r.weight for r in compared.rivals) == pytest.approx(1)
    first, second = compared.rivals[:2]
    assert second.weight / first.weight == pytest.approx(math.exp(-second.difference / 2))


def test_words_and_table(compared):
    words = compared.words()
    assert "saddle are alike: within 2 of Akaike's criterion" in words
    assert "wins over hot saddle by" in words
    assert "more than a million times as likely" in words
    assert "predicts the 24 points that were held out best" in words
    lines = compared.table().splitlines()
    assert lines[0].split()[0] == "model"
    assert len(lines) == 4


def test_folds_are_fits_of_the_rest(rivals, compared):
    # The last of the blocks by hand: points that say nothing are as good as none.
    data = trace()
    sigma = np.where(np.arange(24) < 18, SIGMA, 1e6)
    rest = fit(device(), ConductanceTrace(data.gate, data.conductance, sigma=sigma), starts=[{}])
    value, error = (x[18:] for x in rest.predict("conductance", data.gate))
    variance = SIGMA**2 + error**2
    wanted = -0.5 * ((data.conductance[18:] - value) ** 2 / variance + np.log(2 * np.pi * variance))
    found = held_out_points(rivals["saddle"], None, 4)
    np.testing.assert_allclose(found[18:], wanted, atol=2e-3)
    (total,) = (r.held_out for r in compared.rivals if r.name == "saddle")
    assert total == pytest.approx(found.sum())


def test_data_that_no_fit_has_seen(rivals):
    gate = np.linspace(-59, -1, 24)
    noise = SIGMA * np.random.default_rng(11).standard_normal(24)
    unseen = ConductanceTrace(gate, conductance(gate) + noise, sigma=SIGMA)
    found = compare({n: rivals[n] for n in ("saddle", "hot saddle")}, held_out=unseen)
    by_name = {r.name: r.held_out for r in found.rivals}
    # Gaussian points of this sigma.
    expected = -24 * (math.log(SIGMA * math.sqrt(2 * math.pi)) + 0.5)
    assert by_name["saddle"] == pytest.approx(expected, abs=15)
    # The wrong model knows its misfit: its predictions are less sure than its curvature says.
    assert by_name["hot saddle"] < by_name["saddle"] - 50


def test_predictions_hold_what_models_differ_by(rivals, compared):
    gate = np.linspace(-59, -1, 24)
    weights = {r.name: r.weight for r in compared.rivals}
    said = {n: f.predict("conductance", gate) for n, f in rivals.items()}
    mean = sum(weights[n] * said[n][0] for n in said)
    variance = sum(weights[n] * (said[n][1] ** 2 + (said[n][0] - mean) ** 2) for n in said)
    value, error = compared.predict("conductance", gate)
    np.testing.assert_allclose(value, mean, rtol=1e-6)
    np.testing.assert_allclose(error, np.sqrt(variance), rtol=1e-4)
    assert np.all(compared.spread("conductance", gate) < error)


def test_bad_questions(rivals):
    other = fit(device(), trace(seed=6), starts=[{}])
    with pytest.raises(InputError, match="are fits of different data"):
        compare({"a": fitted(), "b": other})
    with pytest.raises(ValueError, match="folds must be 2 or more"):
        compare(rivals, folds=1)
    with pytest.raises(ValueError, match="a dict of names and fits"):
        compare({})
    with pytest.raises(InputError, match="24 points are too few for 20 folds"):
        compare(rivals, folds=20)
