"""An objective and its constraints as one function of a few numbers, compiled once."""

import itertools
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.heat.damping import AbstractDamping
from qpcjax.observables import OperatingPoint, values_at
from qpcjax.quantities import POINT
from qpcjax.resolution import (
    keeping,
    limits_kept,
    limits_needed,
    modes_kept,
    modes_needed,
    prepared,
    with_limits,
)
from qpcjax.scatterers import as_scatterer
from qpcjax.scatterers.fields import number_of, with_numbers
from qpcjax.transport.curves import conductance_along
from qpcjax.transport.reservoirs import Reservoirs

ROWS = 4  # points evaluated side by side; missing rows are filled, so that one shape is compiled

_MOST_FREE = 10


class DesignProblem(eqx.Module):
    """The objective and the constraints as a function of a few numbers.

    Fields:
        objective: an `AbstractObjective`.
        constraints: of `Constraint`.
        scatterer: any, with modes and panels for every point.
        reservoirs: `Reservoirs` of numbers.
        damping: damping law of constraints on the hot spot.
        names: the numbers that are differentiated by.
    """

    objective: Any
    constraints: tuple[Any, ...]
    scatterer: Any
    reservoirs: Reservoirs
    damping: AbstractDamping
    names: tuple[str, ...] = eqx.field(static=True)

    def at(self, values) -> tuple[Any, Reservoirs]:
        """Scatterer and reservoirs with these values of `names`."""
        return placed(self.scatterer, self.reservoirs, dict(zip(self.names, values, strict=True)))

    def outputs(self, values):
        """Parts of the objective, then the constrained numbers, as one vector."""
        scatterer, reservoirs = self.at(values)
        parts = self.objective.parts(scatterer, reservoirs)
        return self._with_constraints(parts, scatterer, reservoirs)

    def _with_constraints(self, parts, scatterer, reservoirs):
        if not self.constraints:
            return parts
        observables = {c.observable for c in self.constraints} - {None}
        known = values_at(OperatingPoint(scatterer, reservoirs, self.damping), observables)
        rest = [c.value(scatterer, reservoirs, known) for c in self.constraints]
        return jnp.concatenate([parts, jnp.stack(rest)])

    def linearise(self, rows):
        """Outputs and their derivatives by `names` for rows of values, as NumPy arrays.

        A row is one evaluation: a point, its outputs and their first derivatives.
        """
        rows, numbers, found = np.asarray(rows, float), self._plain, []
        for start in range(0, len(rows), ROWS):
            part = rows[start : start + ROWS]
            filled = np.concatenate([part, np.repeat(part[-1:], ROWS - len(part), 0)])
            found.append([np.asarray(x)[: len(part)] for x in _linearised(numbers, filled)])
        values, slopes = (np.concatenate(x) for x in zip(*found, strict=True))
        return values, slopes

    @property
    def _plain(self):
        """Itself with arrays for numbers, which would be part of a program: others compile anew."""
        return jax.tree.map(lambda x: np.asarray(x, float) if isinstance(x, float) else x, self)

    def solved(self, row=None):
        """The scatterer at one row of values, or as it was given, ready for many questions."""
        return self._there(row)[0]

    def curve(self, axis, values, row=None) -> Any:
        """G in 2e^2/h along an axis, the other numbers as in a row of values, or as given."""
        return conductance_along(*self._there(row), axis, values)

    def _there(self, row):
        if row is None:
            return placed(self.scatterer, self.reservoirs, {})
        return self.at([float(v) for v in row])

    def value(self, outputs):
        """The objective's value from the last axis of outputs."""
        parts = self._parts(outputs)
        return np.mean(parts**2, -1) if self.objective.squares else parts[..., 0]

    def gradient(self, outputs, slopes):
        """The derivatives of the value by `names`, for rows of outputs and slopes."""
        if not self.objective.squares:
            return slopes[:, 0]
        parts = self._parts(outputs)
        weights = 2 / parts.shape[-1] * parts
        return np.einsum("ri,rij->rj", weights, slopes[:, : parts.shape[-1]])

    def _parts(self, outputs):
        return outputs[..., : np.shape(outputs)[-1] - len(self.constraints)]


