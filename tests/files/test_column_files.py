"""Traces of two files without headers, and tables of T(E)."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from measurements import refused

from qpcjax.constants import CONDUCTANCE_QUANTUM
from qpcjax.files import (
    read_trace_columns,
    read_transmission,
)

# --- two files without headers --------------------------------------------------------------------

GATES = "-1.5,-1.4\n-1.4,-1.3\n-1.3,NaN\n"
CONDUCTANCES = "0,0.2\n50,60\n77.4,\n"


@pytest.fixture
def two(table):
    """Read a trace from the texts of two files."""

    def read(gates, conductances, trace=0, gate_unit="V", conductance_unit="uS"):
        paths = table(gates, "g.csv"), table(conductances, "c.csv")
        return read_trace_columns(*paths, trace, gate_unit, conductance_unit)

    return read


def test_two_files(two):
    trace = two(GATES, CONDUCTANCES)
    np.testing.assert_allclose(trace.gate, [-1500, -1400, -1300], rtol=1e-15)
    np.testing.assert_allclose(trace.conductance * CONDUCTANCE_QUANTUM, [0, 50, 77.4], rtol=1e-14)
    assert (trace.dropped, trace.name) == (0, "c.csv, trace 0")
    assert (trace.gate_unit, trace.conductance_unit) == ("V", "uS")
    assert trace.sha256 == hashlib.sha256((GATES + CONDUCTANCES).encode()).hexdigest()
    shorter = two(GATES, CONDUCTANCES, 1)
    np.testing.assert_allclose(shorter.gate, [-1400, -1300], rtol=1e-15)
    assert shorter.dropped == 1


def test_two_files_of_one_column_stay_in_step(two):
    trace = two("1\n2\n3\n4\n", "10\n\n30\n40\n")
    np.testing.assert_array_equal(trace.gate, [1000, 3000, 4000])
    assert trace.dropped == 1


def test_two_files_and_the_number_of_a_trace(table):
    gates, conductances = table(GATES, "g.csv"), table(CONDUCTANCES, "c.csv")
    stated = ("V", "uS")
    expected = read_trace_columns(gates, conductances, 1, *stated)
    for pair in ((gates, f"{conductances}#1"), (f"{gates}#1", conductances),
                 (f"{gates}#1", f"{conductances}#1")):  # fmt: skip
        found = read_trace_columns(*pair, None, *stated)
        np.testing.assert_array_equal(found.conductance, expected.conductance)
        assert (found.name, found.sha256) == (expected.name, expected.sha256)
    refused(
        lambda: read_trace_columns(gates, conductances, None, *stated),
        "c.csv: it holds 2 traces, a column each", "0 to 1", "c.csv#0", "--trace 0",
    )  # fmt: skip
    refused(lambda: read_trace_columns(gates, f"{conductances}#2"), "no trace 2", "0 to 1")
    refused(lambda: read_trace_columns(f"{gates}#0", f"{conductances}#1"), "Leave one of them out")
    refused(lambda: read_trace_columns(gates, f"{conductances}#1", 0), "Leave one of them out")


def test_two_files_of_one_column_need_no_number(two):
    np.testing.assert_array_equal(two("1\n2\n", "10\n20\n", None).gate, [1000, 2000])


def test_two_files_with_comments_and_tabs(two):
    trace = two("# V\n1\t2\n3\t4\n", "1,2\n3,4\n", 1)
    np.testing.assert_array_equal(trace.gate, [2000, 4000])


BAD_PAIRS = {
    "more rows": (
        GATES + "-1.2,-1.1\n",
        CONDUCTANCES,
        {},
        ["g.csv has 4 rows of 2 columns", "c.csv has 3 rows of 2"],
    ),
    "more columns": ("1,2,3\n4,5,6\n", "1,2\n3,4\n", {}, ["2 rows of 3 columns", "same shape"]),
    "trace too high": (GATES, CONDUCTANCES, {"trace": 2}, ["no trace 2", "2 columns", "0 to 1"]),
    "trace below zero": (GATES, CONDUCTANCES, {"trace": -1}, ["no trace -1", "0 to 1"]),
    "only trace 0": ("1\n2\n", "1\n2\n", {"trace": 1}, ["1 column,", "only 0"]),
    "a header": ("gate (V),b\n1,2\n", CONDUCTANCES, {}, ["g.csv", "row 1", "without header"]),
    "text": (GATES, "0,0\noff,1\n2,2\n", {}, ["c.csv", "row 2", "'trace 0'", "'off'"]),
    "ragged": (GATES, "0,0\n1\n2,2\n", {}, ["c.csv", "row 2", "1 cell, 2 expected"]),
    "blank row": (GATES, "0,0\n\n2,2\n", {}, ["c.csv", "row 2", "2 expected"]),
    "all NaN": ("nan\nnan\n", "1\n2\n", {}, ["every one of the 2 rows"]),
    "a gate that never moves": ("1\n1\n", "1\n2\n", {}, ["never moves"]),
    "gate unit": (GATES, CONDUCTANCES, {"gate_unit": "kV"}, ["'kV'", "gate", "mV, V, uV"]),
    "conductance unit": (
        GATES,
        CONDUCTANCES,
        {"conductance_unit": "ohm"},
        ["'ohm'", "conductance", "2e2/h, e2/h, uS, mS, S"],
    ),
}


@pytest.mark.parametrize("case", BAD_PAIRS)
def test_bad_pairs_of_files(two, case):
    gates, conductances, arguments, facts = BAD_PAIRS[case]
    refused(lambda: two(gates, conductances, **arguments), *facts)


DATA = Path(os.environ.get("QPCJAX_DATA", "")) / "split_gate"


@pytest.mark.skipif(
    "QPCJAX_DATA" not in os.environ or not DATA.is_dir(),
    reason="QPCJAX_DATA does not name a folder with split_gate/, the measured traces",
)
def test_the_measured_traces():
    paths = DATA / "splitgateV_clean.csv", DATA / "conductance_clean.csv"
    traces = [read_trace_columns(*paths, i, "V", "uS") for i in range(6)]
    points = [trace.gate.size for trace in traces]
    assert (min(points), max(points)) == (833, 1106)
    for trace in traces:
        assert trace.gate.size + trace.dropped == 1106
        assert 6.4 < np.max(trace.conductance) < 6.6
        assert np.median(np.abs(np.diff(trace.gate))) == pytest.approx(0.61, abs=0.01)
    refused(lambda: read_trace_columns(*paths, 6, "V", "uS"), "6 columns", "0 to 5")
    named = read_trace_columns(paths[0], f"{paths[1]}#4", None, "V", "uS")
    np.testing.assert_array_equal(named.gate, traces[4].gate)


# --- a table of T(E) ------------------------------------------------------------------------------

STEPS = "energy (eV),transmission\n0.001,0.1\n0.002,1.0\n0.0035,2.0\n"


@pytest.mark.parametrize(
    ("unit", "factor"), [("meV", 1), ("eV", 1e3), ("ueV", 1e-3), ("µeV", 1e-3), ("μeV", 1e-3)]
)
def test_energy_units(table, unit, factor):
    energy, transmission = read_transmission(table(f"energy ({unit}),transmission\n-1,0\n2,1.5\n"))
    np.testing.assert_allclose(energy, [-factor, 2 * factor], rtol=1e-15)
    np.testing.assert_array_equal(transmission, [0, 1.5])
    assert energy.dtype == transmission.dtype == np.float64


@pytest.mark.parametrize(
    "text",
    [
        STEPS,
        STEPS.replace(",", "\t"),
        STEPS.replace(",", ";"),
        STEPS.replace("energy (eV),transmission", "E [eV] , T"),
        STEPS.replace("energy (eV),transmission", "ENERGY(eV),T (1)"),
        "# from a lead to the other\n\n" + STEPS.replace("0.002", "\n# here\n0.002"),
        "n,T,E (eV)\n1,0.1,0.001\n2,1,0.002\n3,2,0.0035\n",
    ],
)
def test_transmission_tables_that_are_understood(table, text):
    energy, transmission = read_transmission(table(text))
    np.testing.assert_allclose(energy, [1, 2, 3.5], rtol=1e-15)
    np.testing.assert_array_equal(transmission, [0.1, 1, 2])


def test_transmission_columns_named_and_units_stated_by_the_user(table):
    path = table("E,spin up,T (K)\n1,0.5,4\n2,0.6,4\n")
    energy, up = read_transmission(path, energy_unit="ueV", transmission="spin up")
    np.testing.assert_allclose(energy, [1e-3, 2e-3], rtol=1e-15)
    np.testing.assert_array_equal(up, [0.5, 0.6])
    refused(lambda: read_transmission(path), "'E'", "no unit", "'E (meV)'", "meV, eV, ueV")
    refused(lambda: read_transmission(path, "meV"), "'T (K)'", "'K'", "for the transmission")
    refused(lambda: read_transmission(path, "mV"), "'mV'", "unit of the energy")
    refused(lambda: read_transmission(path, "meV", "E", "E"), "energy and the transmission", "both")


BAD_TRANSMISSIONS = {
    "text": (STEPS + "0.004,open\n", ["row 5", "'transmission'", "'open'"]),
    "an empty cell": (STEPS + "0.004,\n", ["row 5", "'transmission'", "an empty cell"]),
    "not a number": (STEPS + "nan,2\n", ["row 5", "'energy (eV)'", "finite", "'nan'"]),
    "infinite": (STEPS + "0.004,inf\n", ["row 5", "'transmission'", "finite", "'inf'"]),
    "negative": (
        "# a comment\n" + STEPS + "0.004,-0.1\n",
        ["row 6", "'transmission'", "0 or more was expected, found -0.1"],
    ),
    "unsorted": (
        "# a comment\n" + STEPS + "\n0.003,2\n",
        ["row 7", "'energy (eV)'", "increase", "0.003 after 0.0035 in row 5"],
    ),
    "falling": ("E (meV),T\n2,0\n1,0\n", ["row 3", "1 after 2 in row 2", "Sort"]),
    "one energy twice": (STEPS + "0.0035,2\n", ["row 5", "0.0035 after 0.0035 in row 4"]),
    "one row": ("E (meV),T\n2,0\n", ["at least 2 rows", "found 1 row"]),
    "header alone": ("E (meV),T\n", ["at least 2 rows", "found none"]),
    "no header": ("1,0\n2,1\n", ["row 1", "'energy (meV),transmission'", "'1,0'"]),
    "no energy": ("V (mV),T\n1,0\n2,1\n", ["recognised as the energy", "'V (mV)', 'T'"]),
    "no transmission": ("E (meV),G (uS)\n1,0\n2,1\n", ["recognised as the transmission"]),
    "two transmissions": ("E (meV),T,transmission\n1,0,0\n2,1,1\n", ["more than one", "'T'"]),
    "another unit": ("E (K),T\n1,0\n2,1\n", ["'E (K)'", "'K'", "meV, eV, ueV"]),
    "short row": (STEPS + "0.004\n", ["row 5", "1 cell, 2 expected"]),
    "empty": ("", ["empty"]),
}


@pytest.mark.parametrize("case", BAD_TRANSMISSIONS)
def test_bad_transmission_tables(table, case):
    text, facts = BAD_TRANSMISSIONS[case]
    path = table(text, "t.csv")
    message = refused(lambda: read_transmission(path), "t.csv", *facts)
    assert "drop the row" not in message  # a row that is dropped would be interpolated over
