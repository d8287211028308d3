"""How a fit shows itself in Python: report, page, table, and what it refuses to predict."""

import dataclasses
import sys

import numpy as np
import pytest
import small_fits

from qpcjax.fitting import Candidates, Posterior, predict_heating
from qpcjax.fitting.predictions import require_near
from qpcjax.measurements import ConductanceTrace, DissipationData, InputError


def test_the_report_is_that_of_the_command():
    found = small_fits.fitted()
    text = found.report()
    for words in ("[[Variables]]", "hbar_omega_x", found.status, "What these data cannot tell"):
        assert words in text
    page = found.report("html")
    assert page.startswith("<!DOCTYPE html>")
    assert page.count("data:image/png;base64,") == 2  # the trace and the correlations
    for p in found.free:
        assert f"<td>{p.name}</td><td>{p.value:.6g}</td>" in page
    with pytest.raises(ValueError, match='form must be "text" or "html", got \'pdf\''):
        found.report("pdf")


def test_notebooks_see_table_and_picture(monkeypatch):
    found = small_fits.fitted()
    page = found._repr_html_()
    assert page.count("<tr>") == len(found.parameters)
    assert page.count('<img src="data:image/png;base64,iVBORw0KGgo') == 1
    monkeypatch.setitem(sys.modules, "qpcjax.plot", None)  # as without matplotlib
    assert "<img" not in found._repr_html_()
    assert "<img" not in found.report("html")
    assert found._repr_html_().count("<tr>") == len(found.parameters)


def test_parameters_as_a_data_frame(monkeypatch):
    pytest.importorskip("pandas")
    found = small_fits.fitted()
    table = found.to_dataframe()
    assert list(table.index) == [p.name for p in found.parameters]
    assert {"value", "stderr", "unit", "state", "lower", "upper", "what it is"} <= set(table)
    row = table.loc["hbar_omega_x"]
    assert (row["value"], row["stderr"]) == (
        found.values()["hbar_omega_x"], found.stderr["hbar_omega_x"],
    )  # fmt: skip
    assert (row["unit"], row["state"], row["what it is"]) == (
        "meV", "free", "softness of the steps hbar omega_x",
    )  # fmt: skip
    assert (table.loc["mu", "state"], table.loc["mu", "value"]) == ("held", small_fits.MU)
    assert np.isnan(table.loc["mu", "stderr"])
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="to_dataframe needs pandas: pip install pandas"):
        found.to_dataframe()


# --- gate voltages --------------------------------------------------------------------------

TRACE = ConductanceTrace(np.linspace(-1400, -900, 11), np.linspace(0, 2, 11))


@pytest.mark.parametrize(
    ("gate", "words"),
    [
        (-1.4, r"gate is in mV: -1\.4 lies far outside of the -1400 to -900 mV .*mean -1400\?"),
        ([-1.4, -1.2, -0.9], r"-0\.9 lies far outside .*; did you mean -900\?"),
        (1500.0, "1500 lies far outside of the -1400 to -900 mV that were fitted; what the gate"),
        ([-1000.0, -9000.0], "-9000 lies far outside"),
        (-1.45, r"did you mean -1450\?"),
        (np.inf, "inf lies far outside"),
    ],
)
def test_gate_voltages_that_nothing_is_known_of(gate, words):
    with pytest.raises(InputError, match=words):
        require_near({"gate": np.atleast_1d(np.asarray(gate, float))}, [TRACE])


@pytest.mark.parametrize("gate", [-1400.0, -1850.0, 0.0, [-1700.0, -500.0], [np.nan], []])
def test_gate_voltages_nearby_are_predicted(gate):
    require_near({"gate": np.atleast_1d(np.asarray(gate, float))}, [TRACE])


