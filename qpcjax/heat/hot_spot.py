"""Where the heat appears: inelastic length and the hot spot, Eqs. (21)-(27).

Hot electrons are those on the downstream side, where the electrochemical potential is lower: the
right for eV > 0. For eV < 0 everything is the mirror image.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics import safe
from qpcjax._numerics.roots import falling_root
from qpcjax._numerics.sorting import ascending
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM, HBAR2_OVER_2M
from qpcjax.overviews import brief
from qpcjax.scatterers.batching import batched
from qpcjax.transport.integrals import LOST_WEIGHT, thermal_reach
from qpcjax.validation import number, require

_POINTS_AT_ONCE = 64
_CANDIDATES = 4  # local maxima that are refined before the highest is taken
_TIE = 1e-3  # relative difference in height below which two maxima are said to exchange

FOUND, NO_ANSWER, EXCHANGE = 0, 1, 2


class QuadraticDamping(eqx.Module):
    r"""Damping rate of a hot electron, quadratic in its excess energy, Eq. (22).

    .. math:: \Gamma(E) = a\, \frac{(E - \mu_R)^2}{E_F}

    Args:
        strength: a, dimensionless; about 0.04 in GaAs from 2e11 to 1e12 cm^-2.
        fermi_energy: E_F: "mu_R" (Eq. 23, the default), "mu" (counted from the band bottom on the
            downstream side), or a number in meV (such as pi hbar^2 n_e / m from the density).

    Raises:
        ValueError: a strength or Fermi energy that is not positive, an unknown name.
    """

    strength: float = eqx.field(converter=number)
    reference: str = eqx.field(static=True)
    energy: float | None

    def __init__(self, strength=0.04, fermi_energy: Any = "mu_R"):
        self.strength = strength
        named = isinstance(fermi_energy, str)
        self.reference = fermi_energy if named else "fixed"
        self.energy = None if named else number(fermi_energy)

    def __check_init__(self):
        require("strength", self.strength, "a positive number", lambda a: a > 0)
        if self.reference not in ("mu_R", "mu", "fixed"):
            raise ValueError(
                f'fermi_energy must be "mu_R", "mu" or a number in meV, got {self.reference!r}'
            )
        if self.energy is not None:
            require("fermi_energy", self.energy, "positive, in meV", lambda e: e > 0)

    def fermi_energy(self, mu, mu_downstream):
        """E_F in meV for these electrochemical potentials."""
        return {"mu_R": mu_downstream, "mu": mu, "fixed": self.energy}[self.reference]


class HotSpot(NamedTuple):
    """The maximum of the dissipated power per unit length.

    Fields:
        energy: E* in meV from the bottom of the conduction band.
        distance: r* = l(E*) in nm, on the downstream side.
        status: 0 where it was found; 1 where there is no answer (then both are NaN); 2 where a
            second maximum is within 0.1 % of its height: r* is about to jump from one to the
            other, and its derivatives are one-sided.
    """

    energy: jax.Array
    distance: jax.Array
    status: jax.Array

    def __repr__(self):
        return brief(self, {"energy": "meV", "distance": "nm"})


class _Downstream(NamedTuple):
    """Forward-biased view of the reservoirs; energies x are counted from mu_R."""

    mu: jax.Array
    bias: jax.Array
    kT_left: jax.Array
    kT_right: jax.Array
    kT_difference: jax.Array

    @property
    def mu_right(self):
        return self.mu - self.bias / 2

    @property
    def mu_left(self):
        return self.mu + self.bias / 2


def _downstream(r):
    backward = r.bias < 0
    difference = jnp.where(backward, -1, 1).astype(r.bias.dtype) * BOLTZMANN * r.temperature_bias
    left, right = safe.side_temperatures(BOLTZMANN * r.temperature, difference)
    return _Downstream(r.mu, jnp.where(backward, -r.bias, r.bias), left, right, difference)


def _length(scatterer, damping, view, x):
    """l(E) of Eq. (23) at E = mu_R + x, times its derivative's factors: (l, |l'|).

    Where x < 0 it is that of a hole on the upstream side, at E = mu_L + x.
    """
    u = view.mu + x
    b = _scale(scatterer, damping, view, x)
    return b * jnp.sqrt(u) / x**2, b * (4 * u - x) / (2 * jnp.sqrt(u) * jnp.abs(x) ** 3)


def _scale(scatterer, damping, view, x):
    """The b of Eq. (23); its Fermi energy is that of the side of x, see `_length`."""
    scale = jnp.sqrt(HBAR2_OVER_2M / scatterer.mass) / damping.strength
    return scale * damping.fermi_energy(view.mu, jnp.where(x < 0, view.mu_left, view.mu_right))


@batched(_POINTS_AT_ONCE)
def inelastic_length(scatterer, reservoirs, damping, energy):
    r"""Inelastic mean free path of an electron that has crossed the scatterer, Eqs. (21)-(23).

    .. math::
        l(E) = v(E)\, \tau_i(E) = \frac{b \sqrt{E + eV/2}}{(E - \mu_R)^2}, \qquad
        b = \frac{\hbar E_F}{a \sqrt{2m}}

    Args:
        scatterer: any scatterer with a mass.
        reservoirs: `Reservoirs`, whose fields broadcast.
        damping: `QuadraticDamping`.
        energy: E in meV from the bottom of the conduction band.

    Returns:
        l in nm; infinite at E = mu_R, NaN below it and where mu_R <= 0.
    """
    side = _downstream(reservoirs)
    x = energy - side.mu_right
    valid = (x >= 0) & (side.mu_right > 0)
    length, _ = _length(scatterer, damping, side, jnp.where(x > 0, x, 1))
    return jnp.where(valid, jnp.where(x > 0, length, jnp.inf), jnp.nan)


@batched(_POINTS_AT_ONCE, static=("side",))
def power_per_length(scatterer, reservoirs, damping, distance, side="downstream"):
    r"""Power dissipated per unit length at the distance r, Eqs. (24)-(25).

    .. math:: p_R(r) = \frac{p_R(E)}{|l'(E)|}, \qquad l(E) = r

    with p_R(E) of Eq. (3b). Its integral over r is the part of P_R from E > mu_R, that is the
    emitted heat; electrons below mu_R, which cool, are not in it.

    Upstream it is the heat of the holes that the electrons leave behind, of excess energy
    mu_L - E. The paper does not write their l(E); this is the mirror image of Eq. (23),

    .. math:: l(E) = \frac{b \sqrt{E - eV/2}}{(\mu_L - E)^2}

    with mu_L for mu_R in b.

    Args:
        scatterer: any scatterer with a mass.
        reservoirs: `Reservoirs`, whose fields broadcast.
        damping: `QuadraticDamping`.
        distance: r in nm, positive.
        side: "downstream" or "upstream".

    Returns:
        p(r) in pW/nm, on that side; NaN where r < 0 or mu_R <= 0.

    Raises:
        ValueError: an unknown side.
    """
    if side not in ("downstream", "upstream"):
        raise ValueError(f'side must be "downstream" or "upstream", got {side!r}')
    view = _downstream(reservoirs)
    valid = (distance > 0) & (view.mu_right > 0)
    r = jnp.where(valid, distance, 1)
    x = _at_length(scatterer, damping, view, r, side)
    # Counted from mu without its cancellation.
    above, level = (
        (x - view.bias / 2, view.mu_right)
        if side == "downstream"
        else (x + view.bias / 2, view.mu_left)
    )
    energy = level + x
    occupation = safe.fermi_difference(
        above, view.bias / 2, view.kT_left, view.kT_right, view.kT_difference
    )
    t = scatterer.total(energy, reservoirs.bias)
    # Far above mu_L nothing is occupied, whatever the modes that are not kept transmit.
    lost = (energy > scatterer.energy_limit()) & (occupation > LOST_WEIGHT)
    lost = lost | (energy < scatterer.energy_floor())
    t = jnp.where(lost, jnp.nan, t)
    density = CONDUCTANCE_QUANTUM * jnp.abs(x) * t * occupation
    power = density / _length(scatterer, damping, view, x)[1]
    return jnp.where(valid, power, jnp.where(distance == 0, 0, jnp.nan))


def _at_length(scatterer, damping, view, r, side):
    """Where l(E) = r, as x of `_length`: positive downstream, negative upstream."""
    sign = 1 if side == "downstream" else -1

    # ln l = ln r in y = ln |x|: monotonic.
    def mismatch(y):
        return jnp.log(_length(scatterer, damping, view, sign * jnp.exp(y))[0]) - jnp.log(r)

    if side == "downstream":  # with a slope between -2 and -3/2
        at_one = jax.lax.stop_gradient(mismatch(jnp.zeros_like(r)))
        ends = jnp.stack([at_one / 2, at_one / 1.5])
        lower, upper = jnp.min(ends) - 0.1, jnp.max(ends) + 0.1
    else:  # b sqrt(mu/2)/x^2 < l < b sqrt(mu)/x^2 for the holes above half their depth mu
        longest = jnp.log(_scale(scatterer, damping, view, sign)) + jnp.log(view.mu) / 2
        upper = jnp.minimum((longest - jnp.log(r)) / 2 + 0.1, jnp.log(view.mu))
        lower = jnp.minimum(upper - 0.4, jnp.log(view.mu / 2))
    return sign * jnp.exp(falling_root(mismatch, lower, upper))


@batched(_POINTS_AT_ONCE)
def hot_spot(scatterer, reservoirs, damping):
    r"""Position of the highest dissipated power per unit length, Eqs. (26)-(27).

    The maximum of p_R(r) over all distances, which satisfies

    .. math::
        \frac{p_R'}{p_R} = -\frac{1}{2u} - \frac{3}{x} + \frac{3}{4u - x}, \qquad
        u = E + eV/2, \quad x = E - \mu_R

    with p_R(E) of Eq. (3b); at zero temperature it may stand at the edge E* = mu_L instead. E*
    does not depend on the damping. Derivatives are those of the implicit equation.

    Args:
        scatterer: any scatterer with a mass.
        reservoirs: `Reservoirs`, whose fields broadcast.
        damping: `QuadraticDamping`.

    Returns:
        `HotSpot(energy, distance, status)` in meV and nm. NaN with status 1 where mu_R <= 0,
        where nothing is transmitted above mu_R, and at zero bias and zero temperature. dr*/dT is
        infinite in the limit of zero temperature; at T = 0 itself it is returned as 0.
    """
    side = _downstream(reservoirs)
    cold_left = side.kT_left == 0

    def log_density(x):
        return _log_density(scatterer, side, reservoirs.bias, x)

    def slope(x):
        return jax.jvp(log_density, (x,), (jnp.ones_like(x),))[1]

    grid = jax.lax.stop_gradient(_grid(scatterer, side, reservoirs.bias))
    height = jax.lax.stop_gradient(jax.vmap(log_density)(grid))
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
    valid = (heights[best] > -jnp.inf) & (side.mu_right > 0) & ~jnp.isnan(heights[best])
    valid = valid & (side.kT_left >= 0) & (side.kT_right >= 0)
    energy = side.mu_right + x_best
    valid = valid & (energy <= scatterer.energy_limit()) & (energy >= scatterer.energy_floor())
    x_best = jnp.where(valid, x_best, 1)
    distance, _ = _length(scatterer, damping, side, x_best)
    apart = (jnp.abs(x - x_best) > 1e-3 * x_best) & turns
    rival = jnp.max(jnp.where(apart, heights, -jnp.inf))
    status = jnp.where(rival > heights[best] - _TIE, EXCHANGE, FOUND)
    return HotSpot(
        jnp.where(valid, side.mu_right + x_best, jnp.nan),
        jnp.where(valid, distance, jnp.nan),
        jnp.where(valid, status, NO_ANSWER),
    )


def _apart(dtype):
    """Relative distance of energies below which they count as one."""
    return max(1e-7, 8 * float(jnp.finfo(dtype).eps))


def _log_density(scatterer, side, bias, x):
    """Logarithm of p_R(r) at E = mu_R + x, up to a constant; -inf where it is not positive."""
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
    ln_density = jnp.log(t) + ln_occupation + 4 * jnp.log(x) + jnp.log(u) / 2
    return jnp.where(possible, ln_density - jnp.log(4 * u - x), -jnp.inf)


def _grid(scatterer, side, bias):
    """Increasing energies x above mu_R, close enough to tell the maxima of p_R(r) apart."""
    dtype = side.mu.dtype
    kT = jnp.maximum(side.kT_left, side.kT_right)
    reach, activated, _ = thermal_reach(scatterer, side.mu, bias, jnp.maximum(kT, 0))
    top = side.bias + reach[1] * kT
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
