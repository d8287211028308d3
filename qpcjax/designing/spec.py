"""Designs written down in a TOML file; docs/design.md describes it."""

import dataclasses
import inspect
from pathlib import Path
from typing import Any

from qpcjax.designing.constraints import Constraint
from qpcjax.designing.curve_objectives import (
    FlattestPlateau,
    FlattestPlateaus,
    TargetConductance,
)
from qpcjax.designing.custom_objectives import Maximise, Minimise
from qpcjax.designing.objectives import (
    RESERVOIR_NAMES,
    AbstractObjective,
    HotSpotAt,
    MostAsymmetry,
    StrongestCooling,
    TargetTransmission,
)
from qpcjax.files import read_transmission
from qpcjax.heat.damping import QuadraticDamping
from qpcjax.heat.laws import LAWS
from qpcjax.measurements import InputError
from qpcjax.specifications import Reader, in_words, read_scatterer
from qpcjax.transport.reservoirs import Reservoirs

_EXTREMES: dict[str, type[Minimise] | type[Maximise]] = {
    "minimise": Minimise,
    "maximise": Maximise,
}

OBJECTIVES: dict[str, type[AbstractObjective]] = {
    "most_asymmetry": MostAsymmetry,
    "strongest_cooling": StrongestCooling,
    "hot_spot_at": HotSpotAt,
    "flattest_plateau": FlattestPlateau,
    "flattest_plateaus": FlattestPlateaus,
    "target_transmission": TargetTransmission,
    "target_conductance": TargetConductance,
    **_EXTREMES,
}

_NEEDED = ("scatterer", "reservoirs", "objective", "free")
_OPTIONAL = (
    "constraints",
    "tolerances",
    "damping",
    "density",
    "fermi_energy",
    "starts",
    "descents",
    "seed",
)
_BOUND = ("lower", "upper", "unit")


@dataclasses.dataclass(frozen=True)
class DesignSpec:
    """The arguments of `design` that a TOML file gives.

    Fields:
        positional: objective, scatterer, reservoirs and free.
        named: the others.
        reader: of the spec, for messages.
    """

    positional: tuple[Any, ...]
    named: dict[str, Any]
    reader: Reader


def read_design_spec(path) -> DesignSpec:
    """The arguments of `design` from a TOML file.

    Raises:
        InputError: anything that the user can mend; says the key, what was wanted and what came.
    """
    reader = Reader(Path(path))
    given = reader.toml("a design", _NEEDED, _OPTIONAL)
    free = {
        name: _bounds(reader, ends, name, f"free.{name}")
        for name, ends in reader.table(given["free"], "free").items()
    }
    try:
        damping = _damping(reader, given)
        own = reader.table(given["scatterer"], "scatterer")
        # A number that is free need not be stated: the search then has no start of its own there.
        middle = {n: (low + high) / 2 for n, (low, high) in free.items() if n not in own}
        scatterer, _ = read_scatterer(reader, own, middle)
        positional = (
            _objective(reader, given["objective"], damping),
            scatterer,
            _reservoirs(reader, given["reservoirs"], middle),
            free,
        )
        constraints = [
            Constraint(name, *_bounds(reader, ends, name, f"constraints.{name}", True))
            for name, ends in reader.table(given.get("constraints", {}), "constraints").items()
        ]
    except InputError:
        raise
    except (ValueError, TypeError, ArithmeticError) as error:
        raise reader.error(in_words(error)) from None
    tolerances = {
        name: reader.quantity(value, name, f"tolerances.{name}")
        for name, value in reader.table(given.get("tolerances", {}), "tolerances").items()
    }
    named = {"constraints": constraints, "tolerances": tolerances, "damping": damping}
    named |= {key: _whole(reader, given[key], key) for key in ("starts", "descents", "seed")
              if key in given}  # fmt: skip
    return DesignSpec(positional, named, reader)


def _whole(reader, value, field):
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise reader.error(f"{field} must be a whole number, 0 or more, got {value!r}")
    return value


def _bounds(reader, ends, name, field, constraint=False) -> tuple[Any, Any]:
    """Bounds from [lower, upper] or { lower, upper, unit }; of a constraint either may be absent.

    Args:
        reader: of the spec.
        ends: the value in it.
        name: of the number.
        field: where it stands.
        constraint: whether the number is an observable, which has one unit.
    """
    if isinstance(ends, list):
        if len(ends) != 2:
            raise reader.error(f"{field} must be [lower, upper], got {ends!r}")
        ends = {"lower": ends[0], "upper": ends[1]}
    if not isinstance(ends, dict):
        raise reader.error(
            f"{field} must be [lower, upper] or {{ lower = ..., upper = ... }}, got {ends!r}"
        )
    ends = dict[str, Any](ends)
    reader.known(ends, _BOUND[:2] if constraint else _BOUND, field)
    if constraint:
        lower, upper = (
            reader.number(ends[end], f"{field}.{end}") if end in ends else None
            for end in ("lower", "upper")
        )
        return lower, upper
    for end in ("lower", "upper"):
        if end not in ends:
            raise reader.error(f"{field} has no {end} bound: give [lower, upper]")
    factor = reader.factor(ends.get("unit"), name, field)
    lower, upper = (reader.number(ends[end], f"{field}.{end}") for end in ("lower", "upper"))
    return lower * factor, upper * factor


def _damping(reader, given):
    value = given.get("damping", 0.04)
    if isinstance(value, str):
        if "fermi_energy" in given:
            raise reader.error("fermi_energy is of the quadratic law: leave it out beside a law")
        return reader.law(given, "damping")
    if "density" in given:
        raise reader.error(f"density is of a damping law: let damping be {' or '.join(LAWS)}")
    strength = reader.number(value, "damping")
    return QuadraticDamping(strength, reader.fermi_energy(given))


def _reservoirs(reader, given, middle):
    given = reader.table(given, "reservoirs")
    reader.known(given, RESERVOIR_NAMES, "reservoirs")
    numbers = {n: v for n, v in middle.items() if n in RESERVOIR_NAMES}
    numbers |= {n: reader.quantity(v, n, f"reservoirs.{n}") for n, v in given.items()}
    if "mu" not in numbers:
        raise reader.error("reservoirs.mu is missing; give it, or let it be free")
    return Reservoirs(**numbers)


def _objective(reader, given, damping):
    given = dict(reader.table(given, "objective"))
    kind = given.pop("kind", None)
    if kind not in OBJECTIVES:
        raise reader.error(f"objective.kind must be one of {', '.join(OBJECTIVES)}, got {kind!r}")
    if kind == "target_transmission" and "file" in given:
        reader.known(given, ("file",), "objective")
        return TargetTransmission(*read_transmission(reader.beside(given["file"])))
    if kind in _EXTREMES:
        reader.known(given, ("observable",), f"objective, with the kind {kind}")
        if "observable" not in given:
            raise reader.error(f"objective.observable is missing with the kind {kind}")
        return _EXTREMES[kind](given["observable"], damping=damping)
    signature = inspect.signature(OBJECTIVES[kind]).parameters
    wanted = [n for n in signature if n != "damping"]
    reader.known(given, wanted, f"objective, with the kind {kind}")
    for name in wanted:
        if signature[name].default is inspect.Parameter.empty and name not in given:
            raise reader.error(f"objective.{name} is missing with the kind {kind}")
    units = {"distance": "distance", "span": "mu"}
    values = {
        n: reader.quantity(v, units[n], f"objective.{n}") if n in units else v
        for n, v in given.items()
    }
    if kind == "hot_spot_at":
        values["damping"] = damping
    return OBJECTIVES[kind](**values)
