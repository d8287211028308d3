"""Barriers by name: what --model builds, how many modes it keeps, what it refuses.

A class from outside the package is registered, evaluated, moved by sliders, swept and fitted.
"""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from commands import call

import qpcjax as qpc
from qpcjax import constants
from qpcjax.explorer import barriers, fits
from qpcjax.fitting import fit, trace_device
from qpcjax.measurements import ConductanceTrace
from qpcjax.quantities import Quantity
from qpcjax.resolution import modes_kept, modes_needed, prepared
from qpcjax.scatterers import BarrierKind, register, registry

CHANNEL = {"half_width": 20.0, "length": 80.0, "offset": 1.5, "mass": 0.05}
SADDLE = {"height": 10.0, "hbar_omega_y": 3.0, "hbar_omega_x": 1.0}


@pytest.mark.parametrize(
    ("model", "parameters", "expected"),
    [
        ("mean", CHANNEL, qpc.AbruptConstriction(**CHANNEL)),
        ("profile", CHANNEL, qpc.AbruptConstriction(**CHANNEL, matching="profile")),
        ("biased", CHANNEL, qpc.BiasedConstriction(**CHANNEL)),
        (
            "matched",
            {**CHANNEL, "wide_ratio": 4.0, "extrapolate": True},
            qpc.MatchedConstriction(**CHANNEL, wide_ratio=4.0, extrapolate=True),
        ),
        (
            "adiabatic",
            {"half_width": 20.0, "curvature_radius": 500.0},
            qpc.AdiabaticConstriction(20.0, 500.0),
        ),
        (
            "saddle",
            {**SADDLE, "magnetic_field": 2.0},
            qpc.SaddlePoint(**SADDLE, magnetic_field=2.0),
        ),
        (
            "saddle",
            {**SADDLE, "magnetic_field": 2.0, "g_factor": -0.4},
            qpc.ZeemanSplit(qpc.SaddlePoint(**SADDLE, magnetic_field=2.0), 2.0, -0.4),
        ),
        (
            "mean",
            {**CHANNEL, "magnetic_field": 2.0, "g_factor": -0.4},
            qpc.ZeemanSplit(qpc.AbruptConstriction(**CHANNEL), 2.0, -0.4),
        ),
        ("step", {"step_energy": 4.0}, qpc.IdealStep(4.0)),
        (
            "table",
            {"table": ([1.0, 2.0], [0.0, 1.0])},
            qpc.TabulatedTransmission([1.0, 2.0], [0.0, 1.0]),
        ),
    ],
)
def test_a_name_builds_its_class(model, parameters, expected):
    # What is not given arrives as None, as it does from the command.
    found = registry.named_scatterer(model, {"height": None, "g_factor": None, **parameters})
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("model", "parameters", "message"),
    [
        ("exact", CHANNEL, "model must be one of mean, profile, matched"),
        ("mean", {"half_width": 20.0}, "length must be given with the model mean"),
        ("mean", {**CHANNEL, "height": 3.0}, "height must be left out with the model mean"),
        ("mean", {**CHANNEL, "g_factor": 2.0}, "magnetic_field must be given with a g-factor"),
        ("mean", {**CHANNEL, "magnetic_field": 2.0}, "g_factor must be given with a magnetic"),
        ("saddle", {**SADDLE, "hbar_omega_x": -1.0}, "hbar_omega_x must be positive, in meV"),
        ("adiabatic", {"half_width": 20.0, "curvature_radius": 0.0}, "curvature_radius must be"),
    ],
)
def test_what_does_not_fit_a_model_is_refused(model, parameters, message):
    with pytest.raises(ValueError, match=message):
        registry.named_scatterer(model, parameters)


