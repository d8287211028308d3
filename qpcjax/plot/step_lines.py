"""Where sub-bands open in a map over gate voltage and bias."""

import jax
import numpy as np

from qpcjax.constants import RESISTANCE_QUANTUM
from qpcjax.scatterers.subbands import subband_edges

_FINE = 200  # gate voltages of a line


def step_lines(device, gate, bias, conductance):
    """Lines along which mu_L or mu_R passes the edge E_n of a sub-band.

    The bias is that across barrier and series resistance R_s: a line stands where V - I R_s is the
    voltage that takes mu to the edge. I is the integral of the map itself, so that neither a model
    of the current nor a fit of it is needed.

    Args:
        device: a `FitResult` or a `Device`.
        gate: gate voltages in mV, rising.
        bias: eV in meV, rising.
        conductance: dI/dV in 2e^2/h over gate and bias, NaN where it is missing.

    Returns:
        Names such as "E_1 = mu_L" to gate voltages in mV and biases in meV, NaN where the line is
        outside the map.

    Raises:
        ValueError: the barrier's sub-bands have no edges that are known.
    """
    device = getattr(device, "device", device)
    fine = np.linspace(gate[0], gate[-1], _FINE)
    points = jax.vmap(device.at)(fine)
    edges = np.asarray(jax.vmap(subband_edges)(points.scatterer), float)
    share = 0.5 if points.bias_share is None else float(points.bias_share[0])
    across = np.broadcast_to(bias, (fine.size, bias.size))
    if points.series_resistance is not None:
        resistance = float(points.series_resistance[0]) / RESISTANCE_QUANTUM
        across = across - resistance * _current(gate, bias, conductance, fine)
    lines = {}
    for n, edge in enumerate(edges.T):
        for side, lever in (("L", share), ("R", share - 1)):
            if lever:  # else this side's potential stays where it is
                wanted = (edge - np.asarray(points.mu)) / lever
                line = [
                    np.interp(v, row, bias, left=np.nan, right=np.nan)
                    for v, row in zip(wanted, across, strict=True)
                ]
                if np.any(np.isfinite(line)):
                    lines[f"E_{n + 1} = mu_{side}"] = fine, np.array(line)
    return lines


def _current(gate, bias, conductance, fine):
    """I over 2e^2/h, in meV, at finer gate voltages: the integral of dI/dV from V = 0."""
    steps = (conductance[:, 1:] + conductance[:, :-1]) / 2 * np.diff(bias)
    # Where a point is missing, so is its share of the current.
    current = np.pad(np.cumsum(np.nan_to_num(steps), axis=1), ((0, 0), (1, 0)))
    current -= np.array([[np.interp(0.0, bias, row)] for row in current])
    return np.stack([np.interp(fine, gate, column) for column in current.T], axis=1)
