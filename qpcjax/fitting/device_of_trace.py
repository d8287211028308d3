"""The device behind a conductance trace, for each registered kind of barrier."""

import dataclasses
import math
from typing import Any

import numpy as np

from qpcjax.constants import GAAS_MASS, HBAR2_OVER_2M, fermi_energy
from qpcjax.fitting.device import Device, GateCurve, Gated, Ratio
from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.fitting.law_of_trace import choose_law
from qpcjax.fitting.shoulders import with_shoulder
from qpcjax.fitting.steps import Steps
from qpcjax.fitting.trace_search import Law, TraceSearch, is_searchable
from qpcjax.measurements import ConductanceTrace, InputError
from qpcjax.quantities import QUANTITIES, closest
from qpcjax.scatterers import ZeemanSplit, as_scatterer
from qpcjax.scatterers.registry import BARRIERS, BarrierKind

DEFAULT_DENSITY = 2.0  # 1e11 cm^-2, the paper's example
NOMINAL_TEMPERATURE = 0.3  # K, where a barrier is soft itself and no temperature is known

MOST_KNOTS = 6

# Numbers that make a barrier soft; both ends of the trace have their own value of them.
_SOFTNESS = ("hbar_omega_x", "curvature_radius")


_SMEARINGS = ("temperature", "softness", "first step", "both")
_SOFTENED, _FIRST_APART = 2, 3  # values of a softness along the gate
_FIRST_TEMPERATURE = 1.0  # K, where a fit of it begins

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
    smearing: str | None = None,
    shoulder: str | None = None,
    zeeman: tuple[float, float] | None = None,
) -> Device:
    """A device of this kind of barrier that can have given a conductance trace.

    The number that the gate moves (the half-width of a constriction, the height of a saddle or
    step) is a polynomial through its values at a few gate voltages; a series resistance stands in
    the way. A hard-wall constriction has its length and a floor, linear and held at 0. What smears
    its steps is an electron temperature in K, the same all along the trace, or a softness in E1,
    whose logarithm is linear along the gate, or both, or a softness with a value of its own at the
    first step. A saddle and smooth walls are soft
    themselves, with hbar_omega_x or curvature_radius at both ends of the trace and a temperature
    that is held. A registered class of your own begins with the numbers of its sliders. It is soft
    itself unless its T(E) jumps.

    How many values the gate curve has, and what smears the steps, is chosen by the Bayesian
    criterion among fits on a table (`trace_search`), unless it is stated.

    Args:
        trace: the data.
        model: name of a registered barrier that a gate moves, as `qpcjax fit --model` has them.
        mu: electrochemical potential in meV; by default that of 2e11 electrons per cm^2. It must be
            the Fermi energy of 1e10 to 1e13 electrons per cm^2, 0.36 to 357 meV in GaAs.
        mass: effective mass in m_e.
        knots: number of gate voltages at which the number that the gate moves is free, 2 to 6; by
            default what the data ask for.
        constant_ratio: whether L/w is constant along the trace, and not L.
        temperature: of the electrons in K, where it is known; by default that of the trace.
        smearing: what smears the steps of a barrier that is not soft itself: "temperature",
            "softness", "first step" for a softness of which the first step has its own, or "both";
            by default what the data ask for. With a known temperature
            "temperature" means that alone, and "both" is not to be had.
        shoulder: what makes a shoulder below the plateaus: "gap" for `SpinGap`, with three numbers,
            "hartree" for `HartreeBarrier`, with one. Both are phenomenological. A fit begins best
            from one of the same trace without it, `fit(device, trace, starts=bare)`.
        zeeman: field in T that splits the spins, and g-factor; None leaves both spins alike. The
            field does not act on the orbits: it is one in the plane. Both numbers are held.

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
    if smearing not in (None, *_SMEARINGS):
        raise ValueError(f"smearing must be one of {', '.join(_SMEARINGS)}, got {smearing!r}")
    steps = Steps(trace)
    temperature = trace.temperature if temperature is None else temperature
    first = {n: _first_value(kind, a, mu, mass) for n, a in arguments.items() if a.needed}
    shapes = [name for name in first if name != kind.gate]
    scatterer = kind.build(**first, **({"mass": mass} if "mass" in arguments else {}))
    scatterer = scatterer if zeeman is None else ZeemanSplit(scatterer, *zeeman)
    scatterer = with_shoulder(scatterer, shoulder, mu)

    def along(*values, form="log"):
        return GateCurve(steps.range, np.array(values), form)

    gate = str(kind.gate)
    moved = arguments[gate]
    signed = moved.quantity is None or moved.quantity.signed
    start = first.get(gate, moved.default)
    hard = channel or _has_jumps(as_scatterer(scatterer))
    if smearing is not None and not hard:
        raise ValueError(f"smearing is for barriers that are not soft themselves, not for {model}")
    others: dict[str, Any] = {}
    if channel and "offset" in arguments:
        others["offset"] = along(0.0, 0.0, form="plain")
    others |= {name: along(first[name], first[name]) for name in _SOFTNESS if name in shapes}
    if constant_ratio:
        others["length"] = Ratio("half_width", 4.0)

    def device(law):
        curve = along(*np.full(law.knots, start), form="plain" if signed else "positive")
        soft = None
        if law.softened:
            soft = steps.softness(np.full(law.softened, 0.2 if channel else mu / 20))
        warmth = temperature
        if warmth is None and (law.warms or soft is None):
            warmth = _FIRST_TEMPERATURE if law.warms else NOMINAL_TEMPERATURE
        return Device(
            Gated(scatterer, **{gate: curve}, **others),
            mu,
            soft,
            steps.resistance,
            warmth,
            freed=("temperature",) if law.warms else (),
        )

    curves = [knots] if knots else range(2, min(steps.count + 2, MOST_KNOTS) + 1)
    known = temperature is not None
    if smearing == "first step" and not steps.parts_first:
        raise InputError(f"{trace.label}: a softness of the first step needs the first three steps")
    laws = [Law(k, *law) for k in curves for law in _laws(hard, known, smearing, steps)]
    return device(laws[0] if len(laws) == 1 else _asked_for(device, trace, laws, steps))


def _laws(hard, known, smearing, steps):
    """What may smear a trace: values of a softness, and whether the temperature is free."""
    if not hard:
        return [(0, False)]
    laws = {"temperature": (0, not known), "softness": (_SOFTENED, False)}
    if steps.parts_first:
        laws["first step"] = (_FIRST_APART, False)
    if not known:
        laws["both"] = (_SOFTENED, True)
    return [laws[smearing]] if smearing in laws else list(laws.values())


def _asked_for(device, trace, laws, steps):
    """The law that the data ask for; where the barrier cannot have their steps, the usual one."""
    usual = min(max(steps.count, 2), MOST_KNOTS)
    first = min(laws, key=lambda law: abs(law.knots - usual))
    begun = device(first)
    try:
        numbers = {p.name: p for p in DeviceNumbers(begun).parameters()}
        if not is_searchable(begun, numbers):
            return first
        return choose_law(TraceSearch(begun, trace, numbers), [first, *laws])
    except InputError:  # the fit says why
        return first


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
