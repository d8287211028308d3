"""The damping laws of the package: rates, where they end, and the heat that they place."""

import json

import jax
import numpy as np
import pytest
from helpers import TABLES
from rpa_integral import pair_rate, polar, threshold, well

import qpcjax as qpc
from qpcjax.constants import BOLTZMANN, fermi_energy
from qpcjax.heat.hot_spot import FOUND, NO_RATE

TABLES_OF_LAWS = json.loads((TABLES / "heat_laws.json").read_text())
TABLE, WELLS = TABLES_OF_LAWS["damping"], TABLES_OF_LAWS["wells"]
GASES = {float(n): gas for n, gas in TABLE["gases"].items()}
# Density, excess, rate of pairs, Giuliani and Quinn, pairs beside optical phonons.
ROWS = np.array(TABLE["rows"])
GAAS = qpc.Material()
PHONONS = (GAAS.phonon_energy, GAAS.transverse_phonon)
NO_PHONONS = qpc.Material(phonon_energy=None)
SADDLE = qpc.SaddlePoint(10.0, 3.0, 1.0, modes=10)
POINT = qpc.Reservoirs(11.5, 1.5, 0.5)

rpa_rate = jax.jit(lambda n, x, T: qpc.RPADamping(n).rate(x, temperature=T))
LAWS = {
    "quadratic": qpc.QuadraticDamping(),
    "Giuliani-Quinn": qpc.GiulianiQuinnDamping(2.0),
    "RPA": qpc.RPADamping(2.0),
    "RPA of mu": qpc.RPADamping(),
}


def rows_of(density):
    return ROWS[ROWS[:, 0] == density][:, 1:4].T


@pytest.mark.parametrize("density", GASES)
def test_rpa_rates_are_within_0_6_percent_of_the_table(density):
    x, pairs, _ = rows_of(density)
    law = qpc.RPADamping(density, NO_PHONONS)
    below = x < float(law.threshold())
    rates = np.asarray(law.rate(x))
    np.testing.assert_allclose(rates[below], pairs[below], rtol=6e-3)
    assert np.all(np.isnan(rates[~below]))


@pytest.mark.parametrize("density", GASES)
def test_giuliani_quinn_rates(density):
    x, _, table = rows_of(density)
    inside = x <= fermi_energy(density)
    rates = np.asarray(qpc.GiulianiQuinnDamping(density).rate(x))
    np.testing.assert_allclose(rates[inside], table[inside], rtol=1e-9)
    assert np.all(np.isnan(rates[~inside]))


@pytest.mark.parametrize("row", range(0, len(ROWS), 6))
def test_the_integral_of_these_tests_is_that_of_the_table(row):
    density, x, pairs, _, beside_phonons = ROWS[row]
    gas = GASES[density]
    energy, screening = gas["fermi_energy"], gas["screening"]
    exact = energy * pair_rate(x / energy, screening)
    assert exact == pytest.approx(pairs, rel=3e-5)
    exact = energy * pair_rate(x / energy, screening, factor=phonons(energy))
    assert exact == pytest.approx(beside_phonons, rel=3e-5)


def phonons(energy):
    """The factor of screening beside the optical phonons of GaAs, energies in units of E_F."""
    ratio = GAAS.permittivity / GAAS.high_frequency_permittivity
    return polar(*(phonon / energy for phonon in PHONONS), ratio)


@pytest.mark.parametrize("row", WELLS, ids=lambda row: f"{row['density_1e11']}, {row['width_nm']}")
def test_wells(row):
    """The formula is of a strictly two-dimensional gas: how far off it is in a well."""
    gas, density = GASES[row["density_1e11"]], row["density_1e11"]
    energy, screening = gas["fermi_energy"], gas["screening"]
    wide = well(row["width_nm"] * np.sqrt(2 * np.pi * density * 1e-3))
    excess, wanted = np.array([[float(x), g] for x, g in row["gamma_pairs_meV"].items()]).T
    exact = [energy * pair_rate(x / energy, screening, factor=wide) for x in excess]
    # Above E_F the table has four digits; at 0.5 meV the integrals differ by 2.4e-7.
    np.testing.assert_allclose(exact, wanted, rtol=3e-7 if excess[-1] < energy else 1.1e-4)
    lower = 1 - np.asarray(exact) / qpc.RPADamping(density).rate(excess)
    assert np.all((lower > 0.05) & (lower < 0.24))
    beside = phonons(energy)
    mode = threshold(screening, lambda q, w: wide(q, w) * beside(q, w), PHONONS[1] / energy)
    assert energy * mode == pytest.approx(row["coupled_mode"], rel=5e-5)
    if row["plasmon"] is not None:
        assert energy * threshold(screening, wide) == pytest.approx(row["plasmon"], rel=1e-5)


