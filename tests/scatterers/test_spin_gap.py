"""The spin gap against formulas written out in NumPy, and against numbers made elsewhere."""

import dataclasses
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from barriers import Barrier, reservoir_rows
from helpers import kelvin
from scipy.optimize import brentq
from scipy.special import expit

import qpcjax as qpc
from qpcjax.constants import BOHR_MAGNETON, BOLTZMANN
from qpcjax.resolution import keeping, modes_kept
from qpcjax.transport.integrals import Integrand, integral
from qpcjax.transport.linear_response import conductance_terms

# Sums in 80-bit arithmetic, rounded: saddle 10, 3, 1 meV with three modes, slope 0.62, onset -0.27
# meV, fade 0.91, mu of the gap = mu.
REFERENCE = [
    {
        "point": (11.9, 0.5, 0.3),
        "gaps": [0.4168545966372607, 3.937851272089769e-08, 2.333687359417508e-16],
        "conductance": 0.6982951838830168,
        "seebeck": -10.353828928671566,
        "current": 26.657445182207393,
        "powers": (5.826921648083403, 7.501800943020293),
        "noise": 2499.90367782506,
    },
    {
        "point": (14.8, 1.0, 1.0),
        "gaps": [2.213400000017888, 0.32405940663783045, 1.911725245467438e-08],
        "conductance": 1.6499389340183601,
        "seebeck": -15.058782554919857,
        "current": 124.80825625573968,
        "powers": (55.0378214594101, 69.77043479632958),
        "noise": 9545.442947875497,
    },
]
MODES = 3


def saddle_gap(height, y, x, mu, slope, onset, fade):
    return qpc.SpinGap(qpc.SaddlePoint(height, y, x, modes=MODES), mu, slope, onset, fade)


BARRIER = Barrier(lambda p: saddle_gap(*p), 7)
STEP = Barrier(lambda p: qpc.SpinGap(qpc.IdealStep(p[0]), *p[1:]), 5)
SADDLE = qpc.SaddlePoint(10.0, 3.0, 1.0, modes=MODES)


def written_gaps(tops, width, mu, slope, onset, fade):
    n = np.arange(len(tops))
    return slope * fade**n * width * np.logaddexp(0, (mu - tops - onset) / width)


def total(energy, height, y, x, *gap):
    """T(E) of both spins of a saddle."""
    tops, width = height + y * (np.arange(MODES) + 0.5), x / (2 * np.pi)
    down = tops + written_gaps(tops, width, *gap)
    return (np.sum(expit((energy - tops) / width)) + np.sum(expit((energy - down) / width))) / 2


def breaks(height, y, x, *gap):
    tops, width = height + y * (np.arange(MODES) + 0.5), x / (2 * np.pi)
    both = np.concatenate([tops, tops + written_gaps(tops, width, *gap)])
    around = (both[:, None] + width * np.arange(-40, 41, 4)).reshape(-1)
    return np.concatenate([around, tops[0] - width * np.arange(40, 300, 10)])


# --- the saddle -----------------------------------------------------------------------------


def _noise(energies):
    """One-sided: thermal and partition noise of each spin's eigenvalues."""
    left, right = energies.left, energies.right
    thermal = left * (1 - left) + right * (1 - right)
    passed = energies.over_modes(lambda t: t)
    partition = energies.over_modes(lambda t: t * (1 - t))
    return passed * thermal + partition * energies.difference**2


NOISE, NOISE_UNIT = Integrand(_noise), 24827.623055352364  # fA^2/Hz per meV


