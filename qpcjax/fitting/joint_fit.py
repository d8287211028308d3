"""Fits of a device to everything that was measured on it."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from qpcjax.fitting.device import Device, Gated
from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.fitting.doubts import FOLLOWED
from qpcjax.fitting.problem import FitProblem, make_parts, require_double
from qpcjax.fitting.result import FitResult, FitStart
from qpcjax.fitting.screening import try_starts
from qpcjax.fitting.starts import starting_values
from qpcjax.measurements import KINDS, AbstractMeasurement, InputError
from qpcjax.optimise.descents import descend
from qpcjax.optimise.losses import LOSSES, robust_scale
from qpcjax.quantities import closest

# Steps of the finalists, and the most to the minimum.
_LONGER_STEPS = 12
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
    device: Device,
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
        device: `Device`, whose numbers are the start.
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
        progress: called with (done, total, label).

    Returns:
        `FitResult`, also where the search did not converge or was interrupted: see its status.

    Raises:
        InputError: more free parameters than points, data that lack a temperature or a gate.
        ValueError: an unknown name, bounds that contradict each other, no free parameter.
    """
    question = FitSetup(device, data, free, fixed, bounds, priors, tied, private, loss)
    given = question.starts(starts, seed)
    return _Search(question, progress or (lambda *_: None)).run(given)


class FitSetup:
    """What a fit is asked, checked: the device, its data by name, parameters and priors.

    The arguments are those of `fit`.
    """

    def __init__(
        self,
        device,
        data,
        free=(),
        fixed=(),
        bounds=None,
        priors=None,
        tied=None,
        private=(),
        loss="linear",
    ):
        require_double()
        if loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {loss!r}")
        self.device, self.loss, self.named = device, loss, _named(data)
        _check_data(device, self.named)
        self.layout = DeviceNumbers(device)
        self.names = _Names(self.layout, self.named, private, tied or {})
        self.parameters = self.names.parameters(free, fixed, bounds or {})
        self.priors = self.names.priors(priors or {})
        count = sum(p.free for p in self.parameters)
        points = sum(d.value.size for d in self.named.values())
        if count == 0:
            raise ValueError("at least one parameter must be free")
        if points + len(self.priors) < count:
            raise InputError(
                f"{points} points cannot determine {count} free parameters: take more points, or "
                "hold or tie some parameters"
            )

    def problem(self):
        """The question as least squares."""
        owner, factors = self.names.owner, self.names.factors
        parts = make_parts(self.device, self.named, self.parameters, owner, factors, order=8)
        return FitProblem(self.parameters, parts, self.priors, self.loss)

    def starts(self, starts, seed):
        """Starts as dicts of the fit's names and values; see `fit` for what they may be."""
        names = self.names
        if isinstance(starts, FitResult):
            known = {f"{n}@{d}" for n in self.layout.names for d in self.named}
            known |= set(self.layout.names)
            found = [{n: v for n, v in starts.values().items() if n in known}]
        elif isinstance(starts, int):
            if starts < 1:
                raise ValueError(f"starts must be 1 or more, got {starts}")
            found = starting_values(self.layout, self.device, self.named, starts, seed)
        else:
            found = [dict(s) for s in starts]
            if not found:
                raise ValueError("starts must hold at least one dict of names and values")
            for name in (n for s in found for n in s):
                names.expand(name)
        return [
            {
                n: float(v)
                for name, v in start.items()
                if name not in names.ties
                for n in names.expand(name)
            }
            for start in found
        ]


def _named(data):
    """Data sets by name, traces sorted by their gate voltage."""
    if not isinstance(data, Mapping):
        sets = list(data) if isinstance(data, list | tuple) else [data]
        data = {}
        for d in sets:
            name = getattr(d, "label", "")
            data[name if name not in data else f"{name} ({len(data) + 1})"] = d
    if not data:
        raise ValueError("data must hold at least one data set")
    for d in data.values():
        if not isinstance(d, AbstractMeasurement):
            raise TypeError(
                f"data must be of a registered kind ({', '.join(KINDS)}), got {type(d).__name__}"
            )
    return {str(name): d.sorted() for name, d in data.items()}


def _check_data(device, named):
    """Raise InputError for data that lack what the device needs to predict them."""
    for name, data in named.items():
        gated = "gate" in data.settings
        if gated and not isinstance(device.barrier, Gated):
            raise InputError(
                f"{name}: the data have a gate voltage; the device's barrier must be Gated"
            )
        if not gated and isinstance(device.barrier, Gated):
            raise InputError(f"{name}: the device has a gate; the data need their gate voltage")
        data.response.require_known(device, data.settings, f"{name}: ", warm=True)


