"""Differential conductance over gate voltage and bias."""

import dataclasses

import numpy as np

from qpcjax.constants import CONDUCTANCE_QUANTUM
from qpcjax.measurements.base import AbstractMeasurement, register
from qpcjax.measurements.circuit import bias_of, lock_in
from qpcjax.measurements.response import Response

DIFFERENTIAL_CONDUCTANCE = Response(
    "differential_conductance",
    "2e2/h",
    "differential conductance",
    lambda point, settings, resolution: lock_in(point, bias_of(point, settings), resolution),
    needs=("width above 0",),
    fine_unit=("uS", CONDUCTANCE_QUANTUM),
)


@register
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class BiasSpectroscopy(AbstractMeasurement):
    """Differential conductance over gate voltage and bias; arrays that broadcast.

    Args:
        gate: gate voltage in mV; None for a device without a gate.
        bias: eV in meV (the voltage in mV) across constriction and series resistance.
        conductance: dI/dV in 2e^2/h; NaN where it is missing.
        name: what it is called in reports and messages.
        bias_offset: what the instrument adds to the bias, in meV: it is taken off.
        mu: electrochemical potential in meV, for a device without a gate; that of the device by
            default.
        sigma: standard error in 2e^2/h; see `AbstractMeasurement`.
        temperature: electron temperature in K, None where it is not known.
        sha256: of the file that was read.
        metadata: what else the file said: texts and numbers.

    Raises:
        InputError: shapes that do not broadcast, no complete point, a sigma that is not positive.
    """

    gate: np.ndarray | None
    bias: np.ndarray
    conductance: np.ndarray
    name: str = "bias spectroscopy"
    _: dataclasses.KW_ONLY
    bias_offset: float = 0.0
    mu: np.ndarray | None = None

    settings_names = ("gate", "bias", "mu")
    measured = "conductance"
    responses = (DIFFERENTIAL_CONDUCTANCE,)

    def __post_init__(self):
        super().__post_init__()
        self._set_column("bias", self.bias - self.bias_offset)
        object.__setattr__(self, "bias_offset", 0.0)
