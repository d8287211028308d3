"""Running a sweep: which chunks, in which process, to where."""

import concurrent.futures
import contextlib
import itertools
import math
import os
import time
from collections.abc import Set
from typing import Any

import jax
import numpy as np

from qpcjax._versions import versions
from qpcjax.files.atomic_writing import content_digest
from qpcjax.sweeping.compiled_chunk import Program
from qpcjax.sweeping.plan import Plan, make_plan
from qpcjax.sweeping.processes import Peers, wait_for
from qpcjax.sweeping.progress import shown
from qpcjax.sweeping.result import StoredValues, SweepResult
from qpcjax.sweeping.store import FORMAT, Store
from qpcjax.sweeping.zarr_group import group_files
from qpcjax.transport.integrals import ORDER

_LOOK_EVERY = 1.0  # s between looks at what the other processes have finished
_MOST_CORES = 16  # that take chunks, each of which takes memory


def sweep(
    scatterer,
    axes,
    observables,
    out=None,
    *,
    table=False,
    fermi_energy: Any = "mu_R",
    order=ORDER,
    chunk=None,
    progress: Any = False,
) -> SweepResult:
    """Observables over named axes, chunk by chunk, on all local devices and in all processes.

    Axes are numbers of the scatterer by name (half_width, length, offset, ...; step_energy for
    that of an ideal step), mu, bias, temperature, temperature_bias, the strength of the damping,
    and for some observables the electrons' energy or the distance; in the library's units. What is
    no axis has the scatterer's value, or bias = 0, temperature = 0, damping = 0.04.

    The static choices are made once for all points: panels that resolve the longest channel, and
    the scatterer's own number of modes, which must do everywhere. With `out` memory is bounded
    whatever the size, and a sweep that was stopped goes on where it was: call it again. Results do
    not depend on how often that happened, nor on the number of devices and processes. In
    several processes (`jax.distributed.initialize`) all must call with the same arguments and an
    `out` that they share; the end of one of them ends the others with the exit code 3.

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
        order: Gauss nodes in a panel of the integrals.
        chunk: most points in a chunk, by default some seconds of work.
        progress: True for a bar on stderr with rate and time left; or a function (done, total).

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
        order=order,
        chunk=chunk,
    )
    if callable(progress):
        return run(plan, out, progress)
    with shown(bool(progress) and jax.process_index() == 0) as advance:
        return run(plan, out, advance)


def open_sweep(folder) -> SweepResult:
    """The result of a sweep on the disk.

    Values of chunks that are not finished cannot be read: an InputError says so.

    Args:
        folder: the `out` of a sweep.

    Raises:
        InputError: there is no sweep in it.
    """
    return _stored(Store(folder))


def run(plan: Plan, out, advance, watched=False) -> SweepResult:
    """Run a plan; see `sweep`.

    Args:
        plan: the sweep.
        out: folder, or None for memory.
        advance: function (points done, points in all) that is told of progress.
        watched: whether the caller watches over the other processes.
    """
    double = jax.config.jax_enable_x64  # pyright: ignore[reportAttributeAccessIssue]
    if not double:
        raise ValueError(
            "sweeps need double precision: call jax.config.update('jax_enable_x64', True) first"
        )
    if out is None:
        return _in_memory(plan, advance)
    process, processes = jax.process_index(), jax.process_count()
    store = Store.begin(out, _manifest(plan))
    store.complete(group_files(_stored(store, plan.axes.values), store.chunks))
    watch = contextlib.nullcontext() if watched else Peers(store.folder, process, processes)
    with watch:
        _to_disk(plan, store, process, processes, advance)
    return _stored(store)


def _manifest(plan):
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
    advance(0, plan.axes.size)
    points = 0

    def keep(number, part):
        start, stop = plan.chunks.bounds(number)
        values[:, start:stop] = part

    def kept(number):
        nonlocal points
        start, stop = plan.chunks.bounds(number)
        points += stop - start
        advance(points, plan.axes.size)

    _compute(plan, range(plan.chunks.count), keep, kept)
    names = [o.name for o in plan.observables]
    named = dict(zip(names, values.reshape(-1, *plan.axes.shape), strict=True))
    return _result(_manifest(plan), plan.axes.values, named)


def _to_disk(plan, store, process, processes, advance):
    """Compute the chunks of this process that are not finished; wait for those of the others."""
    mine = set(range(process, plan.chunks.count, processes))
    store.tidy(mine)
    there = store.finished()
    left = [k for k in sorted(mine) if k not in there or not store.sound(k)]
    done = _Done(store, there - set(left), advance)
    _compute(plan, left, store.write, done.add)
    wait_for(lambda: done.look() >= plan.chunks.count)


def _compute(plan, numbers, keep, kept):
    """Compute chunks, some at a time.

    Args:
        plan: the sweep.
        numbers: those of the chunks.
        keep: function (number, values of shape (observables, points)), called in other threads.
        kept: function (number) that is told, in this thread, of each chunk that has been kept.
    """
    if not numbers:
        return
    program, at_once = Program(plan), _chunks_at_once()

    def compute(number):
        keep(number, program.values(number))
        return number

    with concurrent.futures.ThreadPoolExecutor(at_once) as threads:
        left = iter(numbers)
        running = {threads.submit(compute, k) for k in itertools.islice(left, at_once)}
        while running:
            finished, running = concurrent.futures.wait(
                running, return_when=concurrent.futures.FIRST_COMPLETED
            )
            for chunk in finished:
                kept(chunk.result())
            running |= {threads.submit(compute, k) for k in itertools.islice(left, len(finished))}


def _chunks_at_once():
    """How many chunks are on their way: XLA's loop over blocks of T(E) has one core to itself."""
    if jax.default_backend() != "cpu":
        return 2  # one is computed while the other comes and goes
    available = getattr(os, "sched_getaffinity", None)
    cores = len(available(0)) if available else os.cpu_count() or 1
    return 1 + min(cores, _MOST_CORES)  # one of them is being written


class _Done:
    """Which chunks are finished, in this process and the others."""

    def __init__(self, store, finished, advance):
        self._store, self._advance, self._looked = store, advance, time.monotonic()
        self._finished, self._points = set(), 0
        self._count(finished)

    def add(self, number):
        if time.monotonic() - self._looked > _LOOK_EVERY:
            self.look({number})
        else:
            self._count({number})

    def look(self, numbers: Set[int] = frozenset()):
        """Number of chunks that are finished, by their files; those given are known to be."""
        self._looked = time.monotonic()
        if len(self._finished) < self._store.chunks.count:
            with contextlib.suppress(OSError):
                numbers = numbers | self._store.finished()
            self._count(numbers)
        return len(self._finished)

    def _count(self, numbers):
        chunks = self._store.chunks
        for number in numbers - self._finished:
            start, stop = chunks.bounds(number)
            self._points += stop - start
        self._finished |= numbers
        self._advance(self._points, math.prod(chunks.shape))


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
