"""How well a fit knows its parameters: covariance, profiles, bootstrap."""

import dataclasses
import math

import numpy as np

from qpcjax.fitting.problem import parameter_slopes
from qpcjax.optimise.descents import descend
from qpcjax.optimise.losses import mean_slope

_PROFILE_REACH = 3.0  # standard errors
_FURTHER = 4.0  # times that, where an end is still open
_PROFILE_STEPS = 30
_BOOTSTRAP_STEPS = 30
_CORRELATED = 0.05  # autocorrelation below which residuals count as independent
_STACKED = 1.5  # points at one gate voltage from which on sweeps are stacked


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


def slopes_at_minimum(problem):
    """Slopes of the residuals, in units of sigma, in the free parameters' own units."""
    vector = problem.start()
    _, slope = problem.decode(vector)
    _, jacobian = problem.linearise(vector[None], loss="linear")
    return jacobian[0] / slope[0]


def information(slopes, parts):
    """Fisher information of the free parameters in their own units.

    Args:
        slopes: see `slopes_at_minimum`.
        parts: `PartResult`s.
    """
    return _weighted(slopes, parts, [part.share for part in parts])


def curvature(slopes, parts, loss):
    """Half the second derivatives of the sum of squares; arguments as of `information`."""
    return _weighted(slopes, parts, [mean_slope(loss, p.residual / p.sigma) for p in parts])


def _weighted(slopes, parts, weights):
    """J^T J of residuals in units of sigma, each part's with its weight, and of the priors."""
    total, first = 0.0, 0
    for part, weight in zip(parts, weights, strict=True):
        rows = slopes[first : first + part.predicted.size]
        first += part.predicted.size
        total = total + weight * rows.T @ rows
    prior = slopes[first:]
    return total + prior.T @ prior


def inverse(information):
    """Covariance; a direction without information gets a huge variance and not a false one."""
    size = np.sqrt(np.diag(information))
    size = np.where(size > 0, size, 1.0)
    value, vector = np.linalg.eigh(information / np.outer(size, size))
    value = np.maximum(value, 1e-14 * value.max())
    return (vector / value) @ vector.T / np.outer(size, size)


def weighted_slopes(fit):
    """Slopes of every point in every parameter, held ones too, in units of its standard error.

    Args:
        fit: `FitResult`.

    Returns:
        (points, parameters): the information of independent points is its square.
    """
    problem = fit.problem
    rows = []
    devices = problem.devices(np.array([p.value for p in fit.parameters]))
    for part, result, device in zip(problem.parts, fit.parts, devices, strict=True):
        of_part = problem, part, device, part.kernel.response, part.settings
        slopes = part.to_points(parameter_slopes(*of_part)[1][None])[0]
        rows.append(slopes * math.sqrt(result.share) / part.sigma[:, None])
    return np.concatenate(rows)


