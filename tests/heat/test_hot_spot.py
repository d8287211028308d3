"""The hot spot against the table, brute force, closed forms and differences."""

import itertools

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import oracle
import pytest
from helpers import (
    MODES,
    PARAMETERS,
    POWER_UNIT,
    STRENGTH,
    Saddle,
    constriction,
    derivative,
    hot_spot_jacobian_rows,
    hot_spot_rows,
    in_rows,
    kelvin,
    reference_rows,
    vector,
)
from scipy.integrate import quad
from scipy.optimize import brentq

import qpcjax as qpc
from qpcjax import constants

TABLE = reference_rows("hotspot")
BARRIER = Saddle(height=1.0, spacing=1.2, width=1.5, drift=0.0)


def rows_of(*columns):
    return np.array([vector(*row) for row in zip(*np.broadcast_arrays(*columns), strict=True)])


def log_density(e, ell, mu, bias, kT):
    """Logarithm of p_R(r) at l(E) = r, up to a constant, from the printed formulas."""
    x, u = e - (mu - bias / 2), e + bias / 2
    t = oracle.transmission(e, ell, modes=MODES)
    occupation = oracle.occupation_difference(e - mu, bias / 2, kT, kT)
    if x <= 0 or t == 0 or occupation <= 0:
        return -np.inf
    return np.log(x * t * occupation) + np.log(2 * np.sqrt(u) * x**3 / (4 * u - x))


# --- the table and the paper ----------------------------------------------------------------


def test_table():
    mu, bias, kT, ell = (TABLE[key] for key in ("mu", "eV", "kT", "ell"))
    h = hot_spot_rows(rows_of(ell, mu, bias, kT))
    np.testing.assert_array_less(np.abs(h["energy"] - TABLE["energy"]), 1e-9)
    # In these units b = E_F/a, with E_F = mu_R.
    length = h["distance"] * STRENGTH / (mu - bias / 2)
    np.testing.assert_allclose(length, TABLE["length"], rtol=1e-8)
    assert np.all(h["status"] == 0)


def gallium_arsenide_example():
    c = qpc.AbruptConstriction(20.0, 80.0, modes=MODES, aspect_limit=15)
    e1 = c.energy_scale
    r = qpc.Reservoirs(4 * e1, 4.0, 0.04 * e1 / constants.BOLTZMANN)
    theta = [20.0, 80.0, 0.0, constants.GAAS_MASS, r.mu, r.bias, r.temperature, 0.0, 0.04]
    return c, r, hot_spot_rows(np.array(theta))


def test_distance_of_the_papers_example_with_three_fermi_energies():
    """2w = 40 nm, mu = 4 E1, V = 4 mV, a = 0.04, kT = 0.04 E1."""
    c, r, h = gallium_arsenide_example()
    assert h["distance"][0] / 1000 == pytest.approx(2.1, abs=0.05)
    for fermi_energy, distance in (
        ("mu_R", 2.1),
        ("mu", 2.4),
        (constants.fermi_energy(2.0), 1.2),
    ):
        damping = qpc.QuadraticDamping(0.04, fermi_energy)
        length = qpc.inelastic_length(c, r, damping, h["energy"][0])
        assert float(length) / 1000 == pytest.approx(distance, abs=0.05)


def test_fermi_energy_scales_the_distance_alone():
    r = qpc.Reservoirs(2.0, 0.5, kelvin(0.05))
    spots = {
        name: qpc.hot_spot(BARRIER, r, qpc.QuadraticDamping(0.04, name))
        for name in ("mu_R", "mu", 3.0)
    }
    for name, energy in (("mu_R", 1.75), ("mu", 2.0), (3.0, 3.0)):
        assert float(spots[name].energy) == pytest.approx(float(spots["mu"].energy), rel=1e-14)
        ratio = float(spots[name].distance / spots["mu"].distance)
        assert ratio == pytest.approx(energy / 2, rel=1e-12)


