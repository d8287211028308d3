"""What is decided once for a whole sweep: checks, modes, panels, chunks."""

import dataclasses
import functools
import hashlib
import itertools
import math
from collections.abc import Collection
from typing import Any

import equinox as eqx
import jax
import numpy as np

from qpcjax.constants import BOLTZMANN
from qpcjax.heat.hot_spot import QuadraticDamping
from qpcjax.observables import Observable, read_observables
from qpcjax.quantities import POINT
from qpcjax.resolution import keeping, modes_kept, prepared, spinless
from qpcjax.scatterers import AbstractScatterer
from qpcjax.scatterers.base import as_scatterer
from qpcjax.scatterers.fields import field_path, with_numbers
from qpcjax.sweeping.axes import DEFAULTS, Axes, read_axes
from qpcjax.sweeping.chunks import Chunks
from qpcjax.transport.integrals import LOST_WEIGHT, ORDER
from qpcjax.transport.reservoirs import Reservoirs
from qpcjax.validation import require_count

# Static limits of some scatterers that follow from numbers which may be swept.
_LIMITS = ("aspect_limit", "largest_ratio")
_SAMPLES = 9  # of an axis, to find the largest such limit
_MOST_ROWS = 1024  # of a table, for the same
_ROWS_AT_ONCE = 1 << 18

# Points that are evaluated side by side, and those of a chunk: some seconds of work, and some
# chunks at least in a small sweep. The first number is for integrals, the second for T(E) alone.
_BLOCK = {"cpu": (64, 4096), "other": (2048, 1 << 18)}
_LARGEST_CHUNK = (1 << 14, 1 << 19)
_FEWEST_CHUNKS = (64, 16)
_SMALLEST_CHUNK = (64, 1 << 18)
_BLOCKS = 8  # in a chunk at least, so that several devices share it


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """A sweep with all its choices made.

    Attributes:
        scatterer: with enough modes and panels for every point; numbers that are swept have the
            first value of their axis.
        axes: the points.
        fixed: numbers of the operating point that all points share.
        given: those of `fixed` and of the scatterer that were stated beside the axes.
        observables: each `Observable`.
        order: Gauss nodes in a panel.
        fermi_energy: E_F of the damping.
        chunks: into which the points are divided.
        block: points that are evaluated side by side.
    """

    scatterer: AbstractScatterer
    axes: Axes
    fixed: dict[str, float]
    given: dict[str, float]
    observables: tuple[Observable, ...]
    order: int
    fermi_energy: Any
    chunks: Chunks
    block: int

    def spec(self):
        """Everything that the numbers depend on, as plain JSON values."""
        return {
            "scatterer": _described(self.scatterer, self._swept()),
            "axes": self.axes.described(),
            "table": self.axes.table,
            "fixed": dict(sorted(self.fixed.items())),
            "observables": [o.name for o in self.observables],
            "order": self.order,
            "fermi_energy": self.fermi_energy,
            "chunk_shape": list(self.chunks.chunk),
            "block": self.block,
        }

    def _swept(self):
        return {
            p for name in self.axes.names if (p := field_path(self.scatterer, name)) is not None
        }


def make_plan(
    scatterer,
    axes,
    observables,
    *,
    table=False,
    fermi_energy: Any = "mu_R",
    order=ORDER,
    chunk=None,
    needed_modes=False,
) -> Plan:
    """Check a sweep and make its choices.

    Args:
        scatterer: any scatterer.
        axes: name -> values, or a number that holds for all points.
        observables: names of the observables.
        table: whether the axes are the columns of a table.
        fermi_energy: E_F of the damping, see `QuadraticDamping`.
        order: Gauss nodes in a panel.
        chunk: most points in a chunk; by default some seconds of work.
        needed_modes: whether the scatterer keeps as many modes as are needed, and not its own.

    Raises:
        ValueError: anything that the caller can mend.
    """
    scatterer = as_scatterer(scatterer)
    points, given = read_axes(scatterer, axes, table)
    wanted = read_observables(observables, {*points.names, *given})
    both = set(points.names) & {o.name for o in wanted}
    if both:
        raise ValueError(
            f"{min(both)} is an axis and an observable: give the scatterer's number another name"
        )
    require_count("order", order, 2)
    if chunk is not None:
        require_count("chunk", chunk)
    numbers = {name: value for name, value in given.items() if name in POINT}
    fixed = {k: v for k, v in {**DEFAULTS, **numbers}.items() if k not in points.names}
    stated = _stated_limits(scatterer)
    scatterer = with_numbers(scatterer, {k: v for k, v in given.items() if k not in POINT})
    scatterer = _checked(scatterer, points, fixed, fermi_energy)
    scatterer = _with_limits(scatterer, points, stated)
    scatterer = _with_modes(scatterer, points, fixed, wanted, needed_modes)
    chunks, block = _chunks_and_block(scatterer, points.shape, wanted, chunk)
    return Plan(scatterer, points, fixed, given, wanted, order, fermi_energy, chunks, block)


