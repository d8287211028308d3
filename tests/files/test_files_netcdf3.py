"""netCDF-3, written by xarray and SciPy; cut off and damaged files."""

import struct
import tracemalloc

import numpy as np
import pytest
import xarray as xr
from measurements import BIAS, CONDUCTANCE, GATE, MAP, damaged_or_refused, refused, whole_or_refused
from scipy.io import netcdf_file

from qpcjax.files import InputError, hdf5, open_file, read_data, read_trace
from qpcjax.files.column_units import CONDUCTANCE_UNITS, GATE_UNITS
from qpcjax.files.inspection import inspect_file
from qpcjax.files.traces import Choice
from qpcjax.measurements import BiasSpectroscopy

FORMATS = ["NETCDF3_CLASSIC", "NETCDF3_64BIT"]


def is_the_trace(trace):
    """Whether a trace holds the shared measurement to the last bit."""
    return np.array_equal(trace.gate, GATE * GATE_UNITS["V"]) and np.array_equal(
        trace.conductance, CONDUCTANCE * CONDUCTANCE_UNITS["S"]
    )


def trace_and_map():
    gate = ("gate", GATE, {"units": "V"})
    trace = xr.Dataset(
        {"G": ("gate", CONDUCTANCE.copy(), {"units": "S", "long_name": "lock-in"}), "T": 0.1},
        {"gate": gate},
        {"who": "me", "cooldown": 3},
    )
    axes = {"gate": gate, "bias": ("bias", BIAS, {"units": "mV"})}
    return trace, xr.Dataset({"dIdV": (("gate", "bias"), MAP, {"units": "S"})}, axes)


def saved(data, path, format="NETCDF3_CLASSIC", **options):
    data.to_netcdf(path, engine="scipy", format=format, **options)
    return path


def columns(path):
    """Name -> numbers, as they stand in the file."""
    return {c.name: c.values for table in open_file(path).tables for c in table.columns}


@pytest.mark.parametrize("format", FORMATS)
def test_xarrays_netcdf_comes_back_to_the_last_bit(format, tmp_path):
    trace, whole = trace_and_map()
    path = saved(trace, tmp_path / "trace.nc", format)
    assert path.read_bytes()[:4] == {"NETCDF3_CLASSIC": b"CDF\x01"}.get(format, b"CDF\x02")
    found = read_trace(path)
    assert is_the_trace(found)
    assert (found.gate_unit, found.conductance_unit) == ("V", "S")
    assert {"who": "me", "cooldown": 3, "T": 0.1}.items() <= found.metadata.items()
    (table,) = open_file(path).tables
    assert [(c.name, c.unit, c.swept, c.label) for c in table.columns] == [
        ("gate", "V", True, ""),
        ("G", "S", False, "lock-in"),
    ]
    assert open_file(path).format == "netCDF-3"
    (data,) = read_data(saved(whole, tmp_path / "map.nc", format))
    assert isinstance(data, BiasSpectroscopy)
    np.testing.assert_array_equal(data.gate, np.repeat(GATE * 1e3, BIAS.size))
    np.testing.assert_array_equal(data.bias, np.tile(BIAS, GATE.size))
    np.testing.assert_array_equal(data.conductance, MAP.ravel() * CONDUCTANCE_UNITS["S"])


def test_inspect_names_it(tmp_path):
    path = saved(trace_and_map()[0], tmp_path / "trace.nc")
    found = inspect_file(path, Choice())
    assert (found.format, found.parts[0].kind) == ("netCDF-3", "conductance trace")


def test_what_is_missing_packed_or_listed_is_that_of_netcdf4(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "check", lambda path: None)  # whether it is sound is tested elsewhere
    trace, whole = trace_and_map()
    trace.G[3] = np.nan
    packed = {"G": {"dtype": "i2", "scale_factor": 1e-8, "add_offset": 1e-6, "_FillValue": -1}}
    aside = xr.Dataset(
        {"G": ("step", CONDUCTANCE, {"units": "S"})},
        {"Vg": ("step", GATE, {"units": "V"}), "field": ("step", 0 * GATE, {"units": "T"})},
    )
    both = whole.transpose("bias", "gate").assign(G0=trace.G.fillna(1e-6))
    points = np.arange(0, MAP.size, 3, dtype="i4")
    gathered = xr.Dataset(
        {
            "G": ("point", MAP.ravel()[points], {"units": "S"}),
            "point": ("point", points, {"compress": "gate bias"}),
        },
        whole.coords,
    )
    named = xr.Dataset({"G": ("gate", CONDUCTANCE, {"units": "S"}), "sample": "A7 \u00b5"})
    named = named.assign_coords(gate=trace.gate)
    cases = [(trace, packed), (trace, {}), (aside, {}), (both, {}), (gathered, {}), (named, {})]
    for data, encoding in cases:
        old = saved(data, tmp_path / "old.nc", encoding=encoding)
        data.to_netcdf(tmp_path / "new.nc", engine="h5netcdf", encoding=encoding)
        tables = [ordered(open_file(path).tables) for path in (old, tmp_path / "new.nc")]
        for one, other in zip(*tables, strict=True):
            facts = [{(c.title, c.unit, c.swept, c.label) for c in t.columns} for t in (one, other)]
            assert facts[0] == facts[1]
            assert one.metadata.items() >= other.metadata.items()
            values = {c.name: c.values for c in other.columns}
            for column in one.columns:
                np.testing.assert_array_equal(column.values, values[column.name])
        assert len(read_data(old)) == len(read_data(tmp_path / "new.nc")) > 0
    assert read_trace(saved(trace, tmp_path / "t.nc", encoding=packed)).dropped == 1


