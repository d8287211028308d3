"""The sizes that a potential needs for a wanted accuracy of T(E), and the error that is left."""

import functools
import itertools
import math
import warnings
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.constants import HBAR2_OVER_2M
from qpcjax.potentials import recursion
from qpcjax.scatterers.energy_limits import sine_functions, widest
from qpcjax.scatterers.potential import RESOLVED, UNRESOLVED, PotentialScatterer
from qpcjax.validation import concrete, number, require_double

# Numbers of modes, each with the one before it as its coarse size: few programs are compiled.
_MODES = (8, 12, 16, 24, 32, 48, 64, 80, 96, 128, 160)
MOST_SECTORS = 4096
_FIRST_PHASE = 1.5  # K H of the fastest wave with which the search begins

_BATCH = 8  # energies of one call
_FEW = 8  # so few energies get others beside them: differences cross 0 somewhere
_BESIDE = 0.01  # how far from them, in the largest kinetic energy

# T(N) is off by N^-4, and by the modes that are left out at least as little.
_ORDER = 4

# Pairs (energy in meV, count). A sector keeps the modes up to this energy above the highest one
# asked for, and `count` more; a lead keeps its open modes and `count` more. `resolve` takes the
# first pair whose dropped modes change T by at most a tenth of the tolerance. In a field electrons
# change modes more easily, so the pairs are larger.
_REACHES = ((20.0, 4), (40.0, 8), (80.0, 12))
_REACHES_IN_FIELD = ((30.0, 10), (60.0, 16))
_PARTS = 4  # of the way from a lead to the cut, each with a number of modes of its own
_KEPT_IN = 4  # numbers of modes that are kept are multiples of it: few programs are compiled


def resolve(
    potential: Any, energies: Any, tolerance: float = 1e-4, **options: Any
) -> PotentialScatterer:
    r"""The scatterer of a potential with the sizes that its accuracy needs.

    Sizes grow until the estimated error is below the tolerance at all energies, at no bias. With
    fewer sectors N' = 3N/4 and modes M' = 3M/4 or 2M/3, and m of them kept, it is

    .. math::
        \frac{|T_{N} - T_{N'}|}{(N/N')^4 - 1} + \frac{|T_{M} - T_{M'}|}{(M/M')^4 - 1}
        + |T_{m} - T_{m=M'}|,

    the largest of each energy and its two neighbours, and a tenth of the largest of all at least.
    The last term, at N' and M', is what the modes that are not kept would add. Between hard walls
    that bend all are kept, and numbers of modes are compared at N.

    Args:
        potential: a `Potential` or `HardWalls` of concrete numbers.
        energies: E in meV, any shape; the largest becomes the energy limit of the scatterer, so
            that integrals need energies that reach as far as their thermal tails.
        tolerance: the error of T(E) that is wanted.
        options: of `PotentialScatterer`, such as window, cap and magnetic_field.

    Returns:
        The scatterer, with `error_estimate` (one for each energy, of the same shape) and `status`:
        0 where the tolerance is met; 1 where the largest sizes were not enough, which warns too.

    Raises:
        ValueError: energies or a tolerance that are not finite and positive, single precision,
            sizes among the options.
    """
    require_double("the estimates of resolve")
    for name in ("sectors", "modes", "kept", "points", "highest"):
        if name in options:
            raise ValueError(f"{name} must be left out: resolve chooses the sizes")
    energies = concrete(number(energies, "energies"))
    if energies is None or energies.size == 0 or not np.all(np.isfinite(energies)):
        raise ValueError("energies must be one finite number in meV or more, and not traced")
    if not (math.isfinite(tolerance) and tolerance > 0):
        raise ValueError(f"tolerance must be a positive number, got {tolerance}")
    highest = float(energies.max())
    build = functools.partial(PotentialScatterer, potential, highest=highest, **options)
    trial = build(sectors=32, modes=_MODES[1])
    if concrete(trial.values) is None:
        raise ValueError("potential must not be traced: resolve chooses sizes for known numbers")
    sectors, modes = _first_sizes(trial, highest)
    asked = np.unique(energies)
    places = _with_neighbours(asked, trial)
    reach = 0
    while True:
        plain = build(sectors=sectors, modes=modes)
        coarse, fewer = 2 * math.ceil(3 * sectors / 8), _fewer(modes)
        # Between walls that bend, more modes need more sectors: few sectors would show that alone.
        walled = plain.walls is not None
        by_which = sectors if walled else coarse
        whole = build(sectors=by_which, modes=fewer, points=4 * modes)  # V where `middle` has it
        everything = transmission_by_steps(whole, places)
        while True:
            kept, rough = _kept(plain, highest, reach), everything
            if min(kept) < fewer:
                cut = tuple(min(k, fewer) for k in kept)
                rough = transmission_by_steps(whole.keeping(cut), places)
            by_kept = _largest_beside(np.abs(rough - everything))
            if np.max(by_kept) <= tolerance / 10 or min(kept) >= fewer:
                break
            reach += 1
        scatterer = plain.keeping(kept)
        fine = transmission_by_steps(scatterer, places)
        middle = transmission_by_steps(build(sectors=coarse, modes=modes, kept=kept), places)
        by_sectors = _left(fine, middle, sectors / coarse)
        by_modes = _left(fine if walled else middle, rough, modes / fewer)
        error = by_sectors + by_modes + by_kept
        if np.max(error) <= tolerance:
            status = RESOLVED
            break
        rest = tolerance - np.max(by_kept)
        larger = _larger(sectors, np.max(by_sectors), rest)
        more = modes if walled and larger > sectors else _more(modes, np.max(by_modes), rest)
        if (larger, more) == (sectors, modes):
            status = UNRESOLVED
            warnings.warn(
                f"T(E) is not resolved to {tolerance:g} with {sectors} sectors and {modes} modes: "
                f"the estimated error is {np.max(error):.1e}; a smaller region or strip, or a cap, "
                "needs fewer",
                stacklevel=2,
            )
            break
        sectors, modes = larger, more
    estimate = error[np.searchsorted(places, energies.reshape(-1))].reshape(energies.shape)
    return eqx.tree_at(
        lambda s: (s.error_estimate, s.status), scatterer, (estimate, np.int32(status))
    )


