"""A file format from outside the package, read by everything that reads files."""

import re

import numpy as np
import pytest
from commands import call

from qpcjax.files import InputError, formats, read_data, read_trace
from qpcjax.files.table import Column, Table

MARK = b"TOYLAB 1\n"
GATE, CONDUCTANCE = np.linspace(-1.5, 0.0, 7), np.linspace(0.0, 3.0, 7)


def read_toy(path):
    """A count of rows after the mark, then gate voltages and conductances as float64."""
    content = path.read_bytes()[len(MARK) :]
    rows = int.from_bytes(content[:4], "little")
    if len(content) != 4 + 16 * rows:
        raise InputError(f"{path}: it was cut off; {rows} rows were expected")
    numbers = np.frombuffer(content[4:]).reshape(2, rows)
    columns = (
        Column("Vg", "Vg", "V", lambda: numbers[0], swept=True),
        Column("G", "G", "2e2/h", lambda: numbers[1]),
    )
    return [Table(path, columns, metadata={"instrument": "toy"})]


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setattr(formats, "FORMATS", list(formats.FORMATS))
    return formats.register(formats.Format("toy lab", (".toy",), MARK, read_toy))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "run.toy"
    rows = GATE.size.to_bytes(4, "little")
    path.write_bytes(MARK + rows + GATE.tobytes() + CONDUCTANCE.tobytes())
    return path


def test_a_registered_format_is_read(toy, path):
    trace = read_trace(path)
    np.testing.assert_allclose(trace.gate, 1e3 * GATE)  # V in the file, mV in the data
    np.testing.assert_array_equal(trace.conductance, CONDUCTANCE)
    assert trace.metadata["instrument"] == "toy"
    (data,) = read_data(path)
    np.testing.assert_array_equal(data.conductance, CONDUCTANCE)


def test_inspect_names_the_registered_format(toy, path):
    status, printed, _ = call("inspect", path)
    assert status == 0
    assert "toy lab" in printed
    assert "conductance trace" in printed


def test_the_reader_reports_a_damaged_file(toy, path):
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match="cut off; 7 rows"):
        read_trace(path)
    path.write_bytes(b"no toy")
    with pytest.raises(InputError, match="by its name it is toy lab"):
        read_trace(path)


def test_a_reader_without_tables_is_an_input_error(monkeypatch, path):
    monkeypatch.setattr(formats, "FORMATS", list(formats.FORMATS))
    formats.register(formats.Format("empty", (), MARK, lambda path: []))
    with pytest.raises(InputError, match="holds no table"):
        read_trace(path)


def test_a_registered_format_is_recognised_before_those_that_are_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(formats, "FORMATS", list(formats.FORMATS))
    path = tmp_path / "run.parquet"
    path.write_bytes(b"PAR1 rest")
    with pytest.raises(InputError, match="Parquet"):
        read_trace(path)
    columns = (Column("Vg", "Vg", "mV", lambda: GATE), Column("G", "G", "uS", lambda: CONDUCTANCE))
    formats.register(formats.Format("packed", (), b"PAR1", lambda path: [Table(path, columns)]))
    np.testing.assert_array_equal(read_trace(path).gate, GATE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("toy lab", (), b"OTHER", read_toy), "there is a format 'toy lab' already"),
        (("other", (), MARK, read_toy), "the mark .* is that of toy lab"),
        (("HDF5", (), b"OTHER", read_toy), "there is a format 'HDF5' already"),
        (("other", (), b"", read_toy), "mark must be the bytes"),
        (("other", (), "OTHER", read_toy), "mark must be the bytes"),
    ],
)
def test_contradicting_formats_are_refused(toy, arguments, message):
    with pytest.raises(ValueError, match=re.compile(message, re.DOTALL)):
        formats.register(formats.Format(*arguments))


def test_only_formats_are_registered():
    with pytest.raises(TypeError, match="Format was expected"):
        formats.register("toy")
