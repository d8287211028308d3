"""Electron temperatures from the heat balance, against a table and the equations themselves."""

import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import TABLES

import qpcjax as qpc
from qpcjax.constants import BOLTZMANN
from qpcjax.transport.self_heating import FOUND, NO_BALANCE, NOT_KNOWN

SADDLE = qpc.SaddlePoint(10.0, 3.0, 1.0, modes=3)
ROWS = json.loads((TABLES / "heat.json").read_text())["self_heating"]
NAMES = {
    "temperature_left": "T_left_K",
    "temperature_right": "T_right_K",
    "current": "current_nA",
    "left": "P_left_pW",
    "right": "P_right_pW",
}
LORENZ = np.pi**2 / 3 * BOLTZMANN**2  # mV^2/K^2; R I in 1e-6 mV, R P in 1e-6 mV^2
# Columns: mu, bias, mean temperature and difference of the baths, resistance.
TABLE_POINTS = np.array(
    [[row["mu"], row["bias"], row["bath_K"], 0.0, row["lead_ohm"]] for row in ROWS]
)
# mu from far below the first step to a plateau, hardly any bias and much of it, baths at 0 K.
HARD = np.array(
    list(itertools.product([8.0, 11.5, 13.0], [1e-6, 0.3, 4.0], [0.0, 0.3], [0.0], [1.0, 3e3]))
)
HOT = [13.0, 4.0, 0.3, 0.0, 5e3]  # electrons of 20 K
NEGATIVE, NO_RESISTANCE = [11.5, 2.0, 0.3, 0.0, -5.0], [11.5, 2.0, 0.3, 0.0, 0.0]
# Where derivatives are taken: on a step, where a side is cooled, baths at 0 K, far below the step.
SLOPES = np.array(
    [
        [11.5, 2.0, 0.3, 0.1, 100.0],
        [10.8, 0.4, 1.0, 0.0, 2e3],
        [11.4, 1.0, 0.0, 0.0, 500.0],
        [9.5, 3.0, 0.3, -0.2, 4e3],
    ]
)
STEPS = 1e-4 * np.diag([1.0, 1.0, 0.3, 0.3, 1e3])
BESIDE = np.concatenate([(SLOPES[:, None] + s * STEPS).reshape(-1, 5) for s in (1, -1)])


def at(numbers):
    mu, bias, bath, difference, resistance = numbers
    return qpc.self_heated(SADDLE, qpc.Reservoirs(mu, bias, bath, difference), resistance)


@pytest.fixture(scope="module")
def answers():
    """All points in one program: of the table, hard, without balance, beside others."""
    # Those beside a bath at 0 K would be colder than 0 K.
    beside = np.where(BESIDE[:, 2:3] - np.abs(BESIDE[:, 3:4]) / 2 < 0, SLOPES[0], BESIDE)
    groups = {
        "table": TABLE_POINTS,
        "hard": HARD,
        "odd": [NEGATIVE, NO_RESISTANCE],
        "beside": beside,
    }
    found = at(np.concatenate(list(groups.values())).T)
    ends = np.cumsum([len(group) for group in groups.values()])[:-1]
    parts = [np.split(np.asarray(x), ends) for x in found]
    return {name: qpc.SelfHeated._make([p[k] for p in parts]) for k, name in enumerate(groups)}


def off_balance(found, bath, difference, resistance):
    """How far both squares of the temperatures are off the balance, of their size."""
    joule = (1e-6 * resistance * np.asarray(found.current)) ** 2
    off = []
    for hot, power, sign in (
        (found.temperature_left, found.left, 1),
        (found.temperature_right, found.right, -1),
    ):
        wanted = (bath + sign * difference / 2) ** 2
        wanted = wanted + (2e-6 * resistance * np.asarray(power) + joule) / LORENZ
        off.append(np.abs(np.asarray(hot) ** 2 - wanted) / (1e-9 + wanted))
    return np.array(off)


def test_temperatures_are_those_of_the_table(answers):
    for name, key in NAMES.items():
        wanted = [row[key] for row in ROWS]
        np.testing.assert_allclose(getattr(answers["table"], name), wanted, rtol=1e-12)
    np.testing.assert_array_equal(answers["table"].status, FOUND)


def test_hard_cases_keep_the_balance_and_are_what_dissipation_says(answers):
    found = answers["hard"]
    mu, bias, bath, _, resistance = HARD.T
    np.testing.assert_array_equal(found.status, FOUND)
    assert np.max(off_balance(found, bath, 0.0, resistance)) < 1e-11
    assert np.max(found.temperature_right) > 15
    again = qpc.dissipation(
        qpc.SaddlePoint(10.0, 3.0, 1.0, modes=24),
        qpc.Reservoirs(
            mu,
            bias,
            (found.temperature_left + found.temperature_right) / 2,
            found.temperature_left - found.temperature_right,
        ),
    )
    size = np.abs(again.left) + np.abs(again.right)
    assert np.all(np.abs(again.left - found.left) <= 1e-10 * size)


