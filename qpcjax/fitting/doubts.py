"""Why a fit is not to be trusted unseen, in sentences."""

import numpy as np

from qpcjax.constants import BOLTZMANN
from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.fitting.half_plateaus import half_plateau_in_words
from qpcjax.fitting.jackknife import fixed_by_one
from qpcjax.fitting.misfit import misfit_in_words
from qpcjax.fitting.rises import LOW, too_small
from qpcjax.overviews import unit_text

_SAME = 0.02  # of the softness, below which an exchange changes nothing
_POOR = 3.09  # of a standard normal variable: one good fit in a thousand lies beyond


def reasons(fit) -> tuple[str, ...]:
    """Why a `FitResult` is not to be trusted unseen; none where it is."""
    found = [note for part in fit.parts for note in part.data.notes]
    found += [] if fit.status == "converged" else [fit.message]
    found += [f"{name} ended on a bound" for name in fit.at_bound]
    freedom = fit.points + len(fit.priors) - len(fit.free)
    devices = fit.problem.devices(np.array([p.value for p in fit.parameters]))
    missed = [
        words
        for part, device in zip(fit.parts, devices, strict=True)
        for words in misfit_in_words(part, device)
    ]
    found += missed
    for part, device in zip(fit.parts, devices, strict=True):
        found += half_plateau_in_words(part, device)
    known = fit.loss == "linear" and all(p.known for p in fit.parts)
    if not missed and known and freedom > 0 and poor(fit.chi_square, freedom):
        found.append(poor_in_words(fit.chi_square, freedom))
    layout = DeviceNumbers(fit.device)
    single = {n for n, base in zip(layout.names, layout.bases, strict=True) if n == base}
    curves = [p.name.partition("@")[0] not in single for p in fit.free]
    for other in fit.rivals:
        told = (
            f"{p.name} {other.values[p.name]:.4g}{' ' if p.unit else ''}{unit_text(p.unit)}"
            for p, curve in zip(fit.free, curves, strict=True)
            if not curve
        )
        found.append(
            f"another minimum fits these data as well, with {', '.join(told)}: its sum of "
            f"squares is {100 * other.excess:.2g} % larger, which their noise does not tell"
        )
    found += _exchange_in_words(fit)
    values = [p.value for p in fit.free]
    found += fixed_by_one(fit.jackknife, values, fit.curvature_errors, curves)
    return (*found, *in_words([p.name for p in fit.free], fit.rises))


def _exchange_in_words(fit):
    """A sentence where temperature and softness of a saddle may change places, or none.

    The slope of a thermally averaged step is sech^2 of the width hbar omega_x/2 pi, convolved with
    that of the width k_B T: which is which cannot be seen.
    """
    free = {p.name for p in fit.free}
    values = {p.name: p.value for p in fit.parameters}
    conductance_alone = all(part.kind == "conductance" for part in fit.parts)
    if not {"temperature", "hbar_omega_x"} <= free or not conductance_alone:
        return []
    if values.get("magnetic_field") or fit.device.smearing is not None:
        return []
    width = 2 * np.pi * BOLTZMANN
    temperature, softness = values["hbar_omega_x"] / width, values["temperature"] * width
    if abs(softness / values["hbar_omega_x"] - 1) < _SAME:
        return []
    return [
        "temperature and hbar_omega_x may change places: conductance is the same with "
        f"temperature {temperature:.4g} K and hbar_omega_x {softness:.4g} meV; noise, "
        "thermopower or a known temperature decides"
    ]


def poor(chi_square, freedom):
    """Whether one in a thousand good fits, or less, has a chi-square like this."""
    # Wilson and Hilferty: the cube root of chi-square is nearly normal.
    variance = 2 / (9 * freedom)
    return chi_square > freedom * (1 - variance + _POOR * np.sqrt(variance)) ** 3


def in_words(names, rises):
    """A sentence for every error that is too small."""
    found = []
    for name, pair in zip(names, rises, strict=True):
        if too_small(pair):
            below = bool(pair[0] < LOW) and not pair[1] < pair[0]
            rise = pair[0 if below else 1]
            does = (
                f"rises by {rise:.2g} and not by 1; its profile says how wide it is"
                if rise >= 0
                else "falls: there is a deeper minimum that was not reached, try more starts"
            )
            found.append(
                f"the error of {name} is not to be trusted: one standard error "
                f"{'below' if below else 'above'} it the sum of squares, the others fitted anew, "
                f"{does}"
            )
    return tuple(found)


def poor_in_words(chi_square, freedom):
    """A sentence for a chi-square that is `poor`."""
    return (
        f"chi-square is {chi_square:.4g} for {freedom} degrees of freedom: the model does not "
        "describe the data within their sigma"
    )
