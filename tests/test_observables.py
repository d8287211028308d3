"""The registry: its observables against the public functions, and one registered from outside."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from commands import call
from helpers import observables

import qpcjax as qpc
from qpcjax.designing import Constraint, Maximise, Minimise
from qpcjax.designing.spec import read_design_spec
from qpcjax.heat.distances import HeatSpread
from qpcjax.measurements import InputError
from qpcjax.observables import (
    OBSERVABLES,
    Observable,
    OperatingPoint,
    named,
    register,
    unregister,
    values_at,
)
from qpcjax.quantities import Quantity

SADDLE = qpc.SaddlePoint(3.0, 6.0, 1.0, modes=2)
POINT = qpc.Reservoirs(6.3, 1.5, 0.5, 0.2)
DAMPING = qpc.QuadraticDamping(0.05)
ENERGY, DISTANCE = 6.5, 400.0
# What a spread of 1 to 4 nm downstream, and of 5 to 8 nm upstream, gives.
SPREAD = {
    **{"heat_median": 1.0, "heat_width": 4.0},
    **{"heat_median_upstream": 5.0, "heat_width_upstream": 8.0},
}
PARTITION = Quantity("partition", "F_0", "1", "partition sum of T_n (1 - T_n) at mu")


def partition_at(point):
    t = qpc.eigenvalues(point.scatterer, point.reservoirs.mu, point.reservoirs.bias)
    return jnp.sum(t * (1 - t))


def exact_partition(mu, height):
    """The sum of T_n (1 - T_n) of a saddle from Buettiker's closed form."""
    level = np.asarray(height)[..., None] + 6.0 * (np.arange(2) + 0.5)
    t = 1 / (1 + np.exp(-2 * np.pi * (np.asarray(mu)[..., None] - level)))
    return np.sum(t * (1 - t), -1)


@pytest.fixture
def partition():
    yield register(Observable(PARTITION, partition_at, electrons="energy", pointwise=True))
    unregister("partition")


@jax.jit
def directly(c, r, d):
    noise, linear = qpc.noise(c, r), qpc.thermoelectrics(c, r.mu, r.temperature)
    return observables(c, r, d, ENERGY, DISTANCE) | {
        "current_noise": noise.current,
        "left_noise": noise.left,
        "right_noise": noise.right,
        "fano_factor": qpc.fano_factor(c, r),
        **{name: x for name, x in linear._asdict().items() if name != "conductance"},
    }


@jax.jit
def by_name(c, r, d):
    wanted = [OBSERVABLES[name] for name in OBSERVABLES if name not in SPREAD]
    return values_at(OperatingPoint(c, r, d, ENERGY, DISTANCE), wanted)


def test_every_observable_is_that_of_the_public_function():
    found, expected = by_name(SADDLE, POINT, DAMPING), directly(SADDLE, POINT, DAMPING)
    assert found.keys() == expected.keys() == OBSERVABLES.keys() - SPREAD.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12, err_msg=name)


def test_the_spread_of_the_heat_is_that_of_the_public_function(monkeypatch):
    """`heat_spread` takes long to compile: here it is replaced by one that is known."""

    def heat_spread(scatterer, reservoirs, damping, side="downstream"):
        assert float(reservoirs.mu) == POINT.mu
        assert float(damping.strength) == DAMPING.strength
        numbers = (1.0, 2.0, 3.0, 4.0) if side == "downstream" else (5.0, 6.0, 7.0, 8.0)
        return HeatSpread(*numbers)

    monkeypatch.setattr("qpcjax.observables.heat_spread", heat_spread)
    wanted = [OBSERVABLES[name] for name in SPREAD]
    assert values_at(OperatingPoint(SADDLE, POINT, DAMPING), wanted) == SPREAD
    assert {o.name for o in OBSERVABLES.values() if o.group == "heat spread"} == SPREAD.keys()


def test_the_transmission_is_at_mu_without_an_energy():
    expected = qpc.transmission(SADDLE, POINT.mu, POINT.bias)
    assert float(OperatingPoint(SADDLE, POINT).transmission) == pytest.approx(
        float(expected), rel=1e-14
    )


# --- an observable registered from outside --------------------------------------------------


def test_a_registered_observable_is_evaluated(partition):
    options = ["--height", 3, "--hbar-omega-y", 6, "--hbar-omega-x", 1, "--mu", 6.3, "--json"]
    code, out, _ = call("evaluate", "--model", "saddle", *options)
    assert code == 0
    shown = json.loads(out)["results"]["F_0"]
    assert shown["value"] == pytest.approx(exact_partition(6.3, 3.0), rel=1e-12)
    assert (shown["name"], shown["unit"]) == (PARTITION.words, "1")


