"""Layouts of gates written down in a TOML file; docs/gates.md describes it."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np

from qpcjax.files import InputError
from qpcjax.gates import GatedDevice, Gates, Heterostructure, SplitGate
from qpcjax.specifications import Reader, in_words
from qpcjax.staircases.staircase import Region

_NEEDED = ("stack", "voltages")
_OPTIONAL = ("split_gate", "gates", "grid", "box", "reservoirs", "region")
_STACK = tuple(field.name for field in dataclasses.fields(Heterostructure))
_REGION = tuple(field.name for field in dataclasses.fields(Region))
_SHAPES = ("rectangle", "polygon")
_MOST_POINTS = 1000


@dataclasses.dataclass(frozen=True)
class GateLayout:
    """The arguments of `gate_staircase` that a TOML file gives.

    Fields:
        device: the `GatedDevice`.
        voltages: a dict of the gates' voltages in V for each setting.
        named: bias, temperature and region.
        reader: of the file, for messages.
    """

    device: GatedDevice
    voltages: list[dict[str, float]]
    named: dict[str, Any]
    reader: Reader


def read_layout(path: str | Path) -> GateLayout:
    """A layout of gates from a TOML file.

    Raises:
        InputError: anything that the user can mend; says the key, what was wanted and what came.
    """
    reader = Reader(Path(path))
    given = reader.toml("a layout", _NEEDED, _OPTIONAL)
    try:
        stack = _stack(reader, given["stack"])
        gates = _gates(reader, given)
        options: dict[str, Any] = {}
        if "box" in given:
            options["box"] = tuple(_row(reader, given["box"], "box", 2))
        if "grid" in given:
            options["grid"] = reader.number(given["grid"], "grid")
        device = GatedDevice(stack, gates, **options)
        named = _reservoirs(reader, given.get("reservoirs", {}))
        named["region"] = _region(reader, given.get("region", {}), device)
        voltages = _voltages(reader, given["voltages"], gates.names)
    except InputError:
        raise
    except (ValueError, TypeError, ArithmeticError) as error:
        raise reader.error(in_words(error)) from None
    return GateLayout(device, voltages, named, reader)


def _stack(reader, given):
    given = dict(reader.table(given, "stack"))
    reader.known(given, _STACK, "stack")
    for name in ("density", "depth"):
        if name not in given:
            raise reader.error(f"stack.{name} is missing")
    surface = {"surface": given.pop("surface")} if "surface" in given else {}
    if surface == {"surface": "bare"}:
        raise reader.error(
            "stack.surface must be frozen or pinned: over an empty gas there are no gate voltages"
        )
    numbers = {
        name: reader.quantity(value, name, f"stack.{name}")
        if name in ("density", "mass")
        else reader.number(value, f"stack.{name}")
        for name, value in given.items()
    }
    return Heterostructure(**numbers, **surface)


def _gates(reader, given):
    if ("split_gate" in given) == ("gates" in given):
        raise reader.error("a layout has either [split_gate] or [gates.NAME] for each gate")
    if "split_gate" in given:
        table = reader.table(given["split_gate"], "split_gate")
        reader.known(table, ("gap", "length", "offset"), "split_gate")
        for name in ("gap", "length"):
            if name not in table:
                raise reader.error(f"split_gate.{name} is missing")
        return SplitGate(**{n: reader.number(v, f"split_gate.{n}") for n, v in table.items()})
    outlines, offset = {}, {}
    for name, value in reader.table(given["gates"], "gates").items():
        field = f"gates.{name}"
        table = reader.table(value, field)
        reader.known(table, (*_SHAPES, "offset"), field)
        shapes = [shape for shape in _SHAPES if shape in table]
        if len(shapes) != 1:
            raise reader.error(f"{field} must have either a rectangle or a polygon")
        if shapes == ["rectangle"]:
            edges = _row(reader, table["rectangle"], f"{field}.rectangle", 4)
            outlines[name] = tuple(None if math.isinf(edge) else edge for edge in edges)
        else:
            outlines[name] = _corners(reader, table["polygon"], f"{field}.polygon")
        offset[name] = reader.number(table.get("offset", 0.0), f"{field}.offset")
    return Gates(outlines, offset)


def _corners(reader, value, field):
    if not isinstance(value, list) or len(value) < 3:
        raise reader.error(f"{field} must be three corners [x, y] in nm or more, got {value!r}")
    return np.array([_row(reader, corner, f"a corner of {field}", 2) for corner in value])


def _row(reader, value, field, count):
    if not isinstance(value, list) or len(value) != count:
        raise reader.error(f"{field} must be {count} numbers in nm, got {value!r}")
    return [reader.number(x, field) for x in value]


def _reservoirs(reader, given) -> dict[str, Any]:
    given = reader.table(given, "reservoirs")
    reader.known(given, ("bias", "temperature"), "reservoirs")
    return {name: reader.quantity(v, name, f"reservoirs.{name}") for name, v in given.items()}


def _region(reader, given, device):
    given = reader.table(given, "region")
    reader.known(given, _REGION, "region")
    return Region.of(device, **{n: reader.number(v, f"region.{n}") for n, v in given.items()})


def _voltages(reader, given, gates):
    """Settings from `all` or one entry for each gate, and the number of `points`."""
    given = dict(reader.table(given, "voltages"))
    reader.known(given, ("all", "points", *gates), "voltages")
    points = given.pop("points", 21)
    if isinstance(points, bool) or not isinstance(points, int) or not 1 <= points <= _MOST_POINTS:
        raise reader.error(
            f"voltages.points must be a whole number of 1 to {_MOST_POINTS}, got {points!r}"
        )
    entries = {name: name for name in gates}
    if "all" in given:
        if len(given) > 1:
            raise reader.error("voltages.all is of every gate: leave out the others")
        entries = dict.fromkeys(gates, "all")
    columns = {}
    for name, entry in entries.items():
        if entry not in given:
            raise reader.error(f"voltages.{name} is missing; or give voltages.all")
        value, field = given[entry], f"voltages.{entry}"
        if isinstance(value, list):
            if len(value) != 2:
                raise reader.error(f"{field} must be [first, last] in V, got {value!r}")
            first, last = (reader.number(v, field) for v in value)
            columns[name] = np.linspace(first, last, points)
        else:
            columns[name] = np.full(points, reader.number(value, field))
    if points > 1 and all(np.ptp(column) == 0 for column in columns.values()):
        raise reader.error("voltages must change along the staircase: give one gate [first, last]")
    return [{name: float(column[k]) for name, column in columns.items()} for k in range(points)]
