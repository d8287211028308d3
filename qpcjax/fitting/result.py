"""What a fit found, how well it is known, and what it leaves open."""

import dataclasses
import functools
import math
from typing import Any

import numpy as np

from qpcjax.fitting.kernel import Kernel
from qpcjax.fitting.layout import Layout
from qpcjax.fitting.losses import information_share
from qpcjax.fitting.observe import UNITS, Inputs, kind_of
from qpcjax.fitting.problem import Problem
from qpcjax.fitting.search import descend
from qpcjax.parameters import Estimates, Parameter
from qpcjax.units import CONDUCTANCE_QUANTUM

_FLAT = 0.3  # a direction known to less than this share of its parameters' scale is flat
_PROFILE_REACH = 3.0  # standard errors
_PROFILE_STEPS = 30
_BOOTSTRAP_STEPS = 30


@dataclasses.dataclass(frozen=True)
class Start:
    """One start of the search and where it led.

    Fields:
        values: what it says of the parameters.
        loss: half the sum of squares at the start.
        end: the same after the first steps; None where it was not run.
    """

    values: dict[str, float]
    loss: float
    end: float | None


@dataclasses.dataclass(frozen=True, eq=False)
class PartResult:
    """One data set beside the fit.

    Fields:
        name: of the data set.
        data: the data set, a trace sorted by its gate voltage.
        predicted: what the fit says at its points.
        sigma: standard error of each point.
        known: whether the data state it; else it is that of the residuals.
        correlation_length: points over which residuals of a trace are correlated, 1 otherwise.
        share: of the information of independent residuals with this sigma that they hold.
    """

    name: str
    data: Any
    predicted: np.ndarray
    sigma: np.ndarray
    known: bool
    correlation_length: float
    share: float

    @classmethod
    def of(cls, part, predicted, loss, freedom):
        """The result of a `Part`; `freedom` is the share of points that are not used up."""
        residual = predicted - part.value
        along = kind_of(part.data) == "conductance"
        length = correlation_length(residual) if along and not part.known else 1.0
        share = information_share(loss, residual / part.sigma)
        if not part.known:
            square = float(np.mean((residual / part.sigma) ** 2)) if loss == "linear" else 1.0
            share *= freedom / square / length
        return cls(part.name, part.data, predicted, part.sigma, part.known, length, share)

    @property
    def kind(self):
        """What was measured."""
        return kind_of(self.data)

    @property
    def unit(self):
        """Unit of the data."""
        return UNITS[self.kind]

    @property
    def residual(self):
        """Data minus fit."""
        return self.data.value - self.predicted

    @property
    def rms(self):
        """Root mean square of the residuals."""
        return float(np.sqrt(np.mean(self.residual**2)))

    @property
    def chi_square(self):
        """Sum of the squares of the residuals in units of sigma."""
        return float(np.sum((self.residual / self.sigma) ** 2))


@dataclasses.dataclass(frozen=True)
class FlatDirection:
    """A combination of parameters that the data leave undetermined.

    Fields:
        changes: relative change of each parameter (name -> number, the largest is 1).
        spread: standard error along it, in units of the parameters' scale.
        meaning: what it is, in words.
        remedy: what would determine it.
    """

    changes: dict[str, float]
    spread: float
    meaning: str
    remedy: str


@dataclasses.dataclass(frozen=True, eq=False)
class Profile:
    """How well the best fit does with one parameter held away from its value.

    Fields:
        name: of the parameter.
        values: it is held at, rising.
        delta: increase of the sum of squares, in units in which 1 is one standard error.
        interval: where delta is 1 (68 %) on both sides; an end is infinite where it stays below.
    """

    name: str
    values: np.ndarray
    delta: np.ndarray
    interval: tuple[float, float]


