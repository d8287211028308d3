"""Where a search began, the minima that it met, and what a look around one of them tells."""

import dataclasses

import numpy as np

from qpcjax.fitting.part_result import PartResult
from qpcjax.fitting.problem import FitProblem
from qpcjax.fitting.rises import rises
from qpcjax.fitting.uncertainty import curvature, information, inverse, slopes_at_minimum


@dataclasses.dataclass(frozen=True)
class FitStart:
    """One start of the search and where it led.

    Fields:
        values: what it says of the parameters.
        loss: half the sum of squares at the start.
        end: the same after the first steps; None where it was not run.
    """

    values: dict[str, float]
    loss: float
    end: float | None


@dataclasses.dataclass(frozen=True)
class OtherMinimum:
    """Another minimum of the sum of squares that was followed.

    Fields:
        values: of the free parameters.
        excess: its sum of squares over that of the fit, minus 1.
    """

    values: dict[str, float]
    excess: float


@dataclasses.dataclass(frozen=True, eq=False)
class Surroundings:
    """A minimum, and what a look around it tells.

    Fields:
        problem: `FitProblem`, its parameters at the minimum.
        parts: `PartResult`s.
        devices: the device of each part.
        slopes: see `slopes_at_minimum`.
        covariance: of the free parameters, from the curvature.
        rises: see `FitResult.rises`.
        lower: a vector of lower loss that was met, or None.
    """

    problem: FitProblem
    parts: tuple[PartResult, ...]
    devices: list
    slopes: np.ndarray
    covariance: np.ndarray
    rises: np.ndarray
    lower: np.ndarray | None

    @classmethod
    def of(cls, problem, parameters, checks=True):
        """The surroundings of these parameters' values, to which the problem is set.

        Without checks nothing is looked at one standard error away.
        """
        problem.set_parameters(parameters)
        numbers = np.array([p.value for p in parameters])[None]
        predicted = problem.predictions(numbers)
        freedom = max(problem.points - problem.free.size, 1) / problem.points
        parts = tuple(
            PartResult.of(part, y, problem.loss, freedom)
            for part, y in zip(problem.parts, predicted, strict=True)
        )
        slopes = slopes_at_minimum(problem)
        covariance = inverse(information(slopes, parts))
        bends = curvature(slopes, parts, problem.loss)
        devices, lower = problem.devices(numbers), None
        over = np.full((problem.free.size, 2), np.nan)
        if checks:
            looked = rises(problem, problem.start()[None], covariance[None], bends[None])
            over = looked.over[0]
            lower = looked.lower[0] if np.all(np.isfinite(looked.lower[0])) else None
        return cls(problem, parts, devices, slopes, covariance, over, lower)
