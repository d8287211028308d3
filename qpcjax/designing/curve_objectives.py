"""Objectives of a conductance along an axis: mu, a temperature, a gate voltage, a length."""

import abc
import dataclasses
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.designing.objectives import AbstractObjective, columns_of
from qpcjax.quantities import closest
from qpcjax.scatterers.fields import field_names, number_of, with_numbers
from qpcjax.transport.curves import conductance_along
from qpcjax.transport.reservoirs import Reservoirs
from qpcjax.validation import number, require

_PLATEAU_NODES = 8
_OF_RESERVOIRS = ("mu", "temperature")


class CurveObjective(AbstractObjective):
    """Deviations of a linear conductance at several values of an axis, whose mean square it is.

    A subclass gives `places`, the values, and `of_curve`, the deviations there.

    Attributes:
        axis: "mu", "temperature", or a number of the scatterer, such as "half_width" or the
            "voltage" of gates.
    """

    axis: eqx.AbstractVar[str]

    squares: ClassVar[bool] = True

    @property
    def moves_scatterer(self) -> bool:
        """Whether the axis is a number of the scatterer."""
        return self.axis not in _OF_RESERVOIRS

    @abc.abstractmethod
    def places(self, scatterer: Any, reservoirs: Any) -> Any:
        """Values of the axis, shape (n,)."""

    @abc.abstractmethod
    def of_curve(self, conductance: Any) -> jax.Array:
        """Deviations from the conductances in 2e^2/h at the places, shape (n,)."""

    def parts(self, scatterer, reservoirs):
        """The deviations."""
        places = self.places(scatterer, reservoirs)
        return self.of_curve(conductance_along(scatterer, reservoirs, self.axis, places))

    def check(self, scatterer, names):
        """Refuse an axis that is unknown, or that is free where the places do not follow it."""
        known = [*_OF_RESERVOIRS, *field_names(scatterer)]
        if self.axis not in known:
            raise ValueError(
                f"a conductance has no axis {self.axis!r}: {closest(self.axis, known)}"
            )

    def operating_points(self, scatterer, reservoirs):
        """Both ends of the axis, without a bias."""
        places = np.asarray(self.places(scatterer, reservoirs), float)
        found = []
        for value in (float(np.min(places)), float(np.max(places))):
            r = Reservoirs(float(reservoirs.mu), temperature=float(reservoirs.temperature))
            if not self.moves_scatterer:
                found.append((scatterer, dataclasses.replace(r, **{self.axis: value})))
                continue
            moved = with_numbers(scatterer, {self.axis: value})
            own = getattr(moved, "own_mu", None)
            found.append((moved, r if own is None else dataclasses.replace(r, mu=own)))
        return found


class _Fixed(CurveObjective):
    """At values of the axis that stand still."""

    values: eqx.AbstractVar[Any]

    def places(self, scatterer, reservoirs):
        """The values."""
        return self.values

    def check(self, scatterer, names):
        """Refuse an axis that is unknown or itself free."""
        super().check(scatterer, names)
        if self.axis in names:
            raise ValueError(
                f"{self.axis} is the axis of the target and cannot be free as well: leave it out "
                "of free"
            )


