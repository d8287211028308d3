"""The paper's abrupt constriction, Eqs. (18)-(20): a hard-wall channel between two half planes."""

import functools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from qpcjax._numerics import safe
from qpcjax._numerics.blocks import largest, leading
from qpcjax._numerics.slopes import slopes_at_once
from qpcjax.constants import GAAS_MASS
from qpcjax.scatterers.channel import AbstractUncoupledChannel, known_floor
from qpcjax.scatterers.channel_formula import (
    channel_slopes,
    channel_transmission,
    transmissions_at,
)
from qpcjax.scatterers.resonances import depth_needed, followed, with_resonances
from qpcjax.scatterers.wavevectors import averaged_wavevector, profile_wavevectors

_FEW_MODES = 3  # written out in an integral; a loop over more compiles faster
_PROFILE_DISTANCE = 0.007  # benchmarks/models.md


def _over_modes(step, e, modes, carry, in_loop, open_alone=False):
    """Fold `step(carry, n, a, b, slope of a, slope of b)` over the modes with A_n = a + ib.

    Modes share the circle segments of Eq. (18): pairs (area, angle), the angle being twice the
    area's derivative by e.

    Args:
        step: returns the carry and an output for the mode.
        e: E/E1 > 0.
        modes: how many.
        carry: the first one.
        in_loop: whether the modes are a loop, or written out.
        open_alone: whether a loop ends with the last mode that opens below the largest e, T_n being
            0 from there on; then there are no outputs, and no derivatives by reverse mode.
    """

    def circle(m):
        return safe.circle_segment(e, m), safe.circle_angle(e, m)

    def body(state, n):
        below, at, carry = state
        above = circle(n + 1)
        a, b = averaged_wavevector(below[0], above[0])
        # An area has the sign of e - q^2.
        slopes = (
            (jnp.where(below[0] > 0, below[1], 0) - jnp.where(above[0] > 0, above[1], 0)) / 4,
            (jnp.where(below[0] > 0, 0, below[1]) - jnp.where(above[0] > 0, 0, above[1])) / 4,
        )
        carry, out = step(carry, n, a, b, *slopes)
        return (at, above, carry), out

    first = (e * (math.pi / 4), jnp.full_like(e, math.pi / 2))
    n = np.arange(modes + 1, dtype=e.dtype)
    if in_loop:
        # With a mode 0 that is thrown away: what stands before a loop is compiled once more.
        def guarded(state, n):
            after, out = body(state, n)
            carry = jax.tree.map(lambda new, old: jnp.where(n > 0, new, old), after[2], state[2])
            return (*after[:2], carry), out

        start = first, first, carry
        if open_alone and jax.default_backend() == "cpu":  # others wait to learn how many
            opens = jnp.asarray(np.arange(modes, dtype=e.dtype) ** 2)
            last = largest(jnp.sum(~(jnp.max(e, initial=-jnp.inf) <= opens)))  # with NaN all
            *_, carry = jax.lax.fori_loop(
                0, last + 1, lambda i, state: guarded(state, jnp.asarray(i, e.dtype))[0], start
            )
            return carry, None
        (*_, carry), out = jax.lax.scan(guarded, start, jnp.asarray(n))
        return carry, jax.tree.map(lambda row: row[1:], out)
    state = (first, circle(jnp.asarray(n[1])), carry)
    for mode in n[1:]:
        state, _ = body(state, jnp.asarray(mode))
    return state[2], None


def mode_transmissions(e, phase, floor, modes):
    """T_1 ... T_modes as an array, at e = E/E1 > 0 with phase = pi L/2w and floor = U/E1."""

    def step(carry, n, a, b, *_):
        return carry, channel_transmission(a, b, e - n * n - floor, phase)

    return _over_modes(step, e, modes, None, True)[1]


def profile_transmissions(e, phase, floor, modes):
    """T_1 ... T_modes with the wavevectors of the modes' own profiles; arguments as above."""
    n = jnp.arange(1, modes + 1, dtype=e.dtype)
    a, b = profile_wavevectors(e, modes)
    return jax.vmap(channel_transmission, (0, 0, 0, None))(a, b, e - n * n - floor, phase)


def profile_total(e, phase, floor, modes):
    """Their sum."""

    def total(e, phase, floor):
        return jnp.sum(profile_transmissions(e, phase, floor, modes))

    return slopes_at_once(total, e, phase, floor)


# Compiled functions of their own: every further use of one is spared its tracing.
@functools.partial(jax.jit, static_argnames=("modes", "in_loop"))
def _total(e, phase, floor, modes, in_loop):
    """T_1 + ... + T_modes; the functions below give it its derivatives."""

    def step(total, n, a, b, *_):
        return total + channel_transmission(a, b, e - n * n - floor, phase), None

    return _over_modes(step, e, modes, jnp.zeros_like(e), in_loop, open_alone=True)[0]


