"""Everything the model says about one barrier at one operating point."""

import dataclasses
import math
from typing import NamedTuple

import jax
import numpy as np

from qpcjax.hotspot import EXCHANGE, hot_spot
from qpcjax.landauer import conductance, current, dissipation
from qpcjax.quadrature import LOST_WEIGHT, ORDER
from qpcjax.scatterers import ZeemanSplit, transmission
from qpcjax.units import BOLTZMANN

# The fields that say how many modes are kept, and how many of them are usual at least.
_USUAL = {"channel_modes": 20, "modes": 1}

_MODES_COUNTED = 1 << 20  # more are not looked for
_MOST_MODES = 100  # every mode adds to the time of compilation
_MOST_VALUES = 2e7  # numbers T_n(E) held at once for an integral; 160 MB
_NUMBERS = 8  # those held for one energy by a scatterer of memory 1


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


def prepared(scatterer, reservoirs, modes=None):
    """The scatterer with the modes that these reservoirs need, if it keeps a number of modes.

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs` with plain numbers in its fields.
        modes: how many to keep; by default as many as are needed, which is also the quickest.

    Raises:
        ValueError: `modes` is too small or does not apply, more are needed than one evaluation can
            hold, or electrons reach energies at which T(E) is not known.
    """
    field = _modes_field(scatterer)
    if field is None:
        if modes is not None:
            raise ValueError("modes must be left out: this model does not keep a number of modes")
        _require_known(scatterer, reservoirs)
        return scatterer
    needed = modes_needed(scatterer, reservoirs)
    kept = max(needed, _USUAL[field]) if modes is None else modes
    if kept < needed:
        # Only to name the energy; a number that the scatterer itself refuses is refused here.
        limit = float(_keeping(scatterer, kept).energy_limit())
        raise ValueError(
            f"modes must be at least {needed} for this mu, bias and temperature, got {kept}: "
            f"electrons reach above {limit:.4g} meV, up to which {kept} are enough"
        )
    return _require_room(_keeping(scatterer, kept), kept, needed, modes is not None)


def modes_needed(scatterer, reservoirs) -> int:
    """The smallest number of modes with which no integral loses electrons at its upper end.

    Args:
        scatterer: a scatterer that keeps a number of modes.
        reservoirs: `Reservoirs` with plain numbers in its fields.
    """
    sides = _sides(scatterer, reservoirs)

    def enough(modes):
        limit = float(_keeping(scatterer, modes).energy_limit())
        return all(_weight_beyond(limit - mu, kT) <= LOST_WEIGHT for mu, kT in sides)

    # Up in doubles, then down by halves.
    few = _fewest(scatterer)
    many = few
    while many < _MODES_COUNTED and not enough(many):
        few, many = many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many


def _sides(scatterer, reservoirs):
    """The electrochemical potential of each side, as far as it counts, and its kT, in meV."""
    sides = [
        (float(mu), BOLTZMANN * (reservoirs.temperature + sign * reservoirs.temperature_bias / 2))
        for mu, sign in ((reservoirs.mu_left, 1), (reservoirs.mu_right, -1))
    ]
    # Far below the first step the electrons that count are those activated to it.
    step = float(getattr(_spinless(scatterer), "first_step", -math.inf))
    return [(max(mu, step) if kT > 0 else mu, kT) for mu, kT in sides]


def _weight_beyond(gap, kT):
    if kT == 0:
        return float(gap < 0)
    return float(np.exp(-np.logaddexp(0, gap / kT)))


def _spinless(scatterer):
    return scatterer.scatterer if isinstance(scatterer, ZeemanSplit) else scatterer


def modes_kept(scatterer):
    """How many modes a scatterer keeps; None for barriers without modes."""
    field = _modes_field(scatterer)
    return None if field is None else getattr(_spinless(scatterer), field)


def _modes_field(scatterer):
    """Name of the field that says how many modes are kept; None for barriers without."""
    return next((name for name in _USUAL if hasattr(_spinless(scatterer), name)), None)


def _fewest(scatterer):
    """The smallest number of modes that the scatterer may keep."""
    return getattr(_spinless(scatterer), "fewest_modes", 1)


def _keeping(scatterer, modes):
    """The same scatterer with another number of modes."""
    if isinstance(scatterer, ZeemanSplit):
        return dataclasses.replace(scatterer, scatterer=_keeping(scatterer.scatterer, modes))
    return dataclasses.replace(scatterer, **{str(_modes_field(scatterer)): modes})


def _require_room(scatterer, kept, needed, chosen):
    """Raise ValueError if one evaluation cannot hold this many modes; returns the scatterer."""
    panels = jax.eval_shape(scatterer.panel_edges).size
    held = panels * ORDER * max(kept, _NUMBERS * scatterer.memory)
    if kept <= _MOST_MODES and held <= _MOST_VALUES:
        return scatterer
    bare = _spinless(scatterer)
    aspect, scale = "", ""
    if hasattr(bare, "length"):
        aspect = f" with L/2w = {bare.length / (2 * bare.half_width):.3g}"
        scale = f": E1 = {bare.energy_scale:.3g} meV is too small for this mu, bias and temperature"
    raise ValueError(
        f"modes must be smaller than {kept}{aspect}; {needed} are enough"
        if chosen
        else f"{kept} modes{aspect} are more than one evaluation can hold (at most {_MOST_MODES} "
        f"modes, fewer in a long channel){scale}, or the channel too long"
    )


def _require_known(scatterer, reservoirs):
    """Raise ValueError where electrons that count reach beyond the energies of a table."""
    floor, limit = float(scatterer.energy_floor()), float(scatterer.energy_limit())
    tail = math.log(1 / LOST_WEIGHT)
    sides = _sides(scatterer, reservoirs)
    low, high = min(mu - tail * kT for mu, kT in sides), max(mu + tail * kT for mu, kT in sides)
    if floor > low or limit < high:
        raise ValueError(
            f"the table must reach from {low:.6g} to {high:.6g} meV for this mu, bias and "
            f"temperature, and it goes from {floor:.6g} to {limit:.6g} meV: take more rows, or a "
            "lower temperature or bias"
        )


@jax.jit
def _operating_point(scatterer, reservoirs, damping):
    # One compiled function: what its parts share is compiled and computed once.
    p = dissipation(scatterer, reservoirs)
    spot = hot_spot(scatterer, reservoirs, damping)
    return {
        "T": transmission(scatterer, reservoirs.mu, reservoirs.bias),
        "G": conductance(scatterer, reservoirs.mu, reservoirs.temperature),
        "I": current(scatterer, reservoirs),
        "P_L": p.left,
        "P_R": p.right,
        "P_A": p.asymmetry,
        "E*": spot.energy,
        "r*": spot.distance,
        "status": spot.status,
    }


def evaluate(scatterer, reservoirs, damping) -> Evaluation:
    """T(mu), G, I, the powers and the hot spot, with notes on what has no answer.

    Args:
        scatterer: any scatterer, see `prepared`; one of a channel gives its E1 too.
        reservoirs: `Reservoirs` with plain numbers in its fields.
        damping: `QuadraticDamping`.
    """
    value = {k: v.item() for k, v in _operating_point(scatterer, reservoirs, damping).items()}
    scale = getattr(_spinless(scatterer), "energy_scale", None)
    if scale is not None:
        value["E1"] = float(scale)
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
        if symbol in value
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
