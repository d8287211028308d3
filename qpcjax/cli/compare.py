"""The command `qpcjax compare`: saved fits of the same data beside each other."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from qpcjax.cli.console import plain_errors, print_json, say
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
    as_json: AsJson = False,
):
    """Compare fits of the same data: criteria, weights, and which predicts what it has not seen."""
    from qpcjax.fitting.comparison import compare as compared
    from qpcjax.fitting.saved_fits import read_fits

    with plain_errors():
        results = read_fits(fits)
        if folds < 0 or folds == 1:
            raise ValueError(f"folds must be 2 or more, or 0 for none, got {folds}")
        found = compared(results, folds=folds)
    if as_json:
        rivals = [dataclasses.asdict(rival) for rival in found.rivals]
        print_json({"rivals": rivals, "words": found.words().splitlines()})
        return
    say(found.table())
    say(found.words())
