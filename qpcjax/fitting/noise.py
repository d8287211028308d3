"""The noise of a measured curve, found from the curve alone."""

import numpy as np

_NORMAL = 1.482602218505602  # standard deviation of a Gaussian over its median modulus
_CUT = 2.5  # standard deviations beyond which a window is taken for a step or an outlier
_CUT_SHARE = 0.9546  # of a Gaussian's standard deviation that is left when it is cut there
_DEGREES = (1, 2, 3, 4, 5)  # of the polynomials that neighbouring points are held against
_ALIKE = 1.15  # estimates within this factor of the smallest one agree
_LATTICE = 0.02  # of a step of the recording, how far a value may be off its lattice
_FEWEST = 12  # points that tell anything


def point_noise(setting: np.ndarray, value: np.ndarray) -> float:
    r"""Standard deviation of the noise of a smooth curve, without a model of the curve.

    Through k + 1 neighbouring points goes a combination :math:`e = \sum_i c_i y_i`, with
    :math:`\sum_i c_i^2 = 1`, that is 0 for every polynomial of degree k - 1. What it leaves of a
    curve that is smooth over these points is noise, of the same variance as that of one point.
    Steep places and outliers, beyond 2.5 of the standard deviation that the median of :math:`|e|`
    says, are left out. A low degree still sees a
    coarsely sampled curve. The noise is the median over those of the degrees 1 to 5 whose estimate
    is at most 1.15 of the smallest.

    Noise that is correlated over many points is seen in part only.

    Args:
        setting: where the points stand, such as gate voltages; any order, uneven, repeated.
        value: what was measured, (points,).

    Returns:
        The noise in the unit of the values, at least the resolution of the recording over
        sqrt(12); NaN for fewer than twelve points.

    References:
        T. Gasser, L. Sroka and C. Jennen-Steinmetz, Biometrika 73, 625 (1986), for degree 1.
    """
    setting, value = np.asarray(setting, float), np.asarray(value, float)
    if value.size < _FEWEST:
        return float("nan")
    order = np.argsort(setting, kind="stable")
    setting, value = setting[order], value[order]
    found = [_left_over(setting, value, degree) for degree in _DEGREES]
    floor = recording_step(value) / np.sqrt(12)
    return max(float(np.median([s for s in found if s <= _ALIKE * min(found)])), floor)


def noise_of(data) -> float:
    """`point_noise` of a data set along what was swept: the gate of a trace, or the bias of a map.

    Args:
        data: a measurement.

    Returns:
        The noise in the unit of the values: of several lines the median; NaN where no line has
        twelve points.
    """
    settings = {n: x for n, x in data.settings.items() if np.ptp(x) > 0}
    found = []
    for name, along in settings.items():
        others = [x for n, x in settings.items() if n != name]
        lines = np.zeros(along.size, int)
        if others:
            lines = np.unique(np.stack(others), axis=1, return_inverse=True)[1].reshape(-1)
        noises = [point_noise(along[lines == k], data.value[lines == k]) for k in np.unique(lines)]
        found += [x for x in noises if np.isfinite(x)]
    return float(np.median(found)) if found else float("nan")


def _left_over(x, y, degree):
    """The noise that polynomials of this degree leave in windows of two points more."""
    points = degree + 2
    x, y = (np.lib.stride_tricks.sliding_window_view(a, points) for a in (x, y))
    # Scaled to the window; where points repeat the power basis is singular and still serves.
    centre, width = x.mean(axis=1, keepdims=True), np.ptp(x, axis=1)[:, None]
    scaled = (x - centre) / np.where(width > 0, width, 1)
    powers = scaled[:, None, :] ** np.arange(degree + 1)[:, None]
    combination = np.linalg.svd(powers)[2][:, -1]
    left = np.abs(np.einsum("wp,wp->w", combination, y))
    cut = _CUT * _NORMAL * np.median(left)
    return float(np.sqrt(np.mean(left[left <= cut] ** 2))) / _CUT_SHARE


def recording_step(value: np.ndarray) -> float:
    """The step of the lattice that recorded values stand on; 0 where they stand on none."""
    distinct = np.unique(value)
    if distinct.size < 3:
        return 0.0
    gaps = np.diff(distinct)
    gaps = gaps[gaps > 1e-9 * np.ptp(value)]
    step = float(np.quantile(gaps, 0.05))
    # Averaging the gaps of one step removes the rounding of the recorded values.
    step = float(np.mean(gaps[gaps < 1.5 * step]))
    off = np.abs(gaps / step - np.round(gaps / step))
    return step if np.all(gaps > 0.5 * step) and np.quantile(off, 0.9) < _LATTICE else 0.0
