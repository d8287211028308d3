r"""Waves along a channel whose floor falls linearly: Airy functions, without their special cases.

In units of pi/2w for wavevectors the longitudinal wave obeys phi'' = -k^2(x) phi with
k^2(x) = K^2 + v (x/D - 1/2) for 0 < x < D, v >= 0. With the slope g = v/D and xi = k^2/g^(2/3) the
channel has at most three parts. Where xi < -3.3 the wave is evanescent, where xi > 3.3 it
oscillates: there it has a phase and an amplitude that vary slowly, and without a slope not at all.
Between, a Taylor series holds, however long the channel and however steep its floor.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics import safe

# With these numbers the matrix is good to 7e-14 of its size wherever it was compared with Airy
# functions, for |K| D up to 130. Degree 22 gives 2e-12, degree 20 7e-11, and 20 terms 2e-12.
_REACH = 3.3  # |xi| where the parts meet
_TERMS = 28  # of the polynomials for phase and amplitude
_PIECES = 3  # of the part between; an odd number, so that none ends at xi = 0
_DEGREE = 24  # of the Taylor series about the middle of a piece


def ramp_matrix(k2, drop, depth):
    r"""Transfer matrix of (phi, phi') from one end of the channel to the other.

    Args:
        k2: K^2 at the middle of the channel, in units of (pi/2w)^2.
        drop: v >= 0, what k^2 gains along the channel.
        depth: D = pi L/2w >= 0.

    Returns:
        The real matrix (m11, m12, m21, m22), of determinant 1, times h, and h^2: the exponential
        of deep tunnelling is taken out.
    """
    slope = safe.divide(drop, depth, jnp.inf)
    places = _places(k2, drop, slope)
    first, last = places[0], places[-1]

    def at(place):
        return k2 + drop * (place - 0.5)

    def step(matrix, piece):
        start, end = piece
        middle, share = (start + end) / 2, end - start
        return _times(_taylor(at(middle), depth * share, drop * share), matrix), None

    squares = jnp.stack([-at(0.0), -at(first), at(last), at(1.0)])
    closed, opened = _phases(squares, (depth * first, depth * (1 - last)), slope)
    matrix, scale = _evanescent(*closed)
    matrix, _ = jax.lax.scan(step, matrix, (places[:-1], places[1:]))
    return _times(_oscillating(*opened), matrix), scale


def _places(k2, drop, slope):
    """Places x/D where pieces end, from xi = -3.3 to 3.3, or the ends of the channel next to them.

    The matrix does not depend on where they stand, and so has no derivative by them.
    """
    k2, drop, slope = jax.lax.stop_gradient((k2, drop, slope))
    smallest = jnp.finfo(k2.dtype).tiny * 1e16
    drop, slope = jnp.maximum(drop, smallest), jnp.maximum(slope, smallest)
    xi = jnp.asarray(np.linspace(-_REACH, _REACH, _PIECES + 1), k2.dtype)
    return jnp.clip((xi * slope ** (2 / 3) - k2) / drop + 0.5, 0, 1)


def _times(a, b):
    """Product of two matrices."""
    (a11, a12, a21, a22), (b11, b12, b21, b22) = a, b
    return (
        a11 * b11 + a12 * b21,
        a11 * b12 + a12 * b22,
        a21 * b11 + a22 * b21,
        a21 * b12 + a22 * b22,
    )


# --- far from the turning point: phase and amplitude ----------------------------------------


@functools.lru_cache
def _tables():
    r"""Polynomials of phase and amplitude in t = 2 (3.3/|xi|)^3 - 1, for xi < -3.3 and xi > 3.3.

    With zeta = (2/3) |xi|^(3/2) Airy functions are q^(-1/2) times exp or cos of the phase
    int q dxi: 1/q is 2 pi Ai Bi, or pi (Ai^2 + Bi^2) from the Hankel function of order 1/3.

    Returns:
        For each sign of xi the coefficients of sqrt|xi|/q, of xi q'/2q and of |xi|^(3/2) times
        what the phase has beyond zeta.
    """
    from scipy import special

    t = np.cos(np.pi * (np.arange(_TERMS) + 0.5) / _TERMS)
    xi = _REACH * ((1 + t) / 2) ** (-1 / 3)
    zeta = 2 / 3 * xi**1.5

    ai, ai_rate, bi, bi_rate = special.airye(xi)
    rate = -xi / 2 * (ai_rate / ai + bi_rate / bi)
    closed = [2 * np.pi * ai * bi * np.sqrt(xi), rate, xi**1.5 / 2 * np.log(2 * ai / bi)]

    h = special.hankel1e(1 / 3, zeta)
    h_rate = np.real(special.hankel1e(-2 / 3, zeta) / h) - 1 / (3 * zeta)
    phase = np.angle(h * np.exp(5j / 12 * np.pi))
    opened = [np.pi / 2 * zeta * np.abs(h) ** 2, -0.5 - 1.5 * zeta * h_rate, xi**1.5 * phase]

    basis = np.polynomial.chebyshev
    series = [[basis.chebfit(t, f, _TERMS - 1) for f in part] for part in (closed, opened)]
    return np.array([[basis.cheb2poly(c) for c in part] for part in series])


def _phases(squares, lengths, slope):
    """The phase, and 1/q and q'/2q at both ends, of the evanescent and of the oscillating part.

    Args:
        squares: |k|^2 at the start and the end of one and then of the other.
        lengths: the two lengths.
        slope: g.
    """
    # A part without length may stand anywhere.
    empty = jnp.repeat(jnp.stack(lengths) <= 0, 2)
    squares, slopes = jnp.where(empty, 1, squares), jnp.where(empty, 0, slope)

    def end(at):
        sign, tables, square, slope = at
        k = jnp.sqrt(square)
        ratio = slope / (square * k)  # |xi|^(-3/2)
        t = 2 * _REACH**3 * ratio * ratio - 1
        width, rate, phase = (_horner(table, t) for table in tables)
        return k, width / k, sign * slope / square * rate, ratio * phase

    tables = jnp.repeat(jnp.asarray(_tables(), squares.dtype), 2, axis=0)
    signs = jnp.asarray([-1, -1, 1, 1], squares.dtype)
    # One loop body for the four compiles faster, and lets none of them be computed twice.
    k, widths, rates, beyond = jax.lax.map(end, (signs, tables, squares, slopes))

    def part(a, b, length):
        # The integral of |k|: a difference of cubes, divided by the slope.
        mean = (2 / 3) * (squares[a] + k[a] * k[b] + squares[b]) / (k[a] + k[b])
        phase = jnp.maximum(length, 0) * mean + beyond[b] - beyond[a]
        return phase, (widths[a], widths[b]), (rates[a], rates[b])

    return part(0, 1, lengths[0]), part(2, 3, lengths[1])


def _horner(coefficients, x):
    value = jnp.full_like(x, coefficients[-1])
    for k in range(_TERMS - 2, -1, -1):
        value = value * x + coefficients[k]
    return value


def _oscillating(phase, widths, rates):
    """Transfer matrix of the part with xi > 3.3."""
    return _from_phase(1, jnp.cos(phase), jnp.sin(phase), widths, rates)


def _evanescent(phase, widths, rates):
    """Transfer matrix of the part with xi < -3.3 times exp(-phase), and the square of that."""
    decay = jnp.exp(-2 * phase)
    cosh, sinh = (1 + decay) / 2, -jnp.expm1(-2 * phase) / 2
    return _from_phase(-1, cosh, sinh, widths, rates), decay


def _from_phase(sign, cos, sin, widths, rates):
    """Transfer matrix from cos and sin of the phase, for sign -1 cosh and sinh."""
    root = jnp.sqrt(widths[0] * widths[1])
    onward, back = cos * widths[1] / root, cos * widths[0] / root
    m12 = sin * root
    m21 = -sign * sin / root - rates[0] * rates[1] * m12 + rates[0] * back - rates[1] * onward
    return onward + rates[0] * m12, m12, m21, back - rates[1] * m12


# --- near it: Taylor series -----------------------------------------------------------------


def _taylor(k2, length, gain):
    """Transfer matrix of a part, from its length, k^2 in its middle and what k^2 gains along it.

    Two solutions start in the middle as 1 and as x. Their coefficients in t = 2 x/length, from t^1
    and from t^0 on, are divided by (length/2)^2 and by length/2: no length is no exception.
    """
    half, gain = length / 2, gain / 2
    z, g = half * half * k2, half * half * gain
    zero = jnp.zeros_like(k2)
    one = _series([zero, -k2 / 2, -gain / 6], 1, z, g)
    x = _series([zero, zero + 1, zero], 0, z, g)

    def solutions(side):
        (value, rate), (value_x, rate_x) = (_at(side, *sums) for sums in (one, x))
        return 1 + half * half * value, half * value_x, half * rate, rate_x

    u, v, u_rate, v_rate = solutions(-1)
    return _times(solutions(1), (v_rate, -v, -u_rate, u))


def _series(terms, first, z, g):
    """Sums of c_k and of k c_k over even and over odd k; c_k k (k-1) = -z c_{k-2} - g c_{k-3}."""
    for k in range(first + len(terms), _DEGREE + 1):
        terms.append((z * terms[-2] + g * terms[-3]) * (-1 / (k * (k - 1))))
    weighted = [k * c for k, c in enumerate(terms, first)]
    even, odd = slice(first % 2, None, 2), slice(1 - first % 2, None, 2)
    return [sum(sequence[part]) for sequence in (terms, weighted) for part in (even, odd)]


def _at(side, even, odd, rate_even, rate_odd):
    """Value and derivative of a series at t = 1 or -1 from its sums."""
    return even + side * odd, side * rate_even + rate_odd
