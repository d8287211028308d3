"""Several traces of one device: fitted one by one, and together with parameters that they share."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from qpcjax.fitting.barrier_choice import averaged
from qpcjax.fitting.device import Device, GateCurve, Gated, gate_knots
from qpcjax.fitting.device_of_trace import trace_device
from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.fitting.joint_fit import fit
from qpcjax.fitting.result import FitResult
from qpcjax.measurements import ConductanceTrace, InputError
from qpcjax.overviews import unit_text

_MANY = 500  # points from which on a trace is fitted alone by averages of neighbours
_APART = 5.0  # standard errors from which on two values of one parameter contradict each other


@dataclasses.dataclass(frozen=True, eq=False)
class TracesTogether:
    """Several traces fitted together; see `fit_together`.

    Fields:
        found: the joint fit, whose data sets are the traces by name.
        alone: the fit of each trace alone, by name.
        contradictions: sentences on shared parameters that the traces alone do not agree on.
    """

    found: FitResult
    alone: dict[str, FitResult]
    contradictions: tuple[str, ...]


def fit_together(
    traces: Iterable[ConductanceTrace],
    model: str = "mean",
    *,
    private: Iterable[str] = (),
    shoulder: str | None = None,
    free: Iterable[str] = (),
    fixed: Mapping[str, float] | None = None,
    loss: str = "linear",
    progress: Callable[[int, int, str], None] | None = None,
    told: Callable[[str, FitResult], None] | None = None,
    **of_device: Any,
) -> TracesTogether:
    """Fit one device to several traces, first one by one and then together.

    The traces share all parameters but the private ones: the law along the gate among them, so that
    one gate voltage means the same barrier in each. The fits one by one are searched over every
    length and smearing; the joint fit begins where they end. Traces of known temperatures have them
    as `ConductanceTrace.temperature`; with `private=("temperature",)` and `free=("temperature",)`
    each has one of its own that is fitted.

    Args:
        traces: two or more, with names of their own.
        model: name of the barrier, as of `trace_device`.
        private: names of parameters that each trace has a value of its own of; a curve's name
            stands for all of its values.
        shoulder: as of `trace_device`.
        free: names to free that are held by default.
        fixed: names to hold, with values.
        loss: as of `fit`.
        progress: called with (done, total, label).
        told: called with the name of each trace and its own fit.
        **of_device: what else `trace_device` takes: mu, mass, knots, ...

    Returns:
        `TracesTogether`.

    Raises:
        InputError: fewer than two traces; traces that share a law along the gate and whose gate
            voltages do not overlap; see `fit` and `trace_device`.
        ValueError: an unknown parameter.
    """
    named = _named(traces)
    progress = progress or (lambda *_: None)
    asked = {"free": list(free), "fixed": dict(fixed or {}), "loss": loss}
    first = next(iter(named.values()))
    device = trace_device(shortened(first), model, **of_device)
    private = list(private)
    _require_overlap(named, device, private)
    alone, bare = {}, None
    for k, (name, trace) in enumerate(named.items()):
        label = f"{k + 1} of {len(named)}: "

        def shown(done, total, what, label=label):
            progress(done, total, label + what)

        own = along(device, trace.gate.min(), trace.gate.max())
        few, options = shortened(trace), without(asked, shoulder)
        found = fit(own, few, checks=False, progress=shown, **options)
        if shoulder is not None:
            bare = bare or trace_device(shortened(first), model, shoulder=shoulder, **of_device)
            own = found.device.replaced(bare.scatterer)
            found = fit(own, few, starts=found, checks=False, progress=shown, **asked)
        alone[name] = found
        if told:
            told(name, found)
    ends = [t.gate for t in named.values()]
    base = next(iter(alone.values())).device
    joint = along(base, min(g.min() for g in ends), max(g.max() for g in ends))
    start = _start(joint, alone, private)
    found = fit(joint, named, private=private, starts=[start], progress=progress, **asked)
    return TracesTogether(found, alone, tuple(_contradictions(found, alone, private)))


def along(device: Device, low: float, high: float) -> Device:
    """The device with its curves along the gate continued to another range, in mV."""

    def moved(curve):
        if not isinstance(curve, GateCurve) or curve.range == (low, high):
            return curve
        knots = gate_knots((low, high), curve.values.shape[0])
        return GateCurve((low, high), curve(knots), curve.kind)

    curves = {name: moved(curve) for name, curve in device.barrier.curves.items()}
    # Not by tree_at, which would sort the curves: the first one is what the gate moves.
    barrier = Gated(device.barrier.scatterer, **curves)
    return dataclasses.replace(device, barrier=barrier, smearing=moved(device.smearing))


def _named(traces):
    found = {}
    for trace in traces:
        name = trace.name
        while name in found:
            name += "'"
        found[name] = trace.sorted()
    if len(found) < 2:
        raise InputError("give at least two traces to fit together")
    return found


def shortened(trace: ConductanceTrace) -> ConductanceTrace:
    """The trace, by averages of neighbours where it has more than 500 points."""
    return averaged(trace) if trace.value.size > _MANY else trace


def without(asked: dict[str, Any], shoulder: str | None) -> dict[str, Any]:
    """What is asked of a fit of the bare barrier: the numbers of the shoulder are left out."""
    from qpcjax.fitting.shoulders import shoulder_numbers

    others = shoulder_numbers(shoulder)
    return asked | {
        "free": [n for n in asked["free"] if n not in others],
        "fixed": {n: v for n, v in asked["fixed"].items() if n not in others},
    }


def _bases(device):
    layout = DeviceNumbers(device)
    return dict(zip(layout.names, layout.bases, strict=True))


def _require_overlap(named, device, private):
    """Raise InputError for traces without a common gate voltage that share a curve along it."""
    (first, trace), *others = named.items()
    moved = next(n for n, c in device.barrier.curves.items() if isinstance(c, GateCurve))
    low, high = trace.gate.min(), trace.gate.max()
    for name, other in others:
        if moved in private or (other.gate.min() <= high and other.gate.max() >= low):
            continue
        raise InputError(
            f"{first} ({low:.5g} to {high:.5g} mV) and {name} ({other.gate.min():.5g} to "
            f"{other.gate.max():.5g} mV) have no gate voltage in common, so that they cannot share "
            f"{moved}: give --private {moved}, or fit each trace by itself"
        )


def _start(joint, alone, private):
    """Values of the joint fit: of each trace alone where private, else the mean over the traces."""
    bases = _bases(joint)
    low, high = next(c.range for c in joint.barrier.curves.values() if isinstance(c, GateCurve))
    own = {}
    for name, found in alone.items():
        layout = DeviceNumbers(along(found.device, low, high))
        own[name] = dict(zip(layout.names, layout.values, strict=True))
    start = {}
    for number, base in bases.items():
        if {number, base} & set(private):
            start |= {f"{number}@{name}": float(values[number]) for name, values in own.items()}
        else:
            start[number] = float(np.mean([values[number] for values in own.values()]))
    return start


def _contradictions(found, alone, private):
    """Sentences on parameters that are shared, and that two traces alone know otherwise."""
    bases = _bases(found.device)
    curves = {b for n, b in bases.items() if n != b}
    for number, base in bases.items():
        if base in curves or {number, base} & set(private):
            continue
        known = {
            name: (f.values()[number], f.stderr[number])
            for name, f in alone.items()
            if number in f.stderr
        }
        yield from _apart(number, known, found)
    for base in curves - set(private):
        yield from _apart_along(base, alone)


def _apart(number, known, found):
    pairs = [
        (abs(x - y) / max(np.hypot(e, d), 1e-300), a, b)
        for k, (a, (x, e)) in enumerate(known.items())
        for b, (y, d) in list(known.items())[k + 1 :]
    ]
    if not pairs or max(pairs)[0] <= _APART:
        return
    errors, a, b = max(pairs)
    unit = unit_text({p.name: p.unit for p in found.parameters}.get(number, ""))
    told = (f"{known[n][0]:.4g} +- {known[n][1]:.2g} {unit}".rstrip() + f" in {n}" for n in (a, b))
    yield (
        f"{number} is {' and '.join(told)}, {errors:.0f} standard errors apart when each is fitted "
        f"alone: they may not belong together; --private {number} gives each its own"
    )


def _apart_along(base, alone):
    """The same of a curve along the gate, in the middle of the voltages that two traces share."""
    worst = None
    fits = list(alone.items())
    for k, (a, one) in enumerate(fits):
        for b, other in fits[k + 1 :]:
            gates = [f.parts[0].data.gate for f in (one, other)]
            low, high = max(g.min() for g in gates), min(g.max() for g in gates)
            if not low < high:
                continue
            middle = (low + high) / 2
            (x, e), (y, d) = (_curve_at(f, base, middle) for f in (one, other))
            errors = abs(x - y) / max(np.hypot(e, d), 1e-300)
            if errors > _APART and (worst is None or errors > worst[0]):
                worst = errors, a, b, x, y, middle
    if worst is None:
        return
    errors, a, b, x, y, middle = worst
    yield (
        f"{base} at {middle:.5g} mV is {x:.4g} in {a} and {y:.4g} in {b}, {errors:.0f} standard "
        "errors apart when each is fitted alone: one gate voltage is not one barrier in both; "
        f"--private {base} gives each its own"
    )


def _curve_at(found, base, gate):
    """The value of a curve at a gate voltage, and its standard error."""
    device = found.device
    curve = device.smearing if base == "smearing" else device.barrier.curves[base]
    names = [f"{base}_{k + 1}" for k in range(curve.values.shape[0])]
    free = [p.name for p in found.free]
    slopes = np.zeros(len(free))
    value = float(curve(gate))
    for k, name in enumerate(names):
        if name in free:
            step = 1e-4 * max(abs(float(curve.values[k])), 1e-6)
            values = np.array(curve.values)
            values[k] += step
            moved = GateCurve(curve.range, values, curve.kind)
            slopes[free.index(name)] = (float(moved(gate)) - value) / step
    return value, float(np.sqrt(slopes @ found.covariance @ slopes))
