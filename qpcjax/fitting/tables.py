"""A fit as plain values for programs, and as columns of tables."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from qpcjax._versions import versions
from qpcjax.fitting.barrier_comparison import BarrierComparison
from qpcjax.fitting.device import Gated
from qpcjax.fitting.heating import Heating
from qpcjax.fitting.result import FitResult
from qpcjax.fitting.uncertainty import Profile
from qpcjax.measurements import ConductanceTrace
from qpcjax.quantities import QUANTITIES


def as_json(
    fit: FitResult,
    profiles: Sequence[Profile] = (),
    barriers: BarrierComparison | None = None,
    heating: Heating | None = None,
) -> dict:
    """The fit as plain values (the content of fit.json).

    Args:
        fit: the fit.
        profiles: of some parameters.
        barriers: the comparison whose best fit it is.
        heating: of that comparison.
    """
    systematic = {} if barriers is None else barriers.systematic
    errors, first = fit.stderr, fit.initial_values
    knots = _knots(fit.device)
    curved = dict(zip((p.name for p in fit.free), fit.curvature_errors.tolist(), strict=True))
    barrier = dict(zip((p.name for p in fit.free), fit.barrier_errors.tolist(), strict=True))
    left_out = fit.jackknife.stderr
    return {
        **facts(fit),
        "parameters": {
            p.name: {
                "value": p.value,
                "stderr": errors.get(p.name),
                "curvature_stderr": curved.get(p.name),
                "jackknife_stderr": left_out.get(p.name),
                "barrier_stderr": barrier.get(p.name),
                "systematic": systematic.get(p.name),
                "start": first[p.name],
                "unit": p.unit,
                "free": p.free,
                "lower": p.lower,
                "upper": p.upper,
                "what": fit.meaning(p.name),
            }
            for p in fit.parameters
        },
        "barriers": None
        if barriers is None or len(barriers.rows) < 2
        else barriers.as_values(heating),
        "knots_mV": knots,
        "covariance": {
            "names": [p.name for p in fit.free],
            "matrix": fit.covariance.tolist(),
            "correlation": fit.correlation.tolist(),
        },
        "intervals_68": {p.name: _finite(p.interval) for p in profiles},
        "jackknife": {
            "without": list(fit.jackknife.without),
            "changes": fit.jackknife.changes.tolist(),
        },
        "priors": {name: list(prior) for name, prior in fit.priors.items()},
        "at_bound": list(fit.at_bound),
        "doubts": list(fit.doubts),
        "rises": {
            p.name: _finite(pair) for p, pair in zip(fit.free, fit.rises.tolist(), strict=True)
        },
        "flat_directions": [dataclasses.asdict(d) for d in fit.flat_directions],
        "other_minima": [dataclasses.asdict(o) for o in fit.others],
        "starts": [dataclasses.asdict(s) for s in fit.starts],
        "data": [_data_json(part) for part in fit.parts],
    }


def facts(fit: FitResult) -> dict:
    """What a table of the fit's parameters is from, with the versions that made it."""
    return {
        "status": fit.status,
        "message": fit.message,
        "barrier": fit.device.title,
        "loss": fit.loss,
        "points": fit.points,
        "rms": fit.rms,
        "rms_unit": fit.parts[0].data.response.residual_unit[0],
        "noise": fit.noise,
        "misfit": fit.misfit,
        "chi_square": fit.chi_square,
        "reduced_chi_square": fit.reduced_chi_square,
        "aic": fit.aic,
        "bic": fit.bic,
        "versions": versions(),
    }


