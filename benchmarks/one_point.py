"""One operating point, warm, with objects that exist; a process of its own prints the rows."""

import json
import os
import subprocess
import sys

import jax

import qpcjax as qpc
from benchmarks.pages import ROOT
from benchmarks.timing import number, timed

HEADER = ["", "modes", "L/2w", "first call (s)", "us", "us, in the caller's thread"]
_WIDTH = 20.0
_POINTS = ((3, 1.0), (3, 2.0), (8, 2.0), (8, 5.0), (8, 15.0))


def rows():
    """Rows of the table, with JAX's usual way to start a program, and in the caller's thread."""
    found = _in_process(), _in_process("inline")
    return [
        [name, f"{modes}", f"{ell:g}", f"{first:.1f}", number(usual), number(inline)]
        for (name, modes, ell, first, usual), (*_, inline) in zip(*found, strict=True)
    ]


def _in_process(*arguments):
    command = [sys.executable, "-m", "benchmarks.one_point", *arguments]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1"}
    done = subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=environment)
    return json.loads(done.stdout)


def measure():
    """Name, modes, L/2w, seconds of the first call and microseconds of the following ones."""
    found = []
    for modes, ell in _POINTS:
        c = qpc.AbruptConstriction(_WIDTH, 2 * _WIDTH * ell, modes=modes)
        e1 = float(c.energy_scale)
        r, d = qpc.Reservoirs(1.2 * e1, 0.3 * e1, 0.5), qpc.QuadraticDamping(0.04)
        for name, function in (
            ("dissipation", lambda c=c, r=r: qpc.dissipation(c, r)),
            ("conductance", lambda c=c, r=r: qpc.conductance(c, r.mu, r.temperature)),
            ("hot_spot", lambda c=c, r=r, d=d: qpc.hot_spot(c, r, d)),
        ):
            first, seconds = timed(function, 1000)
            found.append((name, modes, ell, first, seconds * 1e6))
    return found


if __name__ == "__main__":
    jax.config.update("jax_enable_compilation_cache", False)
    jax.config.update("jax_cpu_enable_async_dispatch", "inline" not in sys.argv)
    print(json.dumps(measure()))
