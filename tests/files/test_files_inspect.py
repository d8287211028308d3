"""What `qpcjax inspect` says, the pictures, and that `qpcjax fit` takes every format."""

import json
import os
import shlex
from pathlib import Path

import h5py
import numpy as np
import pytest
from commands import call
from laboratory_containers import sheet
from laboratory_files import staircase, write
from measurements import BIAS, CONDUCTANCE, GATE, MAP, refused
from test_files_of_laboratories import FILES

from qpcjax.files import braille, read_data, read_map
from qpcjax.files.inspection import inspect_file, inspect_pair
from qpcjax.files.inspection_text import as_text
from qpcjax.files.traces import Choice
from qpcjax.fitting import command, map_files
from qpcjax.plot.measured_files import measured

EXAMPLES = Path(__file__).parents[2] / "fits" / "data"
DATA = Path(os.environ.get("QPCJAX_DATA", "")) / "split_gate"
ALL = Choice()


@pytest.fixture
def updown(tmp_path):
    gate = np.r_[GATE, GATE[::-1]]
    path = tmp_path / "up down.npz"
    np.savez(path, **{"gate (V)": gate, "G (S)": np.r_[CONDUCTANCE, CONDUCTANCE[::-1]]})
    return path


@pytest.fixture
def whole_map(tmp_path):
    path = tmp_path / "map.h5"
    with h5py.File(path, "w") as file:
        for name, values, unit in (("gate", GATE, "V"), ("vsd", BIAS, "mV"), ("G", MAP, "S")):
            file[name] = values
            file[name].attrs["units"] = unit
    return path


def test_the_example():
    found = inspect_file(EXAMPLES / "trace.csv", ALL)
    (part,) = found.parts
    assert (found.format, part.kind, len(part.traces)) == ("text", "conductance trace", 1)
    gate, conductance = part.columns
    assert (gate.title, gate.unit, gate.points, gate.missing) == ("gate (mV)", "mV", 401, 0)
    assert (gate.low, gate.high, conductance.missing) == (-1500, -1000, 2)
    assert part.command == f"qpcjax fit {EXAMPLES / 'trace.csv'} -o OUT"
    assert "its name is 'gate'" in part.why
    text = as_text(found)
    for words in (found.sha256, "taken for: conductance trace", "399 points", "gate rising"):
        assert words in text


def test_sweeps_and_the_line_that_reads_one(updown):
    (part,) = inspect_file(updown, ALL).parts
    assert [(t.direction, t.points) for t in part.traces] == [("down", 41), ("up", 41)]
    assert part.command == f"qpcjax fit '{updown}' --sweep down -o OUT"
    assert "sweep 1 (up): 41 points" in as_text(inspect_file(updown, ALL))


def test_a_map_and_the_call_that_reads_it(whole_map):
    found = inspect_file(whole_map, ALL)
    (part,) = found.parts
    assert part.kind == "bias spectroscopy"
    assert [c.swept for c in part.columns] == [True, True, False]
    assert shlex.split(part.command) == ["qpcjax", "fit", "--map", str(whole_map), "-o", "OUT"]
    assert [t.nearest for t in part.traces] == [b == 0 for b in BIAS]
    assert part.others[0].startswith("the line nearest to zero bias: qpcjax fit ")
    assert f"{whole_map}#3" in part.others[0]
    assert read_map(whole_map).conductance.size == MAP.size
    assert "dI/dV (2e2/h): ░" in as_text(found)
    (line,) = inspect_file(f"{whole_map}#3", ALL).parts
    assert (line.kind, [t.trace for t in line.traces]) == ("conductance trace", [3])
    assert shlex.split(line.command) == ["qpcjax", "fit", f"{whole_map}#3", "-o", "OUT"]
    refused(lambda: inspect_file(f"{whole_map}#9", ALL), "no trace 9", "0 to 6")
    refused(lambda: inspect_file(f"{whole_map}#x", ALL), "behind the #")


