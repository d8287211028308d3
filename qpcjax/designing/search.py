"""From a handful of starts to the best point of a box: few evaluations, each of them counted."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from qpcjax.optimise.trust_region import minimise, trust_region

# Decrease that is still to be had where a descent ends: in units of the objective's spread over the
# starts, and of its value. Near a minimum squares are known better: a step more is all it takes.
_CONVERGED, _CONVERGED_SQUARES = 1e-9, 1e-13
_CONVERGED_SHARE = 1e-7
_FEASIBLE = 1e-6  # violation that counts as none, in units of the constraint's spread
_MOST_STEPS = 100
_PENALTY = 10.0
_STIFF = 1000.0  # penalty of the descent that begins where the constraints are met best
_LARGEST_PENALTY = 1e8
_SMALLEST_RADIUS = 1e-9
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


class Merit:
    r"""What is minimised: objective and constraints as a function of the outputs z.

    The augmented Lagrangian

    .. math::
        \frac{h(z)}{s} + \sum_i \frac{\rho}{2} \left[\Delta_i^2(c_i + \lambda_i/\rho)
            - (\lambda_i/\rho)^2\right]

    with h the number itself, with the sign of what is wanted, or half the sum of squared
    deviations; s its spread over the starts; c_i a constrained number in units of its own spread,
    and Delta its distance from the allowed range.

    Args:
        objective: an `AbstractObjective`.
        constraints: of `Constraint`.
        parts: how many of the outputs belong to the objective.
    """

    def __init__(self, objective, constraints, parts):
        self.parts, self.squares = parts, objective.squares
        self.sign = -1.0 if objective.maximise else 1.0
        self.lower = np.array([c.lower for c in constraints])
        self.upper = np.array([c.upper for c in constraints])
        self.scale, self.scales = 1.0, np.ones(len(constraints))

    def measure(self, outputs):
        """Take the spreads from the outputs at the starts."""
        finite = outputs[np.all(np.isfinite(outputs), 1)]
        h = self.objective(finite)
        self.scale = _spread(h) or float(np.max(np.abs(h))) or 1.0
        c = finite[:, self.parts :]
        for i in range(c.shape[1]):
            ends = [abs(e) for e in (self.lower[i], self.upper[i]) if np.isfinite(e)]
            # A bound that is small against the spread is meant to be kept to its own size.
            spread = _spread(c[:, i]) or max(ends) or 1.0
            self.scales[i] = np.sqrt(spread * min(spread, max(ends) or spread))

    def objective(self, outputs):
        """The value h of rows of outputs."""
        parts = outputs[..., : self.parts]
        return np.sum(parts**2, -1) / 2 if self.squares else self.sign * parts[..., 0]

    def _shifted(self, outputs, multipliers, penalty):
        """The constrained number plus lambda/rho, and how far that is outside the range."""
        c = outputs[self.parts :] / self.scales + multipliers / penalty
        return c - np.clip(c, self.lower / self.scales, self.upper / self.scales)

    def settled(self, outputs):
        """Decrease of the Lagrangian that counts as none."""
        if self.squares:
            return _CONVERGED_SQUARES
        return max(_CONVERGED, _CONVERGED_SHARE * abs(float(self.objective(outputs))) / self.scale)

    def violation(self, outputs):
        """The largest violation of a constraint, in units of its spread."""
        outside = self._shifted(outputs, np.zeros_like(self.scales), 1.0)
        return float(np.max(np.abs(outside), initial=0.0))

    def value(self, outputs, multipliers, penalty):
        """The augmented Lagrangian."""
        outside = self._shifted(outputs, multipliers, penalty)
        h = float(self.objective(outputs)) / self.scale
        return h + float(penalty / 2 * np.sum(outside**2) - np.sum(multipliers**2) / 2 / penalty)

    def weights(self, outputs, multipliers, penalty):
        """Its first and second derivatives by the outputs."""
        parts = outputs[: self.parts]
        first = parts / self.scale if self.squares else np.full(1, self.sign / self.scale)
        second = np.full(self.parts, 1 / self.scale if self.squares else 0.0)
        outside = self._shifted(outputs, multipliers, penalty)
        first = np.concatenate([first, penalty * outside / self.scales])
        active = np.where(outside != 0, penalty / self.scales**2, 0.0)
        return first, np.concatenate([second, active])

    def new_multipliers(self, outputs, multipliers, penalty):
        """Multipliers that would make this point the minimum of the Lagrangian."""
        return penalty * self._shifted(outputs, multipliers, penalty)


def _spread(values):
    """Half the distance between the quartiles' neighbours; 0 where all are equal."""
    low, high = np.quantile(values, [0.1, 0.9])
    return float(high - low) / 2


