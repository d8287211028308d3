"""A fit as one self-contained JSON file, and back.

What is read may be from anywhere. A file has a checksum, and objects are made of the package's own
classes, of registered kinds of data, or of classes that the caller gives, never of a class that the
text names.
"""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax import scatterers as package_scatterers
from qpcjax._versions import versions
from qpcjax.files import write_files
from qpcjax.files.results import content_digest
from qpcjax.fitting.compiled_predictions import Predictor
from qpcjax.fitting.device import Device, GateCurve, Gated, Ratio, StepPositions
from qpcjax.fitting.interpolation import GateNodes
from qpcjax.fitting.part_result import PartResult
from qpcjax.fitting.posterior import Posterior
from qpcjax.fitting.problem import FitPart, FitProblem
from qpcjax.fitting.result import FitResult, FitStart
from qpcjax.heat.damping import QuadraticDamping
from qpcjax.measurements import KINDS, AbstractMeasurement, InputError
from qpcjax.measurements.circuit import Resolution
from qpcjax.optimise.parameters import Parameter
from qpcjax.quantities import closest
from qpcjax.scatterers.base import AbstractScatterer, InBulk, UsersScatterer
from qpcjax.validation import require_double

FORMAT = "qpcjax fit"
VERSION = 1

_CLASSES: dict[str, type] = {
    **{c.__name__: c for c in (Device, Gated, GateCurve, StepPositions, Ratio, QuadraticDamping)},
    **{
        name: c
        for name, c in vars(package_scatterers).items()
        if isinstance(c, type) and issubclass(c, AbstractScatterer)
    },
    "adapted": UsersScatterer,
    "in_bulk": InBulk,
}
_DTYPES = ("float64", "float32", "int64", "int32", "bool")
_CHANGED = "Save the fit, or copy the file, once more"
_OTHER_VERSION = "read it with the versions that it was saved with"


def save_fit(fit: FitResult, path, posterior: Posterior | None = None) -> Path:
    """See `FitResult.save`."""
    path = Path(path)
    content = {
        "device": encoded(fit.device),
        "parameters": [_fields_encoded(p) for p in fit.parameters],
        "covariance": encoded(fit.covariance),
        "rises": encoded(fit.rises),
        "status": fit.status,
        "message": fit.message,
        "loss": fit.loss,
        "priors": {name: list(prior) for name, prior in fit.priors.items()},
        "starts": [
            _fields_encoded(s) | {"values": {n: float(v) for n, v in s.values.items()}}
            for s in fit.starts
        ],
        "parts": [_part_encoded(*pair) for pair in zip(fit.problem.parts, fit.parts, strict=True)],
    }
    if posterior is not None:
        arrays = {n: encoded(getattr(posterior, n)) for n in _ARRAYS_OF_SAMPLES}
        named = {n: getattr(posterior, n) for n in _NUMBERS_OF_SAMPLES}
        content["posterior"] = arrays | {
            n: {name: encoded(x) for name, x in values.items()} for n, values in named.items()
        }
    document = {
        "format": FORMAT,
        "version": VERSION,
        "versions": versions(),
        "sha256": content_digest(content),
        "content": content,
    }
    (written,) = write_files(path.parent, {path.name: json.dumps(document, allow_nan=False) + "\n"})
    return written


def load_fit(path, scatterers=None) -> FitResult:
    """A fit that was saved by `FitResult.save`.

    Predictions, covariance, flat directions and profiles are those of the fit that was saved, to
    the last bit where the same versions run on the same machine.

    Args:
        path: of the file.
        scatterers: name -> class, for barriers and damping laws of your own classes.

    Raises:
        InputError: it is no such file, is damaged, of a later format, has a barrier whose class is
            not given, or data of a kind that is not registered.
    """
    return _read(path, scatterers)[0]


def load_posterior(path, scatterers=None) -> Posterior:
    """The posterior that was saved with a fit by `Posterior.save`.

    Args:
        path: of the file.
        scatterers: see `load_fit`.

    Raises:
        InputError: see `load_fit`; the fit was saved without samples.
    """
    fit, content = _read(path, scatterers)
    if "posterior" not in content:
        raise InputError(f"{path} holds a fit without samples: load_fit reads it")
    held = content["posterior"]
    values: dict[str, Any] = {name: decoded(held[name]) for name in _ARRAYS_OF_SAMPLES}
    for name in _NUMBERS_OF_SAMPLES:
        values[name] = {parameter: decoded(x) for parameter, x in held[name].items()}
    return Posterior(fit, **values)


_ARRAYS_OF_SAMPLES = ("samples", "divergent", "unresolved")
_NUMBERS_OF_SAMPLES = ("r_hat", "effective_size")


# --- data sets and fits ---------------------------------------------------------------------


