"""Measure sweeps: time per point against their size, memory, two processes against one.

python -m benchmarks.sweep [--largest 1e8]

Every number is measured in a process of its own, which streams an observable of a constriction into
a temporary folder: T(E), the cheapest, over its channel floor and the energy, or P_A, an integral
for each point, over the floor and mu. Prints Markdown tables; benchmarks/performance.md
holds those of one run.
"""

import argparse
import json
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.pages import ROOT, table, used_versions

# An integral takes some four hundred times as long as T(E).
SIZES = {
    "transmission": (10**5, 10**6, 10**7, 10**8),
    "asymmetry": (10**4, 10**5, 10**6),
}
HEADER = ["", "points", "time", "per point", "per point once compiled", "peak memory"]
OFFSETS = 100  # points of the other axis
REPEATS, ENOUGH = 9, 1.0  # the most runs, and seconds after which there is no other


def spec(size, observable="transmission"):
    """The sweep of this size, as TOML."""
    along = "energy" if observable == "transmission" else "mu"
    return f"""
observables = "{observable}"
[scatterer]
model = "mean"
half_width = 20.0
length = 80.0
[fixed]
bias = 1.0
temperature = 1.0
[axes]
offset = {{ start = 0, stop = 1, num = {OFFSETS} }}
{along} = {{ start = 2, stop = 20, num = {size // OFFSETS} }}
"""


def measured(size, observable):
    """Seconds of one sweep in this process, from its spec and once all is compiled; peak memory.

    The latter is the median of several where they are short: ext4 takes 0.02 to 0.4 ms for a new
    file, the more files have been deleted in the minutes before.
    """
    import jax

    jax.config.update("jax_enable_x64", True)
    from qpcjax.sweeping.run import run
    from qpcjax.sweeping.spec import read_spec

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "spec.toml")
        path.write_text(spec(size, observable))
        begun = time.perf_counter()
        plan = read_spec(path)

        def seconds(begun):
            run(plan, Path(tempfile.mkdtemp(dir=folder), "out"), lambda done, total: None)
            return time.perf_counter() - begun

        cold, warm = seconds(begun), []
        while len(warm) < REPEATS and sum(warm) < ENOUGH:
            warm.append(seconds(time.perf_counter()))
    return {"cold": cold, "warm": statistics.median(warm), "peak": _peak()}


def _peak():
    """Largest resident set of this process in GiB."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: a process begins there with the peak of the one that started it.
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def in_process(size, observable):
    """The same, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.sweep", "--one", str(size), observable]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return json.loads(printed)


def size_rows(largest):
    """Time per point and memory, up to the largest T(E), and as much work of the integral."""
    rows = []
    for observable, sizes in SIZES.items():
        name, least = ("T(E)", 1) if observable == "transmission" else ("P_A", 100)
        for size in (s for s in sizes if least * s <= largest):
            m = in_process(size, observable)
            per_point = [f"{1e9 * m[part] / size:,.0f} ns" for part in ("cold", "warm")]
            seconds, peak = f"{m['cold']:.2f} s", f"{m['peak']:.2f} GiB"
            rows.append([name, f"{size:.0e}", seconds, *per_point, peak])
    return rows


def process_seconds(size, processes):
    """Wall time of a sweep from the first finished chunk to the last, in so many processes.

    Starting Python and compiling are left out: they take the same time in every process.
    """
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder, "spec.toml"), Path(folder, "out")
        path.write_text(spec(size))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "qpcjax", "sweep", str(path), "-o", str(out), "-q"]
        begun = []
        for i in range(processes):
            here = [f"--coordinator=127.0.0.1:{port}", f"--processes={processes}"]
            here = [*here, f"--process-id={i}"] if processes > 1 else []
            begun.append(
                subprocess.Popen(
                    [*_on_core(i), *command, *here], cwd=ROOT, stdout=subprocess.DEVNULL
                )
            )
        if any(process.wait() for process in begun):
            raise RuntimeError("a process of the sweep failed")
        written = sorted(p.stat().st_mtime for p in (out / "transmission").glob("[0-9]*"))
    return (written[-1] - written[processes - 1]) / (len(written) - processes) * len(written)


def _on_core(number):
    """What goes in front of a command so that it has one core: cores are what is compared."""
    return ["taskset", "-c", str(number)] if shutil.which("taskset") else []


def process_rows(size, repeats=5):
    """One process and two in turn, the best of several: others may use the machine too."""
    runs = [[process_seconds(size, n) for n in (1, 2)] for _ in range(repeats)]
    one, two = map(min, zip(*runs, strict=True))
    return [
        ["1", f"{one:.2f} s", "1"],
        ["2", f"{two:.2f} s", f"{one / (2 * two):.2f}"],
    ]


def main():
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=float, default=1e8, help="points of the largest sweep")
    parser.add_argument(
        "--one", nargs=2, metavar=("POINTS", "OBSERVABLE"), help="one sweep, measured here"
    )
    options = parser.parse_args()
    if options.one:
        size, observable = options.one
        print(json.dumps(measured(int(size), observable)))
        return
    print(f"Measured with {used_versions()} on {os.cpu_count()} cores.\n")
    print(table(HEADER, size_rows(options.largest)))
    size = int(min(options.largest, 4e7))
    print()
    print(table(["processes", f"{size:.0e} points", "efficiency"], process_rows(size)))


if __name__ == "__main__":
    main()
