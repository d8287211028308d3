"""Where the modes of a barrier open: the energies at which T_n = 1/2, found for any T_n(E)."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

_PARTS = 4  # into which the distance of two energies that matter is divided
_HALVINGS = 54


class Openings(NamedTuple):
    """Where modes open.

    Fields:
        energy: eps_n in meV, the lowest energy at which T_n rises through 1/2, shape (modes,).
        width: w_n = T_n (1 - T_n)/T_n' there, in meV: that of the logistic step
            1/(1 + exp[-(E - eps_n)/w_n]) with the same slope; 0 where T_n jumps.
    """

    energy: Any
    width: Any


def search_energies(energies):
    """Energies among which T_n is looked at, rising: these, some between, and some beyond."""
    energies = jax.lax.stop_gradient(energies)
    if not energies.size:
        return energies
    energies = jnp.sort(jnp.where(jnp.isfinite(energies), energies, jnp.nan))
    first, last = energies[0], jnp.nanmax(energies)
    energies = jnp.where(jnp.isnan(energies), last, energies)
    reach = jnp.maximum(last - first, jnp.abs(last))
    ends = jnp.concatenate([(first - reach)[None], energies, (last + reach)[None]])
    share = jnp.arange(_PARTS, dtype=ends.dtype) / _PARTS
    between = ends[:-1, None] + jnp.diff(ends)[:, None] * share
    return jnp.append(between.reshape(-1), ends[-1])


def searched_openings(scatterer, energies, rises=None) -> Openings:
    """Openings of modes between energies at which their T_n is looked at, with derivatives.

    Bisection finds them, and a step of Newton's from there has the derivatives of the solution. A
    mode that stays below 1/2 at all of these energies is closed: its opening is infinitely far up.
    One whose T_n comes down again for good, as that of a resonance does, has no opening: NaN.

    Args:
        scatterer: an `AbstractScatterer`.
        energies: rising, in meV: shape (k,), or (k, modes) where each mode has its own.
        rises: a function of a scatterer and an energy for each mode; its results are positive once
            T_n has risen through 1/2. By default that is looked for in T_n itself.
    """
    fixed, energies = jax.lax.stop_gradient((scatterer, energies))
    if not energies.size:
        modes = jax.eval_shape(scatterer.eigenvalues, 0.0)
        nowhere = jnp.full(modes.shape, jnp.nan, modes.dtype)
        return Openings(nowhere, nowhere)

    def risen(at):
        return fixed.eigenvalues_at(at) - 0.5 if rises is None else rises(fixed, at)

    if energies.ndim == 1:
        t = jax.vmap(fixed.eigenvalues)(energies) - 0.5
    else:
        t = jax.vmap(risen)(energies)
    grid = jnp.broadcast_to(energies.reshape(energies.shape[0], -1), t.shape)
    first = jnp.argmax(t >= 0, axis=0)
    mode = jnp.arange(t.shape[1])
    never, known = ~jnp.any(t >= 0, axis=0), first > 0
    if rises is None:
        # A step is open on the average of what lies above it, whatever oscillates there.
        above = jnp.where(grid > grid[first, mode], t, jnp.nan)
        known = known & (jnp.nanmean(above[-max(2, t.shape[0] // 4) :], axis=0) > 0)

    def halved(_, ends):
        below, above = ends
        middle = (below + above) / 2
        passed = risen(middle) >= 0
        return jnp.where(passed, below, middle), jnp.where(passed, middle, above)

    ends = grid[jnp.maximum(first - 1, 0), mode], grid[first, mode]
    below, above = jax.lax.fori_loop(0, _HALVINGS, halved, ends)
    energy, width = _refined(scatterer, (below + above) / 2)
    found = ~never & known
    nowhere = jnp.where(never, jnp.inf, jnp.nan)
    return Openings(jnp.where(found, energy, nowhere), jnp.where(found, width, 1))


def _refined(scatterer, at):
    """Openings from where they were found, with derivatives; no width where T_n does not rise."""

    def with_slope(energies):
        return jax.jvp(scatterer.eigenvalues_at, (energies,), (jnp.ones_like(energies),))

    def step(energy, _):
        value, slope = with_slope(energy)
        still = jax.lax.stop_gradient(slope)
        steep = still > 0
        moved = energy + jnp.where(steep, (0.5 - value) / jnp.where(steep, still, 1), 0)
        return moved, jnp.where(steep, 0.25 / jnp.where(steep, slope, 1), 0)

    # The first step gives the energy its derivatives, the second one the width at that energy; in a
    # loop they are compiled once.
    energy, width = jax.lax.scan(step, at, length=2)
    return energy, width[1]
