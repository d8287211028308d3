"""A gated device at its voltages as a scatterer, every number of which may be changed."""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.constants import BOLTZMANN
from qpcjax.gates import GatedDevice, GatedPotential
from qpcjax.gates.boxes import refuse_outside
from qpcjax.quantities import Quantity, closest, holding
from qpcjax.scatterers import (
    AbstractScatterer,
    PotentialScatterer,
    TabulatedTransmission,
    joint_sizes,
    resolve,
)
from qpcjax.staircases.region import Region, barrier
from qpcjax.staircases.tabulation import ABOVE
from qpcjax.transport.transmission import transmission
from qpcjax.validation import Real, allowed

# Distance in meV of the energies of the table, near mu and in the thermal tails.
_SPACING, _TAIL_SPACING = 0.15, 0.35
_NEAR, _TAIL = 6.0, 16.0  # thermal widths up to which electrons are near, and count at all
_FLOOR = 1e-9  # added to T: integrals over a closed constriction keep their digits
_LEAST_REACH = 0.3  # meV, of the table on either side of mu
_STACK, _GATES = ("density", "depth"), ("gap", "length")


def _own(name, symbol, unit, words, above_zero=False, optional=True) -> dict[str, Any]:
    lower = 0.0 if above_zero else -math.inf
    quantity = Quantity(name, symbol, unit, words, lower=lower, above=above_zero)
    return {**allowed(quantity, optional=optional), "quantity": quantity}


def _read_sizes(given):
    """Sizes of scattering states as sorted pairs, which are static."""
    return None if given is None else tuple(sorted(dict(given).items()))


