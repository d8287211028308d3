"""Fits read back from their files."""

import numpy as np

from qpcjax.fitting.archive import read_content
from qpcjax.fitting.compiled_predictions import Kernel
from qpcjax.fitting.interpolation import Along
from qpcjax.fitting.posterior import Posterior
from qpcjax.fitting.problem import Part, Problem, require_double
from qpcjax.fitting.result import FitResult, PartResult, Start
from qpcjax.fitting.serialisation import decoded, decoded_array, decoded_data
from qpcjax.measurements import InputError
from qpcjax.measurements.circuit import Resolution
from qpcjax.optimise.parameters import Parameter


def load_fit(path, scatterers=None) -> FitResult:
    """A fit that was saved by `FitResult.save`.

    Predictions, covariance, flat directions and profiles are those of the fit that was saved, to
    the last bit where the same versions run on the same machine.

    Args:
        path: of the file.
        scatterers: name -> class, for barriers of your own classes.

    Raises:
        InputError: it is no such file, is damaged, of a later format, or has a barrier whose class
            is not given.
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
    arrays = (decoded_array(held[name]) for name in ("samples", "divergent", "unresolved"))
    by_name = (
        {n: decoded(x, {}) for n, x in held[name].items()} for name in ("r_hat", "effective_size")
    )
    return Posterior(fit, *arrays, *by_name)


def _read(path, scatterers):
    require_double()
    content = read_content(path)
    try:
        return _fit(content, dict(scatterers or {})), content
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(
            f"{path} does not hold what a fit has ({type(error).__name__}: {error}): it was not "
            "written by the save method of a fit's result"
        ) from None


def _fit(content, scatterers):
    parameters = tuple(
        Parameter(**{name: decoded(v, {}) for name, v in p.items()}) for p in content["parameters"]
    )
    parts, results = [], []
    for value in content["parts"]:
        part = _part(value, parameters, scatterers)
        parts.append(part)
        results.append(
            PartResult(
                part.name, part.data, decoded_array(value["predicted"]), part.sigma, part.known,
                value["correlation_length"], value["share"],
            )
        )  # fmt: skip
    priors = {
        name: (float(mean), float(sigma)) for name, (mean, sigma) in content["priors"].items()
    }
    problem = Problem(parameters, parts, priors, content["loss"])
    starts = tuple(
        Start(s["values"], decoded(s["loss"], {}), decoded(s["end"], {})) for s in content["starts"]
    )
    # Of fits that were saved before errors were looked at nothing is known.
    count = sum(p.free for p in parameters)
    rises = decoded_array(content["rises"]) if "rises" in content else np.full((count, 2), np.nan)
    return FitResult(
        decoded(content["device"], scatterers), parameters, decoded_array(content["covariance"]),
        tuple(results), content["status"], content["message"], starts, priors, content["loss"],
        problem, rises,
    )  # fmt: skip


def _part(value, parameters, scatterers):
    data = decoded_data(value["data"])
    index = np.array(value["index"], int)
    moving = [i for i, owner in enumerate(index) if parameters[owner].free]
    resolution = Resolution(*value["resolution"])
    device = decoded(value["device"], scatterers)
    kernel = Kernel(
        device, data.response, data.settings, resolution.order, moving, resolution=resolution
    )
    if len(kernel.layout.names) != index.size:
        raise InputError(
            f"{value['name']}: the device has {len(kernel.layout.names)} numbers and the fit "
            f"{index.size}: read it with the versions that it was saved with"
        )
    sigma, factor = decoded_array(value["sigma"]), decoded_array(value["factor"])
    nodes = value.get("nodes")
    nodes = None if nodes is None else Along(data.gate, nodes)
    return Part(value["name"], data, kernel, index, factor, sigma, bool(value["known"]), nodes)
