"""Sweeps written down in a TOML file."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap

from qpcjax._numerics.panels import ORDER
from qpcjax.files import InputError
from qpcjax.files.table import check_size
from qpcjax.files.text import MOST_TEXT
from qpcjax.quantities import POINT, closest
from qpcjax.specifications import Reader, in_words, read_scatterer
from qpcjax.sweeping.axes import MOST_VALUES, require_points
from qpcjax.sweeping.plan import make_plan

_NEEDED = ("scatterer", "axes", "observables")
_OPTIONAL = ("fixed", "table", "fermi_energy", "law", "density", "order", "chunk")
_RANGE = ("start", "stop", "num", "spacing", "unit")
_SPACINGS = ("linear", "log")


class _Reader(Reader):
    """The reader of a sweep's spec."""

    def axis(self, value, name):
        """Values of an axis: a list, { values = ... }, { start, stop, num } or { file = ... }."""
        field = f"axes.{name}"
        if isinstance(value, list):
            value = {"values": value}
        if not isinstance(value, Mapping):
            raise self.error(
                f"{field} must be a list or a table of values, start, stop and num, or file, got "
                f"{value!r}; one number belongs into [fixed]"
            )
        factor = self.factor(value.get("unit"), name, field)
        if "values" in value:
            self.known(value, ("values", "unit"), field)
            listed = value["values"]
            if not isinstance(listed, list):
                raise self.error(f"{field}.values must be a list, got {listed!r}")
            found = np.array([self.number(v, f"{field}.values") for v in listed])
        elif "file" in value:
            self.known(value, ("file", "unit"), field)
            found = self._file(value["file"], field)
        else:
            found = self._range(value, field)
        if found.size == 0:
            raise self.error(f"{field} is empty: give at least one value")
        return found if factor == 1 else found * factor

    def _file(self, name, field):
        path = self.path.parent / str(name)
        try:
            if path.suffix == ".npy":
                check_size(path, 8 * MOST_VALUES)
                return open_memmap(path, mode="r")  # which opens no archive
            check_size(path, MOST_TEXT)
            with warnings.catch_warnings():
                warnings.simplefilter("error")  # of a file without numbers
                return np.loadtxt(path, ndmin=1)
        except (OSError, ValueError, EOFError, UserWarning) as error:
            raise self.error(f"{field}.file {path} cannot be read: {error}") from None

    def _range(self, value, field):
        self.known(value, _RANGE, field)
        for key in ("start", "stop", "num"):
            if key not in value:
                raise self.error(
                    f"{field} must have values, file, or start, stop and num: no {key}"
                )
        start, stop = (self.number(value[k], f"{field}.{k}") for k in ("start", "stop"))
        num = value["num"]
        if isinstance(num, bool) or not isinstance(num, int) or num < 0:
            raise self.error(f"{field}.num must be a whole number, got {num!r}")
        try:
            require_points(f"{field}.num = {num}", num, MOST_VALUES)
        except ValueError as error:
            raise self.error(str(error)) from None
        spacing = value.get("spacing", "linear")
        if spacing not in _SPACINGS:
            raise self.error(f"{field}.spacing must be {' or '.join(_SPACINGS)}, got {spacing!r}")
        if spacing == "linear":
            return np.linspace(start, stop, num)
        if start * stop <= 0:
            raise self.error(
                f"{field}: start and stop must have one sign with spacing = 'log', got {start:g} "
                f"and {stop:g}"
            )
        return np.geomspace(start, stop, num)


def read_spec(path):
    """The plan of a sweep's TOML file; docs/cluster.md describes it.

    The scatterer keeps as many modes as the axes need where its `modes` are not stated.

    Args:
        path: the file.

    Raises:
        InputError: anything that the user can mend; says the field, what was wanted and what came.
    """
    reader = _Reader(Path(path))
    given = reader.toml("a sweep", _NEEDED, _OPTIONAL)
    axes: dict[str, Any] = {
        name: reader.axis(value, name)
        for name, value in reader.table(given["axes"], "axes").items()
    }
    for name, value in reader.table(given.get("fixed", {}), "fixed").items():
        if name not in POINT:
            raise reader.error(f"there is no {name!r} in fixed: {closest(name, POINT)}")
        if name in axes:
            raise reader.error(f"{name} is in axes and in fixed")
        axes[name] = reader.quantity(value, name, f"fixed.{name}")
    options = _options(reader, given)
    try:
        scatterer, own_modes = read_scatterer(reader, given["scatterer"], axes)
        return make_plan(
            scatterer,
            axes,
            _observables(reader, given["observables"]),
            needed_modes=not own_modes,
            **options,
        )
    except InputError:
        raise
    except (ValueError, TypeError, ArithmeticError) as error:
        raise reader.error(in_words(error)) from None


def _observables(reader, wanted):
    wanted = [wanted] if isinstance(wanted, str) else wanted
    if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted):
        raise reader.error(f"observables must be a list of names, got {wanted!r}")
    return wanted


def _options(reader, given):
    table = given.get("table", False)
    if not isinstance(table, bool):
        raise reader.error(f"table must be true or false, got {table!r}")
    return {
        "table": table,
        "fermi_energy": reader.fermi_energy(given),
        "law": reader.law(given),
        "order": given.get("order", ORDER),
        "chunk": given.get("chunk"),
    }
