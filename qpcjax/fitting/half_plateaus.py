"""First plateaus far below 2e^2/h: split spins at a half, a large resistance, two constrictions."""

import numpy as np

from qpcjax.scatterers import ZeemanSplit
from qpcjax.scatterers.wrapper import wrappers

# Conductances in 2e^2/h, behind up to 2 kOhm: those of a plateau at 1/2, and beside it.
_PLATEAU, _BESIDE = (0.42, 0.53), ((0.15, 0.40), (0.60, 0.85))
_FEWEST = 6  # points that a plateau has: fewer may fall there by chance
_LONGER = 2.0  # times that a trace dwells on a plateau; on a step it is 0.8
# Where a first plateau lies behind more than 2.5 kOhm, and where behind less.
_LOW, _USUAL = (0.55, 0.84), (0.86, 1.04)
_WINDOW = 0.06  # of conductance, a plateau


def has_half_plateau(gate, conductance) -> bool:
    """Whether a trace stays at half of 2e^2/h longer than beside it.

    Args:
        gate: gate voltages in mV, rising.
        conductance: in 2e^2/h, the noise averaged out.
    """
    beside = [_dwelt(gate, conductance, *ends) for ends in _BESIDE]
    low, high = _PLATEAU
    points = np.sum((conductance > low) & (conductance < high))
    longer = min(beside) > 0 and _dwelt(gate, conductance, *_PLATEAU) > _LONGER * max(beside)
    return bool(longer and points >= _FEWEST)


def _dwelt(gate, conductance, low, high):
    """Gate voltage that a trace spends between two conductances, per conductance."""
    span = np.abs(np.gradient(np.asarray(gate, float)))
    return np.sum(span[(conductance > low) & (conductance < high)]) / (high - low)


def low_first_plateau(gate, conductance) -> float | None:
    """The first plateau in 2e^2/h where it lies at 0.55 to 0.84 and none is near 1; else None.

    A series resistance of 2.5 to 10.6 kOhm puts it there, or a second constriction with N2 open
    modes: 1/(1 + 1/N2). A shoulder near 0.7 has the plateau above it.

    Args:
        gate: gate voltages in mV, rising.
        conductance: in 2e^2/h, the noise averaged out.
    """

    def longest(low, high):
        starts = np.arange(low, high - _WINDOW + 1e-9, _WINDOW / 6)
        dwelt = [_dwelt(gate, conductance, x, x + _WINDOW) for x in starts]
        k = int(np.argmax(dwelt))
        return dwelt[k], float(starts[k] + _WINDOW / 2)

    if np.max(conductance) < _USUAL[1]:
        return None  # the trace ends before
    here, level = longest(*_LOW)
    points = np.sum(np.abs(conductance - level) < _WINDOW / 2)
    there, _ = longest(*_USUAL)
    return level if points >= _FEWEST and here > _LONGER * there else None


def half_plateau_in_words(part, device) -> tuple[str, ...]:
    """A sentence for a trace whose spins are split beside a barrier whose spins are not.

    Args:
        part: a `PartResult`.
        device: the fitted `Device`.
    """
    split = any(isinstance(w, ZeemanSplit) for w in wrappers(device.scatterer))
    if split or not part.data.staircase:
        return ()
    order = np.argsort(part.data.gate, kind="stable")
    if not has_half_plateau(part.data.gate[order], part.data.value[order]):
        return ()
    return (
        f"{part.name} has a plateau at half of 2e2/h: its spins are split, as a field splits them, "
        "or two equal constrictions stand in series. This barrier opens both spins at once, so "
        "that R_s and its numbers are wrong: state the field, --zeeman B,g or "
        "trace_device(zeeman=(B, g))",
    )
