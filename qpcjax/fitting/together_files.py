"""What `qpcjax fit` writes of several traces that it fits together."""

import numpy as np

from qpcjax.files import InputError, write_files
from qpcjax.fitting.command import fitted_points
from qpcjax.fitting.joint_files import joint_files
from qpcjax.fitting.misfit import in_noise
from qpcjax.fitting.report_sections import Section
from qpcjax.quantities import QUANTITIES

_MODEL = "mean"  # where none is named


def answer_together(
    traces, question, folder, progress, formats=("csv",), figure_formats=("png",), told=None
):
    """Fit traces together, predict, write the files; the report's text and the paths written."""
    contents = files_together(traces, question, progress, formats, figure_formats, told)
    return contents["report.txt"], write_files(folder, contents)


def files_together(
    traces, question, progress, formats=("csv",), figure_formats=("png",), told=None
):
    """Fit traces together and predict; what the files hold by name, `report.txt` among them.

    Args:
        traces: of `ConductanceTrace`.
        question: a `TraceFitOptions`.
        progress: called with (done, total, label).
        formats: of the tables.
        figure_formats: of the figures.
        told: called with a line for every trace, as soon as it is fitted by itself.

    Raises:
        InputError: anything that the user can mend.
    """
    from qpcjax import plot
    from qpcjax.fitting.together import fit_together

    chosen = []
    for trace in question.at_known_temperatures(traces):
        used = fitted_points(trace, question.ranges, question.skips)
        chosen.append(trace if np.all(used) else trace[used])

    def shown(name, found):
        if told:
            told(f"{name} alone: {in_noise(found.parts[0])}")

    try:
        together = fit_together(
            chosen,
            question.model or _MODEL,
            private=question.private,
            progress=progress,
            told=shown,
            **question.of_joint_fit,
        )
    except InputError:
        raise
    except ValueError as error:  # a parameter that there is not
        raise InputError(str(error)) from None
    found = together.found
    return joint_files(
        found,
        question,
        progress,
        title=f"Fit of {len(traces)} traces",
        first=[_of_traces(together)],
        summary={"alone": _alone(together), "doubts": _doubts(together)},
        axes={"fit": plot.staircases(found)},
        curves=_curves(found),
        formats=formats,
        figure_formats=figure_formats,
    )


def _doubts(together):
    return [*together.contradictions, *together.found.doubts]


def _of_traces(together):
    """The traces beside each other: together and alone, and what they do not agree on."""
    rows = []
    for part in together.found.parts:
        alone = together.alone[part.name]
        _, factor = part.data.response.residual_unit
        resistance = alone.values().get("series_resistance")
        rows.append(
            (
                part.name,
                str(part.predicted.size),
                f"{factor * part.rms:.4g}",
                f"{part.misfit:.3g}",
                f"{alone.misfit:.3g}",
                "" if resistance is None else f"{resistance:.4g}",
            )
        )
    heads = ("trace", "points", "rms/uS", "rms/noise", "rms/noise alone", "R_s/ohm alone")
    lines = tuple(f"* {words[:1].upper()}{words[1:]}." for words in together.contradictions)
    return Section("Traces", lines, heads, tuple(rows))


def _alone(together):
    """The fits one by one as plain values."""
    return {
        name: {
            "rms": f.rms,
            "misfit": f.misfit,
            "values": {p.name: p.value for p in f.free},
            "stderr": f.stderr,
        }
        for name, f in together.alone.items()
    }


def _curves(found):
    """Columns of the table of all points: trace, gate, conductance, fit, residual."""
    unit = found.parts[0].unit
    fine, factor = found.parts[0].data.response.residual_unit
    names = [part.name for part in found.parts for _ in part.predicted]
    columns = {
        "point": list(range(len(names))),
        "trace": names,
        QUANTITIES["gate"].named_column: [part.data.gate for part in found.parts],
        f"conductance ({unit})": [part.data.value for part in found.parts],
        f"fit ({unit})": [part.predicted for part in found.parts],
        f"residual ({fine})": [factor * part.residual for part in found.parts],
    }
    return {n: np.concatenate(c) if n not in ("point", "trace") else c for n, c in columns.items()}
