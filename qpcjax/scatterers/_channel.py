"""Panels that follow the Fabry-Perot oscillations of a channel of constant width."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._fields import concrete, number, require, require_scalar

# Aspect ratios L/2w up to which a set of quadrature panels resolves the Fabry-Perot oscillations.
ASPECT_BUCKETS = (1, 2, 5, 10, 15, 30)
_TRACED_ASPECT = 5


def require_channel(channel):
    """Raise ValueError unless width, length, floor and mass of a hard-wall channel are possible."""
    require_scalar(channel, ("half_width", "length", "offset", "mass"))
    require("half_width", channel.half_width, "a positive width in nm", lambda w: w > 0)
    require("length", channel.length, "a length in nm, 0 or more", lambda length: length >= 0)
    require("offset", channel.offset, "a finite energy in meV", np.isfinite)
    require("mass", channel.mass, "a positive effective mass in m_e", lambda mass: mass > 0)


def channel_edges(aspect, limit, modes):
    """Panel ends e = E/E1 that follow the oscillations in K_n L above n^2, and the tail below.

    How many there are is static, from `limit` and `modes`; where they stand follows L/2w. Those
    that are not needed fall on a threshold.

    Args:
        aspect: L/2w.
        limit: the largest L/2w that they resolve, a Python number.
        modes: number of modes whose oscillations are followed.

    Returns:
        Shape (modes, k); a channel's floor is not in them.
    """
    aspect = jnp.clip(jax.lax.stop_gradient(aspect), 1, max(limit, 1))
    n = jnp.arange(1, modes + 1, dtype=aspect.dtype)[:, None]
    above = _phase_steps(aspect, limit, math.sqrt(2 * modes + 1))
    below = _tail_steps(aspect, limit, math.sqrt(modes))
    return jnp.concatenate(
        [
            jnp.minimum(n * n + above**2, (n + 1) ** 2),
            jnp.where(below**2 < n - 0.5, n * n - below**2, n * n),
        ],
        axis=1,
    )


def is_resolved(length, half_width, limit):
    """Whether L/2w is within the aspect ratio that `channel_edges` were made for."""
    return length <= 1.25 * limit * 2 * half_width


def _phase_steps(aspect, limit, reach):
    """Values t of sqrt|K_n^2| between which T_n varies little above E_n, from 0 to `reach`.

    Oscillations are even in K_n, one for each 1/aspect; the resonances at small K_n are sharper,
    with a width proportional to K_n / aspect. So t grows by the factor 1 + 1/aspect from
    0.5/aspect to 1.8, and by 1.8/aspect from there.

    Args:
        aspect: L/2w, from 1 to `limit`.
        limit: the aspect ratio for which the number of steps is enough.
        reach: the last t.
    """

    def growing(a, np_):
        return np_.log(3.6 * a) / np_.log1p(1 / a)

    limit = max(limit, 1)
    last = growing(limit, np)
    count = math.ceil(last + max(reach - 1.8, 0) / 1.8 * limit) + 1
    j = jnp.arange(count, dtype=aspect.dtype)
    turn = growing(aspect, jnp)
    t = 0.5 / aspect * jnp.exp(jnp.minimum(j, turn) * jnp.log1p(1 / aspect))
    t = t + jnp.maximum(j - turn, 0) * 1.8 / aspect
    return jnp.concatenate([jnp.zeros(1, t.dtype), t])


def _tail_steps(aspect, limit, reach):
    """The same below E_n, where T_n falls as exp(-2 pi aspect t): t doubles from 0.7/aspect."""
    count = math.ceil(math.log2(max(reach * max(limit, 1) / 0.7, 2)))
    return 0.7 / aspect * 2.0 ** jnp.arange(count, dtype=aspect.dtype)


def aspect_bucket(half_width, length, limit):
    """Static aspect limit: the one given, or the next bucket above L/2w where that is known."""
    if limit is not None:
        if not (math.isfinite(limit) and limit > 0):
            raise ValueError(f"aspect_limit must be a positive number, got {limit!r}")
        return float(limit)
    w, length = concrete(number(half_width)), concrete(number(length))
    if w is None or length is None or w.ndim or length.ndim or not w > 0:
        return float(_TRACED_ASPECT)
    aspect = float(length / (2 * w))
    return float(next((b for b in ASPECT_BUCKETS if aspect <= b), max(aspect, 1)))
