"""The picture of a design."""

import jax
import numpy as np
from matplotlib.figure import Figure

from qpcjax.designing.objectives import TargetConductance, TargetTransmission
from qpcjax.designing.result import Design
from qpcjax.landauer import conductance
from qpcjax.names import with_numbers
from qpcjax.scatterers import transmission
from qpcjax.units import BOLTZMANN

_POINTS = 240
_SLICE = 41
_WIDE = 20  # times the value at which an axis becomes logarithmic
_BEFORE, _AFTER, _DATA = "0.6", "#1f5fa8", "#c1272d"


def draw_design(design: Design) -> Figure:
    """What the barrier transmits, before and after; and the objective around the design."""
    figure = Figure(figsize=(9.0, 3.9), layout="constrained", dpi=160)
    left, right = figure.subplots(1, 2)
    if isinstance(design.objective, TargetConductance):
        _draw_conductance(left, design)
    else:
        _draw_transmission(left, design)
    left.legend(frameon=False, fontsize=8)
    left.grid(alpha=0.25)
    _draw_slices(right, design)
    value = f"{design.value:.5g}" + (f" {design.unit}" if design.unit not in ("", "1") else "")
    figure.suptitle(f"{design.objective.title}: {value} ({design.status})", fontsize=10)
    return figure


def _draw_transmission(axes, design):
    r = design.reservoirs
    kT = BOLTZMANN * float(r.temperature)
    mu, half = float(r.mu), abs(float(r.bias)) / 2
    reach = max(2 * half, 8 * kT, 0.5 * abs(mu))
    low, high = max(mu - reach, 1e-3), mu + reach
    target = design.objective
    if isinstance(target, TargetTransmission):
        low, high = np.min(target.energy), np.max(target.energy)
        axes.plot(target.energy, target.transmission, "o", color=_DATA, markersize=4, zorder=3)
        axes.plot([], [], "o", color=_DATA, markersize=4, label="target")
    else:
        axes.axvspan(mu - half, mu + half, color="#c08a1e", alpha=0.2, linewidth=0)
        axes.axvline(mu, color="#c08a1e", linewidth=0.8, label=r"$\mu$, and the bias window")
    energy = np.linspace(low, high, _POINTS)
    for scatterer, colour, label in (
        (design.problem.scatterer, _BEFORE, "before"),
        (design.scatterer, _AFTER, "design"),
    ):
        axes.plot(energy, transmission(scatterer, energy, float(r.bias)), color=colour, label=label)
    axes.set_xlabel("energy $E$ (meV)")
    axes.set_ylabel("transmission $T(E)$")


def _draw_conductance(axes, design):
    target = design.objective
    x = np.linspace(np.min(target.values), np.max(target.values), _POINTS)
    for scatterer, reservoirs, colour, label in (
        (design.problem.scatterer, design.problem.reservoirs, _BEFORE, "before"),
        (design.scatterer, design.reservoirs, _AFTER, "design"),
    ):
        axes.plot(x, _along(scatterer, reservoirs, target.axis, x), color=colour, label=label)
    axes.plot(target.values, target.conductance, "o", color=_DATA, markersize=4, label="target")
    axes.set_xlabel(target.axis.replace("_", " "))
    axes.set_ylabel("conductance $G$ ($2e^2/h$)")


def _along(scatterer, reservoirs, axis, x):
    point = {"mu": float(reservoirs.mu), "temperature": float(reservoirs.temperature)}
    if axis in point:
        return conductance(scatterer, **{**point, axis: x})
    return jax.vmap(lambda v: conductance(with_numbers(scatterer, {axis: v}), **point))(x)


def _draw_slices(axes, design):
    share = np.linspace(0, 1, _SLICE)
    largest = abs(design.value)
    for p in design.parameters:
        if p.log:
            values = p.lower * (p.upper / p.lower) ** share
        else:
            values = p.lower + (p.upper - p.lower) * share
        # The ends without rounding, which may be where modes or physics end.
        values[0], values[-1] = p.lower, p.upper
        along = np.append(design.along(p.name, values), design.value)
        at = np.append(share, p.share)
        order = np.argsort(at)
        largest = max(largest, np.nanmax(np.abs(along)))
        (line,) = axes.plot(at[order], along[order], linewidth=1.3, label=p.name.replace("_", " "))
        axes.plot(p.share, design.value, "o", color=line.get_color(), markersize=5, clip_on=False)
    if design.objective.squares:
        axes.set_yscale("log")
    elif largest > _WIDE * abs(design.value) > 0:
        axes.set_yscale("symlog", linthresh=10 ** np.ceil(np.log10(abs(design.value))))
    axes.set_xlabel("place between the bounds")
    unit = f" ({design.unit})" if design.unit not in ("", "1") else ""
    axes.set_ylabel(f"objective{unit}")
    axes.legend(frameon=False, fontsize=8)
    axes.grid(alpha=0.25)
