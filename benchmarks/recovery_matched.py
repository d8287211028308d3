"""Recover devices of the exact matched solver with the models that are near it.

python -m benchmarks.recovery_matched [COUNT]

Writes benchmarks/recovery_matched.md.
"""

import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import devices
from benchmarks.pages import PAGES, table, used_versions

jax.config.update("jax_enable_x64", True)

import qpcjax as qpc  # noqa: E402
from qpcjax.fitting import Device, GateCurve, Gated, fit_many  # noqa: E402
from qpcjax.measurements import ConductanceTrace  # noqa: E402

PAGE = PAGES / "recovery_matched.md"
TEMPLATE = PAGES / "recovery_matched.md.in"
GATE = np.linspace(-100.0, 0.0, 30)
NAMES = ("half_width_1", "half_width_2", "length", "series_resistance")
LOW, HIGH = [6.0, 28.0, 30.0, 100.0], [9.0, 38.0, 90.0, 500.0]
MODES, ASPECT = 16, 8.0


def draw(count, seed=20):
    """Numbers of random devices, (count, names): nm, nm, nm, ohm."""
    return np.random.default_rng(seed).uniform(LOW, HIGH, (count, len(NAMES)))


@jax.jit
def _conductance(width, length):
    channel = qpc.MatchedConstriction(width, length, None, MODES, aspect_limit=ASPECT)
    return qpc.conductance(channel, devices.MU, devices.KELVIN)


def traces(truth, seed=21):
    """Traces with 1 uS of noise, behind the series resistance."""
    rng = np.random.default_rng(seed)
    found = []
    for first, last, length, resistance in truth:
        width = first + (last - first) * (GATE - GATE[0]) / (GATE[-1] - GATE[0])
        g = np.array([float(_conductance(jnp.asarray(w), jnp.asarray(length))) for w in width])
        g = g / (1 + g * resistance / devices.R_K) + devices.NOISE * rng.standard_normal(g.size)
        found.append(ConductanceTrace(GATE, g, sigma=devices.NOISE))
    return found


def guess(channel):
    """What every fit is told, with a channel of any kind."""
    ends = float(GATE[0]), float(GATE[-1])
    barrier = Gated(channel, half_width=GateCurve(ends, [8.0, 32.0], "positive"))
    return Device(barrier, devices.MU, None, 300.0, devices.KELVIN)


def main():
    """Make, fit, count, write."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    truth = draw(count)
    start = time.perf_counter()
    made = traces(truth)
    print(f"made in {time.perf_counter() - start:.0f} s", flush=True)
    rows, seconds = [], {}
    models = {
        "mean": qpc.AbruptConstriction(20.0, 60.0),
        "profile": qpc.AbruptConstriction(20.0, 60.0, matching="profile"),
    }
    for model, channel in models.items():
        start = time.perf_counter()
        many = fit_many(guess(channel), made)
        seconds[model] = time.perf_counter() - start
        index = [many.names.index(name) for name in NAMES]
        rows += _rows(
            model,
            many.values[:, index],
            many.stderr[:, index],
            truth,
            many.chi_square,
            many.doubtful,
        )
        print(model, f"{seconds[model]:.0f} s", flush=True)
    header = ["fitted with", *NAMES, "chi-square, median", "marked"]
    page = TEMPLATE.read_text(encoding="utf-8").format(
        count=count,
        versions=used_versions(),
        points=GATE.size,
        freedom=GATE.size - len(NAMES),
        made=MODES,
        table=table(header, rows),
        seconds=", ".join(f"{name} {s:.0f} s" for name, s in seconds.items()),
    )
    PAGE.write_text(page, encoding="utf-8", newline="\n")
    print(page)


def _rows(model, values, errors, truth, chi_square, doubtful):
    """Two rows of the table: how far off in per cent, and in standard errors."""
    off = 100 * np.sqrt(np.mean((values / truth - 1) ** 2, axis=0))
    pull = np.sqrt(np.mean(((values - truth) / errors) ** 2, axis=0))
    marked = f"{int(np.sum(doubtful))} of {len(truth)}"
    return [
        [f"**{model}**", *(f"{_short(x)} %" for x in off), f"{np.median(chi_square):.0f}", marked],
        ["in standard errors", *map(_short, pull), "", ""],
    ]


def _short(x):
    return f"{x:.0f}" if x >= 10 else f"{x:.2g}"


if __name__ == "__main__":
    main()
