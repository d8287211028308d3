"""What `qpcjax fit --map` writes of a map over gate and bias."""

import numpy as np

from qpcjax.files import InputError, write_files
from qpcjax.fitting.command import fitted_points
from qpcjax.fitting.joint_files import joint_files
from qpcjax.fitting.misfit import in_noise
from qpcjax.fitting.report_sections import Section
from qpcjax.quantities import QUANTITIES

_MODEL = "mean"  # where none is named


def answer_map(
    spectrum,
    trace,
    question,
    folder,
    progress,
    formats=("csv",),
    figure_formats=("png",),
    told=None,
):
    """Fit a map, predict, write the files; the report's text and the paths written.

    Args:
        spectrum: a `BiasSpectroscopy`.
        trace: a `ConductanceTrace` at zero bias, or None.
        question: a `TraceFitOptions`.
        folder: where the files go.
        progress: called with (done, total, label).
        formats: of the tables.
        figure_formats: of the figures.
        told: called with a line for the trace, as soon as it is fitted by itself.

    Raises:
        InputError: anything that the user can mend.
    """
    from qpcjax import plot
    from qpcjax.fitting.lever_arm import lever_arms
    from qpcjax.fitting.map_fit import fit_map

    (spectrum,) = question.at_known_temperatures([spectrum])
    if trace is not None:
        used = fitted_points(trace, question.ranges, question.skips)
        (trace,) = question.at_known_temperatures([trace if np.all(used) else trace[used]])
    try:
        answer = fit_map(
            spectrum,
            trace,
            question.model or _MODEL,
            progress=progress,
            told=None if told is None else lambda n, f: told(f"{n} alone: {in_noise(f.parts[0])}"),
            **question.of_joint_fit,
        )
    except InputError:
        raise
    except ValueError as error:  # a parameter that there is not
        raise InputError(str(error)) from None
    found = answer.found
    arms = lever_arms(found)
    axes = {"map": plot.map_fit(found)}
    if trace is not None:
        axes = {"fit": plot.staircases(found), **axes}
    contents = joint_files(
        found,
        question,
        progress,
        title=f"Fit of {spectrum.name}",
        first=[_of_map(answer, arms)],
        summary={"lever_arms": [arm._asdict() for arm in arms]},
        axes=axes,
        curves=_points(found),
        formats=formats,
        figure_formats=figure_formats,
    )
    return contents["report.txt"], write_files(folder, contents)


def _of_map(answer, arms):
    """What the map tells beside the trace, and the lever arm where each sub-band opens."""
    found, lines = answer.found, []
    values = {p.name: p for p in found.parameters}
    for name in answer.freed:
        p = values[name]
        error = found.stderr.get(name)
        known = "" if error is None else f" +- {error:.2g}"
        lines.append(
            f"The map determines {name} = {p.value:.5g}{known} {p.unit}, which the trace alone "
            "leaves open."
        )
    fitted, whole = found.parts[-1].data.value.size, answer.map.value.size
    if fitted < whole:
        lines.append(f"{fitted} of the {whole} points of the map were fitted, on a coarser grid.")
    lines.append("Lever arm: -dE_n/d(eV_g) at the gate voltage where sub-band n opens, E_n = mu.")
    rows = tuple(
        (str(a.subband), f"{a.gate:.5g}", f"{a.value:.4g}", f"+- {a.stderr:.2g}") for a in arms
    )
    heads = ("n", "gate/mV", "lever arm", "stderr")
    return Section("Map over gate and bias", tuple(lines), heads, rows)


def _points(found):
    """Columns of the table of all points: data set, gate, bias, conductance, fit, residual."""
    parts = found.parts
    unit = parts[0].unit
    fine, factor = parts[0].data.response.residual_unit
    names = [part.name for part in parts for _ in part.predicted]
    biases = [
        part.data.bias if hasattr(part.data, "bias") else np.zeros(part.predicted.size)
        for part in parts
    ]
    return {
        "point": list(range(len(names))),
        "data set": names,
        QUANTITIES["gate"].named_column: np.concatenate([part.data.gate for part in parts]),
        QUANTITIES["bias"].named_column: np.concatenate(biases),
        f"conductance ({unit})": np.concatenate([part.data.value for part in parts]),
        f"fit ({unit})": np.concatenate([part.predicted for part in parts]),
        f"residual ({fine})": np.concatenate([factor * part.residual for part in parts]),
    }
