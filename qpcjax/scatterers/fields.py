"""The numbers of a scatterer by name, also inside one that splits the spins or adapts a class."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.quantities import FIELDS, POINT, QUANTITIES, Quantity

_HOLDERS = ("inner", "scatterer")  # attributes at which a wrapper holds its scatterer


def held(scatterer) -> str | None:
    """The attribute at which a wrapper holds its scatterer; None of a scatterer of its own."""
    return next((name for name in _HOLDERS if hasattr(scatterer, name)), None)


def innermost(scatterer) -> Any:
    """The scatterer inside all wrappers: that of one spin, an object of the user's own class."""
    while (holder := held(scatterer)) is not None:
        scatterer = getattr(scatterer, holder)
    return scatterer


def field_quantities(kind) -> dict[str, Quantity]:
    """The quantities of the fields of a scatterer's class, by attribute.

    A class describes a field by `equinox.field(metadata={...})`: either `quantity` (a `Quantity`,
    or a name in the table), or any of `symbol`, `unit`, `words`, `lower`, ... as `Quantity` has
    them. A field without metadata is the table's quantity of its name. Fields that are static or
    that neither the class nor the table describes are left out.
    """
    found = {}
    for field in dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ():
        if not field.metadata.get("static", False):
            quantity = _described(field)
            if quantity is not None:
                found[field.name] = quantity
    return found


def _described(field):
    stated = field.metadata.get("quantity")
    if stated is not None:
        return stated if isinstance(stated, Quantity) else QUANTITIES[stated]
    known = {f.name for f in dataclasses.fields(Quantity)}
    own = {key: value for key, value in field.metadata.items() if key in known}
    return Quantity(**{"name": field.name, **own}) if own else FIELDS.get(field.name)


def field_path(scatterer, name) -> tuple[str, ...] | None:
    """Attributes that lead to a number of the scatterer; None where there is no such number."""
    path = ()
    while True:
        attribute = _attribute(scatterer, name)
        if name not in POINT and _is_number(scatterer, attribute):
            return (*path, attribute)
        holder = held(scatterer)
        if holder is None:
            return None
        path, scatterer = (*path, holder), getattr(scatterer, holder)


def number_of(scatterer, name) -> Any:
    """A number of the scatterer by name, as it stands there.

    Args:
        scatterer: any scatterer.
        name: as `field_path` knows it.
    """
    path = field_path(scatterer, name)
    assert path is not None, name
    for attribute in path:
        scatterer = getattr(scatterer, attribute)
    return scatterer


def _attribute(holder, name):
    """The attribute of a quantity: its name, unless the class calls it otherwise."""
    own = field_quantities(type(holder)).items()
    return next((attribute for attribute, q in own if q.name == name), str(name))


def _is_number(holder, name):
    """Whether this attribute is a number that is not fixed when a function is compiled."""
    if dataclasses.is_dataclass(holder):
        field = {f.name: f for f in dataclasses.fields(holder)}.get(name)
        if field is None or field.metadata.get("static", False):
            return False
        value = getattr(holder, name)
        if value is None:  # such as the wide_ratio of half planes
            return name in field_quantities(type(holder))
    else:
        value = getattr(holder, name, None)
    if isinstance(value, (int, float, np.number)):
        return not isinstance(value, bool)
    return isinstance(value, (np.ndarray, jax.Array)) and value.ndim == 0


def with_value(scatterer, path, value) -> Any:
    """The scatterer with another number at the end of a path of attributes, unchecked, as traced.

    Args:
        scatterer: any scatterer.
        path: as `field_path` gives it.
        value: a number or a scalar array.
    """

    def at_path(holder):
        for name in path:
            holder = getattr(holder, name)
        return holder

    return eqx.tree_at(at_path, scatterer, value)


def with_plain_numbers(scatterer) -> Any:
    """The scatterer with numbers of one type, so that equal ones share what is compiled.

    A Python number, and what follows from it, is of a type of JAX's own (a weak one): functions are
    compiled once more for it.
    """
    return jax.tree.map(lambda x: np.asarray(x, jnp.result_type(x)), scatterer)


def field_names(scatterer) -> list[str]:
    """Names of the scatterer's numbers that may be swept."""
    names, holder = set(FIELDS), scatterer
    while True:
        names |= {q.name for q in field_quantities(type(holder)).values()}
        if dataclasses.is_dataclass(holder):
            names |= {f.name for f in dataclasses.fields(holder)}
        inside = held(holder)
        if inside is None:
            return sorted(name for name in names if field_path(scatterer, name) is not None)
        holder = getattr(holder, inside)


def quantity_of(scatterer, name) -> Quantity:
    """The quantity of a number of an operating point or of the scatterer's own.

    Its unit is "" where neither the scatterer's class nor the table says it.
    """
    if name in POINT:
        return POINT[name]
    *holders, last = field_path(scatterer, name) or (name,)
    for attribute in holders:
        scatterer = getattr(scatterer, attribute)
    own = field_quantities(type(scatterer))
    return own.get(last) or FIELDS.get(name) or Quantity(name)


def with_numbers(scatterer, numbers) -> Any:
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
    path, holder = [], scatterer
    while not hasattr(holder, name):
        inside = held(holder)
        assert inside is not None, name
        path.append(inside)
        holder = getattr(holder, inside)
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