def profile(fit, name, points):
    """See `FitResult.profile`."""
    names = [p.name for p in fit.free]
    if name not in names:
        raise ValueError(f"{name} is not a free parameter; there are {', '.join(names)}")
    k = names.index(name)
    p, error = fit.free[k], fit.stderr[name]
    values = np.linspace(-_PROFILE_REACH, _PROFILE_REACH, points) * error + p.value
    values = np.unique(np.append(values[(values > p.lower) & (values < p.upper)], p.value))
    loss = _losses_at(fit, k, values)
    # An error that is too small leaves an end open: look further there.
    further = _PROFILE_REACH * (1 + np.arange(1, points // 2 + 1) * (_FURTHER - 1) / (points // 2))
    for side in (-1, 1):
        chi = 2 * loss * _effective_share(fit)
        ends = _crossings(values, chi - chi.min(), p.value)
        more = p.value + side * further * error
        more = more[(more > p.lower) & (more < p.upper)]
        if math.isinf(ends[side > 0]) and more.size:
            values, loss = np.append(values, more), np.append(loss, _losses_at(fit, k, more))
            order = np.argsort(values)
            values, loss = values[order], loss[order]
    chi = 2 * loss * _effective_share(fit)
    delta = chi - chi.min()
    return Profile(name, values, delta, _crossings(values, delta, p.value))


def _losses_at(fit, k, values):
    """Losses with parameter k held at these values, the others fitted anew."""
    p = fit.free[k]
    # The others start where the covariance sends them.
    slope = fit.covariance[:, k] / fit.covariance[k, k]
    free = np.array([q.value for q in fit.free]) + np.outer(values - p.value, slope)
    ends = np.array([(q.lower, q.upper) for q in fit.free]).T
    free = np.clip(free, *ends)
    free[:, k] = values
    held = np.arange(len(fit.free)) == k
    rows = fit.problem.encode(free)
    return descend(lambda v, _: fit.problem.linearise(v), rows, _PROFILE_STEPS, held).loss


def _effective_share(fit):
    """Share of the loss that counts: such that its curvature is that of the covariance.

    See `PartResult.share`, which is of the information of least squares; a robust loss is less
    curved than that.
    """
    weights = [max(p.scaled_square, 1e-300) for p in fit.parts]
    shares = [p.share / mean_slope(fit.loss, p.residual / p.sigma) for p in fit.parts]
    return float(np.average(shares, weights=weights))


def bootstrap(fit, samples, block, seed):
    """See `FitResult.bootstrap`."""
    rng = np.random.default_rng(seed)
    drawn = []
    for part in fit.parts:
        n = part.residual.size
        length = block or max(1, round(2 * part.correlation_length))
        length = min(length, n)
        count = -(-n // length)
        first = rng.integers(0, n - length + 1, (samples, count))
        where = (first[..., None] + np.arange(length)).reshape(samples, -1)[:, :n]
        share = part.residual / part.sigma
        own_freedom = len(fit.free) * n / fit.points
        share = (share - share.mean()) * math.sqrt(n / max(n - own_freedom, 1))
        drawn.append(part.predicted + share[where] * part.sigma)
    rows = np.repeat(fit.problem.start()[None], samples, axis=0)

    def linearise(vectors, active):
        return fit.problem.linearise(vectors, values=[d[active] for d in drawn])

    end = descend(linearise, rows, _BOOTSTRAP_STEPS)
    values, _ = fit.problem.decode(end.vectors)
    free = values[:, fit.problem.free]
    free[~end.converged] = np.nan
    return free


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


def correlation_length(residual, gate=None):
    """Integrated autocorrelation of residuals along a trace, in points, at least 1.

    Sweeps that are stacked at the same gate voltages drift each for itself: the correlation is that
    along each of them, and what they have in common counts in all of them.

    Args:
        residual: in the order of the gate voltage, points at one voltage in that of the sweeps.
        gate: gate voltages; None for a single sweep.
    """
    rows = _by_sweep(residual - residual.mean(), gate)
    power = float(np.sum(rows**2))
    if power == 0:
        return 1.0
    together = rows.sum(axis=0)

    def shares(lag):
        """Correlations along the sweeps, and from each to all others."""
        size = together.size - lag
        own = float(np.sum(rows[:, :size] * rows[:, lag:]))
        return own / power, (float(together[:size] @ together[lag:]) - own) / power

    # A fit takes what sweeps have in common: what is left of two of them has opposite signs.
    def of_others(share):
        return share if share > _CORRELATED else 0.0

    total = 1.0 + of_others(shares(0)[1])
    for lag in range(1, together.size // 4):
        own, others = shares(lag)
        if own < _CORRELATED:
            break
        total += 2 * (own + of_others(others))
    return total


def _by_sweep(residual, gate):
    """A row for each sweep, 0 where it has no point; one row unless most voltages repeat."""
    if gate is None:
        return residual[None]
    first = np.append(True, np.diff(gate) != 0)
    voltage = np.cumsum(first) - 1
    if residual.size < _STACKED * (voltage[-1] + 1):
        return residual[None]
    sweep = np.arange(residual.size) - np.flatnonzero(first)[voltage]
    rows = np.zeros((sweep.max() + 1, voltage[-1] + 1))
    rows[sweep, voltage] = residual
    return rows
