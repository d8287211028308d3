"""Fit a constriction and its gate calibration to a conductance trace.

python fits/conductance.py [TRACE.csv]

Copy it as a start: read, fit, print. `qpcjax fit` does the same and predicts the heating too.
"""

import sys
from pathlib import Path

import jax

from qpcjax.files import read_trace
from qpcjax.fitting import fit, trace_device

EXAMPLE = Path(__file__).parent / "data" / "trace.csv"


def main(path: str | Path = EXAMPLE):
    """Fit the trace in this file and print what was found."""
    trace = read_trace(path)
    print(f"{trace.name}: {trace.gate.size} points, {trace.dropped} rows without a value left out")

    # One trace does not tell mu and the constriction's size apart: say mu if you know the density.
    # fixed={"series_resistance": 300.0} holds a parameter, free=("offset",) frees one.
    device = trace_device(trace, "mean", mu=7.15)  # or profile, saddle, ...
    found = fit(device, trace)

    print(f"status {found.status}: {found.message}")
    print(f"rms {found.rms:.3f} uS")
    for p in found.parameters:
        error = f"+- {found.stderr[p.name]:.3g}" if p.free else "held"
        print(f"{p.name:18s} {p.value:10.4f} {error:12s} {p.unit}")
    for flat in found.flat_directions:
        changes = ", ".join(f"{name} {change:+.2f}" for name, change in flat.changes.items())
        print(f"not determined (spread {flat.spread:.1f}): {changes}")
    return found


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main(*sys.argv[1:2])
