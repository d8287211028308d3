"""Traces read back as they were written, and every bad file named where it is bad."""

import dataclasses
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from measurements import refused

from qpcjax.constants import CONDUCTANCE_QUANTUM
from qpcjax.files import (
    ConductanceTrace,
    InputError,
    check_writable,
    read_trace,
    read_trace_columns,
    read_transmission,
    save_table,
    write_files,
)

SUPERUSER = hasattr(os, "geteuid") and os.geteuid() == 0

GOOD = "gate (mV),conductance (2e2/h)\n-900,0.1\n-800,1.0\n-700,2.0\n"


# --- reading a table with a header ----------------------------------------------------------


def test_the_plain_table(table):
    path = table(GOOD)
    trace = read_trace(path)
    np.testing.assert_array_equal(trace.gate, [-900, -800, -700])
    np.testing.assert_array_equal(trace.conductance, [0.1, 1, 2])
    assert (trace.name, trace.dropped) == ("trace.csv", 0)
    assert (trace.gate_unit, trace.conductance_unit) == ("mV", "2e2/h")
    assert trace.sha256 == hashlib.sha256(GOOD.encode()).hexdigest()
    assert read_trace(str(path)).gate.dtype == np.float64


def test_a_trace_cannot_be_changed(table):
    trace = read_trace(table(GOOD))
    with pytest.raises(ValueError, match="read-only"):
        trace.gate[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        trace.name = "other"


@pytest.mark.parametrize(
    ("unit", "factor"), [("mV", 1), ("V", 1e3), ("uV", 1e-3), ("µV", 1e-3), ("μV", 1e-3)]
)
def test_gate_units(table, unit, factor):
    trace = read_trace(table(f"gate ({unit}),conductance (2e2/h)\n-1.5,0\n-0.5,1\n"))
    np.testing.assert_allclose(trace.gate, [-1.5 * factor, -0.5 * factor], rtol=1e-15)
    assert trace.gate_unit == unit


@pytest.mark.parametrize(
    ("unit", "whole"),
    [
        ("2e2/h", 1),
        ("2e^2/h", 1),
        ("2 e^2 / h", 1),
        ("2e²/h", 1),
        ("e2/h", 2),
        ("e^2/h", 2),
        ("uS", CONDUCTANCE_QUANTUM),
        ("µS", CONDUCTANCE_QUANTUM),
        ("μS", CONDUCTANCE_QUANTUM),
        ("mS", CONDUCTANCE_QUANTUM * 1e-3),
        ("S", CONDUCTANCE_QUANTUM * 1e-6),
    ],
)
def test_conductance_units(table, unit, whole):
    trace = read_trace(table(f"Vg [V],G [{unit}]\n-1,0\n0,{whole!r}\n"))
    np.testing.assert_allclose(trace.conductance, [0, 1], rtol=1e-14)
    assert trace.conductance_unit == unit


@pytest.mark.parametrize(
    "header",
    [
        "gate (mV),conductance (2e2/h)",
        "Gate Voltage (mV),Conductance (2e2/h)",
        "V_gate (mV),g (2e2/h)",
        "VG(mV),G(2e2/h)",
        "v_g [mV] , cond [2e2/h] ",
        '"gate (mV)","conductance (2e2/h)"',
        "gate (mV);conductance (2e2/h)",
        "gate (mV)\tconductance (2e2/h)",
    ],
)
def test_headers_that_are_understood(table, header):
    body = GOOD.split("\n", 1)[1]
    for mark in ";\t":
        if mark in header:
            body = body.replace(",", mark)
    np.testing.assert_array_equal(read_trace(table(f"{header}\n{body}")).gate, [-900, -800, -700])


def test_columns_in_any_order_among_others(table):
    text = "time (s),G (e2/h),Vg (V),remark\n0,2,-1,ok\n1,4,-0.5,a jump\n"
    trace = read_trace(table(text))
    np.testing.assert_array_equal(trace.gate, [-1000, -500])
    np.testing.assert_array_equal(trace.conductance, [1, 2])


@pytest.mark.parametrize("gate", ["left", "Left", "left (V)"])
def test_columns_named_by_the_user(table, gate):
    path = table("left (V),right (V),lockin (uS)\n-1,-2,0\n-0.5,-2,77\n")
    trace = read_trace(path, gate=gate, conductance="lockin")
    np.testing.assert_array_equal(trace.gate, [-1000, -500])


def test_a_name_in_its_own_case_comes_first(table):
    path = table("g (uS),G (2e2/h),gate (mV)\n1,2,3\n1,4,5\n")
    refused(lambda: read_trace(path), "more than one", "'g (uS)', 'G (2e2/h)'", "full name")
    np.testing.assert_array_equal(read_trace(path, conductance="G").conductance, [2, 4])
    path = table("vg (uS),Vx (2e2/h),gate (mV)\n1,2,3\n1,4,5\n")
    np.testing.assert_array_equal(read_trace(path, "gate", "Vx").conductance, [2, 4])


def test_units_stated_by_the_user(table):
    path = table("gate,conductance (uS)\n-1,0\n0,77\n")
    np.testing.assert_array_equal(read_trace(path, gate_unit="V").gate, [-1000, 0])
    refused(lambda: read_trace(path, gate_unit="km"), "'km'", "mV, V, uV")
    refused(
        lambda: read_trace(path, gate_unit="V", conductance_unit="mS"), "conductance (uS)", "mS"
    )


def test_the_order_of_the_measurement_is_kept(table):
    falling = read_trace(table("gate (mV),G (2e2/h)\n3,1\n2,0.5\n1,0\n"))
    np.testing.assert_array_equal(falling.gate, [3, 2, 1])
    unsorted = read_trace(table("gate (mV),G (2e2/h)\n3,1\n1,0\n2,0.5\n2,0.6\n"))
    np.testing.assert_array_equal(unsorted.gate, [3, 1, 2, 2])


def test_rows_without_a_value_are_dropped_and_counted(table):
    trace = read_trace(table(GOOD + "-600,\n,3\n-500,nan\nNaN,NaN\n-400,4\n"))
    np.testing.assert_array_equal(trace.gate, [-900, -800, -700, -400])
    np.testing.assert_array_equal(trace.conductance, [0.1, 1, 2, 4])
    assert trace.dropped == 4


@pytest.mark.parametrize(
    "text",
    [
        "# synthetic\n# gate, from left\n" + GOOD,
        "\n\n" + GOOD + "\n\n",
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        GOOD.rstrip("\n"),
        GOOD.replace("-800", "# back again\n-800"),
        GOOD.replace(",", " , "),
        GOOD.replace("-800", "-8.00E+2"),
    ],
)
def test_what_stands_around_the_numbers(table, text):
    trace = read_trace(table(text))
    np.testing.assert_array_equal(trace.gate, [-900, -800, -700])
    assert trace.dropped == 0


# --- bad tables -----------------------------------------------------------------------------

BAD_TABLES = {
    "text in a cell": (GOOD + "-600,abc\n", ["row 5", "'conductance (2e2/h)'", "'abc'", "number"]),
    "text below comments": (
        "# a\n# b\n" + GOOD + "off,2\n",
        ["row 7", "'gate (mV)'", "'off'", "number"],
    ),
    "grouped digits": (GOOD + "-1_000,2\n", ["row 5", "'-1_000'"]),
    "infinite": (GOOD + "-600,inf\n", ["row 5", "'conductance (2e2/h)'", "finite", "'inf'"]),
    "overflow": (GOOD + "-600,1e999\n", ["row 5", "finite", "'1e999'"]),
    "decimal comma beside a point": (
        "gate (mV);G (2e2/h)\n-900,5;0.1\n-800;1\n",
        ["row 2", "'gate (mV)'", "'-900,5'", "decimal point"],
    ),
    "decimal comma between commas": (
        GOOD + "-600,5,0,98\n",
        ["row 5", "4 cells, 2 expected", "decimal"],
    ),
    "short row": (GOOD + "-600\n", ["row 5", "1 cell, 2 expected"]),
    "open quote": (GOOD + '"-600,2\n', ["row 5", "cannot be split"]),
    "no gate": (
        "x (s),G (2e2/h)\n1,2\n2,3\n",
        ["recognised as the gate", "'x (s)', 'G (2e2/h)'"],
    ),
    "no conductance": (
        "Vg (mV),current (nA)\n1,2\n2,3\n",
        ["recognised as the conductance", "'Vg (mV)', 'current (nA)'"],
    ),
    "one column": ("gate (mV)\n1\n2\n", ["recognised as the conductance", "'gate (mV)'"]),
    "two gates": (
        "gate (mV),Vg (V),G (uS)\n1,2,3\n2,3,4\n",
        ["more than one", "'gate (mV)', 'Vg (V)'"],
    ),
    "one name twice": ("gate (mV),G (uS),G (uS)\n1,2,3\n", ["more than one column", "'G (uS)'"]),
    "no unit": ("gate,G (uS)\n1,2\n2,3\n", ["'gate'", "no unit", "'gate (mV)'", "mV, V, uV"]),
    "unknown unit": (
        "gate (mV),G (kOhm)\n1,2\n2,3\n",
        ["'G (kOhm)'", "'kOhm'", "2e2/h, e2/h, uS, mS, S"],
    ),
    "unit in the wrong case": ("gate (MV),G (uS)\n1,2\n2,3\n", ["'gate (MV)'", "mV, V, uV"]),
    "a conductance's unit on the gate": ("gate (uS),G (uS)\n1,2\n2,3\n", ["'gate (uS)'", "mV"]),
    "no header": ("-900,0.1\n-800,1\n", ["row 1", "should name the columns", "'-900,0.1'"]),
    "two separators": ("gate (mV);G (uS),t (s)\n1;2,3\n", ["row 1", "comma and semicolon"]),
    "header alone": ("gate (mV),G (uS)\n", ["no rows of numbers"]),
    "all NaN": ("gate (mV),G (uS)\n1,nan\n2,\n,3\n", ["every one of the 3 rows", "NaN"]),
    "one point": ("gate (mV),G (uS)\n1,1\n2,\n", ["at least 2 points", "found 1 (1 row without"]),
    "a gate that never moves": ("gate (mV),G (uS)\n5,1\n5,2\n", ["never moves", "5 mV"]),
    "empty": ("", ["empty"]),
    "only blanks": ("  \n\n", ["empty"]),
    "only comments": ("# nothing\n", ["nothing but comments"]),
    "not UTF-8": (b"gate (\xb5V),G (uS)\x01\n1,2\n", ["UTF-8", "0xb5", "position 6"]),
    "no Latin letters": (b"gate (mV),G (\x81S)\n1,2\n", ["UTF-8", "0x81"]),
    "half of UTF-16": (GOOD.encode("utf-16")[:-1], ["UTF-16", "cut off"]),
    "a spreadsheet": (b"PK\x03\x04\x14\x00\x06\xff\xfe", ["UTF-8", "plain CSV"]),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_bad_tables(table, tmp_path, case):
    content, facts = BAD_TABLES[case]
    path = table(content)
    refused(lambda: read_trace(path), "trace.csv", *facts)
    assert list(tmp_path.iterdir()) == [path]


def test_a_column_that_is_not_there(table):
    path = table(GOOD)
    refused(
        lambda: read_trace(path, gate="Vsg"),
        "no column 'Vsg'",
        "'gate (mV)', 'conductance (2e2/h)'",
    )
    refused(lambda: read_trace(path, "gate", "gate"), "both")


def test_a_file_that_is_not_there(tmp_path):
    refused(lambda: read_trace(tmp_path / "no.csv"), "no.csv", "no such file")
    refused(lambda: read_trace(tmp_path), str(tmp_path), "folder")


@pytest.mark.skipif(SUPERUSER, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read(table):
    path = table(GOOD)
    path.chmod(0)
    refused(lambda: read_trace(path), "trace.csv", "cannot be read")


@pytest.mark.parametrize(
    ("gate", "conductance", "fact"),
    [
        ([1, 2, 3], [1, 2], "same length"),
        ([[1, 2]], [[1, 2]], "same length"),
        ([1, np.nan], [1, 2], "finite"),
        ([1, 2], [1, np.inf], "finite"),
        ([1], [1], "at least 2"),
        ([1, 1], [1, 2], "never moves"),
    ],
)
def test_traces_made_from_arrays_are_checked_too(gate, conductance, fact):
    refused(lambda: ConductanceTrace(np.array(gate), np.array(conductance), "mine"), "mine", fact)


def test_a_trace_is_a_copy_of_its_arrays():
    gate = np.array([1.0, 2.0])
    trace = ConductanceTrace(gate, gate)
    gate[0] = 7
    np.testing.assert_array_equal(trace.gate, [1, 2])


# --- two files without headers --------------------------------------------------------------

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


# --- a table of T(E) ------------------------------------------------------------------------

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


# --- writing --------------------------------------------------------------------------------


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