def test_distances_of_figure_5():
    """r*/(n_e w^3) at kT = 0.04 E1 and L = 4w, in the unit that E_F = pi hbar^2 n_e/m makes."""
    exact = {
        1.0: (837, 236, 62.0),
        2.5: (1250, 224, 85.5),
        4.0: (1349, 287, 99.7),
        6.5: (1952, 340, 126.0),
    }
    mu, bias = np.repeat(list(exact), 3), np.tile([0.2, 0.6, 1.0], 4)
    h = hot_spot_rows(rows_of(2.0, mu, bias, 0.04))
    density = 2.0
    fermi_energy = constants.fermi_energy(density, constriction(2.0).mass)
    r = qpc.Reservoirs(mu, bias, kelvin(0.04))
    damping = qpc.QuadraticDamping(0.04, fermi_energy)
    distance = np.asarray(qpc.inelastic_length(constriction(2.0), r, damping, h["energy"]))
    unit = density * 1e-3 * constriction(2.0).half_width ** 3
    # The numbers are given to three or four digits.
    np.testing.assert_allclose(distance / unit, np.concatenate(list(exact.values())), rtol=6e-3)


def test_inelastic_length_is_velocity_times_lifetime():
    w, mu, bias, energy = 20.0, 14.0, 3.0, 13.9
    c = qpc.AbruptConstriction(w, 80.0)
    hbar, e, m = (
        constants.PLANCK / (2 * np.pi),
        constants.ELEMENTARY_CHARGE,
        constants.ELECTRON_MASS,
    )
    x, u = energy - (mu - bias / 2), energy + bias / 2
    gamma = 0.05 * x**2 / (mu - bias / 2) * 1e-3 * e
    velocity = np.sqrt(2 * u * 1e-3 * e / (constants.GAAS_MASS * m))
    exact = velocity * hbar / (2 * gamma) * 1e9
    length = qpc.inelastic_length(c, qpc.Reservoirs(mu, bias), qpc.QuadraticDamping(0.05), energy)
    assert float(length) == pytest.approx(exact, rel=1e-12)


def test_inelastic_length_at_and_below_the_lower_potential():
    r = qpc.Reservoirs(2.0, 0.5)
    energy = np.array([1.75, 1.7, 1.8])
    length = np.asarray(qpc.inelastic_length(BARRIER, r, qpc.QuadraticDamping(), energy))
    assert np.isposinf(length[0])
    assert np.isnan(length[1])
    assert np.isfinite(length[2])
    below = qpc.inelastic_length(BARRIER, qpc.Reservoirs(0.1, 0.5), qpc.QuadraticDamping(), 0.3)
    assert np.isnan(below)


# --- the maximum ----------------------------------------------------------------------------

RANDOM = np.random.default_rng(12).uniform(
    [0.3, 0.7, 0.05, 0.01], [4.0, 4.5, 1.0, 0.1], size=(32, 4)
)


@pytest.fixture(scope="module")
def random_spots():
    return hot_spot_rows(rows_of(*RANDOM.T))


def test_it_is_the_global_maximum(random_spots):
    for (ell, mu, bias, kT), energy in zip(RANDOM, random_spots["energy"], strict=True):
        grid = np.linspace(mu - bias / 2, mu + bias / 2 + 30 * kT, 600)[1:]
        best = max(log_density(e, ell, mu, bias, kT) for e in grid)
        assert log_density(energy, ell, mu, bias, kT) >= best - 1e-10


def test_equation_27_holds_at_the_maximum(random_spots):
    for (ell, mu, bias, kT), energy in list(zip(RANDOM, random_spots["energy"], strict=True))[::4]:

        def density(e, ell=ell, mu=mu, bias=bias, kT=kT):
            t = sum(oracle.eigenvalue(e, ell, n) for n in range(1, MODES + 1))
            left, right = (e - mu - s * mp.mpf(bias) / 2 for s in (1, -1))
            return right * t * (oracle.fermi(left / kT) - oracle.fermi(right / kT))

        x, u = energy - (mu - bias / 2), energy + bias / 2
        p, slope = density(mp.mpf(energy)), oracle.difference(density, energy, "1e-20")
        first = (24 * u**2 - 8 * u * x - x**2) * p
        second = 2 * u * x * (4 * u - x) * slope
        # The maximum is flat: what counts is how far E* is from the root.
        assert abs(float((first + second) / first)) < 1e-9, (ell, mu, bias, kT)


