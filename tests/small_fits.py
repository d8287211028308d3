"""A saddle point with two conductance steps, small enough to be fitted in a second."""

import functools

import numpy as np

import qpcjax as qpc
from qpcjax.constants import BOLTZMANN
from qpcjax.fitting import Device, GateCurve, Gated, fit
from qpcjax.measurements import ConductanceTrace

RANGE = (-60.0, 0.0)
MU, TEMPERATURE, SIGMA = 5.0, 1.0, 0.004
TRUE = {"height_1": 4.8, "height_2": 1.2, "hbar_omega_x": 0.8}


def conductance(gate):
    """G of the saddle, by the trapezoidal rule."""
    gate = np.asarray(gate, float)
    x = np.linspace(-40, 40, 4001)
    energy = MU + BOLTZMANN * TEMPERATURE * x
    height = 1.2 + (4.8 - 1.2) * gate[:, None] / RANGE[0]
    t = sum(
        1 / (1 + np.exp(-2 * np.pi * (energy - height - 2.0 * (k + 0.5)) / 0.8)) for k in range(4)
    )
    return np.trapezoid(t / (4 * np.cosh(x / 2) ** 2), x, axis=1)


def trace(points=24, seed=5, sigma=SIGMA, **fields):
    gate = np.linspace(*RANGE, points)
    noise = SIGMA * np.random.default_rng(seed).standard_normal(points)
    return ConductanceTrace(gate, conductance(gate) + noise, sigma=sigma, **fields)


def device(barrier=None, **changes):
    barrier = barrier or qpc.SaddlePoint(4.0, 2.0, 1.2)
    numbers = {"temperature": TEMPERATURE} | changes
    return Device(Gated(barrier, height=GateCurve(RANGE, [4.5, 1.5])), MU, **numbers)


@functools.cache
def fitted():
    """The fit of the trace; do not change it."""
    return fit(device(), trace(), starts=2)


@functools.cache
def joint():
    """A fit of two traces with softnesses of their own and heights that are tied."""
    return fit(
        device(),
        {"a": trace(), "b": trace(seed=6)},
        private=("hbar_omega_x",),
        tied={"height_1": ("height_2", 4.0)},
        starts=[{}],
    )