def test_small_voltages_of_a_gate_near_zero_are_no_mistake():
    """A trace that holds 0 has small voltages of its own, and may go on a little beyond."""
    zero = ConductanceTrace(np.linspace(-60, 0, 11), np.linspace(0, 2, 11))
    require_near({"gate": np.array([-0.05, 0.5])}, [zero])
    bare = DissipationData([1.0, 2.0], [1.0, 2.0], mu=[5.0, 6.0])
    require_near({"gate": np.array([1.0])}, [bare])
    require_near({"bias": np.array([1.0])}, [TRACE])
    one_gate = ConductanceTrace([-1200.0, -1199.0], [1.0, 1.1])
    require_near({"gate": np.array([-1150.0])}, [one_gate])
    with pytest.raises(InputError, match=r"did you mean -1199\.5\?"):
        require_near({"gate": np.array([-1.1995])}, [one_gate])


@pytest.mark.parametrize(
    "ask",
    [
        lambda f: f.predict("conductance", gate=4000.0),
        lambda f: f.band([-30.0, 4000.0]),
        lambda f: predict_heating(f, 1.0, 1.0, gates=[4000.0]),
        lambda f: f.next_points("hbar_omega_x", Candidates("conductance", gate=[4000.0])),
        lambda f: Posterior(
            f, np.ones((1, 1, 3)), np.zeros((1, 1), bool), np.zeros((1, 1), bool), {}, {}
        ).predict("conductance", gate=4000.0),
    ],
    ids=["predict", "band", "heating", "next points", "posterior"],
)
def test_every_prediction_looks_at_its_gate_voltages(ask):
    with pytest.raises(InputError, match="4000 lies far outside of the -60 to 0 mV"):
        ask(small_fits.fitted())


def test_the_band_is_the_prediction():
    found = small_fits.fitted()
    gate = np.array([[-59.0, -31.0], [-7.5, -0.5]])
    wanted = found.predict("conductance", gate, temperature=small_fits.TEMPERATURE)
    for some in (..., 0, (0, 0)):
        value, error = found.band(gate[some])
        assert value.shape == error.shape == np.shape(gate[some])
        np.testing.assert_allclose(value, wanted[0][some], rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(error, wanted[1][some], rtol=1e-5)
    value, error = found.band()
    np.testing.assert_allclose(value, found.parts[0].predicted, rtol=1e-9)
    assert np.all((error > 0) & (error < small_fits.SIGMA))


def test_the_prediction_band_holds_the_data():
    """New data of the same noise: 68 % of them lie in it, and hardly any in that of the curve."""
    found = small_fits.fitted()
    gate = np.linspace(*small_fits.RANGE, 400)
    noise = small_fits.SIGMA * np.random.default_rng(11).standard_normal(gate.size)
    value, error = found.band(gate)
    same, wide = found.prediction_band(gate)
    np.testing.assert_array_equal(same, value)
    off = np.abs(small_fits.conductance(gate) + noise - value)
    assert 0.6 < np.mean(off < wide) < 0.8
    assert np.mean(off < error) < 0.5
    assert np.all(wide > error)


def test_powers_that_cannot_be_negative_have_bands_that_are_not():
    """Without temperature both sides are heated, whatever the errors of the barrier are."""
    found = small_fits.fitted()
    unsure = dataclasses.replace(found, covariance=25 * found.covariance)
    gates = [-60.0, -55.0, -30.0]
    for fit in (found, unsure):
        heating = predict_heating(fit, 1.0, 0.0, gates=gates)
        for name in ("P_L", "P_R"):
            assert np.all(heating.low[name] > 0), name
            assert np.all(heating.low[name] < heating.value[name]), name
            assert np.all(heating.value[name] < heating.high[name]), name
    # A narrow band is the linear one.
    near = predict_heating(found, 1.0, 0.0, gates=gates)
    below = near.value["P_L"] - near.low["P_L"]
    above = near.high["P_L"] - near.value["P_L"]
    np.testing.assert_allclose(below[2], above[2], rtol=0.1)
