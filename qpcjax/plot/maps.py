"""Bias spectroscopy as maps over gate voltage and bias, with the lines where sub-bands open."""

from typing import Any

import numpy as np

from qpcjax.constants import CONDUCTANCE_QUANTUM
from qpcjax.plot.step_lines import step_lines
from qpcjax.plot.style import PAGE, axis_label, diverging, one_panel, panels, styled
from qpcjax.quantities import QUANTITIES

_LARGEST = 0.995  # share of a map's values that its colours tell apart
_DASHED: Any = (0, (4, 2))
_SLOPE = QUANTITIES["differential_conductance"]


@styled
def conductance_map(data, device=None, *, axes=None):
    r"""Differential conductance over gate voltage and bias, with the fitted step lines.

    Colours are dI/dV in 2e^2/h, the gate voltage is in mV and the bias eV in meV. Sub-band n opens
    where one of the electrochemical potentials passes its edge,

    .. math:: E_n(V_g) = \mu + \eta\, eV \;\text{(solid)}, \qquad
              E_n(V_g) = \mu - (1 - \eta)\, eV \;\text{(dashed)},

    with eta = 1/2 by default: the sides of the diamonds between plateaus. The bias is that across
    barrier and series resistance; what drops over the latter is I R_s, with the current I that is
    the integral of the map itself.

    Args:
        data: `BiasSpectroscopy` on a grid of gate voltages and biases, measured or predicted.
            A point that is missing stays white.
        device: a `FitResult` or a `Device`, whose step lines are drawn; None draws none.
        axes: Axes to draw in.

    Returns:
        The Axes.

    Raises:
        ValueError: points that are no grid, or a barrier whose sub-bands have no edges.
    """
    grid = _grid(data)
    top = float(np.nanquantile(grid[2], _LARGEST))
    colours = {"cmap": "viridis", "vmin": 0.0, "vmax": top}
    return _draw_map(axes, grid, grid[2], _SLOPE.figure_symbol, device, "white", **colours)


@styled
def transconductance_map(data, device=None, *, axes=None):
    """Derivative of the differential conductance by the gate voltage, with the fitted step lines.

    Plateaus are white, where a sub-band opens it is ocher, and blue where dI/dV falls. In 2e^2/h
    per V of the gate, by differences between neighbouring gate voltages; see `conductance_map` for
    the rest.

    Args:
        data: `BiasSpectroscopy` on a grid of gate voltages and biases, measured or predicted.
        device: a `FitResult` or a `Device`, whose step lines are drawn; None draws none.
        axes: Axes to draw in.

    Returns:
        The Axes.

    Raises:
        ValueError: points that are no grid, or a barrier whose sub-bands have no edges.
    """
    grid = gate, _, conductance = _grid(data)
    slope = np.gradient(conductance, gate * 1e-3, axis=0)
    reach = float(np.nanquantile(np.abs(slope), _LARGEST)) or 1.0
    colours = {"cmap": diverging(), "vmin": -reach, "vmax": reach}
    title = (
        f"$\\partial({_SLOPE.tex})/\\partial {QUANTITIES['gate'].tex}$ ({_SLOPE.unit_tex} per V)"
    )
    return _draw_map(axes, grid, slope, title, device, "0.2", **colours)


@styled
def map_fit(fit, name=None, *, axes=None):
    r"""A fitted map over gate voltage and bias: the data, the fit, and data minus fit.

    Colours of the first two panels are dI/dV in 2e^2/h, with the step lines of `conductance_map`;
    those of the third are data minus fit in uS. The gate voltage is in mV, the bias eV in meV.

    Args:
        fit: a `FitResult`, with a map over gate and bias among its data.
        name: of the data set; by default the first that is such a map.
        axes: three Axes to draw in.

    Returns:
        The Axes.

    Raises:
        ValueError: no such map, or points that are no grid.
    """
    parts = [p for p in fit.parts if p.kind == _SLOPE.name and name in (None, p.name)]
    if not parts:
        raise ValueError("the fit has no map over gate and bias" + (f" {name!r}" if name else ""))
    part = parts[0]
    own = panels(axes, 1, 3, (PAGE, 2.6), sharey=True)
    gate, bias, measured = _grid(part.data)
    top = float(np.nanquantile(measured, _LARGEST))
    colours = {"cmap": "viridis", "vmin": 0.0, "vmax": top}
    shown = (
        ("data, " + _SLOPE.figure_symbol, measured),
        ("fit, " + _SLOPE.figure_symbol, _grid(part.data, part.predicted)[2]),
    )
    for axis, (title, values) in zip(own, shown, strict=False):
        _draw_map(axis, (gate, bias, values), values, title, fit, "white", measured, **colours)
    left = (measured - shown[1][1]) * CONDUCTANCE_QUANTUM
    reach = float(np.nanquantile(np.abs(left), _LARGEST)) or 1.0
    colours = {"cmap": diverging(), "vmin": -reach, "vmax": reach}
    _draw_map(own[2], (gate, bias, left), left, "data - fit (µS)", None, "0.2", **colours)
    for axis in own[1:]:
        axis.set_ylabel("")
    return own


def _grid(data, values=None):
    """Gate voltages, biases, and the conductance over them, NaN where there is no point.

    `values` of the points are taken instead of their conductance.
    """
    gate, i = np.unique(data.gate, return_inverse=True)
    bias, j = np.unique(data.bias, return_inverse=True)
    if min(gate.size, bias.size) < 2 or 2 * data.conductance.size < gate.size * bias.size:
        raise ValueError(
            f"a map needs points on a grid of gate voltages and biases, got "
            f"{data.conductance.size} points with {gate.size} gate voltages and {bias.size} biases"
        )
    conductance = np.full((gate.size, bias.size), np.nan)
    conductance[i, j] = data.conductance if values is None else values
    return gate, bias, conductance


def _draw_map(axes, grid, values, title, device, colour, measured=None, **colours):
    """Values over a grid, and the step lines of a device in a colour.

    The conductance that was measured, by default the grid's, says what drops over the leads.
    """
    gate, bias, conductance = grid
    axes = one_panel(axes, 2.7)
    mesh = axes.pcolormesh(gate, bias, values.T, shading="nearest", rasterized=True, **colours)
    axes.figure.colorbar(mesh, ax=axes, pad=0.02, aspect=25, label=title)
    axes.set(xlabel=axis_label("gate"), ylabel=axis_label("bias"))
    axes.set(xlim=(gate[0], gate[-1]), ylim=(bias[0], bias[-1]))
    axes.tick_params(direction="out")  # inside, they are lost in the dark colours
    measured = conductance if measured is None else measured
    lines = {} if device is None else step_lines(device, gate, bias, measured)
    for name, line in lines.items():
        dashes = "-" if name.endswith("mu_L") else _DASHED
        axes.plot(*line, color=colour, linewidth=0.8, linestyle=dashes, gid=name)
    return axes
