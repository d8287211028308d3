"""What readers of HDF5 files share: opening one, and its attributes as Python's own values."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from qpcjax.files.optional_libraries import need
from qpcjax.files.table import MOST_BYTES, MOST_VALUES
from qpcjax.measurements import InputError

_PROBE = Path(__file__).with_name("hdf5_probe.py")
OUT_OF_MEMORY = 3  # exit status of the probe
_MEMORY = 6 * MOST_BYTES  # of the probe, in bytes: the largest dataset, twice, and the library
_SECONDS, _BYTES_A_SECOND = 20, 1 << 23  # of a processor's time that the probe may take
_PATIENCE = 6  # times that by the clock: a machine may have other work


def check(path):
    """Let a process of its own read the file first, as a damaged one may crash the HDF5 library.

    It takes 0.2 s, and as long again as the file's packed datasets take to unpack.

    Raises:
        InputError: it crashes, does not end, or takes more memory than any measurement.
    """
    need("h5py")
    if not sys.executable:  # Python inside of another program
        return
    limit = round(_SECONDS + path.stat().st_size / _BYTES_A_SECOND)
    bounds = (MOST_VALUES, _MEMORY, limit, _PATIENCE * limit)
    endless = f"the HDF5 library does not come to an end with it in {limit} s"
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
        problem = "the HDF5 library crashes with it"
        if status == OUT_OF_MEMORY:
            problem = "it takes more memory than any measurement"
        elif status == -getattr(signal, "SIGXCPU", 0):
            problem = endless
    raise InputError(
        f"{path}: damaged, and cannot be read as HDF5 ({problem}). Copy the file once more from "
        "where it was measured, or export what is still legible there as CSV"
    )


@contextlib.contextmanager
def opened(path):
    """The file, opened for reading; an error inside becomes an InputError."""
    h5py = need("h5py")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except InputError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path}: cut off or damaged, and cannot be read as HDF5 ({reason}). Save or copy it "
            "once more"
        ) from None


def plain_values(values):
    """Those of the values that are texts or single numbers, as Python's own."""
    found = {}
    for name, value in values.items():
        if isinstance(value, bytes | str):
            found[name] = text(value)
        elif np.size(value) == 1 and np.asarray(value).dtype.kind in "biuf":
            found[name] = np.ravel(value)[0].item()
        elif np.size(value) == 1 and isinstance(np.ravel(value)[0], bytes | str):
            found[name] = text(np.ravel(value)[0])
    return found


def text(value):
    """An attribute as text; "" where it is something else."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def unit_text(value):
    """A unit as text, also where it stands in a list of its own, such as ['V']."""
    value = np.asarray(value)
    found = text(value.ravel()[0]) if value.size == 1 and value.dtype.kind in "OSU" else ""
    alone = re.fullmatch(r"""\s*[\[(]\s*b?(['"])(.*)\1\s*,?\s*[\])]\s*""", found)
    return (alone[2] if alone else found).strip()


def texts(value):
    """An attribute that is a list of texts; one text is a list of one."""
    found = [text(item) for item in np.ravel(np.asarray(value, object)).tolist()]
    return [item for item in found if item]