class GatedConstriction(AbstractScatterer):
    r"""The constriction that gates make at their voltages, as a scatterer like any other.

    T(E) is that of the potential of `GatedDevice.potential` in the region around the gates. Each
    question solves the electrostatics, and tabulates T(E) around the device's mu at energies that
    are enough for the reservoirs which `with_room` was told; beyond them T keeps its last value,
    and 1e-9 is added, so that a closed constriction has results.
    Designs free the numbers `voltage`, `second_voltage`, `density`, `depth`, and of a `SplitGate`
    `gap` and `length`; derivatives go through the electrostatics and the scattering states.

    Args:
        layout: a `GatedDevice`. A number that is given below goes before that of the layout.
        voltage: V, of all gates that are not named in `second`.
        second: names of gates that have a voltage of their own.
        second_voltage: theirs in V.
        density: n_0 of the gas in 1e11 cm^-2; mu follows it.
        depth: of the gas in nm.
        gap: between the two bars of a split gate in nm.
        length: of the bars in nm.
        region: where T(E) is calculated; by default `Region.of(layout)`.
        sizes: of the scattering states, {"sectors": ..., "modes": ..., "kept": ...}, where they are
            known; `with_room` chooses them otherwise.
        offsets: energies of the table in meV, less mu; `with_room` chooses them.
        near: a potential from which the electrostatics start; results do not depend on it.

    Raises:
        ValueError: a number out of range, a gate that there is not, no gate for `voltage`, a gap or
            length of gates that have none, a bare surface.
        TypeError: a layout that is no `GatedDevice`.
    """

    layout: GatedDevice
    voltage: Real = eqx.field(
        metadata=_own("voltage", "V_g", "V", "voltage of the gates", optional=False)
    )
    second: tuple[str, ...] = eqx.field(default=(), static=True, converter=tuple)
    second_voltage: Real = eqx.field(
        default=None, metadata=_own("second_voltage", "", "V", "voltage of the second gates")
    )
    density: Real = eqx.field(default=None, metadata=holding("density", optional=True))
    depth: Real = eqx.field(default=None, metadata=_own("depth", "d", "nm", "depth of gas", True))
    gap: Real = eqx.field(default=None, metadata=_own("gap", "", "nm", "gap of the gates", True))
    length: Real = eqx.field(
        default=None, metadata=_own("length", "L", "nm", "length of the gates", True)
    )
    region: Any = eqx.field(default=None, static=True)
    sizes: Any = eqx.field(default=None, static=True, converter=_read_sizes)
    offsets: Any = None
    near: GatedPotential | None = None

    follows_bias = False
    opens_in_steps = False
    dear = True

    def __check_init__(self):
        if not isinstance(self.layout, GatedDevice):
            raise TypeError(f"layout must be a GatedDevice, got {type(self.layout).__name__}")
        stack, gates = self.layout.stack, self.layout.gates
        if stack.surface == "bare":
            raise ValueError("surface must be frozen or pinned: a bare one has no gate voltages")
        for name in self.second:
            if name not in gates.names:
                raise ValueError(f"there is no gate {name!r}: {closest(name, gates.names)}")
        if set(self.second) == set(gates.names):
            raise ValueError("second must leave out one gate or more, which have the voltage")
        if bool(self.second) != (self.second_voltage is not None):
            raise ValueError("second gates and second_voltage go together: give both or none")
        for name in (*_STACK, *_GATES):
            known = getattr(stack if name in _STACK else gates, name, None)
            if getattr(self, name) is None:
                object.__setattr__(self, name, known)
            elif known is None:
                raise ValueError(f"these gates have no {name} of their own: leave it out")
        if self.region is None:
            object.__setattr__(self, "region", Region.of(self.layout))

    # --- the device -------------------------------------------------------------------------

    @property
    def device(self) -> GatedDevice:
        """The `GatedDevice` with these numbers."""
        names = [n for n in (*_STACK, *_GATES) if getattr(self, n) is not None]

        def places(device):
            return [getattr(device.stack if n in _STACK else device.gates, n) for n in names]

        return eqx.tree_at(places, self.layout, [jnp.asarray(getattr(self, n)) for n in names])

    @property
    def voltages(self) -> dict[str, Any]:
        """Voltages in V of all gates."""
        names = self.layout.gates.names
        return {n: self.second_voltage if n in self.second else self.voltage for n in names}

    @property
    def own_mu(self) -> Any:
        """Electrochemical potential in meV, which the density sets."""
        return self.device.mu

    @property
    def mass(self) -> Any:
        """Effective mass in m_e."""
        return self.layout.stack.mass

    def potential(self) -> GatedPotential:
        """The potential of the electrons."""
        return self.device.potential(self.voltages, start=self.near)

    def with_room(self, points: Iterable[tuple[Any, Any]]) -> "GatedConstriction":
        """The same with a table of T(E), and scattering states, that serve operating points.

        Args:
            points: pairs of a `GatedConstriction` like this one with numbers that it may get, and
                of `Reservoirs`.

        Raises:
            ValueError: gates that leave the box; gates that leave no electrons, or let them pass
                along the edges of the strip, at all of the points; sizes that are too small.
        """
        points = list(points)
        offsets = _offsets([(float(c.own_mu), r) for c, r in points])
        highest = max(float(c.own_mu) for c, _ in points) + offsets[-1]
        solved, refused = [], None
        for c, _ in points:
            refuse_outside(c.device.gates, c.layout.mesh)
            try:
                potential = c.device.potential(c.voltages, start=solved[-1][1] if solved else None)
            except ValueError as error:
                refused = error
                continue
            solved.append((barrier(potential, c.region), potential, c))
        if not solved:
            raise ValueError(f"the gates cannot have these voltages: {refused}")
        ends = [pick(solved, key=lambda found: found[0]) for pick in (min, max)]
        sizes = self.sizes
        if sizes is None:
            sizes = joint_sizes([_resolved(c, potential, highest) for _, potential, c in ends])
        sizes = {**dict(sizes), "highest": float(highest)}
        roomy = dataclasses.replace(self, sizes=sizes, offsets=offsets, near=ends[0][1])
        states = [roomy.states(potential) for _, potential, _ in ends]
        known = min(float(s.energy_limit()) for s in states)
        if known < highest:
            raise ValueError(
                f"electrons reach up to {highest:.4g} meV, and with these sizes T(E) is known up "
                f"to {known:.4g} meV: take more modes or sectors, or leave sizes out"
            )
        leak = max(float(s.leak()) for s in states)
        if leak < highest:
            raise ValueError(
                f"electrons pass along the edges of the strip above {leak:.4g} meV, and those up "
                f"to {highest:.4g} meV count: take a wider region, or more negative voltages"
            )
        return roomy

    # --- the scatterer ----------------------------------------------------------------------

    def settled(self) -> TabulatedTransmission:
        """T(E) as a table, from one solution of the electrostatics; NaN where there is none."""
        return self.table(self.passed()[0])

    def passed(self) -> tuple[jax.Array, jax.Array]:
        """T at the energies of the table, and the charge of the sheets that was found for it."""
        potential = self.potential()
        c, energies = self.states(potential), self._energies()
        inside = energies > 0
        passed = transmission(c, jnp.where(inside, energies, energies[-1]))
        passed = jnp.where(inside, jnp.maximum(passed, 0), 0)
        return jnp.where(c.leak() > energies[-1], passed, jnp.nan), potential.charge

    def table(self, passed: Any) -> TabulatedTransmission:
        """T(E) with these values at the energies of the table.

        Args:
            passed: as of the method of that name.
        """
        energies = self._energies()
        # Electrons further away do not count, unless nearly none pass at all.
        reach = 2 * self.offsets[-1]
        energies = jnp.concatenate([energies[:1] - reach, energies, energies[-1:] + reach])
        passed = jnp.concatenate([passed[:1], passed, passed[-1:]]) + _FLOOR
        return TabulatedTransmission(energies, passed, self.mass)

    def _energies(self):
        if self.offsets is None:
            raise ValueError(
                "the table of T(E) has no energies yet: take with_room([(constriction, "
                "reservoirs)]) of the constriction first"
            )
        return self.own_mu + jnp.asarray(self.offsets)

    def states(self, potential: GatedPotential) -> PotentialScatterer:
        """The scattering states of a potential, with the sizes of this constriction."""
        return PotentialScatterer(potential, **_options(self), **dict(self.sizes))

    def eigenvalues(self, energy, bias=0.0):
        """T(E), shape (1,)."""
        return self.settled().eigenvalues(energy, bias)

    def total(self, energy, bias=0.0):
        """T(E)."""
        return self.settled().total(energy, bias)

    def thresholds(self, bias=0.0):
        """None: between two rows of its table T(E) is smooth."""
        return jnp.zeros(0)

    def panel_edges(self, bias=0.0):
        """Energies of the table in meV."""
        return self.settled().panel_edges(bias)

    def finest_scale(self, bias=0.0):
        """Smallest distance in meV of two energies of the table."""
        return self.settled().finest_scale(bias)

    def energy_floor(self):
        """Energy in meV at which the table begins."""
        return self.settled().energy_floor()

    def energy_limit(self):
        """Energy in meV at which the table ends."""
        return self.settled().energy_limit()


