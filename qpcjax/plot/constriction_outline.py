"""The constriction's outline on the plane: walls to scale, and an enlarged view of them."""

import numpy as np

from qpcjax.scatterers.fields import innermost

_WALL = {"facecolor": "0.75", "edgecolor": "0.35", "linewidth": 0.4}
_POINTS = 61
_INSET = (0.0, 0.0, 0.38, 0.38)  # share of the Axes
_AROUND = 1.6  # side of the inset's square, in units of the constriction's larger size
_THIN = {"linewidth": 0.6, "shrinkA": 0, "shrinkB": 0}


def mouth(scatterer):
    """Distance in nm of the constriction's ends from its middle; 0 of a barrier without walls."""
    x, _ = upper_wall(scatterer)
    return float(x[-1])


def upper_wall(scatterer):
    """Lower edge of the upper wall, x and y in nm; the other wall is its mirror image.

    A channel's is straight. Smooth walls, y = w + x^2/2R, end where they have doubled the width.
    """
    bare = innermost(scatterer)
    half_width = float(getattr(bare, "half_width", 0.0))
    if hasattr(bare, "curvature_radius"):
        radius = float(bare.curvature_radius)
        x = np.sqrt(2 * half_width * radius) * np.linspace(-1, 1, _POINTS)
        return x, half_width + x**2 / (2 * radius)
    length = float(getattr(bare, "length", 0.0)) if half_width else 0.0
    return np.array([-length / 2, length / 2]), np.full(2, half_width)


def draw_constriction(axes, scatterer, reach, direction):
    """Walls on Axes in um, and the constriction enlarged in their lower left corner.

    Args:
        axes: of the plane, positions in um.
        scatterer: whose outline it is.
        reach: nm to which the walls go.
        direction: of the electrons along x, 1 or -1.
    """
    x, y = upper_wall(scatterer)
    if not x[-1]:
        axes.axvline(0, color=_WALL["edgecolor"], linewidth=0.7, gid="barrier")
        return
    _draw_walls(axes, x, y, reach, 1e-3)
    half, narrow = _AROUND * max(x[-1], y[0]), np.min(y)
    inset = axes.inset_axes(_INSET)
    inset.set(xlim=(-half, half), ylim=(-half, half), xticks=[], yticks=[], aspect="equal")
    inset.set_facecolor("white")
    for spine in inset.spines.values():
        spine.set_color("0.35")
    _draw_walls(inset, x, y, 2 * half, 1.0)
    # In the middle of what is seen of each wall, so that the border never cuts them.
    middle = (narrow + half) / 2
    text = {"fontsize": 6, "ha": "center", "va": "center", "color": "0.1", "clip_on": False}
    name = "$L$ = " if hasattr(innermost(scatterer), "length") else ""
    inset.text(0, middle, f"{name}{x[-1] - x[0]:.3g} nm", **text)
    inset.text(0, -middle, f"$2w$ = {2 * narrow:.3g} nm", **text)
    ends = (direction * 0.85 * half, 0), (-direction * 0.85 * half, 0)
    inset.annotate("", *ends, arrowprops={**_THIN, "arrowstyle": "->"})


def _draw_walls(axes, x, y, top, unit):
    """Both walls, out to y = top; `unit` is a nm in the Axes' unit."""
    for side, name in ((1, "upper wall"), (-1, "lower wall")):
        edge = np.concatenate([y, [top, top]])
        axes.fill(
            unit * np.concatenate([x, x[[-1, 0]]]), unit * side * edge, gid=name, **_WALL
        )  # fmt: skip
