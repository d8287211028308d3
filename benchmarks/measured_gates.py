"""Fit six measured traces by a gated device, in volts, and write benchmarks/measured_gates.md.

QPCJAX_DATA=FOLDER python -m benchmarks.measured_gates NUMBER ...    fits these traces
python -m benchmarks.measured_gates                                   writes the page

FOLDER holds split_gate/, as for benchmarks.measured. Each trace takes some minutes: what is found
goes into benchmarks/data/measured_gates.json, and a trace that is there is not fitted again.
"""

import json
import os
import sys
import time
from pathlib import Path

import jax
import numpy as np

from benchmarks.pages import PAGES, table, used_versions

jax.config.update("jax_enable_x64", True)

import qpcjax as qpc  # noqa: E402
from qpcjax.files import read_trace_columns  # noqa: E402
from qpcjax.fitting import GatedSample, fit, grid_check, trace_device  # noqa: E402
from qpcjax.staircases import Region  # noqa: E402

KEPT = PAGES / "data" / "measured_gates.json"
PAGE, TEMPLATE = PAGES / "measured_gates.md", PAGES / "measured_gates.md.in"
SIZE, SIZE_ERROR = 400.0, 10.0  # nm, of the gap as it was drawn, and its error
SPACING = 20.0  # mV between the points that are fitted
BEFORE = 20.0  # mV of the pinched-off range that are kept
DENSITY, DEPTH = 2.8, 90.0  # 1e11 cm^-2 and nm, where the fit starts
REGION = Region(half_length=400.0, width=560.0, tolerance=1e-2)
BOX = (2000.0, 1200.0)
NUMBERS = ("density", "depth", "gap", "offset", "series_resistance", "temperature")
BARRIERS = ("mean", "saddle")  # for comparison, with four values along the gate


def thinned(split, number):
    """A measured trace, one point each `SPACING`."""
    files = split / "splitgateV_clean.csv", split / "conductance_clean.csv"
    trace = read_trace_columns(*files, number, "V", "uS").sorted()
    gate = trace.gate
    low = gate[np.argmax(trace.value > 0.02)] - BEFORE
    used = np.zeros(gate.size, bool)
    used[[int(np.argmin(np.abs(gate - v))) for v in np.arange(low, gate[-1], SPACING)]] = True
    return trace[used]


def fitted(split, number):
    """What the gates and two barriers give for one trace."""
    data = thinned(split, number)
    stack = qpc.Heterostructure(density=DENSITY, depth=DEPTH)
    gates = qpc.SplitGate(gap=SIZE, length=SIZE)
    device = qpc.GatedDevice(stack, gates, grid=20.0, box=BOX)
    start = time.perf_counter()
    found = fit(
        GatedSample(device, temperature=1.2, region=REGION),
        data,
        free=("depth", "gap", "offset"),
        priors={"gap": (SIZE, SIZE_ERROR)},
    )
    seconds = time.perf_counter() - start
    others = {}
    for name in BARRIERS:
        other = fit(trace_device(data, name, knots=4), data)
        others[name] = {
            "free": len(other.free),
            "rms": other.rms,
            "series_resistance": other.values()["series_resistance"],
        }
    return {
        "number": number,
        "points": int(data.gate.size),
        "rms": found.rms,
        "noise": found.noise,
        "status": found.status,
        "values": {name: found.values()[name] for name in NUMBERS},
        "stderr": {name: found.stderr[name] for name in NUMBERS},
        "flat": [[d.meaning, d.spread] for d in found.flat_directions],
        "doubts": list(found.doubts),
        "grid": grid_check(found).in_words(),
        "seconds": seconds,
        "others": others,
    }


def main(*numbers):
    """Fit traces, or write the page."""
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else []
    for number in map(int, numbers):
        if any(found["number"] == number for found in kept):
            continue
        folder = os.environ.get("QPCJAX_DATA")
        if not folder:
            sys.exit("set QPCJAX_DATA to the folder that holds split_gate/")
        kept.append(fitted(Path(folder) / "split_gate", number))
        kept.sort(key=lambda found: found["number"])
        KEPT.write_text(json.dumps(kept, indent=1) + "\n")
        last = next(found for found in kept if found["number"] == number)
        print(number, last["status"], f"{last['rms']:.2f} uS", last["values"], last["others"])
    if not numbers:
        write(kept)


def write(kept):
    """Write the page."""
    head = ["trace", "points", "rms (µS)", "rms/noise", *(f"{n}, free" for n in BARRIERS)]
    rows = []
    for f in kept:
        others = [f"{f['others'][n]['rms']:.2f}, {f['others'][n]['free']}" for n in BARRIERS]
        ratio = f"{f['rms'] / f['noise']:.1f}"
        rows.append([str(f["number"]), str(f["points"]), f"{f['rms']:.2f}", ratio, *others])
    words = ["trace", "density (1e11 cm^-2)", "depth (nm)", "gap (nm)", "offset (mV)"]
    words += ["R_s (ohm)", "temperature (K)", "status", "seconds"]
    each = []
    for f in kept:
        cells = [f"{f['values'][n]:.4g} ± {f['stderr'][n]:.2g}" for n in NUMBERS]
        each.append([str(f["number"]), *cells, f["status"], f"{f['seconds']:.0f}"])
    said = [f"- Trace {f['number']}: {f['grid']}" for f in kept]
    flat = [[str(f["number"]), m, f"{s:.2g}"] for f in kept for m, s in f["flat"]]
    page = TEMPLATE.read_text(encoding="utf-8").replace("@MISFITS@", table(head, rows))
    page = page.replace("@NUMBERS@", table(words, each)).replace("@GRID@", "\n".join(said))
    named = table(["trace", "flat direction", "spread"], flat) if flat else "None is named."
    page = page.replace("@FLAT@", named)
    PAGE.write_text(page.replace("@VERSIONS@", used_versions()), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
