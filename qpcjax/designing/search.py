"""From a handful of starts to the best point of a box: few evaluations, each of them counted.

A mean square without constraints goes through SciPy's `least_squares`. Everything else, and the
end of every descent, goes through `TrustRegion`, with constraints in an augmented Lagrangian.
SciPy's SLSQP needs more evaluations there and misses more optima: benchmarks/design.md has the
numbers.
"""

import dataclasses
from typing import Any

import numpy as np
from scipy import optimize

from qpcjax.designing.merit import CONVERGED_SQUARES, FEASIBLE, Merit
from qpcjax.optimise.trust_region import TrustRegion, minimise_quadratic

_MOST_STEPS = 100
_PENALTY = 10.0
_STIFF = 1000.0  # penalty of the descent that begins where the constraints are met best
_LARGEST_PENALTY = 1e8
_INNER = 12  # steps within the linearised constraints
_SAME = 0.02  # distance in the box within which two descents are one
_HOPELESS = 4.0  # expected gains by which a descent may be behind the best one
_TRIAL = 3  # evaluations after which one may be left for that


def low_discrepancy(count, dimensions, seed):
    """Points that fill the unit box evenly whatever their number, shifted by the seed.

    The additive recurrence with powers of the generalised golden ratio, the root of
    x^(d+1) = x + 1.
    """
    ratio = 2.0
    for _ in range(60):
        ratio = (1 + ratio) ** (1 / (dimensions + 1))
    steps = ratio ** -np.arange(1.0, dimensions + 1)
    shift = np.random.default_rng(seed).random(dimensions)
    return (shift + np.arange(1, count + 1)[:, None] * steps) % 1


@dataclasses.dataclass
class Linearisation:
    """A point of the unit box, its outputs, and their slopes by the coordinates."""

    at: np.ndarray
    outputs: np.ndarray
    slopes: np.ndarray

    @property
    def finite(self):
        """Whether it has a value and slopes."""
        return bool(np.all(np.isfinite(self.outputs)) and np.all(np.isfinite(self.slopes)))


class Descent:
    """One start, and where its descent is.

    Attributes:
        start: the first `Linearisation`.
        best: the best one so far.
        history: the best one so far, after each evaluation.
        status: "screened", "descending", "converged", "infeasible", "steps", "merged" or "behind".
        gain: fall of the merit that the last evaluation brought.
        multipliers, penalty: of the augmented Lagrangian.
        region: its `TrustRegion`.
    """

    def __init__(self, start, constraints):
        self.start = self.best = start
        self.history, self.status, self.gain = [start], "screened", np.inf
        self.multipliers, self.penalty = np.zeros(constraints), _PENALTY
        self.region = TrustRegion(start.at.size)
        self.last_violation, self.updated, self.checked = np.inf, False, False

    @property
    def evaluations(self):
        """Points evaluated, with the start."""
        return len(self.history)

    @property
    def expected(self):
        """Fall of the merit that the next evaluation may bring."""
        return max(self.region.predicted, self.gain)  # in this order: the gain may be NaN


class _Left(Exception):
    """A descent is left from within a solver of SciPy."""


