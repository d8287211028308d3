"""Fits of measured data: the gate calibration of a constriction from a conductance trace."""

from qpcjax.fitting.fit import FitResult as FitResult
from qpcjax.fitting.fit import fit_trace as fit_trace
