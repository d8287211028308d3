"""Labber's logs, laid out as the program does: steps, NaN padding, appended runs, curves."""

import functools

import h5py
import numpy as np
import pytest
from measurements import (
    BIAS,
    CONDUCTANCE,
    GATE,
    MAP,
    refused,
    whole_or_refused,
)

from qpcjax.files import hdf5, open_file, read_data, read_trace
from qpcjax.files.column_units import CONDUCTANCE_UNITS

TEXT = h5py.string_dtype()
NAMES = np.dtype([("name", TEXT), ("info", TEXT)])
CHANNELS = np.dtype([
    ("name", TEXT), ("instrument", TEXT), ("quantity", TEXT), ("unitPhys", TEXT), ("gain", "f8"),
])  # fmt: skip
LISTED = np.dtype([("channel_name", TEXT), ("wait", "f8")])


def rows(dtype, *values):
    return np.array([tuple(v) for v in values], dtype)


def write_run(group, channels, data):
    """One run: data of the shape (points of the innermost step, channels, traces)."""
    names = [(name, "") for name in channels]
    group.create_dataset("Data/Channel names", data=rows(NAMES, *names))
    group.create_dataset("Data/Data", data=data)
    group["Data"].attrs["Completed"] = not np.any(np.isnan(data))
    group["Data"].attrs["Step dimensions"] = [data.shape[0], data.shape[2]]


def write_log(path, steps, logs, units, *runs, curves=()):
    """A log of steps and logged channels; more runs are appended."""
    with h5py.File(path, "w") as file:
        file.attrs.update(log_name="log", comment="lock-in at 17 Hz")
        table = [(name, "DAC", "voltage", unit, 1.0) for name, unit in units.items()]
        file.create_dataset("Channels", data=rows(CHANNELS, *table))
        file.create_dataset("Step list", data=rows(LISTED, *((n, 0.0) for n in steps)))
        file.create_dataset("Log list", data=rows(LISTED, *((n, 0.0) for n in logs)))
        file.create_group("Instrument config/DAC").attrs["voltage"] = -1.5
        for i, data in enumerate(runs):
            group = file if i == 0 else file.create_group(f"Log_{i + 1}")
            kept = [n for n in (*steps, *logs) if n not in dict(curves)]
            write_run(group, kept, data)
        for name, write_curve in curves:
            write_curve(file.require_group("Traces"), name)
    return path


@pytest.fixture
def log(tmp_path):
    """Write a log; see `write_log`."""
    return functools.partial(write_log, tmp_path / "log.hdf5")


UNITS = {"Split gate": "V", "Bias": "mV", "Lock-in X": "S"}


def one_trace():
    return np.stack([GATE, CONDUCTANCE], 1)[:, :, None]


def one_map(*names):
    """A scan of the gate, innermost, at each bias."""
    gate, bias = np.meshgrid(GATE, BIAS, indexing="ij")
    return np.stack([gate, bias, MAP], 1)


def test_a_trace_comes_back_to_the_last_bit(log):
    path = log(["Split gate"], ["Lock-in X"], UNITS, one_trace())
    trace = read_trace(path)
    np.testing.assert_array_equal(trace.gate, GATE * 1e3)
    np.testing.assert_array_equal(trace.conductance, CONDUCTANCE * CONDUCTANCE_UNITS["S"])
    assert (trace.gate_unit, trace.conductance_unit) == ("V", "S")
    assert trace.metadata["comment"] == "lock-in at 17 Hz"
    assert trace.metadata["instruments"] == '{"DAC": {"voltage": -1.5}}'
    assert open_file(path).format == "Labber log"


def test_a_map_keeps_the_order_of_the_measurement(log):
    path = log(["Split gate", "Bias"], ["Lock-in X"], UNITS, one_map())
    (data,) = read_data(path)
    np.testing.assert_array_equal(data.gate, np.tile(GATE * 1e3, BIAS.size))
    np.testing.assert_array_equal(data.bias, np.repeat(BIAS, GATE.size))
    np.testing.assert_array_equal(data.conductance, MAP.T.ravel() * CONDUCTANCE_UNITS["S"])
    trace = read_trace(path, trace=4)
    np.testing.assert_array_equal(trace.conductance, MAP[:, 4] * CONDUCTANCE_UNITS["S"])


