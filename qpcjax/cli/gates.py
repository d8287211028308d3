"""The command `qpcjax gates`: from a layout of gates to conductance and heat."""

from pathlib import Path
from typing import Annotated

import typer

from qpcjax.cli.console import plain_errors, print_paths, progress_bar, say
from qpcjax.cli.options import FigureFormats, Formats, result_formats
from qpcjax.files import InputError, check_writable

EXAMPLES = (
    "qpcjax gates docs/layout.toml -o OUT",
    "qpcjax gates docs/layout.toml -o OUT --format netcdf",
)


def gates(
    layout: Annotated[
        Path,
        typer.Argument(
            metavar="LAYOUT.toml",
            help="Electron gas, gates and their voltages, as TOML.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for report and figures.")] = Path(
        "qpcjax-gates"
    ),
    formats: Formats = None,
    figure_formats: FigureFormats = None,
):
    """From the outlines and voltages of gates to potential, conductance and heat.

    Writes report.txt, gates.json, staircase.csv, potential.png and staircase.png into the folder.
    """
    from qpcjax.staircases.command import answer
    from qpcjax.staircases.layout import read_layout

    with plain_errors():
        question = read_layout(layout)
        kinds = result_formats(formats, figure_formats)
        check_writable(out)
    with plain_errors((InputError, OSError)), progress_bar() as advance:
        report, paths = answer(question, out, advance, *kinds)
    say(report)
    print_paths(paths)
