"""The device behind a conductance trace, for each registered kind of barrier."""

import dataclasses
import math
from typing import Any

import numpy as np

from qpcjax.constants import GAAS_MASS, HBAR2_OVER_2M, fermi_energy
from qpcjax.fitting.device import Device, GateCurve, Gated, Ratio
from qpcjax.fitting.starts import Steps
from qpcjax.measurements import ConductanceTrace
from qpcjax.quantities import QUANTITIES, closest
from qpcjax.scatterers import as_scatterer
from qpcjax.scatterers.registry import BARRIERS, BarrierKind

DEFAULT_DENSITY = 2.0  # 1e11 cm^-2, the paper's example
NOMINAL_TEMPERATURE = 0.3  # K, where a barrier is soft itself and no temperature is known

MOST_KNOTS = 6

# Numbers that make a barrier soft; both ends of the trace have their own value of them.
_SOFTNESS = ("hbar_omega_x", "curvature_radius")


_JUMP = 1e-6  # difference of T(E) on both sides of an energy that is no rounding


def trace_model(name: str) -> BarrierKind:
    """The kind of barrier of this name, one that a gate moves.

    Raises:
        ValueError: there is none.
    """
    known = [kind.name for kind in BARRIERS.values() if kind.gate]
    if name not in known:
        raise ValueError(f"there is no model {name!r} for a fit of a trace: {closest(name, known)}")
    return BARRIERS[name]


def require_mu(mu: float, mass: float) -> None:
    """Raise ValueError unless mu is the Fermi energy of a density that a 2DEG can have.

    The densities are those of the quantity "density", 0.1 to 100 times 1e11 cm^-2.

    Args:
        mu: in meV.
        mass: effective mass in m_e.
    """
    density = QUANTITIES["density"]
    low, high = (fermi_energy(n, mass) for n in (density.lower, density.upper))
    try:
        dataclasses.replace(QUANTITIES["mu"], lower=low, upper=high).check(mu)
    except ValueError as error:
        raise ValueError(
            f"{error} (densities of {density.lower:g} to {density.upper:g} in {density.unit_text}, "
            f"at {mass:g} m_e)"
        ) from None


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

    The number that the gate moves (the half-width of a constriction, the height of a saddle or
    step) is a polynomial through its values at a few gate voltages; a series resistance stands in
    the way. A hard-wall constriction has its length, a smearing in E1, whose logarithm is linear
    along the gate, and a floor, linear and held at 0; a saddle and smooth walls are soft
    themselves, with hbar_omega_x or curvature_radius at both ends of the trace and a temperature
    that is held. A registered class of your own begins with the numbers of its sliders. It is soft
    itself unless its T(E) jumps.

    Args:
        trace: the data; only their gate range and number of steps count.
        model: name of a registered barrier that a gate moves, as `qpcjax fit --model` has them.
        mu: electrochemical potential in meV; by default that of 2e11 electrons per cm^2. It must be
            the Fermi energy of 1e10 to 1e13 electrons per cm^2, 0.36 to 357 meV in GaAs.
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
    kind = trace_model(model)
    mu = fermi_energy(DEFAULT_DENSITY, mass) if mu is None else mu
    require_mu(mu, mass)
    if knots is not None and not 2 <= knots <= MOST_KNOTS:
        raise ValueError(f"knots must be a whole number from 2 to {MOST_KNOTS}, got {knots}")
    arguments = {argument.name: argument for argument in kind.arguments.values()}
    channel = {"half_width", "length"} <= set(arguments)
    if constant_ratio and not channel:
        raise ValueError(f"constant_ratio is for channels of a length, not for {model}")
    steps = Steps(trace)
    count = knots or min(max(steps.count, 2), MOST_KNOTS)
    temperature = trace.temperature if temperature is None else temperature
    first = {n: _first_value(kind, a, mu, mass) for n, a in arguments.items() if a.needed}
    shapes = [name for name in first if name != kind.gate]
    scatterer = kind.build(**first, **({"mass": mass} if "mass" in arguments else {}))

    def along(*values, form="log"):
        return GateCurve(steps.range, np.array(values), form)

    gate = str(kind.gate)
    moved = arguments[gate]
    signed = moved.quantity is None or moved.quantity.signed
    start = first.get(gate, moved.default)
    curves: dict[str, Any] = {
        gate: along(*np.full(count, start), form="plain" if signed else "positive")
    }
    smearing = None
    if channel:
        smearing = along(0.2, 0.4)
        if "offset" in arguments:
            curves["offset"] = along(0.0, 0.0, form="plain")
    elif _has_jumps(as_scatterer(scatterer)):
        smearing = along(mu / 20, mu / 20)
    curves |= {name: along(first[name], first[name]) for name in _SOFTNESS if name in shapes}
    if constant_ratio:
        curves["length"] = Ratio("half_width", 4.0)
    if smearing is None and temperature is None:
        temperature = NOMINAL_TEMPERATURE
    return Device(Gated(scatterer, **curves), mu, smearing, steps.resistance, temperature)


def _first_value(kind, argument, mu, mass):
    """The value of an argument of a barrier with which a fit begins."""
    # A channel of half this width opens its first mode at mu.
    unit = math.pi * math.sqrt(HBAR2_OVER_2M / mass / mu)
    known = {
        "half_width": unit / 2,
        "length": 2 * unit,
        "curvature_radius": 5 * unit,
        "height": mu / 2,
        "energy": mu / 2,
        "hbar_omega_y": mu / 4,
        "hbar_omega_x": mu / 10,
    }
    if argument.name in known:
        return known[argument.name]
    shown, factor = argument.quantity.as_shown
    if shown.slider is None:
        raise ValueError(
            f"{argument.name} of the model {kind.name} must have a slider or a default, so that a "
            'fit has a value to begin with: metadata={"slider": (low, high, step, value)}'
        )
    return shown.slider.value / factor


def _has_jumps(scatterer):
    """Whether T(E) jumps at one of the energies at which it may."""
    places = np.asarray(scatterer.jumps(), float)
    sides = [np.nextafter(places, end) for end in (-np.inf, np.inf)]
    below, above = (np.array([scatterer.total(x) for x in side]) for side in sides)
    return bool(np.any(np.abs(above - below) > _JUMP))
