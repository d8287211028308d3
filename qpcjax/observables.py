"""The registry of observables: every number that can be computed at an operating point, by name.

`qpcjax evaluate`, sweeps, the constraints of designs and the predictions of fits take their names,
units and functions from here. `register` adds an observable to all of them.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp

from qpcjax._numerics.panels import ORDER
from qpcjax.constants import CONDUCTANCE_QUANTUM, SCHOTTKY
from qpcjax.heat.damping import QuadraticDamping
from qpcjax.heat.distances import heat_spread
from qpcjax.heat.hot_spot import hot_spot
from qpcjax.heat.profile import inelastic_length, power_per_length
from qpcjax.quantities import POINT, RESULTS, Quantity, closest
from qpcjax.scatterers.users import as_scatterer
from qpcjax.transport.batching import same_dtype
from qpcjax.transport.integrals import transport_moments
from qpcjax.transport.landauer import conductance
from qpcjax.transport.noise import noise
from qpcjax.transport.reservoirs import Dissipation, Reservoirs
from qpcjax.transport.thermoelectrics import thermoelectrics
from qpcjax.transport.transmission import transmission


class OperatingPoint:
    """One operating point: a scatterer, two reservoirs and a damping, all of them scalars.

    Work that several observables share is a property here. It is done when the first of them asks
    for it, and once.

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs` of scalars.
        damping: of the hot electrons; `QuadraticDamping()` by default.
        energy: E in meV, for the observables that need one; None elsewhere.
        distance: r in nm, for the observables that need one; None elsewhere.
        order: Gauss nodes in a panel of the integrals.
        bulk: whether so many points follow that a longer compilation of T(E) is worth it.
    """

    def __init__(
        self,
        scatterer: Any,
        reservoirs: Reservoirs,
        damping: Any = None,
        energy: Any = None,
        distance: Any = None,
        order: int = ORDER,
        bulk: bool = False,
    ):
        damping = QuadraticDamping() if damping is None else damping
        numbers = same_dtype((as_scatterer(scatterer), reservoirs, damping, energy, distance))
        self.scatterer, self.reservoirs, self.damping, self.energy, self.distance = numbers
        self.order, self.bulk = order, bulk

    @functools.cached_property
    def transmission(self):
        """T(E, V) at the energy, or at mu where none is given."""
        energy = self.reservoirs.mu if self.energy is None else self.energy
        scatterer, bias = self.scatterer, self.reservoirs.bias
        if not self.bulk or not scatterer.in_one_kernel:
            return transmission(scatterer, energy, bias)
        # `transmission` takes this form for an array of energies; here is one energy.
        outside = (energy > scatterer.energy_limit()) | (energy < scatterer.energy_floor())
        return jnp.where(outside, jnp.nan, scatterer.transmissions(energy, bias, bulk=True))

    @functools.cached_property
    def moments(self):
        """Integrals of T [f_L - f_R] and of (E - mu) T [f_L - f_R], in meV and meV^2."""
        return self._moments(self.reservoirs.bias)

    @functools.cached_property
    def differential_conductance(self):
        """dI/dV in 2e^2/h at a fixed mu. The moments come with it."""
        bias = self.reservoirs.bias
        self.moments, (slope, _) = jax.jvp(self._moments, (bias,), (jnp.ones_like(bias),))
        return jnp.where(jnp.isnan(self.moments[0]), jnp.nan, slope)  # the slope of a NaN is 0

    def _moments(self, bias):
        r = self.reservoirs
        return transport_moments(
            self.scatterer, r.mu, bias, r.temperature, r.temperature_bias, self.order
        )

    @functools.cached_property
    def dissipation(self):
        """`Dissipation` of the two sides in pW."""
        zeroth, first = self.moments
        even = self.reservoirs.bias / 2 * zeroth
        return Dissipation(
            CONDUCTANCE_QUANTUM * (even - first), CONDUCTANCE_QUANTUM * (even + first)
        )

    @functools.cached_property
    def noise(self):
        """`Noise` of current and heat."""
        return noise(self.scatterer, self.reservoirs, order=self.order)

    @functools.cached_property
    def thermoelectrics(self):
        """`Thermoelectrics` at mu and the mean temperature."""
        r = self.reservoirs
        return thermoelectrics(self.scatterer, r.mu, r.temperature, order=self.order)

    @functools.cached_property
    def hot_spot(self):
        """`HotSpot` of the electrons downstream."""
        return hot_spot(self.scatterer, self.reservoirs, self.damping)

    @functools.cached_property
    def heat_downstream(self):
        """`HeatSpread` of the electrons downstream, of fixed paths as the hot spot."""
        return heat_spread(self.scatterer, self.reservoirs, self.damping)

    @functools.cached_property
    def heat_upstream(self):
        """`HeatSpread` of the holes upstream."""
        return heat_spread(self.scatterer, self.reservoirs, self.damping, side="upstream")


@dataclasses.dataclass(frozen=True)
class Observable:
    """One number that can be computed at an operating point.

    Args:
        quantity: its name, symbol, unit and words.
        at: the number as a function of an `OperatingPoint`, in JAX and without side effects.
        needs: numbers without a default that it takes: mu, energy, distance. "energy or mu" says
            that either of them is enough.
        electrons: the electrons whose T(E) counts: "reservoirs" (both reservoirs at their bias),
            "equilibrium" (those at mu without a bias), "energy" (those of one energy), "none".
        pointwise: whether it takes T at one energy, or at none, and no integral.
        group: observables of one group are compiled together in `evaluate`.
        in_table: whether `evaluate` lists it.
        differentiable: whether its derivatives are of use; a constraint must have them.
        aliases: other names in constraints and predictions.

    Raises:
        ValueError: a name that is not a word, or unknown electrons.
        TypeError: `at` is not a function.
    """

    quantity: Quantity
    at: Callable[[OperatingPoint], Any]
    needs: tuple[str, ...] = ("mu",)
    electrons: str = "reservoirs"
    pointwise: bool = False
    group: str = "transport"
    in_table: bool = True
    differentiable: bool = True
    aliases: tuple[str, ...] = ()

    def __post_init__(self):
        if not self.name.isidentifier():
            raise ValueError(
                f"the name of an observable must be a word such as shot_noise, got {self.name!r}"
            )
        if not callable(self.at):
            raise TypeError(
                f"{self.name}: at must be a function of an OperatingPoint, got {self.at!r}"
            )
        if self.electrons not in _ELECTRONS:
            raise ValueError(
                f"{self.name}: electrons must be one of {', '.join(_ELECTRONS)}, got "
                f"{self.electrons!r}"
            )

    @property
    def name(self) -> str:
        """The name in Python and in specs."""
        return self.quantity.name

    @property
    def symbol(self) -> str:
        """The symbol in tables; the name where it has none."""
        return self.quantity.symbol or self.name

    @property
    def unit(self) -> str:
        """The unit in tables and files, "1" of a pure number."""
        return self.quantity.unit_text or "1"

    @property
    def title(self) -> str:
        """Words and symbol, as files describe the observable."""
        q = self.quantity
        return ", ".join(text for text in (q.words, q.symbol, q.note) if text)

    def missing(self, given: Iterable[str]) -> str | None:
        """The first number that it needs and that is not given; None where all are."""
        given = set(given)
        return next((need for need in self.needs if not given & set(need.split(" or "))), None)


_ELECTRONS = ("reservoirs", "equilibrium", "energy", "none")

OBSERVABLES: dict[str, Observable] = {}


def register(observable: Observable) -> Observable:
    """Add an observable to `evaluate`, sweeps, constraints of designs and predictions of fits.

    Returns:
        The observable.

    Raises:
        ValueError: its name, an alias or its symbol is taken, or is that of a number of the
            operating point.
    """
    if observable.name in POINT:
        raise ValueError(f"{observable.name} is a number of the operating point: choose another")
    for other in OBSERVABLES.values():
        taken = {other.name, other.symbol, *other.aliases}
        for name in (observable.name, observable.symbol, *observable.aliases):
            if name in taken:
                raise ValueError(f"{name} is taken by the observable {other.name}: choose another")
    OBSERVABLES[observable.name] = observable
    return observable


def unregister(name: str) -> None:
    """Take an observable out of the registry again."""
    if name not in OBSERVABLES:
        raise ValueError(unknown(name))
    del OBSERVABLES[name]


def named(name: str) -> Observable | None:
    """The observable of this name or alias; None where there is none."""
    if name in OBSERVABLES:
        return OBSERVABLES[name]
    return next((o for o in OBSERVABLES.values() if name in o.aliases), None)


def of_a_design(name: object, purpose: str) -> Observable:
    """The observable of a name or alias that a design may constrain or optimise.

    It has derivatives, and needs no energy and no distance, which a design does not have.

    Args:
        name: of the observable.
        purpose: what it is wanted for, for the message: "to constrain".

    Raises:
        ValueError: there is none.
    """
    fit = [o for o in OBSERVABLES.values() if o.differentiable and o.missing(("mu",)) is None]
    known = {key: o for o in fit for key in (*o.aliases, o.name)}
    if name not in known:
        raise ValueError(f"there is no observable {name!r} {purpose}: {closest(name, known)}")
    return known[str(name)]


def unknown(name: object) -> str:
    """The message about a name that is not in the registry."""
    return f"there is no observable {name!r}: {closest(name, OBSERVABLES)}"


def read_observables(wanted: str | Iterable[str], given: Iterable[str]) -> tuple[Observable, ...]:
    """Observables by name, checked.

    Args:
        wanted: a name or several.
        given: names of the numbers that the operating points have.

    Raises:
        ValueError: no name, an unknown one, one twice, or an observable that lacks a number.
    """
    names = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    given = set(given)
    if not names:
        raise ValueError(f"observables must name at least one of {', '.join(OBSERVABLES)}")
    for name in names:
        if name not in OBSERVABLES:
            raise ValueError(unknown(name))
        if names.count(name) > 1:
            raise ValueError(f"the observable {name} is there {names.count(name)} times")
        lacking = OBSERVABLES[name].missing(given)
        if lacking is not None:
            either = "either" if " or " in lacking else "it"
            raise ValueError(f"{name} needs the axis {lacking}, or one number for {either}")
    return tuple(OBSERVABLES[name] for name in names)


def values_at(point: OperatingPoint, observables: Iterable[Observable]) -> dict[str, Any]:
    """Name -> value of the observables at a point.

    They are computed in the order of the registry: dI/dV, which has the moments of the current as
    a by-product, stands there before everything that is made of them.
    """
    places = {name: place for place, name in enumerate(OBSERVABLES)}
    ordered = sorted(observables, key=lambda o: places.get(o.name, len(places)))
    return {o.name: o.at(point) for o in ordered}


def _energy_current(point):
    zeroth, first = point.moments
    return CONDUCTANCE_QUANTUM * (first + point.reservoirs.mu * zeroth)


def _conductance(point):
    r = point.reservoirs
    return conductance(point.scatterer, r.mu, r.temperature, order=point.order)


def _inelastic_length(point):
    return inelastic_length(point.scatterer, point.reservoirs, point.damping, point.energy)


def _power_per_length(point):
    return power_per_length(point.scatterer, point.reservoirs, point.damping, point.distance)


def _fano_factor(point):
    flow = jnp.abs(point.moments[0])
    schottky = SCHOTTKY * CONDUCTANCE_QUANTUM * jnp.where(flow == 0, jnp.nan, flow)
    return point.noise.current / schottky


_NOISE = {"group": "noise", "in_table": False}
_SPREAD = {"group": "heat spread", "in_table": False}
_LINEAR = {"group": "thermoelectrics", "electrons": "equilibrium", "in_table": False}

_BUILT_IN: dict[str, tuple[Callable[[OperatingPoint], Any], dict[str, Any]]] = {
    "transmission": (
        lambda p: p.transmission,
        {"needs": ("energy or mu",), "electrons": "energy", "pointwise": True},
    ),
    "conductance": (_conductance, {"electrons": "equilibrium"}),
    "differential_conductance": (lambda p: p.differential_conductance, {"in_table": False}),
    "current": (lambda p: CONDUCTANCE_QUANTUM * p.moments[0], {}),
    "energy_current": (_energy_current, {"in_table": False}),
    "left": (lambda p: p.dissipation.left, {}),
    "right": (lambda p: p.dissipation.right, {}),
    "total": (lambda p: p.dissipation.total, {"in_table": False}),
    "asymmetry": (lambda p: 2 * CONDUCTANCE_QUANTUM * p.moments[1], {}),
    "current_noise": (lambda p: p.noise.current, _NOISE),
    "left_noise": (lambda p: p.noise.left, _NOISE),
    "right_noise": (lambda p: p.noise.right, _NOISE),
    "fano_factor": (_fano_factor, _NOISE),
    "seebeck": (lambda p: p.thermoelectrics.seebeck, _LINEAR),
    "peltier": (lambda p: p.thermoelectrics.peltier, _LINEAR),
    "thermal_conductance": (lambda p: p.thermoelectrics.thermal_conductance, _LINEAR),
    "lorenz_ratio": (lambda p: p.thermoelectrics.lorenz_ratio, _LINEAR),
    "zt": (lambda p: p.thermoelectrics.zt, _LINEAR),
    "power_factor": (lambda p: p.thermoelectrics.power_factor, _LINEAR),
    "hot_spot_energy": (lambda p: p.hot_spot.energy, {"group": "hot spot"}),
    "hot_spot_distance": (
        lambda p: p.hot_spot.distance,
        {"group": "hot spot", "aliases": ("distance",)},
    ),
    "hot_spot_status": (
        lambda p: p.hot_spot.status,
        {"group": "hot spot", "in_table": False, "differentiable": False},
    ),
    "heat_median": (lambda p: p.heat_downstream.median, _SPREAD),
    "heat_width": (lambda p: p.heat_downstream.width, _SPREAD),
    "heat_median_upstream": (lambda p: p.heat_upstream.median, _SPREAD),
    "heat_width_upstream": (lambda p: p.heat_upstream.width, _SPREAD),
    "inelastic_length": (
        _inelastic_length,
        {"needs": ("mu", "energy"), "electrons": "none", "pointwise": True},
    ),
    "power_per_length": (_power_per_length, {"needs": ("mu", "distance"), "pointwise": True}),
}

for _name, (_at, _more) in _BUILT_IN.items():
    register(Observable(RESULTS[_name], _at, **_more))
