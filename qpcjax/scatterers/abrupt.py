"""The paper's abrupt constriction, Eqs. (18)-(20): a hard-wall channel between two half planes."""

import functools
import math

import equinox as eqx
import jax
import jax.numpy as jnp

from qpcjax import _safe
from qpcjax._fields import require_count
from qpcjax.scatterers._channel import AbstractChannel
from qpcjax.scatterers._wavevector import averaged_wavevector, profile_wavevectors
from qpcjax.units import GAAS_MASS


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
    cos, sin_over, scale = _safe.scaled_cos_sin(phase**2 * k2)
    x = 2 * b * cos + (a * a + b * b - k2) * phase * sin_over
    passed = 4 * a * a * scale
    return passed / (passed + x * x)


def mode_transmission(below, above, e, n, phase, floor):
    """T_n with the lead's wavevector of Eq. (18).

    Args:
        below: signed circle segment at q = n - 1.
        above: signed circle segment at q = n + 1.
        e: E/E1 > 0.
        n: the mode.
        phase: pi L/2w.
        floor: U/E1.
    """
    return channel_transmission(*averaged_wavevector(below, above), e - n * n - floor, phase)


def _over_modes(step, e, modes, carry):
    """Scan `step(carry, n, below, above)` over the modes, sharing their circle segments.

    Segments are pairs (area, angle), the angle being twice the area's derivative. One loop body
    for all modes compiles many times faster than unrolled modes and runs nearly as fast.
    """

    def pair(m):
        return _safe.circle_segment(e, m), _safe.circle_angle(e, m)

    def body(state, n):
        below, at, carry = state
        above = pair(n + 1)
        carry, out = step(carry, n, below, above)
        return (at, above, carry), out

    first = (e * (math.pi / 4), jnp.full_like(e, math.pi / 2))
    n = jnp.arange(1, modes + 1, dtype=e.dtype)
    (*_, carry), out = jax.lax.scan(body, (first, pair(n[0]), carry), n)
    return carry, out


def mode_transmissions(e, phase, floor, modes):
    """T_1 ... T_modes as an array, at e = E/E1 > 0 with phase = pi L/2w and floor = U/E1."""

    def step(carry, n, below, above):
        return carry, mode_transmission(below[0], above[0], e, n, phase, floor)

    return _over_modes(step, e, modes, None)[1]


def profile_transmissions(e, phase, floor, modes):
    """T_1 ... T_modes with the wavevectors of the modes' own profiles; arguments as above."""
    n = jnp.arange(1, modes + 1, dtype=e.dtype)
    a, b = profile_wavevectors(e, modes)
    return jax.vmap(channel_transmission, (0, 0, 0, None))(a, b, e - n * n - floor, phase)


def profile_total(*arguments):
    """Their sum."""
    return jnp.sum(profile_transmissions(*arguments))


@functools.partial(jax.custom_jvp, nondiff_argnums=(3,))
def total_transmission(e, phase, floor, modes):
    """T_1 + ... + T_modes, with its three derivatives at once; same arguments."""

    def step(total, n, below, above):
        return total + mode_transmission(below[0], above[0], e, n, phase, floor), None

    return _over_modes(step, e, modes, jnp.zeros_like(e))[0]


@total_transmission.defjvp
def _(modes, primals, tangents):
    e, phase, floor = primals
    gradient = jax.grad(mode_transmission, (0, 1, 2, 4, 5))

    def step(slopes, n, below, above):
        by_below, by_above, by_e, by_phase, by_floor = gradient(
            below[0], above[0], e, n, phase, floor
        )
        by_e = by_e + (by_below * below[1] + by_above * above[1]) / 2
        return jax.tree.map(jnp.add, slopes, (by_e, by_phase, by_floor)), None

    zero = jnp.zeros_like(e)
    slopes, _ = _over_modes(step, e, modes, (zero, zero, zero))
    tangent = sum(slope * t for slope, t in zip(slopes, tangents, strict=True))
    return total_transmission(*primals, modes), tangent


# For each matching: the function for the T_n and the one for their sum.
MATCHINGS = {
    "mean": (mode_transmissions, total_transmission),
    "profile": (profile_transmissions, profile_total),
}


