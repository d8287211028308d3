"""How many modes an operating point needs, and whether T(E) is known where it counts."""

import dataclasses
import math

import jax
import numpy as np

from qpcjax.constants import BOLTZMANN
from qpcjax.scatterers import AbstractScatterer, ZeemanSplit
from qpcjax.transport.integrals import LOST_WEIGHT, ORDER

# The fields that say how many modes are kept, and how many of them are usual at least.
_USUAL = {"channel_modes": 20, "modes": 1}

_MODES_COUNTED = 1 << 20  # more are not looked for
_MOST_MODES = 100  # every mode adds to the time of compilation
_MOST_VALUES = 2e7  # numbers T_n(E) held at once for an integral; 160 MB
_NUMBERS = 8  # those held for one energy by a scatterer of memory 1


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
        limit = float(keeping(scatterer, kept).energy_limit())
        raise ValueError(
            f"modes must be at least {needed} for this mu, bias and temperature, got {kept}: "
            f"electrons reach above {limit:.4g} meV, up to which {kept} are enough"
        )
    return _require_room(keeping(scatterer, kept), kept, needed, modes is not None)


def modes_needed(scatterer, reservoirs) -> int:
    """The smallest number of modes with which no integral loses electrons at its upper end.

    Args:
        scatterer: a scatterer that keeps a number of modes.
        reservoirs: `Reservoirs` with plain numbers in its fields.

    Raises:
        OverflowError: more than a million are needed.
    """
    sides = _sides(scatterer, reservoirs)

    def enough(modes):
        limit = float(keeping(scatterer, modes).energy_limit())
        return all(_weight_beyond(limit - mu, kT) <= LOST_WEIGHT for mu, kT in sides)

    # Up in doubles, then down by halves.
    few = many = _fewest(scatterer)
    while not enough(many):
        few, many = many, 2 * many
        if many > _MODES_COUNTED:
            raise OverflowError("no number of modes is enough for this mu, bias and temperature")
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
    step = float(getattr(spinless(scatterer), "first_step", -math.inf))
    return [(max(mu, step) if kT > 0 else mu, kT) for mu, kT in sides]


def _weight_beyond(gap, kT):
    if kT == 0:
        return float(gap < 0)
    return float(np.exp(-np.logaddexp(0, gap / kT)))


def spinless(scatterer):
    """The scatterer of one spin."""
    return scatterer.scatterer if isinstance(scatterer, ZeemanSplit) else scatterer


def modes_kept(scatterer):
    """How many modes a scatterer keeps; None for barriers without modes."""
    field = _modes_field(scatterer)
    return None if field is None else getattr(spinless(scatterer), field)


def _modes_field(scatterer):
    """Name of the field that says how many modes are kept; None for barriers without.

    A class of your own that states no energy limit keeps its modes: nothing says how many count.
    """
    bare, unstated = spinless(scatterer), AbstractScatterer.energy_limit
    if getattr(type(bare), "energy_limit", unstated) is unstated:
        return None
    return next((name for name in _USUAL if hasattr(bare, name)), None)


def _fewest(scatterer):
    """The smallest number of modes that the scatterer may keep."""
    return getattr(spinless(scatterer), "fewest_modes", 1)


def keeping(scatterer, modes):
    """The same scatterer with another number of modes; it must keep one."""
    if isinstance(scatterer, ZeemanSplit):
        return dataclasses.replace(scatterer, scatterer=keeping(scatterer.scatterer, modes))
    return dataclasses.replace(scatterer, **{str(_modes_field(scatterer)): modes})


def _require_room(scatterer, kept, needed, chosen):
    """Raise ValueError if one evaluation cannot hold this many modes; returns the scatterer."""
    panels = jax.eval_shape(scatterer.panel_edges).size
    held = panels * ORDER * max(kept, _NUMBERS * scatterer.memory)
    if kept <= _MOST_MODES and held <= _MOST_VALUES:
        return scatterer
    bare = spinless(scatterer)
    aspect = why = ""
    if hasattr(bare, "length"):
        aspect = f" with L/2w = {bare.length / (2 * bare.half_width):.3g}"
        why = (
            f": E1 = {bare.energy_scale:.3g} meV is too small for this mu, bias and temperature, "
            "or the channel too long"
        )
    raise ValueError(
        f"modes must be smaller than {kept}{aspect}; {needed} are enough"
        if chosen
        else f"{kept} modes{aspect} are more than one evaluation can hold (at most {_MOST_MODES} "
        f"modes, fewer in a long channel){why}"
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
