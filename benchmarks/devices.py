"""Random devices and what would be measured on them, without the package.

python -m benchmarks.devices COUNT FILE.npz

Eqs. (18)-(27) as printed, by the NumPy functions of fits/make_examples.py; the current through the
series resistance is solved by bisection.
"""

import runpy
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parent.parent
MADE = runpy.run_path(str(ROOT / "fits" / "make_examples.py"))
K_B, R_K, G_0 = (MADE[n] for n in ("BOLTZMANN", "RESISTANCE_QUANTUM", "CONDUCTANCE_QUANTUM"))

MU, KELVIN = 7.15, 1.6  # meV, K: both known
GATE = np.linspace(-100.0, 0.0, 60)  # mV, of the trace
SPOT_GATE, SPOT_BIAS = (
    x.ravel() for x in np.meshgrid([-50.0, -20.0, 0.0], [1.0, 2.0, 3.0, 4.0], indexing="ij")
)
NOISE, SPOT_NOISE = 1.0 / G_0, 0.03  # 1 uS in 2e^2/h; of a distance
NAMES = ("half_width_1", "half_width_2", "length", "series_resistance", "damping")


def draw(count, seed=0):
    """Numbers of random devices, (count, names): nm, nm, nm, ohm, 1."""
    rng = np.random.default_rng(seed)
    low = [6.0, 30.0, 30.0, 100.0, 0.02]
    high = [9.0, 50.0, 140.0, 500.0, 0.08]
    return rng.uniform(low, high, (count, len(NAMES)))


def half_width(device, gate):
    """W in nm at gate voltages in mV: a straight line."""
    return device[0] + (device[1] - device[0]) * (gate - GATE[0]) / (GATE[-1] - GATE[0])


def trace(device):
    """G in 2e^2/h behind the series resistance, along `GATE`."""
    w, kT = half_width(device, GATE), K_B * KELVIN
    g = np.array([MADE["conductance"](2 * x, device[2], MU, kT) for x in w])
    return g / (1 + g * device[3] / R_K)


def distances(device):
    """r* in nm at the gates and biases of the hot spot."""
    found = []
    for w, bias in zip(half_width(device, SPOT_GATE), SPOT_BIAS, strict=True):
        voltage = _voltage(2 * w, device[2], device[3], bias)
        found.append(MADE["hot_spot_distance"](2 * w, device[2], device[4], MU, voltage, KELVIN))
    return np.array(found)


def _voltage(width, length, resistance, bias):
    """Voltage in mV across the constriction: V + I R_s = bias, by bisection."""
    kT = K_B * KELVIN
    low, high = 0.0, bias
    # T(E) once, on a grid that resolves the thermal edges.
    energy = np.linspace(max(1e-6, MU - bias - 25 * kT), MU + bias + 25 * kT, 4001)
    t = MADE["transmission"](energy, width, length)
    for _ in range(40):
        v = (low + high) / 2
        left, right = (1 / (np.exp((energy - MU - s * v / 2) / kT) + 1) for s in (1, -1))
        flow = np.trapezoid(t * (left - right), energy)  # in 2e^2/h mV
        low, high = (v, high) if v + flow * resistance / R_K < bias else (low, v)
    return (low + high) / 2


def measure(devices):
    """Traces and distances of devices, without noise."""
    return np.stack([trace(d) for d in devices]), np.stack([distances(d) for d in devices])


def noisy(traces, spots, seed=1):
    """The same as they would be measured."""
    rng = np.random.default_rng(seed)
    return (
        traces + NOISE * rng.standard_normal(traces.shape),
        spots * (1 + SPOT_NOISE * rng.standard_normal(spots.shape)),
    )


if __name__ == "__main__":
    count, path = int(sys.argv[1]), sys.argv[2]
    devices = draw(count)
    traces, spots = measure(devices)
    np.savez_compressed(path, devices=devices, traces=traces, distances=spots)
