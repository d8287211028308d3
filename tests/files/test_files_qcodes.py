"""QCoDeS: its databases, laid out as version 0.58 does and by itself, and its netCDF exports."""

import json
import sqlite3

import h5py
import numpy as np
import pytest
from laboratory_containers import Database, blob
from measurements import (
    BIAS,
    CONDUCTANCE,
    GATE,
    MAP,
    damaged_or_refused,
    refused,
    whole_or_refused,
)

from qpcjax.files import open_file, read_data, read_trace
from qpcjax.files.column_units import CONDUCTANCE_UNITS


@pytest.fixture
def database(tmp_path):
    return Database(tmp_path / "qc.db")


NUMBERS = {"gate": ("numeric", "V"), "G": ("numeric", "S")}
ARRAYS = {"gate": ("array", "V"), "G": ("array", "S")}
POINTS = [{"gate": float(v), "G": float(g)} for v, g in zip(GATE, CONDUCTANCE, strict=True)]


def is_the_trace(trace):
    return np.array_equal(trace.gate, GATE * 1e3) and np.array_equal(
        trace.conductance, CONDUCTANCE * CONDUCTANCE_UNITS["S"]
    )


def test_numbers_come_back_to_the_last_bit(database):
    trace = read_trace(database.add(NUMBERS, {"G": ["gate"]}, POINTS).path)
    assert is_the_trace(trace)
    assert (trace.gate_unit, trace.conductance_unit) == ("V", "S")
    assert json.loads(trace.metadata["snapshot"]) == {"station": {"dac": -1.5}}
    assert trace.metadata["name"] == "run 1"
    assert open_file(database.path).format == "QCoDeS .db"


def test_arrays_come_back_to_the_last_bit(database):
    halves = [
        {"gate": blob(v), "G": blob(g)}
        for v, g in zip(np.split(GATE, [20]), np.split(CONDUCTANCE, [20]), strict=True)
    ]
    assert is_the_trace(read_trace(database.add(ARRAYS, {"G": ["gate"]}, halves).path))


def test_several_runs_and_parameters(database):
    database.add(NUMBERS, {"G": ["gate"]}, POINTS)
    more = {**ARRAYS, "bias": ("array", "mV"), "dIdV": ("array", "S"), "note": ("text", "")}
    rows = [
        {"gate": blob(np.full(BIAS.size, v)), "bias": blob(BIAS), "dIdV": blob(line)}
        for v, line in zip(GATE, MAP, strict=True)
    ]
    rows += [{"gate": blob(np.array([v])), "G": blob(np.array([0.0]))} for v in GATE]
    database.add(more, {"dIdV": ["gate", "bias"], "G": ["gate"], "note": ["gate"]}, rows)
    refused(lambda: read_trace(database.path), "of its parts", "'1' (run 1:", "'2:0'", "'2:1'")
    assert is_the_trace(read_trace(database.path, part=1))
    (data,) = read_data(database.path, part="2:0")
    np.testing.assert_array_equal(data.gate, np.repeat(GATE * 1e3, BIAS.size))
    np.testing.assert_array_equal(data.bias, np.tile(BIAS, GATE.size))
    np.testing.assert_array_equal(data.conductance, MAP.ravel() * CONDUCTANCE_UNITS["S"])
    assert len(read_data(database.path)) == 3


def test_the_order_is_that_of_the_measurement(database):
    order = np.random.default_rng(0).permutation(GATE.size)
    trace = read_trace(database.add(NUMBERS, {"G": ["gate"]}, [POINTS[i] for i in order]).path)
    np.testing.assert_array_equal(trace.gate, GATE[order] * 1e3)


def test_missing_and_complex_numbers(database):
    kinds = {"gate": ("numeric", "V"), "G": ("complex", "S")}
    rows = [{"gate": p["gate"], "G": blob(np.array([p["G"] + 1j]))} for p in POINTS]
    path = database.add(kinds, {"G": ["gate"]}, rows).path
    refused(lambda: read_trace(path), "qc.db, part 1", "'G (S)' is complex")
    assert is_the_trace(read_trace(path, component="real"))
    rows = [{**POINTS[0], "G": "nan"}, *POINTS[1:]]  # as QCoDeS writes NaN
    trace = read_trace(Database(path).add(NUMBERS, {"G": ["gate"]}, rows).path)
    assert trace.dropped == 1