@functools.partial(jax.jit, static_argnames=("chosen", "modes", "in_loop"))
def _total_slopes(chosen, e, phase, floor, modes, in_loop):
    """The derivatives of the sum by these of (e, phase, floor), a tuple."""

    def step(sums, n, a, b, *along):
        by_e, by_phase, by_k2 = channel_slopes(a, b, e - n * n - floor, phase, *along)
        by = (by_e, by_phase, -by_k2)
        return tuple(s + by[i] for s, i in zip(sums, chosen, strict=True)), None

    return _over_modes(step, e, modes, (jnp.zeros_like(e),) * len(chosen), in_loop)[0]


@functools.partial(jax.custom_jvp, nondiff_argnums=(3,))
def total_transmission(e, phase, floor, modes):
    """T_1 + ... + T_modes, with its derivatives; same arguments."""
    return _total(e, phase, floor, modes, True)


@functools.partial(total_transmission.defjvp, symbolic_zeros=True)
def _(modes, primals, tangents):
    e, phase, floor = primals
    value = total_transmission(*primals, modes)
    moved = tuple(i for i, t in enumerate(tangents) if not isinstance(t, SymbolicZero))
    slopes = _total_slopes(moved, e, phase, floor, modes, True)
    moves = (slope * tangents[i] for slope, i in zip(slopes, moved, strict=True))
    return value, sum(moves, jnp.zeros_like(value))


@functools.partial(jax.custom_jvp, nondiff_argnums=(4,))
def bulk_transmission(e, phase, offset, scale, modes):
    """The same, written out: XLA makes one kernel of T and one of each derivative.

    Args:
        e: E/E1 > 0.
        phase: pi L/2w.
        offset: U.
        scale: E1, in the unit of U.
        modes: how many.
    """
    return _total(e, phase, offset / scale, modes, False)


def _moves(offset, scale, tangents):
    """Which of (e, phase, U/E1) move, with their tangents."""
    by_e, by_phase, *by_floor = (None if isinstance(t, SymbolicZero) else t for t in tangents)
    moves = {0: by_e, 1: by_phase}
    if any(t is not None for t in by_floor):
        t_offset, t_scale = (0.0 if t is None else t for t in by_floor)
        moves[2] = (t_offset - offset / scale * t_scale) / scale
    return {i: t for i, t in moves.items() if t is not None}


@functools.partial(bulk_transmission.defjvp, symbolic_zeros=True)
def _(modes, primals, tangents):
    e, phase, offset, scale = primals
    value = bulk_transmission(*primals, modes)

    def slope(i, after):
        """The derivative by (e, phase, floor)[i], after another kernel.

        A kernel with several results is taken to pieces by XLA: kernels that have nothing in common
        are three times as fast, although each evaluates what they could share. Barriers around the
        same would be merged.
        """
        e_, phase_, floor, _ = jax.lax.optimization_barrier((e, phase, offset / scale, after))
        return _total_slopes((i,), e_, phase_, floor, modes, False)[0]

    moved, last = jnp.zeros_like(value), value
    for i, tangent in _moves(offset, scale, tangents).items():
        if i == 2 and isinstance(tangents[2], SymbolicZero):
            # Where U is 0 and does not move, E1 does not move the floor either.
            last = jax.lax.cond(offset == 0, jnp.zeros_like, lambda x: slope(2, x), last)
        else:
            last = slope(i, last)
        moved += last * tangent
    return value, moved


@functools.partial(jax.custom_jvp, nondiff_argnums=(5, 6))
def node_transmission(e, phase, offset, scale, filled, modes, bulk):
    """The same at the nodes of an integral, whose derivatives are evaluated where it is.

    Args:
        e: E/E1 > 0, shape (panels, order).
        phase: pi L/2w.
        offset: U.
        scale: E1, in the unit of U.
        filled: how many panels count.
        modes: how many.
        bulk: whether each derivative has a kernel of its own and every mode is written out. If
            not, all derivatives come from one loop over the modes, which compiles faster.
    """
    in_loop = not bulk and modes > _FEW_MODES
    floor = offset / scale
    return leading(lambda e: _total(e, phase, floor, modes, in_loop), (e,), filled, e.shape[1])


@functools.partial(node_transmission.defjvp, symbolic_zeros=True)
def _(modes, bulk, primals, tangents):
    e, phase, offset, scale, filled = primals
    value = node_transmission(*primals, modes, bulk)

    def slopes(chosen, filled):
        def each(e):
            return _total_slopes(chosen, e, phase, offset / scale, modes, not bulk)

        return leading(each, (e,), filled, e.shape[1])

    moves = _moves(offset, scale, tangents[:4])
    if bulk:
        # See `bulk_transmission`: what is not needed has no panels here.
        still = isinstance(tangents[2], SymbolicZero)
        floors = jnp.where(offset == 0, 0, filled) if still else filled
        by = [slopes((i,), floors if i == 2 else filled)[0] for i in moves]
    else:
        by = slopes(tuple(moves), filled) if moves else ()
    moved = (slope * tangent for slope, tangent in zip(by, moves.values(), strict=True))
    return value, sum(moved, jnp.zeros_like(value))


