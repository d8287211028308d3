"""Where a fit of gates starts: the steps of a trace, from potentials alone."""

import numpy as np

from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.fitting.steps import Steps
from qpcjax.measurements import InputError
from qpcjax.optimise.descents import descend
from qpcjax.optimise.parameters import Coordinates
from qpcjax.staircases.region import channel_levels

_MOVED = ("density", "depth", "gap", "length", "offset", "lever_arm")
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
            found.append((channel_levels(near[k], built.region, int(n))[-1] - mu) / _TOLERANCE)
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
