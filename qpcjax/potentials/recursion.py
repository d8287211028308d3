r"""Scattering at one energy: the log-derivative from both leads to a cut in the middle.

With L = psi' psi^-1 a sector of length H, with squared wavevectors z = lam - k^2 of its modes, does

.. math::
    L \to R L R^\dagger, \qquad
    L \to \mathrm{diag}(c) + Q_b - \mathrm{diag}(d) A, \quad
    A = (L + Q_a + \mathrm{diag}(c))^{-1} \mathrm{diag}(d),

c = sqrt(z) coth(sqrt(z) H) and d = sqrt(z)/sinh(sqrt(z) H), a symmetric form of D. Manolopoulos, J.
Chem. Phys. 85, 6425 (1986). Nothing in it grows exponentially, however deep the tunnelling.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from qpcjax._numerics import safe
from qpcjax._numerics.eigen import eigvalsh
from qpcjax._numerics.small_matrices import inverse, product


class Drop(NamedTuple):
    """A voltage that drops along the region, eV g(x)/C in 1/nm^2, in the shapes of `Sectors`.

    Fields:
        lead: in the two leads, shape (2,).
        middle: in the middles of the sectors, shape (2, N/2).
        entry: what the entries of the sectors have more than the middles, times H/6.
        exit: the same of their exits.
    """

    lead: Any
    middle: Any
    entry: Any
    exit: Any


class Crossing(NamedTuple):
    """Both halves of the region at the cut, in the modes left of it.

    Fields:
        left: L of the left half.
        right: -psi' psi^-1 of the right half.
        green: (left + right)^-1.
        waves: from psi at the cut to the amplitudes of the first modes of the leads, as many as
            were asked for; shape (2, modes, m), None where there are none.
        wavevectors: K_n = sqrt(k^2 - Q_n^2) of the leads' open modes, 0 of closed ones; (2, M).
    """

    left: Any
    right: Any
    green: Any
    waves: Any
    wavevectors: Any


def drop_of(shape, bias, sectors, scale) -> Drop:
    """The voltage drop eV g(x).

    Args:
        shape: g along the region, from 1/2 to -1/2, shape (2 N + 1,).
        bias: eV in meV.
        sectors: the `Sectors`.
        scale: C in meV nm^2.
    """
    g = shape * (bias / scale)
    half = sectors.levels.shape[1]
    kick = sectors.length / 6

    def sides(left, right):
        return jnp.stack([left[:half], right[half:][::-1]])

    start, middle, end = g[:-1:2], g[1::2], g[2::2]
    return Drop(
        jnp.stack([g[0], g[-1]]),
        sides(middle, middle),
        kick * sides(start - middle, end - middle),
        kick * sides(end - middle, start - middle),
    )


def crossing(sectors, squared, drop=None, waves=0, kept=()) -> Crossing:
    """Both halves at the cut.

    Args:
        sectors: the `Sectors`.
        squared: k^2 = E/C in 1/nm^2.
        drop: the `Drop` of a voltage, None without.
        waves: of how many modes of the leads the amplitudes are wanted.
        kept: how many modes are kept on each part of the way from a lead to the cut, see `parts`;
            by default all on the whole way.
    """
    levels, wavevectors = start(sectors.lead_levels, squared, drop)
    lead, found = stages(sectors, kept, drop)
    carry = enter(lead, levels, waves)
    step = Step(sectors.length, squared)
    for into, rows in found:
        carry = _blocked_scan(step, turned(into, carry), rows)
    return meet(carry, sectors.meeting, wavevectors)


def columns(sectors, drop=None, xp: Any = jnp):
    """What a `Step` needs of the sectors, which stand on the first axis."""
    s = sectors
    rows = (s.rotation, s.levels, s.entry, s.exit)
    rows += () if drop is None else drop[1:]
    return tuple(xp.swapaxes(x, 0, 1) for x in rows)


def cuts(count, parts):
    """Where sectors on the way from a lead to the cut fall into equal parts."""
    return [round(k * count / parts) for k in range(parts + 1)]


def parts(count, kept):
    """First sectors and numbers of modes of the parts of the way from a lead to the cut.

    Args:
        count: sectors on the way, N/2.
        kept: modes on each of the parts, which are equally long; equal neighbours are one part.

    Returns:
        A list of (first sector, sector behind the last one, modes).
    """
    ends = cuts(count, len(kept))
    found = []
    for first, last, modes in zip(ends[:-1], ends[1:], kept, strict=True):
        if found and found[-1][2] == modes:
            found[-1] = (found[-1][0], last, modes)
        elif first < last:
            found.append((first, last, modes))
    return found


def stages(sectors, kept, drop=None, xp: Any = jnp):
    """The parts of the way from the leads to the cut, with the modes that are kept in each.

    Returns:
        From the leads' modes to those of the first sectors; and for each part the rotation into its
        modes, None for the first one, and the rows of its sectors, where the first rotation is 1.
    """
    rows = columns(sectors, drop, xp)
    every = sectors.levels.shape[-1]
    found, before = [], None
    for first, last, modes in parts(rows[0].shape[0], kept or (every,)):
        rotation, *others = (_cut(x[first:last], modes, every) for x in rows)
        into = None
        if before is not None:
            into = rows[0][first, :, :modes, :before]
            one = xp.broadcast_to(xp.eye(modes, dtype=rotation.dtype), (1, 2, modes, modes))
            rotation = xp.concatenate([one, rotation[1:]])
        found.append((into, (rotation, *others)))
        before = modes
    return sectors.lead[:, : found[0][1][0].shape[-1]], found


def _cut(rows, modes, every):
    """The first modes alone of what has an axis of them or two."""
    if rows.shape[-1] != every or rows.ndim < 3:  # a voltage, the same for all modes
        return rows
    return rows[..., :modes] if rows.ndim == 3 else rows[..., :modes, :modes]


def start(lead_levels, squared, drop=None):
    """L in the two leads, and the wavevectors of their open modes."""
    longitudinal = squared - lead_levels
    if drop is not None:
        longitudinal = longitudinal - drop.lead[:, None]
    root = safe.root(longitudinal)
    is_open = longitudinal > 0
    wave, decay = jnp.where(is_open, root, 0), jnp.where(is_open, 0, root)
    return jax.lax.complex(decay, -wave), wave


def enter(lead, levels, waves=0):
    """L, and the amplitudes of so many modes of the leads, in the modes of the first sectors."""
    lead = _as_complex(lead)
    back = adjoint(lead)
    return product(lead * levels[:, None, :], back), back[:, :waves] if waves else None


def turned(into, carry):
    """L and amplitudes in the modes of the next part."""
    if into is None:
        return carry
    log, waves = carry
    return rotated(into, log), None if waves is None else times(waves, adjoint(into))


class Step(NamedTuple):
    """One sector of both halves: a step of a scan.

    Fields:
        length: H in nm.
        squared: k^2 in 1/nm^2.
    """

    length: Any
    squared: Any

    def __call__(self, carry, sector):
        """L and amplitudes behind the sector."""
        log, waves = carry
        rotation, levels, entry, exit, *dropped = sector
        z = levels - self.squared
        if dropped:
            z = z + dropped[0][:, None]
        c, d = _coupling(z, self.length)
        before, after = c, c
        if dropped:
            before, after = c + dropped[1][:, None], c + dropped[2][:, None]
        log = rotated(rotation, log)
        passed = jax.vmap(inverse)(log + _as_complex(entry) + _diagonal(_as_complex(before)))
        passed = passed * _as_complex(d)[:, None, :]
        log = _diagonal(_as_complex(after)) + _as_complex(exit)
        log = log - _as_complex(d)[:, :, None] * passed
        if waves is not None:
            waves = product(times(waves, adjoint(rotation)), passed)
        return (log, waves), passed


def meet(carry, meeting, wavevectors) -> Crossing:
    """Both halves in the modes left of the cut."""
    log, waves = carry
    meeting = meeting[: log.shape[-1], : log.shape[-1]]
    left, right = log[0], rotated(meeting, log[1])
    if waves is not None:
        waves = jnp.stack([waves[0], times(waves[1], adjoint(meeting))])
    return Crossing(left, right, inverse(left + right), waves, wavevectors)


def total(found) -> jax.Array:
    """T = Tr[Gamma_l G Gamma_r G^+], Gamma = i (L - L^+)."""
    left, right = _broadening(found.left), _broadening(found.right)
    across = product(left, found.green) * jnp.conj(product(found.green, right))
    return jnp.sum(jnp.real(across))


def eigenvalues(found) -> jax.Array:
    """T_n of a `Crossing` with waves, falling, of those modes of the leads."""
    left, right = found.waves
    k = safe.root(found.wavevectors[:, : left.shape[0]])
    t = product(left, found.green, adjoint(right))
    t = 2 * _as_complex(k[0])[:, None] * t * _as_complex(k[1])
    values = eigvalsh(product(t, adjoint(t)))[::-1]
    return jnp.where(values > 0, values, 0)


def adjoint(matrix):
    """M^+."""
    return jnp.conj(jnp.swapaxes(matrix, -1, -2))


def times(matrix, other):
    """Product of a complex matrix with a real or complex one."""
    if jnp.iscomplexobj(other):
        return product(matrix, other)
    return jax.lax.complex(product(matrix.real, other), product(matrix.imag, other))


def rotated(rotation, matrix):
    """R L R^+ for a real or complex R."""
    back = adjoint(rotation)
    if jnp.iscomplexobj(rotation):
        return product(rotation, matrix, back)
    real, imag = product(rotation, matrix.real, back), product(rotation, matrix.imag, back)
    return jax.lax.complex(real, imag)


def _broadening(matrix):
    return jnp.asarray(1j, matrix.dtype) * (matrix - adjoint(matrix))


def _as_complex(x):
    return x if jnp.iscomplexobj(x) else jax.lax.complex(x, jnp.zeros_like(x))


def _diagonal(x):
    return x[..., :, None] * jnp.eye(x.shape[-1], dtype=x.dtype)


def _coupling(z, length):
    """sqrt(z) coth(sqrt(z) H) and sqrt(z)/sinh(sqrt(z) H), entire functions of z."""
    # The three have a factor g = exp(-sqrt(z) H), or 1, and the last one has it squared.
    cos, sinc, square = safe.scaled_cos_sin(-z * length**2)
    return cos / (sinc * length), safe.root(square) / (sinc * length)


def _blocked_scan(step, carry, rows):
    """A scan that keeps what stands between blocks for its reverse pass, and remakes the rest."""
    count = rows[0].shape[0]
    length = max(k for k in range(1, math.isqrt(count) + 1) if count % k == 0)

    @jax.checkpoint
    def block(carry, rows):
        return jax.lax.scan(lambda c, row: (step(c, row)[0], None), carry, rows)

    rows = tuple(x.reshape(count // length, length, *x.shape[1:]) for x in rows)
    return jax.lax.scan(block, carry, rows)[0]
