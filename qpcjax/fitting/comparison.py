"""Fits of several models beside each other: which is better, by how much, and how far apart."""

import copy
import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from qpcjax.fitting.problem import FitProblem
from qpcjax.fitting.report_sections import aligned
from qpcjax.fitting.uncertainty import information, inverse, slopes_at_minimum
from qpcjax.measurements import InputError
from qpcjax.optimise.descents import descend

_ALIKE = 2.0  # difference of Akaike's criterion below which models are alike
_STEPS = 40


@dataclasses.dataclass(frozen=True)
class Rival:
    """One model of a comparison.

    Fields:
        name: of the model.
        free: number of its free parameters.
        aic: Akaike's criterion of the fit, as `FitResult.aic`.
        bic: the Bayesian criterion, as `FitResult.bic`.
        rms: root mean square of the residuals, as `FitResult.rms`.
        difference: of Akaike's criterion from the best model's, where points that are correlated
            count once in a correlation length.
        weight: Akaike weight, exp(-difference/2), in the sum over models.
        held_out: logarithm of the probability of data that were held out; NaN without any.
    """

    name: str
    free: int
    aic: float
    bic: float
    rms: float
    difference: float
    weight: float
    held_out: float


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """Models beside each other, the best first; see `compare`.

    Fields:
        rivals: a `Rival` for each model.
        results: their `FitResult`s, in the same order.
        held_out_points: number of points that were held out.
        held_out_error: standard error of the best model's lead in `held_out` over each model.
    """

    rivals: tuple[Rival, ...]
    results: tuple[Any, ...]
    held_out_points: int
    held_out_error: tuple[float, ...]

    def table(self):
        """The models as lines of text."""
        heads = ("model", "free", "AIC", "BIC", "rms", "difference", "weight", "held out")
        rows = [
            (
                r.name, str(r.free), f"{r.aic:.1f}", f"{r.bic:.1f}", f"{r.rms:.4g}",
                f"{r.difference:.1f}", f"{r.weight:.3f}",
                "" if math.isnan(r.held_out) else f"{r.held_out:.1f}",
            )
            for r in self.rivals
        ]  # fmt: skip
        return "\n".join(aligned(heads, rows))

    def words(self):
        """Which model wins, by how much, and which are alike."""
        best, *others = self.rivals
        lines = []
        alike = [r.name for r in others if r.difference <= _ALIKE]
        if alike:
            lines.append(
                f"{best.name} and {', '.join(alike)} are alike: within {_ALIKE:g} of Akaike's "
                "criterion these data do not tell them apart"
            )
        worse = [r for r in others if r.difference > _ALIKE]
        if worse:
            r = worse[0]
            odds = math.exp(min(r.difference / 2, 700))
            much = f"{odds:.0f} times" if odds < 1e6 else "more than a million times"
            lines.append(
                f"{best.name} wins over {r.name} by {r.difference:.1f} of Akaike's criterion: it "
                f"is {much} as likely"
            )
        if self.held_out_points:
            lines += self._held_out_words()
        return "\n".join(lines or [f"{best.name} stands alone"])

    def _held_out_words(self):
        order = sorted(range(len(self.rivals)), key=lambda k: -self.rivals[k].held_out)
        if len(order) < 2:
            return []
        first, second = (self.rivals[k] for k in order[:2])
        lead = first.held_out - second.held_out
        # The error is of differences from the best model; of any two, the larger of both stands.
        error = max(self.held_out_error[k] for k in order[:2])
        sure = "surely" if lead > 2 * error else "not surely"
        return [
            f"{first.name} predicts the {self.held_out_points} points that were held out best, "
            f"{sure}: by {lead:.1f} +- {error:.1f} in the logarithm of their probability over "
            f"{second.name}"
        ]

    def predict(
        self, kind, gate=None, bias=None, mu=None, temperature=None, damping=None, **settings
    ):
        r"""An observable as all models say it, with an error that holds what they differ by.

        With the Akaike weights w, :math:`\bar y = \sum w_i y_i` and :math:`\sigma^2 = \sum w_i
        [\sigma_i^2 + (y_i - \bar y)^2]`.

        Args:
            kind: see `FitResult.predict`, like the other arguments.
            gate: gate voltages in mV.
            bias: eV in meV.
            mu: electrochemical potentials in meV, for devices without a gate.
            temperature: in K.
            damping: damping law, or strength a of Eq. (22).
            **settings: what else the points have set.

        Returns:
            Values and standard errors.

        References:
            K. P. Burnham and D. R. Anderson, Model Selection and Multimodel Inference (Springer,
            2002), Eqs. (4.1) and (4.9).
        """
        value, error, spread = self._spread(kind, gate, bias, mu, temperature, damping, **settings)
        return value, np.hypot(error, spread)

    def spread(
        self, kind, gate=None, bias=None, mu=None, temperature=None, damping=None, **settings
    ):
        """By how much the models differ: the part of `predict`'s error that is between them."""
        return self._spread(kind, gate, bias, mu, temperature, damping, **settings)[2]

    def _spread(self, *what, **settings):
        weights = np.array([r.weight for r in self.rivals])
        said = [
            f.predict(*what, **settings)
            for f, w in zip(self.results, weights, strict=True)
            if w > 1e-6
        ]
        weights = weights[weights > 1e-6] / weights[weights > 1e-6].sum()
        values, errors = (np.array(x) for x in zip(*said, strict=True))
        value = np.tensordot(weights, values, 1)
        inside = np.sqrt(np.tensordot(weights, errors**2, 1))
        return value, inside, np.sqrt(np.tensordot(weights, (values - value) ** 2, 1))


