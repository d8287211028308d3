"""The modes and panels that hold for all points of a sweep.

This is the one place where a sweep decides them; points are columns of numbers by name.
"""

import dataclasses
import functools
import itertools
import math

import jax
import numpy as np

from qpcjax.constants import BOLTZMANN
from qpcjax.quantities import POINT
from qpcjax.resolution import LOST_WEIGHT, keeping, modes_kept, prepared, spinless
from qpcjax.scatterers.fields import field_path, with_numbers, with_value
from qpcjax.transport.reservoirs import Reservoirs

# Static limits of some scatterers that follow from numbers which may be swept.
_LIMITS = ("aspect_limit", "largest_ratio")
_SAMPLES = 9  # of an axis, to find the largest such limit
_MOST_ROWS = 1024  # of a table, for the same
_ROWS_AT_ONCE = 1 << 18


# --- panels ---------------------------------------------------------------------------------


def stated_limits(scatterer):
    """Names of the static limits that are not those which the scatterer's numbers give."""
    bare = spinless(scatterer)
    limits = [name for name in _LIMITS if hasattr(bare, name)]
    natural = _natural(bare, {}, limits)
    return {name for name in limits if getattr(bare, name) != natural[name]}


def with_limits(scatterer, axes, stated):
    """The scatterer with the static limits that its numbers need; those stated are kept."""
    bare = spinless(scatterer)
    limits = [name for name in _LIMITS if hasattr(bare, name) and name not in stated]
    if not limits:
        return scatterer
    fields = {f.name for f in dataclasses.fields(bare)}
    swept = {name: v for name, v in axes.values.items() if name in fields}
    rows = _samples(swept, axes.table) if swept else [{}]
    found = [_natural(bare, row, limits) for row in rows]
    changes = {name: max(limit[name] for limit in found) for name in limits}
    return _with_bare(scatterer, dataclasses.replace(bare, **changes))


def _natural(bare, numbers, limits):
    """The limits that a scatterer of these numbers gets by default."""
    if limits:
        bare = dataclasses.replace(bare, **dict.fromkeys(limits), **numbers)
    return {name: getattr(bare, name) for name in limits}


def _samples(swept, table):
    """Rows of values, by name: ends and something between, for what need not be monotonic."""
    if not table:
        picked = [_spread(np.unique(v), _SAMPLES) for v in swept.values()]
        rows = itertools.product(*picked)
        return [dict(zip(swept, map(float, row), strict=True)) for row in rows]
    columns = list(swept.values())
    chosen = set(_spread(np.arange(columns[0].size), _MOST_ROWS).tolist())
    for rows in _pieces(columns[0].size):
        parts = [column[rows] for column in columns]
        # The ends of the ratios of two columns, such as L over w, beside those of each.
        with np.errstate(divide="ignore", invalid="ignore"):
            measures = [a / b for a in parts for b in parts] + parts
        chosen |= {rows.start + int(f(m)) for m in measures for f in (np.argmin, np.argmax)}
    return [{name: float(v[row]) for name, v in swept.items()} for row in sorted(chosen)]


def _pieces(rows):
    """Slices of a long table, since what is computed from it should not be as long."""
    return [slice(i, min(i + _ROWS_AT_ONCE, rows)) for i in range(0, rows, _ROWS_AT_ONCE)]


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
    table = {**fixed, **axes.corners()}
    tested = scatterer
    if modes_kept(scatterer) is not None:
        tested = prepared(_at_row(scatterer, table, 0), Reservoirs(-math.inf))
        tested = keeping(scatterer, modes_kept(tested))
    row, reservoirs = 0, Reservoirs(-math.inf)
    for electrons in _electrons(table, observables):
        while True:
            # The worst point may need more modes, and then another one may be the worst.
            worst = _worst(tested, table, electrons)
            here = Reservoirs(*(float(_at(v, worst)) for v in electrons))
            more = modes_kept(_prepared(tested, axes, table, worst, here, None))
            if more is None or more <= modes_kept(tested):
                break
            tested, row, reservoirs = keeping(tested, more), worst, here
    kept = modes_kept(scatterer)
    if kept is not None:
        kept = modes_kept(tested) if choose else kept
        _prepared(scatterer, axes, table, row, reservoirs, kept)
        scatterer = keeping(scatterer, kept)
    for rows in _pieces(_rows(table)):
        resolved = _limits(scatterer, table, rows)[3]
        if np.all(resolved):
            continue
        where = _where(axes, table, rows.start + int(np.argmin(resolved)))
        raise ValueError(
            f"the panels do not resolve T(E) at {where}: leave aspect_limit and largest_ratio of "
            "the scatterer to be chosen, or make them larger"
        )
    return scatterer


