"""An objective and its constraints as one function of a few numbers, compiled once."""

import itertools
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.heat.hot_spot import QuadraticDamping
from qpcjax.observables import Point, values_at
from qpcjax.quantities import POINT
from qpcjax.resolution import keeping, modes_kept, modes_needed, prepared
from qpcjax.scatterers import as_scatterer
from qpcjax.scatterers.fields import field_path, innermost, with_numbers, with_static
from qpcjax.transport.reservoirs import Reservoirs

ROWS = 4  # points evaluated side by side; fewer are filled up, so that one shape is compiled

_LIMITS = ("aspect_limit", "largest_ratio")  # static fields that say what is resolved
_MOST_FREE = 10


class Problem(eqx.Module):
    """What is evaluated at each point of a search.

    Fields:
        objective: an `AbstractObjective`.
        constraints: of `Constraint`.
        scatterer: any, with modes and panels for every point.
        reservoirs: `Reservoirs` of numbers.
        damping: `QuadraticDamping` of constraints on the distance.
        names: numbers that are differentiated by.
    """

    objective: Any
    constraints: tuple[Any, ...]
    scatterer: Any
    reservoirs: Reservoirs
    damping: QuadraticDamping
    names: tuple[str, ...] = eqx.field(static=True)

    def at(self, values) -> tuple[Any, Reservoirs]:
        """Scatterer and reservoirs with these values of `names`."""
        return placed(self.scatterer, self.reservoirs, dict(zip(self.names, values, strict=True)))

    def outputs(self, values):
        """Parts of the objective, then the constrained numbers, as one vector."""
        scatterer, reservoirs = self.at(values)
        parts = self.objective.parts(scatterer, reservoirs)
        if not self.constraints:
            return parts
        observables = {c.observable for c in self.constraints} - {None}
        known = values_at(Point(scatterer, reservoirs, self.damping), observables)
        rest = [c.value(scatterer, reservoirs, known) for c in self.constraints]
        return jnp.concatenate([parts, jnp.stack(rest)])

    def linearise(self, rows):
        """Outputs and their derivatives by `names` for rows of values, as NumPy arrays.

        A row is one evaluation: a point, its outputs and their first derivatives.
        """
        rows = np.asarray(rows, float)
        # Plain numbers would be part of the program: others would compile it anew.
        numbers = jax.tree.map(lambda x: np.asarray(x, float) if isinstance(x, float) else x, self)
        found = []
        for start in range(0, len(rows), ROWS):
            part = rows[start : start + ROWS]
            filled = np.concatenate([part, np.repeat(part[-1:], ROWS - len(part), 0)])
            found.append([np.asarray(x)[: len(part)] for x in _linearised(numbers, filled)])
        values, slopes = (np.concatenate(x) for x in zip(*found, strict=True))
        return values, slopes

    def values(self, rows):
        """The objective's value for rows of values."""
        outputs, _ = self.linearise(rows)
        parts = outputs[:, : outputs.shape[1] - len(self.constraints)]
        return np.mean(parts**2, 1) if self.objective.squares else parts[:, 0]


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
    """Scatterer and reservoirs with other numbers; names as `field_path` and POINT have."""
    own = {n: v for n, v in numbers.items() if n not in POINT}
    point = {f: getattr(reservoirs, f) for f in ("mu", "bias", "temperature", "temperature_bias")}
    point |= {n: v for n, v in numbers.items() if n in POINT}
    return with_numbers(scatterer, own), Reservoirs(**point)


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
    corners = [
        {p.name: end for p, end in zip(parameters, ends, strict=True)}
        for ends in itertools.product(*((p.lower, p.upper) for p in parameters))
    ]
    limits, modes = {}, modes_kept(as_scatterer(scatterer))
    needed = 0 if modes is None else modes
    for corner in corners:
        try:
            there, r = placed(scatterer, reservoirs, corner)
            bare = _fresh(there)
            for name in _LIMITS:
                if isinstance(getattr(bare, name, None), float):
                    limits[name] = max(limits.get(name, 0.0), getattr(bare, name))
            for s, point in objective.operating_points(there, r):
                if modes is not None:
                    needed = max(needed, modes_needed(s, point))
                prepared(as_scatterer(s), point, None if modes is None else needed)
        except (ValueError, OverflowError) as error:
            where = ", ".join(f"{n} = {v:g}" for n, v in corner.items())
            raise ValueError(f"{error} (at {where}, a corner of the bounds)") from None
    if modes is not None:
        scatterer = keeping(scatterer, needed)
    for name, limit in limits.items():
        own = getattr(innermost(scatterer), name)
        scatterer = with_static(scatterer, name, max(limit, own))
    return scatterer


def _fresh(scatterer):
    """The innermost scatterer with what its panels resolve chosen anew for its numbers."""
    bare = innermost(scatterer)
    for name in _LIMITS:
        if hasattr(bare, name):
            bare = with_static(bare, name, None)
    return bare


def physical(scatterer, reservoirs, name, value):
    """Raise ValueError where a number is outside the range that its class allows."""
    placed(scatterer, reservoirs, {name: value})


def present(scatterer, reservoirs, name):
    """A number's present value; None where it is not one, such as an open wide_ratio."""
    if name in POINT:
        return float(getattr(reservoirs, name))
    path = field_path(scatterer, name)
    assert path is not None
    for attribute in path:
        scatterer = getattr(scatterer, attribute)
    return math.nan if scatterer is None else float(scatterer)
