"""Options that several commands share, and how the help lists those of a barrier."""

from typing import Annotated

import typer

HalfWidth = Annotated[float, typer.Option(help="Half the width of the channel, w, in nm.")]
Length = Annotated[float, typer.Option(help="Length of the channel, L, in nm.")]
Mass = Annotated[float, typer.Option(help="Effective mass in electron masses.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

Gate = Annotated[
    str | None,
    typer.Option(
        help="Name of the gate column (its number from 0 where there are no names); without FILE, "
        "a file of gate voltages."
    ),
]
Conductance = Annotated[
    str | None,
    typer.Option(
        help="Name of the column of the conductance, or of the resistance or current that it is "
        "taken from; without FILE, a file of conductances."
    ),
]
GateUnit = Annotated[str | None, typer.Option(help="mV, V or uV, where the file does not say it.")]
ConductanceUnit = Annotated[
    str | None,
    typer.Option(
        help="2e2/h, e2/h, uS, mS or S (Ohm, kOhm, MOhm; nA, pA, uA, mA, A), where the file does "
        "not say it."
    ),
]
Excitation = Annotated[
    str | None,
    typer.Option(help="Voltage that drives a current, such as '100 uV', for G = I/V."),
]
Component = Annotated[
    str | None, typer.Option(help="Of complex lock-in numbers: real, imag or abs.")
]
FilePart = Annotated[
    str | None,
    typer.Option("--part", help="Of a file with several: a run's number, or a group's name."),
]
Formats = Annotated[
    list[str] | None,
    typer.Option("--format", help="Of the tables: csv (default), json, netcdf; repeatable."),
]
FigureFormats = Annotated[
    list[str] | None,
    typer.Option("--figure-format", help="png (default), svg or pdf; repeatable."),
]

# Which models an option belongs to, for its help.
MODELS = {
    "abrupt": "mean, profile, matched, biased:",
    "channel": "mean, profile, matched, biased, adiabatic:",
}
MODEL_HELP = (
    "The barrier: mean, profile or matched (an abrupt constriction: Eq. 18's average, the modes' "
    "own profiles, or all modes coupled), biased (the voltage drops along it), adiabatic, saddle, "
    "step, or table."
)


def in_barrier(text, *names):
    """An option of the barrier, which the help lists apart."""
    return typer.Option(*names, help=text, rich_help_panel="The barrier")