@dataclasses.dataclass
class Row:
    """One start, and where its descent is.

    Fields:
        start: its point in the unit box.
        at: the best point so far, with the outputs and their slopes by box coordinates there.
        multipliers, penalty: of the augmented Lagrangian.
        evaluations: taken, with that of the start.
        history: outputs at the best point so far, after each evaluation.
        status: "screened", "descending", "converged", "infeasible", "steps", "merged" or "behind".
    """

    start: np.ndarray
    at: np.ndarray
    outputs: np.ndarray
    slopes: np.ndarray
    multipliers: np.ndarray
    penalty: float = _PENALTY
    evaluations: int = 1
    status: str = "screened"
    state: object = None
    moved: np.ndarray | None = None
    change: np.ndarray | None = None
    gain: float = 0.0
    predicted: float = np.inf
    last_violation: float = np.inf
    updated: bool = False
    checked: bool = False

    def __post_init__(self):
        self.history = [self.outputs]

    @property
    def first_outputs(self):
        """Outputs at the start."""
        return self.history[0]


@functools.cache
def _minimiser():
    return jax.jit(minimise)


@functools.cache
def _optimiser():
    optimiser = trust_region()

    def update(gradient, state, at, known, moved, change, gain):
        step, state = optimiser.update(
            gradient, state, at, known=known, moved=moved, change=change, gain=gain
        )
        return optax.apply_updates(at, step), state

    return jax.jit(optimiser.init), jax.jit(update)


