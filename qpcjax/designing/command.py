"""`qpcjax design` without its options: the search, and the files it writes."""

from qpcjax.files import save_json, table_files, write_files
from qpcjax.files.table import digest


def answer(question, folder, progress, formats=("csv",), figure_formats=("png",)):
    """Search, write the files; the report's text and the paths written.

    Args:
        question: `DesignSpec` of `read_design_spec`.
        folder: for report.txt, design.json, the table parameters, design.png and trajectory.png.
        progress: called with (done, total, label).
        formats: of the table.
        figure_formats: of png, svg and pdf.

    Raises:
        InputError: an argument that `design` refuses.
    """
    # Imported here: matplotlib takes a second, which a bad spec should not cost.
    from qpcjax import plot
    from qpcjax.designing import report
    from qpcjax.designing.design import design

    try:
        found = design(*question.positional, **question.named, progress=progress)
    except (ValueError, TypeError) as error:
        raise question.reader.error(str(error)) from None
    text = report.text(found)
    spec = question.reader
    source = {"input": spec.path.name, "input_sha256": digest(spec.path, *spec.tables)}
    columns, facts = report.parameter_columns(found), report.facts(found)
    contents = {
        "report.txt": text,
        "design.json": save_json(report.as_json(found) | source),
        **table_files("parameters", columns, formats, facts | source, "name"),
        **plot.figure_files(
            {"design": plot.design_summary(found), "trajectory": plot.design_trajectory(found)},
            figure_formats,
        ),
    }
    return text, write_files(folder, contents)
