"""Which points to measure next: those that shrink the variance of what is wanted most."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from qpcjax.fitting.misfit import WRONG
from qpcjax.fitting.predictions import broadcast_settings, require_near, response_named
from qpcjax.fitting.problem import parameter_slopes
from qpcjax.fitting.uncertainty import weighted_slopes
from qpcjax.measurements import InputError
from qpcjax.measurements.response import RESPONSES
from qpcjax.quantities import closest, unit_of


@dataclasses.dataclass(frozen=True, eq=False)
class Candidates:
    """Points at which something could be measured; arrays that broadcast.

    Args:
        kind: what would be measured there, as `FitResult.predict` calls it, without "heating".
        gate: gate voltages in mV.
        bias: eV in meV across barrier and series resistance.
        mu: electrochemical potentials in meV, for a device without a gate.
        temperature: in K; that of the device by default.
        sigma: standard error of each point, in the observable's unit; by default that of the fit's
            data of this kind, as they are correlated.
        data_set: name of the data set whose private parameters the points have; by default the
            first one.
        others: what else is set at the points, by name.

    Raises:
        ValueError: an unknown kind, a sigma that is not positive, shapes that do not broadcast.
    """

    kind: str
    gate: Any = None
    bias: Any = None
    mu: Any = None
    temperature: Any = None
    sigma: Any = None
    data_set: str | None = None
    others: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if response_named(self.kind).columns > 1:
            known = [name for name, response in RESPONSES.items() if response.columns == 1]
            raise ValueError(f"kind must be one of {', '.join(known)}, got {self.kind!r}")
        if self.sigma is not None and not np.all(np.asarray(self.sigma, float) > 0):
            raise ValueError(f"sigma must be positive, got {self.sigma!r}")
        _ = self.shape

    @property
    def shape(self):
        """Of the points."""
        return self._broadcast[1]

    @property
    def settings(self):
        """What is set at all points, one after the other, by name."""
        return self._broadcast[0]

    @property
    def _broadcast(self):
        return broadcast_settings(
            gate=self.gate, bias=self.bias, mu=self.mu, temperature=self.temperature, **self.others
        )


@dataclasses.dataclass(frozen=True)
class NextPoint:
    """One point that is worth measuring.

    Fields:
        kind: what to measure.
        at: gate, bias, mu, temperature and others, as far as they were given.
        sigma: standard error with which it was supposed to be measured.
        stderr: of the target after this point and all before it.
    """

    kind: str
    at: dict[str, float]
    sigma: float
    stderr: float


@dataclasses.dataclass(frozen=True, eq=False)
class NextPoints:
    """What `FitResult.next_points` finds.

    Fields:
        points: `NextPoint`s in the order in which to take them.
        stderr: of the target as it is now.
        alone: for each `Candidates`, standard error of the target after that one point alone, in
            the shape of the candidates.
        slope: for each `Candidates`, derivative of the target's variance in the weight of each
            point, in units of 1/sigma^2 that it has.
        supposed: names of held parameters that were supposed free.
    """

    points: tuple[NextPoint, ...]
    stderr: float
    alone: tuple[np.ndarray, ...]
    slope: tuple[np.ndarray, ...]
    supposed: tuple[str, ...]

    def summary(self):
        """The points in the order in which to take them, as text."""
        lines = [f"standard error now: {self.stderr:.3g}"]
        for k, point in enumerate(self.points):
            where = ", ".join(f"{n} {x:.4g} {unit_of(n)}".rstrip() for n, x in point.at.items())
            lines.append(f"{k + 1}. {point.kind} at {where}: {point.stderr:.3g}")
        return "\n".join(lines)


def next_points(fit, target, candidates, count, free):
    """See `FitResult.next_points`."""
    sets = [candidates] if isinstance(candidates, Candidates) else list(candidates)
    if not sets:
        raise ValueError("candidates must hold at least one Candidates")
    if count < 1:
        raise ValueError(f"count must be 1 or more, got {count}")
    names, covariance = _supposed(fit, free)
    wanted = _wanted(fit, target, names)
    sigma = np.concatenate([_sigma(fit, c) for c in sets])
    slopes = np.concatenate([_slopes(fit, c, names) for c in sets])
    # In units of their own standard error: a point then adds j j^T to the information.
    weighted = slopes / sigma[:, None]
    now = _variance(wanted, covariance)
    gain = _gain(wanted, covariance, weighted)
    slope = np.sum((weighted @ covariance @ wanted.T) ** 2, axis=1)
    chosen = []
    for _ in range(count):
        best = int(np.argmax(_gain(wanted, covariance, weighted)))
        moved = covariance @ weighted[best]
        covariance = covariance - np.outer(moved, moved) / (1 + weighted[best] @ moved)
        chosen.append((best, float(np.sqrt(_variance(wanted, covariance)))))
    ends = np.cumsum([int(np.prod(c.shape)) for c in sets])
    alone = np.sqrt(np.maximum(now - gain, 0))

    def by_set(values):
        rows = np.split(values, ends[:-1])
        return tuple(v.reshape(c.shape) for v, c in zip(rows, sets, strict=True))

    points = tuple(_point(sets, ends, sigma, k, error) for k, error in chosen)
    held = tuple(n for n in names if n not in {p.name for p in fit.free})
    return NextPoints(points, float(np.sqrt(now)), by_set(alone), by_set(-slope), held)


def _gain(wanted, covariance, weighted):
    r"""By how much each point alone lowers the variance of the target.

    By the formula of Sherman and Morrison, with j the slopes over sigma and c the target,
    :math:`c C' c = c C c - (c C j)^2/(1 + j C j)`: exact for a model that is linear.
    """
    moved = weighted @ covariance
    height = 1 + np.einsum("ni,ni->n", moved, weighted)
    return np.sum((moved @ wanted.T) ** 2, axis=1) / height


def _variance(wanted, covariance):
    return float(np.einsum("ki,ij,kj->", wanted, covariance, wanted))


def _supposed(fit, free):
    """Names of the parameters that count as free, and their covariance within their bounds."""
    by_name = {p.name: p for p in fit.parameters}
    bounds = dict(free) if isinstance(free, Mapping) else dict.fromkeys(_listed(free))
    for name in bounds:
        if name not in by_name:
            raise ValueError(f"there is no parameter {name!r}: {closest(name, by_name)}")
    own = {p.name for p in fit.free}
    names = [n for n in by_name if n in own or n in bounds]
    index = [list(by_name).index(n) for n in names]
    slopes = weighted_slopes(fit)[:, index]
    known = slopes.T @ slopes
    for k, name in enumerate(names):
        p = by_name[name]
        lower, upper = bounds.get(name) or (p.lower, p.upper)
        if not lower < upper:
            raise ValueError(f"the bounds of {name} contradict each other: {lower:g} to {upper:g}")
        known[k, k] += 12 / (upper - lower) ** 2  # the variance of an even distribution
        if name in fit.priors:
            known[k, k] += 1 / fit.priors[name][1] ** 2
    # What the misfit adds to the errors of the fit stays with them.
    wider = dict(zip((p.name for p in fit.free), _widening(fit), strict=True))
    wider = np.array([wider.get(n, 1.0) for n in names])
    known = known / np.outer(wider, wider)
    size = np.sqrt(np.diag(known))
    return names, np.linalg.inv(known / np.outer(size, size)) / np.outer(size, size)


def _widening(fit):
    """How many times the errors of the curvature the fit's errors are."""
    errors = np.array([fit.stderr[p.name] for p in fit.free])
    return np.fmax(errors / fit.curvature_errors, 1)