@pytest.mark.parametrize("expected", REFERENCE, ids=lambda e: f"mu {e['point'][0]}")
def test_numbers_made_elsewhere(expected):
    mu, bias, temperature = expected["point"]
    # Modes that the reference does not have are closed to 1e-12.
    c = qpc.SpinGap(qpc.SaddlePoint(10.0, 3.0, 1.0), mu, slope=0.62, onset=-0.27, fade=0.91)
    np.testing.assert_allclose(c.gaps[:MODES], expected["gaps"], rtol=1e-13)
    g = qpc.conductance(c, mu, temperature)
    assert float(g) == pytest.approx(expected["conductance"], rel=1e-12)
    offset, kernel, t, valid = conductance_terms(c, jnp.asarray(mu), jnp.asarray(temperature), 16)
    assert valid
    first = jnp.sum(offset * kernel * t) / jnp.sum(kernel)
    seebeck = -1000 * float(first) / (temperature * float(g))
    assert seebeck == pytest.approx(expected["seebeck"], rel=1e-11)
    r = qpc.Reservoirs(mu, bias, temperature)
    assert float(qpc.current(c, r)) == pytest.approx(expected["current"], rel=1e-12)
    power = qpc.dissipation(c, r)
    np.testing.assert_allclose([power.left, power.right], expected["powers"], rtol=1e-12)
    at, eV, kelvins, none = (jnp.asarray(x) for x in (mu, bias, temperature, 0.0))
    noise = NOISE_UNIT * integral(NOISE, c, at, eV, kelvins, none)
    assert float(noise) == pytest.approx(expected["noise"], rel=1e-11)


CASES = [
    # mu of the gap, slope, onset, fade
    (12.2, 0.6, -0.3, 0.9),
    (14.1, 1.4, 0.2, 0.6),
    (12.2, 0.0, -0.3, 0.9),
    (12.2, 0.6, -0.3, 0.0),
]
RESERVOIRS = [(12.0, 1.0, 0.0, 0.0), (11.6, 0.4, 0.1, 0.1), (13.9, 0.7, 0.0, 0.03)]


def test_integrals():
    rows = [reservoir_rows([10.0, 3.0, 1.1, *gap], RESERVOIRS) for gap in CASES]
    assert np.max(BARRIER.integral_errors(np.concatenate(rows), total, breaks)) < 2e-12


def test_gradients_by_every_parameter():
    rows = [reservoir_rows([10.0, 3.0, 1.1, *gap], RESERVOIRS) for gap in CASES[:2]]
    steps = [3e-3, 3e-3, 3e-3, 1e-2, 1e-2, 1e-2, 1e-2]
    BARRIER.check_gradients(np.concatenate(rows), steps)


def test_no_slope_is_the_scatterer_itself():
    c = qpc.SpinGap(SADDLE, 12.0, slope=0.0)
    r = qpc.Reservoirs(12.0, 0.6, 0.5)
    bare, gapped = qpc.dissipation(SADDLE, r), qpc.dissipation(c, r)
    np.testing.assert_allclose(gapped.right, bare.right, rtol=1e-13)
    np.testing.assert_allclose(qpc.eigenvalues(c, 12.0)[:MODES], qpc.eigenvalues(c, 12.0)[MODES:])
    assert c.weight == 0.5


def test_the_onset_is_a_tenth_of_the_distance_to_the_next_mode():
    mu = 12.0
    own = qpc.SpinGap(SADDLE, mu)
    np.testing.assert_allclose(own.gaps, qpc.SpinGap(SADDLE, mu, onset=-0.3).gaps, rtol=1e-14)
    one = qpc.SpinGap(qpc.SaddlePoint(10.0, 3.0, 1.0, modes=1), mu)  # knows the next one
    np.testing.assert_allclose(one.gaps, own.gaps[:1], rtol=1e-14)
    with pytest.raises(ValueError, match="onset must be given, in meV: IdealStep has one mode"):
        qpc.SpinGap(qpc.IdealStep(5.0), 6.0)


def test_follows_the_potential_of_a_sweep():
    mu = [11.0, 11.9, 12.4]
    swept = qpc.sweep(qpc.SpinGap(SADDLE, 0.0), {"mu": mu, "temperature": [0.3]}, "conductance")
    alone = [qpc.conductance(qpc.SpinGap(SADDLE, m), m, 0.3) for m in mu]
    np.testing.assert_allclose(np.ravel(swept["conductance"]), alone, rtol=1e-12)
    again = qpc.SpinGap(SADDLE, 0.0).at_potential(11.9)
    assert again.mu == 11.9
    assert SADDLE.at_potential(11.9) is SADDLE