# --- modes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scatterer", "least"),
    [
        (qpc.AbruptConstriction(20.0, 80.0), 2),
        (qpc.AbruptConstriction(20.0, 80.0, matching="profile"), 2),
        (qpc.BiasedConstriction(20.0, 80.0), 2),
        # Three channel modes for each that may be open, and 12 at least to extrapolate from.
        (qpc.MatchedConstriction(20.0, 80.0), 6),
        (qpc.MatchedConstriction(20.0, 80.0, extrapolate=True), 12),
        (qpc.ZeemanSplit(qpc.AbruptConstriction(20.0, 80.0), 5.0), 3),
    ],
)
def test_modes_needed_below_the_second_limit(scatterer, least):
    # mu is 1 ueV below 4 E1: half the Zeeman energy of 5 T, 0.06 meV, lifts it above.
    reservoirs = qpc.Reservoirs(4 * constants.transverse_energy(20.0) - 1e-3)
    assert modes_needed(scatterer, reservoirs) == least
    assert modes_kept(prepared(scatterer, reservoirs)) >= least


def test_smooth_steps_need_the_modes_whose_tails_count():
    reservoirs = qpc.Reservoirs(12.0, 1.0)
    saddle = qpc.SaddlePoint(**SADDLE)
    kept = prepared(saddle, reservoirs)
    modes = kept.modes
    # The first one left out transmits less than 1e-12 at mu_L, and the last one kept more.
    tops = SADDLE["height"] + SADDLE["hbar_omega_y"] * (np.array([modes - 1, modes]) + 0.5)
    last, first_out = np.exp(2 * np.pi * (12.5 - tops) / SADDLE["hbar_omega_x"])
    assert first_out < 1e-12 < last


@pytest.mark.parametrize(
    ("scatterer", "reservoirs", "modes", "message"),
    [
        (
            qpc.MatchedConstriction(20.0, 80.0),
            qpc.Reservoirs(200.0),
            20,
            "modes must be at least 24 for this mu",
        ),
        (qpc.IdealStep(4.0), qpc.Reservoirs(5.0), 3, "modes must be left out"),
        (
            qpc.TabulatedTransmission([1.0, 5.0], [0.0, 1.0]),
            qpc.Reservoirs(4.0, 3.0),
            None,
            "the table must reach from 2.5 to 5.5 meV .* goes from 1 to 5 meV",
        ),
        (
            qpc.MatchedConstriction(400.0, 80.0),
            qpc.Reservoirs(200.0),
            None,
            "more than one evaluation can hold",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_said(scatterer, reservoirs, modes, message):
    with pytest.raises(ValueError, match=message):
        prepared(scatterer, reservoirs, modes)


def test_a_class_that_states_no_energy_limit_keeps_its_modes():
    class Steps(qpc.AbstractScatterer):
        modes: int = eqx.field(default=5, static=True)

        def eigenvalues(self, energy, bias=0.0):
            return jax.nn.sigmoid(energy - jnp.arange(1.0, self.modes + 1))

        def thresholds(self, bias=0.0):
            return jnp.arange(1.0, self.modes + 1)

    # With one mode the integrals would be wrong and say nothing.
    assert prepared(Steps(), qpc.Reservoirs(4.0, 1.0)).modes == 5


# --- the command ----------------------------------------------------------------------------


def test_the_command_evaluates_a_saddle_in_a_field():
    options = {**SADDLE, "magnetic_field": 3.0, "g_factor": -0.44, "mu": 12.0, "bias": 1.0}
    words = [w for name, value in options.items() for w in (f"--{name.replace('_', '-')}", value)]
    code, out, err = call("evaluate", "--model", "saddle", *words, "--json")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert answer["inputs"]["model"] == {"value": "saddle", "unit": None}
    assert answer["inputs"]["hbar_omega_y"] == {"value": 3.0, "unit": "meV"}
    assert "half_width" not in answer["inputs"]
    assert "E1" not in answer["results"]
    saddle = qpc.ZeemanSplit(qpc.SaddlePoint(**SADDLE, magnetic_field=3.0), 3.0, -0.44)
    expected = float(qpc.current(saddle, qpc.Reservoirs(12.0, 1.0)))
    assert answer["results"]["I"]["value"] == pytest.approx(expected, rel=1e-10)


def test_the_command_evaluates_a_table(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("energy (eV),transmission\n0.000,0.0\n0.010,0.5\n0.020,1.0\n")
    options = ["--table", path, "--mu", 10, "--bias", 2]
    code, out, err = call("evaluate", "--model", "table", *options)
    assert (code, err) == (0, "")
    assert "tabulated T(E)" in out
    # T = 1/2 at 10 meV, on a line: I = G0 V/2.
    assert f"current {constants.CONDUCTANCE_QUANTUM:.6g} nA" in out
    code, _, err = call("evaluate", "--model", "table", *options, "--temperature", 10)
    assert code == 2
    assert "the table must reach from" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "hard"], "--model must be one of mean, profile"),
        (["--model", "saddle"], "--height must be given with the model saddle"),
        (["--half-width", 20, "--length", 80, "--wide-ratio", 3], "--wide-ratio must be left out"),
        (["--model", "step", "--step-energy", "nan"], "--step-energy must be a finite number"),
    ],
)
def test_the_command_names_the_option(options, message):
    code, out, err = call("evaluate", "--mu", 3, *options)
    assert (code, out) == (2, "")
    assert message in err


