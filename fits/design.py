"""Design a constriction: its hot spot at a given distance, with a known tolerance.

python fits/design.py [DISTANCE]

Copy it as a start: an objective, bounds, constraints, tolerances. `qpcjax design` does the same
from a TOML file.
"""

import sys

import jax

import qpcjax as qpc
from qpcjax.designing import HotSpotAt


def main(distance: float | str = 1500.0):
    """Find the bias and width that put the hot spot at this distance in nm, and print them."""
    channel = qpc.AdiabaticConstriction(half_width=20.0, curvature_radius=100.0)
    found = qpc.design(
        HotSpotAt(float(distance), qpc.QuadraticDamping(0.04)),
        channel,
        qpc.Reservoirs(mu=14.0, bias=4.0, temperature=1.6),
        free={"bias": (1.0, 8.0), "half_width": (15.0, 25.0)},
        # One distance fixes one number; what flows fixes the other.
        constraints={"current": (400.0, 400.0)},
        tolerances={"half_width": 0.5, "bias": 0.05},
    )

    print(f"status {found.status}: {found.message}")
    print(f"value {found.value:.3g} after {found.evaluations} evaluations")
    for p in found.parameters:
        note = "on its bound" if p.name in found.at_bound else ""
        print(f"{p.name:18s} {p.value:10.4f} {p.unit} {note}")
    for c in found.conditions:
        print(f"{c.name:18s} {c.value:10.4f} {c.unit} {'active' if c.active else ''}")
    # The objective is [ln(r*/r)]^2: its expected value is the relative variance of the distance.
    spread = found.tolerance.change**0.5 if found.tolerance else 0.0
    print(f"distance           {float(distance):10.1f} nm, to {spread:.1%} as it is made")
    return found


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main(*sys.argv[1:2])