def ordered(tables):
    return sorted(tables, key=lambda table: sorted(column.name for column in table.columns))


def test_points_where_nothing_was_written(tmp_path):
    values = CONDUCTANCE.copy()
    values[5] = 9.969209968386869e36  # as netCDF fills what was not written
    trace = trace_and_map()[0].assign(G=("gate", values, {"units": "S"}))
    path = saved(trace, tmp_path / "trace.nc", encoding={"G": {"_FillValue": None}})
    assert read_trace(path).dropped == 1


NUMBERS = {"b": "i1", "h": "i2", "i": "i4", "f": "f4", "d": "f8"}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("grows", ["none", "all", *NUMBERS])
def test_every_type_with_and_without_records(grows, version, tmp_path):
    """Variables that grow stand side by side, and without padding where there is one alone."""
    rng = np.random.default_rng(0)
    with netcdf_file(tmp_path / "a.nc", "w", version=version) as file:
        file.createDimension("time", None)
        file.createDimension("step", 7)
        file.createDimension("three", 3)
        exact = {}
        for name, dtype in NUMBERS.items():
            dims = ("time" if grows in ("all", name) else "step", "three")
            exact[name] = (rng.uniform(-100, 100, (7, 3)) * 1.1).astype(dtype)
            file.createVariable(name, dtype, dims)[:] = exact[name]
    found = columns(tmp_path / "a.nc")
    assert set(found) == set(NUMBERS)
    for name, values in exact.items():
        np.testing.assert_array_equal(found[name], values.ravel().astype(float))


def test_the_size_of_a_variable_that_grows_alone_may_be_rounded_up(tmp_path):
    """The format rounds it up to four bytes in the header alone; SciPy does not."""
    with netcdf_file(tmp_path / "a.nc", "w") as file:
        file.createDimension("time", None)
        file.createDimension("three", 3)
        file.createVariable("n", "i2", ("time", "three"))[:] = np.arange(15).reshape(5, 3)
    content, short = (tmp_path / "a.nc").read_bytes(), struct.pack(">ii", 3, 6)
    assert content.count(short) == 1
    (tmp_path / "a.nc").write_bytes(content.replace(short, struct.pack(">ii", 3, 8)))
    np.testing.assert_array_equal(columns(tmp_path / "a.nc")["n"], np.arange(15))


def test_a_growing_dimension_without_points(tmp_path):
    with netcdf_file(tmp_path / "a.nc", "w") as file:
        file.createDimension("time", None)
        file.createVariable("G", "f8", ("time",)).units = "S"
        file.createDimension("step", 2)
        file.createVariable("Vg", "f8", ("step",))[:] = [1, 2]
    assert {name: values.size for name, values in columns(tmp_path / "a.nc").items()} == {
        **{"G": 0, "Vg": 2}
    }


def test_attributes_may_have_any_name(tmp_path):
    """Those that are names in a reader too, such as SciPy's."""
    trace = trace_and_map()[0].assign_attrs(pf=1.5)
    trace.G.attrs.update(atad="x", _shap=2)
    path = saved(trace, tmp_path / "trace.nc")
    content = path.read_bytes()
    for written, name in ((b"pf", b"fp"), (b"atad", b"data"), (b"_shap", b"shape")):
        assert content.count(written) == 1
        content = content.replace(written, name)
    path.write_bytes(content)
    assert is_the_trace(read_trace(path))
    assert read_trace(path).metadata["fp"] == 1.5


def test_a_number_over_records_is_not_read_as_one_of_them(tmp_path):
    """SciPy 1.17 writes a single value beside records into the second of them."""
    path = saved(trace_and_map()[0], tmp_path / "trace.nc", unlimited_dims=["gate"])
    assert refusal(read_trace, path) or is_the_trace(read_trace(path))


def test_a_matrix_over_one_axis_is_no_column(tmp_path):
    with netcdf_file(tmp_path / "a.nc", "w") as file:
        file.createDimension("step", 2)
        for name, dims in {"Vg": ("step",), "covariance": ("step", "step")}.items():
            file.createVariable(name, "f8", dims)[:] = 1.0
    assert list(columns(tmp_path / "a.nc")) == ["Vg"]


