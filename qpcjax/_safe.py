"""Guarded primitives: every place where a plain formula is 0/0, overflows or has no derivative.

Each one is exact at its special points, in value and in the derivatives that exist there.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp

_SERIES_TERMS = 13


def divide(numerator, denominator, otherwise):
    """Quotient that is `otherwise`, with zero derivative, where the denominator is 0."""
    zero = denominator == 0
    return jnp.where(zero, otherwise, numerator / jnp.where(zero, 1, denominator))


# --- the averaged wavevector of a half plane (Eq. 18) ---------------------------------------


@jax.custom_jvp
def circle_angle(e, m):
    r"""Angle of the chord at q = m in the circle q^2 + s^2 = e, continued beyond it.

    arccos(m / sqrt(e)) for e > m^2, arccosh(m / sqrt(e)) for 0 < e < m^2, and 0 at e = m^2. Its
    derivative, sign(e - m^2) m / (2 s e) with s = sqrt|e - m^2|, diverges at e = m^2, where the
    value 0 is returned for it: that is the right limit wherever the angle comes with a factor
    that vanishes faster, and the finite part where the second derivative of T diverges.
    """
    d = e - m * m
    s = jnp.sqrt(jnp.abs(d))
    open_ = d > 0
    argument = jnp.where(open_, 0, 2 * s * (m + s) / e)
    return jnp.where(open_, jnp.arctan2(s, m), jnp.log1p(argument) / 2)


@circle_angle.defjvp
def _(primals, tangents):
    e, m = primals
    d = e - m * m
    s = jnp.sqrt(jnp.where(d == 0, 1, jnp.abs(d)))
    slope = jnp.where(d == 0, 0, jnp.sign(d) * m / (2 * s * e))
    return circle_angle(e, m), slope * tangents[0]


@jax.custom_jvp
def circle_segment(e, m):
    r"""Signed area under sqrt|e - q^2| between q = m and q = sqrt(e).

    The integral from m to sqrt(e) for e > m^2 and minus the integral from sqrt(e) to m for
    0 < e < m^2: (e * angle - m s) / 2, by its series where the two terms cancel (relative error
    below 1e-14). Its derivative is circle_angle(e, m) / 2, also on e = m^2.
    """
    d = e - m * m
    s = jnp.sqrt(jnp.abs(d))
    z = d / jnp.where(m == 0, 1, m * m)
    series = jnp.zeros_like(z)
    for j in reversed(range(10)):
        series = 1 / ((2 * j + 1) * (2 * j + 3)) - z * series
    # The series is not used at m = 0, where z is of order 1.
    near = jnp.abs(z) < 0.02
    series = s * d / jnp.where(m == 0, 1, m) * series
    return jnp.where(near & (m > 0), series, (e * circle_angle(e, m) - m * s) / 2)


@circle_segment.defjvp
def _(primals, tangents):
    return circle_segment(*primals), circle_angle(*primals) / 2 * tangents[0]


# --- cos and sin as entire functions of the squared phase -----------------------------------


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def stumpff(k, z):
    r"""The entire function :math:`c_k(z) = \sum_j (-z)^j / (2j + k)!` for z > -4.

    c_0 = cos(sqrt z) and c_1 = sin(sqrt z)/sqrt z, or their hyperbolic twins for z < 0; every
    derivative is again such a function, c_k' = (k c_{k+2} - c_{k+1})/2, so that derivatives of
    any order are right at z = 0. Arguments below -4 are clipped (the caller scales exponentials
    there instead).
    """
    far = z > 4
    near_z = jnp.where(far, 0, jnp.maximum(z, -4))
    series = jnp.zeros_like(z)
    for j in reversed(range(_SERIES_TERMS)):
        series = 1 / math.factorial(2 * j + k) - near_z * series
    far_z = jnp.where(far, z, 1)
    phase = jnp.sqrt(far_z)
    value = jnp.cos(phase) if k % 2 == 0 else jnp.sin(phase) / phase
    for i in range(k % 2, k, 2):  # c_{i+2} = (1/i! - c_i)/z
        value = (1 / math.factorial(i) - value) / far_z
    return jnp.where(far, value, series)


@stumpff.defjvp
def _(k, primals, tangents):
    (z,) = primals
    slope = -stumpff(k + 1, z) / 2
    if k:
        slope = slope + k * stumpff(k + 2, z) / 2
    return stumpff(k, z), slope * tangents[0]


def scaled_cos_sin(z):
    r"""cos(sqrt z) and sin(sqrt z)/sqrt z, both times g, with the scale's square g^2.

    g = 1 for z > -1, and exp(-sqrt(-z)) below, so that nothing overflows: returns the triple
    (g cos, g sin / sqrt z, g^2).
    """
    deep = z < -1
    kappa = jnp.sqrt(jnp.where(deep, -z, 1))
    decay = jnp.exp(-2 * kappa)
    z = jnp.where(deep, 0, z)
    return (
        jnp.where(deep, (1 + decay) / 2, stumpff(0, z)),
        jnp.where(deep, (1 - decay) / (2 * kappa), stumpff(1, z)),
        jnp.where(deep, decay, 1),
    )


# --- Fermi functions ------------------------------------------------------------------------


def fermi(energy, kT):
    """Fermi function 1/(exp(energy / kT) + 1), a step (1/2 at 0) for kT = 0."""
    cold = kT == 0
    x = energy / jnp.where(cold, 1, kT)
    return jnp.where(cold, jnp.heaviside(-energy, jnp.asarray(0.5, x.dtype)), jax.nn.sigmoid(-x))


def fermi_difference(y, half_bias, kT_left, kT_right, kT_difference):
    r"""f_L - f_R at the energy y above the mean electrochemical potential.

    With x_s = (y -+ eV/2)/kT_s the difference is f_L (1 - f_R) (1 - exp(x_L - x_R)): the bias is
    factored out, so that a small one keeps its digits. Where a side is at kT = 0, its Fermi
    function is a step.

    Args:
        y: energy above the mean of mu_L and mu_R.
        half_bias: eV/2.
        kT_left: kT_L.
        kT_right: kT_R.
        kT_difference: kT_L - kT_R, apart because it may be far smaller than either.
    """
    cold = (kT_left == 0) | (kT_right == 0)
    safe_left, safe_right = jnp.where(cold, 1, kT_left), jnp.where(cold, 1, kT_right)
    x_left = (y - half_bias) / safe_left
    x_right = (y + half_bias) / safe_right
    gap = -(y * kT_difference + half_bias * (safe_left + safe_right)) / (safe_left * safe_right)
    forward = gap <= 0
    occupied = jnp.where(forward, x_left, x_right)
    empty = jnp.where(forward, x_right, x_left)
    decrement = -jnp.expm1(jnp.where(forward, gap, -gap))
    warm = jax.nn.sigmoid(-occupied) * jax.nn.sigmoid(empty) * decrement
    steps = fermi(y - half_bias, kT_left) - fermi(y + half_bias, kT_right)
    return jnp.where(cold, steps, jnp.where(forward, warm, -warm))
