"""The command `qpcjax sweep`: observables over the axes of a spec."""

from pathlib import Path
from typing import Annotated

import typer

from qpcjax.cli.console import plain_errors, say
from qpcjax.files import InputError

EXAMPLES = (
    "qpcjax sweep sweep.toml -o OUT",
    "qpcjax sweep sweep.toml -o OUT --job 0/2",
)


def sweep(
    spec: Annotated[
        Path,
        typer.Argument(
            metavar="SPEC.toml", help="What to sweep: scatterer, axes and observables, as TOML."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Folder for the results; an unfinished sweep goes on."),
    ],
    export: Annotated[
        Path | None,
        typer.Option(
            "--export",
            "--netcdf",
            help="Write the finished sweep to this .nc, .csv, .json or .zarr as well.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    job: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Compute the share I, counted from 0, of N shares: for job arrays, or several "
            "terminals. Jobs need not run at the same time.",
        ),
    ] = None,
    distributed: Annotated[
        bool,
        typer.Option(
            "--distributed",
            help="Share the work with the other processes that Slurm or Open MPI has started.",
        ),
    ] = False,
    coordinator: Annotated[
        str | None,
        typer.Option(help="HOST:PORT of process 0, where no launcher tells it."),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Number of processes, with --coordinator.")
    ] = None,
    process_id: Annotated[
        int | None, typer.Option(min=0, help="Number of this process, from 0.")
    ] = None,
    cpu_devices: Annotated[
        int | None, typer.Option(min=1, help="CPU devices that a process computes on; 1 core each.")
    ] = None,
):
    """Compute observables over named axes, chunk by chunk, into a folder; can be stopped at will.

    Run the same command again to go on where it stopped.
    """
    from qpcjax.sweeping.command import run_spec

    if cpu_devices is not None:
        import jax

        jax.config.update("jax_num_cpu_devices", cpu_devices)
    with plain_errors((InputError, OSError)):
        text = run_spec(
            spec,
            out,
            export=export,
            quiet=quiet,
            job=job,
            distributed=distributed,
            coordinator=(coordinator, processes, process_id),
        )
    say(text)
