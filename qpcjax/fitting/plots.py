"""Pictures of a fit; one function a figure, drawn on the axes it makes."""

import io

import numpy as np
from matplotlib.figure import Figure

from qpcjax.fitting.fit import TraceFit
from qpcjax.fitting.heating import Heating
from qpcjax.units import CONDUCTANCE_QUANTUM

# As in the paper: right blue, left red, asymmetry ocher.
_COLOURS = {"P_L": "#c1272d", "P_R": "#1f5fa8", "P_A": "#c08a1e", "r*": "#333333"}
_BAND_POINTS = 200


def draw_fit(fit: TraceFit) -> Figure:
    """Data, fit with its 68 % band and residuals against the gate voltage."""
    figure = Figure(figsize=(6.0, 5.0), layout="constrained", dpi=160)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    gate, data = fit.trace.gate, fit.trace.conductance
    values = fit.values()
    fitted = fit.predict()
    top.plot(gate, data, ".", color="0.55", markersize=2.5, label="data")
    top.plot(gate, fitted, color="#1f5fa8", linewidth=1.2, label=f"fit, rms {fit.rms:.2f} µS")
    along = np.linspace(gate[0], gate[-1], _BAND_POINTS)
    middle, spread = fit.band(along)
    top.fill_between(
        along, middle - spread, middle + spread, color="#1f5fa8", alpha=0.3, linewidth=0,
        label="68 % band",
    )  # fmt: skip
    resistance = values["series_resistance"]
    top.set_title(f"{fit.trace.name}: $R_s$ = {resistance:.0f} $\\Omega$", fontsize=9)
    top.set_ylabel("conductance $G$ ($2e^2/h$)")
    top.legend(loc="upper left", frameon=False)
    top.grid(alpha=0.25)
    residual = (data - fitted) * CONDUCTANCE_QUANTUM
    bottom.axhline(0, color="0.3", linewidth=0.8)
    bottom.fill_between(
        along, -spread * CONDUCTANCE_QUANTUM, spread * CONDUCTANCE_QUANTUM,
        color="#1f5fa8", alpha=0.3, linewidth=0,
    )  # fmt: skip
    bottom.plot(gate, residual, ".", color="0.45", markersize=2.5)
    bottom.set_ylabel("data - fit (µS)")
    bottom.set_xlabel("gate voltage $V_g$ (mV)")
    bottom.grid(alpha=0.25)
    return figure


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


def png(figure: Figure) -> bytes:
    """The figure as a PNG file's bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": "qpcjax"})
    return buffer.getvalue()
