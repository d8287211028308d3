"""What the page says: tables and pictures of an operating point, for a browser."""

import base64
import html
import math
from collections.abc import Collection, Mapping
from typing import Any

from qpcjax.evaluation import Evaluation
from qpcjax.explorer.uploads import MOST_BYTES, Received
from qpcjax.fitting.result import FitResult
from qpcjax.measurements import ConductanceTrace
from qpcjax.overviews import printable, unit_text
from qpcjax.quantities import as_html

SEARCHED = 12  # of more traces one is found by typing
WANTED = (
    f"A conductance trace, at most {MOST_BYTES / 1e6:g} MB; columns are named with their units, "
    "such as gate (mV),conductance (2e2/h)"
)

_NO_TRACE = "{} holds no trace to fit here. The command fits or reads it:"
COMPILING = "<p>The first time, a model is compiled ...</p>"


def table(evaluation: Evaluation) -> str:
    """The quantities with their units and the notes, as HTML; each value has its own id."""
    rows = "".join(
        f"<tr><td>{as_html(q.symbol)}</td><td>{as_html(q.name)}</td>"
        f'<td class="value" id="value-{html.escape(q.symbol)}">{_shown(q.value)}</td>'
        f"<td>{as_html(unit_text(q.unit))}</td></tr>"
        for q in evaluation.quantities
    )
    notes = "".join(f'<p class="qpc-note">{as_html(note)}</p>' for note in evaluation.notes)
    return f'<table class="qpc-numbers">{rows}</table>{notes}'


def description(trace: ConductanceTrace) -> str:
    """A trace that was read, as one paragraph of HTML."""
    low, high, top = trace.gate.min(), trace.gate.max(), trace.conductance.max()
    dropped = f", {trace.dropped} left out without a value" if trace.dropped else ""
    words = (
        f"{trace.name}: {trace.gate.size} points{dropped}, gate {low:.5g} to {high:.5g} mV, "
        f"conductance up to {top:.3g} in 2e²/h"
    )
    return f"<p>{html.escape(words)}</p>"


def file_in_words(file: Received | None, trace: ConductanceTrace | None) -> str:
    """What a file holds, or that one is wanted."""
    if file is None:
        return '<p class="qpc-note">Choose a file on the left: a trace to fit, or a map to see.</p>'
    held = "".join(f"<p>{html.escape(f'{file.name}: {words}')}</p>" for words in file.maps)
    if file.maps or trace is None:
        told = "The command fits the map:" if file.maps else _NO_TRACE.format(file.name)
        lines = "".join(f"<pre>{html.escape(printable(line))}</pre>" for line in file.commands)
        held += f"<p>{html.escape(told)}</p>{lines}" if lines or not file.maps else ""
    if trace is not None:
        held += description(trace)
    return f'<div id="received">{held}</div>'


def several(traces: Mapping[str, ConductanceTrace]) -> str:
    """What stands before the choice of a trace."""
    return f"the file holds {len(traces)} traces; fit"


def plain(error: Exception) -> str:
    """An error of the user's input as one paragraph of HTML."""
    return f'<p id="error" class="qpc-error">{html.escape(printable(str(error)))}</p>'


def gallery(pictures: Mapping[str, bytes], before: str = "", large: Collection[str] = ()) -> str:
    """Pictures side by side, as many as there is room for.

    Args:
        pictures: what they show -> bytes of an SVG or a PNG.
        before: HTML that stands before the first one that is not large.
        large: those that take two places, and come first.
    """
    shown = {t: picture(t, p, "large" if t in large else "") for t, p in pictures.items()}
    parts = [shown.pop(title) for title in large if title in shown]
    parts += [f'<div class="qpc-first">{before}</div>'] if before else []
    return f'<div class="qpc-grid">{"".join([*parts, *shown.values()])}</div>'


def picture(title: str, content: bytes, kind: str = "") -> str:
    """One picture.

    Args:
        title: what it shows.
        content: bytes of an SVG or a PNG.
        kind: "large" takes two places of a gallery, "wide" the width of the page.
    """
    data = base64.b64encode(content).decode("ascii")
    form = "svg+xml" if content.startswith(b"<svg") else "png"
    shown = f'<img alt="{html.escape(title)}" src="data:image/{form};base64,{data}">'
    return f'<div class="qpc-{kind}">{shown}</div>' if kind else shown


def result(fit: FitResult, files: Mapping[str, Any]) -> str:
    """A fit as its picture beside its numbers, and below the other pictures.

    Args:
        fit: the `FitResult`.
        files: contents of its files by name.
    """
    rows = "".join(
        f"<tr><td>{html.escape(name.replace('_', ' '))}</td>"
        f'<td class="value" id="fit-{html.escape(name)}">{value:.5g}{_error(stderr)}</td>'
        f"<td>{as_html(unit_text(unit))}</td></tr>"
        for name, value, stderr, unit in _parameters(fit)
    )
    state = f"{fit.status}; rms {fit.parts[0].rms:.3g} {fit.parts[0].unit}"
    numbers = f'<div><table class="qpc-numbers">{rows}</table>'
    numbers += f'<p class="qpc-note">{as_html(state)}</p>'
    numbers += "".join(f'<p class="qpc-note">{html.escape(d)}</p>' for d in fit.doubts) + "</div>"
    pictures = {name: png for name, png in files.items() if name.endswith(".png")}
    first = next((name for name in pictures if name.startswith("fit")), next(iter(pictures), ""))
    parts = [picture("Fit", pictures.pop(first), "large")] if first else []
    parts += [numbers, *(picture(name, png) for name, png in pictures.items())]
    return f'<div class="qpc-grid" id="result">{"".join(parts)}</div>'


def _parameters(fit):
    errors = fit.stderr
    for p in fit.parameters:
        yield p.name, fit.values()[p.name], errors.get(p.name), p.unit


def _error(stderr):
    if stderr is None or not math.isfinite(stderr) or stderr == 0:
        return ""
    return f" ± {stderr:.2g}"


def _shown(value):
    return "-" if math.isnan(value) else f"{value:.5g}"
