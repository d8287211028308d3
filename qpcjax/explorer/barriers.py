"""Barriers behind sliders: what can be moved, how far, and the scatterer for it.

Whatever the compiler sees as a shape (modes, panels) is the same at every place of the sliders, and
enough for all of them: moving one never compiles again.
"""

import functools
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

from qpcjax.quantities import POINT, QUANTITIES
from qpcjax.resolution import (
    Window,
    keeping,
    limits_needed,
    modes_kept,
    modes_needed,
    with_limits,
    with_modes,
)
from qpcjax.scatterers.registry import BARRIERS
from qpcjax.scatterers.soft import soften


class Knob(NamedTuple):
    """A slider: its label with the unit, its range and step, and where it stands at first."""

    label: str
    low: float
    high: float
    step: float
    value: float


class Barrier(NamedTuple):
    """A kind of barrier on the page.

    Fields:
        title: its name on the page.
        knobs: by name; "mu" is the mean electrochemical potential.
        build: from the knobs' values by name to the scatterer and mu.
    """

    title: str
    knobs: dict[str, Knob]
    build: Callable[[dict[str, float]], tuple[Any, float]]


def _knob(quantity):
    return Knob(quantity.axis, *quantity.slider)


FIRST = "mean"  # the barrier that the page opens with

# Where the electrons are: T(E) must be known up to the tail of the hottest.
MU, BIAS, TEMPERATURE, DAMPING = (
    _knob(POINT[name]) for name in ("mu", "bias", "temperature", "damping")
)
ENERGIES = (-2.0, 55.0)  # meV; at 10 K the tail reaches 24 meV beyond mu + eV/2

_SOFT_POINTS = 2048  # of the grid that holds a fitted barrier's T(E) over ENERGIES
_SOFT_TAIL = 30.0  # widths of the softness that T(E) needs beyond these


def named_barriers() -> dict[str, Barrier]:
    """The barriers that are quick enough for sliders and have one for each number needed."""
    return {
        name: Barrier(kind.label, {**knobs, "mu": MU}, functools.partial(_named, kind))
        for name, kind in BARRIERS.items()
        if "sliders" not in kind.slow and (knobs := _knobs(kind)) is not None
    }


def _knobs(kind):
    """The sliders of a kind by name; None where a number that is needed has none."""
    knobs = {}
    for argument in kind.arguments.values():
        if argument.quantity is not None:
            shown, _ = argument.quantity.as_shown
            if shown.slider is not None:
                knobs[shown.name] = _knob(shown)
            elif argument.needed:
                return None
    return knobs


def _named(kind, values):
    modes, limits = _room(kind.name)
    return with_limits(keeping(_built(kind, values), modes), limits), values["mu"]


def _built(kind, values):
    numbers = {}
    for name, argument in kind.arguments.items():
        if argument.quantity is not None:
            shown, factor = argument.quantity.as_shown
            if shown.name in values:
                numbers[name] = values[shown.name] / factor
    return kind.scatterer(numbers)


@functools.cache
def _room(name):
    """The modes and the static limits that hold at every corner of a kind's sliders."""
    kind = BARRIERS[name]
    knobs = _knobs(kind) or {}
    ends = itertools.product(*((knob.low, knob.high) for knob in knobs.values()))
    corners = [_built(kind, dict(zip(knobs, values, strict=True))) for values in ends]
    modes = [modes_kept(with_modes(s, Window(ENERGIES[1]))) or 0 for s in corners]
    return max(modes), [limits_needed(s) for s in corners]


def fitted_barrier(fit, model) -> Barrier:
    """The barrier of a fit, moved by the gate.

    Its softness is in T(E), as in the prediction of heat; the series resistance is not: the bias is
    that across the barrier itself.

    Args:
        fit: a `FitResult` of a trace.
        model: the name of its barrier.
    """
    device, gate = fit.device, fit.parts[0].data.gate
    low, high = float(gate.min()), float(gate.max())
    knob = Knob(QUANTITIES["gate"].axis, low, high, (high - low) / 200, (low + high) / 2)
    return Barrier(
        f"fit of {fit.parts[0].name} ({model})",
        {"gate": knob},
        functools.partial(_fitted, device, max(_modes(device.at(g)) for g in (low, high))),
    )


def _modes(point):
    """How many modes the hottest electrons of the sliders need; 0 for barriers without modes."""
    tail = 0.0 if point.smearing is None else _SOFT_TAIL * float(point.smearing)
    return modes_needed(point.scatterer, Window(MU.high + tail, BIAS.high, TEMPERATURE.high))


def _fitted(device, modes, values):
    point = device.at(values["gate"])
    scatterer = keeping(point.scatterer, modes)
    if point.smearing is not None:
        scatterer = soften(scatterer, point.smearing, *ENERGIES, _SOFT_POINTS)
    return scatterer, float(point.mu)
