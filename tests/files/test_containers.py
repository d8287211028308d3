"""Files of Igor, MATLAB, spreadsheets, TDMS, Spyview, JSON, .npy, and packed ones."""

import bz2
import gzip
import json
import lzma
import struct
import zipfile

import numpy as np
import pytest
from commands import call
from made_containers import (
    BY_NUMBER,
    COLUMNS,
    CSV,
    FACTOR,
    LINE,
    NAMED,
    is_the_map,
    is_the_trace,
    ods,
    wave,
    xlsx,
)
from measurements import (
    BIAS,
    CONDUCTANCE,
    GATE,
    MAP,
    damaged_or_refused,
    refused,
    whole_or_refused,
)
from scipy.io import savemat

from qpcjax.files import open_file, read_data, read_trace

# --- Igor -----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [2, 5])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_wave_of_igor(table, order, version):
    path = table(wave(CONDUCTANCE, "g1", "S", [LINE], order, version, b"T=1.5 K"), "g1.ibw")
    trace = read_trace(path)  # the only axis in volts is the gate
    np.testing.assert_allclose(trace.gate, GATE * 1e3, rtol=1e-12)
    np.testing.assert_array_equal(trace.conductance, CONDUCTANCE * FACTOR)
    assert trace.metadata["note"] == "T=1.5 K"
    assert open_file(path).format == "Igor .ibw"
    igor2 = pytest.importorskip("igor2.binarywave", reason="a second reader, to check the layout")
    their = igor2.load(path)["wave"]
    np.testing.assert_array_equal(their["wData"], CONDUCTANCE)
    assert their["note"] == b"T=1.5 K"


def test_a_wave_of_a_map(table):
    axes = [LINE, (BIAS[1] - BIAS[0], BIAS[0], "mV")]
    path = table(wave(MAP, "dIdV", "S", axes), "map.ibw")
    (found,) = open_file(path).tables
    x, y, g = found.columns
    np.testing.assert_allclose(x.values.reshape(MAP.shape)[:, 0], GATE)
    np.testing.assert_allclose(y.values.reshape(MAP.shape)[0], BIAS)
    np.testing.assert_array_equal(g.values.reshape(MAP.shape), MAP)
    assert [c.unit for c in found.columns] == ["V", "mV", "S"]


def test_numbers_of_waves(table):
    for values in (np.arange(5, dtype="u2") + 65000, np.arange(4) + 1j, np.arange(4, dtype="f4")):
        (found,) = open_file(table(wave(values), "w.ibw")).tables
        np.testing.assert_array_equal(found.columns[-1].values, values)


def test_damaged_waves(table):
    content = wave(CONDUCTANCE, axes=[LINE])
    path = table(content, "g.ibw")
    assert whole_or_refused(path, content, read_trace, is_the_trace) == 60
    assert damaged_or_refused(path, content, read_trace) > 20
    path.write_bytes(struct.pack("<h", 5) + bytes(382) + CONDUCTANCE.tobytes())
    refused(lambda: read_trace(path), "g.ibw", "do not sum up to 0", "Save Delimited Text")
    path.write_bytes(b"IGOR")
    refused(lambda: read_trace(path), "g.ibw", "Igor .ibw", "Save Delimited Text")


# --- MATLAB ---------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_a_matlab_file(tmp_path, packed):
    path = tmp_path / "run.mat"
    columns = {"gate": GATE[:, None], "gate_unit": "V", "G": CONDUCTANCE, "G_unit": "S"}
    savemat(path, {**columns, "T": 1.5}, do_compression=packed)
    trace = read_trace(path)
    assert is_the_trace(trace)
    assert trace.metadata["T"] == 1.5
    savemat(path, {"run": {"setup": {"lockin": "7265"}, "data": columns}}, do_compression=packed)
    assert is_the_trace(read_trace(path))  # fields of structures
    assert is_the_trace(read_trace(path, part="run/data"))
    savemat(path, {"data": COLUMNS}, do_compression=packed)
    refused(lambda: read_trace(path), "run.mat", "'data' have no names", "--gate 0")
    assert is_the_trace(read_trace(path, **BY_NUMBER))
    assert open_file(path).format == "MATLAB 5"


