"""Evaluations of inverse design beside those of differential evolution, on the same objectives.

python -m benchmarks.design [WORD]

Prints the table of benchmarks/design.md. An evaluation of a design is a point with its value and
slopes; the points of all starts are counted. Differential evolution has SciPy's defaults. With a
word only the problems that have it in their names are run.
"""

import sys
from typing import Any

import jax
import numpy as np
from scipy.optimize import differential_evolution

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

SEEDS = 8
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


def evolved(objective, problem: Any, free, seed):
    """Differential evolution on the same objective: its value and evaluations."""
    names, sign = list(free), -1 if objective.maximise else 1

    @jax.jit
    def value(x):
        numbers = dict(zip(names, x, strict=True))
        return sign * objective.value(*placed(problem.scatterer, problem.reservoirs, numbers))

    found = differential_evolution(lambda x: float(value(x)), list(free.values()), rng=seed)
    return sign * found.fun, found.nfev


def main():
    """Print the table."""
    print("| objective | free | evaluations | DE | times fewer | value | DE's value |")
    print("|---|---|---|---|---|---|---|")
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    for name, objective, scatterer, reservoirs, free in problems():
        if wanted not in name:
            continue
        designs = [qpc.design(objective, scatterer, reservoirs, free, seed=s) for s in range(SEEDS)]
        counts = [d.evaluations for d in designs]
        values = sorted(d.value for d in designs)
        others = [evolved(objective, designs[0].problem, free, s) for s in range(2)]
        mean, nfev = np.mean(counts), np.mean([n for _, n in others])
        ends = f"{values[0]:.6g}" + (
            "" if np.isclose(values[0], values[-1], rtol=1e-3) else f" to {values[-1]:.6g}"
        )
        print(
            f"| {name} | {len(free)} | {mean:.0f} ({min(counts)} to {max(counts)}) | {nfev:.0f} "
            f"| {nfev / mean:.0f} | {ends} | {others[0][0]:.6g} |",
            flush=True,
        )


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main()
