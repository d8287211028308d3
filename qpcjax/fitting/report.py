"""A fit in words, as plain text and as a web page."""

import math
from collections.abc import Sequence

import numpy as np

from qpcjax.constants import BOLTZMANN
from qpcjax.fitting.barrier_comparison import BarrierComparison
from qpcjax.fitting.barrier_sections import of_barriers
from qpcjax.fitting.device import Gated
from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.fitting.heating import Heating
from qpcjax.fitting.misfit import WRONG
from qpcjax.fitting.report_sections import Section, as_page
from qpcjax.fitting.result import FitResult
from qpcjax.fitting.uncertainty import Profile
from qpcjax.overviews import printable, unit_text
from qpcjax.quantities import unit_of
from qpcjax.scatterers.fields import innermost
from qpcjax.scatterers.shifted import FilledBarrier
from qpcjax.scatterers.wrapper import wrappers

_STRONG = 0.9  # correlations above this are listed
_AGREE = 1e-3  # relative difference of the sums of squares of two starts that end alike
_WARM = 0.1  # share by which electrons must be heated to be spoken of
_ALONG = 7  # gate voltages at which the barrier is shown


def text(
    fit: FitResult,
    heating: Heating | None = None,
    profiles: Sequence[Profile] = (),
    barriers: BarrierComparison | None = None,
    notes: Sequence[str] = (),
) -> str:
    """The report that a person reads, in the layout of lmfit's; arguments as of `page`."""
    found = sections(fit, heating, profiles, barriers, notes)
    return printable("\n".join(s.text() for s in found)) + "\n"


def page(fit, heating=None, profiles=(), figures=None, barriers=None, notes=()) -> str:
    """The report as one HTML page that needs nothing beside it.

    Args:
        fit: the fit.
        heating: a prediction of heat.
        profiles: `FitResult.profile` of some parameters.
        figures: title -> bytes of a PNG.
        barriers: a `BarrierComparison` whose best fit it is.
        notes: sentences on the data, which stand before the doubts of the fit.
    """
    title = f"Fit of {', '.join(part.name for part in fit.parts)}"
    return as_page(title, sections(fit, heating, profiles, barriers, notes), figures)


def sections(fit, heating=None, profiles=(), barriers=None, notes=()):
    """The report, piece by piece."""
    found = [_statistics(fit), *_doubts([*notes, *fit.doubts])]
    if barriers is not None and len(barriers.rows) > 1:
        found += of_barriers(barriers, heating)
    found += [*_data(fit), _variables(fit), *_left_out(fit)]
    if isinstance(fit.device.barrier, Gated):
        found.append(_along(fit))
    if profiles:
        found.append(_intervals(fit, profiles))
    found += [_correlations(fit), _starts(fit), _undetermined(fit)]
    if heating is not None:
        found.append(heat(fit, heating))
    return found


# --- the pieces -----------------------------------------------------------------------------


def _statistics(fit):
    rows = [
        ("barrier", fit.device.title),
        ("loss", fit.loss),
        ("points", str(fit.points)),
        ("free parameters", str(len(fit.free))),
        ("rms over noise", f"{fit.misfit:.4g}"),
        ("chi-square", f"{fit.chi_square:.6g}"),
        ("reduced chi-square", f"{fit.reduced_chi_square:.6g}"),
        ("Akaike criterion", f"{fit.aic:.6g}"),
        ("Bayesian criterion", f"{fit.bic:.6g}"),
        ("status", f"{fit.status}: {fit.message}"),
    ]
    if fit.at_bound:
        rows.append(("on a bound", ", ".join(fit.at_bound)))
    return Section("Fit Statistics", rows=tuple(rows))


def _doubts(sentences):
    if sentences:
        yield Section("Doubts", tuple(f"* {_capital(words)}." for words in sentences))


