"""Everything the model says about one constriction at one operating point."""

import dataclasses
import math
from typing import NamedTuple

import jax
import numpy as np

from qpcjax.hotspot import EXCHANGE, hot_spot
from qpcjax.landauer import conductance, current, dissipation
from qpcjax.quadrature import LOST_WEIGHT, ORDER
from qpcjax.scatterers import transmission
from qpcjax.units import BOLTZMANN

_MOST_MODES = 100  # every mode adds to the time of compilation
_MOST_VALUES = 2e7  # numbers T_n(E) held at once for an integral; 160 MB


class Quantity(NamedTuple):
    """One line of a table: a number (NaN where there is no answer) with its name and unit."""

    symbol: str
    name: str
    value: float
    unit: str


class Evaluation(NamedTuple):
    """The quantities at one operating point, and remarks on them in words."""

    quantities: list[Quantity]
    notes: list[str]


def modes_needed(energy_scale, reservoirs) -> int:
    """The smallest number of modes with which no integral loses electrons at its upper end.

    Args:
        energy_scale: E1 in meV.
        reservoirs: `Reservoirs` with plain numbers in its fields.
    """
    sides = [
        (float(mu), BOLTZMANN * (reservoirs.temperature + sign * reservoirs.temperature_bias / 2))
        for mu, sign in ((reservoirs.mu_left, 1), (reservoirs.mu_right, -1))
    ]

    # Far below E1 the electrons that count are those activated to it.
    sides = [(max(mu, energy_scale) if kT > 0 else mu, kT) for mu, kT in sides]

    def enough(modes):
        limit = modes**2 * energy_scale
        return all(_weight_above(limit - mu, kT) <= LOST_WEIGHT for mu, kT in sides)

    top = max(mu + kT * math.log(1 / LOST_WEIGHT) for mu, kT in sides)
    modes = max(1, math.floor(math.sqrt(max(top, 0) / energy_scale)))
    while not enough(modes):
        modes += 1
    return modes


def _weight_above(gap, kT):
    if kT == 0:
        return float(gap < 0)
    return float(np.exp(-np.logaddexp(0, gap / kT)))


def with_enough_modes(constriction, reservoirs, modes=None):
    """The constriction with the modes that these reservoirs need.

    Args:
        constriction: `AbruptConstriction`.
        reservoirs: `Reservoirs` with plain numbers in its fields.
        modes: how many to keep; by default as many as are needed, which is also the quickest.

    Raises:
        ValueError: `modes` is too small, or more are needed than one evaluation can hold.
    """
    scale = constriction.energy_scale
    needed = modes_needed(scale, reservoirs)
    kept = needed if modes is None else modes
    if kept < needed:
        raise ValueError(
            f"modes must be at least {needed} for this mu, bias and temperature, got {kept}: "
            f"electrons reach above {kept}^2 E1 = {kept**2 * scale:.4g} meV, where mode "
            f"{kept + 1} opens"
        )
    # Each mode has panels that follow its oscillations in sqrt(E - E_n), see AbruptConstriction.
    panels = kept + constriction.aspect_limit * (2 * kept + 2) ** 1.5 / 5
    if kept > _MOST_MODES or panels * ORDER * kept > _MOST_VALUES:
        aspect = constriction.length / (2 * constriction.half_width)
        raise ValueError(
            f"{kept} modes with L/2w = {aspect:.3g} are more than one evaluation can hold (at most "
            f"{_MOST_MODES} modes, fewer in a long channel): E1 = {scale:.3g} meV is too small for "
            "this mu, bias and temperature, or the channel too long"
            if modes is None
            else f"modes must be smaller than {kept} with L/2w = {aspect:.3g}; {needed} are enough"
        )
    return dataclasses.replace(constriction, modes=kept)


@jax.jit
def _operating_point(constriction, reservoirs, damping):
    # One compiled function: what its parts share is compiled and computed once.
    p = dissipation(constriction, reservoirs)
    spot = hot_spot(constriction, reservoirs, damping)
    return {
        "T": transmission(constriction, reservoirs.mu),
        "G": conductance(constriction, reservoirs.mu, reservoirs.temperature),
        "I": current(constriction, reservoirs),
        "P_L": p.left,
        "P_R": p.right,
        "P_A": p.asymmetry,
        "E*": spot.energy,
        "r*": spot.distance,
        "status": spot.status,
    }


def evaluate(constriction, reservoirs, damping) -> Evaluation:
    """E1, T(mu), G, I, the powers and the hot spot, with notes on what has no answer.

    Args:
        constriction: `AbruptConstriction` with enough modes, see `with_enough_modes`.
        reservoirs: `Reservoirs` with plain numbers in its fields.
        damping: `QuadraticDamping`.
    """
    value = {k: v.item() for k, v in _operating_point(constriction, reservoirs, damping).items()}
    value["E1"] = float(constriction.energy_scale)
    side = "right" if reservoirs.bias >= 0 else "left"
    quantities = [
        Quantity(symbol, name, value[symbol], unit)
        for symbol, name, unit in (
            ("E1", "lowest transverse energy", "meV"),
            ("T", "total transmission at mu", "1"),
            ("G", "linear-response conductance", "2e^2/h"),
            ("I", "current", "nA"),
            ("P_L", "power dissipated on the left", "pW"),
            ("P_R", "power dissipated on the right", "pW"),
            ("P_A", "asymmetry P_R - P_L", "pW"),
            ("E*", "energy of the hottest electrons", "meV"),
            ("r*", f"distance of the hot spot, {side}", "nm"),
        )
    ]
    return Evaluation(quantities, _notes(value, reservoirs))


def _notes(value, r):
    notes = [
        f"P_{s} is negative: the {side} side is cooled."
        for s, side in (("L", "left"), ("R", "right"))
        if value[f"P_{s}"] < 0
    ]
    downstream = r.mu - abs(r.bias) / 2
    if r.bias < 0:
        notes.append("The bias is negative: electrons flow to the left, which is downstream.")
    if value["status"] == EXCHANGE:
        notes.append(
            "r*: a second maximum is within 0.1 % of the highest, so r* is about to jump between "
            "the two."
        )
    if math.isnan(value["r*"]):
        if downstream <= 0:
            why = (
                f"the electrochemical potential downstream, mu - |eV|/2 = {downstream:.4g} meV, is "
                "not above the bottom of the conduction band"
            )
        elif r.bias == 0 and r.temperature == 0:
            why = "at zero bias and zero temperature nothing is heated"
        else:
            why = "nothing is transmitted above the electrochemical potential downstream"
        notes.append(f"E* and r* have no value: {why}.")
    elif r.bias == 0 and r.temperature_bias == 0:
        notes.append("At zero bias nothing is heated; E* and r* are the limit of a small bias.")
    others = [k for k in ("T", "G", "I", "P_L", "P_R", "P_A") if math.isnan(value[k])]
    if others:
        notes.append(f"{', '.join(others)}: outside the range of validity of the integrals.")
    return notes