def joint_sizes(scatterers: Sequence[PotentialScatterer]) -> dict[str, Any]:
    """The least sizes that are enough for each of several scatterers of one region.

    Args:
        scatterers: as `resolve` returns them.
    """
    sizes: dict[str, Any] = {
        name: max(s.sizes[name] for s in scatterers) for name in ("sectors", "modes")
    }
    kept = [s.kept for s in scatterers]
    if len({len(k) for k in kept}) == 1:
        sizes["kept"] = tuple(max(part) for part in zip(*kept, strict=True))
    return sizes | {"highest": max(s.highest for s in scatterers)}


def _first_sizes(scatterer, highest):
    scale = HBAR2_OVER_2M / float(scatterer.mass)
    width, length = float(widest(scatterer)), 2 * float(scatterer.half_length)
    depth = highest - float(np.min(np.asarray(scatterer.values)))
    fastest = math.sqrt(max(depth, 1.0) / scale)
    sectors = _rounded(max(length * fastest / _FIRST_PHASE, 16))
    for modes in _MODES[1:]:
        fewer = _fewer(modes) - scatterer.sine_modes + sine_functions(scatterer)
        if scale * (fewer * np.pi / width) ** 2 > highest + scatterer.margin:
            return sectors, modes
    raise ValueError(
        f"a strip of {width:g} nm has too many modes at {highest:g} meV: choose a smaller width or "
        "lower energies"
    )


def _fewer(modes):
    return _MODES[_MODES.index(modes) - 1]


def _rounded(sectors):
    """The next of a few even sizes, about a fifth apart, so that programs are shared."""
    step = 8
    while sectors > 8 * step:
        step *= 2
    return step * math.ceil(sectors / step)


def _larger(sectors, error, tolerance):
    """The sectors that the error asks for, at most twice as many."""
    if error <= tolerance / 2:
        return sectors
    factor = min(max((error / (0.4 * tolerance)) ** (1 / _ORDER), 1.1), 2.0)
    return min(_rounded(sectors * factor), MOST_SECTORS)


def _more(modes, error, tolerance):
    """The next number of modes where the error asks for it."""
    place = _MODES.index(modes) + (0 if error <= tolerance / 2 else 1)
    return _MODES[min(place, len(_MODES) - 1)]


