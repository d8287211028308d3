"""What `qpcjax fit` does between its options and its files."""

import dataclasses
import math

import numpy as np

from qpcjax._versions import versions
from qpcjax.constants import GAAS_MASS, fermi_energy
from qpcjax.files import (
    InputError,
    read_trace,
    read_trace_columns,
    table_files,
    write_files,
)
from qpcjax.fitting.device import damping_law
from qpcjax.fitting.device_of_trace import MOST_KNOTS, require_mu, trace_model
from qpcjax.fitting.shoulders import require_shoulder, shoulder_numbers
from qpcjax.optimise.losses import LOSSES
from qpcjax.quantities import QUANTITIES
from qpcjax.transport.reservoirs import Reservoirs

# Barriers that are fitted from the fit of a cheaper one of the same numbers.
_SCOUTED = {"matched": "profile", "biased": "mean"}

# Where a g-factor begins that is not known: at 0 it would have no slope.
_FIRST_G_FACTOR = -1.0


@dataclasses.dataclass(frozen=True)
class TraceFitOptions:
    """What to fit with and what to predict; energies in meV, temperatures in K.

    Fields:
        ranges: pairs of gate voltages in mV; only points between one of the pairs are fitted.
        skips: pairs of gate voltages in mV; points between these are not fitted.
        hold: names of parameters to hold, with values.
        free: names of parameters to free that are held by default.
        trace_temperature: of the electrons when the trace was taken; None where it is not known.
        shoulder: a name in `SHOULDERS`, or "none".
        zeeman: field in T that splits the spins, and the g-factor, None where it is to be fitted.
        intervals: whether to find the intervals of the profile likelihood.

    Raises:
        ValueError: a number out of range, or a density beside a chemical potential.
    """

    density: float | None = None
    mu: float | None = None
    mass: float = GAAS_MASS
    model: str = "mean"
    knots: int | None = None
    constant_ratio: bool = False
    ranges: tuple[tuple[float, float], ...] = ()
    skips: tuple[tuple[float, float], ...] = ()
    hold: tuple[tuple[str, float], ...] = ()
    free: tuple[str, ...] = ()
    loss: str = "linear"
    trace_temperature: float | None = None
    intervals: bool = False
    shoulder: str = "none"
    zeeman: tuple[float, float | None] | None = None
    bias: float = 2.0
    temperature: float = 1.6
    damping: float = 0.04

    def __post_init__(self):
        if self.density is not None and self.mu is not None:
            raise ValueError("give --density or --mu, not both: one follows from the other")
        QUANTITIES["mass"].check(self.mass)
        if self.density is not None:
            QUANTITIES["density"].check(self.density)
        for name, value in (("mu", self.mu), *self.hold):
            if name == "mu" and value is not None:
                require_mu(value, self.mass)
        trace_model(self.model)
        require_shoulder(self.form_of_shoulder, self.model)
        if self.knots is not None and not 2 <= self.knots <= MOST_KNOTS:
            raise ValueError(
                f"knots must be a whole number from 2 to {MOST_KNOTS}, got {self.knots}"
            )
        if self.loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {self.loss!r}")
        if self.trace_temperature is not None and not 0 < self.trace_temperature < math.inf:
            raise ValueError(
                f"trace_temperature must be a positive number of kelvin, got "
                f"{self.trace_temperature:g}"
            )
        if self.bias == 0:
            raise ValueError("bias must be other than 0: without it there is no heat to predict")
        Reservoirs(0.0, self.bias, self.temperature)
        damping_law(self.damping)

    @property
    def form_of_shoulder(self):
        """The name of the shoulder, or None."""
        return None if self.shoulder == "none" else self.shoulder

    @property
    def split(self):
        """Field and g-factor with which a fit begins, or None."""
        if self.zeeman is None:
            return None
        field, g_factor = self.zeeman
        return field, _FIRST_G_FACTOR if g_factor is None else g_factor

    @property
    def freed(self):
        """Names of parameters to free, the g-factor among them where it is not stated."""
        unknown = self.zeeman is not None and self.zeeman[1] is None
        return (*self.free, *(("g_factor",) if unknown else ()))

    @property
    def shoulders_numbers(self):
        """Names of the numbers of the shoulder."""
        return shoulder_numbers(self.form_of_shoulder)

    @property
    def chemical_potential(self):
        """The electrochemical potential in meV, or None for the default."""
        return self.mu if self.density is None else fermi_energy(self.density, self.mass)


def zeeman_of(word):
    """Field and g-factor, None where it is not stated, from a word such as 8 or 8,-0.44."""
    if word is None:
        return None
    try:
        numbers = [float(x) for x in word.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 2) or not all(math.isfinite(x) for x in numbers):
        raise ValueError(f"--zeeman must be B in T or B,g such as 8,-0.44, got {word!r}")
    return numbers[0], numbers[1] if len(numbers) == 2 else None


def held(words):
    """Names and values from words such as length=60."""
    found = []
    for word in words:
        name, equals, value = word.partition("=")
        try:
            found.append((name.strip(), float(value)))
        except ValueError:
            equals = ""
        if not equals:
            raise ValueError(f"--hold must be NAME=VALUE, such as length=60, got {word!r}")
    return tuple(found)


