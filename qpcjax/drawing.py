"""Figures as files, the same bytes for the same figure."""

import io
from collections.abc import Sequence

import matplotlib
from matplotlib.figure import Figure

from qpcjax.data import InputError

FIGURE_FORMATS = ("png", "svg", "pdf")

# What each format says of its making; dates would change the bytes from run to run.
_METADATA = {
    "png": {"Software": "qpcjax"},
    "svg": {"Creator": "qpcjax", "Date": None},
    "pdf": {"Creator": "qpcjax", "Producer": None, "CreationDate": None},
}


def figure_bytes(figure: Figure, format: str = "png", dpi: float | None = None) -> bytes:
    """A figure as the bytes of a file.

    Args:
        figure: the figure.
        format: png, svg or pdf.
        dpi: of a PNG; by default the figure's own.

    Raises:
        InputError: another format.
    """
    check_figure_formats([format])
    buffer = io.BytesIO()
    # The names of an SVG's parts are random without it.
    with matplotlib.rc_context({"svg.hashsalt": "qpcjax"}):
        figure.savefig(buffer, format=format, dpi=dpi or "figure", metadata=_METADATA[format])
    return buffer.getvalue()


def figure_files(
    figures: dict[str, Figure], formats: Sequence[str] = ("png",), dpi: float | None = None
) -> dict[str, bytes]:
    """Figures as the content of a file for each format, for `write_files`.

    Args:
        figures: name of the file without suffix -> figure.
        formats: of png, svg and pdf.
        dpi: of a PNG; by default each figure's own.
    """
    return {
        f"{name}.{format}": figure_bytes(figure, format, dpi)
        for name, figure in figures.items()
        for format in dict.fromkeys(formats)
    }


def check_figure_formats(formats):
    """Raise InputError for a format of figures that is not written."""
    for format in formats:
        if format not in FIGURE_FORMATS:
            raise InputError(
                f"figure_format must be one of {', '.join(FIGURE_FORMATS)}, got {format!r}"
            )