class _Names:
    """Which parameter of the fit each number of a data set's device is."""

    def __init__(self, layout, named, private, tied):
        self.layout, self.named = layout, named
        self._own = {n for name in private for n in self._expand(name)}
        self.ties = {}
        for name, to in tied.items():
            other, factor = (to, 1.0) if isinstance(to, str) else to
            for source, target in zip(self._expand(name), self._expand(other), strict=True):
                if target in self.ties or source == target or target in tied:
                    raise ValueError(f"{source} cannot be tied to {target}, which is tied itself")
                self.ties[source] = (target, float(factor))

    @property
    def factors(self):
        """Factor of each number that is tied, on the parameter that it is tied to."""
        return {source: factor for source, (_, factor) in self.ties.items()}

    def owner(self, data_set, number):
        """Name of the parameter that a number of a data set's device is."""
        number = self.ties[number][0] if number in self.ties else number
        return f"{number}@{data_set}" if number in self._own else number

    def expand(self, name):
        """Names of the fit's parameters that a name stands for."""
        number, _, data_set = name.partition("@")
        tied = [n for n in self._expand(number) if n in self.ties]
        if tied:
            target = self.ties[tied[0]][0]
            raise ValueError(f"{tied[0]} is tied to {target}: say it of {target}")
        if data_set and data_set not in self.named:
            raise ValueError(f"there is no data set {data_set!r}: {closest(data_set, self.named)}")
        sets = [data_set] if data_set else list(self.named)
        found = {self.owner(s, n): None for n in self._expand(number) for s in sets}
        return list(found)

    def _expand(self, name):
        known = self.layout.names
        if name in known:
            return [name]
        found = [n for n, base in zip(known, self.layout.bases, strict=True) if base == name]
        if not found:
            bases = [b for b in dict.fromkeys(self.layout.bases) if b not in known]
            raise ValueError(f"there is no parameter {name!r}: {closest(name, [*known, *bases])}")
        return found

    def parameters(self, free, fixed, bounds):
        """Every `Parameter` of the fit."""
        all_of = {}
        for p in self.layout.parameters():
            if p.name in self.ties:
                continue
            for data_set in self.named:
                name = self.owner(data_set, p.name)
                all_of[name] = dataclasses.replace(p, name=name)
        freed = {n for name in free for n in self.expand(name)}
        if "temperature" in freed and all("temperature" in d.settings for d in self.named.values()):
            raise ValueError("temperature cannot be free: every data set states its own")
        values = fixed if isinstance(fixed, Mapping) else dict.fromkeys(fixed)
        held = {n: value for name, value in values.items() for n in self.expand(name)}
        both = freed & set(held)
        if both:
            raise ValueError(f"{', '.join(sorted(both))}: cannot be fixed and free at once")
        for name, ends in bounds.items():
            for n in self.expand(name):
                all_of[n] = _bounded(all_of[n], ends)
        for n in freed:
            all_of[n] = dataclasses.replace(all_of[n], free=True)
        for n, value in held.items():
            p = all_of[n]
            all_of[n] = p.fixed(p.value if value is None else value)
        return list(all_of.values())

    def priors(self, priors):
        """Priors by the fit's names."""
        found = {}
        for name, prior in priors.items():
            try:
                mean, sigma = (float(x) for x in prior)
            except (TypeError, ValueError):
                raise ValueError(
                    f"the prior on {name} must be (mean, standard deviation), got {prior!r}"
                ) from None
            if not (math.isfinite(mean) and math.isfinite(sigma) and sigma > 0):
                raise ValueError(
                    f"the prior on {name} needs a finite mean and a positive standard deviation, "
                    f"got {prior!r}"
                )
            found |= dict.fromkeys(self.expand(name), (mean, sigma))
        return found


def _bounded(p, ends):
    try:
        lower, upper = (float(x) for x in ends)
    except (TypeError, ValueError):
        raise ValueError(f"the bounds of {p.name} must be (lower, upper), got {ends!r}") from None
    if not lower < upper:
        raise ValueError(
            f"the bounds of {p.name} contradict each other: {lower:g} to {upper:g} {p.unit}"
        )
    value = min(max(p.value, lower), upper)
    return dataclasses.replace(p, lower=lower, upper=upper, value=value, log=p.log and lower > 0)


# --- the search -----------------------------------------------------------------------------


class _Search:
    """From starts to the minimum, and what is known there."""

    def __init__(self, question, progress):
        self.progress, self.loss = progress, question.loss
        self.problem = question.problem()

    def run(self, starts):
        problem = self.problem
        vectors = problem.vectors_of(starts)
        self.progress(0, 1, "compiling")
        problem.make_room(vectors)
        if len(vectors) == 1:
            loss = problem.losses(vectors)
            self._require_finite(loss)
            end = self._to_the_minimum(vectors[0], interrupted=False)
            return self._result(end, (FitStart(starts[0], float(loss[0]), None),))
        trial = try_starts(
            problem,
            vectors,
            np.zeros(len(vectors), int),
            progress=lambda done, total: self.progress(done, total, "trying starts"),
        )
        self._require_finite(trial.ends.loss)
        longer = self._descend(trial.ends.vectors[trial.chosen], _LONGER_STEPS, "the best starts")
        best = longer.vectors[int(np.argmin(longer.loss))]
        end = self._to_the_minimum(best, trial.ends.interrupted or longer.interrupted)
        reached = {int(k): float(e) for k, e in zip(trial.run, trial.ends.loss, strict=True)}
        found = tuple(
            FitStart(start, float(trial.losses[k]), reached.get(k))
            for k, start in enumerate(starts)
        )
        return self._result(end, found)

    def _require_finite(self, losses):
        if not np.any(np.isfinite(losses)):
            raise InputError(
                "the model has no finite prediction at any start: check the units, or state "
                "starts, or hold some parameters"
            )

    def _descend(self, vectors, steps, label, held=None):
        return descend(
            lambda v, _: self.problem.linearise(v),
            vectors,
            steps,
            held,
            lambda done, total: self.progress(done, total, label),
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

    def _result(self, end, starts):
        """What is known at the end; where a look around meets a deeper minimum, at that one."""
        found, lower = self._known(end, starts)
        for _ in range(FOLLOWED):
            if lower is None or found.status == "interrupted":
                break
            end = self._to_the_minimum(lower, interrupted=False)
            found, lower = self._known(end, starts, _DEEPER)
        return found

    def _known(self, end, starts, also=""):
        self.progress(0, 1, "uncertainties")
        vector, status = end
        problem = self.problem
        numbers, _ = problem.decode(vector)
        # Rounding may carry a value just over its bound.
        parameters = tuple(p.at(v) for p, v in zip(problem.parameters, numbers[0], strict=True))
        message = _MESSAGES[status].format(steps=_MOST_STEPS)
        return FitResult.of(problem, parameters, status, message + also, starts)
