"""Samples of a fit's posterior by NUTS, in coordinates in which its ridges are straight."""

import copy
import functools
import importlib
import math
import operator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.fitting.predictions import predict
from qpcjax.fitting.uncertainty import information, slopes_at_minimum
from qpcjax.optimise.losses import density, mean_slope

_LOGISTIC = math.pi**2 / 3  # variance of a coordinate that no data bind
_ROOM_REACH = 4.0  # standard errors within which modes and panels hold
_STRETCH = 50  # steps that one call of the compiled program takes
_ACCEPTED = 0.8
_FIRST_STEP = 0.5  # in units of the posterior's width


def require_blackjax() -> Any:
    """The module blackjax, or an ImportError that says what to install."""
    try:
        return importlib.import_module("blackjax")
    except ImportError:
        raise ImportError(
            'samples of the posterior need blackjax: pip install "qpcjax[bayes]"'
        ) from None


class Sheared:
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

    settings: dict[str, Any]
    value: Any
    sigma: Any
    weight: Any
    factor: Any
    to_points: Any  # from the nodes of a trace to its points, or None


def log_posterior(fit, sheared):
    """The logarithm of the posterior in `Sheared`: a function of a vector and arrays, and these."""
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
            predicted = predict(device, kernel.response, piece.settings, kernel.resolution)
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
    return _Piece(part.settings, part.value, part.sigma, weight, part.factor, matrix)


class Sampler:
    """Chains of the No-U-Turn sampler, each in coordinates that make the posterior a unit Gaussian.

    Everything runs in stretches of one compiled program. On a CPU the chains run in threads: side
    by side in one program each would wait for the longest trajectory of all. A GPU has them in one
    program. The warm-up has two halves, the second in the coordinates of the first half's samples.
    """

    def __init__(self, blackjax, fit, chains, seed, pool=None):
        self._key, key = jax.random.split(jax.random.key(seed))
        self.sheared = Sheared(fit)
        self.start, self.whitening = self.sheared.start, self.sheared.whitening
        self.at = np.asarray(jax.random.normal(key, (chains, self.start.size), float))
        self._tuning, stretch = _stretch(blackjax)
        target, self.pieces = log_posterior(fit, self.sheared)
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
        """Vectors in the fit's coordinates, which are divergent, and where all was finite.

        Each has a row for each chain, and at least as many samples as wanted.
        """
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
