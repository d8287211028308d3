"""Inelastic scattering inside a constriction: a probe between its left and its right part."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from qpcjax._numerics.panels import ORDER
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM
from qpcjax.overviews import brief
from qpcjax.resolution import Window, with_modes
from qpcjax.scatterers.base import AbstractScatterer
from qpcjax.scatterers.in_series import HalfOf, InSeries
from qpcjax.scatterers.search import finely_searched
from qpcjax.scatterers.users import as_scatterer
from qpcjax.transport.batching import batched
from qpcjax.transport.error_estimate import integral_error
from qpcjax.transport.integrals import FLOW, transport_moments
from qpcjax.transport.probe_balance import at_bath_temperature, at_own_temperature
from qpcjax.validation import Range, Real, allowed, concrete

PROBES = ("energy", "voltage", "voltage_temperature")
FOUND, NO_BALANCE = 0, 1

_HOTTEST = 0.5  # of eV/k_B, up to which there is room for a warm probe


class InelasticTransport(NamedTuple):
    """What flows through a constriction with a probe inside.

    Fields:
        current: in nA.
        left, right: powers dissipated in the two reservoirs, in pW.
        probe: power left inside the constriction, in pW; left + right + probe = V I.
        mu: electrochemical potential of the probe in meV; None for the energy probe.
        temperature: of the probe in K; None for the energy probe.
        status: 0 where the probe balances; 1 where no potential, or no temperature above 0, does
            so: the numbers are NaN then.
    """

    current: jax.Array
    left: jax.Array
    right: jax.Array
    probe: jax.Array
    mu: jax.Array | None
    temperature: jax.Array | None
    status: jax.Array

    def __repr__(self):
        return brief(self, dict(zip(self._fields, ("nA", *["pW"] * 3, "meV", "K"), strict=False)))


class InelasticConstriction(AbstractScatterer):
    r"""A left part T_1(E) and a right part T_2(E) with a probe P between them.

    Electrons lose their phase in the probe, and what else they lose there is its kind:

    .. math:: I_L = \frac{2e}{h} \int dE\, T_1 (f_L - f_P), \qquad
              I_R = \frac{2e}{h} \int dE\, T_2 (f_P - f_R)

    - "energy": every electron keeps its energy, f_P = (T_1 f_L + T_2 f_R)/(T_1 + T_2).
    - "voltage": a Fermi function at the bath's temperature, its potential from I_L = I_R. It
      swallows the heat J_L - J_R, up to nearly all of it: do not use it for the heat.
    - "voltage_temperature": a Fermi function whose potential and temperature follow from I_L = I_R
      and J_L = J_R, the electrons that scatter from each other. It is consistent for the heat.

    There is no T(E) between the reservoirs that would hold at every bias: use
    `inelastic_transport`, and no other function, with it.

    Args:
        left: T_1, any scatterer.
        right: T_2, any scatterer.
        probe: "energy", "voltage" or "voltage_temperature".
        strength: share of the electrons that enter the probe, from 0 to 1; the others pass
            `beside`.
        beside: the scatterer that the others pass; needed where the strength is not 1.

    Raises:
        TypeError: a part that is no scatterer.
        ValueError: another probe, a strength out of range, or one below 1 without `beside`.

    References:
        M. Buttiker, Phys. Rev. B 33, 3020 (1986); M. J. M. de Jong and C. W. J. Beenakker, Physica
        A 230, 219 (1996).
    """

    left: Any = eqx.field(converter=as_scatterer)
    right: Any = eqx.field(converter=as_scatterer)
    probe: str = eqx.field(static=True, default="voltage_temperature")
    strength: Real = eqx.field(
        metadata=allowed(Range("a number from 0 to 1", 0.0, most=1.0)), default=1.0
    )
    beside: Any = eqx.field(
        converter=lambda value: None if value is None else as_scatterer(value), default=None
    )

    opens_in_steps = False

    def check(self):
        """Check the kind of the probe, and that all electrons have a way."""
        if self.probe not in PROBES:
            raise ValueError(f"probe must be one of {', '.join(PROBES)}, got {self.probe!r}")
        known = concrete(self.strength)
        if self.beside is None and (known is None or np.any(known != 1)):
            raise ValueError(
                "beside must be given where the strength is not 1: the scatterer that electrons "
                "pass without the probe; InelasticConstriction.within(scatterer) makes one"
            )

    @classmethod
    def within(cls, scatterer, probe="voltage_temperature", strength=1.0):
        r"""A probe in the middle of one barrier, of which a share of the electrons knows nothing.

        The parts are two equal halves that add to the barrier without phase, t_n = 2 T_n/(1 + T_n),

        .. math:: T_{LR} = (1 - \epsilon) T, \qquad T_{LP} = T_{PR} = \epsilon\, t

        The probe resets the momentum of electrons that enter it: with a strength of 1 an open mode
        conducts half.

        Args:
            scatterer: any scatterer.
            probe: the kind of probe.
            strength: epsilon, from 0 (the coherent answer) to 1.
        """
        return cls(HalfOf(scatterer), HalfOf(scatterer), probe, strength, scatterer)

    @property
    def parts(self):
        """The scatterers in it, by the name of their field."""
        named = {"left": self.left, "right": self.right, "beside": self.beside}
        return {name: part for name, part in named.items() if part is not None}

    @property
    def memory(self):
        """That of all parts."""
        return sum(part.memory for part in self.parts.values())

    def eigenvalues(self, energy, bias=0.0):
        """There are none: see `inelastic_transport`."""
        raise TypeError(
            "InelasticConstriction has no T(E): what its probe emits depends on the reservoirs; "
            "use qpcjax.inelastic_transport(constriction, reservoirs)"
        )

    def thresholds(self, bias=0.0):
        """There are none either."""
        return self.eigenvalues(bias)

    def with_parts(self, change):
        """The same constriction with a function of each of its scatterers in their place."""
        names = list(self.parts)
        changed = [change(part) for part in self.parts.values()]
        return eqx.tree_at(lambda c: [getattr(c, name) for name in names], self, changed)

    def settled(self):
        """The same with settled parts."""
        return self.with_parts(lambda part: part.settled())


def inelastic_transport(constriction, reservoirs, order=ORDER, with_error=False):
    r"""Current and heat through a constriction in which electrons scatter inelastically.

    With I_L = I_R = I, and J_L, J_R the currents of energy on both sides of the probe,

    .. math:: P_L = \mu_L I/e - J_L, \quad P_R = J_R - \mu_R I/e, \quad P_P = J_L - J_R

    P_P is 0 but for the voltage probe. A part whose T(E, V) follows the bias sees what drops over
    it, and half of the bias with the energy probe. Derivatives are those of the implicit function.

    Args:
        constriction: `InelasticConstriction`.
        reservoirs: `Reservoirs`, whose fields broadcast.
        order: Gauss nodes in a panel of the quadrature.
        with_error: whether an estimate of the quadrature's error is returned as well; it has what
            the error makes of the probe's potential and temperature.

    Returns:
        `InelasticTransport`; NaN with status 1 where nothing is transmitted, or where the probe
        cannot balance: two narrow levels that would invert its occupation need a temperature below
        zero, and nothing balances it at T = 0 without a bias. With an error: the pair of it and an
        `InelasticTransport` of the errors.

    Raises:
        TypeError: another scatterer.

    References:
        M. Buttiker, Phys. Rev. B 33, 3020 (1986).
    """
    if not isinstance(constriction, InelasticConstriction):
        raise TypeError(
            "constriction must be an InelasticConstriction, got "
            f"{type(constriction).__name__}: without a probe use qpcjax.dissipation"
        )
    return _inelastic(_with_room(constriction, reservoirs), reservoirs, order, with_error)


def _with_room(constriction, r):
    """The constriction with the modes that warm probes need, where all numbers are concrete."""
    if any(isinstance(x, Tracer) for x in jax.tree.leaves((constriction, r))):
        return constriction
    spread = _HOTTEST * np.abs(np.asarray(r.bias)) / BOLTZMANN
    hottest = np.asarray(r.temperature) + np.abs(np.asarray(r.temperature_bias)) / 2 + spread
    window = Window(np.asarray(r.mu), np.asarray(r.bias), hottest)
    return constriction.with_parts(lambda part: finely_searched(with_modes(part, window)))


@batched(64, static=("order", "with_error"), room="")
def _inelastic(constriction, reservoirs, order, with_error):
    r = reservoirs
    if constriction.probe == "energy":
        zeroth, first = _moments(InSeries(constriction.left, constriction.right), r, order)
        flows, place = (zeroth, first, zeroth, first), None
        found = jnp.isfinite(zeroth)
    else:
        flows, place, found = _with_fermi_probe(constriction, r, order)
    numbers = _powers(r, flows, place)
    if constriction.beside is not None:
        without = _coherent(r, _moments(constriction.beside, r, order))
        share = constriction.strength
        numbers = [share * a + (1 - share) * b for a, b in zip(numbers, without, strict=True)]
    state = [None, None] if place is None else [r.mu + place[0], r.temperature + place[1]]

    def result(numbers):
        known: list[Any] = [x if x is None else jnp.where(found, x, jnp.nan) for x in numbers]
        current, left, right, probe, mu, temperature = known
        status = jnp.where(found, FOUND, NO_BALANCE)
        return InelasticTransport(current, left, right, probe, mu, temperature, status)

    value = result([*numbers, *state])
    if not with_error:
        return value
    return value, result(jax.lax.stop_gradient(_errors(constriction, r, order, place)))


def _powers(r, flows, place):
    """Current and powers left, right and inside from the moments on both sides, nA and pW."""
    half, offset = r.bias / 2, 0 if place is None else place[0]
    in_left, heat_left, in_right, heat_right = flows
    gathered = in_left - in_right
    numbers = (
        in_left,
        half * in_left - heat_left,
        half * in_right + heat_right,
        heat_left - heat_right - offset * gathered,
    )
    return [CONDUCTANCE_QUANTUM * x for x in numbers]


def _coherent(r, moments):
    """The same of electrons that pass no probe."""
    zeroth, first = moments
    return _powers(r, (zeroth, first, zeroth, first), None)


def _errors(constriction, r, order, place):
    """Errors of current, powers, and the probe's potential and temperature."""

    def of(scatterer, numbers, combinations):
        mu, bias, temperature, difference = numbers
        sides = mu, bias, temperature, difference
        return jnp.stack(integral_error(FLOW, scatterer, *sides, combinations, order))

    half, unit = r.bias / 2, CONDUCTANCE_QUANTUM
    whole = r.mu, r.bias, r.temperature, r.temperature_bias
    rows = [(unit, 0), (unit * half, -unit), (unit * half, unit)]
    if place is None:
        in_series = InSeries(constriction.left, constriction.right)
        errors, state = jnp.append(of(in_series, whole, rows), 0.0), [None, None]
    else:
        sides = _sides(constriction, r, place)
        # Of each flow alone, (E - mu) counted from the mean potential.
        flows = jnp.concatenate(
            [of(part, numbers, [(1, 0), (centre, 1)]) for part, numbers, centre in sides]
        )
        moved = jnp.stack([flows[0] + flows[2], flows[1] + flows[3]])

        def at(place):
            return jnp.stack(_flows(constriction, r, place, order))

        slopes = jax.jacfwd(at)(place)  # rows: flows; columns: mu_P and T_P
        balance = jnp.stack([slopes[0] - slopes[2], slopes[1] - slopes[3]])
        (a, b), (c, d) = balance
        if constriction.probe == "voltage":
            place_error = jnp.stack([moved[0] / jnp.abs(a), 0 * moved[0]])
        else:
            inverse = jnp.abs(jnp.stack([jnp.stack([d, b]), jnp.stack([c, a])]) / (a * d - b * c))
            place_error = inverse @ moved

        def numbers(flows, place):
            return jnp.stack(_powers(r, flows, place))

        by_flow = jnp.abs(jax.jacfwd(numbers, 0)(at(place), place))
        by_place = jnp.abs(jax.jacfwd(lambda p: numbers(at(p), p))(place))
        errors = by_flow @ flows + by_place @ place_error
        state = list(place_error)
    if constriction.beside is not None:
        share = constriction.strength
        without = jnp.append(of(constriction.beside, whole, rows), 0.0)
        errors = share * errors + (1 - share) * without
    return [*errors, *state]


