"""A figure as an SVG for a page, in a tenth of the time that matplotlib takes to draw it.

Nothing is measured and no place is sought: the Axes stand where they were put, lines, areas and
images go through the figure's own transforms, and the browser sets the letters.
"""

from matplotlib.figure import Figure

from qpcjax.plot.saving import screen_bytes
from qpcjax.plot.style import DRAWING
from qpcjax.plot.svg_artists import Pen, UnknownArtistError, fill

_POINTS = 72  # dots an inch, so that coordinates are points


def page_bytes(figure: Figure, dpi: int = 130) -> bytes:
    """The figure for a page that follows a slider: an SVG, or a PNG where it has what SVGs lack.

    Args:
        figure: with Axes whose positions are set, as after `set_layout_engine("none")`.
        dpi: dots an inch of the PNG.
    """
    try:
        return svg_bytes(figure)
    except UnknownArtistError:
        return screen_bytes(figure, dpi)


def svg_bytes(figure: Figure) -> bytes:
    """The figure as an SVG.

    Args:
        figure: with Axes whose positions are set.

    Raises:
        UnknownArtistError: a kind of artist, label or legend that the pictures of the explorer do
            not have.
    """
    own, parts = figure.get_dpi(), []
    w, h = figure.get_size_inches() * _POINTS
    with DRAWING:
        figure.set_dpi(_POINTS)
        try:
            for axes in figure.axes:
                _axes(parts, axes, h)
        finally:
            figure.set_dpi(own)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w:g} {h:g}" '
        f'width="{w:g}pt" height="{h:g}pt" font-family="DejaVu Sans, Verdana, sans-serif">'
        f'<rect width="{w:g}" height="{h:g}" fill="white"/>'
    )
    return "".join([head, *parts, "</svg>"]).encode()


def _axes(parts, axes, height):
    """One Axes with what is on it, and those inside of it."""
    locator = axes.get_axes_locator()
    axes.apply_aspect(locator(axes, None) if locator else None)
    x, y, w, h = axes.bbox.bounds
    top = height - y - h
    name = f"c{len(parts)}"
    frame = f'x="{x:.2f}" y="{top:.2f}" width="{w:.2f}" height="{h:.2f}"'
    parts.append(f'<clipPath id="{name}"><rect {frame}/></clipPath>')
    if axes.axison and axes.patch.get_visible():
        parts.append(f"<rect {frame} {fill(axes.patch.get_facecolor())}/>")
    pen = Pen(parts, axes, height, name)
    shown = [a for a in axes.get_children() if a.get_visible() and a is not axes.patch]
    inner = {*axes.child_axes}
    for artist in sorted(shown, key=lambda a: a.get_zorder()):
        if artist in inner:
            _axes(parts, artist, height)
        else:
            pen.draw(artist)
