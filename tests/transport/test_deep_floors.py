"""Integrals over the sharp resonances of nearly bound states, over floors below -E1."""

import functools

import jax
import numpy as np
import oracle
import pytest
from helpers import CURRENT_UNIT, HALF_WIDTH, MASS, constriction

import qpcjax as qpc

# L/2w, U, mu, eV and kT in E1; a resonance of mode 2 stands at 1.1696 with half a width of 8e-4.
POINTS = [
    (3.3, -3.5, 1.17, 0.2, 0.0),
    (3.3, -3.5, 1.4, 0.3, 0.01),
    (1.2, -1.05, 0.5, 0.9, 0.0),
    (5.7, -1.9, 0.6, 0.5, 0.02),
    (4.9, -3.97, 4.3, 0.6, 0.0),
]


def moving(numbers):
    """Current in units of 2e E1/h of (w, L, U, mu, eV, T)."""
    w, length, offset, *rest = numbers
    c = qpc.AbruptConstriction(w, length, offset, MASS, modes=3, aspect_limit=30, depth_limit=4)
    return qpc.current(c, qpc.Reservoirs(*rest), with_error=True)


@functools.cache
def found():
    """Currents, their estimated errors and derivatives at the points."""
    rows = np.array(
        [
            [HALF_WIDTH, 2 * HALF_WIDTH * ell, u, mu, bias, kT / qpc.constants.BOLTZMANN]
            for ell, u, mu, bias, kT in POINTS
        ]
    )

    def each(row):
        return moving(row), jax.jacfwd(lambda row: moving(row)[0])(row)

    (value, error), slopes = jax.jit(lambda rows: jax.lax.map(each, rows))(rows)
    return rows, *(np.asarray(x) / CURRENT_UNIT for x in (value, error, slopes))


def exact(ell, u, mu, bias, kT):
    return oracle.observables(ell, mu, bias, kT, kT, u, modes=3)["current"]


@pytest.mark.parametrize("k", range(len(POINTS)))
def test_currents_and_their_derivatives(k):
    rows, values, errors, slopes = found()
    right = exact(*POINTS[k])
    assert values[k] == pytest.approx(right, rel=1e-11)
    assert abs(values[k] - right) <= errors[k] <= 1e-10 * right
    step = 1e-5
    for column, at, unit in [(1, 0, 2 * HALF_WIDTH), (2, 1, 1.0), (3, 2, 1.0)]:
        points = [list(POINTS[k]) for _ in range(4)]
        for point, by in zip(points, (-2, -1, 1, 2), strict=True):
            point[at] += by * step
        i = [exact(*point) for point in points]
        central = (8 * (i[2] - i[1]) - (i[3] - i[0])) / (12 * step)
        assert slopes[k, column] * unit == pytest.approx(central, rel=1e-6, abs=1e-8)
    # The current is proportional to E1, of the powers of w and of energies: Euler's relation.
    scaled = rows[k] * slopes[k] * np.array([1, 1, -2, -2, -2, -2])
    assert np.sum(scaled) == pytest.approx(-2 * right, rel=1e-8)


def test_panels_are_chosen_by_the_floor():
    assert constriction(3.0).depth_limit == 0 == constriction(3.0, -0.9).depth_limit
    assert constriction(3.0, -1.3).depth_limit == 2
    shallow, deep = (
        jax.eval_shape(constriction(3.0, floor).panel_edges).size for floor in (-0.85, -1.3)
    )
    assert deep > shallow


def test_a_floor_that_no_panel_expects_has_no_value():
    """Limits that do not hold: too deep, or with room for fewer resonances than there are."""

    def current(offset, ell, depth, aspect=30.0):
        c = qpc.AbruptConstriction(
            HALF_WIDTH, 2 * HALF_WIDTH * ell, offset, MASS, depth_limit=depth, aspect_limit=aspect
        )
        return bool(c.resolved())

    assert current(-3.9, 3.0, 4.0)
    assert not current(-4.1, 3.0, 4.0)
    assert not current(-0.95, 3.0, 0.0)
    assert current(-0.85, 3.0, 0.0)
    assert not current(-3.9, 8.0, 4.0)
    with pytest.raises(ValueError, match="depth_limit must be 0 or a positive number, got -1"):
        current(-3.9, 3.0, -1)
    traced = jax.jit(lambda u: qpc.conductance(qpc.AbruptConstriction(20.0, 80.0, u), 2.0, 1.0))
    assert np.isnan(float(traced(-4.0)))
    assert np.isfinite(float(traced(-1.0)))
