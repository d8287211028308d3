"""The reference potentials: V(x, y) of each case, and the options of its scatterer."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
from helpers import TABLES

import qpcjax as qpc
from qpcjax.potentials import HardWalls, bare_rectangle, window

CASES = json.loads((TABLES / "potentials.json").read_text())


def term(t, x, y):
    """One term of a potential, in meV."""
    kind = t["type"]
    if kind == "gate":
        sides = {name: t[name] for name in ("left", "right", "bottom", "top")}
        return t["energy"] * bare_rectangle(x, y, t["depth"], **sides)
    if kind == "gaussian":
        place = ((x, t["x"], t["sx"]), (y, t["y"], t["sy"]))
        squares = [((a - centre) / s) ** 2 for a, centre, s in place if s is not None]
        return t["height"] * jnp.exp(-sum(squares) / 2)
    if kind == "tip":
        return t["height"] * (1 + ((x - t["x"]) ** 2 + (y - t["y"]) ** 2) / t["s"] ** 2) ** -1.5
    assert kind == "soft horn"
    w = t["half_width"] + x * x / (2 * t["radius"])
    walls = 2 + jnp.tanh((y - w) / t["softness"]) - jnp.tanh((y + w) / t["softness"])
    return t["height"] / 2 * walls


def energy(case, x, y):
    """V(x, y) in meV."""
    ends = case["window"]
    return window(x, ends["inner"], ends["outer"]) * sum(term(t, x, y) for t in case["terms"])


def half_width(case, x):
    """w(x) in nm of the case with hard walls."""
    wall, lead = case["wall"], case["strip_width"] / 2
    return lead - (lead - wall["w0"]) * window(x, wall["a"], wall["b"])


def potential(case):
    """The case as a `Potential`, or its `HardWalls`."""
    if "wall" in case:
        return HardWalls(functools.partial(half_width, case), case["half_length"])
    if "cap" in case:
        with np.load(TABLES / "gated_potential.npz") as table:
            return qpc.Potential(table["x"], table["y"], table["energy"])
    function = jax.jit(functools.partial(energy, case))
    return qpc.Potential.from_function(function, case["half_length"], case["strip_width"])


def options(case):
    """What else its scatterer is given."""
    found = {}
    if "field" in case:
        ends = case["field_window"]
        found |= {"magnetic_field": case["field"], "field_window": (ends["inner"], ends["outer"])}
    if "cap" in case:
        length = case["half_length"]
        found |= {"width": case["strip_width"], "half_length": length, "cap": case["cap"]}
        found |= {"window": length - case["window"]["inner"], "softness": case["softness"]}
    return found