# --- the scatterer's own numbers ------------------------------------------------------------


def _checked(scatterer, axes, fixed, fermi_energy):
    """The scatterer with the first values of its axes; every end of an axis is tried."""
    for name, values in axes.values.items():
        if name not in POINT:
            for value in {float(values.min()), float(values.max()), float(values[0])}:
                with_numbers(scatterer, {name: value})
            scatterer = with_numbers(scatterer, {name: float(values[0])})
    numbers = {**fixed, **axes.corners()}
    temperatures = {k: numbers[k] for k in ("temperature", "temperature_bias")}
    Reservoirs(0.0, 0.0, **temperatures)  # pyright: ignore[reportArgumentType]
    QuadraticDamping(float(np.min(numbers["damping"])), fermi_energy)
    return scatterer


# --- panels ---------------------------------------------------------------------------------


def _stated_limits(scatterer):
    """Names of the static limits that are not those which the scatterer's numbers give."""
    bare = spinless(scatterer)
    limits = [name for name in _LIMITS if hasattr(bare, name)]
    natural = _natural(bare, {}, limits)
    return {name for name in limits if getattr(bare, name) != natural[name]}


def _with_limits(scatterer, axes, stated):
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


def _with_modes(scatterer, axes, fixed, observables, choose):
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
            changed = eqx.tree_at(functools.partial(follow, path=path), changed, value)
        return _limits_of(changed)

    return jax.vmap(at)(columns)


def follow(holder, path):
    """The attribute at the end of a path of attributes."""
    for name in path:
        holder = getattr(holder, name)
    return holder


# --- chunks ---------------------------------------------------------------------------------


def _chunks_and_block(scatterer, shape, observables, chunk):
    """Chunks, and points in a block; neither depends on the number of devices or processes."""
    kind = int(all(o.pointwise for o in observables))
    block = _BLOCK["cpu" if jax.default_backend() == "cpu" else "other"][kind]
    block = max(1, block // scatterer.memory)
    if chunk is None:
        size = math.prod(shape)
        chunk = max(_SMALLEST_CHUNK[kind], math.ceil(size / _FEWEST_CHUNKS[kind]))
        chunk = min(_LARGEST_CHUNK[kind], size, math.ceil(chunk / block) * block)
    chunks = Chunks.of(shape, chunk)
    return chunks, max(1, min(block, math.ceil(chunks.size / _BLOCKS)))


# --- the manifest's words -------------------------------------------------------------------


def _described(value, swept: Collection = (), path=()) -> Any:
    """A scatterer as plain JSON values: equal for equal ones, the same in every process."""
    if path in swept:
        return "swept"
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, (float, np.number)):
        return float(value)
    if isinstance(value, (np.ndarray, jax.Array)):
        array = np.asarray(value)
        if array.ndim == 0:
            return array.item()
        digest = hashlib.sha256(array.tobytes()).hexdigest()
        return {"shape": list(array.shape), "dtype": str(array.dtype), "sha256": digest}
    if dataclasses.is_dataclass(value):
        kind = type(value)
        fields = {
            f.name: _described(getattr(value, f.name), swept, (*path, f.name))
            for f in dataclasses.fields(value)
        }
        return {"class": f"{kind.__module__}.{kind.__qualname__}", **fields}
    if isinstance(value, (list, tuple)):
        return [_described(v, swept, (*path, i)) for i, v in enumerate(value)]
    if isinstance(value, dict):
        return {str(k): _described(v, swept, (*path, k)) for k, v in sorted(value.items())}
    name = getattr(value, "__qualname__", None)
    if name is not None:  # a function or a class
        return f"{value.__module__}.{name}"
    leaves = jax.tree_util.tree_flatten_with_path(value)[0]
    if jax.tree_util.all_leaves([value]):
        return type(value).__qualname__
    named = {jax.tree_util.keystr(k): _described(v) for k, v in leaves}
    return {"class": f"{type(value).__module__}.{type(value).__qualname__}", **named}
