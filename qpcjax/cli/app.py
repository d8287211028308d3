"""The command `qpcjax`: assembles the commands, one of each file beside this one.

A command reads options, calls the package and prints; it computes nothing. Modules that take long
to import are imported inside the commands.
"""

from typing import Annotated

import typer

from qpcjax._versions import versions
from qpcjax.cli import (
    compare,
    design,
    evaluate,
    explore,
    figures,
    fit,
    gates,
    info,
    inspect,
    next,
    sweep,
)
from qpcjax.cli.console import Commands
from qpcjax.cli.help import Command

app = typer.Typer(
    name="qpcjax",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog="Examples: qpcjax evaluate --half-width 20 --length 80 --mu 14 --bias 4   or   "
    "qpcjax inspect trace.csv",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main():
    """Run the command in double precision."""
    import jax

    from qpcjax.compilation_cache import enable_compilation_cache

    jax.config.update("jax_enable_x64", True)
    enable_compilation_cache()
    app()


def _print_version(wanted: bool):
    if wanted:
        typer.echo(f"qpcjax {versions()['qpcjax']}")
        raise typer.Exit


@app.callback(
    help="Transport and heating in a quantum point contact.\n\n"
    "How much current flows, how much power is dissipated on each side, and how far away the heat "
    "appears. Energies are in meV from the bottom of the conduction band, lengths in nm, "
    "temperatures in K."
)
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Version.")
    ] = False,
):
    """Options of the command itself; its help stands above, as line breaks here would be kept."""


_GROUPS = {
    "From a model": (evaluate, sweep, design, gates, explore, figures),
    "From measured data": (inspect, fit, compare, next),
    "About this installation": (info,),
}

for _title, _modules in _GROUPS.items():
    for _module in _modules:
        app.command(
            cls=Command,
            rich_help_panel=_title,
            epilog=f"Examples: {'   or   '.join(_module.EXAMPLES)}",
        )(getattr(_module, _module.__name__.rpartition(".")[2]))
