"""What all pictures share: their widths, their colours, and the figures they are drawn on."""

import functools
import threading
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from qpcjax.overviews import printable, titled
from qpcjax.quantities import QUANTITIES, RESULTS

COLUMN, PAGE = 3.4, 7.0  # widths of a journal's column and page, in inches

# Blue, red and ocher as in the paper; the three differ in lightness too.
COLOURS = {"P_R": "#0072B2", "P_L": "#A50F2A", "P_A": "#DDA01E"}
MODEL, TARGET, MARK = COLOURS["P_R"], COLOURS["P_L"], COLOURS["P_A"]
GREEN = "#1B8A4B"
SYMBOLS = {q.symbol: q.tex for q in (RESULTS[side] for side in ("right", "left", "asymmetry"))}
POWER = f"power ({RESULTS['total'].unit_tex})"  # of an axis for several of them
DATA = "0.55"
COLD = "#CFE6F5"  # under whatever is cooled

# Colours of curves that have no meaning of their own; told apart with any kind of colour vision.
SERIES = ("#0072B2", "#DDA01E", "#A50F2A", "#56B4E9", "#1B8A4B", "#000000")

BAND: dict[str, Any] = {"alpha": 0.3, "linewidth": 0}
DOTS: dict[str, Any] = {"linestyle": "none", "marker": ".", "markersize": 2.5}

_STYLE: Any = {
    "font.size": 8,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "axes.linewidth": 0.6,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "lines.linewidth": 1.1,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "mathtext.fontset": "dejavusans",
}
# Matplotlib's settings are one for all threads of a process: one of them draws at a time.
DRAWING = threading.RLock()


def styled(draw: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator: while a function draws, matplotlib's settings are those of a journal's figure.

    Settings that the user has changed, by a style sheet or one by one, stay as the user wants them.
    """

    @functools.wraps(draw)
    def drawn(*arguments, **options):
        with DRAWING:
            usual, now = matplotlib.rcParamsDefault, matplotlib.rcParams
            own = {name: value for name, value in _STYLE.items() if now[name] == usual[name]}
            with matplotlib.rc_context(own):
                return draw(*arguments, **options)

    return drawn


def one_panel(axes, height, width=COLUMN):
    """The Axes that are given, or those of a new figure that belongs to no window.

    Args:
        axes: Axes, or None.
        height: of the new figure, in inches.
        width: of the new figure, in inches.
    """
    if axes is not None:
        return axes
    return Figure(figsize=(width, height), layout="constrained").subplots()


class Panels(np.ndarray):
    """Axes of several panels on one figure, an array of them."""

    @property
    def figure(self):
        """The figure that the panels are on, as `figure` of a single one."""
        return self.flat[0].figure


def panels(axes, rows, columns, size, **options) -> Any:
    """The same for several panels: `Panels`, row by row.

    Args:
        axes: an array or sequence of as many Axes as there are panels, or None.
        rows: of panels on the new figure.
        columns: of panels on the new figure.
        size: width and height of the new figure, in inches.
        **options: of `Figure.subplots`.

    Raises:
        ValueError: another number of Axes.
    """
    if axes is None:
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, **options)
    axes = np.ravel(np.asarray(axes, dtype=object)).view(Panels)
    if axes.size != rows * columns:
        raise ValueError(f"axes must be {rows * columns} Axes, got {axes.size}")
    return axes


def quoted(name: str) -> str:
    """A name from a file as a label or title: matplotlib would read formulas between dollars."""
    return printable(name).replace("$", r"\$")


def with_unit(name, unit):
    """A label such as "half width (nm)", from a name such as half_width."""
    return titled(name.replace("_", " "), unit)


def axis_label(name, unit=""):
    """The label of a quantity's axis, from the table of quantities.

    Args:
        name: of the quantity.
        unit: in which it is drawn; by default its own.
    """
    return QUANTITIES[name].figure_axis(unit)


def diverging(even=False):
    """White at the middle, ocher to brown above, and blue below.

    The blue shows small values, unless it is to be as even as the ocher.
    """
    blues = (
        {0: "#08306B", 0.2: "#4A98C9", 0.38: "#B9D7EA"} if even else {0: "#08306B", 0.45: "#4A98C9"}
    )
    stops = {**blues, 0.5: "#FFFFFF", 0.62: "#F2D48A"}
    stops |= {0.8: COLOURS["P_A"], 1: "#6B3F00"}
    return LinearSegmentedColormap.from_list("asymmetry", list(stops.items()), N=4096)