def test_a_batch_of_gaps():
    def conductance(slope, mu):
        return qpc.conductance(qpc.SpinGap(SADDLE, mu, slope), mu, 0.3)

    slopes, mu = jnp.asarray([0.2, 0.9]), jnp.asarray([11.7, 12.6])
    both = jax.jit(jax.vmap(conductance))(slopes, mu)
    alone = [conductance(s, m) for s, m in zip(slopes, mu, strict=True)]
    np.testing.assert_allclose(both, alone, rtol=1e-13)
    # A traced number out of range is no number.
    assert math.isnan(jax.jit(conductance)(-0.1, 12.0))


# --- in a field -----------------------------------------------------------------------------


def test_in_a_field():
    field, g, mu = 6.0, 2.0, 12.0
    split = qpc.ZeemanSplit(SADDLE, field, g)
    c = qpc.SpinGap(split, mu, 0.6, -0.3, 0.9)
    half = g * BOHR_MAGNETON * field / 2
    tops, width = 10 + 3 * (np.arange(MODES) + 0.5), 1 / (2 * np.pi)
    down = tops + half + written_gaps(tops, width, mu, 0.6, -0.3, 0.9)
    energy = np.linspace(10.5, 15.0, 9)[:, None]
    spins = expit((energy - tops + half) / width), expit((energy - down) / width)
    np.testing.assert_allclose(
        qpc.transmission(c, energy[:, 0]), np.sum(spins[0] + spins[1], 1) / 2, rtol=1e-12
    )
    none = qpc.SpinGap(split, mu, 0.0)
    np.testing.assert_allclose(
        qpc.transmission(none, energy[:, 0]), qpc.transmission(split, energy[:, 0]), rtol=1e-13
    )
    with pytest.raises(ValueError, match="put SpinGap around ZeemanSplit"):
        qpc.ZeemanSplit(qpc.SpinGap(SADDLE, mu), field)


# --- a step that jumps ----------------------------------------------------------------------


def test_a_step_that_jumps():
    e0, mu, slope, onset = 5.0, 5.6, 0.5, -0.1
    c = qpc.SpinGap(qpc.IdealStep(e0), mu, slope, onset)
    gap = slope * (mu - e0 - onset)
    np.testing.assert_allclose(c.gaps, [gap], rtol=1e-13)
    np.testing.assert_allclose(np.unique(c.jumps()), [e0, e0 + gap], rtol=1e-13)
    r = qpc.Reservoirs(mu, 0.3, 0.5)
    spins = [qpc.dissipation(qpc.IdealStep(e), r).right for e in (e0, e0 + gap)]
    assert float(qpc.dissipation(c, r).right) == pytest.approx(np.mean(spins), rel=1e-11)
    rows = reservoir_rows([e0, mu, slope, onset, 0.9], [(5.3, 0.4, 0.1, 0.1), (5.3, 0.9, 0.0, 0.0)])
    # Also where both jumps stand in one place, and part under differentiation.
    none = reservoir_rows([e0, mu, 0.0, onset, 0.9], [(5.2, 0.4, 0.1, 0.1)])
    STEP.check_gradients(rows, [1e-3] * 5)
    slopes = STEP.jacobian(none)["current"][0]
    moved = none.copy()
    moved[0, 2] = 1e-6
    forward = (STEP.rows(moved)["current"] - STEP.rows(none)["current"])[0] / 1e-6
    assert slopes[2] == pytest.approx(forward, rel=1e-3)


# --- other barriers -------------------------------------------------------------------------


def lowest_rise(scatterer, n, lower, upper):
    """Where T_n passes 1/2 for the first time, and the width of the step, by SciPy."""

    def t(energy):
        return float(qpc.eigenvalues(scatterer, energy)[n])

    grid = np.linspace(lower, upper, 20001)
    values = np.array(qpc.eigenvalues(scatterer, grid))[:, n]
    first = int(np.argmax(values >= 0.5))
    ends = grid[first - 1], grid[first]
    where: Any = brentq(lambda e: t(e) - 0.5, *ends, xtol=1e-13)
    h = 1e-6 * where
    slope = (8 * (t(where + h) - t(where - h)) - (t(where + 2 * h) - t(where - 2 * h))) / (12 * h)
    return where, 0.25 / slope


