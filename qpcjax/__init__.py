"""Differentiable transport and heating in a quantum point contact.

Energies in meV from the bottom of the conduction band, lengths in nm, temperatures in K, bias as
the energy eV in meV, masses in m_e; currents in nA, powers in pW, conductances in 2e^2/h.
"""

from importlib.metadata import version as _version

from qpcjax.designing import design as design
from qpcjax.heat.hot_spot import HotSpot as HotSpot
from qpcjax.heat.hot_spot import QuadraticDamping as QuadraticDamping
from qpcjax.heat.hot_spot import hot_spot as hot_spot
from qpcjax.heat.hot_spot import inelastic_length as inelastic_length
from qpcjax.heat.hot_spot import power_per_length as power_per_length
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
from qpcjax.transport.expansions import low_bias_dissipation as low_bias_dissipation
from qpcjax.transport.expansions import low_temperature_correction as low_temperature_correction
from qpcjax.transport.landauer import DissipationError as DissipationError
from qpcjax.transport.landauer import conductance as conductance
from qpcjax.transport.landauer import current as current
from qpcjax.transport.landauer import differential_conductance as differential_conductance
from qpcjax.transport.landauer import dissipation as dissipation
from qpcjax.transport.landauer import energy_current as energy_current
from qpcjax.transport.maps import TransportMap as TransportMap
from qpcjax.transport.maps import transport_map as transport_map
from qpcjax.transport.reservoirs import Dissipation as Dissipation
from qpcjax.transport.reservoirs import Reservoirs as Reservoirs

__version__ = _version("qpcjax")
