"""The page's pictures as bytes of SVG or PNG files, quick enough to follow a slider.

Drawing takes most of the time: a picture is kept and drawn again when its content changes.
"""

import functools

import jax
import numpy as np

from qpcjax import plot
from qpcjax.plot.measured_files import measured
from qpcjax.transport.reservoirs import Reservoirs

# Left, bottom, width and height as shares of a picture: looking for the best places would take
# longer than all the drawing.
_ALONE = (0.165, 0.155, 0.805, 0.815)
_BESIDE = (0.165, 0.155, 0.565, 0.815)
_BAR = (0.755, 0.155, 0.03, 0.815)
# Width and height in inches: with types of 8 pt they can be read at a third of a page's width.
_SIZE = (3.1, 2.6)
_DPI = 150
# A plane to scale: inches of its width, and around it; below it and to its right for the labels.
_PLANE, _LEFT, _BELOW, _RIGHT, _ABOVE = 4.2, 0.62, 0.5, 0.9, 0.12
_TALLEST = 1.2  # height of it, in widths
_SLIM = 19  # height of its bar of colours, in widths of the bar
_KEPT = 100  # pictures of all visitors, 10 to 150 kB each


def curves(view, reservoirs) -> dict[str, bytes]:
    """T(E), the powers along mu and the map of P_A, by what they show."""
    # The temperature is in the curves; where the operating point stands does not depend on it.
    mu, point = Reservoirs(reservoirs.mu), Reservoirs(reservoirs.mu, reservoirs.bias)
    return {
        "Transmission": spectrum(view.energy, view.transmission, point),
        "Power along the mean potential": _picture(plot.powers, view.mu, view.powers, mu),
        "Asymmetry over potential and bias": _picture(
            plot.asymmetry_map, view.mu, view.bias, view.asymmetry, point
        ),
    }


def plane(scatterer, reservoirs, damping) -> dict[str, bytes]:
    """Heat and hot spot on the plane around the constriction; none where there is no hot spot."""
    try:
        shown = _picture(plot.heat_on_plane, scatterer, reservoirs, damping)
    except ValueError:
        return {}
    return {"Heat on the plane": shown}


def spectrum(energy, transmission, reservoirs) -> bytes:
    """T(E) with both electrochemical potentials."""
    return _picture(plot.spectrum, energy, transmission, reservoirs)


def potential(found, gates) -> bytes:
    """A `GatedPotential` with the outlines of its gates, to scale."""
    along, across = (np.ptp(np.asarray(axis)) for axis in (found.x, found.y))
    share = min(across / along, _TALLEST)
    wide = min(_PLANE, _PLANE * share * along / across)
    tall = wide * across / along
    size = float(wide + _LEFT + _RIGHT), float(tall + _BELOW + _ABOVE)
    left, below = _LEFT / size[0], _BELOW / size[1]
    plane = (left, below, wide / size[0], tall / size[1])
    bar = (left + (wide + 0.1) / size[0], below, tall / _SLIM / size[0], tall / size[1])
    return _laid_out(plot.gate_potential(found, gates), size, plane, bar)


def of_file(inspection) -> bytes | None:
    """What a measured file holds; None where nothing can be drawn.

    The file's name, under which it lies on the disk for a moment, is not in it.
    """
    axes = measured(inspection)
    if axes is None:
        return None
    for panel in axes:
        panel.set_title("")
        if panel.get_legend():
            panel.get_legend().remove()
    return plot.screen_bytes(axes[0].figure)


class _Shown:
    """Arguments of a drawing, equal to others where every number in them is."""

    def __init__(self, *arguments):
        self.arguments = arguments
        leaves, kind = jax.tree.flatten(arguments)
        self._key = kind, *((a.shape, a.tobytes()) for a in map(np.asarray, leaves))

    def __eq__(self, other):
        return self._key == other._key

    def __hash__(self):
        return hash(self._key)


def _picture(draw, *arguments):
    return _drawn(draw, _Shown(*arguments))


@functools.lru_cache(_KEPT)
def _drawn(draw, shown):
    return _laid_out(draw(*shown.arguments))


def _laid_out(axes, size=_SIZE, beside=_BESIDE, place=_BAR):
    """A picture of one Axes, or of one beside its colour bar."""
    figure = axes.figure
    figure.set_layout_engine("none")
    figure.set_size_inches(*size)
    main, *bars = figure.axes
    main.set_position(beside if bars else _ALONE)
    for bar in bars:
        bar.set_position(place)
    return plot.page_bytes(figure, _DPI)
