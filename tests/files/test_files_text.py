"""Text tables: resistances, currents, columns without names, and what is never misread."""

import numpy as np
import pytest
from measurements import refused

from qpcjax.constants import CONDUCTANCE_QUANTUM, RESISTANCE_QUANTUM
from qpcjax.files import read_trace, read_trace_columns
from qpcjax.files.column_units import EXCITATION, amount, plain, split_unit


@pytest.mark.parametrize(
    ("unit", "ohms"),
    [
        ("kOhm", 1e3),
        ("kΩ", 1e3),
        ("k\u2126", 1e3),
        ("Ohm", 1),
        ("ohm", 1),
        ("Ohms", 1),
        ("MOhm", 1e6),
    ],
)
def test_a_resistance_becomes_a_conductance(table, unit, ohms):
    text = f"Vg (mV),R ({unit})\n1,{RESISTANCE_QUANTUM / ohms!r}\n2,{2 / ohms!r}\n3,\n"
    trace = read_trace(table(text))
    expected = [1, RESISTANCE_QUANTUM / 2]
    np.testing.assert_allclose(trace.conductance, expected, rtol=1e-15)
    assert (trace.conductance_unit, trace.dropped) == (unit, 1)


def test_a_resistance_of_0_is_no_conductance(table):
    path = table("Vg (mV),R (kOhm)\n1,5\n2,0\n")
    refused(lambda: read_trace(path), "trace.csv", "'R (kOhm)'", "point 1", "resistance of 0")


@pytest.mark.parametrize(
    ("unit", "nA"), [("nA", 1), ("pA", 1e-3), ("uA", 1e3), ("µA", 1e3), ("mA", 1e6), ("A", 1e9)]
)
def test_a_current_with_an_excitation_becomes_a_conductance(table, unit, nA):
    current = 0.1 * CONDUCTANCE_QUANTUM / nA  # at 0.1 mV
    path = table(f"Vg (mV),I ({unit})\n1,{current!r}\n2,{2 * current!r}\n")
    for excitation in ("100 uV", "100uV", "0.1 mV", "1e-4 V", "100 µV"):
        trace = read_trace(path, excitation=excitation)
        np.testing.assert_allclose(trace.conductance, [1, 2], rtol=1e-14)
    assert trace.conductance_unit == f"{unit} at 100 µV"
    refused(lambda: read_trace(path), "'I", "is a current", "excitation", "'100 uV'")


def test_an_excitation_in_a_column_of_its_own(table):
    path = table("Vg (mV),I (nA),Vac (uV)\n1,7.748091729863649,100\n2,7.748091729863649,50\n")
    np.testing.assert_allclose(read_trace(path).conductance, [1, 2], rtol=1e-12)


@pytest.mark.parametrize(
    ("excitation", "facts"),
    [
        ("100", ["a number with its unit", "'100'"]),
        ("100 km", ["'km'", "uV, mV, V"]),
        ("much mV", ["a number with its unit"]),
        ("1e- mV", ["'e- mV'"]),
        ("0 uV", ["other than 0"]),
        ("nan mV", ["a number with its unit"]),
    ],
)
def test_bad_excitations(table, excitation, facts):
    path = table("Vg (mV),I (nA)\n1,2\n2,3\n")
    refused(lambda: read_trace(path, excitation=excitation), "excitation", *facts)


def test_an_excitation_beside_a_conductance_is_a_contradiction(table):
    path = table("Vg (mV),G (uS)\n1,2\n2,3\n")
    refused(lambda: read_trace(path, excitation="1 mV"), "'G (uS)' is a conductance", "Leave")


def test_an_amount_is_in_the_packages_unit():
    assert amount("-2.5e1uV", EXCITATION) == -0.025
    assert amount(" 3 mV ", EXCITATION) == 3


def test_a_column_is_known_by_its_unit_where_only_one_has_it(table):
    path = table("Vg (mV),lockin X (uS),T (K)\n1,0,4\n2,77.48091729863649,4\n")
    np.testing.assert_allclose(read_trace(path).conductance, [0, 1], rtol=1e-12)
    path = table("Vg (mV),X (uS),Y (uS)\n1,0,4\n2,77,4\n")
    refused(lambda: read_trace(path), "recognised as the conductance", "'X (uS)', 'Y (uS)'")
    assert read_trace(path, conductance="Y").conductance[0] > 0


def test_errors_beside_the_conductance_are_kept(table):
    trace = read_trace(table("Vg (mV),G (2e2/h),sigma (2e2/h)\n1,2,0.1\n2,3,0.2\n3,4,\n"))
    np.testing.assert_array_equal(trace.sigma, [0.1, 0.2])
    assert trace.dropped == 1
    # Errors in another unit than the conductance are not taken for its errors.
    assert read_trace(table("Vg (mV),G (2e2/h),sigma (mV)\n1,2,1\n2,3,2\n")).sigma is None


# --- columns without names, blanks ----------------------------------------------------------


@pytest.mark.parametrize("mark", [",", ";", "\t", " ", "   "])
def test_columns_without_names_are_numbered(table, mark):
    path = table(f"0.1{mark}-1.5{mark}0\n0.2{mark}-1.4{mark}77.4\n", "trace.dat")
    trace = read_trace(path, "1", 2, gate_unit="V", conductance_unit="uS")
    np.testing.assert_allclose(trace.gate, [-1500, -1400], rtol=1e-15)
    refused(lambda: read_trace(path), "row 1", "should name the columns", "counted from 0")
    refused(lambda: read_trace(path, "1", "2"), "'1'", "no unit", "state the unit of the gate")
    refused(lambda: read_trace(path, "1", "7", "V", "uS"), "no column '7'", "'0', '1', '2'")


