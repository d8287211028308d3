"""The command `qpcjax inspect`: what is in a file of measurements."""

from pathlib import Path
from typing import Annotated

import typer

from qpcjax.cli.console import plain_errors, print_json, print_paths, say, write_figure
from qpcjax.cli.options import (
    AsJson,
    At,
    Component,
    Conductance,
    ConductanceUnit,
    Excitation,
    FilePart,
    Gain,
    Gate,
    GateUnit,
    Offset,
    Setting,
)
from qpcjax.files import InputError

EXAMPLES = (
    "qpcjax inspect run.db",
    "qpcjax inspect map.nc --plot map.png",
)


def inspect(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A measurement: any format that qpcjax fit takes."),
    ] = None,
    gate: Gate = None,
    conductance: Conductance = None,
    part: FilePart = None,
    gate_unit: GateUnit = None,
    conductance_unit: ConductanceUnit = None,
    excitation: Excitation = None,
    component: Component = None,
    gain: Gain = None,
    setting: Setting = None,
    at: At = None,
    offset: Offset = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw what is in it into this file: .png, .svg or .pdf.")
    ] = None,
    as_json: AsJson = False,
):
    """Show what is in a file of measurements, what it is taken for, and how to fit it."""
    from qpcjax.files.inspection import inspect_file, inspect_pair
    from qpcjax.files.inspection_text import as_text
    from qpcjax.files.traces import Choice

    with plain_errors():
        if file is not None:
            units = (gate_unit, conductance_unit)
            more = (excitation, component, gain, setting, at, offset)
            choice = Choice(gate, conductance, *units, *more)
            found = inspect_file(file, choice, part)
        elif gate is not None and conductance is not None:
            found = inspect_pair(gate, conductance, gate_unit, conductance_unit)
        else:
            raise InputError("give FILE, or a file each with --gate and --conductance")
        drawn = [] if plot is None else _draw_inspection(found, plot)
    if as_json:
        print_json(found.as_json())
        return
    say(as_text(found))
    if drawn:
        print_paths(drawn)


def _draw_inspection(found, path):
    from qpcjax.plot.measured_files import measured

    axes = measured(found)
    if axes is None:
        raise InputError(f"{found.files[0]} holds nothing that could be drawn")
    return write_figure(path, axes[0].figure)