def _with_neighbours(energies, scatterer):
    """Energies in rising order; a few of them with others beside them."""
    if energies.size >= _FEW:
        return energies
    depth = energies - float(np.min(np.asarray(scatterer.values)))
    move = _BESIDE * np.maximum(depth, 1.0)
    below, above = energies - move, np.minimum(energies + move, energies[-1])
    return np.unique(np.concatenate([below, energies, above]))


def _left(fine, coarse, ratio):
    """Error that the finer size has left.

    Where differences cross 0 errors need not: neighbours count, and a tenth of the largest.
    """
    return _largest_beside(np.abs(fine - coarse) / (ratio**_ORDER - 1))


def _largest_beside(errors):
    """The largest error of each energy and its two neighbours, a tenth of all at least."""
    errors = np.maximum(errors, 0.1 * errors.max())
    padded = np.pad(errors, 1, mode="edge")
    return np.maximum(np.maximum(padded[:-2], padded[2:]), errors)


def _kept(scatterer, highest, reach):
    """Numbers of modes to keep on the parts of the way from a lead to the cut.

    Args:
        scatterer: with all modes.
        highest: the largest energy in meV.
        reach: which of the reaches above it; all modes behind the last one.
    """
    field = scatterer.magnetic_field is not None
    reaches = _REACHES_IN_FIELD if field else _REACHES
    modes = scatterer.sine_modes
    if reach >= len(reaches) or scatterer.walls is not None:
        return (modes,)
    above, more = reaches[reach]
    made = scatterer.sectors_in(np)
    levels, leads = made.levels * scatterer.scale, made.lead_levels * scatterer.scale
    # The last mode that is kept is closed by a margin in the leads and by the reach inside, unless
    # that asks for more than are open and a few: those higher up hardly change along the way.
    in_leads = np.sum(leads < highest + scatterer.margin, axis=-1).max() + 1
    in_leads = max(in_leads, np.sum(leads < highest, axis=-1).max() + more)
    reached, is_open = (
        np.sum(levels < highest + up, axis=-1).max(axis=0) + more for up in (above, 0.0)
    )
    ends = recursion.cuts(reached.size, _PARTS)
    found = []
    for first, last in itertools.pairwise(ends):
        part = slice(first, max(last, first + 1))
        wanted = min(reached[part].max(), max(in_leads, is_open[part].max()))
        wanted = wanted if found else max(wanted, in_leads)
        found.append(min(_KEPT_IN * math.ceil(wanted / _KEPT_IN), modes))
    return tuple(int(k) for k in found)


def transmission_by_steps(scatterer: PotentialScatterer, energies: np.ndarray) -> np.ndarray:
    """T(E) of concrete numbers without a program of its own for each number of sectors.

    Args:
        scatterer: a `PotentialScatterer` without a bias.
        energies: E in meV, shape (k,).
    """
    made = scatterer.sectors_in(np)
    lead, stages = recursion.stages(made, scatterer.kept, xp=np)
    stages = [
        (into, [jax.device_put(row) for row in zip(*rows, strict=True)]) for into, rows in stages
    ]
    found = []
    for first in range(0, energies.size, _BATCH):
        some = energies[first : first + _BATCH]
        padded = np.pad(some, (0, _BATCH - some.size), mode="edge")
        squared = jnp.asarray(padded / float(scatterer.scale))
        carry = _starts(lead, made.lead_levels, squared)
        for into, rows in stages:
            carry = carry if into is None else _turns(into, carry)
            for row in rows:
                carry = _steps(carry, row, made.length, squared)
        found.append(np.asarray(_totals(carry, made.meeting))[: some.size])
    return np.concatenate(found)


@jax.jit
def _starts(lead, levels, squared):
    return jax.vmap(lambda k2: recursion.enter(lead, recursion.start(levels, k2)[0]))(squared)


@jax.jit
def _turns(into, carry):
    return jax.vmap(lambda c: recursion.turned(into, c))(carry)


@jax.jit
def _steps(carry, row, length, squared):
    return jax.vmap(lambda c, k2: recursion.Step(length, k2)(c, row)[0])(carry, squared)


@jax.jit
def _totals(carry, meeting):
    return jax.vmap(lambda c: recursion.total(recursion.meet(c, meeting, None)))(carry)
