"""Every property over the whole catalogue of hard cases."""

import numpy as np
import oracle
import pytest
from helpers import (
    MODES,
    PARAMETERS,
    POWER_UNIT,
    SCALES,
    derivative,
    hot_spot_jacobian_rows,
    hot_spot_rows,
    landauer_rows,
    moment_jacobian_rows,
    moment_rows,
    problem_vector,
)
from problems import PROBLEMS

VECTORS = np.array([problem_vector(p) for p in PROBLEMS])
SWAP = np.array([1, 1, 1, 1, 1, -1, 1, -1, 1])
CASES = [pytest.param(i, p, id=p.name) for i, p in enumerate(PROBLEMS)]


@pytest.fixture(scope="module")
def values():
    return landauer_rows(VECTORS)


@pytest.fixture(scope="module")
def slopes():
    return moment_jacobian_rows(VECTORS)


def exact_observables(p):
    sides = (p.kT + p.kT_difference / 2, p.kT - p.kT_difference / 2)
    return oracle.observables(p.ell, p.mu, p.bias, *sides, p.offset, modes=MODES)


@pytest.mark.parametrize(("row", "problem"), CASES)
def test_value(values, row, problem):
    exact = exact_observables(problem)
    for name in ("current", "left", "right", "asymmetry"):
        size = exact["current_size" if name == "current" else "power_size"]
        wrong = abs(values[name][row] / POWER_UNIT - exact[name])
        assert wrong <= 1e-10 * size, (name, wrong / size)


def test_heat_is_the_work_of_the_voltage(values):
    size = np.abs(values["left"]) + np.abs(values["right"])
    wrong = np.abs(values["left"] + values["right"] - VECTORS[:, 5] * values["current"])
    assert np.all(wrong <= 4e-15 * size)


def test_reversal_swaps_the_sides(values):
    back = landauer_rows(VECTORS * SWAP)
    size = np.abs(values["left"]) + np.abs(values["right"])
    assert np.all(np.abs(back["left"] - values["right"]) <= 1e-14 * size)
    assert np.all(np.abs(back["right"] - values["left"]) <= 1e-14 * size)
    assert np.all(np.abs(back["current"] + values["current"]) <= 1e-14 * np.abs(values["current"]))


def test_derivatives_are_finite(slopes):
    for name, by_parameter in slopes.items():
        finite = np.isfinite(by_parameter)
        wrong = [(PROBLEMS[i].name, PARAMETERS[j]) for i, j in np.argwhere(~finite)]
        assert not wrong, (name, wrong)


def differences_exist(problem, name, parameter):
    """Whether a difference quotient of this observable means something at this problem."""
    if parameter == "strength":
        return False
    if parameter == "temperature_bias":
        # A temperature difference needs a temperature.
        return problem.kT > 0
    # On a threshold and without temperature T' has a square-root cusp.
    cusp = {"threshold", "cold"} <= problem.tags and name == "conductance"
    return not cusp


@pytest.mark.parametrize("parameter", PARAMETERS[:-1])
def test_derivative_against_differences(slopes, parameter):
    j = PARAMETERS.index(parameter)
    wrong = []
    for row, problem in enumerate(PROBLEMS):
        thermal = parameter.startswith("temperature")
        forward = thermal and bool(problem.tags & {"cold", "cold_side"})
        theta = VECTORS[row]
        if parameter == "temperature_bias" and problem.kT_difference > 0 and forward:
            # The right side is the cold one, and a larger difference would cool it further. In
            # the mirror image it is the left one; the moments and the difference change sign.
            theta = theta * SWAP
        quotient = derivative(moment_rows, theta, parameter, forward=forward)
        at = moment_rows(theta)
        # Forwards from zero temperature everything grows as (kT)^2: the quotient is as good as
        # the secants that cancel in it.
        ahead = moment_rows(theta + 1e-5 * SCALES[parameter] * (np.arange(9) == j))
        for name, by_parameter in slopes.items():
            if not differences_exist(problem, name, parameter):
                continue
            size = max(abs(quotient[name]), abs(at[name][0]) / SCALES[parameter])
            if forward:
                secant = (ahead[name][0] - at[name][0]) / (1e-5 * SCALES[parameter])
                size = max(size, abs(secant))
            error = abs(by_parameter[row, j] - quotient[name])
            if error > 1e-6 * size:
                wrong.append((problem.name, name, by_parameter[row, j], quotient[name]))
    assert not wrong, wrong


@pytest.fixture(scope="module")
def hot_spots():
    return hot_spot_rows(VECTORS)


def test_hot_spot_is_found_or_its_absence_said(hot_spots):
    for i, problem in enumerate(PROBLEMS):
        answer = problem.kT > 0 or problem.bias != 0
        downstream = problem.mu - abs(problem.bias) / 2
        assert (hot_spots["status"][i] != 1) == (answer and downstream > 0), problem.name
        assert np.isfinite(hot_spots["energy"][i]) == (hot_spots["status"][i] != 1)
        assert np.isfinite(hot_spots["distance"][i]) == (hot_spots["status"][i] != 1)
        if hot_spots["status"][i] != 1:
            assert hot_spots["energy"][i] > downstream


def test_hot_spot_has_finite_derivatives(hot_spots):
    slopes = hot_spot_jacobian_rows(VECTORS)
    found = hot_spots["status"] != 1
    for name, by_parameter in slopes.items():
        wrong = [
            (PROBLEMS[i].name, PARAMETERS[j])
            for i, j in np.argwhere(~np.isfinite(by_parameter))
            if found[i]
        ]
        assert not wrong, (name, wrong)
