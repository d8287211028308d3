"""Where T(E) of a gated device is calculated, and what the potential alone says there."""

import dataclasses
import math
from typing import Any

import numpy as np

from qpcjax.constants import HBAR2_OVER_2M
from qpcjax.gates import GatedDevice

_BESIDE = 490.0, 180.0  # nm of the region beside the gates' edges, along and across
_EDGE = 4  # steps of the grid between the region and the end of the box
_POINTS = 96  # across, of the levels
_PLACES = 5  # along, around the highest floor, at which they are looked at


@dataclasses.dataclass(frozen=True)
class Region:
    """Where T(E) of a potential is calculated.

    Fields:
        half_length: the region is |x| < half_length, in nm.
        width: W of the strip with hard walls in nm; they should lie under the gates.
        window: length in nm before the leads over which the potential goes to 0.
        tolerance: error of T(E).
    """

    half_length: float
    width: float
    window: float = 150.0
    tolerance: float = 1e-3

    def __post_init__(self):
        for name in ("half_length", "width", "window", "tolerance"):
            value = float(getattr(self, name))
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a positive number, got {value:g}")
        if self.window >= self.half_length:
            raise ValueError(
                f"window must be shorter than half_length = {self.half_length:g} nm, got "
                f"{self.window:g} nm"
            )

    @classmethod
    def of(cls, device: GatedDevice, **given: float) -> "Region":
        """The region around the gates of a device, as far as its box reaches.

        Args:
            device: a `GatedDevice`.
            given: fields that are known, in place of those chosen here.
        """
        step = device.mesh.step
        room = [length / 2 - _EDGE * step for length in device.mesh.lengths]
        corners = [o.corners for o in device.gates.outlines]
        places = np.abs(np.concatenate([c for c in corners if c is not None] or [np.zeros((1, 2))]))
        inside = [p[p < r] for p, r in zip(places.T, room, strict=True)]
        along = max(inside[0], default=0.0) + _BESIDE[0]
        across = max(inside[1], default=0.0) + _BESIDE[1]
        chosen = {"half_length": min(along, room[0]), "width": 2 * min(across, room[1])}
        return cls(**(chosen | given))


def barrier(potential: Any, region: Region) -> float:
    r"""Energy in meV that electrons must have to pass, max_x min_y U(x, y).

    Args:
        potential: a `GatedPotential`, or any with `x`, `y` and `at`.
        region: where to look.
    """
    x, y = np.asarray(potential.x), np.asarray(potential.y)
    step = (x[1] - x[0]) / 4
    x = np.arange(-region.half_length, region.half_length + step, step)
    y = np.arange(-region.width / 2, region.width / 2 + step, step)
    return float(np.max(np.min(np.asarray(potential.at(x, y)), axis=1)))


def channel_levels(potential: Any, region: Region, count: int) -> np.ndarray:
    r"""Thresholds of the lowest sub-bands in meV, as far as the channel changes slowly along.

    .. math:: \max_x E_n(x), \qquad
        \left[-C \partial_y^2 + U(x, y)\right] \phi_n = E_n(x)\, \phi_n

    Args:
        potential: a `GatedPotential`, or any with `x`, `y`, `at` and `mass`.
        region: where to look.
        count: of the levels.

    Returns:
        Rising, shape (count,).
    """
    x = np.asarray(potential.x)
    x = x[np.abs(x) < region.half_length]
    y = np.linspace(-region.width / 2, region.width / 2, _POINTS + 2)[1:-1]
    energy = np.asarray(potential.at(x, y))
    scale = HBAR2_OVER_2M / float(potential.mass)
    # Sine functions on these points: exact kinetic energy between hard walls.
    k = np.arange(1, _POINTS + 1)
    sines = np.sqrt(2 / (_POINTS + 1)) * np.sin(np.pi * np.outer(k, k) / (_POINTS + 1))
    kinetic = sines @ np.diag(scale * (np.pi * k / region.width) ** 2) @ sines
    # The barrier's top is flat along: a few places around the highest floor have it.
    highest = np.argsort(np.min(energy, axis=1))[-_PLACES:]
    levels = [np.linalg.eigvalsh(kinetic + np.diag(energy[i]))[:count] for i in highest]
    return np.max(levels, axis=0)
