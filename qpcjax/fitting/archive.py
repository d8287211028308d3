"""A fit as one file, self-contained and checked when it is read."""

import json
from pathlib import Path

from qpcjax._versions import versions
from qpcjax.files import write_files
from qpcjax.files.results import content_digest
from qpcjax.fitting.serialisation import encoded, encoded_array, encoded_data
from qpcjax.measurements import InputError

FORMAT = "qpcjax fit"
VERSION = 1


def save_fit(fit, path, posterior=None):
    """See `FitResult.save`."""
    path = Path(path)
    content = _content(fit)
    if posterior is not None:
        content["posterior"] = {
            "samples": encoded_array(posterior.samples),
            "divergent": encoded_array(posterior.divergent),
            "unresolved": encoded_array(posterior.unresolved),
            "r_hat": {n: encoded(x) for n, x in posterior.r_hat.items()},
            "effective_size": {n: encoded(x) for n, x in posterior.effective_size.items()},
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


def _content(fit):
    problem = fit.problem
    return {
        "device": encoded(fit.device),
        "parameters": [
            {k: encoded(getattr(p, k)) for k in
             ("name", "value", "unit", "lower", "upper", "free", "log")}
            for p in fit.parameters
        ],
        "covariance": encoded_array(fit.covariance),
        "rises": encoded_array(fit.rises),
        "status": fit.status,
        "message": fit.message,
        "loss": fit.loss,
        "priors": {name: list(prior) for name, prior in fit.priors.items()},
        "starts": [
            {
                "values": {n: float(v) for n, v in s.values.items()},
                "loss": encoded(s.loss),
                "end": encoded(s.end),
            }
            for s in fit.starts
        ],
        "parts": [
            _part(part, result) for part, result in zip(problem.parts, fit.parts, strict=True)
        ],
    }  # fmt: skip


def _part(part, result):
    kernel = part.kernel
    data = encoded_data(part.data)
    return {
        "name": part.name,
        "data": data,
        "data_sha256": content_digest(data),
        "known": part.known,
        "sigma": encoded_array(part.sigma),
        "predicted": encoded_array(result.predicted),
        "correlation_length": result.correlation_length,
        "share": result.share,
        # What makes its predictions the same again, to the last bit.
        "index": [int(i) for i in part.index],
        "factor": encoded_array(part.factor),
        "device": encoded(kernel.device),
        "resolution": list(kernel.resolution),
        "nodes": None if part.along is None else int(part.along.nodes.size),
    }


def read_content(path):
    """What a file of `save_fit` holds, as it stands there.

    Raises:
        InputError: no such file, another kind of file, one that was cut off or changed, one of a
            later format.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(_foreign(path)) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    try:
        document = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        if text.lstrip().startswith(f'{{"format": "{FORMAT}"'):
            raise InputError(
                f"{path} was cut off or changed: it is no longer whole. Save the fit, or copy the "
                "file, once more"
            ) from None
        raise InputError(_foreign(path)) from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise InputError(_foreign(path))
    version = document.get("version")
    if not isinstance(version, int) or version < 1:
        raise InputError(_foreign(path))
    if version > VERSION:
        by = document.get("versions")
        by = by.get("qpcjax") if isinstance(by, dict) else None
        raise InputError(
            f"{path} is of format {version}, written by qpcjax {by or '(unknown)'}; this one reads "
            f"formats up to {VERSION}: install that version or a later one"
        )
    content = document.get("content")
    if not isinstance(content, dict) or content_digest(content) != document.get("sha256"):
        raise InputError(
            f"{path} has been changed or damaged since it was saved: its checksum is not that of "
            "what it holds. Save the fit, or copy the file, once more"
        )
    return content


def _no_constant(name):
    raise ValueError(f"{name} is not JSON")


def _foreign(path):
    return f"{path} is not a fit: give a file that was written by the save method of a fit's result"
