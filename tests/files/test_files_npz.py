"""NumPy's .npz: units in names or beside, maps, and archives that are refused."""

import io
import pickle
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest
from measurements import (
    BIAS,
    CONDUCTANCE,
    GATE,
    MAP,
    damaged_or_refused,
    refused,
    whole_or_refused,
)

from qpcjax.files import npz, open_file, read_data, read_trace
from qpcjax.files.column_units import CONDUCTANCE_UNITS, GATE_UNITS


@pytest.fixture
def saved(tmp_path):
    def save(name="trace.npz", **arrays):
        np.savez_compressed(tmp_path / name, **arrays)
        return tmp_path / name

    return save


def is_the_trace(trace):
    """Whether a trace holds the shared measurement to the last bit."""
    return np.array_equal(trace.gate, GATE * GATE_UNITS["V"]) and np.array_equal(
        trace.conductance, CONDUCTANCE * CONDUCTANCE_UNITS["S"]
    )


@pytest.mark.parametrize(
    "arrays",
    [
        {"gate (V)": GATE, "conductance (S)": CONDUCTANCE},
        {"vg": GATE, "vg_unit": "V", "G": CONDUCTANCE, "G_units": "S", "sample": "A7", "T": 0.1},
        {"G (S)": CONDUCTANCE, "time (s)": np.arange(41), "gate [V]": GATE, "n": np.arange(41)},
    ],
)
def test_a_trace_comes_back_to_the_last_bit(saved, arrays):
    trace = read_trace(saved(**arrays))
    assert is_the_trace(trace)
    assert (trace.gate_unit, trace.conductance_unit) == ("V", "S")
    if "sample" in arrays:
        assert trace.metadata == {"sample": "A7", "T": 0.1}


def test_a_map_over_gate_and_bias(saved):
    path = saved(**{"gate (V)": GATE, "bias (mV)": BIAS, "dIdV (S)": MAP})
    (data,) = read_data(path)
    np.testing.assert_array_equal(data.gate, np.repeat(GATE * 1e3, BIAS.size))
    np.testing.assert_array_equal(data.bias, np.tile(BIAS, GATE.size))
    np.testing.assert_array_equal(data.conductance, MAP.ravel() * CONDUCTANCE_UNITS["S"])
    # The same, with the axes in the other order.
    (other,) = read_data(saved(**{"gate (V)": GATE, "bias (mV)": BIAS, "dIdV (S)": MAP.T}))
    np.testing.assert_array_equal(np.sort(other.conductance), np.sort(data.conductance))
    np.testing.assert_array_equal(other.gate, np.tile(GATE * 1e3, BIAS.size))
    trace = read_trace(path, trace=2)
    np.testing.assert_array_equal(trace.conductance, MAP[:, 2] * CONDUCTANCE_UNITS["S"])
    refused(lambda: read_trace(path), "holds 7 traces", "trace 0 to 6")
    refused(lambda: read_trace(path, trace=7), "no trace 7")


def test_a_square_map_is_not_guessed(saved):
    x = np.arange(3.0)
    path = saved(**{"gate (V)": x, "bias (mV)": x, "G (S)": np.ones((3, 3))})
    refused(lambda: read_data(path), "trace.npz", "'G (S)'", "(3, 3)", "cannot be told", "netCDF")
    full = np.meshgrid(x, x, indexing="ij")
    path = saved(**{"gate (V)": full[0], "bias (mV)": full[1], "G (S)": np.ones((3, 3))})
    np.testing.assert_array_equal(read_data(path)[0].gate, np.repeat(x * 1e3, 3))


def test_complex_numbers_need_a_component(saved):
    path = saved(**{"gate (V)": GATE, "G (S)": CONDUCTANCE * np.exp(0.1j)})
    refused(lambda: read_trace(path), "'G (S)' is complex", "real", "imag", "abs")
    trace = read_trace(path, component="real")
    expected = np.real(CONDUCTANCE * np.exp(0.1j)) * CONDUCTANCE_UNITS["S"]
    np.testing.assert_array_equal(trace.conductance, expected)
    refused(lambda: read_trace(path, component="X"), "component must be one of", "'X'")


