"""The command `qpcjax figures`: the paper's figures."""

from pathlib import Path
from typing import Annotated

import typer

from qpcjax.cli.console import plain_errors, print_paths, progress_bar
from qpcjax.cli.options import FigureFormats, Formats, Mass, option, result_formats
from qpcjax.constants import GAAS_MASS
from qpcjax.files import InputError, check_writable
from qpcjax.validation import require_finite

EXAMPLES = (
    "qpcjax figures OUT",
    "qpcjax figures OUT --half-width 20 --length 80",
)


def figures(
    out: Annotated[Path, typer.Argument(help="Folder for the figures; made if it is not there.")],
    half_width: Annotated[float, option("half_width")] = 20.0,
    length: Annotated[float, option("length")] = 80.0,
    mass: Mass = GAAS_MASS,
    model: Annotated[
        str, typer.Option(help="The constriction: mean (the paper's), profile or biased.")
    ] = "mean",
    formats: Formats = None,
    figure_formats: FigureFormats = None,
):
    """Draw the paper's Figs. 2 to 5 as PNG, each with a CSV of the numbers drawn."""
    with plain_errors():
        from qpcjax.paper_figures import describe, paper_figures

        require_finite(half_width=half_width, length=length, mass=mass)
        describe(half_width, length, mass, model)  # refuses bad numbers, before long work
        kinds = result_formats(formats, figure_formats)
        check_writable(out)
    with plain_errors((InputError, OSError)), progress_bar() as advance:
        paths = paper_figures(out, half_width, length, mass, model, advance, *kinds)
    print_paths(paths)
