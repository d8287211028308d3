"""Every objective of a design with every barrier there is, against a scan of its one number."""

import itertools

import jax
import numpy as np
import pytest

import qpcjax as qpc
from qpcjax.designing import (
    FlattestPlateau,
    HotSpotAt,
    MostAsymmetry,
    StrongestCooling,
    TargetConductance,
    TargetTransmission,
)
from qpcjax.designing.problem import placed

BARRIERS = {
    "mean": qpc.AbruptConstriction(20.0, 40.0, modes=3),
    "profile": qpc.AbruptConstriction(20.0, 40.0, matching="profile", modes=3),
    "matched": qpc.MatchedConstriction(20.0, 40.0, channel_modes=9),
    "biased": qpc.BiasedConstriction(20.0, 40.0, modes=3),
    "adiabatic": qpc.AdiabaticConstriction(20.0, 100.0, modes=4),
    "saddle": qpc.SaddlePoint(2.0, 3.0, 1.0, modes=5),
    "table": qpc.TabulatedTransmission(np.linspace(-5, 30, 8), [0, 0, 0.3, 1, 1, 2, 2, 3]),
    "split": qpc.ZeemanSplit(qpc.SaddlePoint(2.0, 3.0, 1.0, modes=5), 3.0),
}  # fmt: skip
OBJECTIVES = {
    "asymmetry": MostAsymmetry(),
    "cooling": StrongestCooling(),
    "hot spot": HotSpotAt(2000.0),
    "plateau": FlattestPlateau(0.5),
    "transmission": TargetTransmission([3.0, 5.0], [0.3, 0.8]),
    "conductance": TargetConductance([3.0, 5.0], [0.3, 0.8]),
}
RESERVOIRS = qpc.Reservoirs(4.0, 1.0, 1.0)
FREE = {
    "mean": "half_width", "profile": "length", "matched": "half_width", "biased": "half_width",
    "adiabatic": "curvature_radius", "saddle": "hbar_omega_x", "table": "mu", "split": "height",
}  # fmt: skip
RANGE = {
    "half_width": (15.0, 25.0), "length": (20.0, 60.0), "curvature_radius": (50.0, 200.0),
    "hbar_omega_x": (0.5, 2.0), "mu": (3.0, 9.0), "height": (1.0, 4.0),
}  # fmt: skip

# These two have potentials of their own: a table has no number that would change them.
PAIRS = [
    (barrier, objective)
    for barrier, objective in itertools.product(BARRIERS, OBJECTIVES)
    if barrier != "table" or objective not in ("transmission", "conductance")
]


@pytest.mark.slow  # half a minute of compilation for most pairs
@pytest.mark.parametrize(("barrier", "objective"), PAIRS)
def test_the_optimum_is_that_of_a_scan(barrier, objective):
    name = FREE[barrier]
    found = qpc.design(OBJECTIVES[objective], BARRIERS[barrier], RESERVOIRS, {name: RANGE[name]})
    assert found.status == "converged", found.message
    scan = np.linspace(*RANGE[name], 41)
    values = _scan(found, name, scan)
    sign = -1 if OBJECTIVES[objective].maximise else 1
    best = np.argmin(sign * values)
    assert sign * found.value <= sign * values[best] + 1e-7 * np.ptp(values)
    around = values[max(best - 1, 0) : best + 2]
    assert abs(found.value - values[best]) <= np.ptp(around) + 1e-12


def _scan(found, name, scan):
    """The objective along the one free number, each value by itself."""

    @jax.jit
    def one(x):
        scatterer, r = placed(found.scatterer, found.reservoirs, {name: x})
        return found.problem.objective.value(scatterer, r)

    return np.array([float(one(x)) for x in scan])


def test_a_window_of_potentials_moves_the_gap_along():
    saddle = qpc.SaddlePoint(2.0, 3.0, 1.0, modes=4)
    mu, kelvin = np.array([4.0, 4.3]), 0.5
    alone = [qpc.conductance(qpc.SpinGap(saddle, m, onset=-0.3), m, kelvin) for m in mu]
    target = TargetConductance(mu, [0.0, 0.0])
    r = qpc.Reservoirs(3.0, temperature=kelvin)
    found = target.parts(qpc.SpinGap(saddle, 3.0, onset=-0.3), r)
    np.testing.assert_allclose(found, alone, rtol=1e-12)
