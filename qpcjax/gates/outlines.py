"""Outlines of gates: signed distances, which are smooth in the geometry, and what is wrong."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from qpcjax.potentials import bare_polygon
from qpcjax.potentials.bare_gates import FAR
from qpcjax.validation import concrete, number, require


class AbstractOutline(eqx.Module):
    """The outline of one gate, in nm."""

    @abc.abstractmethod
    def distance(self, x: Any, y: Any) -> Any:
        """Distance of the points of a grid to the outline in nm, negative inside.

        Args:
            x: in nm, shape (nx,).
            y: in nm, shape (ny,).

        Returns:
            Shape (nx, ny).
        """

    @abc.abstractmethod
    def bare(self, x: Any, y: Any, depth: Any) -> Any:
        """Potential of the gate of energy 1 over an empty gas, on a pinned surface."""

    @abc.abstractmethod
    def proper(self, limits: tuple[float, float]) -> Any:
        """Whether it has an area and ends within these |x| and |y| in nm, or runs on: traced."""

    @property
    @abc.abstractmethod
    def corners(self) -> np.ndarray | None:
        """Corners in nm, shape (corners, 2), a million nm away where it runs on; None if traced."""


class Rectangle(AbstractOutline):
    """A rectangle; an edge that is None runs on without end.

    Args:
        left: in nm, along the current.
        right: in nm.
        bottom: in nm, across.
        top: in nm.
    """

    left: Any = None
    right: Any = None
    bottom: Any = None
    top: Any = None

    def __post_init__(self):
        for low, high in (("left", "right"), ("bottom", "top")):
            for name in (low, high):
                value = getattr(self, name)
                setattr(self, name, None if value is None else number(value, name))
            if getattr(self, low) is not None and getattr(self, high) is not None:
                length = getattr(self, high) - getattr(self, low)
                require(f"{high} - {low} of a gate", length, "a positive length in nm", _above_0)

    def distance(self, x, y):
        """Distance of the points of a grid in nm, negative inside."""
        along = _beyond(self.left, self.right, x)[:, None] + 0 * y
        across = _beyond(self.bottom, self.top, y) + 0 * x[:, None]
        inside = jnp.minimum(jnp.maximum(along, across), 0)
        outside = jnp.maximum(along, 0) ** 2 + jnp.maximum(across, 0) ** 2
        positive = outside > 0
        return inside + jnp.where(positive, jnp.sqrt(jnp.where(positive, outside, 1)), 0)

    def bare(self, x, y, depth):
        """Potential of the gate of energy 1 over an empty gas, on a pinned surface."""
        # As `bare_rectangle`, which takes 1e6 nm for an edge that runs on; here that is exact.
        along = _inwards(self.left, self.right, x[:, None])
        across = _inwards(self.bottom, self.top, y)
        corners = [_angle(a, b, depth) for a in along for b in across]
        return jnp.broadcast_to(sum(corners) / (2 * np.pi), (x.size, y.size))

    def proper(self, limits):
        """Whether it has an area and ends within limits: traced."""
        held = jnp.asarray(True)
        for low, high, limit in zip(
            (self.left, self.bottom), (self.right, self.top), limits, strict=True
        ):
            if low is not None and high is not None:
                held &= high > low
            for edge in (low, high):
                held &= True if edge is None else _ends_within(edge, limit)
        return held

    @property
    def corners(self):
        """Corners in nm."""
        edges = (self.left, -FAR), (self.right, FAR), (self.bottom, -FAR), (self.top, FAR)
        ends = [np.float64(far) if edge is None else concrete(edge) for edge, far in edges]
        known = [float(end) for end in ends if end is not None]
        if len(known) < 4:
            return None
        left, right, bottom, top = known
        return np.array([[left, bottom], [right, bottom], [right, top], [left, top]])


class Polygon(AbstractOutline):
    """A polygon.

    Args:
        vertices: in nm, shape (3 or more, 2), one after the other in either sense.
    """

    vertices: Any

    def __post_init__(self):
        self.vertices = number(self.vertices, "corners of a gate")
        shape = np.shape(self.vertices)
        if len(shape) != 2 or shape[0] < 3 or shape[1] != 2:
            raise ValueError(
                "a gate must be a polygon, corners in nm of shape (3 or more, 2), or a rectangle, "
                f"(left, right, bottom, top) in nm with None where it runs on; got shape {shape}"
            )
        known = self.corners
        if known is not None:
            if not np.all(np.isfinite(known)):
                raise ValueError("corners of a gate must be finite, in nm")
            if crosses_itself(known):
                raise ValueError(
                    "the outline of a gate crosses itself: give its corners in their order along "
                    "the outline, and each one once"
                )

    def distance(self, x, y):
        """Distance of the points of a grid in nm, negative inside."""
        vertices = jnp.asarray(self.vertices)
        start = vertices.T[:, :, None, None]
        edge = jnp.roll(vertices, -1, 0).T[:, :, None, None] - start
        px, py = x[:, None] - start[0], y - start[1]
        length2 = edge[0] ** 2 + edge[1] ** 2
        share = (px * edge[0] + py * edge[1]) / length2
        held = jnp.clip(share, 0, 1)
        away = (px - held * edge[0]) ** 2 + (py - held * edge[1]) ** 2
        beside = (px * edge[1] - py * edge[0]) / jnp.sqrt(length2)
        nearest = jnp.argmin(away, axis=0)[None]
        share, away, beside = (jnp.take_along_axis(a, nearest, 0)[0] for a in (share, away, beside))
        a, b = vertices, jnp.roll(vertices, -1, 0)
        area = jnp.sum(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
        # Next to an edge by its normal, which is smooth across it; else to the corner.
        passed = (start[1] > y) != (start[1] + edge[1] > y)
        rise = jnp.where(passed, edge[1], 1)
        inside = jnp.sum(passed & (px < edge[0] * py / rise), axis=0) % 2 == 1
        apart = away > 0
        corner = jnp.where(apart, jnp.sqrt(jnp.where(apart, away, 1)), 0)
        corner = jnp.where(inside, -corner, corner)
        return jnp.where((share > 0) & (share < 1), jnp.sign(area) * beside, corner)

    def bare(self, x, y, depth):
        """Potential of the gate of energy 1 over an empty gas, on a pinned surface."""
        return bare_polygon(x[:, None], y, depth, self.vertices)

    def proper(self, limits):
        """Whether it ends within limits: traced."""
        return jnp.all(_ends_within(jnp.asarray(self.vertices), np.array(limits)))

    @property
    def corners(self):
        """Corners in nm."""
        return concrete(self.vertices)


def outline(given: Any) -> AbstractOutline:
    """The outline of a gate: a rectangle of four numbers, or a polygon."""
    if isinstance(given, AbstractOutline):
        return given
    if isinstance(given, str):
        raise TypeError(f"a gate must be a rectangle or polygon, got {given!r}")
    if len(given) == 4 and all(edge is None or np.ndim(edge) == 0 for edge in given):
        return Rectangle(*given)
    return Polygon(given)


def crosses_itself(corners: np.ndarray) -> bool:
    """Whether edges of a polygon that are no neighbours meet, or corners coincide."""
    count = len(corners)
    meet = _meeting(corners, corners)
    k = np.arange(count)
    apart = (k[:, None] - k) % count
    folded = np.any(np.linalg.norm(corners - np.roll(corners, -1, 0), axis=1) == 0)
    return bool(folded or np.any(meet & (apart > 1) & (apart < count - 1)))


def overlap(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two polygons have an area in common; sharing an edge is none."""
    if np.any(_meeting(a, b, strictly=True)):
        return True
    return _holds(a, b) or _holds(b, a)


