"""What `qpcjax fit` does between its options and its files."""

import numpy as np

from qpcjax._versions import versions
from qpcjax.files import (
    InputError,
    read_map,
    read_trace,
    read_trace_columns,
    table_files,
    write_files,
)
from qpcjax.files.trace_selection import each_pointed, pointed
from qpcjax.fitting.fit_options import TraceFitOptions as TraceFitOptions
from qpcjax.fitting.fit_options import held as held
from qpcjax.fitting.fit_options import temperatures as temperatures
from qpcjax.fitting.fit_options import voltage_range as voltage_range
from qpcjax.fitting.fit_options import zeeman_of as zeeman_of


def fitted_points(data, ranges, skips):
    """The mask of the points of a trace that are fitted.

    Args:
        data: a `ConductanceTrace`.
        ranges: pairs of gate voltages in mV; none for all points.
        skips: pairs of gate voltages in mV.

    Raises:
        InputError: a pair without a point of the trace, or no point that is left.
    """

    def inside(pair, option):
        try:
            return data.inside(*pair)
        except InputError as error:
            raise InputError(f"{option} {pair[0]:g}:{pair[1]:g}: {error}") from None

    used = np.full(data.value.size, not ranges)
    for pair in ranges:
        used |= inside(pair, "--range")
    for pair in skips:
        used &= ~inside(pair, "--skip")
    if not np.any(used):
        raise InputError(f"{data.label}: --range and --skip leave no point to fit")
    return used


def read(trace_file, gate, conductance, trace, gate_unit, conductance_unit, **more):
    """The trace of one file of any format, or of two text files without header.

    Args:
        trace_file: the file, None where gate and conductance are files.
        gate: column, or file.
        conductance: column, or file.
        trace: number of the trace.
        gate_unit: where the file does not state it.
        conductance_unit: where the file does not state it.
        more: what else `read_trace` takes: excitation, component, part, sweep, and so on.

    Raises:
        InputError: options that do not go together, or a file that cannot be read.
    """
    if trace_file is not None:
        units = (gate_unit, conductance_unit)
        return read_trace(trace_file, gate, conductance, *units, trace=trace, **more)
    if gate is None or conductance is None:
        raise InputError("give FILE, or a file each with --gate and --conductance")
    alone = [f"--{name}" for name, value in more.items() if value is not None]
    if alone:
        raise InputError(f"{', '.join(alone)} belongs to FILE, not to two files without headers")
    missing = [
        option
        for option, value in (
            ("--gate-unit", gate_unit),
            ("--conductance-unit", conductance_unit),
        )
        if value is None
    ]
    if missing:
        raise InputError(f"files without a header need {', '.join(missing)} as well")
    return read_trace_columns(gate, conductance, trace, gate_unit, conductance_unit)


def read_all(trace_file, gate, conductance, trace, gate_unit, conductance_unit, **more):
    """The traces that are meant: one, or several of `FILE#0-5`; arguments as of `read`.

    Raises:
        InputError: see `read`; several traces and a number besides.
    """
    file = trace_file if trace_file is not None else conductance
    paths = [file] if file is None else each_pointed(file)
    if len(paths) == 1:
        return [read(trace_file, gate, conductance, trace, gate_unit, conductance_unit, **more)]
    if trace is not None:
        raise InputError(f"{file} names its traces: leave --trace out")
    of_file = trace_file is not None
    return [
        read(
            path if of_file else None,
            gate,
            conductance if of_file else path,
            None,
            gate_unit,
            conductance_unit,
            **more,
        )
        for path in paths
    ]


def read_all_and_map(map_file, trace_file, gate, conductance, *units, **more):
    """The traces and the map that are meant; without a map there is a trace at least.

    Args:
        map_file: dI/dV over gate and bias, or None.
        trace_file: as of `read`, like the others.
        gate: the same; without a file of a trace, a column of the map.
        conductance: the same.
        units: number of the trace and the two units, as of `read`.
        more: the same.

    Returns:
        Traces, and a `BiasSpectroscopy` or None.

    Raises:
        InputError: see `read`; a map and several traces.
    """
    if map_file is None:
        return read_all(trace_file, gate, conductance, *units, **more), None
    _, gate_unit, conductance_unit = units
    columns = [gate, conductance, gate_unit, conductance_unit]  # of the map, where it is alone
    shared = ["excitation", "component", "gain", "setting", "offset"]
    traces = []
    if trace_file is not None or (conductance and pointed(conductance)[0].is_file()):
        # What was set besides the gate is the bias of the map, but where --at asks for a line.
        own = more if more.get("at") is not None else more | {"setting": None}
        traces = read_all(trace_file, gate, conductance, *units, **own)
        columns = [None] * 4  # those of the trace's file
    else:
        shared += ["part", "at"]
        if more.get("sweep") is not None:
            raise InputError("--sweep belongs to a trace, and --map is read whole: leave it out")
    if len(traces) > 1:
        raise InputError("--map goes with one trace: name one, such as FILE#0")
    return traces, read_map(map_file, *columns, **{name: more.get(name) for name in shared})


