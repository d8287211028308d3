"""Long and wide text: read by NumPy, or refused, within a budget of memory and time."""

import subprocess
import sys
import time

import numpy as np
import pytest
from measurements import refused

from qpcjax.files import open_file, read_trace, text

GATE = np.linspace(-1000.0, -600.0, 60_000)
G = 77.0 / (1 + np.exp(-(GATE + 800.0) / 20.0))


def rows(mark=","):
    return "".join(f"{v!r}{mark}{g!r}\n" for v, g in zip(GATE.tolist(), G.tolist(), strict=True))


@pytest.mark.parametrize("mark", [",", ";", "\t", " "])
@pytest.mark.parametrize("header", ["gate (mV){}G (uS)\n", "# by hand\n\ngate (mV){}G (uS)\n"])
def test_a_long_table_is_what_its_cells_are(table, monkeypatch, mark, header):
    path = table(header.format(mark) + rows(mark), "long.dat")
    columns = open_file(path).tables[0].columns
    np.testing.assert_array_equal(columns[0].values, GATE)
    np.testing.assert_array_equal(columns[1].values, G)
    monkeypatch.setattr(text, "long_table", lambda *_: None)
    by_cells = open_file(path).tables[0]
    assert [c.title for c in columns] == [c.title for c in by_cells.columns]
    np.testing.assert_array_equal(by_cells.columns[1].values, G)


def test_long_tables_with_other_things_are_read_by_cells(table):
    """What is not plain numbers gets the messages and the meaning that it has in short tables."""
    whole = "gate (mV),G (uS)\n" + rows()
    path = table(whole.replace(f"{GATE.tolist()[7]!r},", "much,", 1), "long.csv")
    refused(lambda: read_trace(path), "long.csv: row 9", "much")
    path = table(whole + "1.0,inf\n", "long.csv")
    refused(lambda: read_trace(path), f"long.csv: row {GATE.size + 2}", "finite")
    path = table(whole + "1.0\n", "long.csv")
    refused(lambda: read_trace(path), f"row {GATE.size + 2}", "1 cell, 2 expected")
    path = table(whole + "-599.0,\n", "long.csv")
    assert read_trace(path).dropped == 1


_LOOK = """
import resource, sys
from pathlib import Path
from qpcjax.files import InputError
from qpcjax.files.inspection import inspect_file
from qpcjax.files.traces import Choice

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

before = peak()
try:
    part = inspect_file(Path(sys.argv[1]), Choice()).parts[0]
    print("read", part.columns[0].points, peak() - before)
except InputError as error:
    print("refused", error)
"""


def look(path):
    found = subprocess.run(
        [sys.executable, "-c", _LOOK, str(path)], capture_output=True, text=True, check=True
    )
    return found.stdout.split()


@pytest.mark.skipif(sys.platform != "linux", reason="memory as Linux counts it")
@pytest.mark.parametrize("header", ["", "gate (mV),G (uS)\n"])
def test_a_table_of_small_numbers_takes_five_times_its_size(table, header):
    count = 3_000_000
    path = table(header + "1,2\n" * count, "small.csv")
    how, points, memory = look(path)
    assert (how, int(points)) == ("read", count)
    assert int(memory) < 5 * path.stat().st_size + (24 << 20)


def test_what_only_cells_can_read_is_bounded(table):
    path = table("1,2\n" * 5_000_000 + "x,y\n", "odd.csv")
    refused(lambda: read_trace(path), "odd.csv", "no more than 16 MiB")


def test_a_header_of_a_hundred_thousand_columns(table):
    names = ",".join(f"c{i} (uS)" for i in range(100_000))
    path = table(f"gate (mV),{names}\n" + ",".join("1" * 100_001) + "\n", "wide.csv")
    began = time.process_time()
    refused(lambda: read_trace(path), "wide.csv: row 1", "columns")
    assert time.process_time() - began < 2


def test_headers_take_time_in_proportion(table):
    """Ten times as many columns take ten times as long, not a hundred times."""
    seconds = []
    for count in (400, 4000):
        names = ",".join(f"c{i} (uS)" for i in range(count))
        content = f"gate (mV),{names}\n" + ("1," * count + "1\n") * 2
        path = table(content, f"{count}.csv")
        began = time.process_time()
        assert len(open_file(path).tables[0].columns) == count + 1
        seconds.append(time.process_time() - began)
    assert seconds[1] < 30 * seconds[0] + 0.5
