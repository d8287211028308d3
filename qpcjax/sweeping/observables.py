"""The observables of a sweep by name, and what they share at one point."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from qpcjax.constants import CONDUCTANCE_QUANTUM
from qpcjax.heat.hot_spot import QuadraticDamping, hot_spot, inelastic_length, power_per_length
from qpcjax.quantities import closest
from qpcjax.scatterers import transmission
from qpcjax.transport.integrals import transport_moments
from qpcjax.transport.landauer import conductance
from qpcjax.transport.reservoirs import Dissipation, Reservoirs


class Observable(NamedTuple):
    """One observable: its unit, what it is, and the numbers that have no default for it."""

    unit: str
    title: str
    needs: tuple[str, ...] = ("mu",)


OBSERVABLES = {
    "transmission": Observable("1", "total transmission at `energy`, or at mu without it", ()),
    "conductance": Observable("2e^2/h", "linear-response conductance"),
    "differential_conductance": Observable("2e^2/h", "differential conductance dI/dV"),
    "current": Observable("nA", "current I"),
    "energy_current": Observable("pW", "energy current J"),
    "left": Observable("pW", "power dissipated on the left, P_L"),
    "right": Observable("pW", "power dissipated on the right, P_R"),
    "total": Observable("pW", "power dissipated in all, P_L + P_R"),
    "asymmetry": Observable("pW", "asymmetry P_A = P_R - P_L"),
    "hot_spot_energy": Observable("meV", "energy E* of the hottest electrons"),
    "hot_spot_distance": Observable("nm", "distance r* of the hot spot"),
    "hot_spot_status": Observable("1", "0 found, 1 no answer, 2 two maxima exchange"),
    "inelastic_length": Observable("nm", "inelastic length at `energy`", ("mu", "energy")),
    "power_per_length": Observable("pW/nm", "power per length at `distance`", ("mu", "distance")),
}

_POWERS = ("left", "right", "total", "asymmetry")
_MOMENTS = ("current", "energy_current", *_POWERS)
_HOT_SPOT = {
    "hot_spot_energy": "energy",
    "hot_spot_distance": "distance",
    "hot_spot_status": "status",
}

# Those that take one evaluation of T(E) or none, and no integral.
POINTWISE = ("transmission", "inelastic_length", "power_per_length")


def read_observables(wanted, given):
    """Names of the observables that are wanted, checked.

    Args:
        wanted: a name or several.
        given: the axes and fixed numbers that there are.

    Raises:
        ValueError: none, an unknown one, one twice, or one that lacks an axis.
    """
    names = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    if not names:
        raise ValueError(f"observables must name at least one of {', '.join(OBSERVABLES)}")
    for name in names:
        if name not in OBSERVABLES:
            raise ValueError(f"there is no observable {name!r}: {closest(name, OBSERVABLES)}")
        if names.count(name) > 1:
            raise ValueError(f"the observable {name} is there {names.count(name)} times")
        for need in OBSERVABLES[name].needs:
            if need not in given:
                raise ValueError(f"{name} needs the axis {need}, or one number for it")
    if "transmission" in names and not {"energy", "mu"} & set(given):
        raise ValueError("transmission needs the axis energy or mu, or one number for either")
    return names


def point_values(scatterer, numbers, names, order, fermi_energy, bulk=False):
    """The observables at one point, integrals that several of them share being computed once.

    Args:
        scatterer: any scatterer, its numbers being arrays of one dtype.
        numbers: name -> scalar array, the operating point.
        names: the observables.
        order: Gauss nodes in a panel.
        fermi_energy: E_F of the damping, see `QuadraticDamping`.
        bulk: whether so many points follow that a longer compilation of T(E) is worth it.

    Returns:
        An array of shape (names,).
    """
    wanted, found = set(names), {}
    if "transmission" in wanted:
        energy = numbers["energy"] if "energy" in numbers else numbers["mu"]
        found["transmission"] = _transmission(scatterer, energy, numbers["bias"], bulk)
    if "mu" in numbers:
        point = [numbers[k] for k in ("mu", "bias", "temperature", "temperature_bias")]
        found |= _transport(scatterer, point, wanted, order)
        if "conductance" in wanted:
            found["conductance"] = conductance(
                scatterer, numbers["mu"], numbers["temperature"], order=order
            )
        found |= _heat(scatterer, Reservoirs(*point), numbers, wanted, fermi_energy)
    dtype = numbers["bias"].dtype
    return jnp.stack([jnp.asarray(found[name], dtype) for name in names])


def _transmission(scatterer, energy, bias, bulk):
    if not bulk or scatterer.bulk_total is None:
        return transmission(scatterer, energy, bias)
    # `transmission` takes this form for an array of energies, and here is but one.
    outside = (energy > scatterer.energy_limit()) | (energy < scatterer.energy_floor())
    return jnp.where(outside, jnp.nan, scatterer.bulk_total(energy, bias))


def _transport(scatterer, point, wanted, order):
    """Everything that the two moments of T [f_L - f_R] hold, and dI/dV."""
    mu, bias, temperature, temperature_bias = point

    def moments(bias):
        return transport_moments(scatterer, mu, bias, temperature, temperature_bias, order)

    found = {}
    if "differential_conductance" in wanted:
        # The derivative's primal is the pair of moments itself.
        (zeroth, first), (slope, _) = jax.jvp(moments, (bias,), (jnp.ones_like(bias),))
        found["differential_conductance"] = jnp.where(jnp.isnan(zeroth), jnp.nan, slope)
    elif wanted & set(_MOMENTS):
        zeroth, first = moments(bias)
    else:
        return found
    even = bias / 2 * zeroth
    power = Dissipation(CONDUCTANCE_QUANTUM * (even - first), CONDUCTANCE_QUANTUM * (even + first))
    found["current"] = CONDUCTANCE_QUANTUM * zeroth
    found["energy_current"] = CONDUCTANCE_QUANTUM * (first + mu * zeroth)
    return found | {name: getattr(power, name) for name in _POWERS}


def _heat(scatterer, reservoirs, numbers, wanted, fermi_energy):
    """The hot spot, and lengths and powers of hot electrons."""
    damping = QuadraticDamping(numbers["damping"], fermi_energy)
    found = {}
    if wanted & set(_HOT_SPOT):
        spot = hot_spot(scatterer, reservoirs, damping)
        found |= {name: getattr(spot, field) for name, field in _HOT_SPOT.items()}
    if "inelastic_length" in wanted:
        found["inelastic_length"] = inelastic_length(
            scatterer, reservoirs, damping, numbers["energy"]
        )
    if "power_per_length" in wanted:
        found["power_per_length"] = power_per_length(
            scatterer, reservoirs, damping, numbers["distance"]
        )
    return found
