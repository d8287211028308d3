"""Fit six measured traces with every family of barriers and write benchmarks/measured_traces.md.

QPCJAX_DATA=FOLDER python -m benchmarks.measured

FOLDER holds split_gate/ with the gate voltages (V) and the conductances (uS) as two files without
headers, one column a trace. The page has the results; the traces themselves stay where they are.
"""

import os
import sys
import time
from pathlib import Path

import jax
import matplotlib
import numpy as np
from matplotlib.figure import Figure

from benchmarks.pages import IMAGES, PAGES, table, used_versions

jax.config.update("jax_enable_x64", True)

from qpcjax.constants import CONDUCTANCE_QUANTUM  # noqa: E402
from qpcjax.files import read_trace_columns  # noqa: E402
from qpcjax.fitting import fit, trace_device  # noqa: E402

PAGE, PICTURE = PAGES / "measured_traces.md", IMAGES / "measured_traces.png"
TEMPLATE = PAGES / "measured_traces.md.in"
TRACES = range(6)
# Family: model of `trace_device` and its options.
FAMILIES = {
    "mean": ("mean", {"constant_ratio": True}),
    "mean, L constant": ("mean", {}),
    "profile": ("profile", {"constant_ratio": True}),
    "saddle": ("saddle", {}),
    "saddle, spin gap": ("saddle", {"shoulder": "gap"}),
    "adiabatic": ("adiabatic", {}),
}
KNOTS = (4, 6)  # cubic and quintic gate maps


def main():
    """Fit everything, print as it goes, write page and picture."""
    folder = os.environ.get("QPCJAX_DATA")
    if not folder:
        sys.exit("set QPCJAX_DATA to the folder that holds split_gate/")
    split = Path(folder) / "split_gate"
    files = split / "splitgateV_clean.csv", split / "conductance_clean.csv"
    found = {}
    for number in TRACES:
        trace = read_trace_columns(*files, number, "V", "uS")
        for name, (model, options) in FAMILIES.items():
            for knots in KNOTS:
                start = time.perf_counter()
                # A gap begins from the fit of the same barrier without it.
                bare = found.get((number, model, knots)) if "shoulder" in options else None
                device = trace_device(trace, model, knots=knots, **options)
                result = fit(device, trace) if bare is None else fit(device, trace, starts=bare)
                found[number, name, knots] = result
                print(
                    f"trace {number} {name:18s} {len(result.free):2d} free: {result.status}, "
                    f"rms {result.rms:.3f} uS, R_s "
                    f"{result.values()['series_resistance']:.1f} ohm, "
                    f"{time.perf_counter() - start:.1f} s",
                    flush=True,
                )
    draw(found)
    page = TEMPLATE.read_text(encoding="utf-8")
    page = page.replace("@RMS@", rms_table(found)).replace("@RESISTANCE@", resistance_table(found))
    page = page.replace("@WINNER@", winner_table(found)).replace("@FLAT@", flat_table(found))
    page = page.replace("@VERSIONS@", used_versions())
    PAGE.write_text(page, encoding="utf-8", newline="\n")


def rms_table(found):
    """Root mean square of the residuals in uS."""
    return _over_traces(found, lambda r: f"{r.rms:.2f}")


def resistance_table(found):
    """Series resistance in ohm with its standard error, and its spread between the families."""
    rows = _over_traces(
        found,
        lambda r: f"{r.values()['series_resistance']:.0f} ± {r.stderr['series_resistance']:.1f}",
    )
    spread = []
    for number in TRACES:
        every = [
            r.values()["series_resistance"] for (trace, _, _), r in found.items() if trace == number
        ]
        spread.append(f"{np.std(every, ddof=1):.0f}")
    return rows + "\n| **standard deviation between them** | | " + " | ".join(spread) + " |"


def _over_traces(found, cell):
    header = ["barrier", "free", *(f"trace {n}" for n in TRACES)]
    rows = [
        [name, str(len(found[0, name, knots].free))]
        + [cell(found[number, name, knots]) for number in TRACES]
        for knots in KNOTS
        for name in FAMILIES
    ]
    return table(header, rows)


def winner_table(found):
    """Best family of each trace and how far the others are behind, by BIC with the correlation."""
    rows = []
    for number in TRACES:
        every = {k[1:]: r for k, r in found.items() if k[0] == number}
        best = min(every, key=lambda k: every[k].rms)
        few = min((k for k in every if len(every[k].free) <= 8), key=lambda k: every[k].rms)
        length = every[best].parts[0].correlation_length
        rows.append(
            [
                str(number),
                f"{few[0]}, {every[few].rms:.2f} µS",
                f"{best[0]}, {every[best].rms:.2f} µS",
                f"{length:.0f}",
                ", ".join(
                    f"{name} +{_behind(every[name, 6], every[best]):.0f}"
                    for name in FAMILIES
                    if name != best[0]
                ),
            ]
        )
    header = ["trace", "best, 8 or fewer free", "best of all", "points correlated", "BIC behind"]
    return table(header, rows)


def _behind(result, best):
    """Difference of BIC, with as many points as are independent."""
    n = best.points / best.parts[0].correlation_length
    more = len(result.free) - len(best.free)
    return n * np.log(result.rms**2 / best.rms**2) + more * np.log(n)


def flat_table(found):
    """What trace 0 leaves open, by family."""
    rows = []
    for name in FAMILIES:
        result = found[0, name, 6]
        for d in result.flat_directions:
            rows.append([name, d.meaning, f"{d.spread:.2g}", d.remedy])
    return table(["barrier", "flat direction", "spread", "what would fix it"], rows)


def draw(found):
    """Every trace with its best fit, and the residuals of the best and of the saddle."""
    matplotlib.rcParams.update({"font.size": 7})
    figure = Figure(figsize=(7.2, 7.6), layout="constrained", dpi=160)
    grid = figure.subplots(4, 3, height_ratios=(2, 1, 2, 1))
    for number in TRACES:
        every = {k[1:]: r for k, r in found.items() if k[0] == number}
        best = min(every, key=lambda k: every[k].rms)
        top, bottom = grid[2 * (number // 3) : 2 * (number // 3) + 2, number % 3]
        part = every[best].parts[0]
        top.plot(part.data.gate, part.data.conductance, color="0.6", linewidth=2.0, label="data")
        top.plot(
            part.data.gate, part.predicted, color="#1f5fa8", linewidth=0.8,
            label=f"{best[0]}, {every[best].rms:.2f} µS",
        )  # fmt: skip
        top.set_title(f"trace {number}", fontsize=8)
        top.legend(frameon=False, fontsize=6)
        for key, colour in (("saddle", "#c08a1e"), (best[0], "#1f5fa8")):
            other = every[key, 6].parts[0]
            bottom.plot(
                other.data.gate, other.residual * CONDUCTANCE_QUANTUM, color=colour, linewidth=0.6,
                label=key,
            )  # fmt: skip
        bottom.set_ylim(-12, 12)
        bottom.axhline(0, color="0.3", linewidth=0.5)
        bottom.legend(frameon=False, fontsize=6, ncols=2, loc="lower right")
        if number % 3 == 0:
            top.set_ylabel("$G$ ($2e^2/h$)")
            bottom.set_ylabel("data - fit (µS)")
        bottom.set_xlabel("$V_g$ (mV)")
    figure.savefig(PICTURE, metadata={"Software": "qpcjax"})


if __name__ == "__main__":
    main()
