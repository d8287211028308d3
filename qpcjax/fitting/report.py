"""A fit in words and as JSON."""

import numpy as np

from qpcjax._versions import versions
from qpcjax.fitting.device import gate_knots
from qpcjax.fitting.fit import FlatDirection, TraceFit
from qpcjax.fitting.heating import Heating
from qpcjax.units import BOLTZMANN, CONDUCTANCE_QUANTUM, density, transverse_energy

_STRONG = 0.9  # correlations above this are listed


def text(fit: TraceFit, heating: Heating | None = None) -> str:
    """The report that a person reads."""
    parts = [
        _statistics(fit),
        _variables(fit),
        _in_the_channel(fit),
        _correlations(fit),
        _search(fit),
        _undetermined(fit),
    ]
    if heating is not None:
        parts.append(_heat(fit, heating))
    return "\n\n".join(parts) + "\n"


def as_json(fit: TraceFit) -> dict:
    """The fit as plain values for programs (the content of fit.json)."""
    errors = fit.stderr
    return {
        "status": fit.status,
        "message": fit.message,
        "model": fit.model.matching,
        "parameters": {
            p.name: {
                "value": p.value,
                "stderr": errors.get(p.name),
                "unit": p.unit,
                "free": p.free,
                "lower": p.lower,
                "upper": p.upper,
            }
            for p in fit.parameters
        },
        "knots_mV": list(_knots(fit)),
        "rms": fit.rms,
        "rms_unit": "uS",
        "correlation": {
            "names": [p.name for p in fit.free],
            "matrix": fit.correlation.tolist(),
        },
        "residual_correlation_length": fit.correlation_length,
        "at_bound": list(fit.at_bound),
        "flat_directions": [
            {"changes": d.changes, "spread": d.spread, "meaning": _meaning(d)}
            for d in fit.flat_directions
        ],
        "starts": [
            {
                "series_resistance": s.series_resistance,
                "smearing": s.smearing,
                "rms_at_start": s.rms_at_start,
                "rms_at_end": s.rms_at_end,
            }
            for s in fit.starts
        ],
        "points": int(fit.trace.gate.size),
        "dropped": fit.trace.dropped,
        "trace": fit.trace.name,
        "data_sha256": fit.trace.sha256,
        "versions": versions(),
    }


def _knots(fit):
    return [float(g) for g in gate_knots(fit.model.calibration.range, _count(fit))]


def _count(fit):
    return sum(p.name.startswith("width_") for p in fit.parameters)


def _statistics(fit):
    trace = fit.trace
    low, high = trace.gate[0], trace.gate[-1]
    top = trace.conductance.max()
    model = f"abrupt constriction ({fit.model.matching})"
    lines = [
        f"Fit of {trace.name}",
        f"  model            {model}, width(gate) through {_count(fit)} knots",
        f"  points           {trace.gate.size} ({trace.dropped} rows without a value left out)",
        f"  gate             {low:.5g} to {high:.5g} mV",
        f"  conductance      up to {top:.3f} 2e2/h = {top * CONDUCTANCE_QUANTUM:.4g} uS",
        f"  free parameters  {len(fit.free)}",
        f"  status           {fit.status}: {fit.message}",
        f"  rms residual     {fit.rms:.3g} uS",
        f"  residuals        correlated over {fit.correlation_length:.3g} points; the standard"
        f"\n                   errors are scaled to the rms and allow for that",
    ]
    return "\n".join(lines)


def _variables(fit):
    errors = fit.stderr
    knots = _knots(fit)
    lines = ["Parameters"]
    for p in fit.parameters:
        error = errors.get(p.name)
        shown = "held" if error is None else f"+- {error:.2g}"
        if p.name in fit.at_bound:
            shown += " (on its bound)"
        lines.append(
            f"  {p.name:<18}{p.value:>12.5g} {shown:<10} {p.unit:<5} {_what(p, knots, fit)}"
        )
    return "\n".join(lines)


def _what(p, knots, fit):
    low, high = fit.model.calibration.range
    if p.name.startswith("width_"):
        return f"channel width 2w at {knots[int(p.name[6:]) - 1]:.5g} mV"
    return {
        "mu": f"chemical potential (density {density(p.value, fit.model.mass):.3g}e11 cm^-2)",
        "floor_1": f"channel floor U at {low:.5g} mV",
        "floor_2": f"channel floor U at {high:.5g} mV",
        "length": "channel length L",
        "smearing_1": f"smearing s/E1 at {low:.5g} mV",
        "smearing_2": f"smearing s/E1 at {high:.5g} mV",
        "series_resistance": "series resistance R_s",
    }[p.name]


def _in_the_channel(fit):
    low, high = fit.model.calibration.range
    gate = np.linspace(low, high, 7)
    half_width, length, _, smearing = (np.asarray(x) for x in fit.model.channel(gate))
    e1 = transverse_energy(half_width, fit.model.mass)
    lines = ["Channel along the trace", "  gate/mV    2w/nm   L/2w  E1/meV  s/meV   s/k_B in K"]
    for g, w, along, s, e in zip(gate, half_width, length, smearing, e1, strict=True):
        row = f"  {g:8.1f} {2 * w:8.1f} {along / (2 * w):6.2f} {e:7.3f} {s:6.3f}"
        lines.append(f"{row} {s / BOLTZMANN:8.2f}")
    return "\n".join(lines)


