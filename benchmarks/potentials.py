"""Error and speed of `PotentialScatterer` beside Kwant: `python -m benchmarks.potentials`."""

import os
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax
import numpy as np

import qpcjax as qpc
from benchmarks.pages import PAGES, ROOT, table, used_versions

sys.path.insert(0, str(ROOT / "tests"))

from potential_cases import CASES, options, potential

COMPARED = ("split_gate", "asymmetric_gates", "disorder", "impurity", "two_in_series", "field_2T")
SIZES = ((32, 20), (48, 24), (96, 24))
ENERGIES = 64


def milliseconds(function, repeat=3):
    """Processor time of one energy, of all threads together, at its least."""
    found = []
    for _ in range(repeat):
        start = time.process_time()
        jax.block_until_ready(function())
        found.append(time.process_time() - start)
    return 1e3 * min(found) / ENERGIES


def row(name, sectors, modes):
    """A line of the table."""
    case = CASES[name]
    energies = np.array(case["energies"])
    scatterer = qpc.PotentialScatterer(
        potential(case), sectors=sectors, modes=modes, **options(case)
    )
    found = np.asarray(qpc.transmission(scatterer, energies))
    error = np.abs(found - case["transmission"]).max()
    many = np.linspace(energies[0], energies[-1], ENERGIES)
    qpc.transmission(scatterer, many)
    ours = milliseconds(lambda: qpc.transmission(scatterer, many))
    kwant = case["kwant"]
    theirs = sum(kwant["seconds_per_energy"])
    distance = np.abs(np.array(kwant["richardson"]) - case["transmission"]).max()
    return (
        *(name.replace("_", " "), f"{sectors}, {modes}", f"{error:.1e}", f"{ours:.2f}"),
        *(f"{distance:.1e}", f"{1e3 * theirs:,.0f}", f"{1e3 * theirs / ours:,.0f}"),
    )


def main():
    """Write the page."""
    jax.config.update("jax_enable_x64", True)
    rows = [row(name, *sizes) for name in COMPARED for sizes in SIZES]
    header = ("case", "sectors, modes", "error of T", "ms an energy")
    header += ("Kwant's error", "Kwant, ms an energy", "quotient")
    text = (PAGES / "potentials.md.in").read_text("utf-8")
    text = text.format(versions=used_versions(), table=table(header, rows), energies=ENERGIES)
    (PAGES / "potentials.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
