"""What becomes of every file in the shapes that laboratories' programs write: read, or asked for.

A row for each file: its name, what stands in it, and what is said of it. None is misread.
"""
# ruff: noqa: E501  # the table has a row for each file

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from laboratory_containers import (
    LFS,
    cut_tdms,
    cut_wave,
    hdf5,
    json_arrays,
    legacy,
    map_in_a_database,
    one_row,
    packed,
    pickled,
    row_for_each_parameter,
    spyview,
    two_columns,
)
from laboratory_files import (
    BIASES,
    GATE,
    blocks,
    current,
    fast_map,
    long_map,
    matrix,
    rows,
    siemens,
    staircase,
    table,
    write,
)
from measurements import refused

from qpcjax.files import read_map, read_trace
from qpcjax.files.inspection import inspect_file
from qpcjax.files.inspection_text import as_text
from qpcjax.files.traces import Choice

COLUMNS = {"gate": "0 (V)", "conductance": "1 (uS)"}
LOCK_IN = {"gain": "1e7 V/A", "excitation": "100 uV"}


@dataclasses.dataclass(frozen=True)
class Trace:
    """One trace is read, with these options.

    Args:
        options: of `read_trace`.
        asked: what is said without them; nothing where they are not needed.
        note: what is said of the trace.
        sign: 1, or -1 for a gate of holes.
        like: the conductance, where it is another staircase.
    """

    options: dict = dataclasses.field(default_factory=dict)
    asked: tuple = ()
    note: str = ""
    sign: int = 1
    like: Callable | None = None

    def check(self, path):
        if self.asked:
            refused(lambda: read_trace(path), *self.asked)
        trace = read_trace(path, **self.options)
        order = np.argsort(trace.gate)
        gate, g = trace.gate[order], trace.conductance[order]
        np.testing.assert_allclose(gate, np.sort(self.sign * GATE * 1e3), atol=1e-3)
        if self.like is None:
            np.testing.assert_allclose(g, staircase(self.sign * gate / 1e3), atol=0.01)
        else:
            assert self.like(g)
        assert self.note in " ".join(trace.notes)
        assert bool(self.note) == bool(trace.notes)


@dataclasses.dataclass(frozen=True)
class Map:
    """Lines at three or more settings, and a map where these are biases.

    Args:
        settings: how many.
        name: of the axis.
        options: of `read_map` and `read_trace`, where it does not tell its columns.
        bias: options that make a map of it, None where it is none.
    """

    settings: int
    name: str
    options: dict = dataclasses.field(default_factory=dict)
    bias: dict | None = dataclasses.field(default_factory=dict)

    def check(self, path):
        said = f"holds {self.settings} traces", f"from {self.name} = "
        refused(lambda: read_trace(path, **self.options), *said)
        trace = read_trace(path, at=0, **self.options)
        np.testing.assert_allclose(trace.conductance, staircase(trace.gate / 1e3), atol=0.01)
        assert trace.notes == ()
        if self.bias is None:
            refused(lambda: read_map(path, **self.options), "bias")
            return
        data = read_map(path, **self.options | self.bias)
        assert data.conductance.size == self.settings * GATE.size
        assert np.unique(data.bias).size == self.settings
        assert data.gate is not None
        middle = data[np.abs(data.bias) < 1e-9]
        voltage = data.gate[np.abs(data.bias) < 1e-9]
        np.testing.assert_allclose(middle.conductance, staircase(voltage / 1e3), atol=0.01)


@dataclasses.dataclass(frozen=True)
class Refused:
    """It is not read; the message holds these facts, the remedy among them.

    Args:
        facts: the facts.
        shown: whether `qpcjax inspect` shows what is in it all the same.
    """

    facts: tuple
    shown: bool = True

    def check(self, path):
        refused(lambda: read_trace(path), *self.facts)
        if not self.shown:
            refused(lambda: inspect_file(path, Choice()), *self.facts)


