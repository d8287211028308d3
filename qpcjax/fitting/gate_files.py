"""What `qpcjax fit --gates` does between its options and its files."""

import numpy as np

from qpcjax._versions import versions
from qpcjax.files import InputError, table_files, write_files
from qpcjax.files.table import digest
from qpcjax.fitting.command import curve_files, fitted_points
from qpcjax.fitting.gate_checks import grid_check
from qpcjax.fitting.gated_sample import GatedSample


def answer_gates(
    data,
    layout,
    question,
    folder,
    progress,
    formats=("csv",),
    figure_formats=("png",),
):
    """Fit a trace by the gates of a layout, write the files; the report and the paths written.

    Numbers whose error the layout states are free, with that prior; density, series resistance and
    temperature are in any case.

    Args:
        data: a `ConductanceTrace`.
        layout: a `MeasuredLayout`.
        question: a `TraceFitOptions`.
        folder: where the files go.
        progress: called with (done, total, label).
        formats: of the tables.
        figure_formats: of the figures.

    Raises:
        InputError: anything that the user can mend.
    """
    # Imported here: matplotlib and the fit take a second, which bad input should not cost.
    from qpcjax import plot
    from qpcjax.fitting import report, tables
    from qpcjax.fitting.archive import summary_and_fit
    from qpcjax.fitting.hysteresis import hysteresis_in_words
    from qpcjax.fitting.joint_fit import fit

    (whole,) = question.at_known_temperatures([data])
    used = fitted_points(whole, question.ranges, question.skips)
    data = whole if np.all(used) else whole[used]
    device = layout.device
    given = {"density": device.stack.density, "depth": device.stack.depth}
    given |= {name: getattr(device.gates, name, None) for name in ("gap", "length")}
    try:
        sample = GatedSample(device, still=layout.still, **layout.named)
        found = fit(
            sample,
            data,
            free=dict.fromkeys((*layout.errors, *question.freed)),
            fixed=dict(question.hold),
            priors={name: (float(given[name]), e) for name, e in layout.errors.items()},
            loss=question.loss,
            progress=progress,
        )
        progress(0, 1, "finer grid")
        checked = [grid_check(found).in_words()]
    except InputError:
        raise
    except ValueError as error:  # a parameter that there is not, a device that cannot be
        raise InputError(f"{layout.reader.path.name}: {error}") from None
    notes = [*hysteresis_in_words(data), *checked]
    axes = {"fit": plot.staircase(found, left_out=whole[~used] if not np.all(used) else None)}
    if len(found.free) > 1:
        axes["correlation"] = plot.correlation(found)
    drawn = plot.figure_files(axes, ("png", *figure_formats))
    shown = {name.capitalize(): drawn[f"{name}.png"] for name in axes}
    source = {
        "input": data.name,
        "input_sha256": data.sha256,
        "layout": layout.reader.path.name,
        "layout_sha256": digest(layout.reader.path),
        "versions": versions(),
    }
    summary = tables.as_json(found) | source
    summary["doubts"] = [*notes, *summary["doubts"]]
    columns = tables.parameter_columns(found)
    contents = {
        "report.txt": report.text(found, notes=notes),
        "report.html": report.page(found, figures=shown, notes=notes),
        "fit.json": summary_and_fit(summary, found),
        **table_files("parameters", columns, formats, source | tables.facts(found), "name"),
        **curve_files(tables.curve_columns(found, whole, used), formats, source),
        **{name: image for name, image in drawn.items() if name.endswith(tuple(figure_formats))},
    }
    return contents["report.txt"], write_files(folder, contents)
