"""The quantities that files hold: what their columns are called and in which units they come."""

import dataclasses
import functools
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
    "G0": 1.0,
}
ENERGY_UNITS = {"meV": 1.0, "eV": 1e3, "ueV": 1e-3}


@dataclasses.dataclass(frozen=True)
class ColumnKind:
    """A kind of column: what its numbers are, and in which units a file may state them.

    Args:
        name: its name in messages.
        names: what its columns are called, as `key` spells names.
        units: unit -> factor to this package's unit, which is the one of factor 1.
        likely: further spellings of names, which count where none of `names` is there and the
            column is in one of the units.
    """

    name: str
    names: frozenset[str]
    units: dict[str, float]
    likely: re.Pattern = re.compile("(?!)")


def _kind(name, names, units, likely="(?!)"):
    return ColumnKind(name, frozenset(names.split()), units, re.compile(likely))


GATE = _kind(
    "gate",
    "gate gatevoltage splitgate splitgatevoltage vg vgate vsg",
    GATE_UNITS,
    r"(?!.*(leak|current|time))\w*gates?\w{0,12}"
    r"|(v|vg)?([tblrcfps]g|qpc|plunger|split|finger|barrier|pinch\w*|g[tblrcfs])"
    r"(left|right|top|bottom|[lr])?\d*(v|voltage|set|dac)?\d*|vg\w?\d*[lr]?|v(top|back)\d*",
)  # mV
CONDUCTANCE = _kind(
    "conductance",
    "conductance cond g di/dv didv differentialconductance gdiff",
    CONDUCTANCE_UNITS,
    r"g(qpc|diff|ac|dc|xx|lockin|meas\w*|2pt|2p|4pt|4p|sd|ds)?\d*|\w*conductance\d*|\w*di/?dv\w*",
)  # 2e^2/h
RESISTANCE = _kind(
    "resistance",
    "resistance r",
    {"kOhm": 1e3, "Ohm": 1.0, "MOhm": 1e6, "GOhm": 1e9},
    r"r(qpc|sd|ds|2pt|2p|dc|ac|tot|diff)?\d*|\w*resistance\d*",
)  # ohm
CURRENT = _kind(
    "current",
    "current i isd ids idc iac id idrain isource draincurrent",
    {"nA": 1.0, "pA": 1e-3, "fA": 1e-6, "uA": 1e3, "mA": 1e6, "A": 1e9},
    r"i(qpc|s|sd|ds|dc|ac|drain|source|sense|meas|lockin|dut|d)?\d*|(?!.*(gate|leak))\w*current\d*",
)  # nA
EXCITATION = _kind(
    "excitation",
    "excitation vac vexc acexcitation vosc sineout",
    {"uV": 1e-3, "mV": 1.0, "V": 1e3, "nV": 1e-6},
)  # mV
# What a lock-in shows, in volts where its input is an amplifier's output.
LOCK_IN = _kind(
    "voltage of the lock-in",
    "x y r theta phase",
    {"V": 1.0, "mV": 1e-3, "uV": 1e-6, "nV": 1e-9},
    r"\w*lock?_?in\w*|\w*sr8[36]0\w*|\w*mfli\w*|\w*demod\w*|[xyr]\d|v[xy]\d?|vlia?\w*",
)  # V
GAIN = _kind(
    "gain",
    "gain",
    {
        "V/A": 1.0, "kV/A": 1e3, "MV/A": 1e6, "GV/A": 1e9, "V/mA": 1e3, "V/uA": 1e6, "V/nA": 1e9,
        "V/pA": 1e12, "mV/uA": 1e3, "mV/nA": 1e6, "mV/pA": 1e9,
        "Ohm": 1.0, "kOhm": 1e3, "MOhm": 1e6, "GOhm": 1e9,
    },
)  # V/A  # fmt: skip
BIAS = _kind(
    "bias",
    "bias biasvoltage biasenergy sourcedrain sourcedrainbias sourcedrainvoltage dcbias vsd vds vdc "
    "vbias ev",
    {**GATE_UNITS, **ENERGY_UNITS},
    r"v?(sd|ds|dc|bias|dcbias|source|drain)(v|bias|voltage|energy)?(dc|set|meas)?\d*"
    r"|(?!.*gate)\w*(bias|sourcedrain)(v|voltage)?(dc|set|meas)?\d*|v(d|dut)",
)  # meV, the voltage in mV
TIME = _kind(
    "time",
    "time timestamp elapsed elapsedtime index point pointnumber row n no nr number date clock",
    {"s": 1.0, "ms": 1e-3, "us": 1e-6, "min": 60.0, "h": 3600.0},
)  # s
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
    "\u00b7": "",
    "*": "",
    " ": "",
    "micro": "u",
    "\u2080": "0",
    "_": "",
}
_SAME = {
    "Volt": "V", "Volts": "V", "volt": "V", "volts": "V", "v": "V", "mv": "mV", "millivolt": "mV",
    "Siemens": "S", "siemens": "S", "mho": "S", "umho": "uS", "mmho": "mS", "\u2127": "S",
    "Amp": "A", "Amps": "A", "amp": "A", "amps": "A", "Ampere": "A", "ampere": "A",
    "(2e2/h)": "2e2/h", "2e2h-1": "2e2/h", "e2h-1": "e2/h", "2(e2/h)": "2e2/h", "(e2/h)": "e2/h",
}  # fmt: skip
# Further units, which tell that a text is a unit; nothing is read in them.
_OTHERS = frozenset((
    "s", "ms", "us", "ns", "min", "h", "K", "mK", "T", "mT", "G", "Oe", "Hz", "kHz", "MHz", "GHz",
    "deg", "rad", "%", "a.u.", "arb.", "arb.u.", "dB", "dBm", "bar", "mbar", "Pa", "V/V", "V/A",
    "A/V",
))  # fmt: skip
_AMOUNT = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([^\d\s.].*?)\s*")
_OHMS = re.compile(r"([kMG]?)[oO]hms?")
_WITH_UNIT = (
    re.compile(r"(?P<name>.*\S)\s+/\s+(?P<unit>\S.*)"),  # Gate / V
    re.compile(r"(?P<name>[^/]*[^/\s])\s*/\s*(?P<unit>\S.*)"),  # Gate/V
    re.compile(r"(?P<name>.*\S)\s+in\s+(?P<unit>\S+)"),  # V in mV
    re.compile(r"(?P<name>.*\S),\s*(?P<unit>\S+)"),  # gate, V
    re.compile(r"(?P<name>.*\S)_(?P<unit>[^_]+)"),  # gate_V
)


