"""What a finer grid would make of a fit of gates."""

import dataclasses

import numpy as np

from qpcjax.constants import RESISTANCE_QUANTUM
from qpcjax.fitting.gate_predictions import GatePredictor
from qpcjax.fitting.gated_sample import GatedSample
from qpcjax.fitting.result import FitResult
from qpcjax.gates import GatedDevice
from qpcjax.measurements import InputError


@dataclasses.dataclass(frozen=True, eq=False)
class GridCheck:
    """How far the steps of a fitted trace lie elsewhere on a finer grid.

    Fields:
        grid: step of the finer grid in nm.
        gate: voltages in mV of the middles of the fitted steps.
        shift: of each of them in mV on the finer grid, at the same numbers.
    """

    grid: float
    gate: np.ndarray
    shift: np.ndarray

    def in_words(self) -> str:
        """A sentence for reports."""
        mean, worst = float(np.mean(self.shift)), self.shift[np.argmax(np.abs(self.shift))]
        return (
            f"on a grid of {self.grid:g} nm the {self.shift.size} steps lie {mean:+.2g} mV from "
            f"where this fit has them on average, and {worst:+.2g} mV at most: an offset and a "
            "distance of steps that differ by less say nothing of the sample"
        )


def grid_check(found: FitResult, grid: float | None = None) -> GridCheck:
    """The steps of a fit of gates on a finer grid, the fitted numbers as they are.

    Args:
        found: a fit of a `GatedSample` to a trace.
        grid: step in nm; half of the fit's by default.

    Raises:
        InputError: another device, one with an `external` energy on its own grid, a trace whose fit
            has no step.
        ValueError: a grid that is not finer, or does not fit the box.
    """
    sample, part = found.device, found.problem.parts[0]
    if not isinstance(sample, GatedSample):
        raise InputError("the grid is that of a GatedSample: this fit is of another device")
    if sample.barrier.external is not None:
        raise InputError("the device has an external energy, which is known on its own grid alone")
    barrier = sample.barrier
    step = barrier.mesh.step
    grid = step / 2 if grid is None else float(grid)
    if not grid < step:
        raise ValueError(f"grid must be finer than the {step:g} nm of the fit, got {grid:g}")
    finer = GatedDevice(
        barrier.stack,
        barrier.gates,
        grid,
        barrier.mesh.lengths,
        barrier.points,
        tip=barrier.tip,
        disorder=barrier.disorder,
    )
    gate, value = part.data.settings["gate"], found.parts[0].predicted
    g = value / (1 - float(sample.series_resistance) / RESISTANCE_QUANTUM * value)
    middles = _crossings(gate, g)
    if not middles.size:
        raise InputError("the fitted trace has no step")
    settings = {name: np.full(middles.size, x[0]) for name, x in part.data.settings.items()}
    settings |= {"gate": middles}
    kernel = part.kernel
    here, slopes = kernel.linearise(kernel.layout.like(sample).values, settings)
    other = dataclasses.replace(sample, barrier=finer)
    there = GatePredictor(other, "conductance", settings, (), kernel.resolution)
    offset = list(kernel.moving).index(kernel.layout.names.index("offset"))
    change = there.predict(there.layout.values)[0] - here[0]
    along = slopes[0][:, offset] * float(sample.lever_arm)
    return GridCheck(grid, middles, -change / along)


def _crossings(gate, g):
    """Gate voltages at which a rising curve passes n - 1/2."""
    if g[0] > g[-1]:
        gate, g = gate[::-1], g[::-1]
    g = np.maximum.accumulate(g)
    rising = np.concatenate([[True], np.diff(g) > 0])
    levels = np.arange(np.ceil(g[0] + 0.5), np.floor(g[-1] + 0.5) + 1) - 0.5
    return np.interp(levels, g[rising], gate[rising])
