"""Running a sweep: which chunks this process computes, and where they are kept."""

import concurrent.futures
import itertools
import operator
import os
from typing import Any

import jax
import numpy as np

from qpcjax._numerics.panels import ORDER
from qpcjax._versions import versions
from qpcjax.files.results import content_digest
from qpcjax.sweeping.compiled_chunk import Program
from qpcjax.sweeping.manifests import FORMAT
from qpcjax.sweeping.plan import Plan, make_plan
from qpcjax.sweeping.progress import shown
from qpcjax.sweeping.result import SweepResult
from qpcjax.sweeping.store import Store
from qpcjax.sweeping.stored_values import StoredValues
from qpcjax.sweeping.zarr_group import group_files
from qpcjax.validation import require_double

_MOST_CORES = 16  # that take chunks, each of which takes memory


def sweep(
    scatterer,
    axes,
    observables,
    out=None,
    *,
    table=False,
    fermi_energy: Any = "mu_R",
    law: Any = None,
    order=ORDER,
    chunk=None,
    job: tuple[int, int] | None = None,
    progress: Any = False,
) -> SweepResult:
    """Observables over named axes, chunk by chunk, on all local devices and in all processes.

    Axes are numbers of the scatterer by name (half_width, length, offset, ...; step_energy for
    that of an ideal step), mu, bias, temperature, temperature_bias, the strength of the damping,
    and for some observables the electrons' energy or the distance; in the library's units. A number
    that is no axis has the scatterer's value, or bias = 0, temperature = 0, damping = 0.04.

    The static choices are made once for all points: panels that resolve the longest channel, and
    the scatterer's own number of modes, which must do everywhere. With `out` memory is bounded
    whatever the size, and a sweep that was stopped goes on where it was: call it again. Several
    processes share a sweep where each is called with the same arguments, the same `out` and a `job`
    of its own, or after `jax.distributed.initialize` without one. A process returns once its own
    chunks are finished, whether or not the others are, and does not notice when another one dies:
    any later call computes the chunks that are missing. Results do not depend on how often that
    happened, nor on the number of devices and processes.

    Args:
        scatterer: any scatterer, also one of your own.
        axes: name -> values, 1-D, or a number that holds for all points.
        observables: a name or several of transmission, conductance, differential_conductance (all
            three in 2e^2/h, the first a pure number), current (nA), energy_current, left, right,
            total, asymmetry (pW), hot_spot_energy (meV), hot_spot_distance (nm), hot_spot_status,
            inelastic_length (nm, at the axis energy), power_per_length (pW/nm, at the axis
            distance).
        out: folder for the results, a zarr group that grows; in memory without it.
        table: whether the axes, all of one length, are the columns of a table of points; else all
            combinations are taken, the last axis running fastest.
        fermi_energy: E_F of the damping rate, as in `QuadraticDamping`.
        law: a damping law, such as `RPADamping(2.0)`, instead of the quadratic one; `damping` and
            `fermi_energy` are then left out.
        order: Gauss nodes in a panel of the integrals.
        chunk: most points in a chunk, by default some seconds of work.
        job: (i, n) to compute the share i, counted from 0, of n shares; needs `out`. Jobs may run
            at the same time or one after the other, and be called again with another n.
        progress: True for a bar on stderr with rate and time left; or a function (points done,
            points in all) of this process's share.

    Returns:
        `SweepResult`: labelled axes, float64 values of shape (len(axis), ...), units.

    Raises:
        ValueError: an unknown axis or observable, an axis that is empty or out of range, too few
            modes (says how many are needed), no double precision.
        InputError: a ValueError; `out` cannot be written, the disk is full, or it belongs to
            another sweep (says which field differs).
    """
    plan = make_plan(
        scatterer,
        axes,
        observables,
        table=table,
        fermi_energy=fermi_energy,
        law=law,
        order=order,
        chunk=chunk,
    )
    if callable(progress):
        return run(plan, out, progress, job)
    with shown(bool(progress) and jax.process_index() == 0) as advance:
        return run(plan, out, advance, job)


def open_sweep(folder) -> SweepResult:
    """The result of a sweep on the disk.

    Values of chunks that are not finished cannot be read: an InputError says so.

    Args:
        folder: the `out` of a sweep.

    Raises:
        InputError: there is no sweep in it.
    """
    return _stored(Store(folder))