@eqx.filter_jit
def openings_of(scatterer):
    return scatterer.openings()


CHANNELS = {
    "mean": qpc.AbruptConstriction(20.0, 80.0, modes=3),
    "long": qpc.AbruptConstriction(20.0, 300.0, modes=3),
    "no length": qpc.AbruptConstriction(20.0, 0.0, modes=3),
    "floor": qpc.AbruptConstriction(20.0, 60.0, 4.0, modes=3),
    "profile": qpc.AbruptConstriction(20.0, 80.0, matching="profile", modes=3),
    "short profile": qpc.AbruptConstriction(20.0, 10.0, matching="profile", modes=3),
    "biased": qpc.BiasedConstriction(20.0, 60.0, modes=2),
    "adiabatic": qpc.AdiabaticConstriction(20.0, 200.0, modes=3),
}


@pytest.mark.parametrize("name", CHANNELS)
def test_openings_of_channels(name):
    c = CHANNELS[name]
    openings = openings_of(c)
    scale, offset = float(c.energy_scale), float(c.offset)
    for n in range(c.modes):
        low, high = max(n * n * scale, 0.01), (n + 2) ** 2 * scale + offset
        where, width = lowest_rise(c, n, low, high)
        assert float(openings.energy[n]) == pytest.approx(where, rel=1e-10)
        assert float(openings.width[n]) == pytest.approx(width, rel=1e-5)


@pytest.mark.parametrize("name", ["mean", "profile", "biased"])
def test_a_mode_at_an_energy_of_its_own(name):
    c = CHANNELS[name]
    energies = np.linspace(6.0, 31.0, c.modes)
    every = qpc.eigenvalues(c, energies, 0.4)

    @jax.jit
    def own(energies, bias):
        return c.eigenvalues_at(energies, bias), c.total_at(energies, bias)

    each, total = own(energies, 0.4)
    np.testing.assert_allclose(each, np.diagonal(every), rtol=1e-12)
    assert float(total) == pytest.approx(np.trace(every), rel=1e-12)
    closed, _ = own(np.linspace(-3.0, 20.0, c.modes), 0.0)
    assert closed[0] == 0
    assert np.all(np.isfinite(closed))


@pytest.mark.parametrize("name", ["mean", "profile"])
def test_channels(name):
    """Power of a channel as that of one channel for each spin and mode, by a fine sum."""
    c, mu, bias, kT = CHANNELS[name], 17.0, 0.6, 0.05
    gapped = qpc.SpinGap(c, mu, 0.5, -0.4, 0.8)
    tops, widths = map(np.asarray, openings_of(c))
    gaps = written_gaps(tops, widths, mu, 0.5, -0.4, 0.8)
    np.testing.assert_allclose(gapped.gaps, gaps, rtol=1e-12)
    energy = np.linspace(mu - 3.0, mu + 3.0, 12001)
    t = np.sum(qpc.eigenvalues(c, energy), 1) / 2
    for n, gap in enumerate(gaps):
        t += np.asarray(qpc.eigenvalues(c, energy - gap))[:, n] / 2
    left, right = (expit((mu + s * bias / 2 - energy) / kT) for s in (1, -1))
    flow = np.trapezoid(t * (left - right), energy)
    heat = np.trapezoid((energy - mu) * t * (left - right), energy)
    r = qpc.Reservoirs(mu, bias, kelvin(kT))
    unit = qpc.constants.CONDUCTANCE_QUANTUM
    assert float(qpc.current(gapped, r)) == pytest.approx(unit * flow, rel=1e-5)
    power, error = qpc.dissipation(gapped, r, with_error=True)
    assert float(power.asymmetry) == pytest.approx(2 * unit * heat, rel=1e-4)
    assert float(error.asymmetry) < 1e-9 * float(power.total)


