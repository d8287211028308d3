"""The table of named quantities: symbol, unit, words and bounds of each.

A quantity is a number of a barrier, of an operating point or of a measured device, or a result.
Help texts, headings, sliders, column heads, readers of specs and error messages are made from this
table.
"""

import dataclasses
import difflib
import html
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from qpcjax.validation import allowed, concrete


@dataclasses.dataclass(frozen=True)
class Unit:
    """A unit and its spellings.

    Fields:
        name: the spelling of programs, column heads and specs.
        text: the spelling of sentences and tables; by default the name.
        words: the unit in the help of an option; by default the text.
        tex: the spelling in figures; by default the text.
        inputs: the units that a spec may state instead, name -> factor to this unit.
    """

    name: str
    text: str = ""
    words: str = ""
    tex: str = ""
    inputs: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        object.__setattr__(self, "text", self.text or self.name)
        object.__setattr__(self, "words", self.words or self.text)
        object.__setattr__(self, "tex", self.tex or self.text)
        object.__setattr__(self, "inputs", {self.name: 1.0, **self.inputs})


UNITS = {
    unit.name: unit
    for unit in (
        Unit("1"),
        Unit("nm", inputs={"um": 1e3, "mm": 1e6, "m": 1e9, "pm": 1e-3}),
        Unit("meV", inputs={"eV": 1e3, "ueV": 1e-3}),
        Unit("mV", inputs={"V": 1e3, "uV": 1e-3}),
        Unit("K", inputs={"mK": 1e-3}),
        Unit("T", inputs={"mT": 1e-3}),
        Unit("m_e", words="electron masses", tex="$m_e$"),
        Unit("ohm", tex=r"$\Omega$", inputs={"kOhm": 1e3}),
        Unit("1e11 cm^-2", tex="$10^{11}$ cm$^{-2}$", inputs={"cm^-2": 1e-11, "m^-2": 1e-15}),
        Unit("2e2/h", text="2e^2/h", tex="$2e^2/h$"),
        Unit("nA"),
        Unit("pW"),
        Unit("pW/nm"),
        Unit("fA2/Hz", text="fA^2/Hz", tex="fA$^2$/Hz"),
        Unit("aW2/Hz", text="aW^2/Hz", tex="aW$^2$/Hz"),
        Unit("uV/K", tex=r"$\mu$V/K"),
        Unit("pW/K"),
        Unit("fW/K2", text="fW/K^2", tex="fW/K$^2$"),
    )
}


class Slider(NamedTuple):
    """Range and step of a slider, and the value at which it stands at first."""

    low: float
    high: float
    step: float
    value: float


