"""Give the command what would take a machine's memory, and write benchmarks/bombs.md.

python -m benchmarks.bombs

Each input is made in a folder that goes again. Peak memory is that of the command and of the
processes that it starts, on Linux.
"""

import gzip
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy.io import savemat

from benchmarks.pages import PAGES, table, used_versions

PAGE, TEMPLATE = PAGES / "bombs.md", PAGES / "bombs.md.in"
SPEC = """observables = ["left"]
{more}
[scatterer]
model = "mean"
half_width = {width}
length = 80.0
[axes]
mu = {axis}
"""
SPECS = {
    "an axis of 1e12 values": {"axis": "{ start = 2, stop = 25, num = 1000000000000 }"},
    "two axes of 4e6 values": {
        "axis": "{ start = 2, stop = 3, num = 4000000 }\n"
        "bias = { start = 1, stop = 2, num = 4000000 }"
    },
    "half_width = 1e308": {"width": "1e308"},
    "order = 100000": {"more": "order = 100000"},
    "lists 50000 levels deep": {"more": "a = " + "[" * 50_000 + "]" * 50_000},
    "an axis from /dev/zero": {"axis": '{ file = "/dev/zero" }'},
    "an axis from an archive called .npy": {"axis": '{ file = "z.npy" }'},
}


FILES = {
    "least.csv": "a table of two rows",
    "bare.csv": "60 MB of `1,2`",
    "named.csv": "the same with names and units",
    "odd.csv": "the same with a row of letters",
    "wide.csv": "a header of 100001 columns",
    "zeros.csv.gz": "1.1 GiB of zeros, packed by gzip",
    "deep.json": "JSON 5 million levels deep",
    "zeros.mat": "0.5 GiB of zeros in a MATLAB file",
}


def make(folder: Path):
    """Write the files of measurements, in a process of its own: children inherit its peak."""
    (folder / "least.csv").write_text("gate (mV),G (uS)\n1,2\n2,3\n")
    small = b"1,2\n" * 15_000_000
    (folder / "bare.csv").write_bytes(small)
    (folder / "named.csv").write_bytes(b"gate (mV),G (uS)\n" + small)
    (folder / "odd.csv").write_bytes(small + b"x,y\n")
    names = ",".join(f"c{i} (uS)" for i in range(100_000))
    (folder / "wide.csv").write_text(f"gate (mV),{names}\n" + ",".join("1" * 100_001) + "\n")
    with gzip.open(folder / "zeros.csv.gz", "wb", 1) as file:
        for _ in range(1100):
            file.write(bytes(1 << 20))
    (folder / "deep.json").write_text('{"a": ' + "[" * 5_000_000 + "]" * 5_000_000 + "}")
    savemat(folder / "zeros.mat", {"G": np.zeros(1 << 26)}, do_compression=True)
    np.savez(folder / "z", a=np.arange(3.0))
    (folder / "z.npz").rename(folder / "z.npy")


def measured(words, folder):
    """Exit status, first line of the answer, seconds and peak memory in MB of a command."""
    began = time.monotonic()
    command = [sys.executable, "-m", "qpcjax", *map(str, words)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = child.stdout.read() if child.stdout else ""
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    answer = next((line for line in lines if line.startswith("Error")), "it is described")
    answer = answer.replace(f"{folder}/", "").removeprefix("Error: ")
    return child.returncode, answer[:90], time.monotonic() - began, used.ru_maxrss / 1e3


def main():
    """Measure every input and write the page."""
    head = ["input", "bytes", "status", "answer", "s", "MB"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-m", "benchmarks.bombs", name], check=True)
        bombs = [(what, folder / file, "inspect") for file, what in FILES.items()]
        for number, (what, changes) in enumerate(SPECS.items()):
            spec = folder / f"{number}.toml"
            spec.write_text(
                SPEC.format(**{"more": "", "width": "20.0", "axis": "[1.0]", **changes})
            )
            bombs.append((f"a sweep: {what}", spec, "sweep"))
        rows = []
        for what, path, command in bombs:
            more = ["-o", folder / "out", "--quiet"] if command == "sweep" else []
            status, answer, seconds, memory = measured([command, path, *more], folder)
            size = f"{path.stat().st_size}"
            answer = answer.replace("|", "\\|")
            rows.append([what, size, str(status), answer, f"{seconds:.0f}", f"{memory:.0f}"])
    page = TEMPLATE.read_text(encoding="utf-8").format(
        table=table(head, rows), versions=used_versions()
    )
    PAGE.write_text(page, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    make(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