def voltage_range(word, option, wanted="gate voltages in mV such as -1400:-1200"):
    """Two voltages from a word such as -1400:-1200.

    Args:
        word: V1:V2.
        option: whose word it is, for messages.
        wanted: what the two are, with an example.

    Raises:
        ValueError: something else, or two voltages that are the same.
    """
    try:
        low, high = (float(end) for end in word.split(":"))
    except ValueError:
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{option} must be V1:V2, two {wanted}, got {word!r}")
    if low == high:
        raise ValueError(f"{option} {word} is empty: its two voltages must differ")
    return low, high


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
        more: what else `read_trace` takes: excitation, component, part, sweep.

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


def answer(data, question, folder, progress, formats=("csv",), figure_formats=("png",)):
    """Fit, predict, write the files; the report's text and the paths written."""
    _, contents = fitted_files(data, question, progress, formats, figure_formats)
    return contents["report.txt"], write_files(folder, contents)


def fitted_files(data, question, progress, formats=("csv",), figure_formats=("png",)):
    """Fit and predict; the `FitResult`, and what its files hold by name, `report.txt` among them.

    Args:
        data: a `ConductanceTrace`.
        question: what to fit with and what to predict.
        progress: called with (done, total, label).
        formats: of the tables of the parameters and of the heating.
        figure_formats: of the figures.

    Raises:
        InputError: anything that the user can mend.
    """
    # Imported here: matplotlib and the fit take a second, which bad input should not cost.
    from qpcjax import plot
    from qpcjax.fitting import report, tables
    from qpcjax.fitting.archive import summary_and_fit
    from qpcjax.fitting.device_of_trace import trace_device
    from qpcjax.fitting.heating import predict_heating
    from qpcjax.fitting.joint_fit import fit

    whole = dataclasses.replace(data, temperature=question.trace_temperature)
    used = fitted_points(whole, question.ranges, question.skips)
    chosen = not np.all(used)
    data = whole[used] if chosen else whole

    def fitted(model, shoulder, starts, label):
        device = trace_device(
            data,
            model,
            mu=question.chemical_potential,
            mass=question.mass,
            knots=question.knots,
            constant_ratio=question.constant_ratio,
            shoulder=shoulder,
            zeeman=question.split,
        )
        # What was said of the shoulder's numbers does not concern a fit without it.
        others = question.shoulders_numbers if shoulder is None else ()
        return fit(
            device,
            data,
            free=[name for name in question.freed if name not in others],
            fixed={name: value for name, value in question.hold if name not in others},
            loss=question.loss,
            starts=starts,
            progress=lambda done, total, what: progress(done, total, label + what),
        )

    # A slow barrier starts from the fit of a quicker one, a shoulder from the fit without it.
    model, shoulder, bare, starts = question.model, question.form_of_shoulder, None, 12
    try:
        if model in _SCOUTED:
            starts = fitted(_SCOUTED[model], None, starts, "scout: ")
        if shoulder is not None:
            bare = starts = fitted(model, None, starts, "without a shoulder: ")
        found = fitted(model, shoulder, starts, "" if isinstance(starts, int) else f"{model}: ")
    except InputError as error:
        if not chosen:
            raise
        left = f"{np.sum(used)} of the {used.size} points are left by --range and --skip"
        raise InputError(f"{error} ({left})") from None
    profiles = []
    for k, p in enumerate(found.free if question.intervals else ()):
        progress(k, len(found.free), "intervals")
        profiles.append(found.profile(p.name, 9))
    conditions = question.bias, question.temperature, question.damping
    heating = predict_heating(found, *conditions, progress=progress)
    if bare is not None:
        without = predict_heating(bare, *conditions, progress=progress)
        heating = dataclasses.replace(heating, without=without)
    axes = {
        "fit": plot.staircase(found, left_out=whole[~used] if chosen else None),
        "heating": plot.heating(heating),
        "correlation": plot.correlation(found),
    }
    if profiles:
        axes["profiles"] = plot.profiles(found, profiles)
    drawn = plot.figure_files(axes, ("png", *figure_formats))
    shown = {name.capitalize(): drawn[f"{name}.png"] for name in axes}
    heated = tables.heating_columns(heating)
    source = {"input": data.name, "input_sha256": data.sha256, "versions": versions()}
    contents = {
        "report.txt": report.text(found, heating, profiles),
        "report.html": report.page(found, heating, profiles, shown),
        "fit.json": summary_and_fit(tables.as_json(found, profiles), found),
        **table_files(
            "parameters",
            tables.parameter_columns(found, profiles),
            formats,
            source | tables.facts(found),
            "name",
        ),
        **table_files("heating", heated, formats, source, next(iter(heated))),
        **_curve_files(tables.curve_columns(found, whole, used), formats, source),
        **{name: image for name, image in drawn.items() if name.endswith(tuple(figure_formats))},
    }
    return found, contents


def _curve_files(curve, formats, source):
    """The table `fit`; as JSON it is called `fit_curve`, since fit.json holds the fit itself."""
    made = {}
    for kind in formats:
        stem = "fit_curve" if kind == "json" else "fit"
        made |= table_files(stem, curve, [kind], source, next(iter(curve)))
    return made
