"""Temperatures around the constriction, and what a thermometer would see of them."""

from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from qpcjax.heat.damping import QuadraticDamping
from qpcjax.heat.electron_temperature import electron_temperature, heat_around
from qpcjax.heat.hot_spot import hot_spot
from qpcjax.plot.style import COLOURS, COLUMN, axis_label, panels, styled

_MICRO = 1e-3  # nm in um
_POINTS = 300
_SHOWN = (1 / 20, 3.0)  # of r*, and of the cooling length
_SEEN = 1.0  # uK that a scanning thermometer resolves in a second
_ELECTRONS, _LATTICE, _DIRECT = "electrons (K)", "lattice (uK)", "lattice directly (uK)"


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
    return temperature(temperature_table(scatterer, reservoirs, plane, damping, tip), axes=axes)


def temperature_table(scatterer, reservoirs, plane, damping=None, tip=70.0) -> dict:
    """The numbers of `temperature_around`; arguments and errors are those there.

    Returns:
        Table with the columns `r (nm)`, r*, and for each side the electrons' temperature and the
        lattice's warming by them and by all heat directly. Their names hold the emitted heat.
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
    ends = np.sqrt(distance[1:] * distance[:-1])
    ends = np.concatenate([distance[:1] ** 2 / ends[:1], ends, distance[-1:] ** 2 / ends[-1:]])
    sides = ("R", "L") if float(reservoirs.bias) >= 0 else ("L", "R")
    table = {"r (nm)": distance, "r* (nm)": np.full(_POINTS, spot)}
    for (place, heat), side in zip(heats.items(), sides, strict=True):
        found = electron_temperature(plane, heat, distance, tip)
        given = np.diff(np.asarray(heat.within(ends))) / np.diff(ends)
        where = f"{place} with P_{side} = {float(heat.enclosed[-1]):.3g} pW"
        table[f"{_ELECTRONS} {where}"] = np.asarray(found.electrons, float)
        table[f"{_LATTICE} {where}"] = 1e6 * np.asarray(found.lattice_rise, float)
        direct = plane.lattice_rise(given / (np.pi * distance))
        table[f"{_DIRECT} {where}"] = 1e6 * np.asarray(direct, float)
    return table


@styled
def temperature(table, note="", *, axes=None):
    """What `temperature_around` draws, from its table.

    Args:
        table: columns as of `temperature_table`.
        note: a line above the figure, where it is made here.
        axes: two Axes to draw in, electrons and lattice.

    Returns:
        The Axes of electrons and lattice.
    """
    own = panels(axes, 2, 1, (COLUMN, 3.8), sharex=True)
    if axes is None and note:
        own.figure.suptitle(note, fontsize=7, color="0.35")
    electrons, lattice = own
    x, spot = table["r (nm)"] * _MICRO, table["r* (nm)"][0] * _MICRO
    styles = {_ELECTRONS: (electrons, "-"), _LATTICE: (lattice, "-"), _DIRECT: (lattice, "--")}
    for name, values in table.items():
        kind = next((kind for kind in styles if name.startswith(f"{kind} ")), None)
        if kind is None:
            continue
        axis, dashes = styles[kind]
        place, _, power = name.removeprefix(f"{kind} ").partition(" with ")
        side, _, power = power.partition(" = ")
        axis.plot(x, values, dashes, color=COLOURS[side], label=f"{place}, {power}", gid=name)
    dotted = {"color": "0.5", "linewidth": 0.7, "linestyle": ":"}
    electrons.axvline(spot, label=f"$r^* = {spot:.3g}$ µm", gid="r*", **dotted)
    lattice.axvline(spot, **dotted)
    lattice.axhline(_SEEN, gid="1 uK", **dotted)
    electrons.set_ylabel("electrons $T$ (K)")
    low, high = electrons.get_ylim()
    electrons.set_ylim(low, high + 0.5 * (high - low))  # room for the legend
    electrons.legend(loc="upper right")
    said: dict[Any, str] = {
        "-": "by the warm electrons",
        "--": "if all heat went to phonons there",
    }
    handles = [Line2D([], [], color="0.3", linestyle=d, label=text) for d, text in said.items()]
    lattice.legend(handles=handles, loc="upper right")
    ylabel = "lattice $\\Delta T$ (µK)\norder of magnitude"
    lattice.set(xscale="log", yscale="log", ylabel=ylabel, xlabel=axis_label("distance", "µm"))
    drawn = {d: [y for n, y in table.items() if n.startswith(f"{d} ")] for d in (_LATTICE, _DIRECT)}
    low, high = (np.nanmax(np.concatenate(drawn[d])) for d in (_LATTICE, _DIRECT))
    lattice.set_ylim(1e-3 * min(low, _SEEN), 30 * max(low, high))
    lattice.set_xlim(x[0], x[-1])
    own.figure.align_ylabels(own)
    return own
