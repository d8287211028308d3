"""The device behind a conductance trace, for each kind of barrier."""

import dataclasses
import math
from typing import Any

import numpy as np

from qpcjax.constants import GAAS_MASS, HBAR2_OVER_2M, fermi_energy
from qpcjax.fitting.device import Device, GateCurve, Gated, Ratio
from qpcjax.fitting.starts import Steps
from qpcjax.measurements import ConductanceTrace
from qpcjax.quantities import QUANTITIES, closest
from qpcjax.scatterers import AdiabaticConstriction, IdealStep, SaddlePoint
from qpcjax.scatterers.fields import innermost, quantity_of
from qpcjax.scatterers.registry import BARRIERS

DEFAULT_DENSITY = 2.0  # 1e11 cm^-2, the paper's example
NOMINAL_TEMPERATURE = 0.3  # K, where a barrier is soft itself and no temperature is known

MOST_KNOTS = 6

_CHANNELS = ("mean", "profile", "matched", "biased")  # hard walls, with a length


def trace_models() -> dict[str, str]:
    """The models that a trace can be fitted with, and the argument that the gate moves in each."""
    return {name: kind.gate for name, kind in BARRIERS.items() if kind.gate}


def require_mu(mu: float, mass: float) -> None:
    """Raise ValueError unless mu in meV is positive and of a density that a 2DEG can have."""
    if not (mu > 0 and math.isfinite(mu)):
        raise ValueError(f"mu must be a positive energy in meV, got {mu:g}")
    most = fermi_energy(QUANTITIES["density"].upper, mass)
    dataclasses.replace(QUANTITIES["mu"], upper=most).check(mu)


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
    hbar_omega_x or curvature_radius at both ends of the trace and a temperature that is held. A
    registered class of your own begins with the numbers of its sliders; it is soft itself unless
    its T(E) jumps.

    Args:
        trace: the data; only their gate range and number of steps count.
        model: a registered model that says which number a gate moves, as `qpcjax fit --model`
            has them.
        mu: electrochemical potential in meV; by default that of 2e11 electrons per cm^2.
        mass: effective mass in m_e.
        knots: number of gate voltages at which the number that the gate moves is free, 2 to 6; by
            default as many as the trace has steps, within these bounds.
        constant_ratio: whether L/w is constant along the trace, and not L.
        temperature: of the electrons in K; by default that of the trace.

    Raises:
        InputError: a trace without a step.
        ValueError: an unknown model, a number out of range, or a number of a registered class
            that has neither a default nor a slider.
    """
    known = trace_models()
    if model not in known:
        raise ValueError(f"there is no model {model!r} for a trace: {closest(model, known)}")
    mu = fermi_energy(DEFAULT_DENSITY, mass) if mu is None else mu
    require_mu(mu, mass)
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
    kind, number = BARRIERS[model], known[model]
    if model in _CHANNELS:
        scatterer = kind.build(unit / 2, 2 * unit, mass=mass)
        curves = {"offset": along(0.0, 0.0, kind="plain")}
    elif model == "adiabatic":
        scatterer = AdiabaticConstriction(unit / 2, 5 * unit, mass=mass)
        smearing = None
        curves = {"curvature_radius": along(5 * unit, 5 * unit)}
    elif model == "saddle":
        moved = along(*np.full(count, mu / 2), kind="plain")
        scatterer = SaddlePoint(mu / 2, mu / 4, mu / 10, mass=mass)
        smearing, curves = None, {"hbar_omega_x": along(mu / 10, mu / 10)}
    elif model == "step":
        moved = along(*np.full(count, mu / 2), kind="plain")
        scatterer, smearing = IdealStep(mu / 2, mass), along(mu / 20, mu / 20)
    else:
        scatterer = kind.scatterer(_first_values(kind, mass))
        quantity = quantity_of(scatterer, number)
        start = float(getattr(innermost(scatterer), number))
        moved = along(*np.full(count, start), kind="plain" if quantity.signed else "positive")
        jumps = scatterer.jumps().size > 0
        smearing = along(mu / 20, mu / 20) if jumps else None
    if constant_ratio:
        curves["length"] = Ratio("half_width", 4.0)
    if smearing is None and temperature is None:
        temperature = NOMINAL_TEMPERATURE
    barrier = Gated(scatterer, **{number: moved}, **curves)
    return Device(barrier, mu, smearing, steps.resistance, temperature)


def _first_values(kind, mass):
    """Numbers of a registered barrier with which a fit begins, by name."""
    values = {"mass": mass} if "mass" in kind.arguments else {}
    for name, argument in kind.arguments.items():
        if argument.needed and name not in values:
            shown, factor = argument.quantity.as_shown
            if shown.slider is None:
                raise ValueError(
                    f"{name} of the model {kind.name} must have a slider or a default, so that a "
                    'fit has a value to begin with: metadata={"slider": (low, high, step, value)}'
                )
            values[name] = shown.slider.value / factor
    return values
