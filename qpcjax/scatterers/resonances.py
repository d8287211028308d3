r"""Where the sharp resonances of a lowered channel stand, and how wide they are.

A wave of mode n between the two ends of the channel is reflected with r = (K - A)/(K + A) at each.
In units of pi/2w and E1, with A = a + ib, a round trip gains the phase

.. math:: 2\phi, \quad \phi(e) = \pi \ell k - \theta, \quad k^2 = e - U/E_1 - n^2, \quad
    \theta = \mathrm{atan2}(2 k b,\; k^2 - a^2 - b^2),

and T_n = 1/(1 + (\sin\phi / h)^2) with h = 2ak/|k^2 - A^2|. So resonances stand where phi = pi m,
and h/phi'(e) is half their width. Where plane waves of the leads hardly match the mode, a is small:
just above the onset of the mode in the leads, if the channel's floor is that far down.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.scatterers.channel import SHARPEST
from qpcjax.scatterers.channel_formula import separate_wavevectors

SHALLOW = 0.9  # -U/E1 up to which no resonance is so sharp that panels must end around it
DEPTH_BUCKETS = (2, 4, 8, 16, 32, 64)

_SHARP = 1.2  # h below which panels end around a resonance
_STEPS = 14  # of Newton's method, or halvings where it would leave its bracket
_FIRST_END = 0.8  # half widths from a resonance to the first panel end on each side
_ENDS = 6  # panel ends on each side, in geometric progression up to half way to the next resonance


def depth_needed(floor):
    """The next of DEPTH_BUCKETS above -U/E1; 0 where no resonance has to be followed."""
    if floor >= -SHALLOW:
        return 0.0
    return float(next((b for b in DEPTH_BUCKETS if -floor <= b), -floor))


def followed(channel):
    """Whether the resonances that the floor makes, if it does, are within the static limits."""
    aspect, floor = _numbers(channel)
    room = SHARPEST * aspect <= 1.25 * channel.aspect_limit
    return (-floor <= SHALLOW) | ((-floor <= channel.depth_limit) & room)


def with_resonances(channel, n, k2):
    """Panel ends of the oscillations, and those around the sharp resonances.

    Args:
        channel: an `AbstractUncoupledChannel` with a `depth_limit`.
        n: mode numbers of the panel ends that there are.
        k2: their K_n^2/Q_1^2.
    """
    if channel.depth_limit <= SHALLOW:
        return n, k2
    aspect, floor = jax.lax.stop_gradient(_numbers(channel))
    most = math.ceil(1.75 * channel.aspect_limit / SHARPEST) + 2
    limits = channel.depth_limit, most, channel.modes
    which, ends = resonance_ends(aspect, floor, *limits, channel.matching)
    which, ends = jnp.asarray(which).reshape(-1), ends.reshape(-1)
    return jnp.concatenate([n, which]), jnp.concatenate([k2, ends - which * which - floor])


def _numbers(channel):
    """L/2w and U/E1."""
    scale = jnp.asarray(channel.energy_scale)
    numbers = channel.length / channel.half_width / 2, channel.offset / scale
    return tuple(jnp.asarray(number, scale.dtype) for number in numbers)


def resonance_ends(aspect, floor, depth, most, modes, matching):
    """Energies in E1 around the sharp resonances: panels of the integrals end there.

    Args:
        aspect: L/2w.
        floor: U/E1.
        depth: the largest -U/E1 for which the modes that are followed are enough.
        most: how many resonances of each mode are followed.
        modes: number of modes that are kept.
        matching: "mean" or "profile".

    Returns:
        Mode numbers n and energies, two arrays of shape (modes followed, ends); what is not needed
        stands at the onset of the mode.
    """
    count = min(modes, int((depth + 2) / 2))
    dtype = jnp.result_type(aspect)
    n = np.arange(1, count + 1, dtype=dtype)
    bottom = jnp.asarray(n * n) + floor
    onset = jnp.asarray((n - 1) ** 2 if matching == "mean" else 0 * n)
    tiny = jnp.finfo(dtype).tiny * 1e16

    def phase_and_reflection(e):
        k = jnp.sqrt(jnp.maximum(e - bottom, 0))
        a, b = separate_wavevectors(jnp.maximum(e, tiny), matching)
        along, across = k * k - a * a - b * b, 2 * k * b
        size = jnp.sqrt(along**2 + across**2)
        return math.pi * aspect * k - jnp.arctan2(across, along), 2 * a * k / size

    start = jnp.maximum(onset, bottom)
    order = jnp.maximum(jnp.floor(phase_and_reflection(start)[0] / math.pi) + 1, 0)
    reach = start + jnp.maximum(2, -floor / 3)

    def around(further):
        m = order + further
        low, high = (bottom + (x / aspect) ** 2 for x in (m, m + 1))
        low, high = jnp.maximum(low, start), jnp.minimum(jnp.maximum(high, start), reach)

        def step(_, state):
            low, high, e = state
            phase, slope = jax.jvp(lambda e: phase_and_reflection(e)[0], (e,), (jnp.ones_like(e),))
            below = phase < math.pi * m
            low, high = jnp.where(below, e, low), jnp.where(below, high, e)
            guess = e - (phase - math.pi * m) / slope
            inside = (guess >= low) & (guess <= high)
            return low, high, jnp.where(inside, guess, (low + high) / 2)

        _, _, e = jax.lax.fori_loop(0, _STEPS, step, (low, high, (low + high) / 2))
        (phase, h), (slope, _) = jax.jvp(phase_and_reflection, (e,), (jnp.ones_like(e),))
        sharp = (h > 0) & (h < _SHARP) & (jnp.abs(phase - math.pi * m) < 0.1) & (slope > 0)
        first, last = _FIRST_END * h / slope, math.pi / 2 / slope
        steps = np.linspace(0, 1, _ENDS, dtype=dtype)[:, None]
        away = first * (last / jnp.where(sharp, first, last)) ** steps
        ends = jnp.concatenate([e - away[::-1], e + away])
        return jnp.where(sharp & (ends > start), ends, onset)

    ends = jax.vmap(around)(jnp.arange(most, dtype=dtype))
    ends = jnp.moveaxis(ends, 2, 0).reshape(count, -1)
    return np.broadcast_to(n[:, None], ends.shape), ends
