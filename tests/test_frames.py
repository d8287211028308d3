"""Results as tables of pandas and datasets of xarray."""

import numpy as np
import pytest

import qpcjax as qpc
from qpcjax.evaluation import evaluate
from qpcjax.measurements import BiasSpectroscopy, ConductanceTrace

pytest.importorskip("pandas")
pytest.importorskip("xarray")

SADDLE, MU = qpc.SaddlePoint(3.0, 6.0, 1.0), np.linspace(2.0, 9.0, 4)


@pytest.fixture(scope="module")
def heat():
    return qpc.dissipation(SADDLE, qpc.Reservoirs(mu=MU, bias=1.0, temperature=1.6))


def test_named_tuples(heat):
    frame = qpc.to_dataframe(heat)
    assert list(frame.columns)[:2] == ["left", "right"]
    np.testing.assert_array_equal(frame["left"], heat.left)
    assert frame.attrs["units"]["left"] == "pW"
    data = qpc.to_xarray(heat)
    np.testing.assert_array_equal(data["right"], heat.right)
    assert data["right"].attrs["units"] == "pW"
    one = qpc.to_dataframe(qpc.dissipation(SADDLE, qpc.Reservoirs(8.0, 1.0, 1.6)))
    assert len(one) == 1


def test_mappings_and_fields_of_fields(heat):
    frame = qpc.to_dataframe({"mu": MU, "heat": heat, "words": "ignored"})
    assert list(frame.columns)[:2] == ["mu", "heat_left"]
    assert frame.attrs["units"]["mu"] == "meV"
    assert frame.attrs["units"]["heat_left"] == "pW"


def test_several_dimensions():
    grid = {"mu": MU[:, None], "bias": np.array([0.0, 1.0]), "current": np.ones((4, 2))}
    frame = qpc.to_dataframe(grid)
    assert frame.index.names == ["dim_0", "dim_1"]
    assert frame.loc[(3, 1), "mu"] == MU[3]
    assert qpc.to_xarray(grid)["current"].dims == ("dim_0", "dim_1")
    data = qpc.to_xarray(grid)
    assert data["bias"].dims == ("dim_1",)
    np.testing.assert_array_equal(data["mu"], MU)


def test_measured_data():
    trace = ConductanceTrace(MU, MU / 2, "t")
    frame = qpc.to_dataframe(trace)
    assert list(frame.columns) == ["gate", "conductance"]
    assert frame.attrs["units"]["gate"] == "mV"
    found = qpc.to_dataframe(BiasSpectroscopy(MU, MU, MU, sigma=0.1, name="m"))
    assert list(found.columns) == ["gate", "bias", "conductance", "sigma"]


def test_results_with_a_table_of_their_own():
    swept = qpc.sweep(SADDLE, {"mu": MU, "energy": [1.0, 5.0]}, "transmission")
    frame = qpc.to_dataframe(swept)
    assert len(frame) == 8
    np.testing.assert_array_equal(frame["transmission"], np.ravel(swept["transmission"]))
    assert set(qpc.to_xarray(swept).coords) == {"mu", "energy"}
    damping = qpc.QuadraticDamping(0.04)
    told = []
    point = SADDLE, qpc.Reservoirs(8.0, 1.0, 1.6), damping
    found = qpc.to_dataframe(evaluate(*point, told=lambda *counts: told.append(counts)))
    assert found.loc["I", "unit"] == "nA"
    count = told[0][1]  # programs: each is told once, as it is compiled
    assert sorted(told) == [(k, count) for k in range(count + 1)]


def test_what_is_no_result():
    with pytest.raises(TypeError, match="a result, or a mapping of numbers"):
        qpc.to_dataframe("words")
    with pytest.raises(ValueError, match=r"one shape .* a \(2,\), b \(3,\)"):
        qpc.to_xarray({"a": np.zeros(2), "b": np.zeros(3)})
