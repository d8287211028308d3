"""Fit traces of exact channels whose truth is known and write benchmarks/recovery_exact.md.

python -m benchmarks.recovery_exact [OWN] [ALIKE]

Twelve traces stand in benchmarks/data/exact_traces; OWN more of the same kind are made by
`MatchedConstriction`, and ALIKE by each of `profile`, `mean` and `saddle`, which are fitted by the
model that made them, the first also by the other two models.
"""

import dataclasses
import json
import sys
import time

import jax
import numpy as np

from benchmarks.pages import PAGES, table, used_versions

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp  # noqa: E402

import qpcjax as qpc  # noqa: E402
from qpcjax.constants import (  # noqa: E402
    BOLTZMANN,
    CONDUCTANCE_QUANTUM,
    RESISTANCE_QUANTUM,
)
from qpcjax.files import read_trace  # noqa: E402
from qpcjax.fitting import ConductanceTrace, fit, trace_device  # noqa: E402

PAGE, TEMPLATE = PAGES / "recovery_exact.md", PAGES / "recovery_exact.md.in"
EXACT = PAGES / "data" / "exact_traces"
MU = 12.0  # meV
MODELS = ("profile", "mean", "saddle")
WRONG = 1.3
_REACH, _ENERGIES = 18.0, 121  # kT to either side, and energies of the thermal average
_CROSSED = 1  # traces of each model that the others fit too
_WIDE = 12  # 2W/2w


@dataclasses.dataclass(frozen=True)
class Made:
    """A trace and what it was made of; `shape` is L in nm, or hbar omega_x in meV."""

    name: str
    model: str
    trace: ConductanceTrace
    shape: float
    temperature: float
    resistance: float


def shared():
    """The twelve traces of the independent solver."""
    for truth in json.loads((EXACT / "truth.json").read_text(encoding="utf-8")):
        trace = read_trace(EXACT / truth["file"])
        numbers = (truth[n] for n in ("length_nm", "temperature_K", "series_resistance_ohm"))
        yield Made(truth["file"].split(".")[0], "exact", trace, *numbers)


def drawn(model, count, seed):
    """Traces of this model, of the same kind as the twelve."""
    rng = np.random.default_rng(seed)
    for k in range(count):
        points = int(rng.integers(200, 400))
        gate = np.linspace(-900, -300, points)
        temperature, resistance = np.exp(rng.uniform(*np.log([0.35, 3.5]))), rng.uniform(0, 480)
        noise = rng.choice([0.5, 1.0, 2.0]) / CONDUCTANCE_QUANTUM
        if model == "saddle":
            shape = float(np.exp(rng.uniform(np.log(0.5), np.log(2.5))))
            moved = np.linspace(rng.uniform(11.5, 14.0), -rng.uniform(0.0, 12.0), points)
        else:
            shape = float(rng.uniform(48, 210))
            moved = np.linspace(rng.uniform(6.2, 10.4), rng.uniform(37, 71), points)
        g = staircase(model, moved, shape, temperature)
        g = g / (1 + g * resistance / RESISTANCE_QUANTUM)
        # The softness of a saddle broadens as a temperature does: one of them has to be known.
        known = temperature if model == "saddle" else None
        measured = g + noise * rng.standard_normal(points)
        trace = ConductanceTrace(gate, measured, f"{model} {k}", temperature=known)
        yield Made(f"{model} {k}", model, trace, shape, float(temperature), float(resistance))


def staircase(model, moved, shape, temperature):
    """G in 2e^2/h at these widths or heights: the trapezoidal rule over T(E)."""
    x = np.linspace(-_REACH, _REACH, _ENERGIES)
    weight = (x[1] - x[0]) / (4 * np.cosh(x / 2) ** 2)
    energies = jnp.asarray(MU + BOLTZMANN * temperature * x)
    scatterer = {
        "exact": lambda w: qpc.MatchedConstriction(
            w, shape, wide_ratio=_WIDE, channel_modes=30, extrapolate=True, largest_ratio=_WIDE
        ),
        "profile": lambda w: qpc.AbruptConstriction(w, shape, matching="profile", modes=12),
        "mean": lambda w: qpc.AbruptConstriction(w, shape, matching="mean", modes=12),
        "saddle": lambda height: qpc.SaddlePoint(height, MU / 4, shape, modes=16),
    }[model]

    @jax.jit
    def at(values):
        return jax.lax.map(lambda v: jax.vmap(scatterer(v).total)(energies), values)

    return np.asarray(at(jnp.asarray(moved))) @ weight


