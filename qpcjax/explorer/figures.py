"""The page's pictures as bytes of PNG files, quick enough to follow a slider."""

from qpcjax import plot

# Left, bottom, width and height as shares of a picture: looking for the best places would take
# longer than all the drawing.
_ALONE = (0.15, 0.17, 0.82, 0.79)
_BESIDE = (0.14, 0.17, 0.66, 0.79)
_BAR = (0.82, 0.17, 0.03, 0.79)


def curves(view, reservoirs) -> dict[str, bytes]:
    """T(E), the powers along mu and the map of P_A, by what they show."""
    axes = {
        "Transmission": plot.spectrum(view.energy, view.transmission, reservoirs),
        "Power along the mean potential": plot.powers(view.mu, view.powers, reservoirs),
        "Asymmetry over potential and bias": plot.asymmetry_map(
            view.mu, view.bias, view.asymmetry, reservoirs
        ),
    }
    return {title: _png(a.figure) for title, a in axes.items()}


def plane(scatterer, reservoirs, damping) -> dict[str, bytes]:
    """Heat and hot spot on the plane around the constriction; none where there is no hot spot."""
    try:
        axes = plot.heat_on_plane(scatterer, reservoirs, damping)
    except ValueError:
        return {}
    return {"Heat on the plane": _png(axes.figure)}


def _png(figure):
    """A picture of one Axes, or of one and its colour bar."""
    figure.set_layout_engine("none")
    main, *bars = figure.axes
    main.set_position(_BESIDE if bars else _ALONE)
    for bar in bars:
        bar.set_position(_BAR)
    return plot.screen_bytes(figure)
