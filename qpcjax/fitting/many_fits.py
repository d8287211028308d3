"""Fits of many measurements of one kind side by side: a wafer, a cooldown, a benchmark."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from qpcjax.fitting.device import Device
from qpcjax.fitting.doubts import in_words, poor, poor_in_words
from qpcjax.fitting.fit_setup import FitSetup
from qpcjax.fitting.rises import FOLLOWED, rises, too_small
from qpcjax.fitting.screening import try_starts
from qpcjax.fitting.uncertainty import inverse
from qpcjax.measurements import InputError
from qpcjax.optimise.descents import descend

_MOST_STEPS = 60
_FAR_ROWS = 64
_ROUNDS = 4  # of more nodes along a trace, or more room


@dataclasses.dataclass(frozen=True, eq=False)
class ManyFits:
    """Fits of many measurements; arrays have one row for each.

    Fields:
        names: of the free parameters.
        values: (fits, parameters).
        covariance: (fits, parameters, parameters), scaled to the residuals of each fit where the
            data state no sigma. The residuals are taken as independent.
        chi_square: with the data's sigma, or that of the residuals.
        freedom: points and priors minus parameters.
        rms: of the residuals, (fits, data sets), in the units of the data.
        converged: whether no small step lowers the residuals.
        alike: how many of the starts that were run came to it in the first steps.
        at_bound: whether a parameter ended on a bound.
        known: whether the data state their sigma.
        rises: see `FitResult.rises`, (fits, parameters, 2).
    """

    names: tuple[str, ...]
    values: np.ndarray
    covariance: np.ndarray
    chi_square: np.ndarray
    freedom: int
    rms: np.ndarray
    converged: np.ndarray
    alike: np.ndarray
    at_bound: np.ndarray
    known: bool
    rises: np.ndarray

    @property
    def stderr(self):
        """Standard errors, (fits, parameters)."""
        return np.sqrt(np.einsum("fpp->fp", self.covariance))

    @property
    def doubtful(self):
        """Fits that are not to be trusted unseen; `doubts` says why.

        Not converged, on a bound, with an error that is too small (see `rises`), or, where sigma
        is known, with a chi-square that one in a thousand good fits exceeds.
        """
        return ~self.converged | self.at_bound | self._poor | np.any(too_small(self.rises), axis=1)

    def doubts(self, k):
        """Why fit k is not to be trusted unseen, in sentences; none where it is."""
        found = []
        if not self.converged[k]:
            found.append("the search stopped before the residuals settled")
        if self.at_bound[k]:
            found.append("a parameter ended on a bound")
        if self._poor[k]:
            found.append(poor_in_words(self.chi_square[k], self.freedom))
        return (*found, *in_words(self.names, self.rises[k]))

    @property
    def _poor(self):
        return self.known & poor(self.chi_square, self.freedom)

    def column(self, name):
        """Values and standard errors of one parameter."""
        k = self.names.index(name)
        return self.values[:, k], self.stderr[:, k]


def fit_many(
    device: Device,
    data: Sequence[Any],
    *,
    starts: int = 12,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
    **question: Any,
) -> ManyFits:
    """`fit` for many measurements at the same points, all in one batch.

    What is compiled is compiled once, and every step is taken for all of them together. Uncertain
    cases are marked, see `ManyFits.doubtful`: look at them with `fit`.

    Args:
        device: `Device`, whose numbers count as in `fit`.
        data: for each fit what `fit` takes as data; gate voltages, biases and temperatures are the
            same for all, as is whether a sigma is stated.
        starts: how many starts to look at for each; six of them are run.
        seed: of the starts that are drawn where no trace gives any.
        progress: called with (done, total, label).
        **question: free, fixed, bounds, priors, tied, private and loss, as in `fit`.

    Raises:
        InputError: data sets that are not alike, or what `fit` raises.
        ValueError: as `fit`.
    """
    asked = [FitSetup(device, d, **question) for d in data]
    if not asked:
        raise ValueError("data must hold at least one measurement")
    first = asked[0]
    for k, other in enumerate(asked[1:], 1):
        _check_alike(first.named, other.named, k)
    return _Batch(first.problem(), asked, progress or (lambda *_: None)).run(starts, seed)


def _check_alike(first, other, k):
    """Raise InputError unless the data sets were taken at the same points."""
    if list(first) != list(other):
        raise InputError(
            f"measurement {k} has the data sets {', '.join(other)}, the first one has "
            f"{', '.join(first)}"
        )
    for name, data in first.items():
        mine, theirs = data.settings, other[name].settings
        if data.response != other[name].response:
            raise InputError(f"measurement {k}: {name} is of another kind than the first one's")
        for field in {**mine, **theirs}:
            if not np.array_equal(mine.get(field, ()), theirs.get(field, ())):
                raise InputError(
                    f"measurement {k}: {name} has another {field} than that of the first one; "
                    "interpolate them to the same points, or fit them one by one"
                )
        if (data.sigma is None) != (other[name].sigma is None):
            raise InputError(
                f"measurement {k}: {name} and that of the first one must both state a sigma, or "
                "both none"
            )


def extremes(vectors):
    """Rows that need the most room: far from the middle, or at either end of a coordinate."""
    far = np.argsort(np.abs(vectors).max(1))[-_FAR_ROWS:]
    return vectors[np.unique(np.concatenate([far, vectors.argmin(0), vectors.argmax(0)]))]


class _Batch:
    """All measurements, their starts, and the steps of the search."""

    def __init__(self, problem, asked, progress):
        self.problem, self.asked, self.progress = problem, asked, progress
        self.measured = []
        for part in problem.parts:
            sets = [q.named[part.name] for q in asked]
            value = np.stack([d.value for d in sets])
            sigma = np.broadcast_to(part.sigma, value.shape)
            if part.known:
                sigma = np.stack([np.broadcast_to(d.sigma, d.value.shape) for d in sets])
            self.measured.append((value, sigma))
        self.known = all(part.known for part in problem.parts)
        self.freedom = max(problem.points + len(problem.priors) - problem.free.size, 1)

    def of(self, fits):
        """What was measured in these fits, as `FitProblem.linearise` takes it."""
        return [(value[fits], sigma[fits]) for value, sigma in self.measured]

    def descend(self, vectors, fits, steps, label):
        return descend(
            lambda v, rows: self.problem.linearise(v, self.of(fits[rows])),
            vectors,
            steps,
            progress=lambda done, total: self.progress(done, total, label),
        )

    def run(self, count, seed):
        problem = self.problem
        self.progress(0, 1, "starts")
        starts = [self._starts(q, count, seed) for q in self.asked]
        fits = np.repeat(np.arange(len(starts)), [len(s) for s in starts])
        vectors = np.concatenate(starts)
        problem.make_room(extremes(vectors))
        trial = try_starts(
            problem,
            vectors,
            fits,
            self.of,
            lambda done, total: self.progress(done, total, "trying starts"),
        )
        fits = fits[trial.run][trial.chosen]
        missing = np.setdiff1d(np.arange(len(starts)), fits)
        if missing.size:
            raise InputError(
                f"measurement {missing[0]}: the model has no finite prediction at any start: check "
                "its units, or hold some parameters"
            )
        end = self._to_the_minimum(trial.ends.vectors[trial.chosen], fits, "to the minimum")
        return self._result(end, fits, trial.alike)

    def _to_the_minimum(self, vectors, fits, label):
        """Descend, with more nodes and more room where they are needed."""
        problem = self.problem
        end = self.descend(vectors, fits, _MOST_STEPS, label)
        for _ in range(_ROUNDS):
            settled = problem.settle_nodes(end.vectors)
            if np.any(end.walled) or not all(problem.resolves(v) for v in end.vectors):
                problem.make_room(end.vectors)
                settled = False
            if settled:
                break
            end = self.descend(end.vectors, fits, _MOST_STEPS, "more resolution")
        return end

    def _starts(self, asked, count, seed):
        return self.problem.vectors_of(asked.starts(count, seed))

    def _result(self, end, fits, alike):
        problem, count = self.problem, len(self.asked)
        loss = np.where(np.isfinite(end.loss), end.loss, np.inf)
        order = np.lexsort((loss, fits))
        best = order[np.searchsorted(fits[order], np.arange(count))]
        vectors, converged = end.vectors[best], end.converged[best]
        square, covariance, risen, lower = self._look(vectors, np.arange(count))
        for _ in range(FOLLOWED):
            rows = np.flatnonzero(np.isfinite(lower).all(1))
            if not rows.size:
                break
            deeper = self._to_the_minimum(lower[rows], rows, "deeper minima")
            vectors[rows], converged[rows] = deeper.vectors, deeper.converged
            again = self._look(vectors[rows], rows)
            for old, new in zip((square, covariance, risen, lower), again, strict=True):
                old[rows] = new
        numbers, _ = problem.decode(vectors)
        rms = []
        for part, (value, _) in zip(problem.parts, self.measured, strict=True):
            residual = part.predict(problem.of_part(part, numbers)) - value
            rms.append(np.sqrt(np.mean(residual**2, axis=1)))
        free = [problem.parameters[i] for i in problem.free]
        values = numbers[:, problem.free]
        at_bound = [any(p.at(v).on_bound for p, v in zip(free, row, strict=True)) for row in values]
        return ManyFits(
            tuple(p.name for p in free),
            values,
            covariance,
            square,
            self.freedom,
            np.stack(rms, axis=1),
            converged,
            alike[best],
            np.array(at_bound),
            self.known,
            risen,
        )

    def _look(self, vectors, fits):
        """Sum of squares, covariance and `Rises` at the minima of these fits."""
        problem = self.problem
        _, slope = problem.decode(vectors)
        z, jacobian = problem.linearise(vectors, self.of(fits))
        jacobian = jacobian / slope[:, None]
        square = np.einsum("fn,fn->f", z, z)
        information = np.einsum("fnp,fnq->fpq", jacobian, jacobian)
        covariance = np.stack([inverse(m) for m in information])
        if not self.known:
            covariance = covariance * (square / self.freedom)[:, None, None]
        looked = rises(
            problem,
            vectors,
            covariance,
            information,
            lambda rows: self.of(fits[rows]),
            lambda done, total: self.progress(done, total, "errors"),
        )
        return square, covariance, *looked
