"""How far the periodic box moves the potential of a device: the images of its gates."""

import math
from typing import Any, NamedTuple

import numpy as np

from qpcjax.potentials.bare_gates import FAR
from qpcjax.validation import concrete

_GRID = 20.0  # nm, step of the grid on which boxes are compared
_VOLTAGE = 5e-3  # V, for the derivative of the barrier by the gates


class BoxChange(NamedTuple):
    """What an infinite box would change, estimated.

    Fields:
        energy: of the barrier in meV: the largest along the current of the smallest across.
        voltage: of the pinch-off in V: minus the energy over the derivative of the barrier by a
            voltage on all gates.
    """

    energy: float
    voltage: float


def box_change(device: Any, voltages: Any, within: tuple[float, float] | None = None) -> BoxChange:
    """What an infinite box would change in the potential of a device.

    The device is solved in its own box and in one twice as long and wide. Images of the gates move
    the barrier by about one over the size of the box, so that an infinite one would change twice as
    much. A grid of 20 nm serves for the comparison; random donors and external energies are left
    out.

    Args:
        device: a `GatedDevice` of concrete numbers.
        voltages: in V, as of `GatedDevice.potential`.
        within: how far to either side, along and across in nm, the barrier is looked for; by
            default as far as the gates reach, and where they run on, to the edge of the box.

    Returns:
        The `BoxChange`; zeros for a bare surface, which has no box.

    Raises:
        ValueError: traced numbers, voltages that the device refuses.
    """
    applied = concrete(device.gates.numbers_of(voltages))
    if applied is None or concrete(device.stack.density) is None:
        raise ValueError("box_change must be left out where numbers are traced: it solves anew")
    if device.stack.surface == "bare":
        return BoxChange(0.0, 0.0)
    step, shape = _coarse(device.mesh)
    ends = within or _reach(device)

    def barrier(shape, shift, start=None):
        box = step * shape[0], step * shape[1]
        alone = type(device)(device.stack, device.gates, step, box, device.points, tip=device.tip)
        each = dict(zip(device.gates.names, (applied + shift).tolist(), strict=True))
        found = alone.potential(each, start)
        inside = [
            np.abs(axis) <= end + 1e-9 for axis, end in zip((found.x, found.y), ends, strict=True)
        ]
        return float(np.max(np.min(np.asarray(found.energy)[np.ix_(*inside)], axis=1))), found

    own, found = barrier(shape, 0.0)
    moved, _ = barrier(shape, -_VOLTAGE, found)
    larger, _ = barrier((2 * shape[0], 2 * shape[1]), 0.0)
    change = 2 * (larger - own)
    slope = (moved - own) / -_VOLTAGE
    return BoxChange(change, -change / slope if slope else math.nan)


def _coarse(mesh):
    """Step and points of the coarsest grid of at most 20 nm whose points are some of this one's."""
    for share in range(max(int(_GRID / mesh.step + 1e-9), 1), 1, -1):
        if all(count % (2 * share) == 0 for count in mesh.shape):
            return mesh.step * share, (mesh.shape[0] // share, mesh.shape[1] // share)
    return mesh.step, mesh.shape


def _reach(device):
    """The |x| and |y| in nm up to which gates reach."""
    half = np.array(device.mesh.lengths) / 2
    corners = [o.corners for o in device.gates.outlines]
    places = np.abs(np.concatenate([c for c in corners if c is not None] or [np.zeros((1, 2))]))
    return tuple(
        float(end) if np.any(p >= FAR) else float(np.max(p))
        for p, end in zip(places.T, half, strict=True)
    )
