"""The files that `qpcjax fit` writes of several data sets fitted together."""

from typing import Any

from qpcjax._versions import versions
from qpcjax.files import table_files
from qpcjax.fitting.report_sections import as_page
from qpcjax.fitting.tables import as_json, facts, heating_columns, parameter_columns


def joint_files(
    found: Any,
    question: Any,
    progress: Any,
    *,
    title: str,
    first: list,
    summary: dict,
    axes: dict,
    curves: dict,
    formats: tuple[str, ...],
    figure_formats: tuple[str, ...],
) -> dict[str, Any]:
    """What the files hold by name, `report.txt` among them.

    Args:
        found: the `FitResult`.
        question: the `TraceFitOptions`, with the conditions of the heating prediction.
        progress: called with (done, total, label).
        title: of the page.
        first: sections of the report that stand before those of every fit.
        summary: what fit.json says beside what it says of every fit.
        axes: name of a picture -> its Axes.
        curves: columns of the table `fit_curves`, the first of them `point`.
        formats: of the tables.
        figure_formats: of the figures.
    """
    from qpcjax import plot
    from qpcjax.fitting import report
    from qpcjax.fitting.archive import summary_and_fit
    from qpcjax.fitting.heating import predict_heating

    conditions = question.bias, question.temperature, question.law
    heating = predict_heating(found, *conditions, progress=progress)
    axes = {
        **axes,
        "heating": plot.heating(heating),
        "correlation": plot.correlation(found),
    }
    drawn = plot.figure_files(axes, ("png", *figure_formats))
    sections = [*first, *report.sections(found, heating)]
    pictures = {name.capitalize(): drawn[f"{name}.png"] for name in axes}
    source = {"input": ", ".join(p.data.name for p in found.parts), "versions": versions()}
    heated = heating_columns(heating)
    parameters = parameter_columns(found)
    return {
        "report.txt": "\n".join(s.text() for s in sections) + "\n",
        "report.html": as_page(title, sections, pictures),
        "fit.json": summary_and_fit(as_json(found) | summary, found),
        **table_files("parameters", parameters, formats, source | facts(found), "name"),
        **table_files("heating", heated, formats, source, next(iter(heated))),
        **table_files("fit_curves", curves, formats, source, "point"),
        **{name: image for name, image in drawn.items() if name.endswith(tuple(figure_formats))},
    }
