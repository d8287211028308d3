"""What specs written in TOML share: messages, units, and the scatterer."""

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qpcjax.constants import GAAS_MASS
from qpcjax.files import InputError, read_transmission
from qpcjax.files.table import read_bytes
from qpcjax.heat.laws import LAWS, damping_law
from qpcjax.quantities import QUANTITIES, closest
from qpcjax.scatterers.registry import BARRIERS, barrier_quantities, named_scatterer

_MOST = 1 << 20  # bytes of a spec


@dataclasses.dataclass(frozen=True)
class Reader:
    """A spec's file, for messages and for files beside it.

    Args:
        path: the spec.
        tables: the files that it names, as they are read.
    """

    path: Path
    tables: list[Path] = dataclasses.field(default_factory=list)

    def error(self, message):
        """An InputError that names the file."""
        return InputError(f"{self.path}: {message}")

    def beside(self, name):
        """The path of a file that the spec names."""
        self.tables.append(self.path.parent / str(name))
        return self.tables[-1]

    def toml(self, what, needed, optional) -> dict[str, Any]:
        """What the file holds.

        Args:
            what: the spec describes, for a message: "a sweep".
            needed: keys that it must have.
            optional: keys that it may have.
        """
        content = read_bytes(self.path, _MOST)
        try:
            given = tomllib.loads(content.decode().replace("\r\n", "\n"))
        except RecursionError:
            raise self.error("is nested too deep to be a spec") from None
        except ValueError as error:  # also of bytes that are no text, and of endless numbers
            raise self.error(f"is not TOML: {error}") from None
        self.known(given, (*needed, *optional), "")
        for key in needed:
            if key not in given:
                *first, last = needed
                raise self.error(f"{key} is missing; {what} has {', '.join(first)} and {last}")
        return given

    def fermi_energy(self, given):
        """The Fermi energy of the damping: a number in meV, or the name of a potential."""
        value = given.get("fermi_energy", "mu_R")
        return value if isinstance(value, str) else self.quantity(value, "mu", "fermi_energy")

    def law(self, given, key="law"):
        """The damping law of the density that a spec names; None where it names none.

        Args:
            given: the spec; the mass of its scatterer is that of the electrons.
            key: that holds the name.
        """
        name, density = given.get(key), given.get("density")
        if density is not None:
            density = self.quantity(density, "density", "density")
        if name is None:
            if density is not None:
                raise self.error(f'density is of a damping law: add {key}, such as "rpa"')
            return None
        if name not in LAWS:
            raise self.error(f"{key} must be one of {', '.join(LAWS)}, got {name!r}")
        if any("mass" in self.table(given.get(k, {}), k) for k in ("axes", "free")):
            raise self.error(f"{key} is of one mass, which is swept or free here")
        mass = self.table(given["scatterer"], "scatterer").get("mass", GAAS_MASS)
        try:
            mass = self.quantity(mass, "mass", "scatterer.mass")
            return damping_law(name, density=density, mass=mass)
        except InputError:
            raise
        except ValueError as error:
            raise self.error(str(error)) from None

    def table(self, value, field):
        """The value, which must be a table."""
        if not isinstance(value, Mapping):
            raise self.error(f"[{field}] must be a table, got {value!r}")
        return value

    def known(self, given, names, field):
        """Refuse names that are not known in a table."""
        for name in given:
            if name not in names:
                where = f" in {field}" if field else ""
                raise self.error(f"there is no {name!r}{where}: {closest(name, names)}")

    def number(self, value, field):
        """A plain number."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.error(f"{field} must be a number, got {value!r}")
        try:
            return float(value)
        except OverflowError:
            raise self.error(f"{field} must be a number up to 1e308, got a larger one") from None

    def factor(self, unit, name, field):
        """Factor from a unit to that of the parameter."""
        known = barrier_quantities() | QUANTITIES
        units = known[name].units if name in known else {"1": 1.0}
        if unit is None:
            return 1.0
        if unit not in units:
            raise self.error(f"{field} has the unit {unit!r}, got for {name}: {_one_of(units)}")
        return units[unit]

    def quantity(self, value, name, field):
        """A number in the library's units, from a number or { value = ..., unit = ... }."""
        if not isinstance(value, Mapping):
            return self.number(value, field)
        self.known(value, ("value", "unit"), field)
        if "value" not in value:
            raise self.error(f"{field} must have a value, got {dict(value)!r}")
        number = self.number(value["value"], f"{field}.value")
        return number * self.factor(value.get("unit"), name, field)


def in_words(error) -> str:
    """What an error says; one of arithmetic says nothing that helps."""
    if isinstance(error, ArithmeticError):
        return "one of the numbers given is too large or too small to compute with"
    return str(error)


def _one_of(units):
    return "one of " + ", ".join(units)


def _transmission(reader, value, field):
    """A table of T(E): the file's name, or { file = ..., energy = ..., transmission = ... }."""
    if not isinstance(value, Mapping):
        return read_transmission(reader.beside(value))
    reader.known(value, ("file", "energy", "transmission", "energy_unit"), field)
    if "file" not in value:
        raise reader.error(f"{field} must have a file, got {dict(value)!r}")
    return read_transmission(
        reader.beside(value["file"]),
        value.get("energy_unit"),
        value.get("energy"),
        value.get("transmission"),
    )


def read_scatterer(reader, given, axes: Mapping[str, Any]) -> tuple[Any, bool]:
    """The scatterer of a table `[scatterer]`, and whether its number of modes was stated.

    Args:
        reader: of the spec.
        given: the table.
        axes: name -> values that stand elsewhere in the spec; the first one is taken.
    """
    parameters = dict(reader.table(given, "scatterer"))
    model = parameters.pop("model", "mean")
    if model not in BARRIERS:
        raise reader.error(
            f"scatterer.model must be one of {', '.join(BARRIERS)}, got {model!r}: "
            f"{closest(model, BARRIERS)}"
        )
    known = [*BARRIERS[model].arguments, "g_factor", "magnetic_field"]
    reader.known(parameters, known, f"scatterer, with the model {model}")
    values, quantities = {}, barrier_quantities()
    for name, value in parameters.items():
        field = f"scatterer.{name}"
        kind = quantities[name].kind if name in quantities else None
        if kind is Path:
            values[name] = _transmission(reader, value, field)
        elif kind is float:
            if name in axes:
                raise reader.error(f"{name} is in axes and in scatterer")
            values[name] = reader.quantity(value, name, field)
        else:
            values[name] = value  # such as a number of modes, checked by the class
    for name in axes:
        if name in known and name not in values:
            values[name] = float(np.atleast_1d(axes[name])[0])
    stated = {"modes", "channel_modes"} & set(values)
    return named_scatterer(model, values), bool(stated)
