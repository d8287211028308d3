"""The hot spot: where the highest power per unit length is dissipated, Eqs. (26)-(27)."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics.roots import falling_root
from qpcjax._numerics.sorting import ascending
from qpcjax.heat.free_paths import POINTS_AT_ONCE, downstream, free_path, rate_and_slope
from qpcjax.overviews import brief
from qpcjax.scatterers.search import over
from qpcjax.transport.batching import batched
from qpcjax.transport.window import thermal_reach
from qpcjax.validation import meaningful

_CANDIDATES = 4  # local maxima that are refined before the highest is taken
_TIE = 1e-3  # relative difference in height below which two maxima are said to exchange

_UNKNOWN_SHARE = 1e-6  # of the largest p_R(E), that may lie where the law has no rate

FOUND, NO_ANSWER, EXCHANGE, NO_RATE = range(4)


class HotSpot(NamedTuple):
    """The maximum of the dissipated power per unit length.

    Fields:
        energy: E* in meV from the bottom of the conduction band.
        distance: r* = l(E*) in nm, on the downstream side.
        status: 0 where it was found; 1 where there is no answer (then both are NaN); 2 where a
            second maximum is within 0.1 % of its height: r* is about to jump from one to the
            other, and its derivatives are one-sided; 3 (and NaN) where electrons that carry heat
            have an excess energy for which the damping law has no rate, see `why` of the law.
    """

    energy: jax.Array
    distance: jax.Array
    status: jax.Array

    def __repr__(self):
        return brief(self, {"energy": "meV", "distance": "nm"})


@batched(POINTS_AT_ONCE)
def hot_spot(scatterer, reservoirs, damping):
    r"""Position of the highest dissipated power per unit length, Eqs. (26)-(27).

    The maximum of p_R(r) over all distances, which satisfies

    .. math::
        \frac{p_R'}{p_R} = -\frac{1}{2u} - \frac{3}{x} + \frac{3}{4u - x}, \qquad
        u = E + eV/2, \quad x = E - \mu_R

    for the quadratic law, with p_R(E) of Eq. (3b): E* does not depend on its strength. At zero
    temperature the maximum may stand at the edge E* = mu_L instead. Derivatives are those of the
    implicit equation.

    Args:
        scatterer: any scatterer with a mass.
        reservoirs: `Reservoirs`, whose fields broadcast.
        damping: a damping law, such as `QuadraticDamping` or `RPADamping`; its thermal term is left
            out, as in Eq. (23).

    Returns:
        `HotSpot(energy, distance, status)` in meV and nm. NaN with status 1 where mu_R <= 0,
        where nothing is transmitted above mu_R, and at zero bias and zero temperature; with status
        3 where the law has no rate at energies that count. dr*/dT is infinite in the limit of zero
        temperature; at T = 0 itself it is returned as 0.
    """
    side = downstream(reservoirs)
    cold_left = side.kT_left == 0

    def log_density(x):
        return _log_density(scatterer, damping, side, reservoirs.bias, x)[0]

    def slope(x):
        return jax.jvp(log_density, (x,), (jnp.ones_like(x),))[1]

    grid = jax.lax.stop_gradient(_grid(scatterer, side, reservoirs.bias))
    height, power = jax.lax.stop_gradient(
        jax.vmap(lambda x: _log_density(scatterer, damping, side, reservoirs.bias, x))(grid)
    )
    counts = power > jnp.max(power) + math.log(_UNKNOWN_SHARE)
    no_rate = jnp.any(jnp.isnan(height) & counts)
    before = jnp.searchsorted(grid, grid, side="left") - 1
    after = jnp.searchsorted(grid, grid, side="right")
    last = grid.size - 1
    inside = (before >= 0) & (after <= last)
    before, after = jnp.clip(before, 0, last), jnp.clip(after, 0, last)
    peak = inside & (height >= height[before]) & (height >= height[after])
    peak = peak & (jnp.diff(grid, prepend=-jnp.inf) > 0) & (height > -jnp.inf)
    _, top = jax.lax.top_k(jnp.where(peak, height, -jnp.inf), _CANDIDATES)

    # A hair wider than the neighbours, which may be a rounding away.
    lower, upper = grid[before[top]] * (1 - 1e-6), grid[after[top]] * (1 + 1e-6)
    # One call for both ends and, below, for all places: every call is compiled anew.
    at_ends = jax.vmap(slope)(jnp.concatenate([lower, upper]))
    turns = (at_ends[:_CANDIDATES] > 0) & (at_ends[_CANDIDATES:] < 0)
    x = jax.vmap(lambda lower, upper: falling_root(slope, lower, upper))(lower, upper)
    x = jnp.where(peak[top], x, jnp.nan)
    # A search that ends at a sharp edge has found the edge, which moves with mu_L alone.
    at_edge = cold_left & (x > side.bias * (1 - _apart(x.dtype)))
    # The edge of the Fermi sea on the left, if it is sharp, and those of the transmission.
    jumps = scatterer.jumps(reservoirs.bias) - side.mu_right
    just_above = jumps + 8 * jnp.finfo(x.dtype).eps * (jnp.abs(jumps) + jnp.abs(side.mu_right))
    places = jnp.concatenate([jnp.where(jnp.isnan(x), 1, x), side.bias[None], just_above])
    possible = jnp.concatenate([~(jnp.isnan(x) | at_edge), cold_left[None], jumps == jumps])
    heights = jnp.where(possible, jax.vmap(log_density)(places), -jnp.inf)
    x = jnp.concatenate([x, side.bias[None], jumps])
    turns = jnp.concatenate([turns, cold_left[None], heights[x.size - jumps.size :] > -jnp.inf])
    best = jnp.argmax(heights)
    x_best = x[best]
    held = (side.mu_right > 0) & (side.kT_left >= 0) & (side.kT_right >= 0)
    held = held & meaningful(scatterer, damping, reservoirs)
    valid = held & (heights[best] > -jnp.inf) & ~jnp.isnan(heights[best])
    energy = side.mu_right + x_best
    valid = valid & (energy <= scatterer.energy_limit()) & (energy >= scatterer.energy_floor())
    no_rate = no_rate & held
    valid = valid & ~no_rate
    x_best = jnp.where(valid, x_best, 1)
    distance, _ = free_path(scatterer, damping, side, x_best)
    apart = (jnp.abs(x - x_best) > 1e-3 * x_best) & turns
    rival = jnp.max(jnp.where(apart, heights, -jnp.inf))
    status = jnp.where(rival > heights[best] - _TIE, EXCHANGE, FOUND)
    return HotSpot(
        jnp.where(valid, side.mu_right + x_best, jnp.nan),
        jnp.where(valid, distance, jnp.nan),
        jnp.where(valid, status, jnp.where(no_rate, NO_RATE, NO_ANSWER)),
    )


def _apart(dtype):
    """Relative distance of energies below which they count as one."""
    return max(1e-7, 8 * float(jnp.finfo(dtype).eps))


def _log_density(scatterer, damping, side, bias, x):
    r"""Logarithms of p_R(r) and p_R(E) at E = mu_R + x, up to constants; -inf where not positive.

    With :math:`l \propto \sqrt{u}/\Gamma` it is that of
    :math:`x\, T\, (f_L - f_R)\, \Gamma/[\sqrt{u}\, (\Gamma'/\Gamma - 1/2u)]`. It is NaN where the
    law has no rate.
    """
    u = side.mu + x
    t = scatterer.total(side.mu_right + x, bias)
    cold_left, cold_right = side.kT_left == 0, side.kT_right == 0
    warm_left = jnp.where(cold_left, 1, side.kT_left)
    warm_right = jnp.where(cold_right, 1, side.kT_right)
    x_left = (x - side.bias) / warm_left
    x_right = x / warm_right
    # f_L - f_R = f_L (1 - f_R) (1 - exp(x_L - x_R)); the last factor is constant, and dropped,
    # where neither a bias nor a temperature difference drives. The gap x_L - x_R is written
    # without its cancellation.
    above = x - side.bias / 2
    sum_kT = side.kT_left + side.kT_right
    gap = -(above * side.kT_difference + side.bias / 2 * sum_kT) / (warm_left * warm_right)
    driven = jnp.where(cold_left | cold_right, -jnp.inf, gap)
    forward = (driven < 0) | ((side.bias == 0) & (side.kT_difference == 0))
    ln_drive = jnp.where(gap < 0, jnp.log(-jnp.expm1(jnp.where(gap < 0, gap, -1))), 0)
    ln_left = jnp.where(cold_left, 0, -jax.nn.softplus(x_left))
    # With a cold left side f_L = 1 below mu_L: there f_L - f_R is 1 - f_R itself.
    ln_right = jnp.where(cold_right, 0, -jax.nn.softplus(-x_right))
    ln_drive = jnp.where(cold_left | cold_right, 0, ln_drive)
    ln_occupation = ln_left + ln_right + ln_drive
    possible = (x > 0) & (u > 0) & (t > 0) & forward & ~(cold_left & (x > side.bias))
    x, u, t = (jnp.where(possible, value, 1) for value in (x, u, t))
    rate, slope = rate_and_slope(damping, side, x, "downstream")
    known = ~jnp.isnan(rate)
    rate, slope = jnp.where(known, rate, 1), jnp.where(known, slope, 1)
    bend = slope - 1 / (2 * u)
    falls = bend > 0  # a free path that rises with the energy has no place in a map of distances
    ln_power = jnp.log(t * x) + ln_occupation
    ln_density = ln_power + jnp.log(rate) - jnp.log(u) / 2
    ln_density = ln_density - jnp.log(jnp.where(falls, bend, 1))
    ln_density = jnp.where(possible & falls, ln_density, -jnp.inf)
    ln_power = jnp.where(possible, ln_power, -jnp.inf)
    return jnp.where(known | ~possible, ln_density, jnp.nan), ln_power


def _grid(scatterer, side, bias):
    """Increasing energies x above mu_R, close enough to tell the maxima of p_R(r) apart."""
    dtype = side.mu.dtype
    kT = jnp.maximum(side.kT_left, side.kT_right)
    reach, activated, _ = thermal_reach(scatterer, side.mu, bias, jnp.maximum(kT, 0))
    top = side.bias + reach[1] * kT
    half = side.bias / 2
    window = side.mu_right, side.mu_right + top
    scatterer = over(scatterer, *window, bias, half, jnp.maximum(kT, 0), side.mu)
    rise = side.mu - side.mu_right + activated
    thermal = jnp.asarray(np.linspace(-37, 37, 149), dtype)
    fractions = jnp.asarray(np.linspace(0, 1, 66)[1:], dtype)
    ends = jnp.concatenate([scatterer.thresholds(bias), scatterer.panel_edges(bias)])
    ends = ascending(ends) - side.mu_right
    quarters = [ends[:-1] + jnp.diff(ends) * f for f in (0.0, 0.25, 0.5, 0.75)]
    parts = [side.bias * fractions, side.bias + side.kT_left * thermal, top * fractions, *quarters]
    parts.append(side.kT_right * thermal[thermal.size // 2 + 1 :])
    parts.append(rise + kT * thermal)
    grid = ascending(jnp.clip(jnp.concatenate(parts), 1e-6 * top, top))
    # Points that differ by rounding become one: between them nothing can be told.
    distinct = jnp.diff(grid, prepend=-jnp.inf) > _apart(dtype) * grid
    return jax.lax.cummax(jnp.where(distinct, grid, 0))
