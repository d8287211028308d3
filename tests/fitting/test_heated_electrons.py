"""What a heating prediction says of the electrons' temperature."""

from types import SimpleNamespace

import numpy as np
import pytest

import qpcjax as qpc
from qpcjax.fitting import report
from qpcjax.fitting.heating import Heating


@pytest.fixture(scope="module")
def heating():
    """At 13 meV the saddle of the tables; at 1 meV nothing passes."""
    saddle = qpc.SaddlePoint(10.0, 3.0, 1.0, modes=3)
    reservoirs = qpc.Reservoirs(np.array([13.0, 1.0]), 2.0, 0.3)
    current = np.asarray(qpc.current(saddle, reservoirs))
    power = qpc.dissipation(saddle, reservoirs)
    sides = (power.left, power.right, power.asymmetry, np.array([1e3, 1e3]))
    value = dict(zip(("P_L", "P_R", "P_A", "r*"), map(np.asarray, sides), strict=True))
    bias = 2.0 + 200 * current[0] * 1e-6  # mV, with 100 ohm in each lead
    gate, voltage = np.array([0.0, -50.0]), np.array([2.0, bias])
    return Heating(gate, voltage, value, value, value, bias, 0.3, 0.04, False)


def test_electrons_are_as_warm_as_the_self_consistent_ones(heating):
    left, right = heating.electron_temperatures(200.0)
    # Solved with 100 ohm in each lead and 2 meV across the saddle (80-bit table of heat).
    assert left[0] == pytest.approx(1.16298788, rel=0.01)
    assert right[0] == pytest.approx(1.17650465, rel=0.01)
    np.testing.assert_allclose([left[1], right[1]], 0.3, rtol=1e-6)


@pytest.mark.parametrize(("resistance", "said"), [(200.0, True), (0.0, False), (1e-3, False)])
def test_the_report_says_how_warm_electrons_become(heating, resistance, said):
    values = {"series_resistance": resistance}
    device = SimpleNamespace(mu=13.0)
    fit = SimpleNamespace(values=lambda: values, device=device)
    lines = report.heat(fit, heating).lines
    found = [line for line in lines if "The current heats the electrons" in line]
    assert bool(found) == said
    if said:
        assert "1.17 K and those on the right 1.17 K" in found[0]
        assert "--temperature 1.2 predicts" in found[0]
