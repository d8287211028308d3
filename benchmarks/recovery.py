"""Recover random devices from synthetic measurements and write benchmarks/recovery.md.

python -m benchmarks.recovery [COUNT]

Traces and distances are made without the package (benchmarks/devices.py).
"""

import sys
import time

import jax
import numpy as np

from benchmarks import devices
from benchmarks.pages import PAGES, table, used_versions

jax.config.update("jax_enable_x64", True)

import qpcjax as qpc  # noqa: E402
from qpcjax.fitting import Device, GateCurve, Gated, fit_many  # noqa: E402
from qpcjax.fitting.joint_fit import FitSetup  # noqa: E402
from qpcjax.fitting.rises import too_small  # noqa: E402
from qpcjax.fitting.uncertainty import inverse  # noqa: E402
from qpcjax.measurements import ConductanceTrace, HotSpotData  # noqa: E402
from qpcjax.optimise.descents import descend  # noqa: E402

PAGE = PAGES / "recovery.md"
TEMPLATE = PAGES / "recovery.md.in"
FAR = 5.0  # standard errors: another minimum than that of the truth
AGAIN = (2, 3, 4)  # seeds of noise drawn anew
AT_ONCE = 50
UNITS = ("nm", "nm", "nm", "ohm", "")


def guess():
    """The device that every fit is told: a constriction at a known mu and temperature."""
    ends = float(devices.GATE[0]), float(devices.GATE[-1])
    barrier = Gated(
        qpc.AbruptConstriction(20.0, 60.0), half_width=GateCurve(ends, [8.0, 40.0], "positive")
    )
    damping = qpc.QuadraticDamping(0.04)
    return Device(barrier, devices.MU, None, 300.0, devices.KELVIN, damping=damping)


def data_sets(traces, distances, seed=1):
    """For each device its trace and its hot-spot distances, with noise.

    A sigma of 3 % of the noisy distance would give low ones more weight, and a bias of 0.2 standard
    errors to the damping; it is that of the noise put in.
    """
    gate, bias, sigma = devices.SPOT_GATE, devices.SPOT_BIAS, devices.SPOT_NOISE * distances
    return [
        [
            ConductanceTrace(devices.GATE, g, sigma=devices.NOISE),
            HotSpotData(bias, r, gate=gate, sigma=s),
        ]
        for g, r, s in zip(*devices.noisy(traces, distances, seed), sigma, strict=True)
    ]


def pulls(found, truth):
    """Distance of every parameter from the truth in its standard errors, (devices, names)."""
    index = [found.names.index(name) for name in devices.NAMES]
    return (found.values[:, index] - truth) / found.stderr[:, index]


def from_truth(sets, truth, steps=40, progress=None):
    """Pulls of fits that start from the truth, and of the straight lines through it.

    A model that is a straight line there, with the same noise, has pulls that are normally
    distributed whatever the device: what theirs are not is the luck of the noise.

    Args:
        sets: for each device its data sets.
        truth: numbers of the devices.
        steps: the most that are taken; 0 for the straight lines alone.
        progress: called with (done, total).

    Returns:
        Pulls of the fits, (devices, names), NaN where they did not converge, and of the lines.
    """
    problem = FitSetup(guess(), sets[0]).problem()
    order = [devices.NAMES.index(problem.names[i]) for i in problem.free]
    vectors = problem.encode(truth[:, order])
    problem.make_room(vectors[np.argsort(np.abs(vectors).max(1))[-64:]])
    fits, lines = np.full((2, *truth.shape), np.nan)
    for first in range(0, len(sets), AT_ONCE):
        rows = np.arange(first, min(first + AT_ONCE, len(sets)))
        measured = [
            (
                np.stack([sets[r][k].value for r in rows]),
                np.stack([np.broadcast_to(sets[r][k].sigma, sets[r][k].value.shape) for r in rows]),
            )
            for k in range(len(problem.parts))
        ]

        def linearise(v, which, measured=measured):
            return problem.linearise(v, [(y[which], s[which]) for y, s in measured])

        every = np.arange(rows.size)
        step, error = _newton(problem, linearise, vectors[rows], every)
        lines[np.ix_(rows, np.asarray(order))] = step / error
        if steps:
            end = descend(linearise, vectors[rows], steps)
            _, error = _newton(problem, linearise, end.vectors, every)
            moved = problem.coordinates.decode(end.vectors)[0] - truth[rows][:, order]
            moved[~end.converged] = np.nan
            fits[np.ix_(rows, np.asarray(order))] = moved / error
        if progress:
            progress(first + rows.size, len(sets))
    return fits, lines