class Search:
    """A search of the unit box.

    Args:
        linearise: from rows of box coordinates to outputs and their slopes by them.
        merit: `Merit`.
        descents: how many starts are followed, of all that are looked at.
        progress: called with (done, total, label).
    """

    def __init__(self, linearise, merit, descents, progress):
        self.linearise, self.merit = linearise, merit
        self.descents, self.progress = descents, progress
        self.rows, self.interrupted = [], False

    @property
    def evaluations(self):
        """How many points were evaluated."""
        return sum(row.evaluations for row in self.rows)

    def screen(self, points):
        """Evaluate all starts; returns how many of them have finite outputs."""
        outputs, slopes = self.linearise(points)
        none = np.zeros(len(self.merit.scales))
        self.rows = [
            Row(p, p, z, dz, none) for p, z, dz in zip(points, outputs, slopes, strict=True)
        ]
        usable = [r for r in self.rows if _finite(r.outputs, r.slopes)]
        if usable:
            self.merit.measure(np.array([r.outputs for r in usable]))
        return len(usable)

    def descend(self):
        """Follow the best starts to their ends."""
        running = self._chosen()
        for row in running:
            row.status = "descending"
            row.state = _optimiser()[0](jnp.asarray(row.at))
            row.moved = row.change = np.zeros_like(row.at)
        try:
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

    def _merit(self, row):
        return self.merit.value(row.outputs, row.multipliers, row.penalty)

    def _chosen(self):
        """The best starts, no two of them close together."""
        usable = [r for r in self.rows if _finite(r.outputs, r.slopes)]
        apart = 0.4 * len(self.rows) ** (-1 / usable[0].at.size)
        chosen = []
        for row in sorted(usable, key=self._merit):
            if all(np.max(np.abs(row.at - other.at)) > apart for other in chosen):
                chosen.append(row)
        if len(self.merit.scales):
            # One of them begins where the constraints are met best.
            nearest = min(usable, key=lambda r: self.merit.violation(r.outputs))
            nearest.penalty = _STIFF
            chosen = [nearest, *(r for r in chosen if r is not nearest)]
        return chosen[: self.descents]

    def _step(self, running):
        """One evaluation of each row that is on its way."""
        trials = [self._propose(row) for row in running]
        going = [(r, t) for r, t in zip(running, trials, strict=True) if r.status == "descending"]
        if not going:
            return
        outputs, slopes = self.linearise(np.array([t for _, t in going]))
        for (row, trial), z, dz in zip(going, outputs, slopes, strict=True):
            row.evaluations += 1
            self._learn(row, trial, z, dz)
            row.history.append(row.outputs)
        self._give_up(going)

    def _propose(self, row):
        """The next point to try; settles the row's status where there is none."""
        while True:
            first, second = self.merit.weights(row.outputs, row.multipliers, row.penalty)
            gradient = row.slopes.T @ first
            known = (row.slopes.T * second) @ row.slopes
            trial, state = _optimiser()[1](
                gradient, row.state, row.at, known, row.moved, row.change, row.gain
            )
            if len(self.merit.scales):
                trial, state = self._within_kinks(row, state, np.asarray(trial) - row.at)
            row.state = state
            # What was learnt counts once.
            row.moved, row.change, row.gain = np.zeros_like(row.at), np.zeros_like(row.at), 0.0
            row.predicted = float(state.predicted)
            stuck = float(state.radius) < _SMALLEST_RADIUS
            if not (self._settle_multipliers(row, stuck) or stuck):
                more = row.predicted > self.merit.settled(row.outputs)
                if more or row.updated:
                    row.updated = False
                    return np.clip(np.asarray(trial), 0, 1)
                stuck = True
            if stuck and len(self.merit.scales) and not row.checked:
                # What was learnt on the other side of a constraint may be wrong here: look again.
                row.checked = True
                row.state = _optimiser()[0](jnp.asarray(row.at))
                continue
            if stuck and row.status == "descending":
                feasible = self.merit.violation(row.outputs) <= _FEASIBLE
                row.status = "converged" if feasible else "infeasible"
            if row.status != "descending":
                return row.at

    def _within_kinks(self, row, state, step):
        """The step that is best for the constraints on both sides of their kinks, linearised.

        A constraint counts on one side of its bound alone: a quadratic from either side leads past
        or short of it. Nothing is evaluated here.
        """
        curvature, radius = np.asarray(state.curvature), float(state.radius)
        lower, upper = np.maximum(-row.at, -radius), np.minimum(1 - row.at, radius)

        def model(s):
            z = row.outputs + row.slopes @ s
            return self.merit.value(z, row.multipliers, row.penalty) + s @ curvature @ s / 2

        none = np.zeros_like(step)
        now, best = none, model(none)
        start = best
        if model(step) < best:
            now, best = step, model(step)
        for _ in range(_INNER):
            z = row.outputs + row.slopes @ now
            first, second = self.merit.weights(z, row.multipliers, row.penalty)
            gradient = row.slopes.T @ first + curvature @ now
            matrix = curvature + (row.slopes.T * second) @ row.slopes
            more = np.asarray(_minimiser()(gradient, matrix, lower - now, upper - now))
            shares = 0.5 ** np.arange(12)
            values = [model(now + share * more) for share in shares]
            i = int(np.argmin(values))
            if not values[i] < best - 1e-12 * max(start - best, 1e-300):
                break
            now, best = now + shares[i] * more, values[i]
        gain = jnp.asarray(start - best, state.predicted.dtype)
        return row.at + now, state._replace(predicted=gain)

    def _settle_multipliers(self, row, stuck):
        """New multipliers once the point is near the minimum for the old ones; whether so."""
        if not len(self.merit.scales):
            return False
        merit = self.merit
        new = merit.new_multipliers(row.outputs, row.multipliers, row.penalty)
        off = float(np.max(np.abs(new - row.multipliers))) / row.penalty
        # One update for each evaluation: a second one would answer to the same violation.
        if off <= _FEASIBLE / 10 or row.updated:
            return False
        if not (stuck or row.predicted < 0.1 * row.penalty * off**2 + merit.settled(row.outputs)):
            return False
        if off > 0.25 * row.last_violation:
            row.penalty *= 5
        row.last_violation = off
        if row.penalty > _LARGEST_PENALTY:
            row.status = "infeasible"
            return True
        row.multipliers, row.updated = new, True
        return True

    def _learn(self, row, trial, outputs, slopes):
        merit, size = self.merit, row.multipliers
        before = self._merit(row)
        finite = _finite(outputs, slopes)
        row.moved = trial - row.at
        row.gain = before - merit.value(outputs, size, row.penalty) if finite else np.nan
        old = row.slopes
        if finite and row.gain > 0:
            row.at, row.outputs, row.slopes = trial, outputs, slopes
        # The slopes' change under the weights of the better point: the part of the Hessian that the
        # known one leaves out.
        first, _ = merit.weights(row.outputs, size, row.penalty)
        row.change = (slopes - old).T @ first if finite else np.full_like(row.at, np.nan)

    def _give_up(self, going):
        """Leave descents that are behind the best one, or have met a better one."""
        rows = [r for r, _ in going if r.status == "descending"]
        ranked = sorted(
            (r for r in self.rows if r.status in ("descending", "converged")), key=self._merit
        )
        best = ranked[0]
        for row in rows:
            if row is best:
                continue
            if np.max(np.abs(row.at - best.at)) < _SAME:
                row.status = "merged"
            elif row.evaluations > _TRIAL and not len(self.merit.scales):
                behind = self._merit(row) - self._merit(best)
                if behind > _HOPELESS * max(row.predicted, row.gain):
                    row.status = "behind"


def _finite(outputs, slopes):
    return bool(np.all(np.isfinite(outputs)) and np.all(np.isfinite(slopes)))