def test_a_map_of_matlab(tmp_path):
    path = tmp_path / "map.mat"
    units = {"gate_unit": "V", "bias_unit": "mV", "G_unit": "S"}
    savemat(path, {"gate": GATE, "bias": BIAS, "G": MAP, **units})
    (data,) = read_data(path)
    assert is_the_map(data)


def test_damaged_matlab_files(tmp_path):
    path = tmp_path / "run.mat"
    savemat(path, {"gate": GATE, "gate_unit": "V", "G": CONDUCTANCE, "G_unit": "S"})
    content = path.read_bytes()
    for cut in (100, 300, len(content) - 9):
        path.write_bytes(content[:cut])
        refused(lambda: read_trace(path), "run.mat")
    savemat(path, {"words": "none"})
    refused(lambda: read_trace(path), "run.mat", "no array of numbers", "writetable")


def test_a_matlab_file_that_unpacks_to_too_much(tmp_path, monkeypatch):
    from qpcjax.files import matlab

    path = tmp_path / "zeros.mat"
    savemat(path, {"G": np.zeros(1 << 20)}, do_compression=True)
    assert path.stat().st_size < 1 << 16
    monkeypatch.setattr(matlab, "MOST_BYTES", 1 << 20)
    refused(lambda: read_trace(path), "zeros.mat", "unpack to more")


# --- spreadsheets ---------------------------------------------------------------------------


SHEETS = {"Notes": [["made by hand"]], "gate sweep": NAMED, "empty": []}


@pytest.mark.parametrize(("write", "name"), [(xlsx, "run.xlsx"), (ods, "run.ods")])
def test_spreadsheets(tmp_path, write, name):
    path = tmp_path / name
    write(path, SHEETS)
    chosen = {"part": "gate sweep", "gate": "Gate, left"}
    trace = read_trace(path, **chosen)
    # openpyxl writes 16 digits
    np.testing.assert_allclose(trace.conductance, CONDUCTANCE * FACTOR, rtol=1e-15)
    np.testing.assert_allclose(trace.gate, GATE * 1e3, rtol=1e-15)
    write(path, {"a": NAMED, "b": [["Vg (V)", "G (S)"], [0.0, 1e-6], [0.1, 2e-6]]})
    assert read_trace(path, part="b").gate[1] == 100
    status, printed, _ = call("inspect", path, "--gate", "Gate, left")
    assert status == 0
    assert "part a" in printed
    assert "--part" in printed
    content = path.read_bytes()
    assert whole_or_refused(path, content, lambda p: read_trace(p, part="b"), lambda t: True) > 50
    damaged_or_refused(path, content, lambda p: read_trace(p, part="b"))