def _prepared(scatterer, axes, table, row, reservoirs, modes):
    """`modes.prepared` for one point, which its message names."""
    try:
        return prepared(_at_row(scatterer, table, row), reservoirs, modes)
    except ValueError as error:
        raise ValueError(f"{error} (at {_where(axes, table, row)})") from None


def _where(axes, table, row):
    return ", ".join(f"{name} = {_at(table[name], row):g}" for name in axes.names)


def _at(values, row):
    return values[row] if np.ndim(values) else values


def _at_row(scatterer, table, row):
    numbers = {k: float(_at(v, row)) for k, v in table.items() if k not in POINT}
    return with_numbers(scatterer, numbers)


def _with_bare(scatterer, bare):
    """The scatterer with another one in place of that of one spin."""
    if spinless(scatterer) is scatterer:
        return bare
    return dataclasses.replace(scatterer, scatterer=bare)


def _electrons(table, observables):
    """Reservoirs (mu, bias, temperature, temperature_bias) that observables take, as columns."""
    kinds = {o.electrons for o in observables}
    if "energy" in kinds:
        # One energy is what a cold reservoir reaches.
        yield (table["energy"] if "energy" in table else table["mu"], 0.0, 0.0, 0.0)
    if kinds & {"equilibrium", "reservoirs"}:
        unbiased = "reservoirs" not in kinds
        yield (
            table["mu"],
            0.0 if unbiased else table["bias"],
            table["temperature"],
            0.0 if unbiased else table["temperature_bias"],
        )


def _worst(scatterer, table, electrons):
    """Row of the table at which electrons reach farthest beyond the energies that are known."""
    found = []
    for rows in _pieces(_rows(table)):
        limit, floor, step, _ = _limits(scatterer, table, rows)
        mu, bias, temperature, difference = (_cut(v, rows) for v in electrons)
        beyond = []
        for sign in (1, -1):
            kT = BOLTZMANN * (temperature + sign * difference / 2)
            side = mu + sign * bias / 2
            # As in `modes`: electrons far below the first step are those activated to it.
            side = np.where(kT > 0, np.maximum(side, step), side)
            reach = math.log(1 / LOST_WEIGHT) * kT
            beyond += [side + reach - limit, floor - side + reach]
        worst = np.atleast_1d(functools.reduce(np.maximum, beyond))
        row = int(np.argmax(worst))
        found.append((worst[row], rows.start + row))
    return max(found)[1]


def _rows(table):
    return max(np.size(v) for v in table.values())


def _cut(values, rows):
    return np.asarray(values[rows] if np.ndim(values) else values)


def _limits(scatterer, table, rows):
    """Energy limit, floor, first step and whether it is resolved, at these rows of the table."""
    fields = {k: _cut(v, rows) for k, v in table.items() if k not in POINT}
    if not fields:
        return tuple(np.asarray(x) for x in _limits_of(scatterer))
    paths = tuple(field_path(scatterer, name) for name in fields)
    found = _limits_at(scatterer, tuple(fields.values()), paths)
    return tuple(np.asarray(x) for x in found)


def _limits_of(scatterer):
    step = getattr(spinless(scatterer), "first_step", -math.inf)
    return scatterer.energy_limit(), scatterer.energy_floor(), step, scatterer.resolved()


@functools.partial(jax.jit, static_argnames="paths")
def _limits_at(scatterer, columns, paths):
    def at(values):
        changed = scatterer
        for path, value in zip(paths, values, strict=True):
            changed = with_value(changed, path, value)
        return _limits_of(changed)

    return jax.vmap(at)(columns)
