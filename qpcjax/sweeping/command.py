"""What `qpcjax sweep` does between its options and its folder."""

import contextlib
import dataclasses
from pathlib import Path

from qpcjax.files import InputError
from qpcjax.files.results import format_of
from qpcjax.files.table import digest
from qpcjax.sweeping.export import SUFFIXES, WRITERS, check_json, check_zarr
from qpcjax.sweeping.processes import join
from qpcjax.sweeping.progress import shown
from qpcjax.sweeping.run import run
from qpcjax.sweeping.spec import read_spec


def run_spec(
    spec, out, *, export=None, quiet=False, distributed=False, coordinator=(None, None, None)
):
    """Read a spec and run it.

    Args:
        spec: the TOML file.
        out: the folder.
        export: a .nc, .csv or .json file, or a .zarr group, that is written in the end.
        quiet: whether no progress is shown.
        distributed: whether a launcher has started several processes.
        coordinator: address, number of processes and number of this one, or three times None.

    Returns:
        The folder, in the one process that reports; None in the others.

    Raises:
        InputError: anything that the user can mend.
    """
    kind = None if export is None else _kind_of(export)  # before long work
    peers, process = contextlib.nullcontext(), 0
    joined = distributed or any(part is not None for part in coordinator)
    if joined:
        peers = _joined(out, coordinator)
        process = peers.process
    with peers:
        plan = read_spec(spec)
        if kind == "json":
            check_json(len(plan.observables) * plan.axes.size)
        source = {"input": Path(spec).name, "input_sha256": digest(Path(spec))}
        with shown(not quiet and process == 0) as advance:
            try:
                result = run(plan, out, advance, watched=joined)
            except KeyboardInterrupt:
                raise InputError(
                    f"stopped; finished chunks are kept in {out}, and the same command goes on"
                ) from None
    if process:
        return None
    if kind is not None:
        named = dataclasses.replace(result, attributes={**source, **result.attributes})
        WRITERS[kind](named, export)
    return result.folder


def _kind_of(path):
    kind = format_of(path, SUFFIXES)
    if kind == "zarr":
        check_zarr(path)
    if not Path(path).absolute().parent.is_dir():
        raise InputError(f"{path}: there is no folder {Path(path).parent}. Make it first")
    return kind


def _joined(out, coordinator):
    """Find the other processes; a watch over them."""
    given = [part is not None for part in coordinator]
    if any(given) and not all(given):
        raise InputError("--coordinator, --processes and --process-id belong together: give all")
    address, processes, process_id = coordinator
    if all(given) and not process_id < processes:
        raise InputError(f"--process-id must be below {processes}, got {process_id}")
    try:
        return join(out, address, processes, process_id)
    except OSError as error:
        raise InputError(f"the folder {out} cannot be written: {error.strerror}") from None
    except (RuntimeError, ValueError) as error:
        found = "" if all(given) else "; give --coordinator, --processes and --process-id"
        raise InputError(f"the other processes were not found: {error}{found}") from None
