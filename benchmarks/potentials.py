"""Error and speed of `PotentialScatterer` beside Kwant: `python -m benchmarks.potentials`."""

import functools
import os
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax
import numpy as np

import qpcjax as qpc
from benchmarks.pages import PAGES, ROOT, table, used_versions

sys.path.insert(0, str(ROOT / "tests"))

from potential_cases import CASES, energy, options, potential

from qpcjax.scatterers.accuracy import transmission_by_steps

KNOWN = [name for name, case in CASES.items() if len(case["energies"]) > 1]
TIMED = ("split_gate", "asymmetric_gates", "impurity", "two_in_series", "field_2T")
TIMED += ("horn", "gated_potential")
SLOPES = ("split_gate", "two_in_series")
ENERGIES = 64


def milliseconds(function, repeat=3):
    """Processor time of one energy, of all threads together, at its least; the first call apart."""
    jax.block_until_ready(function())
    found = []
    for _ in range(repeat):
        start = time.process_time()
        jax.block_until_ready(function())
        found.append(time.process_time() - start)
    return 1e3 * min(found) / ENERGIES


def words(name):
    """The name of a case in a table."""
    return name.replace("_", " ")


def sizes(scatterer):
    """N, M and the numbers of modes that are kept."""
    kept = ", ".join(str(k) for k in dict.fromkeys(scatterer.kept))
    return f"{scatterer.sectors}", f"{scatterer.sine_modes}", kept


def accuracy(name, tolerance):
    """A line of the first table, and the scatterer."""
    case = CASES[name]
    start = time.process_time()
    found = qpc.resolve(potential(case), case["energies"], tolerance, **options(case))
    seconds = time.process_time() - start
    reached = transmission_by_steps(found, np.array(case["energies"]))
    error, bound = np.abs(reached - case["transmission"]), np.array(case["error"])
    ratio = np.max(np.maximum(error - bound, 0) / found.error_estimate)
    line = (words(name), f"{tolerance:.0e}", *sizes(found), f"{error.max():.1e}")
    line += (f"{found.error_estimate.max():.1e}", f"{ratio:.2f}", f"{seconds:.0f}")
    print(*line, sep="  ", flush=True)
    return line, found


def speed(name, scatterer):
    """A row of the second table: one potential with all M modes and with m of them."""
    case = CASES[name]
    energies = np.array(case["energies"])
    many = np.linspace(energies[0], energies[-1], ENERGIES)
    cells, times = [words(name)], []
    for one in (scatterer.keeping(scatterer.sine_modes), scatterer):
        found = np.asarray(qpc.transmission(one, energies))
        error = np.abs(found - case["transmission"]).max()
        times.append(milliseconds(lambda one=one: qpc.transmission(one, many)))
        cells += [f"{times[-1]:.2f}", f"{error:.1e}"]
    kwant = case.get("kwant")
    if kwant is None:
        return (*cells, "", "", "")
    distance = np.abs(np.array(kwant["richardson"]) - case["transmission"]).max()
    theirs = 1e3 * sum(kwant["seconds_per_energy"])
    return (*cells, f"{theirs:,.0f}", f"{distance:.1e}", f"{theirs / times[-1]:,.0f}")


def is_fast(row):
    """Whether a row of the second table beats Kwant 500 times, at errors below 2e-4 and its."""
    *_, error, _, theirs, times = row
    known = times and float(error) < min(2e-4, float(theirs))
    return bool(known and float(times.replace(",", "")) >= 500)


def slopes(name, scatterer):
    """A line of the third table: the cost of derivatives by four parameters of the potential."""
    case = CASES[name]
    many = np.linspace(case["energies"][0], case["energies"][-1], ENERGIES)

    def mean(parameters):
        height, along, across, stretch = parameters
        place = qpc.Potential.from_function(
            lambda x, y: height * energy(case, x * stretch - along, y - across),
            case["half_length"],
            case["strip_width"],
        )
        return jax.numpy.mean(
            qpc.transmission(qpc.PotentialScatterer(place, **scatterer.sizes), many)
        )

    at = np.array([1.0, 0.0, 0.0, 1.0])
    value, forward, reverse = (
        milliseconds(functools.partial(jax.jit(f), at))
        for f in (mean, jax.jacfwd(mean), jax.grad(mean))
    )
    times = (f"{value:.2f}", f"{forward:.2f}", f"{reverse:.2f}")
    return (words(name), *times, f"{forward / value:.1f}", f"{reverse / value:.1f}")


def main():
    """Write the page."""
    jax.config.update("jax_enable_x64", True)
    found = {name: accuracy(name, 1e-4) for name in KNOWN}
    fine = [accuracy(name, 1e-6)[0] for name in KNOWN]
    rows = [line for name, (line, _) in found.items()]
    rows = [line for pair in zip(rows, fine, strict=True) for line in pair]
    reached = ("case", "tolerance", "N", "M", "m", "error", "estimate", "error/estimate", "s")
    timed = ("case", "all modes, ms", "error", "those kept, ms", "error", "Kwant, ms", "its error")
    timed += ("times as long",)
    derived = ("case", "T, ms", "forward, ms", "reverse, ms", "forward/T", "reverse/T")
    speeds = [speed(name, found[name][1]) for name in TIMED]
    text = (PAGES / "potentials.md.in").read_text("utf-8").format(
        versions=used_versions(),
        energies=ENERGIES,
        accuracy=table(reached, rows),
        speed=table(timed, speeds),
        fast=sum(map(is_fast, speeds)),
        slopes=table(derived, [slopes(name, found[name][1]) for name in SLOPES]),
    )  # fmt: skip
    (PAGES / "potentials.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
