"""A catalogue of hard cases, each tagged by what is hard about it.

Energies are in units of E1 and ell = L/2w. Every property that holds everywhere is tested on all
of them; a case with a tag that says why may be left out where the property does not exist.
"""

from typing import NamedTuple


class Problem(NamedTuple):
    """One constriction between two reservoirs."""

    name: str
    tags: frozenset
    ell: float
    mu: float
    bias: float
    kT: float
    kT_difference: float = 0.0
    offset: float = 0.0


def _problem(name, tags, *values, **keywords):
    return Problem(name, frozenset(tags.split()), *values, **keywords)


PROBLEMS = [
    _problem("plateau", "", 2.0, 2.5, 0.2, 0.04),
    _problem("step", "", 1.0, 1.05, 0.3, 0.03),
    _problem("hot", "hot", 1.5, 1.4, 0.1, 0.2),
    _problem("mu on the first threshold", "threshold", 2.0, 1.0, 0.2, 0.04),
    _problem("mu on the second threshold", "threshold", 1.0, 4.0, 0.3, 0.02),
    _problem("mu_L on the second threshold, cold", "threshold cold", 2.0, 3.75, 0.5, 0.0),
    _problem("mu_R on the first threshold, cold", "threshold cold", 0.5, 1.25, 0.5, 0.0),
    _problem("threshold inside the window, cold", "cold", 1.0, 4.1, 0.7, 0.0),
    _problem("zero temperature", "cold", 2.0, 2.5, 0.4, 0.0),
    _problem("nearly zero temperature", "low_temperature", 1.0, 1.3, 0.3, 1e-4),
    _problem("deep tunnelling", "tunnelling", 5.0, 0.4, 0.05, 0.002),
    _problem("deep tunnelling, cold", "tunnelling cold", 14.0, 0.3, 0.02, 0.0),
    _problem("activation above a barrier", "tunnelling activated", 15.0, 0.3, 0.05, 0.03),
    _problem("activation far above a barrier", "tunnelling activated", 10.0, 0.1, 0.02, 0.015),
    _problem("small bias", "small_bias", 2.0, 1.02, 1e-6, 0.05),
    _problem("small bias, cold", "small_bias cold", 2.0, 1.02, 1e-6, 0.0),
    _problem("no bias", "small_bias no_bias", 2.0, 1.02, 0.0, 0.05),
    _problem("thermal bias alone", "no_bias thermal_bias", 2.0, 1.02, 0.0, 0.05, 0.03),
    _problem("thermal bias against the voltage", "thermal_bias", 1.0, 1.1, 0.05, 0.05, -0.04),
    _problem("left side cold", "thermal_bias cold_side", 1.0, 1.1, 0.3, 0.03, -0.06),
    _problem("right side cold", "thermal_bias cold_side", 1.0, 1.1, 0.3, 0.03, 0.06),
    _problem(
        "cold side on a threshold", "thermal_bias cold_side threshold", 1.0, 0.8, 0.4, 0.03, -0.06
    ),
    _problem("cold side on a panel end", "thermal_bias cold_side tie", 1.0, 1.1, 0.4, 0.05, -0.1),
    _problem("long channel", "long", 15.0, 2.5, 0.3, 0.03),
    _problem("long channel, cold", "long cold", 15.0, 1.4, 0.5, 0.0),
    _problem("no length", "short", 0.0, 2.0, 0.3, 0.05),
    _problem("short channel", "short", 0.1, 3.7, 0.4, 0.1),
    _problem("last mode but one", "many_modes", 3.0, 6.1, 0.5, 0.08),
    _problem("bottom of the band", "bottom", 0.3, 0.1, 0.3, 0.05),
    _problem("bottom of the band, cold", "bottom cold", 0.3, 0.1, 0.3, 0.0),
    _problem("reversed", "reversed", 2.0, 1.2, -0.25, 0.03),
    _problem("raised floor", "offset", 1.5, 2.3, 0.3, 0.04, offset=1.1),
    _problem("lowered floor", "offset", 1.5, 1.3, 0.3, 0.04, offset=-0.6),
    _problem(
        "through a high floor", "offset tunnelling cold long", 15.0, 1.05, 1.9, 0.0, offset=1.3
    ),
    _problem("lowered floor, cold", "offset cold", 3.0, 0.35, 0.05, 0.0, offset=-0.7),
]


def tagged(*wanted, without=()):
    """The problems that have all of these tags and none of those."""
    return [p for p in PROBLEMS if p.tags >= set(wanted) and not p.tags & set(without)]
