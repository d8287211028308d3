"""A fit in words, as a web page and as plain values for programs."""

import base64
import dataclasses
import html
import math
import re
import textwrap
from collections.abc import Sequence

import numpy as np

from qpcjax._versions import versions
from qpcjax.fitting.device import Gated
from qpcjax.fitting.heating import Heating
from qpcjax.fitting.layout import Layout
from qpcjax.fitting.result import FitResult
from qpcjax.fitting.uncertainty import Profile
from qpcjax.names import innermost
from qpcjax.units import BOLTZMANN, CONDUCTANCE_QUANTUM, density

_STRONG = 0.9  # correlations above this are listed
_AGREE = 1e-3  # relative difference of the sums of squares of two starts that end alike
_WIDTH = 94  # of the text
_ALONG = 7  # gate voltages at which the barrier is shown

# What the numbers of a device are; "gate" where they follow the gate.
_MEANINGS = {
    "mu": "electrochemical potential",
    "half_width": "half-width w of the channel",
    "length": "length L of the channel",
    "curvature_radius": "radius of curvature of the walls",
    "wide_ratio": "width of the wide regions over that of the channel",
    "offset": "floor U of the channel",
    "height": "height of the saddle's lowest point",
    "hbar_omega_x": "softness of the saddle, hbar omega_x",
    "hbar_omega_y": "spacing of the saddle's modes, hbar omega_y",
    "energy": "energy of the step",
    "magnetic_field": "magnetic field",
    "g_factor": "g factor",
    "smearing": "smearing s of T(E)",
    "series_resistance": "series resistance R_s",
    "temperature": "temperature of the electrons",
    "bias_share": "share eta of the bias on the left",
    "excitation": "excitation, rms",
    "damping": "strength a of the damping",
    "damping_energy": "Fermi energy of the damping",
}


@dataclasses.dataclass(frozen=True)
class Section:
    """A piece of a report.

    Fields:
        title: its heading.
        lines: sentences and figures in words.
        columns: heads of a table's columns, the first of them names.
        rows: the table, as strings.
    """

    title: str
    lines: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    def text(self):
        """The section as plain text."""
        lines = [row for line in self.lines for row in textwrap.wrap(line, _WIDTH)]
        rows = [self.columns, *self.rows] if self.columns else list(self.rows)
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        # Columns of numbers stand to the right, names and words to the left.
        right = [_numeric(column) for column in zip(*self.rows, strict=True)]
        table = [
            "  ".join(
                f"{cell:>{width}}" if number else f"{cell:<{width}}"
                for cell, width, number in zip(row, widths, right, strict=True)
            ).rstrip()
            for row in rows
        ]
        return "\n".join([f"[[{self.title}]]", *(f"    {line}" for line in (*lines, *table))])

    def html(self):
        """The section as HTML."""
        parts = [f"<h2>{html.escape(self.title)}</h2>"]
        parts += [f"<p>{html.escape(line)}</p>" for line in self.lines]
        if self.rows:
            head = "".join(f"<th>{html.escape(c)}</th>" for c in self.columns)
            body = "".join(
                "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
                for row in self.rows
            )
            parts.append(f"<table>{head and f'<tr>{head}</tr>'}{body}</table>")
        return "\n".join(parts)


