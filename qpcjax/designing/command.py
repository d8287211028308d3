"""What `qpcjax design` does between its options and its files."""

from qpcjax.files import save_json, write_files


def answer(question, folder, progress, figure_formats=("png",)):
    """Search, write the files; the report's text and the paths written.

    Args:
        question: of `read_design_spec`.
        folder: for report.txt, design.json and design.png.
        progress: called with (done, total, label).
        figure_formats: of png, svg and pdf.

    Raises:
        InputError: anything that the user can mend.
    """
    # Imported here: matplotlib takes a second, which a bad spec should not cost.
    from qpcjax.designing import plots, report
    from qpcjax.designing.design import design
    from qpcjax.drawing import figure_files

    try:
        found = design(*question.positional, **question.named, progress=progress)
    except (ValueError, TypeError) as error:
        raise question.reader.error(str(error)) from None
    text = report.text(found)
    contents = {
        "report.txt": text,
        "design.json": save_json(report.as_json(found)),
        **figure_files({"design": plots.draw_design(found)}, figure_formats),
    }
    return text, write_files(folder, contents)
