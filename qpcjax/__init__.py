"""Differentiable transport and heating in a quantum point contact.

Energies in meV from the bottom of the conduction band, lengths in nm, temperatures in K, bias as
the energy eV in meV, masses in m_e; currents in nA, powers in pW, conductances in 2e^2/h.

Each public name is loaded when it is first used.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qpcjax import constants as constants
    from qpcjax import designing as designing
    from qpcjax import files as files
    from qpcjax import fitting as fitting
    from qpcjax import gates as gates
    from qpcjax import measurements as measurements
    from qpcjax import observables as observables
    from qpcjax import plot as plot
    from qpcjax import potentials as potentials
    from qpcjax import scatterers as scatterers
    from qpcjax import staircases as staircases
    from qpcjax import sweeping as sweeping
    from qpcjax.compilation_cache import enable_compilation_cache as enable_compilation_cache
    from qpcjax.designing import design as design
    from qpcjax.frames import to_dataframe as to_dataframe
    from qpcjax.frames import to_xarray as to_xarray
    from qpcjax.gates import GatedDevice as GatedDevice
    from qpcjax.gates import Gates as Gates
    from qpcjax.gates import Heterostructure as Heterostructure
    from qpcjax.gates import SplitGate as SplitGate
    from qpcjax.heat.damping import AbstractDamping as AbstractDamping
    from qpcjax.heat.damping import QuadraticDamping as QuadraticDamping
    from qpcjax.heat.distances import HeatSpread as HeatSpread
    from qpcjax.heat.distances import cascade_distance as cascade_distance
    from qpcjax.heat.distances import heat_quantiles as heat_quantiles
    from qpcjax.heat.distances import heat_spread as heat_spread
    from qpcjax.heat.electron_plane import ElectronPlane as ElectronPlane
    from qpcjax.heat.electron_temperature import AroundConstriction as AroundConstriction
    from qpcjax.heat.electron_temperature import HeatedDisc as HeatedDisc
    from qpcjax.heat.electron_temperature import HeatedRings as HeatedRings
    from qpcjax.heat.electron_temperature import electron_temperature as electron_temperature
    from qpcjax.heat.electron_temperature import heat_around as heat_around
    from qpcjax.heat.exact_rpa import EmissionRates as EmissionRates
    from qpcjax.heat.exact_rpa import ExactRPADamping as ExactRPADamping
    from qpcjax.heat.giuliani_quinn import GiulianiQuinnDamping as GiulianiQuinnDamping
    from qpcjax.heat.hot_spot import HotSpot as HotSpot
    from qpcjax.heat.hot_spot import hot_spot as hot_spot
    from qpcjax.heat.material import Material as Material
    from qpcjax.heat.profile import inelastic_length as inelastic_length
    from qpcjax.heat.profile import power_per_length as power_per_length
    from qpcjax.heat.rpa import RPADamping as RPADamping
    from qpcjax.potentials import HardWalls as HardWalls
    from qpcjax.potentials import Potential as Potential
    from qpcjax.scatterers import AbruptConstriction as AbruptConstriction
    from qpcjax.scatterers import AbstractScatterer as AbstractScatterer
    from qpcjax.scatterers import AdiabaticConstriction as AdiabaticConstriction
    from qpcjax.scatterers import BiasedConstriction as BiasedConstriction
    from qpcjax.scatterers import BreitWigner as BreitWigner
    from qpcjax.scatterers import HartreeBarrier as HartreeBarrier
    from qpcjax.scatterers import IdealStep as IdealStep
    from qpcjax.scatterers import MatchedConstriction as MatchedConstriction
    from qpcjax.scatterers import PotentialScatterer as PotentialScatterer
    from qpcjax.scatterers import SaddlePoint as SaddlePoint
    from qpcjax.scatterers import SpinGap as SpinGap
    from qpcjax.scatterers import TabulatedTransmission as TabulatedTransmission
    from qpcjax.scatterers import ZeemanSplit as ZeemanSplit
    from qpcjax.scatterers import in_bulk as in_bulk
    from qpcjax.scatterers import resolve as resolve
    from qpcjax.staircases import GatedConstriction as GatedConstriction
    from qpcjax.staircases import GateStaircase as GateStaircase
    from qpcjax.staircases import gate_slopes as gate_slopes
    from qpcjax.staircases import gate_staircase as gate_staircase
    from qpcjax.sweeping import SweepResult as SweepResult
    from qpcjax.sweeping import open_sweep as open_sweep
    from qpcjax.sweeping import sweep as sweep
    from qpcjax.transport.expansions import low_bias_dissipation as low_bias_dissipation
    from qpcjax.transport.expansions import low_temperature_correction as low_temperature_correction
    from qpcjax.transport.heat_engines import Engine as Engine
    from qpcjax.transport.heat_engines import Refrigerator as Refrigerator
    from qpcjax.transport.heat_engines import engine as engine
    from qpcjax.transport.heat_engines import maximum_power_bias as maximum_power_bias
    from qpcjax.transport.heat_engines import open_circuit_bias as open_circuit_bias
    from qpcjax.transport.heat_engines import refrigerator as refrigerator
    from qpcjax.transport.inelastic import InelasticConstriction as InelasticConstriction
    from qpcjax.transport.inelastic import InelasticTransport as InelasticTransport
    from qpcjax.transport.inelastic import inelastic_transport as inelastic_transport
    from qpcjax.transport.landauer import DissipationError as DissipationError
    from qpcjax.transport.landauer import conductance as conductance
    from qpcjax.transport.landauer import current as current
    from qpcjax.transport.landauer import differential_conductance as differential_conductance
    from qpcjax.transport.landauer import dissipation as dissipation
    from qpcjax.transport.landauer import energy_current as energy_current
    from qpcjax.transport.maps import TransportMap as TransportMap
    from qpcjax.transport.maps import transport_map as transport_map
    from qpcjax.transport.noise import Noise as Noise
    from qpcjax.transport.noise import cumulants as cumulants
    from qpcjax.transport.noise import fano_factor as fano_factor
    from qpcjax.transport.noise import noise as noise
    from qpcjax.transport.reservoirs import Dissipation as Dissipation
    from qpcjax.transport.reservoirs import Reservoirs as Reservoirs
    from qpcjax.transport.self_heating import SelfHeated as SelfHeated
    from qpcjax.transport.self_heating import self_heated as self_heated
    from qpcjax.transport.tabulation import tabulated as tabulated
    from qpcjax.transport.thermoelectrics import Thermoelectrics as Thermoelectrics
    from qpcjax.transport.thermoelectrics import mott_seebeck as mott_seebeck
    from qpcjax.transport.thermoelectrics import seebeck_from_traces as seebeck_from_traces
    from qpcjax.transport.thermoelectrics import thermoelectrics as thermoelectrics
    from qpcjax.transport.transmission import eigenvalues as eigenvalues
    from qpcjax.transport.transmission import transmission as transmission

    __version__: str

# The same names by the module that holds them; "" for the modules themselves.
_HOMES = {
    "": (
        *("constants", "designing", "files", "fitting", "gates", "measurements", "observables"),
        *("plot", "potentials", "scatterers", "staircases", "sweeping"),
    ),
    "compilation_cache": ("enable_compilation_cache",),
    "designing": ("design",),
    "frames": ("to_dataframe", "to_xarray"),
    "gates": ("GatedDevice", "Gates", "Heterostructure", "SplitGate"),
    "heat.damping": ("AbstractDamping", "QuadraticDamping"),
    "heat.distances": ("HeatSpread", "cascade_distance", "heat_quantiles", "heat_spread"),
    "heat.electron_plane": ("ElectronPlane",),
    "heat.electron_temperature": (
        *("AroundConstriction", "HeatedDisc", "HeatedRings"),
        *("electron_temperature", "heat_around"),
    ),
    "heat.exact_rpa": ("EmissionRates", "ExactRPADamping"),
    "heat.giuliani_quinn": ("GiulianiQuinnDamping",),
    "heat.hot_spot": ("HotSpot", "hot_spot"),
    "heat.material": ("Material",),
    "heat.profile": ("inelastic_length", "power_per_length"),
    "heat.rpa": ("RPADamping",),
    "potentials": ("HardWalls", "Potential"),
    "scatterers": (
        *("AbruptConstriction", "AbstractScatterer", "AdiabaticConstriction"),
        *("BiasedConstriction", "BreitWigner", "HartreeBarrier", "IdealStep"),
        *("MatchedConstriction", "PotentialScatterer", "SaddlePoint", "SpinGap"),
        *("TabulatedTransmission", "ZeemanSplit", "in_bulk", "resolve"),
    ),
    "staircases": ("GateStaircase", "GatedConstriction", "gate_slopes", "gate_staircase"),
    "sweeping": ("SweepResult", "open_sweep", "sweep"),
    "transport.expansions": ("low_bias_dissipation", "low_temperature_correction"),
    "transport.heat_engines": (
        *("Engine", "Refrigerator", "engine", "refrigerator"),
        *("maximum_power_bias", "open_circuit_bias"),
    ),
    "transport.inelastic": ("InelasticConstriction", "InelasticTransport", "inelastic_transport"),
    "transport.landauer": (
        *("DissipationError", "conductance", "current", "differential_conductance"),
        *("dissipation", "energy_current"),
    ),
    "transport.maps": ("TransportMap", "transport_map"),
    "transport.noise": ("Noise", "cumulants", "fano_factor", "noise"),
    "transport.reservoirs": ("Dissipation", "Reservoirs"),
    "transport.self_heating": ("SelfHeated", "self_heated"),
    "transport.tabulation": ("tabulated",),
    "transport.thermoelectrics": (
        *("Thermoelectrics", "mott_seebeck", "seebeck_from_traces", "thermoelectrics"),
    ),
    "transport.transmission": ("eigenvalues", "transmission"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:
    __all__ = [*sorted(_HOME_OF), "__version__"]

    def __dir__():
        return list(__all__)

    def __getattr__(name):
        if name == "__version__":
            from importlib.metadata import version

            found = version("qpcjax")
        elif name not in _HOME_OF:
            raise AttributeError(_no_such_name(name), name=name)
        elif _HOME_OF[name] == "":
            found = importlib.import_module(f"qpcjax.{name}")
        else:
            found = getattr(importlib.import_module(f"qpcjax.{_HOME_OF[name]}"), name)
        globals()[name] = found
        return found


def _no_such_name(name):
    import difflib

    near = difflib.get_close_matches(name, _HOME_OF, 2, 0.6)
    hint = f": did you mean {' or '.join(near)}?" if near else ""
    return f"module 'qpcjax' has no attribute {name!r}{hint}"