# For each matching: the function for the T_n and the one for their sum.
MATCHINGS = {
    "mean": (mode_transmissions, total_transmission),
    "profile": (profile_transmissions, profile_total),
}


class AbruptConstriction(AbstractUncoupledChannel):
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
        depth_limit: the largest -U/E1 at which panels end around the nearly bound resonances that a
            deep floor makes. By default the next of 2, 4, 8, 16, 32, 64 above -U/E1 where that is
            concrete and above 0.9, else 0; an integral is NaN where -U exceeds it, and 0.9 E1.

    Raises:
        ValueError: a width, length or mass out of range, an unknown matching, too few modes.

    References:
        SciPost Phys. 12, 105 (2022), Sec. 3.1; A. Szafer and A. D. Stone, PRL 62, 300 (1989).
    """

    depth_limit: float = eqx.field(static=True)

    def __init__(
        self,
        half_width,
        length,
        offset=0.0,
        mass=GAAS_MASS,
        matching="mean",
        modes=8,
        aspect_limit=None,
        depth_limit=None,
    ):
        self._set_channel(half_width, length, offset, mass, aspect_limit)
        if depth_limit is None:
            depth_limit = depth_needed(known_floor(half_width, offset, mass))
        elif not (math.isfinite(depth_limit) and depth_limit >= 0):
            raise ValueError(f"depth_limit must be 0 or a positive number, got {depth_limit!r}")
        self.depth_limit = float(depth_limit)
        self.matching = matching
        self.modes = modes

    def _evaluate(self, function, energy):
        e = jnp.asarray(energy) / self.energy_scale
        # Next to e = 0, where T_1 ~ e^2 underflows, log(e) would overflow.
        closed = e <= jnp.finfo(e.dtype).tiny * 1e16
        phase = math.pi / 2 * (self.length / self.half_width)
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

    def eigenvalues_at(self, energies, bias=0.0):
        """T_n of each mode at an energy of its own."""

        def each(e, phase, floor, _):
            return transmissions_at(e, phase, floor, self.matching)

        return self._evaluate(each, energies)

    def total_at(self, energies, bias=0.0):
        """Their sum."""
        if self.matching == "mean":
            return super().total_at(energies)
        return slopes_at_once(lambda c, e: jnp.sum(c.eigenvalues_at(e)), self, energies)

    @property
    def distance(self):
        """Of "profile" that from all modes coupled, for L/w of 1 to 6 and E of 0.2 to 7 E1."""
        return _PROFILE_DISTANCE if self.matching == "profile" else 0.0

    @property
    def in_one_kernel(self):
        """Whether T(E) has a form that is one kernel: the tables of "profile" have none."""
        return self.matching == "mean"

    def transmissions(self, energies, bias=0.0, filled=None, bulk=False):
        """T(E) at many energies by a loop over modes, or written out for up to three or in bulk."""
        if not self.in_one_kernel or not (bulk or filled is not None):
            return super().transmissions(energies, bias, filled)

        def total(e, phase, _, modes):
            offset = jnp.asarray(self.offset, e.dtype)
            scale = jnp.asarray(self.energy_scale, e.dtype)
            if filled is None:
                return bulk_transmission(e, phase, offset, scale, modes)
            return node_transmission(e, phase, offset, scale, filled, modes, bulk)

        return self._evaluate(total, energies)

    def thresholds(self, bias=0.0):
        """The onsets in meV: n^2 E1, n = 0 ... modes + 1, or 0 alone for "profile"."""
        return self._onsets()

    def mode_thresholds(self, bias=0.0):
        """(n -+ 1)^2 E1 of mode n, or 0 for "profile"."""
        onsets, mode = self._onsets(), np.arange(self.modes)
        if self.matching == "profile":
            return jnp.tile(onsets, self.modes), mode
        return jnp.concatenate([onsets[:-2], onsets[2:]]), np.concatenate([mode, mode])

    def panel_edges(self, bias=0.0):
        """Energies that follow the oscillations in K_n L above each E_n + U, and the tail below.

        How many there are is static, from aspect_limit and modes; where they stand follows L/2w.
        Those that are not needed fall on a threshold.
        """
        n, k2 = self._oscillations(self.modes)
        return (n * n + k2) * self.energy_scale + self.offset

    def resolved(self):
        """Whether L/2w and -U/E1 are within the limits that panel_edges was made for."""
        return super().resolved() & followed(self)

    def _oscillations(self, modes):
        return with_resonances(self, *super()._oscillations(modes))
