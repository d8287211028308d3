"""The page's pictures as bytes of PNG files."""

from qpcjax import plot

_DPI = 130  # on a page that follows a slider every dot costs time


def curves(view, reservoirs) -> dict[str, bytes]:
    """T(E), the powers along mu and the map of P_A, by what they show."""
    axes = {
        "Transmission": plot.spectrum(view.energy, view.transmission, reservoirs),
        "Power along the mean potential": plot.powers(view.mu, view.powers, reservoirs),
        "Asymmetry over potential and bias": plot.asymmetry_map(
            view.mu, view.bias, view.asymmetry, reservoirs
        ),
    }
    return {name: plot.figure_bytes(a.figure, dpi=_DPI) for name, a in axes.items()}


def plane(scatterer, reservoirs, damping) -> dict[str, bytes]:
    """Heat and hot spot on the plane around the constriction; none where there is no hot spot."""
    try:
        axes = plot.heat_on_plane(scatterer, reservoirs, damping)
    except ValueError:
        return {}
    return {"Heat on the plane": plot.figure_bytes(axes.figure, dpi=_DPI)}