def fitted(made, model):
    """A fit by this model, as one row of results."""
    start = time.perf_counter()
    found = fit(trace_device(made.trace, model, mu=MU), made.trace)
    seconds = time.perf_counter() - start
    # A model knows its own traces exactly.
    distance = 0.0 if made.model == model else found.barrier_errors
    names = [p.name for p in found.free]
    barrier = dict(zip(names, np.broadcast_to(distance, len(names)), strict=True))
    values, errors = found.values(), found.stderr
    shape = "length" if "length" in values else "hbar_omega_x_1"
    row = {
        "name": made.name, "model": model, "true": made.shape, "found": values[shape],
        "error": float(np.hypot(errors[shape], barrier[shape])),
        "misfit": found.misfit, "status": found.status, "seconds": seconds,
        "resistance": (values["series_resistance"] - made.resistance)
        / float(np.hypot(errors["series_resistance"], barrier["series_resistance"])),
        "doubts": len(found.doubts),
        "listed": any(abs(o.values[shape] / made.shape - 1) < 0.05 for o in found.rivals),
    }  # fmt: skip
    print(
        f"{made.name} by {model}: {row['found']:.1f} +- {row['error']:.1f}, true {made.shape:.1f}; "
        f"misfit {found.misfit:.2f}, {found.status}, R_s off by {row['resistance']:+.1f} errors, "
        f"{row['doubts']} doubts, {seconds:.0f} s",
        flush=True,
    )
    return row


def right(row):
    """Whether the length is within 5 % of the truth, and within 4 errors or 2 %."""
    off = abs(row["found"] - row["true"])
    return off < 0.05 * row["true"] and (off < 4 * row["error"] or off < 0.02 * row["true"])


def silent(row):
    """Whether a fit that is wrong says nothing: no misfit, no other minimum, no wide error."""
    off = abs(row["found"] - row["true"])
    said = row["misfit"] > WRONG or row["listed"] or off < 3 * row["error"]
    return not right(row) and not said


def of_exact(rows):
    """The table of traces of the exact solvers."""
    listed = []
    for name, some in (
        ("the twelve, of the independent solver", [r for r in rows if r["name"][:5] == "trace"]),
        ("made by MatchedConstriction", [r for r in rows if r["name"][:5] == "exact"]),
    ):
        if not some:
            continue
        reached = [r for r in some if r["misfit"] < 1.25 and right(r)]
        pulls = np.array([abs(r["found"] - r["true"]) / r["error"] for r in some])
        listed.append(
            (
                name, str(len(some)), str(len(reached)), str(sum(map(silent, some))),
                f"{np.mean(pulls < 1):.0%}", f"{np.mean(pulls > 3):.0%}",
                f"{np.mean([abs(r['resistance']) > 3 for r in some]):.0%}",
                f"{np.median([r['misfit'] for r in some]):.2f}",
                f"{np.median([r['seconds'] for r in some]):.0f}",
            )
        )  # fmt: skip
    head = (
        "traces", "number", "right", "wrong and silent", "L within 1 error", "L beyond 3",
        "R_s beyond 3", "median misfit", "median s",
    )  # fmt: skip
    return table(head, listed)


def of_models(rows):
    """The table of the models on traces of their own and of one another."""
    listed = []
    for made in MODELS:
        for model in MODELS:
            some = [r for r in rows if r["name"].startswith(made) and r["model"] == model]
            if not some:
                continue
            own = made == model
            pulls = np.array([abs(r["found"] - r["true"]) / r["error"] for r in some])
            missed = [r for r in some if r["misfit"] > WRONG]
            listed.append(
                (
                    made, model, str(len(some)),
                    f"{sum(map(right, some))}" if own else "",
                    f"{np.mean(pulls < 1):.0%}" if own else "",
                    f"{np.median([r['misfit'] for r in some]):.2f}",
                    f"{len(missed)}", f"{sum(r['doubts'] > 0 for r in missed)}",
                )
            )  # fmt: skip
    head = (
        "made by", "fitted by", "number", "right", "within 1 error", "median misfit",
        "misfit above 1.3", "of these said",
    )  # fmt: skip
    return table(head, listed)


def each(rows):
    """The twelve traces one by one."""
    some = [r for r in rows if r["name"][:5] == "trace"]
    head = ("trace", "true L (nm)", "fitted L (nm)", "misfit", "R_s off (errors)", "status", "s")
    return table(
        head,
        [
            (
                r["name"], f"{r['true']:.1f}", f"{r['found']:.1f} ± {r['error']:.1f}",
                f"{r['misfit']:.2f}", f"{r['resistance']:+.1f}", r["status"], f"{r['seconds']:.0f}",
            )
            for r in some
        ],
    )  # fmt: skip


def main():
    """Make the traces, fit them, write the page."""
    own, alike = (int(x) for x in (*sys.argv[1:], "100", "20")[:2])
    rows = [fitted(m, "profile") for m in (*shared(), *drawn("exact", own, 1))]
    for made in MODELS:
        for k, one in enumerate(drawn(made, alike, 2)):
            rows += [fitted(one, model) for model in MODELS if model == made or k < _CROSSED]
    page = TEMPLATE.read_text(encoding="utf-8")
    for mark, text in (
        ("EXACT", of_exact(rows)), ("EACH", each(rows)), ("MODELS", of_models(rows)),
        ("VERSIONS", used_versions()), ("ARGUMENTS", f"{own} {alike}"),
    ):  # fmt: skip
        page = page.replace(f"@{mark}@", text)
    PAGE.write_text(page, encoding="utf-8", newline="\n")
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