@dataclasses.dataclass(frozen=True)
class Quantity:
    """A named number of the model.

    Fields:
        name: its name in Python, in specs and, with dashes, as an option.
        symbol: its symbol in ASCII, such as "hbar omega_x".
        unit: its unit, a name in `UNITS` or any other text.
        words: what it is, a noun phrase for reports and help texts.
        label: a shorter noun phrase for sliders and axes; by default the words.
        tex: the symbol as TeX sets it in figures; by default made from the symbol.
        note: what else the help of its option says, such as the meaning of leaving it out.
        lower: the smallest value that is allowed; below 0 where the quantity can be negative.
        upper: the largest value that is allowed.
        above: whether the value must lie above `lower`, and not on it.
        slider: its slider; None for a quantity without one.
        inputs: further units that a spec may state, name -> factor.
        shown: the quantity that people see instead and the factor to it, such as the width 2w
            instead of the half-width.
        kind: float for a number; bool for a switch and Path for a file among a barrier's options.
    """

    name: str
    symbol: str = ""
    unit: str = ""
    words: str = ""
    _: dataclasses.KW_ONLY
    label: str = ""
    tex: str = ""
    note: str = ""
    lower: float = -math.inf
    upper: float = math.inf
    above: bool = False
    slider: Slider | None = None
    inputs: Mapping[str, float] = dataclasses.field(default_factory=dict, compare=False)
    shown: tuple[str, float] | None = None
    kind: type = float

    def __post_init__(self):
        object.__setattr__(self, "words", self.words or self.name.replace("_", " "))
        object.__setattr__(self, "label", self.label or self.words)
        object.__setattr__(self, "tex", self.tex or _as_tex(self.symbol))
        if self.slider is not None:
            object.__setattr__(self, "slider", Slider(*self.slider))

    # --- unit -------------------------------------------------------------------------------

    @property
    def _unit(self):
        return UNITS.get(self.unit) or Unit(self.unit)

    @property
    def unit_text(self) -> str:
        """The unit in a sentence or table, "" of a pure number."""
        return "" if self.unit == "1" else self._unit.text

    @property
    def unit_words(self) -> str:
        """The unit in the help of an option, "" of a pure number."""
        return "" if self.unit == "1" else self._unit.words

    @property
    def unit_tex(self) -> str:
        """The unit in a figure, "" of a pure number."""
        return "" if self.unit == "1" else self._unit.tex

    @property
    def units(self) -> dict[str, float]:
        """The units in which a spec may state it, name -> factor to its own."""
        return {**self._unit.inputs, **self.inputs} if self.unit else {}

    # --- symbol -----------------------------------------------------------------------------

    @property
    def pretty(self) -> str:
        """The symbol in Unicode: ħω_x, V₀, P_L."""
        return re.sub(r"(?<=[A-Za-z])\d", lambda d: chr(0x2080 + int(d[0])), _greek(self.symbol))

    @property
    def axis(self) -> str:
        """The label of a slider or an axis in Unicode: words, symbol and unit."""
        words = f"{self.label} {self.pretty}".rstrip()
        return f"{words} ({self.unit_text})" if self.unit_text else words

    def figure_axis(self, unit: str = "") -> str:
        """The label of an axis of a figure, such as "bias $eV$ (meV)".

        Args:
            unit: in which it is drawn; by default its own.
        """
        unit = unit or self.unit_tex
        words = f"{self.label} ${self.tex}$" if self.tex else self.label
        return f"{words} ({unit})" if unit else words

    @property
    def figure_symbol(self) -> str:
        """The same without words, such as "$dI/dV$ ($2e^2/h$)"."""
        return f"${self.tex}$ ({self.unit_tex})"

    @property
    def column(self) -> str:
        """The head of a column in a file, such as "I (nA)"."""
        return f"{self.symbol or self.name} ({self.unit or '1'})"

    @property
    def named_column(self) -> str:
        """The head of a column by name, such as "gate (mV)"."""
        return f"{self.name} ({self.unit})"

    @property
    def as_shown(self) -> tuple["Quantity", float]:
        """The quantity that people see and the factor to it, such as the width 2w and 2."""
        if self.shown is None:
            return self, 1.0
        name, factor = self.shown
        return QUANTITIES[name], factor

    # --- bounds -----------------------------------------------------------------------------

    @property
    def signed(self) -> bool:
        """Whether it can be negative."""
        return self.lower < 0

    @property
    def wanted(self) -> str:
        """The values that are allowed, in words and with the unit."""
        low, high = self.lower, self.upper
        if high < math.inf:
            words = f"from {low:g} to {high:g}" if low > -math.inf else f"at most {high:.4g}"
            if self.above:
                words = f"more than {low:g} and at most {high:.4g}"
        elif low == 0:
            words = "positive" if self.above else "0 or more"
        elif low > -math.inf:
            words = f"more than {low:g}" if self.above else f"{low:g} or more"
        elif not self.unit_text:
            return "a finite number"
        else:
            words = "finite"
        return f"{words}, in {self.unit_text}" if self.unit_text else f"{words}, a number"

    def holds(self, value, xp: Any = np) -> Any:
        """Whether a value, or each of an array, is finite and within the bounds."""
        value = xp.asarray(value)
        over = value > self.lower if self.above else value >= self.lower
        held = over & xp.isfinite(value)
        return held if self.upper == math.inf else held & (value <= self.upper)

    def check(self, value: Any, name: str = "") -> None:
        """Raise ValueError where a concrete value is not finite or out of bounds.

        Args:
            value: a number or an array; a traced one passes.
            name: the name in the message; by default its own.
        """
        known = concrete(value)
        if known is None or np.all(fits := self.holds(known)):
            return
        wrong = float(known[~fits].flat[0])
        message = f"{name or self.name} must be {self.wanted}, got {wrong:g}"
        for unit, factor in self.units.items():  # perhaps it is in another unit
            if factor != 1 and self.holds(wrong * factor):
                raise ValueError(f"{message}: for {wrong:g} {unit} give {wrong * factor:g}")
        raise ValueError(message)


