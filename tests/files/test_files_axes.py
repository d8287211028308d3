"""A second axis is never ignored: it is named, its settings are listed, and a map is read."""

import numpy as np
import pytest
from measurements import refused

from qpcjax.files import read_data, read_map, read_trace, read_traces
from qpcjax.files.inspection import inspect_file
from qpcjax.files.traces import Choice
from qpcjax.measurements import BiasSpectroscopy

GATE = np.linspace(-1, -0.6, 41)  # V
BIASES = np.linspace(-2, 2, 5)  # mV


def conductance(gate, bias):
    return 1 / (1 + np.exp(-40 * (gate + 0.8))) * (1 + 0.1 * bias**2)


def loops(order, settings=BIASES):
    """Gate voltages and settings in the order of a measurement."""
    if order == "gate inside":
        gate, other = np.tile(GATE, settings.size), np.repeat(settings, GATE.size)
    elif order == "gate outside":
        gate, other = np.repeat(GATE, settings.size), np.tile(settings, GATE.size)
    elif order == "up and down":
        gate = np.concatenate([GATE[:: (-1) ** i] for i in range(settings.size)])
        other = np.repeat(settings, GATE.size)
    elif order == "both ways":
        gate = np.tile(np.r_[GATE, GATE[::-1]], settings.size)
        other = np.repeat(settings, 2 * GATE.size)
    elif order == "bias both ways":
        both = np.r_[settings, settings[::-1]]
        gate, other = np.repeat(GATE, both.size), np.tile(both, GATE.size)
    else:
        gate, other = np.tile(GATE, settings.size), np.repeat(settings, GATE.size)
        mixed = np.random.default_rng(0).permutation(gate.size)
        gate, other = gate[mixed], other[mixed]
    return gate, other


ORDERS = ("gate inside", "gate outside", "up and down", "both ways", "bias both ways", "shuffled")


def written(path, columns, unit="2e2/h"):
    titles, values = zip(*columns.items(), strict=True)
    rows = [",".join(f"{v:.9g}" for v in row) for row in np.transpose(values)]
    path.write_text("\n".join([",".join(titles), *rows]) + "\n")
    return path


@pytest.mark.parametrize("name", ["bias (mV)", "Vdc1 (mV)", "Yoko2 (V)", "B (T)", "knob", "T (K)"])
@pytest.mark.parametrize("order", ORDERS)
def test_what_was_set_beside_the_gate_is_an_axis(tmp_path, order, name):
    gate, other = loops(order)
    g = conductance(gate, other)
    path = written(tmp_path / "map.csv", {"gate (V)": gate, name: other, "G (2e2/h)": g})
    bare = name.partition(" (")[0]
    refused(lambda: read_trace(path), "holds 5 traces", f"from {bare} = ", "map.csv#")
    trace = read_trace(path, at="0", sweep="all")
    np.testing.assert_allclose(trace.conductance, conductance(trace.gate / 1e3, 0), rtol=1e-8)
    assert trace.metadata["setting"].startswith(f"{bare} = ")
    refused(lambda: read_trace(path, at=0.5), "nothing was taken at 0.5", "of 5 from -2 to 2")
    if name.endswith("V)"):
        data = read_map(path, setting=None if "Yoko" not in name else bare)
        assert isinstance(data, BiasSpectroscopy)
        assert data.gate is not None
        scale = 1 if "mV" in name else 1e3
        back = conductance(data.gate / 1e3, data.bias / scale)
        np.testing.assert_allclose(data.conductance, back, rtol=1e-7)


def test_a_map_over_what_may_be_the_bias_is_asked_for(tmp_path):
    gate, other = loops("gate inside")
    columns = {"gate (V)": gate, "Yoko2 (V)": other, "G (2e2/h)": conductance(gate, other)}
    path = written(tmp_path / "map.csv", columns)
    refused(lambda: read_map(path), "no column is recognised as the bias", "--setting 'Yoko2 (V)'")
    refused(lambda: read_map(path, setting="gate"), "cannot both be")
    refused(lambda: read_map(f"{path}#1"), "a map is read whole")
    path = written(tmp_path / "one.csv", {"gate (V)": GATE, "G (2e2/h)": conductance(GATE, 0)})
    refused(lambda: read_map(path), "no map", "nothing but the gate 'gate (V)' was set")
    columns = {"gate (V)": GATE, "Vsd (mV)": 0 * GATE + 2, "G (2e2/h)": conductance(GATE, 0)}
    refused(lambda: read_map(written(path, columns)), "the bias is 2 meV at every point")


