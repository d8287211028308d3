"""Where a gate turns, what was measured at one setting, and which of several traces is meant."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measurements import refused

from qpcjax.files import read_data, read_trace, read_traces
from qpcjax.files.gate_sweeps import lines, sweeps

RISING = np.linspace(-1500, -500, 101)


def found(gate):
    return [(s.direction, s.points.size) for s in sweeps(np.asarray(gate, float))]


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        (RISING, [("up", 101)]),
        (RISING[::-1], [("down", 101)]),
        (np.r_[RISING, RISING[::-1]], [("up", 101), ("down", 101)]),  # the turn taken twice
        (np.r_[RISING, RISING[-2::-1]], [("up", 101), ("down", 100)]),  # and once
        (np.r_[RISING[::-1], RISING, RISING[::-1]], [("down", 101), ("up", 101), ("down", 101)]),
        (np.r_[RISING, RISING, RISING], [("up", 101)] * 3),  # flying back
        ([3, 1, 2, 2], [("all", 4)]),
        ([5, 5, 5], [("up", 3)]),
        ([1], [("up", 1)]),
        ([], [("all", 0)]),
    ],
)
def test_a_gate_is_split_where_it_turns(gate, expected):
    assert found(gate) == expected


def test_jitter_is_no_turn():
    jitter = np.random.default_rng(0).normal(size=202) * 5
    assert found(np.r_[RISING, RISING[::-1]] + jitter)[0][0] == "up"
    assert len(found(np.r_[RISING, RISING[::-1]] + jitter)) == 2


def test_points_in_no_order_stay_together():
    shuffled = np.random.default_rng(0).permutation(RISING)
    assert found(shuffled) == [("all", 101)]


@given(st.lists(st.floats(-1e3, 1e3), max_size=60))
def test_every_point_is_in_one_sweep(gate):
    points = [s.points for s in sweeps(np.array(gate, float))]
    np.testing.assert_array_equal(np.concatenate(points), np.arange(len(gate)))


def test_lines_are_what_was_measured_at_one_setting():
    bias = np.repeat([2.0, -1.0, 0.0], 4)
    time = np.arange(12.0)
    assert [line.tolist() for line in lines([bias, time])] == [
        [0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11],
    ]  # fmt: skip
    inner = np.tile([2.0, -1.0], 6)  # the gate outermost
    assert lines([inner])[0].tolist() == [0, 2, 4, 6, 8, 10]
    assert lines([time]) == []
    assert lines([np.ones(12)]) == []
    both = lines([np.repeat([1.0, 2.0], 6), np.tile(np.repeat([1.0, 2.0], 3), 2)])
    assert [line.tolist() for line in both] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]


# --- files ----------------------------------------------------------------------------------


@pytest.fixture
def updown(tmp_path):
    gate = np.r_[RISING, RISING[::-1]]
    rows = [f"{v!r},{i / 100!r}" for i, v in enumerate(gate.tolist())]
    path = tmp_path / "updown.csv"
    path.write_text("gate (mV),G (2e2/h)\n" + "\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("sweep", ["up", "UP", 0, "0"])
def test_the_sweep_that_is_asked_for(updown, sweep):
    trace = read_trace(updown, sweep=sweep)
    np.testing.assert_array_equal(trace.gate, RISING)
    np.testing.assert_array_equal(trace.conductance, np.arange(101) / 100)
    assert trace.name == "updown.csv, sweep up"


def test_both_sweeps_are_offered(updown):
    up, down = read_data(updown)
    np.testing.assert_array_equal(down.gate, up.gate[::-1])
    assert (up.sha256, down.dropped) == (down.sha256, 0)
    everything = read_trace(updown, sweep="all")
    assert (everything.gate.size, everything.name) == (202, "updown.csv")


def test_a_sweep_is_not_guessed(updown):
    listed = ("0 (up, 101 points), 1 (down, 101 points)", "sweep up, down")
    refused(lambda: read_trace(updown), "updown.csv", "more than once", *listed)
    refused(lambda: read_trace(updown, sweep=2), "no sweep 2", *listed)
    refused(lambda: read_trace(updown, sweep="left"), "up, down, all or a number", "'left'")
    three = updown.read_text() + "".join(updown.read_text().splitlines(True)[1:102])
    updown.write_text(three)
    refused(lambda: read_trace(updown, sweep="up"), "more than one sweep up", "2 (up, 101 points)")
    assert read_trace(updown, sweep=2).gate.size == 101


def test_a_trace_at_each_bias(tmp_path):
    path = tmp_path / "map.csv"
    rows = [f"{v},{b},{v * b}" for b in (-1.0, 0.0, 1.0) for v in (1.0, 2.0, 3.0, 4.0)]
    path.write_text("gate (mV),bias (mV),dI/dV (2e2/h)\n" + "\n".join(rows) + "\n")
    refused(lambda: read_trace(path), "holds 3 traces", "trace 0 to 2", "map.csv#1", "--trace 1")
    np.testing.assert_array_equal(read_trace(path, trace=2).conductance, [1, 2, 3, 4])
    refused(lambda: read_trace(path, trace=3), "no trace 3", "0 to 2")
    (data,) = read_data(path)
    assert data.conductance.size == 12
    every = read_traces(path)
    assert list(every) == [f"trace {i}: bias = {i - 1} mV" for i in range(3)]
    assert every["trace 2: bias = 1 mV"].name == read_trace(path, trace=2).name


def test_every_trace_by_name(updown):
    every = read_traces(updown)
    assert list(every) == ["sweep 0 (up)", "sweep 1 (down)", "all sweeps"]
    for name, sweep in zip(every, ("up", "down", "all"), strict=True):
        chosen = read_trace(updown, sweep=sweep)
        assert (every[name].name, every[name].gate.size) == (chosen.name, chosen.gate.size)
    updown.write_text("gate (mV),G (2e2/h)\n1,0.1\n2,0.2\n")
    assert list(read_traces(updown)) == ["updown.csv"]
    updown.write_text("gate (mV),speed\n1,0.1\n2,0.2\n")
    refused(lambda: read_traces(updown), "updown.csv", "conductance")


def test_the_number_of_a_trace_behind_the_name(tmp_path):
    path = tmp_path / "map.csv"
    rows = "".join(f"{gate},{bias},{gate * bias}\n" for bias in (1, 2) for gate in (3, 2, 1))
    path.write_text("gate (mV),bias (mV),G (2e2/h)\n" + rows)
    second = read_trace(f"{path}#1")
    np.testing.assert_array_equal(second.conductance, [6, 4, 2])
    np.testing.assert_array_equal(read_trace(f"{path}#1", trace=1).gate, second.gate)
    assert (second.name, second.sha256) == ("map.csv, trace 1", read_trace(path, trace=1).sha256)
    (alone,) = read_data(f"{path}#1")
    assert alone.name == "map.csv, trace 1"
    refused(lambda: read_trace(f"{path}#2"), "map.csv: there is no trace 2", "0 to 1")
    refused(lambda: read_data(f"{path}#2"), "map.csv: there is no trace 2", "0 to 1")
    for wrong in ("x", "", "-1", "1.0", "9" * 5000):
        refused(lambda wrong=wrong: read_trace(f"{path}#{wrong}"), "behind the #", "map.csv#0")
    refused(lambda: read_trace(f"{path}#1", trace=0), "trace 1", "trace 0", "Leave one")
    refused(lambda: read_trace(tmp_path / "other.csv#1"), "other.csv#1: there is no such file")
    # A file that is called so is meant itself.
    named = tmp_path / "map.csv#1"
    named.write_text("gate (mV),G (2e2/h)\n1,1\n2,5\n")
    np.testing.assert_array_equal(read_trace(named).conductance, [1, 5])


def test_the_number_behind_a_sweep_and_a_single_trace(updown):
    np.testing.assert_array_equal(read_trace(f"{updown}#0", sweep="up").gate, RISING)
    assert len(read_data(f"{updown}#0")) == 2
    refused(lambda: read_trace(f"{updown}#1", sweep="up"), "no trace 1", "only 0")
