"""The axes of a sweep: names, units and values, as a product grid or a table of points."""

import dataclasses
import hashlib
import itertools
import math
from collections.abc import Mapping

import numpy as np

from qpcjax.quantities import POINT, closest
from qpcjax.scatterers.fields import field_names, field_path, quantity_of

DEFAULTS = {"bias": 0.0, "temperature": 0.0, "temperature_bias": 0.0, "damping": 0.04}

TABLE_DIMENSION = "point"
MOST_VALUES = 1 << 27  # of an axis, which is kept in memory
MOST_POINTS = 10**11  # of a sweep: 800 GB of each observable


@dataclasses.dataclass(frozen=True, eq=False)
class Axes:
    """The points of a sweep.

    Attributes:
        values: name -> float64 array of shape (n,).
        units: name -> unit, "" where it is not known.
        table: whether point i has the i-th value of every axis; else all combinations, the last
            axis running fastest.
    """

    values: dict[str, np.ndarray]
    units: dict[str, str]
    table: bool = False

    @property
    def names(self):
        """Names of the axes, in the order in which they were given."""
        return tuple(self.values)

    @property
    def shape(self):
        """Shape of an observable: one dimension for each axis, or one for a table."""
        sizes = tuple(v.size for v in self.values.values())
        return sizes[:1] if self.table else sizes

    @property
    def dimensions(self):
        """Names of these dimensions."""
        return (TABLE_DIMENSION,) if self.table else self.names

    @property
    def size(self):
        """Number of points."""
        return math.prod(self.shape)

    def corners(self):
        """Points among which whatever is monotonic in each axis is at its largest and smallest.

        Returns:
            name -> array, all of one length: the corners of a grid, the table itself.
        """
        if self.table:
            return self.values
        ends = [np.unique([v.min(), v.max()]) for v in self.values.values()]
        rows = np.array(list(itertools.product(*ends)))
        return dict(zip(self.names, rows.T, strict=True))

    def described(self):
        """What a manifest says of each axis; equal for equal axes, and for no others."""
        return {
            name: {
                "unit": self.units[name],
                "size": v.size,
                "first": float(v[0]),
                "last": float(v[-1]),
                "sha256": checksum(v),
            }
            for name, v in self.values.items()
        }


def checksum(values) -> str:
    """SHA-256 of an axis as it lies on the disk."""
    return hashlib.sha256(np.ascontiguousarray(values, "<f8").data).hexdigest()


def read_axes(scatterer, given, table=False):
    """Axes and fixed numbers of a sweep.

    Args:
        scatterer: any scatterer.
        given: name -> 1-D values of an axis, or a number that holds for all points.
        table: whether the axes are the columns of a table.

    Returns:
        `Axes` and a dict of the numbers that are fixed.

    Raises:
        ValueError: an unknown name, an axis that is empty, not 1-D or not finite, no axis at all,
            columns of different lengths.
    """
    if not isinstance(given, Mapping) or not given:
        raise ValueError(
            "axes must be a dict of at least one axis, name -> values, such as "
            f'{{"mu": [5.0, 10.0]}}, got {given!r}'
        )
    values, units, fixed = {}, {}, {}
    for name, axis in given.items():
        if name not in POINT and field_path(scatterer, name) is None:
            known = [*POINT, *field_names(scatterer)]
            raise ValueError(f"there is no axis {name!r}: {closest(name, known)}")
        array = _numbers(name, axis)
        unit = quantity_of(scatterer, name).unit
        if array.ndim == 0:
            fixed[name] = float(array)
        else:
            values[name], units[name] = array, unit
    if not values:
        raise ValueError(
            f"axes must hold at least one axis of several values; {', '.join(fixed)} are numbers"
        )
    lengths = {name: v.size for name, v in values.items()}
    if table and len(set(lengths.values())) > 1:
        raise ValueError(f"the axes of a table must all have one length, got {lengths}")
    axes = Axes(values, units, table)
    require_points(" x ".join(map(str, axes.shape)), axes.size)
    return axes, fixed


def require_points(what, number, most=MOST_POINTS):
    """Raise ValueError where a sweep has more points, or an axis more values, than are computed.

    Args:
        what: the sweep has, in words.
        number: of points or values.
        most: the largest number.
    """
    if number > most:
        raise ValueError(
            f"{what} is too many: up to {most:.3g} can be computed. Take fewer, or divide the sweep"
        )


def _numbers(name, axis):
    try:
        array = np.asarray(axis)
        if array.dtype.kind not in "iuf" and array.size:
            raise TypeError
        array = array.astype(np.float64, copy=False)
    except (TypeError, ValueError):
        raise ValueError(f"the axis {name} must be numbers, got {axis!r}") from None
    if array.ndim > 1:
        raise ValueError(f"the axis {name} must have one dimension, got the shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"the axis {name} is empty: give at least one value")
    if not np.all(np.isfinite(array)):
        wrong = array[~np.isfinite(array)] if array.ndim else array
        raise ValueError(f"the axis {name} must be finite numbers, got {wrong.flat[0]}")
    return array
