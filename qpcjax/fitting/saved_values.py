"""Devices, data and numbers as JSON values, and back.

What is read may be from anywhere: objects are made of the package's own classes, of registered
kinds of data, or of classes that the caller gives, never of a class that the text names.
"""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax import scatterers as package_scatterers
from qpcjax.fitting.device import Device, GateCurve, Gated, GateLine, Ratio, StepPositions
from qpcjax.fitting.gated_sample import GatedSample
from qpcjax.gates import Donors, GatedDevice, Gates, Heterostructure, SplitGate, Tip
from qpcjax.gates.kernels import Grid
from qpcjax.gates.outlines import Polygon, Rectangle
from qpcjax.heat.damping import QuadraticDamping
from qpcjax.heat.exact_rpa import ExactRPADamping
from qpcjax.heat.laws import LAWS
from qpcjax.heat.material import Material
from qpcjax.measurements import KINDS, AbstractMeasurement, InputError
from qpcjax.quantities import closest
from qpcjax.scatterers.base import AbstractScatterer
from qpcjax.scatterers.forwarding import InBulk
from qpcjax.scatterers.users import UsersScatterer
from qpcjax.staircases import Region

OTHER_VERSION = "read it with the versions that it was saved with"

_DEVICES = (Device, Gated, GateCurve, GateLine, StepPositions, Ratio)
_LAWS = (QuadraticDamping, ExactRPADamping, *LAWS.values(), Material)
_GATES = (GatedSample, GatedDevice, Heterostructure, SplitGate, Gates, Rectangle, Polygon)
_BESIDE_GATES = (Tip, Donors, Grid, Region)
_CLASSES: dict[str, type] = {
    **{c.__name__: c for c in (*_DEVICES, *_LAWS, *_GATES, *_BESIDE_GATES)},
    **{
        name: c
        for name, c in vars(package_scatterers).items()
        if isinstance(c, type) and issubclass(c, AbstractScatterer)
    },
    "adapted": UsersScatterer,
    "in_bulk": InBulk,
}
_DTYPES = ("float64", "float32", "int64", "int32", "bool")


def encoded(value) -> Any:
    """A device, or anything in it, as JSON value; an array exactly, element by element.

    Raises:
        InputError: something that is neither a number, an array, a text nor a dataclass of them.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, jax.Array) and value.ndim == 0 and value.weak_type:
        value = value.item()  # a plain number, as it was given
    if isinstance(value, jax.Array | np.ndarray | np.bool_):
        flat = np.asarray(value)
        if flat.dtype.name not in _DTYPES:
            raise InputError(f"an array of {flat.dtype} cannot be saved")
        elements = flat.ravel().tolist()
        if flat.dtype.kind == "f":
            elements = [x if math.isfinite(x) else repr(x) for x in elements]
        plain = {"array": elements, "shape": list(flat.shape), "dtype": flat.dtype.name}
        return plain | {"jax": True} if isinstance(value, jax.Array) else plain
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else {"float": repr(float(value))}
    if isinstance(value, dict) and all(isinstance(k, str) for k in value):
        return {"dict": [[key, encoded(v)] for key, v in value.items()]}
    if dataclasses.is_dataclass(value) or hasattr(value, "_fields"):
        kind = type(value)
        own = next(({"class": n} for n, c in _known_classes().items() if c is kind), None)
        return (own or {"scatterer": kind.__name__}) | {"fields": fields_encoded(value)}
    if isinstance(value, tuple | list):
        return {type(value).__name__: [encoded(v) for v in value]}
    raise InputError(
        f"a {type(value).__name__} cannot be saved: let the barrier's class be a dataclass (or an "
        "equinox.Module) of numbers, arrays and texts"
    )


def fields_encoded(value) -> dict[str, Any]:
    """The fields of a dataclass or named tuple as JSON values, by name."""
    return {name: encoded(getattr(value, name)) for name in _field_defaults(type(value))}


def _field_defaults(kind):
    """Names of the fields of a dataclass or named tuple, with their defaults or MISSING."""
    if dataclasses.is_dataclass(kind):
        return {
            f.name: f.default if f.default_factory is dataclasses.MISSING else f.default_factory()
            for f in dataclasses.fields(kind)
        }
    return dict.fromkeys(kind._fields, dataclasses.MISSING) | kind._field_defaults


def decoded(value, scatterers=()) -> Any:
    """What `encoded` made a JSON value of.

    Args:
        value: JSON value.
        scatterers: name -> class, for classes from outside this package.

    Raises:
        InputError: a class that is neither known nor given, fields that it does not have.
        KeyError, TypeError, ValueError: not such a value.
    """
    if isinstance(value, list):
        raise TypeError("a list stands where a value was wanted")
    if not isinstance(value, dict):
        return value
    if "array" in value:
        if value["dtype"] not in _DTYPES:
            raise ValueError(f"no such dtype: {value['dtype']}")
        kind = float if value["dtype"].startswith("float") else lambda x: x
        array = np.array([kind(x) for x in value["array"]], value["dtype"])
        array = array.reshape(value["shape"])
        return jnp.asarray(array) if value.get("jax") else array
    if "float" in value:
        return float(value["float"])
    for name, sequence in (("tuple", tuple), ("list", list)):
        if name in value:
            return sequence(decoded(v, scatterers) for v in value[name])
    if "dict" in value:
        return {str(key): decoded(v, scatterers) for key, v in value["dict"]}
    return _made(_class_of(value, dict(scatterers)), fields_decoded(value["fields"], scatterers))


def fields_decoded(fields, scatterers=()) -> dict[str, Any]:
    """What `fields_encoded` made JSON values of."""
    return {name: decoded(v, scatterers) for name, v in fields.items()}


def _known_classes():
    return _CLASSES | KINDS


def _class_of(value, scatterers):
    if "class" in value:
        name, known = value["class"], _known_classes()
        if name not in known:
            raise InputError(
                f"it holds a {name}, which this qpcjax does not have (a kind of data of your own "
                f"must be registered before): {closest(name, known)}"
            )
        return known[name]
    name = value["scatterer"]
    if name not in scatterers:
        raise InputError(
            f"in it is a {name}, a class of your own: give it as scatterers={{{name!r}: "
            f"{name}}}. A class is never looked up by what a file says"
        )
    return scatterers[name]


def _made(kind, values):
    """An object of a class with these fields, checked by what the class says of its fields."""
    known = _field_defaults(kind)
    # Fields that a later version has added have their defaults.
    full = {n: d for n, d in known.items() if d is not dataclasses.MISSING} | values
    if set(full) != set(known):
        raise InputError(
            f"it holds a {kind.__name__} of the fields {', '.join(sorted(values))}, but the class "
            f"has {', '.join(sorted(known))}: {OTHER_VERSION}"
        )
    try:
        if issubclass(kind, tuple | AbstractMeasurement):
            made = kind(**full)
            if isinstance(made, AbstractMeasurement):  # its own count is of the rows that are left
                object.__setattr__(made, "dropped", full["dropped"])
            return made
        made = object.__new__(kind)
        converters = {f.name: f.metadata.get("converter") for f in dataclasses.fields(kind)}
        for name in known:
            stored, converter = full[name], converters[name]
            if isinstance(stored, float) and converter is not None:
                stored = converter(stored)
            object.__setattr__(made, name, stored)
        # As equinox does after a constructor, which may take other arguments than the fields.
        for c in kind.__mro__:
            if "__check_init__" in vars(c):
                vars(c)["__check_init__"](made)
    except (ValueError, TypeError) as error:
        raise InputError(f"a {kind.__name__} in it is not valid: {error}") from None
    return made
