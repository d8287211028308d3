"""Inverse design: the constriction and operating point that do best what is asked of them."""

from qpcjax.designing.constraints import Constraint as Constraint
from qpcjax.designing.curve_objectives import CurveObjective as CurveObjective
from qpcjax.designing.curve_objectives import FlattestPlateau as FlattestPlateau
from qpcjax.designing.curve_objectives import FlattestPlateaus as FlattestPlateaus
from qpcjax.designing.curve_objectives import TargetConductance as TargetConductance
from qpcjax.designing.custom_objectives import Maximise as Maximise
from qpcjax.designing.custom_objectives import Minimise as Minimise
from qpcjax.designing.design import design as design
from qpcjax.designing.layout_check import LayoutCheck as LayoutCheck
from qpcjax.designing.layout_check import layout_check as layout_check
from qpcjax.designing.objectives import AbstractObjective as AbstractObjective
from qpcjax.designing.objectives import HotSpotAt as HotSpotAt
from qpcjax.designing.objectives import MostAsymmetry as MostAsymmetry
from qpcjax.designing.objectives import StrongestCooling as StrongestCooling
from qpcjax.designing.objectives import TargetTransmission as TargetTransmission
from qpcjax.designing.result import Design as Design
