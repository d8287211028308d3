"""Scatterers: everything that has transmission eigenvalues T_n(E, V)."""

from qpcjax.scatterers.abrupt import AbruptConstriction as AbruptConstriction
from qpcjax.scatterers.accuracy import joint_sizes as joint_sizes
from qpcjax.scatterers.accuracy import resolve as resolve
from qpcjax.scatterers.adiabatic import AdiabaticConstriction as AdiabaticConstriction
from qpcjax.scatterers.base import AbstractScatterer as AbstractScatterer
from qpcjax.scatterers.biased import BiasedConstriction as BiasedConstriction
from qpcjax.scatterers.forwarding import in_bulk as in_bulk
from qpcjax.scatterers.hartree import HartreeBarrier as HartreeBarrier
from qpcjax.scatterers.interpolated import InterpolatedTransmission as InterpolatedTransmission
from qpcjax.scatterers.level import BreitWigner as BreitWigner
from qpcjax.scatterers.matched import MatchedConstriction as MatchedConstriction
from qpcjax.scatterers.potential import LocalFlow as LocalFlow
from qpcjax.scatterers.potential import PotentialScatterer as PotentialScatterer
from qpcjax.scatterers.registry import BarrierKind as BarrierKind
from qpcjax.scatterers.registry import register as register
from qpcjax.scatterers.saddle import SaddlePoint as SaddlePoint
from qpcjax.scatterers.soft import SoftenedScatterer as SoftenedScatterer
from qpcjax.scatterers.soft import grid_points as grid_points
from qpcjax.scatterers.soft import soften as soften
from qpcjax.scatterers.spin_gap import SpinGap as SpinGap
from qpcjax.scatterers.step import IdealStep as IdealStep
from qpcjax.scatterers.tabulated import TabulatedTransmission as TabulatedTransmission
from qpcjax.scatterers.users import as_scatterer as as_scatterer
from qpcjax.scatterers.zeeman import ZeemanSplit as ZeemanSplit