@pytest.mark.parametrize(("screening", "density"), [(0.8, 9.58), (1.4, 3.13), (2.1, 1.39)])
@pytest.mark.parametrize("distance", [1e-4, 3e-3, 0.05, 0.4, 0.93, 1.0, 1.08, 1.35])
def test_the_formula_is_within_0_6_percent_of_the_integral(screening, density, distance):
    law = qpc.RPADamping(density, NO_PHONONS)
    energy = fermi_energy(density)
    assert float(law.material.screening(energy)) == pytest.approx(screening, rel=3e-3)
    exact = energy * pair_rate(distance, float(law.material.screening(energy)))
    assert float(law.rate(distance * energy)) == pytest.approx(exact, rel=6.5e-3)


@pytest.mark.parametrize("distance", [0.01, 0.1, 0.3, 0.6])
def test_holes(distance):
    law = qpc.RPADamping(2.0)
    energy = fermi_energy(2.0)
    exact = energy * pair_rate(distance, GASES[2.0]["screening"], hole=True)
    rate = float(law.hole_rate(distance * energy))
    assert rate == pytest.approx(exact, rel=0.025)
    assert float(law.rate(-distance * energy)) == rate
    assert np.isnan(law.rate(-energy * 1.01))
    assert "bottom of the band" in law.why(-energy * 1.01)


# The least excess of the coupled mode is a zero of the dielectric function: at 10e11 the one of the
# table is a later one, 4e-4 above.
@pytest.mark.parametrize(("density", "rounding"), [(1, 1e-5), (2, 1e-5), (5, 1e-5), (10, 5e-4)])
def test_thresholds_of_plasmons(density, rounding):
    law, gas = qpc.RPADamping(density), GASES[density]
    assert float(law.threshold()) == pytest.approx(gas["coupled_mode"], rel=rounding)
    beta = gas["screening"]
    fitted = 0.42009 + 1.4996 * beta - 0.25445 * beta**2 + 0.0303 * beta**3
    plasmon = float(qpc.RPADamping(density, NO_PHONONS).threshold())
    assert plasmon == pytest.approx(fitted * gas["fermi_energy"], rel=1.5e-3)
    if gas["plasmon"] is not None:
        assert plasmon == pytest.approx(gas["plasmon"], rel=1e-5)


def test_the_answer_says_where_it_ends():
    law = qpc.RPADamping(2.0)
    assert law.why(17.0) == ""
    assert "optical phonon" in law.why(17.1)
    assert np.isnan(law.rate(17.1))
    bare = qpc.RPADamping(2.0, NO_PHONONS)
    assert bare.why(17.3) == ""
    assert "a plasmon, which" in bare.why(17.4)
    of_mu = qpc.RPADamping()
    assert "not positive" in of_mu.why(1.0, mu_side=-1.0)
    assert "this density" in of_mu.why(0.1, mu_side=1.0)
    assert np.isnan(of_mu.rate(0.1, mu_side=1.0))
    assert "excess energy" in qpc.GiulianiQuinnDamping(1.0).why(4.0)
    assert qpc.QuadraticDamping().why(3.0, 10.0) == ""


