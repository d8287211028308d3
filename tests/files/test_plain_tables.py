"""Tables of a trace read back as they were written, and every bad table named where it is bad."""

import dataclasses
import hashlib

import numpy as np
import pytest
from measurements import SUPERUSER, refused

from qpcjax.constants import CONDUCTANCE_QUANTUM
from qpcjax.files import (
    ConductanceTrace,
    read_trace,
)

GOOD = "gate (mV),conductance (2e2/h)\n-900,0.1\n-800,1.0\n-700,2.0\n"


# --- reading a table with a header ----------------------------------------------------------------


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


# --- bad tables -----------------------------------------------------------------------------------

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
