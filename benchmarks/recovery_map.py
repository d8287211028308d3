"""Recover devices whose energies nothing but a bias map tells; write benchmarks/recovery_map.md.

python -m benchmarks.recovery_map [COUNT]

Made without the package, as benchmarks/devices.py does it.
"""

import sys
import time

import jax
import numpy as np

from benchmarks import devices
from benchmarks.pages import PAGES, table, used_versions

jax.config.update("jax_enable_x64", True)

import qpcjax as qpc  # noqa: E402
from qpcjax.fitting import Device, GateCurve, Gated, fit_many  # noqa: E402
from qpcjax.measurements import BiasSpectroscopy, ConductanceTrace  # noqa: E402

PAGE = PAGES / "recovery_map.md"
TEMPLATE = PAGES / "recovery_map.md.in"
MAP_GATE, MAP_BIAS = np.meshgrid(np.linspace(-80, 0, 5), np.linspace(0.5, 3.0, 6), indexing="ij")
NAMES = ("half_width_1", "half_width_2", "length", "series_resistance", "mu", "temperature")
LOW = [6.0, 30.0, 30.0, 100.0, 6.0, 1.0]
HIGH = [9.0, 50.0, 140.0, 500.0, 8.5, 2.5]
BOUNDS = {"mu": (4.0, 12.0), "temperature": (0.3, 6.0)}
FAR = 5.0


def draw(count, seed=10):
    """Numbers of random devices, (count, names): nm, nm, nm, ohm, meV, K."""
    return np.random.default_rng(seed).uniform(LOW, HIGH, (count, len(NAMES)))


def measured(device):
    """The trace, and dI/dV over gate and bias, in 2e^2/h, behind the series resistance."""
    _, _, length, resistance, mu, kelvin = device
    kT, share = devices.K_B * kelvin, resistance / devices.R_K
    g = np.array(
        [
            devices.MADE["conductance"](2 * w, length, mu, kT)
            for w in devices.half_width(device, devices.GATE)
        ]
    )
    slopes = [
        slope(2 * w, length, share, mu, kT, bias)
        for w, bias in zip(devices.half_width(device, MAP_GATE).flat, MAP_BIAS.flat, strict=True)
    ]
    return g / (1 + g * share), np.reshape(slopes, MAP_GATE.shape)


def slope(width, length, share, mu, kT, bias):
    """dI/d(bias) where V + I R_s = bias, by bisection and a central difference."""
    energy = np.linspace(max(1e-6, mu - bias - 25 * kT), mu + bias + 25 * kT, 6001)
    t = devices.MADE["transmission"](energy, width, length)

    def flow(v):
        left, right = (1 / (np.exp((energy - mu - s * v / 2) / kT) + 1) for s in (1, -1))
        return np.trapezoid(t * (left - right), energy)

    low, v, high = 0.0, bias, bias
    for _ in range(45):
        v = (low + high) / 2
        low, high = (v, high) if v + flow(v) * share < bias else (low, v)
    g = (flow(v + 1e-3) - flow(v - 1e-3)) / 2e-3
    return g / (1 + g * share)


def data_sets(truth, seed=11):
    """For each device its trace and its map, with noise."""
    rng = np.random.default_rng(seed)
    sets = []
    for device in truth:
        trace, slopes = measured(device)
        trace = trace + devices.NOISE * rng.standard_normal(trace.shape)
        slopes = slopes + devices.NOISE * rng.standard_normal(slopes.shape)
        sets.append(
            [
                ConductanceTrace(devices.GATE, trace, sigma=devices.NOISE),
                BiasSpectroscopy(MAP_GATE, MAP_BIAS, slopes, sigma=devices.NOISE),
            ]
        )
    return sets


def guess():
    """What every fit is told: a constriction of unknown size, energy and temperature."""
    ends = float(devices.GATE[0]), float(devices.GATE[-1])
    barrier = Gated(
        qpc.AbruptConstriction(20.0, 60.0), half_width=GateCurve(ends, [8.0, 40.0], "positive")
    )
    return Device(barrier, 7.0, None, 300.0, 1.5)


def main():
    """Make, fit, count, write."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    truth = draw(count)
    start = time.perf_counter()
    found = fit_many(guess(), data_sets(truth), free=("mu", "temperature"), bounds=BOUNDS)
    seconds = time.perf_counter() - start
    index = [found.names.index(name) for name in NAMES]
    pull = (found.values[:, index] - truth) / found.stderr[:, index]
    far = np.any(~(np.abs(pull) < FAR), axis=1)
    near = pull[~far]
    errors = np.median(found.stderr[:, index] / truth, axis=0)
    units = ("nm", "nm", "nm", "ohm", "meV", "K")
    rows = [
        [
            name,
            f"{LOW[k]:g} to {HIGH[k]:g} {units[k]}",
            f"{100 * errors[k]:.2g} %",
            f"{near[:, k].mean():+.2f} ± {1 / np.sqrt(len(near)):.2f}",
            f"{near[:, k].std(ddof=1):.2f}",
            f"{np.sum(np.abs(near[:, k]) < 1)} of {len(near)}",
        ]
        for k, name in enumerate(NAMES)
    ]
    header = ["parameter", "truth", "standard error, median", "mean pull", "spread", "within 1"]
    for k in np.flatnonzero(far | found.doubtful):
        print(k, found.chi_square[k], found.doubts(k), pull[k])
    page = TEMPLATE.read_text(encoding="utf-8").format(
        count=count,
        versions=used_versions(),
        points=devices.GATE.size,
        map=MAP_GATE.size,
        table=table(header, rows),
        far=int(far.sum()),
        silent=int(np.sum(far & ~found.doubtful)),
        doubtful=int(np.sum(found.doubtful)),
        seconds=f"{seconds:.0f}",
    )
    PAGE.write_text(page, encoding="utf-8", newline="\n")
    print(page)


if __name__ == "__main__":
    main()
