"""Potentials V(x, y) of the electrons in the plane, and the scattering in them."""

from qpcjax.potentials.bare_gates import bare_polygon as bare_polygon
from qpcjax.potentials.bare_gates import bare_rectangle as bare_rectangle
from qpcjax.potentials.bare_gates import bare_split_gate as bare_split_gate
from qpcjax.potentials.hard_walls import HardWalls as HardWalls
from qpcjax.potentials.potential import Potential as Potential
from qpcjax.potentials.potential import PotentialFunction as PotentialFunction
from qpcjax.potentials.potential import capped as capped
from qpcjax.potentials.potential import window as window
