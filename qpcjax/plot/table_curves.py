"""What the figures that are drawn from tables share: panels, curves of a table, their legends."""

import re
from typing import Any

import numpy as np
from matplotlib.legend import Legend
from matplotlib.lines import Line2D

from qpcjax.plot.style import COLOURS, COLUMN, PAGE, SYMBOLS, panels
from qpcjax.quantities import QUANTITIES

DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1.2)))


def noted_panels(axes, count, height, note):
    """Axes side by side, on a new figure with the note above it where none are given."""
    own = panels(axes, 1, count, (PAGE if count > 1 else COLUMN, height))
    if axes is None and note:
        note = ";   ".join(note.splitlines()) if count > 1 else note
        own[0].figure.suptitle(note, fontsize=7, color="0.35")
    return own


def curves_of(table):
    """Columns with conditions in their name, such as eV=0.2 E1, as dicts of name and values."""
    curves = []
    for name, values in table.items():
        conditions = dict(re.findall(r"(\w+)=([\d.]+)", name))
        if conditions:
            curves.append({"name": name, "values": np.asarray(values), **conditions})
    return curves


def condition_values(curves, condition):
    """The different values of a condition, rising, as they are written in the column names."""
    return sorted({c[condition] for c in curves}, key=float)


def in_scale(name):
    """The label of an energy in units of E1."""
    return f"${QUANTITIES[name].tex}\\,/\\,{QUANTITIES['energy_scale'].tex}$"


def span(x):
    """The ends of an axis that just holds these numbers."""
    return float(np.min(x)), float(np.max(x))


def name_panel(axis, letter, text):
    """A panel's letter, and what it shows."""
    axis.set_title(f"{letter}   {text}", loc="left", fontsize=8)


def colour_handles():
    """What the colours of the powers mean, for a legend."""
    return [Line2D([], [], color=c, label=f"${SYMBOLS[p]}$") for p, c in COLOURS.items()]


def style_handles(labels):
    """What solid, dashed and dotted lines mean, for a legend."""
    return [
        Line2D([], [], color="0.2", linestyle=dashes, label=label)
        for label, dashes in zip(labels, DASHES, strict=False)
    ]


def add_legend(axis, handles, **where):
    """A legend beside others: axis.legend would replace the one before."""
    labels = [handle.get_label() for handle in handles]
    axis.add_artist(Legend(axis, handles, labels, **where))
