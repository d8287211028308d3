"""Maps over mu and bias against the integrals point by point, and against the oracle."""

import jax
import jax.numpy as jnp
import numpy as np
import oracle
import pytest
from helpers import HALF_WIDTH, MASS, POWER_UNIT, constriction, kelvin

import qpcjax as qpc

TOLERANCE = 1e-8  # of the integral of the modulus


def observables(current, p):
    """I, P_L, P_R, P_A."""
    return np.stack([current, p.left, p.right, p.asymmetry])


@jax.jit
def by_map(c, r):
    m = qpc.transport_map(c, r)
    return m.current, m.dissipation


@jax.jit
def by_point(c, r):
    return qpc.current(c, r), qpc.dissipation(c, r)


def points(count=120):
    """Biases from 1e-3 E1, and potentials with the steps and their neighbourhood among them."""
    rng = np.random.default_rng(2)
    bias = np.exp(rng.uniform(np.log(1e-3), np.log(1.5), count))
    mu = rng.uniform(0.1, 6.5, count) + bias / 2
    mu[:8] = [1, 4, 1, 4, 1.001, 3.999, 4 + bias[6] / 2, 1 - bias[7] / 2]
    return mu, bias


@pytest.mark.parametrize("kT", [0.0, 0.04, 1e-3])
def test_point_by_point(kT):
    mu, bias = points()
    c, r = constriction(2.0), qpc.Reservoirs(mu, bias, kelvin(kT))
    # Through the public function: only there the temperature is known to be 0.
    m = qpc.transport_map(c, r)
    found, exact = observables(*m), observables(*by_point(c, r))
    # The moduli of the integrands of the current and, from below, of the three powers.
    size = np.stack(
        [exact[0], *[np.maximum(exact[0] * bias, np.abs(exact[i])) / 2 for i in (1, 2, 3)]]
    )
    assert np.all(np.isfinite(found))
    wrong = np.abs(found - exact) / size
    assert np.max(wrong) <= TOLERANCE, np.unravel_index(np.argmax(wrong), wrong.shape)


@pytest.mark.parametrize(
    ("mu", "bias", "kT"), [(1.02, 1e-3, 0.0), (3.9, 0.4, 0.04), (0.6, 0.2, 0.0)]
)
def test_oracle(mu, bias, kT):
    exact = oracle.observables(2.0, mu, bias, kT, kT, modes=3)
    m = qpc.transport_map(constriction(2.0), qpc.Reservoirs(mu, bias, kelvin(kT)))
    for name in ("left", "right", "asymmetry"):
        size = exact["asymmetry_size" if name == "asymmetry" else "power_size"]
        wrong = abs(float(getattr(m.dissipation, name)) / POWER_UNIT - exact[name])
        assert wrong <= TOLERANCE * size, name


def test_a_grid_and_the_direction_of_the_bias():
    c = constriction(1.0)
    mu, bias = np.linspace(0.7, 3.0, 7)[:, None], np.array([-0.3, -1e-3, 0.0, 1e-3, 0.3])
    m = qpc.transport_map(c, qpc.Reservoirs(mu, bias))
    assert m.current.shape == m.dissipation.left.shape == (7, 5)
    current, p = np.asarray(m.current), m.dissipation
    np.testing.assert_array_equal(current[:, 2], 0)
    np.testing.assert_allclose(current, -current[:, ::-1], rtol=1e-13)
    np.testing.assert_allclose(p.left, np.asarray(p.right)[:, ::-1], rtol=1e-9)
    np.testing.assert_allclose(p.total, current * bias, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("kT", [0.0, 0.05])
def test_derivatives(kT):
    """By the geometry, mu and bias: those of the integrals."""
    mu, bias = np.array([1.1, 2.2, 4.1]), np.array([0.2, 1e-2, 0.5])

    def total(function):
        def of(x):
            c = qpc.AbruptConstriction(x[0], x[1], mass=MASS, modes=3, aspect_limit=2)
            current, p = function(c, qpc.Reservoirs(mu + x[2], bias + x[3], kelvin(kT)))
            return jnp.stack([current, p.left, p.asymmetry])

        return np.asarray(jax.jacfwd(of)(jnp.asarray([HALF_WIDTH, 3 * HALF_WIDTH, 0.0, 0.0])))

    exact = total(by_point)
    # Inside a trace an unknown temperature may be 0: the map is then that of thermal averages.
    np.testing.assert_allclose(
        total(lambda c, r: tuple(qpc.transport_map(c, r))),
        exact,
        rtol=1e-6,
        atol=1e-7 * np.max(np.abs(exact)),
    )


def test_other_scatterers():
    mu, bias = np.array([0.8, 1.0, 1.7]), np.array([0.3, 0.01, 0.9])
    for c in (
        qpc.IdealStep(1.0),
        qpc.AbruptConstriction(HALF_WIDTH, 3 * HALF_WIDTH, mass=MASS, modes=2, matching="profile"),
    ):
        r = qpc.Reservoirs(mu, bias)
        found, exact = observables(*qpc.transport_map(c, r)), observables(*by_point(c, r))
        np.testing.assert_allclose(found, exact, rtol=1e-7, atol=1e-9)


@pytest.mark.slow
def test_outside_its_validity_a_point_is_nan_and_no_other():
    c = constriction(1.0)  # three modes: up to 9 E1
    mu = np.array([2.0, 8.9, 5.0])
    for kT in (0.0, 0.04):
        m = qpc.transport_map(c, qpc.Reservoirs(mu, 0.3, kelvin(kT)))
        p = qpc.dissipation(c, qpc.Reservoirs(mu, 0.3, kelvin(kT)))
        assert np.isnan(m.current).tolist() == [False, True, False]
        np.testing.assert_allclose(m.dissipation.right[::2], p.right[::2], rtol=1e-7)


def test_what_it_does_not_take():
    c = constriction(1.0)
    with pytest.raises(ValueError, match="one temperature, a scalar, got shape"):
        qpc.transport_map(c, qpc.Reservoirs(1.0, 0.1, np.array([0.0, 1.0])))
    with pytest.raises(ValueError, match="same temperature on both sides"):
        qpc.transport_map(c, qpc.Reservoirs(1.0, 0.1, 1.0, 0.5))
    biased = qpc.BiasedConstriction(HALF_WIDTH, 3 * HALF_WIDTH, mass=MASS, modes=1)
    with pytest.raises(ValueError, match="does not depend on the bias, unlike that of Biased"):
        qpc.transport_map(biased, qpc.Reservoirs(0.6, np.array([0.1, 0.2])))
