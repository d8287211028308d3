"""Pictures of a design: its transmission, the objective around it, the descents of the search."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from qpcjax.constants import BOLTZMANN
from qpcjax.overviews import unit_text
from qpcjax.plot.style import (
    COLUMN,
    DATA,
    MARK,
    MODEL,
    PAGE,
    SERIES,
    TARGET,
    axis_label,
    one_panel,
    panels,
    styled,
    with_unit,
)
from qpcjax.scatterers.fields import quantity_of
from qpcjax.transport.transmission import transmission

_POINTS = 240
_SLICE = 41
_DEAR_POINTS, _DEAR_SLICE = 33, 11  # where each point takes a second
_WIDE = 20  # times the value at which an axis becomes logarithmic
_DOT = {"linestyle": "none", "marker": "o", "markersize": 3}
_ENDS = {"converged": "o", "merged": "s", "behind": "x", "infeasible": "X", "steps": "v"}


@styled
def design_summary(design, *, axes=None):
    """What the barrier transmits before and after, and the objective around the design.

    Left T(E) over E in meV with the bias window and mu, or the target; for a target of G, that in
    2e^2/h. Right the objective along each free parameter, from its lower to its upper bound, the
    others as in the design; the dots are the design. Dotted is where a constraint is not met; the
    active ones, which hold the objective back, are named above.

    Args:
        design: a `Design`.
        axes: two Axes to draw in.

    Returns:
        The Axes of the barrier and of the objective.
    """
    left, right = own = panels(axes, 1, 2, (PAGE, 2.9))
    if getattr(design.objective, "moves_scatterer", False) or hasattr(
        design.objective, "conductance"
    ):
        _draw_conductance(left, design)
    else:
        _draw_transmission(left, design)
    left.legend(loc="best")
    _draw_slices(right, design)
    value = f"{design.value:.5g} {unit_text(design.unit)}".rstrip()
    left.set_title(f"{design.objective.title}: {value} ({design.status})", loc="left")
    return own


def _draw_transmission(axes, design):
    r, target = design.reservoirs, design.objective
    kT = BOLTZMANN * float(r.temperature)
    mu, half = float(r.mu), abs(float(r.bias)) / 2
    reach = max(2 * half, 8 * kT, 0.5 * abs(mu))
    low, high = max(mu - reach, 1e-3), mu + reach
    if hasattr(target, "transmission"):
        low, high = np.min(target.energy), np.max(target.energy)
        wanted = target.energy, target.transmission
        axes.plot(*wanted, color=TARGET, label="target", gid="target", zorder=3, **_DOT)
    else:
        axes.axvspan(mu - half, mu + half, color=MARK, alpha=0.2, linewidth=0)
        axes.axvline(mu, color=MARK, linewidth=0.8, label=r"$\mu$, bias window")
    for row, colour, label in _before_and_after(design):
        scatterer, first, last = design.problem.solved(row), low, high
        if getattr(design.scatterer, "dear", False):  # a table, as far as it was calculated
            first, last = np.clip((low, high), *np.asarray(scatterer.energy)[[1, -2]])
        energy = np.linspace(first, last, _POINTS)
        t = transmission(scatterer, energy, float(r.bias))
        axes.plot(energy, t, color=colour, label=label, gid=label)
    axes.set(xlabel=axis_label("energy"), ylabel=axis_label("transmission"))


def _before_and_after(design):
    """Values, colour and label of the scatterer that was given, and of the design."""
    found = [design.points[name] for name in design.names]
    return (None, DATA, "before"), (found, MODEL, "design")


def _draw_conductance(axes, design):
    target, problem = design.objective, design.problem
    dear = getattr(design.scatterer, "dear", False)
    places = np.asarray(target.places(design.scatterer, design.reservoirs))
    x = np.linspace(np.min(places), np.max(places), _DEAR_POINTS if dear else _POINTS)
    for row, colour, label in _before_and_after(design):
        g = problem.curve(target.axis, x, row)
        axes.plot(x, g, color=colour, label=label, gid=label)
    if hasattr(target, "conductance"):
        wanted = target.values, target.conductance
        axes.plot(*wanted, color=TARGET, label="target", gid="target", **_DOT)
    along = quantity_of(design.scatterer, target.axis)
    axes.set(xlabel=along.figure_axis(), ylabel=axis_label("conductance"))


def _draw_slices(axes, design):
    dear = getattr(design.scatterer, "dear", False)
    share = np.linspace(0, 1, _DEAR_SLICE if dear else _SLICE)
    largest = abs(design.value)
    for k, p in enumerate(design.parameters):
        if p.log:
            values = p.lower * (p.upper / p.lower) ** share
        else:
            values = p.lower + (p.upper - p.lower) * share
        # The ends without rounding, which may be where modes or physics end.
        values[0], values[-1] = p.lower, p.upper
        along = np.append(design.along(p.name, values), design.value)
        at = np.append(share, p.share)
        order = np.argsort(at)
        largest = max(largest, np.nanmax(np.abs(along)))
        colour = SERIES[k % len(SERIES)]
        label = p.name.replace("_", " ")
        if not design.conditions:
            axes.plot(at[order], along[order], color=colour, label=label, gid=p.name)
        else:
            kept = np.append(design.kept_along(p.name, values), True)
            inside = np.where(kept, along, np.nan)
            axes.plot(at[order], along[order], ":", color=colour, linewidth=0.8, gid=p.name)
            axes.plot(at[order], inside[order], color=colour, label=label, gid=f"{p.name}, kept")
        axes.plot(p.share, design.value, "o", color=colour, markersize=4, clip_on=False)
    if design.objective.squares:
        axes.set_yscale("log")
    elif largest > _WIDE * abs(design.value) > 0:
        axes.set_yscale("symlog", linthresh=10 ** np.ceil(np.log10(abs(design.value))))
    if design.conditions:
        axes.plot([], [], ":", color="0.3", linewidth=0.8, label="constraint not met")
        held = [f"{c.name.replace('_', ' ')} = {c.value:.4g} {unit_text(c.unit)}".rstrip()
                for c in design.conditions if c.active]  # fmt: skip
        axes.set_title(f"held by {', '.join(held)}" if held else "no constraint is active")
    axes.set_xlabel("place between the bounds")
    axes.set_ylabel(with_unit("objective", design.unit))
    axes.legend(loc="best")


@styled
def design_trajectory(design, *, axes=None):
    """How each descent of the search came to the design, against the evaluations it took.

    Drawn is the distance of the objective from that of the design, or the objective itself where
    it is a mean square, on a logarithmic axis; a curve ends where the distance is 0. Marks at the
    ends say what became of the descent; the one that led to the design is the thickest. Under
    constraints a curve may rise: the point is then better for meeting them.

    Args:
        design: a `Design`.
        axes: Axes to draw in.

    Returns:
        The Axes.
    """
    axes = one_panel(axes, 2.6, COLUMN)
    followed = [(k, s) for k, s in enumerate(design.starts, 1) if s.end is not None]
    best = next((s for _, s in followed if s.end == design.values()), None)
    for i, (k, start) in enumerate(followed):
        y = np.asarray(start.history, float)
        y = y if design.objective.squares else np.abs(y - design.value)
        y = np.where(y > 0, y, np.nan)
        style = {"color": SERIES[i % len(SERIES)], "linewidth": 1.8 if start is best else 1.0}
        last = np.flatnonzero(np.isfinite(y))[-1:]
        label = f"start {k}: {start.status}"
        mark = {"marker": _ENDS.get(start.status, "o"), "markersize": 4}
        x = np.arange(1, y.size + 1)
        axes.plot(x, y, markevery=list(last), label=label, gid=f"start {k}", **style, **mark)
    axes.set_yscale("log")
    what = "objective" if design.objective.squares else "distance to the design"
    axes.set(xlabel="evaluations of the descent", ylabel=with_unit(what, design.unit))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="best")
    return axes
