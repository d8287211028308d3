"""What is written reads back, and a failure leaves nothing half-written."""

import os
from pathlib import Path

import numpy as np
import pytest
from measurements import SUPERUSER, refused

from qpcjax.files import (
    InputError,
    check_writable,
    read_trace,
    save_table,
    write_files,
)


def test_a_saved_table_reads_back_to_the_last_digit(table):
    rng = np.random.default_rng(0)
    gate, conductance = rng.normal(size=(2, 100)) * 10.0 ** rng.integers(-20, 20, (2, 100))
    conductance[3] = np.nan
    columns = {"gate (mV)": gate, "conductance (2e2/h)": conductance}
    text = save_table(columns, comments=["synthetic", "seed 0"])
    assert text.startswith("# synthetic\n# seed 0\ngate (mV),conductance (2e2/h)\n")
    trace = read_trace(table(text))
    np.testing.assert_array_equal(trace.gate, np.delete(gate, 3))
    np.testing.assert_array_equal(trace.conductance, np.delete(conductance, 3))
    assert trace.dropped == 1


def test_a_saved_table_keeps_whole_numbers_and_quotes_commas():
    assert save_table({"n": [1, 2], "a, b": [0.5, 1e-7]}) == 'n,"a, b"\n1,0.5\n2,1e-07\n'


@pytest.mark.parametrize("columns", [{}, {"a": [1, 2], "b": [1]}, {"a": 1.0}, {"a": [[1, 2]]}])
def test_a_saved_table_needs_columns_of_one_length(columns):
    with pytest.raises(ValueError, match="columns of one length"):
        save_table(columns)


def test_files_are_written_and_replaced(tmp_path):
    folder = tmp_path / "new" / "out"
    paths = write_files(folder, {"b.txt": "µ\n", "a.bin": b"\x00"})
    assert paths == [folder / "b.txt", folder / "a.bin"]
    assert paths[0].read_bytes() == "µ\n".encode()
    write_files(folder, {"b.txt": "again"})
    assert paths[0].read_text() == "again"
    assert sorted(os.listdir(folder)) == ["a.bin", "b.txt"]


def test_a_failure_leaves_nothing_half_written(tmp_path, monkeypatch):
    old = tmp_path / "out"
    write_files(old, {"a.txt": "old"})
    real, written = Path.write_bytes, []

    def full_disk(path, content):
        if written:
            raise OSError(28, "No space left on device")
        written.append(path)
        return real(path, content)

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    for folder in (old, tmp_path / "made" / "here"):
        written.clear()
        with pytest.raises(InputError, match="No space left"):
            write_files(folder, {"a.txt": "new", "b.txt": "new"})
    assert os.listdir(old) == ["a.txt"]
    assert (old / "a.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["out"]


def test_an_interruption_leaves_nothing_half_written(tmp_path, monkeypatch):
    def interrupted(path, content):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_files(tmp_path / "out", {"a.txt": "new"})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("write", [check_writable, lambda folder: write_files(folder, {"a": "b"})])
@pytest.mark.parametrize("inside", ["taken", "taken/out", "taken/further/out"])
def test_a_file_where_the_folder_should_be(tmp_path, write, inside):
    (tmp_path / "taken").write_text("keep")
    refused(lambda: write(tmp_path / inside), inside, "cannot be written")
    assert os.listdir(tmp_path) == ["taken"]
    assert (tmp_path / "taken").read_text() == "keep"


@pytest.mark.skipif(SUPERUSER, reason="the superuser may write everywhere")
@pytest.mark.parametrize("write", [check_writable, lambda folder: write_files(folder, {"a": "b"})])
def test_a_folder_that_may_not_be_written(tmp_path, write):
    tmp_path.chmod(0o500)
    for folder in (tmp_path, tmp_path / "new" / "out"):
        refused(lambda folder=folder: write(folder), str(folder), "cannot be written")
    assert not list(tmp_path.iterdir())


def test_a_folder_stands_where_a_file_is_to_go(tmp_path):
    (tmp_path / "b.txt").mkdir()
    refused(lambda: write_files(tmp_path, {"a.txt": "1", "b.txt": "2"}), "b.txt", "folder")
    assert os.listdir(tmp_path) == ["b.txt"]


def test_only_plain_file_names_are_written(tmp_path):
    for name in ("../a.txt", "x/a.txt", ""):
        with pytest.raises(ValueError, match="plain file name"):
            write_files(tmp_path / "out", {name: ""})
    assert not list(tmp_path.iterdir())


def test_checking_a_folder_leaves_nothing_behind(tmp_path):
    check_writable(tmp_path / "new" / "out")
    assert not list(tmp_path.iterdir())
    (tmp_path / "old").mkdir()
    check_writable(tmp_path / "old")
    assert os.listdir(tmp_path) == ["old"]
    assert not os.listdir(tmp_path / "old")
