"""Traces that are not an ordinary staircase: what is read of them, and what is said."""

import numpy as np
import pytest

from qpcjax.constants import RESISTANCE_QUANTUM
from qpcjax.fitting.steps import Steps, is_peak
from qpcjax.measurements import ConductanceTrace, InputError


def staircase(gate, steps, resistance=0.0, width=0.6):
    """Steps at these gate voltages behind a resistance in ohm, with noise of 0.003 2e^2/h."""
    g = sum(1 / (1 + np.exp(-(gate - v) / width)) for v in steps)
    g = g / (1 + g * resistance / RESISTANCE_QUANTUM)
    return ConductanceTrace(gate, g + 0.003 * np.random.default_rng(4).standard_normal(gate.size))


GATE = np.linspace(-60.0, 0.0, 300)
EVEN = (-50.0, -35.0, -20.0, -5.0)


@pytest.mark.parametrize(
    ("trace", "words"),
    [
        (staircase(np.linspace(-60.0, -50.2, 100), EVEN), "less than half a step says little"),
        (staircase(np.linspace(-46.0, -40.0, 100), EVEN), "lies on plateaus alone"),
        (ConductanceTrace(GATE, 0.4 / (1 + (GATE + 30) ** 2)), "as a resonance does.*BreitWigner"),
        (ConductanceTrace(GATE, 3e-6 * staircase(GATE, EVEN).conductance), "is the unit right"),
    ],
    ids=["half a step", "a plateau", "a resonance", "siemens"],
)
def test_a_trace_without_a_step_is_refused_with_what_to_do(trace, words):
    with pytest.raises(InputError, match=f"no conductance step.*{words}"):
        Steps(trace)


@pytest.mark.parametrize(
    ("trace", "count"),
    [
        (staircase(GATE, np.linspace(-58, -2, 10), 300.0), 10),
        (staircase(np.linspace(-60.0, 0.0, 20_000), EVEN, 300.0), 4),
        (staircase(np.linspace(-46.0, 0.0, 300), EVEN, 300.0), 3),
        (ConductanceTrace(-GATE, staircase(GATE, EVEN, 300.0).conductance), 4),
    ],
    ids=["ten steps", "20,000 points", "from a plateau on", "towards negative voltages"],
)
def test_steps_and_resistance_of_unusual_staircases(trace, count):
    steps = Steps(trace)
    assert steps.count == count
    assert steps.resistance == pytest.approx(300, abs=60)
    assert not is_peak(trace)


def in_series(trace, modes):
    """The same behind a second constriction with so many open modes."""
    g = np.maximum(trace.conductance, 1e-6)
    return ConductanceTrace(trace.gate, 1 / (1 / g + 1 / modes))


@pytest.mark.parametrize(
    ("trace", "words"),
    [
        (in_series(staircase(GATE, EVEN, 300.0), 3), r"at 0\.7\d of .* with 2\.\d open modes"),
        (staircase(GATE, EVEN, 4000.0), r"at 0\.7\d of .*[34]\d\d\d ohm in series"),
    ],
    ids=["two constrictions", "a large resistance"],
)
def test_a_first_plateau_far_below_one_is_refused(trace, words):
    with pytest.raises(InputError, match=words):
        Steps(trace)


def test_a_shoulder_and_half_plateaus_are_no_second_constriction():
    bare = staircase(GATE, EVEN, 300.0).conductance
    # A shoulder as flat as the plateau and a third as long.
    shoulder = bare - 0.3 / (1 + np.exp((GATE + 46.5) / 0.6)) * (bare > 0.5)
    for g in (shoulder, bare / 2):
        assert Steps(ConductanceTrace(GATE, g)).count > 0
