"""HDF5 and netCDF, written by h5py, xarray and h5netcdf themselves."""

import math
import sys

import h5py
import numpy as np
import pytest
import xarray as xr
from measurements import (
    BIAS,
    CONDUCTANCE,
    GATE,
    MAP,
    refused,
    whole_or_refused,
)

from qpcjax.files import hdf5, open_file, read_data, read_trace, read_traces
from qpcjax.files.column_units import CONDUCTANCE_UNITS, GATE_UNITS
from qpcjax.files.table import MOST_VALUES
from qpcjax.measurements import BiasSpectroscopy, ConductanceTrace


def is_the_trace(trace):
    """Whether a trace holds the shared measurement to the last bit."""
    return np.array_equal(trace.gate, GATE * GATE_UNITS["V"]) and np.array_equal(
        trace.conductance, CONDUCTANCE * CONDUCTANCE_UNITS["S"]
    )


@pytest.fixture
def plain(tmp_path):
    """Write datasets with units to an HDF5 file; a name may hold groups."""

    def write(name="trace.h5", units="units", **datasets):
        with h5py.File(tmp_path / name, "w") as file:
            file.attrs.update(sample="A7", cooldown=3)
            for key, (values, unit) in datasets.items():
                dataset = file.create_dataset(key, data=values)
                if unit is not None:
                    dataset.attrs[units] = unit
        return tmp_path / name

    return write


@pytest.fixture
def labelled():
    """A trace and a map as xarray datasets."""
    gate = ("gate", GATE, {"units": "V"})
    trace = xr.Dataset({"G": ("gate", CONDUCTANCE, {"units": "S"})}, {"gate": gate}, {"who": "me"})
    axes = {"gate": gate, "bias": ("bias", BIAS, {"units": "mV"})}
    whole = xr.Dataset({"dIdV": (("gate", "bias"), MAP, {"units": "S"})}, axes)
    return trace, whole


@pytest.mark.parametrize("units", ["units", "unit"])
def test_a_plain_file_comes_back_to_the_last_bit(plain, units):
    path = plain(units=units, Vg=(GATE, "V"), G=(CONDUCTANCE, np.bytes_(b"S")), T=(0.1, "K"))
    trace = read_trace(path)
    assert is_the_trace(trace)
    assert (trace.gate_unit, trace.conductance_unit) == ("V", "S")
    assert trace.metadata == {"sample": "A7", "cooldown": 3, "T": 0.1}
    assert open_file(path).format == "HDF5"


def test_groups_are_parts(plain):
    path = plain(**{
        "first/Vg": (GATE, "V"), "first/G": (CONDUCTANCE, "S"), "second/Vg": (GATE, "V"),
        "second/G": (2 * CONDUCTANCE, "S"), "time": (GATE, "s"),
    })  # fmt: skip
    refused(lambda: read_trace(path), "2 of its parts", "'first'", "'second'", "Vg (V)")
    assert is_the_trace(read_trace(path, part="first"))
    assert not is_the_trace(read_trace(path, part="second"))
    refused(lambda: read_trace(path, part="third"), "no part 'third'", "'first'")
    assert len(read_data(path)) == 2


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_xarrays_netcdf_comes_back_to_the_last_bit(tmp_path, labelled, engine):
    if engine == "netcdf4":
        pytest.importorskip("netCDF4", reason="one of two libraries that write netCDF-4")
    trace, whole = labelled
    trace.to_netcdf(tmp_path / "trace.nc", engine=engine)
    whole.to_netcdf(tmp_path / "map.nc", engine=engine)
    found = read_trace(tmp_path / "trace.nc")
    assert is_the_trace(found)
    assert found.metadata["who"] == "me"
    assert open_file(tmp_path / "trace.nc").format == "netCDF-4"
    (data,) = read_data(tmp_path / "map.nc")
    assert isinstance(data, BiasSpectroscopy)
    np.testing.assert_array_equal(data.gate, np.repeat(GATE * 1e3, BIAS.size))
    np.testing.assert_array_equal(data.conductance, MAP.ravel() * CONDUCTANCE_UNITS["S"])


