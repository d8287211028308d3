"""Fits of a scatterer of two methods: with a gate and without, peaks and finite bias."""

import jax
import numpy as np
import pytest
from helpers import Resonance

import qpcjax as qpc
from qpcjax.fitting import (
    BiasSpectroscopy,
    ConductanceTrace,
    Device,
    GateCurve,
    Gated,
    HotSpotData,
    fit,
)
from qpcjax.measurements import InputError

BIAS = np.linspace(-3, 3, 31)
TEMPERATURE = 1.6


class Derived(qpc.AbstractScatterer):
    """The same level with the defaults of the base class."""

    level: float
    width: float

    eigenvalues = Resonance.eigenvalues
    thresholds = Resonance.thresholds


@pytest.fixture(scope="module")
def spectrum():
    slopes = jax.jit(jax.vmap(
        lambda v: qpc.differential_conductance(
            Resonance(14.6, 0.5), qpc.Reservoirs(14.0, v, TEMPERATURE)
        )
    ))(BIAS)  # fmt: skip
    noise = 0.002 * np.random.default_rng(0).standard_normal(BIAS.size)
    return BiasSpectroscopy(
        None, BIAS, np.asarray(slopes) + noise, sigma=0.002, temperature=TEMPERATURE
    )


@pytest.mark.parametrize("kind", [Resonance, Derived])
def test_a_junction_without_a_gate(kind, spectrum):
    found = fit(Device(kind(14.4, 0.7), mu=14.0), spectrum, starts=1)
    assert found.status == "converged"
    for name, value in {"level": 14.6, "width": 0.5}.items():
        assert abs(found.values()[name] - value) < 4 * found.stderr[name], name
    value, error = found.predict("differential_conductance", bias=BIAS[:3], temperature=TEMPERATURE)
    np.testing.assert_allclose(value, found.parts[0].predicted[:3], rtol=1e-6)
    assert np.all(error < 0.002)


def test_every_observable_can_be_predicted(spectrum):
    device = Device(Resonance(14.6, 0.5), mu=14.0)
    found = fit(device, spectrum, fixed=("level",), starts=1)
    value, error = found.predict("energy_current", bias=2.0, temperature=TEMPERATURE)
    at = qpc.Reservoirs(14.0, 2.0, TEMPERATURE)
    exact = qpc.energy_current(Resonance(14.6, found.values()["width"]), at)
    assert value == pytest.approx(float(exact), rel=1e-6)
    assert 0 < error < 0.05 * value
    with pytest.raises(InputError, match="needs a damping law, which the device does not have"):
        found.predict("hot_spot_energy", bias=2.0, temperature=TEMPERATURE)
    with pytest.raises(InputError, match="power_per_length needs distance: give distance="):
        found.predict("power_per_length", bias=2.0, temperature=TEMPERATURE)


@pytest.mark.parametrize(
    ("barrier", "fixed"),
    [(Resonance(14.6, 0.5), ("level", "width")), (qpc.IdealStep(10.0), ("energy",))],
    ids=["peak", "T is flat at the hot spot"],
)
def test_hot_spots(barrier, fixed):
    damping = qpc.QuadraticDamping(0.04)
    bias = np.linspace(1, 5, 6)
    where = qpc.hot_spot(barrier, qpc.Reservoirs(14.0, bias, TEMPERATURE), damping)
    distance = np.asarray(where.distance)
    data = HotSpotData(
        bias=bias, mu=14.0, distance=distance, temperature=TEMPERATURE, sigma=0.01 * distance
    )
    device = Device(barrier, mu=14.0, damping=qpc.QuadraticDamping(0.05))
    found = fit(device, data, fixed=fixed, starts=1)
    assert found.status == "converged"
    assert found.values()["damping"] == pytest.approx(0.04, rel=1e-4)


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_conductance_peak(share):
    """From the device's own values: a peak has no steps to start from, whatever its height."""
    gate = np.linspace(-10, 10, 41)
    peak = jax.jit(jax.vmap(
        lambda level: qpc.conductance(Resonance(level, 0.5), 14.0, TEMPERATURE)
    ))(14 - 0.2 * gate)  # fmt: skip
    noise = 0.003 * np.random.default_rng(1).standard_normal(gate.size)
    data = ConductanceTrace(
        gate, share * np.asarray(peak) + noise, sigma=0.003, temperature=TEMPERATURE
    )
    level = GateCurve((-10.0, 10.0), [15.5, 12.5])
    device = Device(Gated(Resonance(14.0, 0.7), level=level), mu=14.0)
    found = fit(device, data, starts=2)
    assert found.status == "converged"
    if share == 1:
        truth = {"level_1": 16.0, "level_2": 12.0, "width": 0.5}
        for name, value in truth.items():
            assert abs(found.values()[name] - value) < 4 * found.stderr[name], name
    else:  # a level that reaches T = 1 is another model, and the fit says so
        assert any("times the noise" in words for words in found.doubts)