def test_units_that_contradict(saved):
    path = saved(**{"gate (V)": GATE, "gate (V)_unit": "mV", "G (S)": CONDUCTANCE})
    refused(lambda: read_trace(path), "trace.npz", "contradictory", "V and mV")
    path = saved(gate=GATE, G=CONDUCTANCE)
    refused(lambda: read_trace(path), "'gate'", "no unit", "state the unit of the gate")
    assert is_the_trace(read_trace(path, gate_unit="V", conductance_unit="S"))


def test_what_is_pickled_is_never_opened(tmp_path, saved):
    class Loud:
        def __reduce__(self):
            return (pytest.fail, ("it was unpickled",))

    path = saved(gate=GATE, G=np.array([Loud()], object))
    refused(lambda: read_trace(path), "trace.npz", "'G.npy'", "pickled")
    (tmp_path / "p.npz").write_bytes(pickle.dumps({"gate": 1}))
    refused(lambda: read_trace(tmp_path / "p.npz"), "p.npz", "pickled", "never read")
    np.save(tmp_path / "one.npy", GATE)
    refused(lambda: read_trace(tmp_path / "one.npy"), "one.npy", "single NumPy array", "np.savez")


def npy_header(shape):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<f8", "fortran_order": False, "shape": shape}
    )
    return stream.getvalue()


def test_a_zip_bomb_is_refused_with_bounded_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "MOST_BYTES", 1 << 24)  # 16 MiB, as a gigabyte takes long to make
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("G (S).npy", npy_header((6 << 20,)) + bytes(48 << 20))
    assert path.stat().st_size < 1 << 16
    tracemalloc.start()
    refused(lambda: read_trace(path), "bomb.npz", "would unpack to 48 MiB", "16 MiB")
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("shape", [(1 << 40,), (40,), (42,), (1 << 20, 1 << 20)])
def test_a_header_that_lies_is_refused(tmp_path, shape):
    path = tmp_path / "lie.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("gate (V).npy", npy_header(shape) + GATE.tobytes())
        archive.writestr("G (S).npy", npy_header((41,)) + CONDUCTANCE.tobytes())
    refused(lambda: read_trace(path), "lie.npz", "'gate (V).npy'", str(shape), "damaged")


def test_a_directory_that_lies_about_a_size_is_refused(tmp_path):
    """The archive says 41 numbers, the compressed bytes go on."""
    path = tmp_path / "lie.npz"
    long = npy_header((41,)) + GATE.tobytes() + bytes(1 << 20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("gate (V).npy", long)
        archive.writestr("G (S).npy", npy_header((41,)) + CONDUCTANCE.tobytes())
    content = path.read_bytes()
    claimed = len(npy_header((41,))) + GATE.nbytes
    path.write_bytes(content.replace(struct.pack("<L", len(long)), struct.pack("<L", claimed)))
    refused(lambda: read_trace(path), "lie.npz", "gate (V)", "damaged")


def test_one_name_twice(tmp_path):
    path = tmp_path / "twice.npz"
    content = npy_header((41,)) + GATE.tobytes()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("gate (V).npy", content)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("gate (V).npy", content)
    refused(lambda: read_trace(path), "twice.npz", "more than one", "gate (V).npy")


def test_a_zip_of_other_things(tmp_path):
    path = tmp_path / "sheet.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.xml", "<a/>")
    refused(lambda: read_trace(path), "sheet.xlsx", "spreadsheet", "plain CSV")


def test_files_that_were_cut_off_or_damaged(saved):
    path = saved(**{"gate (V)": GATE, "G (S)": CONDUCTANCE})
    content = path.read_bytes()
    assert whole_or_refused(path, content, read_trace, is_the_trace) == 60
    assert damaged_or_refused(path, content, read_trace) > 30


def test_no_arrays_of_numbers(saved):
    refused(lambda: read_trace(saved(words=np.array(["a", "b"]))), "no array of numbers")


def test_the_hash_is_that_of_the_file(saved):
    import hashlib

    path = saved(**{"gate (V)": GATE, "G (S)": CONDUCTANCE})
    found = open_file(path)
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.format == "NumPy .npz"
    assert read_trace(path).sha256 == found.sha256