def test_energy_does_not_depend_on_the_damping():
    thetas = np.tile(vector(2.0, 1.3, 0.4, 0.03), (3, 1))
    thetas[:, -1] = [0.01, 0.04, 0.4]
    h = hot_spot_rows(thetas)
    assert np.all(h["energy"] == h["energy"][0])
    np.testing.assert_allclose(h["distance"] * thetas[:, -1], h["distance"][0] * 0.01, rtol=1e-14)


def test_edge_at_zero_temperature():
    mu, bias = np.array([2.5, 1.3, 4.0]), np.array([0.4, 0.2, 1.0])
    h = hot_spot_rows(rows_of(1.0, mu, bias, 0.0))
    np.testing.assert_allclose(h["energy"], mu + bias / 2, rtol=1e-15)
    exact = (mu - bias / 2) / STRENGTH * np.sqrt(mu + bias) / bias**2
    np.testing.assert_allclose(h["distance"], exact, rtol=1e-12)


def test_just_above_zero_temperature_it_leaves_the_edge_with_a_logarithm():
    """E* = mu_L - kT ln(1/(s kT)), s the logarithmic slope at the edge."""
    ell, mu, bias = 1.0, 2.5, 0.4
    edge, h = mu + bias / 2, 1e-4

    def smooth(e):
        t = oracle.transmission(e, ell)
        x, u = e - (mu - bias / 2), e + bias / 2
        return np.log(t * x**4 * np.sqrt(u) / (4 * u - x))

    s = (smooth(edge + h) - smooth(edge - h)) / (2 * h)
    kT = np.array([1e-4, 1e-5, 1e-6])
    shift = (edge - hot_spot_rows(rows_of(ell, mu, bias, kT))["energy"]) / kT
    # 1 - f_L = s kT at the maximum, which is the logarithm up to a vanishing part.
    np.testing.assert_allclose(shift, np.log(1 / (s * kT) - 1), rtol=3e-3)
    np.testing.assert_allclose(shift[1:], np.log(1 / (s * kT[1:])), rtol=1e-4)


def test_vanishing_bias():
    """E* - mu_R = 4.13 kT where T is flat: the root of 4/x = tanh(x/2)."""
    exact = brentq(lambda x: 4 / x - np.tanh(x / 2), 3, 5)
    assert exact == pytest.approx(4.13, abs=5e-3)
    flat = Saddle(height=-50.0, spacing=0.1, width=0.5, drift=0.0)
    kT, bias = np.array([[4e-3], [2e-3], [1e-3]]), np.array([0.0, 1e-9])
    r = qpc.Reservoirs(np.full_like(kT, 2.0), bias, kelvin(kT))
    h = qpc.hot_spot(flat, r, qpc.QuadraticDamping())
    assert np.all(np.asarray(h.status) == 0)
    offset = (np.asarray(h.energy) - 2.0 + bias / 2) / kT - exact
    assert np.all(np.abs(offset[-1]) < 2e-3)
    np.testing.assert_allclose(offset[:-1] / offset[1:], 2, rtol=0.01)


def test_negative_bias_is_the_mirror_image():
    thetas = np.array(
        [
            vector(ell, 1.4, 0.3, 0.04, difference)
            for ell in (0.5, 2.0)
            for difference in (0.0, 0.03)
        ]
    )
    there, back = hot_spot_rows(thetas), hot_spot_rows(thetas * [1, 1, 1, 1, 1, -1, 1, -1, 1])
    for name in ("energy", "distance", "status"):
        np.testing.assert_array_equal(there[name], back[name])
    assert there["energy"][0] != there["energy"][1]


