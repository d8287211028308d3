"""Recover random devices from synthetic measurements and write docs/recovery.md.

python -m benchmarks.recovery [COUNT]

Traces and distances are made without the package (benchmarks/devices.py).
"""

import sys
import time

import jax
import numpy as np

from benchmarks import devices
from benchmarks.pages import DOCS, ROOT, table, used_versions

jax.config.update("jax_enable_x64", True)

import qpcjax as qpc  # noqa: E402
from qpcjax.data import ConductanceTrace, HotSpotData  # noqa: E402
from qpcjax.fitting import Device, GateCurve, Gated, fit_many  # noqa: E402

PAGE = DOCS / "recovery.md"
TEMPLATE = ROOT / "benchmarks" / "recovery.md.in"
FAR = 5.0  # standard errors: another minimum than that of the truth
UNITS = ("nm", "nm", "nm", "ohm", "")


def guess():
    """The device that every fit is told: a constriction at a known mu and temperature."""
    ends = float(devices.GATE[0]), float(devices.GATE[-1])
    barrier = Gated(
        qpc.AbruptConstriction(20.0, 60.0), half_width=GateCurve(ends, [8.0, 40.0], "positive")
    )
    damping = qpc.QuadraticDamping(0.04)
    return Device(barrier, devices.MU, None, 300.0, devices.KELVIN, damping=damping)


def data_sets(traces, distances):
    """For each device its trace and its hot-spot distances, with noise.

    A sigma of 3 % of the noisy distance would give low ones more weight, and a bias of 0.2 standard
    errors to the damping; it is that of the noise put in.
    """
    gate, bias, sigma = devices.SPOT_GATE, devices.SPOT_BIAS, devices.SPOT_NOISE * distances
    return [
        [
            ConductanceTrace(devices.GATE, g, sigma=devices.NOISE),
            HotSpotData(bias, r, gate=gate, sigma=s),
        ]
        for g, r, s in zip(*devices.noisy(traces, distances), sigma, strict=True)
    ]


def pulls(found, truth):
    """Distance of every parameter from the truth in its standard errors, (devices, names)."""
    index = [found.names.index(name) for name in devices.NAMES]
    return (found.values[:, index] - truth) / found.stderr[:, index]


def main():
    """Make, fit, count, write."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    truth = devices.draw(count)
    traces, distances = devices.measure(truth)
    print(f"{count} devices made", flush=True)
    start = time.perf_counter()
    found = fit_many(guess(), data_sets(traces, distances), progress=_say)
    seconds = time.perf_counter() - start
    pull = pulls(found, truth)
    far = np.any(~(np.abs(pull) < FAR), axis=1)
    near = pull[~far]
    n = len(near)
    index = [found.names.index(name) for name in devices.NAMES]
    errors = np.median(found.stderr[:, index] / np.abs(truth), axis=0)
    rows = [
        [
            name,
            f"{truth[:, k].min():.3g} to {truth[:, k].max():.3g} {UNITS[k]}",
            f"{100 * errors[k]:.2g} %",
            f"{near[:, k].mean():+.3f} ± {1 / np.sqrt(n):.3f}",
            f"{near[:, k].std(ddof=1):.3f}",
            f"{100 * np.mean(np.abs(near[:, k]) < 1):.1f} %",
        ]
        for k, name in enumerate(devices.NAMES)
    ]
    header = ["parameter", "truth", "standard error, median", "mean pull", "spread", "within 1"]
    for k in np.flatnonzero(far):
        marked = "marked" if found.doubtful[k] else "not marked"
        print(f"device {k}, chi^2 {found.chi_square[k]:.1f}, {marked}: {truth[k]}", pull[k])
    page = TEMPLATE.read_text(encoding="utf-8").format(
        count=count,
        points=devices.GATE.size,
        spots=devices.SPOT_BIAS.size,
        versions=used_versions(),
        table=table(header, rows),
        error=f"{100 * np.sqrt(0.683 * 0.317 / n):.1f}",
        far=f"{far.sum()} of {count} ({100 * far.mean():.1f} %)",
        silent=int(np.sum(far & ~found.doubtful)),
        doubtful=int(np.sum(found.doubtful)),
        honest=int(np.sum(found.doubtful & ~far)),
        seconds=f"{seconds:.0f}",
        each=f"{seconds / count:.2f}",
    )
    PAGE.write_text(page, encoding="utf-8", newline="\n")
    print(page)


def _say(done, total, label):
    if done % 5 == 0:
        print(f"{label}: {done} of {total}", flush=True)


if __name__ == "__main__":
    main()
