"""Temperatures around the constriction, and what a thermometer would see of them."""

import numpy as np

from qpcjax.heat.damping import QuadraticDamping
from qpcjax.heat.electron_temperature import electron_temperature, heat_around
from qpcjax.heat.hot_spot import hot_spot
from qpcjax.plot.style import COLOURS, COLUMN, axis_label, panels, styled

_MICRO = 1e-3  # nm in um
_POINTS = 300
_SHOWN = (1 / 20, 3.0)  # of r*, and of the cooling length
_SEEN = 1.0  # uK that a scanning thermometer resolves in a second


@styled
def temperature_around(scatterer, reservoirs, plane, damping=None, tip=70.0, *, axes=None):
    """Temperature of electrons and lattice against the distance from the constriction.

    Above the electrons in K, below the warming of the lattice in uK that a thermometer of this
    width would see, an order of magnitude: solid where all heat passes through the electrons of the
    plane, dashed where all of it went to phonons where it appears, p(r)/(pi r). Blue is the right
    side, red the left one; dotted lines are r* and 1 uK, which scanning thermometers resolve. The
    heat is the emitted one of `heat_profile`, each side in a half plane of its own.

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs` at one operating point.
        plane: `ElectronPlane`, whose temperature is that of the bath.
        damping: a damping law; `QuadraticDamping` by default.
        tip: width of the thermometer in nm: the standard deviation of a Gaussian.
        axes: two Axes to draw in, electrons and lattice.

    Returns:
        The Axes of electrons and lattice.

    Raises:
        ValueError: there is no hot spot, as where mu_R <= 0.
    """
    damping = QuadraticDamping() if damping is None else damping
    spot = float(hot_spot(scatterer, reservoirs, damping).distance)
    heats = {
        place: heat_around(scatterer, reservoirs, damping, place)
        for place in ("downstream", "upstream")
    }
    near, far = _SHOWN
    far = max(far * float(plane.decay_length), 3 * spot)
    distance = np.geomspace(near * spot, far, _POINTS)
    own = panels(axes, 2, 1, (COLUMN, 3.8), sharex=True)
    electrons, lattice = own
    sides = ("R", "L") if float(reservoirs.bias) >= 0 else ("L", "R")
    for (place, heat), side in zip(heats.items(), sides, strict=True):
        found = electron_temperature(plane, heat, distance, tip)
        colour = COLOURS[f"P_{side}"]
        label = f"{place}, {float(heat.enclosed[-1]):.3g} pW"
        x = distance * _MICRO
        electrons.plot(x, found.electrons, color=colour, label=label, gid=place)
        lattice.plot(x, 1e6 * np.asarray(found.lattice_rise), color=colour, gid=place)
        middle = np.sqrt(distance[1:] * distance[:-1])
        given = np.diff(np.asarray(heat.within(distance))) / np.diff(distance)
        direct = 1e6 * np.asarray(plane.lattice_rise(given / (np.pi * middle)))
        lattice.plot(middle * _MICRO, direct, "--", color=colour, gid=f"{place}, direct")
    lattice.plot([], [], "-", color="0.3", label="by the warm electrons")
    lattice.plot([], [], "--", color="0.3", label="if all heat went to phonons there")
    dotted = {"color": "0.5", "linewidth": 0.7, "linestyle": ":"}
    name = f"$r^* = {spot * _MICRO:.3g}$ µm"
    electrons.axvline(spot * _MICRO, label=name, gid="r*", **dotted)
    lattice.axvline(spot * _MICRO, **dotted)
    lattice.axhline(_SEEN, gid="1 uK", **dotted)
    electrons.set_ylabel("electrons $T$ (K)")
    electrons.legend(loc="upper right")
    top = max(np.nanmax(line.get_ydata()) for line in lattice.lines if line.get_gid() in heats)
    ylabel = "lattice $\\Delta T$ (µK)\norder of magnitude"
    lattice.set(xscale="log", yscale="log", ylabel=ylabel, xlabel=axis_label("distance", "µm"))
    highest = max(np.nanmax(y) for y in (line.get_ydata() for line in lattice.lines) if len(y))
    lattice.set_ylim(1e-3 * min(top, _SEEN), 30 * highest)
    lattice.set_xlim(distance[0] * _MICRO, distance[-1] * _MICRO)
    lattice.legend(loc="upper right")
    own.figure.align_ylabels(own)
    return own
