"""Evaluations of inverse design beside those of SciPy's optimisers, on the same objectives.

python -m benchmarks.design [WORD]

Prints the table of benchmarks/design.md. An evaluation of a design is a point with its value and
slopes; the points of all starts are counted. SLSQP and L-BFGS-B get the same slopes and count them
the same way; they follow the best two of the same starts to their ends, with SciPy's defaults.
Differential evolution has SciPy's defaults and uses no slopes. With a word only the problems that
have it in their names are run.
"""

import sys
from typing import Any

import jax
import numpy as np
from scipy.optimize import differential_evolution, minimize

import qpcjax as qpc
from qpcjax.designing import (
    FlattestPlateau,
    HotSpotAt,
    MostAsymmetry,
    StrongestCooling,
    TargetConductance,
    TargetTransmission,
)
from qpcjax.designing.problem import Box, placed
from qpcjax.designing.search import low_discrepancy

SEEDS = 8
SOLVERS = ("SLSQP", "L-BFGS-B")
CHANNEL = {"half_width": (15.0, 25.0), "length": (20.0, 100.0)}
MU, BIAS, FLOOR = {"mu": (3.0, 16.0)}, {"bias": (0.1, 4.0)}, {"offset": (-0.5, 2.0)}
SADDLE = {"hbar_omega_x": (0.5, 2.0), "hbar_omega_y": (2.5, 5.0)}


def problems():
    """Name, objective, scatterer, reservoirs and bounds of each."""
    abrupt, saddle = qpc.AbruptConstriction(20.0, 60.0), qpc.SaddlePoint(9.0, 3.0, 1.0)
    smooth = qpc.AdiabaticConstriction(20.0, 100.0)
    cold, warm = qpc.Reservoirs(6.0, 1.0, 1.0), qpc.Reservoirs(6.0, 1.0, 2.0)
    energy, mu = np.linspace(2, 14, 13), np.linspace(8, 16, 9)
    t = np.asarray(qpc.transmission(qpc.AbruptConstriction(18.0, 55.0, 0.8), energy))
    g = np.asarray(qpc.conductance(qpc.SaddlePoint(9.4, 2.7, 1.1), mu, 1.0))
    kelvin = {"temperature": (0.5, 2.0)}
    yield "target T(E)", TargetTransmission(energy, t), abrupt, warm, CHANNEL | FLOOR
    yield "target G(mu)", TargetConductance(mu, g), saddle, cold, {"height": (7.0, 11.0)} | SADDLE
    yield "flattest plateau", FlattestPlateau(1.0, 1.0), smooth, cold, {
        "half_width": (15.0, 25.0), "curvature_radius": (40.0, 200.0)} | MU  # fmt: skip
    yield "asymmetry", MostAsymmetry(), abrupt, cold, CHANNEL | MU
    yield "cooling, w L mu", StrongestCooling(), abrupt, warm, CHANNEL | MU
    yield "cooling, w L mu V", StrongestCooling(), abrupt, warm, CHANNEL | MU | BIAS
    yield "cooling, w L mu V U", StrongestCooling(), abrupt, warm, CHANNEL | MU | BIAS | FLOOR
    yield "cooling, saddle", StrongestCooling(), saddle, qpc.Reservoirs(11.0, 1.0, 2.0), {
        **SADDLE, "mu": (8.0, 12.0), **kelvin}  # fmt: skip
    hot = qpc.Reservoirs(14.0, 3.0, 1.6)
    yield "hot spot, w L V", HotSpotAt(1500.0), abrupt, hot, CHANNEL | {"bias": (1.0, 8.0)}
    yield "hot spot, saddle", HotSpotAt(1500.0), saddle, hot, {
        **SADDLE, "mu": (10.0, 16.0), "bias": (1.0, 8.0)}  # fmt: skip


def followed(design, method, seed):
    """The best value of a SciPy method from the best two of the design's starts; evaluations."""
    problem, parameters = design.problem, design.parameters
    sign, box, count = -1 if problem.objective.maximise else 1, Box(parameters), 0

    def value(shares):
        nonlocal count
        count += 1
        values = box.values(shares[None])
        outputs, slopes = problem.linearise(values)
        gradient = problem.gradient(outputs, slopes)[0] * box.slopes(values)[0]
        return sign * float(problem.value(outputs[0])), sign * gradient

    starts = low_discrepancy(len(design.starts), len(parameters), seed)
    ranked = sorted(starts, key=lambda x: np.nan_to_num(value(x)[0], nan=np.inf))
    ends = [minimize(value, x, jac=True, method=method, bounds=[(0, 1)] * x.size).fun
            for x in ranked[:2]]  # fmt: skip
    return sign * min(ends), count


def evolved(objective, problem: Any, free, seed):
    """Differential evolution on the same objective: its value and evaluations."""
    names, sign = list(free), -1 if objective.maximise else 1

    @jax.jit
    def value(x):
        numbers = dict(zip(names, x, strict=True))
        return sign * objective.value(*placed(problem.scatterer, problem.reservoirs, numbers))

    found = differential_evolution(lambda x: float(value(x)), list(free.values()), rng=seed)
    return sign * found.fun, found.nfev


def cell(objective, found, best):
    """Mean and range of the evaluations, and how many seeds missed the best value."""
    values, counts = (np.array(x) for x in zip(*found, strict=True))
    if objective.squares:
        missed = np.sum(values > best + 1e-6)
    else:
        missed = np.sum(abs(values - best) > 1e-3 * abs(best))
    text = f"{np.mean(counts):.0f} ({min(counts)} to {max(counts)})"
    return text + (f", {missed} of {len(values)} missed" if missed else "")


def main():
    """Print the table."""
    print("| objective | free | design | SLSQP | L-BFGS-B | DE, no slopes | value |")
    print("|---|---|---|---|---|---|---|")
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    for name, objective, scatterer, reservoirs, free in problems():
        if wanted not in name:
            continue
        designs = [qpc.design(objective, scatterer, reservoirs, free, seed=s) for s in range(SEEDS)]
        rows = [[(d.value, d.evaluations) for d in designs]]
        rows += [[followed(designs[0], m, s) for s in range(SEEDS)] for m in SOLVERS]
        rows += [[evolved(objective, designs[0].problem, free, s) for s in range(2)]]
        best = max(v for v, _ in rows[0]) if objective.maximise else min(v for v, _ in rows[0])
        cells = [cell(objective, found, best) for found in rows]
        print(f"| {name} | {len(free)} | {' | '.join(cells)} | {best:.6g} |", flush=True)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