@pytest.mark.parametrize("matching", ["mean", "profile"])
def test_gradients_of_channels(matching):
    def conductance(p):
        w, length, offset, mu, slope, onset = p
        c = qpc.AbruptConstriction(w, length, offset, matching=matching, modes=3, aspect_limit=5)
        return qpc.conductance(qpc.SpinGap(c, mu, slope, onset, 0.9), mu, 1.0)

    p, h = np.array([20.0, 80.0, 0.5, 17.0, 0.6, -0.4]), 1e-4
    moved = [p + s * h * np.eye(6)[i] for i in range(6) for s in (1, -1)]
    values = jax.jit(jax.vmap(conductance))(jnp.asarray(moved))
    differences = (values[::2] - values[1::2]) / (2 * h)
    derivative = {"mean": jax.jacrev, "profile": jax.jacfwd}[matching]
    slopes = jax.jit(derivative(conductance))(jnp.asarray(p))
    np.testing.assert_allclose(slopes, differences, rtol=2e-6, atol=1e-9)


class Somebodys(eqx.Module):
    """Soft steps of a class that knows nothing of gaps."""

    tops: jax.Array
    width: float

    def eigenvalues(self, energy, bias=0.0):
        return jax.nn.sigmoid((energy - self.tops) / self.width)

    def thresholds(self, bias=0.0):
        return self.tops


class Resonance(eqx.Module):
    """No step: what it transmits comes down again."""

    level: float

    def eigenvalues(self, energy, bias=0.0):
        return 1 / (1 + ((energy - jnp.atleast_1d(self.level)) / 0.2) ** 2)

    def thresholds(self, bias=0.0):
        return jnp.atleast_1d(self.level)


def test_a_class_of_somebody_else():
    tops, mu = np.array([5.0, 8.0]), 8.3
    c = qpc.SpinGap(Somebodys(jnp.asarray(tops), 0.2), mu, 0.6, -0.1, 0.9)
    gaps = written_gaps(tops, 0.2, mu, 0.6, -0.1, 0.9)
    np.testing.assert_allclose(c.gaps, gaps, rtol=1e-10)
    x = np.linspace(-40, 40, 8001)
    energy = (mu + BOLTZMANN * 0.5 * x)[:, None]
    t = (expit((energy - tops) / 0.2) + expit((energy - tops - gaps) / 0.2)) / 2
    exact = np.trapezoid(np.sum(t, 1) / (4 * np.cosh(x / 2) ** 2), x)
    assert float(qpc.conductance(c, mu, 0.5)) == pytest.approx(exact, rel=1e-9)
    # What comes down again is no step.
    assert math.isnan(qpc.transmission(qpc.SpinGap(Resonance(5.0), 5.0, onset=0.0), 5.0))


def test_modes_that_are_needed():
    c = qpc.SpinGap(qpc.SaddlePoint(10.0, 3.0, 1.0, modes=1), 17.0)
    assert modes_kept(c) == 1
    assert modes_kept(keeping(c, 4)) == 4
    # The functions keep as many as mu asks for.
    full = dataclasses.replace(c, scatterer=qpc.SaddlePoint(10.0, 3.0, 1.0, modes=8))
    np.testing.assert_allclose(
        qpc.conductance(c, 17.0, 1.0), qpc.conductance(full, 17.0, 1.0), rtol=1e-12
    )


# --- what is refused ------------------------------------------------------------------------


def test_bad_parameters():
    with pytest.raises(ValueError, match="slope must be 0 or more, a number, got -1"):
        qpc.SpinGap(SADDLE, 12.0, slope=-1.0)
    with pytest.raises(ValueError, match="fade must be 0 or more"):
        qpc.SpinGap(SADDLE, 12.0, fade=-0.1)
    with pytest.raises(ValueError, match="mu must be finite, in meV, got nan"):
        qpc.SpinGap(SADDLE, math.nan)
    with pytest.raises(ValueError, match="BreitWigner is none: take a saddle"):
        qpc.SpinGap(qpc.BreitWigner(5.0, 0.4), 5.0)
    with pytest.raises(ValueError, match="TabulatedTransmission is none"):
        qpc.SpinGap(qpc.TabulatedTransmission([0.0, 1.0], [0.0, 1.0]), 5.0)
    with pytest.raises(ValueError, match="SpinGap must be around a barrier, or one that a field"):
        qpc.SpinGap(qpc.HartreeBarrier(SADDLE, 12.0), 12.0)
    with pytest.raises(TypeError, match="float is not a scatterer"):
        qpc.SpinGap(1.0, 12.0)
