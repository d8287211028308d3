"""Electron temperatures from the heat balance, against a table and the equations themselves."""

import jax
import numpy as np

import qpcjax as qpc
from qpcjax.constants import BOLTZMANN

SADDLE = qpc.SaddlePoint(10.0, 3.0, 1.0, modes=3)
# 80-bit sums, eV = 2 meV, baths of 0.3 K, leads of 100 ohm: mu, T_L, T_R, P_L, P_R.
ROWS = np.array(
    [
        [13.0, 1.162987877113649, 1.1765046513989756, 153.01916074465464, 156.88184311182084],
        [11.5, 0.657294652214621, 1.0106016864739003, 41.47972590952903, 113.46035077371806],
    ]
)


def test_temperatures_are_those_of_the_table_and_keep_the_balance():
    mu, left, right, p_left, p_right = ROWS.T
    found = qpc.self_heated(SADDLE, qpc.Reservoirs(mu, 2.0, 0.3), 100.0)
    for value, wanted in zip(found[:2] + found[3:], (left, right, p_left, p_right), strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-12)
    lorenz = np.pi**2 / 3 * BOLTZMANN**2  # mV^2/K^2; R I in 1e-6 mV, R P in 1e-6 mV^2
    joule = (1e-4 * found.current) ** 2
    balance = 0.3**2 + (2e-4 * found.left + joule) / lorenz
    np.testing.assert_allclose(found.temperature_left**2, balance, rtol=1e-12)
    at = qpc.dissipation(
        qpc.SaddlePoint(10.0, 3.0, 1.0),
        qpc.Reservoirs(mu, 2.0, (left + right) / 2, left - right),
    )
    np.testing.assert_allclose(at.right, found.right, rtol=1e-11)


def test_derivatives_and_limits():
    heated = jax.jit(
        lambda mu, r: qpc.self_heated(SADDLE, qpc.Reservoirs(mu, 2.0, 0.3), r).temperature_right
    )
    slopes = jax.grad(heated, (0, 1))(11.5, 100.0)
    central = [
        (heated(11.5 + 1e-4, 100.0) - heated(11.5 - 1e-4, 100.0)) / 2e-4,
        (heated(11.5, 100.1) - heated(11.5, 99.9)) / 0.2,
    ]
    np.testing.assert_allclose(slopes, central, rtol=1e-6)
    np.testing.assert_allclose(heated(11.5, 0.0), 0.3, rtol=1e-9)
    assert np.isnan(heated(11.5, -5.0))
