"""What carries the heat, and the integrals over energy of where it stops."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics import safe
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM, HBAR2_OVER_2M
from qpcjax.heat.free_paths import Downstream, downstream, reference_energy
from qpcjax.resolution import LOST_WEIGHT
from qpcjax.transport.integrals import Integrand, terms
from qpcjax.validation import require_count

SIDES = ("downstream", "upstream")
PARTS = ("emitted", "net")

_MOST_STOPS = 100  # of an Erlang distribution: each is a term in a sum
_FAR = 700.0  # free paths, beyond which exp(-z) underflows and nothing goes
_UNKNOWN_SHARE = 1e-9  # of the heat, that may be carried where the law has no rate
_HALVED = 0.5 ** np.arange(1, 13)  # panel ends towards the potential, where paths become long


def require_options(side, part, free_path):
    """Raise ValueError for unknown options."""
    if side not in SIDES:
        raise ValueError(f'side must be "downstream" or "upstream", got {side!r}')
    if part not in PARTS:
        raise ValueError(f'part must be "emitted" or "net", got {part!r}')
    if free_path not in ("fixed", "exponential"):
        words = ': the number of an Erlang distribution, or "fixed", or "exponential"'
        require_count("free_path", free_path, 1, words, _MOST_STOPS)


class Carriers(eqx.Module):
    """What stops where: the parameters of the integrals over energy.

    Fields:
        damping: a damping law.
        view: the reservoirs with the bias forward.
        backward: whether the bias is negative.
        reach: sqrt(hbar^2/2m), of which paths are made.
        distance: r in nm.
        cut: E - mu in meV beyond which, away from the potential of the side, carriers count.
        side: "downstream" or "upstream".
        part: "emitted" or "net".
        count: of the Erlang distribution of paths.
        thermal: whether the law has its temperature.
    """

    damping: Any
    view: Downstream
    backward: Any
    reach: Any
    distance: Any
    cut: Any
    side: str = eqx.field(static=True)
    part: str = eqx.field(static=True)
    count: int = eqx.field(static=True)
    thermal: bool = eqx.field(static=True)

    @property
    def temperature(self):
        """Temperature in K that the law is given."""
        kT = self.view.kT_right if self.side == "downstream" else self.view.kT_left
        return kT / BOLTZMANN if self.thermal else jnp.zeros_like(kT)

    def stops(self, x):
        """1/l in 1/nm at an energy x above the potential of the side, 0 at it; NaN without a rate.

        Where x is negative it is that of a hole.
        """
        depth = jnp.abs(x)
        numbers = reference_energy(self.damping, self.view, self.side), self.temperature
        own = self.damping.rate if self.side == "downstream" else self.damping.hole_rate
        rate = own(depth, *numbers)
        if self.part == "net":
            other = self.damping.hole_rate if self.side == "downstream" else self.damping.rate
            below = x < 0 if self.side == "downstream" else x > 0
            rate = jnp.where(below, other(depth, *numbers), rate)
        u = self.view.mu + x
        moves = u > 0
        return jnp.where(moves, rate / (self.reach * jnp.sqrt(jnp.where(moves, u, 1))), jnp.nan)


class Sums(NamedTuple):
    """Integrals over energy, in units of the conductance quantum, or their terms.

    Fields:
        power: the heat.
        unknown: the modulus of the heat whose carriers have no rate.
        cooling: the modulus of the negative part of the heat.
        stopping: the heat times 1/l.
        density: the heat that stops at r, per length.
        beyond: the heat that goes farther than r.
        moment: the heat times the energy above the potential of the side.
    """

    power: Any
    unknown: Any
    cooling: Any
    stopping: Any
    density: Any
    beyond: Any
    moment: Any


def stopping(z, count):
    """What stops at z = k r/l, per z, and what goes farther, of an Erlang distribution."""
    z = jnp.minimum(z, _FAR)
    decay = jnp.exp(-z)
    terms = [decay]
    for j in range(1, count):
        terms.append(terms[-1] * (z / j))
    return terms[-1], sum(terms)


def _heat(energies, carriers):
    c, sign = carriers, 1 if carriers.side == "downstream" else -1
    x = energies.offset + sign * c.view.bias / 2
    flow = energies.transmission * energies.difference
    power = jnp.where(c.backward, -1, 1) * sign * x * flow
    if c.part == "emitted":
        inside = (sign * x > 0) & (sign * (energies.offset - c.cut) > 0)
        power, x = jnp.where(inside, power, 0), jnp.where(inside, x, sign)
    stops = c.stops(x)
    known = ~jnp.isnan(stops)
    stops = jnp.where(known, stops, 0)
    at_r, farther = stopping(c.count * stops * c.distance, c.count)
    return Sums(
        power,
        jnp.where(known, 0, jnp.abs(power)),
        jnp.maximum(-power, 0),
        power * stops,
        power * c.count * stops * at_r,
        power * farther,
        power * x,
    )


def heat_terms(scatterer, reservoirs, carriers):
    """The terms of the integrals, `Sums` of rows in ascending energy."""
    r, view = reservoirs, carriers.view
    up = carriers.side == "downstream"
    warm = jnp.maximum(view.kT_left, view.kT_right)
    top = view.bias + 8 * warm
    halved = jnp.asarray(_HALVED, top.dtype) * top
    near = [-view.bias / 2 + halved if up else view.bias / 2 - halved]
    if carriers.part == "net":
        near.append(-view.bias / 2 - halved if up else view.bias / 2 + halved)
    integrand = Integrand(_heat, True, (carriers,))
    numbers = r.mu, r.bias, r.temperature, r.temperature_bias
    return terms(integrand, scatterer, *numbers, ends=(*near, carriers.cut[None]))


def heat_sums(scatterer, reservoirs, carriers):
    """`Sums` of numbers, NaN where they are not meaningful."""
    found = heat_terms(scatterer, reservoirs, carriers)
    sums = Sums(*(jnp.sum(x) for x in found.rows))
    total = jnp.sum(jnp.abs(found.rows.power))
    valid = found.valid & (sums.unknown <= _UNKNOWN_SHARE * total) & (carriers.view.mu_right > 0)
    return Sums(*(jnp.where(valid, x, jnp.nan) for x in sums))


def carriers_of(scatterer, reservoirs, damping, distance, side, part, count, thermal):
    """The `Carriers` of a point."""
    view = downstream(reservoirs)
    return Carriers(
        damping,
        view,
        reservoirs.bias < 0,
        jnp.sqrt(HBAR2_OVER_2M / jnp.asarray(scatterer.mass, view.mu.dtype)),
        distance,
        jax.lax.stop_gradient(-view.bias / 2 if side == "downstream" else view.bias / 2),
        side,
        part,
        count,
        thermal,
    )


def power_at(scatterer, reservoirs, view, x, side):
    """p(E) in pW/meV at an energy x above the potential of a side; NaN where T(E) is not known."""
    level, shift = (
        (view.mu_right, -view.bias / 2) if side == "downstream" else (view.mu_left, view.bias / 2)
    )
    energy = level + x
    # Counted from mu without its cancellation.
    occupation = safe.fermi_difference(
        x + shift, view.bias / 2, view.kT_left, view.kT_right, view.kT_difference
    )
    t = scatterer.total(energy, reservoirs.bias)
    # Far above mu_L nothing is occupied, whatever the modes that are not kept transmit.
    lost = (energy > scatterer.energy_limit()) & (occupation > LOST_WEIGHT)
    lost = lost | (energy < scatterer.energy_floor())
    t = jnp.where(lost, jnp.nan, t)
    return CONDUCTANCE_QUANTUM * (x if side == "downstream" else -x) * t * occupation


def count_of(free_path):
    """The number k of the Erlang distribution of paths; 1 where there is none."""
    return int(free_path) if isinstance(free_path, int | np.integer) else 1