def test_derivatives_are_those_of_differences_in_both_modes(answers):
    along = np.array([0.3, -0.2, 0.1, 0.05, 40.0])

    def numbers(x):
        found = at(x)
        return jnp.stack([getattr(found, name) for name in NAMES]), found.status

    @jax.jit
    @jax.vmap
    def slopes(x):
        backward, status = jax.jacrev(numbers, has_aux=True)(x)
        return backward, jax.jvp(lambda x: numbers(x)[0], (x,), (along,))[1], status

    # A traced call has the modes of its scatterer, and says that they do not do.
    backward, forward, status = map(np.asarray, slopes(np.array([*SLOPES, HOT])))
    np.testing.assert_array_equal(status, [*[FOUND] * len(SLOPES), NOT_KNOWN])
    assert np.all(np.isnan(forward[-1]))
    backward, forward = backward[:-1], forward[:-1]
    np.testing.assert_allclose(forward, backward @ along, rtol=1e-9)
    scaled = np.moveaxis(backward, 2, 1) * np.diag(STEPS)[:, None]
    beside = np.stack([getattr(answers["beside"], name) for name in NAMES], axis=-1)
    above, below = beside.reshape(2, *scaled.shape)
    scale = np.max(np.abs(scaled), axis=1, keepdims=True)
    held = np.ones(scaled.shape, bool)
    held[2, 2:4] = False  # there is nothing below 0 K
    assert np.all((np.abs(scaled - (above - below) / 2) <= 1e-6 * scale)[held])


def test_limits_and_no_balance(answers):
    odd = answers["odd"]
    np.testing.assert_array_equal(odd.status, [NO_BALANCE, FOUND])
    assert np.isnan(odd.current[0])
    np.testing.assert_allclose(odd.temperature_right[1], 0.3, rtol=1e-12)


def test_hot_electrons_are_given_the_modes_that_they_need():
    found = at(HOT)
    assert found.temperature_right > 20
    _, _, bath, difference, resistance = HOT
    assert np.max(off_balance(found, bath, difference, resistance)) < 1e-11


# Columns: mu, bias, temperature and difference of the baths, Sigma, area.
COOLED = np.array(
    [
        [11.5, 2.0, 0.3, 0.1, 20.0, 50.0],
        [10.8, 0.4, 1.0, 0.0, 0.5, 400.0],
        [13.0, 4.0, 0.0, 0.0, 20.0, 1.0],
        [11.4, 1.0, 4.2, 0.0, 20.0, 3.0],
    ]
)
ROOMY = qpc.SaddlePoint(10.0, 3.0, 1.0, modes=12)  # a traced call has the modes that it is given
COOLED_STEPS = 1e-4 * np.array([1.0, 1.0, 0.3, 0.3, 1.0, 1.0])


def with_phonons(numbers):
    mu, bias, bath, difference, cooling, area = numbers
    r = qpc.Reservoirs(mu, bias, bath, difference)
    return qpc.self_heated(ROOMY, r, cooling=cooling, area=area)


def test_phonons_take_the_power_that_is_dissipated():
    along = COOLED_STEPS * (COOLED[:, [2]] > 0)  # there is nothing below 0 K
    found = with_phonons(np.concatenate([COOLED, COOLED + along, COOLED - along]).T)
    np.testing.assert_array_equal(found.status, FOUND)
    found, above, below = (
        qpc.SelfHeated._make(part) for part in zip(*(np.split(x, 3) for x in found), strict=True)
    )
    _, _, bath, difference, cooling, area = COOLED.T
    warm = found.temperature_left, found.temperature_right
    again = qpc.dissipation(
        ROOMY,
        qpc.Reservoirs(*COOLED.T[:2], sum(warm) / 2, warm[0] - warm[1]),
    )
    for hot, power, sign in zip(warm, (again.left, again.right), (1, -1), strict=True):
        given = 1e-3 * cooling * area * (hot**5 - (bath + sign * difference / 2) ** 5)
        np.testing.assert_allclose(given, power, rtol=1e-9)
    slopes = jax.jit(lambda x, v: jax.jvp(with_phonons, (x,), (v,))[1])(COOLED.T, along.T)
    for name in NAMES:
        numeric = (getattr(above, name) - getattr(below, name)) / 2
        np.testing.assert_allclose(getattr(slopes, name), numeric, rtol=1e-5, atol=1e-12)


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({}, "what takes the heat away is missing"),
        ({"area": 3.0}, "cooling .Sigma in fW"),
        ({"lead_resistance": 9.0, "cooling": 20.0}, "give lead_resistance, or cooling and area"),
        ({"cooling": -1.0, "area": 3.0}, "cooling must be a positive number"),
        ({"cooling": 1.0, "area": 3.0, "exponent": 1.0}, "exponent must be a number, 2 or more"),
    ],
)
def test_sinks_that_are_refused(stated, message):
    with pytest.raises(ValueError, match=message):
        qpc.self_heated(SADDLE, qpc.Reservoirs(11.5, 2.0, 0.3), **stated)
