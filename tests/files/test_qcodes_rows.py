"""QCoDeS as it writes: a row for each parameter; what was not committed; its first HDF5 files."""

import sqlite3
import subprocess
import sys

import h5py
import numpy as np
import pytest
from laboratory_containers import Database, blob
from measurements import BIAS, CONDUCTANCE, GATE, MAP, refused
from test_files_qcodes import ARRAYS, NUMBERS, POINTS, is_the_trace

from qpcjax.files import read_data, read_trace
from qpcjax.files.column_units import CONDUCTANCE_UNITS
from qpcjax.files.qcodes_rows import joined

LOCKIN = {"gate": ("numeric", "V"), "I": ("numeric", "A"), "Vac": ("numeric", "V"),
          "clock": ("numeric", "s")}  # fmt: skip
MEASURED = {name: ["gate"] for name in ("I", "Vac", "clock")}
DRIVE = 1e-4 * (1 + 0.01 * np.arange(GATE.size))  # V


def set_points():
    """For each set point its parameters."""
    for i, v in enumerate(GATE.tolist()):
        yield v, {"I": float(CONDUCTANCE[i] * DRIVE[i]), "Vac": float(DRIVE[i]), "clock": float(i)}


@pytest.fixture
def database(tmp_path):
    return Database(tmp_path / "qc.db")


ORDERS = {
    "a row each": [{"gate": v, k: x} for v, of in set_points() for k, x in of.items()],
    "all of one, then of the next": [
        {"gate": v, k: of[k]} for k in MEASURED for v, of in set_points()
    ],
    "one row": [{"gate": v, **of} for v, of in set_points()],
}


@pytest.mark.parametrize("order", ORDERS)
def test_a_row_for_each_parameter(database, order):
    trace = read_trace(database.add(LOCKIN, MEASURED, ORDERS[order]).path)
    np.testing.assert_array_equal(trace.gate, GATE * 1e3)
    np.testing.assert_allclose(trace.conductance, CONDUCTANCE * CONDUCTANCE_UNITS["S"], rtol=1e-14)


def test_a_gate_that_rests(database):
    """Rows at one set point are joined with their neighbours, not with those of another time."""
    rows = [{"gate": -1.0, k: x} for _, of in set_points() for k, x in of.items()]
    rows += [{"gate": -0.9, k: x} for _, of in set_points() for k, x in of.items()]
    trace = read_trace(database.add(LOCKIN, MEASURED, rows).path, sweep="all")
    expected = np.tile(CONDUCTANCE, 2) * CONDUCTANCE_UNITS["S"]
    np.testing.assert_allclose(trace.conductance, expected, rtol=1e-14)


def test_an_aborted_run(database):
    """What was measured of the last set point is kept, and no row goes to another point."""
    for cut in (1, 2):
        path = Database(database.path).add(LOCKIN, MEASURED, ORDERS["a row each"][:-cut]).path
        trace = read_trace(path)
        assert trace.dropped == cut - 1  # the clock alone, or the excitation too
        np.testing.assert_array_equal(trace.gate, GATE[: 41 - (cut - 1)] * 1e3)


def test_a_parameter_that_was_read_now_and_then(database):
    kinds = {**NUMBERS, "T": ("numeric", "K")}
    rows = [{"gate": p["gate"], "G": p["G"]} for p in POINTS]
    rows = [r for i, p in enumerate(rows) for r in (p, {"gate": p["gate"], "T": 1.5})[: 1 + i % 2]]
    assert is_the_trace(read_trace(database.add(kinds, {"G": ["gate"], "T": ["gate"]}, rows).path))


def test_arrays_in_rows_of_their_own(database):
    kinds = {**ARRAYS, "I": ("array", "A")}
    rows = [{"gate": blob(GATE), "G": blob(CONDUCTANCE)}, {"gate": blob(GATE), "I": blob(GATE)}]
    assert is_the_trace(read_trace(database.add(kinds, {"G": ["gate"], "I": ["gate"]}, rows).path))


def test_several_axes(database):
    """A map whose parameters stand in rows of their own, with a third axis."""
    kinds = {**NUMBERS, "bias": ("numeric", "mV"), "B": ("numeric", "T"), "I": ("numeric", "A")}
    axes = ["B", "bias", "gate"]
    rows = []
    for j, b in enumerate(BIAS.tolist()):
        for i, v in enumerate(GATE.tolist()):
            at = {"B": 0.5, "bias": b, "gate": v}
            rows += [{**at, "G": float(MAP[i, j])}, {**at, "I": 0.0}]
    (data,) = read_data(database.add(kinds, {"G": axes, "I": axes[::-1]}, rows).path)
    np.testing.assert_array_equal(data.bias, np.repeat(BIAS, GATE.size))
    np.testing.assert_array_equal(data.conductance, MAP.T.ravel() * CONDUCTANCE_UNITS["S"])


