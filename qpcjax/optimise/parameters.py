"""Parameters of a fit: bounded, free or fixed, and their smooth map to unbounded numbers."""

import dataclasses
import math
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One number of a model, between two bounds.

    Args:
        name: what the report calls it.
        value: start, or the fixed value.
        unit: its unit, "" for a pure number.
        lower: lower bound.
        upper: upper bound.
        free: whether the fit moves it.
        log: whether its logarithm is what varies (a positive scale).

    Raises:
        ValueError: bounds that contradict each other or do not hold the value.
    """

    name: str
    value: float
    unit: str
    lower: float
    upper: float
    free: bool = True
    log: bool = False

    def __post_init__(self):
        if not self.lower < self.upper or (self.log and self.lower <= 0):
            raise ValueError(
                f"the bounds of {self.name} contradict each other: {self.lower:g} to "
                f"{self.upper:g} {self.unit}"
            )
        if not self.lower <= self.value <= self.upper:
            raise ValueError(
                f"{self.name} must lie between {self.lower:g} and {self.upper:g} {self.unit}, "
                f"got {self.value:g}"
            )

    def at(self, value):
        """The same parameter at another value, moved into its bounds."""
        return dataclasses.replace(self, value=float(min(max(value, self.lower), self.upper)))

    def fixed(self, value):
        """The same parameter, fixed at a value."""
        return dataclasses.replace(self, value=float(value), free=False)

    @property
    def share(self):
        """Where the value, or its logarithm, stands between the bounds: from 0 to 1."""
        lower, value, upper = self.lower, self.value, self.upper
        if self.log:
            lower, value, upper = math.log(lower), math.log(value), math.log(upper)
        return (value - lower) / (upper - lower)

    @property
    def on_bound(self):
        """Whether the value stands on one of its bounds."""
        return not _ON_BOUND <= self.share <= 1 - _ON_BOUND

    @property
    def scale(self):
        """Change of the parameter that counts as large: itself, or a tenth of its range."""
        return abs(self.value) if self.log else (self.upper - self.lower) / 10


class Coordinates:
    """Parameters between bounds as numbers without bounds.

    Each value (or its logarithm) is its lower bound plus its range times a logistic function of its
    coordinate.

    Args:
        parameters: `Parameter`s; whether they are free does not count.
    """

    def __init__(self, parameters):
        ends = np.array([self._ends(p) for p in parameters], float).reshape(-1, 2)
        self._lower, self._range = ends[:, 0], ends[:, 1] - ends[:, 0]
        self._log = np.array([p.log for p in parameters], bool)

    @staticmethod
    def _ends(p):
        return (math.log(p.lower), math.log(p.upper)) if p.log else (p.lower, p.upper)

    def encode(self, values):
        """Coordinates of values, rows of them or one, as NumPy array; moved off the bounds."""
        values = np.asarray(values, float)
        with np.errstate(invalid="ignore", divide="ignore"):
            inner = np.where(self._log, np.log(np.where(self._log, values, 1)), values)
        share = np.clip((inner - self._lower) / self._range, 1e-9, 1 - 1e-9)
        return np.log(share / (1 - share))

    def decode(self, vectors, xp: Any = np):
        """Values and d value/d coordinate, of rows of vectors or one.

        Args:
            vectors: coordinates.
            xp: the array library: `numpy`, or `jax.numpy` where they are traced.
        """
        share = 0.5 * (1 + xp.tanh(0.5 * vectors))
        inner = self._lower + self._range * share
        slope = self._range * share * (1 - share)
        value = xp.where(self._log, xp.exp(xp.where(self._log, inner, 0.0)), inner)
        return value, xp.where(self._log, value * slope, slope)


_ON_BOUND = 1e-4  # share of the range within which a parameter counts as on its bound


class Estimates:
    """What fitted parameters and the covariance of the free ones say; a base of fits' results.

    Attributes:
        parameters: values of all parameters, free and held.
        covariance: of the free ones, in their units and order.
    """

    parameters: tuple[Parameter, ...]
    covariance: np.ndarray

    @property
    def free(self):
        """The free parameters."""
        return tuple(p for p in self.parameters if p.free)

    def values(self):
        """Parameter values by name."""
        return {p.name: p.value for p in self.parameters}

    @property
    def stderr(self):
        """Standard errors by name; a held parameter has none."""
        errors = np.sqrt(np.diag(self.covariance))
        return {p.name: float(e) for p, e in zip(self.free, errors, strict=True)}

    @property
    def correlation(self):
        """Correlation matrix of the free parameters."""
        errors = np.sqrt(np.diag(self.covariance))
        return self.covariance / np.outer(errors, errors)

    @property
    def at_bound(self):
        """Names of free parameters that ended on a bound."""
        return tuple(p.name for p in self.free if p.on_bound)
