"""Samples of the posterior: as the covariance where a fit is well posed, and words where not."""

import copy
import dataclasses
import importlib.util
import sys

import jax
import numpy as np
import pytest
from small_fits import MU, device, fitted, trace

from qpcjax.fitting import Posterior, fit
from qpcjax.fitting.interpolation import GateNodes
from qpcjax.fitting.sampling import Sheared, log_posterior
from qpcjax.optimise.losses import LOSSES, density, mean_slope, transformed

sampled = pytest.mark.skipif(
    importlib.util.find_spec("blackjax") is None,
    reason='blackjax is not installed: pip install "qpcjax[bayes]"',
)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_density_is_the_loss(loss):
    r = np.array([-40.0, -3.0, -1e-5, 0.0, 0.4, 1.3, 1.4, 7.0])
    np.testing.assert_allclose(density(loss, r), transformed(loss, r)[0] ** 2 / 2, rtol=1e-9)
    h, many = 1e-4, np.random.default_rng(1).standard_normal(500)
    up, down, at = (np.asarray(density(loss, many + k * h)) for k in (1, -1, 0))
    assert mean_slope(loss, many) == pytest.approx(np.mean(up + down - 2 * at) / h**2, rel=1e-2)


@pytest.mark.parametrize("loss", ["linear", "student_t"])
def test_curvature_at_the_fit_is_that_of_the_covariance(loss):
    # Of an unknown sigma and correlated residuals too; the Hessian by differences of the gradient.
    rough = trace(sigma=None)
    found = fitted() if loss == "linear" else fit(device(), rough, loss=loss, starts=2)
    at = Sheared(found)
    target, pieces = log_posterior(found, at)
    gradient = jax.jit(jax.grad(lambda u: target(at.start + at.whitening @ u, pieces)))
    h = 1e-3
    hessian = [
        (np.asarray(gradient(h * e)) - np.asarray(gradient(-h * e))) / (2 * h)
        for e in np.eye(len(at.start))
    ]
    # In units of the covariance the curvature is 1; Student's is that of the mean over residuals.
    size = -np.linalg.eigvalsh(np.array(hessian))
    np.testing.assert_allclose(size, 1, atol=0.1 if loss == "linear" else 0.45)
    np.testing.assert_allclose(gradient(np.zeros(len(at.start))), 0, atol=0.05)
    low, high = found.profile("hbar_omega_x", points=7).interval
    error = found.stderr["hbar_omega_x"]
    assert (high - low) / 2 == pytest.approx(error, rel=0.1 if loss == "linear" else 0.25)


def test_nodes_have_the_best_fit_of_the_points():
    found = fitted()
    part = found.problem.parts[0]
    nodes = GateNodes(part.data.gate, 20)
    problem = copy.copy(found.problem)
    problem.parts = [dataclasses.replace(part, along=nodes)]
    fewer = dataclasses.replace(found, problem=problem)
    at = Sheared(fewer)
    target, pieces = log_posterior(fewer, at)
    assert pieces[0].to_points.shape == (24, 20)
    slope = jax.jit(jax.grad(target))(at.start, pieces)
    np.testing.assert_allclose(at.whitening.T @ np.asarray(slope), 0, atol=0.25)


@pytest.fixture(scope="module")
def posterior():
    return fitted().sample(300, chains=2, seed=3, warmup=100)


@pytest.mark.end_to_end
@sampled
def test_samples_agree_with_the_covariance(posterior):
    assert posterior.samples.shape == (2, 300, 3)
    for name, error in fitted().stderr.items():
        assert posterior.stderr[name] == pytest.approx(error, rel=0.15), name
        assert abs(posterior.mean[name] - fitted().values()[name]) < 0.25 * error, name
        low, high = posterior.interval(name)
        assert (high - low) / 2 == pytest.approx(0.9945 * error, rel=0.2), name
        assert posterior.effective_size[name] > 150
        assert posterior.r_hat[name] < 1.03
        assert posterior.compare()[name].startswith("agrees")
    assert posterior.divergences == 0
    correlation = np.corrcoef(posterior.samples.reshape(-1, 3).T)
    np.testing.assert_allclose(correlation, fitted().correlation, atol=0.12)


