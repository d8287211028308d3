"""What is in a file of measurements."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from qpcjax.files.inspection import Inspection
from qpcjax.files.transmission import TransmissionTable
from qpcjax.measurements import BiasSpectroscopy, ConductanceTrace, DissipationData, HotSpotData
from qpcjax.plot.maps import conductance_map
from qpcjax.plot.style import axis_label, quoted
from qpcjax.quantities import QUANTITIES

_MOST_NAMED = 8  # traces that the legend lists


def measured(inspection: Inspection) -> np.ndarray | None:
    """A panel for each kind of data in a file.

    Traces share their axes; of spectroscopy, hot spots and powers each has its own.

    Args:
        inspection: of `qpcjax.files.inspection`.

    Returns:
        The Axes, one above the other; None where the file holds no data.
    """
    data = [d for part in inspection.parts for d in part.data]
    traces = [d for d in data if isinstance(d, ConductanceTrace)]
    panels = [traces] if traces else []
    panels += [[d] for d in data if not isinstance(d, ConductanceTrace)]
    if not panels:
        return None
    figure = Figure(figsize=(6.0, 3.8 * len(panels)), layout="constrained", dpi=160)
    every = figure.subplots(len(panels), squeeze=False)[:, 0]
    for axes, panel in zip(every, panels, strict=True):
        first = panel[0]
        if isinstance(first, ConductanceTrace):
            _draw_traces(axes, traces)
        elif isinstance(first, TransmissionTable):
            _draw_steps(axes, first)
        elif isinstance(first, BiasSpectroscopy):
            _draw_map(figure, axes, first)
        else:
            _draw_against_bias(axes, first)
    return every


def _draw_traces(axes, traces):
    for trace in traces:
        axes.plot(
            trace.gate,
            trace.conductance,
            ".-",
            markersize=2,
            linewidth=0.7,
            label=quoted(trace.name),
        )
    axes.set_xlabel(axis_label("gate"))
    axes.set_ylabel(axis_label("conductance"))
    axes.grid(alpha=0.25)
    if len(traces) <= _MOST_NAMED:
        axes.legend(frameon=False, fontsize=7)
    else:
        axes.set_title(f"{len(traces)} traces", fontsize=9)


def _draw_map(figure, axes, data: BiasSpectroscopy):
    try:
        conductance_map(data, axes=axes)
    except ValueError:  # points that are no grid
        style: Any = {"c": data.conductance, "s": 6, "marker": "s", "linewidth": 0}
        points = axes.scatter(data.gate, data.bias, **style)
        figure.colorbar(points, ax=axes, label=QUANTITIES["differential_conductance"].figure_symbol)
        axes.set(xlabel=axis_label("gate"), ylabel=axis_label("bias"))
    axes.set_title(quoted(data.name), fontsize=9)


def _draw_steps(axes, table: TransmissionTable):
    axes.plot(table.energy, table.transmission, linewidth=1)
    axes.set_xlabel(axis_label("energy"))
    axes.set_ylabel(axis_label("transmission"))
    axes.set_title(quoted(table.name), fontsize=9)
    axes.grid(alpha=0.25)


def _draw_against_bias(axes, data: HotSpotData | DissipationData):
    sigma = data.sigma
    axes.errorbar(data.bias, data.value, yerr=sigma, fmt=".", markersize=3, linewidth=0.7)
    axes.set_xlabel(axis_label("bias"))
    spot = isinstance(data, HotSpotData)
    axes.set_ylabel(axis_label("hot_spot_distance") if spot else axis_label(data.side))
    axes.set_title(quoted(data.name), fontsize=9)
    axes.grid(alpha=0.25)