def test_axes_in_any_order_and_a_trace_beside_a_map(tmp_path, labelled):
    trace, whole = labelled
    both = whole.transpose("bias", "gate").assign(G0=trace.G)
    both.to_netcdf(tmp_path / "both.nc", engine="h5netcdf")
    kinds = {type(data): data for data in read_data(tmp_path / "both.nc")}
    assert set(kinds) == {BiasSpectroscopy, ConductanceTrace}
    data = kinds[BiasSpectroscopy]
    np.testing.assert_array_equal(data.bias, np.repeat(BIAS, GATE.size))
    np.testing.assert_array_equal(data.conductance, MAP.T.ravel() * CONDUCTANCE_UNITS["S"])
    assert is_the_trace(kinds[ConductanceTrace])


def test_an_axis_in_volts_is_the_gate_whatever_its_name(tmp_path, labelled):
    trace = labelled[0].rename(gate="dac_ch1", G="lockin_X")
    trace.to_netcdf(tmp_path / "trace.nc", engine="h5netcdf")
    assert is_the_trace(read_trace(tmp_path / "trace.nc"))


def test_missing_points(tmp_path, labelled):
    trace = labelled[0].copy(deep=True)
    trace.G[3] = np.nan
    encoding = {"G": {"dtype": "i4", "scale_factor": 1e-12, "_FillValue": -1}}
    trace.to_netcdf(tmp_path / "trace.nc", engine="h5netcdf", encoding=encoding)
    found = read_trace(tmp_path / "trace.nc")
    assert found.dropped == 1
    expected = np.delete(CONDUCTANCE, 3) * CONDUCTANCE_UNITS["S"]
    np.testing.assert_allclose(found.conductance, expected, atol=1e-8)
    with h5py.File(tmp_path / "trace.nc", "r+") as file:  # as netCDF fills what was not written
        del file["gate"].attrs["_FillValue"]
        file["gate"][5] = 9.969209968386869e36
    assert read_trace(tmp_path / "trace.nc").dropped == 2


def test_units_that_contradict_or_are_missing(plain):
    path = plain(**{"gate (mV)": (GATE, "V"), "G": (CONDUCTANCE, "S")})
    refused(lambda: read_trace(path), "trace.h5", "'gate (mV)'", "contradictory", "mV and V")
    path = plain(gate=(GATE, None), G=(CONDUCTANCE, "S"))
    refused(lambda: read_trace(path), "'gate'", "no unit", "state the unit of the gate")
    assert is_the_trace(read_trace(path, gate_unit="V"))
    refused(lambda: read_trace(path, gate_unit="V", conductance_unit="uS"), "'G (S)' is in S")


def test_complex_lock_in_numbers(plain):
    path = plain(gate=(GATE, "V"), G=(CONDUCTANCE + 1e-9j, "S"))
    refused(lambda: read_trace(path), "'G (S)' is complex", "real")
    assert is_the_trace(read_trace(path, component="real"))


def test_infinite_numbers_are_named(plain):
    values = CONDUCTANCE.copy()
    values[7] = np.inf
    path = plain(gate=(GATE, "V"), G=(values, "S"))
    refused(lambda: read_trace(path), "'G (S)'", "point 7", "infinite")


def test_numbers_that_are_infinite_in_our_units_are_named(plain):
    values = CONDUCTANCE.copy()
    values[7] = 1e306  # S
    path = plain(gate=(GATE, "V"), G=(values, "S"))
    refused(lambda: read_trace(path), "'G (S)'", "point 7", "infinite")


def test_a_dataset_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.h5"
    with h5py.File(path, "w") as file:  # 8 TiB of which nothing was written
        for name in ("gate (V)", "G (S)"):
            file.create_dataset(name, (1 << 40,), "f8", chunks=(1 << 16,), compression="gzip")
    assert path.stat().st_size < 1 << 16
    refused(lambda: read_trace(path), "huge.h5", "'/G (S)'", "1.1e+12 numbers")
    assert MOST_VALUES < 1 << 30


def test_a_file_that_is_too_large_is_refused_before_it_is_read(plain):
    path = plain(gate=(GATE, "V"))
    with path.open("r+b") as file:
        file.truncate(2 << 30)
    refused(lambda: read_trace(path), "trace.h5", "2048 MiB", "1024 MiB")