def test_numpys_own_text_files(tmp_path):
    numbers = np.random.default_rng(1).normal(size=(20, 2))
    np.savetxt(tmp_path / "plain.txt", numbers, fmt="%.17g", header="gate (mV) G (uS)")
    for named in ((), ("0", "1"), ("gate", "G (uS)")):
        trace = read_trace(tmp_path / "plain.txt", *named)
        np.testing.assert_array_equal(trace.gate, numbers[:, 0])
        np.testing.assert_allclose(trace.conductance * CONDUCTANCE_QUANTUM, numbers[:, 1])
    assert trace.metadata["comments"] == "gate (mV) G (uS)"
    np.savetxt(tmp_path / "named.txt", numbers, fmt="%.17g", header="gate (mV) G (uS)", comments="")
    trace = read_trace(tmp_path / "named.txt")
    np.testing.assert_array_equal(trace.gate, numbers[:, 0])
    assert (trace.gate_unit, trace.conductance_unit) == ("mV", "uS")


def test_a_tsv_whatever_it_is_called(table):
    trace = read_trace(table("gate (V)\tG (e2/h)\n-1\t2\n-2\t4\n", "trace.TSV"))
    np.testing.assert_array_equal(trace.conductance, [1, 2])


@pytest.mark.parametrize("mark", [";", "\t"])
def test_decimal_commas_where_they_can_be_nothing_else(table, mark):
    text = f"gate (mV){mark}G (uS)\n-1,500{mark}0,1\n-1,250{mark}1,5e1\n-1{mark},25\n"
    trace = read_trace(table(text))
    np.testing.assert_array_equal(trace.gate, [-1.5, -1.25, -1])
    exact = np.array([0.1, 15, 0.25]) / CONDUCTANCE_QUANTUM
    np.testing.assert_allclose(trace.conductance, exact, rtol=1e-15)
    # A first line of numbers alone, too.
    path = table(f"-1,5{mark}0,1\n-1,25{mark}0,2\n", "trace.dat")
    np.testing.assert_array_equal(read_trace(path, "0", "1", "mV", "2e2/h").gate, [-1.5, -1.25])


# --- never misread --------------------------------------------------------------------------

NEVER_MISREAD = {
    "commas that may stand between thousands": (
        "gate (mV);G (uS)\n-1,900;1,100\n-1,800;2,200\n", {}, ["row 2", "thousands", "'-1,900'"],
    ),
    "decimal commas and points": (
        "gate (mV)\tG (uS)\n-900,5\t0,1\n-800.5\t0,2\n", {}, ["row 2", "has a point"],
    ),
    "points and thousands": ("gate (mV);G (uS)\n-1.900,5;1\n", {}, ["row 2", "'-1.900,5'"]),
    "decimal commas between blanks": (
        "-900,5 0,1\n-800,5 0,2\n", {"gate": "0", "conductance": "1"}, ["trace.csv"],
    ),
    "decimal commas between commas": ("gate (mV),G (uS)\n-900,5,0,1\n", {}, ["4 cells, 2"]),
    "another delimiter below": ("gate (mV),G (uS)\n-900;1\n", {}, ["row 2", "1 cell, 2 expected"]),
    "bars": ("gate (mV)|G (uS)\n1|2\n", {}, ["'gate (mV)|G (uS)'"]),
    "complex": ("gate (mV),G (uS)\n1,1+2j\n2,2\n", {}, ["row 2", "complex", "'1+2j'", "X and Y"]),
    "complex in brackets": ("gate (mV),G (uS)\n1,(1-2i)\n", {}, ["row 2", "complex"]),
    "one name in two cases": ("gate (mV),G (uS),g (uS)\n1,1,2\n", {}, ["more than one"]),
    "one name twice": ("gate (mV),gate (mV),G (uS)\n1,1,2\n", {}, ["more than one", "'gate (mV)'"]),
    "units that contradict": (
        "gate (mV),G (uS)\n1,1\n2,2\n", {"gate_unit": "V"}, ["'gate (mV)'", "V was stated"],
    ),
    "letters of DOS": ("gate (µV),G (uS)\n1,2\n2,3\n".encode("cp437"), {}, ["'æV'", "mV, V"]),
    "a zero byte": (b"gate (mV),G (uS)\n1,2\n2,\x00\n", {}, ["row 3", "zero byte"]),
    "cut off in a row": ("gate (mV),t (s),G (uS)\n1,2,3\n2,3\n", {}, ["row 3", "2 cells, 3"]),
}  # fmt: skip


@pytest.mark.parametrize("case", NEVER_MISREAD)
def test_what_is_never_misread(table, tmp_path, case):
    content, options, facts = NEVER_MISREAD[case]
    path = table(content)
    refused(lambda: read_trace(path, **options), "trace.csv", *facts)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.write(b"gate (mV),G (uS)\n")
        file.truncate(2 << 30)  # 2 GiB, of which the disk holds nothing
    import tracemalloc

    tracemalloc.start()
    refused(lambda: read_trace(path), "huge.csv", "2048 MiB", "no more than 64 MiB")
    refused(lambda: read_trace_columns(path, path), "2048 MiB")
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_units_in_every_spelling():
    spelled = {"2 e^2 / h": "2e2/h", "2e²/h": "2e2/h", "2e**2/h": "2e2/h", "µS": "uS", "kΩ": "kOhm"}
    assert {unit: plain(unit) for unit in spelled} == spelled
    assert split_unit("dI/dV (2e2/h)") == ("dI/dV", "2e2/h")
    assert split_unit("gate") == ("gate", None)
