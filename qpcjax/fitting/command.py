"""What `qpcjax fit` does between its options and its files."""

import dataclasses
import math

from qpcjax.files import (
    InputError,
    read_trace,
    read_trace_columns,
    save_json,
    save_table,
    write_files,
)
from qpcjax.hotspot import QuadraticDamping
from qpcjax.reservoirs import Reservoirs
from qpcjax.scatterers.abrupt import MATCHINGS
from qpcjax.units import GAAS_MASS, fermi_energy


@dataclasses.dataclass(frozen=True)
class Question:
    """What to fit with and what to predict; energies in meV, temperature in K.

    Raises:
        ValueError: a number out of range, or a density beside a chemical potential.
    """

    density: float | None = None
    mu: float | None = None
    mass: float = GAAS_MASS
    model: str = "mean"
    knots: int | None = None
    bias: float = 2.0
    temperature: float = 1.6
    damping: float = 0.04

    def __post_init__(self):
        if self.density is not None and self.mu is not None:
            raise ValueError("give --density or --mu, not both: one follows from the other")
        for name in ("density", "mu", "mass"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a positive number, got {value:g}")
        if self.model not in MATCHINGS:
            raise ValueError(
                f"model must be {' or '.join(MATCHINGS)} for a fit, got {self.model!r}"
            )
        if self.knots is not None and not 2 <= self.knots <= 6:
            raise ValueError(f"knots must be a whole number from 2 to 6, got {self.knots}")
        if self.bias == 0:
            raise ValueError("bias must be other than 0: without it there is no heat to predict")
        Reservoirs(0.0, self.bias, self.temperature)
        QuadraticDamping(self.damping)

    @property
    def chemical_potential(self):
        """The electrochemical potential in meV, or None for the default."""
        return self.mu if self.density is None else fermi_energy(self.density, self.mass)


def read(trace_file, gate, conductance, trace, gate_unit, conductance_unit):
    """The trace of one CSV file with a header, or of two headerless files."""
    if trace_file is not None:
        if trace is not None:
            raise InputError("--trace belongs to --gate and --conductance files, not to TRACE.csv")
        return read_trace(trace_file, gate, conductance, gate_unit, conductance_unit)
    if gate is None or conductance is None:
        raise InputError("give TRACE.csv, or a file each with --gate and --conductance")
    missing = [
        option
        for option, value in (
            ("--trace", trace),
            ("--gate-unit", gate_unit),
            ("--conductance-unit", conductance_unit),
        )
        if value is None
    ]
    if missing:
        raise InputError(f"files without a header need {', '.join(missing)} as well")
    return read_trace_columns(gate, conductance, trace, gate_unit, conductance_unit)


def answer(data, question, folder, progress):
    """Fit, predict, write the files; the report's text and the paths written."""
    # Imported here: matplotlib and the fit take a second, which bad input should not cost.
    from qpcjax.fitting import plots, report
    from qpcjax.fitting.fit import fit_trace
    from qpcjax.fitting.heating import predict_heating

    fit = fit_trace(
        data,
        mu=question.chemical_potential,
        mass=question.mass,
        matching=question.model,
        knots=question.knots,
        progress=progress,
    )
    heating = predict_heating(
        fit, question.bias, question.temperature, question.damping, progress=progress
    )
    text = report.text(fit, heating)
    contents = {
        "report.txt": text,
        "fit.json": save_json(report.as_json(fit)),
        "fit.png": plots.png(plots.draw_fit(fit)),
        "heating.csv": save_table(report.heating_columns(heating)),
        "heating.png": plots.png(plots.draw_heating(heating)),
    }
    return text, write_files(folder, contents)
