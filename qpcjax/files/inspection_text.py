"""An inspection in words and letters, for a terminal."""

import numpy as np

from qpcjax.files import braille
from qpcjax.files.inspection import Inspection, Part
from qpcjax.files.reading import SPECTROSCOPY, TRACE
from qpcjax.files.transmission import TransmissionTable
from qpcjax.measurements import (
    BiasSpectroscopy,
    ConductanceTrace,
    DissipationData,
    HotSpotData,
    counted,
)
from qpcjax.quantities import QUANTITIES

_MOST_SHOWN = 12  # traces and columns that are listed
_WIDTH = 160
# Entries of the metadata whose texts are shown; only the names of the others are.
_SAID = ("comments", "comment", "sample_name", "exp_name", "log_name", "steps, innermost first")


def _taken_for(part):
    lines = len({t.trace for t in part.traces})
    if part.kind is None:
        return f"{counted(lines, 'column')} of numbers without units" if lines else "nothing"
    if part.kind == SPECTROSCOPY:
        return f"{part.kind}, a map" + (f" of {lines} lines" if lines > 1 else "")
    return f"{lines} {part.kind}s" if lines > 1 else part.kind


def as_text(inspection: Inspection) -> str:
    """Contents of the file, how they are understood, and a picture of the first data."""
    lines = [
        " and ".join(inspection.files),
        f"  {inspection.format}, {inspection.size} bytes, sha256 {inspection.sha256}",
    ]
    for part in inspection.parts:
        lines += ["", *_part(part, len(inspection.parts) > 1 or bool(part.name))]
    drawn = next((part for part in inspection.parts if part.data), None)
    if drawn is not None:
        lines += ["", *_pictures(drawn)]
    return "\n".join(lines)


def _part(part: Part, named):
    if named:
        yield f"part {part.name}" + (f": {part.title}" if part.title else "")
    if part.columns:
        yield from _columns(part.columns)
    yield f"  taken for: {_taken_for(part)}"
    yield f"    {part.why}"
    yield from _axes(part.axes)
    if part.traces:
        yield from _traces(part.traces)
    for note in part.notes:
        yield f"  note: {note}"
    if part.metadata:
        said = [f"{k}: {v}" if k in _SAID else k for k, v in part.metadata.items()]
        yield f"  also in it: {_line(', '.join(sorted(said, key=lambda s: ':' not in s)))}"
    if part.command:
        verb = {"qpcjax fit": "fit", "qpcjax evaluate": "evaluate"}
        words = " ".join(part.command.split()[:2])
        yield f"  to {verb.get(words, 'read')} it: {part.command}"
    for other in part.others:
        yield f"  {other}"


def _axes(axes):
    """What was set besides the gate."""
    for axis in axes:
        kind = " (a bias)" if axis.bias else ""
        if axis.settings == 1:
            yield f"  at rest: '{axis.title}'{kind} at {axis.low:.6g}"
        else:
            ends = f"{counted(axis.settings, 'setting')} from {axis.low:.6g} to {axis.high:.6g}"
            yield f"  also set: '{axis.title}'{kind}, {ends}"


def _columns(columns):
    rows = [("column", "unit", "points", "missing", "from", "to", "")]
    for c in columns[:_MOST_SHOWN]:
        low, high = ("-" if v is None else f"{v:.6g}" for v in (c.low, c.high))
        note = ", ".join(n for n in ("swept" if c.swept else "", c.note) if n)
        rows.append((c.title, c.unit or "-", str(c.points), str(c.missing), low, high, note))
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    for row in rows:
        cells = [
            f"{cell:<{w}}" if i < 2 else f"{cell:>{w}}"
            for i, (cell, w) in enumerate(zip(row, widths, strict=False))
        ]
        yield f"  {'  '.join(cells)}  {row[6]}".rstrip()
    if len(columns) > _MOST_SHOWN:
        yield f"  ... and {len(columns) - _MOST_SHOWN} more columns"


def _traces(traces):
    sweeps = any(t.sweep for t in traces)
    several = len({t.trace for t in traces}) > 1
    best = next((i for i, t in enumerate(traces) if t.nearest), 0)
    shown = sorted({*range(min(len(traces), _MOST_SHOWN)), best})
    for i in shown:
        t = traces[i]
        way = {"up": "gate rising", "down": "gate falling"}.get(t.direction, "")
        said = f"trace {t.trace}" + (f", sweep {t.sweep} ({t.direction})" if sweeps else "")
        said += f" at {t.setting}" if t.setting else ""
        facts = [counted(t.points, "point"), f"gate {t.gate[0]:.6g} to {t.gate[1]:.6g} mV"]
        facts.append(f"G {t.conductance[0]:.4g} to {t.conductance[1]:.4g} x 2e2/h")
        mark = "  <- nearest to zero" if several and t.nearest else ""
        yield f"  {said}: {', '.join([*facts, way] if way else facts)}{mark}"
    if len(traces) > len(shown):
        yield f"  ... and {len(traces) - len(shown)} more traces"


def _line(value):
    text = " ".join(str(value).split())
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."


def _pictures(part):
    """The trace nearest to zero bias and, of lines over one other axis, their map."""
    best = next((i for i, t in enumerate(part.traces) if t.nearest), 0)
    yield picture(part.data[best:] or part.data)
    moved = [axis for axis in part.axes if axis.settings > 1]
    if part.kind != TRACE or len(moved) != 1 or len({t.trace for t in part.traces}) < 3:
        return
    gates = np.concatenate([trace.gate for trace in part.data])
    values = np.concatenate([trace.conductance for trace in part.data])
    at = np.repeat([t.at for t in part.traces], [trace.gate.size for trace in part.data])
    gate = QUANTITIES["gate"].named_column
    title = QUANTITIES["conductance"].named_column
    yield ""
    yield braille.shades(gates, at, values, gate, f"all lines: {moved[0].title}", title)


def picture(data) -> str:
    """The first of the data sets in letters."""
    first = data[0]
    if isinstance(first, ConductanceTrace):
        title = f"{first.name}: {QUANTITIES['conductance'].named_column}"
        return braille.curve(first.gate, first.conductance, QUANTITIES["gate"].named_column, title)
    if isinstance(first, TransmissionTable):
        energy = QUANTITIES["energy"].named_column
        return braille.curve(first.energy, first.transmission, energy, f"{first.name}: T(E)")
    if isinstance(first, BiasSpectroscopy):
        return braille.shades(
            first.gate,
            first.bias,
            first.conductance,
            QUANTITIES["gate"].named_column,
            f"{first.name}: {QUANTITIES['bias'].named_column}",
            QUANTITIES["differential_conductance"].column,
        )
    return _against_bias(first)


def _against_bias(data: HotSpotData | DissipationData):
    if isinstance(data, HotSpotData):
        what = QUANTITIES["distance"].named_column
    else:
        what = f"power, {data.side} ({QUANTITIES[data.side].unit})"
    bias = QUANTITIES["bias"].named_column
    return braille.curve(
        np.asarray(data.bias), np.asarray(data.value), bias, f"{data.name}: {what}"
    )
