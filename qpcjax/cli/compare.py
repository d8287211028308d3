"""The command `qpcjax compare`: saved fits of the same data beside each other."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from qpcjax.cli.console import plain_errors, print_json, print_paths, say, write_figure
from qpcjax.cli.options import AsJson

EXAMPLES = (
    "qpcjax compare MEAN SADDLE",
    "qpcjax compare MEAN SADDLE --folds 4",
)


def compare(
    fits: Annotated[
        list[Path],
        typer.Argument(
            metavar="FIT...",
            help="Folders of qpcjax fit, or files of saved fits; two or more, of the same data.",
        ),
    ],
    folds: Annotated[
        int,
        typer.Option(
            help="Blocks along the gate, 2 or more, that are left out in turn; each fit is made "
            "again without them and must predict them."
        ),
    ] = 0,
    plot: Annotated[
        Path | None, typer.Option(help="Draw it into this file: .png, .svg or .pdf.")
    ] = None,
    as_json: AsJson = False,
):
    """Compare fits of the same data: criteria, weights, and which predicts what it has not seen."""
    from qpcjax.fitting.comparison import compare as compared
    from qpcjax.fitting.saved_fits import read_fits
    from qpcjax.plot import check_formats

    with plain_errors():
        results = read_fits(fits)
        if folds < 0 or folds == 1:
            raise ValueError(f"folds must be 2 or more, or 0 for none, got {folds}")
        if plot is not None:
            check_formats([plot.suffix.removeprefix(".").lower() or "png"])
        found = compared(results, folds=folds)
        drawn = [] if plot is None else write_figure(plot, _picture(found))
    if as_json:
        rivals = [dataclasses.asdict(rival) for rival in found.rivals]
        print_json({"rivals": rivals, "words": found.words().splitlines()})
        return
    say(found.table())
    say(found.words())
    if drawn:
        print_paths(drawn)


def _picture(found):
    import numpy as np

    from qpcjax.plot import comparison

    return np.ravel(comparison(found))[0].figure