def run(plan: Plan, out, advance, job=None) -> SweepResult:
    """Run a plan; see `sweep`.

    Args:
        plan: the sweep.
        out: folder, or None for memory.
        advance: function (points done, points in all) that is told of progress.
        job: see `sweep`.
    """
    require_double("sweeps")
    if out is None:
        if job is not None:
            raise ValueError("job needs out, the folder that all jobs share")
        return _in_memory(plan, advance)
    job, jobs = _share(job)
    store = Store.begin(out, manifest_of_plan(plan))
    store.complete(group_files(_stored(store, plan.axes.values), store.chunks))
    mine = range(job, plan.chunks.count, jobs)
    there = store.finished()
    left = [k for k in mine if k not in there or not store.sound(k)]
    _compute(plan, mine, left, store.write, advance)
    store.tidy(mine)
    return _stored(store)


def _share(job):
    """Number of this process in its sweep, and the number of processes that share it."""
    processes = jax.process_count()
    if job is None:
        return jax.process_index(), processes
    if processes > 1:
        raise ValueError(
            "this process shares the sweep with others by jax.distributed: leave job away"
        )
    try:
        number, count = map(operator.index, job)
    except (TypeError, ValueError):
        raise ValueError(f"job must be two whole numbers (i, n), got {job!r}") from None
    if not 0 <= number < count:
        raise ValueError(f"job must be (i, n), with i from 0 to n - 1, got {job!r}")
    return number, count


def manifest_of_plan(plan) -> dict:
    """What the manifest of a sweep's folder says: a run is of the same sweep where it agrees."""
    return {
        "format": FORMAT,
        "dimensions": list(plan.axes.dimensions),
        "shape": list(plan.axes.shape),
        "points": plan.axes.size,
        "chunks": plan.chunks.count,
        "dtype": "float64",
        "observables": {o.name: {"unit": o.unit, "title": o.title} for o in plan.observables},
        "spec": plan.spec(),
        "versions": {**versions(), "platform": jax.default_backend()},
    }


def _in_memory(plan, advance):
    values = np.empty((len(plan.observables), plan.axes.size))

    def keep(number, part):
        start, stop = plan.chunks.bounds(number)
        values[:, start:stop] = part

    everything = range(plan.chunks.count)
    _compute(plan, everything, everything, keep, advance)
    names = [o.name for o in plan.observables]
    named = dict(zip(names, values.reshape(-1, *plan.axes.shape), strict=True))
    return _result(manifest_of_plan(plan), plan.axes.values, named)


def _compute(plan, mine, left, keep, advance):
    """Compute chunks, some at a time.

    Args:
        plan: the sweep.
        mine: numbers of the chunks that this process is to compute in all.
        left: those of them that are not finished.
        keep: function (number, values of shape (observables, points)), called in other threads.
        advance: function (points done, points in all), called in this thread.
    """
    total = sum(map(plan.chunks.points, mine))
    done = total - sum(map(plan.chunks.points, left))
    advance(done, total)
    if not left:
        return
    program, at_once = Program(plan), chunks_at_once()

    def compute(number):
        keep(number, program.values(number))
        return plan.chunks.points(number)

    with concurrent.futures.ThreadPoolExecutor(at_once) as threads:
        waiting = iter(left)
        running = {threads.submit(compute, k) for k in itertools.islice(waiting, at_once)}
        while running:
            finished, running = concurrent.futures.wait(
                running, return_when=concurrent.futures.FIRST_COMPLETED
            )
            for chunk in finished:
                done += chunk.result()
                advance(done, total)
            more = itertools.islice(waiting, len(finished))
            running |= {threads.submit(compute, k) for k in more}


def chunks_at_once():
    """How many chunks are on their way: XLA's loop over blocks of T(E) has one core to itself."""
    if jax.default_backend() != "cpu":
        return 2  # one is computed while the other comes and goes
    available = getattr(os, "sched_getaffinity", None)
    cores = len(available(0)) if available else os.cpu_count() or 1
    return 1 + min(cores, _MOST_CORES)  # one of them is being written


def _stored(store, axes=None):
    """The result of a store; with its axes where they are at hand."""
    if axes is None:
        axes = {name: store.axis(name) for name in store.manifest["spec"]["axes"]}
    values = {name: StoredValues(store, name) for name in store.observables}
    return _result(store.manifest, axes, values, store.folder)


def _result(manifest, axes, values, folder=None):
    spec = manifest["spec"]
    described = manifest["observables"]
    units = {name: entry["unit"] for name, entry in {**spec["axes"], **described}.items()}
    attributes = {k: spec[k] for k in ("scatterer", "fixed", "fermi_energy", "order")}
    return SweepResult(
        tuple(manifest["dimensions"]),
        dict(axes),
        values,
        units,
        {
            **attributes,
            "spec_sha256": content_digest(spec),
            "versions": manifest["versions"],
        },
        {name: entry["title"] for name, entry in described.items()},
        folder,
    )
