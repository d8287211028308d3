"""What data say of a device beyond their best fit: samples of the posterior by NUTS."""

import dataclasses
import math
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np

from qpcjax.fitting.compiled_predictions import Predictor
from qpcjax.fitting.flat_directions import flat_directions
from qpcjax.fitting.predictions import broadcast_settings, require_near, response_named
from qpcjax.fitting.sampling import Sampler, require_blackjax
from qpcjax.measurements import InputError

_PREDICTED = 400  # samples that a prediction is made of
_DIFFERS = 0.15  # relative difference of standard errors that is spoken of
_SKEWED = 0.5
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

    def as_columns(self):
        """The samples of each parameter by name, numbered, for `qpc.to_dataframe`."""
        rows = self._rows
        return {"sample": np.arange(len(rows))} | dict(zip(self.names, rows.T, strict=True))

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
        self,
        kind,
        gate=None,
        bias=None,
        mu=None,
        temperature=None,
        damping=None,
        share=0.68,
        **settings,
    ):
        """An observable where it was not measured, as `FitResult.predict`, with bands from samples.

        Args:
            kind: see `FitResult.predict`, like the other arguments.
            gate: gate voltages in mV.
            bias: eV in meV.
            mu: electrochemical potentials in meV, for a device without a gate.
            temperature: in K; that of the device by default.
            damping: damping law, or strength a of Eq. (22); that of the device by default.
            share: of the samples that the band holds.
            **settings: what else the points have set.

        Returns:
            `Band`.
        """
        response = response_named(kind)
        settings, shape = broadcast_settings(
            gate=gate, bias=bias, mu=mu, temperature=temperature, **settings
        )
        device = self.fit.device_with(damping)
        response.require_known(device, settings)
        require_near(settings, [part.data for part in self.fit.parts])
        rows = self._rows
        rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), _PREDICTED)).astype(int)]
        problem = self.fit.problem
        numbers = np.repeat(np.array([[p.value for p in self.fit.parameters]]), len(rows), axis=0)
        numbers[:, problem.free] = rows
        part = problem.parts[0]
        kernel = Predictor(device, response, settings)
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


# --- sampling -------------------------------------------------------------------------------


def sample(fit, samples=1000, chains=4, seed=0, warmup=300):
    """See `FitResult.sample`."""
    if fit.problem.dear:
        raise InputError(
            "a fit of gates cannot be sampled: each prediction takes seconds. Take its covariance, "
            "or profile(name)"
        )
    blackjax = require_blackjax()
    for name, value, least in (("samples", samples, 4), ("chains", chains, 1)):
        if value < least:
            raise ValueError(f"{name} must be {least} or more, got {value}")
    if jax.default_backend() == "cpu":
        with ThreadPoolExecutor(min(chains, os.cpu_count() or 1)) as pool:
            found = Sampler(blackjax, fit, chains, seed, pool).run(warmup, samples)
    else:
        found = Sampler(blackjax, fit, chains, seed).run(warmup, samples)
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
