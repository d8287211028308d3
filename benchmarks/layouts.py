"""Inverse design of gates with slopes, beside searches without: evaluations and seconds.

python -m benchmarks.layouts [EVALUATIONS]

The objective is `FlattestPlateaus` of a split gate along its voltage; gap and length are free. A
design gets T(E) and its slopes. Differential evolution (SciPy's, a population of 6 for each number)
and CMA-ES (the package cma, from the middle of the ranges with a step of 0.3 of them) get values
from a program without slopes and stop after EVALUATIONS of them, 60 by default. Prints the table of
benchmarks/layouts.md.
"""

import contextlib
import sys
import time

import equinox as eqx
import jax
import numpy as np
from scipy.optimize import differential_evolution

import qpcjax as qpc
from benchmarks.pages import table
from qpcjax.designing import FlattestPlateaus
from qpcjax.designing.problem import Box
from qpcjax.scatterers.fields import with_numbers
from qpcjax.staircases import Region

FREE = {"gap": (190.0, 225.0), "length": (80.0, 160.0)}
VOLTAGES = np.linspace(-0.80, -0.66, 5)
SEEDS = 1


class EnoughError(Exception):
    """The evaluations are used up."""


class Values:
    """The objective of a design in the unit box, without slopes, and its best value so far."""

    def __init__(self, found):
        problem, names = found.problem, (*FREE, "voltage")
        self.problem, self.box = problem, Box(found.parameters)
        self.outputs = eqx.filter_jit(lambda row, tables: problem._outputs_of(row, tables))

        @jax.jit
        def passed(numbers):
            c = with_numbers(problem.scatterer, dict(zip(names, numbers, strict=True)))
            return c.passed()[0]

        self.passed = passed
        self.start(0)

    def start(self, most):
        """Count anew, up to so many evaluations."""
        self.most, self.history, self.began = most, [], time.perf_counter()

    def __call__(self, shares):
        """The value at one point."""
        if self.most and len(self.history) == self.most:
            raise EnoughError
        row = self.box.values(np.asarray(shares)[None])[0]
        tables = np.stack([self.passed(np.array([*row, v])) for v in VOLTAGES])
        value = float(self.problem.value(np.asarray(self.outputs(row, tables))))
        self.history.append(min([value, *self.history[-1:]]))
        return value


def evolved(values, seed):
    """Differential evolution."""
    differential_evolution(values, [(0, 1)] * len(FREE), popsize=6, rng=seed, polish=False)


def adapted(values, seed):
    """CMA-ES."""
    import cma  # pyright: ignore[reportMissingImports]  # of the extra bench

    options = {"bounds": [0, 1], "seed": seed + 1, "verbose": -9}
    cma.fmin2(values, [0.5] * len(FREE), 0.3, options)


def first_within(history, wanted):
    """After how many evaluations a search was there."""
    reached = np.flatnonzero(np.array(history) <= wanted)
    return str(reached[0] + 1) if reached.size else f"not in {len(history)}"


def main():
    """Print the table."""
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    stack = qpc.Heterostructure(density=2.5, depth=60.0)
    device = qpc.GatedDevice(stack, qpc.SplitGate(203.0, 103.0), grid=25.0, box=(1200.0, 800.0))
    region = Region(half_length=300.0, width=340.0, window=120.0, tolerance=1e-2)
    gates = qpc.GatedConstriction(device, -0.75, region=region)
    r = qpc.Reservoirs(float(device.mu), 0.5, 0.5)
    asked = FlattestPlateaus(VOLTAGES, 0, 2, "voltage")
    designs = []
    for seed in range(SEEDS + 1):  # the first one compiles
        began = time.perf_counter()
        found = qpc.design(asked, gates, r, FREE, seed=max(seed - 1, 0), starts=4, descents=1)
        designs.append((found, time.perf_counter() - began))
    best = min(found.value for found, _ in designs)
    wanted, rows = 1.01 * best, []
    for seed, (found, seconds) in enumerate(designs[1:]):
        count = found.evaluations + found.sensitivity_evaluations
        numbers = ", ".join(f"{name} {value:.1f}" for name, value in found.values().items())
        rows.append([f"design, seed {seed}", f"{count}", f"{found.value:.6f}",
                     str(found.evaluations), f"{seconds:.0f}", numbers])  # fmt: skip
    values = Values(designs[0][0])
    values([0.5, 0.5])
    for name, search in (("DE", evolved), ("CMA-ES", adapted)):
        for seed in range(SEEDS):
            values.start(most)
            with contextlib.suppress(EnoughError):
                search(values, seed)
            seconds, history = time.perf_counter() - values.began, values.history
            rows.append([f"{name}, seed {seed}", str(len(history)), f"{history[-1]:.6f}",
                         first_within(history, wanted), f"{seconds:.0f}", ""])  # fmt: skip
    header = ("search", "evaluations", "value", "until 1 % of the best", "seconds", "design")
    print(table(header, rows))
    print(f"compilation: {designs[0][1] - designs[1][1]:.0f} s")


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
