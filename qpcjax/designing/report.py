"""A design in words and as JSON."""

import math

from qpcjax._versions import versions
from qpcjax.designing.result import Design
from qpcjax.overviews import printable, unit_text


def text(design: Design) -> str:
    """The report that a person reads."""
    parts = [_summary(design), _parameters(design)]
    if design.conditions:
        parts.append(_conditions(design))
    parts.append(_sensitivities(design))
    if design.tolerance is not None:
        parts.append(_tolerance(design))
    parts.append(_starts(design))
    return printable("\n\n".join(parts)) + "\n"


def _unit(unit):
    return f" {unit_text(unit)}".rstrip()


def _summary(design):
    value = f"{design.value:.7g}{_unit(design.unit)}"
    if design.objective.squares:
        value += f" (root {math.sqrt(design.value):.3g})"
    r = design.reservoirs
    point = f"mu = {float(r.mu):.6g} meV, eV = {float(r.bias):.6g} meV"
    point += f", T = {float(r.temperature):.6g} K"
    if float(r.temperature_bias):
        point += f", T_L - T_R = {float(r.temperature_bias):.6g} K"
    lines = [
        f"Design: {design.objective.title}",
        f"  value            {value}",
        f"  status           {design.status}: {design.message}",
        f"  evaluations      {design.evaluations} (each with its slopes), "
        f"{design.sensitivity_evaluations} more for the Hessian",
        f"  barrier          {type(design.scatterer).__name__}",
        f"  operating point  {point}",
    ]
    return "\n".join(lines)


def _parameters(design):
    lines = ["Parameters"]
    for p in design.parameters:
        note = "  on its bound" if p.name in design.at_bound else ""
        lines.append(
            f"  {p.name:<18}{p.value:>13.7g} {p.unit:<5} of {p.lower:g} to {p.upper:g}{note}"
        )
    for direction in design.flat_directions:
        listed = ", ".join(f"{name} {x:+.2f}" for name, x in direction.items())
        lines.append(f"  left open (in shares of the ranges): {listed}")
    return "\n".join(lines)


def _conditions(design):
    lines = ["Constraints"]
    for c in design.conditions:
        note = f"  active, price {c.price:.4g} a unit" if c.active else ""
        note = f"  VIOLATED by {c.violation:.4g}" if c.violation else note
        lines.append(
            f"  {c.name:<18}{c.value:>13.7g} {c.unit:<7} of {c.lower:g} to {c.upper:g}{note}"
        )
    return "\n".join(lines)


def _sensitivities(design):
    lines = ["Sensitivities at the design: df/dp, d2f/dp2, d ln f/d ln p"]
    logarithmic = design.logarithmic
    for i, name in enumerate(design.names):
        lines.append(
            f"  {name:<18}{design.gradient[name]:>13.4g}{design.hessian[i, i]:>13.4g}"
            f"{logarithmic[name]:>13.4g}"
        )
    return "\n".join(lines)


def _tolerance(design):
    t = design.tolerance
    unit = _unit(design.unit)
    lines = [
        "Fabrication",
        f"  expected change  {t.change:.4g}{unit}",
        f"  spread           {t.spread:.4g}{unit} ({t.first_order:.4g} by the slopes alone)",
    ]
    whole = t.spread**2
    for name, variance in t.by_name.items():
        share = variance / whole if whole else 0.0
        lines.append(f"  {name:<18}+- {t.errors[name]:<9.4g} {share:>6.1%} of the variance")
    return "\n".join(lines)


def _starts(design):
    lines = ["Starts: objective, status, evaluations, objective at the end"]
    for start in design.starts:
        end = "" if start.end is None else f"{start.end_value:>14.6g}"
        lines.append(f"  {start.value:>14.6g}  {start.status:<11}{start.evaluations:>4}{end}")
    return "\n".join(lines)


def as_json(design: Design) -> dict:
    """The design as plain values for programs (the content of design.json)."""
    t = design.tolerance
    return {
        **facts(design),
        "parameters": {
            p.name: {
                "value": p.value,
                "unit": p.unit,
                "lower": p.lower,
                "upper": p.upper,
                "at_bound": p.name in design.at_bound,
            }
            for p in design.parameters
        },
        "reservoirs": {
            name: float(getattr(design.reservoirs, name))
            for name in ("mu", "bias", "temperature", "temperature_bias")
        },
        "constraints": [vars(c) for c in design.conditions],
        "sensitivities": {
            "names": list(design.names),
            "gradient": design.gradient,
            "hessian": design.hessian.tolist(),
            "logarithmic": {n: float(x) for n, x in design.logarithmic.items()},
        },
        "tolerance": None if t is None else vars(t),
        "flat_directions": design.flat_directions,
        "evaluations": design.evaluations,
        "sensitivity_evaluations": design.sensitivity_evaluations,
        "starts": [vars(s) for s in design.starts],
    }


def facts(design: Design) -> dict:
    """What a table of the design's parameters is from, with the versions that made it."""
    return {
        "objective": type(design.objective).__name__,
        "title": design.objective.title,
        "value": design.value,
        "unit": design.unit,
        "status": design.status,
        "message": design.message,
        "barrier": type(design.scatterer).__name__,
        "versions": versions(),
    }


def parameter_columns(design: Design) -> dict:
    """Columns of the table of the free parameters, a row each; a slope is per the row's unit."""
    free = design.parameters
    curvature = dict(zip(design.names, design.hessian.diagonal(), strict=True))
    return {
        "name": [p.name for p in free],
        "value": [p.value for p in free],
        "unit": [p.unit for p in free],
        "lower": [p.lower for p in free],
        "upper": [p.upper for p in free],
        "on its bound": ["yes" if p.name in design.at_bound else "no" for p in free],
        "slope of the objective": [float(design.gradient[p.name]) for p in free],
        "second derivative": [float(curvature[p.name]) for p in free],
    }