def _part_encoded(part, result):
    data = encoded(part.data)
    return {
        "name": part.name,
        "data": data,
        "data_sha256": content_digest(data),
        "known": part.known,
        "sigma": encoded(part.sigma),
        "predicted": encoded(result.predicted),
        "correlation_length": result.correlation_length,
        "share": result.share,
        # What makes its predictions the same again, to the last bit.
        "index": [int(i) for i in part.index],
        "factor": encoded(part.factor),
        "device": encoded(part.kernel.device),
        "resolution": list(part.kernel.resolution),
        "nodes": None if part.along is None else int(part.along.nodes.size),
    }


def _read(path, scatterers):
    require_double("fits")
    content = _checked_content(Path(path))
    try:
        return _fit(content, dict(scatterers or {})), content
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(
            f"{path} does not hold what a fit has ({type(error).__name__}: {error}): it was not "
            "written by the save method of a fit's result"
        ) from None


def _checked_content(path):
    """What a file of `save_fit` holds; InputError for a damaged, later or other file."""
    foreign = InputError(
        f"{path} is not a fit: give a file that was written by the save method of a fit's result"
    )
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text)
        digest = content_digest(document["content"]) if "content" in document else ""
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, RecursionError):
        if text.lstrip().startswith(f'{{"format": "{FORMAT}"'):
            raise InputError(
                f"{path} was cut off or changed: it is no longer whole. {_CHANGED}"
            ) from None
        raise foreign from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise foreign
    version, by = document.get("version"), document.get("versions")
    if not isinstance(version, int) or version < 1:
        raise foreign
    if version > VERSION:
        by = by.get("qpcjax") if isinstance(by, dict) else None
        raise InputError(
            f"{path} is of format {version}, written by qpcjax {by or '(unknown)'}; this one reads "
            f"formats up to {VERSION}: install that version or a later one"
        )
    content = document.get("content")
    if not isinstance(content, dict) or digest != document.get("sha256"):
        raise InputError(
            f"{path} has been changed or damaged since it was saved: its checksum is not that of "
            f"its content. {_CHANGED}"
        )
    return content


def _fit(content, scatterers):
    parameters = tuple(Parameter(**_decoded_all(p)) for p in content["parameters"])
    parts = [_part(value, parameters, scatterers) for value in content["parts"]]
    results = tuple(
        PartResult(
            p.name, p.data, decoded(value["predicted"]), p.sigma, p.known,
            value["correlation_length"], value["share"],
        )
        for p, value in zip(parts, content["parts"], strict=True)
    )  # fmt: skip
    priors = {
        name: (float(mean), float(width)) for name, (mean, width) in content["priors"].items()
    }
    starts = tuple(
        FitStart(s["values"], decoded(s["loss"]), decoded(s["end"])) for s in content["starts"]
    )
    # Fits that were saved before errors were looked at say nothing of them.
    count = sum(p.free for p in parameters)
    rises = decoded(content["rises"]) if "rises" in content else np.full((count, 2), np.nan)
    return FitResult(
        decoded(content["device"], scatterers), parameters, decoded(content["covariance"]),
        results, content["status"], content["message"], starts, priors, content["loss"],
        FitProblem(parameters, parts, priors, content["loss"]), rises,
    )  # fmt: skip


def _part(value, parameters, scatterers):
    data, device = decoded(value["data"]), decoded(value["device"], scatterers)
    index, resolution = np.array(value["index"], int), Resolution(*value["resolution"])
    moving = [i for i, owner in enumerate(index) if parameters[owner].free]
    kernel = Predictor(device, data.response, data.settings, resolution.order, moving, resolution)
    if len(kernel.layout.names) != index.size:
        raise InputError(
            f"{value['name']}: the device has {len(kernel.layout.names)} numbers and the fit "
            f"{index.size}: {_OTHER_VERSION}"
        )
    nodes = value.get("nodes")
    return FitPart(
        value["name"], data, kernel, index, decoded(value["factor"]), decoded(value["sigma"]),
        bool(value["known"]), None if nodes is None else GateNodes(data.settings["gate"], nodes),
    )  # fmt: skip


# --- values ---------------------------------------------------------------------------------


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
        return (own or {"scatterer": kind.__name__}) | {"fields": _fields_encoded(value)}
    if isinstance(value, tuple | list):
        return {type(value).__name__: [encoded(v) for v in value]}
    raise InputError(
        f"a {type(value).__name__} cannot be saved: let the barrier's class be a dataclass (or an "
        "equinox.Module) of numbers, arrays and texts"
    )


def _fields_encoded(value):
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
    return _made(_class_of(value, dict(scatterers)), _decoded_all(value["fields"], scatterers))


def _decoded_all(fields, scatterers=()):
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
            f"has {', '.join(sorted(known))}: {_OTHER_VERSION}"
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