def test_set_points_of_rows():
    """By hand: rows at places a, a, b, b of the parameters 0 and 1."""
    each = np.eye(2, dtype=bool)[[0, 1, 0, 1]]
    np.testing.assert_array_equal(joined(np.array([0, 0, 1, 1]), each), [[0, 1], [2, 3]])
    np.testing.assert_array_equal(joined(np.array([0, 0, 1]), each[:3]), [[0, 1], [2, -1]])
    blocks = np.eye(2, dtype=bool)[[0, 0, 0, 1, 1]]
    np.testing.assert_array_equal(
        joined(np.array([5, 3, 1, 5, 3]), blocks), [[0, 3], [1, 4], [2, -1]]
    )


# --- what was not committed -----------------------------------------------------------------

_WRITES = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size = 2")
db.execute("BEGIN IMMEDIATE")
db.execute('UPDATE "results-1-1" SET G = 5')
"""


@pytest.fixture
def long_run(database):
    gate = np.linspace(-1.5, -1.0, 3000)
    rows = [{"gate": v, "G": 1e-5} for v in gate.tolist()]
    return database.add(NUMBERS, {"G": ["gate"]}, rows).path


def test_what_a_killed_program_wrote_is_undone(long_run, tmp_path):
    kill = _WRITES + "os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", kill, str(long_run)], check=False)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(files) == {"qc.db", "qc.db-journal"}
    trace = read_trace(long_run)
    np.testing.assert_array_equal(trace.conductance, 1e-5 * CONDUCTANCE_UNITS["S"])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == files


def test_a_database_that_is_being_written(long_run):
    """Rows that another program has not committed are no data; its lock is named."""
    writer = sqlite3.connect(long_run, isolation_level=None)
    writer.execute("PRAGMA cache_size = 2")
    writer.execute("BEGIN IMMEDIATE")
    writer.execute('UPDATE "results-1-1" SET G = 5')
    refused(lambda: read_trace(long_run), "qc.db", "another program has locked", "again")
    writer.execute("ROLLBACK")
    np.testing.assert_array_equal(read_trace(long_run).conductance, 1e-5 * CONDUCTANCE_UNITS["S"])
    writer.close()


# --- the first HDF5 files -------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["mV", "['mV']", ["mV"]])
def test_first_hdf5_of_a_map(tmp_path, unit):
    """Every array is one column; its shape and axes are attributes."""
    path = tmp_path / "data.hdf5"
    with h5py.File(path, "w") as file:
        group = file.create_group("Data Arrays")
        arrays = {
            "bias": (BIAS, (), unit),
            "gate": (np.tile(GATE, (BIAS.size, 1)), ("bias",), "V"),
            "g": (MAP.T, ("bias", "gate"), "S"),
        }
        for name, (values, axes, its) in arrays.items():
            data = group.create_dataset(name, data=values.reshape(-1, 1))
            data.attrs["shape"] = np.array(values.shape, "i4")
            data.attrs["set_arrays"] = np.array([axis.encode() for axis in axes])
            data.attrs["is_setpoint"] = str(name != "g")
            data.attrs["units" if unit != "mV" else "unit"] = its
    (data,) = read_data(path)
    np.testing.assert_array_equal(data.gate, np.tile(GATE, BIAS.size) * 1e3)
    np.testing.assert_array_equal(data.bias, np.repeat(BIAS, GATE.size))
    np.testing.assert_array_equal(data.conductance, MAP.T.ravel() * CONDUCTANCE_UNITS["S"])


def test_axes_of_plottr(tmp_path):
    path = tmp_path / "data.ddh5"
    with h5py.File(path, "w") as file:
        group = file.create_group("data")
        for name, values, unit, axes in (
            ("dot", GATE, "V", []),
            ("G", CONDUCTANCE, "S", ["dot"]),
        ):
            data = group.create_dataset(name, data=values)
            data.attrs["unit"] = unit
            data.attrs["axes"] = np.array(axes, h5py.string_dtype())
    assert is_the_trace(read_trace(path))  # 'dot' is the only axis in volts


def test_descriptions_that_are_nested_too_deep(database):
    deep = '{"interdependencies_": ' + "[" * 100_000 + "]" * 100_000 + "}"
    database.add(NUMBERS, {"G": ["gate"]}, POINTS, description=deep)
    refused(lambda: read_trace(database.path), "qc.db, part 1", "description")
