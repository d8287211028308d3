"""The conductance of a barrier tabulated over everything that one trace leaves open.

At one electrochemical potential G depends on three numbers: the one that the gate moves, the shape
(the length of a channel, the softness of a saddle), and the thermal width. On a table of all three
a fit costs next to nothing: see `table_fits`.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.scatterers.fields import field_path, innermost, with_plain_numbers, with_value

_NEAR = 0.7  # of the smallest kT, the step of the energies around mu
_GROWTH = 0.1  # by which steps grow with the distance from mu
_REACH = 16.0  # largest kT that the energies reach
_AT_ONCE = 512  # barriers whose T(E) is evaluated in one call
_MOST_KEPT = 16  # tables; fits of similar traces share one
_KEPT: dict[Any, "Landscape"] = {}


@dataclasses.dataclass(frozen=True, eq=False)
class Landscape:
    """G in 2e^2/h on a grid; not exact, but good to find the minima of a fit.

    Fields:
        moved: the number that the gate moves, (m,), even in `place`.
        logarithmic: whether `place` is the logarithm of the moved number, or the number itself.
        shape: (s,).
        kT: thermal widths in meV, (t,), even in the logarithm.
        conductance: (s, t, m).
        unit: unit of a smearing in meV at each moved number, (m,).
    """

    moved: np.ndarray
    logarithmic: bool
    shape: np.ndarray
    kT: np.ndarray
    conductance: np.ndarray
    unit: np.ndarray

    @property
    def place(self):
        """The coordinate in which the moved numbers are even."""
        return np.log(self.moved) if self.logarithmic else self.moved


def tabulate(scatterer, mu, names, moved, shape, kT, logarithmic, ratio=False) -> Landscape:
    """The `Landscape` of a scatterer.

    Args:
        scatterer: any scatterer; its other numbers count.
        mu: electrochemical potential in meV.
        names: of the moved number and of the shape; None where there is no shape.
        moved: values, even in themselves or in their logarithm.
        shape: values.
        kT: thermal widths in meV.
        logarithmic: whether moved numbers are even in their logarithm.
        ratio: whether the shape is a ratio to the moved number.
    """
    scatterer = with_plain_numbers(scatterer)
    leaves, structure = jax.tree.flatten(scatterer)
    numbers = tuple(np.asarray(x, float).tobytes() for x in (*leaves, mu, moved, shape, kT))
    key = structure, names, logarithmic, ratio, numbers
    table = _KEPT.get(key)
    if table is None:
        table = _tabulated(scatterer, mu, names, moved, shape, kT, logarithmic, ratio)
        while len(_KEPT) >= _MOST_KEPT:
            _KEPT.pop(next(iter(_KEPT)), None)
        _KEPT[key] = table
    return table


def joined(tables: Sequence[Landscape]) -> Landscape:
    """Tables of different shapes on the same grids as one."""
    return dataclasses.replace(
        tables[0],
        shape=np.concatenate([t.shape for t in tables]),
        conductance=np.concatenate([t.conductance for t in tables]),
    )


def _tabulated(scatterer, mu, names, moved, shape, kT, logarithmic, ratio):
    offsets = _offsets(kT[0], kT[-1])
    weights = thermal_weights(offsets, kT)
    paths: Any = tuple(field_path(scatterer, n) for n in names if n is not None)
    shapes = np.asarray(shape, float)
    numbers = [np.broadcast_to(moved, (shapes.size, moved.size))]
    if len(paths) > 1:
        factor = moved if ratio else np.ones(moved.size)
        numbers.append(shapes[:, None] * factor)
    t = _every_transmission(scatterer, [x.reshape(-1) for x in numbers], mu + offsets, paths)
    # Below its floor nothing passes; above the energies that a barrier knows nothing is asked.
    t = np.nan_to_num(t).reshape(shapes.size, moved.size, offsets.size)
    conductance = np.einsum("sme,et->stm", t, weights)
    return Landscape(
        moved, logarithmic, shapes, kT, conductance, _units(scatterer, paths[0], moved)
    )


def _units(scatterer, path, moved):
    """The unit of a smearing at each moved number: E1 of a constriction, else 1 meV."""
    if not hasattr(type(innermost(scatterer)), "energy_scale"):
        return np.ones(moved.size)
    changed = (innermost(with_value(scatterer, path, x)) for x in moved)
    return np.array([float(s.energy_scale) for s in changed])


def _offsets(least, most):
    """Energies around 0 that resolve the kernel of `least` and reach that of `most`."""
    found = [0.0]
    while found[-1] < _REACH * most:
        found.append(found[-1] + max(_NEAR * least, _GROWTH * found[-1]))
    return np.array([-x for x in found[:0:-1]] + found)


def thermal_weights(offsets, kT):
    """Weights (energies, kT) of T(E) in the thermal average; exact where T is linear between."""
    z = offsets[:, None] / kT
    rising = kT * np.logaddexp(0, -z)  # its second derivative is -df/dE
    slope = np.diff(rising, axis=0) / np.diff(offsets)[:, None]
    ends = np.full((1, kT.size), -1.0), np.zeros((1, kT.size))
    return np.diff(np.concatenate([ends[0], slope, ends[1]]), axis=0)


def _every_transmission(scatterer, columns, energies, paths):
    """T of barriers at energies, (barriers, energies); tables of every size share one program."""
    size = columns[0].size
    found = np.empty((size, energies.size))
    for first in range(0, size, _AT_ONCE):
        rows = slice(first, min(first + _AT_ONCE, size))
        fill = (0, first + _AT_ONCE - rows.stop)
        block = tuple(jnp.asarray(np.pad(c[rows], fill, mode="edge")) for c in columns)
        t = _transmissions(scatterer, block, jnp.asarray(energies), paths)
        found[rows] = t[: rows.stop - first]
    return found


@functools.partial(jax.jit, static_argnames="paths")
def _transmissions(scatterer, columns, energies, paths):
    def at(values: Any):
        changed = scatterer
        for path, value in zip(paths, values, strict=True):
            changed = with_value(changed, path, value)
        return changed.transmissions(energies, jnp.zeros_like(energies[0]), None, True)

    return jax.lax.map(at, columns)
