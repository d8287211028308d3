"""Electrons around a heated disc against a table, a closed form, the heat balance, differences."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import TABLES
from scipy import special

import qpcjax as qpc
from qpcjax.heat.electron_plane import PHONON_CONSTANT

TABLE = json.loads((TABLES / "inside_and_around.json").read_text())
DISCS = TABLE["disc"]
LAW = qpc.QuadraticDamping()


def plane_of(row):
    """The unbounded plane of a row, in the package's units."""
    numbers = row["density_1e11"], row["mobility_cm2_Vs"], row["bath_K"]
    cooling = 1e3 * row["sigma5_W_m2_K5"]
    return qpc.ElectronPlane(*numbers, cooling=cooling, half_plane=False)


@pytest.mark.filterwarnings("ignore:the heated disc:UserWarning")
def test_sizes_are_those_of_the_table():
    # The table's hbar has ten digits.
    assert pytest.approx(TABLE["phonon_constant_W_m2_K4"], rel=1e-8) == PHONON_CONSTANT
    for row in DISCS:
        plane = plane_of(row)
        assert float(plane.decay_length) == pytest.approx(1e9 * row["cooling_length_m"], rel=1e-12)
        disc = qpc.HeatedDisc(1e12 * row["power_W"], 1e9 * row["radius_m"])
        found = qpc.electron_temperature(plane, disc, 1e9 * np.array(row["radii_m"]))
        rise, wanted = found.electrons - row["bath_K"], np.array(row["nonlinear_T_K"])
        np.testing.assert_allclose(rise, wanted - row["bath_K"], rtol=1e-4)
        np.testing.assert_allclose(found.lattice_rise, row["lattice_rise_K"], rtol=1e-4)
        spread = disc.power / (np.pi * disc.radius**2)
        direct = row["lattice_rise_if_all_heat_in_disc_K"]
        assert float(plane.lattice_rise(spread)) == pytest.approx(direct, rel=1e-8)
        np.testing.assert_array_equal(found.status, 0)


@pytest.mark.parametrize("half_plane", [True, False])
def test_small_rise_is_the_closed_form(half_plane):
    length, radius = 40e3, 12e3
    plane = qpc.ElectronPlane(2.0, 1e6, 1.5, cooling_length=length, half_plane=half_plane)
    r = np.array([0.0, 3e3, 12e3, 30e3, 120e3])
    found = qpc.electron_temperature(plane, qpc.HeatedDisc(1e-2, radius), r)
    # In a half plane the power counts double.
    source = 1e-2 * (2 if half_plane else 1) / (np.pi * radius**2)
    top = source * length**2 / float(plane.conduction * plane.temperature)
    a, x = radius / length, r / length
    inside = 1 - a * special.k1(a) * special.i0(x)
    outside = a * special.i1(a) * special.k0(np.maximum(x, a))
    wanted = top * np.where(r <= radius, inside, outside)
    np.testing.assert_allclose(found.electrons - 1.5, wanted, rtol=3e-4)


@pytest.mark.parametrize("exponent", [2.5, 5.0])
def test_all_heat_leaves_through_the_lattice(exponent):
    plane = qpc.ElectronPlane(2.0, 1e5, 0.3, cooling=20.0, exponent=exponent)
    r = np.geomspace(1.0, 30 * float(plane.decay_length), 4000)
    found = qpc.electron_temperature(plane, qpc.HeatedDisc(300.0, 5e3), r)
    lost = np.pi * r * float(plane.loss) * (found.electrons**exponent - 0.3**exponent)
    assert np.trapezoid(lost, r) == pytest.approx(300.0, rel=1e-3)
    assert np.all(np.diff(found.electrons) <= 0)
    assert found.electrons[0] > 0.4


def test_derivatives_are_those_of_differences():
    def numbers(x):
        density, mobility, bath, cooling, power, radius, tip = x
        plane = qpc.ElectronPlane(density, mobility, bath, cooling=cooling)
        disc = qpc.HeatedDisc(power, radius)
        found = qpc.electron_temperature(plane, disc, jnp.array([2e3, 2e4]), tip)
        return jnp.concatenate([found.electrons, 1e3 * found.lattice_rise])

    x = jnp.array([2.0, 1e6, 1.0, 20.0, 800.0, 9e3, 100.0])
    h = 1e-2 * x
    slopes = jax.jit(jax.jacrev(numbers))(x) * x
    many = jax.jit(jax.vmap(numbers))
    central = (many(x + jnp.diag(h)) - many(x - jnp.diag(h))).T / 2e-2
    # The grid follows the numbers, by steps that small differences would see.
    np.testing.assert_allclose(slopes, central, rtol=2e-3, atol=5e-4)


