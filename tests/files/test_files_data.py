"""Spectroscopy, hot spots and powers from tables: their columns, units and what is missing."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from measurements import refused

from qpcjax.constants import CONDUCTANCE_QUANTUM
from qpcjax.files import read_data
from qpcjax.measurements import BiasSpectroscopy, DissipationData, HotSpotData

EXAMPLES = Path(__file__).parents[2] / "fits" / "data"


def test_spectroscopy(table):
    text = "Vg (V),Vsd (uV),dI/dV (uS),sigma (uS)\n-1,500,77.48091729863649,7.7\n-1,0,,7\n"
    path = table("# 4 K\n" + text)
    (data,) = read_data(path)
    assert isinstance(data, BiasSpectroscopy)
    np.testing.assert_array_equal(data.gate, [-1000])
    np.testing.assert_array_equal(data.bias, [0.5])
    np.testing.assert_allclose(data.conductance, [1], rtol=1e-15)
    np.testing.assert_allclose(data.sigma, [7.7 / CONDUCTANCE_QUANTUM], rtol=1e-15)
    assert (data.dropped, data.metadata, data.name) == (1, {"comments": "4 K"}, "trace.csv")
    assert data.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_example_of_a_hot_spot():
    path = EXAMPLES / "hot_spot.csv"
    refused(lambda: read_data(path), "hot_spot.csv", "'gate (mV)' or 'mu (meV)'", "state mu")
    (data,) = read_data(path, mu=14)
    assert isinstance(data, HotSpotData)
    assert data.mu is not None
    assert (data.bias[0], data.distance[0], data.mu[0]) == (1, 27.96712 * 1e3, 14)
    np.testing.assert_allclose(data.sigma[0], 830.4)


def test_a_hot_spot_over_gate_or_mu(table):
    (data,) = read_data(table("Vg (V),bias (mV),distance (nm)\n-1,2,900\n-1.1,2,950\n"))
    np.testing.assert_array_equal(data.gate, [-1000, -1100])
    (data,) = read_data(table("mu (eV),eV (meV),r* (um)\n0.014,2,0.9\n"))
    np.testing.assert_array_equal([data.mu[0], data.distance[0]], [14, 900])


def test_powers_on_each_side(table):
    text = "Vg (mV),bias (mV),P_L (pW),P_R (fW),P_A (nW),P_total (pW),T (K)\n-1,2,1,2000,3,4,0.1\n"
    data = {d.side: d for d in read_data(table(text))}
    assert {side: float(d.power[0]) for side, d in data.items()} == {
        "left": 1, "right": 2, "asymmetry": 3000, "total": 4,
    }  # fmt: skip
    assert all(isinstance(d, DissipationData) for d in data.values())
    assert data["left"].name == "trace.csv, left"
    (alone,) = read_data(table("Vg (mV),bias (mV),power (pW),sigma (pW)\n-1,2,1,0.5\n"))
    assert (alone.side, alone.sigma[0]) == ("total", 0.5)


def test_a_pressure_is_no_power(table):
    text = "Vg (mV),bias (mV),G (uS),P (mbar)\n-1,2,1,1e-3\n-2,2,3,1e-3\n"
    (data,) = read_data(table(text))
    assert isinstance(data, BiasSpectroscopy)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("Vg (mV),bias (V),distance (s)\n1,2,3\n", ["'distance (s)'", "nm, um, mm, m"]),
        ("Vg (mV),bias,distance (nm)\n1,2,3\n", ["'bias'", "no unit", "bias (mV)"]),
        ("Vg (mV),bias (mV),vsd (mV),distance (nm)\n1,2,2,3\n", ["more than one", "'vsd (mV)'"]),
        ("Vg (mV),bias (mV),distance (nm)\n1,2,far\n", ["row 2", "'distance (nm)'", "'far'"]),
        ("Vg (mV),bias (mV),distance (nm)\n1,2,\n", ["no point has all of"]),
        ("energy (meV),T\n1,2\n", ["a table of T(E)", "--table"]),
        ("time (s),T (K)\n1,2\n", ["recognised as the gate", "'time (s)', 'T (K)'"]),
    ],
)
def test_bad_tables(table, text, facts):
    refused(lambda: read_data(table(text)), "trace.csv", *facts)
