"""Conductance and heat along gate voltages, from the layout of the gates."""

from qpcjax.staircases.constriction import GatedConstriction as GatedConstriction
from qpcjax.staircases.region import Region as Region
from qpcjax.staircases.slopes import GateSlopes as GateSlopes
from qpcjax.staircases.slopes import gate_slopes as gate_slopes
from qpcjax.staircases.staircase import GateStaircase as GateStaircase
from qpcjax.staircases.staircase import gate_staircase as gate_staircase
