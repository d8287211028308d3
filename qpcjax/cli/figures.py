"""The command `qpcjax figures`: the paper's figures, and a second set of what it leaves out."""

from pathlib import Path
from typing import Annotated, Any

import typer

from qpcjax.cli.console import plain_errors, print_paths, progress_bar
from qpcjax.cli.options import FigureFormats, Formats, option, result_formats
from qpcjax.constants import GAAS_MASS
from qpcjax.files import InputError, check_writable
from qpcjax.validation import require_finite

EXAMPLES = (
    "qpcjax figures OUT --half-width 20 --length 80",
    "qpcjax figures OUT --set beyond",
)

_SETS = ("paper", "beyond")
_CONSTRICTION: dict[str, Any] = {
    "half_width": 20.0,
    "length": 80.0,
    "mass": GAAS_MASS,
    "model": "mean",
}


def _default(name):
    return f"{_CONSTRICTION[name]:g} by default"


def figures(
    out: Annotated[Path, typer.Argument(help="Folder for the figures; made if it is not there.")],
    wanted: Annotated[
        str,
        typer.Option(
            "--set",
            help="paper, or beyond: thermopower, noise, engine, cooling, heat by damping law and "
            "temperature of a saddle.",
        ),
    ] = "paper",
    half_width: Annotated[float | None, option("half_width", more=_default("half_width"))] = None,
    length: Annotated[float | None, option("length", more=_default("length"))] = None,
    mass: Annotated[float | None, option("mass", more=_default("mass"))] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="The constriction of the paper's set: mean (the paper's, the default), profile or "
            "biased."
        ),
    ] = None,
    formats: Formats = None,
    figure_formats: FigureFormats = None,
):
    """Draw the paper's Figs. 2 to 5 as PNG, each with a CSV of the numbers drawn, or a second set.

    The second set, of what the paper leaves out, is drawn for one saddle and takes no sizes.
    """
    stated = {"half_width": half_width, "length": length, "mass": mass, "model": model}
    stated = {name: value for name, value in stated.items() if value is not None}
    with plain_errors():
        if wanted not in _SETS:
            raise ValueError(f"set must be {' or '.join(_SETS)}, got {wanted!r}")
        if wanted == "beyond" and stated:
            name = next(iter(stated)).replace("_", "-")
            raise ValueError(f"--{name} is of the paper's set: leave it out with --set beyond")
        from qpcjax.beyond_figures import beyond_figures
        from qpcjax.paper_figures import describe, paper_figures

        sizes = {**_CONSTRICTION, **stated}
        require_finite(**{k: v for k, v in sizes.items() if k != "model"})
        describe(*sizes.values())  # refuses bad numbers, before long work
        tables, pictures = result_formats(formats, figure_formats)
        check_writable(out)
    with plain_errors((InputError, OSError)), progress_bar() as advance:
        if wanted == "beyond":
            paths = beyond_figures(out, advance, tables, pictures)
        else:
            paths = paper_figures(
                out, **sizes, progress=advance, formats=tables, figure_formats=pictures
            )
    print_paths(paths)
