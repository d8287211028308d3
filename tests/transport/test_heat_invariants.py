"""Laws of thermodynamics and of fluctuations over the catalogue of hard cases, in one program."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import ASPECT, MODES, problem_vector
from problems import PROBLEMS

import qpcjax as qpc
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM, NOISE_QUANTUM

CATALOGUE = np.array([problem_vector(p) for p in PROBLEMS])
MU, BIAS, T, DT = CATALOGUE[:, 4:8].T
WARM = 1e-3 * np.abs(MU) / BOLTZMANN < T  # where slopes by the temperature are worth comparing


@jax.jit
@jax.vmap
def everything(theta):
    """What the laws are about, at one constriction between two reservoirs."""
    w, length, offset, mass, mu, bias, temperature, difference, _ = theta
    c = qpc.AbruptConstriction(w, length, offset, mass, modes=MODES, aspect_limit=ASPECT)
    r = qpc.Reservoirs(mu, bias, temperature, difference)

    def flows(numbers):
        at = qpc.Reservoirs(mu, numbers[0], temperature, numbers[1])
        charge = qpc.current(c, at)
        found = jnp.stack([charge, qpc.energy_current(c, at) - mu * charge])
        return found, found

    slopes, value = jax.jacfwd(flows, has_aux=True)(jnp.stack([bias, difference]))
    return {
        "noise": qpc.noise(c, r),
        "linear": qpc.thermoelectrics(c, mu, temperature),
        "engine": qpc.engine(c, r),
        "refrigerator": qpc.refrigerator(c, r),
        "dissipation": qpc.dissipation(c, r),
        "flows": value,
        "slopes": slopes,
    }


def at(bias, difference):
    """Everything at other biases and differences of temperature, and the numbers themselves."""
    thetas = CATALOGUE.copy()
    thetas[:, 5], thetas[:, 7] = bias, difference
    return jax.device_get(everything(thetas)), thetas[:, 5], thetas[:, 7]


@pytest.fixture(scope="module")
def points():
    """The catalogue, its equilibrium, and machines between 3T/4 and 5T/4 with some biases."""
    kT = BOLTZMANN * T
    found = {"catalogue": at(BIAS, DT), "equilibrium": at(0 * BIAS, 0 * DT)}
    for share in (-1.0, -0.4, -0.1, 0.4):
        for sign in (1, -1):
            found[f"{share} kT, {sign}"] = at(sign * share * kT, sign * T / 2)
    return found


def test_all_have_numbers(points):
    for found, *_ in points.values():
        assert np.all(np.isfinite(found["flows"]))
        assert np.all(np.isfinite(found["noise"].right))


def test_noise_matrices_are_positive(points):
    for found, *_ in points.values():
        n = found["noise"]
        rows = [
            [n.current, n.current_left, n.current_right],
            [n.current_left, n.left, n.left_right],
            [n.current_right, n.left_right, n.right],
        ]
        matrix = np.moveaxis(np.array(rows), -1, 0)
        size = np.sqrt(np.einsum("kii->ki", matrix))
        unit = np.where(size > 0, size, 1)
        scaled = matrix / (unit[:, :, None] * unit[:, None, :])
        # P_L + P_R = V I makes it singular.
        assert np.linalg.eigvalsh(scaled).min() > -1e-9
        assert np.all(n.thermal >= 0)
        assert np.all(n.shot >= 0)


def test_equilibrium_noise_is_that_of_the_conductances(points):
    """S_I = 4 k T G, S_P = 4 k T^2 kappa without a bias, and both powers fluctuate together."""
    found, *_ = points["equilibrium"]
    n, linear, kT = found["noise"], found["linear"], BOLTZMANN * T
    np.testing.assert_allclose(n.current, 2 * NOISE_QUANTUM * kT * linear.conductance, rtol=1e-11)
    carried = CONDUCTANCE_QUANTUM * linear.conductance * linear.seebeck**2 * T * 1e-6
    short = (linear.thermal_conductance + carried) / CONDUCTANCE_QUANTUM
    np.testing.assert_allclose(n.left, 2 * NOISE_QUANTUM * kT * short * T, rtol=1e-10)
    np.testing.assert_allclose(n.right, n.left, rtol=1e-12)
    np.testing.assert_allclose(n.left_right, -n.left, rtol=1e-12)
    np.testing.assert_array_equal(n.shot, 0)


def test_coefficients_have_their_sign(points):
    for found, *_ in points.values():
        linear = found["linear"]
        for name in ("conductance", "thermal_conductance", "lorenz_ratio", "zt", "power_factor"):
            assert np.all(getattr(linear, name) >= 0), name
        # T(E) >= 0 does not depend on the bias here.
        assert np.all(found["slopes"][:, 0, 0] >= 0)


def test_onsager_symmetry(points):
    found, *_ = points["equilibrium"]
    (g, by_dT), (heat_by_v, heat_by_dT) = np.moveaxis(found["slopes"], 0, -1)
    linear = found["linear"]
    warm = WARM
    np.testing.assert_allclose(g[warm], CONDUCTANCE_QUANTUM * linear.conductance[warm], rtol=1e-11)
    size = np.sqrt(g * heat_by_dT * T)[warm]
    assert np.all(np.abs(heat_by_v - T * by_dT)[warm] <= 1e-10 * size)
    assert np.all(np.abs(by_dT + 1e-3 * g * linear.seebeck)[warm] * T[warm] <= 1e-10 * size)
    # The matrix of the coefficients is positive.
    assert np.all((g * heat_by_dT - heat_by_v * by_dT)[warm] >= 0)


def test_powers_are_heat_from_the_moments_of_energy(points):
    """P_L = mu_L I/e - J and P_R = J - mu_R I/e, the energy J counted from the band bottom."""
    for found, bias, _ in points.values():
        charge, heat = found["flows"].T
        p = found["dissipation"]
        energy = heat + MU * charge
        left, right = (MU + bias / 2) * charge - energy, energy - (MU - bias / 2) * charge
        # mu I and J cancel to the powers: their rounding is that of mu I.
        size = np.abs(p.left) + np.abs(p.right) + 1e-2 * np.abs(MU * charge)
        assert np.all(np.abs(p.left - left) <= 1e-13 * size)
        assert np.all(np.abs(p.right - right) <= 1e-13 * size)
        assert np.all(np.abs(p.left + p.right - bias * charge) <= 1e-13 * size)


def test_second_law(points):
    for found, bias, difference in points.values():
        (charge, heat), left, right = found["flows"].T, T + difference / 2, T - difference / 2
        p_left, p_right = bias / 2 * charge - heat, bias / 2 * charge + heat
        size = np.abs(p_left) + np.abs(p_right)
        # Times T_L T_R, so that a cold side has its say: it cannot be cooled.
        produced = p_left * right + p_right * left
        assert np.all(produced >= -1e-12 * size * np.maximum(left, right))


def test_machines_keep_to_their_bounds(points):
    engines = coolers = 0
    for found, _, difference in points.values():
        engine, fridge = found["engine"], found["refrigerator"]
        works = ~np.isnan(engine.efficiency)
        assert np.all((engine.efficiency <= engine.carnot)[works])
        assert np.all(engine.power <= MODES * engine.bound * (1 + 1e-12) + 1e-300)
        cools = ~np.isnan(fridge.cop)
        assert np.all((fridge.cop <= fridge.carnot)[cools])
        # Whitney's bound is of the colder side; of two equal ones either may be meant.
        assert np.all(fridge.cooling <= MODES * fridge.bound * (1 + 1e-12))
        engines, coolers = engines + np.sum(works & (difference != 0)), coolers + np.sum(cools)
    assert engines > 20
    assert coolers > 5