def answer(data, question, folder, progress, formats=("csv",), figure_formats=("png",), told=None):
    """Fit, predict, write the files; the report's text and the paths written."""
    _, contents = fitted_files(data, question, progress, formats, figure_formats, told)
    return contents["report.txt"], write_files(folder, contents)


def fitted_files(data, question, progress, formats=("csv",), figure_formats=("png",), told=None):
    """Fit and predict; the `FitResult`, and what its files hold by name, `report.txt` among them.

    Args:
        data: a `ConductanceTrace`.
        question: what to fit with and what to predict.
        progress: called with (done, total, label).
        formats: of the tables of the parameters and of the heating.
        figure_formats: of the figures.
        told: called with a line for every barrier of a comparison, as soon as it is fitted.

    Raises:
        InputError: anything that the user can mend.
    """
    # Imported here: matplotlib and the fit take a second, which bad input should not cost.
    from qpcjax import plot
    from qpcjax.fitting import report, tables
    from qpcjax.fitting.archive import summary_and_fit
    from qpcjax.fitting.hysteresis import hysteresis_in_words
    from qpcjax.fitting.threads import second_thread

    (whole,) = question.at_known_temperatures([data])
    used = fitted_points(whole, question.ranges, question.skips)
    chosen = not np.all(used)
    data = whole[used] if chosen else whole
    try:
        barriers = _compared(data, question, progress, told)
    except InputError as error:
        if not chosen:
            raise
        left = f"{np.sum(used)} of the {used.size} points are left by --range and --skip"
        raise InputError(f"{error} ({left})") from None
    found, profiles, notes = barriers.best, [], hysteresis_in_words(data)
    for k, p in enumerate(found.free if question.intervals else ()):
        progress(k, len(found.free), "intervals")
        profiles.append(found.profile(p.name, 9))
    conditions = question.bias, question.temperature, question.law
    with second_thread() as start:
        heated = start(barriers.heating, *conditions, progress=progress)
        left_out = whole[~used] if chosen else None
        axes = {
            "fit": plot.staircase(found, left_out=left_out, spread=barriers.spread),
            "correlation": plot.correlation(found),
        }
        if profiles:
            axes["profiles"] = plot.profiles(found, profiles)
        kinds = "png", *figure_formats
        drawn = plot.figure_files(axes, kinds)
        heating = heated.result()
    drawn |= plot.figure_files({"heating": plot.heating(heating)}, kinds)
    order = "fit", "heating", "correlation", *(["profiles"] if profiles else [])
    shown = {name.capitalize(): drawn[f"{name}.png"] for name in order}
    columns = tables.heating_columns(heating)
    source = {"input": data.name, "input_sha256": data.sha256, "versions": versions()}
    summary = tables.as_json(found, profiles, barriers, heating)
    summary["doubts"] = [*notes, *summary["doubts"]]
    contents = {
        "report.txt": report.text(found, heating, profiles, barriers, notes),
        "report.html": report.page(found, heating, profiles, shown, barriers, notes),
        "fit.json": summary_and_fit(summary, found),
        **table_files(
            "parameters",
            tables.parameter_columns(found, profiles, barriers),
            formats,
            source | tables.facts(found),
            "name",
        ),
        **table_files("heating", columns, formats, source, next(iter(columns))),
        **curve_files(tables.curve_columns(found, whole, used, barriers), formats, source),
        **{name: image for name, image in drawn.items() if name.endswith(tuple(figure_formats))},
    }
    return found, contents


def _compared(data, question, progress, told):
    """The `BarrierComparison` of the barriers that are asked for, one alone among them."""
    from qpcjax.fitting.barrier_choice import compare_barriers

    asked = {
        "free": question.freed,
        "fixed": dict(question.hold),
        "loss": question.loss,
        "mu": question.chemical_potential,
        "mass": question.mass,
        "knots": question.knots,
        "constant_ratio": question.constant_ratio,
        "zeeman": question.split,
    }
    return compare_barriers(
        data,
        question.models,
        question.shoulders,
        progress=progress,
        told=told if question.model is None else None,
        **asked,
    )


def curve_files(curve, formats, source):
    """The table `fit`; as JSON it is called `fit_curve`, since fit.json holds the fit itself."""
    made = {}
    for kind in formats:
        stem = "fit_curve" if kind == "json" else "fit"
        made |= table_files(stem, curve, [kind], source, next(iter(curve)))
    return made
