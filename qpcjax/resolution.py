"""Making room: the modes, panels and aspect limit that hold for a set of operating points."""

import dataclasses
import math
from typing import Any, NamedTuple

import jax
import numpy as np

from qpcjax._numerics.panels import ORDER
from qpcjax.constants import BOLTZMANN
from qpcjax.scatterers.base import AbstractScatterer
from qpcjax.scatterers.search import finely_searched
from qpcjax.scatterers.zeeman import ZeemanSplit

# Largest Fermi weight beyond a scatterer's energies that an integral may lose.
LOST_WEIGHT = 1e-12

# The fields that say how many modes are kept, and how many of them are usual at least.
_USUAL = {"channel_modes": 20, "modes": 1}

_MODES_COUNTED = 1 << 20  # more are not looked for
_MOST_MODES = 100  # every mode adds to the time of compilation
_MOST_VALUES = 2e7  # numbers T_n(E) held at once for an integral; 160 MB
_NUMBERS = 8  # those held for one energy by a scatterer of memory 1


class Window(NamedTuple):
    """The electrochemical potentials of some operating points; NumPy arrays that broadcast.

    Fields:
        mu: mean electrochemical potential in meV.
        bias: eV in meV.
        temperature: mean temperature in K.
        temperature_bias: T_L - T_R in K.
    """

    mu: Any
    bias: Any = 0.0
    temperature: Any = 0.0
    temperature_bias: Any = 0.0

    @classmethod
    def of(cls, arguments):
        """The window of a function's arguments by name: `reservoirs`, or `mu`, or `energy`."""
        reservoirs = arguments.get("reservoirs")
        if reservoirs is not None:
            return cls.of(
                {name: getattr(reservoirs, name) for name in cls._fields}
                | ({"mu": arguments["energy"]} if "energy" in arguments else {})
            )
        mu = arguments.get("mu", arguments.get("energy"))
        others = (arguments.get(name, 0.0) for name in cls._fields[1:])
        return cls(*(np.asarray(x, float) for x in (mu, *others)))

    def sides(self):
        """Electrochemical potential in meV and kT of both sides, arrays (2, points) without NaN."""
        numbers = np.stack([x.reshape(-1) for x in np.broadcast_arrays(*self)])
        mu, bias, temperature, difference = numbers[:, ~np.isnan(numbers.sum(axis=0))]
        sign = np.array([[1.0], [-1.0]])
        return mu + sign * bias / 2, BOLTZMANN * (temperature + sign * difference / 2)


def make_room(scatterer, window):
    """The scatterer with the modes and the search that these operating points need.

    Args:
        scatterer: any scatterer with concrete numbers.
        window: the `Window`.
    """
    return with_modes(finely_searched(scatterer), window)


def with_modes(scatterer, window):
    """The scatterer with the modes that these operating points need, or itself where it has them.

    Where no number of modes that can be held is enough it is returned as it is: the functions give
    NaN then. `prepared` says why instead.

    Args:
        scatterer: an `AbstractScatterer` with concrete numbers.
        window: the `Window`.
    """
    field = _modes_field(scatterer)
    if field is None or np.ndim(scatterer.energy_limit()) > 0:
        return scatterer
    try:
        needed = modes_needed(scatterer, window)
    except OverflowError:
        return scatterer
    if not (modes_kept(scatterer) or 0) < needed <= _MOST_MODES:
        return scatterer
    # A few sizes, so that programs are shared.
    roomy = keeping(scatterer, min(_MOST_MODES, 4 * math.ceil(needed / 4)))
    return roomy if _values_held(roomy) <= _MOST_VALUES else scatterer


def prepared(scatterer, reservoirs, modes=None):
    """The scatterer with the modes that these reservoirs need, if it keeps a number of modes.

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs`, or a `Window`, with concrete numbers.
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
        reservoirs: `Reservoirs`, or a `Window`, with concrete numbers.

    Raises:
        OverflowError: more than a million are needed.
    """
    mu, kT = _sides(scatterer, reservoirs)

    def enough(modes):
        limit = float(keeping(scatterer, modes).energy_limit())
        return bool(np.all(_weight_beyond(limit - mu, kT) <= LOST_WEIGHT))

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


def _sides(scatterer, points):
    """The electrochemical potential of each side, as far as it counts, and its kT, in meV."""
    mu, kT = Window(*(getattr(points, name) for name in Window._fields)).sides()
    # Far below the first step the electrons that count are those activated to it.
    step = float(getattr(spinless(scatterer), "first_step", -math.inf))
    return np.where(kT > 0, np.maximum(mu, step), mu), kT


def _weight_beyond(gap, kT):
    warm = kT > 0
    x = gap / np.where(warm, kT, 1)
    return np.where(warm, np.exp(-np.logaddexp(0, x)), gap < 0)


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


def _values_held(scatterer):
    """Numbers that one integral holds at once."""
    panels = jax.eval_shape(scatterer.panel_edges).size
    return panels * ORDER * max(modes_kept(scatterer) or 1, _NUMBERS * scatterer.memory)


def _require_room(scatterer, kept, needed, chosen):
    """Raise ValueError if one evaluation cannot hold this many modes; returns the scatterer."""
    if kept <= _MOST_MODES and _values_held(scatterer) <= _MOST_VALUES:
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
    mu, kT = _sides(scatterer, reservoirs)
    low, high = float(np.min(mu - tail * kT)), float(np.max(mu + tail * kT))
    if floor > low or limit < high:
        raise ValueError(
            f"the table must reach from {low:.6g} to {high:.6g} meV for this mu, bias and "
            f"temperature, and it goes from {floor:.6g} to {limit:.6g} meV: take more rows, or a "
            "lower temperature or bias"
        )
