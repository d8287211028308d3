"""One data set beside a fit: residuals, and how much the data tell."""

import dataclasses
import functools
import math
from typing import Any

import numpy as np

from qpcjax.fitting.noise import noise_of
from qpcjax.fitting.uncertainty import correlation_length
from qpcjax.optimise.losses import information_share


@dataclasses.dataclass(frozen=True, eq=False)
class PartResult:
    """One data set beside the fit.

    Fields:
        name: of the data set.
        data: the data set, a trace sorted by its gate voltage.
        predicted: what the fit says at its points.
        sigma: standard error of each point.
        known: whether the data state it; else it is the scale of the residuals.
        correlation_length: points over which residuals of a trace are correlated, 1 otherwise; of
            stacked sweeps along each of them, see `uncertainty.correlation_length`.
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
        """The result of a `FitPart`; `freedom` is the share of points that are not used up."""
        residual = predicted - part.value
        along = part.data.ordered and not part.known
        length = correlation_length(residual, part.data.settings["gate"]) if along else 1.0
        share = information_share(loss, residual / part.sigma)
        if not part.known:
            square = float(np.mean((residual / part.sigma) ** 2)) if loss == "linear" else 1.0
            share *= freedom / square / length
        return cls(part.name, part.data, predicted, part.sigma, part.known, length, share)

    @property
    def kind(self):
        """Name of the response that was measured."""
        return self.data.response.name

    @property
    def unit(self):
        """Unit of the data."""
        return self.data.response.unit

    @property
    def residual(self):
        """Data minus fit."""
        return self.data.value - self.predicted

    @property
    def rms(self):
        """Root mean square of the residuals."""
        return float(np.sqrt(np.mean(self.residual**2)))

    @functools.cached_property
    def noise(self):
        """Standard deviation of one point, in the unit of the data; NaN where it is not known.

        It is the root mean square of a sigma that the data state, else what `noise.noise_of` finds
        in the data alone.
        """
        return float(np.sqrt(np.mean(self.sigma**2))) if self.known else noise_of(self.data)

    @property
    def scaled_square(self):
        """Sum of the squares of the residuals in units of the sigma that the search used."""
        return float(np.sum((self.residual / self.sigma) ** 2))

    @property
    def chi_square(self):
        """Sum of the squares of the residuals in units of a stated sigma, else of the noise."""
        if self.known:
            return self.scaled_square
        return float(np.sum(self.residual**2)) / self.noise**2 if self.noise else math.nan

    @property
    def misfit(self):
        """Root mean square of the residuals over the noise: 1 where the fit leaves only noise."""
        return math.sqrt(self.chi_square / self.predicted.size)
