"""The exact answer of mode matching, against Kwant, its own limits and the box average."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from barriers import Barrier, reservoir_rows
from helpers import HALF_WIDTH, MASS
from kwant_table import kwant_limit

import qpcjax as qpc
from qpcjax.transport.integrals import transport_moments

# mu, eV and kT of both sides, warm and cold.
RESERVOIRS = [(1.3, 0.2, 0.05, 0.03), (2.9, 0.3, 0.0, 0.0)]


def matched(ell, wide_ratio=None, channel_modes=20, **options):
    """A constriction of L/2w = ell; T(E) does not depend on the limit of the aspect ratio."""
    options = {"aspect_limit": 15} | options
    return qpc.MatchedConstriction(
        HALF_WIDTH, 2 * HALF_WIDTH * ell, wide_ratio, channel_modes, MASS, **options
    )


def transmissions(c, energies, count=72):
    """T(E), compiled for one number of energies."""
    energies = np.append(energies, np.full(-len(energies) % count, energies[-1]))
    parts = [qpc.transmission(c, part) for part in np.split(energies, len(energies) // count)]
    return np.concatenate(parts)


@pytest.mark.parametrize("ell", [0.5, 2.0])
def test_kwant(ell):
    energies, expected = kwant_limit(ell)
    found = transmissions(matched(ell, 5.0), energies)[: len(energies)]
    error = np.abs(found - expected)
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
    np.testing.assert_allclose(each.sum(1), transmissions(c, energies)[:4], rtol=1e-9)


@pytest.mark.parametrize("ell", [0.5, 1.0, 2.0, 3.0])
def test_half_planes_agree_with_the_profile_and_less_with_the_box_average(ell):
    energies = np.linspace(0.2, 7, 69)
    exact = transmissions(matched(ell), energies)[: len(energies)]
    rms = {}
    for matching in ("profile", "mean"):
        c = qpc.AbruptConstriction(
            HALF_WIDTH, 2 * HALF_WIDTH * ell, mass=MASS, matching=matching, aspect_limit=5
        )
        rms[matching] = np.sqrt(np.mean((qpc.transmission(c, energies) - exact) ** 2))
    assert rms["profile"] < 0.008
    assert 0.07 < rms["mean"] < 0.10


def test_wavevector_of_the_profile_is_that_of_its_definition():
    from qpcjax.scatterers.wavevectors import profile_wavevectors

    a, b = profile_wavevectors(jnp.asarray(1.1), 3)
    assert float(a[0]) == pytest.approx(0.6195, abs=5e-5)
    assert float(b[0]) == pytest.approx(0.290, abs=5e-4 + 5e-5)


@pytest.mark.slow
def test_gradients_between_wide_regions_against_differences():
    def make(p):
        return qpc.MatchedConstriction(
            p[0], p[1], p[3], 6, MASS, p[2], aspect_limit=1.0, largest_ratio=3.0
        )

    rows = reservoir_rows([HALF_WIDTH, 1.6 * HALF_WIDTH, 0.1, 2.6], RESERVOIRS)
    Barrier(make, 4).check_gradients(rows, 1e-4 * np.array([HALF_WIDTH, HALF_WIDTH, 1.0, 3.0]))


def half_asymmetry(row):
    """P_A/2 in 2/h of (w, L, floor, mass, mu, eV, T, T_L - T_R)."""
    c = qpc.MatchedConstriction(row[0], row[1], None, 6, row[3], row[2], aspect_limit=1.0)
    return transport_moments(c, *row[4:])[1]


@pytest.fixture(scope="module")
def heat():
    """P_A/2 of several rows, and its slope in a direction for each."""
    return jax.jit(jax.vmap(lambda row, direction: jax.jvp(half_asymmetry, (row,), (direction,))))


@pytest.mark.slow
def test_gradients_between_half_planes_against_differences(heat):
    parameters = np.array([HALF_WIDTH, 1.6 * HALF_WIDTH, 0.1, MASS])
    for row in reservoir_rows(parameters, RESERVOIRS):
        directions = np.eye(4, 8) * np.array([HALF_WIDTH, HALF_WIDTH, 1.0, MASS])[:, None]
        moves = 1e-4 * np.array([-1.0, -0.5, 0.5, 1.0])[:, None, None]
        slope = np.asarray(heat(np.tile(row, (4, 1)), directions)[1])
        f = [np.asarray(heat(row + move * directions, directions)[0]) for move in moves]
        difference = (4 * (f[2] - f[1]) / 1e-4 - (f[3] - f[0]) / 2e-4) / 3
        np.testing.assert_allclose(slope, difference, rtol=1e-6)


def test_low_bias_heat_is_the_slope_of_the_transmission():
    mu, bias = 1.1, 1e-3
    row = np.array([HALF_WIDTH, 1.6 * HALF_WIDTH, 0.0, MASS, mu, bias, 0.0, 0.0])
    value = float(jax.jit(half_asymmetry)(row))
    c = matched(0.8, channel_modes=6, aspect_limit=1.0)
    t = np.asarray(qpc.transmission(c, mu + np.array([-1e-3, 1e-3])))
    assert value == pytest.approx((t[1] - t[0]) / 2e-3 * bias**3 / 12, rel=1e-4)


@pytest.mark.parametrize("wide_ratio", [None, 2.6])
def test_slopes_in_energy(wide_ratio):
    c = matched(0.8, wide_ratio, 9)
    # Both sides of E = E1, and E1 itself; away from the thresholds (m/2.6)^2 of the wide regions.
    energies, step = np.array([0.3, 0.999, 1.0, 1.001, 5.7]), 1e-4
    both = jax.jit(jax.vmap(jax.value_and_grad(lambda e: qpc.transmission(c, e))))
    moved = energies + step * np.array([[0], [-1], [-0.5], [0.5], [1]])
    (_, *t), (slopes, *_) = (np.reshape(x, moved.shape) for x in both(moved.ravel()))
    differences = (4 * (t[2] - t[1]) / step - (t[3] - t[0]) / (2 * step)) / 3
    np.testing.assert_allclose(slopes, differences, rtol=1e-6)


# --- the number of channel modes ------------------------------------------------------------

CONVERGENCE = np.concatenate([np.linspace(0.3, 3.9, 7), np.linspace(4.1, 9.9, 12)])


@pytest.fixture(scope="module")
def by_modes():
    """T of a channel of ell = 2 for several numbers of channel modes, extrapolated or not."""
    return {
        (modes, extrapolated): transmissions(
            matched(2.0, channel_modes=modes, extrapolate=extrapolated), CONVERGENCE
        )[: len(CONVERGENCE)]
        for modes, extrapolated in ((20, False), (40, False), (20, True), (40, True))
    }


def test_twenty_channel_modes_are_nearly_enough(by_modes):
    change = np.abs(by_modes[20, False] - by_modes[40, False])
    assert np.all(change < np.where(CONVERGENCE < 4, 1e-3, 2.5e-3))


def test_extrapolation_takes_the_error_out(by_modes):
    # What 20 and 40 lack is in the ratio of the corners' law, 2^(4/3), if its limit is right.
    limit = by_modes[40, True]
    lack = [limit - by_modes[modes, False] for modes in (20, 40)]
    assert np.median(lack[0] / lack[1]) == pytest.approx(2 ** (4 / 3), rel=0.15)
    assert np.max(np.abs(by_modes[20, True] - limit)) < 1.5e-4 < np.max(np.abs(lack[0])) / 10


def test_extrapolated_eigenvalues_sum_to_the_total():
    c = matched(1.0, channel_modes=20, extrapolate=True)
    energies = np.array([0.4, 1.0, 3.0])
    each = np.asarray(qpc.eigenvalues(c, energies))
    assert each.shape == (3, 20)
    np.testing.assert_allclose(each.sum(1), transmissions(c, energies)[:3], rtol=1e-9)


def test_wide_regions_tend_to_half_planes():
    energies = np.linspace(0.4, 5.0, 47)
    half = transmissions(matched(1.0), energies)
    rms = [
        np.sqrt(np.mean((transmissions(matched(1.0, ratio), energies) - half)[:47] ** 2))
        for ratio in (3.0, 12.0)
    ]
    assert rms[1] < rms[0] / 2
    assert rms[1] < 0.02


def test_many_energies_at_once():
    # Two batched LAPACK calls of one program waited for each other for ever here.
    t = qpc.transmission(matched(0.5), np.linspace(0.2, 9.0, 3000))
    assert np.all(np.isfinite(t))


def test_long_channels_and_the_onset_of_a_mode_are_finite():
    c = matched(15.0)
    t = transmissions(c, np.array([-1.0, 0.0, 0.05, 1.0, 4.0, 40.0]))
    assert t[0] == t[1] == 0
    assert 0 < t[2] < 1e-30
    assert np.all(np.isfinite(t[3:5]))
    assert float(c.energy_limit()) < 40 * float(c.energy_scale)
    assert 5 < t[5] < 6.5  # more channel modes are kept for it


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wide_ratio": 1.0}, "wide_ratio must be more than 1"),
        ({"channel_modes": 2}, "channel_modes must be a whole number, 3 or more, got 2"),
        ({"channel_modes": 9, "extrapolate": True}, "12 or more to extrapolate from, got 9"),
        ({"length": -1.0}, "length must be 0 or more, in nm, got -1"),
    ],
)
def test_construction_says_what_is_wrong(options, message):
    with pytest.raises(ValueError, match=message):
        qpc.MatchedConstriction(**{"half_width": 20.0, "length": 80.0, **options})


def test_an_unknown_matching_is_refused():
    with pytest.raises(ValueError, match='"mean" or "profile"'):
        qpc.AbruptConstriction(20.0, 80.0, matching="exact")