def _listed(names):
    return [names] if isinstance(names, str) else list(names)


def _wanted(fit, target, names):
    """The target as combinations of the parameters, rows of them."""
    if isinstance(target, Candidates):
        return _slopes(fit, target, names)
    weights = {target: 1.0} if isinstance(target, str) else dict(target)
    row = np.zeros((1, len(names)))
    for name, weight in weights.items():
        if name not in names:
            raise ValueError(
                f"{name} is neither a free parameter nor supposed free: {closest(name, names)}"
            )
        row[0, names.index(name)] = weight
    return row


def _slopes(fit, candidates, names):
    """Slopes of the observable at the candidates in these parameters."""
    problem = fit.problem
    parts = {part.name: part for part in problem.parts}
    name = candidates.data_set or problem.parts[0].name
    if name not in parts:
        raise ValueError(f"there is no data set {name!r}: {closest(name, parts)}")
    part = parts[name]
    device = problem.devices(np.array([p.value for p in fit.parameters]))[
        list(parts).index(name)
    ]  # fmt: skip
    response, settings = response_named(candidates.kind), candidates.settings
    response.require_known(device, settings)
    require_near(settings, [part.data for part in fit.parts])
    _, slopes = parameter_slopes(problem, part, device, response, settings, names)
    if not np.all(np.isfinite(slopes)):
        raise InputError(
            f"{candidates.kind} has no finite prediction at some of the candidates: leave those out"
        )
    return slopes


def _sigma(fit, candidates):
    size = int(np.prod(candidates.shape))
    if candidates.sigma is not None:
        sigma = np.broadcast_to(np.asarray(candidates.sigma, float), candidates.shape).ravel()
        missed = [
            math.sqrt(max(p.rms**2 - p.noise**2, 0))
            for p in fit.parts
            if p.kind == candidates.kind and p.misfit > WRONG
        ]
        return np.hypot(sigma, max(missed, default=0.0))
    for part in fit.parts:
        if part.kind == candidates.kind:
            return np.full(size, float(np.median(part.sigma)) / np.sqrt(part.share))
    raise InputError(
        f"give the candidates a sigma: the fit has no data of {candidates.kind} to take it from"
    )


def _point(sets, ends, sigma, k, error):
    which = int(np.searchsorted(ends, k, side="right"))
    c = sets[which]
    row = k - (ends[which - 1] if which else 0)
    at = {name: float(x[row]) for name, x in c.settings.items()}
    return NextPoint(c.kind, at, float(sigma[k]), error)
