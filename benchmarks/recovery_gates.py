"""Find random gated devices again from their traces and write benchmarks/recovery_gates.md.

python -m benchmarks.recovery_gates FIRST LAST    fits devices FIRST to LAST - 1
python -m benchmarks.recovery_gates               writes the page from what was fitted

Each device takes a minute or two: pieces go into benchmarks/data/recovery_gates.json, and those
that are there are not fitted again.
"""

import json
import sys
import time

import jax
import numpy as np

from benchmarks.pages import PAGES, table, used_versions

jax.config.update("jax_enable_x64", True)

import qpcjax as qpc  # noqa: E402
from qpcjax.fitting import ConductanceTrace, GatedSample, fit  # noqa: E402
from qpcjax.fitting.gate_predictions import GatePredictor  # noqa: E402
from qpcjax.staircases import Region  # noqa: E402
from qpcjax.staircases.region import channel_levels  # noqa: E402

KEPT = PAGES / "data" / "recovery_gates.json"
PAGE, TEMPLATE = PAGES / "recovery_gates.md", PAGES / "recovery_gates.md.in"
RANGES = {
    "density": (2.0, 3.0),
    "depth": (50.0, 80.0),
    "gap": (190.0, 260.0),
    "length": (80.0, 160.0),
    "series_resistance": (100.0, 500.0),
    "temperature": (0.3, 1.0),
}
# Standard errors of what is known beforehand; the first values are drawn with them.
KNOWN = {"depth": 3.0, "gap": 5.0, "length": 5.0}
POINTS, NOISE = 28, 0.002
REGION = Region(half_length=420.0, width=440.0, tolerance=1e-2)
BOX = (1600.0, 800.0)


def sample(values):
    """The sample with these numbers."""
    stack = qpc.Heterostructure(density=values["density"], depth=values["depth"])
    gates = qpc.SplitGate(gap=values["gap"], length=values["length"])
    device = qpc.GatedDevice(stack, gates, grid=20.0, box=BOX)
    circuit = {name: values[name] for name in ("series_resistance", "temperature")}
    return GatedSample(device, region=REGION, **circuit)


def voltages(true):
    """Voltages in mV from the foot of the first step to the third."""
    ends, near = [], None
    for n, excess in ((1, 0.7), (3, -0.7)):
        low, high = -3000.0, -100.0
        while high - low > 2:
            middle = (low + high) / 2
            near = true.barrier.potential(true.voltages(middle), start=near)
            # In units of meV: below its level a mode is closed.
            closed = channel_levels(near, REGION, n)[-1] > float(true.mu) + excess
            low, high = (middle, high) if closed else (low, middle)
        ends.append(high)
    low, high = ends
    return np.linspace(low, high, POINTS)


def recovered(number):
    """One device, what its fit found and how long that took."""
    rng = np.random.default_rng(number)
    true = {name: float(rng.uniform(*ends)) for name, ends in RANGES.items()}
    first = true | {n: true[n] + error * rng.standard_normal() for n, error in KNOWN.items()}
    first |= {"density": 2.5, "series_resistance": 0.0, "temperature": 0.5}
    made = sample(true)
    gate = voltages(made)
    kernel = GatePredictor(made, "conductance", {"gate": gate})
    value = kernel.predict(kernel.layout.values)[0] + NOISE * rng.standard_normal(gate.size)
    trace = ConductanceTrace(gate, value, name=f"device {number}", sigma=NOISE)
    start = time.perf_counter()
    priors = {name: (first[name], error) for name, error in KNOWN.items()}
    found = fit(sample(first), trace, free=tuple(KNOWN), priors=priors)
    seconds = time.perf_counter() - start
    return {
        "number": number,
        "true": true,
        "first": {name: first[name] for name in RANGES},
        "values": {name: found.values()[name] for name in RANGES},
        "stderr": {name: found.stderr[name] for name in RANGES},
        "status": found.status,
        "misfit": found.misfit,
        "doubts": list(found.doubts),
        "flat": [[d.meaning, d.spread] for d in found.flat_directions],
        "seconds": seconds,
    }


def main(*piece):
    """Fit a piece, or write the page."""
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else []
    for number in range(*map(int, piece)) if piece else ():
        if any(found["number"] == number for found in kept):
            continue
        kept.append(recovered(number))
        KEPT.write_text(json.dumps(sorted(kept, key=lambda f: f["number"]), indent=1) + "\n")
        last = kept[-1]
        pulls = {n: f"{pull(last, n):+.2f}" for n in RANGES}
        print(number, last["status"], f"{last['misfit']:.3f}", pulls, f"{last['seconds']:.0f} s")
    if not piece:
        write(kept)


def pull(found, name):
    """Value minus truth in standard errors."""
    return (found["values"][name] - found["true"][name]) / found["stderr"][name]


def write(kept):
    """Write the page."""
    heads = ["", "median error", "within 1 error", "within 2", "largest, in errors"]
    rows = []
    for name in RANGES:
        pulls = np.abs([pull(f, name) for f in kept])
        share = np.median([f["stderr"][name] / f["true"][name] for f in kept])
        within = [f"{np.sum(pulls < k)} of {pulls.size}" for k in (1, 2)]
        rows.append([name, f"{100 * share:.2g} %", *within, f"{pulls.max():.1f}"])
    words = ["device", "status", "misfit", "density", "gap", "doubts", "seconds"]
    each = [
        [
            str(f["number"]),
            f["status"],
            f"{f['misfit']:.2f}",
            *(f"{pull(f, n):+.1f}" for n in ("density", "gap")),
            "; ".join(f["doubts"]) or "none",
            f"{f['seconds']:.0f}",
        ]
        for f in kept
    ]
    flat = {}
    for f in kept:
        for meaning, _ in f["flat"]:
            flat[meaning] = flat.get(meaning, 0) + 1
    named = [[meaning, f"{n} of {len(kept)}"] for meaning, n in sorted(flat.items())]
    page = TEMPLATE.read_text(encoding="utf-8").replace("@COUNT@", str(len(kept)))
    page = page.replace("@PULLS@", table(heads, rows)).replace("@EACH@", table(words, each))
    flat_words = table(["direction", "devices"], named) if named else "None, with these priors."
    page = page.replace("@FLAT@", flat_words)
    PAGE.write_text(page.replace("@VERSIONS@", used_versions()), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
