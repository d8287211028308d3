"""Waves that come in from one lead: psi and its slope at the ends of all sectors."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from qpcjax._numerics import safe
from qpcjax._numerics.small_matrices import inverse, product
from qpcjax.potentials.recursion import Step, adjoint, columns, enter, start


class Waves(NamedTuple):
    """One wave for each mode of the lead, of unit flux where it is open and 0 where it is closed.

    Fields:
        psi: psi at the ends of the sectors from the lead onwards, in sine functions, shape
            (N + 1, M, waves); the last axis counts the waves, M of them.
        slope: its derivative in the sense in which the waves come in, 1/nm.
        reflected: amplitudes r between the lead's modes, shape (M, M).
        transmitted: amplitudes t to the other lead's modes, shape (M, M).
    """

    psi: Any
    slope: Any
    reflected: Any
    transmitted: Any


def from_right(sectors):
    """The same sectors with both sides exchanged."""
    s = sectors
    sides = (s.modes, s.levels, s.lead, s.rotation, s.entry, s.exit)
    modes, levels, lead, rotation, entry, exit = (x[::-1] for x in sides)
    return s._replace(
        modes=modes,
        levels=levels,
        lead=lead,
        rotation=rotation,
        entry=entry,
        exit=exit,
        meeting=adjoint(s.meeting),
        lead_modes=s.lead_modes[::-1],
        lead_levels=s.lead_levels[::-1],
    )


def waves(sectors, squared, drop=None) -> Waves:
    """The waves that come in from the left lead.

    The log-derivative goes from the right lead through all sectors to the left one, where the
    incoming waves fix psi; what each step of it knows then carries psi back.

    Args:
        sectors: the `Sectors`.
        squared: k^2 = E/C in 1/nm^2.
        drop: the `Drop` of a voltage, None without.
    """
    s = sectors
    steps, wavevectors = start(s.lead_levels, squared, drop)
    log, _ = enter(s.lead, steps)
    near, far = (tuple(row[:, side] for row in columns(s, drop)) for side in (0, 1))
    rotation, levels, entry, exit, *dropped = near
    back = adjoint(rotation)
    # Seen from the right lead the sectors left of the cut are left by their entries.
    turned = (jnp.concatenate([s.meeting[None], back[1:][::-1]]), levels[::-1])
    turned += (exit[::-1], entry[::-1])
    if dropped:
        middle, at_entry, at_exit = dropped
        turned += (middle[::-1], at_exit[::-1], at_entry[::-1])
    rows = tuple(jnp.concatenate([a, b]) for a, b in zip(far, turned, strict=True))
    step = Step(s.length, squared)

    def inwards(log, row):
        (log, _), passed = step((log, None), tuple(x[None] for x in row))
        return log, (log[0], passed[0])

    last, (logs, passed) = jax.lax.scan(inwards, log[1:], rows)
    root = safe.root(wavevectors[0])
    root = jax.lax.complex(root, jnp.zeros_like(root))
    coming = jnp.asarray(-2j, log.dtype) * jnp.diag(root)
    first = product(inverse(log[0] + last[0]), _turn(s.lead[0], coming))
    is_open = jnp.where(wavevectors[0] > 0, 1, 0).astype(first.dtype)
    reflected = root[:, None] * _turn(adjoint(s.lead[0]), first) - jnp.diag(is_open)

    def outwards(psi, row):
        rotation, log, passed = row
        return _turn(rotation, product(passed, psi)), (psi, -product(log, psi))

    onwards = adjoint(rows[0])[::-1]
    final, (before, slope) = jax.lax.scan(outwards, first, (onwards, logs[::-1], passed[::-1]))
    final = _turn(adjoint(s.lead[1]), final)
    root = safe.root(wavevectors[1])
    root = jax.lax.complex(root, jnp.zeros_like(root))
    transmitted = root[:, None] * final
    own = jnp.concatenate([s.modes[0], s.modes[1][::-1]])
    psi = jnp.concatenate([_turn(own, before), _turn(s.lead_modes[1], final)[None]])
    end = -_turn(s.lead_modes[1], steps[1][:, None] * final)
    slope = jnp.concatenate([_turn(own, slope), end[None]])
    return Waves(psi, slope, reflected, transmitted)


def _turn(rotation, psi):
    """A real or complex matrix times psi."""
    if jnp.iscomplexobj(rotation):
        return product(rotation, psi)
    return jax.lax.complex(product(rotation, psi.real), product(rotation, psi.imag))
