"""Fits of measured data: devices, what was measured on them, and what that says."""

from qpcjax.fitting.archive import load_fit as load_fit
from qpcjax.fitting.archive import load_posterior as load_posterior
from qpcjax.fitting.comparison import compare as compare
from qpcjax.fitting.device import Device as Device
from qpcjax.fitting.device import GateCurve as GateCurve
from qpcjax.fitting.device import Gated as Gated
from qpcjax.fitting.device import Ratio as Ratio
from qpcjax.fitting.device import StepPositions as StepPositions
from qpcjax.fitting.device_of_trace import trace_device as trace_device
from qpcjax.fitting.heating import Heating as Heating
from qpcjax.fitting.heating import predict_heating as predict_heating
from qpcjax.fitting.joint_fit import fit as fit
from qpcjax.fitting.many_fits import ManyFits as ManyFits
from qpcjax.fitting.many_fits import fit_many as fit_many
from qpcjax.fitting.next_points import Candidates as Candidates
from qpcjax.fitting.posterior import Posterior as Posterior
from qpcjax.fitting.result import FitResult as FitResult
from qpcjax.measurements import AbstractMeasurement as AbstractMeasurement
from qpcjax.measurements import BiasSpectroscopy as BiasSpectroscopy
from qpcjax.measurements import ConductanceTrace as ConductanceTrace
from qpcjax.measurements import DissipationData as DissipationData
from qpcjax.measurements import HotSpotData as HotSpotData
from qpcjax.measurements import Response as Response
from qpcjax.measurements import register as register
