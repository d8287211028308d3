"""Devices and data sets as plain JSON values, and back.

What is read may be from anywhere: objects are made of classes that are named here or given by the
caller, never of one that the text names.
"""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.fitting.device import Device, GateCurve, Gated, Ratio, StepPositions
from qpcjax.heat.hot_spot import QuadraticDamping
from qpcjax.measurements import KINDS, InputError
from qpcjax.quantities import closest
from qpcjax.scatterers import (
    AbruptConstriction,
    AdiabaticConstriction,
    BiasedConstriction,
    IdealStep,
    MatchedConstriction,
    SaddlePoint,
    SoftenedScatterer,
    TabulatedTransmission,
    ZeemanSplit,
)
from qpcjax.scatterers.base import _Adapted, _InBulk

_CLASSES = {
    c.__name__: c
    for c in (
        Device, Gated, GateCurve, StepPositions, Ratio, QuadraticDamping,
        AbruptConstriction, AdiabaticConstriction, BiasedConstriction, IdealStep,
        MatchedConstriction, SaddlePoint, SoftenedScatterer, TabulatedTransmission, ZeemanSplit,
    )
} | {"adapted": _Adapted, "in_bulk": _InBulk}  # fmt: skip
_DTYPES = ("float64", "float32", "int64", "int32", "bool")


# --- to JSON --------------------------------------------------------------------------------


def encoded(value) -> Any:
    """A device, or anything in it, as JSON value.

    Raises:
        InputError: something that is neither a number, an array, a text nor a dataclass of them.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | np.integer) and not isinstance(value, np.bool_):
        return int(value)
    if isinstance(value, float | np.floating):
        return _scalar(float(value))
    if isinstance(value, jax.Array | np.ndarray | np.bool_):
        return encoded_array(value)
    if isinstance(value, dict) and all(isinstance(k, str) for k in value):
        return {"dict": [[key, encoded(v)] for key, v in value.items()]}
    fields = _fields(value)
    if fields is not None:
        kind = type(value)
        names = [name for name, c in _CLASSES.items() if c is kind]
        own = {"class": names[0]} if names else {"scatterer": kind.__name__}
        return own | {"fields": {name: encoded(getattr(value, name)) for name in fields}}
    if isinstance(value, tuple | list):
        return {type(value).__name__: [encoded(v) for v in value]}
    raise InputError(
        f"a {type(value).__name__} cannot be saved: let the barrier's class be a dataclass (or an "
        "equinox.Module) of numbers, arrays and texts"
    )


def _scalar(value):
    return value if math.isfinite(value) else {"float": repr(value)}


def _fields(value):
    """Names of an object's fields; None where it has none."""
    if dataclasses.is_dataclass(value):
        return [f.name for f in dataclasses.fields(value)]
    return getattr(value, "_fields", None) if isinstance(value, tuple) else None


def encoded_array(value):
    """An array as JSON value: its elements in order, exactly."""
    flat = np.asarray(value)
    if flat.dtype.name not in _DTYPES:
        raise InputError(f"an array of {flat.dtype} cannot be saved")
    elements = flat.ravel().tolist()
    if flat.dtype.kind == "f":
        elements = [x if math.isfinite(x) else repr(x) for x in elements]
    plain = {"array": elements, "shape": list(flat.shape), "dtype": flat.dtype.name}
    return plain | {"jax": True} if isinstance(value, jax.Array) else plain


def encoded_data(data):
    """A data set as JSON value."""
    values = {f.name: encoded(getattr(data, f.name)) for f in dataclasses.fields(data)}
    return {"class": type(data).__name__, "fields": values}


# --- from JSON ------------------------------------------------------------------------------


def decoded(value, scatterers) -> Any:
    """What `encoded` made a JSON value of.

    Args:
        value: JSON value.
        scatterers: name -> class, of those that are not of this package.

    Raises:
        InputError: a class that is neither known nor given, fields that it does not have.
        KeyError, TypeError, ValueError: not such a value.
    """
    if not isinstance(value, dict):
        if isinstance(value, list):
            raise TypeError("a list stands where a value was wanted")
        return value
    if "array" in value:
        return decoded_array(value)
    if "float" in value:
        return float(value["float"])
    for name, kind in (("tuple", tuple), ("list", list)):
        if name in value:
            return kind(decoded(v, scatterers) for v in value[name])
    if "dict" in value:
        return {str(key): decoded(v, scatterers) for key, v in value["dict"]}
    kind = _class_of(value, scatterers)
    return _made(kind, {n: decoded(v, scatterers) for n, v in value["fields"].items()})


def _class_of(value, scatterers):
    if "class" in value:
        if value["class"] not in _CLASSES:
            raise InputError(
                f"it holds a {value['class']}, which this qpcjax does not have: "
                f"{closest(value['class'], _CLASSES)}"
            )
        return _CLASSES[value["class"]]
    name = value["scatterer"]
    if name not in scatterers:
        raise InputError(
            f"its barrier is a {name}, a class of your own: give it as scatterers={{{name!r}: "
            f"{name}}}. A class is never looked up by what a file says"
        )
    return scatterers[name]


def _made(kind, values):
    """An object of a class with these fields, checked by what the class says of its fields."""
    if hasattr(kind, "_fields"):
        known, missing = set(kind._fields), set(kind._fields) - set(values)
        if set(values) - known or missing - set(kind._field_defaults):
            raise InputError(_other_fields(kind, values, known))
        return kind(**values)
    fields = {f.name: f for f in dataclasses.fields(kind)}
    values = dict(values)
    for name, field in fields.items():  # those that a later version has added
        if name not in values and field.default is not dataclasses.MISSING:
            values[name] = field.default
    if set(values) != set(fields):
        raise InputError(_other_fields(kind, values, fields))
    made = object.__new__(kind)
    for name in fields:
        object.__setattr__(made, name, values[name])
    # As equinox does after a constructor, which may take other arguments than the fields.
    try:
        for c in kind.__mro__:
            if "__check_init__" in vars(c):
                vars(c)["__check_init__"](made)
    except (ValueError, TypeError) as error:
        raise InputError(f"a {kind.__name__} in it is not valid: {error}") from None
    return made


def _other_fields(kind, values, known):
    return (
        f"it holds a {kind.__name__} of the fields {', '.join(sorted(values))}, but the class has "
        f"{', '.join(sorted(known))}: read it with the versions that it was saved with"
    )


def decoded_array(value) -> Any:
    """The array that `encoded_array` wrote."""
    if value["dtype"] not in _DTYPES:
        raise ValueError(f"no such dtype: {value['dtype']}")
    elements = value["array"]
    if value["dtype"].startswith("float"):
        elements = [float(x) for x in elements]
    array = np.array(elements, value["dtype"]).reshape(value["shape"])
    return jnp.asarray(array) if value.get("jax") else array


def decoded_data(value) -> Any:
    """The data set that `encoded_data` wrote."""
    fields = {name: decoded(v, {}) for name, v in value["fields"].items()}
    kind = value["class"]
    if kind not in KINDS:
        raise InputError(
            f"it holds data of the kind {kind}, which is not registered: import the module that "
            "registers it first"
        )
    data = KINDS[kind](**fields)
    # Its own count of rows left out is of the rows that are left.
    object.__setattr__(data, "dropped", fields["dropped"])
    return data
