"""One operating point among its neighbours: on T(E), along mu, and on the map over mu and bias."""

from typing import Any

import numpy as np

from qpcjax.plot.style import COLOURS, POWER, SYMBOLS, axis_label, diverging, one_panel, styled
from qpcjax.quantities import QUANTITIES

_HEIGHT = 2.4
_POINT: dict[str, Any] = {"marker": "o", "markersize": 4.5, "linestyle": "none", "gid": "point"}


@styled
def spectrum(energy, transmission, reservoirs, *, axes=None):
    """T(E) with the two electrochemical potentials, between which the current flows.

    Args:
        energy: in meV.
        transmission: T at these energies.
        reservoirs: `Reservoirs` at one operating point.
        axes: Axes to draw in.

    Returns:
        The Axes.
    """
    axes = one_panel(axes, _HEIGHT)
    left, right = float(reservoirs.mu_left), float(reservoirs.mu_right)
    axes.axvspan(min(left, right), max(left, right), color="0.9", linewidth=0)
    axes.axvline(left, color=COLOURS["P_L"], linewidth=0.8, label=r"$\mu_\mathrm{L}$", gid="mu_L")
    axes.axvline(right, color=COLOURS["P_R"], linewidth=0.8, label=r"$\mu_\mathrm{R}$", gid="mu_R")
    axes.plot(energy, transmission, color="black", gid="T")
    top = max(1.0, float(np.nanmax(transmission)))
    axes.set(xlabel=axis_label("energy"), ylabel=axis_label("transmission"))
    axes.set(xlim=(float(energy[0]), float(energy[-1])), ylim=(-0.03 * top, 1.12 * top))
    axes.legend(loc="upper left")
    return axes


@styled
def powers(mu, dissipation, reservoirs, *, axes=None):
    """P_L, P_R and their difference along mu, with the operating point.

    Args:
        mu: mean electrochemical potentials in meV.
        dissipation: `Dissipation` at these, in pW.
        reservoirs: `Reservoirs` of the operating point; the powers are those at its bias.
        axes: Axes to draw in.

    Returns:
        The Axes.
    """
    axes = one_panel(axes, _HEIGHT)
    axes.axhline(0, color="0.3", linewidth=0.6)
    values = {"P_L": dissipation.left, "P_R": dissipation.right, "P_A": dissipation.asymmetry}
    here = float(reservoirs.mu)
    for name, value in values.items():
        axes.plot(mu, value, color=COLOURS[name], label=f"${SYMBOLS[name]}$", gid=name)
    axes.axvline(here, color="0.5", linewidth=0.7, linestyle=":", gid="mu")
    axes.set(xlabel=axis_label("mu"), ylabel=POWER)
    axes.set(xlim=(float(mu[0]), float(mu[-1])))
    axes.legend(loc="upper left")
    return axes


@styled
def asymmetry_map(mu, bias, asymmetry, reservoirs, *, axes=None):
    """P_A = P_R - P_L over mu and bias, with the operating point.

    Ocher is more heat on the right, blue more on the left, and white where both sides get the same.

    Args:
        mu: mean electrochemical potentials in meV, evenly spaced.
        bias: eV in meV, evenly spaced.
        asymmetry: P_A in pW, a row for each mu.
        reservoirs: `Reservoirs` of the operating point.
        axes: Axes to draw in.

    Returns:
        The Axes.
    """
    axes = one_panel(axes, _HEIGHT)
    reach = float(np.nanmax(np.abs(asymmetry), initial=0.0)) or 1.0
    style: Any = {
        "cmap": diverging(even=True),
        "vmin": -reach,
        "vmax": reach,
        "interpolation": "bilinear",
    }
    image = axes.imshow(
        asymmetry.T, extent=(*_ends(mu), *_ends(bias)), origin="lower", aspect="auto", **style
    )
    title = QUANTITIES["asymmetry"].figure_symbol
    axes.figure.colorbar(image, ax=axes, pad=0.02, aspect=25, label=title)
    axes.plot(float(reservoirs.mu), float(reservoirs.bias), color="black", **_POINT)
    axes.set(xlabel=axis_label("mu"), ylabel=axis_label("bias"))
    axes.set(xlim=(float(mu[0]), float(mu[-1])), ylim=(float(bias[0]), float(bias[-1])))
    axes.tick_params(direction="out")
    return axes


def _ends(values):
    """Where the first and the last pixel of evenly spaced values end."""
    half = float(values[1] - values[0]) / 2
    return float(values[0]) - half, float(values[-1]) + half
