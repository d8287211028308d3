"""The command `qpcjax`: reads options, calls the package, prints.

Nothing is computed here. What takes long to import is imported inside the commands.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from qpcjax._versions import versions
from qpcjax.cli.console import plain_errors, print_json, print_paths, progress_bar
from qpcjax.cli.options import (
    MODEL_HELP,
    MODELS,
    AsJson,
    Component,
    Conductance,
    ConductanceUnit,
    Excitation,
    FigureFormats,
    FilePart,
    Formats,
    Gate,
    GateUnit,
    HalfWidth,
    Length,
    Mass,
    in_barrier,
)
from qpcjax.constants import GAAS_MASS
from qpcjax.files import InputError, check_writable, write_files
from qpcjax.validation import require_finite

app = typer.Typer(
    name="qpcjax",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main():
    """Run the command in double precision."""
    import jax

    from qpcjax.compilation_cache import keep_compiled

    jax.config.update("jax_enable_x64", True)
    keep_compiled()
    app()


def _print_version(wanted: bool):
    if wanted:
        typer.echo(f"qpcjax {versions()['qpcjax']}")
        raise typer.Exit


@app.callback(
    help="Transport and heating in a quantum point contact.\n\n"
    "How much current flows, how much power is dissipated on each side, and how far away the heat "
    "appears. Energies are in meV from the bottom of the conduction band, lengths in nm, "
    "temperatures in K."
)
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Version.")
    ] = False,
):
    """Options of the command itself; its help stands above, as line breaks here would be kept."""


# --- commands -------------------------------------------------------------------------------


@app.command(
    epilog="Examples: qpcjax evaluate --half-width 20 --length 80 --mu 14 --bias 4 --temperature "
    "1.6   or   qpcjax evaluate --model saddle --height 10 --hbar-omega-y 3 --hbar-omega-x 1 "
    "--mu 12 --bias 1"
)
def evaluate(
    mu: Annotated[
        float, typer.Option(help="Mean electrochemical potential in meV, (mu_L + mu_R)/2.")
    ],
    bias: Annotated[
        float,
        typer.Option(
            help="Bias energy eV = mu_L - mu_R in meV (the voltage in mV); positive: electrons "
            "flow to the right."
        ),
    ] = 0.0,
    temperature: Annotated[float, typer.Option(help="Mean temperature in K; 0 is exact.")] = 0.0,
    temperature_bias: Annotated[
        float, typer.Option(help="Temperature difference T_L - T_R in K.")
    ] = 0.0,
    model: Annotated[str, in_barrier(MODEL_HELP)] = "mean",
    half_width: Annotated[
        float | None, in_barrier(f"{MODELS['channel']} Half its width, w, in nm.")
    ] = None,
    length: Annotated[
        float | None, in_barrier(f"{MODELS['abrupt']} Length of the channel, L, in nm.")
    ] = None,
    offset: Annotated[
        float | None,
        in_barrier(
            f"{MODELS['channel']} Floor of the channel above the leads' band bottom, U, in meV; "
            "0 by default."
        ),
    ] = None,
    wide_ratio: Annotated[
        float | None,
        in_barrier(
            "matched: Width of the wide regions over that of the channel; without it they "
            "are half planes."
        ),
    ] = None,
    extrapolate: Annotated[
        bool, in_barrier("matched: Extrapolate to infinitely many modes.", "--extrapolate")
    ] = False,
    curvature_radius: Annotated[
        float | None,
        in_barrier("adiabatic: Radius R of the walls at the narrowest place, in nm."),
    ] = None,
    height: Annotated[
        float | None, in_barrier("saddle: Its potential above the band bottom, V0, in meV.")
    ] = None,
    hbar_omega_y: Annotated[
        float | None, in_barrier("saddle: Spacing of the transverse levels in meV.")
    ] = None,
    hbar_omega_x: Annotated[
        float | None, in_barrier("saddle: hbar omega_x, the steps' softness, in meV.")
    ] = None,
    step_energy: Annotated[float | None, in_barrier("step: Energy E0 in meV.")] = None,
    table: Annotated[
        Path | None,
        in_barrier(
            "table: CSV file of T(E) whose header names its columns, such as "
            "'energy (eV),transmission'."
        ),
    ] = None,
    magnetic_field: Annotated[
        float | None,
        in_barrier("Magnetic field in T, perpendicular; on the orbit for saddle alone."),
    ] = None,
    g_factor: Annotated[
        float | None,
        in_barrier("g-factor with which the field splits the spins; not split without it."),
    ] = None,
    mass: Mass = GAAS_MASS,
    damping: Annotated[
        float,
        typer.Option(
            help="Strength a of the damping rate a (E - mu_R)^2/E_F of hot electrons, a pure "
            "number."
        ),
    ] = 0.04,
    fermi_energy: Annotated[
        str, typer.Option(help="E_F in that rate: mu_R, mu, or a number in meV.")
    ] = "mu_R",
    modes: Annotated[
        int | None,
        typer.Option(help="Channel modes kept; by default as many as are needed."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write the results to this .csv, .json or .nc as well."),
    ] = None,
    as_json: AsJson = False,
):
    """Evaluate one operating point: transmission, current, heat on each side, hot spot."""
    barrier = {
        "half_width": half_width,
        "length": length,
        "offset": offset,
        "wide_ratio": wide_ratio,
        "extrapolate": extrapolate or None,
        "curvature_radius": curvature_radius,
        "height": height,
        "hbar_omega_y": hbar_omega_y,
        "hbar_omega_x": hbar_omega_x,
        "step_energy": step_energy,
        "table": table,
        "magnetic_field": magnetic_field,
        "g_factor": g_factor,
        "mass": mass,
    }
    point = {
        "mu": mu,
        "bias": bias,
        "temperature": temperature,
        "temperature_bias": temperature_bias,
        "damping": damping,
    }
    from qpcjax.cli import evaluate as command

    with plain_errors():
        kind = None if out is None else command.kind_of(out)
        parts, kept = command.operating_point(model, barrier, point, fermi_energy, modes)
    from qpcjax.evaluation import evaluate

    with Console(stderr=True).status("Compiling and evaluating ..."):
        result = evaluate(*parts)
    inputs = {"model": model, **barrier, **point, "modes": kept}
    inputs = {name: value for name, value in inputs.items() if value is not None}
    if as_json:
        print_json(command.as_json(inputs, fermi_energy, result))
    else:
        command.show(inputs, result)
    if out is not None:
        with plain_errors((InputError, OSError)):
            command.write(out, kind, inputs, fermi_energy, result)


@app.command(
    epilog="Examples: qpcjax fit trace.csv -o OUT   or   qpcjax fit run.db --part 12 --sweep up "
    "-o OUT   or   qpcjax fit --gate G.csv --conductance C.csv#3 --gate-unit V "
    "--conductance-unit uS -o OUT"
)
def fit(
    trace_file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="Conductance trace: CSV, TSV or other text whose header names the columns with "
            "units, such as 'gate (mV),conductance (2e2/h)'; NumPy .npz, HDF5, netCDF, QCoDeS .db "
            "or a Labber log. qpcjax inspect shows what is in it.",
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
            help="Which of several traces, counted from 0: column of the two files, or line of a "
            "scan over more than the gate. The same as FILE#3."
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
    density: Annotated[
        float | None,
        typer.Option(help="Density of the 2DEG in 1e11 cm^-2; sets mu. 2 if neither is given."),
    ] = None,
    mu: Annotated[
        float | None, typer.Option(help="Chemical potential in meV, instead of the density.")
    ] = None,
    mass: Mass = GAAS_MASS,
    model: Annotated[
        str,
        typer.Option(
            help="The barrier: mean, profile, matched, biased, adiabatic, saddle or step, as in "
            "qpcjax evaluate. The gate moves its width, or the height of a saddle or step."
        ),
    ] = "mean",
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
    loss: Annotated[
        str, typer.Option(help="linear, or for outliers huber, soft_l1 or student_t.")
    ] = "linear",
    trace_temperature: Annotated[
        float | None,
        typer.Option(help="Temperature in K at which the trace was taken, where it is known."),
    ] = None,
    intervals: Annotated[
        bool, typer.Option("--intervals", help="Find the intervals of the profile likelihood too.")
    ] = False,
    bias: Annotated[
        float,
        typer.Option(help="Bias energy eV in meV of the heating prediction, across the device."),
    ] = 2.0,
    temperature: Annotated[
        float, typer.Option(help="Temperature in K of the heating prediction.")
    ] = 1.6,
    damping: Annotated[
        float, typer.Option(help="Strength a of the damping of hot electrons.")
    ] = 0.04,
    formats: Formats = None,
    figure_formats: FigureFormats = None,
):
    """Fit a barrier to a measured conductance trace and predict its heating.

    Writes the report (report.txt, report.html, fit.json), tables (parameters.csv, heating.csv) and
    figures (fit.png, heating.png, correlation.png) into the folder.
    """
    from qpcjax.fitting.command import Question, answer, held, read

    with plain_errors():
        numbers = {"mass": mass, "bias": bias, "temperature": temperature, "damping": damping}
        require_finite(**numbers)
        question = Question(
            density=density,
            mu=mu,
            model=model,
            knots=knots,
            constant_ratio=constant_ratio,
            hold=held(hold or ()),
            free=tuple(free or ()),
            loss=loss,
            trace_temperature=trace_temperature,
            intervals=intervals,
            **numbers,
        )
        kinds = _result_formats(formats, figure_formats)
        more = {"excitation": excitation, "component": component, "part": part, "sweep": sweep}
        units = (gate_unit, conductance_unit)
        data = read(trace_file, gate, conductance, trace, *units, **more)
        check_writable(out)
    with plain_errors((InputError, OSError)), progress_bar() as advance:
        report, paths = answer(data, question, out, advance, *kinds)
    typer.echo(report)
    print_paths(paths)


def _result_formats(formats, figure_formats):
    """The formats of tables and of figures, checked before any work is done."""
    from qpcjax import plot
    from qpcjax.files.results import check_formats

    tables, drawn = formats or ["csv"], figure_formats or ["png"]
    check_formats(tables)
    try:
        plot.check_formats(drawn)
    except InputError as error:
        raise InputError(f"figure_{error}") from None
    return tables, drawn


@app.command(
    epilog="Examples: qpcjax inspect run.db   or   qpcjax inspect --gate G.csv --conductance C.csv "
    "--gate-unit V --conductance-unit uS   or   qpcjax inspect map.nc --plot map.png"
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
            choice = Choice(gate, conductance, *units, excitation, component)
            found = inspect_file(file, choice, part)
        elif gate is not None and conductance is not None:
            found = inspect_pair(gate, conductance, gate_unit, conductance_unit)
        else:
            raise InputError("give FILE, or a file each with --gate and --conductance")
        drawn = [] if plot is None else _draw_inspection(found, plot)
    if as_json:
        print_json(found.as_json())
        return
    typer.echo(as_text(found))
    if drawn:
        print_paths(drawn)


def _draw_inspection(found, path):
    from qpcjax.plot import figure_bytes
    from qpcjax.plot.measured_files import measured

    axes = measured(found)
    if axes is None:
        raise InputError(f"{found.files[0]} holds nothing that could be drawn")
    content = figure_bytes(axes[0].figure, path.suffix.removeprefix(".").lower() or "png")
    return write_files(path.parent, {path.name: content})


@app.command(epilog="Example: qpcjax figures OUT --half-width 20 --length 80")
def figures(
    out: Annotated[Path, typer.Argument(help="Folder for the figures; made if it is not there.")],
    half_width: HalfWidth = 20.0,
    length: Length = 80.0,
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
        kinds = _result_formats(formats, figure_formats)
        check_writable(out)
    with plain_errors((InputError, OSError)), progress_bar() as advance:
        paths = paper_figures(out, half_width, length, mass, model, advance, *kinds)
    print_paths(paths)


@app.command(
    epilog="Examples: qpcjax sweep sweep.toml -o OUT   or, on one machine with two processes: "
    "qpcjax sweep sweep.toml -o OUT --coordinator 127.0.0.1:9000 --processes 2 --process-id 0 &  "
    "... --process-id 1"
)
def sweep(
    spec: Annotated[
        Path,
        typer.Argument(
            metavar="SPEC.toml", help="What to sweep: scatterer, axes and observables, as TOML."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Folder for the results; an unfinished sweep goes on."),
    ],
    export: Annotated[
        Path | None,
        typer.Option(
            "--export",
            "--netcdf",
            help="Write the finished sweep to this .nc, .csv, .json or .zarr as well.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
    distributed: Annotated[
        bool,
        typer.Option(
            "--distributed",
            help="Share the work with the other processes that Slurm or Open MPI has started.",
        ),
    ] = False,
    coordinator: Annotated[
        str | None,
        typer.Option(help="HOST:PORT of process 0, where no launcher tells it."),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Number of processes, with --coordinator.")
    ] = None,
    process_id: Annotated[
        int | None, typer.Option(min=0, help="Number of this process, from 0.")
    ] = None,
    cpu_devices: Annotated[
        int | None, typer.Option(min=1, help="CPU devices that a process computes on; 1 core each.")
    ] = None,
):
    """Compute observables over named axes, chunk by chunk, into a folder; can be stopped at will.

    Run the same command again to go on where it stopped.
    """
    from qpcjax.sweeping.command import run_spec

    if cpu_devices is not None:
        import jax

        jax.config.update("jax_num_cpu_devices", cpu_devices)
    with plain_errors((InputError, OSError)):
        folder = run_spec(
            spec,
            out,
            export=export,
            quiet=quiet,
            distributed=distributed,
            coordinator=(coordinator, processes, process_id),
        )
    if folder is not None:
        typer.echo(f"Written:\n  {folder}" + (f"\n  {export}" if export else ""))


@app.command(epilog="Example: qpcjax design docs/design.toml -o OUT")
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
        kinds = _result_formats(formats, figure_formats)
        check_writable(out)
    with plain_errors((InputError, OSError)), progress_bar() as advance:
        report, paths = answer(question, out, advance, *kinds)
    typer.echo(report)
    print_paths(paths)


@app.command(epilog="Example: qpcjax explore")
def explore(
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen at. Whoever reaches it can compute here: the default is this "
            "computer alone."
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 2718,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
):
    """Open a page with sliders, live pictures and the fit of a trace (extra: app).

    Runs until Ctrl-C.
    """
    from qpcjax.explorer.serve import serve

    with plain_errors((InputError, OSError)):
        serve(host, port, browser, typer.echo)


@app.command(epilog="Example: qpcjax info --json")
def info(as_json: AsJson = False):
    """Show versions, devices and precision: what to state with a result or in a bug report."""
    import jax

    double = jax.config.jax_enable_x64  # pyright: ignore[reportAttributeAccessIssue]
    facts = {
        "versions": versions(),
        "devices": [f"{d.platform}: {d.device_kind} ({d.id})" for d in jax.devices()],
        "precision": "float64 (double)" if double else "float32 (single)",
    }
    if as_json:
        print_json(facts)
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, number in facts["versions"].items():
        table.add_row(name, number)
    for device in facts["devices"]:
        table.add_row("device", device)
    table.add_row("precision", facts["precision"])
    Console().print(table, highlight=False)
