"""The numbers behind the paper's Figs. 2 to 5, and the files that hold them.

A figure's numbers are a plain table: column names, with their unit, to NumPy arrays of one length.
Energies are in units of E1 and powers in units of 2E1^2/h, so that of the constriction only its
aspect ratio L/2w matters to them. The paper gives neither L nor the biases of Fig. 2: both are
choices here, L/w = 4 by default and eV = 0.2 and 0.6 E1.
"""

from typing import Any

import numpy as np

from qpcjax import plot
from qpcjax._versions import versions
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM, GAAS_MASS, fermi_energy
from qpcjax.files import table_files, write_files
from qpcjax.heat.damping import QuadraticDamping
from qpcjax.heat.hot_spot import hot_spot
from qpcjax.scatterers.registry import BARRIERS
from qpcjax.transport.landauer import dissipation
from qpcjax.transport.reservoirs import Reservoirs
from qpcjax.transport.transmission import transmission
from qpcjax.validation import require_double

BIASES = (0.2, 0.6)  # eV/E1 of Figs. 2 and 4
TEMPERATURES = (0.0, 0.04, 0.08)  # kT/E1 of Fig. 2
HOT_SPOT_TEMPERATURE = 0.04  # kT/E1 of Fig. 5
STEPS, PLATEAUS = (1.0, 4.0), (2.5, 6.5)  # mu/E1 of Fig. 5
DAMPING = 0.04  # the constant a of Eq. (22)

# The models of an abrupt constriction that are quick enough for maps.
CONSTRICTIONS = ("mean", "profile", "biased")

_MODES = 4  # no figure has Fermi weight above E_4 = 16 E1
_POINTS_AT_ONCE = 1024


def figure_2(half_width=20.0, length=80.0, mass=GAAS_MASS, model="mean"):
    """Dissipated powers against mu, at two biases and three temperatures, and T(mu).

    Args:
        half_width: w in nm.
        length: L in nm.
        mass: effective mass in m_e.
        model: which constriction, see `CONSTRICTIONS`.

    Returns:
        Table with the columns `mu/E1`, `T`, and h P/2E1^2 for P_R, P_L and P_A.

    Raises:
        ValueError: double precision is not switched on, or the constriction is impossible.
    """
    c = _constriction(half_width, length, mass, model)
    mu = np.linspace(0, 7, 351)
    table = {"mu/E1": mu, "T": np.asarray(transmission(c, mu * c.energy_scale), float)}
    bias, kT = np.array(BIASES)[:, None, None], np.array(TEMPERATURES)[:, None]
    powers = _powers(c, mu, bias, kT)
    for i, v in enumerate(BIASES):
        for j, t in enumerate(TEMPERATURES):
            for name, power in powers.items():
                table[f"h {name}/2E1^2 at eV={v:g} E1 kT={t:g} E1"] = power[i, j]
    return table


def figure_3(half_width=20.0, length=80.0, mass=GAAS_MASS, model="mean"):
    """Maps of P_R and P_A over bias and mu at zero temperature.

    Arguments and errors are those of `figure_2`.

    Returns:
        Table with the columns `eV/E1`, `mu/E1`, `h P_R/2E1^2` and `h P_A/2E1^2`, a row a point.
    """
    c = _constriction(half_width, length, mass, model)
    mu, bias = (
        x.ravel() for x in np.meshgrid(np.linspace(0, 7, 141), np.linspace(0, 1, 51), indexing="ij")
    )
    powers = _powers(c, mu, bias, 0.0)
    return {
        "eV/E1": bias,
        "mu/E1": mu,
        "h P_R/2E1^2": powers["P_R"],
        "h P_A/2E1^2": powers["P_A"],
    }


def figure_4(half_width=20.0, length=80.0, mass=GAAS_MASS, model="mean"):
    """Dissipated powers against temperature on the first conductance step, mu = E1.

    Arguments and errors are those of `figure_2`.

    Returns:
        Table with the columns `kT/E1` and h P/2E1^2 for P_R, P_L and P_A at two biases.
    """
    c = _constriction(half_width, length, mass, model)
    kT = np.linspace(0, 0.4, 161)
    table = {"kT/E1": kT}
    powers = _powers(c, 1.0, np.array(BIASES)[:, None], kT)
    for i, v in enumerate(BIASES):
        for name, power in powers.items():
            table[f"h {name}/2E1^2 at mu=1 E1 eV={v:g} E1"] = power[i]
    return table


def figure_5(half_width=20.0, length=80.0, mass=GAAS_MASS, model="mean"):
    """Distance r* of the hot spot against the bias, for mu on steps and on plateaus.

    The unit n_e w^3 arises from E_F = pi hbar^2 n_e/m in Eq. (22); with it the numbers depend on
    neither the density nor the width.

    Arguments and errors are those of `figure_2`.

    Returns:
        Table with the columns `eV/E1`, r*/(n_e w^3) for each mu, and the guide of slope V^-2.
    """
    c = _constriction(half_width, length, mass, model)
    bias = np.geomspace(0.04, 1, 121)
    mu = np.sort(STEPS + PLATEAUS)
    n_e = 1.0  # in 1e11 cm^-2 = 1e-3 nm^-2; it divides out
    e_f: Any = fermi_energy(n_e, mass)
    damping = QuadraticDamping(DAMPING, e_f)
    spot = hot_spot(c, _reservoirs(c, mu[:, None], bias, HOT_SPOT_TEMPERATURE), damping)
    distance = np.asarray(spot.distance, float) / (n_e * 1e-3 * half_width**3)
    table = {"eV/E1": bias}
    for m, r in zip(mu, distance, strict=True):
        where = "step" if m in STEPS else "plateau"
        conditions = f"mu={m:g} E1 kT={HOT_SPOT_TEMPERATURE:g} E1 a={DAMPING:g}"
        table[f"r*/(n_e w^3) on {where} {conditions}"] = r
    # Twice the highest curve's end, clear of all of them.
    table["guide of slope V^-2"] = 2 * np.nanmax(distance[:, -1]) * bias**-2.0
    return table