class FlattestPlateau(CurveObjective):
    r"""Flattest conductance around mu, or around another number.

    .. math::
        \left\langle \left[\frac{G(\mu + s)}{\bar G} - 1\right]^2
        \right\rangle_{|s| < \Delta/2}

    as small as possible, with the mean :math:`\bar G` over the window, or with a level in its
    place: then the plateau has to lie there as well.

    Args:
        span: width of the window, Delta, in meV; with another axis in its unit.
        level: conductance of the plateau in 2e^2/h, such as 1; None for any.
        axis: the number at whose value the window has its middle: "mu", "temperature", or one of
            the scatterer, such as the "voltage" of gates in V. It may be free.

    Raises:
        ValueError: a span or level that is not positive.
    """

    span: Any
    level: Any
    axis: str = eqx.field(static=True)

    def __init__(self, span, level=None, axis="mu"):
        def positive(x):
            return (x > 0) & np.isfinite(x)

        self.span, self.axis = number(span, "span"), axis
        self.level = None if level is None else number(level, "level")
        unit = ", in meV" if axis == "mu" else ""
        require("span", self.span, f"positive{unit}", positive)
        if self.level is not None:
            require("level", self.level, "a positive conductance in 2e^2/h", positive)

    @property
    def title(self):
        """What it is."""
        return "flattest plateau, relative variance of G"

    def places(self, scatterer, reservoirs):
        """Gauss nodes of the window."""
        of = getattr(reservoirs, self.axis) if not self.moves_scatterer else None
        middle = number_of(scatterer, self.axis) if of is None else of
        return middle + self.span / 2 * np.polynomial.legendre.leggauss(_PLATEAU_NODES)[0]

    def of_curve(self, conductance):
        """Weighted relative deviations, whose mean square is that over the window."""
        weights = np.polynomial.legendre.leggauss(_PLATEAU_NODES)[1]
        level = jnp.sum(weights / 2 * conductance) if self.level is None else self.level
        return np.sqrt(weights / 2 * _PLATEAU_NODES) * (conductance / level - 1)


class FlattestPlateaus(_Fixed):
    r"""Flattest plateaus, and steepest steps, along a range that begins and ends on plateaus.

    .. math::
        \frac{1}{n + 2} \left\{\sum_i \left[\frac{\sin \pi G(x_i)}{\pi}\right]^2
        + [G(x_1) - G_\mathrm{first}]^2 + [G(x_n) - G_\mathrm{last}]^2 \right\}

    as small as possible: G lies near whole numbers at as many of the values as possible, and the
    two ends hold the steps between them in the range.

    Args:
        values: x_i along the axis, evenly spaced, several to a step.
        first: G at the first value in 2e^2/h, a whole number: 0 where the constriction is closed.
        last: G at the last value, another whole number.
        axis: a number of the scatterer, such as the "voltage" of gates in V; or "mu" in meV.

    Raises:
        ValueError: values that are not numbers, fewer than 3, conductances that are not whole.
    """

    values: Any
    first: float
    last: float
    axis: str = eqx.field(static=True)

    def __init__(self, values, first, last, axis="mu"):
        (self.values,) = columns_of((axis, values))
        self.first, self.last = float(first), float(last)
        self.axis = axis
        if self.values.size < 3:
            raise ValueError(f"values must be 3 or more, got {self.values.size}")
        for name, value in (("first", self.first), ("last", self.last)):
            if not (value >= 0 and value.is_integer()):
                raise ValueError(f"{name} must be a whole number of 2e^2/h, 0 or more, got {value}")
        if self.first == self.last:
            raise ValueError("first and last must differ: there must be a step between them")

    @property
    def title(self):
        """What it is."""
        return f"flattest plateaus along {self.axis}, mean square distance of G from them"

    def of_curve(self, conductance):
        """sin(pi G)/pi, then the deviations of both ends."""
        ends = jnp.stack([conductance[0] - self.first, conductance[-1] - self.last])
        return jnp.concatenate([jnp.sin(np.pi * conductance) / np.pi, ends])


class TargetConductance(_Fixed):
    r"""A linear conductance as near as possible to a table.

    .. math:: \frac{1}{n} \sum_i [G(x_i) - G_i]^2

    Args:
        values: x_i, of mu in meV or of another axis.
        conductance: G_i in 2e^2/h.
        axis: "mu", "temperature", or a number of the scatterer, such as "half_width" or the
            "voltage" of gates.

    Raises:
        ValueError: columns of unequal length, empty or not finite.
    """

    values: Any
    conductance: Any
    axis: str = eqx.field(static=True)

    def __init__(self, values, conductance, axis="mu"):
        self.values, self.conductance = columns_of((axis, values), ("conductance", conductance))
        self.axis = axis

    @property
    def title(self):
        """What it is."""
        return f"target G({self.axis}), mean square deviation"

    def of_curve(self, conductance):
        """G(x_i) - G_i."""
        return conductance - self.conductance
