"""The axes of a sweep: names, units and values, as a product grid or a table of points."""

import dataclasses
import difflib
import hashlib
import itertools
import math
from collections.abc import Mapping

import jax
import numpy as np

# What an operating point is made of, with units; the rest are the scatterer's own numbers.
POINT_UNITS = {
    "mu": "meV",
    "bias": "meV",
    "temperature": "K",
    "temperature_bias": "K",
    "energy": "meV",
    "distance": "nm",
    "damping": "1",
}
DEFAULTS = {"bias": 0.0, "temperature": 0.0, "temperature_bias": 0.0, "damping": 0.04}

FIELD_UNITS = {
    "half_width": "nm",
    "length": "nm",
    "curvature_radius": "nm",
    "wide_ratio": "1",
    "offset": "meV",
    "height": "meV",
    "hbar_omega_y": "meV",
    "hbar_omega_x": "meV",
    "step_energy": "meV",
    "magnetic_field": "T",
    "g_factor": "1",
    "mass": "m_e",
}

# An ideal step's energy, since `energy` is that of the electrons.
_ALIASES = {"step_energy": "energy"}

TABLE_DIMENSION = "point"


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
                "sha256": _checksum(v),
            }
            for name, v in self.values.items()
        }


def _checksum(values):
    return hashlib.sha256(np.ascontiguousarray(values, "<f8").data).hexdigest()


def closest(name, known):
    """The end of a message about a name that is not known: the nearest ones, and all of them."""
    known = list(known)
    near = difflib.get_close_matches(str(name), known, 2, 0.6)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{hint}Known are {', '.join(known)}"


def field_path(scatterer, name) -> tuple[str, ...] | None:
    """Attributes that lead to a number of the scatterer, also inside one that splits the spins.

    Returns:
        A tuple of names, or None where there is no such number.
    """
    attribute = str(_ALIASES.get(name, name))
    if name not in POINT_UNITS and _is_number(scatterer, attribute):
        return (attribute,)
    for inner in ("inner", "scatterer"):
        if hasattr(scatterer, inner):
            path = field_path(getattr(scatterer, inner), name)
            if path is not None:
                return (inner, *path)
    return None


def _is_number(holder, name):
    """Whether this attribute is a number that is not fixed when a function is compiled."""
    if dataclasses.is_dataclass(holder):
        field = {f.name: f for f in dataclasses.fields(holder)}.get(name)
        if field is None or field.metadata.get("static", False):
            return False
        value = getattr(holder, name)
        if value is None:  # such as the wide_ratio of half planes
            return name in FIELD_UNITS
    else:
        value = getattr(holder, name, None)
    if isinstance(value, (int, float, np.number)):
        return not isinstance(value, bool)
    return isinstance(value, (np.ndarray, jax.Array)) and value.ndim == 0


def field_names(scatterer):
    """Names of the scatterer's numbers that may be swept."""
    names = set(FIELD_UNITS)
    holder = scatterer
    while holder is not None:
        if dataclasses.is_dataclass(holder):
            names |= {f.name for f in dataclasses.fields(holder)}
        holder = getattr(holder, "inner", getattr(holder, "scatterer", None))
    return sorted(name for name in names if field_path(scatterer, name) is not None)


def field_unit(scatterer, name):
    """Unit of one of the scatterer's numbers, "" where nothing says it.

    A class of your own says it by `equinox.field(metadata={"unit": "meV"})`.
    """
    *holders, last = field_path(scatterer, name) or (name,)
    for attribute in holders:
        scatterer = getattr(scatterer, attribute)
    if dataclasses.is_dataclass(scatterer):
        for field in dataclasses.fields(scatterer):
            if field.name == last and "unit" in field.metadata:
                return str(field.metadata["unit"])
    return FIELD_UNITS.get(name, "")


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
        if name in POINT_UNITS:
            unit = POINT_UNITS[name]
        elif field_path(scatterer, name) is not None:
            unit = field_unit(scatterer, name)
        else:
            known = [*POINT_UNITS, *field_names(scatterer)]
            raise ValueError(f"there is no axis {name!r}: {closest(name, known)}")
        array = _numbers(name, axis)
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
    return Axes(values, units, table), fixed


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
