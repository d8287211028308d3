"""Results as CSV, JSON and netCDF read back to the last bit; figures are the same bytes again."""

import csv
import json
import sys

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from measurements import refused

from qpcjax.files import read_trace, save_netcdf, table_files, write_files
from qpcjax.plot import FORMATS, figure_bytes, figure_files

GATE = np.linspace(-3, -1, 5) / 3
COLUMNS = {
    "gate (mV)": GATE,
    "P_L low (pW)": [0.1, np.nan, -0.3, 1e-300, 5.0],
    "h P/2E1^2": np.pi * GATE,
    "n": [1, 2, 3, 4, 5],
}
SOURCE = {"input": "trace.csv", "input_sha256": "ab12", "versions": {"qpcjax": "0.1.0"}}
NAMES = {"gate": "mV", "P_L low": "pW", "h P/2E1^2": "1", "n": "1"}


@pytest.fixture
def written(tmp_path):
    files = table_files("heat", COLUMNS, ["csv", "json", "netcdf"], SOURCE, "gate (mV)")
    write_files(tmp_path, files)
    return tmp_path


def test_csv(written):
    text = (written / "heat.csv").read_text()
    assert text.startswith("gate (mV),P_L low (pW),h P/2E1^2,n\n")
    assert '# input_sha256: ab12\n# versions: {"qpcjax": "0.1.0"}\n' in text
    table = np.genfromtxt(written / "heat.csv", delimiter=",", names=True)
    for name, values in zip(table.dtype.names, COLUMNS.values(), strict=True):
        np.testing.assert_array_equal(table[name], values)


def test_json(written):
    found = json.loads((written / "heat.json").read_text())
    assert {name: column["unit"] for name, column in found["columns"].items()} == NAMES
    for column, values in zip(found["columns"].values(), COLUMNS.values(), strict=True):
        np.testing.assert_array_equal(np.array(column["values"], float), values)
    assert found["versions"] == SOURCE["versions"]
    assert found["input_sha256"] == "ab12"


def test_netcdf(written):
    with xr.open_dataset(written / "heat.nc") as found:
        assert list(found.sizes) == ["gate"]
        assert found.attrs == {**SOURCE, "versions": '{"qpcjax": "0.1.0"}'}
        for variable, (name, unit), values in zip(
            (found.gate, found.P_L_low, found["h_P_over_2E1^2"], found.n),
            NAMES.items(),
            COLUMNS.values(),
            strict=True,
        ):
            assert (variable.attrs["long_name"], variable.attrs["units"]) == (name, unit)
            np.testing.assert_array_equal(variable, values)


def test_what_is_written_is_read_again(tmp_path):
    columns = {"gate (mV)": GATE, "conductance (2e2/h)": np.exp(GATE)}
    write_files(tmp_path, table_files("t", columns, ["csv", "netcdf"], SOURCE, "gate (mV)"))
    for name in ("t.csv", "t.nc"):
        trace = read_trace(tmp_path / name)
        np.testing.assert_array_equal(trace.gate, GATE)
        np.testing.assert_array_equal(trace.conductance, np.exp(GATE))
        assert (trace.gate_unit, trace.conductance_unit) == ("mV", "2e2/h")
    assert read_trace(tmp_path / "t.nc").metadata["input_sha256"] == "ab12"


ROWS = {
    "name": ["length", "mu"],
    "value": [80.0, np.nan],
    "unit": ["nm", "meV"],
    "what it is": ["length L, of the channel", 'a "potential" µ'],
    "T (K)": [1.0, 2.0],
}


def test_words_and_units_of_rows(tmp_path):
    write_files(tmp_path, table_files("p", ROWS, ["csv", "json", "netcdf"], SOURCE, "name"))
    with (tmp_path / "p.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert [row["what it is"] for row in rows] == ROWS["what it is"]
    assert (rows[0]["value"], rows[1]["unit"]) == ("80.0", "meV")
    found = json.loads((tmp_path / "p.json").read_text())["columns"]
    units = [column["unit"] for column in found.values()]
    assert units == [None, None, None, None, "K"]
    assert (found["value"]["values"], found["unit"]["values"]) == ([80.0, None], ["nm", "meV"])
    with xr.open_dataset(tmp_path / "p.nc") as found:
        assert list(found.name.values) == ROWS["name"]
        assert list(found.what_it_is.values) == ROWS["what it is"]
        assert float(found.value.sel(name="length")) == 80.0
        assert "units" not in found.value.attrs
        assert found["T"].attrs["units"] == "K"
        assert found.attrs["input_sha256"] == "ab12"
    assert save_netcdf(ROWS, SOURCE) == save_netcdf(ROWS, SOURCE)


def test_the_same_table_is_the_same_bytes():
    assert save_netcdf(COLUMNS, SOURCE) == save_netcdf(COLUMNS, SOURCE)


def test_tables_that_cannot_be_written(monkeypatch):
    refused(lambda: table_files("a", COLUMNS, ["xls"]), "csv, json, netcdf", "'xls'")
    with pytest.raises(ValueError, match="one length"):
        save_netcdf({"a": [1], "b": [1, 2]})
    with pytest.raises(ValueError, match="different names"):
        save_netcdf({"a (nm)": [1], "a (um)": [1]})
    monkeypatch.setitem(sys.modules, "h5netcdf", None)  # so that importing it fails
    refused(
        lambda: table_files("a", COLUMNS, ["netcdf"]), "h5netcdf", 'pip install "qpcjax[files]"'
    )


def drawn():
    figure = Figure()
    figure.subplots().plot([1, 2, 3], label="a line")
    return figure


@pytest.mark.parametrize(
    ("format", "begin"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")]
)
def test_figures_are_the_same_bytes_again(format, begin):
    first = figure_bytes(drawn(), format)
    assert first.startswith(begin)
    assert first == figure_bytes(drawn(), format)
    assert b"qpcjax" in first


def test_figures_in_every_format():
    files = figure_files({"a": drawn().axes, "b": drawn().axes[0]}, ["png", "svg", "png"])
    assert list(files) == ["a.png", "a.svg", "b.png", "b.svg"]
    refused(lambda: figure_bytes(drawn(), "eps"), ", ".join(FORMATS), "'eps'")
