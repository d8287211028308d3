"""Every property over the whole catalogue of hard cases."""

import numpy as np
import oracle
import pytest
from helpers import (
    DERIVATIVES,
    MODES,
    PARAMETERS,
    POWER_UNIT,
    SCALES,
    distance_derivative,
    hot_spot_jacobian_rows,
    hot_spot_rows,
    landauer_rows,
    moment_curvature_rows,
    moment_jacobian_rows,
    moment_rows,
    problem_vector,
    table_derivative,
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


def entry_of(problem):
    """The problem's entry in the table of derivatives."""
    (entry,) = (e for e in DERIVATIVES if e["name"] == problem.name)
    return entry


def test_the_table_is_that_of_the_catalogue():
    assert [e["name"] for e in DERIVATIVES] == [p.name for p in PROBLEMS]
    for e, p in zip(DERIVATIVES, PROBLEMS, strict=True):
        at = e["at"]
        assert (at["ell"], at["offset"], at["mu"], at["bias"]) == (p.ell, p.offset, p.mu, p.bias)
        assert at["kT_left"] + at["kT_right"] == pytest.approx(2 * p.kT, rel=1e-14)
        assert at["kT_left"] - at["kT_right"] == pytest.approx(p.kT_difference, rel=1e-13)


@pytest.fixture(scope="module")
def moments():
    return moment_rows(VECTORS)


@pytest.mark.parametrize(("row", "problem"), CASES)
def test_moments_and_conductance_of_the_table(moments, row, problem):
    entry = entry_of(problem)
    for name in ("zeroth", "first", "conductance"):
        size = entry[name].get("size", entry[name]["value"])
        assert abs(moments[name][row] - entry[name]["value"]) <= 1e-10 * size, name


@pytest.mark.parametrize(("row", "problem"), CASES)
def test_derivatives_of_the_table(slopes, row, problem):
    entry, wrong = entry_of(problem), []
    for name, by_parameter in slopes.items():
        value = entry[name]["value"]
        size = entry[name].get("size", value)
        for j, parameter in enumerate(PARAMETERS[:-1]):
            exact = table_derivative(entry, name, parameter)
            # Relative to the derivative, or to what the parameter's own scale makes of the value.
            scale = max(abs(exact), size / SCALES[parameter])
            error = abs(by_parameter[row, j] - exact)
            if error > 1e-9 * scale:
                wrong.append((name, parameter, by_parameter[row, j], exact, error / scale))
    assert not wrong, wrong


def direction_of(problem):
    """A direction that moves every parameter by which second derivatives exist there."""
    signs = np.array([1.0, -0.7, 0.4, 0.8, 0.9, -0.6, 0.5, 0.3, 0.0])
    if problem.tags & {"cold", "cold_side"}:
        signs[6:8] = 0  # a temperature that can only grow has no central differences
    return signs * np.array([SCALES[name] for name in PARAMETERS])


@pytest.mark.slow
def test_second_derivatives_against_differences_of_the_first():
    # On a threshold T'' diverges, and without temperature nothing smooths it.
    sharp = [{"threshold"} <= p.tags and bool(p.tags & {"cold", "cold_side"}) for p in PROBLEMS]
    ways = np.array([direction_of(p) for p in PROBLEMS])
    curvature = moment_curvature_rows(np.concatenate([VECTORS, ways], axis=1))
    h = 1e-5
    moved = [moment_jacobian_rows(VECTORS + m * h * ways) for m in (-1, -0.5, 0.5, 1)]
    at = moment_rows(VECTORS)
    wrong = []
    for name, value in curvature.items():
        far = (moved[3][name] - moved[0][name]) / (2 * h)
        near = (moved[2][name] - moved[1][name]) / h
        exact = (4 * near - far) / 3
        for i, problem in enumerate(PROBLEMS):
            if sharp[i]:
                continue
            entry = entry_of(problem)[name]
            size = entry.get("size", abs(at[name][i]))
            for j, parameter in enumerate(PARAMETERS[:-1]):
                scale = max(abs(exact[i, j]), size / SCALES[parameter])
                error = abs(value[i, j] - exact[i, j])
                if not error <= 1e-5 * scale:
                    wrong.append((problem.name, name, parameter, value[i, j], exact[i, j]))
    assert not wrong, wrong
    # They exist, as finite numbers, everywhere.
    assert all(np.all(np.isfinite(value)) for value in curvature.values())


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


@pytest.fixture(scope="module")
def hot_spot_slopes():
    return hot_spot_jacobian_rows(VECTORS)


def test_hot_spot_has_finite_derivatives(hot_spots, hot_spot_slopes):
    found = hot_spots["status"] != 1
    for name, by_parameter in hot_spot_slopes.items():
        wrong = [
            (PROBLEMS[i].name, PARAMETERS[j])
            for i, j in np.argwhere(~np.isfinite(by_parameter))
            if found[i]
        ]
        assert not wrong, (name, wrong)


@pytest.mark.parametrize(("row", "problem"), CASES)
def test_hot_spot_of_the_table(hot_spots, hot_spot_slopes, row, problem):
    entry, wrong = entry_of(problem), []
    if entry["energy"] is None:
        assert hot_spots["status"][row] == 1
        return
    exact = {"energy": entry["energy"]["value"], "distance": distance_derivative(entry, None)}
    assert hot_spots["energy"][row] == pytest.approx(exact["energy"], rel=1e-9)
    assert hot_spots["distance"][row] == pytest.approx(exact["distance"], rel=1e-8)
    for j, parameter in enumerate(PARAMETERS):
        slopes = {"distance": distance_derivative(entry, parameter)}
        if parameter != "strength":
            slopes["energy"] = table_derivative(entry, "energy", parameter)
        for name, slope in slopes.items():
            if slope is None:
                continue  # infinite or one-sided: see hot_spot
            scale = max(abs(slope), exact[name] / SCALES[parameter])
            error = abs(hot_spot_slopes[name][row, j] - slope)
            if error > 1e-6 * scale:
                wrong.append((name, parameter, hot_spot_slopes[name][row, j], slope))
    assert not wrong, wrong
