"""What data say of a device beyond their best fit: samples of the posterior by NUTS."""

import copy
import dataclasses
import functools
import importlib
import math
import operator
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.data import InputError
from qpcjax.fitting.flat import flat_directions
from qpcjax.fitting.kernel import Kernel
from qpcjax.fitting.losses import density, mean_slope
from qpcjax.fitting.observe import UNITS, Inputs, predict, require_known
from qpcjax.fitting.uncertainty import information, slopes_at_minimum

_LOGISTIC = math.pi**2 / 3  # variance of a coordinate that no data bind
_ROOM_REACH = 4.0  # standard errors within which modes and panels hold
_PREDICTED = 400  # samples that a prediction is made of
_DIFFERS = 0.15  # relative difference of standard errors that is spoken of
_SKEWED = 0.5
_STRETCH = 50  # steps that one call of the compiled program takes
_ACCEPTED = 0.8
_FIRST_STEP = 0.5  # in units of the posterior's width
_EDGE = 0.01  # share of a range that counts as its end


class Band(NamedTuple):
    """A prediction from samples.

    Fields:
        median: of the samples.
        lower, upper: ends of the interval that holds the wanted share of them.
    """

    median: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Posterior:
    """Samples of the parameters of a fit.

    Fields:
        fit: the `FitResult` whose data these are.
        samples: of the free parameters, (chains, samples, parameters), in their units.
        divergent: whether a step was, (chains, samples).
        unresolved: whether a step came to where the model has no answer with the modes and panels
            that are kept, (chains, samples).
        r_hat: by name; above 1.01 the chains have not seen the same.
        effective_size: by name, number of independent samples.
    """

    fit: Any
    samples: np.ndarray
    divergent: np.ndarray
    unresolved: np.ndarray
    r_hat: dict[str, float]
    effective_size: dict[str, float]

    @property
    def names(self):
        """Names of the free parameters."""
        return tuple(p.name for p in self.fit.free)

    @property
    def divergences(self):
        """Number of divergent steps: where there are more than a few, intervals are too narrow."""
        return int(np.sum(self.divergent))

    def __getitem__(self, name):
        """All samples of one parameter."""
        return self._rows[:, self._place(name)]

    def _place(self, name):
        if name not in self.names:
            raise ValueError(f"{name} is not a free parameter; there are {', '.join(self.names)}")
        return self.names.index(name)

    @property
    def _rows(self):
        return self.samples.reshape(-1, self.samples.shape[-1])

    @property
    def stderr(self):
        """Standard deviations by name."""
        return {n: float(s) for n, s in zip(self.names, self._rows.std(0, ddof=1), strict=True)}

    @property
    def mean(self):
        """Means by name."""
        return {n: float(m) for n, m in zip(self.names, self._rows.mean(0), strict=True)}

    def interval(self, name, share=0.68):
        """Ends between which the middle share of a parameter's samples lies."""
        low, high = np.quantile(self[name], [(1 - share) / 2, (1 + share) / 2])
        return float(low), float(high)

    def predict(
        self, kind, gate=None, bias=None, mu=None, temperature=None, damping=None, share=0.68
    ):
        """An observable where it was not measured, as `FitResult.predict`, with bands from samples.

        Args:
            kind: see `FitResult.predict`, like the other arguments.
            gate: gate voltages in mV.
            bias: eV in meV.
            mu: electrochemical potentials in meV, for a device without a gate.
            temperature: in K; that of the device by default.
            damping: strength a of the damping rate; that of the device by default.
            share: of the samples that the band holds.

        Returns:
            `Band`.
        """
        if kind not in UNITS:
            raise ValueError(f"kind must be one of {', '.join(UNITS)}, got {kind!r}")
        inputs, shape = _flattened(Inputs(gate, bias, mu, temperature))
        device = self.fit.device_with(damping)
        require_known(device, kind, inputs)
        rows = self._rows
        rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), _PREDICTED)).astype(int)]
        problem = self.fit.problem
        numbers = np.repeat(np.array([[p.value for p in self.fit.parameters]]), len(rows), axis=0)
        numbers[:, problem.free] = rows
        part = problem.parts[0]
        kernel = Kernel(device, kind, inputs)
        drawn = np.repeat(kernel.layout.values[None], len(rows), axis=0)
        known = [kernel.layout.names.index(n) for n in part.kernel.layout.names]
        drawn[:, known] = problem.of_part(part, numbers)
        ends = np.unique(np.concatenate([rows.argmin(0), rows.argmax(0)]))
        kernel.make_room(drawn[ends])
        drawn = kernel.predict(drawn)
        band = np.quantile(drawn, [0.5, (1 - share) / 2, (1 + share) / 2], axis=0)
        return Band(*(x.reshape(shape + x.shape[1:]) for x in band))

    def compare(self):
        """For each parameter, in words, whether samples and covariance agree, and if not, why."""
        flat = flat_directions(self.fit, self.names)
        return {p.name: self._words(p, flat) for p in self.fit.free}

    def _words(self, p, flat):
        drawn, wanted = self[p.name], self.fit.stderr[p.name]
        ratio = float(drawn.std(ddof=1)) / wanted
        inner = np.log(drawn) if p.log else drawn
        low, high = (math.log(p.lower), math.log(p.upper)) if p.log else (p.lower, p.upper)
        place = (inner - low) / (high - low)
        reasons = []
        directions = [d for d in flat if abs(d.changes.get(p.name, 0)) > 0.2]
        if place.std() > 0.5 / math.sqrt(12):
            reasons.append("it fills its bounds, and the bounds are all that is known of it")
        else:
            for side, share in (("lower", place < _EDGE), ("upper", place > 1 - _EDGE)):
                if share.mean() > _EDGE:
                    reasons.append(f"it leans on its {side} bound")
        skew = float(np.mean((drawn - drawn.mean()) ** 3) / drawn.std() ** 3)
        if abs(skew) > _SKEWED:
            side = "larger" if skew > 0 else "smaller"
            reasons.append(f"it is skewed, with a tail to {side} values")
        differs = abs(ratio - 1) > _DIFFERS
        if differs:
            reasons += [f"flat direction: {d.meaning}" for d in directions]
        if not (differs or reasons):
            return f"agrees: {ratio:.2f} of the standard error"
        reasons = reasons or ["the model is not linear within its standard errors"]
        much = (
            f"{ratio:.2f} of the standard error" if ratio > 5e-3 else "far below the standard error"
        )
        return f"{much}: {'; '.join(reasons)}"

    def summary(self):
        """Means, intervals and diagnostics of all parameters, and the words of `compare`."""
        words = self.compare()
        lines = ["name: mean, 68 % interval, effective samples, r-hat; beside the covariance"]
        for p in self.fit.free:
            low, high = self.interval(p.name)
            lines.append(
                f"{p.name}: {self.mean[p.name]:.5g} {p.unit}, {low:.5g} to {high:.5g}, "
                f"{self.effective_size[p.name]:.0f}, {self.r_hat[p.name]:.3f}; {words[p.name]}"
            )
        lines += self.warnings()
        return "\n".join(lines)

    def warnings(self):
        """What speaks against these samples, as lines of text."""
        found = []
        if max(self.r_hat.values()) > 1.01:
            found.append("r-hat above 1.01: the chains have not seen the same; take more samples")
        if min(self.effective_size.values()) < 100:
            found.append("fewer than 100 effective samples: intervals are rough; take more samples")
        steps = self.divergent.size
        lost = int(np.sum(self.unresolved))
        if lost:
            found.append(
                f"{lost} of {steps} steps came to where the model has no answer: it was cut off "
                "there; narrow the bounds"
            )
        if self.divergences - lost > steps / 1000:
            found.append(
                f"{self.divergences - lost} of {steps} steps diverged: the posterior has corners "
                "that were not followed; narrow the bounds, or give a prior"
            )
        return found

    def save(self, path):
        """Write the fit and these samples into one file; `load_posterior` reads it."""
        return self.fit.save(path, self)


