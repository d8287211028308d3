"""Differentiable transport and heating in a quantum point contact.

Energies in meV from the bottom of the conduction band, lengths in nm, temperatures in K, bias as
the energy eV in meV, masses in m_e; currents in nA, powers in pW, conductances in 2e^2/h.
"""

from importlib.metadata import version as _version

from qpcjax.designing import design as design
from qpcjax.expansions import low_bias_dissipation as low_bias_dissipation
from qpcjax.expansions import low_temperature_correction as low_temperature_correction
from qpcjax.hotspot import HotSpot as HotSpot
from qpcjax.hotspot import QuadraticDamping as QuadraticDamping
from qpcjax.hotspot import hot_spot as hot_spot
from qpcjax.hotspot import inelastic_length as inelastic_length
from qpcjax.hotspot import power_per_length as power_per_length
from qpcjax.landauer import DissipationError as DissipationError
from qpcjax.landauer import conductance as conductance
from qpcjax.landauer import current as current
from qpcjax.landauer import differential_conductance as differential_conductance
from qpcjax.landauer import dissipation as dissipation
from qpcjax.landauer import energy_current as energy_current
from qpcjax.maps import TransportMap as TransportMap
from qpcjax.maps import transport_map as transport_map
from qpcjax.reservoirs import Dissipation as Dissipation
from qpcjax.reservoirs import Reservoirs as Reservoirs
from qpcjax.scatterers import AbruptConstriction as AbruptConstriction
from qpcjax.scatterers import AbstractScatterer as AbstractScatterer
from qpcjax.scatterers import AdiabaticConstriction as AdiabaticConstriction
from qpcjax.scatterers import BiasedConstriction as BiasedConstriction
from qpcjax.scatterers import IdealStep as IdealStep
from qpcjax.scatterers import MatchedConstriction as MatchedConstriction
from qpcjax.scatterers import SaddlePoint as SaddlePoint
from qpcjax.scatterers import TabulatedTransmission as TabulatedTransmission
from qpcjax.scatterers import ZeemanSplit as ZeemanSplit
from qpcjax.scatterers import eigenvalues as eigenvalues
from qpcjax.scatterers import in_bulk as in_bulk
from qpcjax.scatterers import transmission as transmission
from qpcjax.sweeping import SweepResult as SweepResult
from qpcjax.sweeping import open_sweep as open_sweep
from qpcjax.sweeping import sweep as sweep

__version__ = _version("qpcjax")
