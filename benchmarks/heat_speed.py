"""Noise, thermoelectrics and damping laws beside `dissipation` and the quadratic law."""

import time

import jax
import numpy as np

import qpcjax as qpc
from benchmarks.timing import number

HEADER = ["", "barrier", "one point (us)", "times", "batch (us a point)", "times"]
TITLE = "Noise, thermoelectrics and damping laws"
_WIDTH, _LENGTH = 20.0, 80.0  # nm, the channel of every benchmark
_CALLS = 40


def _side_by_side(functions, calls):
    """Least seconds of each function, one after the other in turns.

    What other programs do to the machine meets all of them, and the least time is free of it.
    """
    for function in functions:
        jax.block_until_ready(function())
    seconds = [[] for _ in functions]
    for _ in range(calls):
        for function, found in zip(functions, seconds, strict=True):
            start = time.perf_counter()
            jax.block_until_ready(function())
            found.append(time.perf_counter() - start)
    return [min(found) for found in seconds]


def _barriers():
    """By name: a barrier and the energy in meV of which mu and bias are counted."""
    abrupt = qpc.AbruptConstriction(_WIDTH, _LENGTH, modes=3)
    return {
        "abrupt, L/2w = 2": (abrupt, float(abrupt.energy_scale)),
        "saddle": (qpc.SaddlePoint(3.0, 3.0, 1.0, modes=3), 4.0),
    }


def rows(points):
    """Rows of the table, batches of so many points."""
    found = []
    for barrier, (c, unit) in _barriers().items():
        mu = np.linspace(1.1, 1.6, points) * unit
        one, many = (qpc.Reservoirs(m, 0.3 * unit, 0.5) for m in (1.2 * unit, mu))
        laws = {"quadratic": qpc.QuadraticDamping(), "RPA": qpc.RPADamping(density=2.0)}
        groups = [
            {
                "dissipation": qpc.dissipation,
                "noise": qpc.noise,
                "thermoelectrics": lambda c, r: qpc.thermoelectrics(c, r.mu, r.temperature),
            },
            {
                f"hot_spot, {name}": lambda c, r, law=law: qpc.hot_spot(c, r, law)
                for name, law in laws.items()
            },
        ]
        for group in groups:
            at_one, at_many = (
                _side_by_side([lambda f=f, r=r, c=c: f(c, r) for f in group.values()], calls)
                for r, calls in ((one, 10 * _CALLS), (many, _CALLS // 4))
            )
            for name, single, batch in zip(group, at_one, at_many, strict=True):
                times = f"{single / at_one[0]:.2f}", f"{batch / at_many[0]:.2f}"
                each = number(single * 1e6), number(batch / points * 1e6)
                found.append([name, barrier, each[0], times[0], each[1], times[1]])
    return found
