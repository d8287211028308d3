"""Public functions lower for CUDA, without callbacks to the host and calls that only CPUs have.

Some functions choose their program by the backend of the machine that traces them. Here they trace
as on a machine with a GPU.
"""

import re

import jax
import numpy as np
import pytest
from jax import export

import qpcjax as qpc

ABRUPT = qpc.AbruptConstriction(20.0, 80.0, modes=2, aspect_limit=2)
RESERVOIRS = qpc.Reservoirs(14.0, 0.7, 1.0)
DAMPING = qpc.QuadraticDamping()
RPA = qpc.RPADamping()
ENERGY = np.linspace(2.0, 12.0, 4)

# Eigenvalues of a Hermitian matrix, from NVIDIA's own library.
ALLOWED = {"cusolver_syevd_ffi"}


@pytest.fixture(autouse=True, scope="module")
def as_on_a_gpu():
    """Trace for a machine with a GPU, and keep nothing of it."""
    jax.clear_caches()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "default_backend", lambda: "gpu")
        yield
    jax.clear_caches()


def custom_calls(function, *arguments):
    """Names of the custom calls that a function, lowered for CUDA, should not make."""
    program = export.export(jax.jit(function), platforms=["cuda"])(*arguments).mlir_module()
    assert "func.func public @main" in program
    return set(re.findall(r"custom_call @(\w+)", program)) - ALLOWED


FUNCTIONS = {
    "eigenvalues": lambda c, r: qpc.eigenvalues(c, ENERGY, r.bias),
    "transmission": lambda c, r: qpc.transmission(c, ENERGY, r.bias),
    "current": qpc.current,
    "energy_current": qpc.energy_current,
    "dissipation": qpc.dissipation,
    "conductance": lambda c, r: qpc.conductance(c, r.mu, r.temperature),
    "differential_conductance": qpc.differential_conductance,
    "low_bias_dissipation": lambda c, r: qpc.low_bias_dissipation(c, r.mu, r.bias),
    "low_temperature_correction": qpc.low_temperature_correction,
    "transport_map": lambda c, r: qpc.transport_map(c, qpc.Reservoirs(r.mu, r.bias, r.temperature)),
    "noise": qpc.noise,
    "fano_factor": lambda c, r: qpc.fano_factor(c, r, "excess"),
    "cumulants": qpc.cumulants,
    "thermoelectrics": lambda c, r: qpc.thermoelectrics(c, r.mu, r.temperature),
    "mott_seebeck": lambda c, r: qpc.mott_seebeck(c, r.mu, r.temperature),
    "open_circuit_bias": qpc.open_circuit_bias,
    "maximum_power_bias": qpc.maximum_power_bias,
    "engine": qpc.engine,
    "refrigerator": qpc.refrigerator,
    "self_heated": lambda c, r: qpc.self_heated(c, r, 100.0),
    **{
        f"inelastic_transport, {probe}": lambda c, r, probe=probe: qpc.inelastic_transport(
            qpc.InelasticConstriction(c, qpc.SaddlePoint(10.0, 3.0, 1.7, modes=2), probe), r
        )
        for probe in ("energy", "voltage", "voltage_temperature")
    },
    "hot_spot": lambda c, r: qpc.hot_spot(c, r, DAMPING),
    "hot_spot of the RPA law": lambda c, r: qpc.hot_spot(c, r, RPA),
    "hot_spot of Giuliani and Quinn": lambda c, r: qpc.hot_spot(c, r, qpc.GiulianiQuinnDamping()),
    "inelastic_length": lambda c, r: qpc.inelastic_length(c, r, DAMPING, r.mu + 1.0),
    "heat_quantiles": lambda c, r: qpc.heat_quantiles(c, r, RPA, 0.4),
    "heat_quantiles of random paths": lambda c, r: qpc.heat_quantiles(
        c, r, RPA, 0.4, "upstream", "exponential"
    ),
    "heat_spread": lambda c, r: qpc.heat_spread(c, r, DAMPING),
    "cascade_distance": lambda c, r: qpc.cascade_distance(c, r, RPA, r.mu + 1.0),
    "power_per_length of random paths": lambda c, r: qpc.power_per_length(
        c, r, RPA, 800.0, part="net", free_path=3
    ),
    "power_per_length": lambda c, r: qpc.power_per_length(c, r, DAMPING, 800.0),
    "heat_around": qpc.heat_around,
    "electron_temperature": lambda c, r: qpc.electron_temperature(
        qpc.ElectronPlane(2.0, 1e6, r.temperature, cooling=20.0),
        qpc.HeatedDisc(100.0, 1e4),
        ENERGY,
        70.0,
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_of_the_abrupt_constriction(name):
    assert not custom_calls(FUNCTIONS[name], ABRUPT, RESERVOIRS)


MATCHED = qpc.MatchedConstriction(20.0, 40.0, channel_modes=4, aspect_limit=1)
SCATTERERS = [
    ABRUPT,
    qpc.AbruptConstriction(20.0, 80.0, matching="profile", modes=2, aspect_limit=2),
    MATCHED,
    qpc.BiasedConstriction(20.0, 80.0, modes=2, aspect_limit=2),
    qpc.AdiabaticConstriction(20.0, 100.0, modes=2),
    qpc.SaddlePoint(10.0, 3.0, 1.7, modes=2),
    qpc.IdealStep(13.8),
    qpc.TabulatedTransmission([0.0, 10.0, 20.0, 40.0], [0.0, 0.3, 1.0, 1.0]),
    qpc.ZeemanSplit(qpc.SaddlePoint(10.0, 3.0, 1.7, modes=2), 5.0),
]


def name_of(scatterer):
    return f"{type(scatterer).__name__} {getattr(scatterer, 'matching', '')}".strip()


@pytest.mark.parametrize("scatterer", SCATTERERS, ids=name_of)
def test_heat_and_its_gradient_of_every_scatterer(scatterer):
    def heat(scatterer, reservoirs):
        return qpc.dissipation(scatterer, reservoirs).asymmetry

    assert not custom_calls(jax.value_and_grad(heat, (0, 1)), scatterer, RESERVOIRS)


def test_a_potential_with_its_gradient():
    hill = qpc.Potential.from_function(lambda x, y: 9 * np.exp(-(x**2 + y**2) / 900), 60.0, 80.0)
    scatterer = qpc.PotentialScatterer(hill, sectors=8, modes=6, magnetic_field=0.5)
    assert not custom_calls(FUNCTIONS["eigenvalues"], scatterer, RESERVOIRS)

    def total(scatterer):
        return qpc.transmission(scatterer, ENERGY).sum()

    assert not custom_calls(lambda s: jax.grad(total, allow_int=True)(s).values, scatterer)
    assert not custom_calls(lambda s: s.local(5.0), scatterer)


def test_eigenvalues_of_mode_matching():
    assert not custom_calls(FUNCTIONS["eigenvalues"], MATCHED, RESERVOIRS)