def test_refusals(tmp_path):
    path = tmp_path / "trace.nc"
    path.write_bytes(b"CDF\x05" + bytes(100))
    refused(lambda: read_trace(path), "64-bit data", "nccopy -k nc4 in.nc out.nc")
    path.write_bytes(b"CDF\x01" + bytes(100))
    refused(lambda: read_trace(path), "trace.nc", "no variable of numbers")
    # A number of dimensions that is not there, and one that is.
    counted = b"CDF\x01" + struct.pack(">iiiii", 0, 10, 1 << 30, 0, 0)
    path.write_bytes(counted)
    refused(lambda: read_trace(path), "cut off or damaged", "header ends too early")
    path.write_bytes(counted + bytes(1 << 17))
    refused(lambda: read_trace(path), "more than 10000 dimensions")


def test_what_is_declared_is_held_against_the_file_before_it_is_read(tmp_path):
    content = saved(trace_and_map()[0], tmp_path / "trace.nc").read_bytes()
    huge = content.replace(
        struct.pack(">i4si", 4, b"gate", 41), struct.pack(">i4si", 4, b"gate", -1)
    )
    assert huge != content
    (tmp_path / "huge.nc").write_bytes(huge)
    tracemalloc.start()
    refused(
        lambda: read_trace(tmp_path / "huge.nc"), "huge.nc: cut off or damaged", "should end at"
    )
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
    with (tmp_path / "trace.nc").open("r+b") as file:
        file.truncate(2 << 30)
    refused(lambda: read_trace(tmp_path / "trace.nc"), "2048 MiB", "1024 MiB")


@pytest.mark.parametrize("format", FORMATS)
def test_files_that_were_cut_off(format, tmp_path):
    path = saved(trace_and_map()[0], tmp_path / "trace.nc", format)
    content = path.read_bytes()
    assert whole_or_refused(path, content, read_trace, is_the_trace) == 60
    for left in range(1, 40):
        path.write_bytes(content[:-left])
        message = refused(lambda: read_trace(path), "trace.nc", "cut off or damaged", "once more")
        assert "should end at byte" in message


def test_what_is_cut_off_may_be_padding(tmp_path):
    with netcdf_file(tmp_path / "a.nc", "w") as file:
        file.createDimension("step", 3)
        file.createVariable("n", "i2", ("step",))[:] = [1, 2, 3]
    content = (tmp_path / "a.nc").read_bytes()
    for left in (1, 2):
        (tmp_path / "a.nc").write_bytes(content[:-left])
        np.testing.assert_array_equal(columns(tmp_path / "a.nc")["n"], [1, 2, 3])
    (tmp_path / "a.nc").write_bytes(content[:-3])
    refused(lambda: open_file(tmp_path / "a.nc"), "cut off")


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("unlimited", [(), ("gate",)])
def test_damaged_headers_never_give_other_numbers(format, unlimited, tmp_path):
    """What a variable is called may change, not what it holds."""
    whole = trace_and_map()[1].astype("f8")
    nothing = {name: {"_FillValue": None} for name in ("dIdV", "gate", "bias")}
    path = saved(whole, tmp_path / "map.nc", format, unlimited_dims=unlimited, encoding=nothing)
    content, exact = path.read_bytes(), [v.tobytes() for v in columns(path).values()]
    axes = [GATE.tobytes(), BIAS.tobytes()]  # where names no longer say that they are axes
    header = min(content.index(v.ravel()[:1].astype(">f8").tobytes()) for v in (GATE, MAP, BIAS))
    rng = np.random.default_rng(0)
    refusals = 0
    for place in range(header):
        for value in {0, 255, content[place] ^ 1, int(rng.integers(256))} - {content[place]}:
            changed = bytearray(content)
            changed[place] = value
            path.write_bytes(changed)
            try:
                found = columns(path)
            except InputError:
                refusals += 1
            else:
                assert all(v.tobytes() in (*exact, *axes) for v in found.values()), (place, value)
    assert 200 < refusals < 4 * header


def refusal(read, path):
    """Whether a file is refused, by its name."""
    try:
        read(path)
    except InputError as error:
        return str(path) in str(error)
    return False


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["trace", "map", "packed", "single", "records"])
def test_damaged_files_are_read_or_refused(name, seed, tmp_path):
    trace, whole = trace_and_map()
    options = {
        "packed": {"encoding": {"G": {"dtype": "i2", "scale_factor": 1e-8, "_FillValue": -1}}},
        "single": {"encoding": {"G": {"dtype": "f4"}, "gate": {"dtype": "f4"}}},
        "records": {"unlimited_dims": ["gate"]},
    }.get(name, {})
    data = whole if name == "map" else trace.drop_vars("T")
    path = saved(data, tmp_path / "a.nc", FORMATS[seed % 2], **options)
    content, rng = path.read_bytes(), np.random.default_rng(seed)
    refusals = 0
    for place in rng.integers(0, len(content), 200):
        changed = bytearray(content)
        changed[place] = rng.integers(256)
        path.write_bytes(changed)
        refusals += refusal(read_data, path)
    assert 10 < refusals < 200
    damaged_or_refused(path, content, read_data, seed)
