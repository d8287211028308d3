"""What the page says: tables and pictures of an operating point, for a browser."""

import html
import math

from qpcjax.evaluation import Evaluation
from qpcjax.explorer.transfer import MOST_BYTES

WANTED = (
    f"A file with a conductance trace, at most {MOST_BYTES / 1e6:g} MB; a table's header names its "
    "columns with units, such as gate (mV),conductance (2e2/h)"
)


def table(evaluation: Evaluation) -> str:
    """The quantities with their units and the notes, as HTML; each value has its own id."""
    rows = "".join(
        f"<tr><td>{html.escape(q.symbol)}</td><td>{html.escape(q.name)}</td>"
        f'<td style="text-align: right" id="value-{html.escape(q.symbol)}">{_shown(q.value)}</td>'
        f"<td>{'' if q.unit == '1' else html.escape(q.unit)}</td></tr>"
        for q in evaluation.quantities
    )
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in evaluation.notes)
    head = "<tr><th></th><th></th><th>value</th><th>unit</th></tr>"
    return f"<table>{head}{rows}</table>{notes}"


def description(trace) -> str:
    """A trace that was read, as one paragraph of HTML."""
    low, high, top = trace.gate.min(), trace.gate.max(), trace.conductance.max()
    dropped = f", {trace.dropped} left out without a value" if trace.dropped else ""
    words = (
        f"{trace.name}: {trace.gate.size} points{dropped}, gate {low:.5g} to {high:.5g} mV, "
        f"conductance up to {top:.3g} in 2e²/h"
    )
    return f'<p id="received">{html.escape(words)}</p>'


def plain(error: Exception) -> str:
    """An error of the user's input as one paragraph of HTML."""
    return f'<p id="error"><strong>{html.escape(str(error))}</strong></p>'


def _shown(value):
    return "-" if math.isnan(value) else f"{value:.5g}"