def plain(unit: str) -> str:
    """A unit in this file's spelling: uS for the micro signs, 2e2/h for 2 e^2/h and its kin."""
    for mark, letters in _SPELLINGS.items():
        unit = unit.replace(mark, letters)
    unit = _SAME.get(unit, unit)
    ohms = _OHMS.fullmatch(unit)
    return f"{ohms[1]}Ohm" if ohms else unit


def is_unit(text):
    """Whether a text is one of the units that stand in files."""
    return plain(text) in _every_unit() or text.strip() in _OTHERS


@functools.cache
def _every_unit():
    return frozenset(u for kind in _kinds() for u in kind.units if u != "1")


def _kinds():
    own = (GATE, CONDUCTANCE, RESISTANCE, CURRENT, EXCITATION, LOCK_IN, BIAS, MU, DISTANCE, ENERGY)
    return (*own, *POWER.values())


def split_unit(title):
    """Name and unit of a column title such as 'gate (mV)'; the unit is None without brackets."""
    match = re.fullmatch(r"(.*?)\s*[(\[](.*)[)\]]", title)
    return (match[1], match[2].strip()) if match else (title, None)


def loose_unit(title):
    """Name and unit of a title such as 'Gate / V', 'gate in mV' or 'gate_mV'; else None for it.

    Only what is the name of a known unit, and a unit of the quantity that the name tells, is one:
    dI/dV, I/V, V_g and gate_A are names.
    """
    for form in _WITH_UNIT:
        match = form.fullmatch(title)
        if match is None:
            continue
        name, unit = match["name"].strip(), match["unit"].strip()
        if not is_unit(unit):
            continue
        told = [k for k in _kinds() if key(name) in k.names or k.likely.fullmatch(key(name))]
        short = form is _WITH_UNIT[-1] and len(unit) == 1 and plain(unit) != "V"
        if (told or short) and not any(plain(unit) in k.units for k in told):
            continue
        return name, unit
    return title, None


@functools.lru_cache(1 << 14)
def key(name):
    """A column's name without case, spaces, underscores and the like."""
    return re.sub(r"[\s_\-.:]", "", name).casefold()


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