@dataclasses.dataclass(frozen=True, eq=False)
class FitResult(Estimates):
    """A fitted device.

    Fields:
        device: the device that was fitted, at the fitted values.
        parameters: values of all parameters, free and held.
        covariance: of the free ones, in their units and order. Where data do not state a sigma it
            is scaled to their residuals and allows for their correlation along a trace.
        parts: `PartResult` of every data set.
        status: "converged", "steps" or "interrupted".
        message: the same in words.
        starts: every start.
        priors: name -> (mean, standard deviation).
        loss: name of the loss.
        problem: what was minimised.
    """

    device: Any
    parameters: tuple[Parameter, ...]
    covariance: np.ndarray
    parts: tuple[PartResult, ...]
    status: str
    message: str
    starts: tuple[Start, ...]
    priors: dict[str, tuple[float, float]]
    loss: str
    problem: Problem

    @classmethod
    def of(cls, problem, parameters, status, message, starts):
        """The result at the values of these parameters."""
        problem.set_parameters(parameters)
        numbers = np.array([p.value for p in parameters])[None]
        predicted = problem.predictions(numbers)
        freedom = max(problem.points - problem.free.size, 1) / problem.points
        parts = tuple(
            PartResult.of(part, y, problem.loss, freedom)
            for part, y in zip(problem.parts, predicted, strict=True)
        )
        covariance = _inverse(_information(problem, parts))
        device = problem.devices(numbers)[0]
        return cls(
            device, tuple(parameters), covariance, parts, status, message, starts,
            problem.priors, problem.loss, problem,
        )  # fmt: skip

    # --- numbers ---

    @property
    def points(self):
        """Number of measured points."""
        return sum(p.data.value.size for p in self.parts)

    @property
    def rms(self):
        """Root mean square of the residuals of the first data set; in uS for a conductance."""
        first = self.parts[0]
        return first.rms * (CONDUCTANCE_QUANTUM if first.unit == "2e2/h" else 1.0)

    @property
    def chi_square(self):
        """Sum of the squares of all residuals in units of their sigma."""
        return sum(p.chi_square for p in self.parts)

    @property
    def reduced_chi_square(self):
        """Chi-square over the degrees of freedom; near 1 by itself where no sigma is known."""
        return self.chi_square / max(self.points - len(self.free), 1)

    @property
    def aic(self):
        """Akaike's criterion: -2 ln L + 2 k, up to a constant that all models share."""
        return self._deviance + 2 * self._estimated

    @property
    def bic(self):
        """The Bayesian criterion: -2 ln L + k ln n, up to a constant that all models share."""
        return self._deviance + self._estimated * math.log(self.points)

    @property
    def _deviance(self):
        total = 0.0
        for part in self.parts:
            n = part.data.value.size
            # An unknown sigma is estimated by maximum likelihood.
            total += part.chi_square if part.known else n * (1 + math.log(part.rms**2))
        return total

    @property
    def _estimated(self):
        return len(self.free) + sum(not part.known for part in self.parts)

    # --- what else follows ---

    def predict(self, kind, gate=None, bias=None, mu=None, temperature=None):
        """An observable where it was not measured, with its standard error from the covariance.

        Where data sets have private parameters it is the device of the first one.

        Args:
            kind: "conductance", "differential_conductance", "current", "distance" (of the hot
                spot), "left", "right", "asymmetry" or "total" (powers), or "heating" (left, right,
                asymmetry and distance as columns).
            gate: gate voltages in mV; the arrays broadcast.
            bias: eV in meV across barrier and series resistance.
            mu: electrochemical potentials in meV, for a device without a gate.
            temperature: in K; that of the device by default.

        Returns:
            Values and standard errors, in the units of `observe.UNITS`.
        """
        if kind not in UNITS:
            raise ValueError(f"kind must be one of {', '.join(UNITS)}, got {kind!r}")
        return self.predict_with(self.device, kind, Inputs(gate, bias, mu, temperature))

    def predict_with(self, device, kind, inputs, errors=True):
        """`predict` for a device that has the same numbers as this one and more.

        Without errors the standard errors are NaN, and cost nothing.
        """
        given = [None if x is None else np.asarray(x, float) for x in inputs]
        shape = np.broadcast_shapes(*(x.shape for x in given if x is not None))
        inputs = Inputs(
            *(None if x is None else np.broadcast_to(x, shape).reshape(-1) for x in given)
        )
        part = self.problem.parts[0]
        names = part.kernel.layout.names
        there = Layout(device).names
        moving = [there.index(names[i]) for i in part.kernel.moving]
        kernel = Kernel(device, kind, inputs, moving=moving if errors else ())
        numbers = kernel.layout.values
        if not errors:
            value = kernel.predict(numbers[None])[0]
            value = value.reshape(shape + value.shape[1:])
            return value, np.full_like(value, np.nan)
        value, slopes = kernel.linearise(numbers[None])
        jacobian = slopes[0] @ self.problem.selection(part)
        error = np.sqrt(np.einsum("...i,ij,...j->...", jacobian, self.covariance, jacobian))
        extra = value.shape[2:]
        return value[0].reshape(shape + extra), error.reshape(shape + extra)

    def band(self, gate):
        """Fitted conductance in 2e^2/h at gates in mV, and its standard error."""
        temperature = self.parts[0].data.temperature
        return self.predict("conductance", gate, temperature=temperature)

    @functools.cached_property
    def flat_directions(self):
        """Combinations of parameters, held ones too, that the data leave undetermined."""
        return _flat_directions(self)

    def profile(self, name, points=13):
        """Profile likelihood of one free parameter, the others fitted anew at each value.

        Args:
            name: of a free parameter.
            points: number of values, evenly over three standard errors to both sides.

        Returns:
            `Profile`.
        """
        names = [p.name for p in self.free]
        if name not in names:
            raise ValueError(f"{name} is not a free parameter; there are {', '.join(names)}")
        k = names.index(name)
        p = self.free[k]
        reach = _PROFILE_REACH * self.stderr[name]
        values = np.linspace(p.value - reach, p.value + reach, points)
        inside = (values > p.lower) & (values < p.upper)
        values = np.append(values[inside], p.value)
        values = np.unique(values)
        # The others start where the covariance sends them.
        slope = self.covariance[:, k] / self.covariance[k, k]
        free = np.array([q.value for q in self.free]) + np.outer(values - p.value, slope)
        ends = np.array([(q.lower, q.upper) for q in self.free]).T
        free = np.clip(free, *ends)
        free[:, k] = values
        rows = self.problem.encode(free)
        held = np.arange(len(names)) == k
        end = descend(lambda v, _: self.problem.linearise(v), rows, _PROFILE_STEPS, held)
        chi = 2 * end.loss * self._effective_share
        delta = chi - chi.min()
        return Profile(name, values, delta, _crossings(values, delta, p.value))

    @property
    def _effective_share(self):
        """Share of the sum of squares that counts; see `PartResult.share`."""
        weights = [max(p.chi_square, 1e-300) for p in self.parts]
        return float(np.average([p.share for p in self.parts], weights=weights))

    def bootstrap(self, samples=200, block=None, seed=0):
        """Parameter values of fits to data drawn anew from the residuals, block by block.

        Residuals that are correlated along a trace keep their correlation inside a block.

        Args:
            samples: number of fits.
            block: points in a block; by default twice the correlation length.
            seed: of the draws.

        Returns:
            Array (samples, free parameters); rows that did not converge are NaN.
        """
        rng = np.random.default_rng(seed)
        drawn = []
        for part in self.parts:
            n = part.residual.size
            length = block or max(1, round(2 * part.correlation_length))
            length = min(length, n)
            count = -(-n // length)
            first = rng.integers(0, n - length + 1, (samples, count))
            where = (first[..., None] + np.arange(length)).reshape(samples, -1)[:, :n]
            share = part.residual / part.sigma
            share = (share - share.mean()) * math.sqrt(n / max(n - self._own_freedom(part), 1))
            drawn.append(part.predicted + share[where] * part.sigma)
        rows = np.repeat(self.problem.start()[None], samples, axis=0)

        def linearise(vectors, active):
            return self.problem.linearise(vectors, values=[d[active] for d in drawn])

        end = descend(linearise, rows, _BOOTSTRAP_STEPS)
        values, _ = self.problem.decode(end.vectors)
        free = values[:, self.problem.free]
        free[~end.converged] = np.nan
        return free

    def _own_freedom(self, part):
        return len(self.free) * part.residual.size / self.points


def _information(problem, parts):
    """Fisher information of the free parameters in their own units."""
    vector = problem.start()
    _, slope = problem.decode(vector)
    _, jacobian = problem.linearise(vector[None], loss="linear")
    jacobian = jacobian[0] / slope[0]
    total, first = np.zeros((slope.size, slope.size)), 0
    for part in parts:
        rows = slice(first, first + part.predicted.size)
        first += part.predicted.size
        total += part.share * jacobian[rows].T @ jacobian[rows]
    prior = jacobian[first:]
    return total + prior.T @ prior


def _inverse(information):
    """Covariance; a direction without information gets a huge variance and not a false one."""
    size = np.sqrt(np.diag(information))
    size = np.where(size > 0, size, 1.0)
    value, vector = np.linalg.eigh(information / np.outer(size, size))
    value = np.maximum(value, 1e-14 * value.max())
    return (vector / value) @ vector.T / np.outer(size, size)


def _flat_directions(fit):
    problem = fit.problem
    rows, scales, names = [], [], []
    numbers = np.array([p.value for p in fit.parameters])
    devices = problem.devices(numbers)
    for part, result, device in zip(problem.parts, fit.parts, devices, strict=True):
        layout = part.kernel.layout
        every = range(len(layout.names))
        kernel = Kernel(device, part.kernel.kind, part.inputs, moving=every)
        slopes = part.to_points(kernel.linearise(kernel.layout.values[None])[1])
        effective = part.sigma[:, None] / math.sqrt(result.share)
        matrix = np.zeros((slopes.shape[1], len(problem.names)))
        for i, owner in enumerate(part.index):
            matrix[:, owner] += slopes[0, :, i] * part.factor[i]
        rows.append(matrix / effective)
    jacobian = np.concatenate(rows)
    for i, p in enumerate(fit.parameters):
        names.append(p.name)
        scales.append(_scale(p, float(fit.device.mu)))
        if p.name in fit.priors:
            row = np.zeros((1, jacobian.shape[1]))
            row[0, i] = 1 / fit.priors[p.name][1]
            jacobian = np.concatenate([jacobian, row])
    jacobian = jacobian * np.array(scales)
    seen = np.linalg.norm(jacobian, axis=0) > 0  # what no point depends on is not a combination
    kept = [n for n, s in zip(names, seen, strict=True) if s]
    _, s, vt = np.linalg.svd(jacobian[:, seen], full_matrices=False)
    found = []
    for singular, row in zip(s[::-1], vt[::-1], strict=True):
        spread = 1 / max(singular, 1e-12 * s[0])
        if spread < _FLAT:
            break
        row = row / row[int(np.argmax(np.abs(row)))]
        changes = {n: float(x) for n, x in zip(kept, row, strict=True) if abs(x) > 0.05}
        found.append(FlatDirection(changes, float(spread), *_in_words(changes)))
    return tuple(found)


def _scale(p, mu):
    """Change of a parameter that counts as large."""
    if p.log:
        return abs(p.value)
    return {"meV": abs(mu), "ohm": 100.0, "mV": 0.1 * (p.upper - p.lower)}.get(
        p.unit, max(abs(p.value), 0.1)
    )


def _in_words(changes):
    """What a flat direction is, and what would fix it."""
    strong = {n for n, x in changes.items() if abs(x) > 0.4}

    def any_of(*starts, among=strong):
        return any(n.startswith(starts) for n in among)

    lengths = ("half_width", "length", "curvature_radius", "height", "hbar_omega")
    if any_of("mu") and any_of(*lengths):
        return (
            "energy scale (mu against the sizes of the barrier)",
            "the density of the 2DEG, or dI/dV at finite bias",
        )
    if any_of("hbar_omega_y"):
        return (
            "energy scale (level spacing against the lever arm)",
            "dI/dV at finite bias, or a known temperature",
        )
    if any_of("offset", "mu", among=set(changes)) and any_of(*lengths, among=set(changes)):
        return (
            "lever arm (a gate that narrows the channel against one that lifts its floor)",
            "dI/dV at finite bias",
        )
    if any_of("temperature") and any_of("smearing", "hbar_omega_x"):
        return (
            "temperature against softness of the barrier",
            "a known temperature, or data at two temperatures",
        )
    if any_of("smearing") and any_of("length"):
        return (
            "length against smearing (oscillations that are smeared away say no length)",
            "a lower temperature, or distances of the hot spot",
        )
    if any_of("damping"):
        return ("damping constant", "distances of the hot spot at several biases")
    if any_of("bias_share"):
        return ("where the bias drops", "dI/dV at both signs of the bias")
    return (
        f"combination of {', '.join(sorted(strong))}",
        "a prior on one of them, or data where they act differently",
    )


def _crossings(values, delta, best):
    """Where delta rises through 1 on both sides of the best value."""
    ends = []
    for side in (-1, 1):
        along = values[values <= best][::-1] if side < 0 else values[values >= best]
        height = delta[values <= best][::-1] if side < 0 else delta[values >= best]
        # sqrt(delta) is nearly a straight line.
        root = np.sqrt(np.maximum(height, 0))
        beyond = np.flatnonzero(root >= 1)
        if not beyond.size:
            ends.append(side * math.inf)
            continue
        k = max(int(beyond[0]), 1)
        share = (1 - root[k - 1]) / (root[k] - root[k - 1])
        ends.append(float(along[k - 1] + share * (along[k] - along[k - 1])))
    return ends[0], ends[1]


def correlation_length(residual):
    """Integrated autocorrelation of residuals along a trace, in points, at least 1."""
    r = residual - residual.mean()
    power = float(r @ r)
    if power == 0:
        return 1.0
    total = 1.0
    for lag in range(1, r.size // 4):
        rho = float(r[:-lag] @ r[lag:]) / power
        if rho < 0.05:
            break
        total += 2 * rho
    return total
