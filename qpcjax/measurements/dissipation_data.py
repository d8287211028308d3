"""Powers dissipated on the two sides."""

import dataclasses

import numpy as np

from qpcjax.measurements.base import AbstractMeasurement, register
from qpcjax.measurements.circuit import heated
from qpcjax.measurements.errors import InputError
from qpcjax.measurements.response import Response
from qpcjax.transport.landauer import dissipation


def _power(side):
    def at(point, settings, resolution):
        return getattr(dissipation(*heated(point, settings, resolution)), side)

    return Response(side, "pW", side, at, needs=("temperature",), heat=True)


POWERS = {side: _power(side) for side in ("left", "right", "asymmetry", "total")}


@register
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class DissipationData(AbstractMeasurement):
    """Measured powers dissipated on one side, their sum or their difference.

    Args:
        bias: eV in meV across constriction and series resistance.
        power: in pW; NaN where it is missing.
        side: "left", "right", "asymmetry" (P_R - P_L) or "total".
        gate: gate voltage in mV; for a device without a gate leave it out and give
        mu: electrochemical potential in meV.
        name: what they are called in reports and messages.
        sigma: standard error in pW; see `AbstractMeasurement`.
        temperature: in K, None where it is not known.
        sha256: of the file that was read.
        metadata: what else the file said: texts and numbers.

    Raises:
        InputError: gate and mu both given or both missing, an unknown side; see
            `AbstractMeasurement`.
    """

    bias: np.ndarray
    power: np.ndarray
    side: str = "asymmetry"
    gate: np.ndarray | None = None
    mu: np.ndarray | None = None
    name: str = "dissipation"

    settings_names = ("bias", "gate", "mu")
    measured = "power"
    responses = tuple(POWERS.values())

    def __post_init__(self):
        if self.side not in POWERS:
            raise InputError(
                f"{self.name}: side must be one of {', '.join(POWERS)}, got {self.side!r}"
            )
        self._require_one("gate", "mu")
        super().__post_init__()

    @property
    def response(self):
        """The power of this side."""
        return POWERS[self.side]
