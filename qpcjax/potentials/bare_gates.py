r"""Gates on a pinned surface over an empty gas: closed forms.

The electrons at the depth d feel a gate of energy v by the solid angle that it fills,
V = v Omega/2 pi. Nothing screens it: voltages follow from the energies only up to an offset.

J. H. Davies, I. A. Larkin and E. V. Sukhorukov, J. Appl. Phys. 77, 4504 (1995).
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from qpcjax.validation import number, require

FAR = 1e6  # nm; a gate that ends there is infinite


def bare_rectangle(
    x: Any,
    y: Any,
    depth: Any,
    left: Any = None,
    right: Any = None,
    bottom: Any = None,
    top: Any = None,
) -> Any:
    r"""Potential of a rectangular gate of energy 1.

    .. math::
        V = g(x - L, y - B) + g(x - L, T - y) + g(R - x, y - B) + g(R - x, T - y), \quad
        g(a, b) = \frac{1}{2\pi} \arctan\frac{a b}{d \sqrt{a^2 + b^2 + d^2}}

    Args:
        x: in nm.
        y: in nm, broadcasts with x.
        depth: d in nm of the gas below the gate.
        left: L in nm; None: the gate goes on without end, and so on.
        right: R in nm.
        bottom: B in nm.
        top: T in nm.

    Returns:
        V from 0 to 1, the share of the energy under a wide gate.

    Raises:
        ValueError: a depth that is not positive, edges that do not increase.
    """
    _require_depth(depth)
    left, right = _ends("left", left, "right", right)
    bottom, top = _ends("bottom", bottom, "top", top)

    def corner(a, b):
        return jnp.arctan(a * b / (depth * jnp.sqrt(a * a + b * b + depth * depth)))

    x, y = (jnp.asarray(number(c), float) for c in (x, y))
    corners = corner(x - left, y - bottom) + corner(x - left, top - y)
    corners = corners + corner(right - x, y - bottom) + corner(right - x, top - y)
    return corners / (2 * np.pi)


def bare_split_gate(x: Any, y: Any, depth: Any, gap: Any, length: Any) -> Any:
    """Potential of a split gate of energy 1: two half-infinite bars with a gap between them.

    Args:
        x: along the current in nm.
        y: across in nm, broadcasts with x.
        depth: of the gas below the gates in nm.
        gap: distance of the bars in nm.
        length: of the bars along x in nm.

    Raises:
        ValueError: a depth, gap or length that is not positive.
    """
    for name, value in (("gap", gap), ("length", length)):
        require(name, value, "a positive length in nm", lambda v: v > 0)
    upper = bare_rectangle(x, y, depth, -length / 2, length / 2, bottom=gap / 2)
    return upper + bare_rectangle(x, y, depth, -length / 2, length / 2, top=-gap / 2)


def bare_polygon(x: Any, y: Any, depth: Any, corners: Any) -> Any:
    r"""Potential of a polygonal gate of energy 1: its solid angle over 2 pi.

    The solid angle is the sum over triangles from the first corner to each edge, each by the
    formula of A. van Oosterom and J. Strackee, IEEE Trans. Biomed. Eng. 30, 125 (1983).

    Args:
        x: in nm.
        y: in nm, broadcasts with x.
        depth: of the gas below the gate in nm.
        corners: in nm, shape (corners, 2), one after the other in either sense.

    Raises:
        ValueError: a depth that is not positive, fewer than 3 corners.
    """
    _require_depth(depth)
    corners = jnp.asarray(number(corners, "corners"))
    if corners.ndim != 2 or corners.shape[0] < 3 or corners.shape[1] != 2:
        raise ValueError(f"corners must have the shape (3 or more, 2), got {corners.shape}")
    x, y = jnp.broadcast_arrays(*(jnp.asarray(number(c), float) for c in (x, y)))
    seen = [jnp.stack([cx - x, cy - y, jnp.zeros_like(x) + depth]) for cx, cy in corners]
    lengths = [jnp.sqrt(jnp.sum(r * r, axis=0)) for r in seen]
    total = jnp.zeros_like(x)
    for j in range(1, len(seen) - 1):
        (a, b, c), (la, lb, lc) = ((s[0], s[j], s[j + 1]) for s in (seen, lengths))
        volume = depth * _turn(a, b, c)
        below = la * lb * lc + _dot(a, b) * lc + _dot(b, c) * la + _dot(c, a) * lb
        total = total + 2 * jnp.arctan2(volume, below)
    sense = jnp.sign(_area(corners))
    return sense * total / (2 * np.pi)


def _dot(a, b):
    return jnp.sum(a * b, axis=0)


def _turn(a, b, c):
    """Twice the signed area of a triangle in the plane of the gate."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _area(corners):
    x, y = corners.T
    return jnp.sum(x * jnp.roll(y, -1) - y * jnp.roll(x, -1)) / 2


def _require_depth(depth):
    require("depth", depth, "a positive length in nm", lambda d: d > 0)


def _ends(low_name, low, high_name, high):
    low = -FAR if low is None else low
    high = FAR if high is None else high
    require(f"{high_name} - {low_name}", high - low, "a positive length in nm", lambda v: v > 0)
    return low, high