_GREEK = {"omega": "ω", "mu": "μ", "eta": "η"}


def _greek(text):
    text = text.replace("hbar ", "ħ")
    return re.sub(r"(?<![A-Za-z])(omega|mu|eta)(?![A-Za-z])", lambda m: _GREEK[m[0]], text)


def as_html(text: str) -> str:
    """A text with symbols and units in ASCII as a page sets it, such as P_L, E1, mu, e^2."""
    text = _greek(html.escape(text))
    text = re.sub(r"(?<![A-Za-z])([A-Za-zωμη])_([A-Za-z]{1,2})\b", r"\1<sub>\2</sub>", text)
    text = re.sub(r"\b([PETV])(\d)\b", r"\1<sub>\2</sub>", text)
    return re.sub(r"\^(-?\d+)", r"<sup>\1</sup>", text).replace(" - ", " &minus; ")


def _as_tex(symbol):
    """A symbol in ASCII as TeX sets it, such as P_L, mu, hbar omega_x, r*."""
    tex = symbol.replace("hbar ", r"\hbar ").replace("*", "^*")
    tex = re.sub(r"(?<![A-Za-z])(omega|mu|eta|epsilon|Gamma)(?![A-Za-z])", r"\\\1", tex)
    tex = re.sub(r"_([A-Z]\b|[A-Za-z]{2,})", r"_\\mathrm{\1}", tex)
    return re.sub(r"(?<=[A-Za-z])(\d)", r"_\1", tex)


_POSITIVE: dict[str, Any] = {"lower": 0.0, "above": True}
_VOLTAGES = {"mV": 1.0, "V": 1e3, "uV": 1e-3}  # of a bias eV

# Numbers that make up a barrier.
_FIELDS = (
    Quantity("half_width", "w", "nm", "half-width of the channel", shown=("width", 2.0),
             **_POSITIVE),
    Quantity("length", "L", "nm", "length of the channel", label="length", lower=0.0,
             slider=Slider(0.0, 200.0, 1.0, 80.0)),
    Quantity("aspect", "L/2w", "1", "length of the channel over its width", lower=0.0),
    Quantity("curvature_radius", "R", "nm", "radius of curvature of the walls", **_POSITIVE,
             label="radius of the walls", slider=Slider(50.0, 1000.0, 10.0, 200.0)),
    Quantity("wide_ratio", "W/w", "1", "width of the wide regions over that of the channel",
             lower=1.0, above=True, note="half planes without it"),
    Quantity("offset", "U", "meV", "floor of the channel above the band bottom of the leads",
             label="floor of the channel"),
    Quantity("height", "V0", "meV", "height of the saddle's lowest point above the band bottom",
             label="height", slider=Slider(0.0, 20.0, 0.1, 8.0)),
    Quantity("hbar_omega_y", "hbar omega_y", "meV", "spacing of the transverse levels",
             label="spacing", **_POSITIVE, slider=Slider(2.0, 8.0, 0.1, 3.0)),
    Quantity("hbar_omega_x", "hbar omega_x", "meV", "softness of the steps", label="softness",
             **_POSITIVE, slider=Slider(0.2, 3.0, 0.1, 1.0)),
    Quantity("resonance_energy", "epsilon", "meV", "energy of the resonant level", label="level",
             slider=Slider(0.0, 25.0, 0.1, 12.0)),
    Quantity("linewidth", "Gamma", "meV", "full width of the resonance at half its maximum",
             label="width", **_POSITIVE, slider=Slider(0.02, 5.0, 0.02, 0.5)),
    Quantity("peak_transmission", "p", "1", "largest transmission of the resonance", label="peak",
             lower=0.0, upper=1.0, slider=Slider(0.0, 1.0, 0.01, 1.0)),
    Quantity("fano_asymmetry", "q", "1", "asymmetry q of a Fano resonance",
             note="without it the resonance is a Lorentzian"),
    Quantity("step_energy", "E0", "meV", "energy of the step", label="energy",
             slider=Slider(0.0, 25.0, 0.1, 12.0)),
    Quantity("magnetic_field", "B", "T", "magnetic field perpendicular to the plane",
             label="magnetic field"),
    Quantity("g_factor", "g", "1", "g-factor with which the field splits the spins",
             label="g-factor", note="the spins are not split without it"),
    Quantity("gap_slope", "g", "1", "slope of the spin gap over the filling", lower=0.0,
             label="slope of the spin gap"),
    Quantity("gap_onset", "y0", "meV", "filling at which the spin gap opens",
             label="onset of the spin gap"),
    Quantity("gap_fade", "f", "1", "spin gap of a mode over that of the one before", lower=0.0,
             label="fade of the spin gap"),
    Quantity("hartree_strength", "b", "1", "how far a filling mode is raised", lower=0.0,
             label="strength of the shift"),
    Quantity("mass", "m", "m_e", "effective mass", **_POSITIVE),
)  # fmt: skip

