"""What flat directions are called, and that it does not depend on how they were found."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import ortho_group

import qpcjax as qpc
from qpcjax.fitting import flat_directions
from qpcjax.fitting.flat_directions import in_words, told_apart

NAMES = ["height_1", "height_2", "hbar_omega_y", "hbar_omega_x", "smearing", "mu"]
# A saddle on one trace: all energies grow together, or mu and the barrier rise together.
SCALE = np.array([1.0, 1.0, 0.4, 0.3, 0.1, 1.0])
SHIFT = np.array([1.0, 1.0, 0.0, 0.0, 0.0, 1.0])


@pytest.mark.parametrize("seed", range(5))
def test_any_mixture_gives_the_same_directions(seed):
    basis = np.linalg.qr(np.stack([SCALE, SHIFT]).T)[0].T
    mixed = ortho_group.rvs(2, random_state=seed) @ basis
    found = told_apart(mixed, NAMES)
    found = found[np.argsort(found[:, NAMES.index("mu")])]
    # One moves mu and no hbar_omega_y, the other hbar_omega_y and not mu.
    np.testing.assert_allclose(found[1], SHIFT, atol=1e-12)
    np.testing.assert_allclose(found[0], (SCALE - SHIFT) / 0.4, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_three_directions_of_any_space(seed):
    space = np.random.default_rng(seed).standard_normal((3, 6))
    basis = np.linalg.qr(space.T)[0].T
    found, other = (
        told_apart(ortho_group.rvs(3, random_state=k) @ basis, NAMES) for k in (seed, seed + 9)
    )
    for row in found:
        assert np.min(np.abs(other - row).max(1)) < 1e-9
    np.testing.assert_allclose(found @ np.linalg.pinv(space) @ space, found, atol=1e-12)
    assert np.linalg.matrix_rank(found) == 3


def test_one_or_none_is_left_as_it_is():
    np.testing.assert_allclose(told_apart(SHIFT[None] / 3**0.5, NAMES), SHIFT[None], atol=1e-12)
    assert told_apart(np.zeros((0, 6)), NAMES).shape == (0, 6)


def test_parameters_that_no_point_depends_on(monkeypatch):
    monkeypatch.setattr(flat_directions, "weighted_slopes", lambda _: np.zeros((4, 1)))
    parameter = SimpleNamespace(name="damping", log=True, value=0.04)
    fit = SimpleNamespace(parameters=[parameter], device=SimpleNamespace(mu=1.0), priors={})
    assert flat_directions.flat_directions(fit) == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mu": 1.0, "height_1": 1.0, "height_2": 0.98}, "an exact symmetry"),
        ({"mu": 1.0, "height_1": 1.0, "hbar_omega_y": 0.5}, "energy scale (mu"),
        ({"mu": 1.0, "half_width_1": -0.5, "length": -0.5}, "energy scale (mu"),
        ({"hbar_omega_y": -0.5, "hbar_omega_x_1": -0.5, "height_2": 1.0}, "energy scale (level"),
        ({"offset": -1.0, "half_width_1": -0.5, "temperature": 1.0}, "lever arm"),
        ({"half_width_1": 1.0, "offset_2": 0.2}, "lever arm"),
        # Moved along with the temperature, and not what is undetermined.
        ({"temperature": 1.0, "hbar_omega_x_1": -0.2, "height_1": -0.1, "mu": -0.1}, "temperature"),
        ({"temperature": 1.0, "smearing_1": -0.9}, "temperature against softness"),
        ({"smearing_1": 1.0, "length": -0.6}, "length against smearing"),
        ({"smearing_2": 1.0, "series_resistance": 0.5, "offset_2": 0.2}, "combination of series"),
        ({"length_over_half_width": 1.0, "half_width_1": 0.1}, "length_over_half_width alone"),
        ({"damping": 1.0}, "damping"),
        ({"bias_share": 1.0}, "bias drops"),
    ],
)
def test_words(changes, words):
    assert words in in_words(changes)[0]


def test_a_shift_of_all_energies_changes_nothing():
    """What the words say of a saddle: no current and no heat tells mu from the height."""
    saddle, raised = (qpc.SaddlePoint(3.0 + up, 2.0, 0.8) for up in (0.0, 1.7))
    here, there = (qpc.Reservoirs(5.0 + up, 1.5, 1.0) for up in (0.0, 1.7))
    for observable in (qpc.current, qpc.differential_conductance):
        found = [float(observable(c, r)) for c, r in ((saddle, here), (raised, there))]
        assert found[0] == pytest.approx(found[1], rel=1e-9)
    powers = [qpc.dissipation(c, r) for c, r in ((saddle, here), (raised, there))]
    assert float(powers[0].left) == pytest.approx(float(powers[1].left), rel=1e-9)
    remedy = in_words({"mu": 1.0, "height_1": 1.0})[1]
    assert "dI/dV" not in remedy
    assert "density" in remedy