def test_heat_of_a_constriction():
    c, r = qpc.SaddlePoint(10.0, 3.0, 1.0), qpc.Reservoirs(11.5, 1.5, 0.5)
    right, left = (qpc.heat_around(c, r, side=s) for s in ("downstream", "upstream"))
    powers = qpc.dissipation(c, r)
    # Emitted heat alone: what electrons below mu_R take away is not in it.
    assert float(right.enclosed[-1]) == pytest.approx(float(powers.right), rel=0.02)
    assert float(left.enclosed[-1]) == pytest.approx(float(powers.left), rel=0.05)
    plane = qpc.ElectronPlane(2.0, 1e6, 0.5, cooling=20.0)
    r = np.array([1e3, 1e4, 1e5])
    found = qpc.electron_temperature(plane, right, r, tip=70.0)
    assert np.all(np.diff(found.electrons) < 0)
    assert found.electrons[-1] > 0.5
    # Far outside it is what all of it in one place would do.
    disc = qpc.HeatedDisc(right.enclosed[-1], 9e3)
    far = qpc.electron_temperature(plane, disc, 1e5).electrons
    np.testing.assert_allclose(found.electrons[-1] - 0.5, far - 0.5, rtol=0.1)


def test_heat_of_random_paths():
    """All of the emitted heat is in it, and the share within a quantile is that of the quantile."""
    c, r, free_path = qpc.SaddlePoint(10.0, 3.0, 1.0), qpc.Reservoirs(11.5, 1.5, 0.5), "exponential"
    heat = qpc.heat_around(c, r, LAW, "upstream", free_path)
    emitted = 24.684379130613774  # 80-bit sums
    assert float(heat.enclosed[-1]) == pytest.approx(emitted, rel=2e-3)
    for share in (0.25, 0.75):
        quantile = qpc.heat_quantiles(c, r, LAW, share, "upstream", free_path)
        assert float(heat.within(quantile)) == pytest.approx(share * emitted, rel=5e-3)


def test_heat_without_an_answer_is_refused():
    c = qpc.SaddlePoint(10.0, 3.0, 1.0)
    with pytest.raises(ValueError, match="there is no emitted heat"):
        qpc.heat_around(c, qpc.Reservoirs(11.0), free_path="exponential")
    with pytest.raises(ValueError, match="free_path must be a whole number, 1 or more"):
        qpc.heat_around(c, qpc.Reservoirs(11.5, 1.5, 0.5), free_path="random")
    with pytest.raises(ValueError, match="must be one operating point"):
        qpc.heat_around(c, qpc.Reservoirs(np.array([11.5, 12.0]), 1.5, 0.5))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="uncertain by a factor of 40"):
        qpc.ElectronPlane(2.0, 1e6, 1.0)
    with pytest.raises(ValueError, match="one of both"):
        qpc.ElectronPlane(2.0, 1e6, 1.0, cooling=20.0, cooling_length=1e4)
    with pytest.raises(ValueError, match="temperature must be a positive temperature in K"):
        qpc.ElectronPlane(2.0, 1e6, 0.0, cooling=20.0)
    with pytest.raises(ValueError, match="exponent must be a number, 2 or more, got 1"):
        qpc.ElectronPlane(2.0, 1e6, 1.0, cooling=20.0, exponent=1.0)
    plane = qpc.ElectronPlane(2.0, 1e6, 1.0, cooling=20.0)
    with pytest.warns(UserWarning, match="smaller than the elastic mean free path of 7379 nm"):
        qpc.electron_temperature(plane, qpc.HeatedDisc(100.0, 1e3), 1e4)
    with pytest.raises(ValueError, match="tip must be 0 or more"):
        qpc.electron_temperature(plane, qpc.HeatedDisc(100.0, 1e4), 1e4, tip=-1.0)
    with pytest.raises(TypeError, match="heat must be HeatedDisc or HeatedRings, got float"):
        qpc.electron_temperature(plane, 100.0, 1e4)
    with pytest.raises(ValueError, match="columns of one length"):
        qpc.HeatedRings([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="distance must rise"):
        qpc.HeatedRings([2.0, 1.0], [0.0, 1.0])
    with pytest.raises(ValueError, match="there is no hot spot"):
        qpc.heat_around(qpc.SaddlePoint(10.0, 3.0, 1.0), qpc.Reservoirs(11.0))
    found = qpc.electron_temperature(plane, qpc.HeatedDisc(-1e7, 1e4), [1e4, -1.0])
    assert np.all(np.isnan(found.electrons))
    assert np.all(found.status == 1)
