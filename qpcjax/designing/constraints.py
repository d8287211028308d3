"""Conditions that a design has to keep: an observable, or a number of your own, in a range."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp

from qpcjax.heat.hot_spot import QuadraticDamping, hot_spot
from qpcjax.quantities import closest
from qpcjax.scatterers import transmission
from qpcjax.transport.landauer import conductance, current, differential_conductance, dissipation


def _power(side):
    return lambda s, r, damping: getattr(dissipation(s, r), side)


# Unit of each observable, and how it is computed.
OBSERVABLES: dict[str, tuple[str, Callable[..., Any]]] = {
    "transmission": ("1", lambda s, r, damping: transmission(s, r.mu, r.bias)),
    "conductance": ("2e^2/h", lambda s, r, damping: conductance(s, r.mu, r.temperature)),
    "differential_conductance": ("2e^2/h", lambda s, r, damping: differential_conductance(s, r)),
    "current": ("nA", lambda s, r, damping: current(s, r)),
    "left": ("pW", _power("left")),
    "right": ("pW", _power("right")),
    "total": ("pW", _power("total")),
    "asymmetry": ("pW", _power("asymmetry")),
    "distance": ("nm", lambda s, r, damping: hot_spot(s, r, damping).distance),
}


class Constraint(eqx.Module):
    r"""A condition :math:`lower \le f(scatterer, reservoirs) \le upper`.

    Equal bounds fix the number.

    Args:
        quantity: an observable by name (conductance, current, left, right, total, asymmetry,
            distance, transmission, differential_conductance), or a function of
            (scatterer, reservoirs) that JAX can differentiate.
        lower: smallest value that is allowed; None for none.
        upper: largest value that is allowed; None for none.
        name: what reports call it; by default that of the observable or function.

    Raises:
        ValueError: an unknown observable, no bound, or bounds that contradict each other.
    """

    quantity: Any = eqx.field(static=True)
    lower: float
    upper: float
    name: str = eqx.field(static=True)

    def __init__(self, quantity, lower=None, upper=None, name=None):
        self.quantity = quantity
        if not callable(quantity) and quantity not in OBSERVABLES:
            raise ValueError(
                f"there is no observable {quantity!r} to constrain: "
                f"{closest(quantity, OBSERVABLES)}"
            )
        own = getattr(quantity, "__name__", "a number of your own")
        self.name = name or (own if callable(quantity) else quantity)
        self.lower, self.upper = (
            default if bound is None else _bound(self.name, bound)
            for bound, default in ((lower, -math.inf), (upper, math.inf))
        )
        if self.lower == -math.inf and self.upper == math.inf:
            raise ValueError(f"the constraint on {self.name} must have a lower or an upper bound")
        if not self.lower <= self.upper:
            raise ValueError(
                f"the bounds of {self.name} contradict each other: {self.lower:g} to "
                f"{self.upper:g} {self.unit}"
            )

    @property
    def unit(self):
        """Unit of an observable, "" of a number of your own."""
        return "" if callable(self.quantity) else OBSERVABLES[self.quantity][0]

    def value(self, scatterer, reservoirs, damping=None):
        """The number that has to lie between the bounds."""
        if not callable(self.quantity):
            damping = QuadraticDamping() if damping is None else damping
            return OBSERVABLES[self.quantity][1](scatterer, reservoirs, damping)
        found = jnp.asarray(self.quantity(scatterer, reservoirs), float)
        if found.shape != ():
            raise ValueError(
                f"the constraint {self.name} must be one number, got the shape {found.shape}"
            )
        return found


def _bound(name, value):
    try:
        value = float(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"the bounds of {name} must be numbers, or None for none, got {value!r}"
        ) from None
    if math.isnan(value):
        raise ValueError(f"the bounds of {name} must be numbers, or None for none, got NaN")
    return value


def read_constraints(given) -> tuple[Constraint, ...]:
    """Constraints from {name: (lower, upper)}, or from `Constraint`s, checked.

    Raises:
        ValueError: anything else.
    """
    if not isinstance(given, Mapping):
        given = [given] if isinstance(given, Constraint) else list(given)
        for item in given:
            if not isinstance(item, Constraint):
                raise ValueError(
                    "constraints must be {name: (lower, upper)} or a list of Constraint, got "
                    f"{item!r}"
                )
        return tuple(given)
    found = []
    for name, ends in given.items():
        try:
            lower, upper = ends
        except (TypeError, ValueError):
            raise ValueError(
                f"the constraint on {name} must be (lower, upper), None for no bound, got {ends!r}"
            ) from None
        found.append(Constraint(name, lower, upper))
    return tuple(found)
