"""A trust region in the unit box, for few parameters and expensive evaluations."""

from typing import Any

import numpy as np
from scipy import optimize

_FIRST_RADIUS = 0.15
_SMALLEST_RADIUS = 1e-9


class TrustRegion:
    """Steps from the best point of the unit box so far to the next one to try.

    Each step minimises a quadratic model within the box and the radius: the gradient, the
    curvature that the caller knows, and the curvature that earlier gradients have shown. The
    bounds are part of that problem, so that a corner is reached in a few steps and exactly.

    Args:
        size: number of coordinates.

    Attributes:
        curvature: the part of the Hessian that is learnt from gradients, by symmetric rank-one
            updates. It begins with 0, so that the first steps go as far as the radius allows.
        radius: largest change of a coordinate in one step.
        predicted: fall of the function that the step last returned should bring.
    """

    def __init__(self, size: int):
        self.curvature = np.zeros((size, size))
        self.radius, self.predicted = _FIRST_RADIUS, np.inf

    @property
    def exhausted(self) -> bool:
        """Whether the radius is too small for any gain."""
        return self.radius < _SMALLEST_RADIUS

    def bounds(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The smallest and the largest step from a point."""
        return np.maximum(-at, -self.radius), np.minimum(1 - at, self.radius)

    def step(self, at: np.ndarray, gradient: np.ndarray, known: Any = 0.0) -> np.ndarray:
        """The step from a point with this gradient and this known part of the Hessian."""
        matrix = self.curvature + known
        step = minimise_quadratic(gradient, matrix, *self.bounds(at))
        self.predicted = -float(step @ (gradient + matrix @ step / 2))
        return step

    def learn(self, moved: np.ndarray, change: np.ndarray, gain: float) -> None:
        """Take in the point that was tried.

        Args:
            moved: the step that led to it.
            change: of the gradient along the step, without the known part; NaN where it has none.
            gain: fall of the function; NaN where it has no value there.
        """
        missing = change - self.curvature @ moved
        along = missing @ moved
        # The quotient of nearly orthogonal vectors means nothing; a NaN compares false.
        if abs(along) > 1e-6 * np.linalg.norm(missing) * np.linalg.norm(moved):
            self.curvature = self.curvature + np.outer(missing, missing) / along
        length = float(np.max(np.abs(moved)))
        if not length:
            return
        share = gain / self.predicted if self.predicted else np.nan
        if share > 0.75 and length > 0.9 * self.radius:
            self.radius = min(2 * self.radius, 1.0)
        elif not share > 0.25:  # also NaN
            self.radius = length / (2 if share > -1 else 4)


def minimise_quadratic(gradient, matrix, lower, upper) -> np.ndarray:
    """The smallest value of a quadratic, convex or not, in a small box around 0."""
    size = float(np.max(upper - lower))
    # In units in which the steps and the slopes are of order 1.
    unit = float(np.max(np.abs(gradient))) or 1.0
    slope, curvature = gradient / unit, matrix * (size / unit)

    def model(s):
        return s @ (slope + curvature @ s / 2), slope + curvature @ s

    found = optimize.minimize(
        model,
        np.zeros_like(gradient),
        jac=True,
        method="L-BFGS-B",
        bounds=np.stack([lower, upper], 1) / size,
        options={"ftol": 1e-15, "gtol": 1e-11, "maxiter": 200},
    )
    return np.clip(found.x * size, lower, upper)
