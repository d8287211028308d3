"""Gates over an electron gas: from their voltages to the potential of the electrons."""

from qpcjax.gates.box_error import BoxChange as BoxChange
from qpcjax.gates.box_error import box_change as box_change
from qpcjax.gates.calibration import Calibration as Calibration
from qpcjax.gates.calibration import calibrate as calibrate
from qpcjax.gates.charges import Donors as Donors
from qpcjax.gates.charges import Tip as Tip
from qpcjax.gates.device import GatedDevice as GatedDevice
from qpcjax.gates.layout import Gates as Gates
from qpcjax.gates.layout import SplitGate as SplitGate
from qpcjax.gates.potential import GatedPotential as GatedPotential
from qpcjax.gates.stack import Heterostructure as Heterostructure
