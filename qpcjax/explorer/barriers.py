"""Barriers behind sliders: what can be moved, how far, and the scatterer for it.

Whatever the compiler sees as a shape (modes, panels) is the same at every place of the sliders, and
enough for all of them: moving one never compiles anew.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from qpcjax.resolution import keeping, modes_kept, modes_needed
from qpcjax.scatterers.fields import with_static
from qpcjax.scatterers.registry import named_scatterer
from qpcjax.scatterers.soft import soften
from qpcjax.transport.reservoirs import Reservoirs


class Knob(NamedTuple):
    """A slider: its label with the unit, its range and where it stands at first."""

    label: str
    low: float
    high: float
    step: float
    value: float


class Barrier(NamedTuple):
    """A kind of barrier on the page.

    Fields:
        title: what the page calls it.
        knobs: by name; "mu" is the mean electrochemical potential.
        build: from the knobs' values by name to the scatterer and mu.
    """

    title: str
    knobs: dict[str, Knob]
    build: Callable[[dict[str, float]], tuple[Any, float]]


FIRST = "mean"  # the barrier that the page opens with

# Where the electrons are: T(E) must be known up to the tail of the hottest.
MU = Knob("mean potential μ (meV)", 0.5, 25.0, 0.1, 14.0)
BIAS = Knob("bias eV (meV)", -10.0, 10.0, 0.1, 4.0)
TEMPERATURE = Knob("temperature T (K)", 0.0, 10.0, 0.1, 1.6)
DAMPING = Knob("damping a", 0.01, 0.2, 0.01, 0.04)
ENERGIES = (-2.0, 55.0)  # meV; at 10 K the tail reaches 24 meV beyond mu + eV/2

_WIDTH = Knob("width 2w (nm)", 20.0, 80.0, 0.5, 40.0)
_TITLES = {
    "mean": "abrupt (the paper's)",
    "profile": "abrupt, modes' profiles",
    "biased": "abrupt, voltage drops inside",
    "adiabatic": "smooth walls",
    "saddle": "saddle",
    "step": "ideal step",
}
_KNOBS = {
    "mean": {"width": _WIDTH, "length": Knob("length L (nm)", 0.0, 200.0, 1.0, 80.0)},
    "adiabatic": {
        "width": _WIDTH,
        "curvature_radius": Knob("radius R of the walls (nm)", 50.0, 1000.0, 10.0, 200.0),
    },
    "saddle": {
        "height": Knob("height V₀ (meV)", 0.0, 20.0, 0.1, 8.0),
        "hbar_omega_y": Knob("spacing ħω_y (meV)", 2.0, 8.0, 0.1, 3.0),
        "hbar_omega_x": Knob("softness ħω_x (meV)", 0.2, 3.0, 0.1, 1.0),
    },
    "step": {"step_energy": Knob("energy E₀ (meV)", 0.0, 25.0, 0.1, 12.0)},
}
_KNOBS["profile"] = _KNOBS["biased"] = _KNOBS["mean"]

# Enough for every place of the sliders, and for ENERGIES.
_SHAPES = {
    "mean": {"modes": 8, "aspect_limit": 10.0},
    "profile": {"modes": 8, "aspect_limit": 10.0},
    "biased": {"modes": 8, "aspect_limit": 10.0},
    "adiabatic": {"modes": 12},
    "saddle": {"modes": 40},
    "step": {},
}
_SOFT_POINTS = 2048  # of the grid that holds a fitted barrier's T(E) over ENERGIES
_SOFT_TAIL = 30.0  # widths of the softness that T(E) needs beyond these


def named_barriers() -> dict[str, Barrier]:
    """The barriers that have sliders of their own, by model; the dearest one is left out."""
    return {
        model: Barrier(
            _TITLES[model],
            {**_KNOBS[model], "mu": MU},
            functools.partial(_named, model),
        )
        for model in _TITLES
    }


def _named(model, values):
    numbers = dict(values)
    mu = numbers.pop("mu")
    if "width" in numbers:
        numbers["half_width"] = numbers.pop("width") / 2
    scatterer = named_scatterer(model, numbers)
    for name, value in _SHAPES[model].items():
        scatterer = with_static(scatterer, name, value)
    return scatterer, mu


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
    label = "gate voltage V_g (mV)"
    knob = Knob(label, low, high, (high - low) / 200, (low + high) / 2)
    return Barrier(
        f"fit of {fit.parts[0].name} ({model})",
        {"gate": knob},
        functools.partial(_fitted, device, max(_modes(device.at(g)) for g in (low, high))),
    )


def _modes(point):
    """How many modes the hottest electrons of the sliders need; 0 for barriers without modes."""
    if modes_kept(point.scatterer) is None:
        return 0
    tail = 0.0 if point.smearing is None else _SOFT_TAIL * float(point.smearing)
    return modes_needed(point.scatterer, Reservoirs(MU.high + tail, BIAS.high, TEMPERATURE.high))


def _fitted(device, modes, values):
    point = device.at(values["gate"])
    scatterer = keeping(point.scatterer, modes) if modes else point.scatterer
    if point.smearing is not None:
        scatterer = soften(scatterer, point.smearing, *ENERGIES, _SOFT_POINTS)
    return scatterer, float(point.mu)
