"""Plateaus at half of 2e^2/h: spins that are split, and what a fit without them says."""

import numpy as np

from qpcjax.scatterers import ZeemanSplit
from qpcjax.scatterers.wrapper import wrappers

# Conductances in 2e^2/h, behind up to 2 kOhm: those of a plateau at 1/2, and beside it.
_PLATEAU, _BESIDE = (0.42, 0.53), ((0.15, 0.40), (0.60, 0.85))
_FEWEST = 6  # points that a plateau has: fewer may fall there by chance
_LONGER = 2.0  # times that a trace dwells on a plateau; on a step it is 0.8


def has_half_plateau(gate, conductance) -> bool:
    """Whether a trace stays at half of 2e^2/h longer than beside it.

    Args:
        gate: gate voltages in mV, rising.
        conductance: in 2e^2/h, the noise averaged out.
    """
    span = np.abs(np.gradient(np.asarray(gate, float)))

    def dwelt(low, high):
        return np.sum(span[(conductance > low) & (conductance < high)]) / (high - low)

    beside = [dwelt(*ends) for ends in _BESIDE]
    low, high = _PLATEAU
    points = np.sum((conductance > low) & (conductance < high))
    longer = min(beside) > 0 and dwelt(*_PLATEAU) > _LONGER * max(beside)
    return bool(longer and points >= _FEWEST)


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
        f"{part.name} has a plateau at half of 2e2/h: its spins are split, as a field splits them. "
        "This barrier opens both at once, so that R_s and its numbers are wrong: state the "
        "field, --zeeman B,g or trace_device(zeeman=(B, g))",
    )
