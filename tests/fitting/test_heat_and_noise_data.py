"""Noise and thermopower as data: predictions, and what a conductance trace cannot tell."""

import jax
import numpy as np
import pytest

import qpcjax as qpc
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM, RESISTANCE_QUANTUM
from qpcjax.fitting import (
    ConductanceTrace,
    Device,
    GateCurve,
    Gated,
    NoiseData,
    ThermopowerTrace,
    fit,
)
from qpcjax.measurements import InputError
from qpcjax.measurements.circuit import Resolution

RANGE, MU = (-60.0, 0.0), 5.0
KELVIN, SOFTNESS = 0.6, 0.8


def device(kelvin=KELVIN, softness=SOFTNESS, resistance=300.0, **more):
    height = GateCurve(RANGE, [5.0, 1.5])
    saddle = qpc.SaddlePoint(3.0, 2.0, softness, modes=6)
    return Device(Gated(saddle, height=height), MU, None, resistance, kelvin, **more)


@jax.jit
def noise_at(device, gate, bias):
    def one(gate, bias):
        return NoiseData.responses[0].at(device.at(gate), {"bias": bias}, Resolution())

    return jax.vmap(one)(gate, bias)


@jax.jit
def thermopower_at(device, gate):
    def one(gate):
        return ThermopowerTrace.responses[0].at(device.at(gate), {}, Resolution())

    return jax.vmap(one)(gate)


@jax.jit
def conductance_at(device, gate):
    def one(gate):
        return qpc.conductance(device.at(gate).scatterer, MU, device.temperature)

    return jax.vmap(one)(gate)


GATES = np.array([-52.0, -35.0, -20.0])


def test_noise_in_equilibrium_is_that_of_the_whole_conductance():
    """4 k_B T G of constriction and resistance together, then the amplifier's numbers."""
    g = np.asarray(conductance_at(device(), GATES))
    whole = g / (1 + g * 300 / RESISTANCE_QUANTUM)
    thermal = 4 * 1.380649e-23 * KELVIN * whole * CONDUCTANCE_QUANTUM * 1e-6 * 1e30
    found = noise_at(device(), GATES, np.zeros(3))
    np.testing.assert_allclose(found, thermal, rtol=1e-6)
    amplified = noise_at(device(noise_gain=1.2, noise_background=400.0), GATES, np.zeros(3))
    np.testing.assert_allclose(amplified, 1.2 * thermal + 400, rtol=1e-6)


def test_noise_without_a_resistance_is_that_of_the_constriction():
    bare = device(resistance=None)
    found = noise_at(bare, GATES, np.full(3, 1.2))
    r = qpc.Reservoirs(MU, 1.2, KELVIN)
    wanted = [float(qpc.noise(bare.at(v).scatterer, r).current) for v in GATES]
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_thermopower_does_not_know_of_the_resistance():
    wanted = [
        float(qpc.thermoelectrics(device().at(v).scatterer, MU, KELVIN).seebeck) for v in GATES
    ]
    np.testing.assert_allclose(thermopower_at(device(), GATES), wanted, rtol=1e-9)


def test_softness_counts_in_thermopower_and_is_refused_in_noise():
    soft = Device(qpc.IdealStep(4.5), MU, 0.1, None, KELVIN)
    point = soft.at(0.0)
    found = float(ThermopowerTrace.responses[0].at(point, {}, Resolution()))
    # An ideal step that is smeared by a logistic kernel is a saddle of that softness.
    saddle = qpc.SaddlePoint(4.5 - 1.0, 2.0, 0.2 * np.pi, modes=1)
    assert found == pytest.approx(float(qpc.thermoelectrics(saddle, MU, KELVIN).seebeck), rel=1e-3)
    data = NoiseData([0.0, 1.0], [1.0, 2.0], mu=[5.0, 5.0])
    with pytest.raises(InputError, match=r"noise takes T_n \(1 - T_n\) .* leave smearing out"):
        fit(soft, data)


@pytest.fixture(scope="module")
def measured():
    rng = np.random.default_rng(2)
    gate, truth = np.linspace(*RANGE, 20), device(noise_gain=1.2, noise_background=400.0)
    v, b = (x.ravel() for x in np.meshgrid(GATES, np.linspace(0, 1.5, 6), indexing="ij"))
    s, q = np.asarray(noise_at(truth, v, b)), np.asarray(thermopower_at(truth, gate))
    g = np.asarray(conductance_at(truth, gate))
    g = g / (1 + g * 300 / RESISTANCE_QUANTUM)
    return (
        ConductanceTrace(gate, g + 0.002 * rng.standard_normal(g.size), sigma=0.002),
        NoiseData(b, s * (1 + 0.01 * rng.standard_normal(b.size)), gate=v, sigma=0.01 * s),
        ThermopowerTrace(gate, q + 0.5 * rng.standard_normal(q.size), sigma=0.5),
    )


@pytest.mark.end_to_end
def test_a_trace_alone_cannot_tell_temperature_from_softness(measured):
    trace, _, _ = measured
    found = fit(device(1.4, 0.4), trace, free=("temperature",), starts=1, checks=False)
    # The other of two exact minima: each width stands for the other.
    width = 2 * np.pi * BOLTZMANN
    assert found.values()["temperature"] == pytest.approx(SOFTNESS / width, rel=0.2)
    assert found.misfit < 1.3
    assert any("hbar_omega_x may change places" in words for words in found.doubts)


@pytest.mark.end_to_end
def test_noise_and_thermopower_tell_temperature_from_softness(measured):
    start = device(0.7, 0.7, noise_gain=1.0, noise_background=0.0)
    found = fit(start, measured, free=("temperature",), starts=[{}], checks=False)
    assert found.status == "converged"
    true = {"temperature": KELVIN, "hbar_omega_x": SOFTNESS, "noise_gain": 1.2}
    true |= {"noise_background": 400.0, "series_resistance": 300.0}
    for name, value in true.items():
        assert abs(found.values()[name] - value) < 4 * found.stderr[name], name
    assert found.stderr["temperature"] < 0.02
    assert not [words for words in found.doubts if "change places" in words]
