"""The sizes that a potential needs for a wanted accuracy of T(E), and the error that is left."""

import functools
import math
import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.constants import HBAR2_OVER_2M
from qpcjax.potentials import recursion
from qpcjax.potentials.sectors import sectors_of
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


def resolve(
    potential: Any, energies: Any, tolerance: float = 1e-4, **options: Any
) -> PotentialScatterer:
    r"""The scatterer of a potential with the sizes that its accuracy needs.

    Sizes grow until the estimated error is below the tolerance at all energies, at no bias. With
    fewer sectors N' = 3N/4 and modes M' = 3M/4 or 2M/3 it is

    .. math::
        \frac{|T_{N} - T_{N'}|}{(N/N')^4 - 1} + \frac{|T_{M} - T_{M'}|}{(M/M')^4 - 1},

    the largest of each energy and its two neighbours, and a tenth of the largest of all at least.

    Args:
        potential: a `Potential` of concrete numbers.
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
    for name in ("sectors", "modes", "points", "highest"):
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
    while True:
        scatterer = build(sectors=sectors, modes=modes)
        coarse, fewer = 2 * math.ceil(3 * sectors / 8), _fewer(modes)
        fine = transmission_by_steps(scatterer, places)
        middle = transmission_by_steps(build(sectors=coarse, modes=modes), places)
        rough = transmission_by_steps(build(sectors=coarse, modes=fewer), places)
        by_sectors = _left(fine, middle, sectors / coarse)
        by_modes = _left(middle, rough, modes / fewer)
        error = by_sectors + by_modes
        if np.max(error) <= tolerance:
            status = RESOLVED
            break
        larger = _larger(sectors, np.max(by_sectors), tolerance)
        more = _more(modes, np.max(by_modes), tolerance)
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


def _first_sizes(scatterer, highest):
    scale = HBAR2_OVER_2M / float(scatterer.mass)
    width, length = float(scatterer.width), 2 * float(scatterer.half_length)
    depth = highest - float(np.min(np.asarray(scatterer.values)))
    fastest = math.sqrt(max(depth, 1.0) / scale)
    sectors = _rounded(max(length * fastest / _FIRST_PHASE, 16))
    for modes in _MODES[1:]:
        if scale * (_fewer(modes) * np.pi / width) ** 2 > highest + scatterer.margin:
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
    """Error that the finer size has left: the largest of each energy and its two neighbours.

    Where differences cross 0 errors need not: a tenth of the largest is the least.
    """
    errors = np.abs(fine - coarse) / (ratio**_ORDER - 1)
    errors = np.maximum(errors, 0.1 * errors.max())
    padded = np.pad(errors, 1, mode="edge")
    return np.maximum(np.maximum(padded[:-2], padded[2:]), errors)


def transmission_by_steps(scatterer: PotentialScatterer, energies: np.ndarray) -> np.ndarray:
    """T(E) of concrete numbers without a program of its own for each number of sectors.

    Args:
        scatterer: a `PotentialScatterer` without a bias.
        energies: E in meV, shape (k,).
    """
    scale = HBAR2_OVER_2M / float(scatterer.mass)
    theta, values = scatterer.gauge(), np.asarray(scatterer.values)
    made = sectors_of(
        values,
        scatterer.rule,
        float(scatterer.half_length),
        float(scatterer.width),
        scale,
        scatterer.sine_modes,
        None if theta is None else np.asarray(theta),
        scatterer.lead_profiles,
        xp=np,
    )
    rows = [jax.device_put(row) for row in zip(*recursion.columns(made, xp=np), strict=True)]
    lead, length, meeting = made.lead_levels, made.length, made.meeting
    found = []
    for first in range(0, energies.size, _BATCH):
        some = energies[first : first + _BATCH]
        squared = jnp.asarray(np.pad(some, (0, _BATCH - some.size), mode="edge") / scale)
        carry = _starts(lead, squared)
        for row in rows:
            carry = _steps(carry, row, length, squared)
        found.append(np.asarray(_totals(carry, meeting))[: some.size])
    return np.concatenate(found)


@jax.jit
def _starts(lead_levels, squared):
    return jax.vmap(lambda k2: recursion.start(lead_levels, k2)[0])(squared)


@jax.jit
def _steps(carry, row, length, squared):
    return jax.vmap(lambda c, k2: recursion.Step(length, k2)(c, row)[0])(carry, squared)


@jax.jit
def _totals(carry, meeting):
    return jax.vmap(lambda c: recursion.total(recursion.meet(c, meeting, None)))(carry)
