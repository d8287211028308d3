"""Measure sweeps: time per point against their size, memory, two processes against one.

python -m benchmarks.sweep [--largest 1e8]

Every number is measured in a process of its own, which streams T(E) of a constriction over its
channel floor and the energy into a temporary folder. Prints Markdown tables; docs/cluster.md holds
those of one run.
"""

import argparse
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.pages import ROOT, table, used_versions

SIZES = (10**5, 10**6, 10**7, 10**8)
OFFSETS = 100  # points of the other axis


def spec(size):
    """The sweep of this size, as TOML."""
    return f"""
observables = "transmission"
[scatterer]
model = "mean"
half_width = 20.0
length = 80.0
[axes]
offset = {{ start = 0, stop = 1, num = {OFFSETS} }}
energy = {{ start = 1, stop = 20, num = {size // OFFSETS} }}
"""


def measured(size):
    """Seconds of one sweep in this process, from its spec and once all is compiled; peak memory."""
    import jax

    jax.config.update("jax_enable_x64", True)
    from qpcjax.sweeping.run import run
    from qpcjax.sweeping.spec import read_spec

    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "spec.toml")
        path.write_text(spec(size))
        for part in ("cold", "warm"):
            begun = time.perf_counter()
            plan = read_spec(path)
            if part == "warm":
                begun = time.perf_counter()
            run(plan, Path(folder, part), lambda done, total: None)
            seconds.append(time.perf_counter() - begun)
            shutil.rmtree(Path(folder, part))
    return {"cold": seconds[0], "warm": seconds[1], "peak": _peak()}


def _peak():
    """Largest resident set of this process in GiB."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: a process begins there with the peak of the one that started it.
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def in_process(size):
    """The same, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.sweep", "--one", str(size)]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return json.loads(printed)


def size_rows(largest):
    """Time per point and memory, for each size."""
    rows = []
    for size in (s for s in SIZES if s <= largest):
        m = in_process(size)
        per_point = [f"{1e9 * m[part] / size:.0f} ns" for part in ("cold", "warm")]
        rows.append([f"{size:.0e}", f"{m['cold']:.2f} s", *per_point, f"{m['peak']:.2f} GiB"])
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
        written = sorted(p.stat().st_mtime for p in (out / "chunks").iterdir())
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
    parser.add_argument("--one", type=int, help="points of one sweep that is measured here")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(options.one)))
        return
    print(f"Measured with {used_versions()} on {os.cpu_count()} cores.\n")
    header = ["points", "time", "per point", "per point once compiled", "peak memory"]
    print(table(header, size_rows(options.largest)))
    size = int(min(options.largest, 4e7))
    print()
    print(table(["processes", f"{size:.0e} points", "efficiency"], process_rows(size)))


if __name__ == "__main__":
    main()