def _moments(scatterer, r, order):
    return transport_moments(scatterer, r.mu, r.bias, r.temperature, r.temperature_bias, order)


def _sides(constriction, r, place):
    """Left and right part with the probe at mu + place[0] and T + place[1].

    Each is the part, what `transport_moments` is given of its two sides, and the mean potential of
    these, counted from mu.
    """
    half, half_difference = r.bias / 2, r.temperature_bias / 2
    offset, warmer = place
    left, right = (half + offset) / 2, (offset - half) / 2
    at_left = (
        r.mu + left,
        half - offset,
        r.temperature + (half_difference + warmer) / 2,
        half_difference - warmer,
    )
    at_right = (
        r.mu + right,
        half + offset,
        r.temperature + (warmer - half_difference) / 2,
        half_difference + warmer,
    )
    return (constriction.left, at_left, left), (constriction.right, at_right, right)


def _flows(constriction, r, place, order):
    """Moments of (E - mu) left and right of the probe."""
    found = []
    for part, numbers, centre in _sides(constriction, r, place):
        zeroth, first = transport_moments(part, *numbers, order)
        found += [zeroth, first + centre * zeroth]
    return tuple(found)


def _with_fermi_probe(constriction, r, order):
    """Flows on both sides, mu_P - mu and T_P - T, and whether the probe balances."""

    def flows(place):
        return _flows(constriction, r, place, order)

    at = at_bath_temperature if constriction.probe == "voltage" else at_own_temperature
    place, found = at(flows, r)
    passed = flows(place)
    return passed, place, found & jnp.isfinite(passed[0] + passed[2])