@pytest.mark.parametrize("name", LAWS)
def test_temperature_adds_its_square(name):
    law, kT = LAWS[name], BOLTZMANN * 1.3
    warm = float(law.rate(0.7, 9.0, 1.3))
    assert warm == pytest.approx(float(law.rate(np.hypot(0.7, np.pi * kT), 9.0)), rel=1e-12)
    assert float(law.rate(0.0, 9.0)) == 0
    # The rate at the potential itself has a derivative of 0.
    assert float(jax.grad(lambda x: law.rate(x, 9.0))(0.0)) == 0


@pytest.mark.parametrize("name", LAWS)
def test_derivatives_of_rates(name):
    def rate(numbers):
        x, level, temperature = numbers
        return LAWS[name].rate(x, level, temperature)

    at = np.array([1.7, 8.0, 0.9])
    slopes = jax.grad(rate)(at)
    for k, step in enumerate((1e-4, 1e-3, 1e-4)):
        move = step * np.eye(3)[k]
        numeric = (float(rate(at + move)) - float(rate(at - move))) / (2 * step)
        assert float(slopes[k]) == pytest.approx(numeric, rel=1e-6, abs=1e-11)


@pytest.mark.parametrize("excess", [0.5, -0.5, 7.15, 8.0])
def test_derivatives_by_the_density(excess):
    slope = float(jax.grad(rpa_rate)(2.0, excess, 0.3))
    step = 1e-4
    numeric = float(rpa_rate(2 + step, excess, 0.3) - rpa_rate(2 - step, excess, 0.3)) / (2 * step)
    assert slope == pytest.approx(numeric, rel=1e-5)


def test_the_strength_of_the_quadratic_law_is_not_a_constant():
    law, energy = qpc.RPADamping(2.0), fermi_energy(2.0)
    effective = [float(law.rate(x)) * energy / x**2 for x in (1.0, 4.0)]
    np.testing.assert_allclose(effective, [0.119, 0.062], atol=6e-4)


spot = jax.jit(lambda law, r: qpc.hot_spot(SADDLE, r, law))


def test_the_hot_spot_of_the_rpa_law():
    law = qpc.RPADamping(2.0)
    found = spot(law, POINT)
    assert found.status == FOUND
    r = np.geomspace(0.3, 3, 201) * float(found.distance)
    p = np.asarray(qpc.power_per_length(SADDLE, POINT, law, r))
    assert abs(r[np.argmax(p)] / float(found.distance) - 1) < 0.02

    def distance(density):
        return float(spot(qpc.RPADamping(density), POINT).distance)

    slope = jax.grad(lambda n: spot(qpc.RPADamping(n), POINT).distance)(2.0)
    assert float(slope) == pytest.approx((distance(2.001) - distance(1.999)) / 0.002, rel=1e-5)


def test_a_hot_spot_beyond_the_threshold_says_so():
    hot = qpc.Reservoirs(22.0, 25.0, 0.5)
    found = spot(qpc.RPADamping(2.0), hot)
    assert np.isnan(found.distance)
    assert found.status == NO_RATE
    assert spot(qpc.QuadraticDamping(), hot).status == FOUND
    # Where no heat lies beyond it the threshold does not matter, and distances below it are NaN.
    law = qpc.RPADamping(2.0)
    shortest = float(qpc.inelastic_length(SADDLE, POINT, law, 10.75 + 16.9))
    assert np.isnan(qpc.power_per_length(SADDLE, POINT, law, shortest / 2))
    assert np.isnan(qpc.inelastic_length(SADDLE, POINT, law, 10.75 + 17.5))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: qpc.RPADamping(0.5), r"density must be from 0.907 to 10.9 \(1e11 cm\^-2\)"),
        (lambda: qpc.RPADamping(-1.0), "density must be a positive density"),
        (lambda: qpc.GiulianiQuinnDamping(0.0), "density must be a positive density"),
        (lambda: qpc.Material(mass=0.0), "mass must be positive, got 0"),
        (lambda: qpc.Material(permittivity=5.0), "high_frequency_permittivity must be at most"),
        (lambda: qpc.RPADamping().rate(1.0), "mu_side must be given"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_traced_density_out_of_range_is_nan():
    assert np.isnan(rpa_rate(0.5, 1.0, 0.0))
    assert np.isnan(rpa_rate(20.0, 1.0, 0.0))
