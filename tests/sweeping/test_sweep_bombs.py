"""Specs that ask for more than any machine has, files of axes that are none, and a full disk."""

import subprocess
import sys

import numpy as np
import pytest
from commands import call
from measurements import refused

import qpcjax as qpc
from qpcjax.files import InputError
from qpcjax.sweeping.spec import read_spec

SPEC = """
observables = ["left"]
{more}
[scatterer]
model = "mean"
half_width = {width}
length = 80.0
[axes]
mu = {axis}
"""
HUGE = "9" * 400

BOMBS = {
    "a grid of 1e12": ({"axis": "{ start = 2, stop = 25, num = 1000000000000 }"}, "too many"),
    "two axes": (
        {"axis": "{ start = 2, stop = 3, num = 4000000 }\n"
         "bias = { start = 1, stop = 2, num = 4000000 }"},
        "4000000 x 4000000 is too many",
    ),
    "a width of 1e308": ({"width": "1e308"}, "half_width"),
    "a width of 400 digits": ({"width": HUGE}, "scatterer.half_width must be a number up to"),
    "a number of 5000 digits": ({"width": "9" * 5000}, "not TOML"),
    "an order of 100000": ({"more": "order = 100000"}, "order must be at most"),
    "nesting": ({"more": "a = " + "[" * 50_000 + "]" * 50_000}, "nested too deep"),
    "a device": ({"axis": '{ file = "/dev/zero" }'}, "empty"),
    "an archive by the name of an array": ({"axis": '{ file = "z.npy" }'}, "cannot be read"),
    "a text by the name of numbers": ({"axis": '{ file = "words.txt" }'}, "cannot be read"),
    "an empty text": ({"axis": '{ file = "none.txt" }'}, "cannot be read"),
    "objects": ({"axis": '{ file = "objects.npy" }'}, "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("case", BOMBS)
def test_specs_are_refused_before_they_take_memory(tmp_path, case):
    changes, fact = BOMBS[case]
    np.savez(tmp_path / "z", a=np.arange(3.0))
    (tmp_path / "z.npz").rename(tmp_path / "z.npy")
    np.save(tmp_path / "objects.npy", np.array([{}], object), allow_pickle=True)
    (tmp_path / "words.txt").write_text("words\n")
    (tmp_path / "none.txt").write_text("# nothing\n")
    spec = tmp_path / "spec.toml"
    spec.write_text(SPEC.format(**{"more": "", "width": "20.0", "axis": "[1.0]", **changes}))
    refused(lambda: read_spec(spec), "spec.toml", fact)


def test_the_command_refuses_a_spec_that_is_none(tmp_path):
    for path in ("/dev/zero", tmp_path):
        status, _, err = call("sweep", path, "-o", tmp_path / "out")
        assert status == 2
        assert str(path) in err


_EXPORT = """
import resource, sys
import numpy as np
import qpcjax as qpc
from qpcjax.files import InputError

import jax

jax.config.update("jax_enable_x64", True)
result = qpc.sweep(qpc.SaddlePoint(3.0, 6.0, 1.0), {"mu": np.linspace(2, 9, 8000)}, "transmission")
result.to_netcdf(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    result.to_netcdf(sys.argv[1])
except InputError as error:
    print("refused:", error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits of files as Linux has them")
def test_a_disk_without_room(tmp_path):
    """The HDF5 library crashes when it cannot write; the room is asked for first."""
    path = tmp_path / "sweep.nc"
    found = subprocess.run(
        [sys.executable, "-c", _EXPORT, str(path)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith(f"refused: {path} cannot be written: File too large")
    assert [p.name for p in tmp_path.iterdir()] == ["sweep.nc"]  # that of before


def test_widths_without_an_energy_are_refused():
    for width in (1e308, 1e200):
        with pytest.raises(ValueError, match="half_width must be a width in nm at which E1"):
            qpc.AbruptConstriction(width, 80.0)
    with pytest.raises(InputError):
        read_spec("/dev/null")
