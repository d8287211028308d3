"""Conductance and heat along gate voltages, from the layout of the gates."""

from qpcjax.staircases.staircase import GateStaircase as GateStaircase
from qpcjax.staircases.staircase import Region as Region
from qpcjax.staircases.staircase import gate_staircase as gate_staircase
