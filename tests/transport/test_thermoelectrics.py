"""Thermoelectrics against 80-bit sums, limits, symmetries, and two traces at two temperatures."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import TABLES, reference_barrier

import qpcjax as qpc
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM

TABLE = json.loads((TABLES / "heat.json").read_text())
NAMES = {
    "conductance": "conductance_G0",
    "seebeck": "seebeck_uV_per_K",
    "peltier": "peltier_mV",
    "thermal_conductance": "kappa_open_pW_per_K",
    "lorenz_ratio": "lorenz_ratio",
    "zt": "ZT",
    "power_factor": "power_factor_fW_per_K2",
}
SADDLE = qpc.SaddlePoint(10.0, 3.0, 1.0, modes=3)


@jax.jit
def linear(scatterer, mu, temperature):
    mott = [
        qpc.mott_seebeck(scatterer, mu, temperature, k) for k in ("conductance", "transmission")
    ]
    return qpc.thermoelectrics(scatterer, mu, temperature, with_error=True), mott


@pytest.mark.parametrize("row", TABLE["linear"], ids=lambda r: f"{r['scatterer']['model']}")
def test_linear_coefficients_are_those_of_the_table(row):
    values, temperature = row["values"], row["temperature"]
    (found, error), mott = linear(reference_barrier(row["scatterer"]), row["mu"], temperature)
    sizes = {
        # S is k_B/e times a quotient whose terms have this size.
        "seebeck": 1e3 * BOLTZMANN * values["L2_meV2"] ** 0.5 / values["L0"] ** 0.5
        / (BOLTZMANN * temperature),
    }  # fmt: skip
    sizes["peltier"] = sizes["seebeck"] * temperature / 1e3
    sizes["power_factor"] = CONDUCTANCE_QUANTUM * values["L0"] * sizes["seebeck"] ** 2 / 1e3
    sizes["zt"] = max(1.0, values["ZT"])
    for name, key in NAMES.items():
        size = sizes.get(name, abs(values[key]))
        miss = abs(float(getattr(found, name)) - values[key])
        assert miss < 1e-12 * size, name
        assert miss <= float(getattr(error, name)) + 4e-15 * size, name
        assert float(getattr(error, name)) < 1e-8 * size, name
    carried = CONDUCTANCE_QUANTUM * found.conductance * found.seebeck**2 * temperature * 1e-6
    short = found.thermal_conductance + carried
    np.testing.assert_allclose(short, values["kappa_short_pW_per_K"], rtol=1e-12)
    # With phonons of 1 pW/K beside the electrons.
    zt = 1e-3 * found.power_factor * temperature / (found.thermal_conductance + 1)
    np.testing.assert_allclose(zt, values["ZT_with_1_pW_per_K_of_phonons"], atol=1e-14)
    wanted = [values[k] for k in values if k.startswith("seebeck_mott")]
    np.testing.assert_allclose(mott[: len(wanted)], wanted, rtol=1e-10)


def test_limits_at_zero_temperature_and_far_below_a_step():
    found = qpc.thermoelectrics(SADDLE, 11.3, jnp.array([0.0, 1e-3]))
    np.testing.assert_array_equal(found.seebeck[0], 0.0)
    np.testing.assert_array_equal(found.thermal_conductance[0], 0.0)
    np.testing.assert_allclose(found.lorenz_ratio, 1, rtol=1e-5)
    np.testing.assert_allclose(found.conductance[0], qpc.transmission(SADDLE, 11.3), rtol=1e-14)
    np.testing.assert_allclose(found.seebeck[1], qpc.mott_seebeck(SADDLE, 11.3, 1e-3), rtol=1e-6)
    # 200 kT below a step G is 1e-87, and S is the mean energy of the few electrons above it.
    step, temperature, away = qpc.IdealStep(10.0), 0.5, 200
    mu = 10.0 - away * BOLTZMANN * temperature
    below = qpc.thermoelectrics(step, mu, temperature)
    np.testing.assert_allclose(below.seebeck, -1e3 * BOLTZMANN * (away + 1), rtol=1e-9)
    np.testing.assert_allclose(below.lorenz_ratio, 3 / np.pi**2, rtol=1e-9)


def test_constants_and_limits_of_an_ideal_step():
    """The numbers of the table that are limits: centre of a step, open mode, both bounds."""
    limits, step, temperature = TABLE["constants"], qpc.IdealStep(5.0), 0.7
    found = qpc.thermoelectrics(step, np.array([5.0, 50.0]), temperature)
    wanted = -limits["seebeck_step_centre_uV_per_K"]
    np.testing.assert_allclose(found.seebeck[0], wanted, rtol=1e-12)
    # Where nothing is transmitted no heat is, and there is no quotient.
    closed = qpc.thermoelectrics(step, np.array([4.0, 3.0]), 0.0)
    np.testing.assert_array_equal(closed.conductance, 0)
    np.testing.assert_array_equal(closed.thermal_conductance, 0)
    assert np.all(np.isnan([closed.seebeck, closed.lorenz_ratio, closed.zt, closed.peltier]))
    wanted = limits["heat_quantum_spin_degenerate_pW_per_K2"] * temperature
    np.testing.assert_allclose(found.thermal_conductance[1], wanted, rtol=1e-12)
    cold = qpc.refrigerator(step, qpc.Reservoirs(5.0, 0.1, 1.0, 0.4))
    wanted = limits["cooling_bound_per_spin_degenerate_mode_pW_per_K2"] * 0.8**2
    np.testing.assert_allclose(cold.bound, wanted, rtol=1e-12)
    # Whitney's most power is delivered by a step at this distance from mu, in the limit.
    difference, a = 1e-3, limits["whitney_a"]
    engine = qpc.engine(step, qpc.Reservoirs(5.0, 0.1, 1.0, difference))
    wanted = 1e-3 * limits["max_power_spin_degenerate_mode_fW_per_K2"] * difference**2
    np.testing.assert_allclose(engine.bound, wanted, rtol=1e-12)
    # One mode's power in units of pi^2 k_B^2 dT^2/h, of one spin.
    share = limits["whitney_A0"] * np.pi**2 / (a * np.log1p(np.exp(-a)))
    np.testing.assert_allclose(share, 1, rtol=1e-12)


def test_coefficients_are_slopes_of_current_and_heat():
    """I = G V + G S dT in the package's signs, and heat follows by Onsager's symmetry."""
    mu, temperature = 11.4, 0.8

    @jax.jit
    def slopes(x):
        def flows(x):
            r = qpc.Reservoirs(mu, x[0], temperature, x[1])
            charge = qpc.current(SADDLE, r)
            return jnp.stack([charge, qpc.energy_current(SADDLE, r) - mu * charge])

        return jax.jacfwd(flows)(x)

    (g, by_dT), (heat_by_v, heat_by_dT) = np.asarray(slopes(jnp.zeros(2)))
    found = qpc.thermoelectrics(SADDLE, mu, temperature)
    np.testing.assert_allclose(g, CONDUCTANCE_QUANTUM * found.conductance, rtol=1e-12)
    np.testing.assert_allclose(by_dT, -g * found.seebeck / 1e3, rtol=1e-11)
    np.testing.assert_allclose(heat_by_v, temperature * by_dT, rtol=1e-11)
    open_circuit = heat_by_dT - heat_by_v * by_dT / g
    np.testing.assert_allclose(open_circuit, found.thermal_conductance, rtol=1e-11)
    np.testing.assert_allclose(found.peltier, found.seebeck * temperature / 1e3, rtol=1e-14)


def test_two_traces_give_the_thermopower_without_a_model():
    """The relation of Maxwell on a saddle, and its failure where T(E) follows the density."""
    mu, temperature, dT = np.linspace(6.0, 12.5, 1301), 0.6, 0.02

    def trace(scatterer, t):
        return np.asarray(qpc.conductance(scatterer, mu, t))

    traces = [trace(SADDLE, temperature + s * dT / 2) for s in (-1, 1)]
    found = qpc.seebeck_from_traces(mu, *traces, dT)
    wanted = qpc.thermoelectrics(SADDLE, mu, temperature).seebeck
    open_ = np.asarray(traces[0]) > 0.01
    np.testing.assert_allclose(found[open_], wanted[open_], atol=0.02)
    mott = qpc.mott_seebeck(SADDLE, mu, temperature)
    assert np.max(np.abs(mott - wanted)[open_]) > 5  # where Mott's formula is far off


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mu": [3.0, 2.0, 1.0]}, "mu must rise"),
        ({"colder": [0.0, 1.0]}, "one length"),
        ({"warmer": [0.0, np.nan, 1.0]}, "must be finite: leave out"),
        ({"temperature_difference": 0.0}, "must be positive, in K"),
        ({"colder": [1.0, 1.0, 1.0], "warmer": [1.0, 1.0, 1.0]}, "not at pinch-off"),
    ],
)
def test_traces_that_do_not_do_are_refused(change, words):
    given = {"mu": [1.0, 2.0, 3.0], "colder": [0.0, 0.5, 1.0], "warmer": [0.0, 0.6, 1.0]}
    with pytest.raises(ValueError, match=words):
        qpc.seebeck_from_traces(**{**given, "temperature_difference": 0.1, **change})


@jax.jit
def machine(scatterer, mu, temperature, difference):
    r = qpc.Reservoirs(mu, 0.0, temperature, difference)
    bias = qpc.open_circuit_bias(scatterer, r)
    best = qpc.maximum_power_bias(scatterer, r)
    return bias, best, qpc.engine(scatterer, qpc.Reservoirs(mu, best, temperature, difference))


@pytest.mark.parametrize("row", TABLE["engine"], ids=lambda r: f"{r['scatterer']['model']}")
def test_engines_are_those_of_the_table(row):
    scatterer = reference_barrier(row["scatterer"])
    numbers = row["mu"], row["temperature"], row["temperature_bias"]
    bias, best, engine = machine(scatterer, *numbers)
    np.testing.assert_allclose(bias, row["open_circuit_bias_meV"], rtol=1e-12)
    np.testing.assert_allclose(best, row["max_power_bias_meV"], rtol=1e-9)
    np.testing.assert_allclose(1e3 * engine.power, row["max_power_fW"], rtol=1e-12)
    np.testing.assert_allclose(engine.heat, row["heat_from_hot_pW"], rtol=1e-12)
    np.testing.assert_allclose(engine.efficiency, row["efficiency_at_max"], rtol=1e-12)
    np.testing.assert_allclose(engine.carnot, row["carnot"], rtol=1e-14)
    assert engine.efficiency < engine.carnot
    assert abs(float(best)) < abs(float(bias))


@pytest.mark.parametrize("row", TABLE["fridge"], ids=lambda r: f"{r['scatterer']['model']}")
def test_refrigerators_are_those_of_the_table(row):
    r = qpc.Reservoirs(*(row[n] for n in ("mu", "bias", "temperature", "temperature_bias")))
    found = qpc.refrigerator(reference_barrier(row["scatterer"]), r)
    np.testing.assert_allclose(found.cooling, row["cooling_power_left_pW"], rtol=1e-11)
    np.testing.assert_allclose(found.cop, row["cop"], rtol=1e-11)
    assert found.cooling < 3 * found.bound
    assert found.cop < found.carnot


def test_open_circuit_bias_has_derivatives_and_limits():
    def bias(mu, difference=0.3):
        return qpc.open_circuit_bias(SADDLE, qpc.Reservoirs(mu, 0.0, 0.8, difference))

    slope = jax.jit(jax.grad(bias))(11.3)
    central = (bias(11.3 + 1e-4) - bias(11.3 - 1e-4)) / 2e-4
    np.testing.assert_allclose(slope, central, rtol=1e-6)
    assert bias(11.3, 0.0) == 0
    np.testing.assert_allclose(bias(11.3, -0.3), -bias(11.3, 0.3), rtol=1e-12)
    small = 1e3 * bias(11.3, 1e-3) / 1e-3
    np.testing.assert_allclose(small, qpc.thermoelectrics(SADDLE, 11.3, 0.8).seebeck, rtol=1e-6)
    assert np.isnan(qpc.engine(SADDLE, qpc.Reservoirs(11.3, 1.0, 0.8, 0.3)).efficiency)
    with pytest.raises(ValueError, match='"conductance" or "transmission"'):
        qpc.mott_seebeck(SADDLE, 11.3, 0.8, "measured")