# Choices of a barrier that are no numbers.
_SETTINGS = (
    Quantity("table", words="CSV file of T(E) whose header names its columns, such as "
             "'energy (eV),transmission'", kind=Path),
    Quantity("extrapolate", words="extrapolate to infinitely many modes", kind=bool),
)  # fmt: skip

# Numbers that make up an operating point; axes of a sweep beside the barrier's own.
_POINT = (
    Quantity("mu", "mu", "meV", "electrochemical potential", label="mean potential",
             tex=r"\bar\mu",
             note="the mean of both sides, (mu_L + mu_R)/2",
             slider=Slider(0.5, 25.0, 0.1, 14.0)),
    Quantity("bias", "eV", "meV", "bias energy mu_L - mu_R", label="bias", inputs=_VOLTAGES,
             note="numerically the voltage in mV; electrons flow to the right where it is positive",
             slider=Slider(-10.0, 10.0, 0.1, 4.0)),
    Quantity("temperature", "T", "K", "temperature of the electrons", label="temperature",
             note="0 is exact", lower=0.0, slider=Slider(0.0, 10.0, 0.1, 1.6)),
    Quantity("temperature_bias", "T_L - T_R", "K", "temperature difference of the sides",
             label="temperature difference"),
    Quantity("energy", "E", "meV", "energy of the electrons", label="energy"),
    Quantity("distance", "r", "nm", "distance from the barrier", label="distance", lower=0.0),
    Quantity("damping", "a", "1", "strength of the damping of hot electrons", label="damping",
             note="their rate is a (E - mu_R)^2/E_F", **_POSITIVE,
             slider=Slider(0.01, 0.2, 0.01, 0.04)),
)  # fmt: skip

# Further numbers of a channel, a 2DEG, a measured device and the computation.
_OTHERS = (
    Quantity("width", "2w", "nm", "width of the channel", label="width", **_POSITIVE,
             slider=Slider(20.0, 80.0, 0.5, 40.0)),
    Quantity("density", "n_e", "1e11 cm^-2", "density of the 2DEG", lower=0.1, upper=100.0),
    Quantity("fermi_energy", "E_F", "meV", "Fermi energy of the damping", **_POSITIVE),
    Quantity("gate", "V_g", "mV", "gate voltage"),
    Quantity("smearing", "s", "meV", "smearing of T(E)", **_POSITIVE),
    Quantity("series_resistance", "R_s", "ohm", "series resistance"),
    Quantity("bias_share", "eta", "1", "share of the bias on the left", lower=0.0, upper=1.0),
    Quantity("excitation", "V_ac", "mV", "excitation, rms", lower=0.0),
    Quantity("noise_gain", "A", "1", "gain of the noise amplifier", **_POSITIVE),
    Quantity("noise_background", "B", "fA2/Hz", "noise that the amplifier adds"),
    Quantity("modes", "", "1", "modes that are kept", lower=1.0),
)  # fmt: skip

