"""What `qpcjax sweep` does between its options and its folder."""

import dataclasses
import os
import sys
import threading
from pathlib import Path

import jax

from qpcjax.files import InputError
from qpcjax.files.results import format_of
from qpcjax.files.table import digest
from qpcjax.sweeping.export import SUFFIXES, WRITERS, check_json, check_zarr
from qpcjax.sweeping.progress import shown
from qpcjax.sweeping.run import run
from qpcjax.sweeping.spec import read_spec

_MEET = 180  # s in which all processes must have started


def run_spec(
    spec,
    out,
    *,
    export=None,
    quiet=False,
    job=None,
    distributed=False,
    coordinator=(None, None, None),
):
    """Read a spec and run it, or one job's share of it.

    Args:
        spec: the TOML file.
        out: the folder.
        export: a .nc, .csv or .json file, or a .zarr group, which the process writes that finds
            all chunks finished.
        quiet: whether no progress is shown.
        job: "i/n" for the share i of n, counted from 0; None for all or for that of a process.
        distributed: whether a launcher has started several processes.
        coordinator: address, number of processes and number of this one, or three times None.

    Returns:
        Text for the user: the paths that are written, or how many chunks are missing.

    Raises:
        InputError: anything that the user can mend.
    """
    kind = None if export is None else _kind_of(export)  # before long work
    share = None if job is None else _share(job)
    if distributed or any(part is not None for part in coordinator):
        if share is not None:
            raise InputError(
                "--job shares the work without a launcher: leave out --job, or --distributed and "
                "--coordinator"
            )
        _join(coordinator)
    plan = read_spec(spec)
    if kind == "json":
        check_json(len(plan.observables) * plan.axes.size)
    source = {"input": Path(spec).name, "input_sha256": digest(Path(spec))}
    with shown(not quiet and jax.process_index() == 0) as advance:
        try:
            result = run(plan, out, advance, share)
        except KeyboardInterrupt:
            raise InputError(
                f"stopped; finished chunks are kept in {out}, and the same command goes on"
            ) from None
    if result.unfinished:
        return (
            f"This share is finished. {result.unfinished} of {plan.chunks.count} chunks are still "
            f"missing in\n  {result.folder}"
        )
    if kind is not None:
        named = dataclasses.replace(result, attributes={**source, **result.attributes})
        WRITERS[kind](named, export)
    return f"Written:\n  {result.folder}" + (f"\n  {export}" if export else "")


def _share(job):
    """The job "i/n" as (i, n)."""
    number, _, count = job.partition("/")
    if not (number.isdecimal() and count.isdecimal() and int(number) < int(count)):
        raise InputError(
            f"--job must be i/n for job i of n, counted from 0, such as 0/4 to 3/4, got {job!r}"
        )
    return int(number), int(count)


def _kind_of(path):
    kind = format_of(path, SUFFIXES)
    if kind == "zarr":
        check_zarr(path)
    if not Path(path).absolute().parent.is_dir():
        raise InputError(f"{path}: there is no folder {Path(path).parent}. Make it first")
    return kind


def _join(coordinator):
    """Meet the other processes in JAX's runtime, so that each knows its number."""
    given = [part is not None for part in coordinator]
    if any(given) and not all(given):
        raise InputError("--coordinator, --processes and --process-id belong together: give all")
    address, processes, process_id = coordinator
    if all(given) and not process_id < processes:
        raise InputError(f"--process-id must be below {processes}, got {process_id}")
    # JAX would wait as long, and then abort with a stack trace.
    timer = threading.Timer(_MEET, _end_alone)
    timer.daemon = True
    timer.start()
    try:
        jax.distributed.initialize(
            address, processes, process_id, initialization_timeout=_MEET + 60
        )
    except (RuntimeError, ValueError) as error:
        found = "" if all(given) else "; give --coordinator, --processes and --process-id"
        raise InputError(f"the other processes were not found: {error}{found}") from None
    finally:
        timer.cancel()
    if jax.default_backend() == "cpu":
        # JAX ends every process when the one of its coordinator dies, and the sweep needs no other
        # process. On a GPU compiling may still ask the others: there the runtime stays.
        jax.distributed.shutdown()


def _end_alone():
    print(
        f"Error: the other processes have not come within {_MEET} s: are all of them started, with "
        "the same coordinator and number of processes?",
        file=sys.stderr,
        flush=True,
    )
    os._exit(2)
