"""The command `qpcjax design`: the barrier that does best what a spec asks of it."""

from pathlib import Path
from typing import Annotated

import typer

from qpcjax.cli.console import plain_errors, print_paths, progress_bar, say
from qpcjax.cli.options import FigureFormats, Formats, result_formats
from qpcjax.files import InputError, check_writable

EXAMPLES = (
    "qpcjax design docs/design.toml -o OUT",
    "qpcjax design docs/design.toml -o OUT --figure-format pdf",
)


def design(
    spec: Annotated[
        Path,
        typer.Argument(
            metavar="SPEC.toml",
            help="What to design: scatterer, reservoirs, objective and free parameters, as TOML.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for report and figure.")] = Path(
        "qpcjax-design"
    ),
    formats: Formats = None,
    figure_formats: FigureFormats = None,
):
    """Find the constriction and operating point that do best what is asked of them.

    Writes report.txt, design.json, parameters.csv, design.png and trajectory.png into the folder.
    """
    from qpcjax.designing.command import answer
    from qpcjax.designing.spec import read_design_spec

    with plain_errors():
        question = read_design_spec(spec)
        kinds = result_formats(formats, figure_formats)
        check_writable(out)
    with plain_errors((InputError, OSError)), progress_bar() as advance:
        report, paths = answer(question, out, advance, *kinds)
    say(report)
    print_paths(paths)
