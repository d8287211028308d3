"""Kinds of measured data: what was set, what came out, and how a device predicts it.

Each kind has a file: `conductance_trace`, `bias_spectroscopy`, `hot_spot_data`,
`dissipation_data`, `noise_data` and `thermopower_trace`. `register` adds another one.
"""

from qpcjax.measurements import unmeasured as _unmeasured  # noqa: F401  its responses
from qpcjax.measurements.base import KINDS as KINDS
from qpcjax.measurements.base import AbstractMeasurement as AbstractMeasurement
from qpcjax.measurements.base import register as register
from qpcjax.measurements.bias_spectroscopy import BiasSpectroscopy as BiasSpectroscopy
from qpcjax.measurements.conductance_trace import ConductanceTrace as ConductanceTrace
from qpcjax.measurements.dissipation_data import DissipationData as DissipationData
from qpcjax.measurements.errors import InputError as InputError
from qpcjax.measurements.errors import counted as counted
from qpcjax.measurements.hot_spot_data import HotSpotData as HotSpotData
from qpcjax.measurements.noise_data import NoiseData as NoiseData
from qpcjax.measurements.response import Response as Response
from qpcjax.measurements.thermopower_trace import ThermopowerTrace as ThermopowerTrace
