"""The fit behind the page: what `qpcjax fit` does, with the files' contents kept in memory."""

import re
from typing import Any, NamedTuple

from qpcjax.constants import fermi_energy
from qpcjax.explorer.barriers import named_barriers
from qpcjax.fitting.command import TraceFitOptions, fitted_files, held
from qpcjax.fitting.device_of_trace import DEFAULT_DENSITY
from qpcjax.fitting.result import FitResult
from qpcjax.scatterers.registry import BARRIERS

# What says how many electrons there are: words on the page -> name, and lowest, highest, first.
ELECTRONS = {"density nₑ (10¹¹ cm⁻²)": "density", "mean potential μ (meV)": "mu"}
NUMBERS = {
    "density": (0.1, 100.0, DEFAULT_DENSITY),
    "mu": (0.4, 350.0, round(fermi_energy(DEFAULT_DENSITY), 2)),
}


class Answer(NamedTuple):
    """A fit on the page.

    Fields:
        fit: the `FitResult`.
        model: name of its barrier.
        files: contents of the files that `qpcjax fit` would write, by name.
        trace: name and checksum of what was fitted.
    """

    fit: FitResult
    model: str
    files: dict[str, Any]
    trace: tuple[str, str]


def models() -> dict[str, str]:
    """The barriers that are quick enough to be fitted on the page, title -> name."""
    kinds = [BARRIERS[name] for name in named_barriers()]
    return {kind.label: kind.name for kind in kinds if kind.gate and "fits" not in kind.slow}


def first() -> str:
    """Title of the one that is offered."""
    return next(iter(models()))


def fitted(trace, model, hold, numbers, progress) -> Answer:
    """Fit a trace and predict its heating.

    Args:
        trace: a `ConductanceTrace`.
        model: the barrier's name.
        hold: parameters to hold, such as "length=60, series_resistance=300".
        numbers: mu of the fit in meV, or the density in 1e11 cm^-2 instead; bias (meV), temperature
            (K) and damping of the prediction.
        progress: called with (done, total, label).

    Raises:
        ValueError: anything that the user can mend.
    """
    numbers = dict(numbers)
    if "density" in numbers:
        numbers["mu"] = fermi_energy(numbers.pop("density"))
    words = [word for word in re.split(r"[\s,;]+", hold) if word]
    question = TraceFitOptions(model=model, hold=held(words), **numbers)
    found, files = fitted_files(trace, question, progress)
    return Answer(found, model, files, (trace.name, trace.sha256))


def percent(update):
    """A progress callback (done, total, label) for a bar of 100 steps that only counts up.

    Args:
        update: of the bar; takes `increment` and `subtitle`.
    """
    reached = 0

    def progress(done, total, label):
        nonlocal reached
        now = max(reached, min(99, int(100 * done / total) if total else 0))
        update(increment=now - reached, subtitle=label)
        reached = now

    return progress
