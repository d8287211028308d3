"""How far a fit misses its data beyond their noise, where along a trace, and what that means."""

import math
from typing import NamedTuple

import numpy as np

from qpcjax.constants import RESISTANCE_QUANTUM
from qpcjax.scatterers.fields import innermost

WRONG = 1.3  # rms over noise from which on the model does not describe the data

_GRADES = (
    (
        3.0,
        "something small is in the data that is not in the model; the errors of {shape}R_s and P_A "
        "that do not allow for it may be too small",
    ),
    (
        10.0,
        "a feature of the data is not in the model: {shape}R_s and P_A may be off by several of "
        "their errors; compare other barriers, or leave the feature out of the fit",
    ),
    (
        math.inf,
        "the curve is not that of this device: {shape}R_s and P_A hold only as far as other "
        "barriers and minima agree on them",
    ),
)
_ON_PLATEAU = 0.2  # distance from a whole number of modes below which a point is on a plateau
_FEWEST = 4  # points of a stretch


class Stretch(NamedTuple):
    """A part of a trace, between two gate voltages in mV.

    Fields:
        name: "step 2" or "plateau 1".
        low, high: gate voltages in mV.
        rms: of the residuals there, in the unit of the data.
        points: of the trace.
    """

    name: str
    low: float
    high: float
    rms: float
    points: slice

    @property
    def kind(self):
        """What it is: step, plateau or foot."""
        return self.name.split()[0] if self.name[-1].isdigit() else "foot"


def stretches(part, device) -> list[Stretch]:
    """The steps and plateaus of a trace as the fit has them, along the gate.

    Args:
        part: a `PartResult` of a conductance trace.
        device: the fitted `Device`.
    """
    gate, residual = part.data.settings["gate"], part.residual
    behind = device.series_resistance
    share = 0.0 if behind is None else float(behind) / RESISTANCE_QUANTUM
    modes = part.predicted / np.maximum(1 - share * part.predicted, 1e-3)
    flat = np.abs(modes - np.round(modes)) < _ON_PLATEAU
    number = np.where(flat, np.round(modes), np.floor(modes) + 1).astype(int)
    label = 2 * number + flat
    first = np.flatnonzero(np.diff(label, prepend=label[0] - 1))
    found = []
    for start, end in zip(first, [*first[1:], label.size], strict=True):
        if end - start < _FEWEST:
            continue
        n = number[start]
        name = f"step {n}" if not flat[start] else f"plateau {n}" if n else "the pinched-off foot"
        rms = float(np.sqrt(np.mean(residual[start:end] ** 2)))
        found.append(
            Stretch(
                name, float(gate[start]), float(gate[end - 1]), rms, slice(int(start), int(end))
            )
        )
    return found


def in_noise(part) -> str:
    """The rms of the residuals and how many times the noise it is, such as "rms 1.2 uS"."""
    unit, factor = part.data.response.residual_unit
    told = f"rms {factor * part.rms:.3g} {unit}"
    if math.isfinite(part.misfit):
        told += f", {part.misfit:.2f} times the noise"
    return told


def misfit_in_words(part, device) -> list[str]:
    """A sentence where the residuals exceed the noise by 1.3 or more; else none.

    Args:
        part: `PartResult`.
        device: the fitted `Device`.
    """
    if not part.misfit > WRONG:
        return []
    unit, factor = part.data.response.residual_unit
    place = ""
    if part.data.staircase and (found := stretches(part, device)):
        worst = max(found, key=lambda s: s.rms)
        place = (
            f", most at {worst.name} ({worst.low:.4g} to {worst.high:.4g} mV, "
            f"{factor * worst.rms:.3g} {unit})"
        )
    means = next(words for limit, words in _GRADES if part.misfit <= limit)
    means = means.format(shape="L, " if hasattr(innermost(device.scatterer), "length") else "")
    return [
        f"the fit misses {part.name} by {factor * part.rms:.3g} {unit} rms, {part.misfit:.2g} "
        f"times the noise of {factor * part.noise:.2g} {unit}{place}: {means}"
    ]
