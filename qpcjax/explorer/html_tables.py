"""What the page says: tables and pictures of an operating point, for a browser."""

import base64
import html
import math
from collections.abc import Mapping

from qpcjax.evaluation import Evaluation
from qpcjax.explorer.uploads import MOST_BYTES
from qpcjax.measurements import ConductanceTrace
from qpcjax.overviews import unit_text
from qpcjax.quantities import as_html

SEARCHED = 12  # of more traces one is found by typing
WANTED = (
    f"A conductance trace, at most {MOST_BYTES / 1e6:g} MB; columns are named with their units, "
    "such as gate (mV),conductance (2e2/h)"
)

COMPILING = "<p>The first time, a model is compiled ...</p>"


def table(evaluation: Evaluation) -> str:
    """The quantities with their units and the notes, as HTML; each value has its own id."""
    rows = "".join(
        f"<tr><td>{as_html(q.symbol)}</td><td>{as_html(q.name)}</td>"
        f'<td style="{_NUMBER}" id="value-{html.escape(q.symbol)}">{_shown(q.value)}</td>'
        f"<td>{as_html(unit_text(q.unit))}</td></tr>"
        for q in evaluation.quantities
    )
    notes = "".join(f"<p>{as_html(note)}</p>" for note in evaluation.notes)
    return f'<table style="{_TABLE}">{rows}</table>{notes}'


def description(trace: ConductanceTrace) -> str:
    """A trace that was read, as one paragraph of HTML."""
    low, high, top = trace.gate.min(), trace.gate.max(), trace.conductance.max()
    dropped = f", {trace.dropped} left out without a value" if trace.dropped else ""
    words = (
        f"{trace.name}: {trace.gate.size} points{dropped}, gate {low:.5g} to {high:.5g} mV, "
        f"conductance up to {top:.3g} in 2e²/h"
    )
    return f'<p id="received">{html.escape(words)}</p>'


def several(traces: Mapping[str, ConductanceTrace]) -> str:
    """What stands before the choice of a trace."""
    return f"the file holds {len(traces)} traces; fit"


def plain(error: Exception) -> str:
    """An error of the user's input as one paragraph of HTML."""
    return f'<p id="error"><strong>{html.escape(str(error))}</strong></p>'


def gallery(pictures: Mapping[str, bytes], before: str = "") -> str:
    """Pictures side by side, as many as there is room for.

    Args:
        pictures: what they show -> bytes of a PNG.
        before: HTML that stands before the first one.
    """
    parts = [f'<div style="{_CELL}">{before}</div>'] if before else []
    for title, png in pictures.items():
        data = base64.b64encode(png).decode("ascii")
        alt = html.escape(title)
        parts.append(f'<img style="{_CELL}" alt="{alt}" src="data:image/png;base64,{data}">')
    return f'<div style="{_ROW}">{"".join(parts)}</div>'


_TABLE = "border-collapse: separate; border-spacing: 0.7rem 0.25rem"
_NUMBER = "text-align: right; font-variant-numeric: tabular-nums"
_ROW = "display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; margin-bottom: 1rem"
_CELL = "flex: 1 1 15rem; min-width: 0; max-width: 28rem"


def _shown(value):
    return "-" if math.isnan(value) else f"{value:.5g}"
