"""Fit six measured traces as `qpcjax fit` does by itself and write benchmarks/measured_default.md.

QPCJAX_DATA=FOLDER python -m benchmarks.measured_default [RESULTS]

FOLDER holds split_gate/, as for benchmarks.measured. RESULTS keeps what the command writes, in a
folder for each trace; a trace whose folder has a fit.json is not fitted again.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.pages import PAGES, table, used_versions

PAGE, TEMPLATE = PAGES / "measured_default.md", PAGES / "measured_default.md.in"
TRACES = range(6)


def main():
    """Run the command on each trace, and write the page."""
    data = os.environ.get("QPCJAX_DATA")
    if not data:
        sys.exit("set QPCJAX_DATA to the folder that holds split_gate/")
    results = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
    found = [summary(Path(data) / "split_gate", results / f"t{k}", k) for k in TRACES]
    page = TEMPLATE.read_text(encoding="utf-8")
    page = page.replace("@CHOSEN@", chosen(found)).replace("@EVERY@", every(found))
    page = page.replace("@RESISTANCE@", resistances(found)).replace("@VERSIONS@", used_versions())
    PAGE.write_text(page, encoding="utf-8", newline="\n")


def summary(split, folder, number):
    """What fit.json says of a trace."""
    if not (folder / "fit.json").is_file():
        files = ("--gate", split / "splitgateV_clean.csv")
        files += ("--conductance", f"{split / 'conductance_clean.csv'}#{number}")
        units = ("--gate-unit", "V", "--conductance-unit", "uS")
        command = (sys.executable, "-m", "qpcjax", "fit", *files, *units, "-o", folder)
        subprocess.run(command, check=True)
    return json.loads((folder / "fit.json").read_text(encoding="utf-8"))


def chosen(found):
    """The barrier of each trace, and how well it fits."""
    head = ["trace", "points", "barrier", "free", "rms (µS)", "noise (µS)", "rms/noise", "P_A (pW)"]
    rows = []
    for number, fit in enumerate(found):
        best = fit["barriers"]["table"][0]
        numbers = (f"{fit['rms']:.3f}", f"{fit['noise']:.3f}", f"{fit['misfit']:.1f}")
        largest = f"{best['largest_asymmetry_pW']:.1f}"
        rows.append(
            [str(number), str(fit["points"]), best["name"], str(best["free"]), *numbers, largest]
        )
    return table(head, rows)


def every(found):
    """Root mean square of each barrier in uS, and how far it is behind."""
    names = [row["name"] for row in found[0]["barriers"]["table"] if row["rms"] is not None]
    rows = []
    for name in sorted(names):
        cells = []
        for fit in found:
            row = next(r for r in fit["barriers"]["table"] if r["name"] == name)
            alike = " *" if name in fit["barriers"]["alike"] else ""
            fits = row["rms"] is not None
            cells.append(f"{row['rms']:.2f}, {row['bic_difference']:.0f}{alike}" if fits else "")
        rows.append([name, *cells])
    return table(["barrier", *(f"trace {n}" for n in TRACES)], rows)


def resistances(found):
    """R_s with its errors: by the curvature, by leaving steps out, and between barriers."""
    head = ["trace", "R_s (ohm)", "curvature", "jackknife", "between barriers", "spread of all"]
    rows = []
    for number, fit in enumerate(found):
        r = fit["parameters"]["series_resistance"]
        values = [
            row["series_resistance"]
            for row in fit["barriers"]["table"]
            if row["series_resistance"] is not None
        ]
        between = r["systematic"]
        rows.append(
            [
                str(number),
                f"{r['value']:.1f}",
                f"{r['curvature_stderr']:.1f}",
                f"{r['jackknife_stderr']:.1f}",
                "none as good" if between is None else f"{between:.1f}",
                f"{min(values):.0f} to {max(values):.0f}",
            ]
        )
    return table(head, rows)


if __name__ == "__main__":
    main()
