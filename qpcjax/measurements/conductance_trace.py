"""A conductance against the gate voltage."""

import dataclasses

import numpy as np

from qpcjax.constants import CONDUCTANCE_QUANTUM
from qpcjax.measurements.base import AbstractMeasurement, register
from qpcjax.measurements.circuit import behind, bias_of, lock_in, width_of
from qpcjax.measurements.errors import InputError, counted
from qpcjax.measurements.response import Response
from qpcjax.transport.linear_response import smeared_conductance


def _conductance(point, settings, resolution):
    """G of barrier and series resistance in 2e^2/h."""
    if point.excitation is not None:
        return lock_in(point, bias_of(point, settings), resolution)
    g = smeared_conductance(
        point.scatterer, point.mu, width_of(point), resolution.order, resolution.panels
    )
    return behind(g, point.series_resistance)


CONDUCTANCE = Response(
    "conductance", "2e2/h", "conductance", _conductance, fine_unit=("uS", CONDUCTANCE_QUANTUM)
)


@register
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ConductanceTrace(AbstractMeasurement):
    """A measured conductance against the gate voltage, in the order of the measurement.

    Args:
        gate: gate voltage in mV; rising, falling or unsorted.
        conductance: in 2e^2/h.
        name: what the trace is called in reports and messages.
        gate_unit: unit of the gate voltage as it stood in the file.
        conductance_unit: unit of the conductance as it stood in the file.
        sigma: standard error of the conductance in 2e^2/h; see `AbstractMeasurement`.
        temperature: electron temperature in K, None where it is not known.
        dropped: number of rows left out because a value was missing (NaN).
        sha256: of the bytes that were read; for two files, of the gate's followed by the other's.
        metadata: what else the file said: texts and numbers.

    Raises:
        InputError: fewer than two points, values that are not finite, a gate that never moves, a
            sigma that is not positive, a negative temperature.
    """

    gate: np.ndarray
    conductance: np.ndarray
    name: str = "trace"
    _: dataclasses.KW_ONLY
    gate_unit: str = "mV"
    conductance_unit: str = "2e2/h"

    settings_names = ("gate",)
    measured = "conductance"
    responses = (CONDUCTANCE,)
    ordered = True
    staircase = True

    def __post_init__(self):
        self._set_column("gate", self.gate)
        self._set_column("conductance", self.conductance)
        gate, conductance = self.gate, self.conductance
        if gate.ndim != 1 or gate.shape != conductance.shape:
            raise InputError(
                f"{self.name}: gate and conductance must be two columns of the same length, "
                f"got the shapes {gate.shape} and {conductance.shape}"
            )
        if not (np.all(np.isfinite(gate)) and np.all(np.isfinite(conductance))):
            raise InputError(f"{self.name}: gate and conductance must be finite numbers")
        points = gate.size
        if points < 2:
            left_out = f" ({counted(self.dropped, 'row')} without a value left out)"
            raise InputError(
                f"{self.name}: a trace needs at least 2 points with both a gate voltage and a "
                f"conductance, found {points}{left_out if self.dropped else ''}"
            )
        if np.ptp(gate) == 0:
            raise InputError(
                f"{self.name}: the gate voltage never moves: all {points} points are at "
                f"{gate[0]:g} mV. Is this the right column?"
            )
        self._check_errors_and_temperature()
