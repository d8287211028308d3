"""The command `qpcjax next`: the points that would tell most about a parameter of a saved fit."""

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from qpcjax.cli.console import plain_errors, print_json, say
from qpcjax.cli.options import AsJson

EXAMPLES = (
    "qpcjax next OUT --target length",
    "qpcjax next OUT --target mu --free mu "
    "--kind differential_conductance --bias -2:2 --sigma 0.01",
)


def next(
    fit: Annotated[
        Path,
        typer.Argument(metavar="FIT", help="A folder of qpcjax fit, or the file of a saved fit."),
    ],
    target: Annotated[
        str, typer.Option(help="The parameter to know better, as the report names it.")
    ],
    kind: Annotated[
        str,
        typer.Option(
            help="What could be measured: conductance, differential_conductance, current, left, "
            "right, asymmetry, total, distance, or another observable."
        ),
    ] = "conductance",
    gate: Annotated[
        str | None,
        typer.Option(
            metavar="V1:V2", help="Gate voltages in mV between which; by default those of the data."
        ),
    ] = None,
    bias: Annotated[
        str | None,
        typer.Option(metavar="V1:V2", help="Biases in meV between which, for a map."),
    ] = None,
    sigma: Annotated[
        float | None,
        typer.Option(
            help="Standard error of one point, in the unit of what is measured; by default that of "
            "the fitted data."
        ),
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(help="In K; by default that of the fitted device.")
    ] = None,
    count: Annotated[int, typer.Option(help="Number of points.")] = 3,
    free: Annotated[
        list[str] | None,
        typer.Option(help="NAME supposes that a held parameter is not known; repeatable."),
    ] = None,
    as_json: AsJson = False,
):
    """Say which points to measure next, and what each would make of a parameter's error.

    The points are chosen one after the other among 41 gate voltages, or 21 and 9 biases.
    """
    from qpcjax.fitting.command import voltage_range
    from qpcjax.fitting.saved_fits import NextQuestion, read_fit

    with plain_errors():
        question = NextQuestion(
            target,
            kind,
            None if gate is None else voltage_range(gate, "--gate"),
            None if bias is None else voltage_range(bias, "--bias", "biases in meV such as -2:2"),
            sigma,
            temperature,
            count,
            tuple(free or ()),
        )
        found = read_fit(fit)
        points = question.answer(found)
    if as_json:
        told = [dataclasses.asdict(point) for point in points.points]
        print_json({"target": target, "stderr": points.stderr, "points": told})
        return
    say(question.in_words(found, points))
