"""Up to which energies the sizes of a `PotentialScatterer` suffice."""

import functools
import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from qpcjax.constants import HBAR2_OVER_2M
from qpcjax.potentials import recursion
from qpcjax.potentials.walls import SUPPLEMENTS
from qpcjax.validation import concrete

# K H of the fastest wave in a sector; the coefficients have a pole at pi.
_LARGEST_PHASE = math.pi / 2


def widest(scatterer: Any, leads: bool = False) -> Any:
    """The largest width of a region in nm, or of its two leads alone."""
    if scatterer.walls is None:
        return scatterer.width
    ratio = jnp.asarray(scatterer.walls.ratio)
    return scatterer.width * jnp.max(ratio[np.array([0, -1])] if leads else ratio)


def sine_functions(scatterer: Any) -> int:
    """How many of the M functions across are sine functions."""
    return scatterer.sine_modes - (0 if scatterer.walls is None else SUPPLEMENTS)


def energy_limit(scatterer: Any) -> Any:
    """Energy in meV up to which the modes and sectors suffice, see `PotentialScatterer`.

    Args:
        scatterer: the `PotentialScatterer`.
    """
    scale, values = scatterer.scale, jnp.asarray(scatterer.values)
    length = 2 * scatterer.half_length / scatterer.sectors
    floor = jnp.min(values) + scale * (np.pi / widest(scatterer)) ** 2
    fastest = floor + scale * (_LARGEST_PHASE / length) ** 2
    lead = widest(scatterer, leads=True)
    count = min(scatterer.kept[0], sine_functions(scatterer))
    last = scale * (count * np.pi / lead) ** 2 - scatterer.margin
    if scatterer.lead_profiles:
        last = last + jnp.min(values[np.array([0, -1])])
    elif scatterer.open_modes < sine_functions(scatterer):
        next_one = scale * ((scatterer.open_modes + 1) * np.pi / lead) ** 2
        last = jnp.minimum(last, next_one)
    if min(scatterer.kept) < scatterer.sine_modes:
        last = jnp.minimum(last, _highest_kept(scatterer))
    return jnp.minimum(jnp.minimum(fastest, last), scatterer.highest)


def _highest_kept(scatterer):
    """The lowest energy in meV of the last modes that are kept."""
    levels = scatterer.matrices().levels
    found = recursion.parts(levels.shape[1], scatterer.kept)
    lowest = [jnp.min(levels[:, first:last, kept - 1]) for first, last, kept in found]
    return scatterer.scale * functools.reduce(jnp.minimum, lowest)


def most_open(scatterer: Any) -> int:
    """The largest number of modes of the leads that may be open below the highest energy.

    Args:
        scatterer: the `PotentialScatterer`.
    """
    width, mass = concrete(widest(scatterer, leads=True)), concrete(scatterer.mass)
    flat = not scatterer.lead_profiles and scatterer.drop is None
    highest, most = scatterer.highest, sine_functions(scatterer)
    limit = concrete(energy_limit(scatterer)) if math.isinf(highest) else highest
    if width is None or mass is None or limit is None or np.ndim(limit) or not flat:
        return most
    squared = max(float(limit), 0.0) * float(mass) / HBAR2_OVER_2M
    count = math.floor(math.sqrt(squared) * float(width) / math.pi)
    return min(max(count, 1), most)


def thresholds(scatterer: Any, bias: Any) -> Any:
    """Energies in meV at which the leads' modes open, see `PotentialScatterer`.

    Args:
        scatterer: the `PotentialScatterer`.
        bias: eV in meV.
    """
    drop, walls = scatterer.drop, scatterer.walls
    if scatterer.lead_profiles:
        levels = scatterer.matrices().lead_levels * scatterer.scale
    else:
        n = np.arange(1, scatterer.open_modes + 1)
        levels = jnp.asarray(n, jnp.result_type(scatterer.width)) * (np.pi / scatterer.width)
        levels = jnp.stack([levels, levels if walls is None else levels / walls.ratio[-1]])
        levels = levels**2 * scatterer.scale
    if drop is not None:
        levels = levels + jnp.stack([drop[0], drop[-1]])[:, None] * bias
    elif not scatterer.lead_profiles and walls is None:
        return levels[0]
    return levels.reshape(-1)
