"""Where the heat goes: along the gate, away from the constriction, and on the plane around it."""

from typing import Any

import numpy as np
from matplotlib.colors import LogNorm

from qpcjax.heat.damping import QuadraticDamping
from qpcjax.heat.hot_spot import hot_spot
from qpcjax.heat.profile import power_per_length
from qpcjax.plot.constriction_outline import draw_constriction, mouth
from qpcjax.plot.style import (
    BAND,
    COLOURS,
    COLUMN,
    POWER,
    SYMBOLS,
    axis_label,
    one_panel,
    panels,
    styled,
)

_DISTANCES = 600  # at which p(r) is taken
_NEAREST, _FARTHEST = 1 / 40, 3000  # of them, in units of r*
_SHOWN = (1 / 6, 15)  # of these
_REACH = 2.5  # half the side of the drawn plane, in units of r*
_PIXELS = 401
_DECADES = 1e-2  # lowest power density that has a colour, of the highest
_MICRO = 1e-3  # nm in um; also pW/nm are 1e3 pW/um, and pW/nm^2 are 1e6 pW/um^2


@styled
def heating(heating, *, axes=None):
    """P_L, P_R, P_A and r* against the gate voltage, with 68 % bands.

    Powers in pW above, r* in um below, the gate voltage in mV; blue is the right side, red the
    left one, ocher their difference.

    Args:
        heating: a `Heating`, as `qpcjax.fitting.predict_heating` gives it.
        axes: two Axes to draw in, powers and distance.

    Returns:
        The Axes of powers and distance.
    """
    own = panels(axes, 2, 1, (COLUMN, 3.6), sharex=True, height_ratios=(2, 1))
    power, spot = own
    left, right = ("upstream", "downstream") if heating.bias > 0 else ("downstream", "upstream")
    for name, side in (("P_L", left), ("P_R", right), ("P_A", "difference")):
        _draw_band(power, heating, name, 1.0, COLOURS[name], f"${SYMBOLS[name]}$ ({side})")
    power.axhline(0, color="0.3", linewidth=0.6)
    power.set_ylabel(POWER)
    bias = f"$eV = {heating.bias:g}$ meV over device and $R_s$"
    power.set_title(f"{bias}, $T = {heating.temperature:g}$ K", loc="left")
    power.legend(loc="upper left")
    _draw_band(spot, heating, "r*", _MICRO, "0.2", heating.damping_text)
    spot.set(xlabel=axis_label("gate"), ylabel=axis_label("hot_spot_distance", "µm"))
    spot.legend(loc="best")
    power.figure.align_ylabels(own)
    return own


def _draw_band(axes, heating, name, factor, colour, label):
    value, low, high = (factor * x[name] for x in (heating.value, heating.low, heating.high))
    axes.plot(heating.gate, value, color=colour, label=label, gid=name)
    axes.fill_between(heating.gate, low, high, color=colour, **BAND)


@styled
def heat_profile(scatterer, reservoirs, damping=None, *, axes=None):
    """Power dissipated per unit length against the distance from the constriction, Eqs. (24)-(25).

    In pW/um over um, the distance on a logarithmic axis: solid p(r) of the hot electrons on the
    downstream side with r* marked, dashed that of the holes on the upstream one; blue is the right
    side, red the left one. The legend holds the emitted heat, the integral over all distances.

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs` at one operating point.
        damping: `QuadraticDamping`; that of the paper by default.
        axes: Axes to draw in.

    Returns:
        The Axes.

    Raises:
        ValueError: there is no hot spot, as where mu_R <= 0.
    """
    spot, distance, powers = _profiles(scatterer, reservoirs, damping)
    axes = one_panel(axes, 2.5)
    for (place, side), power in powers.items():
        emitted = np.trapezoid(power, distance)
        name = rf"$p_\mathrm{{{side}}}(r)$, {place}: {emitted:.3g} pW"
        dashes, colour = "-" if place == "downstream" else "--", COLOURS[f"P_{side}"]
        x, y = distance * _MICRO, power / _MICRO
        axes.plot(x, y, color=colour, linestyle=dashes, label=name, gid=place)
    label = f"$r^* = {spot * _MICRO:.3g}$ µm"
    axes.axvline(spot * _MICRO, color="0.5", linewidth=0.7, linestyle=":", label=label, gid="r*")
    ylabel = axis_label("power_per_length", "pW/µm")
    axes.set(xscale="log", xlabel=axis_label("distance", "µm"), ylabel=ylabel)
    axes.set(xlim=[share * spot * _MICRO for share in _SHOWN])
    axes.set_ylim(0, 1.45 * axes.get_ylim()[1])  # room for the legend
    axes.legend(loc="upper right")
    return axes


