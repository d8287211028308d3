"""Gates over an electron gas: from their voltages to the potential of the electrons."""

from qpcjax.gates.device import GatedDevice as GatedDevice
from qpcjax.gates.device import GatedPotential as GatedPotential
from qpcjax.gates.layout import Gates as Gates
from qpcjax.gates.layout import SplitGate as SplitGate
from qpcjax.gates.stack import Heterostructure as Heterostructure
