"""How far the heat goes: quantiles, median and width of it, and the end of a cascade."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from qpcjax._numerics.roots import falling_root
from qpcjax.constants import CONDUCTANCE_QUANTUM
from qpcjax.heat.carriers import (
    carriers_of,
    count_of,
    heat_sums,
    heat_terms,
    power_at,
    require_options,
    stopping,
)
from qpcjax.heat.free_paths import POINTS_AT_ONCE, downstream
from qpcjax.overviews import brief
from qpcjax.transport.batching import batched

_MIXED_SHARE = 1e-7  # of the heat, that may lie out of the order of the paths
_NEWTON_STEPS = 5


def _random_quantile(scatterer, reservoirs, carriers, quantile):
    """Where the heat that goes farther is the share 1 - q, for random paths."""
    found = jax.lax.stop_gradient(heat_terms(scatterer, reservoirs, carriers).rows)
    power = found.power.reshape(-1)
    rate = jnp.where(power == 0, 0, found.stopping.reshape(-1) / jnp.where(power == 0, 1, power))
    power = power / jnp.sum(power)
    share = jax.lax.stop_gradient(quantile)
    count = carriers.count

    def farther(y):
        return jnp.sum(power * stopping(count * rate * jnp.exp(y), count)[1]) - (1 - share)

    fast = jnp.max(rate)
    slow = jnp.min(jnp.where(jnp.abs(power) > 1e-15, jnp.where(rate > 0, rate, fast), fast))
    y = falling_root(farther, -jnp.log(fast) - 40, -jnp.log(slow) + 5)
    y = jnp.where(jnp.isfinite(y), y, 0)
    # One step of Newton's method takes the derivatives of the integrals.
    r = jax.lax.stop_gradient(jnp.exp(y))
    sums = heat_sums(scatterer, reservoirs, eqx.tree_at(lambda c: c.distance, carriers, r))
    miss = sums.beyond - (1 - quantile) * sums.power
    close = jnp.abs(miss) < 1e-6 * sums.power
    valid = close & (sums.cooling <= _MIXED_SHARE * sums.power)
    return jnp.where(valid, r + miss / jax.lax.stop_gradient(sums.density), jnp.nan)


def _fixed_quantile(scatterer, reservoirs, carriers, quantile):
    """l(E) where the carriers that stop before it have the share q of the heat."""
    side = carriers.side
    sign = 1 if side == "downstream" else -1
    potential = -sign * carriers.view.bias / 2  # as an offset from mu
    rows = jax.lax.stop_gradient(heat_terms(scatterer, reservoirs, carriers).rows)
    power, moment, stopped = (x.reshape(-1) for x in (rows.power, rows.moment, rows.stopping))
    total = jnp.sum(power)
    carries = power > 0
    some = jnp.where(carries, power, 1)
    x = jnp.where(carries, moment / some, -jnp.inf)
    reach = jax.lax.cummax(x)
    reach = jnp.where(jnp.isfinite(reach), reach, jnp.min(jnp.where(carries, x, jnp.inf)))
    below = jnp.cumsum(power) - power / 2
    share = jax.lax.stop_gradient(quantile)
    start = jnp.interp(total * (1 - share if sign > 0 else share), below, reach)

    def beyond(cut):
        return heat_sums(scatterer, reservoirs, eqx.tree_at(lambda c: c.cut, carriers, cut))

    def step(cut, quantile):
        miss = beyond(cut).power - quantile * sums.power
        here = power_at(scatterer, reservoirs, carriers.view, cut - potential, side)
        here = jax.lax.stop_gradient(here) / CONDUCTANCE_QUANTUM
        return cut + sign * miss / here, miss

    sums = heat_sums(scatterer, reservoirs, carriers)
    cut = jax.lax.stop_gradient(potential) + start
    cut = jax.lax.stop_gradient(
        jax.lax.fori_loop(0, _NEWTON_STEPS, lambda _, cut: step(cut, share)[0], cut)
    )
    moved, miss = step(cut, quantile)
    place = moved - potential
    stops = carriers.stops(place)
    # Carriers that stop early must lie farther from the potential than the other carriers.
    rate = jnp.where(carries, stopped / some, 0)
    early = rate > jax.lax.stop_gradient(stops)
    far = sign * (x - jax.lax.stop_gradient(place)) > 0
    mixed = jnp.sum(jnp.where(carries & (early != far), power, 0))
    valid = (jnp.abs(miss) < 1e-6 * sums.power) & (mixed <= _MIXED_SHARE * total)
    valid &= sums.cooling <= _MIXED_SHARE * sums.power
    return jnp.where(valid, 1 / stops, jnp.nan)


def _quantile(scatterer, reservoirs, damping, quantile, side, free_path, thermal):
    require_options(side, "emitted", free_path)
    inside = (quantile > 0) & (quantile < 1)
    share = jnp.where(inside, quantile, 0.5)
    options = side, "emitted", count_of(free_path), thermal
    carriers = carriers_of(scatterer, reservoirs, damping, jnp.zeros_like(share), *options)
    find = _fixed_quantile if free_path == "fixed" else _random_quantile
    return jnp.where(inside, find(scatterer, reservoirs, carriers, share), jnp.nan)


@batched(POINTS_AT_ONCE, static=("side", "free_path", "thermal"))
def heat_quantiles(
    scatterer,
    reservoirs,
    damping,
    quantile=0.5,
    side="downstream",
    free_path="fixed",
    thermal=True,
):
    r"""The distance within which a share of the emitted heat appears.

    .. math:: \int_0^{r_q} dr\, p(r) = q \int_0^\infty dr\, p(r)

    with p(r) of `power_per_length`, `part="emitted"`. Mean distances diverge where the law has no
    temperature: l grows as 1/x^2 towards the potential, where p(E) falls as x.

    Args:
        scatterer: any scatterer with a mass.
        reservoirs: `Reservoirs`, whose fields broadcast.
        damping: a damping law, such as `RPADamping`.
        quantile: q, between 0 and 1; broadcasts with the fields of the reservoirs.
        side: "downstream" or "upstream".
        free_path: "fixed", "exponential", or the whole number k of an Erlang distribution.
        thermal: whether the law has the temperature of the side.

    Returns:
        r_q in nm. NaN where q is not between 0 and 1, where mu_R <= 0, where nothing is emitted,
        where carriers count for which the law has no rate, where a difference of temperatures
        makes p(E) negative, and for fixed paths where more than 1e-7 of the heat is out of order:
        carriers nearer to the potential must go farther.

    Raises:
        ValueError: an unknown option.
    """
    return _quantile(scatterer, reservoirs, damping, quantile, side, free_path, thermal)


class HeatSpread(NamedTuple):
    """How the emitted heat of a side is spread.

    Fields:
        median: distance in nm within which half of it appears.
        lower: that of a quarter.
        upper: that of three quarters.
        width: upper - lower in nm.
    """

    median: jax.Array
    lower: jax.Array
    upper: jax.Array
    width: jax.Array

    def __repr__(self):
        return brief(self, dict.fromkeys(self._fields, "nm"))


@batched(POINTS_AT_ONCE, static=("side", "free_path", "thermal"))
def heat_spread(scatterer, reservoirs, damping, side="downstream", free_path="fixed", thermal=True):
    """Median and width of the emitted heat over the distance, see `heat_quantiles`.

    Args:
        scatterer: any scatterer with a mass.
        reservoirs: `Reservoirs`, whose fields broadcast.
        damping: a damping law, such as `RPADamping`.
        side: "downstream" or "upstream".
        free_path: "fixed", "exponential", or the whole number k of an Erlang distribution.
        thermal: whether the law has the temperature of the side.

    Returns:
        `HeatSpread(median, lower, upper, width)` in nm, NaN where `heat_quantiles` is.

    Raises:
        ValueError: an unknown option.
    """

    def at(quantile):
        return _quantile(scatterer, reservoirs, damping, quantile, side, free_path, thermal)

    lower, median, upper = jax.vmap(at)(jnp.asarray([0.25, 0.5, 0.75], reservoirs.mu.dtype))
    return HeatSpread(median, lower, upper, upper - lower)


@batched(POINTS_AT_ONCE, room="modes")
def cascade_distance(scatterer, reservoirs, damping, energy, cutoff=3.0):
    r"""Mean distance at which the energy of a hot electron ends, with all that it hands on.

    The first collision leaves three carriers that share the excess energy x, each of them collides
    again, until all lie below x_c = c k_B T. With straight paths, l as 1/x^2 and a constant matrix
    element the mean over the energy is

    .. math:: M = l(x_c) \left[\frac{3}{5} + \frac{2}{5} \left(\frac{x_c}{x}\right)^5\right]

    whatever the bias. The hot spot is where the first collisions happen, far nearer.

    Args:
        scatterer: any scatterer with a mass.
        reservoirs: `Reservoirs`, whose fields broadcast.
        damping: a damping law; it has the temperature of the downstream side.
        energy: E in meV from the bottom of the conduction band.
        cutoff: c.

    Returns:
        M in nm, infinite at zero temperature; NaN where E - mu_R < x_c, where mu_R <= 0 or c <= 0,
        and where the law has no rate at x_c.
    """
    view = downstream(reservoirs)
    kT = view.kT_right
    x, least = energy - view.mu_right, cutoff * kT
    valid = (x > 0) & (x >= least) & (cutoff > 0) & (view.mu_right > 0) & (kT >= 0)
    warm = kT > 0
    options = jnp.zeros_like(x), "downstream", "emitted", 1, True
    carriers = carriers_of(scatterer, reservoirs, damping, *options)
    path = 1 / carriers.stops(jnp.where(warm, least, 1))
    ratio = least / jnp.where(valid, x, 1)
    distance = jnp.where(warm, path * (0.6 + 0.4 * ratio**5), jnp.inf)
    return jnp.where(valid, distance, jnp.nan)
