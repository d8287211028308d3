"""Sections of a report that set barriers beside each other."""

from qpcjax.fitting.barrier_comparison import HEADS
from qpcjax.fitting.report_sections import Section
from qpcjax.overviews import unit_text


def of_barriers(barriers, heating=None):
    """The table of the barriers, and the errors that come from the choice among them.

    Args:
        barriers: a `BarrierComparison`.
        heating: its prediction of heat, for the largest P_A.
    """
    rows = tuple(barriers.cells(heating))
    yield Section("Barriers", tuple(barriers.words()), HEADS, rows)
    systematic = barriers.systematic
    if not systematic:
        return
    best = barriers.best
    values, errors = best.values(), best.stderr
    units = {p.name: unit_text(p.unit) for p in best.parameters}
    rows = tuple(
        (name, f"{values[name]:.5g}", f"+- {errors[name]:.2g}", f"+- {error:.2g}", units[name])
        for name, error in systematic.items()
    )
    lines = ("Errors of the fit, and distances to the barriers that fit as well.",)
    yield Section(
        "Errors between barriers", lines, ("name", "value", "stderr", "barriers", "unit"), rows
    )
