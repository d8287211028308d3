"""The one compiled program of a sweep: the observables of a chunk, over the local devices."""

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from qpcjax.heat.damping import QuadraticDamping
from qpcjax.observables import Observable, OperatingPoint, values_at
from qpcjax.quantities import POINT
from qpcjax.scatterers.fields import field_path, with_value
from qpcjax.transport.batching import same_dtype
from qpcjax.transport.reservoirs import Reservoirs

_DIMENSION = "blocks"
_BULK = 1 << 16  # points of T(E) alone that are worth a longer compilation


class _Static(NamedTuple):
    """What the program is compiled for."""

    paths: tuple[tuple[str, tuple[str, ...] | None], ...]  # of the axes; None: not the scatterer's
    table: bool
    observables: tuple[Observable, ...]
    order: int
    fermi_energy: Any
    bulk: bool
    block: int
    mesh: Mesh


class Program:
    """Computes chunks of a plan on this process's devices.

    Points go through a loop over blocks of one size, so that the numbers do not depend on how many
    devices share a chunk. A device gets two blocks at least: a loop of one turn would be compiled
    into something else, with other roundings. Threads may compute a chunk each: JAX compiles once.

    Args:
        plan: the `Plan`.
    """

    def __init__(self, plan):
        devices = jax.local_devices()
        mesh = Mesh(np.array(devices), (_DIMENSION,))
        blocks = max(2, math.ceil(math.ceil(plan.chunks.size / plan.block) / len(devices)))
        self.plan = plan
        starts = np.arange(blocks * len(devices)) * plan.block
        # Indices in 32 bits where they are enough: dividing takes less time then.
        few = plan.axes.size + starts.size * plan.block < np.iinfo(np.int32).max
        self._starts = starts.astype(np.int32 if few else np.int64)
        self._sharding = NamedSharding(mesh, PartitionSpec(_DIMENSION))
        # One long axis is taken piece by piece, as the columns of a table are.
        self._sliced = plan.axes.table or len(plan.axes.names) == 1
        paths = tuple(
            (name, None if name in POINT else field_path(plan.scatterer, name))
            for name in plan.axes.names
        )
        self._static = _Static(
            paths,
            self._sliced,
            plan.observables,
            plan.order,
            plan.fermi_energy,
            plan.axes.size >= _BULK and all(o.pointwise for o in plan.observables),
            plan.block,
            mesh,
        )
        everywhere = NamedSharding(mesh, PartitionSpec())
        numbers = same_dtype((plan.scatterer, plan.fixed, plan.law))
        self._scatterer, self._fixed, self._law = jax.device_put(numbers, everywhere)
        self._columns = None
        if not self._sliced:
            self._columns = jax.device_put(tuple(plan.axes.values.values()), everywhere)

    def values(self, number):
        """Values of a chunk, shape (observables, points)."""
        first, stop = self.plan.chunks.bounds(number)
        if self._sliced:
            index = np.minimum(first + np.arange(self._starts.size * self.plan.block), stop - 1)
            columns = tuple(
                values[index].reshape(-1, self.plan.block)
                for values in self.plan.axes.values.values()
            )
            columns, starts = jax.device_put((columns, self._starts), self._sharding)
        else:
            columns, starts = self._columns, jax.device_put(first + self._starts, self._sharding)
        given = self._scatterer, self._fixed, self._law
        blocks = _chunk(*given, columns, starts, static=self._static)
        values = np.moveaxis(np.asarray(blocks), 1, 0).reshape(len(self.plan.observables), -1)
        return np.ascontiguousarray(values[:, : stop - first])


@functools.partial(jax.jit, static_argnames="static")
def _chunk(scatterer, fixed, law, columns, starts, static):
    """Values of shape (blocks, observables, block)."""
    shared, split = PartitionSpec(), PartitionSpec(_DIMENSION)
    return jax.shard_map(
        functools.partial(_blocks, static=static),
        mesh=static.mesh,
        in_specs=(shared, shared, shared, split if static.table else shared, split),
        out_specs=split,
        check_vma=False,
    )(scatterer, fixed, law, columns, starts)


def _blocks(scatterer, fixed, law, columns, starts, static):
    """The blocks of one device, one after the other."""

    def point(values):
        changed, numbers = scatterer, dict(fixed)
        for (name, path), value in zip(static.paths, values, strict=True):
            if path is None:
                numbers[name] = value
            else:
                changed = with_value(changed, path, value)
        return _values(changed, numbers, law, static)

    def block(given):
        start, rows = given
        if static.table:
            values = rows
        else:
            values = at_index(columns, start + jnp.arange(static.block, dtype=start.dtype))
        return jax.vmap(point, out_axes=1)(values)

    return jax.lax.map(block, (starts, columns if static.table else None))


def _values(scatterer, numbers, law, static):
    """The observables at one point, shape (observables,)."""
    dtype = numbers["bias"].dtype
    # Without mu only observables at an energy are there.
    mu = numbers.get("mu", jnp.asarray(jnp.nan, dtype))
    others = (numbers[name] for name in ("bias", "temperature", "temperature_bias"))
    point = OperatingPoint(
        (scatterer.at_potential(mu) if "mu" in numbers else scatterer).settled(),
        Reservoirs(mu, *others),
        QuadraticDamping(numbers["damping"], static.fermi_energy) if law is None else law,
        numbers.get("energy"),
        numbers.get("distance"),
        static.order,
        static.bulk,
    )
    found = values_at(point, static.observables)
    return jnp.stack([jnp.asarray(found[o.name], dtype) for o in static.observables])


def at_index(columns, index):
    """Values of the axes at points of the grid; points beyond its end are its last one."""
    sizes = [column.shape[0] for column in columns]
    rest = jnp.minimum(index, index.dtype.type(math.prod(sizes) - 1))
    values = []
    for column in reversed(columns):
        size = index.dtype.type(column.shape[0])
        rest, at = rest // size, rest % size
        values.append(column[at])
    return tuple(reversed(values))
