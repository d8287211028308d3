"""The points to measure next, against the information rebuilt with the points added."""

import dataclasses
import functools

import numpy as np
import pytest
from small_fits import RANGE, SIGMA, conductance, device, fitted, joint, trace

from qpcjax.fitting import Candidates, fit
from qpcjax.fitting.compiled_predictions import Predictor
from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.measurements import ConductanceTrace, InputError

# As many as the trace has points: what is compiled for the one serves for the other.
GATES = np.linspace(*RANGE, 24) + 1.0
BIASES = (0.4, 1.2)
WIDTH = {"mu": 1.0, "temperature": 0.4}


@functools.cache
def differences(names, of="trace"):
    """Slopes of the fitted device's predictions at some points, by finite differences."""
    kernel, layout = fitted().problem.parts[0].kernel, DeviceNumbers(fitted().device)
    settings = {"trace": kernel.settings, "candidates": kernel.settings | {"gate": GATES}}.get(of)
    if settings is None:
        settings = dict(gate=GATES[::2].repeat(2), bias=np.tile(BIASES, 12))
        kernel = Predictor(fitted().device, of, settings)
    columns = []
    for name in names:
        step = np.zeros(len(layout.names))
        step[layout.names.index(name)] = h = 1e-4
        up, down = kernel.predict(np.array([layout.values + s for s in (step, -step)]), settings)
        columns.append((up - down) / (2 * h))
    return np.array(columns).T


def covariance(names, added=(), sigma=SIGMA):
    """Inverse of the information of the trace, of slopes added to it, and of the bounds."""
    rows = [differences(names) / SIGMA, *(j / sigma for j in added)]
    j = np.concatenate([np.atleast_2d(r) for r in rows])
    by_name = {p.name: p for p in fitted().parameters}
    ranges = [WIDTH.get(n, by_name[n].upper - by_name[n].lower) for n in names]
    return np.linalg.inv(j.T @ j + np.diag(12 / np.square(ranges)))


FREE = ("hbar_omega_x", "height_1", "height_2")


def test_each_point_alone_and_the_greedy_choice():
    found = fitted().next_points("hbar_omega_x", Candidates("conductance", gate=GATES), count=3)
    assert found.stderr == pytest.approx(np.sqrt(covariance(FREE)[0, 0]), rel=1e-4)
    slopes = differences(FREE, "candidates")
    wanted = [np.sqrt(covariance(FREE, [j])[0, 0]) for j in slopes]
    np.testing.assert_allclose(found.alone[0], wanted, rtol=1e-4)
    assert found.points[0].at["gate"] == GATES[np.argmin(wanted)]
    taken = []
    for point in found.points:
        taken.append(slopes[list(GATES).index(point.at["gate"])])
        after = covariance(FREE, taken)
        assert point.stderr == pytest.approx(np.sqrt(after[0, 0]), rel=1e-4)
    assert "conductance at gate" in found.summary()
    # The slope is that of the variance in a small weight of a point.
    small = 1e-5
    light = covariance(FREE, [slopes[7]], sigma=SIGMA / np.sqrt(small))
    change = (light[0, 0] - covariance(FREE)[0, 0]) / small
    assert found.slope[0][7] == pytest.approx(change, rel=1e-3)


def test_a_fit_with_the_points_has_the_error_that_was_promised():
    found = fitted().next_points("hbar_omega_x", Candidates("conductance", gate=GATES), count=8)
    more = np.array([p.at["gate"] for p in found.points])
    first = trace()
    noise = SIGMA * np.random.default_rng(9).standard_normal(more.size)
    gate = np.append(first.gate, more)
    both = np.append(first.conductance, conductance(more) + noise)
    again = fit(device(), ConductanceTrace(gate, both, sigma=SIGMA), starts=2)
    assert again.stderr["hbar_omega_x"] == pytest.approx(found.points[-1].stderr, rel=0.05)
    assert again.stderr["hbar_omega_x"] < 0.85 * fitted().stderr["hbar_omega_x"]


