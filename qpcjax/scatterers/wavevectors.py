r"""Wavevectors of the wide regions, seen from the modes of a channel.

In units of Q_1 = pi/2w, with e = E/E1 and s = q/Q_1: a plane wave of transverse wavevector s in a
half plane overlaps with channel mode n with the amplitude

.. math:: o_n(s) = \frac{\sqrt 2\, n}{n + s}\, \mathrm{sinc}\frac{s - n}{2}, \qquad
          \int_0^\infty o_n(s)\, o_m(s)\, ds = \delta_{nm}

for n and m of one parity (modes of different parity never mix).
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics import safe

# Relative size below which a Chebyshev coefficient is rounding.
_NEGLIGIBLE = 3e-16
_NODES = 240  # of the overlap integrals, in t^(1/5): enough for 80 modes


def lead_wavevectors(e, modes, matching):
    """Real and imaginary part of the leads' wavevector A_n for modes 1 ... `modes`.

    Args:
        e: E/E1 > 0.
        modes: how many.
        matching: "mean", the average of Eq. (18), or "profile", the average with the true weight of
            the mode's profile among the plane waves, up to e = (modes + 1)^2.
    """
    if matching == "profile":
        return profile_wavevectors(e, modes)
    m = jnp.arange(1, modes + 2, dtype=e.dtype)
    rest = jax.vmap(safe.circle_segment, (None, 0))(e, m)
    segments = jnp.concatenate([e[None] * (math.pi / 4), rest])
    return averaged_wavevector(segments[:-2], segments[2:])


def averaged_wavevector(below, above):
    r"""Averaged lead wavevector of Eq. (18) from the circle segments next to the mode.

    .. math:: A_n = \frac12 \int_{n-1}^{n+1} \sqrt{e - q^2}\, dq

    in units of pi/2w, with e = E/E1 and a positive imaginary part of the root for q^2 > e.

    Args:
        below: signed area under sqrt|e - q^2| between q = n - 1 and q = sqrt(e).
        above: the same from q = n + 1.

    Returns:
        Re A_n, which is exactly 0 below e = (n - 1)^2, and Im A_n.
    """
    real = jnp.maximum(below, 0) - jnp.maximum(above, 0)
    imag = jnp.maximum(-above, 0) - jnp.maximum(-below, 0)
    return real / 2, imag / 2


def profile_wavevectors(e, modes):
    r"""Lead wavevector of each mode, averaged with the mode's own profile.

    .. math:: A_n = \int_0^\infty ds\, o_n(s)^2 \sqrt{e - s^2}

    It has no onset: Re A_n > 0 for every e > 0. Energies above (modes + 1)^2 count as that.
    """
    n = np.arange(1, modes + 1)
    return _evaluate(e, _half_plane_tables(modes, tuple(n), tuple(n)))


def profile_wavevectors_at(e):
    """The same with an energy for each mode, e of shape (modes,)."""
    modes = e.shape[0]
    n = tuple(range(1, modes + 1))
    top, even, real, rest = _half_plane_tables(modes, n, n)
    e = jnp.minimum(e, top)
    chebyshev = _chebyshev(2 * e / top - 1, real.shape[1])

    def series(table):
        return jnp.sum(jnp.asarray(table.T, e.dtype) * chebyshev, axis=0)

    a = series(real) * jnp.where(even, e * e, e)
    return a, series(rest) + jnp.log(e) / math.pi * a


def half_plane_matrix(e, indices, top):
    r"""Wavevector operator of a half plane between modes of one parity.

    .. math:: K_{nm} = \int_0^\infty ds\, o_n(s)\, o_m(s) \sqrt{e - s^2}

    Args:
        e: E/E1, 0 < e <= (top + 1)^2 (larger ones count as that).
        indices: the modes n, a tuple.
        top: sets the range of energies.

    Returns:
        Re K and Im K, each of shape (len(indices), len(indices)).
    """
    n, m = np.meshgrid(indices, indices, indexing="ij")
    size = len(indices)
    tables = _half_plane_tables(top, tuple(n.ravel()), tuple(m.ravel()))
    return tuple(part.reshape(size, size) for part in _evaluate(e, tables))


def overlap(n, s):
    """o_n(s) of plane wave s with channel mode n, also differentiable next to s = n."""
    return math.sqrt(2) * n / (n + s) * safe.sinc(0, (math.pi / 2 * (s - n)) ** 2)


def _evaluate(e, tables):
    """Real and imaginary part from tables of `_half_plane_tables`."""
    top, even, real, rest = tables
    e = jnp.minimum(e, top)
    chebyshev = _chebyshev(2 * e / top - 1, real.shape[1])

    def series(table):
        # Full precision also where a matrix product would be rounded to half of it.
        return jnp.dot(jnp.asarray(table, e.dtype), chebyshev, precision=jax.lax.Precision.HIGHEST)

    a = series(real) * jnp.where(even, e * e, e)
    return a, series(rest) + jnp.log(e) / math.pi * a


def _chebyshev(x, count):
    """T_0(x) ... T_{count - 1}(x), in a loop that compiles many times faster than its unrolling."""

    def step(pair, _):
        before, value = pair
        return (value, 2 * x * value - before), before

    return jax.lax.scan(step, (jnp.ones_like(x), x), length=count)[1]


@functools.lru_cache(maxsize=32)
def _half_plane_tables(top, n, m):
    r"""Chebyshev tables in e of what is entire in the elements K_nm of a half plane's operator.

    Re K_nm is e (or, for modes odd in y, e^2) times an entire function of e, and
    Im K_nm - (ln e/pi) Re K_nm is entire too, since
    K_nm = int_0^1 H_0(pi sqrt(e) t) [e P_nm(t) - n m D_nm(t)] dt with the correlations P of the
    profiles and D of their derivatives.

    Args:
        top: the tables reach from e = 0 to (top + 1)^2.
        n: modes, a tuple.
        m: modes of the same parities, a tuple.

    Returns:
        The last e, which elements have the factor e^2, and two tables of shape (len(n), terms).
    """
    from scipy import special

    n, m = np.array(n, dtype=float)[:, None], np.array(m, dtype=float)[:, None]
    last = float((top + 1) ** 2)
    reach = math.pi * (top + 1)
    terms = int(reach / 2) + 40
    x = np.cos(math.pi * (np.arange(terms) + 0.5) / terms)
    e = last * (1 + x) / 2

    # Re K: over the angle of a plane wave, s = sqrt(e) sin(angle).
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    angle, weight_angle = (node + 1) * math.pi / 4, weight * math.pi / 4
    s = np.sqrt(e)[:, None] * np.sin(angle)
    is_even = n % 2 == 0

    by_angle = weight_angle * np.cos(angle) ** 2
    modes = {
        k: math.sqrt(2) * k / (k + s) * np.sinc((s - k) / 2)
        for k in np.unique(np.concatenate([n, m]))
    }
    real = np.empty((n.size, terms))
    for row, (i, j, odd_in_y) in enumerate(zip(n[:, 0], m[:, 0], is_even[:, 0], strict=True)):
        both = modes[i] * modes[j]
        real[row] = np.sum(by_angle * (both / s**2 * np.sin(angle) ** 2 if odd_in_y else both), 1)

    # Im K: over the distance t between two points of the opening, with t = z^5 for the logarithm.
    z, weight_z = (node + 1) / 2, weight / 2
    t, weight_t = z**5, 5 * z**4 * weight_z
    profiles = _correlation(n, m, t, -1) + _correlation(m, n, t, -1)
    slopes = _correlation(n, m, t, 1) + _correlation(m, n, t, 1)
    phase = np.sqrt(e)[:, None] * math.pi * t
    kernel = special.y0(phase) - np.log(e)[:, None] / math.pi * special.j0(phase)
    kernel = kernel * weight_t
    rest = profiles @ (e[:, None] * kernel).T - n * m * (slopes @ kernel.T)
    # Profiles counted from the wall differ in sign from those whose overlaps are positive.
    rest = rest * (-1.0) ** ((n - m) // 2)

    basis = np.cos(np.arange(terms)[:, None] * np.arccos(x))
    tables = [2 / terms * values @ basis.T for values in (real, rest)]
    for table in tables:
        table[:, 0] /= 2
    size = np.max([np.max(np.abs(t) / np.max(np.abs(t)), axis=0) for t in tables], axis=0)
    kept = int(np.max(np.nonzero(size > _NEGLIGIBLE)[0], initial=0)) + 1
    return last, is_even[:, 0], tables[0][:, :kept], tables[1][:, :kept]


def _correlation(n, m, t, sign):
    """Integral over x from 0 to pi (1 - t) of sin nx sin m(x + pi t), or of cosines for sign 1."""
    tau, end = math.pi * t, math.pi * (1 - t)

    def cosine(rate, phase):
        safe = np.where(rate == 0, 1, rate)
        whole = (np.sin(safe * end + phase) - np.sin(phase)) / safe
        return np.where(rate == 0, end * np.cos(phase), whole)

    return (cosine(n - m, -m * tau) + sign * cosine(n + m, m * tau)) / 2
