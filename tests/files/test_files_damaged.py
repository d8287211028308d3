"""HDF5 files with damaged bytes: refused or read, whatever the HDF5 library does with them."""

import os
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
import xarray as xr
from measurements import BIAS, CONDUCTANCE, GATE, MAP, refused
from test_files_labber import UNITS, one_map, write_log

from qpcjax.files import InputError, hdf5, probe, probing, read_data
from qpcjax.files.table import MOST_VALUES

DAMAGES = 60  # of each format

# Looks at files, each in a process of its own, without starting Python for each.
EACH = """
import importlib.util, os, sys
spec = importlib.util.spec_from_file_location("probe", sys.argv[1])
probe = importlib.util.module_from_spec(spec)
spec.loader.exec_module(probe)
for path in sys.argv[3:]:
    child = os.fork()
    if child == 0:
        os._exit(probe.main(path, sys.argv[2], 6 << 30, 2, 60))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def plain(path):
    with h5py.File(path, "w") as file:
        for name, values, unit in (("gate", GATE, "V"), ("G", CONDUCTANCE, "S")):
            file[name] = values
            file[name].attrs["units"] = unit
            packed = {"chunks": (8,), "compression": "gzip", "shuffle": True}
            file.create_dataset(f"run/{name} ({unit})", data=values, **packed)


def netcdf(path):
    conductance = (("gate", "bias"), MAP, {"units": "S"})
    axes = {"gate": ("gate", GATE, {"units": "V"}), "bias": ("bias", BIAS, {"units": "mV"})}
    packed = {"G": {"zlib": True, "chunksizes": (8, 4)}}
    xr.Dataset({"G": conductance}, axes).to_netcdf(path, engine="h5netcdf", encoding=packed)


def labber(path):
    write_log(path, ["Split gate", "Bias"], ["Lock-in X"], UNITS, one_map())


def damaged(content, rng):
    """The bytes with some of them changed: anywhere, in a row, or one number of eight bytes."""
    changed = bytearray(content)
    start = int(rng.integers(0, len(changed) - 64))
    way = rng.integers(3)
    if way == 0:
        for place in rng.integers(0, len(changed), 4):
            changed[place] = rng.integers(256)
    elif way == 1:
        length = int(rng.integers(1, 64))
        changed[start : start + length] = rng.bytes(length)
    else:
        number = [0, 2**64 - 1, int(rng.integers(len(changed)))][rng.integers(3)]
        changed[start // 8 * 8 :][:8] = b""
        changed[start // 8 * 8 : start // 8 * 8] = number.to_bytes(8, "little")
    return bytes(changed)


def refusal(path):
    """What an InputError says; None where the file is read."""
    try:
        read_data(path)
    except InputError as error:
        return str(error)
    return None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("write", [plain, netcdf, labber])
def test_what_the_probe_lets_through_is_read_or_refused(write, tmp_path, monkeypatch):
    write(tmp_path / "whole.h5")
    content, rng = (tmp_path / "whole.h5").read_bytes(), np.random.default_rng(0)
    paths = [tmp_path / f"{i}.h5" for i in range(DAMAGES)]
    for path in paths:
        path.write_bytes(damaged(content, rng))
    command = [sys.executable, "-c", EACH, probe.__file__, str(MOST_VALUES), *map(str, paths)]
    found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    monkeypatch.setattr(hdf5, "check", lambda path: None)  # as it has been, above
    through = [p for p, status in zip(paths, found.stdout.split(), strict=True) if status == "0"]
    refusals = [message for path in through if (message := refusal(path)) is not None]
    assert len(through) > DAMAGES - 10
    assert 5 < len(refusals) < len(through) - 10
    assert all(str(tmp_path) in message for message in refusals)


@pytest.fixture
def endless(tmp_path):
    """A file whose text has the length 0 where it has 1: HDF5 2.0 reads on and on."""
    path = tmp_path / "endless.h5"
    with h5py.File(path, "w") as file:
        file["gate"] = GATE
        file["gate"].attrs["units"] = "V"
        file["gate"].attrs["step"] = "mV"
    content = bytearray(path.read_bytes())
    length = content.index(b"GCOL") + 24
    assert content[length] == 1
    content[length] = 0
    path.write_bytes(content)
    return path


def test_a_file_that_the_library_does_not_end_with(endless, monkeypatch):
    monkeypatch.setattr(probing, "_SECONDS", 3)
    began = time.monotonic()
    refused(lambda: read_data(endless), "endless.h5: ", "damaged", "once more")
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("script", "fact"),
    [
        ("import os; os.abort()", "crashes"),
        ("import time; time.sleep(60)", "does not come to an end with it in 1 s"),
        (f"raise SystemExit({probing.OUT_OF_MEMORY})", "more memory"),
    ],
)
def test_a_probe_that_comes_to_nothing_good(script, fact, tmp_path, monkeypatch):
    plain(tmp_path / "run.h5")
    (tmp_path / "probe.py").write_text(script)
    monkeypatch.setattr(probing, "_PROBE", tmp_path / "probe.py")
    monkeypatch.setattr(probing, "_SECONDS", 1)
    monkeypatch.setattr(probing, "_PATIENCE", 1)
    message = refused(lambda: read_data(tmp_path / "run.h5"), "run.h5: damaged", "Copy the file")
    assert fact in message


@pytest.mark.parametrize("executable", ["", "/nowhere/python"])
def test_without_a_second_process_a_file_is_read_all_the_same(executable, tmp_path, monkeypatch):
    plain(tmp_path / "run.h5")
    monkeypatch.setattr(probing.sys, "executable", executable)
    assert len(read_data(tmp_path / "run.h5")) == 2


def test_the_probe_knows_an_end(tmp_path):
    """Groups that stand in themselves, datasets that are too large or stand elsewhere."""
    path = tmp_path / "loop.h5"
    with h5py.File(path, "w") as file:
        file.create_group("a")["b"] = file
        file["gate"] = h5py.ExternalLink("/dev/zero", "x")
        file.create_dataset("huge", (1 << 40,), "f8", chunks=(1 << 20,))
        file["kind"] = np.dtype("f8")
    assert probe.main(path, MOST_VALUES, -1, -1, 0) == 0
