"""Objectives that are any observable, or any number of the user's own."""

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp

from qpcjax.designing.objectives import AbstractObjective
from qpcjax.heat.damping import QuadraticDamping
from qpcjax.observables import Observable, OperatingPoint, of_a_design


class _Custom(AbstractObjective):
    """An observable, or a number of your own."""

    function: Callable[..., Any] | Observable = eqx.field(static=True)
    name: str = eqx.field(static=True, default="")
    units: str = eqx.field(static=True, default="")
    damping: Any = None

    def __init__(self, function, name="", units="", damping=None):
        if isinstance(function, str):
            function = of_a_design(function, "to optimise")
        elif not callable(function):
            raise TypeError(
                "an objective must be the name of an observable or a function of (scatterer, "
                f"reservoirs), got {function!r}"
            )
        self.function, self.name, self.units = function, name, units
        self.damping = QuadraticDamping() if damping is None else damping

    @property
    def title(self):
        """Its name, or that of the observable or function."""
        if isinstance(self.function, Observable):
            extreme = "largest" if self.maximise else "smallest"
            return self.name or f"{extreme} {self.function.quantity.words}"
        return self.name or getattr(self.function, "__name__", "your own objective")

    @property
    def unit(self):
        """Unit of the number."""
        return self.function.unit if isinstance(self.function, Observable) else self.units

    def parts(self, scatterer, reservoirs):
        """The number, shape (1,)."""
        if isinstance(self.function, Observable):
            return self.function.at(OperatingPoint(scatterer, reservoirs, self.damping))[None]
        found = jnp.asarray(self.function(scatterer, reservoirs), float)
        if found.shape != ():
            raise ValueError(f"{self.title} must be one number, got the shape {found.shape}")
        return found[None]


class Minimise(_Custom):
    """An observable, or a number of your own, as small as possible.

    Args:
        function: the name of an observable, or a function from (scatterer, reservoirs) to a number
            that JAX can differentiate.
        name: what reports call it.
        units: unit of a number of your own.
        damping: damping law of an observable of hot electrons.

    Raises:
        ValueError: an unknown observable, or one without derivatives.
    """


class Maximise(_Custom):
    """An observable, or a number of your own, as large as possible; arguments as of `Minimise`."""

    maximise: ClassVar[bool] = True