G, G0 = siemens(), staircase()
QTLAB = (
    "# Filename: qpc.dat\n\n# Column 1:\n#\tend: -0.6\n#\tname: gate (V)\n#\ttype: coordinate\n"
    "# Column 2:\n#\tname: conductance (uS)\n#\ttype: value\n\n"
)
LVM = (
    "LabVIEW Measurement\t\nWriter_Version\t2\nSeparator\tTab\nDecimal_Separator\t.\n"
    "X_Columns\tOne\n***End_of_Header***\t\n\t\nChannels\t1\t\nSamples\t81\t\nY_Unit_Label\tuS\t\n"
    "X_Dimension\tVoltage\t\nX0\t0\t\nDelta_X\t1\t\n***End_of_Header***\t\t\n"
    "X_Value\tConductance\tComment\n"
)
ITX = "IGOR\nWAVES/D\tgate\tconductance\nBEGIN\n"
ITX_END = 'END\nX SetScale d 0,0,"V", gate; SetScale d 0,0,"uS", conductance\n'
EASY = "SetupTitle, I/V Sweep\nDimension1, 81, 81\nDataName, Vg, Id\n"
KEYS = "Operator, N. N.\nTemperature, 4.2\nDate, 2018-01-01\n"
DC = np.round(np.linspace(-2, 2, 21), 1)
DRIVEN = ("is a current", "'100 uV'")
AMPLIFIED = ("is a voltage", "--gain '1e7 V/A' --excitation '100 uV'")
UNNAMED = ("should name the columns", "--gate '0 (V)' --conductance '1 (uS)'")
HALF = lambda g: abs(g.max() - 1.725) < 0.1 or abs(g.max() - 3.45) < 0.1  # noqa: E731