@pytest.mark.parametrize(
    "row",
    [
        pytest.param((1.0, 0.2, 0.4, 0.05), id="mu_R at the bottom of the band"),
        pytest.param((1.0, 0.1, 0.4, 0.05), id="mu_R below it"),
        pytest.param((1.0, 1.5, 0.0, 0.0), id="no bias and no temperature"),
        pytest.param((1.0, 1.5, 0.2, -0.01), id="negative temperature"),
        pytest.param((1.0, 1.5, 0.2, 0.01, 0.03), id="a side below zero temperature"),
        pytest.param((1.0, 9.2, 0.2, 0.01), id="above the last mode"),
        pytest.param((1.0, np.nan, 0.2, 0.01), id="NaN"),
    ],
)
def test_no_answer(row):
    h = hot_spot_rows(vector(*row))
    assert np.isnan(h["energy"][0])
    assert np.isnan(h["distance"][0])
    assert h["status"][0] == 1


def test_exchange_of_two_maxima():
    """Near a step two maxima exchange between mu = 0.8 and 1.1 E1 at eV = E1."""
    mu = np.linspace(0.8, 1.1, 64)
    kT = 0.04
    h = hot_spot_rows(rows_of(2.0, mu, 1.0, kT))
    jump = int(np.argmax(np.abs(np.diff(h["energy"]))))
    assert abs(np.diff(h["energy"])[jump]) > 0.1
    low, high = mu[jump], mu[jump + 1]
    energies = h["energy"][jump], h["energy"][jump + 1]
    middle = np.mean(energies)
    for _ in range(8):
        inside = np.linspace(low, high, 16)
        side = hot_spot_rows(rows_of(2.0, inside, 1.0, kT))["energy"] > middle
        change = int(np.flatnonzero(np.diff(side.astype(int)))[0])
        low, high = inside[change], inside[change + 1]
    pair = hot_spot_rows(rows_of(2.0, np.array([low, high]), 1.0, kT))
    np.testing.assert_array_equal(pair["status"], 2)
    heights = [log_density(e, 2.0, low, 1.0, kT) for e in pair["energy"]]
    assert heights[0] == pytest.approx(heights[1], abs=1e-5)
    assert abs(np.diff(pair["energy"])[0]) > 0.1


def test_an_exchange_is_only_said_where_there_are_two_maxima():
    kT, bias = 0.04, 1.0
    for ell in (1.0, 2.0):
        mu = np.linspace(0.6, 1.3, 48)
        said = hot_spot_rows(rows_of(ell, mu, bias, kT))["status"] == 2
        for m, exchange in zip(mu, said, strict=True):
            grid = np.linspace(m - bias / 2, m + bias / 2 + 15 * kT, 800)[1:]
            height = np.array([log_density(e, ell, m, bias, kT) for e in grid])
            peak = (height[1:-1] > height[:-2]) & (height[1:-1] > height[2:])
            tops = np.sort(height[1:-1][peak])
            rival = len(tops) > 1 and tops[-1] - tops[-2] < 2e-3
            assert not exchange or rival, (ell, m)


# --- derivatives ----------------------------------------------------------------------------


def test_derivatives_against_differences():
    thetas = np.array(
        [
            vector(2.0, 1.3, 0.4, 0.03),
            vector(1.0, 2.5, 0.1, 0.05, 0.02, 0.3),
            vector(0.5, 1.05, -0.3, 0.02, 0.01),
            vector(2.0, 3.9, 0.8, 0.04),
        ]
    )
    slopes = hot_spot_jacobian_rows(thetas)

    def answer(vectors):
        h = hot_spot_rows(vectors)
        return {"energy": h["energy"], "distance": h["distance"]}

    for i, theta in enumerate(thetas):
        value = answer(theta)
        for j, parameter in enumerate(PARAMETERS):
            quotient = derivative(answer, theta, parameter)
            for name, by_parameter in slopes.items():
                scale = max(abs(quotient[name]), abs(value[name][0]) / abs(theta[j] or 1.0))
                error = abs(by_parameter[i, j] - quotient[name])
                assert error <= 1e-6 * scale, (i, parameter, name, by_parameter[i, j], quotient)