BAD_CELLS = {
    "objects": (blob(np.array([{}], object), allow_pickle=True), ["row 0", "pickled"]),
    "text": ("much", ["row 0", "column 'G'", "found something else"]),
    "bytes": (b"\x00\x01", ["row 0"]),
    "cut off": (blob(CONDUCTANCE)[:-8], ["row 0"]),
    "another length": (blob(CONDUCTANCE[:-1]), ["row 0", "arrays of one shape", "'gate': (41,)"]),
}


@pytest.mark.parametrize("case", BAD_CELLS)
def test_bad_cells(database, tmp_path, case):
    cell, facts = BAD_CELLS[case]
    database.add(ARRAYS, {"G": ["gate"]}, [{"gate": blob(GATE), "G": cell}])
    refused(lambda: read_trace(database.path), "qc.db, part 1", *facts)
    assert [path.name for path in tmp_path.iterdir()] == ["qc.db"]


def test_other_databases(tmp_path, database):
    refused(lambda: read_trace(database.path), "without a run")
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE t (a)")
    db.close()
    refused(lambda: read_trace(other), "other.db", "not one of QCoDeS", "CSV")
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE runs (run_id, name)")
    db.close()
    refused(lambda: read_trace(other), "old version")
    database.add(NUMBERS, {"G": ["gate"]}, POINTS, description="{}")
    refused(lambda: read_trace(database.path), "qc.db, part 1", "description")


def test_names_in_a_database_are_only_names(database):
    """A table's and a column's name are quoted, whatever stands in them."""
    odd = 'G"; DROP TABLE runs; --'
    kinds = {"gate": ("numeric", "V"), odd.replace('"', '""'): ("numeric", "S")}
    rows = [{"gate": p["gate"], odd.replace('"', '""'): p["G"]} for p in POINTS]
    told = {
        "parameters": {
            "gate": {"paramtype": "numeric", "unit": "V"},
            odd: {"paramtype": "numeric", "unit": "S"},
        },
        "dependencies": {odd: ["gate"]},
    }
    database.add(kinds, {}, rows, json.dumps({"interdependencies_": told}))
    before = database.path.read_bytes()
    assert is_the_trace(read_trace(database.path))
    assert database.path.read_bytes() == before


def test_rows_that_still_stand_beside_the_database(database, tmp_path):
    """While QCoDeS measures, or was not closed, the newest rows are in the write-ahead log."""
    database.add(NUMBERS, {"G": ["gate"]}, POINTS[:20])
    writer = sqlite3.connect(database.path)
    writer.execute("PRAGMA journal_mode = WAL")
    for p in POINTS[20:]:
        writer.execute('INSERT INTO "results-1-1" (gate, G) VALUES (?, ?)', (p["gate"], p["G"]))
    writer.commit()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if "shm" not in path.name}
    assert set(before) == {"qc.db", "qc.db-wal"}
    assert is_the_trace(read_trace(database.path))
    for name, content in before.items():
        assert (tmp_path / name).read_bytes() == content
    writer.close()


def test_files_that_were_cut_off_or_damaged(database):
    path = database.add(NUMBERS, {"G": ["gate"]}, POINTS).path
    content = path.read_bytes()
    assert whole_or_refused(path, content, read_trace, is_the_trace) >= 58
    damaged_or_refused(path, content, read_trace)


def test_a_run_that_is_too_large_is_refused(database, monkeypatch):
    from qpcjax.files import qcodes

    path = database.add(ARRAYS, {"G": ["gate"]}, [{"gate": blob(GATE), "G": blob(GATE)}]).path
    monkeypatch.setattr(qcodes, "MOST_BYTES", 512)
    refused(lambda: read_trace(path), "qc.db, part 1", "no more than")


