"""The command `qpcjax fit`: a barrier fitted to a measured trace, and its heating predicted."""

from pathlib import Path
from typing import Annotated

import typer

from qpcjax.cli.console import plain_errors, print_paths, progress_bar, say
from qpcjax.cli.options import (
    At,
    Component,
    Conductance,
    ConductanceUnit,
    Excitation,
    FigureFormats,
    FilePart,
    Formats,
    Gain,
    Gate,
    GateUnit,
    Generated,
    Mass,
    Offset,
    Setting,
    damping_option,
    model_option,
    option,
    result_formats,
)
from qpcjax.constants import GAAS_MASS
from qpcjax.files import InputError, check_writable
from qpcjax.heat.laws import is_strength
from qpcjax.scatterers.registry import BARRIERS, COMPARED
from qpcjax.validation import require_finite

EXAMPLES = (
    "qpcjax fit trace.csv -o OUT",
    "qpcjax fit run.db --part 12 --sweep up -o OUT",
)


def _fit(
    trace_file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="Conductance trace, of any format that qpcjax inspect shows; CSV, TSV or other "
            "text whose header names the columns with units, such as "
            "'gate (mV),conductance (2e2/h)'; NumPy .npz, HDF5, netCDF, QCoDeS .db, Labber logs.",
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for report, tables and figures.")
    ] = Path("qpcjax-fit"),
    gate: Gate = None,
    conductance: Conductance = None,
    trace: Annotated[
        int | None,
        typer.Option(
            help="Which of several traces, counted from 0; column of the two files, or line of a "
            "scan over more than the gate. The same as FILE#3; FILE#0-5 fits several together."
        ),
    ] = None,
    sweep: Annotated[
        str | None,
        typer.Option(help="Of a gate that goes up and down: up, down, a number from 0, or all."),
    ] = None,
    part: FilePart = None,
    gate_unit: GateUnit = None,
    conductance_unit: ConductanceUnit = None,
    excitation: Excitation = None,
    component: Component = None,
    gain: Gain = None,
    setting: Setting = None,
    at: At = None,
    offset: Offset = None,
    map_file: Annotated[
        Path | None,
        typer.Option(
            "--map",
            metavar="FILE",
            help="dI/dV over gate voltage and bias, fitted with the trace or alone; it "
            "tells the energy scale and the lever arm of the gate. Beside a trace it must state "
            "its own units.",
        ),
    ] = None,
    gates: Annotated[
        Path | None,
        typer.Option(
            "--gates",
            metavar="LAYOUT.toml",
            help="Gates of a layout, as qpcjax gates reads it, in place of a barrier. Density, "
            "series resistance and temperature are fitted, and what the layout has [errors] of. "
            "That takes minutes.",
        ),
    ] = None,
    ranges: Annotated[
        list[str] | None,
        typer.Option(
            "--range",
            metavar="V1:V2",
            help="Fit only the points between two gate voltages in mV; such as -1400:-1200; "
            "repeatable.",
        ),
    ] = None,
    skips: Annotated[
        list[str] | None,
        typer.Option(
            "--skip",
            metavar="V1:V2",
            help="Do not fit the points between two gate voltages in mV; repeatable. fit.csv has "
            "them all the same.",
        ),
    ] = None,
    density: Annotated[
        float | None, option("density", more="it sets mu; 2 if neither is given")
    ] = None,
    mu: Annotated[float | None, option("mu", note="instead of the density")] = None,
    mass: Mass = GAAS_MASS,
    knots: Annotated[
        int | None,
        typer.Option(help="Gate voltages at which what the gate moves is free, 2 to 6."),
    ] = None,
    constant_ratio: Annotated[
        bool, typer.Option("--constant-ratio", help="L/w is constant along the trace, and not L.")
    ] = False,
    hold: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE holds a parameter, as the report names it; repeatable."),
    ] = None,
    free: Annotated[
        list[str] | None,
        typer.Option(help="NAME frees a parameter that is held by default; repeatable."),
    ] = None,
    private: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME has a value of its own in each of several traces; such as half_width, which "
            "they share else; repeatable."
        ),
    ] = None,
    loss: Annotated[
        str, typer.Option(help="linear, or for outliers huber, soft_l1 or student_t.")
    ] = "linear",
    shoulder: Annotated[
        str | None,
        typer.Option(
            help="Shoulder below the plateaus: gap, hartree or none; phenomenological. gap: the "
            "spins part as a mode fills (gap_slope, gap_onset, gap_fade); hartree: a mode rises as "
            "it fills (hartree_strength). The trace is fitted without it first, and the heating "
            "predicted with and without. Without --model and --shoulder the gap is tried where a "
            "misfit is left."
        ),
    ] = None,
    zeeman: Annotated[
        str | None,
        typer.Option(
            metavar="B[,g]",
            help="Magnetic field in T that splits the spins, and their g-factor; it is fitted "
            "where it is not stated. The field does not act on the orbits.",
        ),
    ] = None,
    trace_temperature: Annotated[
        str | None,
        typer.Option(
            metavar="T[,T...]",
            help="Temperature in K at which the trace was taken, where it is known; one, or one of "
            "each of several traces.",
        ),
    ] = None,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Find the intervals of the profile likelihood too.")
    ] = False,
    bias: Annotated[
        float, option("bias", note="across the device, of the heating prediction")
    ] = 2.0,
    temperature: Annotated[float, option("temperature", note="of the heating prediction")] = 1.6,
    damping: Annotated[str, damping_option(" of the density or else of the fitted mu")] = "0.04",
    formats: Formats = None,
    figure_formats: FigureFormats = None,
    *,
    generated: dict[str, str],
):
    """Fit barriers to a measured conductance trace and predict its heating.

    Without --model several barriers are compared; the report is that of the best one, and its
    errors include the spread between equally good ones.

    Writes the report (report.txt, report.html, fit.json), tables (fit.csv, parameters.csv,
    heating.csv) and figures (fit.png, heating.png, correlation.png) into the folder.
    With --gates there is no heating: qpcjax gates predicts it from a layout.
    Of several data sets fit_curves.csv has all points; map.png is the map, its fit and the rest.
    """
    from qpcjax.fitting.command import (
        TraceFitOptions,
        answer,
        held,
        read_all_and_map,
        temperatures,
        voltage_range,
        zeeman_of,
    )
    from qpcjax.fitting.gate_files import answer_gates
    from qpcjax.fitting.map_files import answer_map
    from qpcjax.fitting.together_files import answer_together
    from qpcjax.staircases.layout import read_measured_layout

    with plain_errors():
        numbers = {"mass": mass, "bias": bias, "temperature": temperature}
        strength = {"damping": float(damping)} if is_strength(damping) else {}
        require_finite(**numbers, **strength)
        question = TraceFitOptions(
            density=density,
            mu=mu,
            model=generated["model"],
            knots=knots,
            constant_ratio=constant_ratio,
            ranges=tuple(voltage_range(word, "--range") for word in ranges or ()),
            skips=tuple(voltage_range(word, "--skip") for word in skips or ()),
            hold=held(hold or ()),
            free=tuple(free or ()),
            loss=loss,
            trace_temperature=temperatures(trace_temperature),
            private=tuple(private or ()),
            intervals=intervals,
            shoulder=shoulder,
            zeeman=zeeman_of(zeeman),
            **{**numbers, "damping": damping, **strength},
        )
        kinds = result_formats(formats, figure_formats)
        more = {"excitation": excitation, "component": component, "part": part, "sweep": sweep}
        more |= {"gain": gain, "setting": setting, "at": at, "offset": offset}
        units = (gate_unit, conductance_unit)
        files = trace_file, gate, conductance, trace, *units
        traces, spectrum = read_all_and_map(map_file, *files, **more)
        if spectrum is not None and intervals:
            raise ValueError("--intervals is for a trace without --map")
        layout = None
        if gates is not None:
            alone = {
                "--map": map_file,
                "--model": generated["model"],
                "--density": density,
                "--mu": mu,
                "--knots": knots,
                "--constant-ratio": constant_ratio,
                "--private": private,
                "--shoulder": shoulder,
                "--zeeman": zeeman,
                "--intervals": intervals,
            }
            given = [name for name, value in alone.items() if value]
            if given:
                raise ValueError(f"--gates is of a layout: leave out {', '.join(given)}")
            if len(traces) != 1:
                raise ValueError("--gates goes with one trace: name one, such as FILE#0")
            layout = read_measured_layout(gates)
        question.temperatures_of(max(len(traces), 1))
        if question.private and len(traces) < 2:
            raise ValueError("--private is for several traces, such as FILE#0-5")
        check_writable(out)
    with plain_errors((InputError, OSError)), progress_bar() as advance:
        if layout is not None:
            report, paths = answer_gates(traces[0], layout, question, out, advance, *kinds)
        elif spectrum is not None:
            first = next(iter(traces), None)
            report, paths = answer_map(spectrum, first, question, out, advance, *kinds, say)
        elif len(traces) == 1:
            report, paths = answer(traces[0], question, out, advance, *kinds, told=say)
        else:
            report, paths = answer_together(traces, question, out, advance, *kinds, say)
    say(report)
    print_paths(paths)


def _model():
    """The option --model, which names the barriers whose fit is offered by now."""
    moved = {
        kind.name: argument.quantity.words
        for kind in BARRIERS.values()
        for argument in kind.arguments.values()
        if argument.name == kind.gate and argument.quantity
    }
    names: dict[str, list[str]] = {}
    for name, words in moved.items():
        names.setdefault(words, []).append(name)
    listed = "; ".join(f"{words} ({', '.join(n)})" for words, n in names.items())
    return {
        "model": model_option(
            "The barrier, as in qpcjax evaluate; by default "
            f"{', '.join(COMPARED)} are compared. The gate moves the {listed}.",
            default=None,
        )
    }


fit = Generated(_fit, "fit", _model)
