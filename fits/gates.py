"""Fit the gates of a layout to a conductance trace, in volts.

python fits/gates.py TRACE.csv LAYOUT.toml

Copy it as a start. `qpcjax fit TRACE.csv --gates LAYOUT.toml` does the same and writes files.
Without arguments a trace is made of a device that is known, with noise, and found again; that takes
minutes.
"""

import sys

import jax
import numpy as np

import qpcjax as qpc
from qpcjax.files import read_trace
from qpcjax.fitting import ConductanceTrace, GatedSample, fit, grid_check
from qpcjax.staircases import Region
from qpcjax.staircases.layout import read_measured_layout

TRUE = {"density": 2.6, "gap": 205.0}
GATE = np.linspace(-820.0, -620.0, 24)  # mV
NOISE = 0.003  # 2e^2/h


def sample(density, gap):
    """A split gate 60 nm above a gas of this density in 1e11 cm^-2, its gap in nm."""
    stack = qpc.Heterostructure(density=density, depth=60.0)
    gates = qpc.SplitGate(gap=gap, length=110.0)
    device = qpc.GatedDevice(stack, gates, grid=20.0, box=(1600.0, 800.0))
    region = Region.of(device, width=420.0, half_length=400.0)
    return GatedSample(device, region=region)


def example():
    """A trace, the sample from which its fit starts, and priors."""
    true = sample(**TRUE)
    settings = [true.voltages(gate) for gate in GATE]
    exact = qpc.gate_staircase(
        true.barrier, settings, bias=0.4, temperature=0.6, region=true.region
    )
    noise = NOISE * np.random.default_rng(0).standard_normal(GATE.size)
    trace = ConductanceTrace(GATE, exact.conductance + noise, sigma=NOISE)
    return trace, sample(density=2.3, gap=200.0), {"gap": (200.0, 5.0)}


def measured(trace, layout):
    """The same from two files."""
    given = read_measured_layout(layout)
    start = GatedSample(given.device, still=given.still, **given.named)
    numbers = {"density": given.device.stack.density, "depth": given.device.stack.depth}
    numbers |= {n: getattr(given.device.gates, n, None) for n in ("gap", "length")}
    return read_trace(trace), start, {n: (numbers[n], e) for n, e in given.errors.items()}


def main(*files):
    """Fit and print what was found."""
    trace, start, priors = measured(*files) if files else example()
    found = fit(start, trace, free=priors, priors=priors)
    print(found)
    for flat in found.flat_directions:
        changes = ", ".join(f"{name} {change:+.2f}" for name, change in flat.changes.items())
        print(f"not determined (spread {flat.spread:.1f}): {changes}")
    print(grid_check(found).in_words())
    return found


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    main(*sys.argv[1:3])
