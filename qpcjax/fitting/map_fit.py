"""A map over gate and bias fitted together with the trace at zero bias."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from qpcjax.fitting.device_of_trace import trace_device
from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.fitting.joint_fit import fit
from qpcjax.fitting.result import FitResult
from qpcjax.fitting.together import along, shortened, without
from qpcjax.measurements import BiasSpectroscopy, ConductanceTrace, InputError

_MOST = 600  # points of a map that are fitted
_NEAR = 0.2  # of the largest bias: what a line may have that stands for zero bias
# What a map knows and a trace does not, by the number that the gate moves: the size of a channel
# in nm says what mu is, and the steps of a saddle lie hbar omega_y apart.
_FREED = {"half_width": "mu", "height": "hbar_omega_y"}


@dataclasses.dataclass(frozen=True, eq=False)
class MapFit:
    """A map and a trace fitted together; see `fit_map`.

    Fields:
        found: the joint fit, whose data sets are "trace", where one was given, and "map".
        alone: the fit of the trace alone.
        map: all points of the map; the joint fit has at most 600 of them.
        freed: what the map determines beside what the trace does: "mu", "hbar_omega_y" or nothing.
    """

    found: FitResult
    alone: FitResult
    map: BiasSpectroscopy
    freed: tuple[str, ...]


def fit_map(
    spectrum: BiasSpectroscopy,
    trace: ConductanceTrace | None = None,
    model: str = "mean",
    *,
    shoulder: str | None = None,
    free: Iterable[str] = (),
    fixed: Mapping[str, float] | None = None,
    loss: str = "linear",
    progress: Callable[[int, int, str], None] | None = None,
    told: Callable[[str, FitResult], None] | None = None,
    **of_device: Any,
) -> MapFit:
    """Fit a device to a map over gate voltage and bias, and to the trace at zero bias.

    The trace is fitted first, with its search over every length and smearing. The joint fit begins
    there and frees what the map determines: mu of a channel, whose size in nm sets the energies,
    and hbar_omega_y of a saddle, whose height shifts with mu. At most 600 points of the map are
    fitted, on a coarser grid of its gate voltages and biases.

    Args:
        spectrum: the map.
        trace: conductance along the gate without bias; by default the line of the map that is
            nearest to zero bias.
        model: name of the barrier, as of `trace_device`.
        shoulder: the same; the trace is fitted without it first.
        free: names to free that are held by default.
        fixed: names to hold, with values.
        loss: as of `fit`.
        progress: called with (done, total, label).
        told: called with "trace" and its own fit.
        **of_device: what else `trace_device` takes: mu, mass, knots, ...

    Returns:
        `MapFit`.

    Raises:
        InputError: a map without a gate or without a line near zero bias where no trace is given; a
            map and a trace without a gate voltage in common; see `fit` and `trace_device`.
        ValueError: an unknown parameter.
    """
    if spectrum.gate is None:
        raise InputError(f"{spectrum.name} has no gate voltages: fit(device, map) fits such a map")
    given = trace is not None
    trace = trace.sorted() if trace is not None else zero_bias_line(spectrum)
    low, high = float(np.min(spectrum.gate)), float(np.max(spectrum.gate))
    if trace.gate.max() < low or trace.gate.min() > high:
        raise InputError(
            f"{trace.name} ({trace.gate.min():.5g} to {trace.gate.max():.5g} mV) and "
            f"{spectrum.name} ({low:.5g} to {high:.5g} mV) have no gate voltage in common: give a "
            "trace and a map of one gate, in the same unit"
        )
    fixed, free = dict(fixed or {}), list(free)
    short = shortened(trace)
    device = trace_device(short, model, **of_device)
    layout = DeviceNumbers(device)
    moved = next(iter(device.barrier.curves))
    told_by_map = _FREED.get(moved, "")
    freed = [told_by_map] if told_by_map in layout.names and told_by_map not in fixed else []
    # What the map alone can tell is held while the trace is fitted.
    early = {"free": [n for n in free if n not in freed], "fixed": fixed, "loss": loss}
    bare = without(early, shoulder)
    alone = fit(device, short, checks=False, progress=progress, **bare)
    if shoulder is not None:
        shape = trace_device(short, model, shoulder=shoulder, **of_device).scatterer
        own = alone.device.replaced(shape)
        alone = fit(own, short, starts=alone, checks=False, progress=progress, **early)
    if told:
        told("trace", alone)
    ends = min(low, trace.gate.min()), max(high, trace.gate.max())
    joint = along(alone.device, *ends)
    data = {"trace": trace} if given else {}
    numbers = DeviceNumbers(joint)
    found = fit(
        joint,
        data | {"map": thinned(spectrum)},
        free=[*freed, *early["free"]],
        fixed=fixed,
        loss=loss,
        starts=[dict(zip(numbers.names, map(float, numbers.values), strict=True))],
        progress=progress,
    )
    return MapFit(found, alone, spectrum, tuple(freed))


def zero_bias_line(spectrum: BiasSpectroscopy) -> ConductanceTrace:
    """The line of a map that is nearest to zero bias, as a trace.

    Raises:
        InputError: no line within a fifth of the largest bias.
    """
    biases = np.unique(spectrum.bias)
    nearest = biases[np.argmin(np.abs(biases))]
    if abs(nearest) > _NEAR * np.abs(biases).max():
        raise InputError(
            f"{spectrum.name} has no line near zero bias, the nearest is {nearest:.4g} mV: "
            "give the trace at zero bias too"
        )
    line = spectrum[spectrum.bias == nearest]
    name = f"{spectrum.name} at {nearest:.4g} mV"
    trace = ConductanceTrace(
        line.settings["gate"],
        line.conductance,
        name=name,
        sigma=line.sigma,
        temperature=line.temperature,
    )
    return trace.sorted()


def thinned(spectrum: BiasSpectroscopy, most: int = _MOST) -> BiasSpectroscopy:
    """The map on a coarser grid of its gate voltages and biases, with at most `most` points."""
    gates = spectrum.settings["gate"]
    gate, bias = np.unique(gates), np.unique(spectrum.bias)
    kept = [gate, bias]
    while kept[0].size * kept[1].size > most and max(k.size for k in kept) > 2:
        k = int(np.argmax([kept[0].size, kept[1].size]))
        every = (gate, bias)[k]
        size = max(kept[k].size * 3 // 4, 2)
        kept[k] = every[np.unique(np.linspace(0, every.size - 1, size).round().astype(int))]
    if kept[0].size == gate.size and kept[1].size == bias.size:
        return spectrum
    return spectrum[np.isin(gates, kept[0]) & np.isin(spectrum.bias, kept[1])]
