"""Barriers by name, as the command's --model knows them."""

import functools
import inspect
from collections.abc import Callable
from typing import NamedTuple

from qpcjax.constants import GAAS_MASS
from qpcjax.scatterers import (
    AbruptConstriction,
    AbstractScatterer,
    AdiabaticConstriction,
    BiasedConstriction,
    IdealStep,
    MatchedConstriction,
    SaddlePoint,
    TabulatedTransmission,
    ZeemanSplit,
)


class Model(NamedTuple):
    """One kind of barrier.

    Fields:
        title: what it is, in a few words.
        build: the scatterer for parameters by name.
        orbital: whether a magnetic field acts on the orbit and not on the spin alone.
    """

    title: str
    build: Callable[..., AbstractScatterer]
    orbital: bool = False

    @property
    def parameters(self):
        """Names of the parameters, and whether each is needed."""
        signature = inspect.signature(self.build).parameters.values()
        return {p.name: p.default is p.empty for p in signature}


def _step(step_energy, mass=GAAS_MASS):
    return IdealStep(step_energy, mass)


def _table(table, mass=GAAS_MASS):
    energy, transmission = table
    return TabulatedTransmission(energy, transmission, mass)


MODELS = {
    "mean": Model(
        "abrupt constriction, box average of Eq. 18 (the paper's)",
        functools.partial(AbruptConstriction, matching="mean"),
    ),
    "profile": Model(
        "abrupt constriction, average with the modes' own profiles",
        functools.partial(AbruptConstriction, matching="profile"),
    ),
    "matched": Model("abrupt constriction, all modes coupled: exact", MatchedConstriction),
    "biased": Model("abrupt constriction, the voltage drops along the channel", BiasedConstriction),
    "adiabatic": Model("smooth constriction of parabolic walls", AdiabaticConstriction),
    "saddle": Model("saddle-point potential", SaddlePoint, orbital=True),
    "step": Model("ideal step", _step),
    "table": Model("tabulated T(E)", _table),
}


def named_scatterer(model, parameters):
    """The barrier of a name, with its parameters by name.

    Beside the model's own parameters any of them takes `g_factor` with `magnetic_field`: the spins
    are then split by the Zeeman energy.

    Args:
        model: a name in `MODELS`.
        parameters: name -> value; those that are None count as not given.

    Raises:
        ValueError: an unknown model, a parameter that it lacks or does not have, or a value out of
            range.
    """
    if model not in MODELS:
        raise ValueError(f"model must be one of {', '.join(MODELS)}, got {model!r}")
    kind = MODELS[model]
    given = {name: value for name, value in parameters.items() if value is not None}
    g_factor = given.pop("g_factor", None)
    field = given.get("magnetic_field")
    if g_factor is not None and field is None:
        raise ValueError(
            "magnetic_field must be given with a g-factor: it is what splits the spins"
        )
    if field is not None and not kind.orbital:
        if g_factor is None:
            raise ValueError(
                f"g_factor must be given with a magnetic field: in the model {model} a field acts "
                "on the spins alone"
            )
        del given["magnetic_field"]
    known = kind.parameters
    for name in given:
        if name not in known:
            raise ValueError(
                f"{name} must be left out with the model {model}, which has "
                f"{_listed(n for n in known if n in parameters)}"
            )
    for name, needed in known.items():
        if needed and name not in given:
            raise ValueError(f"{name} must be given with the model {model} ({kind.title})")
    scatterer = kind.build(**given)
    return scatterer if g_factor is None else ZeemanSplit(scatterer, field, g_factor)


def _listed(names):
    return ", ".join(name.replace("_", " ") for name in names)
