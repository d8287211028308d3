r"""Damping by modes: plasmons, or plasmons coupled to optical phonons, that an electron emits.

.. math:: \Gamma = E_F \int dw \frac{\beta}{|\partial \epsilon/\partial q|
    \sqrt{(2kq)^2 - (w + q^2)^2}}

over the zeros q(w) of the dielectric function outside the continuum of pairs. An electron emits w
where epsilon is positive at the least wavevector that it can give off with w, and negative at the
edge of the continuum. Energies in units of E_F, wavevectors in units of k_F.
"""

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics.roots import falling_root, newton_root

_ENERGIES = 40  # Gauss nodes of the integral
_GRID, _ZOOMS = 33, 6  # by which the largest value on a line is found
_LEAST = 1e-9  # a share of a range, near enough to where epsilon diverges
_STEPS = 12  # of Newton's method


def mode_rate(x, screening):
    """Gamma/E_F of an electron x above the Fermi energy, and where the mode meets the continuum.

    Returns:
        The rate, 0 where no mode can be emitted, and the energy w at which the mode enters the
        continuum, infinite where that lies above x.
    """
    k = jnp.sqrt(1 + x)
    longest = x / (k + 1)  # k - 1, where w = x

    def line(q):
        return _on_line(q, x, screening)

    top = _top(line, longest)
    emits = line(top) > 0
    enters = _at_edge(x, screening) > 0

    def root(function, lower, upper, wanted):
        """Where a function falls through 0; without a root the middle, at no slope of its own."""
        middle = jax.lax.stop_gradient((lower + upper) / 2)
        return falling_root(lambda at: jnp.where(wanted, function(at), middle - at), lower, upper)

    first = root(lambda q: -line(q), _LEAST * top, top, emits)
    second = root(line, top, longest, emits & ~enters)
    merging = root(lambda w: -_at_edge(w, screening), _LEAST * x, x, enters)
    start = (2 * k - first) * first
    end = jnp.where(enters, merging, (2 * k - second) * second)
    s, weight = np.polynomial.legendre.leggauss(_ENERGIES)
    s = (s + 1) / 2
    along, weight = (
        jnp.asarray(a, x.dtype) for a in (s**2 * (3 - 2 * s), 3 * weight * s * (1 - s))
    )
    density = jax.vmap(_emitted, (0, None, None, None))
    rate = (end - start) * jnp.sum(
        weight * density(start + (end - start) * along, x, screening, emits)
    )
    merging = jnp.where(enters, jax.lax.stop_gradient(merging), jnp.inf)
    return jnp.where(emits, rate, 0), merging


def threshold(screening):
    """The least x from which a mode is emitted; with phonons below the transverse one."""
    beta = jax.lax.stop_gradient(screening.strength)
    most = 1 + beta + 2 * jnp.sqrt(beta) if screening.lower is None else screening.lower

    def searched(x):
        longest = x / (jnp.sqrt(1 + x) + 1)

        def line(q):
            return _on_line(q, x, screening)

        return -line(_top(line, longest))

    x = jax.lax.stop_gradient(falling_root(searched, _LEAST * most, (1 - _LEAST) * most))
    longest = x / (jnp.sqrt(1 + x) + 1)
    q = _top(lambda q: _on_line(q, x, screening), longest)

    def touches(at):
        value, slope = jax.value_and_grad(_on_line)(at[0], at[1], screening)
        return jnp.stack([value, slope])

    found, _ = newton_root(touches, jnp.stack([q, x]), lambda at: at, _STEPS)
    return found[1]


def _on_line(q, x, screening):
    """Epsilon where an electron gives off the least q with its w: at w = 2 k q - q^2."""
    k = jnp.sqrt(1 + x)
    minus = (x / (k + 1) - q) * (k + 1 - q)
    return screening.dielectric(q, (2 * k - q) * q, jnp.maximum(minus, 0))


def _at_edge(w, screening):
    """Epsilon at the edge of the continuum of pairs."""
    q = w / (jnp.sqrt(1 + w) + 1)
    return 1 + screening.at(q, w) / q * (1 - jnp.sqrt(w) / q)


def _top(function, longest):
    """Where a function of q is largest between 0 and the longest one."""
    share = jnp.linspace(0, 1, _GRID, dtype=longest.dtype)[1:-1]

    def zoom(_, ends):
        q = ends[0] + (ends[1] - ends[0]) * share
        at = q[jnp.argmax(jax.vmap(function)(q))]
        step = (ends[1] - ends[0]) / (_GRID - 1)
        return jnp.stack([at - step, at + step])

    ends = jax.lax.stop_gradient(jnp.stack([jnp.zeros_like(longest), longest]))
    ends = jax.lax.fori_loop(0, _ZOOMS, zoom, ends)
    return jax.lax.stop_gradient(jnp.mean(ends))


def _emitted(w, x, screening, emits):
    """What is emitted of the mode of energy w."""
    k, s = jnp.sqrt(1 + x), jnp.sqrt(1 + w)
    other = jnp.sqrt(1 + x - w)
    high = k + other
    low = w / high
    gap = w / (s + 1) - low

    def epsilon(share):  # falls from the least wavevector to the edge of the continuum
        q, left = low + gap * share, gap * (1 - share)
        minus = left * (s + 1 + q) * (s + 1 - q) * (q + w / (s + 1)) / (4 * q * q)
        return screening.dielectric(q, w, minus)

    share = falling_root(
        lambda at: jnp.where(emits, epsilon(at), 0.5 - at), jnp.zeros_like(w), jnp.ones_like(w)
    )
    # The root is known to an error of the bracket; a step of Newton's, to an error of itself.
    share = jnp.where(emits, share - epsilon(share) / jax.grad(epsilon)(share), 0.5)
    q = low + gap * share
    slope = -jax.grad(epsilon)(share) / gap
    phase = jnp.sqrt(gap * share * (high - q) * (q + low) * (q + high))
    return screening.at(q, w) / (slope * phase)
