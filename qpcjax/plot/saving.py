"""A figure as the bytes of a file: the same figure, the same bytes."""

import io
from typing import Any

import matplotlib
from matplotlib.figure import Figure

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
    if format not in _METADATA:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {format!r}")
    buffer = io.BytesIO()
    with matplotlib.rc_context(_SETTINGS):
        figure.savefig(buffer, format=format, dpi=_DPI, metadata=_METADATA[format])
    return buffer.getvalue()