FIGURES = {
    "figure_2": (figure_2, plot.figure_2),
    "figure_3": (figure_3, plot.figure_3),
    "figure_4": (figure_4, plot.figure_4),
    "figure_5": (figure_5, plot.figure_5),
}


def describe(half_width=20.0, length=80.0, mass=GAAS_MASS, model="mean"):
    """Two lines that give the figures' units in meV and pW, for use above a figure."""
    scale = float(_constriction(half_width, length, mass, model).energy_scale)
    power = CONDUCTANCE_QUANTUM * scale**2
    return (
        f"$2w$ = {2 * half_width:.4g} nm, $L$ = {length:.4g} nm, $m$ = {mass:.4g} $m_e$\n"
        f"$E_1$ = {scale:.4g} meV, $2E_1^2/h$ = {power:.4g} pW"
        + (f", {model}" if model != "mean" else "")
    )


def paper_figures(
    folder,
    half_width=20.0,
    length=80.0,
    mass=GAAS_MASS,
    model="mean",
    progress=None,
    formats=("csv",),
    figure_formats=("png",),
):
    """Write the paper's Figs. 2, 3, 4 and 5, each with a table of the numbers drawn.

    Everything is computed before the first file is written.

    Args:
        folder: where to write; made if it does not exist.
        half_width: w in nm.
        length: L in nm.
        mass: effective mass in m_e.
        model: which constriction, see `CONSTRICTIONS`.
        progress: called as progress(done, total, label) before each part, and once at the end.
        formats: of the tables: csv, json and netcdf.
        figure_formats: png, svg and pdf.

    Returns:
        Paths of the files: figure_2.png, figure_2.csv, ... figure_5.png, figure_5.csv.

    Raises:
        ValueError: double precision is not switched on, or the constriction is impossible.
        InputError: the folder cannot be made or written, a format that is not known.
    """
    sizes = half_width, length, mass, model
    names = ("half_width (nm)", "length (nm)", "mass (m_e)", "model")
    given = sizes, describe(*sizes), dict(zip(names, sizes, strict=True))
    return write_set(FIGURES, folder, *given, progress, formats, figure_formats)


def write_set(
    figures,
    folder,
    given,
    note,
    source,
    progress=None,
    formats=("csv",),
    figure_formats=("png",),
):
    """Compute, draw and write a set of figures, each with its table.

    Args:
        figures: name -> the functions that compute its table and that draw it.
        folder: as in `paper_figures`, and so on.
        given: what the functions that compute are given.
        note: a line above each figure.
        source: of the numbers, kept with the tables beside the versions.
        progress: as in `paper_figures`, and so on.
        formats: as there.
        figure_formats: as there.
    """
    report = progress or (lambda done, total, label: None)
    total = len(figures) + 1
    tables = {}
    for done, (name, (compute, _)) in enumerate(figures.items()):
        report(done, total, f"computing {name.replace('_', ' ')}")
        tables[name] = compute(*given)
    report(total - 1, total, "drawing")
    source = {**source, "versions": versions()}
    paths = write_figures(folder, tables, note, source, formats, figure_formats, figures)
    report(total, total, "done")
    return paths


def _constriction(half_width, length, mass, model) -> Any:
    require_double("the figures")
    if model not in CONSTRICTIONS:
        known = ", ".join(CONSTRICTIONS)
        raise ValueError(f"model must be one of {known} for the figures, got {model!r}")
    return BARRIERS[model].build(half_width, length, mass=mass, modes=_MODES)


def _reservoirs(c, mu, bias, kT):
    """Reservoirs from energies in units of E1."""
    return Reservoirs(*(x * c.energy_scale for x in (mu, bias, kT / BOLTZMANN)))


def _powers(c, mu, bias, kT):
    """P_R, P_L and P_A in units of 2E1^2/h; the energies, in units of E1, broadcast.

    The points go through in blocks of one size, so that all figures share one compilation.
    """
    points = np.broadcast_arrays(mu, bias, kT)
    shape = points[0].shape
    points = np.stack([x.ravel() for x in points])
    left, right = [], []
    for start in range(0, points.shape[1], _POINTS_AT_ONCE):
        block = points[:, start : start + _POINTS_AT_ONCE]
        used = block.shape[1]
        block = np.pad(block, ((0, 0), (0, _POINTS_AT_ONCE - used)), mode="edge")
        p = dissipation(c, _reservoirs(c, *block))
        left.append(np.asarray(p.left, float)[:used])
        right.append(np.asarray(p.right, float)[:used])
    unit = CONDUCTANCE_QUANTUM * c.energy_scale**2
    left, right = (np.concatenate(side).reshape(shape) / unit for side in (left, right))
    return {"P_R": right, "P_L": left, "P_A": right - left}


def write_figures(
    folder,
    tables,
    note,
    source=None,
    formats=("csv",),
    figure_formats=("png",),
    figures=FIGURES,
):
    """Draw and write all tables; the files get their names once all of them are whole."""
    contents = {}
    for name, table in tables.items():
        contents |= plot.figure_files({name: figures[name][1](table, note)}, figure_formats)
        contents |= table_files(name, table, formats, source, next(iter(table)))
    return write_files(folder, contents)
