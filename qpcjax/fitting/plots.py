"""Pictures of a fit; one function a figure, drawn on the axes it makes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from qpcjax.fitting.heating import Heating
from qpcjax.fitting.result import FitResult
from qpcjax.fitting.uncertainty import Profile
from qpcjax.units import CONDUCTANCE_QUANTUM

# As in the paper: right blue, left red, asymmetry ocher.
_COLOURS = {"P_L": "#c1272d", "P_R": "#1f5fa8", "P_A": "#c08a1e", "r*": "#333333"}
_BLUE = "#1f5fa8"
_BAND_POINTS = 200


def draw_fit(fit: FitResult, name: str | None = None) -> Figure:
    """A trace, its fit with the 68 % band, and the residuals against the gate voltage.

    Args:
        fit: the fit.
        name: of the data set, a trace; by default the first trace.

    Raises:
        ValueError: there is no such trace.
    """
    traces = {part.name: part for part in fit.parts if part.kind == "conductance"}
    name = next(iter(traces), "") if name is None else name
    if name not in traces:
        raise ValueError(f"the fit has no conductance trace {name!r}: there are {list(traces)}")
    part = traces[name]
    figure = Figure(figsize=(6.0, 5.0), layout="constrained", dpi=160)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    gate = part.data.gate
    rms = f"fit, rms {part.rms * CONDUCTANCE_QUANTUM:.2f} µS"
    top.plot(gate, part.data.conductance, ".", color="0.55", markersize=2.5, label="data")
    along = np.linspace(gate[0], gate[-1], _BAND_POINTS)
    middle, spread = fit.band(along)
    first = part is fit.parts[0]  # the band is that of the first data set's device
    line = (along, middle) if first else (gate, part.predicted)
    top.plot(*line, color=_BLUE, linewidth=1.2, label=rms)
    band = {"color": _BLUE, "alpha": 0.3, "linewidth": 0}
    if first:
        top.fill_between(along, middle - spread, middle + spread, label="68 % band", **band)
    values = fit.values()
    title = part.name
    if "series_resistance" in values:
        title += f": $R_s$ = {values['series_resistance']:.0f} $\\Omega$"
    top.set_title(title, fontsize=9)
    top.set_ylabel("conductance $G$ ($2e^2/h$)")
    top.legend(loc="upper left", frameon=False)
    top.grid(alpha=0.25)
    bottom.axhline(0, color="0.3", linewidth=0.8)
    if first:
        width = spread * CONDUCTANCE_QUANTUM
        bottom.fill_between(along, -width, width, **band)
    bottom.plot(gate, part.residual * CONDUCTANCE_QUANTUM, ".", color="0.45", markersize=2.5)
    bottom.set_ylabel("data - fit (µS)")
    bottom.set_xlabel("gate voltage $V_g$ (mV)")
    bottom.grid(alpha=0.25)
    return figure


def draw_correlation(fit: FitResult) -> Figure:
    """The correlation matrix of the free parameters, each number written out."""
    names, matrix = [p.name for p in fit.free], fit.correlation
    size = 1.6 + 0.45 * len(names)
    figure = Figure(figsize=(size + 1.0, size), layout="constrained", dpi=160)
    axes = figure.subplots()
    image = axes.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1)
    for (i, j), value in np.ndenumerate(matrix):
        dark = "white" if abs(value) > 0.6 else "black"
        axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=6, color=dark)
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=7)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    figure.colorbar(image, ax=axes, shrink=0.8, label="correlation")
    return figure


def draw_profiles(fit: FitResult, profiles: Sequence[Profile]) -> Figure:
    """Profile likelihoods beside the parabolas of the standard errors."""
    columns = min(3, len(profiles))
    rows = -(-len(profiles) // columns)
    figure = Figure(figsize=(2.4 * columns, 2.1 * rows), layout="constrained", dpi=160)
    grid: Any = figure.subplots(rows, columns, squeeze=False).ravel()
    values, errors = fit.values(), fit.stderr
    units = {p.name: p.unit for p in fit.parameters}
    for axes, p in zip(grid, profiles, strict=False):
        fine = np.linspace(p.values[0], p.values[-1], 101)
        parabola = ((fine - values[p.name]) / errors[p.name]) ** 2
        axes.plot(fine, parabola, color="0.6", linewidth=1.0, linestyle="--")
        axes.plot(p.values, p.delta, "o-", color=_BLUE, markersize=2.5, linewidth=1.0)
        axes.axhline(1, color="0.3", linewidth=0.6)
        ends = [e for e in p.interval if np.isfinite(e)]
        axes.vlines(ends, 0, 1, color=_BLUE, linewidth=0.8, linestyle=":")
        axes.set_ylim(-0.3, 9.5)
        unit = units[p.name]
        axes.set_xlabel(f"{p.name} ({unit})" if unit not in ("", "1") else p.name, fontsize=7)
        axes.tick_params(labelsize=6)
        axes.xaxis.set_major_locator(MaxNLocator(4))
    for axes in grid[len(profiles) :]:
        axes.set_axis_off()
    figure.supylabel("increase of chi-square", fontsize=8)
    return figure


def draw_corner(
    samples: Mapping[str, np.ndarray], truth: Mapping[str, float] | None = None
) -> Figure:
    """Histograms of samples, of single parameters and of pairs, with 68 % and 95 % contours.

    Args:
        samples: name -> values drawn from a posterior or by a bootstrap.
        truth: name -> a value to mark.
    """
    names, truth = list(samples), truth or {}
    values = np.stack([np.ravel(samples[n]) for n in names])
    values = values[:, np.all(np.isfinite(values), axis=0)]
    count = len(names)
    figure = Figure(figsize=(1.5 * count + 0.8, 1.5 * count + 0.6), layout="constrained", dpi=160)
    grid: Any = figure.subplots(count, count, squeeze=False, sharex="col")
    for i, j in np.ndindex(count, count):
        axes = grid[i, j]
        axes.tick_params(labelsize=5)
        if j > i:
            axes.set_axis_off()
            continue
        if i == j:
            axes.hist(values[i], bins=30, color=_BLUE, alpha=0.7)
            axes.set_yticks([])
        else:
            density, x, y = np.histogram2d(values[j], values[i], bins=25)
            levels = [_level(density, share) for share in (0.95, 0.68)]
            axes.plot(values[j], values[i], ",", color="0.7", rasterized=True)
            middle = (x[:-1] + x[1:]) / 2, (y[:-1] + y[1:]) / 2
            if levels[0] < levels[1]:
                axes.contour(*middle, density.T, levels=levels, colors=_BLUE, linewidths=0.8)
        for name, line in ((names[j], axes.axvline), (names[i], axes.axhline)):
            if name in truth and not (i == j and line == axes.axhline):
                line(truth[name], color=_COLOURS["P_A"], linewidth=0.8)
        if i == count - 1:
            axes.set_xlabel(names[j], fontsize=6)
        if j == 0 and i > 0:
            axes.set_ylabel(names[i], fontsize=6)
    return figure


def _level(density, share):
    """Height above which a histogram holds this share of its counts."""
    heights = np.sort(density.ravel())[::-1]
    held = np.cumsum(heights) / heights.sum()
    return float(heights[min(int(np.searchsorted(held, share)), heights.size - 1)])


def draw_heating(heating: Heating) -> Figure:
    """P_L, P_R, P_A and r* against the gate voltage, with 68 % bands."""
    figure = Figure(figsize=(6.0, 5.0), layout="constrained", dpi=160)
    power, spot = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    sides = ("upstream", "downstream") if heating.bias > 0 else ("downstream", "upstream")
    _draw_band(power, heating, "P_L", 1.0, f"$P_L$ ({sides[0]})")
    _draw_band(power, heating, "P_R", 1.0, f"$P_R$ ({sides[1]})")
    _draw_band(power, heating, "P_A", 1.0, "$P_A = P_R - P_L$")
    power.axhline(0, color="0.3", linewidth=0.8)
    power.set_ylabel("dissipated power (pW)")
    power.set_title(
        f"eV = {heating.bias:g} meV (device and series resistance), T = {heating.temperature:g} K",
        fontsize=9,
    )
    power.legend(loc="upper left", frameon=False)
    power.grid(alpha=0.25)
    _draw_band(spot, heating, "r*", 1e-3, f"hot spot, a = {heating.damping:g}")
    spot.set_ylabel("$r^*$ (µm)")
    spot.set_xlabel("gate voltage $V_g$ (mV)")
    spot.legend(loc="best", frameon=False)
    spot.grid(alpha=0.25)
    return figure


def _draw_band(axes, heating, name, factor, label):
    colour = _COLOURS[name]
    axes.plot(heating.gate, factor * heating.value[name], color=colour, linewidth=1.3, label=label)
    axes.fill_between(
        heating.gate, factor * heating.low[name], factor * heating.high[name],
        color=colour, alpha=0.25, linewidth=0,
    )  # fmt: skip
