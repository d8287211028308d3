"""How the sum of squares rises one standard error away from its minimum."""

from typing import NamedTuple

import numpy as np

from qpcjax.fitting.uncertainty import inverse
from qpcjax.optimise.descents import descend

LOW = 0.4  # share of the expected rise below which an error is too small by a half or more
_NEAR = 0.5  # share of a standard error: a bound nearer than that leaves nothing to look at
_STRAIGHT = 0.2  # share of the expected change of the residuals that bending may have
_STEPS = 20
FOLLOWED = 3  # deeper minima that a fit follows, one after the other
_DEEPER = 0.02  # of the expected rise, what a fall must exceed to be another minimum's


class Rises(NamedTuple):
    """What the look one standard error away found.

    Fields:
        over: (rows, free, 2): the rise of the sum of squares below and above, over that of a
            parabola: 1 where the error is right, below it where the error is too small. NaN where
            a bound is nearer than half an error, or the model has no prediction.
        lower: (rows, free): the deepest point met that lies below the minimum; NaN where none does.
    """

    over: np.ndarray
    lower: np.ndarray


def rises(problem, vectors, covariance, curvature, of=None, progress=None):
    """How the sum of squares rises one standard error below and above each free parameter.

    A covariance is what the slopes at the minimum say. Where the model bends within an error, or a
    hot spot is about to move from one place to another, it says little of the errors, and this
    tells: each parameter is moved by its standard error and the others are fitted anew.

    Args:
        problem: `FitProblem`.
        vectors: the minima, (rows, free).
        covariance: (rows, free, free), in the parameters' units.
        curvature: half the second derivatives of the sum of squares there, in the same units.
        of: from numbers of rows to what was measured in them, as `FitProblem.linearise` takes it;
            by default the problem's own data.
        progress: called with (done, total).

    Returns:
        `Rises`.
    """
    of = of or (lambda _: None)
    free, slope = problem.coordinates.decode(vectors)
    rows, count = free.shape
    ends = np.array([(p.lower, p.upper) for p in (problem.parameters[i] for i in problem.free)])
    error = np.sqrt(np.einsum("rpp->rp", covariance))
    width = np.stack([np.diag(inverse(c)) for c in curvature])
    at_minimum, jacobian = problem.linearise(vectors, of(np.arange(rows)))
    jacobian, least = jacobian / slope[:, None], _square(at_minimum)
    found = Rises(np.full((rows, count, 2), np.nan), np.full((rows, count), np.nan))
    deepest = np.zeros(rows)
    for k, side in np.ndindex(count, 2):
        if progress:
            progress(2 * k + side, 2 * count)
        held = np.arange(count) == k
        room = np.abs(ends[k, side] - free[:, k])
        share = np.minimum(1, 0.99 * room / error[:, k])
        expected = (share * error[:, k]) ** 2 / width[:, k]
        step = (-1, 1)[side] * (share / error[:, k])[:, None] * covariance[:, k]
        moved = np.clip(free + step, ends[:, 0], ends[:, 1])
        there = problem.encode(moved)
        residuals = problem.residuals(there, of(np.arange(rows)))
        rise = _fitted_anew(residuals, jacobian, held) - least
        # The slopes hold where the residuals went as they say; elsewhere those at the end tell.
        said = at_minimum + np.einsum("rnp,rp->rn", jacobian, moved - free)
        bent = np.flatnonzero(~(_square(residuals - said) < _STRAIGHT**2 * expected))
        if bent.size:
            residuals, jacobian_there = problem.linearise(there[bent], of(bent))
            rise[bent] = _fitted_anew(residuals, jacobian_there, held) - least[bent]
        # One step says too little where it is low: fit them properly.
        low = np.flatnonzero(rise < LOW * expected)
        if low.size:
            end = descend(
                lambda v, r, low=low: problem.linearise(v, of(low[r])), there[low], _STEPS, held
            )
            rise[low] = 2 * end.loss - least[low]
            below = rise[low] < np.minimum(deepest[low], -_DEEPER * expected[low])
            deepest[low[below]] = rise[low[below]]
            found.lower[low[below]] = end.vectors[below]
        seen = (share >= _NEAR) & np.isfinite(rise)
        found.over[seen, k, side] = (rise / expected)[seen]
    return found


def _square(z):
    return np.einsum("rn,rn->r", z, z)


def _fitted_anew(z, jacobian, held):
    """The sum of squares after a step of the parameters that are not held."""
    others = jacobian[:, :, ~held]
    if not others.shape[2]:
        return _square(z)
    gradient = np.einsum("rnp,rn->rp", others, z)
    total = np.full(len(z), np.nan)
    for row in np.flatnonzero(np.isfinite(others).all((1, 2)) & np.isfinite(z).all(1)):
        fall = gradient[row] @ inverse(others[row].T @ others[row]) @ gradient[row]
        total[row] = z[row] @ z[row] - fall
    return total


def too_small(rises):
    """Whether the errors are too small that `rises` tells of, (..., 2)."""
    return np.any(rises < LOW, axis=-1)  # False for NaN
