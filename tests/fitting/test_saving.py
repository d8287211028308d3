"""Fits as files: the same numbers again, and clear words about files that are none."""

import dataclasses
import json
from pathlib import Path

import equinox as eqx
import numpy as np
import pytest
from helpers import Resonance
from small_fits import RANGE, TRUE, device, fitted, joint, trace

import qpcjax as qpc
from qpcjax.files import save_json
from qpcjax.fitting import (
    Device,
    GateCurve,
    Gated,
    GateLine,
    Posterior,
    Ratio,
    StepPositions,
    fit,
    load_fit,
    load_posterior,
)
from qpcjax.fitting.archive import summary_and_fit
from qpcjax.fitting.saved_values import decoded, encoded
from qpcjax.fitting.tables import as_json
from qpcjax.measurements import (
    BiasSpectroscopy,
    ConductanceTrace,
    DissipationData,
    HotSpotData,
    InputError,
)

OF_FORMAT_1 = Path(__file__).parents[1] / "reference" / "fit_format_1.json"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "fit.json"
    assert fitted().save(path) == path
    return path


def test_the_same_numbers_again(saved):
    found, again = fitted(), load_fit(saved)
    assert again.values() == found.values()
    assert again.stderr == found.stderr
    assert (again.status, again.message, again.starts) == (
        found.status, found.message, found.starts,
    )  # fmt: skip
    assert (again.aic, again.bic, again.rms) == (found.aic, found.bic, found.rms)
    np.testing.assert_array_equal(again.covariance, found.covariance)
    gate = np.linspace(-59, -1, 24)
    for mine, other in zip(
        again.predict("conductance", gate), found.predict("conductance", gate), strict=True
    ):
        np.testing.assert_array_equal(mine, other)
    assert again.flat_directions == found.flat_directions
    mine, other = (f.profile("hbar_omega_x", points=5) for f in (again, found))
    np.testing.assert_array_equal(mine.delta, other.delta)
    assert mine.interval == other.interval


def test_several_data_sets_with_ties_and_private_numbers(tmp_path):
    found, again = joint(), load_fit(joint().save(tmp_path / "joint.json"))
    assert [p.name for p in again.free] == ["hbar_omega_x@a", "hbar_omega_x@b", "height_2"]
    vector = found.problem.start()[None]
    for mine, other in zip(
        again.problem.linearise(vector), found.problem.linearise(vector), strict=True
    ):
        np.testing.assert_array_equal(mine, other)


def test_a_second_saving_is_the_same_text(saved, tmp_path):
    load_fit(saved).save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text() == saved.read_text()


def test_a_file_of_format_1_is_read():
    found = load_fit(OF_FORMAT_1)
    for name, value in TRUE.items():
        assert abs(found.values()[name] - value) < 4 * found.stderr[name], name
    assert found.parts[0].data.sha256 == "of the file"
    predicted, error = found.predict("conductance", found.parts[0].data.gate)
    np.testing.assert_allclose(predicted, found.parts[0].predicted, atol=1e-7)
    assert np.all(error < 0.005)
    assert found.priors == {"hbar_omega_x": (0.8, 0.5)}
    np.testing.assert_allclose(load_posterior(OF_FORMAT_1)["height_2"], [1.2, 1.201, 1.199, 1.2])


def test_samples_are_saved_with_the_fit(tmp_path):
    found = fitted()
    samples = np.array([list(found.values()[n] for n in TRUE)] * 6).reshape(2, 3, 3)
    flags = np.zeros((2, 3), bool)
    posterior = Posterior(found, samples, flags, ~flags, {"a": 1.0}, {"a": np.inf})
    posterior.save(tmp_path / "fit.json")
    again = load_posterior(tmp_path / "fit.json")
    np.testing.assert_array_equal(again.samples, samples)
    np.testing.assert_array_equal(again.unresolved, ~flags)
    assert (again.r_hat, again.effective_size) == ({"a": 1.0}, {"a": np.inf})
    assert again.fit.values() == found.values()


def test_a_fit_without_samples(saved):
    with pytest.raises(InputError, match="holds a fit without samples"):
        load_posterior(saved)


def _changed(saved, change):
    document = json.loads(saved.read_text())
    change(document)
    return json.dumps(document)


def _newer(document):
    document["version"], document["versions"]["qpcjax"] = 7, "9.1"


def _moved(document):
    document["content"]["parameters"][0]["value"] += 1e-9


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (lambda saved: saved.read_text()[:-700], "cut off or changed: it is no longer whole"),
        (lambda saved: "", "is not a fit"),
        (lambda saved: '{"format": "something else"}', "is not a fit"),
        (lambda saved: "[" * 100000, "is not a fit"),
        (lambda saved: "gate,conductance\n1,2\n", "is not a fit"),
        (lambda saved: _changed(saved, _newer), r"format 7, written by qpcjax 9\.1.*up to 1"),
        (lambda saved: _changed(saved, _moved), "its checksum is not that of its content"),
        (lambda saved: _changed(saved, lambda d: d.pop("content")), "changed or damaged"),
    ],
)
def test_other_files(saved, tmp_path, text, words):
    path = tmp_path / "other.json"
    path.write_text(text(saved))
    with pytest.raises(InputError, match=words):
        load_fit(path)


def test_the_file_of_the_command_is_a_fit_too(tmp_path):
    found, path = fitted(), tmp_path / "fit.json"
    summary = as_json(found)
    path.write_text(summary_and_fit(summary, found))
    document = json.loads(path.read_text())
    assert json.loads(save_json(summary)).items() <= document.items()
    assert path.read_text().startswith('{\n  "format": "qpcjax fit"')
    again = load_fit(path)
    assert again.values() == found.values()
    np.testing.assert_array_equal(again.covariance, found.covariance)
    path.write_text(path.read_text()[:-700])
    with pytest.raises(InputError, match="cut off or changed"):
        load_fit(path)


