"""Containers in the shapes that laboratories' programs write, of the staircase of laboratory_files.

Each function gives one that writes the file of a case to a path.
"""

import gzip
import io
import json
import pickle
import sqlite3
import struct

import h5py
import numpy as np
import pytest
from laboratory_files import BIASES, EXCITATION, GATE, siemens, table

MAP = np.stack([siemens(bias=bias) for bias in BIASES])  # uS, (bias, gate)
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 1234567\n"


def two_columns(path):
    """What numpy.save makes of two columns."""
    np.save(path, np.stack([GATE, siemens()], axis=1))


def hdf5(group, attributes, **datasets):
    """Datasets with attributes each, in a group; `attributes` are those of the group."""

    def write(path):
        with h5py.File(path, "w") as file:
            for name, (values, its) in datasets.items():
                stored = file.create_dataset(f"{group}/{name}", data=values)
                for key, value in its.items():
                    stored.attrs[key] = value
            for key, value in attributes.items():
                file.require_group("metadata").attrs[key] = value

    return write


def legacy(unit, unit_of=str, biased=False):
    """HDF5 of QCoDeS before its databases: columns of one array each, the axes by their names."""

    def column(values, unit_, axes=(), shape=None):
        told = {"set_arrays": np.array(axes, "S9"), "shape": shape or values.shape}
        told |= {"is_setpoint": str(unit_ != "uS"), unit: unit_of(unit_)}
        return values.reshape(-1, 1), told

    if not biased:
        return hdf5(
            "Data Arrays",
            {},
            gate=column(GATE, "V"),
            conductance=column(siemens(), "uS", ["gate"]),
        )
    inner = np.tile(GATE, len(BIASES))
    return hdf5(
        "Data Arrays",
        {},
        bias=column(np.array(BIASES), "mV"),
        gate=column(inner, "V", ["bias"], MAP.shape),
        conductance=column(MAP, "uS", ["bias", "gate"]),
    )


def json_arrays(path):
    """Arrays of QCoDeS as its JSON writes them."""
    columns = {"gate": ("V", GATE), "conductance": ("uS", siemens())}
    arrays = {k: {"unit": u, "label": k, "ndarray": v.tolist()} for k, (u, v) in columns.items()}
    path.write_text(json.dumps({"arrays": arrays}))


def spyview(path):
    """A map whose current stands in it with the gate running first, in pA."""
    head = "Units, Current (pA),Gate (mV), -1000, -600,Bias (mV), -1, 1,None, 0, 1\n81 3 1 8\n"
    path.write_bytes(head.encode() + MAP.astype("<f8").tobytes())


def cut_wave(path):
    """A wave of Igor whose header is lost."""
    path.write_bytes(struct.pack("<h", 5) + bytes(382) + siemens().tobytes())


def cut_tdms(path):
    """A TDMS file of LabVIEW whose description of the data is lost."""
    head = b"TDSm\x0e\0\0\0" + struct.pack("<iQQ", 4713, 100, 60)
    path.write_bytes(head + siemens().tobytes())


def pickled(path):
    """A pickled dictionary."""
    path.write_bytes(pickle.dumps({"gate": GATE.tolist(), "conductance": siemens().tolist()}))


def one_row(path):
    """A packed table of one row."""
    path.write_bytes(gzip.compress(b"gate (V),conductance (uS)\n-1,0\n"))


def sheet(path):
    """A spreadsheet of the trace."""
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["gate (V)", "G (uS)"])
    for row in zip(GATE.tolist(), siemens().tolist(), strict=True):
        book.active.append(row)
    book.save(path)


def packed(path):
    """A packed table."""
    path.write_bytes(gzip.compress(table("gate (V),conductance (uS)").encode()))


# --- databases of QCoDeS ----------------------------------------------------------------------

SCHEMA = """
CREATE TABLE experiments (exp_id INTEGER PRIMARY KEY, name TEXT, sample_name TEXT);
CREATE TABLE runs (run_id INTEGER PRIMARY KEY, exp_id INTEGER, name TEXT, result_table_name TEXT,
    result_counter INTEGER, run_timestamp INTEGER, completed_timestamp INTEGER, is_completed BOOL,
    parameters TEXT, guid TEXT, run_description TEXT, snapshot TEXT);
CREATE TABLE layouts (layout_id INTEGER PRIMARY KEY, run_id INTEGER, parameter TEXT, label TEXT,
    unit TEXT, inferred_from TEXT);
CREATE TABLE dependencies (dependent INTEGER, independent INTEGER, axis_num INTEGER);
"""


def blob(array, **options):
    """An array as QCoDeS stores one."""
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


class Database:
    """Writes runs as QCoDeS lays them out."""

    def __init__(self, path):
        self.path, self.runs = path, 0
        path.unlink(missing_ok=True)
        self._do(lambda db: db.executescript(SCHEMA))

    def _do(self, action):
        database = sqlite3.connect(self.path)
        action(database)
        database.commit()
        database.close()

    def add(self, parameters, measured, rows, description=None):
        """A run: name -> (paramtype, unit), name -> axes, rows as dictionaries."""
        self.runs += 1
        run, results = self.runs, f"results-1-{self.runs}"
        specs = {
            n: {"name": n, "paramtype": kind, "label": n.title(), "unit": unit}
            for n, (kind, unit) in parameters.items()
        }
        told = {"parameters": specs, "dependencies": measured, "inferences": {}, "standalones": []}
        if description is None:
            description = json.dumps({"version": 3, "interdependencies_": told, "shapes": None})

        def write(db):
            columns = ", ".join(f'"{n}" {kind}' for n, (kind, _) in parameters.items())
            db.execute(f'CREATE TABLE "{results}" (id INTEGER PRIMARY KEY, {columns})')
            for row in rows:
                names = ", ".join(f'"{n}"' for n in row)
                marks = ", ".join("?" * len(row))
                db.execute(f'INSERT INTO "{results}" ({names}) VALUES ({marks})', [*row.values()])
            db.execute(
                "INSERT INTO runs (run_id, exp_id, name, result_table_name, run_timestamp, guid, "
                "run_description, snapshot) VALUES (?, 1, ?, ?, 1.5, 'g-u-i-d', ?, ?)",
                (run, f"run {run}", results, description, '{"station": {"dac": -1.5}}'),
            )

        self._do(write)
        return self


def row_for_each_parameter(path):
    """A current and what drove it, read one after the other at each gate voltage."""
    kinds = {k: ("numeric", u) for k, u in (("gate", "V"), ("I", "A"), ("Vac", "V"), ("t", "s"))}
    drive = EXCITATION * (1 + 0.02 * np.sin(np.arange(GATE.size)))
    rows = []
    for v, g, d in zip(GATE.tolist(), siemens().tolist(), drive.tolist(), strict=True):
        rows += [{"gate": v, "I": g * 1e-6 * d}, {"gate": v, "Vac": d}, {"gate": v, "t": v}]
    Database(path).add(kinds, {name: ["gate"] for name in ("I", "Vac", "t")}, rows)


def map_in_a_database(path):
    """Conductance over bias and gate."""
    kinds = {"bias": ("numeric", "mV"), "gate": ("numeric", "V"), "G": ("numeric", "uS")}
    rows = [
        {"bias": bias, "gate": v, "G": g}
        for bias, line in zip(BIASES, MAP.tolist(), strict=True)
        for v, g in zip(GATE.tolist(), line, strict=True)
    ]
    Database(path).add(kinds, {"G": ["bias", "gate"]}, rows)
