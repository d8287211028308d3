"""A figure as the bytes of a file: the same figure, the same bytes."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from qpcjax.measurements import InputError
from qpcjax.plot.style import DRAWING

_DPI = 200

# What would say when or with which version a file was made is left out; None drops an entry.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": "qpcjax"},
    "svg": {"Creator": "qpcjax", "Date": None},
    "pdf": {"Creator": "qpcjax", "Producer": None, "CreationDate": None},
}
FORMATS = tuple(_METADATA)

# Names inside an SVG are random without a salt. Text stays text, so that it can be searched.
_SETTINGS: Any = {"svg.hashsalt": "qpcjax", "svg.fonttype": "none", "pdf.fonttype": 42}


def figure_bytes(figure: Figure, format: str = "png") -> bytes:
    """The content of a file that shows the figure.

    Args:
        figure: such as the `figure` of the Axes that a function of `qpcjax.plot` returns.
        format: "png" (200 dots an inch), "svg" or "pdf".

    Raises:
        ValueError: another format.
    """
    check_formats([format])
    if format == "png":
        return _png(figure, _DPI)
    buffer = io.BytesIO()
    with DRAWING, matplotlib.rc_context(_SETTINGS):
        figure.savefig(buffer, format=format, dpi=_DPI, metadata=_METADATA[format])
    return buffer.getvalue()


def screen_bytes(figure: Figure, dpi: int = 130) -> bytes:
    """The figure as a PNG for a page.

    Args:
        figure: as of `figure_bytes`.
        dpi: dots an inch.
    """
    return _png(figure, dpi)


def _png(figure, dpi):
    """A PNG that is drawn once, where `savefig` draws twice; the figure stays as it was."""
    buffer, own, canvas = io.BytesIO(), figure.get_dpi(), figure.canvas
    with DRAWING:
        figure.set_dpi(dpi)
        try:
            FigureCanvasAgg(figure).print_png(buffer, metadata=_METADATA["png"])
        finally:
            figure.set_dpi(own)
            figure.set_canvas(canvas)
    return buffer.getvalue()


def figure_files(axes: Mapping[str, Any], formats: Sequence[str] = ("png",)) -> dict[str, bytes]:
    """Figures as the content of a file for each format, for `files.write_files`.

    Args:
        axes: name of the file without suffix -> Axes that a function of `qpcjax.plot` returned.
        formats: of png, svg and pdf.

    Raises:
        ValueError: another format.
    """
    return {
        f"{name}.{format}": figure_bytes(np.ravel(drawn)[0].figure, format)
        for name, drawn in axes.items()
        for format in dict.fromkeys(formats)
    }


def check_formats(formats: Sequence[str]) -> None:
    """Raise InputError, a ValueError, for a format of figures that is not written."""
    for format in formats:
        if format not in _METADATA:
            raise InputError(f"format must be one of {', '.join(FORMATS)}, got {format!r}")