def test_held_numbers_are_supposed_free_and_kinds_compete():
    gates = GATES[::2]
    spectrum = Candidates("differential_conductance", gate=gates[:, None], bias=BIASES, sigma=SIGMA)
    several = [Candidates("conductance", gate=GATES), spectrum]
    free = {"temperature": (0.8, 1.2)}
    found = fitted().next_points("temperature", several, free=free)
    assert found.supposed == ("temperature",)
    names = (*FREE, "temperature")
    assert found.stderr == pytest.approx(np.sqrt(covariance(names)[3, 3]), rel=1e-3)
    assert found.alone[1].shape == (12, 2)
    one = covariance(names, [differences(names, "differential_conductance")[5]])
    assert found.alone[1][2, 1] == pytest.approx(np.sqrt(one[3, 3]), rel=1e-3)
    best = min(float(a.min()) for a in found.alone)
    assert found.points[0].stderr == pytest.approx(best, rel=1e-9)


def test_targets_that_are_combinations_and_predictions():
    candidates = Candidates("conductance", gate=GATES)
    found = fitted().next_points({"height_1": 0.5, "height_2": -2.0}, candidates)
    c = np.array([0.0, 0.5, -2.0])
    assert found.stderr == pytest.approx(np.sqrt(c @ covariance(FREE) @ c), rel=1e-4)
    there = Candidates("current", gate=GATES[::2, None], bias=BIASES)
    flow = fitted().next_points(there, candidates)
    _, error = fitted().predict("current", gate=GATES[::2, None], bias=BIASES)
    assert flow.stderr == pytest.approx(np.sqrt(np.sum(error**2)), rel=1e-4)
    assert flow.points[0].stderr < flow.stderr


def test_points_belong_to_a_data_set():
    found = joint()
    plan = {
        name: found.next_points(
            "hbar_omega_x@b", Candidates("conductance", gate=GATES, data_set=name)
        )
        for name in ("a", "b")
    }
    # A trace of the other softness helps through the heights alone, which both have.
    assert plan["a"].stderr == pytest.approx(found.stderr["hbar_omega_x@b"], rel=1e-4)
    assert np.all(plan["a"].alone[0] > 0.99 * plan["a"].stderr)
    assert plan["b"].alone[0].min() < 0.97 * plan["b"].stderr
    with pytest.raises(ValueError, match="there is no data set 'c'"):
        found.next_points("height_2", Candidates("conductance", gate=GATES, data_set="c"))


def test_bad_questions():
    found, candidates = fitted(), Candidates("conductance", gate=GATES)
    for options, words in (
        ({"target": "mu"}, "neither a free parameter nor supposed free"),
        ({"target": "height_1", "free": ("mue",)}, "did you mean mu"),
        ({"target": "height_1", "free": {"mu": (6.0, 4.0)}}, "contradict"),
        ({"target": "height_1", "count": 0}, "count must be 1 or more"),
    ):
        with pytest.raises(ValueError, match=words):
            found.next_points(candidates=candidates, **options)
    with pytest.raises(InputError, match="give the candidates a sigma"):
        found.next_points("height_1", Candidates("total", gate=GATES[:2], bias=1.0))
    cold = dataclasses.replace(found, device=dataclasses.replace(found.device, temperature=None))
    with pytest.raises(InputError, match="right needs a temperature"):
        cold.predict("right", gate=-30.0, bias=1.0)
    with pytest.raises(ValueError, match="kind must be one of"):
        Candidates("heating", gate=GATES)
    with pytest.raises(ValueError, match="sigma must be positive"):
        Candidates("conductance", gate=GATES, sigma=0.0)


def test_a_misfit_is_allowed_for():
    """Wider errors stay, and a point tells no more than the model can be trusted to."""
    fit, at = fitted(), Candidates("conductance", gate=GATES, sigma=SIGMA)
    plan = fit.next_points("hbar_omega_x", at)
    wide = dataclasses.replace(fit, covariance=9 * fit.covariance)
    # As if every point of before had three times its error, and the new ones too.
    coarse = dataclasses.replace(at, sigma=3 * SIGMA)
    found = wide.next_points("hbar_omega_x", coarse)
    assert found.stderr == pytest.approx(3 * plan.stderr, rel=0.02)
    assert found.points[0].stderr == pytest.approx(3 * plan.points[0].stderr, rel=0.02)
    missed = tuple(
        dataclasses.replace(p, predicted=p.predicted + 4 * SIGMA * (-1) ** np.arange(24))
        for p in fit.parts
    )
    off = dataclasses.replace(fit, parts=missed)
    beyond = missed[0].rms ** 2 - SIGMA**2
    assert off.next_points("hbar_omega_x", at).points[0].sigma == pytest.approx(
        np.sqrt(SIGMA**2 + beyond)
    )
    assert plan.points[0].sigma == SIGMA
