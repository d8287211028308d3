"""A saddle point with a shoulder below its plateaus, made by NumPy, small enough to be fitted."""

import functools

import numpy as np

from qpcjax.constants import BOLTZMANN
from qpcjax.measurements import ConductanceTrace

MU, TEMPERATURE, SPACING, SOFTNESS = 7.0, 0.6, 1.75, 0.7
RANGE, HEIGHTS = (-60.0, 0.0), (7.4, 2.6)
TRUE = {"gap_slope": 0.62, "gap_onset": -0.12, "gap_fade": 0.9}
SIGMA = 0.002


def conductance(gate, slope, onset, fade):
    """G of a saddle with a gap in 2e^2/h, by the trapezoidal rule."""
    x = np.linspace(-40, 40, 2001)
    energy = MU + BOLTZMANN * TEMPERATURE * x
    height = np.interp(gate, RANGE, HEIGHTS)[:, None]
    width, total = SOFTNESS / (2 * np.pi), 0.0
    for n in range(6):
        top = height + SPACING * (n + 0.5)
        gap = slope * fade**n * width * np.logaddexp(0, (MU - top - onset) / width)
        for t in (top, top + gap):
            total = total + 0.5 / (1 + np.exp(-(energy - t) / width))
    return np.trapezoid(total / (4 * np.cosh(x / 2) ** 2), x, axis=1)


@functools.cache
def trace():
    gate = np.linspace(*RANGE, 60)
    noise = SIGMA * np.random.default_rng(2).standard_normal(60)
    return ConductanceTrace(gate, conductance(gate, *TRUE.values()) + noise, sigma=SIGMA,
                            temperature=TEMPERATURE)  # fmt: skip
