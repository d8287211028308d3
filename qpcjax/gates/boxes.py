"""The periodic box of a device: its grid, and whether gates fit into it."""

import math
from typing import Any

import numpy as np

from qpcjax.gates.kernels import Grid
from qpcjax.gates.layout import AbstractGates
from qpcjax.potentials.bare_gates import FAR

# Gates end so many steps inside the box, beyond which they have no compressibility.
_MARGIN = 8

# Bare ground beside the gates in nm, along and across, of a box that is not given.
_BESIDE = 1500.0, 800.0


def mesh_of(gates: AbstractGates, step: Any, box: Any) -> Grid:
    """The grid of a box, which may be left to the gates."""
    step = float(step)
    if not (math.isfinite(step) and step > 0):
        raise ValueError(f"grid must be a positive length in nm, the step of the grid, got {step}")
    if box is None:
        box = _default_box(gates, step)
    if len(box) != 2:
        raise ValueError(f"box must be two periods in nm, along and across, got {box!r}")
    counts = []
    for name, length in zip(("along", "across"), box, strict=True):
        cells = float(length) / step
        count = round(cells)
        if count < 4 or count % 2 or abs(cells - count) > 1e-6:
            raise ValueError(
                f"box must be an even number of steps of {step:g} nm, 4 or more, got {length:g} nm "
                f"{name}"
            )
        counts.append(count)
    return Grid(step, (counts[0], counts[1]))


def limits(mesh: Grid) -> tuple[float, float]:
    """The largest |x| and |y| in nm at which gates may end."""
    along, across = (length / 2 - _MARGIN * mesh.step for length in mesh.lengths)
    return along, across


def _default_box(gates, step):
    corners = [o.corners for o in gates.outlines]
    if any(c is None for c in corners):
        raise ValueError("box must be given in nm where the outlines of gates are traced")
    places = np.abs(np.concatenate(corners))
    ends = [np.max(p[p < FAR], initial=0.0) for p in places.T]
    return tuple(
        step * _even(2 * (end + beside) / step) for end, beside in zip(ends, _BESIDE, strict=True)
    )


def _even(least):
    """The next even number whose factors are 2, 3 and 5, which is quick to transform."""
    count = 2 * math.ceil(least / 2)
    while True:
        rest = count
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return count
        count += 2


def refuse_outside(gates: AbstractGates, mesh: Grid) -> None:
    """Raise ValueError for a gate that leaves the box, where its outline is known."""
    for name, outline in zip(gates.names, gates.outlines, strict=True):
        corners = outline.corners
        if corners is None:
            continue
        for axis, largest, edges in zip(
            corners.T, limits(mesh), ("left and right", "bottom and top"), strict=True
        ):
            inside = np.abs(axis[np.abs(axis) < FAR])
            if np.any(inside > largest):
                raise ValueError(
                    f"the gate {name} leaves the box: it reaches to {inside.max():g} nm, and must "
                    f"end {_MARGIN} steps inside, within {largest:g} nm. Take a larger box or, for "
                    f"a gate that runs on, a rectangle with None for {edges}"
                )
