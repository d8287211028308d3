"""Time fits, beside lmfit on the same model in NumPy, and write benchmarks/fit_speed.md.

python -m benchmarks.fits [TRACES]

Needs lmfit (extra `bench`). TRACES is how many traces are fitted in one call, 1,000 by default.
"""

import os
import sys
import time

import jax
import numpy as np

from benchmarks import devices
from benchmarks.pages import PAGES, table, used_versions
from benchmarks.peers import transmission

jax.config.update("jax_enable_x64", True)

import qpcjax as qpc  # noqa: E402
from qpcjax.constants import GAAS_MASS as MASS  # noqa: E402
from qpcjax.constants import transverse_energy  # noqa: E402
from qpcjax.fitting import Device, GateCurve, Gated, fit, fit_many  # noqa: E402
from qpcjax.measurements import ConductanceTrace  # noqa: E402

PAGE = PAGES / "fit_speed.md"
TEMPLATE = PAGES / "fit_speed.md.in"
POINTS, MODES, REACH = 1000, 6, 18.0
GATE = np.linspace(devices.GATE[0], devices.GATE[-1], POINTS)
TRUTH = {"half_width_1": 7.5, "half_width_2": 45.0, "length": 80.0, "series_resistance": 300.0}
START = {"half_width_1": 7.8, "half_width_2": 43.0, "length": 60.0, "series_resistance": 200.0}
NODES = (101, 401)  # energies of the NumPy model
REPEAT = 3


def conductance(numbers, nodes, gate=GATE):
    """G in 2e^2/h along the gate by NumPy: a trapezoidal rule over +-18 kT at every point."""
    ends = [numbers["half_width_1"], numbers["half_width_2"]]
    w = devices.half_width(ends, gate)[:, None]
    x = np.linspace(-REACH, REACH, nodes)
    kernel = 1 / (4 * np.cosh(x / 2) ** 2)
    e = (devices.MU + devices.K_B * devices.KELVIN * x) / np.asarray(transverse_energy(w, MASS))
    g = transmission(e, numbers["length"] / (2 * w), MODES) @ kernel / np.sum(kernel)
    return g / (1 + numbers["series_resistance"] / devices.R_K * g)


def device(numbers):
    """The `Device` of these numbers; what a trace does not determine is held."""
    curve = GateCurve(tuple(devices.GATE[[0, -1]]), [numbers[f"half_width_{k}"] for k in (1, 2)])
    barrier = Gated(qpc.AbruptConstriction(20.0, numbers["length"]), half_width=curve)
    return Device(barrier, devices.MU, None, numbers["series_resistance"], devices.KELVIN)


def by_lmfit(measured, nodes):
    """Lmfit's least squares (MINPACK, finite differences) from `START`: its result and seconds."""
    import lmfit  # pyright: ignore[reportMissingImports]  # of the extra bench

    parameters = lmfit.Parameters()
    for name, value in START.items():
        parameters.add(name, value, min=0)

    def residual(p):
        return (conductance(p.valuesdict(), nodes) - measured) / devices.NOISE

    start = time.perf_counter()
    found = lmfit.minimize(residual, parameters)
    return found, time.perf_counter() - start


def seconds_of(function):
    """What it gives, seconds of the first call, which compiles, and the median of later ones."""

    def once():
        start = time.perf_counter()
        return function(), time.perf_counter() - start

    found, first = once()
    return found, first, float(np.median([once()[1] for _ in range(REPEAT)]))


def one_trace(measured):
    """Rows of the table of one trace, and the ratios of lmfit's times to ours."""
    trace = ConductanceTrace(GATE, measured, sigma=devices.NOISE)
    guess = device(START)
    whole, compiled, run = seconds_of(lambda: fit(guess, trace))
    rows = [_row("qpcjax, 12 starts found in the trace", whole, whole.chi_square, compiled, run)]
    same, compiled, ours = seconds_of(lambda: fit(guess, trace, starts=[START]))
    rows.append(_row("qpcjax, one start given", same, same.chi_square, compiled, ours))
    ratios = []
    for nodes in NODES:
        found, seconds = by_lmfit(measured, nodes)
        ratios.append(f"{seconds / ours:.0f} ({nodes} energies)")
        title = f"lmfit, the same start, NumPy with {nodes} energies"
        rows.append(_row(title, found, found.chisqr, None, seconds))
    return rows, " and ".join(ratios)


def _row(title, found, chi_square, compiled, seconds):
    values = found.params.valuesdict() if hasattr(found, "params") else found.values()
    stated = [f"{values[name]:.5g}" for name in TRUTH]
    first = "" if compiled is None else f"{compiled - seconds:.1f} s"
    return [title, *stated, f"{chi_square:.3f}", first, f"{seconds:.2f} s"]


def many_traces(count):
    """A row for `count` traces of random devices in one call."""
    truth = devices.draw(count)[:, :4]
    names = devices.NAMES[:4]
    rng = np.random.default_rng(3)
    data = []
    for row in truth:
        g = conductance(dict(zip(names, row, strict=True)), NODES[0], devices.GATE)
        data.append(
            ConductanceTrace(
                devices.GATE, g + devices.NOISE * rng.standard_normal(g.size), sigma=devices.NOISE
            )
        )
    start = time.perf_counter()
    found = fit_many(device(START), data, progress=_say)
    seconds = time.perf_counter() - start
    index = [found.names.index(name) for name in names]
    pull = np.abs(found.values[:, index] - truth) / found.stderr[:, index]
    far = np.any(~(pull < 5), axis=1)
    return {
        "count": f"{count:,}",
        "points": devices.GATE.size,
        "seconds": f"{seconds:.0f}",
        "each": f"{1e3 * seconds / count:.0f}",
        "within": ", ".join(f"{100 * np.mean(p < 1):.1f}" for p in pull.T),
        "far": int(far.sum()),
        "silent": int(np.sum(far & ~found.doubtful)),
    }


def _say(done, total, label):
    if done % 20 == 0:
        print(f"{label}: {done} of {total}", flush=True)


def main():
    """Measure and write."""
    noise = devices.NOISE * np.random.default_rng(0).standard_normal(POINTS)
    rows, ratios = one_trace(conductance(TRUTH, 4001) + noise)
    header = ["", "w_1 (nm)", "w_2 (nm)", "L (nm)", "R_s (ohm)", "chi^2", "compilation", "time"]
    page = TEMPLATE.read_text(encoding="utf-8").format(
        versions=used_versions(),
        cores=os.cpu_count(),
        truth=", ".join(f"{value:g}" for value in TRUTH.values()),
        table=table(header, rows),
        ratios=ratios,
        **many_traces(int(sys.argv[1]) if len(sys.argv) > 1 else 1000),
    )
    PAGE.write_text(page, encoding="utf-8", newline="\n")
    print(page)


if __name__ == "__main__":
    main()
