"""Where the fits of several barriers begin: each is looked at on a table of its conductance."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

from qpcjax.fitting.device import Device
from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.fitting.starts import with_held
from qpcjax.fitting.steps import is_peak
from qpcjax.fitting.trace_search import TraceSearch, is_searchable
from qpcjax.measurements import ConductanceTrace


@dataclasses.dataclass(frozen=True)
class BarrierStart:
    """Where the fit of a barrier begins.

    Fields:
        device: its `Device`.
        starts: of the fit, dicts of names and values; or how many to look for.
        rms: of the best of them on a table, in 2e^2/h; infinite without a table.
        refused: why the barrier cannot be fitted, or None.
    """

    device: Any = None
    starts: Any = None
    rms: float = math.inf
    refused: ValueError | None = None


def barrier_start(
    device: Device,
    trace: ConductanceTrace,
    free: Iterable[str],
    fixed: Mapping[str, float],
    starts: int,
) -> BarrierStart:
    """The best minima of a device on its table, where the search knows such devices.

    Args:
        device: of the barrier.
        trace: the data.
        free: names of numbers to free that are held by default.
        fixed: names of numbers to hold, with values.
        starts: the most that are wanted.

    Raises:
        InputError: steps that the barrier cannot have.
    """
    layout = DeviceNumbers(device)
    numbers = {}
    for p, base in zip(layout.parameters(), layout.bases, strict=True):
        said = {p.name, base}
        for name in said & set(fixed):
            p = p.fixed(fixed[name])
        numbers[p.name] = dataclasses.replace(p, free=p.free or bool(said & set(free)))
    if is_peak(trace) or not is_searchable(device, numbers):
        return BarrierStart(device, starts)
    minima = TraceSearch(with_held(layout, device, numbers), trace, numbers).minima()
    own = {n: p.value for n, p in numbers.items()}
    return BarrierStart(device, [own | m.values for m in minima[:starts]], minima[0].rms)
