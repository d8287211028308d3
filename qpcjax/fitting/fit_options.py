"""What `qpcjax fit` is asked: its options, checked, and the words that some of them are."""

import dataclasses
import math
from typing import Any

import numpy as np

from qpcjax.constants import GAAS_MASS, fermi_energy
from qpcjax.fitting.device_of_trace import MOST_KNOTS, require_mu, trace_model
from qpcjax.fitting.shoulders import require_shoulder, shoulder_numbers
from qpcjax.heat.laws import damping_law, is_strength
from qpcjax.optimise.losses import LOSSES
from qpcjax.quantities import QUANTITIES
from qpcjax.scatterers.registry import COMPARED
from qpcjax.transport.reservoirs import Reservoirs

# Where a g-factor begins that is not known: at 0 it would have no slope.
_FIRST_G_FACTOR = -1.0


@dataclasses.dataclass(frozen=True)
class TraceFitOptions:
    """What to fit with and what to predict; energies in meV, temperatures in K.

    Fields:
        model: name of the barrier; None to compare those of `COMPARED`.
        ranges: pairs of gate voltages in mV; only points between one of the pairs are fitted.
        skips: pairs of gate voltages in mV; points between these are not fitted.
        hold: names of parameters to hold, with values.
        free: names of parameters to free that are held by default.
        trace_temperature: of the electrons when the trace was taken, or one for each of several
            traces; None where it is not known.
        private: names of parameters that each of several traces has a value of its own of.
        shoulder: a name in `SHOULDERS`, or "none"; None for "none" with one model, and else for
            none and "gap" compared.
        zeeman: field in T that splits the spins, and the g-factor, None where it is to be fitted.
        intervals: whether to find the intervals of the profile likelihood.
        damping: strength of the damping of hot electrons, or the name of a law.

    Raises:
        ValueError: a number out of range, or a density beside a chemical potential.
    """

    density: float | None = None
    mu: float | None = None
    mass: float = GAAS_MASS
    model: str | None = None
    knots: int | None = None
    constant_ratio: bool = False
    ranges: tuple[tuple[float, float], ...] = ()
    skips: tuple[tuple[float, float], ...] = ()
    hold: tuple[tuple[str, float], ...] = ()
    free: tuple[str, ...] = ()
    loss: str = "linear"
    trace_temperature: float | tuple[float, ...] | None = None
    private: tuple[str, ...] = ()
    intervals: bool = False
    shoulder: str | None = None
    zeeman: tuple[float, float | None] | None = None
    bias: float = 2.0
    temperature: float = 1.6
    damping: float | str = 0.04

    def __post_init__(self):
        if self.density is not None and self.mu is not None:
            raise ValueError("give --density or --mu, not both: one follows from the other")
        QUANTITIES["mass"].check(self.mass)
        if self.density is not None:
            QUANTITIES["density"].check(self.density)
        for name, value in (("mu", self.mu), *self.hold):
            if name == "mu" and value is not None:
                require_mu(value, self.mass)
        if self.model is not None:
            trace_model(self.model)
        require_shoulder(self.form_of_shoulder, self.model)
        if self.knots is not None and not 2 <= self.knots <= MOST_KNOTS:
            raise ValueError(
                f"knots must be a whole number from 2 to {MOST_KNOTS}, got {self.knots}"
            )
        if self.loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {self.loss!r}")
        for temperature in self.temperatures:
            if not 0 < temperature < math.inf:
                raise ValueError(
                    f"trace_temperature must be a positive number of kelvin, got {temperature:g}"
                )
        if self.bias == 0:
            raise ValueError("bias must be other than 0: without it there is no heat to predict")
        Reservoirs(0.0, self.bias, self.temperature)
        damping_law(self.law)

    @property
    def law(self) -> Any:
        """The strength of the damping, or the law; of the density, or else of the fitted mu."""
        if is_strength(self.damping):
            return float(self.damping)
        return damping_law(self.damping, density=self.density, mass=self.mass)

    @property
    def temperatures(self):
        """The temperatures that are known, none or more."""
        known = self.trace_temperature
        return () if known is None else tuple(np.atleast_1d(known).tolist())

    def temperatures_of(self, count):
        """A temperature for each of so many traces, None where it is not known.

        Raises:
            ValueError: another number of temperatures.
        """
        known = self.temperatures
        if len(known) not in (0, 1, count):
            raise ValueError(
                f"trace_temperature must be one number of kelvin, or one for each of the "
                f"{count} traces, got {len(known)}"
            )
        return [*(known or (None,))] * (1 if len(known) == count else count)

    def at_known_temperatures(self, parts):
        """Traces or maps with the temperatures stated here; without any they keep their own.

        Raises:
            ValueError: another number of temperatures.
        """
        stated = self.temperatures_of(len(parts))
        return [
            part if known is None else dataclasses.replace(part, temperature=known)
            for part, known in zip(parts, stated, strict=True)
        ]

    @property
    def of_joint_fit(self):
        """What `fit_together` and `fit_map` are given beside their data."""
        return {
            "shoulder": self.form_of_shoulder,
            "free": self.freed,
            "fixed": dict(self.hold),
            "loss": self.loss,
            "mu": self.chemical_potential,
            "mass": self.mass,
            "knots": self.knots,
            "constant_ratio": self.constant_ratio,
            "zeeman": self.split,
        }

    @property
    def form_of_shoulder(self):
        """The name of the shoulder, or None."""
        return None if self.shoulder == "none" else self.shoulder

    @property
    def models(self):
        """Names of the barriers to compare."""
        return COMPARED if self.model is None else (self.model,)

    @property
    def shoulders(self):
        """The shoulders to compare, None for nothing."""
        tried = self.model is None and self.shoulder is None
        return (None, "gap") if tried else (self.form_of_shoulder,)

    @property
    def split(self):
        """Field and g-factor with which a fit begins, or None."""
        if self.zeeman is None:
            return None
        field, g_factor = self.zeeman
        return field, _FIRST_G_FACTOR if g_factor is None else g_factor

    @property
    def freed(self):
        """Names of parameters to free, the g-factor among them where it is not stated."""
        unknown = self.zeeman is not None and self.zeeman[1] is None
        return (*self.free, *(("g_factor",) if unknown else ()))

    @property
    def shoulders_numbers(self):
        """Names of the numbers of the shoulder."""
        return shoulder_numbers(self.form_of_shoulder)

    @property
    def chemical_potential(self):
        """The electrochemical potential in meV, or None for the default."""
        return self.mu if self.density is None else fermi_energy(self.density, self.mass)


