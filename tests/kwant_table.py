"""Kwant's transmissions of the hard-wall constriction, and their limit."""

import json

import numpy as np
from helpers import TABLES

ROWS = json.loads((TABLES / "kwant.json").read_text())["rows"]


def kwant_limit(ell):
    """Energies and T of Kwant's table, extrapolated to a vanishing lattice constant."""
    table = {(r["energy"], r["N"]): r["T"] for r in ROWS if r["ell"] == ell}
    energies, sizes = (sorted({key[i] for key in table}) for i in (0, 1))
    powers = [[1, size ** (-4 / 3), size**-2.0] for size in sizes]
    values = [[table[e, size] for e in energies] for size in sizes]
    return np.array(energies), np.linalg.solve(powers, values)[0]
