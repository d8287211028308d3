"""Conductance traces: a fit with its residuals, and many traces side by side."""

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from qpcjax.constants import CONDUCTANCE_QUANTUM
from qpcjax.plot.style import (
    BAND,
    COLUMN,
    DATA,
    DOTS,
    MODEL,
    axis_label,
    one_panel,
    panels,
    quoted,
    styled,
)
from qpcjax.quantities import QUANTITIES

_BAND_POINTS = 200
_MOST_NAMES = 8  # traces that a legend still tells apart
_SHIFT = 1 / 12  # of the longest trace, from one to the next


@styled
def staircase(fit, name=None, left_out=None, spread=None, *, axes=None):
    """A trace with its fit, and below the residuals.

    Above, data and fit in 2e^2/h with the 68 % band of the curve, from the fit's covariance; below,
    data minus fit in uS, with the same band around 0 and, between dashed lines, the 68 % band of
    data, see `FitResult.prediction_band`. The gate voltage is in mV. Of a data set other than the
    first one, whose device may be another, the fit is drawn at the measured points, without band.

    Args:
        fit: a `FitResult`.
        name: of the data set, a trace; by default the first trace.
        left_out: a `ConductanceTrace` of points that were not fitted, drawn as crosses.
        spread: function of gate voltages to an error in 2e^2/h that is added to the band in
            squares, such as `BarrierComparison.spread`.
        axes: two Axes to draw in, staircase and residuals.

    Returns:
        The Axes of staircase and residuals.

    Raises:
        ValueError: there is no such trace.
    """
    traces = {part.name: part for part in fit.parts if part.kind == "conductance"}
    name = next(iter(traces), "") if name is None else name
    if name not in traces:
        raise ValueError(f"the fit has no conductance trace {name!r}: there are {list(traces)}")
    part = traces[name]
    top, bottom = own = panels(axes, 2, 1, (COLUMN, 3.2), sharex=True, height_ratios=(3, 1))
    gate = part.data.gate
    top.plot(gate, part.data.conductance, color=DATA, label="data", gid="data", **DOTS)
    if left_out is not None:
        crosses = {"linestyle": "none", "marker": "x", "markersize": 2.5, "markeredgewidth": 0.5}
        values = left_out.gate, left_out.conductance
        top.plot(*values, color=DATA, label="not fitted", gid="left out", **crosses)
    line = gate, part.predicted
    if part is fit.parts[0]:
        along = np.linspace(gate[0], gate[-1], _BAND_POINTS)
        middle, error = fit.band(along)
        error = error if spread is None else np.hypot(error, spread(along))
        line, band = (along, middle), {"color": MODEL, **BAND}
        top.fill_between(along, middle - error, middle + error, label="68 % of the curve", **band)
        width = error * CONDUCTANCE_QUANTUM
        bottom.fill_between(along, -width, width, **band)
        _, wide = fit.prediction_band(along)
        wide = wide if spread is None else np.hypot(wide, spread(along))
        for side in (-1, 1):
            ends = side * wide * CONDUCTANCE_QUANTUM
            bottom.plot(along, ends, "--", color=MODEL, linewidth=0.6, gid="68 % of data")
    rms = f"fit, rms {part.rms * CONDUCTANCE_QUANTUM:.2f} µS"
    top.plot(*line, color=MODEL, label=rms, gid="fit")
    resistance = fit.values().get("series_resistance")
    note = "" if resistance is None else f", $R_s$ = {resistance:.0f} $\\Omega$"
    top.set_title(f"{quoted(name)}{note}", loc="left")
    top.set_ylabel(axis_label("conductance"))
    top.legend(loc="upper left")
    bottom.axhline(0, color="0.3", linewidth=0.6)
    residual = part.residual * CONDUCTANCE_QUANTUM
    bottom.plot(gate, residual, color=DATA, gid="residuals", **DOTS)
    bottom.set(xlabel=axis_label("gate"), ylabel="data - fit (µS)")
    top.figure.align_ylabels(own)
    return own


