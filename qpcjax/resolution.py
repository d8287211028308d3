"""Making room: the modes, panels and aspect limit that hold for a set of operating points."""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from qpcjax._numerics.panels import ORDER
from qpcjax.constants import BOLTZMANN
from qpcjax.scatterers.base import AbstractScatterer
from qpcjax.scatterers.fields import field_path, innermost, with_static, with_value
from qpcjax.scatterers.wrapper import unwrapped

# Largest Fermi weight beyond a scatterer's energies that an integral may lose.
LOST_WEIGHT = 1e-12
_TAIL = -math.log(LOST_WEIGHT)  # thermal widths to where the Fermi weight has fallen to it

MOST_MODES = 100  # every mode adds to the time of compilation

# The fields that say how many modes are kept, and how many of them are usual at least.
_USUAL = {"channel_modes": 20, "modes": 1}

_MODES_COUNTED = 1 << 20  # more are not looked for
_MOST_VALUES = 2e7  # numbers T_n(E) held at once for an integral; 160 MB
_NUMBERS = 8  # those held for one energy by a scatterer of memory 1

# Static limits of what the panels and shapes of a scatterer hold; they follow from its numbers.
_LIMITS = ("aspect_limit", "depth_limit", "largest_ratio")


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

    def ends(self, first_step: Any = -math.inf):
        """The lowest and the highest energy in meV at which electrons of each point count.

        Args:
            first_step: energy up to which electrons far below it count for what is activated.
        """
        mu, bias, temperature, temperature_bias = np.broadcast_arrays(*self)
        side = np.array([1.0, -1.0]).reshape(2, *np.ones(mu.ndim, int))
        kT = BOLTZMANN * (temperature + side * temperature_bias / 2)
        mu = mu + side * bias / 2
        mu = np.where(kT > 0, np.maximum(mu, first_step), mu)
        return np.min(mu - _TAIL * kT, axis=0), np.max(mu + _TAIL * kT, axis=0)


# --- modes ----------------------------------------------------------------------------------


def with_modes(scatterer, window):
    """The scatterer with the modes that these operating points need, or itself where it has them.

    Where no number of modes that can be held is enough it is returned as it is: the functions give
    NaN then. `prepared` says why instead.

    Args:
        scatterer: an `AbstractScatterer` with concrete numbers.
        window: the `Window`.
    """
    if np.ndim(scatterer.energy_limit()) > 0:
        return scatterer
    try:
        needed = modes_needed(scatterer, window)
    except OverflowError:
        return scatterer
    if needed <= (modes_kept(scatterer) or 0):
        return scatterer
    # A few sizes, so that programs are shared.
    roomy = keeping(scatterer, 4 * math.ceil(needed / 4))
    return roomy if _can_be_held(roomy) else scatterer


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


def modes_needed(scatterer, window) -> int:
    """The smallest number of modes with which no integral loses electrons at its upper end.

    It is 0 for a barrier that does not keep a number of modes.

    Args:
        scatterer: any scatterer.
        window: `Reservoirs`, or a `Window`, with concrete numbers.

    Raises:
        OverflowError: more than a million are needed.
    """
    if _modes_field(scatterer) is None:
        return 0
    _, high = _ends(scatterer, window)

    def enough(modes):
        return float(keeping(scatterer, modes).energy_limit()) >= high

    fewest = getattr(spinless(scatterer), "fewest_modes", 1)
    modes = least(enough, fewest, fewest - 1, _MODES_COUNTED)
    if not enough(modes):
        raise OverflowError("no number of modes is enough for this mu, bias and temperature")
    return modes


def least(enough: Callable[[int], bool], guess: int, few: int, most: int) -> int:
    """The least number above `few` that is enough, or the most; near the guess after two trials."""
    step = 1
    if enough(guess):
        many = guess
        while many - step > few and enough(many - step):
            many, step = many - step, 2 * step
        few = max(few, many - step)
    else:
        few = guess
        while few + step < most and not enough(few + step):
            few, step = few + step, 2 * step
        many = min(few + step, most)
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many


def _ends(scatterer, points):
    """The lowest and the highest energy in meV at which electrons of any point count."""
    window = Window(*(np.asarray(getattr(points, name), float) for name in Window._fields))
    low, high = map(np.ravel, window.ends(float(_first_step(scatterer))))
    # A point of NaN, which has no numbers, does not count.
    return float(np.fmin.reduce(low, initial=np.inf)), float(np.fmax.reduce(high, initial=-np.inf))