def _numeric(column):
    """Whether the cells of a column are numbers, with what may stand around them."""
    cells = [c.removeprefix("+- ").removesuffix(" %") for c in column if c]
    cells = [c for c in cells if c not in ("held", "open", "not run")]
    return all(re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", c) for c in cells)


def text(fit: FitResult, heating: Heating | None = None, profiles: Sequence[Profile] = ()) -> str:
    """The report that a person reads, in the layout of lmfit's."""
    found = sections(fit, heating, profiles)
    return "\n".join([*(s.text() for s in found)]) + "\n"


def page(fit, heating=None, profiles=(), figures=None) -> str:
    """The report as one HTML page that needs nothing beside it.

    Args:
        fit: the fit.
        heating: a prediction of heat.
        profiles: `FitResult.profile` of some parameters.
        figures: title -> bytes of a PNG.
    """
    title = f"Fit of {', '.join(part.name for part in fit.parts)}"
    parts = [s.html() for s in sections(fit, heating, profiles)]
    for name, png in (figures or {}).items():
        data = base64.b64encode(png).decode("ascii")
        parts.append(f'<h2>{html.escape(name)}</h2>\n<img src="data:image/png;base64,{data}">')
    return _PAGE.format(title=html.escape(title), body="\n".join(parts))


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 15px/1.45 sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }}
h2 {{ font-size: 1.1rem; margin: 1.6rem 0 0.3rem; }}
p {{ margin: 0.15rem 0; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; margin-top: 0.4rem; }}
th, td {{ text-align: left; padding: 0.15rem 0.9rem 0.15rem 0; border-bottom: 1px solid #ddd; }}
img {{ max-width: 100%; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


def sections(fit, heating=None, profiles=()):
    """The report, piece by piece."""
    found = [_statistics(fit), *_doubts(fit), *_data(fit), _variables(fit)]
    if isinstance(fit.device.barrier, Gated):
        found.append(_along(fit))
    if profiles:
        found.append(_intervals(fit, profiles))
    found += [_correlations(fit), _starts(fit), _undetermined(fit)]
    if heating is not None:
        found.append(_heat(fit, heating))
    return found


# --- the pieces -----------------------------------------------------------------------------


def _statistics(fit):
    rows = [
        ("barrier", barrier_title(fit.device)),
        ("loss", fit.loss),
        ("points", str(fit.points)),
        ("free parameters", str(len(fit.free))),
        ("chi-square", f"{fit.chi_square:.6g}"),
        ("reduced chi-square", f"{fit.reduced_chi_square:.6g}"),
        ("Akaike criterion", f"{fit.aic:.6g}"),
        ("Bayesian criterion", f"{fit.bic:.6g}"),
        ("status", f"{fit.status}: {fit.message}"),
    ]
    if fit.at_bound:
        rows.append(("on a bound", ", ".join(fit.at_bound)))
    return Section("Fit Statistics", rows=tuple(rows))


def _doubts(fit):
    if fit.doubts:
        yield Section("Doubts", tuple(f"* {_capital(words)}." for words in fit.doubts))


def barrier_title(device):
    """What the barrier of a device is."""
    bare = innermost(device.scatterer)
    kind = type(bare).__name__
    return f"{kind} ({bare.matching})" if hasattr(bare, "matching") else kind


def _data(fit):
    for part in fit.parts:
        data = part.data
        rows = [("points", str(part.predicted.size))]
        if getattr(data, "dropped", 0):
            rows.append(("left out", f"{data.dropped} without a value"))
        for name, unit in (("gate", "mV"), ("bias", "meV"), ("mu", "meV")):
            values = getattr(data, name, None)
            if values is not None:
                rows.append((name, f"{np.min(values):.5g} to {np.max(values):.5g} {unit}"))
        low, high = part.data.value.min(), part.data.value.max()
        conductance = part.unit == "2e2/h"
        micro = f" (up to {high * CONDUCTANCE_QUANTUM:.4g} uS)" if conductance else ""
        rows.append((part.kind.replace("_", " "), f"{low:.4g} to {high:.4g} {part.unit}{micro}"))
        factor, unit = (CONDUCTANCE_QUANTUM, "uS") if conductance else (1.0, part.unit)
        rows.append(("rms of the residuals", f"{factor * part.rms:.4g} {unit}"))
        sigma = f"{factor * np.median(part.sigma):.4g} {unit}"
        if part.known:
            rows.append(("sigma", f"{sigma}, as stated with the data"))
        else:
            rows.append(("sigma", f"{sigma}, that of the residuals"))
            length = f"{part.correlation_length:.3g} points; the standard errors allow for it"
            rows.append(("residuals correlated over", length))
        if data.temperature is not None:
            rows.append(("temperature", f"{float(data.temperature):g} K"))
        if getattr(data, "sha256", ""):
            rows.append(("sha256", data.sha256))
        yield Section(f"Data: {part.name}", rows=tuple(rows))


def _variables(fit):
    errors, first = fit.stderr, initial_values(fit)
    rows = []
    for p in fit.parameters:
        error = errors.get(p.name)
        if error is None:
            shown = ("", "held", "")
        else:
            share = f"{100 * error / abs(p.value):.2g} %" if p.value else ""
            shown = (f"+- {error:.2g}", share, f"{first[p.name]:.5g}")
        note = meaning(fit, p.name) + (", on its bound" if p.name in fit.at_bound else "")
        if p.name in fit.priors:
            mean, sigma = fit.priors[p.name]
            note += f", prior {mean:g} +- {sigma:g}"
        rows.append((p.name, f"{p.value:.6g}", *shown, _of_one(p.unit), note))
    heads = ("name", "value", "stderr", "share", "start", "unit", "what it is")
    return Section("Variables", columns=heads, rows=tuple(rows))


def initial_values(fit):
    """Where the search began that led to the result, by name."""
    ended = [s for s in fit.starts if s.end is not None or len(fit.starts) == 1]
    first = min(ended, key=lambda s: s.end or 0).values if ended else {}
    return {p.name: first.get(p.name, p.value) for p in fit.parameters}


def meaning(fit, name):
    """What a parameter is, in words, with the gate voltage that it stands at."""
    number, _, data_set = name.partition("@")
    layout = Layout(fit.device)
    base = layout.bases[layout.names.index(number)] if number in layout.names else number
    index = number[len(base) + 1 :]
    over, _, under = base.partition("_over_")
    if under:
        words = f"{over.replace('_', ' ')} over {under.replace('_', ' ')}"
    elif base.endswith("_position"):
        words = "gate voltage of a step"
    else:
        words = str(_MEANINGS.get(base, base.replace("_", " ")))
    if index and not base.endswith("_position"):
        words += f" at {_knot(fit.device, base, int(index)):.5g} mV"
    if base == "mu":
        mass = getattr(innermost(fit.device.scatterer), "mass", None)
        value = {p.name: p.value for p in fit.parameters}[name]
        if mass is not None and value > 0:
            words += f" ({density(value, float(mass)):.3g}e11 cm^-2)"
    return words + (f" of {data_set}" if data_set else "")


def _knot(device, base, index):
    curves = device.barrier.curves if isinstance(device.barrier, Gated) else {}
    curve = device.smearing if base == "smearing" else curves[base]
    return float(curve.knots[index - 1])


def _of_one(unit):
    return "" if unit == "1" else unit


def _along(fit):
    """The barrier's moved numbers at a few gate voltages, with what follows from them."""
    device, gates = fit.device, [p.data.gate for p in fit.parts if hasattr(p.data, "gate")]
    gate = np.linspace(min(g.min() for g in gates), max(g.max() for g in gates), _ALONG)
    columns = {"gate/mV": [f"{g:.1f}" for g in gate]}
    points = [device.at(g) for g in gate]
    bare = [innermost(p.scatterer) for p in points]

    def add(head, values, layout):
        columns[head] = [format(float(v), layout) for v in values]

    for name in device.barrier.curves:
        unit = _of_one(Layout(device).unit(name))
        add(f"{name}/{unit}" if unit else name, [getattr(b, name) for b in bare], ".4g")
    if hasattr(bare[0], "half_width") and hasattr(bare[0], "length"):
        add("L/2w", [b.length / (2 * b.half_width) for b in bare], ".3f")
    if hasattr(bare[0], "energy_scale"):
        add("E1/meV", [b.energy_scale for b in bare], ".4g")
    if points[0].smearing is not None:
        add("s/meV", [p.smearing for p in points], ".4g")
        add("s/k_B in K", [p.smearing / BOLTZMANN for p in points], ".3g")
    rows = tuple(zip(*columns.values(), strict=True))
    return Section("Barrier along the gate", columns=tuple(columns), rows=rows)


def _intervals(fit, profiles):
    values, errors = fit.values(), fit.stderr
    rows = []
    for p in profiles:
        low, high = p.interval
        rows.append(
            (
                p.name,
                f"{values[p.name]:.6g}",
                f"{low:.6g}" if math.isfinite(low) else "open",
                f"{high:.6g}" if math.isfinite(high) else "open",
                f"{values[p.name] - errors[p.name]:.6g}",
                f"{values[p.name] + errors[p.name]:.6g}",
            )
        )
    heads = ("name", "value", "from", "to", "- stderr", "+ stderr")
    lines = ("68 % intervals of the profile likelihood, beside those of the standard errors",)
    return Section("Intervals", lines, heads, tuple(rows))


def _correlations(fit):
    names, matrix = [p.name for p in fit.free], fit.correlation
    strong = sorted(
        (-abs(matrix[i, j]), names[i], names[j], f"{matrix[i, j]:+.4f}")
        for i in range(len(names))
        for j in range(i)
        if abs(matrix[i, j]) > _STRONG
    )
    title = f"Correlations (unreported ones are below {_STRONG})"
    if not strong:
        return Section(title, ("none",))
    return Section(title, rows=tuple((f"C({a}, {b})", c) for _, a, b, c in strong))


def _starts(fit):
    if len(fit.starts) == 1:
        return Section("Starts", ("one start, given by the user or by another fit",))
    ends = [s.end for s in fit.starts if s.end is not None]
    best = min(ends, default=math.nan)
    alike = sum(e <= best * (1 + _AGREE) for e in ends)
    lines = (
        f"{len(fit.starts)} starts looked at, {len(ends)} of them run; {alike} of these came "
        f"within {_AGREE:.1g} of the best",
        "half the sum of squares at the start and after the first steps:",
    )
    rows = tuple(
        (
            f"start {k + 1}",
            f"{s.loss:.4g}",
            "not run" if s.end is None else f"{s.end:.4g}",
            _largest_changes(fit, s),
        )
        for k, s in enumerate(fit.starts)
    )
    return Section("Starts", lines, ("", "start", "end", "where"), rows)


def _largest_changes(fit, start):
    """What sets a start apart, in a few numbers."""
    free = {p.name for p in fit.free}
    told = {n: v for n, v in start.values.items() if n in free}
    varied = [n for n in told if len({s.values.get(n) for s in fit.starts}) > 1]
    few = sorted(varied, key=lambda n: (n[-1:].isdigit(), n))[:3]
    return ", ".join(f"{n} {told[n]:.4g}" for n in few)


def _undetermined(fit):
    lines = [
        "The 0.7 shoulder and impurity resonances are in no one-electron model: they stay in the "
        "residuals."
    ]
    if fit.device.smearing is not None and all(p.data.temperature is None for p in fit.parts):
        lines.append(
            "Temperature and softness: the smearing s is the softness of the barrier, the "
            "electrons' temperature and the excitation together. For G they are one; for heat they "
            "are not. A known temperature, or traces at two temperatures, separate them."
        )
    if fit.flat_directions:
        lines.append("Directions that the data leave flat, held parameters included:")
    for d in fit.flat_directions:
        changes = ", ".join(f"{name} {x:+.2g}" for name, x in d.changes.items())
        lines.append(f"* {_capital(d.meaning)}. Relative changes: {changes}.")
        lines.append(f"  {_capital(d.remedy)} would fix it.")
    return Section("What these data cannot tell apart", tuple(lines))


def _capital(words):
    return words[:1].upper() + words[1:]


def _heat(fit, heating):
    lines = [
        f"at eV = {heating.bias:g} meV across barrier and series resistance, "
        f"T = {heating.temperature:g} K, a = {heating.damping:g}"
    ]
    if heating.split:
        lines.append(
            "The fitted smearing is kept as softness of T(E); the Fermi functions have the stated "
            "temperature. Bands (68 %) hold the fit's errors and how much of the smearing may have "
            "been that temperature; mu and a are taken as exact."
        )
    else:
        lines.append("Bands (68 %) hold the fit's errors; held parameters are taken as exact.")
    rows = ()
    if np.any(np.isfinite(heating.value["P_A"])):
        steepest = int(np.nanargmax(np.abs(heating.value["P_A"])))
        lines.append(f"Largest asymmetry at {heating.gate[steepest]:.5g} mV:")
        rows = tuple(_heat_row(heating, name, steepest) for name in heating.value)
    upstream = "P_L" if heating.bias > 0 else "P_R"
    cooled = heating.gate[heating.value[upstream] < 0]
    if cooled.size:
        span = f"{cooled[0]:.5g} to {cooled[-1]:.5g} mV"
        lines.append(f"Upstream cooling ({upstream} < 0) within {span}.")
    if np.any(np.isnan(heating.value["r*"])):
        lines.append("r* has no answer where mu - eV/2 is not positive.")
    if abs(heating.bias) > 0.5 * float(fit.device.mu):
        lines.append("The bias is not small against mu: take r* with care.")
    elif abs(heating.bias) > 10:
        lines.append("Above about 10 mV plasmon-phonon emission shortens r*: take it with care.")
    return Section("Heat", tuple(lines), ("", "value", "from", "to", "unit") if rows else (), rows)


def _heat_row(heating, name, k):
    unit, factor = ("um", 1e-3) if name == "r*" else ("pW", 1.0)
    numbers = (heating.value[name], heating.low[name], heating.high[name])
    return (name, *(f"{factor * x[k]:.4g}" for x in numbers), unit)


# --- for programs ---------------------------------------------------------------------------


def as_json(fit: FitResult, profiles: Sequence[Profile] = ()) -> dict:
    """The fit as plain values (the content of fit.json)."""
    errors, first = fit.stderr, initial_values(fit)
    knots = _knots(fit.device)
    return {
        **facts(fit),
        "parameters": {
            p.name: {
                "value": p.value,
                "stderr": errors.get(p.name),
                "start": first[p.name],
                "unit": p.unit,
                "free": p.free,
                "lower": p.lower,
                "upper": p.upper,
                "what": meaning(fit, p.name),
            }
            for p in fit.parameters
        },
        "knots_mV": knots,
        "covariance": {
            "names": [p.name for p in fit.free],
            "matrix": fit.covariance.tolist(),
            "correlation": fit.correlation.tolist(),
        },
        "intervals_68": {p.name: _finite(p.interval) for p in profiles},
        "priors": {name: list(prior) for name, prior in fit.priors.items()},
        "at_bound": list(fit.at_bound),
        "doubts": list(fit.doubts),
        "rises": {
            p.name: _finite(pair) for p, pair in zip(fit.free, fit.rises.tolist(), strict=True)
        },
        "flat_directions": [dataclasses.asdict(d) for d in fit.flat_directions],
        "starts": [dataclasses.asdict(s) for s in fit.starts],
        "data": [_data_json(part) for part in fit.parts],
    }


def facts(fit: FitResult) -> dict:
    """What a table of the fit's parameters is from, with the versions that made it."""
    return {
        "status": fit.status,
        "message": fit.message,
        "barrier": barrier_title(fit.device),
        "loss": fit.loss,
        "points": fit.points,
        "rms": fit.rms,
        "rms_unit": "uS" if fit.parts[0].unit == "2e2/h" else fit.parts[0].unit,
        "chi_square": fit.chi_square,
        "reduced_chi_square": fit.reduced_chi_square,
        "aic": fit.aic,
        "bic": fit.bic,
        "versions": versions(),
    }


def parameter_columns(fit: FitResult, profiles: Sequence[Profile] = ()) -> dict:
    """Columns of the table of the parameters, a row each; a held one has no standard error."""
    errors, first, rows = fit.stderr, initial_values(fit), fit.parameters
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
    if profiles:
        ends = {p.name: p.interval for p in profiles}
        for i, name in enumerate(("interval low", "interval high")):
            columns[name] = [ends.get(p.name, (math.nan,) * 2)[i] for p in rows]
    return columns | {"what it is": [meaning(fit, p.name) for p in rows]}


def _finite(ends):
    return [end if math.isfinite(end) else None for end in ends]


def _knots(device):
    curves = dict(device.barrier.curves) if isinstance(device.barrier, Gated) else {}
    curves["smearing"] = device.smearing
    return {n: [float(k) for k in c.knots] for n, c in curves.items() if hasattr(c, "knots")}


def _data_json(part):
    factor, unit = (CONDUCTANCE_QUANTUM, "uS") if part.unit == "2e2/h" else (1.0, part.unit)
    temperature = part.data.temperature
    return {
        "name": part.name,
        "kind": part.kind,
        "points": int(part.predicted.size),
        "dropped": int(getattr(part.data, "dropped", 0)),
        "sha256": getattr(part.data, "sha256", ""),
        "temperature_K": None if temperature is None else float(temperature),
        "sigma_known": part.known,
        "rms": factor * part.rms,
        "rms_unit": unit,
        "residual_correlation_length": part.correlation_length,
    }


def heating_columns(heating: Heating) -> dict:
    """Columns of heating.csv, with units in their names."""
    columns = {"gate (mV)": heating.gate, "bias across barrier (meV)": heating.voltage}
    for name, unit in (("P_L", "pW"), ("P_R", "pW"), ("P_A", "pW"), ("r*", "nm")):
        columns |= {
            f"{name} ({unit})": heating.value[name],
            f"{name} low ({unit})": heating.low[name],
            f"{name} high ({unit})": heating.high[name],
        }
    return columns
