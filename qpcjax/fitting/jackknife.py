"""Errors that survive a wrong model: the fit without each step and each plateau of its traces."""

import copy
import dataclasses

import numpy as np
from numpy.polynomial.legendre import legvander

from qpcjax.constants import RESISTANCE_QUANTUM
from qpcjax.fitting.misfit import stretches
from qpcjax.fitting.problem import FitProblem
from qpcjax.fitting.uncertainty import inverse
from qpcjax.optimise.descents import descend
from qpcjax.scatterers.fields import innermost

_FOLLOWED = 2.0  # standard errors beyond which a step is followed to the end
_MOST_FOLLOWED, _STEPS = 3, 6
_FIXES = 3.0  # standard errors by which a stretch that fixes a parameter moves it


@dataclasses.dataclass(frozen=True, eq=False)
class Jackknife:
    r"""The parameters of fits that leave out one stretch of a trace each.

    With the changes :math:`\delta_k` of a parameter over m stretches its error is

    .. math:: \sigma^2 = \frac{m - 1}{m} \sum_k (\delta_k - \bar\delta)^2

    It counts what a model that is wrong at one stretch does to the parameters, which the curvature
    at the minimum does not.

    Fields:
        names: of the free parameters.
        without: what was left out, such as "step 2".
        changes: value without it minus value with everything, (stretches, free).

    References:
        B. Efron, The Jackknife, the Bootstrap and Other Resampling Plans (SIAM, 1982), Ch. 3.
    """

    names: tuple[str, ...]
    without: tuple[str, ...]
    changes: np.ndarray

    @property
    def stderr(self) -> dict[str, float]:
        """The jackknife's error of each free parameter."""
        return dict(zip(self.names, map(float, self.errors), strict=True))

    @property
    def errors(self):
        """The same as an array; NaN where fewer than two stretches could be left out."""
        count = len(self.without)
        if count < 2:
            return np.full(len(self.names), np.nan)
        off = self.changes - self.changes.mean(axis=0)
        return np.sqrt((count - 1) / count * np.sum(off**2, axis=0))


def jackknife(problem, parts, devices, slopes, errors, follow=True) -> Jackknife:
    """A `Jackknife` of all conductance traces of a fit, by a step of Gauss and Newton for each.

    The three that move a parameter most, by more than two errors, are followed further.

    Args:
        problem: `FitProblem` at its minimum.
        parts: `PartResult`s.
        devices: of each part.
        slopes: see `uncertainty.slopes_at_minimum`.
        errors: standard errors of the free parameters.
        follow: whether those three are followed.
    """
    residual = np.concatenate([(p.predicted - p.data.value) / p.sigma for p in parts])
    total = slopes.T @ slopes
    first, names, changes, left_out = 0, [], [], []
    for k, (part, device) in enumerate(zip(parts, devices, strict=True)):
        for stretch in stretches(part, device) if part.data.staircase else ():
            rows = slice(first + stretch.points.start, first + stretch.points.stop)
            left = total - slopes[rows].T @ slopes[rows]
            if np.linalg.matrix_rank(left) < left.shape[0]:
                continue
            # At the minimum the gradient of all the others is minus that of the stretch.
            changes.append(inverse(left) @ slopes[rows].T @ residual[rows])
            left_out.append((k, stretch))
            names.append(stretch.name + (f" of {part.name}" if len(parts) > 1 else ""))
        first += part.predicted.size
    free = tuple(problem.names[i] for i in problem.free)
    changes = np.array(changes).reshape(-1, len(free))
    far = np.max(np.abs(changes) / errors, axis=1, initial=0)
    for row in np.argsort(-far)[:_MOST_FOLLOWED]:
        if follow and far[row] > _FOLLOWED:
            k, stretch = left_out[row]
            changes[row] = _followed(problem, k, stretch, changes[row])
    return Jackknife(free, tuple(names), changes)


def barrier_errors(parts, devices, slopes) -> np.ndarray:
    r"""What a barrier's distance from the exact answer may do to the free parameters.

    Along each step and each plateau T(E) is supposed to be off by a parabola in normalised Legendre
    polynomials, each term with the barrier's distance d as its standard deviation,

    .. math:: \delta T = d \sum_{k=0}^{2} c_k \sqrt{2k + 1}\, P_k

    with :math:`c_k` of variance 1. What raises one plateau raises all of them: :math:`c_0` is one
    number for all plateaus of a trace and one for all steps, and decides of the series resistance.
    The slopes and bends differ from one to the next; they move the fringes of a channel, and with
    them its length. Arguments as of `jackknife`.

    Returns:
        Errors of the free parameters; 0 where no barrier is an approximation.
    """
    first, square = 0, np.zeros(slopes.shape[1])
    known = inverse(slopes.T @ slopes)
    for part, device in zip(parts, devices, strict=True):
        barrier = innermost(device.scatterer)  # a user's own object has what its class states
        distance = float(getattr(barrier, "distance", 0.0)) if part.data.staircase else 0.0
        shared = {}
        for stretch in stretches(part, device) if distance else ():
            rows = slice(first + stretch.points.start, first + stretch.points.stop)
            behind = 0.0 if device.series_resistance is None else float(device.series_resistance)
            seen = (1 - behind / RESISTANCE_QUANTUM * part.predicted[stretch.points]) ** 2
            seen = distance * seen / part.sigma[stretch.points]
            shapes = legvander(np.linspace(-1, 1, seen.size), 2) * np.sqrt([1, 3, 5])
            moved = known @ (slopes[rows].T @ (seen[:, None] * shapes))
            shared[stretch.kind] = shared.get(stretch.kind, 0.0) + moved[:, 0]
            square += np.sum(moved[:, 1:] ** 2, axis=1)
        square += sum(np.square(moved) for moved in shared.values())
        first += part.predicted.size
    return np.sqrt(square)


def _followed(problem, k, stretch, step):
    """The change that a fit without a stretch of part k comes to, from where a step leads."""
    parts = [dataclasses.replace(p, kernel=copy.copy(p.kernel)) for p in problem.parts]
    sigma = parts[k].sigma.copy()
    sigma[stretch.points] = np.inf
    parts[k] = dataclasses.replace(parts[k], sigma=sigma)
    rest = FitProblem(problem.parameters, parts, problem.priors, problem.loss)
    free = [problem.parameters[i] for i in problem.free]
    value = np.array([p.value for p in free])
    moved = np.array([p.at(v).value for p, v in zip(free, value + step, strict=True)])
    end = descend(lambda v, _: rest.linearise(v), rest.encode(moved[None]), _STEPS)
    if not np.isfinite(end.loss[0]):
        return step
    return rest.coordinates.decode(end.vectors)[0][0] - value


def fixed_by_one(found: Jackknife, values, errors, curves) -> list[str]:
    """Sentences for parameters that one stretch of a trace alone fixes.

    Args:
        found: `Jackknife`.
        values: of the free parameters.
        errors: their standard errors.
        curves: whether a parameter is the value of a gate curve, which its own step fixes.
    """
    sentences = []
    for i, name in enumerate(found.names):
        if curves[i] or not found.without:
            continue
        k = int(np.argmax(np.abs(found.changes[:, i])))
        change = found.changes[k, i]
        if abs(change) > _FIXES * errors[i]:
            sentences.append(
                f"{found.without[k]} alone fixes {name}: without it {name} would be "
                f"{values[i] + change:.4g} and not {values[i]:.4g}"
            )
    return sentences