READINGS = {
    "a time": ("time (s)", lambda n, rng: np.arange(n) * 0.3),
    "a time in whole seconds": ("clock", lambda n, rng: np.arange(n) // 3),
    "a number of the row": ("#", lambda n, rng: np.arange(n)),
    "a temperature that drifts": ("T (K)", lambda n, rng: np.round(4.2 + 1e-4 * np.arange(n), 2)),
    "a temperature in few digits": ("T (K)", lambda n, rng: np.round(rng.normal(4, 0.01, n), 2)),
    "noise": ("Y (V)", lambda n, rng: rng.normal(size=n)),
    "a second gate that goes along": ("VR (V)", lambda n, rng: np.resize(GATE, n) - 0.5),
    "a gate that rests": ("VB (V)", lambda n, rng: np.full(n, 3.0)),
    "the range of an instrument": ("range", lambda n, rng: np.where(np.arange(n) % 41 < 20, 1, 10)),
}  # fmt: skip


@pytest.mark.parametrize("case", READINGS)
def test_a_reading_is_no_axis(tmp_path, case):
    name, values = READINGS[case]
    rng = np.random.default_rng(1)
    columns = {"gate (V)": GATE, name: values(GATE.size, rng), "G (2e2/h)": conductance(GATE, 0)}
    trace = read_trace(written(tmp_path / "one.csv", columns))
    assert (trace.gate.size, trace.notes) == (GATE.size, ())


def test_a_setting_that_was_read_back_is_an_axis_too(tmp_path):
    gate, field = loops("gate inside")
    rng = np.random.default_rng(2)
    columns = {
        "gate (V)": gate + rng.normal(0, 1e-5, gate.size),
        "B (T)": field + rng.normal(0, 1e-3, field.size),
        "time (s)": np.arange(gate.size),
        "G (2e2/h)": conductance(gate, field),
    }
    path = written(tmp_path / "map.csv", columns)
    every = read_traces(path)
    assert len(every) == 5
    assert [round(float(name.split(" = ")[1].split(" ")[0])) for name in every] == [-2, -1, 0, 1, 2]


def test_a_fast_axis_that_was_read_back_is_no_trace(tmp_path):
    gate, bias = loops("gate outside", np.linspace(-2, 2, 21))
    bias = bias + np.random.default_rng(3).normal(0, 1e-3, bias.size)
    columns = {"gate (V)": gate, "Keithley (mV)": bias, "G (2e2/h)": conductance(gate, bias)}
    path = written(tmp_path / "map.csv", columns)
    refused(lambda: read_trace(path), "rests for about 21 rows", "'Keithley (mV)' is swept")
    data = read_map(path, setting="Keithley")
    np.testing.assert_allclose(data.bias, bias, atol=1e-8)


def test_two_axes_beside_the_gate(tmp_path):
    gate, bias = loops("gate inside", np.array([-1.0, 0.0, 1.0]))
    columns = {
        "B (T)": np.repeat([0.0, 1.0], gate.size),
        "Vsd (mV)": np.tile(bias, 2),
        "gate (V)": np.tile(gate, 2),
        "G (2e2/h)": np.tile(conductance(gate, bias), 2),
    }
    path = written(tmp_path / "maps.csv", columns)
    every = list(read_traces(path))
    assert every[1] == "trace 1: B = 0 T, Vsd = 0 mV"
    assert len(every) == 6
    refused(lambda: read_trace(path), "6 traces", "trace 1 is the nearest to zero")
    refused(lambda: read_trace(path, at=0), "--setting: 'B (T)', 'Vsd (mV)'")
    refused(lambda: read_trace(path, setting="B", at=1), "holds 3 traces", "maps.csv#4")
    assert read_trace(path, trace=4).metadata["setting"] == "B = 1 T, Vsd = 0 mV"


def test_several_maps_are_not_one(tmp_path):
    gate, bias = loops("gate inside")
    g = conductance(gate, bias)
    columns = {
        "B (T)": np.repeat([0.0, 1.0], gate.size),
        "Vsd (mV)": np.tile(bias, 2),
        "gate (V)": np.tile(gate, 2),
        "dI/dV (2e2/h)": np.r_[g, 0.5 * g],
    }
    path = written(tmp_path / "maps.csv", columns)
    said = ("several maps", "'B (T)' (2 settings from 0 to 1)", "--at 0")
    refused(lambda: read_map(path), *said)
    refused(lambda: read_data(path), *said)
    for at, factor in ((0, 1), ("1 T", 0.5)):
        np.testing.assert_allclose(read_map(path, at=at).conductance, factor * g, rtol=1e-8)
    refused(lambda: read_map(path, at=2), "nothing was taken at 2")
    (part,) = inspect_file(path, Choice()).parts
    assert part.command == f"qpcjax fit --map {path} --at 0 -o OUT"
    assert len(part.traces) == 10
    del columns["B (T)"]
    refused(lambda: read_map(written(path, columns), at=0), "--at has no meaning")


def test_a_line_at_a_bias_is_a_doubt(tmp_path):
    gate, bias = loops("gate inside")
    columns = {"gate (V)": gate, "Vsd (mV)": bias, "G (2e2/h)": conductance(gate, bias)}
    path = written(tmp_path / "map.csv", columns)
    assert read_trace(f"{path}#2").notes == ()
    (note,) = read_trace(f"{path}#3").notes
    for words in ("Vsd = 1 mV", "no bias", "Vsd = 0 mV is in the file"):
        assert words in note
    columns = {"gate (V)": GATE, "Vsd (mV)": 0 * GATE + 2, "G (2e2/h)": conductance(GATE, 0)}
    (note,) = read_trace(written(path, columns)).notes
    assert "Vsd = 2 mV" in note
    columns["Vsd (mV)"] = GATE * 0 + 0.01
    assert read_trace(written(path, columns)).notes == ()
    columns = {"gate (V)": gate, "Yoko1 (V)": bias, "G (2e2/h)": conductance(gate, bias)}
    (note,) = read_trace(f"{written(path, columns)}#0").notes
    assert "if 'Yoko1' is a bias" in note


# --- what an amplifier does -----------------------------------------------------------------


def test_an_inverting_amplifier_is_said(tmp_path):
    g = conductance(GATE, 0)
    path = written(tmp_path / "i.csv", {"gate (V)": GATE, "I (nA)": -7.748091729863649 * g})
    trace = read_trace(path, excitation="100 uV")
    np.testing.assert_allclose(trace.conductance, g, rtol=1e-8)
    (note,) = trace.notes
    assert "the sign was turned" in note


def test_an_offset_is_said(tmp_path):
    g = conductance(GATE, 0)
    for offset, notes in ((0.08, 1), (-0.05, 1), (0.001, 0)):
        path = written(tmp_path / "g.csv", {"gate (V)": GATE, "G (2e2/h)": g + offset})
        found = read_trace(path).notes
        assert len(found) == notes
        assert all("constant offset" in note for note in found)


@pytest.mark.parametrize(
    ("titles", "scale", "options"),
    [
        (("X (V)", "Y (V)"), 77.48091729863649e-6 * 1e-4 * 1e7,
         {"gain": "1e7 V/A", "excitation": "100 uV"}),
        (("lockin_R (mV)", "theta (deg)"), 77.48091729863649e-6 * 1e-4 * 1e8 * 1e3,
         {"gain": "100 MOhm", "excitation": "0.1 mV"}),
        (("X (A)", "Y (A)"), 77.48091729863649e-6 * 1e-4, {"excitation": "100 uV"}),
    ],
)  # fmt: skip
def test_what_a_lock_in_shows(tmp_path, titles, scale, options):
    g = conductance(GATE, 0)
    columns = {"dac1 (V)": GATE, titles[0]: g * scale, titles[1]: 1e-3 * scale + 0 * g}
    path = written(tmp_path / "x.csv", columns)
    trace = read_trace(path, **options)
    np.testing.assert_allclose(trace.conductance, g, rtol=1e-8)
    refused(lambda: read_trace(path), "excitation")
    refused(lambda: read_trace(path, **(options | {"excitation": "0 uV"})), "other than 0")
    columns[titles[1]] = 0.5 * g * scale
    if titles[1].startswith("Y"):
        path = written(tmp_path / "y.csv", columns)
        refused(lambda: read_trace(path, **options), "recognised as the conductance")


def test_a_voltage_at_a_driven_current(tmp_path):
    g = conductance(GATE, 0) + 0.01
    volts = 10e-9 / (g * 77.48091729863649e-6)
    path = written(tmp_path / "v.csv", {"gate (V)": GATE, "lockin X (uV)": 1e6 * volts})
    trace = read_trace(path, excitation="10 nA")
    np.testing.assert_allclose(trace.conductance, g, rtol=1e-7)
    refused(lambda: read_trace(path, gain="1e7 V/A"), "state the excitation")
