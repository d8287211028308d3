"""From many starts to a few: what fits of one measurement and of many have in common."""

import dataclasses

import numpy as np

from qpcjax.fitting.problem import FitProblem
from qpcjax.optimise.descents import DescentEnds, descend

_RUN = 6  # starts of a fit that are run, of all that are looked at
_TRIAL_STEPS = 5
_FINALISTS = 3
# A row is not followed where the next two steps promise to leave more than so many times the best
# sum of squares.
_BEHIND = 1.5
_ALIKE = 1e-3  # relative difference of two sums of squares that lead to one minimum


@dataclasses.dataclass
class Trial:
    """Starts of one or several fits after the first steps.

    Fields:
        losses: of every start.
        run: indices of those that were run, in the order of the trial's rows.
        ends: where they came to.
        chosen: rows of the trial to go on from: of each fit the best, and the next best ones where
            they lead elsewhere and are not far behind.
        alike: of each chosen row, how many rows of its fit came as far.
    """

    losses: np.ndarray
    run: np.ndarray
    ends: DescentEnds
    chosen: np.ndarray
    alike: np.ndarray


def try_starts(problem, vectors, fits, measured=None, progress=None) -> Trial:
    """Look at all starts, take some steps from the best ones, and choose among their ends.

    Where conductance traces are among other data only they are looked at: heat is dear, and a
    trace says most.

    Args:
        problem: `FitProblem`.
        vectors: starts, (rows, free).
        fits: the fit that each of them belongs to, rising.
        measured: function of fits to what was measured, as `FitProblem.linearise` takes it;
            None for the problem's own data.
        progress: called with (done, total).
    """
    scout, which = _scout(problem)

    def of(rows):
        if measured is None:
            return None
        found = measured(rows)
        return [found[k] for k in which]

    losses = _finite(scout.losses(vectors, of(fits)))
    run = _first(losses, fits, _RUN)
    owner = fits[run]
    ends = descend(
        lambda v, rows: scout.linearise(v, of(owner[rows])),
        vectors[run],
        _TRIAL_STEPS,
        progress=progress,
    )
    loss = _finite(ends.loss)
    chosen, alike = [], []
    for fit in np.unique(owner):
        rows = np.flatnonzero(owner == fit)
        rows = rows[np.argsort(loss[rows], kind="stable")]
        hopeful = loss * (1 - 2 * ends.promise) <= _BEHIND * loss[rows[0]]
        left = [row for row in rows if np.isfinite(loss[row]) and hopeful[row]]
        for _ in range(_FINALISTS):
            if not left:
                break
            best = left[0]
            near = [r for r in left if loss[r] <= loss[best] * (1 + _ALIKE)]
            chosen.append(best)
            alike.append(len(near))
            left = left[len(near) :]
    return Trial(losses, run, ends, np.array(chosen, int), np.array(alike, int))


def _scout(problem):
    """The problem of the traces alone, where there are others too, and which parts they are."""
    which = [k for k, part in enumerate(problem.parts) if part.data.staircase]
    if not which or len(which) == len(problem.parts):
        return problem, range(len(problem.parts))
    traces = [problem.parts[k] for k in which]
    return FitProblem(problem.parameters, traces, problem.priors, problem.loss), which


def _finite(loss):
    return np.where(np.isfinite(loss), loss, np.inf)


def _first(losses, fits, count):
    """Indices of the lowest losses, up to `count` of each fit."""
    order = np.lexsort((losses, fits))
    rank = np.arange(fits.size) - np.searchsorted(fits[order], fits[order])
    return order[(rank < count) & np.isfinite(losses[order])]
