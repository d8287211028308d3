"""Where fits start: the minima on a trace's table, its steps, or draws around the device."""

import dataclasses
import itertools
import math

import numpy as np

from qpcjax.fitting import gate_start
from qpcjax.fitting.device import Gated, StepPositions
from qpcjax.fitting.gated_sample import GatedSample
from qpcjax.fitting.steps import Steps, is_peak, opening_values
from qpcjax.fitting.trace_search import TraceSearch, is_searchable, moved_number
from qpcjax.resolution import spinless

_JITTER = 0.3  # of the logarithm of a positive parameter, where starts are drawn
_SHAPES = ("smearing", "hbar_omega_x", "curvature_radius", "length")
_FACTORS = (0.5, 1.5)
_LENGTHS = 0.4, 3.2  # ends of those on a length alone


def starting_values(layout, device, named, parameters, count, seed):
    """Up to `count` starts, dicts of numbers' names and values; the first is the best guess.

    With a `ConductanceTrace` and a gated barrier they are the minima of `TraceSearch`; where the
    gate's curve is not one that it knows, the steps of the trace say what the gate does, for a few
    series resistances and shapes of the step. Otherwise, and for a trace that is a peak, the
    device's own numbers are the first start, and the others are drawn around them.

    Of a `GatedSample` it is the one of `gate_start`.

    Args:
        layout: `DeviceNumbers` of the device.
        device: `Device`.
        named: name -> data set.
        parameters: function of a data set's name to its numbers' `Parameter`s by name.
        count: the most that are returned.
        seed: of the draws.
    """
    name = next((n for n, d in named.items() if d.staircase and not is_peak(d)), None)
    if isinstance(device, GatedSample):
        first = name or next(iter(named))
        return [gate_start.starting_values(device, parameters(first), named[first])]
    moved = moved_number(device)
    own = dict(zip(layout.names, layout.values, strict=True))
    if name is None or moved is None:
        return [own, *_drawn(layout, own, count - 1, seed)]
    trace = named[name]
    if is_searchable(device, parameters(name)):
        held = with_held(layout, device, parameters(name))
        minima = TraceSearch(held, trace, parameters(name)).minima()
        return [own | minimum.values for minimum in minima[:count]]
    steps = Steps(trace)
    shapes = [
        base for base in _SHAPES if base in layout.bases or f"{base}_over_{moved}" in layout.bases
    ]
    resistances = [0.0]
    if "series_resistance" in layout.bases:
        r = round(steps.resistance, 3)
        resistances = sorted({r, 1.5 * r, 0.5 * r}, key=lambda x: abs(x - r))
        # A length whose oscillations nothing smears has many minima: it is what starts are for.
        resistances = [r] if shapes == ["length"] else resistances
    opening = _opening(device, moved, steps, own["mu"])
    found = []
    for factors in itertools.product(*_factors(shapes[:2], count // len(resistances))):
        for resistance in resistances:
            start = dict(own)
            for base, factor in zip(shapes, factors, strict=False):
                for name, b in zip(layout.names, layout.bases, strict=True):
                    if b.startswith(base):
                        start[name] = own[name] * factor
            if "series_resistance" in start:
                start["series_resistance"] = resistance
            start |= _gate_values(device, moved, steps, resistance, opening)
            found.append(start)
    if len(found) < count:
        found += _drawn(layout, found[0], count - len(found), seed)
    return found[:count]


def with_held(layout, device, parameters):
    """The device with the values at which a fit holds its numbers.

    Args:
        layout: `DeviceNumbers` of the device.
        device: `Device`.
        parameters: number's name -> `Parameter`.
    """
    values = zip(layout.names, layout.values, strict=True)
    own = [v if parameters[n].free else parameters[n].value for n, v in values]
    built = layout.build(np.array(own))
    if not isinstance(device.barrier, Gated):
        return built
    # What builds a device sorts its curves: the first one is what the gate moves.
    curves = {name: built.barrier.curves[name] for name in device.barrier.curves}
    return dataclasses.replace(built, barrier=Gated(built.scatterer, **curves))


def _factors(shapes, count):
    """Factors on each of the shapes' numbers; on a length alone, `count` of them."""
    if shapes == ["length"] and count > len(_FACTORS):
        return [np.linspace(*_LENGTHS, count)]
    return [_FACTORS] * len(shapes)


def _opening(device, name, steps, mu):
    """Values of the moved number at which the modes of a trace open, and one more."""
    most = int(np.floor(steps.corrected(2 * steps.resistance).max() + 0.5)) + 1
    return opening_values(spinless(device.scatterer), name, mu, max(most, 2))


def _gate_values(device, name, steps, resistance, opening):
    """Values of the moved number's curve that put the steps where the trace has them."""
    curve = device.barrier.curves[name]
    if isinstance(curve, StepPositions):
        where, n = steps.positions(resistance)
        order = np.argsort(where)
        line = np.interp(curve.values, opening[n - 1][order], where[order])
        slope = np.polynomial.Polynomial.fit(opening[n - 1], where, 1)
        inside = (np.array(curve.values) >= opening[n - 1].min()) & (
            np.array(curve.values) <= opening[n - 1].max()
        )
        values = np.where(inside, line, slope(np.array(curve.values)))
        return {f"{name}_position_{k + 1}": v for k, v in enumerate(values)}
    count = curve.values.shape[0]
    least = None if curve.kind == "plain" else 0.3 * float(opening.min())
    values = steps.curve(resistance, lambda n: opening[n - 1], count, least)
    return {f"{name}_{k + 1}": v for k, v in enumerate(values)}


def _drawn(layout, centre, count, seed):
    """Starts drawn around one: positive numbers by their logarithm, others by their scale."""
    rng = np.random.default_rng(seed)
    parameters = layout.parameters()
    found = []
    for _ in range(max(count, 0)):
        start = {}
        for p in parameters:
            value = centre[p.name]
            step = rng.standard_normal()
            if p.log:
                value *= math.exp(_JITTER * step)
            else:
                value += 0.02 * (p.upper - p.lower) * step
            start[p.name] = value
        found.append(start)
    return found