def _correlations(fit):
    names, matrix = [p.name for p in fit.free], fit.correlation
    strong = [
        (abs(matrix[i, j]), f"  {names[i]:<18}{names[j]:<18}{matrix[i, j]:+.3f}")
        for i in range(len(names))
        for j in range(i)
        if abs(matrix[i, j]) > _STRONG
    ]
    if not strong:
        return f"Correlations: none above {_STRONG}"
    lines = [line for _, line in sorted(strong, reverse=True)]
    return "\n".join([f"Correlations above {_STRONG}", *lines])


def _search(fit):
    lines = ["Starts (rms of the binned data in uS, at the start and after the first steps)"]
    for s in fit.starts:
        end = "not run" if s.rms_at_end is None else f"{s.rms_at_end:.3f}"
        lines.append(
            f"  R_s {s.series_resistance:7.1f} ohm, s/E1 {s.smearing:.2g}: "
            f"{s.rms_at_start:8.3f} -> {end}"
        )
    return "\n".join(lines)


def _undetermined(fit):
    lines = [
        "What this trace cannot tell apart",
        "  - Energy scale: a chemical potential larger by a factor x with all widths and the",
        "    length smaller by 1/sqrt(x) gives the same trace. The widths hold for the mu above;",
        "    give the 2DEG's density, or measure at finite bias.",
        "  - Lever arm: a gate that narrows the channel and one that lifts its floor make nearly",
        "    the same steps. Here the floor is " + _floor(fit) + ".",
        "  - Temperature and softness: the smearing s is the softness of the barrier, the",
        "    electrons' temperature and the excitation together. For G they are one; for heat they",
        "    are not. A known temperature, or traces at two temperatures, separate them.",
        "  - The 0.7 shoulder and impurity resonances are in no one-electron model: they stay in",
        "    the residuals.",
    ]
    if fit.flat_directions:
        lines.append(
            "  Directions that the data leave flat (relative changes; held ones included):"
        )
        for d in fit.flat_directions:
            changes = ", ".join(f"{name} {x:+.2g}" for name, x in d.changes.items())
            lines.append(f"  * {_meaning(d)}: {changes}")
    return "\n".join(lines)


def _floor(fit):
    floors = [p for p in fit.parameters if p.name.startswith("floor_")]
    if any(p.free for p in floors):
        return "free, with the error given above"
    return "held at " + " and ".join(f"{p.value:g}" for p in floors) + " meV"


def _meaning(direction: FlatDirection):
    """A flat direction in a few words."""
    names = set(direction.changes)
    strong = {name for name, x in direction.changes.items() if abs(x) > 0.4}
    if "mu" in strong and any(n.startswith("width") for n in strong):
        return "energy scale (mu against widths and length)"
    if any(n.startswith("floor") for n in names):
        return "lever arm (floor of the channel against its width and smearing)"
    if any(n.startswith("smearing") for n in strong):
        return "smearing"
    return "combination of " + ", ".join(sorted(strong))


def _heat(fit, heating):
    steepest = int(np.nanargmax(np.abs(heating.value["P_A"])))
    lines = [
        f"Heat at eV = {heating.bias:g} meV across device and series resistance, "
        f"T = {heating.temperature:g} K, a = {heating.damping:g}",
        "  The fitted smearing is kept as softness of T(E); the Fermi functions have the stated",
        "  temperature. Bands (68 %) hold the fit's errors and how much of the smearing may have",
        "  been that temperature; mu and a are taken as exact.",
        f"  Largest asymmetry at {heating.gate[steepest]:.5g} mV:",
    ]
    for name, values in heating.value.items():
        unit, factor = ("um", 1e-3) if name == "r*" else ("pW", 1.0)
        value, low, high = (
            factor * x[steepest] for x in (values, heating.low[name], heating.high[name])
        )
        lines.append(f"    {name:<4}{value:10.4g} {unit}   ({low:.4g} to {high:.4g})")
    upstream = "P_L" if heating.bias > 0 else "P_R"
    cooled = heating.gate[heating.value[upstream] < 0]
    if cooled.size:
        span = f"{cooled[0]:.5g} to {cooled[-1]:.5g} mV"
        lines.append(f"  Upstream cooling ({upstream} < 0) within {span}.")
    if np.any(np.isnan(heating.value["r*"])):
        lines.append("  r* has no answer where mu - eV/2 is not positive.")
    if abs(heating.bias) > 0.5 * float(fit.model.mu):
        lines.append("  The bias is not small against mu: take r* with care.")
    elif abs(heating.bias) > 10:
        lines.append("  Above about 10 mV plasmon-phonon emission shortens r*: take it with care.")
    return "\n".join(lines)


def heating_columns(heating: Heating) -> dict:
    """Columns of heating.csv, with units in their names."""
    columns = {"gate (mV)": heating.gate, "bias across constriction (meV)": heating.voltage}
    for name, unit in (("P_L", "pW"), ("P_R", "pW"), ("P_A", "pW"), ("r*", "nm")):
        columns |= {
            f"{name} ({unit})": heating.value[name],
            f"{name} low ({unit})": heating.low[name],
            f"{name} high ({unit})": heating.high[name],
        }
    return columns
