"""Many fits in one batch, against the same fits one by one."""

import dataclasses

import numpy as np
import pytest

import qpcjax as qpc
from qpcjax.fitting import Device, GateCurve, Gated, fit, fit_many, problem
from qpcjax.fitting import many_fits as many_module
from qpcjax.measurements import ConductanceTrace, InputError

RANGE, GATE, MU = (-100.0, 0.0), np.linspace(-100.0, 0.0, 50), 10.0
TRUE = np.array([[11.0, 2.0, 0.8], [10.5, 3.0, 1.1], [11.5, 2.5, 0.7], [11.0, 1.0, 1.4]])


def device():
    barrier = Gated(qpc.SaddlePoint(6.0, 2.5, 1.2), height=GateCurve(RANGE, [10.0, 3.0]))
    return Device(barrier, MU, None, 400.0, 1.0)


def trace(truth, seed, sigma=0.003, gate=GATE):
    """Three steps of a saddle by the trapezoidal rule, behind 400 ohm."""
    x = np.linspace(-40, 40, 2001)
    energy = MU + 0.0861733326 * x
    height = np.interp(gate, RANGE, truth[:2])[:, None]
    t = sum(
        1 / (1 + np.exp(-2 * np.pi * (energy - height - 2.5 * (k + 0.5)) / truth[2]))
        for k in range(8)
    )
    g = np.trapezoid(t / (4 * np.cosh(x / 2) ** 2), x, axis=1)
    noise = 0.003 * np.random.default_rng(seed).standard_normal(gate.size)
    return ConductanceTrace(gate, g / (1 + 400 / 12906.4037 * g) + noise, sigma=sigma)


@pytest.mark.parametrize("sigma", [0.003, None])
def test_each_is_the_fit_of_its_own(sigma):
    traces = [trace(row, k, sigma) for k, row in enumerate(TRUE)]
    many = fit_many(device(), traces)
    assert many.known == (sigma is not None)
    assert not np.any(many.doubtful)
    assert np.all(many.alike >= 1)
    one = fit(device(), traces[2])
    assert many.names == tuple(p.name for p in one.free)
    errors = np.array(list(one.stderr.values()))
    values = np.array([p.value for p in one.free])
    np.testing.assert_array_less(np.abs(many.values[2] - values), 1e-3 * errors)
    length = one.parts[0].correlation_length  # fit allows for it where sigma is not known
    np.testing.assert_allclose(many.stderr[2] * np.sqrt(length), errors, rtol=0.02)
    # Without a sigma those of `fit` are of wider errors.
    np.testing.assert_allclose(many.rises[2], one.rises, atol=0.02 if sigma else 0.2)
    for name, column in zip(("height_1", "height_2", "hbar_omega_x"), TRUE.T, strict=True):
        found, error = many.column(name)
        assert np.all(np.abs(found - column) < 4 * error), name


def test_a_model_that_does_not_hold_is_doubtful():
    good = trace(TRUE[0], 0)
    bump = 0.05 * np.exp(-(((GATE + 40) / 5) ** 2))
    bad = dataclasses.replace(good, conductance=good.conductance + bump)
    many = fit_many(device(), [good, bad])
    np.testing.assert_array_equal(many.doubtful, [False, True])
    assert many.doubts(0) == ()
    assert "the model does not describe" in many.doubts(1)[0]


def test_long_traces_get_the_nodes_that_they_need(monkeypatch):
    # Nodes that are far too few at first: without more of them the fits would be off and doubtful.
    monkeypatch.setattr(problem, "nodes_for", lambda *_: 10)
    long = [trace(row, k, gate=np.linspace(*RANGE, 150)) for k, row in enumerate(TRUE[:2])]
    many = fit_many(device(), long)
    assert not np.any(many.doubtful)
    for name, column in zip(("height_1", "height_2", "hbar_omega_x"), TRUE[:2].T, strict=True):
        found, error = many.column(name)
        assert np.all(np.abs(found - column) < 4 * error), name


def test_room_is_made_for_the_widest_start_too():
    # A hundred starts are further from the middle in another number than the one that needs it.
    vectors = np.zeros((101, 2))
    vectors[:100, 0] = np.linspace(5, 6, 100)
    vectors[100, 1] = 3.0
    kept = many_module.extremes(vectors)
    assert len(kept) <= 64 + 4
    assert kept[:, 1].max() == 3.0


def test_measurements_must_be_alike():
    first = trace(TRUE[0], 0)
    shifted = dataclasses.replace(first, gate=first.gate + 1)
    with pytest.raises(InputError, match="measurement 1: trace has another gate"):
        fit_many(device(), [first, shifted])
    with pytest.raises(InputError, match="must both state a sigma"):
        fit_many(device(), [first, dataclasses.replace(first, sigma=None)])
    with pytest.raises(ValueError, match="at least one measurement"):
        fit_many(device(), [])