@styled
def heat_on_plane(scatterer, reservoirs, damping=None, reach=None, *, axes=None):
    r"""Dissipated power per area on the plane around the constriction, to scale.

    The model gives the power p(r) dr between the radial distances r and r + dr and says nothing of
    directions (the paper, below Eq. 25). The assumption here is that it is spread evenly over the
    half circle of radius r around the constriction's end on that side,

    .. math:: \frac{p(r)}{\pi r}

    in pW/um^2, with p(r) as in `heat_profile`; white where T(E) is not known. Grey are the regions
    without electrons, with the constriction between them; an inset shows that enlarged. Smooth
    walls are drawn to where they have doubled the width, and a barrier without walls as a line.

    Args:
        scatterer: any scatterer; one with a half_width has an outline.
        reservoirs: `Reservoirs` at one operating point.
        damping: `QuadraticDamping`; that of the paper by default.
        reach: half the side of the drawn square in nm; by default 2.5 r*.
        axes: Axes to draw in.

    Returns:
        The Axes; positions are in um from the middle of the constriction.

    Raises:
        ValueError: there is no hot spot, as where mu_R <= 0; a reach that is not positive.
    """
    spot, distance, powers = _profiles(scatterer, reservoirs, damping)
    end = mouth(scatterer)
    reach = _REACH * spot + end if reach is None else float(reach)
    if not reach > end:
        raise ValueError(f"reach must be beyond the constriction's end at {end:g} nm, got {reach}")
    density = _density(distance, powers, end, reach)
    low, high = _DECADES * np.nanmax(density), np.nanmax(density)
    axes = one_panel(axes, 2.9)
    size = reach * _MICRO
    style: Any = {"cmap": "inferno", "norm": LogNorm(low, high), "interpolation": "bilinear"}
    extent = (-size, size, -size, size)
    image = axes.imshow(np.maximum(density, low), extent=extent, origin="lower", **style)
    label = "power per area (pW/µm$^2$)"
    axes.figure.colorbar(image, ax=axes, pad=0.02, aspect=25, label=label, extend="min")
    side = 1 if float(reservoirs.bias) >= 0 else -1
    angle = np.linspace(-np.pi / 2, np.pi / 2, 91)
    ring = side * (end + spot * np.cos(angle)) * _MICRO, spot * np.sin(angle) * _MICRO
    axes.plot(*ring, color="black", linewidth=0.8, linestyle=":", gid="r*")
    corner = {"ha": "right", "va": "top", "transform": axes.transAxes, "color": "white"}
    axes.text(0.98, 0.98, f"$r^* = {spot * _MICRO:.3g}$ µm (dotted)", fontsize=7, **corner)
    draw_constriction(axes, scatterer, reach, side)
    axes.set(xlabel="$x$ (µm)", ylabel="$y$ (µm)", aspect="equal")
    axes.set(xlim=(-size, size), ylim=(-size, size))
    axes.tick_params(direction="out")
    return axes


def _density(distance, powers, end, reach):
    """p(r)/(pi r) in pW/um^2 at the middles of a square's pixels, rows from the lowest y."""
    x = reach * (2 * np.arange(_PIXELS) + 1 - _PIXELS) / _PIXELS
    r = np.hypot(np.abs(x) - end, x[:, None])
    density = np.zeros_like(r)
    for (_, side), power in powers.items():
        half = (x > end) if side == "R" else (x < -end)
        # Beyond the distances of the profile there is nothing to speak of.
        along = np.interp(r[:, half], distance, power, left=0.0, right=0.0)
        density[:, half] = along / (np.pi * r[:, half])
    return density / _MICRO**2


def _profiles(scatterer, reservoirs, damping):
    """r* in nm, distances in nm, and p(r) in pW/nm by place (down- or upstream) and side (R, L)."""
    damping = QuadraticDamping() if damping is None else damping
    spot = float(hot_spot(scatterer, reservoirs, damping).distance)
    if not spot > 0:
        raise ValueError(f"there is no hot spot to draw at {reservoirs}")
    distance = spot * np.geomspace(_NEAREST, _FARTHEST, _DISTANCES)
    sides = ("R", "L") if float(reservoirs.bias) >= 0 else ("L", "R")
    powers = {}
    for place, side in zip(("downstream", "upstream"), sides, strict=True):
        power = power_per_length(scatterer, reservoirs, damping, distance, side=place)
        powers[place, side] = np.asarray(power, float)
    return spot, distance, powers