def test_derivatives_at_the_edge():
    mu, bias = 2.5, 0.4
    slopes = hot_spot_jacobian_rows(vector(1.0, mu, bias, 0.0))
    by_energy, by_distance = slopes["energy"][0], slopes["distance"][0]
    index = {name: PARAMETERS.index(name) for name in PARAMETERS}
    assert by_energy[index["mu"]] == pytest.approx(1, rel=1e-14)
    assert by_energy[index["bias"]] == pytest.approx(0.5, rel=1e-14)
    distance = (mu - bias / 2) / STRENGTH * np.sqrt(mu + bias) / bias**2
    slope = distance * (-0.5 / (mu - bias / 2) + 0.5 / (mu + bias) - 2 / bias)
    assert by_distance[index["bias"]] == pytest.approx(slope, rel=1e-12)
    assert by_distance[index["strength"]] == pytest.approx(-distance / STRENGTH, rel=1e-12)
    assert by_distance[index["length"]] == 0
    # dr*/dT diverges just above zero temperature; at zero itself it is returned as 0.
    assert by_distance[index["temperature"]] == 0


@pytest.mark.slow
def test_reverse_mode():
    r = qpc.Reservoirs(2.0, 0.5, kelvin(0.05))

    def distance(barrier, r, damping):
        return qpc.hot_spot(barrier, r, damping).distance

    arguments = (BARRIER, r, qpc.QuadraticDamping())
    reverse = jax.grad(distance, argnums=(0, 1, 2))(*arguments)
    forward = jax.jacfwd(distance, argnums=(0, 1, 2))(*arguments)
    leaves = list(zip(jax.tree.leaves(reverse), jax.tree.leaves(forward), strict=True))
    assert len(leaves) == 10
    for one, other in leaves:
        assert float(one) == pytest.approx(float(other), rel=1e-9, abs=1e-12)
    value = distance(*arguments)
    assert float(reverse[2].strength) == pytest.approx(-float(value) / 0.04, rel=1e-12)


# --- power per length -----------------------------------------------------------------------


def _profile(row):
    c = constriction(row[0], modes=MODES, aspect_limit=1)
    r = qpc.Reservoirs(row[1], row[2], row[3])
    return qpc.power_per_length(c, r, qpc.QuadraticDamping(), row[4])


profile_rows = in_rows(_profile)


def emitted(ell, mu, bias, kT):
    """Part of P_R from E > mu_R, and P_R, by adaptive quadrature over the energy."""

    def density(y):
        occupation = oracle.occupation_difference(y, bias / 2, kT, kT)
        return (y + bias / 2) * oracle.transmission(mu + y, ell, modes=MODES) * occupation

    points = [-bias / 2, bias / 2, 1 - mu, 4 - mu]
    ends = np.unique([-30 * kT, *points, bias / 2 + 30 * kT])
    ends = ends[(ends >= -30 * kT) & (ends <= bias / 2 + 30 * kT)]
    parts = {
        (a, b): quad(density, a, b, epsabs=1e-14, epsrel=1e-11, limit=200)[0]
        for a, b in itertools.pairwise(ends)
    }
    above = sum(value for (a, _), value in parts.items() if a >= -bias / 2)
    return POWER_UNIT * above, POWER_UNIT * sum(parts.values())


@pytest.mark.parametrize(
    ("bias", "excess"), [(0.02, pytest.approx(3.6, abs=0.05)), (0.1, pytest.approx(1.25, abs=0.01))]
)
def test_power_per_length_integrates_to_the_emitted_heat(bias, excess):
    ell, mu, kT = 2.0, 2.5, 0.04
    exact, net = emitted(ell, mu, bias, kT)
    assert exact / net == excess
    # Gauss panels in ln r: p_R(r) falls as r^-2 far away, and steeply as exp(-x/kT) near by.
    x, w = np.polynomial.legendre.leggauss(16)
    # The nearest ones come from 35 kT above mu_L.
    top = bias + 35 * kT
    nearest = (mu - bias / 2) / STRENGTH * np.sqrt(mu + top) / top**2
    ends = np.linspace(np.log(nearest), np.log(1e12), 41)
    width = np.diff(ends)[:, None]
    s = (ends[:-1, None] + width * (x + 1) / 2).ravel()
    weight = (width * w / 2).ravel()
    rows = np.column_stack([np.full_like(s, v) for v in (ell, mu, bias, kelvin(kT))] + [np.exp(s)])
    total = np.sum(weight * np.exp(s) * profile_rows(rows))
    assert total == pytest.approx(exact, rel=1e-8)


