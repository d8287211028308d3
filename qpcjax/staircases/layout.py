"""Layouts of gates written down in a TOML file; docs/gates.md describes it."""

import contextlib
import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np

from qpcjax.files import InputError, read_gates
from qpcjax.gates import GatedDevice, Gates, Heterostructure, SplitGate
from qpcjax.specifications import Reader, in_words
from qpcjax.staircases.staircase import Region

_GATES = ("split_gate", "gates", "gds", "grid", "box", "reservoirs", "region", "errors")
_STACK = tuple(field.name for field in dataclasses.fields(Heterostructure))
_REGION = tuple(field.name for field in dataclasses.fields(Region))
_SHAPES = ("rectangle", "polygon", "layer")
_GDS = ("file", "cell", "origin", "within")
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


@dataclasses.dataclass(frozen=True)
class MeasuredLayout:
    """What a TOML file says of gates whose voltages are those of a trace.

    Fields:
        device: the `GatedDevice`.
        still: voltages in V of the gates that do not follow the trace, by name.
        named: temperature and region, as far as they are given.
        errors: standard errors of density, depth, gap and length, by name.
        reader: of the file, for messages.
    """

    device: GatedDevice
    still: dict[str, float]
    named: dict[str, Any]
    errors: dict[str, float]
    reader: Reader


def read_layout(path: str | Path) -> GateLayout:
    """A layout of gates from a TOML file.

    Raises:
        InputError: anything that the user can mend; says the key, what was wanted and what came.
    """
    reader = Reader(Path(path))
    given = reader.toml("a layout", ("stack", "voltages"), _GATES)
    with _told(reader):
        device = _device(reader, given)
        _errors(reader, given.get("errors", {}), device)
        named = _reservoirs(reader, given.get("reservoirs", {}))
        named["region"] = _region(reader, given.get("region", {}), device)
        voltages = _voltages(reader, given["voltages"], device.gates.names)
    return GateLayout(device, voltages, named, reader)


def read_measured_layout(path: str | Path) -> MeasuredLayout:
    """A layout of gates whose voltages a trace has; those with one number stand still.

    Raises:
        InputError: as `read_layout`.
    """
    reader = Reader(Path(path))
    given = reader.toml("a layout", ("stack",), (*_GATES, "voltages"))
    with _told(reader):
        device = _device(reader, given)
        voltages = reader.table(given.get("voltages", {}), "voltages")
        reader.known(voltages, ("all", "points", *device.gates.names), "voltages")
        still = {
            name: reader.number(value, f"voltages.{name}")
            for name, value in voltages.items()
            if name in device.gates.names and not isinstance(value, list)
        }
        named = _reservoirs(reader, given.get("reservoirs", {}))
        named.pop("bias", None)
        named["region"] = _region(reader, given.get("region", {}), device)
        errors = _errors(reader, given.get("errors", {}), device)
    return MeasuredLayout(device, still, named, errors, reader)


@contextlib.contextmanager
def _told(reader):
    """What is refused as an `InputError` of the file."""
    try:
        yield
    except InputError:
        raise
    except (ValueError, TypeError, ArithmeticError) as error:
        raise reader.error(in_words(error)) from None


def _device(reader, given):
    stack = _stack(reader, given["stack"])
    gates = _gates(reader, given)
    options: dict[str, Any] = {}
    if "box" in given:
        options["box"] = tuple(_row(reader, given["box"], "box", 2))
    if "grid" in given:
        options["grid"] = reader.number(given["grid"], "grid")
    return GatedDevice(stack, gates, **options)


def _errors(reader, given, device):
    """Standard errors of the numbers that a fit frees because of them."""
    given = reader.table(given, "errors")
    split = ("gap", "length") if isinstance(device.gates, SplitGate) else ()
    reader.known(given, ("density", "depth", *split), "errors")
    found = {name: reader.number(value, f"errors.{name}") for name, value in given.items()}
    for name, value in found.items():
        if not (math.isfinite(value) and value > 0):
            raise reader.error(f"errors.{name} must be a positive standard error, got {value:g}")
    return found


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
    if "gds" in given and "gates" not in given:
        raise reader.error("[gds] wants [gates.NAME] with the layer of each gate")
    if "split_gate" in given:
        return _split_gate(reader, given["split_gate"])
    outlines, offset, layers, places = {}, {}, {}, {}
    for name, value in reader.table(given["gates"], "gates").items():
        field = f"gates.{name}"
        table = reader.table(value, field)
        reader.known(table, (*_SHAPES, "at", "offset"), field)
        shapes = [shape for shape in _SHAPES if shape in table]
        if len(shapes) != 1:
            raise reader.error(f"{field} must have one of {', '.join(_SHAPES)}")
        if shapes == ["rectangle"]:
            edges = _row(reader, table["rectangle"], f"{field}.rectangle", 4)
            outlines[name] = tuple(None if math.isinf(edge) else edge for edge in edges)
        elif shapes == ["layer"]:
            layers[name] = _layer(reader, table["layer"], f"{field}.layer")
        else:
            outlines[name] = _corners(reader, table["polygon"], f"{field}.polygon")
        if "at" in table:
            places[name] = tuple(_row(reader, table["at"], f"{field}.at", 2))
        offset[name] = reader.number(table.get("offset", 0.0), f"{field}.offset")
    drawn = _drawn(reader, given, layers, places)
    return Gates({name: outlines.get(name, drawn.get(name)) for name in offset}, offset)


def _split_gate(reader, given):
    table = reader.table(given, "split_gate")
    reader.known(table, ("gap", "length", "offset"), "split_gate")
    for name in ("gap", "length"):
        if name not in table:
            raise reader.error(f"split_gate.{name} is missing")
    return SplitGate(**{n: reader.number(v, f"split_gate.{n}") for n, v in table.items()})


def _drawn(reader, given, layers, places):
    """Outlines of gates by name from a layout in GDSII."""
    if bool(layers) != ("gds" in given):
        raise reader.error("layers of gates and [gds] with the file of the layout go together")
    if any(name not in layers for name in places):
        raise reader.error("gates.NAME.at goes with the layer of a layout")
    if not layers:
        return {}
    table = reader.table(given["gds"], "gds")
    reader.known(table, _GDS, "gds")
    for name in ("file", "cell"):
        if not isinstance(table.get(name, "" if name == "cell" else None), str):
            raise reader.error(f"gds.{name} must be a text, got {table.get(name)!r}")
    options: dict[str, Any] = {
        n: tuple(_row(reader, table[n], f"gds.{n}", 2)) for n in _GDS[2:] if n in table
    }
    path = reader.path.parent / table["file"]
    gates = read_gates(path, layers, cell=table.get("cell"), at=places, **options)
    return dict(zip(gates.names, gates.outlines, strict=True))


def _layer(reader, value, field):
    """A layer, or layer and datatype."""
    numbers = [value, 0] if isinstance(value, int) else value
    if not (
        isinstance(numbers, list)
        and len(numbers) == 2
        and all(type(n) is int and n >= 0 for n in numbers)
    ):
        raise reader.error(f"{field} must be a layer, or [layer, datatype], got {value!r}")
    return tuple(numbers)


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
