"""Sweeps up and down that lie apart: how far, with its error, and when it is said."""

import numpy as np
import pytest

from qpcjax.fitting import hysteresis
from qpcjax.fitting.hysteresis import hysteresis_in_words
from qpcjax.measurements import ConductanceTrace

SIGMA = 0.004


def conductance(gate):
    """Three steps in 2e^2/h."""
    return sum(1 / (1 + np.exp(-(gate - v) / 4.0)) for v in (-150.0, -100.0, -45.0))


def trace(shift, seed=0, points=201, down=True):
    """Down from 0 to -200 mV and up again, the sweep up moved by the shift."""
    rng = np.random.default_rng(seed)
    gate = np.linspace(-200.0, 0.0, points)
    gates = [gate[::-1], gate] if down else [gate]
    values = [conductance(g - move) for g, move in zip(gates, (0.0, shift), strict=False)]
    noise = SIGMA * rng.standard_normal(len(gates) * points)
    return ConductanceTrace(np.concatenate(gates), np.concatenate(values) + noise)


@pytest.mark.parametrize("shift", [3.0, -7.5, 0.6])
def test_the_shift_is_found_within_its_error(shift):
    found = [hysteresis(trace(shift, seed)) for seed in range(6)]
    off = [(f.shift - shift) / f.error for f in found]
    assert max(map(abs, off)) < 4
    assert found[0].error < 0.15
    # Without the shift only the noise of both sweeps is left.
    assert found[0].left < 2 * SIGMA < found[0].difference


def test_it_is_said_where_it_is_clear():
    (words,) = hysteresis_in_words(trace(3.0))
    assert "the sweep up lies" in words
    assert "mV above the sweep down" in words
    assert "--sweep up or --sweep down" in words
    assert "below the sweep down" in hysteresis_in_words(trace(-3.0))[0]


def test_sweeps_that_agree_say_nothing():
    said = [hysteresis_in_words(trace(0.0, seed)) for seed in range(12)]
    assert sum(map(len, said)) <= 1


def test_one_direction_has_none():
    one = trace(0.0, down=False)
    assert hysteresis(one) is None
    assert hysteresis_in_words(one) == []
    mixed = np.random.default_rng(1).permutation(one.gate.size)
    assert hysteresis(one[mixed]) is None