def test_the_padding_of_an_aborted_scan_is_left_out(log):
    data = one_map()
    data[10:, :, 5] = np.nan
    data[:, :, 6] = np.nan
    path = log(["Split gate", "Bias"], ["Lock-in X"], UNITS, data)
    (found,) = read_data(path)
    assert found.conductance.size == 5 * GATE.size + 10
    assert found.dropped == MAP.size - found.conductance.size
    assert read_trace(path, trace=5).gate.size == 10
    refused(lambda: read_trace(path, trace=6), "no trace 6", "0 to 5")


def test_appended_runs_are_parts(log):
    first, second = one_trace(), one_trace()
    second[:, 1] *= 2
    path = log(["Split gate"], ["Lock-in X"], UNITS, first, second)
    refused(lambda: read_trace(path), "2 of its parts", "'1'", "'2'")
    np.testing.assert_array_equal(
        read_trace(path, part=2).conductance, 2 * read_trace(path, part="1").conductance
    )
    assert [data.name for data in read_data(path)] == ["log.hdf5, part 1", "log.hdf5, part 2"]


def curve(values, complex_, x=None):
    """Writes a channel that gives a curve over the gate at each bias."""

    def write(group, name):
        group.create_dataset(name, data=values)
        group[name].attrs.update({"complex": complex_, "x, name": "Split gate", "x, unit": "V"})
        group.create_dataset(f"{name}_N", data=np.full(values.shape[2], values.shape[0]))
        if x is not None:
            group.create_dataset(f"{name}_t0dt", data=x)

    return write


def test_channels_that_give_curves(log):
    values = np.stack([MAP, -MAP], 1)
    start = [[GATE[0], GATE[1] - GATE[0]]]
    path = log(
        ["Bias"], ["Trace"], {"Bias": "mV", "Trace": "S"}, BIAS[:, None, None],
        curves=[("Trace", curve(values, True, start))],
    )  # fmt: skip
    refused(lambda: read_data(path), "'Trace (S)' is complex", "real")
    (data,) = read_data(path, component="real")
    np.testing.assert_allclose(data.gate, np.tile(GATE * 1e3, BIAS.size), rtol=1e-12)
    np.testing.assert_array_equal(data.bias, np.repeat(BIAS, GATE.size))
    np.testing.assert_array_equal(data.conductance, MAP.T.ravel() * CONDUCTANCE_UNITS["S"])
    path = log(
        ["Bias"], ["Trace"], {"Bias": "mV"}, BIAS[:, None, None],
        curves=[("Trace", curve(values, True))],
    )  # fmt: skip
    refused(lambda: read_data(path), "'Traces/Trace'", "its start and step", "as text")


def test_a_log_of_another_structure(log):
    path = log(["Split gate"], ["Lock-in X"], UNITS, one_trace()[:, :1])
    refused(lambda: read_trace(path), "log.hdf5", "'Data/Data'", "2 channels", "(41, 1, 1)")


def test_channels_without_units(log):
    path = log(["Split gate"], ["Lock-in X"], {"Split gate": "V"}, one_trace())
    refused(lambda: read_trace(path), "recognised as the conductance")
    refused(lambda: read_trace(path, conductance="Lock-in X"), "'Lock-in X'", "no unit")
    trace = read_trace(path, conductance="Lock-in X", conductance_unit="S")
    np.testing.assert_array_equal(trace.conductance, CONDUCTANCE * CONDUCTANCE_UNITS["S"])


def test_files_that_were_cut_off(log, monkeypatch):
    monkeypatch.setattr(hdf5, "check", lambda path: None)  # the library sees it itself
    path = log(["Split gate"], ["Lock-in X"], UNITS, one_trace())
    content, trace = path.read_bytes(), read_trace(path)
    same = lambda other: np.array_equal(other.conductance, trace.conductance)  # noqa: E731
    assert whole_or_refused(path, content, read_trace, same) >= 58