class Search:
    """A search of the unit box.

    Args:
        linearise: from rows of box coordinates to outputs and their slopes by them.
        objective: an `AbstractObjective`.
        constraints: of `Constraint`.
        descents: how many starts are followed, of all that are evaluated.
        progress: called with (done, total, label).
    """

    def __init__(self, linearise, objective, constraints, descents, progress):
        self.linearise, self.objective, self.constraints = linearise, objective, constraints
        self.descents, self.progress = descents, progress
        self.rows, self.interrupted = [], False

    @property
    def evaluations(self):
        """How many points were evaluated."""
        return sum(row.evaluations for row in self.rows)

    def screen(self, points):
        """Evaluate all starts; returns how many of them have finite outputs."""
        found = [Linearisation(*x) for x in zip(points, *self.linearise(points), strict=True)]
        self.rows = [Descent(e, len(self.constraints)) for e in found]
        usable = np.array([e.outputs for e in found if e.finite])
        if usable.size:
            self.merit = Merit(self.objective, self.constraints, usable)
        return len(usable)

    def descend(self):
        """Follow the best starts to their ends."""
        running = self._chosen()
        try:
            if self.merit.squares and not self.merit.constrained:
                self._least_squares(running)
            else:
                for row in running:
                    row.status = "descending"
            for step in range(_MOST_STEPS):
                running = [r for r in running if r.status == "descending"]
                if not running:
                    break
                self.progress(step, _MOST_STEPS, "descending")
                self._step(running)
        except KeyboardInterrupt:
            self.interrupted = True
        for row in running:
            if row.status == "descending":
                row.status = "steps"

    def best(self):
        """The best feasible end; of infeasible ones the one of the smallest violation."""

        def order(row):
            violation = self.merit.violation(row.best.outputs)
            if violation <= FEASIBLE and row.status != "infeasible":
                return 0, float(self.merit.objective(row.best.outputs))
            return 1, violation

        return min((r for r in self.rows if r.status != "screened"), key=order)

    def _merit(self, row):
        return self.merit.value(row.best.outputs, row.multipliers, row.penalty)

    def _chosen(self):
        """The best starts, no two of them close together."""
        usable = [r for r in self.rows if r.start.finite]
        apart = 0.4 * len(self.rows) ** (-1 / usable[0].start.at.size)
        chosen = []
        for row in sorted(usable, key=self._merit):
            if all(_distance(row, other) > apart for other in chosen):
                chosen.append(row)
        if self.merit.constrained:
            # One of them begins where the constraints are met best.
            nearest = min(usable, key=lambda r: self.merit.violation(r.start.outputs))
            nearest.penalty = _STIFF
            chosen = [nearest, *(r for r in chosen if r is not nearest)]
        return chosen[: self.descents]

    # --- SciPy's least squares ---

    def _least_squares(self, chosen):
        """Follow starts one after the other; none after one that ends at 0, the smallest square."""
        ends = np.zeros(chosen[0].start.at.size), np.ones(chosen[0].start.at.size)
        for i, row in enumerate(chosen):
            self.progress(i, len(chosen), "descending")
            row.status = "descending"
            # The trust region goes on from the end, or confirms that nothing is to be gained there.
            row.region.predicted = 0.0
            try:
                self._solve(row, ends)
            except _Left:
                if self._is_zero(row):
                    for other in chosen[:i]:
                        other.status = "behind" if other.status == "descending" else other.status
                    return

    def _solve(self, row, ends):
        root, last = np.sqrt(self.merit.scale), row.start

        def at(x) -> Linearisation:
            nonlocal last
            if not np.array_equal(x, last.at):
                (outputs,), (slopes,) = self.linearise(x[None])
                last = Linearisation(np.array(x), outputs, slopes)
                self._judge(row, last)
            return last

        slopes: Any = lambda x: at(x).slopes / root  # noqa: E731
        optimize.least_squares(
            lambda x: at(x).outputs / root, row.start.at, slopes, ends,
            "dogbox", ftol=1e-10, xtol=1e-9, gtol=1e-9, max_nfev=_MOST_STEPS
        )  # fmt: skip

    def _judge(self, row, trial):
        if self._take(row, trial):
            if self._is_zero(row):
                row.status = "converged"
            else:
                self._give_up([row])
        if row.status != "descending":
            raise _Left

    def _is_zero(self, row):
        return self.merit.objective(row.best.outputs) < CONVERGED_SQUARES * self.merit.scale

    def _take(self, row, trial):
        """Count an evaluation and keep it if it is the best; whether it is."""
        value = self.merit.value(trial.outputs, row.multipliers, row.penalty)
        row.gain = self._merit(row) - value if trial.finite else np.nan
        better = bool(row.gain > 0)
        if better:
            row.best = trial
        row.history.append(row.best)
        return better

    # --- the trust region ---

    def _step(self, running):
        """One evaluation of each row that is on its way."""
        trials = [self._propose(row) for row in running]
        going = [(r, t) for r, t in zip(running, trials, strict=True) if r.status == "descending"]
        if not going:
            return
        outputs, slopes = self.linearise(np.array([t for _, t in going]))
        for (row, trial), z, dz in zip(going, outputs, slopes, strict=True):
            self._learn(row, Linearisation(trial, z, dz))
        self._give_up([row for row, _ in going])

    def _propose(self, row):
        """The next point to try; settles the row's status where there is none."""
        merit, region = self.merit, row.region
        while True:
            best = row.best
            first, second = merit.weights(best.outputs, row.multipliers, row.penalty)
            known = (best.slopes.T * second) @ best.slopes
            step = region.step(best.at, best.slopes.T @ first, known)
            if merit.constrained:
                step = self._within_kinks(row, step)
            stuck = region.exhausted
            if not (self._settle_multipliers(row) or stuck):
                if region.predicted > merit.settled(best.outputs) or row.updated:
                    row.updated = False
                    return np.clip(best.at + step, 0, 1)
                stuck = True
            if stuck and merit.constrained and not row.checked:
                # The curvature of the other side of a constraint may be wrong here: look again.
                row.checked = True
                row.region = region = TrustRegion(best.at.size)
                continue
            if stuck and row.status == "descending":
                feasible = merit.violation(best.outputs) <= FEASIBLE
                row.status = "converged" if feasible else "infeasible"
            if row.status != "descending":
                return best.at

    def _within_kinks(self, row, step):
        """The step that is best for the constraints on both sides of their kinks, linearised.

        A constraint counts on one side of its bound alone: a quadratic from either side leads past
        or short of it. Nothing is evaluated here.
        """
        best, region = row.best, row.region
        lower, upper = region.bounds(best.at)

        def model(s):
            z = best.outputs + best.slopes @ s
            bent = s @ region.curvature @ s / 2
            return self.merit.value(z, row.multipliers, row.penalty) + bent

        now = np.zeros_like(step)
        start = lowest = model(now)
        if model(step) < lowest:
            now, lowest = step, model(step)
        for _ in range(_INNER):
            z = best.outputs + best.slopes @ now
            first, second = self.merit.weights(z, row.multipliers, row.penalty)
            gradient = best.slopes.T @ first + region.curvature @ now
            matrix = region.curvature + (best.slopes.T * second) @ best.slopes
            more = minimise_quadratic(gradient, matrix, lower - now, upper - now)
            shares = 0.5 ** np.arange(12)
            values = [model(now + share * more) for share in shares]
            i = int(np.argmin(values))
            if not values[i] < lowest - 1e-12 * max(start - lowest, 1e-300):
                break
            now, lowest = now + shares[i] * more, values[i]
        region.predicted = start - lowest
        return now

    def _settle_multipliers(self, row):
        """New multipliers once the point is near the minimum for the old ones; whether so."""
        merit, region = self.merit, row.region
        if not merit.constrained:
            return False
        new = merit.new_multipliers(row.best.outputs, row.multipliers, row.penalty)
        off = float(np.max(np.abs(new - row.multipliers))) / row.penalty
        # One update for each evaluation: a second one would answer to the same violation.
        if off <= FEASIBLE / 10 or row.updated:
            return False
        near = 0.1 * row.penalty * off**2 + merit.settled(row.best.outputs)
        if not (region.exhausted or region.predicted < near):
            return False
        if off > 0.25 * row.last_violation:
            row.penalty *= 5
        row.last_violation = off
        if row.penalty > _LARGEST_PENALTY:
            row.status = "infeasible"
            return True
        row.multipliers, row.updated = new, True
        return True

    def _learn(self, row, trial):
        """Take in an evaluation: the best point, the curvature and the radius."""
        before = row.best
        self._take(row, trial)
        # The slopes' change under the weights of the better point: the part of the Hessian that the
        # known one leaves out.
        first, _ = self.merit.weights(row.best.outputs, row.multipliers, row.penalty)
        change = (trial.slopes - before.slopes).T @ first
        change = change if trial.finite else np.full_like(trial.at, np.nan)
        row.region.learn(trial.at - before.at, change, row.gain)

    def _give_up(self, rows):
        """Leave descents that are behind the best one, or have met a better one."""
        ended = [r for r in self.rows if r.status in ("descending", "converged")]
        best = min(ended, key=self._merit)
        for row in rows:
            if row is best or row.status != "descending":
                continue
            if _distance(row, best) < _SAME:
                row.status = "merged"
            elif row.evaluations > _TRIAL and not self.merit.constrained:
                behind = self._merit(row) - self._merit(best)
                if behind > _HOPELESS * row.expected:
                    row.status = "behind"


def _distance(one, other):
    return float(np.max(np.abs(one.best.at - other.best.at)))
