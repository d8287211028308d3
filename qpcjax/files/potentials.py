"""Potentials V(x, y) of other programs: read from any format with columns of x, y and a value."""

import io
from pathlib import Path
from typing import Any

import numpy as np

from qpcjax.constants import GAAS_MASS
from qpcjax.files.atomic_writing import write_files
from qpcjax.files.column_units import key
from qpcjax.files.formats import open_file
from qpcjax.measurements import InputError
from qpcjax.potentials import Potential

# To meV of an electron, and to nm.
_VALUES = {"meV": 1.0, "eV": 1e3, "V": -1e3, "mV": -1.0}
_LENGTHS = {"nm": 1.0, "um": 1e3, "\u00b5m": 1e3, "mm": 1e6, "m": 1e9}


def read_potential(
    path: str | Path,
    value: str | None = None,
    *,
    axes: tuple[str, str] = ("x", "y"),
    at: dict[str, float] | None = None,
    unit: str | None = None,
    length_unit: str | None = None,
    origin: tuple[float, float] = (0.0, 0.0),
    zero: float = 0.0,
    mass: float = GAAS_MASS,
) -> Potential:
    """A potential from a file: a field of nextnano, a grid of COMSOL, netCDF, .npz, text, ...

    Every format that is read serves, where a table has the columns x, y and a value, one row for
    each point of a rectangular grid in any order. An electrostatic potential in V becomes the
    energy -eV of an electron.

    Args:
        path: the file.
        value: name of the column; by default the one beside the axes, where there is one alone.
        axes: names of the columns along the current and across.
        at: places in nm on further axes, such as {"z": 90.0}: the nearest plane of the grid.
        unit: meV, eV, V or mV; by default as the file states it.
        length_unit: nm, um, mm or m; by default as the file states it.
        origin: (x, y) in nm of the file that become (0, 0), the middle of the constriction.
        zero: energy in meV of the file that becomes 0: the bottom of the band far from the gates.
        mass: effective mass in m_e; GaAs by default.

    Raises:
        InputError: no such columns, units that are not known, points that are missing.
    """
    path = Path(path)
    further = dict(at or {})
    table = _table(path, (*axes, *further))
    columns = {name: _column(table, name) for name in (*axes, *further)}
    chosen = _value(table, value, columns)
    places = {
        name: column.values * _factor(table, column, _LENGTHS, length_unit, "length_unit")
        for name, column in columns.items()
    }
    energy = chosen.values * _factor(table, chosen, _VALUES, unit, "unit")
    kept = np.ones(energy.size, bool)
    for name, place in further.items():
        planes = np.unique(places[name])
        if not planes[0] <= place <= planes[-1]:
            raise InputError(
                f"{table.where}: {name} = {place:g} nm lies outside of the grid, which goes from "
                f"{planes[0]:g} to {planes[-1]:g} nm"
            )
        kept &= places[name] == planes[np.argmin(np.abs(planes - place))]
    (x, i), (y, j) = (np.unique(places[name][kept], return_inverse=True) for name in axes)
    grid = np.full((x.size, y.size), np.nan)
    grid[i, j] = energy[kept]
    if energy[kept].size != grid.size or not np.all(np.isfinite(grid)):
        raise InputError(
            f"{table.where}: each of the {x.size} x {y.size} points of the grid must have one "
            f"number, and there are {int(np.sum(np.isfinite(energy[kept])))}. Name further axes "
            "with at=, or export the potential on a rectangular grid"
        )
    return Potential(x - origin[0], y - origin[1], grid - zero, mass)


def save_potential(path: str | Path, potential: Any) -> None:
    """Write a potential as .npz, .nc (netCDF-3) or .csv, which `read_potential` reads.

    Args:
        path: the file; the end of its name says the format.
        potential: a `Potential` of concrete numbers.

    Raises:
        ValueError: another end of the name.
    """
    path = Path(path)
    x, y = np.asarray(potential.x), np.asarray(potential.y)
    energy = np.asarray(potential.energy)
    across = np.broadcast_arrays(x[:, None], y)
    content = io.BytesIO()
    if path.suffix == ".npz":
        columns: dict[str, Any] = dict(zip(("x (nm)", "y (nm)"), across, strict=True))
        columns["energy (meV)"] = energy
        np.savez(content, **columns)
    elif path.suffix == ".nc":
        from scipy.io import netcdf_file

        with netcdf_file(content, "w") as file:
            for name, values in (("x", x), ("y", y)):
                file.createDimension(name, values.size)
                variable = file.createVariable(name, "d", (name,))
                variable[:], variable.units = values, "nm"
            variable = file.createVariable("energy", "d", ("x", "y"))
            variable[:], variable.units = energy, "meV"
            file.flush()
            written = content.getvalue()
        content = io.BytesIO(written)
    elif path.suffix == ".csv":
        rows = np.column_stack([a.ravel() for a in (*across, energy)])
        np.savetxt(content, rows, "%.12g", ",", header="x (nm),y (nm),energy (meV)", comments="")
    else:
        raise ValueError(f"path must end in .npz, .nc or .csv, got {path.name!r}")
    write_files(path.parent, {path.name: content.getvalue()})


def _table(path, names):
    """The first table that has all of these columns."""
    tables = open_file(path).tables
    for table in tables:
        if all(any(key(c.name) == key(name) for c in table.columns) for name in names):
            return table
    found = ", ".join(f"'{c.title}'" for table in tables for c in table.columns)
    raise InputError(
        f"{path}: columns called {', '.join(names)} were expected, found {found or 'none'}. Say "
        'which they are: axes=("...", "...")'
    )


def _column(table, name):
    return next(c for c in table.columns if key(c.name) == key(name))


def _value(table, name, axes):
    others = [c for c in table.columns if c not in axes.values()]
    if name is not None:
        others = [c for c in others if key(c.name) == key(name) or c.title == name]
    if len(others) != 1:
        names = ", ".join(f"'{c.name}'" for c in table.columns if c not in axes.values())
        raise InputError(
            f"{table.where}: say which column is the potential, value=..., of {names or 'none'}"
        )
    return others[0]


def _factor(table, column, known, stated, argument):
    unit = stated or column.unit
    if unit not in known:
        raise InputError(
            f"{table.where}: column '{column.title}': the unit must be one of {', '.join(known)}, "
            f"got {unit!r}. State it: {argument}=..."
        )
    return known[unit]
