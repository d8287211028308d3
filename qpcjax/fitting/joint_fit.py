"""Fits of a device to everything that was measured on it."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from qpcjax.fitting.device import Device
from qpcjax.fitting.fit_setup import FitSetup
from qpcjax.fitting.gated_sample import GatedSample
from qpcjax.fitting.minima import FitStart, OtherMinimum, Surroundings
from qpcjax.fitting.result import FitResult
from qpcjax.fitting.rises import FOLLOWED
from qpcjax.fitting.screening import try_starts
from qpcjax.measurements import InputError
from qpcjax.optimise.descents import CONVERGED, descend
from qpcjax.optimise.losses import robust_scale

# Steps of the finalists, and the most to the minimum.
_LONGER_STEPS = 12
_NEAR_ENOUGH = 1e-2  # where a descent has converged whose predictions take seconds
_MOST_STEPS = 100
_ROUNDS = 6  # of more room and nodes, and of a sigma that follows from the residuals
_MESSAGES = {
    "converged": "no small step lowers the residuals any further",
    "steps": "stopped after {steps} steps before the residuals settled",
    "edge": "stopped where the model has no prediction beyond: bound the parameters, or hold some",
    "interrupted": "stopped by the user: the best point so far",
}
_DEEPER = "; a deeper minimum than that of the starts was met a standard error away, and followed"
_SETTLED = 0.01  # relative change of such a sigma


def fit(
    device: Device | GatedSample,
    data: Any,
    *,
    free: Iterable[str] = (),
    fixed: Mapping[str, float] | Iterable[str] = (),
    bounds: Mapping[str, tuple[float, float]] | None = None,
    priors: Mapping[str, tuple[float, float]] | None = None,
    tied: Mapping[str, str | tuple[str, float]] | None = None,
    private: Iterable[str] = (),
    loss: str = "linear",
    starts: int | Iterable[Mapping[str, float]] | FitResult = 12,
    seed: int = 0,
    checks: bool | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> FitResult:
    r"""Fit a device to one or several data sets at once.

    Minimises the sum over all points of :math:`\rho[(model - data)/\sigma]` and over all priors of
    :math:`[(x - mean)/\sigma]^2/2`, by Levenberg-Marquardt steps from several starts. Where a
    `ConductanceTrace` is among the data and the device has a gate, starts come from its steps and
    plateaus: only what the gate does not say needs a reasonable value in `device`. A trace that is
    a peak, and data of other kinds, are fitted from the device's own values and from starts drawn
    around them. A sigma that the data do not state is that of their residuals.

    The numbers of a device are parameters by the names that `DeviceNumbers(device).names` lists; a
    curve's name without its index stands for all of its values. Free are all but the numbers that
    one trace does not determine: mu, offset, temperature, bias_share, excitation, hbar_omega_y and
    magnetic ones.

    Args:
        device: `Device` or `GatedSample`, whose numbers are the start.
        data: a data set, a sequence of them, or a dict of names and data sets.
        free: names to free that are held by default.
        fixed: names to hold, with values or where they are.
        bounds: name -> (lower, upper).
        priors: name -> (mean, standard deviation) of a Gaussian, in the parameter's unit.
        tied: name -> another name whose value it has, or (name, factor).
        private: names that each data set has a value of its own of: `name@data set`.
        loss: "linear" (least squares), "huber", "soft_l1" or "student_t".
        starts: how many starts to look at; or the starts, dicts of names and values; or another
            fit, whose values are the only start: one with `profile` is a good one for `matched`.
        seed: of the starts that are drawn where no trace gives any.
        checks: whether to look one standard error to both sides of each parameter and to leave out
            steps and plateaus in turn. Without, errors are those of the curvature, `rises` is NaN
            and `jackknife` empty. By default yes; of a `GatedSample`, where a look around takes
            many minutes, `jackknife` alone, by one step of Gauss and Newton each.
        progress: called with (done, total, label).

    Returns:
        `FitResult`, also where the search did not converge or was interrupted: see its status.

    Raises:
        InputError: more free parameters than points, data that lack a temperature or a gate.
        ValueError: an unknown name, bounds that contradict each other, no free parameter.
    """
    question = FitSetup(device, data, free, fixed, bounds, priors, tied, private, loss)
    if checks is None:
        checks = not isinstance(device, GatedSample)
    given = question.starts(starts, seed)
    search = _Search(question.problem(), loss, progress or (lambda *_: None), checks)
    known = {p.name for p in question.parameters}
    if isinstance(starts, FitResult) and known == set(starts.values()):
        # Room for the starts of that fit: then its programs serve here too.
        return search.run(given, [s.values for s in starts.starts if known == set(s.values)])
    return search.run(given)


def checked(found: FitResult, progress: Callable[[int, int, str], None] | None = None) -> FitResult:
    """A fit that was made with `checks=False`, with its checks.

    Args:
        found: the fit.
        progress: called with (done, total, label).
    """
    search = _Search(found.problem, found.loss, progress or (lambda *_: None), checks=True)
    search.others = found.others
    return search.result((found.problem.start(), found.status), found.starts)


class _Search:
    """From starts to the minimum, and what is known there."""

    def __init__(self, problem, loss, progress, checks):
        self.problem, self.loss, self.progress, self.checks = problem, loss, progress, checks
        self.others = ()

    def run(self, starts, also=()):
        problem = self.problem
        vectors = problem.vectors_of(starts)
        self.progress(0, 1, "compiling")
        room = [vectors, problem.vectors_of(list(also))] if also else [vectors]
        problem.make_room(np.concatenate(room))
        if len(vectors) == 1:
            loss = problem.losses(vectors)
            self._require_finite(loss)
            end = self._to_the_minimum(vectors[0], interrupted=False)
            return self.result(end, (FitStart(starts[0], float(loss[0]), None),))
        trial = try_starts(
            problem,
            vectors,
            np.zeros(len(vectors), int),
            progress=lambda done, total: self.progress(done, total, "trying starts"),
        )
        self._require_finite(trial.ends.loss)
        longer = self._descend(trial.ends.vectors[trial.chosen], _LONGER_STEPS, "the best starts")
        self.others = self._others(longer)
        best = longer.vectors[int(np.argmin(longer.loss))]
        end = self._to_the_minimum(best, trial.ends.interrupted or longer.interrupted)
        reached = {int(k): float(e) for k, e in zip(trial.run, trial.ends.loss, strict=True)}
        found = tuple(
            FitStart(start, float(trial.losses[k]), reached.get(k))
            for k, start in enumerate(starts)
        )
        return self.result(end, found)

    def _others(self, ends):
        """The minima beside the best one, as far as they were followed."""
        order = np.argsort(ends.loss)[1:]
        values, _ = self.problem.decode(ends.vectors)
        free = [(self.problem.names[i], i) for i in self.problem.free]
        lowest = max(float(np.min(ends.loss)), 1e-300)
        return tuple(
            OtherMinimum({n: float(values[k, i]) for n, i in free}, ends.loss[k] / lowest - 1)
            for k in order
            if np.isfinite(ends.loss[k])
        )

    def _require_finite(self, losses):
        if not np.any(np.isfinite(losses)):
            raise InputError(
                "the model has no finite prediction at any start: check the units, or state "
                "starts, or hold some parameters"
            )

    def _descend(self, vectors, steps, label):
        return descend(
            lambda v, _: self.problem.linearise(v),
            vectors,
            steps,
            progress=lambda done, total: self.progress(done, total, label),
            converged_at=_NEAR_ENOUGH if self.problem.dear else CONVERGED,
        )

    def _to_the_minimum(self, vector, interrupted):
        """Descend with every point, with sigma from the residuals, with more room where needed."""
        end = None
        for _ in range(_ROUNDS):
            if interrupted:
                break
            end = self._descend(vector[None], _MOST_STEPS, "to the minimum")
            vector, interrupted = end.vectors[0], end.interrupted
            settled = self._settle_sigma(vector)
            settled &= self.problem.settle_nodes(vector)
            if settled and not end.walled[0] and self.problem.resolves(vector):
                break
            if settled or end.walled[0]:
                self.problem.make_room(vector)
        status = "steps"
        if interrupted:
            status = "interrupted"
        elif end is not None and end.walled[0]:
            status = "edge"
        elif end is not None and end.converged[0]:
            status = "converged"
        return vector, status

    def _settle_sigma(self, vector):
        """Sigma of data that state none from the residuals; whether the minimum stands still."""
        problem = self.problem
        unknown = [p for p in problem.parts if not p.known]
        alone = len(problem.parts) == 1 and not problem.priors and self.loss == "linear"
        numbers, _ = problem.decode(vector)
        moved = False
        for part in unknown:
            residual = part.predict(problem.of_part(part, numbers))[0] - part.value
            linear = self.loss == "linear"
            scale = float(np.sqrt(np.mean(residual**2))) if linear else robust_scale(residual)
            if not math.isfinite(scale):
                continue
            scale = max(scale, 1e-12 * float(np.max(np.abs(part.value))))
            moved |= abs(scale / part.sigma[0] - 1) > _SETTLED
            part.sigma = np.full(part.value.size, scale)
        return alone or not moved

    def result(self, end, starts):
        """What is known at the end; where a look around meets a deeper minimum, at that one."""
        around, also = self._look_around(end[0]), ""
        for _ in range(FOLLOWED):
            if around.lower is None or end[1] == "interrupted":
                break
            end, also = self._to_the_minimum(around.lower, interrupted=False), _DEEPER
            around = self._look_around(end[0])
        message = _MESSAGES[end[1]].format(steps=_MOST_STEPS)
        told = end[1], message + also, starts, self.others
        return FitResult.of(around, *told, checks=self.checks)

    def _look_around(self, vector):
        self.progress(0, 1, "uncertainties")
        problem = self.problem
        numbers, _ = problem.decode(vector)
        # Rounding may carry a value just over its bound.
        parameters = tuple(p.at(v) for p, v in zip(problem.parameters, numbers[0], strict=True))
        return Surroundings.of(problem, parameters, self.checks)