def _options(c):
    region = c.region
    return {
        "width": region.width,
        "half_length": region.half_length,
        "window": region.window,
        "cap": jax.lax.stop_gradient(c.own_mu) + ABOVE,
    }


def _resolved(c, potential, highest):
    options = _options(c)
    energies = np.linspace(0.5 * float(c.own_mu), highest, 5)
    options["cap"] = float(options["cap"])
    return resolve(potential, energies, c.region.tolerance, **options)


def _offsets(points):
    """Energies of a table that serves reservoirs, less mu, in meV.

    Args:
        points: pairs of the device's mu in meV and of `Reservoirs`.
    """
    near = reach = _LEAST_REACH
    for mu, r in points:
        away = abs(float(r.mu) - mu) + abs(float(r.bias)) / 2
        warm = BOLTZMANN * (float(r.temperature) + abs(float(r.temperature_bias)) / 2)
        near = max(near, away + _NEAR * warm)
        reach = max(reach, away + _TAIL * warm)
    inner = np.linspace(0, near, math.ceil(near / _SPACING) + 1)
    outer = np.linspace(near, reach, math.ceil((reach - near) / _TAIL_SPACING) + 1)
    above = np.concatenate([inner, outer[1:]])
    return np.concatenate([-above[:0:-1], above])