def zeeman_of(word):
    """Field and g-factor, None where it is not stated, from a word such as 8 or 8,-0.44."""
    if word is None:
        return None
    try:
        numbers = [float(x) for x in word.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2) or not all(math.isfinite(x) for x in numbers):
        raise ValueError(f"--zeeman must be B in T or B,g such as 8,-0.44, got {word!r}")
    return numbers[0], numbers[1] if len(numbers) == 2 else None


def temperatures(word):
    """Numbers of kelvin from a word such as 0.3 or 0.3,1.2; None for None."""
    if word is None:
        return None
    try:
        found = tuple(float(x) for x in word.split(","))
    except ValueError:
        raise ValueError(
            f"--trace-temperature must be T in K, or T1,T2 for several traces, got {word!r}"
        ) from None
    return found[0] if len(found) == 1 else found


def held(words):
    """Names and values from words such as length=60."""
    found = []
    for word in words:
        name, equals, value = word.partition("=")
        try:
            found.append((name.strip(), float(value)))
        except ValueError:
            equals = ""
        if not equals:
            raise ValueError(f"--hold must be NAME=VALUE, such as length=60, got {word!r}")
    return tuple(found)


def voltage_range(word, option, wanted="gate voltages in mV such as -1400:-1200"):
    """Two voltages from a word such as -1400:-1200.

    Args:
        word: V1:V2.
        option: whose word it is, for messages.
        wanted: what the two are, with an example.

    Raises:
        ValueError: something else, or two voltages that are the same.
    """
    try:
        low, high = (float(end) for end in word.split(":"))
    except ValueError:
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{option} must be V1:V2, two {wanted}, got {word!r}")
    if low == high:
        raise ValueError(f"{option} {word} is empty: its two voltages must differ")
    return low, high