def _first_step(scatterer):
    return getattr(spinless(scatterer), "first_step", -math.inf)


def spinless(scatterer):
    """The scatterer of one spin, without what raises its modes."""
    return unwrapped(scatterer)


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


def keeping(scatterer, modes) -> Any:
    """The same scatterer with another number of modes, or itself where it keeps no such number."""
    field = _modes_field(scatterer)
    return scatterer if field is None else with_static(scatterer, field, modes)


def _can_be_held(scatterer):
    """Whether one evaluation can hold this many modes."""
    kept = modes_kept(scatterer) or 1
    if kept > MOST_MODES:
        return False
    panels = jax.eval_shape(scatterer.panel_edges).size
    return panels * ORDER * max(kept, _NUMBERS * scatterer.memory) <= _MOST_VALUES


def _require_room(scatterer, kept, needed, chosen):
    """Raise ValueError if one evaluation cannot hold this many modes; returns the scatterer."""
    if _can_be_held(scatterer):
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
        else f"{kept} modes{aspect} are more than one evaluation can hold (at most {MOST_MODES} "
        f"modes, fewer in a long channel){why}"
    )


def _require_known(scatterer, window):
    """Raise ValueError where electrons that count reach beyond the energies of a table."""
    floor, limit = float(scatterer.energy_floor()), float(scatterer.energy_limit())
    low, high = _ends(scatterer, window)
    if floor > low or limit < high:
        raise ValueError(
            f"the table must reach from {low:.6g} to {high:.6g} meV for this mu, bias and "
            f"temperature, and it goes from {floor:.6g} to {limit:.6g} meV: take more rows, or a "
            "lower temperature or bias"
        )


# --- static limits --------------------------------------------------------------------------


def limits_kept(scatterer) -> dict[str, float]:
    """The static limits of what a scatterer's panels and shapes hold, such as aspect_limit."""
    bare = innermost(scatterer)
    return {n: getattr(bare, n) for n in _LIMITS if isinstance(getattr(bare, n, None), float)}


def limits_needed(scatterer, numbers: Mapping[str, float] | None = None) -> dict[str, float]:
    """The static limits that a scatterer's class chooses for its numbers.

    Args:
        scatterer: any scatterer.
        numbers: values of its fields, in place of its own.
    """
    kept = limits_kept(scatterer)
    if not kept:
        return {}
    bare = innermost(scatterer)
    return limits_kept(dataclasses.replace(bare, **dict.fromkeys(kept), **(numbers or {})))


def with_limits(scatterer, needed: Sequence[Mapping[str, float]]) -> Any:
    """The scatterer with the largest of these static limits, each as of `limits_needed`."""
    for name in needed[0]:
        scatterer = with_static(scatterer, name, max(limits[name] for limits in needed))
    return scatterer


# --- rows of a scatterer's numbers ----------------------------------------------------------


def beyond_known(
    scatterer, columns: Mapping[str, Any], window: Window
) -> tuple[np.ndarray, np.ndarray]:
    """How far electrons reach beyond the energies at which T(E) is known, for rows of numbers.

    Args:
        scatterer: any scatterer.
        columns: name -> array (rows,), the numbers of the scatterer that vary.
        window: its fields are arrays (..., rows).

    Returns:
        Energies in meV, negative where T(E) is known, and whether the panels resolve T(E).
    """
    paths = tuple(field_path(scatterer, name) for name in columns)
    rows = np.shape(window.mu)[-1]
    found = jax.device_get(_known_at(scatterer, tuple(columns.values()), paths, rows))
    floor, limit, step, resolved = found
    low, high = window.ends(step)
    return np.maximum(high - limit, floor - low).reshape(-1, rows).max(axis=0), resolved


@functools.partial(jax.jit, static_argnames=("paths", "rows"))
def _known_at(scatterer, columns, paths, rows):
    def at(values):
        changed = scatterer
        for path, value in zip(paths, values, strict=True):
            changed = with_value(changed, path, value)
        floor, limit = changed.energy_floor(), changed.energy_limit()
        return floor, limit, _first_step(changed), changed.resolved()

    return jax.vmap(at, axis_size=rows)(columns)