# --- by QCoDeS itself -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A folder with a database and netCDF exports, written by QCoDeS."""
    pytest.importorskip("qcodes", reason="QCoDeS brings seventy packages: install it to check")
    from qcodes.dataset import (
        Measurement,
        initialise_or_create_database_at,
        load_or_create_experiment,
    )

    folder = tmp_path_factory.mktemp("qcodes")
    initialise_or_create_database_at(str(folder / "qc.db"))
    experiment = load_or_create_experiment("qpc", "sample A7")

    def run(name, paramtype, axes, value, unit, rows):
        work = Measurement(exp=experiment, name=name)
        for axis, its in axes.items():
            work.register_custom_parameter(axis, unit=its, paramtype=paramtype)
        work.register_custom_parameter(value, unit=unit, setpoints=tuple(axes), paramtype=paramtype)
        with work.run() as saver:
            for row in rows:
                saver.add_result(*row)
        saver.dataset.export("netcdf", path=str(folder))
        return next(folder.glob(f"qcodes_{saver.run_id}_*.nc")).rename(folder / f"{name}.nc")

    points = list(zip(GATE, CONDUCTANCE, strict=True))
    run("trace", "numeric", {"gate": "V"}, "G", "S",
        [(("gate", v), ("G", g)) for v, g in points])  # fmt: skip
    run("arrays", "array", {"gate": "V"}, "G", "S", [(("gate", GATE), ("G", CONDUCTANCE))])
    grid = [(v, b, MAP[i, j]) for i, v in enumerate(GATE) for j, b in enumerate(BIAS)]
    for name, rows in (("map", grid), ("aborted", grid[:-3])):
        run(name, "numeric", {"gate": "V", "bias": "mV"}, "dIdV", "S",
            [(("gate", v), ("bias", b), ("dIdV", g)) for v, b, g in rows])  # fmt: skip
    again = points + points[::-1]
    run("updown", "numeric", {"gate": "V"}, "G", "S",
        [(("gate", v), ("G", g)) for v, g in again])  # fmt: skip
    return folder


def test_its_database(measured):
    for part in (1, 2):
        assert is_the_trace(read_trace(measured / "qc.db", part=part))
    for part, size in ((3, MAP.size), (4, MAP.size - 3)):
        (data,) = read_data(measured / "qc.db", part=part)
        np.testing.assert_array_equal(data.conductance, MAP.ravel()[:size] * CONDUCTANCE_UNITS["S"])
    assert is_the_trace(read_trace(measured / "qc.db", part=5, sweep="down"))


def test_its_netcdf(measured):
    found = open_file(measured / "trace.nc")
    assert found.format == "netCDF-4 of QCoDeS"
    for name in ("trace", "arrays"):
        trace = read_trace(measured / f"{name}.nc")
        with h5py.File(measured / f"{name}.nc") as file:
            gate, g = file["gate"][()], file["G"][()]
        np.testing.assert_array_equal(trace.gate, gate * 1e3)
        np.testing.assert_array_equal(trace.conductance, g * CONDUCTANCE_UNITS["S"])
        # QCoDeS itself reads numbers from its database through a text of 15 digits.
        np.testing.assert_allclose(gate, GATE, rtol=1e-14)
        assert "parameters" in json.loads(trace.metadata["snapshot"])
    for name, size in (("map", MAP.size), ("aborted", MAP.size - 3)):
        (data,) = read_data(measured / f"{name}.nc")
        (same,) = read_data(measured / "qc.db", part={"map": 3, "aborted": 4}[name])
        assert data.conductance.size == size
        for attribute in ("gate", "bias", "conductance"):
            # Its export sorts the axes of a map that fills a grid, and of no other.
            mine, other = (
                getattr(d, attribute)[np.lexsort((d.bias, d.gate)) if name == "map" else ...]
                for d in (data, same)
            )
            np.testing.assert_allclose(mine, other, rtol=1e-14)
    assert len(read_data(measured / "updown.nc")) == 2
