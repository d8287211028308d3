"""Where a fit of gates starts: the steps of a trace, from potentials alone."""

import numpy as np

from qpcjax.constants import HBAR2_OVER_2M
from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.fitting.steps import Steps
from qpcjax.measurements import InputError
from qpcjax.optimise.descents import descend
from qpcjax.optimise.parameters import Coordinates

_MOVED = ("density", "depth", "gap", "length", "offset", "lever_arm")
_POINTS = 96  # across, of the levels
_TOLERANCE = 0.3  # meV, of a level at its step
_STEPS = 8
_DIFFERENCE = 1e-3  # of a coordinate, for slopes
# Errors of the first values, relative or in mV: they hold what the steps leave open.
_TRUSTED = {"density": 0.3, "depth": 0.1, "gap": 0.05, "length": 0.1, "lever_arm": 0.1}
_TRUSTED_OFFSET = 300.0


def starting_values(sample, parameters, trace):
    r"""The start of a fit: levels of the channel agree with the steps of a trace.

    Step n is where the n-th level across, at the place along where it is highest, is as high as mu:

    .. math:: \max_x E_n(x) = \mu, \qquad
        \left[-C \partial_y^2 + U(x, y)\right] \phi_n = E_n(x)\, \phi_n.

    That takes a potential for each step, and no transmission.

    Args:
        sample: `GatedSample`.
        parameters: number's name -> `Parameter`.
        trace: a `ConductanceTrace`.

    Returns:
        Values by name.
    """
    steps = Steps(trace)
    layout = DeviceNumbers(sample)
    own = {n: parameters[n].value for n in layout.names}
    if parameters["series_resistance"].free:
        own["series_resistance"] = steps.resistance
    free = [n for n in _MOVED if n in layout.names and parameters[n].free]
    if not free:
        return own
    where, count = steps.positions(own["series_resistance"])
    coordinates = Coordinates([parameters[n] for n in free])
    first = coordinates.encode([own[n] for n in free])
    trusted = [_TRUSTED[n] * own[n] if n in _TRUSTED else _TRUSTED_OFFSET for n in free]
    near: list = [None] * len(where)

    def residuals(vector):
        moved = coordinates.decode(vector)[0]
        values = own | dict(zip(free, moved, strict=True))
        built = layout.build(np.array([values[n] for n in layout.names]))
        mu, found = float(built.mu), []
        for k, (gate, n) in enumerate(zip(where, count, strict=True)):
            try:
                near[k] = built.barrier.potential(built.voltages(float(gate)), start=near[k])
            except ValueError:
                return np.full(len(where) + len(free), np.inf)
            found.append((level(near[k], int(n), built.region) - mu) / _TOLERANCE)
        return np.append(found, (moved - [own[n] for n in free]) / trusted)

    def linearise(rows, _):
        values, slopes = [], []
        for row in np.asarray(rows):
            here = residuals(row)
            moved = [residuals(row + _DIFFERENCE * unit) for unit in np.eye(row.size)]
            values.append(here)
            slopes.append((np.array(moved) - here).T / _DIFFERENCE)
        return np.array(values), np.array(slopes)

    end = descend(linearise, first[None], _STEPS)
    if not np.isfinite(end.loss[0]):
        low, high = float(np.min(trace.gate)), float(np.max(trace.gate))
        raise InputError(
            f"{trace.name}: the gates make no channel that closes between {low:g} and {high:g} mV, "
            "where the trace has its steps: are outlines, depth and density right, and is the gate "
            "voltage in the unit that the file states?"
        )
    return own | dict(zip(free, coordinates.decode(end.vectors[0])[0].tolist(), strict=True))


def level(potential, n, region):
    """The n-th level across in meV, where it is highest along."""
    x, y = np.asarray(potential.x), np.asarray(potential.y)
    x = x[np.abs(x) < region.half_length]
    y = np.linspace(-region.width / 2, region.width / 2, _POINTS + 2)[1:-1]
    energy = np.asarray(potential.at(x, y))
    scale = HBAR2_OVER_2M / float(potential.mass)
    # Sine functions on these points: exact kinetic energy between hard walls.
    k = np.arange(1, _POINTS + 1)
    sines = np.sqrt(2 / (_POINTS + 1)) * np.sin(np.pi * np.outer(k, k) / (_POINTS + 1))
    kinetic = sines @ np.diag(scale * (np.pi * k / region.width) ** 2) @ sines
    # The barrier's top is flat along: a few places around the highest floor have it.
    highest = np.argsort(np.min(energy, axis=1))[-5:]
    levels = [np.linalg.eigvalsh(kinetic + np.diag(energy[i]))[n - 1] for i in highest]
    return float(max(levels))
