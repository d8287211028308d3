"""The transmission of one mode of a hard-wall channel, Eqs. (19)-(20), and its derivatives."""

import math

import jax.numpy as jnp

from qpcjax._numerics import safe
from qpcjax.scatterers.wavevectors import averaged_wavevector, profile_wavevectors_at


def channel_transmission(a, b, k2, phase):
    r"""T_n of Eqs. (19)-(20) in real arithmetic.

    With A = a + ib, K^2 real of either sign and |A|^2 = a^2 + b^2,

    .. math::
        T_n = \frac{4 a^2}{4 a^2 + X^2}, \qquad
        X = 2 b \cos(K L) + (|A|^2 - K^2) \frac{\sin(K L)}{K},

    an entire function of K^2: smooth at K = 0, where Eq. (19) as printed is 0/0. The common
    factor exp(-|K| L) of deep tunnelling is taken out.

    Args:
        a: Re A_n in units of pi/2w.
        b: Im A_n.
        k2: K_n^2 in units of (pi/2w)^2.
        phase: pi L/2w.
    """
    cos, sin_over, scale = safe.scaled_cos_sin(phase**2 * k2)
    x = 2 * b * cos + (a * a + b * b - k2) * phase * sin_over
    passed = 4 * a * a * scale
    return passed / (passed + x * x)


def channel_slopes(a, b, k2, phase, along_a, along_b):
    """Derivatives of `channel_transmission` by the energy, by phase, and by k2 alone.

    With the energy K_n^2 moves, and A_n along with it.

    Args:
        a: Re A_n, and so on.
        b: as there.
        k2: as there.
        phase: as there.
        along_a: da/dk2.
        along_b: db/dk2.
    """
    z = phase**2 * k2
    cos, sinc, scale = safe.scaled_cos_sin(z)
    sin_over, excess = phase * sinc, a * a + b * b - k2
    x = 2 * b * cos + excess * sin_over
    # T is the same function of a and X whatever their common scale.
    by_k2 = excess * phase**3 * safe.scaled_sinc_slope(z) - (1 + b * phase) * sin_over
    by_phase = excess * cos - 2 * b * k2 * sin_over
    by_e = by_k2 + 2 * (along_b * cos + (a * along_a + b * along_b) * sin_over)
    passed = 4 * a * a * scale
    factor = 8 * a * scale * x / (passed + x * x) ** 2
    return factor * (x * along_a - a * by_e), -factor * a * by_phase, -factor * a * by_k2


def separate_wavevectors(e, matching):
    """Re A_n and Im A_n of each mode at an energy of its own, e = E/E1 > 0 of shape (modes,)."""
    if matching == "profile":
        return profile_wavevectors_at(e)
    n = jnp.arange(1, e.shape[0] + 1, dtype=e.dtype)
    below = jnp.where(n == 1, e * (math.pi / 4), safe.circle_segment(e, jnp.maximum(n - 1, 1)))
    return averaged_wavevector(below, safe.circle_segment(e, n + 1))


def transmissions_at(e, phase, floor, matching):
    """T_n of each mode at an energy of its own; phase = pi L/2w and floor = U/E1."""
    n = jnp.arange(1, e.shape[0] + 1, dtype=e.dtype)
    return channel_transmission(*separate_wavevectors(e, matching), e - n * n - floor, phase)


def rises_at(e, phase, floor, matching):
    """Numbers that rise through 0 where T_n passes 1/2 for the first time; arguments as above.

    That is where X of `channel_transmission`, positive in tunnelling, falls to 2a: a resonance that
    is sharper than the distance of two energies does not hide there. Where the floor is so far down
    that nothing tunnels, T_n itself is what tells.
    """
    n = jnp.arange(1, e.shape[0] + 1, dtype=e.dtype)
    k2 = e - n * n - floor
    a, b = separate_wavevectors(e, matching)
    cos, sin_over, scale = safe.scaled_cos_sin(phase**2 * k2)
    x = 2 * b * cos + (a * a + b * b - k2) * phase * sin_over
    tunnels = floor > 1 - 2 * n
    return 2 * a * jnp.sqrt(scale) - jnp.where(tunnels, x, jnp.abs(x))