def test_power_per_length_is_largest_at_the_hot_spot():
    ell, mu, bias, kT = 2.0, 2.5, 0.4, 0.04
    r = hot_spot_rows(vector(ell, mu, bias, kT))["distance"][0]
    around = r * np.array([0.98, 0.999, 1.0, 1.001, 1.02])
    rows = np.column_stack([np.full(5, v) for v in (ell, mu, bias, kelvin(kT))] + [around])
    p = profile_rows(rows)
    assert np.argmax(p) == 2
    # Against p_R(E)/|l'(E)| with the energy that l(E) = r belongs to.
    h = hot_spot_rows(vector(ell, mu, bias, kT))["energy"][0]
    x, u = h - (mu - bias / 2), h + bias / 2
    b = (mu - bias / 2) / STRENGTH
    density = (
        x * oracle.transmission(h, ell) * oracle.occupation_difference(h - mu, bias / 2, kT, kT)
    )
    exact = POWER_UNIT * density / (b * (4 * u - x) / (2 * np.sqrt(u) * x**3))
    assert p[2] == pytest.approx(exact, rel=1e-9)


def test_power_per_length_without_an_answer():
    row = [1.0, 1.5, 0.4, kelvin(0.05)]
    rows = np.array(
        [[*row, -1.0], [*row, 0.0], [1.0, 0.1, 0.4, kelvin(0.05), 50.0], [*row, np.nan]]
    )
    p = profile_rows(rows)
    np.testing.assert_array_equal(np.isnan(p), [True, False, True, True])
    assert p[1] == 0


def test_holes_are_the_mirror_image_of_electrons():
    """p_L(r) = p_L(E)/|l'(E)| with l of the holes, from the energies and not from r."""
    mu, bias, T = 12.0, 1.5, 1.6
    kT = constants.BOLTZMANN * T
    saddle, damping = qpc.SaddlePoint(10.0, 3.0, 1.0, modes=4), qpc.QuadraticDamping(STRENGTH)
    y = np.array([0.01, 0.3, 1.5, 3.0])  # below mu_L
    energy, u = mu + bias / 2 - y, mu - y
    t = sum(1 / (1 + np.exp(-2 * np.pi * (energy - 10 - 3 * (n + 0.5)))) for n in range(4))
    left, right = (1 / (1 + np.exp((energy - mu - s * bias / 2) / kT)) for s in (1, -1))
    b = (mu + bias / 2) / STRENGTH * np.sqrt(constants.HBAR2_OVER_2M / saddle.mass)
    slope = b * (np.sqrt(u) * 2 / y**3 + 1 / (2 * np.sqrt(u) * y**2))
    exact = constants.CONDUCTANCE_QUANTUM * y * t * (left - right) / slope
    for sign in (1, -1):
        r = qpc.Reservoirs(mu, sign * bias, T)
        p = qpc.power_per_length(saddle, r, damping, b * np.sqrt(u) / y**2, side="upstream")
        np.testing.assert_allclose(p, exact, rtol=1e-9)
    with pytest.raises(ValueError, match='side must be "downstream" or "upstream"'):
        qpc.power_per_length(saddle, r, damping, 100.0, side="left")


# --- damping --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0,), "strength must be a positive number, got 0"),
        ((float("nan"),), "strength must be a positive number, got nan"),
        ((0.04, "mu_L"), 'fermi_energy must be "mu_R", "mu" or a number in meV, got \'mu_L\''),
        ((0.04, -7.0), "fermi_energy must be positive, in meV, got -7"),
    ],
)
def test_damping_says_what_is_wrong(arguments, message):
    with pytest.raises(ValueError, match=message):
        qpc.QuadraticDamping(*arguments)


def test_shapes():
    mu = np.linspace(1.5, 2.5, 3)[:, None]
    r = qpc.Reservoirs(mu, np.array([0.3, 0.5]), np.full_like(mu, kelvin(0.05)))
    h = qpc.hot_spot(BARRIER, r, qpc.QuadraticDamping())
    assert h.energy.shape == h.distance.shape == h.status.shape == (3, 2)
    assert jnp.issubdtype(h.status.dtype, jnp.integer)
