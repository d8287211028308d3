"""The modes and panels that hold for all points of a sweep, whose columns are numbers by name."""

import itertools
import math

import numpy as np

from qpcjax.quantities import POINT
from qpcjax.resolution import (
    Window,
    beyond_known,
    keeping,
    limits_kept,
    limits_needed,
    modes_kept,
    modes_needed,
    prepared,
    with_limits,
)
from qpcjax.scatterers.fields import innermost, with_numbers

_SAMPLES = 9  # of an axis, to find the largest static limit
_MOST_ROWS = 1024  # of a table, for the same
_ROWS_AT_ONCE = 1 << 18  # of a table, for its modes


# --- static limits --------------------------------------------------------------------------


def stated_limits(scatterer):
    """The static limits that are not those which the scatterer's numbers give, by name."""
    needed = limits_needed(scatterer)
    return {n: limit for n, limit in limits_kept(scatterer).items() if limit != needed.get(n)}


def with_limits_of(scatterer, axes, stated):
    """The scatterer with the static limits that its numbers need; those stated are kept."""
    if not limits_kept(scatterer).keys() - stated:
        return scatterer
    bare = innermost(scatterer)
    swept = {n: v for n, v in axes.values.items() if n not in POINT and hasattr(bare, n)}
    rows = _samples(swept, axes.table) if swept else [{}]
    needed = [limits_needed(scatterer, row) | stated for row in rows]
    return with_limits(scatterer, needed)


def _samples(swept, table):
    """Rows of values, by name: ends and something between, for what need not be monotonic."""
    if not table:
        picked = [_spread(np.unique(v), _SAMPLES) for v in swept.values()]
        rows = itertools.product(*picked)
        return [dict(zip(swept, map(float, row), strict=True)) for row in rows]
    columns = list(swept.values())
    chosen = set(_spread(np.arange(columns[0].size), _MOST_ROWS).tolist())
    # The ends of the ratios of two columns, such as L over w, beside those of each.
    ratios = (a / b for a in columns for b in columns)  # one at a time, as they may be long
    with np.errstate(divide="ignore", invalid="ignore"):
        measures = itertools.chain(columns, ratios)
        chosen |= {int(f(m)) for m in measures for f in (np.argmin, np.argmax)}
    return [{name: float(v[row]) for name, v in swept.items()} for row in sorted(chosen)]


def _spread(values, count):
    """At most this many of the values, from the first to the last."""
    if values.size <= count:
        return values
    return values[np.linspace(0, values.size - 1, count).round().astype(int)]


# --- modes ----------------------------------------------------------------------------------


def with_modes(scatterer, axes, fixed, observables, choose):
    """The scatterer with the modes that every point needs.

    Args:
        scatterer: any scatterer.
        axes: the points.
        fixed: numbers that they share.
        observables: each `Observable`.
        choose: whether the number of modes is chosen here; else that of the scatterer must do.

    Raises:
        ValueError: too few modes, T(E) is not known, or the panels do not resolve it; says at
            which point.
    """
    columns = {**fixed, **axes.corners()}
    size = max(np.size(v) for v in columns.values())
    table = {name: np.broadcast_to(v, size) for name, v in columns.items()}
    starts = range(0, size, _ROWS_AT_ONCE)
    pieces = [{name: v[i : i + _ROWS_AT_ONCE] for name, v in table.items()} for i in starts]

    def at_all_rows(modes):
        tested = keeping(scatterer, modes)
        found = [beyond_known(tested, _own(p), _window(p, observables)) for p in pieces]
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]

    def at(row):
        here = {name: float(values[row]) for name, values in table.items()}
        return with_numbers(scatterer, _own(here)), _window(here, observables)

    def where(row):
        return ", ".join(f"{name} = {table[name][row]:g}" for name in axes.names)

    needed, row = modes_needed(scatterer, Window(math.nan)), None
    while True:
        # The worst point may need more modes, and then another one may be the worst.
        worst = int(np.argmax(at_all_rows(needed)[0]))
        more = modes_needed(*at(worst))
        if row is not None and more <= needed:
            break
        needed, row = more, worst
    try:
        ready = prepared(*at(row), None if choose else modes_kept(scatterer))
    except ValueError as error:
        raise ValueError(f"{error} (at {where(row)})") from None
    kept = modes_kept(ready)
    resolved = at_all_rows(kept)[1]
    if not np.all(resolved):
        raise ValueError(
            f"the panels do not resolve T(E) at {where(int(np.argmin(resolved)))}: leave "
            "aspect_limit and largest_ratio of the scatterer to be chosen, or make them larger"
        )
    return keeping(scatterer, kept)


def _window(table, observables):
    """The electrons whose T(E) the observables take, at the rows of a table."""
    kinds = {o.electrons for o in observables}
    windows = []
    if "energy" in kinds:
        # One energy is what a cold reservoir reaches.
        windows.append(Window(table["energy"] if "energy" in table else table["mu"]))
    if "reservoirs" in kinds:
        windows.append(Window(*(table[name] for name in Window._fields)))
    elif "equilibrium" in kinds:
        windows.append(Window(table["mu"], temperature=table["temperature"]))
    windows = windows or [Window(np.full_like(table["damping"], np.nan))]
    return Window(*np.stack([np.broadcast_arrays(*window) for window in windows], axis=1))


def _own(table):
    """The scatterer's own columns."""
    return {name: values for name, values in table.items() if name not in POINT}