def test_figures_of_another_constriction_are_refused_before_work(tmp_path):
    code, _, err = call("figures", tmp_path / "out", "--model", "saddle")
    assert code == 2
    assert "--model must be one of mean, profile, biased" in err
    assert not list(tmp_path.iterdir())


# --- a class from outside the package -------------------------------------------------------


class Ladder(eqx.Module):
    """Three soft steps, a class that is no AbstractScatterer; its numbers describe themselves."""

    level: float = eqx.field(
        metadata={
            "symbol": "E_b",
            "unit": "meV",
            "words": "energy of the lowest level",
            "slider": (0.0, 10.0, 0.1, 4.0),
        }
    )
    spacing: float = eqx.field(
        metadata={"unit": "meV", "lower": 0.0, "above": True, "slider": (1.0, 8.0, 0.1, 3.0)}
    )
    softness: float = eqx.field(default=0.2, metadata={"unit": "meV", "lower": 0.0, "above": True})

    def eigenvalues(self, energy, bias=0.0):
        tops = self.level + self.spacing * jnp.arange(3.0)
        return jax.nn.sigmoid((energy - tops) / self.softness)

    def thresholds(self, bias=0.0):
        return self.level + self.spacing * jnp.arange(3.0)


def ladder(energy, level, spacing, softness):
    """Its T(E) in closed form."""
    steps = [1 / (1 + np.exp((level + k * spacing - energy) / softness)) for k in range(3)]
    return np.sum(steps, axis=0)


@pytest.fixture
def toy():
    kind = register(BarrierKind("toy", "three soft steps", Ladder, gate="level"))
    yield kind
    del registry.BARRIERS["toy"]


def test_a_class_from_outside_has_options(toy):
    code, out, _ = call("evaluate", "--help-long")
    assert code == 0
    assert "toy: three soft steps." in out
    assert "toy: Energy of the lowest level, E_b, in meV." in out
    assert "toy: Softness, in meV; 0.2 by default." in out
    options = ["--level", 4, "--spacing", 3, "--mu", 8]
    code, out, err = call("evaluate", "--model", "toy", *options, "--json")
    assert (code, err) == (0, "")
    answer = json.loads(out)
    assert answer["inputs"]["level"] == {"value": 4.0, "unit": "meV"}
    expected = ladder(8.0, 4.0, 3.0, 0.2)
    assert answer["results"]["T"]["value"] == pytest.approx(expected, rel=1e-12)
    _, out, _ = call("evaluate", "--model", "toy", *options)
    assert "three soft steps E_b = 4 meV, spacing = 3 meV" in out
    code, _, err = call("evaluate", "--model", "toy", "--level", 4, "--spacing", -3, "--mu", 8)
    assert code == 2
    assert "--spacing must be positive, in meV, got -3" in err
    code, _, err = call("evaluate", "--model", "toy", "--level", 4, "--mu", 8, "--length", 80)
    assert code == 2
    assert "--length must be left out with the model toy" in err