def test_a_registered_observable_is_swept(partition, tmp_path):
    axes = {"height": [2.0, 3.0, 3.5], "mu": np.linspace(4.0, 9.0, 11)}
    found = qpc.sweep(SADDLE, axes, ["current", "partition"], out=tmp_path / "out")
    expected = exact_partition(axes["mu"], np.asarray(axes["height"])[:, None])
    np.testing.assert_allclose(found["partition"], expected, rtol=1e-12)
    assert found.units["partition"] == "1"
    found.to_csv(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().startswith("height (meV),mu (meV),current (nA),part")
    unregister("partition")  # a stored sweep is read where the observable is not registered
    again = qpc.open_sweep(tmp_path / "out")
    np.testing.assert_array_equal(again["partition"], found["partition"])
    assert again.labels("partition")["long_name"] == f"{PARTITION.words}, F_0"
    register(partition)


def test_a_registered_observable_is_a_constraint(partition):
    # F >= 0.2 holds within this distance of the level; the lowest saddle is that far below mu.
    apart = np.log((0.5 + np.sqrt(0.05)) / (0.5 - np.sqrt(0.05))) / (2 * np.pi)
    objective = Minimise(lambda scatterer, reservoirs: scatterer.height, "height")
    found = qpc.design(
        objective,
        SADDLE,
        qpc.Reservoirs(7.0, temperature=0.5),
        {"height": (2.0, 4.6)},
        constraints={"partition": (0.2, None)},
    )
    assert found.value == pytest.approx(7.0 - 3.0 - apart, abs=1e-5)
    assert found.active == ("partition",)


def test_a_name_that_is_registered_anew_is_compiled_anew():
    for factor in (1.0, 2.0):
        observable = Observable(PARTITION, lambda p, factor=factor: factor * partition_at(p))
        register(observable)
        try:
            swept = qpc.sweep(SADDLE, {"mu": [5.0, 6.3]}, "partition")["partition"]
        finally:
            unregister("partition")
        expected = factor * exact_partition(np.array([5.0, 6.3]), 3.0)
        np.testing.assert_allclose(swept, expected, rtol=1e-12)


# --- names and refusals ---------------------------------------------------------------------


def test_names_and_aliases():
    assert named("distance") is named("hot_spot_distance") is OBSERVABLES["hot_spot_distance"]
    assert named("nothing") is None
    with pytest.raises(ValueError, match=r"no observable 'lef': did you mean left"):
        unregister("lef")


TAKEN = {
    "name": (Quantity("current"), {}, "current is taken by the observable current"),
    "symbol": (Quantity("shot", "P_L"), {}, "P_L is taken by the observable left"),
    "alias": (Quantity("distance_to", "d"), {"aliases": ("distance",)}, "distance is taken by"),
    "number": (Quantity("mu"), {}, "mu is a number of the operating point"),
    "no word": (Quantity("shot noise"), {}, "must be a word such as shot_noise, got 'shot noise'"),
    "electrons": (Quantity("shot"), {"electrons": "all"}, "electrons must be one of reservoirs"),
}


@pytest.mark.parametrize(("quantity", "more", "message"), TAKEN.values(), ids=TAKEN)
def test_an_observable_that_is_refused(quantity, more, message):
    before = dict(OBSERVABLES)
    with pytest.raises(ValueError, match=message):
        register(Observable(quantity, partition_at, **more))
    assert before == OBSERVABLES


def test_an_observable_is_a_function():
    with pytest.raises(TypeError, match="shot: at must be a function of an OperatingPoint, got 3"):
        Observable(Quantity("shot"), 3)  # pyright: ignore[reportArgumentType]


def test_an_objective_by_name(partition):
    for kind, words in ((Minimise, "smallest"), (Maximise, "largest")):
        objective = kind("partition")
        assert objective.title == f"{words} {PARTITION.words}"
        found = objective.value(SADDLE, POINT)
        assert float(found) == pytest.approx(exact_partition(6.3, 3.0), rel=1e-12)
    assert Maximise("left").unit == "pW"
    distance = Minimise("distance", damping=DAMPING).value(SADDLE, POINT)
    expected = qpc.hot_spot(SADDLE, POINT, DAMPING).distance
    assert float(distance) == pytest.approx(float(expected), rel=1e-12)


def test_objectives_that_are_refused():
    with pytest.raises(ValueError, match=r"no observable 'curent' to optimise: did you mean curr"):
        Minimise("curent")
    with pytest.raises(TypeError, match="must be the name of an observable or a function"):
        Minimise(3.0)


SPEC = """
[scatterer]
model = "saddle"
height = 3.0
hbar_omega_y = 6.0
hbar_omega_x = 1.0
[reservoirs]
mu = 6.3
bias = 1.5
[objective]
kind = "maximise"
observable = "%s"
[free]
height = [2.0, 4.0]
"""


def test_an_objective_by_name_in_a_spec(tmp_path):
    path = tmp_path / "design.toml"
    path.write_text(SPEC % "current")
    objective = read_design_spec(path).positional[0]
    assert isinstance(objective, Maximise)
    assert objective.title == "largest current"
    path.write_text(SPEC % "curent")
    with pytest.raises(InputError, match="no observable 'curent' to optimise"):
        read_design_spec(path)
    path.write_text(SPEC.replace("observable", "name") % "current")
    with pytest.raises(InputError, match="there is no 'name' in objective, with the kind maximise"):
        read_design_spec(path)


@pytest.mark.parametrize("name", ["inelastic_length", "hot_spot_status", "curent"])
def test_a_constraint_on_what_a_design_does_not_have(name):
    with pytest.raises(ValueError, match=f"no observable '{name}' to constrain"):
        Constraint(name, 1.0)