def compare(results: Mapping[str, Any], held_out=None, folds=0) -> Comparison:
    """Compare fits of several models to the same data.

    Args:
        results: name of the model -> `FitResult`.
        held_out: a data set, or several, that no fit has seen.
        folds: instead of that, the number of blocks along the gate (along the points, of data
            without one) that are left out in turn, every model fitted anew to the rest from where
            it ended; 2 or more. Neighbouring points are alike: blocks, and not single points,
            tell a model that only follows its data.

    Returns:
        `Comparison`, the best model by Akaike's criterion first.

    Raises:
        InputError: fits of different data.
        ValueError: no result; held_out and folds at once, a single fold.
    """
    if not isinstance(results, Mapping) or not results:
        raise ValueError("results must be a dict of names and fits, at least one")
    if folds and (folds < 2 or held_out is not None):
        raise ValueError("folds must be 2 or more, and goes without held_out")
    _require_the_same_data(results)
    deviance = _deviances(results)
    penalty = {n: 2 * (len(f.free) + sum(not p.known for p in f.parts)) for n, f in results.items()}
    criterion = {n: deviance[n] + penalty[n] for n in results}
    order = sorted(results, key=lambda n: criterion[n])
    difference = {n: criterion[n] - criterion[order[0]] for n in order}
    total = sum(math.exp(-d / 2) for d in difference.values())
    points = {n: held_out_points(f, held_out, folds) for n, f in results.items()}
    rivals = tuple(
        Rival(
            n, len(results[n].free), results[n].aic, results[n].bic, results[n].rms, difference[n],
            math.exp(-difference[n] / 2) / total,
            float(points[n].sum()) if points[n].size else math.nan,
        )
        for n in order
    )  # fmt: skip
    best = points[order[0]]
    errors = tuple(
        float(np.std(best - points[n]) * math.sqrt(best.size)) if best.size else math.nan
        for n in order
    )
    return Comparison(rivals, tuple(results[n] for n in order), best.size, errors)


def _require_the_same_data(results):
    (first, fit), *others = results.items()
    for name, other in others:
        same = len(fit.parts) == len(other.parts) and all(
            a.data.response == b.data.response
            and a.known == b.known
            and np.array_equal(a.data.value, b.data.value)
            for a, b in zip(fit.parts, other.parts, strict=True)
        )
        if not same:
            raise InputError(
                f"{first} and {name} are fits of different data: only fits of the same data sets, "
                "in the same order, can be compared"
            )


