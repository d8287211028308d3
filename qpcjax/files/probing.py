"""A look at a file in a process of its own, which may crash."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from qpcjax.files.table import MOST_BYTES, MOST_VALUES
from qpcjax.measurements import InputError

_PROBE = Path(__file__).with_name("probe.py")
OUT_OF_MEMORY = 3  # exit status of the probe
_MEMORY = 6 * MOST_BYTES  # of the probe, in bytes: the largest dataset, twice, and the library
_SECONDS, _BYTES_A_SECOND = 20, 1 << 23  # of a processor's time that the probe may take
_PATIENCE = 6  # times that by the clock: a machine may have other work


def check(path, format="HDF5", library="the HDF5 library", memory=_MEMORY):
    """Let a process of its own read the file first, as a damaged one may crash the library.

    It takes 0.2 s (0.5 s with SciPy), and as long again as packed numbers take to unpack.

    Args:
        path: the file.
        format: a format that the probe knows.
        library: what reads it, for messages.
        memory: bytes that it may take.

    Raises:
        InputError: it crashes, does not end, or takes more memory than any measurement.
    """
    if not sys.executable:  # Python inside of another program
        return
    limit = round(_SECONDS + path.stat().st_size / _BYTES_A_SECOND)
    bounds = (MOST_VALUES, memory, limit, _PATIENCE * limit, format)
    endless = f"{library} does not come to an end with it in {limit} s"
    command = [sys.executable, "-P", str(_PROBE), str(path), *map(str, bounds)]
    try:
        # BLAS, which is not used, would take memory for every core.
        few = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        status = subprocess.run(
            command,
            timeout=_PATIENCE * limit,
            env=few,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ).returncode
    except subprocess.TimeoutExpired:
        problem = endless
    except OSError:
        return  # no process to be had: it is read without
    else:
        if status in (0, 1):  # 1: of the script itself, such as a library that it does not find
            return
        problem = f"{library} crashes with it"
        if status == OUT_OF_MEMORY:
            problem = "it takes more memory than any measurement"
        elif status == -getattr(signal, "SIGXCPU", 0):
            problem = endless
    raise InputError(
        f"{path}: damaged, and cannot be read as {format} ({problem}). Copy the file once more "
        "from where it was measured, or export what is still legible there as CSV"
    )