def _data(fit):
    for part in fit.parts:
        data = part.data
        rows = [("points", str(part.predicted.size))]
        left_out = {"without a value": data.dropped, "by choice": data.excluded}
        if any(left_out.values()):
            words = (f"{number} {why}" for why, number in left_out.items() if number)
            rows.append(("left out", ", ".join(words)))
        for name, values in data.settings.items():
            if name != "temperature" or np.ptp(values) > 0:
                low, high = values.min(), values.max()
                rows.append((name, f"{low:.5g} to {high:.5g} {unit_of(name)}".rstrip()))
        low, high = data.value.min(), data.value.max()
        unit, factor = data.response.residual_unit
        fine = f" (up to {high * factor:.4g} {unit})" if unit != part.unit else ""
        rows.append((data.response.words, f"{low:.4g} to {high:.4g} {part.unit}{fine}"))
        rows.append(("rms of the residuals", f"{factor * part.rms:.4g} {unit}"))
        if part.known:
            sigma = f"{factor * np.median(part.sigma):.4g} {unit}"
            rows.append(("sigma", f"{sigma}, as stated with the data"))
        else:
            noise = f"{factor * part.noise:.4g} {unit}, from neighbouring points"
            rows.append(("noise of the data", noise if part.noise > 0 else "not known"))
            length = f"{part.correlation_length:.3g} points; the standard errors allow for it"
            rows.append(("residuals correlated over", length))
        if data.temperature is not None and np.ndim(data.temperature) == 0:
            rows.append(("temperature", f"{float(data.temperature):g} K"))
        if data.sha256:
            rows.append(("sha256", data.sha256))
        yield Section(f"Data: {part.name}", rows=tuple(rows))


def _variables(fit):
    errors, first = fit.stderr, fit.initial_values
    rows = []
    for p in fit.parameters:
        error = errors.get(p.name)
        if error is None:
            shown = ("", "held", "")
        else:
            share = f"{100 * error / abs(p.value):.2g} %" if p.value else ""
            shown = (f"+- {error:.2g}", share, f"{first[p.name]:.5g}")
        note = fit.meaning(p.name) + (", on its bound" if p.name in fit.at_bound else "")
        if p.name in fit.priors:
            mean, sigma = fit.priors[p.name]
            note += f", prior {mean:g} +- {sigma:g}"
        rows.append((p.name, f"{p.value:.6g}", *shown, unit_text(p.unit), note))
    heads = ("name", "value", "stderr", "share", "start", "unit", "what it is")
    return Section("Variables", columns=heads, rows=tuple(rows))


def _left_out(fit):
    """The errors of the curvature beside those of the jackknife, and what moves most."""
    found = fit.jackknife
    if len(found.without) < 2:
        return
    larger = any(part.misfit > WRONG for part in fit.parts)
    lines = (
        f"The fit without each of {len(found.without)} steps and plateaus in turn. "
        + (
            "The misfit is above 1.3: the larger error stands in the table of variables."
            if larger
            else "The misfit is below 1.3: the error of the curvature stands in the table above."
        ),
        "barrier: what its distance from the exact answer may do, to be added in squares.",
    )
    rows = []
    for i, p in enumerate(fit.free):
        k = int(np.argmax(np.abs(found.changes[:, i])))
        rows.append(
            (
                p.name,
                f"{fit.curvature_errors[i]:.2g}",
                f"{found.errors[i]:.2g}",
                f"{fit.barrier_errors[i]:.2g}",
                f"{p.value + found.changes[k, i]:.5g}",
                found.without[k],
            )
        )
    heads = ("name", "curvature", "jackknife", "barrier", "value", "without")
    yield Section("Errors with steps and plateaus left out", lines, heads, tuple(rows))


def _along(fit):
    """The barrier's moved numbers at a few gate voltages, with what follows from them."""
    device, gates = fit.device, [p.data.settings["gate"] for p in fit.parts]
    gate = np.linspace(min(g.min() for g in gates), max(g.max() for g in gates), _ALONG)
    columns = {"gate/mV": [f"{g:.1f}" for g in gate]}
    points = [device.at(g) for g in gate]
    bare = [innermost(p.scatterer) for p in points]

    def add(head, values, layout):
        columns[head] = [format(float(v), layout) for v in values]

    for name in device.barrier.curves:
        unit = unit_text(DeviceNumbers(device).unit(name))
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
        return Section(
            "Starts", ("one start: the user's, another fit's, or the only minimum of the search",)
        )
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
    return Section("Starts", lines, ("", "start", "end", "where"), rows, folded=True)


def _largest_changes(fit, start):
    """What sets a start apart, in a few numbers."""
    free = {p.name for p in fit.free}
    told = {n: v for n, v in start.values.items() if n in free}
    varied = [n for n in told if len({s.values.get(n) for s in fit.starts}) > 1]
    few = sorted(varied, key=lambda n: (n[-1:].isdigit(), n))[:3]
    return ", ".join(f"{n} {told[n]:.4g}" for n in few)