def _meeting(a, b, strictly=False):
    """Whether edge i of one polygon meets edge j of another, shape (edges, edges)."""
    p, q = a[:, None], np.roll(a, -1, 0)[:, None]
    r, s = b[None], np.roll(b, -1, 0)[None]
    first, second = _turn(p, q, r) * _turn(p, q, s), _turn(r, s, p) * _turn(r, s, q)
    if strictly:
        return (first < 0) & (second < 0)
    boxes = np.all(
        (np.minimum(p, q) <= np.maximum(r, s)) & (np.minimum(r, s) <= np.maximum(p, q)), axis=-1
    )
    return (first <= 0) & (second <= 0) & boxes


def _turn(p, q, r):
    """Side of the line p q on which r lies: -1, 0 or 1."""
    u, v = q - p, r - p
    cross = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
    size = np.linalg.norm(u, axis=-1) * np.linalg.norm(v, axis=-1)
    return np.sign(np.where(np.abs(cross) <= 1e-12 * size, 0, cross))


def _holds(outer, inner):
    """Whether a corner, the middle of an edge or the middle of one lies inside the other."""
    middle = (inner + np.roll(inner, -1, 0)) / 2
    for place in (*inner, *middle, inner.mean(axis=0)):
        found = Polygon(outer).distance(place[:1], place[1:])
        if float(found[0, 0]) < -1e-9 * np.ptp(outer):
            return True
    return False


def _beyond(low, high, places):
    """How far places lie outside a range, negative inside."""
    sides = [
        side
        for side in (None if low is None else low - places, None if high is None else places - high)
        if side is not None
    ]
    if not sides:
        return jnp.full(places.shape, -FAR)
    return sides[0] if len(sides) == 1 else jnp.maximum(*sides)


def _ends_within(edge, limit):
    """Whether an edge lies within limits, or a million nm away."""
    return (jnp.abs(edge) <= limit) | (jnp.abs(edge) >= FAR)


def _inwards(low, high, places):
    """Distances from both ends of a range inwards; None where it has no end."""
    return (
        None if low is None else places - low,
        None if high is None else high - places,
    )


def _angle(a, b, depth):
    """Half the solid angle of a quadrant whose corner is a and b away; None: without end."""
    if a is None and b is None:
        return np.pi / 2
    if a is None or b is None:
        return jnp.arctan((b if a is None else a) / depth)
    return jnp.arctan(a * b / (depth * jnp.sqrt(a * a + b * b + depth * depth)))


def _above_0(value):
    return value > 0
