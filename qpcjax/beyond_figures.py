"""The numbers behind a second set of figures, of what the paper leaves out.

They are of a saddle; energies are in meV, temperatures in K. Tables are made as those of
`qpcjax.paper_figures`.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax import plot
from qpcjax.constants import CONDUCTANCE_QUANTUM
from qpcjax.heat.damping import QuadraticDamping
from qpcjax.heat.electron_plane import ElectronPlane
from qpcjax.heat.giuliani_quinn import GiulianiQuinnDamping
from qpcjax.heat.hot_spot import hot_spot
from qpcjax.heat.profile import power_per_length
from qpcjax.heat.rpa import RPADamping
from qpcjax.paper_figures import write_set
from qpcjax.plot.temperature import temperature_table
from qpcjax.scatterers.saddle import SaddlePoint
from qpcjax.scatterers.spin_gap import SpinGap
from qpcjax.scatterers.step import IdealStep
from qpcjax.transport.heat_engines import engine, refrigerator
from qpcjax.transport.landauer import current
from qpcjax.transport.noise import fano_factor
from qpcjax.transport.reservoirs import Reservoirs
from qpcjax.transport.thermoelectrics import mott_seebeck, thermoelectrics
from qpcjax.validation import require_double

HEIGHT, HBAR_OMEGA_Y, HBAR_OMEGA_X = 10.0, 3.0, 1.0  # of the saddle, in meV
THERMOPOWER_TEMPERATURES = (0.5, 2.0)  # K
NOISE_BIAS, NOISE_TEMPERATURE = 0.5, 0.3  # meV and K
SLOPES = (0.0, 0.6)  # of the spin gap
ENGINE_TEMPERATURES = 3.0, 1.0  # K, of the left and of the right side
COOLING_TEMPERATURE = 1.5  # K
COOLING_BIASES = (0.2, 0.5, 1.0)  # meV
HEAT_POINT = 11.5, 1.5, 0.5  # mu and eV in meV and T in K, where the heat appears
DENSITY, MOBILITY = 3.0, 1e6  # 1e11 cm^-2 and cm^2/Vs
COOLING = 20.0  # Sigma in fW/(um^2 K^5)

_MODES = 6  # no figure has Fermi weight above the seventh
_TOGETHER = 64  # points in a batch


def thermopower() -> dict[str, np.ndarray]:
    """Thermopower against mu at two temperatures, with both forms of Mott's formula.

    Returns:
        Table with the columns `mu (meV)`, and G and S for each temperature: exact, of Mott's
        formula with G(mu), and of Mott's formula with T(mu).

    Raises:
        ValueError: double precision is not switched on.
    """
    table = {"mu (meV)": np.linspace(10.0, 16.0, 241)}
    temperature = np.array(THERMOPOWER_TEMPERATURES)[:, None]
    linear, *mott = _linear(_saddle(), table["mu (meV)"], temperature)
    columns = {"G (2e^2/h)": linear.conductance, "S (uV/K)": linear.seebeck}
    columns |= {"S of Mott with G (uV/K)": mott[0], "S of Mott with T (uV/K)": mott[1]}
    for k, t in enumerate(THERMOPOWER_TEMPERATURES):
        for name, values in columns.items():
            table[f"{name} at T={t:g} K"] = np.asarray(values[k], float)
    return table


def noise_and_gap() -> dict[str, np.ndarray]:
    """Conductance and excess Fano factor along the staircase, without and with a spin gap.

    Returns:
        Table with the columns `mu (meV)`, and I/V and the excess Fano factor for each slope of the
        gap.

    Raises:
        ValueError: double precision is not switched on.
    """
    table = {"mu (meV)": np.linspace(10.5, 16.5, 241)}
    for slope in SLOPES:
        conductance, fano = _noisy(_saddle(), table["mu (meV)"], slope)
        conditions = f"slope={slope:g} eV={NOISE_BIAS:g} meV T={NOISE_TEMPERATURE:g} K"
        table[f"I/V (2e^2/h) at {conditions}"] = np.asarray(conductance, float)
        table[f"excess Fano factor at {conditions}"] = np.asarray(fano, float)
    return table


def engine_map() -> dict[str, np.ndarray]:
    """Maps of the power and efficiency of the heat engine over bias and mu; the left side is warm.

    Returns:
        Table with the columns `eV (meV)`, `mu (meV)`, the power over the most that one mode can
        deliver, and the efficiency over that of Carnot, a row a point; NaN where no power is
        delivered.

    Raises:
        ValueError: double precision is not switched on.
    """
    c, (hot, cold) = _saddle(), ENGINE_TEMPERATURES
    mu, bias = (
        x.ravel()
        for x in np.meshgrid(np.linspace(10.4, 15.6, 105), np.linspace(-0.5, 0, 101), indexing="ij")
    )
    found = engine(c, Reservoirs(mu, bias, (hot + cold) / 2, hot - cold))
    conditions = f"at T_L={hot:g} K T_R={cold:g} K"
    works = (np.asarray(found.power) > 0) & (bias != 0)
    shares = {"P/bound": found.power / found.bound, "eta/eta_C": found.efficiency / found.carnot}
    table = {"eV (meV)": bias, "mu (meV)": mu}
    return table | {f"{k} {conditions}": np.where(works, v, np.nan) for k, v in shares.items()}


def cooling() -> dict[str, np.ndarray]:
    """Heat that is taken out of the upstream side over the most that one mode can take, against mu.

    Returns:
        Table with the columns `mu (meV)`, and -P_L over Whitney's bound of one mode at each bias,
        of the saddle and of an ideal step where its first mode opens.

    Raises:
        ValueError: double precision is not switched on.
    """
    table = {"mu (meV)": np.linspace(9.8, 12.2, 193)}
    bias = np.array(COOLING_BIASES)[:, None]
    r = Reservoirs(table["mu (meV)"], bias, COOLING_TEMPERATURE)
    step = IdealStep(HEIGHT + HBAR_OMEGA_Y / 2)
    for name, barrier in (("the saddle", _saddle()), ("an ideal step", step)):
        found = refrigerator(barrier, r)
        for v, share in zip(COOLING_BIASES, np.asarray(found.cooling / found.bound), strict=True):
            conditions = f"eV={v:g} meV T={COOLING_TEMPERATURE:g} K"
            table[f"-P_L/bound of {name} at {conditions}"] = share
    return table


def heat_by_law() -> dict[str, np.ndarray]:
    """Where the heat appears downstream, by three damping laws and two kinds of free paths.

    Returns:
        Table with the columns `r (nm)`, and p(r) in pW/nm for each law and kind of path.

    Raises:
        ValueError: double precision is not switched on.
    """
    c, r = _saddle(), Reservoirs(*HEAT_POINT)
    laws = {
        "quadratic, a = 0.04": QuadraticDamping(),
        "Giuliani and Quinn": GiulianiQuinnDamping(DENSITY),
        "RPA": RPADamping(DENSITY),
    }
    spot = float(hot_spot(c, r, QuadraticDamping()).distance)
    table = {"r (nm)": spot * np.geomspace(1 / 60, 12, 257)}
    for path in ("fixed", "exponential"):
        for name, law in laws.items():
            power = power_per_length(c, r, law, table["r (nm)"], free_path=path)
            table[f"p (pW/nm) of {name}, {path} paths"] = np.asarray(power, float)
    return table


def temperature() -> dict[str, np.ndarray]:
    """Temperature of the electrons around the constriction, and the lattice's warming.

    Returns:
        Table as `qpcjax.plot.temperature.temperature_table` makes it.

    Raises:
        ValueError: double precision is not switched on.
    """
    r = Reservoirs(*HEAT_POINT)
    plane = ElectronPlane(DENSITY, MOBILITY, float(r.temperature), cooling=COOLING)
    return temperature_table(_saddle(), r, plane, RPADamping(DENSITY))


FIGURES = {
    "thermopower": (thermopower, plot.thermopower),
    "noise_and_gap": (noise_and_gap, plot.noise_and_gap),
    "engine_map": (engine_map, plot.engine_map),
    "cooling": (cooling, plot.cooling),
    "heat_by_law": (heat_by_law, plot.heat_by_law),
    "temperature": (temperature, plot.temperature),
}


def describe() -> str:
    """A line that says whose figures they are, for use above one."""
    sizes = rf"$V_0$ = {HEIGHT:g}, $\hbar\omega_y$ = {HBAR_OMEGA_Y:g}, "
    return f"saddle, {sizes}$\\hbar\\omega_x$ = {HBAR_OMEGA_X:g} meV"


def beyond_figures(folder, progress=None, formats=("csv",), figure_formats=("png",)):
    """Write the second set: thermopower, noise, engine, cooling, heat by law, temperature.

    Args:
        folder: where to write; made if it does not exist.
        progress: called as progress(done, total, label) before each part, and once at the end.
        formats: of the tables: csv, json and netcdf.
        figure_formats: png, svg and pdf.

    Returns:
        Paths of the files: thermopower.png, thermopower.csv, ... temperature.csv.

    Raises:
        ValueError: double precision is not switched on.
        InputError: the folder cannot be made or written, a format that is not known.
    """
    sizes = {"height": HEIGHT, "hbar_omega_y": HBAR_OMEGA_Y, "hbar_omega_x": HBAR_OMEGA_X}
    source = {"model": "saddle", **{f"{name} (meV)": value for name, value in sizes.items()}}
    given = (), describe(), source
    return write_set(FIGURES, folder, *given, progress, formats, figure_formats)


def _saddle() -> Any:
    require_double("the figures")
    return SaddlePoint(HEIGHT, HBAR_OMEGA_Y, HBAR_OMEGA_X, modes=_MODES)


@jax.jit
def _linear(c, mu, temperature):
    forms = [mott_seebeck(c, mu, temperature, kind) for kind in ("conductance", "transmission")]
    return thermoelectrics(c, mu, temperature), *forms


@jax.jit
def _noisy(c, mu, slope):
    """I/V in 2e^2/h and the excess Fano factor at these mu."""

    def at(mu):
        gapped = SpinGap(c, mu, slope)
        r = Reservoirs(mu, NOISE_BIAS, NOISE_TEMPERATURE)
        conductance = current(gapped, r) / (CONDUCTANCE_QUANTUM * NOISE_BIAS)
        return conductance, fano_factor(gapped, r, "excess")

    return jax.lax.map(at, jnp.asarray(mu), batch_size=_TOGETHER)
