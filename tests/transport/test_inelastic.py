"""A probe inside a constriction against 80-bit sums, exact identities and differences."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import TABLES, in_rows

import qpcjax as qpc
from qpcjax import constants
from qpcjax.scatterers.logistic import LogisticSteps

ROWS = json.loads((TABLES / "inside_and_around.json").read_text())["probe"]
KINDS = ("energy", "voltage", "voltage_temperature")


NEVER = 1e5  # meV


class Steps(LogisticSteps):
    """Three modes that are all that there are; those of `NEVER` do not open."""

    tops: jax.Array
    width: jax.Array

    def steps(self, value):
        """Tops and widths."""
        return self.tops, self.width / (2 * np.pi) * jnp.ones_like(self.tops)

    def energy_limit(self):
        """Beyond all energies."""
        return 1e6


def part(numbers):
    """Tops and width of a part of the table."""
    if numbers["model"] == "open":
        return [-1e3, NEVER, NEVER, 1.0]
    opens = numbers["height"] + numbers["hbar_omega_y"] * (np.arange(3) + 0.5)
    kept = np.arange(3) < numbers["modes"]
    return [*np.where(kept, opens, NEVER), numbers["hbar_omega_x"]]


# One vector for a probe between two parts: tops and width of both, mu, bias, both temperatures.
def constriction(vector, kind):
    left, right = Steps(vector[:3], vector[3]), Steps(vector[4:7], vector[7])
    return qpc.InelasticConstriction(left, right, kind)


def flows(vector, kind):
    found = qpc.inelastic_transport(constriction(vector, kind), qpc.Reservoirs(*vector[8:]))
    return {k: v for k, v in found._asdict().items() if v is not None}


transport = {kind: in_rows(functools.partial(flows, kind=kind)) for kind in KINDS}


def sums(row, place):
    """Flows left and right of a probe at mu_P and T_P, by an even 80-bit sum over energies."""
    energy = np.arange(-60, 120, 0.01, dtype=np.longdouble)
    y = energy - row["mu"]

    def fermi(mu, temperature):
        return 1 / (1 + np.exp((energy - mu) / (constants.BOLTZMANN * temperature)))

    def opened(numbers):
        *tops, width = part(numbers)
        depths = (2 * np.pi / width * (top - energy) for top in tops)
        return sum(1 / (1 + np.exp(np.minimum(depth, 1e4))) for depth in depths)

    mu, half, bath = row["mu"], row["bias"] / 2, row["temperature"]
    probe = fermi(*place)
    left = opened(row["left"]) * (fermi(mu + half, bath) - probe)
    right = opened(row["right"]) * (probe - fermi(mu - half, bath))
    step = 0.01 * constants.CONDUCTANCE_QUANTUM
    return [step * float(np.sum(x)) for x in (left, y * left, right, y * right)]


@pytest.mark.parametrize("kind", KINDS)
def test_flows_and_probe_are_those_of_the_table(kind):
    # The table's sums for the warm probe reach as far as cold electrons do, and miss up to 1e-6.
    warm = kind == "voltage_temperature"
    rtol = 2e-6 if warm else 1e-12
    vectors = [
        [*part(r["left"]), *part(r["right"]), r["mu"], r["bias"], r["temperature"], 0.0]
        for r in ROWS
    ]
    every = transport[kind](vectors)
    np.testing.assert_array_equal(every["status"], 0)
    for i, row in enumerate(ROWS):
        found = {name: values[i] for name, values in every.items()}
        wanted, both = row[kind], [found[k] for k in ("current", "left", "right")]
        numbers = [wanted[k] for k in ("current_nA", "P_left_pW", "P_right_pW")]
        np.testing.assert_allclose(both, numbers, rtol=rtol)
        np.testing.assert_allclose(found["probe"], wanted["P_probe_pW"], rtol=1e-12, atol=1e-12)
        if kind == "energy":
            assert found.keys().isdisjoint({"mu", "temperature"})
            continue
        place = found["mu"], found["temperature"]
        np.testing.assert_allclose(place, [wanted["mu_probe_meV"], wanted["T_probe_K"]], rtol=rtol)
        left, heat_left, right, heat_right = sums(row, place)
        half = row["bias"] / 2
        balanced = [left, half * left - heat_left, half * right + heat_right]
        np.testing.assert_allclose(both, balanced, rtol=1e-12)
        np.testing.assert_allclose(left, right, rtol=1e-12)
        if warm:
            np.testing.assert_allclose(heat_left, heat_right, atol=1e-12 * abs(left))


SADDLES = [11.5, 14.5, NEVER, 1.0, 11.0, 14.0, NEVER, 1.2]


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_are_those_of_differences(kind):
    names = ("current", "left", "right", "probe", "mu", "temperature")
    moved = np.array([[1.0, 1.0, *[0.0] * 10], *np.eye(12)[8:]])  # the left part's tops and r

    def numbers(x, vector):
        found = flows(vector + x @ moved, kind)
        return jnp.stack([found[name] for name in names if name in found])

    h, slopes = 1e-4, jax.jit(jax.jacrev(numbers))
    for r in ([11.3, 0.7, 0.5, 0.1], [11.3, 0.0, 0.5, 0.0]):  # and in equilibrium
        vector = np.array([*SADDLES, *r])
        found = transport[kind](vector + h * np.concatenate([moved, -moved]))
        values = np.stack([found[name] for name in names if name in found])
        central = (values[:, :5] - values[:, 5:]) / (2 * h)
        size = np.maximum(np.abs(central).max(axis=1, keepdims=True), 1)
        np.testing.assert_allclose(slopes(np.zeros(5), vector) / size, central / size, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_heat_is_conserved_and_equilibrium_is_at_rest(kind):
    # A reversed bias, cold baths, thermal bias alone, deep tunnelling, a tiny bias, none.
    mu = np.array([11.3, 11.3, 11.3, 6.0, 11.3, 11.3])
    bias = np.array([-1.0, 1.0, 0.0, 0.1, 1e-6, 0.0])
    warm = np.array([0.5, 0.0, 0.5, 0.5, 0.5, 0.5])
    difference = np.array([0.0, 0.0, 0.3, 0.0, 0.0, 0.0])
    points = np.stack([mu, bias, warm, difference], axis=1)
    found = transport[kind]([[*SADDLES, *point] for point in points])
    np.testing.assert_array_equal(found["status"], 0)
    total = found["left"] + found["right"] + found["probe"]
    np.testing.assert_allclose(total, bias * found["current"], rtol=1e-9, atol=1e-11)
    at_rest = [found[name][5] for name in ("current", "left", "right", "probe")]
    np.testing.assert_allclose(at_rest, 0.0, atol=1e-13)
    assert found["temperature"][5] == 0.5
    assert found["mu"][5] == 11.3
    assert np.all(found["current"][np.array([1, 3, 4])] > 0)
    assert found["current"][0] < 0
    if kind == "voltage_temperature":
        size = np.abs(found["left"]) + np.abs(found["right"])
        assert np.all(np.abs(found["probe"]) <= 1e-9 * size + 1e-14)


def test_equal_parts_and_a_share_of_the_electrons():
    """Between equal halves the kinds agree on P_A; without a probe all is coherent."""
    barrier, r = qpc.SaddlePoint(10.0, 3.0, 1.0, modes=4), qpc.Reservoirs(11.5, 1.0, 0.5)
    without, current = qpc.dissipation(barrier, r), qpc.current(barrier, r)
    halves = {
        kind: qpc.inelastic_transport(qpc.InelasticConstriction.within(barrier, kind), r)
        for kind in KINDS
    }
    for found in halves.values():
        asymmetry = halves["energy"].right - halves["energy"].left
        np.testing.assert_allclose(found.right - found.left, asymmetry, rtol=1e-11)
        np.testing.assert_allclose(found.current, halves["energy"].current, rtol=1e-11)
    # T/(1 + T) of every mode, on an open plateau half of the coherent current.
    assert 0.5 * current < halves["energy"].current < current
    assert halves["voltage"].probe > 0.2 * halves["voltage"].current
    none = qpc.InelasticConstriction.within(barrier, "voltage", strength=0.0)
    found = qpc.inelastic_transport(none, r)
    np.testing.assert_allclose(found[:4], [current, *without, 0.0], rtol=1e-12, atol=1e-12)


def test_a_probe_that_cannot_balance_says_so():
    # Electrons would have to leave an upper level that is fuller than the lower one.
    low, high = (qpc.BreitWigner(e, 0.01) for e in (9.0, 11.0))
    r = qpc.Reservoirs(10.0, -6.0, 1.0)
    found = qpc.inelastic_transport(qpc.InelasticConstriction(low, high), r)
    assert found.status == 1
    assert np.isnan(found.current)
    assert np.isnan(found.temperature)


@pytest.mark.parametrize("kind", KINDS[1:])
def test_closed_parts_balance_nothing(kind):
    closed = [NEVER, NEVER, NEVER, 1.0]
    found = transport[kind]([[*closed, *closed, 10.0, 1.0, 1.0, 0.0]])
    assert found["status"] == 1
    assert np.isnan(found["left"])


@pytest.mark.parametrize("kind", ["energy", "voltage_temperature"])
def test_errors_of_the_quadrature_hold(kind):
    """With four nodes in a panel the errors can be seen; those of the probe's state are in them."""
    vector = np.array([*SADDLES, 11.5, 1.0, 0.5, 0.0])
    c, r = constriction(vector, kind), qpc.Reservoirs(*vector[8:])
    if kind == "energy":  # the other one shares a program with the tests above
        c = qpc.InelasticConstriction(c.left, c.right, kind, 0.7, beside=c.left)
        fine = jax.jit(qpc.inelastic_transport)(c, r)._asdict()
    else:
        fine = {name: value[0] for name, value in transport[kind](vector).items()}
    coarse, error = jax.jit(qpc.inelastic_transport, static_argnums=(2, 3))(c, r, 4, True)
    for name in ("current", "left", "right", "probe", "mu", "temperature"):
        value, estimate = getattr(coarse, name), getattr(error, name)
        if value is None:
            assert estimate is None
            continue
        miss = abs(float(value) - float(fine[name]))
        assert miss <= estimate, name
        assert estimate < 1e-3 * abs(float(fine["current"])), name
    assert error.status == 0


def test_bad_input_is_refused():
    step = qpc.IdealStep(10.0)
    with pytest.raises(ValueError, match="probe must be one of energy, voltage"):
        qpc.InelasticConstriction(step, step, "thermal")
    with pytest.raises(ValueError, match="strength must be a number from 0 to 1, got 1"):
        qpc.InelasticConstriction.within(step, strength=1.5)
    with pytest.raises(ValueError, match="beside must be given"):
        qpc.InelasticConstriction(step, step, strength=0.5)
    with pytest.raises(TypeError, match="is not a scatterer"):
        qpc.InelasticConstriction(step, 3.0)
    with pytest.raises(TypeError, match="without a probe use"):
        qpc.inelastic_transport(step, qpc.Reservoirs(10.0))
    with pytest.raises(TypeError, match="what its probe emits depends on"):
        qpc.dissipation(qpc.InelasticConstriction(step, step), qpc.Reservoirs(10.0, 1.0, 1.0))