def test_a_class_from_outside_has_sliders(toy):
    barrier = barriers.named_barriers()["toy"]
    assert list(barrier.knobs) == ["level", "spacing", "mu"]
    assert barrier.knobs["level"].label == "energy of the lowest level E_b (meV)"
    assert barrier.knobs["level"][1:] == (0.0, 10.0, 0.1, 4.0)
    scatterer, mu = barrier.build({"level": 2.5, "spacing": 2.0, "mu": 7.0})
    assert mu == 7.0
    transmission = float(qpc.transmission(scatterer, 5.0))
    assert transmission == pytest.approx(ladder(5.0, 2.5, 2.0, 0.2), rel=1e-12)
    assert fits.models()["three soft steps"] == "toy"


def test_a_class_from_outside_is_swept(toy, tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(
        'observables = ["transmission"]\n[scatterer]\nmodel = "toy"\nsoftness = 0.3\n'
        'spacing = { value = 0.003, unit = "eV" }\n'
        '[axes]\nlevel = { values = [3000.0, 4000.0], unit = "ueV" }\nmu = [5.0, 8.0]\n'
    )
    code, _, err = call("sweep", path, "-o", tmp_path / "out", "--quiet")
    assert (code, err) == (0, "")
    found = qpc.open_sweep(tmp_path / "out")
    assert found.units["level"] == "meV"
    level, mu = np.array([[3.0], [4.0]]), np.array([5.0, 8.0])
    expected = ladder(mu, level, 3.0, 0.3)
    np.testing.assert_allclose(found["transmission"], expected, rtol=1e-12)


def test_a_class_from_outside_is_fitted(toy):
    mu, kT, gate = 7.15, constants.BOLTZMANN * 0.3, np.linspace(-100.0, 0.0, 41)
    x = np.linspace(-30, 30, 2001)
    thermal = 1 / (4 * np.cosh(x / 2) ** 2)
    level = 7.5 - 0.06 * (gate + 100)
    spread = ladder(mu + kT * x, level[:, None], 3.0, 0.25)
    trace = ConductanceTrace(gate, np.trapezoid(spread * thermal, x), temperature=0.3)
    device = trace_device(trace, "toy", mu=mu, knots=2)
    held = ("spacing", "series_resistance")
    found = fit(device, trace, starts=1, fixed=held)
    value = {p.name: p.value for p in found.parameters}
    assert value["level_1"] == pytest.approx(7.5, abs=1e-4)
    assert value["level_2"] == pytest.approx(1.5, abs=1e-4)
    assert value["softness"] == pytest.approx(0.25, rel=1e-3)
    assert {p.name: p.unit for p in found.parameters}["softness"] == "meV"


@pytest.mark.parametrize(
    ("arguments", "more", "message"),
    [
        (("saddle", "another saddle", Ladder), {}, "there is a model saddle already"),
        (("toy", "bare", lambda depth: Ladder(depth, 3.0)), {}, "depth of the model toy must be"),
        (("toy", "", Ladder), {"gate": "depth"}, "gate must name an argument of toy, got 'depth'"),
        (
            ("toy", "", lambda energy: Ladder(energy, 3.0)),
            {"quantities": {"energy": Quantity("energy", unit="meV")}},
            "energy of the model toy must have another name",
        ),
        (
            ("toy", "", lambda length: Ladder(length, 3.0)),
            {"quantities": {"length": Quantity("length", unit="meV")}},
            "length of the model toy must be in nm, as that of other models is",
        ),
    ],
)
def test_a_kind_that_is_not_described_is_refused(arguments, more, message):
    before = dict(registry.BARRIERS)
    with pytest.raises(ValueError, match=message):
        register(BarrierKind(*arguments, **more))
    assert before == registry.BARRIERS
