"""Where the heat appears: free paths and the power per unit length, Eqs. (21)-(25).

Hot electrons are those on the downstream side, where the electrochemical potential is lower: the
right for eV > 0. For eV < 0 everything is the mirror image.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from qpcjax._numerics import safe
from qpcjax._numerics.roots import falling_root
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM, HBAR2_OVER_2M
from qpcjax.resolution import LOST_WEIGHT
from qpcjax.transport.batching import batched

POINTS_AT_ONCE = 64

# Excess energies between which a free path is looked for, in units of mu.
_LEAST_EXCESS, _LARGEST_EXCESS = 1e-12, 1e6


class Downstream(NamedTuple):
    """Forward-biased view of the reservoirs; energies x are counted from mu_R."""

    mu: jax.Array
    bias: jax.Array
    kT_left: jax.Array
    kT_right: jax.Array
    kT_difference: jax.Array

    @property
    def mu_right(self):
        """Electrochemical potential downstream in meV."""
        return self.mu - self.bias / 2

    @property
    def mu_left(self):
        """Electrochemical potential upstream in meV."""
        return self.mu + self.bias / 2


def downstream(r):
    """The reservoirs as seen with the bias forward."""
    backward = r.bias < 0
    difference = jnp.where(backward, -1, 1).astype(r.bias.dtype) * BOLTZMANN * r.temperature_bias
    left, right = safe.side_temperatures(BOLTZMANN * r.temperature, difference)
    return Downstream(r.mu, jnp.where(backward, -r.bias, r.bias), left, right, difference)


def rate_and_slope(damping, view, depth, side, hole=False, temperature=0.0):
    """Gamma in meV and Gamma'/Gamma in 1/meV of a carrier this far from the potential of a side.

    Args:
        damping: a damping law.
        view: the reservoirs with the bias forward.
        depth: excess energy of an electron, or depth of a hole, in meV.
        side: "downstream" or "upstream".
        hole: whether it is a hole.
        temperature: in K, of the law; that of the reservoirs does not count here.
    """
    level = view.mu_right if side == "downstream" else view.mu_left
    reference = damping.reference_energy(view.mu, level)
    reference = jnp.where(level > 0, reference, 1)
    law = damping.hole_rate if hole else damping.rate

    def rate(x):
        return law(x, reference, temperature)

    value, slope = jax.jvp(rate, (depth,), (jnp.ones_like(depth),))
    return value, slope / value


def free_path(scatterer, damping, view, x, side="downstream"):
    r"""l(E) of an electron downstream or a hole upstream, and |l'(E)|, for any damping law.

    .. math::
        l = \frac{\hbar}{\sqrt{2m}} \frac{\sqrt{u}}{\Gamma(x)}, \quad
        |l'| = l \left|\frac{\Gamma'}{\Gamma} - \frac{1}{2u}\right|, \quad u = E + eV/2

    x is E - mu_R downstream. Upstream it is E - mu_L, negative, and u = E - eV/2.
    """
    u = view.mu + x
    hole = side == "upstream"
    rate, slope = rate_and_slope(damping, view, -x if hole else x, side, hole)
    path = jnp.sqrt(HBAR2_OVER_2M / scatterer.mass) * jnp.sqrt(u) / rate
    return path, path * jnp.abs(slope + (1 if hole else -1) / (2 * u))


@batched(POINTS_AT_ONCE, room="modes")
def inelastic_length(scatterer, reservoirs, damping, energy):
    r"""Inelastic mean free path of an electron that has crossed the scatterer, Eqs. (21)-(23).

    .. math::
        l(E) = v(E)\, \tau_i(E) = \frac{b \sqrt{E + eV/2}}{(E - \mu_R)^2}, \qquad
        b = \frac{\hbar E_F}{a \sqrt{2m}}

    Args:
        scatterer: any scatterer with a mass.
        reservoirs: `Reservoirs`, whose fields broadcast.
        damping: a damping law, such as `QuadraticDamping`.
        energy: E in meV from the bottom of the conduction band.

    Returns:
        l in nm; infinite at E = mu_R, NaN below it, where mu_R <= 0 and where the law has no rate.
    """
    side = downstream(reservoirs)
    x = energy - side.mu_right
    valid = (x >= 0) & (side.mu_right > 0)
    length, _ = free_path(scatterer, damping, side, jnp.where(x > 0, x, 1))
    return jnp.where(valid, jnp.where(x > 0, length, jnp.inf), jnp.nan)


@batched(POINTS_AT_ONCE, static=("side",), room="modes")
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
        damping: a damping law, such as `QuadraticDamping`.
        distance: r in nm, positive.
        side: "downstream" or "upstream".

    Returns:
        p(r) in pW/nm, on that side; NaN where r < 0 or mu_R <= 0, and where no carrier for which
        the law has a rate stops at r.

    Raises:
        ValueError: an unknown side.
    """
    if side not in ("downstream", "upstream"):
        raise ValueError(f'side must be "downstream" or "upstream", got {side!r}')
    view = downstream(reservoirs)
    valid = (distance > 0) & (view.mu_right > 0)
    r = jnp.where(valid, distance, 1)
    x, found = _at_length(scatterer, damping, view, r, side)
    valid &= found
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
    power = density / free_path(scatterer, damping, view, x, side)[1]
    return jnp.where(valid, power, jnp.where(distance == 0, 0, jnp.nan))


def _at_length(scatterer, damping, view, r, side):
    """Where l(E) = r, as x of `free_path`, and whether it is there for a rate that is known."""
    sign = 1 if side == "downstream" else -1
    largest = _LARGEST_EXCESS if side == "downstream" else 1 - 1e-12  # a hole is less deep than mu
    scale = jnp.log(jnp.abs(jax.lax.stop_gradient(view.mu)))

    # ln l = ln r in y = ln |x|: monotonic, with a slope between -2 and -3/2 for a quadratic law.
    def mismatch(y):
        path = free_path(scatterer, damping, view, sign * jnp.exp(y), side)[0]
        return jnp.log(path) - jnp.log(r)

    def searched(y):  # a law may end at an energy
        value = mismatch(y)
        return jnp.where(jnp.isnan(value), -1, value)

    y = falling_root(searched, scale + math.log(_LEAST_EXCESS), scale + math.log(largest))
    close = jnp.abs(jax.lax.stop_gradient(mismatch(y))) < 1e-3
    return sign * jnp.exp(y), close
