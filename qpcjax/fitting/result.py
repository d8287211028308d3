"""What a fit found."""

import dataclasses
import functools
import math
from typing import Any

import numpy as np

from qpcjax.constants import density
from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.fitting.doubts import reasons
from qpcjax.fitting.flat_directions import flat_directions
from qpcjax.fitting.jackknife import Jackknife, barrier_errors, jackknife
from qpcjax.fitting.minima import FitStart, OtherMinimum, Surroundings
from qpcjax.fitting.misfit import WRONG
from qpcjax.fitting.next_points import NextPoints, next_points
from qpcjax.fitting.part_result import PartResult
from qpcjax.fitting.posterior import Posterior, sample
from qpcjax.fitting.predictions import broadcast_settings, require_near, response_named
from qpcjax.fitting.predictors import predictor
from qpcjax.fitting.problem import FitProblem, parameter_slopes
from qpcjax.fitting.shown_fit import ShownFit
from qpcjax.fitting.uncertainty import bootstrap, profile
from qpcjax.optimise.parameters import Estimates, Parameter
from qpcjax.scatterers.fields import innermost

_TOLD_APART = 9.0  # difference of chi-square between two minima: three standard errors


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class FitResult(ShownFit, Estimates):
    """A fitted device.

    Fields:
        device: the device that was fitted, at the fitted values.
        parameters: values of all parameters, free and held.
        covariance: of the free ones, in their units and order. Where data do not state a sigma it
            is scaled to their residuals and allows for their correlation along a trace. Where the
            misfit is above 1.3 its errors are not below those of the jackknife.
        parts: `PartResult` of every data set.
        status: "converged", "steps", "edge" (of what the model can predict) or "interrupted".
        message: the same in words.
        starts: every start.
        priors: name -> (mean, standard deviation).
        loss: name of the loss.
        problem: what was minimised.
        rises: (free parameters, 2): how the sum of squares rises one standard error below and
            above each of them, the others fitted anew, over what the covariance says: 1 where the
            error is right, less where it is too small. NaN where a bound is nearer than half an
            error or the model has no prediction.
        curvature_errors: standard errors of the free parameters from the curvature alone.
        jackknife: the fit without each step and plateau, see `Jackknife`.
        barrier_errors: errors of the free parameters that come from the barrier's distance from the
            exact answer, beside all others; 0 where the barrier is not an approximation.
        others: other minima that were followed, the lowest first.
    """

    device: Any
    parameters: tuple[Parameter, ...]
    covariance: np.ndarray
    parts: tuple[PartResult, ...]
    status: str
    message: str
    starts: tuple[FitStart, ...]
    priors: dict[str, tuple[float, float]]
    loss: str
    problem: FitProblem
    rises: np.ndarray
    curvature_errors: np.ndarray
    jackknife: Jackknife
    barrier_errors: np.ndarray
    others: tuple[OtherMinimum, ...] = ()

    @classmethod
    def of(cls, around: Surroundings, status, message, starts, others=(), checks=True):
        """The result at a minimum, with the errors that its surroundings tell; see `fit`."""
        problem, parts, slopes = around.problem, around.parts, around.slopes
        covariance, errors = around.covariance, np.sqrt(np.diag(around.covariance))
        devices = around.devices
        free = tuple(problem.names[i] for i in problem.free)
        left_out = Jackknife(free, (), np.zeros((0, len(free))))
        if checks or problem.dear:
            left_out = jackknife(problem, parts, devices, slopes, errors, follow=checks)
        if any(p.misfit > WRONG for p in parts):
            wider = np.fmax(left_out.errors / errors, 1)
            covariance = covariance * np.outer(wider, wider)
        return cls(
            devices[0], problem.parameters, covariance, parts, status, message, starts,
            problem.priors, problem.loss, problem, around.rises, errors, left_out,
            barrier_errors(parts, devices, slopes), others,
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
        return first.rms * first.data.response.residual_unit[1]

    @property
    def noise(self):
        """Noise of one point of the first data set, in the unit of `rms`; NaN if not known.

        The sigma that the data state, else what their neighbouring points say (`point_noise`).
        """
        first = self.parts[0]
        return first.noise * first.data.response.residual_unit[1]

    @property
    def misfit(self):
        """Root mean square of the residuals of the first data set over its noise.

        Near 1 the fit leaves nothing but noise. Above 1.3 something is in the data that is not in
        the model: then `doubts` says how much, and where.
        """
        return self.parts[0].misfit

    @property
    def chi_square(self):
        """Sum of the squares of all residuals in units of a stated sigma, else of the noise."""
        return sum(p.chi_square for p in self.parts)

    @property
    def reduced_chi_square(self):
        """Chi-square over the degrees of freedom, which is 1 for a model that is right."""
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

    @property
    def rivals(self) -> tuple[OtherMinimum, ...]:
        """Other minima that the noise does not tell from this one.

        Their chi-square is higher by less than 9, points counted once in the correlation length of
        the residuals, and some parameter is three or more standard errors away.
        """
        count = sum(p.predicted.size / p.correlation_length for p in self.parts)
        values, errors = self.values(), self.stderr

        def elsewhere(other):
            return any(abs(v - values[n]) > 3 * errors[n] for n, v in other.values.items())

        return tuple(o for o in self.others if o.excess * count < _TOLD_APART and elsewhere(o))

    @property
    def doubts(self):
        """Why the fit is not to be trusted unseen, in sentences; none where it is."""
        return reasons(self)

    # --- words ---

    @property
    def initial_values(self):
        """Where the search began that led to the result, by name."""
        ended = [s for s in self.starts if s.end is not None or len(self.starts) == 1]
        first = min(ended, key=lambda s: s.end or 0).values if ended else {}
        return {p.name: first.get(p.name, p.value) for p in self.parameters}

    def meaning(self, name):
        """What a parameter is, in words, with the gate voltage that it stands at."""
        number, _, data_set = name.partition("@")
        words = DeviceNumbers(self.device).words(number)
        mass = getattr(innermost(self.device.scatterer), "mass", None)
        value = self.values()[name]
        if number == "mu" and mass is not None and value > 0:
            words += f" ({density(value, float(mass)):.3g}e11 cm^-2)"
        return words + (f" of {data_set}" if data_set else "")

    # --- what else follows ---

    def predict(
        self, kind, gate=None, bias=None, mu=None, temperature=None, damping=None, **settings
    ):
        """An observable where it was not measured, with its standard error from the covariance.

        Where data sets have private parameters it is the device of the first one.

        Args:
            kind: "conductance", "differential_conductance", "current", "distance" (of the hot
                spot), "left", "right", "asymmetry" or "total" (powers), "heating" (left, right,
                asymmetry and distance as columns), a response of a kind of data of your own, or
                any registered observable.
            gate: gate voltages in mV; the arrays broadcast.
            bias: eV in meV across barrier and series resistance.
            mu: electrochemical potentials in meV, for a device without a gate.
            temperature: in K; that of the device by default.
            damping: damping law, or strength a of the rate of Eq. (22); that of the device by
                default.
            **settings: what else the points have set, for responses of your own kinds of data.

        Returns:
            Values and standard errors, in the unit of the response.

        Raises:
            ValueError: an unknown kind.
            InputError: something that the prediction needs is not known; gate voltages far outside
                of those of the data, or in V.
        """
        settings |= {"gate": gate, "bias": bias, "mu": mu, "temperature": temperature}
        return self.predict_with(self.device_with(damping), kind, settings)

    def device_with(self, damping):
        """The device, with another damping law (or strength of `QuadraticDamping`), if any."""
        if damping is None:
            return self.device
        return dataclasses.replace(self.device, damping=damping)

    def predict_with(self, device, kind, settings, errors=True):
        """`predict` for a device that has the same numbers as this one and more.

        Without errors the standard errors are NaN, and cost nothing.
        """
        response = response_named(kind)
        settings, shape = broadcast_settings(**settings)
        response.require_known(device, settings)
        require_near(settings, [part.data for part in self.parts])
        if not errors:
            kernel = predictor(device, response, settings)
            value = kernel.predict(kernel.layout.values[None])[0]
            value = value.reshape(shape + value.shape[1:])
            return value, np.full_like(value, np.nan)
        free = [p.name for p in self.free]
        part = self.problem.parts[0]
        value, slopes = parameter_slopes(self.problem, part, device, response, settings, free)
        error = np.sqrt(np.einsum("...i,ij,...j->...", slopes, self.covariance, slopes))
        return value.reshape(shape + value.shape[1:]), error.reshape(shape + value.shape[1:])

    def band(self, gate=None):
        """Fitted conductance in 2e^2/h and its standard error: the 68 % band of the curve.

        `prediction_band` is that of data.

        Args:
            gate: gate voltages in mV; by default those of the first data set, a trace.

        Raises:
            InputError: gate voltages far outside of those of the data, or in V.
        """
        part = self.problem.parts[0]
        own = part.data.settings
        if gate is None:
            return self._at_points(part)
        asked = np.asarray(gate, float)
        fitted = own.get("gate") if self.parts[0].kind == "conductance" else None
        near = fitted is not None and np.all((asked >= fitted.min()) & (asked <= fitted.max()))
        if asked.size and near and all(np.ptp(x) == 0 for n, x in own.items() if n != "gate"):
            # What predicted the data is compiled, and has the room that these voltages need.
            settings = {n: np.full(asked.size, x[0]) for n, x in own.items()}
            found = self._at_points(part, settings | {"gate": asked.ravel()})
            return tuple(x.reshape(asked.shape) for x in found)
        return self.predict("conductance", gate, temperature=part.data.temperature)

    def prediction_band(self, gate=None):
        """Fitted conductance in 2e^2/h and the standard error of a point that is measured there.

        That is the 68 % band of data, not of the curve: the error of the curve and the root mean
        square of the residuals, or the noise where it is larger, added in squares.

        Args:
            gate: as for `band`.
        """
        value, error = self.band(gate)
        return value, np.hypot(error, self.scatter)

    @property
    def scatter(self):
        """By how much points of the first data set scatter around the fit, in its unit."""
        first = self.parts[0]
        return float(np.fmax(first.rms, first.noise))

    def _at_points(self, part, settings=None):
        """Predictions of a part and their standard errors, at its points or other ones."""
        rows = self.problem.of_part(part, [p.value for p in self.parameters])
        if settings is None:
            value, slopes = part.linearise(rows)
        else:
            value, slopes = part.linearise_at(rows, settings)
        slopes = slopes[0] @ self.problem.selection(part)
        return value[0], np.sqrt(np.einsum("pi,ij,pj->p", slopes, self.covariance, slopes))

    @functools.cached_property
    def flat_directions(self):
        """Combinations of parameters, held ones too, that the data leave undetermined."""
        return flat_directions(self)

    def profile(self, name, points=13):
        """Profile likelihood of one free parameter, the others fitted anew at each value.

        Args:
            name: of a free parameter.
            points: number of values, evenly over three standard errors to both sides; half as many
                more, up to twelve, on a side where the interval is still open.

        Returns:
            `Profile`.
        """
        return profile(self, name, points)

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
        return bootstrap(self, samples, block, seed)

    def sample(self, samples=1000, chains=4, seed=0, warmup=300) -> Posterior:
        """Samples of the parameters given the data, by the No-U-Turn sampler of blackjax.

        The density is the exponential of minus the fit's loss, weighted so that its curvature at
        the fit is that of the covariance, times the priors; where there is no prior a parameter
        is flat between its bounds, a positive scale in its logarithm.

        Args:
            samples: number of samples of each chain.
            chains: number of chains, side by side.
            seed: of the draws.
            warmup: steps that find the step size, not kept.

        Returns:
            `Posterior`.

        Raises:
            ImportError: blackjax is not installed.
        """
        return sample(self, samples, chains, seed, warmup)

    def next_points(self, target, candidates, count=1, free=()) -> NextPoints:
        r"""Points that would shrink the variance of a target most, one after the other.

        With C the covariance, c the target's derivatives in the parameters and j those of a point
        of standard error sigma, the point changes the target's variance to

        .. math:: c C c - \frac{(c C j)^2}{\sigma^2 + j C j},

        exactly for a linear model; the best is taken, and the next one given it. Bounds count as
        Gaussians of the variance of an even distribution. Where the misfit is above 1.3, C has the
        errors that allow for it, and what the model misses data of the same kind by is added to
        sigma in squares: a finer point than that tells no more.

        Args:
            target: name of a parameter, a dict of names and weights of a combination, or
                `Candidates`: the sum of the variances of predictions there.
            candidates: `Candidates`, or several of them.
            count: number of points.
            free: held parameters that are supposed free: names, or a dict of names and bounds.

        Returns:
            `NextPoints`.

        Raises:
            ValueError: an unknown name, bounds that contradict each other.
            InputError: no sigma, or no prediction, at the candidates.

        References:
            V. V. Fedorov, Theory of Optimal Experiments (Academic Press, 1972).
        """
        return next_points(self, target, candidates, count, free)

    def save(self, path, posterior=None):
        """Write the fit into one file, with its data and the versions that it was made with.

        Args:
            path: of the file; JSON. One that is there is replaced when the new one is whole.
            posterior: a `Posterior` to write with it.

        Returns:
            The path. `load_fit` and `load_posterior` read it.

        Raises:
            InputError: the folder cannot be written; the barrier's class has fields that are
                neither numbers, arrays nor texts.
        """
        from qpcjax.fitting.archive import save_fit  # it makes results itself

        return save_fit(self, path, posterior)