def test_a_barrier_that_cannot_be_saved_leaves_the_summary(tmp_path):
    found, path = fitted(), tmp_path / "fit.json"
    odd = dataclasses.replace(found, device=lambda: None)
    path.write_text(summary_and_fit(as_json(found), odd))
    assert json.loads(path.read_text())["status"] == found.status
    with pytest.raises(InputError, match="but not the fit: a function cannot be saved"):
        load_fit(path)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        load_fit(tmp_path / "nowhere.json")
    (tmp_path / "image.png").write_bytes(b"\x89PNG\r\n\xff\xfe")
    with pytest.raises(InputError, match="is not a fit"):
        load_fit(tmp_path / "image.png")


def test_a_class_of_the_user(tmp_path):
    gate = np.linspace(*RANGE, 12)
    barrier = Gated(Resonance(3.0, 0.5), level=GateCurve(RANGE, [5.0, 4.0]))
    own = Device(barrier, 5.0, temperature=1.0)
    y = 0.8 * np.exp(-(((gate + 40) / 20) ** 2))
    found = fit(own, ConductanceTrace(gate, y, sigma=0.02), starts=[{}])
    path = found.save(tmp_path / "own.json")
    with pytest.raises(InputError, match=r"is a Resonance, .*scatterers=\{'Resonance': Resonance"):
        load_fit(path)
    again = load_fit(path, scatterers={"Resonance": Resonance})
    np.testing.assert_array_equal(
        again.predict("conductance", gate - 1), found.predict("conductance", gate - 1)
    )

    split = qpc.ZeemanSplit(Resonance(3.0, 0.5), 2.0)
    value = json.loads(json.dumps(encoded(split)))
    assert bool(eqx.tree_equal(decoded(value, {"Resonance": Resonance}), split))

    class Other(eqx.Module):
        level: float

    with pytest.raises(InputError, match="but the class has level"):
        load_fit(path, scatterers={"Resonance": Other})


@pytest.mark.parametrize(
    "barrier",
    [
        qpc.AbruptConstriction(20.0, 60.0, matching="profile", modes=5),
        qpc.MatchedConstriction(20.0, 60.0, wide_ratio=4.0),
        qpc.BiasedConstriction(20.0, 60.0),
        qpc.AdiabaticConstriction(20.0, 100.0),
        qpc.ZeemanSplit(qpc.IdealStep(3.0), 2.0),
        qpc.TabulatedTransmission([1.0, 2.0, 9.0], [0.0, 0.5, 1.0]),
    ],
    ids=lambda b: type(b).__name__,
)
def test_every_barrier_comes_back(barrier):
    damping = qpc.QuadraticDamping(0.05, "mu")
    given = Device(barrier, 8.0, GateCurve(RANGE, [0.1, 0.2], "log"), damping=damping)
    again = decoded(json.loads(json.dumps(encoded(given))), {})
    assert bool(eqx.tree_equal(again, given))


@pytest.mark.parametrize(
    "law", [qpc.GiulianiQuinnDamping(2.0), qpc.RPADamping(), qpc.RPADamping(3.0)]
)
def test_every_damping_law_comes_back(law):
    again = decoded(json.loads(json.dumps(encoded(law))), {})
    assert bool(eqx.tree_equal(again, law))


def test_every_curve_comes_back():
    barrier = Gated(
        qpc.AbruptConstriction(20.0, 60.0),
        half_width=StepPositions(np.array([-50.0, -20.0]), (10.0, 20.0)),
        length=Ratio("half_width", 3.0),
        offset=GateLine((-50.0, -40.0, -20.0), [1.0, 2.0, 3.0]),
    )
    again = decoded(json.loads(json.dumps(encoded(barrier))), {})
    assert bool(eqx.tree_equal(again, barrier))


@pytest.mark.parametrize(
    "data",
    [
        trace(sha256="abc", temperature=0.3, dropped=2),
        BiasSpectroscopy([0.0, 1.0], [1.0, 2.0], [3.0, np.nan], bias_offset=0.1),
        HotSpotData([1.0, 2.0], [3.0, 4.0], mu=[8.0, 9.0], sigma=[0.1, 0.2]),
        DissipationData([1.0], [2.0], "left", gate=[0.0]),
    ],
    ids=lambda d: type(d).__name__,
)
def test_every_data_set_comes_back(data):
    again = decoded(json.loads(json.dumps(encoded(data))))
    assert type(again) is type(data)
    for name, value in vars(data).items():
        np.testing.assert_array_equal(getattr(again, name), value)


def test_what_a_file_says_is_checked():
    value = encoded(device())
    with pytest.raises(InputError, match=r"a Popen, which this qpcjax does not have"):
        decoded({"class": "Popen", "fields": {}}, {})
    value["fields"]["temperature"] = -1.0
    with pytest.raises(InputError, match="a Device in it is not valid: temperature must be"):
        decoded(value, {})
    with pytest.raises(InputError, match="a function cannot be saved"):
        encoded({"f": lambda: None})


def test_a_fit_is_described_on_ten_lines():
    found = fitted()
    text = repr(found)
    assert text.startswith(f"FitResult, {found.status}: {found.points} points of ")
    assert text.count("\n") < 12
    assert len(text) < 1200
    page = found._repr_html_()
    assert page.count("<tr>") == len(found.parameters)
    for p in found.free:
        assert f'<th scope="row">{p.name}</th><td>{p.value:.6g}</td><td>+- ' in page
    data = repr(found.parts[0].data)
    assert " values from " in data
    assert len(data) < 800