class AbruptConstriction(AbstractChannel):
    r"""A hard-wall channel of width 2w and length L between two half planes, Eqs. (18)-(20).

    .. math::
        T_n = \left[\frac{4 |K_n| \mathrm{Re} A_n}{|D_n|}\right]^2, \quad
        D_n = (K_n + A_n)^2 e^{-i K_n L} - (K_n - A_n)^2 e^{i K_n L}, \quad
        K_n^2 = k^2 - Q_n^2 - 2 m U/\hbar^2

    with Q_n = n pi/2w and the lead's wavevector A_n averaged over [Q_{n-1}, Q_{n+1}] (Eq. 18).
    T_n = 0 below E_{n-1} = (n-1)^2 E1; T is not smooth at these onsets. Only the leads' band
    bottom is an onset with matching="profile".

    Args:
        half_width: w in nm.
        length: L in nm, 0 or more.
        offset: U in meV, the channel's floor above the bottom of the 2DEG's conduction band.
        mass: effective mass in m_e; GaAs by default.
        matching: "mean", the average of Eq. (18), the paper's; or "profile", the average over all
            plane waves with the weight that the channel's mode has among them, which comes much
            nearer to the exact answer and has no onsets: A_n = int_0^inf ds o_n(s)^2 sqrt(k^2 -
            s^2) with the overlaps o_n of the mode with half-plane waves.
        modes: number N of channel modes kept. T(E) is NaN above N^2 E1: up to there it is whole
            with "mean", and lacks the tunnelling through mode N + 1 with "profile".
        aspect_limit: the largest L/2w that the panels of the energy integrals resolve. By default
            the next of 1, 2, 5, 10, 15, 30, 60, 120 above L/2w, or above up to 5 times that where a
            floor makes the resonances sharper, if they are concrete, else 5; an integral is NaN
            where L/2w exceeds it by more than a quarter.

    Raises:
        ValueError: a width, length or mass out of range, an unknown matching, too few modes.

    References:
        SciPost Phys. 12, 105 (2022), Sec. 3.1; A. Szafer and A. D. Stone, PRL 62, 300 (1989).
    """

    matching: str = eqx.field(static=True)
    modes: int = eqx.field(static=True)

    def __init__(
        self,
        half_width,
        length,
        offset=0.0,
        mass=GAAS_MASS,
        matching="mean",
        modes=8,
        aspect_limit=None,
    ):
        self._set_channel(half_width, length, offset, mass, aspect_limit)
        self.matching = matching
        self.modes = modes

    def __check_init__(self):
        if self.matching not in MATCHINGS:
            raise ValueError(f'matching must be "mean" or "profile", got {self.matching!r}')
        require_count("modes", self.modes)

    def _evaluate(self, function, energy):
        e = jnp.asarray(energy) / self.energy_scale
        # Next to e = 0, where T_1 ~ e^2 underflows, log(e) would overflow.
        closed = e <= jnp.finfo(e.dtype).tiny * 1e16
        phase = math.pi * self.length / (2 * self.half_width)
        t = function(
            jnp.where(closed, 1, e),
            jnp.asarray(phase, e.dtype),
            jnp.asarray(self.offset / self.energy_scale, e.dtype),
            self.modes,
        )
        return jnp.where(closed, 0, t)

    def eigenvalues(self, energy, bias=0.0):
        """T_n(E), Eq. (19), at one energy in meV; it does not depend on the bias."""
        return self._evaluate(MATCHINGS[self.matching][0], energy)

    def total(self, energy, bias=0.0):
        """T(E), the sum of the T_n."""
        return self._evaluate(MATCHINGS[self.matching][1], energy)

    def thresholds(self, bias=0.0):
        """The onsets in meV: n^2 E1, n = 0 ... modes + 1, or 0 alone for "profile"."""
        scale = jnp.asarray(self.energy_scale)
        count = 1 if self.matching == "profile" else self.modes + 2
        return jnp.arange(count, dtype=scale.dtype) ** 2 * scale

    def panel_edges(self, bias=0.0):
        """Energies that follow the oscillations in K_n L above each E_n + U, and the tail below.

        How many there are is static, from aspect_limit and modes; where they stand follows L/2w.
        Those that are not needed fall on a threshold.
        """
        n, k2 = self._oscillations(self.modes)
        return (n * n + k2) * self.energy_scale + self.offset

    def energy_limit(self):
        """E_modes in meV, the onset of the first mode that is not kept."""
        return self.modes**2 * self.energy_scale
