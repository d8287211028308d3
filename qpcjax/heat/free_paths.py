"""Free paths of hot carriers, Eqs. (21)-(23), of any damping law.

Hot electrons are those on the downstream side, where the electrochemical potential is lower: the
right for eV > 0. For eV < 0 everything is the mirror image.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from qpcjax._numerics import safe
from qpcjax._numerics.roots import falling_root
from qpcjax.constants import BOLTZMANN, HBAR2_OVER_2M

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


def reference_energy(damping, view, side):
    """The energy in meV that a law takes for the potential of a side; 1 where that is below 0."""
    level = view.mu_right if side == "downstream" else view.mu_left
    return jnp.where(level > 0, damping.reference_energy(view.mu, level), 1)


def rate_and_slope(damping, view, depth, side, hole=False):
    """Gamma in meV and Gamma'/Gamma in 1/meV of a carrier this far from the potential of a side.

    Args:
        damping: a damping law.
        view: the reservoirs with the bias forward.
        depth: excess energy of an electron, or depth of a hole, in meV.
        side: "downstream" or "upstream".
        hole: whether it is a hole.
    """
    reference = reference_energy(damping, view, side)
    law = damping.hole_rate if hole else damping.rate

    def rate(x):
        return law(x, reference)

    value, slope = jax.jvp(rate, (depth,), (jnp.ones_like(depth),))
    return value, slope / value


def free_path(scatterer, damping, view, x, side="downstream", hole=None):
    r"""l(E) and |l'(E)| for any damping law, of an electron downstream or of a hole upstream.

    .. math::
        l = \frac{\hbar}{\sqrt{2m}} \frac{\sqrt{u}}{\Gamma(x)}, \quad
        |l'| = l \left|\frac{\Gamma'}{\Gamma} - \frac{1}{2u}\right|, \quad u = E + eV/2

    x is E - mu_R downstream. Upstream it is E - mu_L, and u = E - eV/2. Where x is negative the
    carrier is a hole, which `hole` says: by default it is one upstream.
    """
    hole = side == "upstream" if hole is None else hole
    u = view.mu + x
    rate, slope = rate_and_slope(damping, view, -x if hole else x, side, hole)
    path = jnp.sqrt(HBAR2_OVER_2M / scatterer.mass) * jnp.sqrt(u) / rate
    return path, path * jnp.abs(slope + (1 if hole else -1) / (2 * u))


def at_length(scatterer, damping, view, r, side, hole):
    """Where l(E) = r, as x of `free_path`, and whether it is there for a rate that is known."""
    sign = -1 if hole else 1
    largest = 1 - 1e-12 if hole else _LARGEST_EXCESS  # a hole is less deep than mu
    scale = jnp.log(jnp.abs(jax.lax.stop_gradient(view.mu)))

    # ln l = ln r in y = ln |x|: monotonic, with a slope between -2 and -3/2 for a quadratic law.
    def mismatch(y):
        path = free_path(scatterer, damping, view, sign * jnp.exp(y), side, hole)[0]
        return jnp.log(path) - jnp.log(r)

    def searched(y):  # a law may end at an energy
        value = mismatch(y)
        return jnp.where(jnp.isnan(value), -1, value)

    y = falling_root(searched, scale + math.log(_LEAST_EXCESS), scale + math.log(largest))
    close = jnp.abs(jax.lax.stop_gradient(mismatch(y))) < 1e-3
    return sign * jnp.exp(y), close
