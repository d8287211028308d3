"""Noise of current and heat against 80-bit sums, and exact relations."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import TABLES, reference_barrier

import qpcjax as qpc
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM, NOISE_QUANTUM

TABLE = json.loads((TABLES / "heat.json").read_text())
ROWS, CONSTANTS = TABLE["noise"], TABLE["constants"]
NAMES = {
    "current": "S_I_fA2_per_Hz",
    "thermal": "thermal_part_fA2_per_Hz",
    "shot": "shot_part_fA2_per_Hz",
    "left": "S_PL_aW2_per_Hz",
    "right": "S_PR_aW2_per_Hz",
    "left_right": "S_PL_PR_aW2_per_Hz",
    "current_left": "S_I_PL_fA_aW_per_Hz",
    "current_right": "S_I_PR_fA_aW_per_Hz",
}


def reservoirs(row):
    return qpc.Reservoirs(
        *(float(row[n]) for n in ("mu", "bias", "temperature", "temperature_bias"))
    )


@jax.jit
def everything(scatterer, r):
    found, error = qpc.noise(scatterer, r, with_error=True)
    fano = qpc.fano_factor(scatterer, r), qpc.fano_factor(scatterer, r, "excess")
    return found, error, fano, qpc.cumulants(scatterer, r)


@functools.cache
def at(k):
    return jax.device_get(everything(reference_barrier(ROWS[k]["scatterer"]), reservoirs(ROWS[k])))


@pytest.mark.parametrize("k", range(len(ROWS)))
def test_noise_is_that_of_the_table_and_errors_hold(k):
    values = ROWS[k]["values"]
    found, error, _, _ = at(k)
    size = {
        "fA2": values["S_I_fA2_per_Hz"],
        "aW2": values["S_PR_aW2_per_Hz"],
        "fA_aW": np.sqrt(values["S_I_fA2_per_Hz"] * values["S_PR_aW2_per_Hz"]),
    }
    for name, key in NAMES.items():
        unit = next(u for u in ("fA_aW", "fA2", "aW2") if u in key)
        miss = abs(getattr(found, name) - values[key])
        assert miss < 1e-12 * size[unit], name
        assert miss <= getattr(error, name) + 4e-15 * size[unit], name
        assert getattr(error, name) < 1e-8 * size[unit], name


@pytest.mark.parametrize("k", range(len(ROWS)))
def test_fano_factors_and_cumulants_are_those_of_the_table(k):
    values = ROWS[k]["values"]
    _, _, (plain, excess), cumulants = at(k)
    if ROWS[k]["bias"] == 0:
        assert np.isnan(plain)
        assert np.isnan(excess)
    else:
        np.testing.assert_allclose(plain, values["fano_plain"], rtol=1e-12)
        if "fano_excess" in values:
            np.testing.assert_allclose(excess, values["fano_excess"], rtol=1e-11)
    np.testing.assert_allclose(cumulants[1] * NOISE_QUANTUM, values["S_I_fA2_per_Hz"], rtol=1e-12)
    if "cumulants_meV" in values:
        np.testing.assert_allclose(cumulants, values["cumulants_meV"], rtol=1e-12)


SADDLE = qpc.SaddlePoint(10.0, 3.0, 1.0, modes=3)


def test_equilibrium_noise_is_that_of_johnson_and_nyquist():
    """S_I = 4 k T G, S_P = 4 k T^2 kappa and S_PL,PR = -S_P, without bias."""
    mu, temperature = 11.6, 0.7
    found = everything(SADDLE, qpc.Reservoirs(mu, 0.0, temperature, 0.0))[0]
    linear = qpc.thermoelectrics(SADDLE, mu, temperature)
    kT = BOLTZMANN * temperature
    np.testing.assert_allclose(
        found.current, 2 * NOISE_QUANTUM * kT * linear.conductance, rtol=1e-12
    )
    # Short-circuit thermal conductance in units of (2e^2/h) k_B^2 T.
    carried = CONDUCTANCE_QUANTUM * linear.conductance * linear.seebeck**2 * temperature * 1e-6
    short = linear.thermal_conductance + carried
    wanted = 2 * NOISE_QUANTUM * kT * short * temperature / CONDUCTANCE_QUANTUM
    np.testing.assert_allclose(found.left, wanted, rtol=1e-11)
    np.testing.assert_allclose(found.left_right, -found.left, rtol=1e-12)
    assert found.shot == 0


def test_power_fluctuations_add_up_to_those_of_the_current():
    """P_L + P_R = V I holds for the fluctuations too."""
    r = qpc.Reservoirs(11.4, 1.3, 0.5, 0.2)
    found = everything(SADDLE, r)[0]
    np.testing.assert_allclose(
        found.left + found.right + 2 * found.left_right, 1.3**2 * found.current, rtol=1e-12
    )
    np.testing.assert_allclose(found.thermal + found.shot, found.current, rtol=1e-14)
    matrix = np.array(
        [
            [found.current, found.current_left, found.current_right],
            [found.current_left, found.left, found.left_right],
            [found.current_right, found.left_right, found.right],
        ]
    )
    assert np.linalg.eigvalsh(matrix).min() > -1e-9 * np.trace(matrix)


def test_fluctuation_symmetry_of_the_cumulants():
    """K(x) = K(-x - eV/kT): to first order in eV the third cumulant is that of the second."""
    temperature, bias = 0.6, 1e-4
    _, _, _, near = everything(SADDLE, qpc.Reservoirs(11.5, bias, temperature, 0.0))
    _, _, _, quiet = everything(SADDLE, qpc.Reservoirs(11.5, 0.0, temperature, 0.0))
    y = bias / (BOLTZMANN * temperature)
    np.testing.assert_allclose(near[0], y / 2 * quiet[1], rtol=1e-7)
    np.testing.assert_allclose(near[2], y / 2 * quiet[3], rtol=1e-6)


def test_noise_of_a_difference_of_temperatures():
    """Of flat T(E): (pi^2 - 6)/18 (dT/T)^2 kT for small dT, and 2 ln 2 - 1 where T_R is 0."""
    limits, flat, temperature = CONSTANTS, qpc.IdealStep(0.0), 0.3
    kT = BOLTZMANN * temperature
    differences = np.array([1e-3 * temperature, 2 * temperature])
    # The step makes no partition noise: its thermal noise has the same integral.
    found = everything(flat, qpc.Reservoirs(40.0, 0.0, temperature, differences[0]))[3]
    both = [
        everything(flat, qpc.Reservoirs(40.0, 0.0, temperature, d))[0].current / NOISE_QUANTUM
        for d in differences
    ]
    np.testing.assert_allclose(both[1], 2 * kT, rtol=1e-12)
    half = qpc.BreitWigner(40.0, 1e9, 0.5)
    shot = [
        everything(half, qpc.Reservoirs(40.0, 0.0, temperature, d))[0].shot / NOISE_QUANTUM
        for d in differences
    ]
    small = limits["deltaT_noise_integral"] * 1e-6 * kT / 4
    np.testing.assert_allclose(shot[0], small, rtol=1e-6)
    np.testing.assert_allclose(shot[1], limits["cold_limit_integral"] * 2 * kT / 4, rtol=1e-8)
    assert abs(found[0]) < 1e-12


def test_each_spin_counts_one_half():
    """Of split spins F is not that of the halved sum; without a field it is that of the barrier."""
    r = qpc.Reservoirs(11.5, 0.4, 0.2, 0.0)
    split = qpc.ZeemanSplit(SADDLE, 40.0, 2.0)
    shift = 0.5 * 2.0 * 0.0578838 * 40.0
    ups = [
        qpc.noise(qpc.SaddlePoint(10.0 + s * shift, 3.0, 1.0, modes=3), r).current for s in (1, -1)
    ]
    np.testing.assert_allclose(qpc.noise(split, r).current, np.mean(ups), rtol=1e-5)
    none = qpc.ZeemanSplit(SADDLE, 0.0, 2.0)
    np.testing.assert_allclose(qpc.noise(none, r).current, qpc.noise(SADDLE, r).current, rtol=1e-13)


def test_cold_shot_noise_and_its_derivatives():
    """At T = 0 and small bias F = 1 - T(mu); derivatives are those of differences."""
    cold = qpc.Reservoirs(11.3, 1e-3, 0.0, 0.0)
    t = float(qpc.transmission(SADDLE, 11.3))
    np.testing.assert_allclose(qpc.fano_factor(SADDLE, cold), 1 - t, rtol=1e-6)
    np.testing.assert_allclose(qpc.fano_factor(SADDLE, cold, "excess"), 1 - t, rtol=1e-6)

    @jax.jit
    def current_noise(x):
        return qpc.noise(SADDLE, qpc.Reservoirs(x[0], x[1], x[2], x[3])).current

    x, step = jnp.array([11.4, 0.7, 0.4, 0.1]), 1e-4
    slopes = jax.jit(jax.grad(current_noise))(x)
    for k in range(4):
        h = step * jnp.eye(4)[k]
        central = (current_noise(x + h) - current_noise(x - h)) / (2 * step)
        np.testing.assert_allclose(slopes[k], central, rtol=1e-6)


def test_bad_input_is_refused_or_nan():
    with pytest.raises(ValueError, match='"plain" or "excess", got \'other\''):
        qpc.fano_factor(SADDLE, qpc.Reservoirs(11.5, 1.0, 0.3, 0.0), "other")
    assert np.isnan(qpc.fano_factor(SADDLE, qpc.Reservoirs(11.5, 1.0, 0.3, 0.1), "excess"))
    assert np.isnan(qpc.noise(SADDLE, qpc.Reservoirs(np.nan, 1.0, 0.3, 0.0)).current)
