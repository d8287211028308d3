"""How much the data say for one fit over another, in points that are independent."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from qpcjax.fitting.misfit import WRONG
from qpcjax.fitting.uncertainty import correlation_length
from qpcjax.optimise.losses import robust_scale


def independent_points(part) -> float:
    """Number of points of a data set that the residuals of its fit leave independent.

    It is the number of points over the correlation length of the residuals. Data that state a
    sigma are taken at their word as long as the residuals keep to it: misfit up to 1.3.

    Args:
        part: a `PartResult`.
    """
    size = part.predicted.size
    if not part.data.ordered or (part.known and not part.misfit > WRONG):
        return float(size)
    if not part.known:
        return size / part.correlation_length
    return size / correlation_length(part.residual, part.data.settings["gate"])


def bayesian_criteria(results: Mapping[Any, Any]) -> dict[Any, float]:
    r"""The Bayesian criterion of fits of the same data, by independent points.

    .. math:: \mathrm{BIC} = \sum_d N_d \ln(s_d^2) + k \ln \sum_d N_d

    with the data sets d, the mean square :math:`s_d^2` of the residuals and the number k of free
    parameters. The independent points :math:`N_d` are those of the fit with the smallest residuals:
    where a model is wrong its residuals are correlated because it is wrong. Where a sigma is stated
    that the best fit keeps to, :math:`N_d \ln(s_d^2)` is chi-square.

    Args:
        results: name -> `FitResult`.

    Returns:
        name -> criterion, up to a constant that all share. A difference of 6 is odds of 20 to 1.

    References:
        G. Schwarz, Ann. Stat. 6, 461 (1978); R. E. Kass and A. E. Raftery, J. Am. Stat. Assoc. 90,
        773 (1995) for the odds.
    """
    total, count = dict.fromkeys(results, 0.0), 0.0
    for k in range(len(next(iter(results.values())).parts)):
        parts = {name: fit.parts[k] for name, fit in results.items()}
        squares = {name: _mean_square(p, results[name].loss) for name, p in parts.items()}
        best = parts[min(squares, key=lambda name: squares[name])]
        independent = independent_points(best)
        kept = best.known and not best.misfit > WRONG
        for name, square in squares.items():
            total[name] += independent * (square if kept else math.log(max(square, 1e-300)))
        count += independent
    return {n: total[n] + len(f.free) * math.log(max(count, 1)) for n, f in results.items()}


def _mean_square(part, loss):
    """Of the residuals over a stated sigma; of a robust loss the square of their scale."""
    residual = part.residual / (part.sigma if part.known else 1.0)
    if loss != "linear":
        return float(robust_scale(residual)) ** 2
    return float(np.mean(residual**2))