def _newton(problem, linearise, vectors, rows):
    """The step to the minimum of a straight line, and its standard errors, in the own units."""
    z, jacobian = linearise(vectors, rows)
    jacobian = jacobian / problem.coordinates.decode(vectors)[1][:, None]
    covariance = np.stack([inverse(j.T @ j) for j in jacobian])
    step = -np.einsum("rpq,rnq,rn->rp", covariance, jacobian, z)
    return step, np.sqrt(np.einsum("rpp->rp", covariance))


def within(pull):
    """Share of every parameter's pulls within 1, in %."""
    return 100 * np.mean(np.abs(pull) < 1, axis=0)


def again_rows(truth, traces, distances):
    """The table of noise drawn anew: every seed and all together, fits beside straight lines."""
    rows, every = [], []
    for seed in AGAIN:
        sets = data_sets(traces, distances, seed)
        fits, lines = from_truth(
            sets, truth, progress=lambda d, n, seed=seed: _say(d // AT_ONCE, n // AT_ONCE, seed)
        )
        good = np.all(np.abs(fits) < FAR, axis=1)  # False for NaN
        every.append((fits[good], lines[good]))
        rows.append([f"seed {seed}", str(good.sum()), *_shares(*every[-1])])
    both = [np.concatenate(x) for x in zip(*every, strict=True)]
    rows.append(["**all**", str(len(both[0])), *_shares(*both)])
    return rows, len(both[0])


def _shares(fits, lines):
    return [f"{a:.1f} ({b:.1f})" for a, b in zip(within(fits), within(lines), strict=True)]


def main():
    """Make, fit, count, write."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    truth = devices.draw(count)
    traces, distances = devices.measure(truth)
    print(f"{count} devices made", flush=True)
    start = time.perf_counter()
    sets = data_sets(traces, distances)
    found = fit_many(guess(), sets, progress=_say)
    seconds = time.perf_counter() - start
    _, lines = from_truth(sets, truth, steps=0)
    drawn, many = again_rows(truth, traces, distances)
    write(truth, found, seconds, lines, drawn, many)


def write(truth, found, seconds, lines, drawn, many):
    """Count, and write the page."""
    count = len(truth)
    pull = pulls(found, truth)
    far = np.any(~(np.abs(pull) < FAR), axis=1)
    near = pull[~far]
    n = len(near)
    shares = zip(within(near), within(lines[~far]), strict=True)
    shares = [f"{a:.1f} % ({b:.1f} %)" for a, b in shares]
    index = [found.names.index(name) for name in devices.NAMES]
    errors = np.median(found.stderr[:, index] / np.abs(truth), axis=0)
    rows = [
        [
            name,
            f"{truth[:, k].min():.3g} to {truth[:, k].max():.3g} {UNITS[k]}",
            f"{100 * errors[k]:.2g} %",
            f"{near[:, k].mean():+.3f} ± {1 / np.sqrt(n):.3f}",
            f"{near[:, k].std(ddof=1):.3f}",
            shares[k],
        ]
        for k, name in enumerate(devices.NAMES)
    ]
    header = ["parameter", "truth", "standard error, median", "mean pull", "spread", "within 1"]
    alone = np.any(too_small(found.rises), axis=1)
    only = alone & found.converged & ~found.at_bound & ~far
    deeper = np.any(found.rises < 0, axis=(1, 2))
    for k in np.flatnonzero(far):
        marked = "marked" if found.doubtful[k] else "not marked"
        print(*found.doubts(k), sep="\n")
        print(f"device {k}, chi^2 {found.chi_square[k]:.1f}, {marked}: {truth[k]}", pull[k])
    page = TEMPLATE.read_text(encoding="utf-8").format(
        count=count,
        points=devices.GATE.size,
        spots=devices.SPOT_BIAS.size,
        versions=used_versions(),
        table=table(header, rows),
        error=f"{100 * np.sqrt(0.683 * 0.317 / n):.1f}",
        far=f"{far.sum()} of {count} ({100 * far.mean():.1f} %)",
        silent=int(np.sum(far & ~found.doubtful)),
        doubtful=int(np.sum(found.doubtful)),
        bent=int(np.sum(alone)),
        bent_only=int(np.sum(only)),
        deeper=int(np.sum(only & deeper)),
        false=int(np.sum(only & ~deeper)),
        again=table(["noise", "fits", *devices.NAMES], drawn),
        seeds=", ".join(map(str, AGAIN)),
        again_error=f"{100 * np.sqrt(0.683 * 0.317 / many):.1f}",
        honest=int(np.sum(found.doubtful & ~far)),
        seconds=f"{seconds:.0f}",
        each=f"{seconds / count:.2f}",
    )
    PAGE.write_text(page, encoding="utf-8", newline="\n")
    print(page)


def _say(done, total, label):
    if done % 5 == 0:
        print(f"{label}: {done} of {total}", flush=True)


if __name__ == "__main__":
    main()