class Box:
    """The free parameters as coordinates from 0 to 1: the shares of their ranges.

    A number that is positive between its bounds varies by factors: a valley along which a product
    such as mu w^2 is constant is straight in logarithms, and takes fewer steps.

    Args:
        parameters: the free `Parameter`s.
    """

    def __init__(self, parameters):
        self.lower = np.array([p.lower for p in parameters])
        self.upper = np.array([p.upper for p in parameters])
        self._log = np.array([p.log for p in parameters])
        self._factor = np.where(self._log, self.upper / np.where(self._log, self.lower, 1), 1.0)

    def values(self, shares):
        """The parameters for rows of coordinates, the bounds without rounding."""
        lower, upper = self.lower, self.upper
        inner = np.where(self._log, lower * self._factor**shares, lower + shares * (upper - lower))
        return np.where(shares >= 1, upper, np.where(shares <= 0, lower, inner))

    def slopes(self, values):
        """The derivatives of the parameters by their coordinates."""
        return np.where(self._log, values * np.log(self._factor), self.upper - self.lower)


@eqx.filter_jit
def _linearised(problem, rows):
    def one(values):
        def twice(v):
            z = problem.outputs(v)
            return z, z

        slopes, z = jax.jacfwd(twice, has_aux=True)(values)
        return z, slopes

    return jax.vmap(one)(rows)


def placed(scatterer, reservoirs, numbers):
    """The scatterer and the reservoirs with other values of the named numbers."""
    own = {n: v for n, v in numbers.items() if n not in POINT}
    point = {f: getattr(reservoirs, f) for f in ("mu", "bias", "temperature", "temperature_bias")}
    point |= {n: v for n, v in numbers.items() if n in POINT}
    changed = with_numbers(scatterer, own)
    # A class of somebody else's need not know potentials.
    follow = getattr(changed, "at_potential", lambda mu: changed)
    own = getattr(changed, "own_mu", None)
    point["mu"] = point["mu"] if own is None else own
    return follow(point["mu"]), Reservoirs(**point)


def with_room(objective, scatterer, reservoirs, parameters):
    """The scatterer with modes and panels that hold between the bounds of the free parameters.

    Args:
        objective: an `AbstractObjective`.
        scatterer: any scatterer.
        reservoirs: `Reservoirs` of numbers.
        parameters: the free `Parameter`s.

    Raises:
        ValueError: bounds that leave the physical range or the energies at which T(E) is known,
            or that would need more modes than one evaluation can hold.
    """
    if len(parameters) > _MOST_FREE:
        raise ValueError(
            f"at most {_MOST_FREE} parameters may be free at once, got {len(parameters)}: hold some"
        )
    if getattr(scatterer, "dear", False):
        return _dear_with_room(objective, scatterer, reservoirs, parameters)
    corners = [
        {p.name: end for p, end in zip(parameters, ends, strict=True)}
        for ends in itertools.product(*((p.lower, p.upper) for p in parameters))
    ]
    limits, modes = [limits_kept(scatterer)], modes_kept(as_scatterer(scatterer)) or 0
    for corner in corners:
        try:
            there, r = placed(scatterer, reservoirs, corner)
            limits.append(limits_needed(there))
            for s, point in objective.operating_points(there, r):
                s = as_scatterer(s)
                modes = max(modes, modes_needed(s, point))
                prepared(s, point, modes or None)
        except (ValueError, OverflowError) as error:
            where = ", ".join(f"{n} = {v:g}" for n, v in corner.items())
            raise ValueError(f"{error} (at {where}, a corner of the bounds)") from None
    if modes:
        scatterer = keeping(scatterer, modes)
    return with_limits(scatterer, limits)


def _dear_with_room(objective, scatterer, reservoirs, parameters):
    """As `with_room`, from two corners and the ends of each parameter alone."""
    middle = {p.name: p.value for p in parameters}
    corners = [{p.name: getattr(p, end) for p in parameters} for end in ("lower", "upper")]
    corners += [middle | {p.name: end} for p in parameters for end in (p.lower, p.upper)]
    there = [placed(scatterer, reservoirs, corner) for corner in corners]
    looked_at = [x for point in there for x in objective.operating_points(*point)]
    return scatterer.with_room([*there, *looked_at])


def present(scatterer, reservoirs, name):
    """A number's present value; NaN where it has none, such as an open wide_ratio."""
    value = getattr(reservoirs, name) if name in POINT else number_of(scatterer, name)
    return math.nan if value is None else float(value)
