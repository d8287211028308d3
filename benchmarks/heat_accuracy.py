"""Errors of noise, thermoelectrics and damping laws over the tables of the tests."""

import json

import jax
import numpy as np

import qpcjax as qpc
from benchmarks.pages import ROOT, table
from qpcjax.constants import BOLTZMANN

HEADER = ("quantity", "error", "largest", "largest estimate", "never below")
_TABLES = ROOT / "tests" / "reference"
_ROUNDING = 4e-15  # of the size: that of the tables and of the comparison
_LAW = 6e-3  # what docs say of the formula of `RPADamping`
_NOISE = {
    "current": ("S_I_fA2_per_Hz", 1.0, 0.0),
    "right": ("S_PR_aW2_per_Hz", 0.0, 1.0),
    "current_right": ("S_I_PR_fA_aW_per_Hz", 0.5, 0.5),
}
_LINEAR = {
    "conductance": "conductance_G0",
    "seebeck": "seebeck_uV_per_K",
    "thermal_conductance": "kappa_open_pW_per_K",
    "zt": "ZT",
}


def _row(name, of, errors):
    """A row of the table from pairs (error, estimate)."""
    wrong, estimate = np.array(errors, float).T
    honest = "yes" if np.all(wrong <= estimate + _ROUNDING) else "no"
    return name, of, f"{np.max(wrong):.1e}", f"{np.max(estimate):.1e}", honest


def rows(barrier_of):
    """Rows of the table; `barrier_of` makes the barrier of a row of the tables."""
    tables = json.loads((_TABLES / "heat.json").read_text())
    noise = jax.jit(lambda c, r: qpc.noise(c, r, with_error=True))
    linear = jax.jit(lambda c, mu, t: qpc.thermoelectrics(c, mu, t, with_error=True))
    found = {name: [] for name in (*_NOISE, *_LINEAR)}
    for row in tables["noise"]:
        r = qpc.Reservoirs(
            *(float(row[n]) for n in ("mu", "bias", "temperature", "temperature_bias"))
        )
        value, error = noise(barrier_of(row["scatterer"]), r)
        for name, (key, charge, heat) in _NOISE.items():
            exact = row["values"]
            size = exact["S_I_fA2_per_Hz"] ** charge * exact["S_PR_aW2_per_Hz"] ** heat
            pair = abs(getattr(value, name) - exact[key]), getattr(error, name)
            found[name].append([float(x) / size for x in pair])
    for row in tables["linear"]:
        exact, temperature = row["values"], row["temperature"]
        value, error = linear(barrier_of(row["scatterer"]), row["mu"], temperature)
        spread = np.sqrt(exact["L2_meV2"] / exact["L0"]) / (BOLTZMANN * temperature)
        sizes = {"seebeck": 1e3 * BOLTZMANN * spread, "zt": max(1.0, exact["ZT"])}
        for name, key in _LINEAR.items():
            size = sizes[name] if name in sizes else abs(exact[key])
            pair = abs(getattr(value, name) - exact[key]), getattr(error, name)
            found[name].append([float(x) / size for x in pair])
    of: dict[str, str] = {"seebeck": "of the rms of (E - mu)/eT", "zt": "of the larger of ZT and 1"}
    of |= dict.fromkeys(_NOISE, "relative to the noise")
    names = {"current": "S_I", "right": "S_PR", "current_right": "S_I,PR"}
    names |= {"conductance": "G", "seebeck": "S", "thermal_conductance": "kappa", "zt": "ZT"}
    lines = [_row(names[n], of.get(n, "relative"), errors) for n, errors in found.items()]
    return [*lines, _law()]


def _law():
    """The formula of `RPADamping` against the exact integral, below the threshold."""
    damping = json.loads((_TABLES / "heat_laws.json").read_text())["damping"]
    wrong = []
    for density, excess, pairs, *_ in damping["rows"]:
        law = qpc.RPADamping(density, qpc.Material(phonon_energy=None))
        rate = float(law.rate(excess))
        if not np.isnan(rate):
            wrong.append(abs(rate / pairs - 1))
    holds = "yes" if max(wrong) <= _LAW else "no"
    return "Gamma of `RPADamping`", "relative", f"{max(wrong):.1e}", f"{_LAW:.0e} stated", holds


if __name__ == "__main__":
    import sys

    sys.path.insert(0, str(ROOT / "tests"))
    jax.config.update("jax_enable_x64", True)
    from helpers import reference_barrier

    print(table(HEADER, rows(reference_barrier)))
