"""Distances of the hot spot."""

import dataclasses

import numpy as np

from qpcjax.heat.hot_spot import hot_spot
from qpcjax.measurements.base import AbstractMeasurement, register
from qpcjax.measurements.circuit import heated
from qpcjax.measurements.response import Response


def _distance(point, settings, resolution):
    """r* in nm."""
    return hot_spot(*heated(point, settings, resolution), point.damping).distance


DISTANCE = Response(
    "distance",
    "nm",
    "distance",
    _distance,
    needs=("temperature", "damping"),
    heat=True,
)


@register
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class HotSpotData(AbstractMeasurement):
    """Measured distances of the hot spot from the constriction.

    Args:
        bias: eV in meV across constriction and series resistance.
        distance: r* in nm; NaN where it is missing.
        gate: gate voltage in mV; for a device without a gate leave it out and give
        mu: electrochemical potential in meV.
        name: what they are called in reports and messages.
        sigma: standard error in nm; see `AbstractMeasurement`.
        temperature: in K, None where it is not known.
        sha256: of the file that was read.
        metadata: what else the file said: texts and numbers.

    Raises:
        InputError: gate and mu both given or both missing; see `AbstractMeasurement`.
    """

    bias: np.ndarray
    distance: np.ndarray
    gate: np.ndarray | None = None
    mu: np.ndarray | None = None
    name: str = "hot spot"

    settings_names = ("bias", "gate", "mu")
    measured = "distance"
    responses = (DISTANCE,)

    def __post_init__(self):
        self._require_one("gate", "mu")
        super().__post_init__()