# Numbers that are computed at an operating point.
_RESULTS = (
    Quantity("energy_scale", "E1", "meV", "lowest transverse energy", **_POSITIVE),
    Quantity("transmission", "T", "1", "total transmission", label="transmission", tex="T(E)",
             lower=0.0),
    Quantity("conductance", "G", "2e2/h", "linear-response conductance", label="conductance",
             lower=0.0),
    Quantity("differential_conductance", "dI/dV", "2e2/h", "differential conductance"),
    Quantity("current", "I", "nA", "current"),
    Quantity("energy_current", "J", "pW", "energy current"),
    Quantity("left", "P_L", "pW", "power dissipated on the left"),
    Quantity("right", "P_R", "pW", "power dissipated on the right"),
    Quantity("total", "P_L + P_R", "pW", "power dissipated on both sides"),
    Quantity("asymmetry", "P_A", "pW", "asymmetry P_R - P_L", label="asymmetry"),
    Quantity("current_noise", "S_I", "fA2/Hz", "noise of the current, one-sided", lower=0.0),
    Quantity("left_noise", "S_PL", "aW2/Hz", "noise of the power on the left, one-sided",
             lower=0.0),
    Quantity("right_noise", "S_PR", "aW2/Hz", "noise of the power on the right, one-sided",
             lower=0.0),
    Quantity("fano_factor", "F", "1", "Fano factor S_I/2eI", lower=0.0),
    Quantity("seebeck", "S", "uV/K", "thermopower"),
    Quantity("peltier", "Pi", "mV", "Peltier coefficient"),
    Quantity("thermal_conductance", "kappa", "pW/K", "thermal conductance without a current",
             lower=0.0),
    Quantity("lorenz_ratio", "L/L_0", "1", "Lorenz ratio", lower=0.0),
    Quantity("zt", "ZT", "1", "thermoelectric figure of merit", lower=0.0),
    Quantity("power_factor", "G S^2", "fW/K2", "thermoelectric power factor", lower=0.0),
    Quantity("hot_spot_energy", "E*", "meV", "energy of the hottest electrons"),
    Quantity("hot_spot_distance", "r*", "nm", "distance of the hot spot", label="distance",
             lower=0.0),
    Quantity("hot_spot_status", "", "1", "state of the hot spot", lower=0.0,
             note="0 found, 1 no answer, 2 two maxima exchange, 3 no rate"),
    Quantity("heat_median", "r_50", "nm", "median distance of the heat downstream", lower=0.0,
             tex="r_{50}"),
    Quantity("heat_width", "r_75 - r_25", "nm", "width of the heat downstream", lower=0.0,
             tex="r_{75} - r_{25}"),
    Quantity("heat_median_upstream", "r_50 up", "nm", "median distance of the heat upstream",
             lower=0.0, tex=r"r_{50}^\mathrm{up}"),
    Quantity("heat_width_upstream", "r_75 - r_25 up", "nm", "width of the heat upstream",
             lower=0.0, tex=r"(r_{75} - r_{25})^\mathrm{up}"),
    Quantity("inelastic_length", "l", "nm", "inelastic length at `energy`", lower=0.0),
    Quantity("power_per_length", "dP/dr", "pW/nm", "power per length at `distance`",
             label="power per length", tex="p(r)", lower=0.0),
)  # fmt: skip

FIELDS = {q.name: q for q in _FIELDS}
SETTINGS = {q.name: q for q in _SETTINGS}
POINT = {q.name: q for q in _POINT}
RESULTS = {q.name: q for q in _RESULTS}
QUANTITIES = {**FIELDS, **SETTINGS, **POINT, **{q.name: q for q in _OTHERS}, **RESULTS}


def holding(name: str, scalar: bool = True, optional: bool = False) -> dict[str, Any]:
    """Metadata of a field that holds a quantity of the table, within its bounds.

    Args:
        name: of the quantity.
        scalar: whether the field must be a scalar.
        optional: whether None is a value of it.
    """
    return allowed(QUANTITIES[name], scalar, optional, name)


def unit_of(name: str) -> str:
    """The unit of a quantity in a sentence; "" of a pure number and of an unknown name."""
    return QUANTITIES[name].unit_text if name in QUANTITIES else ""


def closest(name, known) -> str:
    """The end of a message about an unknown name: the nearest known ones, and all of them."""
    known = list(known)
    near = difflib.get_close_matches(str(name), known, 2, 0.6)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{hint}Known are {', '.join(known)}"
