"""The exact answer of mode matching, against Kwant, its own limits and the box average."""

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import HALF_WIDTH, MASS, TABLES

import qpcjax as qpc

ROWS = json.loads((TABLES / "kwant.json").read_text())["rows"]


def matched(ell, wide_ratio=None, channel_modes=20, **options):
    return qpc.MatchedConstriction(
        HALF_WIDTH, 2 * HALF_WIDTH * ell, wide_ratio, channel_modes, MASS, **options
    )


def kwant_limit(ell):
    """Energies and T of Kwant's table, extrapolated to a vanishing lattice constant."""
    table = {(r["energy"], r["N"]): r["T"] for r in ROWS if r["ell"] == ell}
    energies, sizes = (sorted({key[i] for key in table}) for i in (0, 1))
    powers = [[1, size ** (-4 / 3), size**-2.0] for size in sizes]
    values = [[table[e, size] for e in energies] for size in sizes]
    return np.array(energies), np.linalg.solve(powers, values)[0]


@pytest.mark.parametrize("ell", [0.5, 2.0])
def test_kwant(ell):
    energies, expected = kwant_limit(ell)
    found = qpc.transmission(matched(ell, 5.0, aspect_limit=2), energies)
    error = np.abs(np.asarray(found) - expected)
    assert np.all(error < np.where(energies < 4, 0.003, 0.015))


def test_amplitudes_conserve_current_and_eigenvalues_sum_to_the_total():
    c = matched(2.0, 5.0)
    amplitudes = jax.jit(lambda energy: c.scattering(energy))
    for energy in (0.03, 1.0, 2.5, 8.5):
        for r, t in amplitudes(energy):
            both = np.conj(r.T) @ r + np.conj(t.T) @ t
            np.testing.assert_allclose(both, np.eye(len(both)), atol=1e-10)
    energies = np.array([0.03, 1.0, 2.5, 8.5])
    each = np.asarray(qpc.eigenvalues(c, energies))
    assert np.all((each >= 0) & (each <= 1 + 1e-12))
    np.testing.assert_allclose(each.sum(1), qpc.transmission(c, energies), rtol=1e-9)


def test_half_planes_agree_with_the_profile_and_less_with_the_box_average():
    energies = np.linspace(0.2, 7, 69)
    for ell in (1, 2):
        exact = np.asarray(qpc.transmission(matched(ell, aspect_limit=2), energies))
        length = 2 * HALF_WIDTH * ell
        rms = {}
        for matching in ("profile", "mean"):
            c = qpc.AbruptConstriction(
                HALF_WIDTH, length, mass=MASS, matching=matching, aspect_limit=2
            )
            rms[matching] = np.sqrt(np.mean((qpc.transmission(c, energies) - exact) ** 2))
        assert rms["profile"] < 0.008
        assert 0.07 < rms["mean"] < 0.10


def test_wavevector_of_the_profile_is_that_of_its_definition():
    from qpcjax.scatterers._wavevector import profile_wavevectors

    a, b = profile_wavevectors(jnp.asarray(1.1), 3)
    assert float(a[0]) == pytest.approx(0.6195, abs=5e-5)
    assert float(b[0]) == pytest.approx(0.290, abs=5e-4 + 5e-5)


def test_gradients_against_differences():
    energy = 1.3

    def total(width, length, ratio):
        c = qpc.MatchedConstriction(width, length, ratio, 9, MASS, aspect_limit=2.0)
        return c.total(jnp.asarray(energy))

    point = (HALF_WIDTH, 2 * HALF_WIDTH, 5.0)
    slopes = jax.jit(jax.grad(total, (0, 1, 2)))(*point)
    compiled = jax.jit(total)
    for i, slope in enumerate(slopes):
        step = 1e-5 * point[i]
        up, down = ([p + s * step * (j == i) for j, p in enumerate(point)] for s in (1, -1))
        difference = (compiled(*up) - compiled(*down)) / (2 * step)
        assert float(slope) == pytest.approx(float(difference), rel=1e-6, abs=1e-9)


def test_long_channels_and_the_onset_of_a_mode_are_finite():
    c = matched(15.0)
    t = np.asarray(qpc.transmission(c, np.array([-1.0, 0.0, 0.05, 1.0, 4.0, 40.0])))
    assert t[0] == t[1] == 0
    assert 0 < t[2] < 1e-30
    assert np.all(np.isfinite(t[3:5]))
    assert math.isnan(t[5])  # more channel modes are needed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wide_ratio": 1.0}, "wide_ratio must be more than 1"),
        ({"channel_modes": 2}, "channel_modes must be a whole number, 3 or more, got 2"),
    ],
)
def test_construction_says_what_is_wrong(options, message):
    with pytest.raises(ValueError, match=message):
        qpc.MatchedConstriction(20.0, 80.0, **options)


def test_an_unknown_matching_is_refused():
    with pytest.raises(ValueError, match='"mean" or "profile"'):
        qpc.AbruptConstriction(20.0, 80.0, matching="exact")
