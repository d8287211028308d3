"""Damaged files of every format and spec: read or refused, within a budget of memory and time.

Files are damaged in this process and read in another one, with a bound on its memory and on the
time of each file, so that a crash is seen as what it is.
"""

import bz2
import gzip
import json
import lzma
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_containers import CSV, LINE, NAMED, ods, wave, xlsx
from measurements import BIAS, CONDUCTANCE, GATE, MAP
from scipy.io import netcdf_file, savemat
from test_files_damaged import labber, netcdf, plain
from test_files_qcodes import NUMBERS, POINTS, Database

from qpcjax.files import formats

DAMAGES = 40  # of each format
MEMORY = 500 << 20  # bytes beside what the libraries take
SECONDS = 20  # of processor time, of a file

# Reads files, and prints for each how it went: "read", "refused", or the error.
EACH = """
import resource, signal, sys, traceback
from pathlib import Path
import h5py, openpyxl, nptdms, scipy.io, xarray, qpcjax.sweeping.spec, qpcjax.designing.spec
from qpcjax.files import InputError, formats, inspection
from qpcjax.files.traces import Choice

def read(path):
    if path.suffix == ".toml":
        design = qpcjax.designing.spec.read_design_spec
        (design if "design" in path.name else qpcjax.sweeping.spec.read_spec)(path)
    else:
        inspection.inspect_file(path, Choice())

def slow(*_):
    raise BaseException("too slow")

signal.signal(signal.SIGPROF, slow)
read(Path(sys.argv[3]))  # the whole file: what it loads and compiles is not counted
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[1]),) * 2)
for name in sys.argv[3:]:
    signal.setitimer(signal.ITIMER_PROF, float(sys.argv[2]))
    try:
        read(Path(name))
        print("read")
    except InputError as error:
        assert Path(name).name in str(error), error
        print("refused")
    except BaseException as error:
        print(repr(error)[:200], traceback.format_exc().replace(chr(10), " | ")[-900:])
    signal.setitimer(signal.ITIMER_PROF, 0)
    sys.stdout.flush()
"""


def _map_npz(path):
    np.savez(path, **{"gate (V)": GATE, "bias (mV)": BIAS, "G (S)": MAP})


def _netcdf3(path):
    with netcdf_file(path, "w") as file:
        file.createDimension("gate", GATE.size)
        for name, values, unit in (("gate", GATE, "V"), ("G", CONDUCTANCE, "S")):
            variable = file.createVariable(name, "d", ("gate",))
            variable[:], variable.units = values, unit


def _tdms(path):
    import nptdms

    with nptdms.TdmsWriter(path) as writer:
        channels = [
            nptdms.ChannelObject("run", name, values, {"unit_string": unit})
            for name, values, unit in (("gate", GATE, "V"), ("G", CONDUCTANCE, "S"))
        ]
        writer.write_segment(channels)


def _spyview(path):
    ends = "Gate (V), -1.5, -0.5, Bias (mV), -3, 3, None, 0, 1"
    path.write_bytes(f"Units, G (S), {ends}\n41 7 1 8\n".encode() + MAP.tobytes())


def _avs(path):
    head = "# AVS/Express field file\nndim = 1\ndim1 = {n}\nveclen = 1\nlabel = G[S]\n"
    head += "coord 1 file=v.fld filetype=ascii skip=7 offset=0 stride=1\n"
    head += "variable 1 file=v.fld filetype=ascii skip={end} offset=0 stride=1\n"
    numbers = "\n".join(f"{v:.12g}" for v in (*GATE, *CONDUCTANCE))
    path.write_text(head.format(n=len(GATE), end=7 + len(GATE)) + numbers)


def _comsol(path):
    gate, conductance = (" ".join(f"{v:.12g}" for v in a) for a in (GATE, CONDUCTANCE))
    path.write_text(f"% Length unit: nm\n% Grid\n{gate}\n% Data\n% G (S)\n{conductance}\n")


def _matlab(path, packed=False):
    columns = {"gate": GATE, "gate_unit": "V", "G": CONDUCTANCE, "G_unit": "S"}
    savemat(path, {"run": columns, "G": CONDUCTANCE}, do_compression=packed)


def _json(path):
    told = {"gate": {"unit": "V", "values": GATE.tolist()}}
    path.write_text(json.dumps({**told, "G": {"unit": "S", "values": CONDUCTANCE.tolist()}}))


def _text(module=None):
    content = CSV.encode()
    return lambda path: path.write_bytes(content if module is None else module.compress(content))