def test_what_cannot_be_taken_for_anything(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("time (s),remark,G (uS)\n1,warm,3\n2,cold,4\n")
    (part,) = inspect_file(path, ALL).parts
    assert (part.kind, part.command, part.data) == (None, "", ())
    assert "recognised as the gate" in part.why
    assert "row 2" in part.columns[1].note
    assert "'warm'" in part.columns[1].note
    assert any("decimal commas" in note for note in part.notes)
    assert measured(inspect_file(path, ALL)) is None


def test_only_the_first_of_many_parts_are_read(tmp_path):
    path = tmp_path / "runs.h5"
    with h5py.File(path, "w") as file:
        for i in range(25):
            file[f"run{i:02}/gate (V)"] = GATE
            file[f"run{i:02}/G (S)"] = CONDUCTANCE
    found = inspect_file(path, ALL)
    assert len(found.parts) == 25
    assert "--part run24" in found.parts[24].why
    (part,) = inspect_file(path, ALL, "run24").parts
    assert part.kind == "conductance trace"
    assert "--part run24" in part.command
    refused(lambda: inspect_file(path, ALL, "x"), "no part 'x'", "run00")


def test_two_files_with_and_without_units(tmp_path):
    paths = tmp_path / "g.csv", tmp_path / "c.csv"
    paths[0].write_text("-1.5,-1.4\n-1.4,-1.3\n")
    paths[1].write_text("0,1\n77,78\n")
    (part,) = inspect_pair(*paths, "V", "uS").parts
    assert (part.kind, len(part.traces)) == ("conductance trace", 2)
    assert shlex.split(part.command) == [
        *("qpcjax", "fit", "--gate", str(paths[0]), "--conductance", f"{paths[1]}#0"),
        *("--gate-unit", "V", "--conductance-unit", "uS", "-o", "OUT"),
    ]
    (part,) = inspect_pair(paths[0], f"{paths[1]}#1", "V", "uS").parts
    assert [t.trace for t in part.traces] == [1]
    assert f"{paths[1]}#1" in part.command
    (part,) = inspect_pair(*paths).parts
    assert (part.kind, part.command, part.data) == (None, "", ())
    assert "--gate-unit" in part.notes[0]
    paths[1].write_text("0\n77\n")
    refused(lambda: inspect_pair(*paths), "2 columns", "1 column", "same shape")


@pytest.fixture
def fitted(monkeypatch):
    """Stand in for the fit, which has its own tests; records the trace that it would fit."""
    traces = []

    def answer(data, question, folder, progress, formats, figure_formats, told):
        traces.append((data, formats, figure_formats))
        return "report", []

    def answer_map(spectrum, trace, *rest):
        return answer(spectrum, *rest)

    monkeypatch.setattr(command, "answer", answer)
    monkeypatch.setattr(map_files, "answer_map", answer_map)
    return traces


@pytest.mark.skipif(
    "QPCJAX_DATA" not in os.environ or not DATA.is_dir(),
    reason="QPCJAX_DATA does not name a folder with split_gate/, the measured traces",
)
def test_the_measured_traces_open_with_one_command_each(fitted, tmp_path):
    files = [
        "--gate",
        DATA / "splitgateV_clean.csv",
        "--conductance",
        DATA / "conductance_clean.csv",
    ]
    units = ["--gate-unit", "V", "--conductance-unit", "uS"]
    code, out, _ = call("inspect", *files, *units)
    assert code == 0
    assert "taken for: 6 conductance traces" in out
    assert "trace 5: 833 points, gate -1101.72 to -520.65 mV" in out
    for i in range(6):
        files[3] = f"{DATA / 'conductance_clean.csv'}#{i}"
        code, out, _ = call("inspect", *files, *units)
        assert code == 0
        assert "taken for: conductance trace" in out
        assert f"trace {i}: " in out
        assert call("fit", *files, *units, "-o", tmp_path)[0] == 0
    assert len(fitted) == 6
    assert {833, 1106} <= {trace.gate.size for trace, *_ in fitted}
    files[3] = DATA / "conductance_clean.csv"
    code, _, err = call("fit", *files, *units, "-o", tmp_path)
    assert code == 2
    assert "conductance_clean.csv#0" in err
    assert "--trace 0" in err


# --- pictures -------------------------------------------------------------------------------


def test_a_curve_in_braille():
    drawn = braille.curve(np.array([0.0, 1.0]), np.array([0.0, 1.0]), "x", "y", width=4, height=2)
    assert drawn == "y\n1 ┤   ⠈\n0 ┤⡀\n  └────\n   0x 1"
    full = braille.curve(np.arange(600.0), np.sin(np.arange(600.0) / 50), "x", "y")
    assert {len(line) for line in full.splitlines()[1:-1]} <= set(range(5, 70))
    flat = braille.curve(np.array([1.0, 1.0]), np.array([2.0, 2.0]), "x", "y")
    assert sum(c > "\u2800" for c in flat) >= 1


def test_a_map_in_shades():
    x, y = np.tile([0.0, 1.0], 2), np.repeat([0.0, 1.0], 2)
    drawn = braille.shades(x, y, x + 2 * y, "x", "y", "z", width=4, height=2)
    assert drawn.splitlines()[1:3] == ["1 ┤▓▓██", "0 ┤░░▒▒"]
    assert drawn.endswith("z: ░ 0 to █ 3")


def test_the_figures_of_every_kind(updown, whole_map, tmp_path):
    spots = tmp_path / "spots.csv"
    spots.write_text("Vg (mV),bias (mV),distance (nm)\n1,2,3\n1,3,2\n")
    for path, kind in ((updown, "conductance"), (whole_map, "bias"), (spots, "distance")):
        found = inspect_file(path, ALL)
        axes = measured(found)
        assert axes is not None
        assert kind in axes[0].get_ylabel()
        assert as_text(found)


# --- the command ----------------------------------------------------------------------------


def test_inspect_prints_json_and_draws(tmp_path, updown):
    code, out, err = call("inspect", updown, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["format"] == "NumPy .npz"
    assert found["parts"][0]["traces"][1]["direction"] == "up"
    for suffix, begin in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        code, out, _ = call("inspect", updown, "--plot", tmp_path / f"new{suffix}")
        assert code == 0
        assert f"new{suffix}" in out
        assert (tmp_path / f"new{suffix}").read_bytes().startswith(begin)


@pytest.mark.parametrize(
    ("options", "facts"),
    [
        ((), ["give FILE"]),
        (("--gate", "g.csv"), ["give FILE"]),
        (("no.nc",), ["no.nc", "no such file"]),
        (("{}", "--part", "9"), ["no part '9'"]),
        (("{}", "--plot", "{}.eps"), ["png, svg, pdf", "'eps'"]),
    ],
)
def test_inspect_refuses_and_writes_nothing(tmp_path, updown, options, facts):
    code, out, err = call("inspect", *(o.format(updown) for o in options))
    assert (code, out) == (2, "")
    for fact in facts:
        assert fact in err
    assert list(tmp_path.iterdir()) == [updown]


def test_fit_takes_every_format(updown, whole_map, fitted, tmp_path):
    out = ("-o", tmp_path / "out")
    assert call("fit", updown, "--sweep", "up", *out)[0] == 0
    assert call("fit", whole_map, "--trace", 3, *out)[0] == 0
    assert call("fit", f"{whole_map}#3", *out)[0] == 0
    more = ["--format", "netcdf", "--format", "json", "--figure-format", "svg"]
    assert call("fit", EXAMPLES / "trace.csv", *more, *out)[0] == 0
    (up, *_), (line, *_), (same, *_), (trace, *kinds) = fitted
    np.testing.assert_array_equal(up.gate, GATE[::-1] * 1e3)
    np.testing.assert_array_equal(line.gate, GATE * 1e3)
    np.testing.assert_array_equal(same.conductance, line.conductance)
    assert trace.gate.size == 399
    assert kinds == [["netcdf", "json"], ["svg"]]
    current = tmp_path / "current.csv"
    current.write_text("Vg (mV),I (nA)\n1,1\n2,2\n")
    assert call("fit", current, "--excitation", "100 uV", *out)[0] == 0
    np.testing.assert_allclose(fitted[-1][0].conductance, np.array([10, 20]) / 77.48091729863649)


WRITTEN = {name: content for name, content, _ in FILES}
WRITTEN["30_sheet.xlsx"] = sheet
PATHS = [
    "01_qcodes_legacy.dat",
    "09_labview.lvm",
    "13_two_columns.npy",
    "22c_offset.csv",
    "26b_qcodes_map.db",
    "30_sheet.xlsx",
    "31_lockin_volts.csv",
]


@pytest.mark.parametrize("name", PATHS)
def test_each_printed_command_fits(fitted, tmp_path, name):
    """Every command that `inspect` prints for a file, behind an "if" or not, reads its data."""
    path = write(tmp_path, name, WRITTEN[name])
    (part,) = inspect_file(path, ALL).parts
    lines = [line for line in (part.command, *(o.rpartition(": ")[2] for o in part.others)) if line]
    for line in lines:
        words = shlex.split(line)
        assert words[0] == "qpcjax"
        assert call(*words[1:-1], tmp_path / "out")[0] == 0, line
    assert len(fitted) == len(lines) > 0
    for data, *_ in fitted:
        at_zero = np.abs(getattr(data, "bias", np.zeros(data.gate.size))) < 1e-9
        expected = staircase(data.gate[at_zero] / 1e3)
        # An offset is left in where the user has not said what it is.
        near = 0.1 if data.notes else 0.01
        np.testing.assert_allclose(data.conductance[at_zero], expected, atol=near)


BAD_FITS = {
    "a sweep is not chosen": (("{}",), ["more than once", "sweep up"]),
    "two files and a sweep": (
        ("--gate", "{}", "--conductance", "{}", "--sweep", "up"), ["--sweep belongs to FILE"],
    ),
    "a table's format": (("{}", "--sweep", "up", "--format", "xls"), ["csv, json, netcdf"]),
    "a figure's format": (("{}", "--sweep", "up", "--figure-format", "eps"), ["--figure-format"]),
    "an excitation": (("{}", "--excitation", "1 mV"), ["belongs to a current"]),
    "a component": (("{}", "--component", "X"), ["--component", "real, imag, abs"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_FITS)
def test_fit_refuses_and_writes_nothing(updown, fitted, tmp_path, case):
    options, facts = BAD_FITS[case]
    given = [o.format(updown) for o in options]
    code, out, err = call("fit", *given, "-o", tmp_path / "out")
    assert (code, out) == (2, "")
    for fact in facts:
        assert fact in err
    assert not fitted
    assert list(tmp_path.iterdir()) == [updown]


def test_help_says_the_formats():
    code, out, _ = call("fit", "--help-long")
    assert code == 0
    for words in (
        ".npz",
        "HDF5",
        "netCDF",
        "QCoDeS",
        "Labber",
        "--sweep",
        "--part",
        "--excitation",
    ):
        assert words in out
    assert "qpcjax inspect run.db" in call("inspect", "--help")[1]


def test_bad_files_are_refused_by_the_command(tmp_path):
    cases = {
        "cut.npz": (b"PK\x03\x04broken", "cut off or damaged"),
        "cut.h5": (b"\x89HDF\r\n\x1a\nbroken", "cut off or damaged"),
        "cut.db": (b"SQLite format 3\0broken", "cut off"),
        "bytes.csv": (b"gate (\xb5V),G (uS)\x01\n1,2\n", "UTF-8"),
        "p.pkl": (b"\x80\x04K\x01.", "pickled"),
    }
    for name, (content, fact) in cases.items():
        path = tmp_path / name
        path.write_bytes(content)
        for words in (("inspect",), ("fit", "-o", tmp_path / "out")):
            code, out, err = call(words[0], path, *words[1:])
            assert (code, out) == (2, ""), name
            assert fact in err
            assert name in err
    assert {path.name for path in tmp_path.iterdir()} == set(cases)
    refused(lambda: read_data(tmp_path / "cut.h5"), "cut.h5")
