"""The quantities that files hold: what their columns are called and in which units they come."""

import dataclasses
import re

from qpcjax.constants import CONDUCTANCE_QUANTUM
from qpcjax.measurements import InputError

# Factors to this package's units; `plain` converts the spelling of a file to this one.
GATE_UNITS = {"mV": 1.0, "V": 1e3, "uV": 1e-3}
CONDUCTANCE_UNITS = {
    "2e2/h": 1.0,
    "e2/h": 0.5,
    "uS": 1 / CONDUCTANCE_QUANTUM,
    "mS": 1e3 / CONDUCTANCE_QUANTUM,
    "S": 1e6 / CONDUCTANCE_QUANTUM,
}
ENERGY_UNITS = {"meV": 1.0, "eV": 1e3, "ueV": 1e-3}


@dataclasses.dataclass(frozen=True)
class ColumnKind:
    """A kind of column: what its numbers are, and in which units a file may state them.

    Args:
        name: its name in messages.
        names: what its columns are called, as `key` spells names.
        units: unit -> factor to this package's unit, which is the one of factor 1.
    """

    name: str
    names: frozenset[str]
    units: dict[str, float]


def _kind(name, names, units):
    return ColumnKind(name, frozenset(names.split()), units)


GATE = _kind("gate", "gate gatevoltage splitgate splitgatevoltage vg vgate vsg", GATE_UNITS)  # mV
CONDUCTANCE = _kind(
    "conductance",
    "conductance cond g di/dv didv differentialconductance gdiff",
    CONDUCTANCE_UNITS,
)  # 2e^2/h
RESISTANCE = _kind("resistance", "resistance r", {"kOhm": 1e3, "Ohm": 1.0, "MOhm": 1e6})  # ohm
CURRENT = _kind(
    "current", "current i isd ids idc iac", {"nA": 1.0, "pA": 1e-3, "uA": 1e3, "mA": 1e6, "A": 1e9}
)  # nA
EXCITATION = _kind(
    "excitation", "excitation vac vexc", {"uV": 1e-3, "mV": 1.0, "V": 1e3, "nV": 1e-6}
)  # mV
BIAS = _kind(
    "bias",
    "bias biasvoltage biasenergy sourcedrain sourcedrainbias sourcedrainvoltage dcbias vsd vds vdc "
    "vbias ev",
    {**GATE_UNITS, **ENERGY_UNITS},
)  # meV, the voltage in mV
MU = _kind("mu", "mu chemicalpotential electrochemicalpotential", ENERGY_UNITS)  # meV
DISTANCE = _kind(
    "distance", "distance hotspot hotspotdistance r*", {"nm": 1.0, "um": 1e3, "mm": 1e6, "m": 1e9}
)  # nm
_POWER_UNITS = {"pW": 1.0, "fW": 1e-3, "aW": 1e-6, "nW": 1e3, "uW": 1e6, "W": 1e12}  # pW
POWER = {
    "left": _kind("power on the left", "pl pleft powerleft leftpower", _POWER_UNITS),
    "right": _kind("power on the right", "pr pright powerright rightpower", _POWER_UNITS),
    "asymmetry": _kind("asymmetry of the power", "pa asymmetry powerasymmetry", _POWER_UNITS),
    "total": _kind("total power", "ptot ptotal totalpower power p", _POWER_UNITS),
}
ENERGY = _kind("energy", "energy e", ENERGY_UNITS)  # meV
TRANSMISSION = _kind("transmission", "transmission t", {"1": 1.0})  # a pure number
SIGMA_NAMES = frozenset(("sigma", "stderr", "standarderror", "error", "uncertainty"))

_SPELLINGS = {
    "\u00b5": "u",  # the micro sign
    "\u03bc": "u",  # the letter mu
    "\u00b2": "2",
    "\u2126": "Ohm",  # the ohm sign
    "\u03a9": "Ohm",  # the letter Omega
    "^": "",
    "**": "",
    " ": "",
}
_AMOUNT = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([^\d\s.].*?)\s*")
_OHMS = re.compile(r"([kM]?)[oO]hms?")


def plain(unit):
    """A unit in this file's spelling: uS for the micro signs, 2e2/h for 2 e^2/h and its kin."""
    for mark, letters in _SPELLINGS.items():
        unit = unit.replace(mark, letters)
    ohms = _OHMS.fullmatch(unit)
    return f"{ohms[1]}Ohm" if ohms else unit


def split_unit(title):
    """Name and unit of a column title such as 'gate (mV)'; the unit is None without brackets."""
    match = re.fullmatch(r"(.*?)\s*[(\[](.*)[)\]]", title)
    return (match[1], match[2].strip()) if match else (title, None)


def key(name):
    """A column's name without case, spaces and underscores."""
    return re.sub(r"[\s_\-]", "", name).casefold()


def known_unit(unit, quantity: ColumnKind):
    """The unit, if it is one of the quantity's.

    Raises:
        InputError: it is not.
    """
    if plain(unit) not in quantity.units:
        raise InputError(
            f"'{unit}' is not a known unit of the {quantity.name}. Known units are "
            f"{', '.join(quantity.units)}"
        )
    return unit


def amount(text, quantity: ColumnKind) -> float:
    """A number with its unit, such as '100 uV', in this package's unit.

    Raises:
        InputError: no number, no unit, an unknown one.
    """
    match = _AMOUNT.fullmatch(str(text))
    if match is None:
        example = next(iter(quantity.units))
        raise InputError(
            f"the {quantity.name} must be a number with its unit, such as '100 {example}', got "
            f"{str(text)!r}"
        )
    return float(match[1]) * quantity.units[plain(known_unit(match[2], quantity))]
