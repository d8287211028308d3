"""Conditions that a design has to keep: an observable, or a number of your own, in a range."""

import math
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp

from qpcjax.observables import Observable, of_a_design


class Constraint(eqx.Module):
    r"""A condition :math:`lower \le f(scatterer, reservoirs) \le upper`.

    Equal bounds fix the number.

    Args:
        quantity: an observable by name (conductance, current, left, right, total, asymmetry,
            distance, ...), or a function of (scatterer, reservoirs) that JAX can differentiate.
        lower: smallest value that is allowed; None for none.
        upper: largest value that is allowed; None for none.
        name: what reports call it; by default that of the observable or function.

    Raises:
        ValueError: an unknown observable, no bound, or bounds that contradict each other.
    """

    quantity: Any = eqx.field(static=True)
    observable: Observable | None = eqx.field(static=True)
    lower: float
    upper: float
    name: str = eqx.field(static=True)

    def __init__(self, quantity, lower=None, upper=None, name=None):
        self.quantity = quantity
        self.observable = None if callable(quantity) else of_a_design(quantity, "to constrain")
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
        return "" if self.observable is None else self.observable.unit

    def value(self, scatterer, reservoirs, known: Mapping[str, Any]):
        """The number that has to lie between the bounds.

        Args:
            scatterer: that of the design, for a number of your own.
            reservoirs: those of the design, for the same.
            known: name -> value of the observables that the constraints share, see `values_at`.
        """
        if self.observable is not None:
            return known[self.observable.name]
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
