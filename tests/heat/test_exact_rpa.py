"""Damping by pairs and plasmons by the integral of the random-phase approximation."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import TABLES
from rpa_integral import merging, no_factor, pair_rate, plasmon_rate, threshold, well

import qpcjax as qpc
from qpcjax.constants import fermi_energy
from qpcjax.fitting.saved_values import decoded, encoded

STORED = json.loads((TABLES / "heat_laws.json").read_text())
TABLE, WELLS = STORED["damping"], STORED["wells"]
# Density, excess, rate of pairs, Giuliani and Quinn, pairs beside optical phonons.
ROWS = np.array(TABLE["rows"])
# Density, excess, plasmons, coupled modes, total rate, strength, lifetime, free path.
WITH_MODES = np.array(TABLE["with_modes"]["rows"])
SHARE = ROWS[:, 1] / fermi_energy(ROWS[:, 0])
NO_PHONONS = qpc.Material(phonon_energy=None)
# What the table itself has wrong grows towards small x/E_F, see its README.
ROUNDING = np.where(SHARE > 1, 1e-5, np.where(SHARE > 0.1, 2e-9, 2e-11 * SHARE**-2.5))


BEYOND = np.array([[1.0, 19.0], [2.0, 27.0], [5.0, 60.0]])  # where the mode has met the pairs
AT = np.array([[2.0, 5.0, 12.0], [2.0, 22.0, 10.0]])  # density, excess, width of derivatives
STEPS = 1e-4 * AT


def rates(material, density, excess, width):
    return jax.vmap(lambda n, x, w: qpc.ExactRPADamping(n, material, w).emission(x))(
        density, excess, width
    )


@pytest.fixture(scope="module")
def bare():
    """Rates without phonons: of the table, in wells, and beyond; compiled once."""
    wells = [
        (row["density_1e11"], float(x), row["width_nm"])
        for row in WELLS
        for x in row["gamma_pairs_meV"]
    ]
    points = [(n, x, 0.0) for n, x in (*ROWS[:, :2], *WITH_MODES[:, :2], *BEYOND)]
    found = jax.jit(lambda *at: rates(NO_PHONONS, *at))(*np.array([*points, *wells]).T)
    parts = np.cumsum([len(ROWS), len(WITH_MODES), len(BEYOND)])
    return [type(found)(*part) for part in zip(*(np.split(y, parts) for y in found), strict=True)]


@pytest.fixture(scope="module")
def in_gaas():
    """Rates beside phonons: of the table, and on both sides of the points of derivatives."""
    near = [
        at + sign * move
        for at, step in zip(AT, STEPS, strict=True)
        for move in np.diag(step)
        for sign in (1, -1)
    ]
    flat = [(n, x, 0.0) for n, x in (*ROWS[:, :2], *WITH_MODES[:, :2])]
    found = jax.jit(lambda *at: rates(qpc.Material(), *at))(*np.array([*flat, *near]).T)
    parts = np.cumsum([len(ROWS), len(WITH_MODES)])
    return [type(found)(*part) for part in zip(*(np.split(y, parts) for y in found), strict=True)]


def test_pairs_of_the_table(bare, in_gaas):
    assert np.all(np.abs(bare[0].pairs / ROWS[:, 2] - 1) < ROUNDING)
    assert np.all(np.abs(in_gaas[0].pairs / ROWS[:, 4] - 1) < ROUNDING)


@pytest.mark.parametrize("row", range(0, len(ROWS), 4))
def test_pairs_are_the_integral_of_the_tests(bare, row):
    density = ROWS[row, 0]
    if SHARE[row] < 1:
        gas = TABLE["gases"][f"{density:g}"]
        exact = gas["fermi_energy"] * pair_rate(SHARE[row], gas["screening"])
        assert bare[0].pairs[row] == pytest.approx(exact, rel=1e-9)


def test_modes_of_the_table(bare, in_gaas):
    np.testing.assert_allclose(bare[1].mode, WITH_MODES[:, 2], rtol=1e-9)
    np.testing.assert_allclose(in_gaas[1].mode, WITH_MODES[:, 3], rtol=1e-9)
    assert np.sum(bare[1].mode > 0) == np.sum(in_gaas[1].mode > 0) == 1


def test_modes_that_meet_the_continuum(bare):
    for k, (density, excess) in enumerate(BEYOND):
        energy = fermi_energy(density)
        beta = float(qpc.Material().screening(energy))
        plasmons = energy * plasmon_rate(excess / energy, beta)
        assert bare[2].mode[k] == pytest.approx(plasmons, rel=1e-6)
        assert merging(beta) < excess / energy
        pairs = energy * pair_rate(excess / energy, beta, merging=merging(beta))
        assert bare[2].pairs[k] == pytest.approx(pairs, rel=1e-6)


def test_wells(bare):
    rows = [(row, float(x), g) for row in WELLS for x, g in row["gamma_pairs_meV"].items()]
    wanted = np.array([g for _, _, g in rows])
    # The table has four digits above E_F, and errs at small x/E_F as without a well.
    share = np.array([x / fermi_energy(row["density_1e11"]) for row, x, _ in rows])
    error = np.abs(bare[3].pairs / wanted - 1)
    assert np.all(error < np.where(share > 1, 1e-4, np.maximum(2e-9, 2e-11 * share**-2.5)))
    row = WELLS[2]
    gas = TABLE["gases"][str(row["density_1e11"])]
    wide = well(row["width_nm"] * np.sqrt(2 * np.pi * row["density_1e11"] * 1e-3))
    exact = gas["fermi_energy"] * pair_rate(share[10], gas["screening"], factor=wide)
    assert bare[3].pairs[10] == pytest.approx(exact, rel=1e-9)


def test_what_follows_from_a_rate():
    """Strength, lifetime and free path of the table, from its own rate."""

    class Stated(qpc.AbstractDamping):
        rates: jax.Array

        def rate(self, excess, mu_side=None, temperature=0.0):
            return self.rates

    law, (density, excess) = Stated(jnp.asarray(WITH_MODES[:, 4])), WITH_MODES[:, :2].T
    energy = fermi_energy(density)
    for found, wanted in zip(
        (
            law.effective_strength(excess, energy),
            law.lifetime(excess, energy),
            law.free_path(excess, energy),
        ),
        WITH_MODES[:, 5:].T,
        strict=True,
    ):
        np.testing.assert_allclose(found, wanted, rtol=2e-9)  # constants of another year
    formula, x = qpc.RPADamping(2.0), 1.3
    mu = float(fermi_energy(2.0))
    path = qpc.inelastic_length(
        qpc.SaddlePoint(5.0, 3.0, 1.0), qpc.Reservoirs(mu, 0.0, 0.0), formula, mu + x
    )
    assert float(formula.free_path(x)) == pytest.approx(float(path), rel=1e-12)
    assert float(qpc.QuadraticDamping(0.07, 8.0).effective_strength(x)) == pytest.approx(0.07)
    with pytest.raises(ValueError, match="mu_side must be given"):
        law.free_path(1.0)


def test_derivatives(in_gaas):
    def total(n, x, w):
        return qpc.ExactRPADamping(n, width=w).emission(x).total

    slopes = jax.jit(jax.vmap(jax.jacfwd(total, (0, 1, 2))))(*AT.T)
    sides = in_gaas[2].total.reshape(2, 3, 2)
    numeric = (sides[..., 0] - sides[..., 1]) / (2 * STEPS)
    np.testing.assert_allclose(np.transpose(slopes), numeric, rtol=2e-5)


def test_thresholds():
    width = np.array([0.0, 0.0, 10.0, 20.0])
    density = np.array([2.0, 10.0, 2.0, 2.0])

    def found(material):
        return jax.vmap(lambda n, w: qpc.ExactRPADamping(n, material, w).threshold())

    plasmons, coupled = (
        np.asarray(jax.jit(found(material))(density, width))
        for material in (NO_PHONONS, qpc.Material())
    )
    energy = fermi_energy(density)
    beta = qpc.Material().screening(energy)
    for k in range(4):
        wide = well(width[k] * np.sqrt(2 * np.pi * density[k] * 1e-3)) if width[k] else no_factor
        exact = energy[k] * threshold(beta[k], wide)
        assert plasmons[k] == pytest.approx(exact, rel=1e-6)
    wanted = [TABLE["gases"]["2"]["coupled_mode"], *(row["coupled_mode"] for row in WELLS[:2])]
    np.testing.assert_allclose(coupled[[0, 2, 3]], wanted, atol=2e-4)
    assert coupled[1] == pytest.approx(TABLE["gases"]["10"]["coupled_mode"], rel=5e-4)


def test_where_the_law_ends():
    law = qpc.ExactRPADamping(2.0)
    assert law.why(20.0) == "" == law.why(-3.0)
    assert "optical phonon" in law.why(33.4)
    assert "bottom of the band" in law.why(-7.2)
    assert qpc.ExactRPADamping(2.0, NO_PHONONS).why(60.0) == ""
    assert "not positive" in qpc.ExactRPADamping().why(1.0, mu_side=-1.0)
    with pytest.raises(ValueError, match="width must be a width in nm, 0 or more"):
        qpc.ExactRPADamping(2.0, width=-1.0)
    with pytest.raises(ValueError, match="mu_side must be given"):
        qpc.ExactRPADamping().rate(1.0)


def test_holes_and_temperatures():
    law = qpc.ExactRPADamping(2.0, NO_PHONONS)
    energy, beta = TABLE["gases"]["2"]["fermi_energy"], TABLE["gases"]["2"]["screening"]
    kT = qpc.constants.BOLTZMANN * 1.3
    depth = np.array([0.01 * energy, 0.6 * energy, 0.7, 0.0, 1.01 * energy])
    temperature = np.array([0.0, 0.0, 1.3, 0.0, 0.0])
    found = np.asarray(jax.jit(lambda x, T: law.hole_rate(x, temperature=T))(depth, temperature))
    for k, x in enumerate((depth[0], depth[1], np.hypot(0.7, np.pi * kT))):
        assert found[k] == pytest.approx(energy * pair_rate(x / energy, beta, hole=True), rel=2e-9)
    assert found[3] == 0
    assert np.isnan(found[4])


def test_the_law_is_named_and_saved():
    assert qpc.ExactRPADamping(2.0).words == "damping in RPA with plasmons, 2e11 cm^-2"
    wide = qpc.ExactRPADamping(2.0, width=20.0)
    assert decoded(json.loads(json.dumps(encoded(wide)))) == wide