def parameter_columns(
    fit: FitResult, profiles: Sequence[Profile] = (), barriers: BarrierComparison | None = None
) -> dict:
    """Columns of the table of the parameters, a row each; a held one has no standard error."""
    errors, first, rows = fit.stderr, fit.initial_values, fit.parameters
    columns = {
        "name": [p.name for p in rows],
        "value": [p.value for p in rows],
        "stderr": [errors.get(p.name, math.nan) for p in rows],
        "unit": [p.unit or "1" for p in rows],
        "state": ["free" if p.free else "held" for p in rows],
        "start": [first[p.name] for p in rows],
        "lower": [p.lower for p in rows],
        "upper": [p.upper for p in rows],
    }
    if barriers is not None and (systematic := barriers.systematic):
        columns["systematic"] = [systematic.get(p.name, math.nan) for p in rows]
    if profiles:
        ends = {p.name: p.interval for p in profiles}
        for i, name in enumerate(("interval low", "interval high")):
            columns[name] = [ends.get(p.name, (math.nan,) * 2)[i] for p in rows]
    return columns | {"what it is": [fit.meaning(p.name) for p in rows]}


def curve_columns(
    fit: FitResult,
    data: ConductanceTrace,
    used: np.ndarray,
    barriers: BarrierComparison | None = None,
) -> dict:
    """Columns of fit.csv, a row for each point of the trace, in the order of the measurement.

    The fitted curve, with the ends of its 68 % band and of that of data, is known between the
    lowest and the highest gate voltage that was fitted; beyond, its law along the gate is none, and
    the cells are NaN.

    Args:
        fit: whose first data set holds the points of the trace that are used.
        data: the whole trace.
        used: a Boolean for each of its points, whether it was fitted.
        barriers: the comparison whose best fit it is; the band holds the spread between barriers.
    """
    gate, unit = data.gate, data.response.unit
    fine, factor = data.response.residual_unit
    value, error = np.full((2, gate.size), np.nan)
    chosen = np.flatnonzero(used)
    chosen = chosen[np.argsort(gate[chosen], kind="stable")]  # the order of the fit's own points
    value[chosen], error[chosen] = fit.band()
    between = ~used & (gate >= gate[chosen[0]]) & (gate <= gate[chosen[-1]])
    if np.any(between):
        value[between], error[between] = fit.band(gate[between])
    known = np.isfinite(value)
    if barriers is not None:
        error[known] = np.hypot(error[known], barriers.spread(gate[known]))
    wide = np.hypot(error, fit.scatter)
    return {
        QUANTITIES["gate"].named_column: gate,
        f"conductance ({unit})": data.conductance,
        f"fit ({unit})": value,
        f"residual ({fine})": factor * (data.conductance - value),
        f"low ({unit})": value - error,
        f"high ({unit})": value + error,
        f"data low ({unit})": value - wide,
        f"data high ({unit})": value + wide,
        "used": used.astype(int),
    }


def _finite(ends):
    return [end if math.isfinite(end) else None for end in ends]


def _knots(device):
    curves = dict(device.barrier.curves) if isinstance(device.barrier, Gated) else {}
    curves["smearing"] = device.smearing
    return {n: [float(k) for k in c.knots] for n, c in curves.items() if hasattr(c, "knots")}


def _data_json(part):
    unit, factor = part.data.response.residual_unit
    temperature = part.data.temperature
    return {
        "name": part.name,
        "kind": part.kind,
        "points": int(part.predicted.size),
        "dropped": int(part.data.dropped),
        "excluded": int(part.data.excluded),
        "sha256": part.data.sha256,
        "temperature_K": float(temperature)
        if np.ndim(temperature) == 0 and temperature is not None
        else None,
        "sigma_known": part.known,
        "rms": factor * part.rms,
        "rms_unit": unit,
        "noise": factor * part.noise,
        "misfit": part.misfit,
        "residual_correlation_length": part.correlation_length,
    }


def heating_columns(heating: Heating) -> dict:
    """Columns of heating.csv, with units in their names."""
    across = f"bias across barrier ({QUANTITIES['bias'].unit})"
    columns = {QUANTITIES["gate"].named_column: heating.gate, across: heating.voltage}
    for quantity in ("left", "right", "asymmetry", "hot_spot_distance"):
        name, unit = QUANTITIES[quantity].symbol, QUANTITIES[quantity].unit
        columns |= {
            f"{name} ({unit})": heating.value[name],
            f"{name} low ({unit})": heating.low[name],
            f"{name} high ({unit})": heating.high[name],
        }
    return columns