def _undetermined(fit):
    lines = [_of_the_shoulder(fit.device.scatterer)]
    if fit.device.smearing is not None and all(p.data.temperature is None for p in fit.parts):
        lines.append(
            "Temperature and softness: the smearing s is the softness of the barrier, the "
            "electrons' temperature and the excitation together. For G they are one; for heat they "
            "are not. A known temperature, or traces at two temperatures, separate them."
        )
    elif "temperature" in fit.device.freed:
        lines.append(
            "Temperature and softness: what smears the steps was fitted as a temperature of the "
            "electrons, alike along the trace. A softness of the barrier would be read as "
            "temperature, and heat is predicted without it."
        )
    if fit.flat_directions:
        lines.append("Directions that the data leave flat, held parameters included:")
    for d in fit.flat_directions:
        changes = ", ".join(f"{name} {x:+.2g}" for name, x in d.changes.items())
        lines.append(f"* {_capital(d.meaning)}. Relative changes: {changes}.")
        lines.append(f"  {_capital(d.remedy)} would fix it.")
    return Section("What these data cannot tell apart", tuple(lines))


def _of_the_shoulder(scatterer):
    """What is in the model of a shoulder, and what stays in the residuals."""
    forms = [w.words for w in wrappers(scatterer) if isinstance(w, FilledBarrier)]
    if not forms:
        return (
            "The 0.7 shoulder and impurity resonances are in no one-electron model: they stay in "
            "the residuals."
        )
    return (
        f"The shoulder ({forms[0]}): other forms of it fit a trace at one temperature as well, so "
        "that nothing is said of where it comes from. Impurity resonances stay in the residuals."
    )


def _capital(words):
    return words if words.startswith("dI/dV") else words[:1].upper() + words[1:]


def heat(fit, heating) -> Section:
    """What a `Heating` says where the asymmetry is largest, and with what care to take it."""
    lines = [
        f"at eV = {heating.bias:g} meV across barrier and series resistance, "
        f"T = {heating.temperature:g} K, {heating.damping_text}"
    ]
    if heating.split:
        lines.append(
            "The fitted smearing is kept as softness of T(E); the Fermi functions have the stated "
            "temperature. Bands (68 %) hold the fit's errors and how much of the smearing may have "
            "been that temperature; mu and a are taken as exact."
        )
    else:
        lines.append("Bands (68 %) hold the fit's errors; held parameters are taken as exact.")
    if len(heating.each) > 1:
        lines.append(f"They hold the spread between {', '.join(heating.each)} too.")
    rows = ()
    steepest = heating.largest
    if steepest is not None:
        lines += _without_shoulder(heating)
        lines += _electrons_heated(fit, heating, steepest)
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


def _electrons_heated(fit, heating, k):
    """What the current makes of the electrons' temperature at one gate voltage."""
    resistance = fit.values().get("series_resistance", 0.0)
    if not resistance > 0:
        return []
    left, right = (t[k] for t in heating.electron_temperatures(resistance))
    if not max(left, right) > (1 + _WARM) * heating.temperature:
        return []
    return [
        f"The current heats the electrons: at {heating.gate[k]:.5g} mV those on the left have "
        f"{left:.3g} K and those on the right {right:.3g} K, with half of R_s in each lead, baths "
        f"of {heating.temperature:g} K and no phonons. --temperature {max(left, right):.2g} "
        "predicts the heat of such electrons."
    ]


def _without_shoulder(heating):
    """The largest P_A with the shoulder and by the fit without it."""
    other = heating.without
    if other is None or other.largest is None:
        return []
    numbers = [h.value["P_A"][h.largest] for h in (heating, other)]
    return [
        f"The largest P_A is {numbers[0]:.4g} pW with the shoulder, and {numbers[1]:.4g} pW by the "
        "fit of the same data without it: G against the gate does not tell which of them holds."
    ]


def _heat_row(heating, name, k):
    unit, factor = ("um", 1e-3) if name == "r*" else ("pW", 1.0)
    numbers = (heating.value[name], heating.low[name], heating.high[name])
    return (name, *(f"{factor * x[k]:.4g}" for x in numbers), unit)
