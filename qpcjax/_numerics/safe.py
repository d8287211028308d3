"""Guarded primitives: every place where a plain formula is 0/0, overflows or has no derivative.

Each one is exact at its special points, in value and in the derivatives that exist there.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np


def divide(numerator, denominator, otherwise):
    """Quotient that is `otherwise`, with zero derivative, where the denominator is 0."""
    zero = denominator == 0
    return jnp.where(zero, otherwise, numerator / jnp.where(zero, 1, denominator))


# --- polynomials: the machine's own arctan, log1p and cos cost ten times as much ------------


@partial(jax.jit, static_argnums=0)
def _horner(coefficients, x):
    value = jnp.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        value = value * x + c
    return value


# Chebyshev interpolants on 0 <= s, q <= 1, accurate to 1e-17, as powers of 2s - 1 and of 2q - 1:
# log(1 + s)/s, and arctan(sqrt q)/sqrt q.
_LOG1P = (
    0.8109302162163288,
    -0.14426354954966195,
    0.03315243843855094,
    -0.008461080413870536,
    0.0022882409076902767,
    -0.0006421503724725223,
    0.00018490300180466052,
    -5.426089824207432e-05,
    1.6156949099580387e-05,
    -4.866877333591529e-06,
    1.4798682669311618e-06,
    -4.5354366598033807e-07,
    1.3990346886420576e-07,
    -4.331304783093553e-08,
    1.3500470517435648e-08,
    -4.336548550414743e-09,
    1.363113923159679e-09,
    -3.420138797930341e-10,
    1.0787232813120478e-10,
    -7.317042246170282e-11,
    2.330586809976668e-11,
)
_ARCTAN = (
    0.8704197513671031,
    -0.10187654235021819,
    0.02085185120710812,
    -0.005030863660250071,
    0.0013155859496292637,
    -0.0003609820870537958,
    0.00010227656112457649,
    -2.9650040727272736e-05,
    8.74493865928441e-06,
    -2.6140726587443016e-06,
    7.898643101492844e-07,
    -2.4079970758706004e-07,
    7.3946703181214e-08,
    -2.2806127912204115e-08,
    7.084749388337621e-09,
    -2.268247878883474e-09,
    7.111461799834528e-10,
    -1.7840616846746431e-10,
    5.614478327142391e-11,
    -3.787822214408087e-11,
    1.2046030455090929e-11,
)


# --- the averaged wavevector of a half plane (Eq. 18) ---------------------------------------

# Taylor coefficients of the segment next to its rim.
_SEGMENT = tuple((-1) ** j / ((2 * j + 1) * (2 * j + 3)) for j in range(14))


def root(d):
    """sqrt|d|, with derivative 0 at d = 0: reverse mode over a scan looks into these functions."""
    zero = d == 0
    return jnp.where(zero, 0, jnp.sqrt(jnp.where(zero, 1, jnp.abs(d))))


@jax.custom_jvp
@jax.jit
def circle_angle(e, m):
    r"""Angle of the chord at q = m in the circle q^2 + s^2 = e, continued beyond it.

    For m >= 1: arccos(m / sqrt(e)) for e > m^2, arccosh(m / sqrt(e)) for 0 < e < m^2, and 0 at
    e = m^2. Its derivative, sign(e - m^2) m / (2 s e) with s = sqrt|e - m^2|, diverges at
    e = m^2, where the value 0 is returned for it: that is the right limit wherever the angle comes
    with a factor that vanishes faster, and the finite part where T'' diverges.

    Args:
        e: squared radius.
        m: whole number.
    """
    d = e - m * m
    s = root(d)
    steep = s > m
    # Two divisions: of a quotient of two selections XLA would make a kernel of its own.
    t = jnp.where(steep, m / s, s / m)
    arctan, log1p = t * _horner(_ARCTAN, 2 * t * t - 1), t * _horner(_LOG1P, 2 * t - 1)
    arctan = jnp.where(steep, math.pi / 2 - arctan, arctan)
    # log((m + s) / sqrt(e)); the logarithm of e serves every m.
    hyperbolic = log1p + (jnp.log(m) - jnp.log(e) / 2)
    return jnp.where(d > 0, arctan, jnp.where(d == 0, 0, hyperbolic))


@circle_angle.defjvp
def _(primals, tangents):
    e, m = primals
    d = e - m * m
    s = jnp.sqrt(jnp.where(d == 0, 1, jnp.abs(d)))
    slope = jnp.where(d == 0, 0, jnp.sign(d) * m / (2 * s * e))
    return circle_angle(e, m), slope * tangents[0]


@jax.custom_jvp
@jax.jit
def circle_segment(e, m):
    r"""Signed area under sqrt|e - q^2| between q = m and q = sqrt(e).

    For m >= 1: the integral from m to sqrt(e) for e > m^2 and minus the integral from sqrt(e) to
    m for 0 < e < m^2: (e * angle - m s) / 2, by its series where the two terms cancel (relative
    error below 1e-14). Its derivative is circle_angle(e, m) / 2, also on e = m^2. Arguments as
    there.
    """
    d = e - m * m
    s = root(d)
    z = d / (m * m)
    series = _horner(_SEGMENT, z)
    whole = (e * circle_angle(e, m) - m * s) / 2
    return jnp.where(jnp.abs(z) < 0.06, s * d / m * series, whole)


@circle_segment.defjvp
def _(primals, tangents):
    return circle_segment(*primals), circle_angle(*primals) / 2 * tangents[0]


# --- cos and sin as entire functions of the squared phase -----------------------------------


# cos(pi sqrt q) and sin(pi sqrt q)/(pi sqrt q) on |q| <= 1/4, from their Taylor series.
def _economised(offset):
    basis = np.polynomial.chebyshev
    taylor = [
        (-1) ** j * math.pi ** (2 * j) / math.factorial(2 * j + offset) / 4**j for j in range(14)
    ]
    return tuple(basis.cheb2poly(basis.poly2cheb(taylor)[:10]).tolist())


_COS_PI, _SINC_PI = _economised(0), _economised(1)


def _reduced_phase(z):
    """sqrt(z)/pi = k + r with k whole, |r| <= 1/2: (r^2, (-1)^k, r/(k + r)).

    z/pi^2 itself stands for r^2 while it is below 1/4, negative values down to -1/4 included.
    """
    v2 = z / math.pi**2
    near = v2 < 0.25
    v = jnp.sqrt(jnp.where(near, 1, v2))
    k = jnp.round(v)
    r = v - k
    sign = 1 - 2 * (k - 2 * jnp.floor(k / 2))
    square = jnp.where(near, jnp.maximum(v2, -0.25), r * r)
    return square, jnp.where(near, 1, sign), jnp.where(near, 1, sign * r / v)


@jax.custom_jvp
def cosine(z):
    """cos(sqrt z), entire in z, for z > -pi^2/4 (smaller values are clipped)."""
    square, sign, _ = _reduced_phase(z)
    return sign * _horner(_COS_PI, 4 * square)


@cosine.defjvp
def _(primals, tangents):
    return cosine(*primals), -sinc(0, *primals) / 2 * tangents[0]


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def sinc(k, z):
    r"""The k-th derivative of sin(sqrt z)/sqrt z, entire in z, for z > -pi^2/4.

    By its Taylor series up to z = 4 and by 4 z S_{k+1} + (4k + 2) S_k + S_{k-1} = 0 beyond.
    """
    if k == 0:
        square, _, ratio = _reduced_phase(z)
        return ratio * _horner(_SINC_PI, 4 * square)
    far = z > 4
    terms = tuple(
        (-1) ** (j + k)
        * math.factorial(j + k)
        / math.factorial(j)
        / math.factorial(2 * (j + k) + 1)
        for j in range(12)
    )
    series = _horner(terms, jnp.clip(z, -4, 4))
    z = jnp.where(far, z, 4)
    before, value = sinc(0, z), (cosine(z) - sinc(0, z)) / (2 * z)
    for i in range(1, k):
        before, value = value, -((4 * i + 2) * value + before) / (4 * z)
    return jnp.where(far, value, series)


@sinc.defjvp
def _(k, primals, tangents):
    return sinc(k, *primals), sinc(k + 1, *primals) * tangents[0]


def scaled_cos_sin(z):
    r"""cos(sqrt z) and sin(sqrt z)/sqrt z, both times g, with the scale's square g^2.

    g = 1 for z > -1, and exp(-sqrt(-z)) below, so that nothing overflows: returns the triple
    (g cos, g sin / sqrt z, g^2).
    """
    deep, kappa, decay, z = _decaying(z)
    return (
        jnp.where(deep, (1 + decay) / 2, cosine(z)),
        jnp.where(deep, (1 - decay) / (2 * kappa), sinc(0, z)),
        jnp.where(deep, decay, 1),
    )


def scaled_sinc_slope(z):
    """The derivative of sin(sqrt z)/sqrt z by z, times the g of `scaled_cos_sin`."""
    deep, kappa, decay, z = _decaying(z)
    below = (1 - decay - kappa * (1 + decay)) / (4 * kappa**3)
    return jnp.where(deep, below, sinc(1, z))


def _decaying(z):
    """Whether z < -1; sqrt(-z) and exp(-2 sqrt(-z)) there; and z, or 0 there."""
    deep = z < -1
    kappa = jnp.sqrt(jnp.where(deep, -z, 1))
    return deep, kappa, jnp.exp(-2 * kappa), jnp.where(deep, 0, z)


# --- Fermi functions ------------------------------------------------------------------------


def side_temperatures(kT, kT_difference):
    """kT_L and kT_R, kT +- difference/2, exactly 0 where nothing but rounding is left of them."""
    half = kT_difference / 2
    rounding = 4 * jnp.finfo(kT.dtype).eps * jnp.abs(jax.lax.stop_gradient(kT))

    def cleaned(side):
        # The derivatives stay: what a cold side's temperature does is of second order.
        return side - jax.lax.stop_gradient(jnp.where(jnp.abs(side) <= rounding, side, 0))

    return cleaned(kT + half), cleaned(kT - half)


def fermi(energy, kT):
    """Fermi function 1/(exp(energy / kT) + 1), a step (1/2 at 0) for kT = 0."""
    cold = kT == 0
    x = energy / jnp.where(cold, 1, kT)
    return jnp.where(cold, jnp.heaviside(-energy, jnp.asarray(0.5, x.dtype)), jax.nn.sigmoid(-x))


_SMALL_GAP = 0.35  # of x_L - x_R, below which the bias is factored out
# Taylor coefficients of (exp(x) - 1)/x, enough to 1e-17 up to there.
_EXPM1 = tuple(1 / math.factorial(n + 1) for n in range(13))


def fermi_difference(y, half_bias, kT_left, kT_right, kT_difference):
    r"""f_L - f_R at the energy y above the mean electrochemical potential.

    With x_s = (y -+ eV/2)/kT_s the difference is f_L (1 - f_R) (1 - exp(x_L - x_R)). Where x_L and
    x_R are near each other the bias is factored out like that, so that a small one keeps its
    digits. Where a side is at kT = 0, its Fermi function is a step.

    Args:
        y: energy above the mean of mu_L and mu_R.
        half_bias: eV/2.
        kT_left: kT_L.
        kT_right: kT_R.
        kT_difference: kT_L - kT_R, apart because it may be far smaller than either.
    """
    kT = jnp.stack([kT_left, kT_right])
    safe_left, safe_right = safe = jnp.where(kT == 0, 1, kT)
    rate_left, rate_right = 1 / safe
    f_left, empty_left = _occupation(y - half_bias, kT_left == 0, rate_left)
    f_right, empty_right = _occupation(y + half_bias, kT_right == 0, rate_right)
    cold = jnp.any(kT == 0)
    gap = -(y * kT_difference + half_bias * (safe_left + safe_right)) * rate_left * rate_right
    near = ~cold & (jnp.abs(gap) < _SMALL_GAP)
    small = jnp.where(near, gap, 0)
    factored = -f_left * empty_right * small * _horner(_EXPM1, small)
    # Elsewhere a difference loses no digits, of the smaller pair: far below both potentials f is 1.
    few = f_left + f_right < 1
    return jnp.where(
        near, factored, jnp.where(few, f_left, empty_right) - jnp.where(few, f_right, empty_left)
    )


def _occupation(energy, cold, rate):
    """The pair f, 1 - f of a side with the given 1/kT."""
    f, empty = _fermi_pair(energy * rate)
    step = jnp.heaviside(-energy, jnp.asarray(0.5, energy.dtype))
    return jnp.where(cold, step, f), jnp.where(cold, 1 - step, empty)


@jax.custom_jvp
def _fermi_pair(x):
    """1/(exp(x) + 1) and 1/(exp(-x) + 1), both with all their digits, of one exponential."""
    furthest = -math.log(float(jnp.finfo(x.dtype).tiny)) - 8
    power = jnp.exp(jnp.clip(x, -furthest, furthest))
    f = 1 / (1 + power)
    return f, power * f


@_fermi_pair.defjvp
def _(primals, tangents):
    # The quotients' own derivatives would lose the digits of what is nearly 1.
    f, empty = _fermi_pair(*primals)
    slope = f * empty * tangents[0]
    return (f, empty), (-slope, slope)