@styled
def staircases(fit, *, axes=None):
    """All traces of a fit with their fitted curves, and below the residuals.

    Above, data as dots and the fit as lines in 2e^2/h; below, data minus fit in uS. The gate
    voltage is in mV.

    Args:
        fit: a `FitResult` of one or several traces.
        axes: two Axes to draw in, staircases and residuals.

    Returns:
        The Axes of staircases and residuals.

    Raises:
        ValueError: the fit has no trace.
    """
    parts = [part for part in fit.parts if part.kind == "conductance"]
    if not parts:
        raise ValueError("the fit has no conductance trace")
    top, bottom = own = panels(axes, 2, 1, (COLUMN, 3.2), sharex=True, height_ratios=(3, 1))
    colours = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(parts)))
    bottom.axhline(0, color="0.3", linewidth=0.6)
    for part, colour in zip(parts, colours, strict=True):
        gate, dots = part.data.gate, {**DOTS, "color": colour}
        top.plot(gate, part.data.conductance, gid=f"data {part.name}", **dots)
        top.plot(
            gate, part.predicted, color=colour, label=quoted(part.name), gid=f"fit {part.name}"
        )
        bottom.plot(gate, part.residual * CONDUCTANCE_QUANTUM, **dots)
    top.set_ylabel(axis_label("conductance"))
    if len(parts) <= _MOST_NAMES:
        top.legend(loc="upper left")
    bottom.set(xlabel=axis_label("gate"), ylabel="data - fit (µS)")
    top.figure.align_ylabels(own)
    return own


@styled
def waterfall(traces, shift=None, values=None, label="", *, axes=None):
    """Traces one beside another, each moved along the gate by as much as the one before.

    Colours run from dark to light in the order of the traces, or stand for a number of each.

    Args:
        traces: of `ConductanceTrace`, or anything with a `gate` in mV, a `conductance` in 2e^2/h
            and a `name`.
        shift: gate voltage in mV from one trace to the next; by default a twelfth of the longest.
        values: a number for each trace, such as its temperature; the colours stand for it then.
        label: of these numbers, with their unit.
        axes: Axes to draw in.

    Returns:
        The Axes.

    Raises:
        ValueError: no trace, or another number of values.
    """
    traces = list(traces)
    if not traces or (values is not None and len(values) != len(traces)):
        count = None if values is None else len(values)
        raise ValueError(f"give traces, and values for each: got {len(traces)} and {count}")
    if shift is None:
        shift = _SHIFT * max(float(np.ptp(t.gate)) for t in traces)
    numbers = np.arange(len(traces)) if values is None else np.asarray(values, float)
    low, high = float(np.min(numbers)), float(np.max(numbers))
    high = high if high > low else low + 1
    # The lightest colours are lost on white paper.
    norm = Normalize(low, high + 0.15 * (high - low))
    colours = matplotlib.colormaps["viridis"](norm(numbers))
    axes = one_panel(axes, 3.0)
    for k, (trace, colour) in enumerate(zip(traces, colours, strict=True)):
        order = np.argsort(trace.gate, kind="stable")
        x, y = trace.gate[order] + k * shift, trace.conductance[order]
        axes.plot(x, y, color=colour, linewidth=0.9, label=quoted(trace.name), gid=trace.name)
    gate, conductance = QUANTITIES["gate"], QUANTITIES["conductance"]
    moved = f"{gate.unit}, each {shift:.3g} {gate.unit} beyond the last"
    unit = moved if shift and len(traces) > 1 else gate.unit
    axes.set(xlabel=gate.figure_axis(unit), ylabel=conductance.figure_axis())
    if values is not None:
        mapping = ScalarMappable(norm, "viridis")
        bar = axes.figure.colorbar(mapping, ax=axes, pad=0.02, aspect=30, label=label)
        bar.ax.set_ylim(low, high)
    elif len(traces) <= _MOST_NAMES:
        axes.legend(loc="best")
    return axes