SPEC = """observables = ["left"]
order = 8
[scatterer]
model = "mean"
half_width = 20.0
length = { value = 80.0, unit = "nm" }
[axes]
mu = { start = 2, stop = 25, num = 400, unit = "meV" }
bias = [1.0, 2.0]
[fixed]
temperature = { value = 300, unit = "mK" }
"""

WRITERS: dict[str, Callable[[Path], object]] = {
    "plain.h5": plain,
    "netcdf4.nc": netcdf,
    "labber.hdf5": labber,
    "netcdf3.cdf": _netcdf3,
    "arrays.npz": _map_npz,
    "qcodes.db": lambda path: Database(path).add(NUMBERS, {"G": ["gate"]}, POINTS),
    "columns.npy": lambda path: np.save(path, np.stack([GATE, CONDUCTANCE], axis=1)),
    "sheet.xlsx": lambda path: xlsx(path, {"a": NAMED}),
    "sheet.ods": lambda path: ods(path, {"a": NAMED}),
    "run.mat": _matlab,
    "packed.mat": lambda path: _matlab(path, True),
    "run.tdms": _tdms,
    "map.mtx": _spyview,
    "v.fld": _avs,
    "comsol.txt": _comsol,
    "wave.ibw": lambda path: path.write_bytes(wave(CONDUCTANCE, axes=[LINE])),
    "run.json": _json,
    "trace.csv": _text(),
    "trace.csv.gz": _text(gzip),
    "trace.csv.bz2": _text(bz2),
    "trace.csv.xz": _text(lzma),
    "sweep.toml": lambda path: path.write_text(SPEC),
    "design.toml": lambda path: path.write_text(Path("docs/design.toml").read_text()),
}

# Numbers and words that programs stumble over, put in place of those of a text.
WORDS = [
    "1e308",
    "-1e308",
    "nan",
    "inf",
    "-0",
    "1" * 30,
    "9" * 400,
    "0x10",
    "[[[[[[",
    "{{",
    '""',
    "",
]


def damaged(content, rng):
    """The bytes cut off, changed, repeated, or with another number in them."""
    changed, size = bytearray(content), len(content)
    start = int(rng.integers(0, size))
    length = int(rng.integers(1, min(64, size)))
    way = rng.integers(6)
    if way == 0:
        return bytes(changed[:start])
    if way == 1:
        for place in rng.integers(0, size, 4):
            changed[place] = rng.integers(256)
    elif way == 2:
        changed[start : start + length] = rng.bytes(length)
    elif way == 3:
        changed[start:start] = changed[start : start + length] * int(rng.integers(1, 200))
    elif way == 4:
        number = [0, 2**31 - 1, 2**32 - 1, 2**63 - 1][rng.integers(4)]
        changed[start : start + 8] = number.to_bytes(8, ["little", "big"][rng.integers(2)])
    else:
        word = WORDS[rng.integers(len(WORDS))].encode()
        end = start
        while end < size and bytes(changed[end : end + 1]).isalnum():
            end += 1
        changed[start:end] = word
    return bytes(changed)


def test_every_format_is_here(tmp_path):
    """A new format comes with a file in `WRITERS`."""
    ends = {Path(name).suffix for name in WRITERS}
    assert not [f.name for f in formats.FORMATS if f.suffixes and not ends & set(f.suffixes)]
    WRITERS["comsol.txt"](tmp_path / "comsol.txt")
    found = formats.recognised(tmp_path / "comsol.txt")
    assert [f for f in formats.FORMATS if not f.suffixes] == [found]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="bounds of memory as Linux has them")
@pytest.mark.parametrize("name", WRITERS)
def test_damaged_files(name, tmp_path):
    pytest.importorskip("openpyxl")
    pytest.importorskip("nptdms")
    whole = tmp_path / name
    WRITERS[name](whole)
    content, rng = whole.read_bytes(), np.random.default_rng(list(name.encode()))
    paths = [whole]
    for i in range(DAMAGES):
        paths.append(tmp_path / str(i) / name)
        paths[-1].parent.mkdir()
        paths[-1].write_bytes(damaged(content, rng))
    command = [sys.executable, "-c", EACH, str(MEMORY), str(SECONDS), *map(str, paths)]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1200)
    said = found.stdout.splitlines()
    assert found.returncode == 0, (len(said), found.stderr[-2000:])
    assert len(said) == len(paths)
    assert said[0] == "read", said[0]
    wrong = [line for line in said if line not in ("read", "refused")]
    assert not wrong, (len(wrong), wrong[0])