FILES = [
    ("01_qcodes_legacy.dat", table("# gate\tconductance\n# \"gate (mV)\"\t\"conductance (uS)\"\n# 81", GATE * 1e3, G, mark="\t"), Trace()),
    ("02_qcodes_legacy_2d.dat", '# bias\tgate\tconductance\n# "bias (mV)"\t"gate (V)"\t"conductance (uS)"\n# 3\t81\n' + blocks(), Map(3, "bias")),
    ("03_savetxt_header.txt", table("# gate (V) conductance (uS)", mark=" "), Trace()),
    ("03b_savetxt_header_comma.csv", table("# gate (V),conductance (uS)"), Trace()),
    ("04_qtlab.dat", QTLAB + table("", mark="\t"), Trace()),
    ("05_trailing_tab_noheader.txt", table("", mark="\t", end="\t"), Trace(COLUMNS, UNNAMED)),
    ("05b_trailing_comma_header.csv", table("gate (V),conductance (uS),", end=","), Trace()),
    ("05c_trailing_tab_header.txt", table("gate (V)\tconductance (uS)\t", mark="\t", end="\t"), Trace()),
    ("05d_trailing_comma_rows.csv", table("gate (V),conductance (uS)", end=","), Trace()),
    ("06_map_bias_gate_G.txt", table("", *long_map(scale=1e-3), mark="\t"),
     Map(3, "0", {"gate": "1 (V)", "conductance": "2 (uS)"}, {"setting": "0 (V)"})),
    ("07_00.csv", table("Gate Voltage [V],Conductance [µS]"), Trace()),
    ("07_01.csv", table("Vg (V),G (e²/h)", GATE, 2 * G0), Trace()),
    ("07_02.csv", table("VG1 (V),VG2 (V),G (uS)", GATE, GATE, G), Trace()),
    ("07_02b.csv", table("VG1 (V),VG2 (V),G (uS)", GATE, GATE - 0.5, G), Trace({"gate": "VG1"}, ("more than one column may be the gate", "'VG1 (V)', 'VG2 (V)'"))),
    ("07_03.csv", table("V_QPC (V),G (2e2/h)", GATE, G0), Trace()),
    ("07_04.csv", table("Gate / V,G / uS"), Trace()),
    ("07_05.csv", table("gate_V,G_uS"), Trace()),
    ("07_06.csv", table("V in mV,G in uS", GATE * 1e3, G), Trace()),
    ("07_07.csv", table("Vg(V),G(G0)", GATE, G0), Trace()),
    ("07_08.csv", table("dac1 (mV),lockin_R (V)", GATE * 1e3, current() * 1e7), Trace(LOCK_IN, AMPLIFIED)),
    ("07_09.csv", table("Vtg (V),Idc (nA)", GATE, current() * 1e9), Trace({"excitation": "100 uV"}, DRIVEN)),
    ("07_11.csv", table("Vg (V),R (V)", GATE, current() * 1e7), Trace(LOCK_IN, AMPLIFIED)),
    ("07_12.csv", table("x (V),y (uS)"), Trace()),
    ("07_13.csv", table("Top gate (V),Back gate (V),G (uS)", GATE, 0 * GATE + 3, G), Trace()),
    ("07_14.csv", table(",gate (V),conductance (uS)", np.arange(81), GATE, G), Trace()),
    ("07_15.csv", table("time (s),gate (V),conductance (uS)", np.arange(81) * 0.3, GATE, G), Trace()),
    ("07_16.csv", table("gate (V),G (mho)", GATE, G * 1e-6), Trace()),
    ("07_17.csv", table("Plunger (mV),dIdV (2e^2/h)", GATE * 1e3, G0), Trace()),
    ("08_igor.itx", ITX + rows(GATE, G, mark="\t") + ITX_END, Trace()),
    ("09_labview.lvm", LVM + rows(GATE, G, mark="\t"), Trace()),
    ("10_origin.txt", table("gate\tconductance\nV\tuS\ncooldown 2\tlock-in", mark="\t"), Trace()),
    ("10b_units_in_brackets.csv", table("gate,conductance\n[V],[µS]"), Trace()),
    ("11_easyexpert.csv", EASY + "".join(f"DataValue, {v:.9g}, {i:.9g}\n" for v, i in zip(GATE, current() * 10, strict=True)),
     Trace({"excitation": "1 mV"}, DRIVEN)),
    ("12_latin1.csv", table("gate (V),conductance (µS)").encode("latin-1"), Trace()),
    ("12b_utf16.csv", table("gate (V)\tconductance (µS)", mark="\t").encode("utf-16"), Trace()),
    ("12c_bom.csv", "\ufeff" + table("gate (V),conductance (uS)"), Trace()),
    ("13_two_columns.npy", two_columns, Trace(COLUMNS, ("no names", "--gate 0 --gate-unit V"))),
    ("14_qcodes_legacy_1d.hdf5", legacy("unit"), Trace()),
    ("14b_qcodes_legacy_units_list.hdf5", legacy("units", lambda unit: f"['{unit}']"), Trace()),
    ("14c_qcodes_legacy_2d_bias_gate.hdf5", legacy("unit", biased=True), Map(3, "bias")),
    ("17_plottr.ddh5", hdf5("data", {}, gate=(GATE, {"unit": "V"}), conductance=(G, {"unit": "uS", "axes": ["gate"]})), Trace()),
    ("18_lfs_pointer.nc", LFS, Refused(("pointer of Git LFS", "git lfs pull"), shown=False)),
    ("19_qcodes.json", json_arrays, Trace()),
    ("20_igor.ibw", cut_wave, Refused(("cut off or damaged", "Save Delimited Text"), shown=False)),
    ("21_spyview.mtx", spyview, Map(3, "Bias", {"excitation": "1 uV"})),
    ("26_qcodes_rows_per_parameter.db", row_for_each_parameter, Trace()),
    ("26b_qcodes_map.db", map_in_a_database, Map(3, "bias")),
    ("27_plain_arrays.h5", hdf5(".", {"sweep_logs": '{"x_label": "gate (mV)"}'}, x_array=(GATE, {}), i_sense=(G / 10, {})),
     Trace({"gate": "x_array (V)", "conductance": "i_sense (nA)", "excitation": "100 uV"}, ("recognised as the gate", "'i_sense', 'x_array'"))),
    ("28_labview.tdms", cut_tdms, Refused(("cut off or damaged", "export it as text"), shown=False)),
    ("29_pickle.p", pickled, Refused(("pickled", "may run any code", "save as .npz"), shown=False)),
    ("30_gz.csv.gz", one_row, Refused(("at least 2 points", "found 1"))),
    ("30b_gz.csv.gz", packed, Trace()),
    ("22_inverting_preamp.csv", table("gate (V),current (nA)", GATE, -current() * 1e9), Trace({"excitation": "100 uV"}, DRIVEN, "the sign was turned")),
    ("22b_holes.csv", table("gate (V),conductance (uS)", -GATE, G), Trace(sign=-1)),
    ("22c_offset_stated.csv", table("gate (V),conductance (uS)", GATE, G + 6), Trace({"offset": "6 uS"})),
    ("22c_offset_shown.csv", table("gate (V),conductance (uS)", GATE, G + 6), Trace({"offset": "auto"})),
    ("22c_offset_inverted.csv", table("gate (V),I (nA)", GATE, 0.6 - 0.1 * G), Trace({"excitation": "100 uV", "offset": "600 pA"}, DRIVEN, "the sign was turned")),
    ("22c_offset.csv", table("gate (V),conductance (uS)", GATE, G + 6), Trace(note="a constant offset", like=lambda g: 0.07 < g.min() < 0.09)),
    ("22d_spin_split.csv", table("gate (V),conductance (uS)", GATE, 0.94 * G), Trace(like=HALF)),
    ("22e_hysteresis.csv", table("gate (V),conductance (uS)", np.r_[GATE, GATE[::-1]], np.r_[G, G[::-1]]),
     Trace({"sweep": "up"}, ("swept more than once", "0 (up, 81 points), 1 (down, 81 points)"))),
    ("22f_two_in_series.csv", table("gate (V),conductance (uS)", GATE, 0.47 * G), Trace(like=HALF)),
    ("23_gnuplot_blocks.dat", "# bias (mV)\tgate (V)\tconductance (uS)\n" + blocks(), Map(3, "bias")),
    ("23b_gnuplot_blocks_header.dat", "bias (mV)\tgate (V)\tconductance (uS)\n" + blocks(), Map(3, "bias")),
    ("23c_matrix.csv", "# conductance (uS)\n" + matrix(), Map(3, "bias")),
    ("23d_matrix_labels.dat", "# x: gate (V)\n# y: bias (mV)\n# z: conductance (uS)\n" + matrix("", "\t"), Map(3, "bias")),
    ("23e_matrix_bare.dat", matrix("nan", "\t"), Map(3, "rows", {"gate": "columns (V)", "conductance": "values (uS)"}, {"setting": "rows (mV)"})),
    ("24_0_map_B.csv", table("B (T),gate (V),conductance (uS)", *long_map()), Map(3, "B", bias=None)),
    ("24_1_map_Vdc1.csv", table("Vdc1 (mV),gate (V),conductance (uS)", *long_map()), Map(3, "Vdc1")),
    ("24_2_map_Yoko2.csv", table("Yoko2 (V),gate (V),conductance (uS)", *long_map(scale=1e-3)), Map(3, "Yoko2", bias={"setting": "Yoko2"})),
    ("24_3_map_T.csv", table("T (K),gate (V),conductance (uS)", *long_map()), Map(3, "T", bias=None)),
    ("24b_alternating.csv", table("Vdc1 (mV),gate (V),conductance (uS)", *long_map(alternating=True)), Map(3, "Vdc1")),
    ("24c_fast_bias.csv", table("V_dc (mV),gate (V),conductance (uS)", *fast_map(DC)), Map(21, "V_dc")),
    ("24d_fast_bias_other_name.csv", table("Yoko1 (mV),gate (V),conductance (uS)", *fast_map(DC)), Map(21, "Yoko1", bias={"setting": "Yoko1 (mV)"})),
    ("25_first_row_lost.csv", "".join(f"{v:.9g},{g:.9g},ok\n" for v, g in zip(GATE, G, strict=True)), Trace(COLUMNS, UNNAMED)),
    ("25c_nan_first_row.txt", "-1.005\tNaN\n" + table("", mark="\t"), Refused(UNNAMED)),
    ("25d_comment_percent.txt", table("% gate (V)\tconductance (uS)", mark="\t"), Trace()),
    ("25e_comment_semicolon.txt", table("; gate (V)\tconductance (uS)", mark="\t"), Trace()),
    ("25f_title_line.csv", table("QPC 3 cooldown 2\ngate (V),conductance (uS)"), Trace()),
    ("25g_key_values.csv", table(KEYS + "gate (V),conductance (uS)"), Trace()),
    ("25h_overflow.csv", table("gate (V),conductance (uS)") + "-0.5,OVERFLOW\n-0.4,9.9E+37\n-0.3,--\n", Trace()),
    ("31_lockin_volts.csv", table("gate (V),X (V),Y (V)", GATE, current() * 1e7, 0 * G), Trace(LOCK_IN, AMPLIFIED)),
    ("31b_lockin_amps.csv", table("gate (V),X (A),Y (A)", GATE, current(), 0 * G + 1e-13), Trace({"excitation": "100 uV"}, DRIVEN)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "content", "becomes"), [pytest.param(*f, id=f[0]) for f in FILES])
