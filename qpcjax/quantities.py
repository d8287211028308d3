"""Names and units of the numbers that make up a scatterer and an operating point."""

import dataclasses
import difflib
from typing import Any

import equinox as eqx
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


def closest(name, known):
    """The end of a message about a name that is not known: the nearest ones, and all of them."""
    known = list(known)
    near = difflib.get_close_matches(str(name), known, 2, 0.6)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{hint}Known are {', '.join(known)}"


def innermost(scatterer) -> Any:
    """The scatterer whose numbers these are: that of one spin, in the user's own class."""
    for holder in ("inner", "scatterer"):
        if hasattr(scatterer, holder):
            return innermost(getattr(scatterer, holder))
    return scatterer


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


def with_numbers(scatterer, numbers):
    """The scatterer with other numbers, checked by its own class where that is possible.

    Args:
        scatterer: any scatterer.
        numbers: name -> float, names as `field_path` knows them.
    """
    for name, value in numbers.items():
        path = field_path(scatterer, name)
        assert path is not None, name
        scatterer = _replaced(scatterer, path, value)
    return scatterer


def with_static(scatterer, name, value) -> Any:
    """The scatterer with another value of a static field, also inside one that splits the spins."""
    path = []
    holder = scatterer
    while not hasattr(holder, name):
        path.append("inner" if hasattr(holder, "inner") else "scatterer")
        holder = getattr(holder, path[-1])
    return _replaced(scatterer, (*path, name), value)


def _replaced(holder, path, value) -> Any:
    first, *rest = path
    new = _replaced(getattr(holder, first), rest, value) if rest else value
    if dataclasses.is_dataclass(holder):
        try:
            return dataclasses.replace(holder, **{first: new})  # pyright: ignore[reportArgumentType]
        except TypeError:
            pass  # a class whose arguments are not its fields
    return eqx.tree_at(lambda h: getattr(h, first), holder, new)