def _flattened(inputs):
    """Inputs broadcast to one column each, and the shape that they had."""
    given = [None if x is None else np.asarray(x, float) for x in inputs]
    shape = np.broadcast_shapes(*(x.shape for x in given if x is not None))
    flat = (None if x is None else np.broadcast_to(x, shape).reshape(-1) for x in given)
    return Inputs(*flat), shape


# --- sampling -------------------------------------------------------------------------------


def sample(fit, samples=1000, chains=4, seed=0, warmup=300):
    """See `FitResult.sample`."""
    blackjax = _blackjax()
    for name, value, least in (("samples", samples, 4), ("chains", chains, 1)):
        if value < least:
            raise ValueError(f"{name} must be {least} or more, got {value}")
    if jax.default_backend() == "cpu":
        with ThreadPoolExecutor(min(chains, os.cpu_count() or 1)) as pool:
            found = _Sampler(blackjax, fit, chains, seed, pool).run(warmup, samples)
    else:
        found = _Sampler(blackjax, fit, chains, seed).run(warmup, samples)
    vectors, divergent, finite = (x[:, :samples] for x in found)
    if not np.all(np.isfinite(vectors)):
        raise InputError("the model has no finite prediction near the fit: narrow the bounds")
    halves = vectors[:, : 2 * (samples // 2)].reshape(2 * chains, -1, vectors.shape[-1])
    with jax.numpy_dtype_promotion("standard"):  # as blackjax needs it
        r_hat, size = np.atleast_1d(blackjax.rhat(halves)), np.atleast_1d(blackjax.ess(vectors))
    values, _ = fit.problem.coordinates.decode(vectors)
    names = [p.name for p in fit.free]
    return Posterior(
        fit, values, divergent, ~finite,
        {n: float(r) for n, r in zip(names, r_hat, strict=True)},
        {n: float(s) for n, s in zip(names, size, strict=True)},
    )  # fmt: skip


def _blackjax() -> Any:
    try:
        return importlib.import_module("blackjax")
    except ImportError:
        raise ImportError(
            'samples of the posterior need blackjax: pip install "qpcjax[bayes]"'
        ) from None


class _Sheared:
    """Coordinates in which ridges of the posterior are straight.

    Along a flat direction only the bounds bind, and the parameter that moves most is left as it is;
    the others follow its value as the least squares have it. In the bounded coordinates themselves
    such a ridge is bent, and thin. A shear leaves volumes as they are.

    Attributes:
        start: the fit, a little off the bounds.
        whitening: a matrix that makes the posterior about a unit Gaussian. The precision is that of
            the covariance with the logistic density of a coordinate, alone along flat directions.
    """

    def __init__(self, fit):
        self._coordinates = fit.problem.coordinates
        self.start = np.clip(fit.problem.start(), -7, 7)
        self._value, slope = self._coordinates.decode(self.start)
        known = information(slopes_at_minimum(fit.problem), fit.parts) * slope * slope[:, None]
        flat = _flat_ones(known)
        rest = np.setdiff1d(np.arange(slope.size), flat)
        self.matrix = np.zeros(known.shape)
        along = np.linalg.solve(
            known[np.ix_(rest, rest)] + np.eye(rest.size) / _LOGISTIC, known[np.ix_(rest, flat)]
        )
        self.matrix[np.ix_(rest, flat)] = -along / slope[flat]
        shear = np.eye(slope.size) + self.matrix * slope
        precision = shear.T @ (known + np.eye(slope.size) / _LOGISTIC) @ shear
        self.whitening = np.linalg.inv(np.linalg.cholesky(precision)).T

    def unsheared(self, vectors, xp: Any = np):
        """The bounded coordinates of rows of these, or of one."""
        value, _ = self._coordinates.decode(vectors, xp)
        return vectors + (value - self._value) @ self.matrix.T


def _flat_ones(known):
    """One coordinate for each direction of this precision that says less than the bounds do."""
    value, vector = np.linalg.eigh(known)
    flat = vector[:, value < 1 / _LOGISTIC].T
    chosen = []
    for _ in range(len(flat)):
        row, column = np.unravel_index(np.argmax(np.abs(flat)), flat.shape)
        chosen.append(int(column))
        pivot = flat[row] / flat[row, column]
        flat = np.delete(flat - np.outer(flat[:, column], pivot), row, axis=0)
    return np.array(sorted(chosen), int)


class _Piece(NamedTuple):
    """What the density takes of one data set: arrays."""

    inputs: Inputs
    value: Any
    sigma: Any
    weight: Any
    factor: Any
    to_points: Any  # from the nodes of a trace to its points, or None


def _target(fit, sheared):
    """The logarithm of the posterior in `_Sheared`, a function of a vector and of arrays."""
    problem = fit.problem
    far = _ROOM_REACH * sheared.whitening.T
    reach = sheared.start + np.concatenate([np.zeros((1, len(far))), far, -far])
    numbers, _ = problem.decode(sheared.unsheared(reach))
    kernels, pieces = [], []
    for part, result in zip(problem.parts, fit.parts, strict=True):
        kernel = copy.copy(part.kernel)  # the fit's own goes on as it is
        kernel.make_room(problem.of_part(part, numbers))
        kernels.append(kernel)
        pieces.append(_piece(problem, part, result))
    order = np.array([problem.names.index(name) for name in problem.priors], int)
    mean, sigma = np.array(list(problem.priors.values()), float).reshape(-1, 2).T
    at_fit = np.array([p.value for p in fit.parameters])

    def log_density(vector, pieces):
        vector = sheared.unsheared(vector, jnp)
        value, _ = problem.coordinates.decode(vector, jnp)
        numbers = jnp.asarray(at_fit).at[problem.free].set(value)
        # The logistic density of a coordinate: flat between the bounds.
        total = -jnp.sum(jax.nn.softplus(vector) + jax.nn.softplus(-vector))
        total -= jnp.sum(((numbers[order] - mean) / sigma) ** 2) / 2
        for part, kernel, piece in zip(problem.parts, kernels, pieces, strict=True):
            device = kernel.layout.build(numbers[part.index] * piece.factor)
            predicted = predict(device, kernel.kind, piece.inputs, kernel.resolution)
            if piece.to_points is not None:
                predicted = piece.to_points @ predicted
            r = (predicted - piece.value) / piece.sigma
            total -= piece.weight * jnp.sum(density(problem.loss, r))
        return total

    return log_density, pieces


def _piece(problem, part, result):
    """Arrays of one data set.

    Its weight is such that the curvature at the fit is that of the covariance, which is what the
    spread of a robust estimate is (D. Mueller, Econometrica 81, 1805 (2013)).
    """
    weight = result.share / mean_slope(problem.loss, result.residual / part.sigma)
    matrix = None if part.along is None else part.along.matrix
    return _Piece(part.inputs, part.value, part.sigma, weight, part.factor, matrix)


class _Sampler:
    """Chains of the No-U-Turn sampler, each in coordinates that make the posterior a unit Gaussian.

    Everything runs in stretches of one compiled program. On a CPU the chains run in threads: side
    by side in one program each would wait for the longest trajectory of all. A GPU has them in one
    program. The warm-up has two halves, the second in the coordinates of the first half's samples.
    """

    def __init__(self, blackjax, fit, chains, seed, pool=None):
        self._key, key = jax.random.split(jax.random.key(seed))
        self.sheared = _Sheared(fit)
        self.start, self.whitening = self.sheared.start, self.sheared.whitening
        self.at = np.asarray(jax.random.normal(key, (chains, self.start.size), float))
        self._tuning, stretch = _stretch(blackjax)
        target, self.pieces = _target(fit, self.sheared)
        over_chains = (0, 0, 0, None, None, None, None)
        program = functools.partial(stretch, target)
        # blackjax needs the standard promotion; threads do not inherit it, so compile it here.
        with jax.numpy_dtype_promotion("standard"):
            if pool is None:
                lowered = jax.jit(jax.vmap(program, over_chains)).lower(*self._arguments(True))
                self._run = lowered.compile()
            else:
                one = jax.tree.map(operator.itemgetter(0), self._arguments(True)[:3])
                compiled = jax.jit(program).lower(*one, *self._arguments(True)[3:]).compile()
                self._run = functools.partial(_in_threads, pool, compiled)

    def _arguments(self, adapting):
        self._key, key = jax.random.split(self._key)
        tuning = jax.tree.map(np.asarray, self._tuning)
        count = len(self.at)
        tuning = jax.tree.map(
            lambda x: np.broadcast_to(x, (count,)) if np.ndim(x) == 0 else x, tuning
        )
        return (
            jax.random.split(key, count), self.at, tuning, np.bool_(adapting), self.start,
            self.whitening, self.pieces,
        )  # fmt: skip

    def _take(self, steps, adapting):
        """So many steps, rounded up to whole stretches: vectors, divergences, what was finite."""
        taken = []
        for _ in range(max(1, -(-steps // _STRETCH))):
            self.at, self._tuning, found = self._run(*self._arguments(adapting))
            taken.append(found)
        return [np.concatenate(arrays, axis=1) for arrays in zip(*taken, strict=True)]

    def run(self, warmup, samples):
        initial = self._tuning
        first = self._take(warmup // 2, True)[0]
        self._recentre(first[:, first.shape[1] // 2 :].reshape(-1, self.start.size))
        self._tuning = initial
        self._take(warmup - warmup // 2, True)
        vectors, *rest = self._take(samples, False)
        return self.sheared.unsheared(vectors), *rest

    def _recentre(self, vectors):
        """Coordinates in which these are a unit Gaussian, with a little of those before."""
        n = len(vectors)
        at = self.start + np.asarray(self.at) @ self.whitening.T
        spread = n * np.cov(vectors.T).reshape(self.whitening.shape)
        spread = (spread + 5 * self.whitening @ self.whitening.T) / (n + 5)
        if np.all(np.isfinite(spread)):
            self.start, self.whitening = vectors.mean(0), np.linalg.cholesky(spread)
            self.at = np.linalg.solve(self.whitening, (at - self.start).T).T


def _in_threads(pool, compiled, keys, at, tuning, *shared):
    count = len(at)
    rows = [jax.tree.map(operator.itemgetter(k), (keys, at, tuning)) for k in range(count)]
    ends = list(pool.map(lambda row: compiled(*row, *shared), rows))
    return jax.tree.map(lambda *x: np.stack(x), *ends)


def _stretch(blackjax):
    """A step-size tuner's first state, and a function that takes some steps of one chain."""
    kernel = blackjax.nuts.build_kernel()
    adaptation = importlib.import_module("blackjax.adaptation.step_size")
    init, update, final = adaptation.dual_averaging_adaptation(_ACCEPTED)

    def stretch(target, key, at, tuning, adapting, start, whitening, pieces):
        def density_at(u):
            return target(start + whitening @ u, pieces)

        def one(carry, key):
            state, tuning = carry
            size = jnp.where(adapting, jnp.exp(tuning.log_step_size), final(tuning))
            state, info = kernel(key, state, density_at, size, jnp.ones(at.size))
            new = jax.tree.map(
                lambda new, old: jnp.where(adapting, new, old).astype(old.dtype),
                update(tuning, info.acceptance_rate), tuning,
            )  # fmt: skip
            ends = info.trajectory_leftmost_state, info.trajectory_rightmost_state
            finite = jnp.all(jnp.array([jnp.isfinite(e.logdensity) for e in ends]))
            vector = start + whitening @ state.position
            return (state, new), (vector, info.is_divergent, finite)

        first = blackjax.nuts.init(at, density_at)
        (state, tuning), found = jax.lax.scan(one, (first, tuning), jax.random.split(key, _STRETCH))
        return state.position, tuning, found

    with jax.numpy_dtype_promotion("standard"):
        return jax.tree.map(np.asarray, init(_FIRST_STEP)), stretch
