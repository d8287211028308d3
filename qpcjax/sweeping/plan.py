"""What is decided once for a whole sweep: checks, modes, panels, chunks."""

import dataclasses
import hashlib
import math
from collections.abc import Collection
from typing import Any

import jax
import numpy as np

from qpcjax._numerics.panels import MOST_ORDER, ORDER
from qpcjax.heat.damping import AbstractDamping, QuadraticDamping
from qpcjax.observables import Observable, read_observables
from qpcjax.quantities import POINT
from qpcjax.scatterers import AbstractScatterer
from qpcjax.scatterers.fields import field_path, with_numbers
from qpcjax.scatterers.users import as_scatterer
from qpcjax.sweeping.axes import DEFAULTS, Axes, read_axes
from qpcjax.sweeping.chunks import Chunks
from qpcjax.sweeping.room import stated_limits, with_limits_of, with_modes
from qpcjax.transport.reservoirs import Reservoirs
from qpcjax.validation import require_count

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
        law: damping law instead of the quadratic one; None without one.
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
    law: AbstractDamping | None = None

    def spec(self):
        """Everything that the numbers depend on, as plain JSON values."""
        law = {} if self.law is None else {"law": _described(self.law)}
        return law | {
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
    law: AbstractDamping | None = None,
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
        law: damping law instead of the quadratic one.
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
    if law is not None and ("damping" in points.names or "damping" in given):
        raise ValueError(
            "damping is the strength of the quadratic law: leave it out beside another law"
        )
    if law is not None and fermi_energy != "mu_R":
        raise ValueError("fermi_energy is of the quadratic law: leave it out beside another law")
    require_count("order", order, 2, most=MOST_ORDER)
    if chunk is not None:
        require_count("chunk", chunk)
    numbers = {name: value for name, value in given.items() if name in POINT}
    fixed = {k: v for k, v in {**DEFAULTS, **numbers}.items() if k not in points.names}
    stated = stated_limits(scatterer)
    scatterer = with_numbers(scatterer, {k: v for k, v in given.items() if k not in POINT})
    scatterer = _checked(scatterer, points, fixed, fermi_energy)
    scatterer = with_limits_of(scatterer, points, stated)
    scatterer = with_modes(scatterer, points, fixed, wanted, needed_modes)
    chunks, block = _chunks_and_block(scatterer, points.shape, wanted, chunk)
    return Plan(scatterer, points, fixed, given, wanted, order, fermi_energy, chunks, block, law)


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