def test_what_becomes_of_each_file(tmp_path, name, content, becomes):
    path = write(tmp_path, name, content)
    becomes.check(path)
    if not getattr(becomes, "shown", True):
        return
    # Looking at it says as much, and a command that fits it where nothing has to be asked.
    found = inspect_file(path, Choice())
    said = as_text(found)
    (part,) = found.parts
    if isinstance(becomes, Refused):
        assert not part.command
    elif getattr(becomes, "asked", ()) and part.kind is None:
        # What has to be said stands in a command behind an "if".
        assert [other for other in part.others if other.startswith("if ")], name
        assert "qpcjax fit " in part.others[0]
    elif getattr(becomes, "asked", ()):
        assert "sweep" in part.command
    elif isinstance(becomes, Map) and not becomes.options:
        assert f"{becomes.settings} settings from" in said
        assert "nearest to zero" in said
        assert len(part.traces) == becomes.settings
        assert part.command.startswith("qpcjax fit ")
    elif isinstance(becomes, Trace):
        assert part.command.startswith("qpcjax fit ")
        assert becomes.note in said


def test_no_case_twice():
    names = [name for name, *_ in FILES]
    assert len(set(names)) == len(names)
    assert len(BIASES) == 3


def test_offsets(tmp_path):
    """An offset is taken off a map as well, and what cannot be one is refused."""
    biases, gates, values = long_map()
    path = write(tmp_path, "a.csv", table("bias (mV),gate (V),G (uS)", biases, gates, values + 6))
    bare = write(tmp_path, "b.csv", table("bias (mV),gate (V),G (uS)", biases, gates, values))
    expected = read_map(bare).conductance
    np.testing.assert_allclose(read_map(path, offset="6 uS").conductance, expected, atol=1e-9)
    for offset, *facts in (
        ("6", "--offset must be auto or an amount of 'G (uS)'", "'1 uS'"),
        ("6 nA", "not a known unit of the conductance"),
        ("inf uS", "--offset must be"),
    ):
        refused(lambda offset=offset: read_map(path, offset=offset), *facts)
    plain = write(tmp_path, "c.csv", table("gate (V),G (uS)"))
    refused(lambda: read_trace(plain, offset="auto"), "does not rest at a constant offset")
    ohms = write(tmp_path, "d.csv", table("gate (V),R (kOhm)", GATE, 1e3 / G))
    refused(lambda: read_trace(ohms, offset="1 kOhm"), "is a resistance", "leave --offset out")
    (part,) = inspect_file(
        write(tmp_path, "e.csv", table("gate (V),G (uS)", GATE, G + 6)), Choice()
    ).parts
    assert part.others == (
        f"if the offset is the amplifier's: qpcjax fit {tmp_path / 'e.csv'} --offset auto -o OUT",
    )