@pytest.mark.end_to_end
@sampled
def test_bands_from_samples(posterior):
    gate = np.linspace(-59, -1, 24)
    band, (value, error) = (f.predict("conductance", gate) for f in (posterior, fitted()))
    np.testing.assert_allclose(band.median, value, atol=0.3 * error.max())
    np.testing.assert_allclose((band.upper - band.lower) / 2, error, rtol=0.25)
    with pytest.raises(ValueError, match="kind must be one of"):
        posterior.predict("colour", gate)


@pytest.mark.end_to_end
@sampled
def test_a_seed_is_repeatable_and_bad_numbers_are_told(posterior):
    assert posterior["height_1"].shape == (600,)
    with pytest.raises(ValueError, match="height_3 is not a free parameter"):
        posterior["height_3"]
    with pytest.raises(ValueError, match="samples must be 4 or more"):
        fitted().sample(2)


@pytest.mark.slow
@sampled
def test_a_shift_of_all_energies_is_named():
    # mu and the heights move together: one trace does not tell mu, the bounds do.
    found = fit(device(), trace(), free=("mu",), bounds={"mu": (MU - 0.5, MU + 0.5)}, starts=2)
    posterior = found.sample(250, chains=2, seed=1, warmup=100)
    # A ridge 300 times as long as it is wide is followed from end to end.
    assert posterior.effective_size["mu"] > 100
    assert posterior["mu"].min() < MU - 0.4
    assert posterior["mu"].max() > MU + 0.4
    assert posterior.stderr["mu"] == pytest.approx(1 / np.sqrt(12), rel=0.2)
    words = posterior.compare()
    assert "it fills its bounds" in words["mu"]
    assert "flat direction: energy scale" in words["mu"]
    assert "flat direction" in words["height_1"]
    assert words["hbar_omega_x"].startswith("agrees")
    assert "it fills its bounds" in posterior.summary()


def made(samples, found=None):
    found = found or fitted()
    rows = np.array(list(found.values()[p.name] for p in found.free)) * np.ones(
        (1, len(samples), 1)
    )
    rows = rows + 1e-3 * np.random.default_rng(0).standard_normal(rows.shape)
    rows[0, :, 0] = samples
    flags = np.zeros(rows.shape[:2], bool)
    names = [p.name for p in found.free]
    return Posterior(
        found, rows, flags, flags, dict.fromkeys(names, 1.0), dict.fromkeys(names, 1e3)
    )


def test_words_of_skewed_samples_and_bounds():
    rng = np.random.default_rng(1)
    p = fitted().free[0]
    assert (
        "skewed, with a tail to larger values"
        in made(p.value + rng.gamma(1, 0.1, 4000)).compare()[p.name]
    )
    leaning = made(p.lower * np.exp(rng.gamma(1, 0.05, 4000)))
    assert "it leans on its lower bound" in leaning.compare()[p.name]


def test_warnings_of_bad_samples():
    found = made(np.ones(1000))
    assert found.warnings() == []
    steps = np.arange(1000)[None] < 10
    bad = Posterior(
        found.fit, found.samples, steps, steps[:, ::-1] & steps, {"a": 1.2}, {"a": 20.0}
    )
    assert [line.split(":")[0] for line in bad.warnings()] == [
        "r-hat above 1.01",
        "fewer than 100 effective samples",
        "10 of 1000 steps diverged",
    ]
    lost = Posterior(found.fit, found.samples, steps, steps, {"a": 1.0}, {"a": 200.0})
    (line,) = lost.warnings()
    assert line.startswith("10 of 1000 steps came to where the model has no answer")


def test_without_blackjax(monkeypatch):
    monkeypatch.setitem(sys.modules, "blackjax", None)
    with pytest.raises(ImportError, match=r'pip install "qpcjax\[bayes\]"'):
        fitted().sample(10)
