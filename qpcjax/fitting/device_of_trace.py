"""The device behind a conductance trace, for each kind of barrier."""

import functools
import math
from typing import Any

import numpy as np

from qpcjax.constants import GAAS_MASS, HBAR2_OVER_2M, fermi_energy
from qpcjax.fitting.device import Device, GateCurve, Gated, Ratio
from qpcjax.fitting.starts import Steps
from qpcjax.measurements import ConductanceTrace
from qpcjax.quantities import closest
from qpcjax.scatterers import (
    AbruptConstriction,
    AdiabaticConstriction,
    BiasedConstriction,
    IdealStep,
    MatchedConstriction,
    SaddlePoint,
)

DEFAULT_DENSITY = 2.0  # 1e11 cm^-2, the paper's example
NOMINAL_TEMPERATURE = 0.3  # K, where a barrier is soft itself and no temperature is known

MOST_KNOTS = 6

# Barriers that a gate can be fitted with, and the number that it moves.
TRACE_MODELS = {
    "mean": "half_width",
    "profile": "half_width",
    "matched": "half_width",
    "biased": "half_width",
    "adiabatic": "half_width",
    "saddle": "height",
    "step": "energy",
}
_CHANNELS = {
    "mean": functools.partial(AbruptConstriction, matching="mean"),
    "profile": functools.partial(AbruptConstriction, matching="profile"),
    "matched": MatchedConstriction,
    "biased": BiasedConstriction,
}


def trace_device(
    trace: ConductanceTrace,
    model: str = "mean",
    *,
    mu: float | None = None,
    mass: float = GAAS_MASS,
    knots: int | None = None,
    constant_ratio: bool = False,
    temperature: float | None = None,
) -> Device:
    """A device of this kind of barrier that can have given a conductance trace.

    What the gate moves (the half-width of a constriction, the height of a saddle or step) is a
    polynomial through its values at a few gate voltages; a series resistance stands in the way. A
    hard-wall constriction has its length, a smearing in E1, whose logarithm is linear along the
    gate, and a floor, linear and held at 0; a saddle and smooth walls are soft themselves, with
    hbar_omega_x or curvature_radius at both ends of the trace and a temperature that is held.

    Args:
        trace: the data; only their gate range and number of steps count.
        model: a key of `TRACE_MODELS`, as `qpcjax fit --model` has them.
        mu: electrochemical potential in meV; by default that of 2e11 electrons per cm^2.
        mass: effective mass in m_e.
        knots: number of gate voltages at which the number that the gate moves is free, 2 to 6; by
            default as many as the trace has steps, within these bounds.
        constant_ratio: whether L/w is constant along the trace, and not L.
        temperature: of the electrons in K; by default that of the trace.

    Raises:
        InputError: a trace without a step.
        ValueError: an unknown model or a number out of range.
    """
    if model not in TRACE_MODELS:
        raise ValueError(f"there is no model {model!r} for a trace: {closest(model, TRACE_MODELS)}")
    mu = fermi_energy(DEFAULT_DENSITY, mass) if mu is None else mu
    if not (mu > 0 and math.isfinite(mu)):
        raise ValueError(f"mu must be a positive energy in meV, got {mu:g}")
    if knots is not None and not 2 <= knots <= MOST_KNOTS:
        raise ValueError(f"knots must be a whole number from 2 to {MOST_KNOTS}, got {knots}")
    if constant_ratio and model not in _CHANNELS:
        raise ValueError(f"constant_ratio is for channels of a length, not for {model}")
    steps = Steps(trace)
    count = knots or min(max(steps.count, 2), MOST_KNOTS)
    temperature = trace.temperature if temperature is None else temperature
    # A channel of half this width opens its first mode at mu.
    unit = math.pi * math.sqrt(HBAR2_OVER_2M / mass / mu)

    def along(*values, kind="log"):
        return GateCurve(steps.range, np.array(values), kind)

    moved = along(*np.full(count, unit / 2), kind="positive")
    smearing = along(0.2, 0.4)
    curves: dict[str, Any] = {}
    if model in _CHANNELS:
        scatterer = _CHANNELS[model](unit / 2, 2 * unit, mass=mass)
        curves = {"offset": along(0.0, 0.0, kind="plain")}
    elif model == "adiabatic":
        scatterer = AdiabaticConstriction(unit / 2, 5 * unit, mass=mass)
        smearing = None
        curves = {"curvature_radius": along(5 * unit, 5 * unit)}
    else:
        moved = along(*np.full(count, mu / 2), kind="plain")
        scatterer, smearing = IdealStep(mu / 2, mass), along(mu / 20, mu / 20)
    if model == "saddle":
        scatterer = SaddlePoint(mu / 2, mu / 4, mu / 10, mass=mass)
        smearing, curves = None, {"hbar_omega_x": along(mu / 10, mu / 10)}
    if constant_ratio:
        curves["length"] = Ratio("half_width", 4.0)
    if smearing is None and temperature is None:
        temperature = NOMINAL_TEMPERATURE
    barrier = Gated(scatterer, **{TRACE_MODELS[model]: moved}, **curves)
    return Device(barrier, mu, smearing, steps.resistance, temperature)
