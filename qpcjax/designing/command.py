"""What `qpcjax design` does between its options and its files."""

from qpcjax.files import save_json, write_files


def answer(question, folder, progress):
    """Search, write the files; the report's text and the paths written.

    Args:
        question: of `read_design_spec`.
        folder: for report.txt, design.json, design.png and trajectory.png.
        progress: called with (done, total, label).

    Raises:
        InputError: anything that the user can mend.
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
    contents = {
        "report.txt": text,
        "design.json": save_json(report.as_json(found)),
        "design.png": plot.figure_bytes(plot.design_summary(found)[0].figure),
        "trajectory.png": plot.figure_bytes(plot.design_trajectory(found).figure),
    }
    return text, write_files(folder, contents)