def test_sheets_that_are_too_large(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD900"] = "gate (V)", 1.0
    for row in range(2, 900):
        book.active.cell(row, 1, 0.5)
    path = tmp_path / "wide.xlsx"
    book.save(path)
    refused(lambda: read_trace(path), "wide.xlsx", "more than", "cells")
    deep = '<c:table-row c:number-rows-repeated="99999999">' + "<c:table-cell>"
    path = tmp_path / "long.ods"
    ods(path, {"a": NAMED})
    with zipfile.ZipFile(path) as archive:
        content = archive.read("content.xml").decode()
    cell = "<x:p>1</x:p></c:table-cell></c:table-row>"
    for more, fact in (
        (deep + cell, "more than"),
        ('<c:table-row><c:table-cell c:number-columns-repeated="99999999">' + cell, "more than"),
    ):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
            archive.writestr("content.xml", content.replace("<c:table-row>", more, 1))
        refused(lambda: read_trace(path), "long.ods", fact)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
    refused(lambda: read_trace(path), "long.ods", "document type")


# --- TDMS, Spyview, JSON, .npy ----------------------------------------------------------------


def test_tdms(tmp_path):
    nptdms = pytest.importorskip("nptdms")
    path = tmp_path / "run.tdms"
    wave = {"wf_start_offset": GATE[0], "wf_increment": GATE[1] - GATE[0], "wf_xname": "Vg",
            "wf_xunit_string": "V", "unit_string": "S"}  # fmt: skip
    with nptdms.TdmsWriter(path) as writer:
        channels = [
            nptdms.RootObject({"operator": "-"}),
            nptdms.ChannelObject("run 1", "gate", GATE, {"unit_string": "V"}),
            nptdms.ChannelObject("run 1", "G", CONDUCTANCE, {"NI_UnitDescription": "S"}),
            nptdms.ChannelObject("run 2", "G", CONDUCTANCE, wave),
        ]
        writer.write_segment(channels)
    assert is_the_trace(read_trace(path, part="run 1"))
    waveform = read_trace(path, part="run 2")
    np.testing.assert_allclose(waveform.gate, GATE * 1e3, rtol=1e-12)
    content = path.read_bytes()
    damaged_or_refused(path, content, lambda p: read_trace(p, part="run 1"))
    assert call("inspect", path)[0] == 0
    path.write_bytes(b"TDSm\x0e\0\0\0" + struct.pack("<iQQ", 4713, 100, 60) + CONDUCTANCE.tobytes())
    refused(lambda: read_trace(path), "run.tdms", "TDMS", "export it as text")


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("along_x", [False, True])
def test_spyview(table, along_x, kind):
    """Spyview writes the last axis first; programs that write the first one first are told."""
    ends = f"Gate (V), {GATE[0]}, {GATE[-1]}, Bias (mV), {BIAS[0]}, {BIAS[-1]}, None, 0, 1"
    head = f"Units, G (S), {ends}\n{GATE.size} {BIAS.size} 1 {kind[1]}\n".encode()
    numbers = (MAP.T if along_x else MAP).astype(f"<{kind}").tobytes()
    path = table(head + numbers, "map.mtx")
    (data,) = read_data(path)
    order = np.lexsort((data.bias, -data.gate))
    np.testing.assert_allclose(data.conductance[order], MAP.ravel() * FACTOR, rtol=1e-6)
    (found,) = open_file(path).tables
    assert bool(found.notes) is along_x
    refused(lambda: read_data(table(head + numbers[:-4], "cut.mtx")), "cut.mtx", "41 x 7 x 1")


def test_json(table):
    def arrays(**more):
        return {
            "gate": {"unit": "V", "ndarray": GATE.tolist(), **more},
            "G": {"unit": "S", "ndarray": CONDUCTANCE.tolist()},
        }

    rows = [{"gate (V)": v, "G (S)": g} for v, g in COLUMNS.tolist()]
    columns = {"gate (V)": GATE.tolist(), "G (S)": CONDUCTANCE.tolist()}
    for content in (
        {"arrays": arrays(label="gate"), "metadata": {"station": "a"}},
        columns,
        rows,
        {"columns": list(columns), "index": list(range(41)), "data": COLUMNS.tolist()},
        {
            "gate": {"dims": ["gate"], "attrs": {"units": "V"}, "data": GATE.tolist()},
            "G": {"dims": ["gate"], "attrs": {"units": "S"}, "data": CONDUCTANCE.tolist()},
        },
    ):
        assert is_the_trace(read_trace(table(json.dumps(content), "run.json")))
    status, printed, _ = call("inspect", table(json.dumps({"arrays": arrays()}), "run.json"))
    assert status == 0
    assert "JSON" in printed


def test_a_map_in_json(table):
    arrays = {
        "bias": {"unit": "mV", "values": BIAS.tolist()},
        "gate": {"unit": "V", "values": GATE.tolist()},
        "G": {"unit": "S", "values": MAP.tolist(), "axes": ["gate", "bias"]},
    }
    (data,) = read_data(table(json.dumps(arrays), "map.json"))
    assert is_the_map(data)


def test_json_without_data(table):
    for content, fact in (
        ('{"a": {"b": 1}}', "no lists of numbers"),
        ('{"a": [1, 2', "damaged"),
        ('{"a": [[1, 2], [3]]}', "several lengths"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "damaged"),
        ('{"a":' * 100 + "[1.0, 2.0]" + "}" * 100, "levels"),
    ):
        refused(lambda content=content: read_trace(table(content, "a.json")), "a.json", fact)


def test_npy(table, tmp_path):
    path = tmp_path / "two.npy"
    for array in (COLUMNS, COLUMNS.T, np.asfortranarray(COLUMNS)):
        np.save(path, array)
        refused(lambda: read_trace(path), "two.npy", "no names", "--gate 0", "--gate-unit")
        assert is_the_trace(read_trace(path, **BY_NUMBER))
    np.save(path, np.array(list(map(tuple, COLUMNS)), [("gate (V)", "f8"), ("G (S)", "f8")]))
    assert is_the_trace(read_trace(path))
    content = path.read_bytes()
    assert whole_or_refused(path, content, read_trace, is_the_trace) == 60
    damaged_or_refused(path, content, read_trace)
    for array, fact in ((GATE, "two columns"), (np.array(["a", "b"]), "two columns")):
        np.save(path, array)
        refused(lambda: read_trace(path), "two.npy", fact)
    np.save(path, np.array([{}], object), allow_pickle=True)
    refused(lambda: read_trace(path), "two.npy", "pickled")


# --- packed -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("module", "end"), [(gzip, ".gz"), (bz2, ".bz2"), (lzma, ".xz")])
def test_packed_files(table, tmp_path, module, end):
    path = table(module.compress(CSV.encode()), f"trace.csv{end}")
    trace = read_trace(path)
    assert is_the_trace(trace)
    assert trace.name == f"trace.csv{end}"
    assert open_file(path).format.startswith("text, ")
    content = path.read_bytes()
    assert whole_or_refused(path, content, read_trace, is_the_trace) > 50
    bad = table(module.compress(CSV.replace("-1.5,", "much,").encode()), f"bad.csv{end}")
    message = refused(lambda: read_trace(bad), f"{bad}: row 42", "much")
    assert "/qpcjax-" not in message
    np.savez(tmp_path / "a.npz", **{"gate (V)": GATE, "G (S)": CONDUCTANCE})
    inside = (tmp_path / "a.npz").read_bytes()
    assert is_the_trace(read_trace(table(module.compress(inside), f"a.npz{end}")))
    twice = gzip.compress(module.compress(inside))
    assert is_the_trace(read_trace(table(twice, f"a.npz{end}.gz")))


def test_a_packed_file_that_unpacks_to_too_much(table, monkeypatch):
    from qpcjax.files import packed

    monkeypatch.setattr(packed, "MOST_BYTES", 1 << 20)
    path = table(gzip.compress(b"1,2\n" * (1 << 19)), "bomb.csv.gz")
    refused(lambda: read_trace(path), "bomb.csv.gz", "unpack to more")


# --- formats that are not read ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "facts"),
    [
        ("run.nc", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", ["git lfs pull"]),
        ("run.h5", "/annex/objects/SHA256E-s5--0.h5\n", ["git annex get"]),
        ("old.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ["Excel", ".xlsx"]),
        ("a.opju", b"CPYUA 4.3811 \0", ["Origin", "Export"]),
        ("a.pxp", b"\x0a\0\x01\0", ["Igor", "Save Waves"]),
        ("a.p", b"\x80\x04\x95\0", ["pickled", "never read"]),
        ("a.parquet", b"PAR1\0", ["Parquet", "to_csv"]),
        ("a.tdms_index", b"TDSh\0", [".tdms"]),
    ],
)
def test_a_format_that_is_not_read_is_named(table, name, content, facts):
    refused(lambda: read_trace(table(content, name)), name, "not read", *facts)


def test_missing_libraries_are_named(tmp_path, monkeypatch):
    import sys

    path = tmp_path / "run.tdms"
    path.write_bytes(b"TDSm" + bytes(100))
    monkeypatch.setitem(sys.modules, "nptdms", None)
    refused(lambda: read_trace(path), "nptdms is missing", "qpcjax[tdms]")
