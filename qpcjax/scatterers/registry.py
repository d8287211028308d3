"""The kinds of barrier by name: what `--model`, specs, sliders and fits of a trace know.

A new scatterer takes its own file and one entry here. A class from outside the package is added by
`register`.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from qpcjax.constants import GAAS_MASS
from qpcjax.quantities import FIELDS, POINT, SETTINGS, Quantity
from qpcjax.scatterers.abrupt import AbruptConstriction
from qpcjax.scatterers.adiabatic import AdiabaticConstriction
from qpcjax.scatterers.base import AbstractScatterer
from qpcjax.scatterers.biased import BiasedConstriction
from qpcjax.scatterers.fields import field_quantities
from qpcjax.scatterers.level import BreitWigner
from qpcjax.scatterers.matched import MatchedConstriction
from qpcjax.scatterers.saddle import SaddlePoint
from qpcjax.scatterers.step import IdealStep
from qpcjax.scatterers.tabulated import TabulatedTransmission
from qpcjax.scatterers.users import as_scatterer
from qpcjax.scatterers.zeeman import ZeemanSplit


class Argument(NamedTuple):
    """An argument of the function that builds a barrier.

    Fields:
        name: its name in the call; people know it by the name of its quantity.
        quantity: its quantity; None where it has no option, such as a number of modes.
        needed: whether it has no default.
        default: its default.
    """

    name: str
    quantity: Quantity | None
    needed: bool
    default: Any


@dataclasses.dataclass(frozen=True)
class BarrierKind:
    """A kind of barrier.

    Fields:
        name: its name as `--model` and specs have it.
        title: what it is, in a few words.
        build: the scatterer's class, or a function of named arguments that gives a scatterer.
        label: a shorter title for menus; by default the title.
        gate: the argument that a gate moves in a fit of a trace; None: such a fit is not offered.
        orbital: whether a magnetic field acts on the orbit and not on the spin alone.
        quantities: argument -> its `Quantity`, for arguments that neither the class nor the table
            describes under their own name.
        slow: what the kind is too slow for on the explorer's page: "sliders", "fits".

    Raises:
        ValueError: an argument without a default that nothing describes, a gate that moves no
            argument, or a quantity with the name of a number of the operating point.
    """

    name: str
    title: str
    build: Callable[..., Any]
    _: dataclasses.KW_ONLY
    label: str = ""
    gate: str | None = None
    orbital: bool = False
    quantities: Mapping[str, Quantity] = dataclasses.field(default_factory=dict)
    slow: tuple[str, ...] = ()

    def __post_init__(self):
        object.__setattr__(self, "label", self.label or self.title)
        for name, argument in self.arguments.items():
            if argument.quantity is None and argument.needed:
                raise ValueError(
                    f"{name} of the model {self.name} must be described: by equinox.field("
                    'metadata={"unit": ..., "words": ...}) in its class, or by quantities={'
                    f"{name!r}: Quantity(...)}}"
                )
            if argument.quantity is not None and (name in POINT or name in _RESERVED):
                raise ValueError(
                    f"{name} of the model {self.name} must have another name, as {name} is an "
                    f"option of every barrier: quantities={{{argument.name!r}: Quantity(...)}}"
                )
        if self.gate is not None and self.gate not in {a.name for a in self.arguments.values()}:
            raise ValueError(f"gate must name an argument of {self.name}, got {self.gate!r}")

    @functools.cached_property
    def arguments(self) -> dict[str, Argument]:
        """The arguments of `build` by the names that people know."""
        described = {**field_quantities(self.scatterer_class), **self.quantities}
        found = {}
        for p in inspect.signature(self.build).parameters.values():
            own = described.get(p.name) or FIELDS.get(p.name) or SETTINGS.get(p.name)
            argument = Argument(p.name, own, p.default is p.empty, p.default)
            found[own.name if own else p.name] = argument
        return found

    @property
    def scatterer_class(self) -> Any:
        """The class of the scatterer, or the function that builds it."""
        return getattr(self.build, "func", self.build)

    def scatterer(self, values: Mapping[str, Any]) -> AbstractScatterer:
        """The scatterer of these values, by the names that people know."""
        own = {self.arguments[name].name: value for name, value in values.items()}
        return as_scatterer(self.build(**own))


# Options of qpcjax evaluate that no barrier's field may be called.
_RESERVED = ("model", "fermi_energy", "out", "json", "help")

BARRIERS: dict[str, BarrierKind] = {}
COMPARED = ("mean", "profile", "saddle")  # by a fit of a trace for which none is named


def register(kind: BarrierKind) -> BarrierKind:
    """Make a kind of barrier known to commands, specs, sliders and fits.

    Raises:
        ValueError: there is a kind of this name, or another kind has a field of the same name in
            another unit.
    """
    if kind.name in BARRIERS:
        raise ValueError(f"there is a model {kind.name} already: {BARRIERS[kind.name].title}")
    known = barrier_quantities()
    for name, argument in kind.arguments.items():
        own, other = argument.quantity, known.get(name)
        if own and other and (own.unit, own.kind) != (other.unit, other.kind):
            raise ValueError(
                f"{name} of the model {kind.name} must be in {other.unit or other.kind.__name__}, "
                "as that of other models is, or have another name"
            )
    BARRIERS[kind.name] = kind
    return kind


def barrier_quantities() -> dict[str, Quantity]:
    """The quantities of all kinds by name, those of the magnetic field and the mass last."""
    found = {}
    for kind in BARRIERS.values():
        for name, argument in kind.arguments.items():
            if argument.quantity is not None:
                found.setdefault(name, argument.quantity)
    last = {name: found.pop(name, FIELDS[name]) for name in (*_SPLIT, "mass")}
    return found | last


_SPLIT = ("magnetic_field", "g_factor")  # what every kind takes to split its spins


def named_scatterer(model: str, parameters: Mapping[str, Any]) -> AbstractScatterer:
    """The barrier of a name, with its parameters by name.

    Beside the model's own parameters each model takes `g_factor` with `magnetic_field`: the spins
    are then split by the Zeeman energy.

    Args:
        model: a name in `BARRIERS`.
        parameters: name -> value; a value of None counts as not given.

    Raises:
        ValueError: an unknown model, a parameter that it lacks or does not have, or a value out of
            range.
    """
    if model not in BARRIERS:
        raise ValueError(f"model must be one of {', '.join(BARRIERS)}, got {model!r}")
    kind = BARRIERS[model]
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
    for name in given:
        if name not in kind.arguments:
            own = [n for n, a in kind.arguments.items() if a.quantity or n in parameters]
            listed = ", ".join(n.replace("_", " ") for n in own)
            raise ValueError(f"{name} must be left out with the model {model}, which has {listed}")
    for name, argument in kind.arguments.items():
        if argument.needed and name not in given:
            raise ValueError(f"{name} must be given with the model {model} ({kind.title})")
    scatterer = kind.scatterer(given)  # whose class may say more about a bad number
    for name, value in given.items():
        own = kind.arguments[name].quantity
        if own is not None and own.kind is float:
            own.check(value, name)
    return scatterer if g_factor is None else ZeemanSplit(scatterer, field, g_factor)


# --- the bundled kinds ----------------------------------------------------------------------


def _tabulated(table, mass=GAAS_MASS):
    energy, transmission = table
    return TabulatedTransmission(energy, transmission, mass)


for _kind in (
    BarrierKind(
        "mean",
        "abrupt constriction, box average of Eq. 18 (the paper's)",
        functools.partial(AbruptConstriction, matching="mean"),
        label="abrupt (the paper's)",
        gate="half_width",
    ),
    BarrierKind(
        "profile",
        "abrupt constriction, average with the modes' own profiles",
        functools.partial(AbruptConstriction, matching="profile"),
        label="abrupt, modes' profiles",
        gate="half_width",
    ),
    BarrierKind(
        "matched",
        "abrupt constriction, all modes coupled: exact",
        MatchedConstriction,
        gate="half_width",
        slow=("sliders", "fits"),
    ),
    BarrierKind(
        "biased",
        "abrupt constriction, the voltage drops along the channel",
        BiasedConstriction,
        label="abrupt, voltage drops inside",
        slow=("fits",),
        gate="half_width",
    ),
    BarrierKind(
        "adiabatic",
        "smooth constriction of parabolic walls",
        AdiabaticConstriction,
        label="smooth walls",
        gate="half_width",
    ),
    BarrierKind(
        "saddle",
        "saddle-point potential",
        SaddlePoint,
        label="saddle",
        gate="height",
        orbital=True,
    ),
    BarrierKind("step", "ideal step", IdealStep, gate="energy"),
    BarrierKind(
        "resonance",
        "resonant level of Breit-Wigner's or Fano's form",
        BreitWigner,
        label="resonant level",
        gate="level",
    ),
    BarrierKind("table", "tabulated T(E)", _tabulated),
):
    register(_kind)
