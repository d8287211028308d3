"""A kind of data from outside the package: fitted, predicted, saved and loaded by its class."""

import dataclasses

import numpy as np
import pytest

import qpcjax as qpc
from qpcjax.fitting import (
    AbstractMeasurement,
    Candidates,
    Device,
    GateCurve,
    Gated,
    Response,
    fit,
    load_fit,
    register,
    report,
    tables,
)
from qpcjax.measurements import InputError

RANGE = (-60.0, 0.0)
GATE = np.linspace(*RANGE, 25)
ENERGY = np.array([4.0, 5.5])  # meV: of injected electrons
TRUE = {"height_1": 5.0, "height_2": 1.5, "hbar_omega_x": 0.8}


def _at_energy(point, settings, resolution):
    return qpc.transmission(point.scatterer, settings["energy"], settings["bias"])


@register
@dataclasses.dataclass(frozen=True, eq=False)
class GatedBeam(AbstractMeasurement):
    """Transmission of a beam of electrons of one energy against the gate voltage."""

    gate: np.ndarray
    energy: np.ndarray
    bias: np.ndarray
    passed: np.ndarray
    name: str = "beam"

    settings_names = ("gate", "energy", "bias")
    measured = "passed"
    responses = (
        Response(
            "gated_beam",
            "1",
            "share of the beam that passes",
            _at_energy,
            needs=(),
            reach=lambda point, settings: settings["energy"] - point.mu,
        ),
    )


def device(height=(4.5, 2.0), softness=1.0):
    barrier = Gated(qpc.SaddlePoint(3.0, 2.0, softness), height=GateCurve(RANGE, list(height)))
    return Device(barrier, mu=5.0)


def beam(**more):
    truth = device([TRUE["height_1"], TRUE["height_2"]], TRUE["hbar_omega_x"])
    gate, energy = np.meshgrid(GATE, ENERGY, indexing="ij")
    exact = [
        float(qpc.transmission(truth.at(v).scatterer, e))
        for v, e in zip(gate.ravel(), energy.ravel(), strict=True)
    ]
    noise = 0.004 * np.random.default_rng(3).standard_normal(len(exact))
    passed = np.array(exact) + noise
    passed[7] = np.nan
    return GatedBeam(gate, energy, 0.0, passed.reshape(gate.shape), sigma=0.004, **more)


@pytest.fixture(scope="module")
def found():
    return fit(device(), beam(), starts=1)


def test_its_parameters_are_recovered(found):
    assert found.status == "converged"
    assert found.points == 49
    for name, value in TRUE.items():
        assert abs(found.values()[name] - value) < 4 * found.stderr[name], name
    assert 0.5 < found.reduced_chi_square < 1.6


def test_it_is_predicted_by_its_name(found):
    value, error = found.predict("gated_beam", GATE[::8], bias=0.0, energy=4.5)
    there = found.device.at
    exact = [float(qpc.transmission(there(v).scatterer, 4.5)) for v in GATE[::8]]
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    assert np.all((error > 0) & (error < 0.01))
    points = found.next_points(
        "hbar_omega_x",
        Candidates("gated_beam", gate=GATE[::8], bias=0.0, others={"energy": 4.5}),
    )
    assert points.points[0].at["energy"] == 4.5
    assert points.points[0].stderr < points.stderr


def test_it_is_saved_and_loaded(found, tmp_path):
    again = load_fit(found.save(tmp_path / "beam.json"))
    assert isinstance(again.parts[0].data, GatedBeam)
    np.testing.assert_array_equal(again.parts[0].data.energy, found.parts[0].data.energy)
    np.testing.assert_array_equal(again.problem.predictions(
        np.array([[p.value for p in again.parameters]])
    )[0], found.parts[0].predicted)  # fmt: skip


def test_reports_have_its_words_and_its_unit(found):
    words = report.text(found)
    assert "share of the beam that passes" in words
    assert "energy" in words
    (data,) = tables.as_json(found)["data"]
    assert (data["kind"], data["rms_unit"], data["dropped"]) == ("gated_beam", "1", 1)


def test_it_is_checked_as_other_kinds_are():
    with pytest.raises(InputError, match="beam: sigma must be positive"):
        dataclasses.replace(beam(), sigma=-1.0)
    with pytest.raises(InputError, match="gate, energy, bias, passed must be numbers whose shapes"):
        GatedBeam([0.0, 1.0], [1.0, 2.0, 3.0], 0.0, 0.5)


def test_what_is_no_kind_is_refused():
    class Other:
        name = "other"

    with pytest.raises(TypeError, match="must be derived from AbstractMeasurement"):
        register(Other)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match=r"registered kind \(.*ConductanceTrace, .*, got Other"):
        fit(device(), Other())

    class Undecorated(AbstractMeasurement):
        settings_names = ("gate",)
        measured = "height"
        responses = ()

    with pytest.raises(TypeError, match="must be a dataclass with the fields gate, height"):
        register(Undecorated)
    with pytest.raises(ValueError, match="already a response called conductance"):
        register(type("Mine", (GatedBeam,), {"responses": (
            Response("conductance", "1", "another", _at_energy),
        ), "__dataclass_fields__": GatedBeam.__dataclass_fields__}))  # fmt: skip
