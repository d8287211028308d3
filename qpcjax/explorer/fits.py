"""The fit behind the page: what `qpcjax fit` does, with the files' contents kept in memory."""

import re
from typing import Any, NamedTuple

from qpcjax.constants import fermi_energy
from qpcjax.explorer.barriers import named_barriers
from qpcjax.fitting.command import TraceFitOptions, fitted_files, held
from qpcjax.fitting.device_of_trace import DEFAULT_DENSITY
from qpcjax.fitting.result import FitResult
from qpcjax.scatterers.registry import BARRIERS

MU = round(fermi_energy(DEFAULT_DENSITY), 2)  # meV


class Answer(NamedTuple):
    """A fit on the page.

    Fields:
        fit: the `FitResult`.
        model: name of its barrier.
        files: contents of the files that `qpcjax fit` would write, by name.
    """

    fit: FitResult
    model: str
    files: dict[str, Any]


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
        numbers: mu of the fit in meV; bias (meV), temperature (K) and damping of the prediction.
        progress: called with (done, total, label).

    Raises:
        ValueError: anything that the user can mend.
    """
    words = [word for word in re.split(r"[\s,;]+", hold) if word]
    question = TraceFitOptions(model=model, hold=held(words), **numbers)
    found, files = fitted_files(trace, question, progress)
    return Answer(found, model, files)


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