def test_links_out_of_the_file_are_not_followed(tmp_path, plain):
    path = plain(gate=(GATE, "V"))
    with h5py.File(tmp_path / "linked.h5", "w") as file:
        file["gate"] = h5py.ExternalLink(str(path), "gate")
        file["again"] = h5py.SoftLink("/gate")
        file["me"] = file["/"]  # a group inside itself
    refused(lambda: read_trace(tmp_path / "linked.h5"), "linked.h5", "more than", "groups")
    layout = h5py.VirtualLayout(GATE.shape, "f8")
    layout[:] = h5py.VirtualSource(str(path), "gate", GATE.shape)
    with h5py.File(tmp_path / "virtual.h5", "w") as file:
        file.create_virtual_dataset("gate", layout)
    refused(lambda: read_trace(tmp_path / "virtual.h5"), "'/gate'", "in another file")


def test_files_that_were_cut_off(plain, tmp_path, labelled, monkeypatch):
    monkeypatch.setattr(hdf5, "check", lambda path: None)  # the library sees it itself
    path = plain(gate=(GATE, "V"), G=(CONDUCTANCE, "S"))
    content = path.read_bytes()
    assert whole_or_refused(path, content, read_trace, is_the_trace) >= 58
    labelled[0].to_netcdf(tmp_path / "trace.nc", engine="h5netcdf")
    content = (tmp_path / "trace.nc").read_bytes()
    whole_or_refused(tmp_path / "trace.nc", content, read_trace, is_the_trace)


def test_what_only_looks_like_hdf5(tmp_path):
    path = tmp_path / "trace.h5"
    path.write_text("gate (mV),G (uS)\n1,2\n2,3\n")
    refused(lambda: read_trace(path), "trace.h5", "by its name it is HDF5", "call a text file .csv")
    with h5py.File(path, "w") as file:
        file["words"] = "none"
    refused(lambda: read_trace(path), "no dataset of numbers")


def test_a_csv_by_name_that_is_hdf5_inside_is_read(plain):
    assert is_the_trace(read_trace(plain("trace.csv", gate=(GATE, "V"), G=(CONDUCTANCE, "S"))))


def test_without_the_library_the_remedy_is_said(plain, monkeypatch):
    path = plain(gate=(GATE, "V"), G=(CONDUCTANCE, "S"))
    monkeypatch.setitem(sys.modules, "h5py", None)  # so that importing it fails
    refused(lambda: read_trace(path), "h5py is missing", 'pip install "qpcjax[files]"')


def test_up_and_down_beside_a_second_axis(tmp_path):
    """Two sweeps of the gate at each of three fields."""
    gate = np.concatenate([GATE, GATE[::-1]])
    field = np.arange(3.0)
    values = np.exp(np.arange(gate.size))[:, None] * (1 + field)
    values = values / np.max(values) * 1e-5
    xr.Dataset(
        {"G": (("step", "field"), values, {"units": "S"})},
        {"Vg": ("step", gate, {"units": "V"}), "field": ("field", field, {"units": "T"})},
    ).to_netcdf(tmp_path / "trace.nc", engine="h5netcdf")
    data = read_data(tmp_path / "trace.nc")
    assert [trace.gate.size for trace in data] == [GATE.size] * 6
    trace = read_trace(tmp_path / "trace.nc", trace=1, sweep="up")
    np.testing.assert_array_equal(trace.gate, GATE[::-1] * 1e3)
    expected = values[GATE.size :, 1] * CONDUCTANCE_UNITS["S"]
    np.testing.assert_array_equal(trace.conductance, expected)
    refused(lambda: read_trace(tmp_path / "trace.nc", trace=1), "0 (down", "1 (up", "sweep up")
    assert math.prod(read_trace(tmp_path / "trace.nc", trace=1, sweep="all").gate.shape) == 82
    every = read_traces(tmp_path / "trace.nc")
    assert len(every) == 9
    found = every["trace 1: field = 1 T, sweep 1 (up)"]
    np.testing.assert_array_equal(found.conductance, expected)
    assert every["trace 1: field = 1 T, all sweeps"].gate.size == 82
