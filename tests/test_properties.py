"""Invariants that hold for every constriction and every pair of reservoirs."""

import jax.numpy as jnp
import numpy as np
from helpers import Saddle, eigenvalue_rows, kelvin, landauer_rows, vector
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import qpcjax as qpc

ROWS = 16
SWAP = np.array([1, 1, 1, 1, 1, -1, 1, -1, 1])


def column(low, high):
    return arrays(np.float64, ROWS, elements=st.floats(low, high, allow_subnormal=False))


@settings(max_examples=60)
@given(column(-2.0, 60.0), column(0.0, 30.0), column(-3.0, 3.0))
def test_eigenvalues_are_probabilities(energy, ell, offset):
    t = np.asarray(eigenvalue_rows(energy, ell, offset))
    assert np.all((t >= 0) & (t <= 1))
    onset = np.arange(8) ** 2
    assert np.all(t[energy[:, None] <= onset] == 0)


@st.composite
def reservoirs(draw):
    """Parameter vectors whose Fermi weight above the last mode is negligible."""
    ell, mu, bias = draw(column(0.0, 15.0)), draw(column(-0.5, 4.0)), draw(column(-1.0, 1.0))
    kT = draw(arrays(np.float64, ROWS, elements=st.just(0.0) | st.floats(1e-9, 0.09)))
    # A side below zero by a rounding would have no answer.
    ratio = draw(column(-1.999, 1.999))
    columns = (ell, mu, bias, kT, ratio * kT)
    return np.array([vector(*row) for row in zip(*columns, strict=True)])


@settings(max_examples=12)
@given(reservoirs())
def test_first_law_and_reversal(thetas):
    v, back = landauer_rows(thetas), landauer_rows(thetas * SWAP)
    # Below the smallest normal number a bias has lost its digits.
    size = np.abs(v["left"]) + np.abs(v["right"]) + np.finfo(float).tiny / 1e-14
    assert np.all(np.isfinite(size))
    assert np.all(np.abs(v["left"] + v["right"] - thetas[:, 5] * v["current"]) <= 4e-15 * size)
    assert np.all(np.abs(back["left"] - v["right"]) <= 1e-14 * size)
    assert np.all(np.abs(back["right"] - v["left"]) <= 1e-14 * size)
    # Heat may flow against the voltage only where the temperatures differ.
    equal = thetas[:, 7] == 0
    assert np.all((v["left"] + v["right"])[equal] >= 0)


@settings(max_examples=25)
@given(
    st.floats(0.05, 2.0),
    st.floats(-1.0, 3.0),
    column(0.3, 4.0),
    column(1e-6, 1.0),
    column(0.0, 0.3),
)
def test_a_monotonic_transmission_heats_the_downstream_side_more(width, height, mu, bias, kT):
    barrier = Saddle(height=height, spacing=1.0, width=width, drift=0.0)
    p = qpc.dissipation(barrier, qpc.Reservoirs(mu, bias, kelvin(kT)))
    size = np.abs(p.left) + np.abs(p.right)
    assert np.all(np.asarray(p.asymmetry) >= -1e-12 * size)
    assert np.all(np.asarray(p.right) >= 0)


@settings(max_examples=25)
@given(column(0.0, 0.99 * 64.0), st.floats(0.3, 40.0), st.floats(0.02, 2.0))
def test_only_e_and_ell_count(energy, half_width, mass):
    """The same E/E1 and L/2w in another width and mass."""
    ell = 1.37
    other = qpc.AbruptConstriction(half_width, 2 * half_width * ell, mass=mass, aspect_limit=1.0)
    t = np.sum(eigenvalue_rows(energy, np.full(ROWS, ell), np.zeros(ROWS)), axis=1)
    scaled = qpc.transmission(other, jnp.asarray(energy) * other.energy_scale)
    np.testing.assert_allclose(scaled, t, rtol=1e-11, atol=1e-300)