def _deviances(results):
    """-2 ln L of each fit, where points count once in the correlation length of the best fit.

    A wrong model's residuals are correlated because it is wrong: the noise's own correlation is
    that of the model which fits best.
    """
    total = dict.fromkeys(results, 0.0)
    for k, part in enumerate(next(iter(results.values())).parts):
        n = part.data.value.size
        parts = {name: f.parts[k] for name, f in results.items()}
        length = min(parts.values(), key=lambda p: p.rms).correlation_length
        for name, p in parts.items():
            alone = p.scaled_square if p.known else n * (1 + math.log(p.rms**2))
            total[name] += alone / length
    return total


# --- data that were held out ----------------------------------------------------------------


def held_out_points(fit, held_out, folds):
    """Logarithm of the probability of each point that was held out."""
    if held_out is not None:
        sets = list(held_out) if isinstance(held_out, list | tuple) else [held_out]
        return np.concatenate([_of_data(fit, d) for d in sets])
    if not folds:
        return np.zeros(0)
    blocks = [_blocks(part.data, folds) for part in fit.problem.parts]
    return np.concatenate([_of_fold(fit, [b == k for b in blocks]) for k in range(folds)])


def _blocks(data, folds):
    """Number of the block along the gate that each point is in."""
    gate = data.settings.get("gate")
    order = np.arange(data.value.size) if gate is None else np.argsort(gate, kind="stable")
    if order.size < 2 * folds:
        raise InputError(
            f"{data.label}: {order.size} points are too few for {folds} folds: take fewer"
        )
    blocks = np.empty(order.size, int)
    for k, block in enumerate(np.array_split(order, folds)):
        blocks[block] = k
    return blocks


def _of_fold(fit, left_out):
    """The same for a fit that has not seen some points, from where the fit of everything ended.

    Points that are left out stay in what is compiled, with an infinite sigma.
    """
    problem = fit.problem
    parts = [
        dataclasses.replace(p, sigma=np.where(gone, np.inf, p.sigma), kernel=copy.copy(p.kernel))
        for p, gone in zip(problem.parts, left_out, strict=True)
    ]
    rest = FitProblem(problem.parameters, parts, problem.priors, problem.loss)
    end = descend(lambda v, _: rest.linearise(v), rest.start()[None], _STEPS)
    if not rest.resolves(end.vectors[0]):
        rest.make_room(end.vectors)
        end = descend(lambda v, _: rest.linearise(v), end.vectors, _STEPS)
    numbers, _ = rest.decode(end.vectors)
    rest.set_parameters(p.at(v) for p, v in zip(rest.parameters, numbers[0], strict=True))
    covariance = inverse(information(slopes_at_minimum(rest), fit.parts))
    found = []
    for part, own, gone in zip(parts, problem.parts, left_out, strict=True):
        value, slopes = part.linearise(rest.of_part(part, numbers))
        jacobian = slopes[0] @ rest.selection(part)
        variance = own.sigma**2 + np.einsum("ni,ij,nj->n", jacobian, covariance, jacobian)
        found.append(_log_gaussian(part.value - value[0], variance)[gone])
    return np.concatenate(found)


def _of_data(fit, data):
    """Of each point, Gaussian around the prediction with its error and the point's."""
    value, error = fit.predict_with(fit.device, data.response, data.settings)
    return _log_gaussian(data.value - value, _sigma_of(fit, data) ** 2 + error**2)


def _log_gaussian(residual, variance):
    return -0.5 * (residual**2 / variance + np.log(2 * np.pi * variance))


def _sigma_of(fit, data):
    """Standard error of points that were held out: their own, or that of the fit's data."""
    if data.sigma is not None:
        return np.broadcast_to(np.asarray(data.sigma, float), data.value.shape)
    for part in fit.parts:
        if part.data.response == data.response:
            return np.full(data.value.shape, float(np.median(part.sigma)))
    raise InputError(f"{data.label}: give the data that are held out a sigma")
