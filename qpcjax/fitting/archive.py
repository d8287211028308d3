"""A fit as one self-contained JSON file with a checksum, and back."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from qpcjax._versions import versions
from qpcjax.files import save_json, write_files
from qpcjax.files.results import content_digest
from qpcjax.fitting.interpolation import GateNodes
from qpcjax.fitting.jackknife import Jackknife
from qpcjax.fitting.minima import FitStart, OtherMinimum
from qpcjax.fitting.part_result import PartResult
from qpcjax.fitting.posterior import Posterior
from qpcjax.fitting.predictors import predictor
from qpcjax.fitting.problem import FitPart, FitProblem
from qpcjax.fitting.result import FitResult
from qpcjax.fitting.saved_values import (
    OTHER_VERSION,
    decoded,
    encoded,
    fields_decoded,
    fields_encoded,
)
from qpcjax.measurements import InputError
from qpcjax.optimise.parameters import Parameter
from qpcjax.validation import require_double

FORMAT = "qpcjax fit"
VERSION = 1

_CHANGED = "Save the fit, or copy the file, once more"


def save_fit(fit: FitResult, path, posterior: Posterior | None = None) -> Path:
    """See `FitResult.save`."""
    path = Path(path)
    head, rest = _document(fit, posterior)
    text = json.dumps(head | {"versions": versions()} | rest, allow_nan=False) + "\n"
    (written,) = write_files(path.parent, {path.name: text})
    return written


def summary_and_fit(summary: dict, fit: FitResult) -> str:
    """The text of a file that `load_fit` reads, with plain values for programs and people in it.

    Args:
        summary: of `tables.as_json`, the versions among them.
        fit: the result that it is of.

    Returns:
        JSON. Where the barrier's class cannot be saved, the summary stands alone, with the reason
        as "not_saved".
    """
    try:
        head, rest = _document(fit)
    except InputError as error:
        return save_json({"format": FORMAT, "version": VERSION, **summary, "not_saved": str(error)})
    # People read the summary: what only `load_fit` reads stands on one line behind it.
    readable = save_json(head | summary).removesuffix("\n}\n")
    return f"{readable},\n  {json.dumps(rest, allow_nan=False)[1:-1]}\n}}\n"


def _document(fit, posterior=None):
    """What a file holds: its format, and the fit with its checksum."""
    content = {
        "device": encoded(fit.device),
        "parameters": [fields_encoded(p) for p in fit.parameters],
        "covariance": encoded(fit.covariance),
        "rises": encoded(fit.rises),
        "others": [{"values": o.values, "excess": o.excess} for o in fit.others],
        "curvature_errors": encoded(fit.curvature_errors),
        "barrier_errors": encoded(fit.barrier_errors),
        "jackknife": {
            "without": list(fit.jackknife.without),
            "changes": encoded(fit.jackknife.changes),
        },
        "status": fit.status,
        "message": fit.message,
        "loss": fit.loss,
        "priors": {name: list(prior) for name, prior in fit.priors.items()},
        "starts": [
            fields_encoded(s) | {"values": {n: float(v) for n, v in s.values.items()}}
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
    head = {"format": FORMAT, "version": VERSION}
    return head, {"sha256": content_digest(content), "content": content}


def load_fit(path, scatterers=None) -> FitResult:
    """A fit that was saved by `FitResult.save`, or the fit.json of `qpcjax fit`.

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
        if re.match(rf'\s*{{\s*"format": "{FORMAT}"', text):
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
    if "not_saved" in document:
        raise InputError(f"{path} holds what a fit says, but not the fit: {document['not_saved']}")
    content = document.get("content")
    if not isinstance(content, dict) or digest != document.get("sha256"):
        raise InputError(
            f"{path} has been changed or damaged since it was saved: its checksum is not that of "
            f"its content. {_CHANGED}"
        )
    return content


def _fit(content, scatterers):
    parameters = tuple(Parameter(**fields_decoded(p)) for p in content["parameters"])
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
    covariance = decoded(content["covariance"])
    errors = np.sqrt(np.diag(covariance))
    errors = decoded(content["curvature_errors"]) if "curvature_errors" in content else errors
    barrier = decoded(content["barrier_errors"]) if "barrier_errors" in content else 0 * errors
    left_out = content.get("jackknife", {"without": (), "changes": encoded(np.zeros((0, count)))})
    free = tuple(p.name for p in parameters if p.free)
    left_out = Jackknife(free, tuple(left_out["without"]), decoded(left_out["changes"]))
    return FitResult(
        decoded(content["device"], scatterers), parameters, covariance,
        results, content["status"], content["message"], starts, priors, content["loss"],
        FitProblem(parameters, parts, priors, content["loss"]), rises, errors, left_out, barrier,
        tuple(OtherMinimum(**o) for o in content.get("others", ())),
    )  # fmt: skip


def _part(value, parameters, scatterers):
    data, device = decoded(value["data"]), decoded(value["device"], scatterers)
    index, resolution = np.array(value["index"], int), value["resolution"]
    moving = [i for i, owner in enumerate(index) if parameters[owner].free]
    kernel = predictor(device, data.response, data.settings, moving=moving, resolution=resolution)
    if len(kernel.layout.names) != index.size:
        raise InputError(
            f"{value['name']}: the device has {len(kernel.layout.names)} numbers and the fit "
            f"{index.size}: {OTHER_VERSION}"
        )
    nodes = value.get("nodes")
    return FitPart(
        value["name"], data, kernel, index, decoded(value["factor"]), decoded(value["sigma"]),
        bool(value["known"]), None if nodes is None else GateNodes(data.settings["gate"], nodes),
    )  # fmt: skip
