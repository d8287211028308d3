"""Temperatures of the electrons that the current itself heats."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from qpcjax._numerics.panels import ORDER
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM
from qpcjax.overviews import brief
from qpcjax.resolution import Window, modes_kept, with_modes
from qpcjax.scatterers.users import as_scatterer
from qpcjax.transport.batching import batched
from qpcjax.transport.integrals import transport_moments
from qpcjax.validation import number, require, where_meaningful

_of_order = batched(64, static=("order", "exponent"))

LORENZ_NUMBER = math.pi**2 / 3 * BOLTZMANN**2  # mV^2/K^2
_FEMTO = 1e-3  # pW in fW
_MICRO = 1e-6  # mV in ohm nA, and mV^2 in ohm pW
_STEPS = 24
# Of eV/k_B, up to which there is room for hot electrons, one after the other: these are the
# temperatures at G R = 0.25, 1.8 and 8.
_HOTTEST = (0.3, 1.2, 4.8)
_COLD = 1e-6  # K^2, above 0 so that temperatures have slopes
FOUND, NO_BALANCE, NOT_KNOWN = range(3)


class SelfHeated(NamedTuple):
    """A constriction whose current heats the electrons on both sides.

    Fields:
        temperature_left, temperature_right: of the electrons next to the constriction, in K.
        current: in nA, at these temperatures.
        left, right: powers dissipated there, in pW.
        status: 0 where the temperatures balance; 1 where none do: a side would be cooled below 0 K,
            or the resistance is negative, or Sigma A not positive; 2 where T(E) is not known for
            electrons so hot, because too few modes are kept. All numbers are NaN where it is not 0.
    """

    temperature_left: jax.Array
    temperature_right: jax.Array
    current: jax.Array
    left: jax.Array
    right: jax.Array
    status: jax.Array

    def __repr__(self):
        return brief(self, dict(zip(self._fields, ("K", "K", "nA", "pW", "pW"), strict=False)))


def wiedemann_franz(bath: Any, resistance: Any, power: Any, drop: Any) -> Any:
    r"""Square of the electrons' temperature at the hot end of a diffusive resistor.

    .. math:: T^2 = T_0^2 + \frac{2 R P + (R I)^2}{\mathcal{L}}, \quad
              \mathcal{L} = \frac{\pi^2}{3} \frac{k_B^2}{e^2}

    Args:
        bath: square of the temperature T_0 at its cold end, in K^2.
        resistance: R in ohm.
        power: P in pW that enters at the hot end.
        drop: R I in mV.

    Returns:
        T^2 in K^2; it is negative where more than the bath's heat is taken.
    """
    return bath + (2 * _MICRO * resistance * power + drop**2) / LORENZ_NUMBER


def self_heated(
    scatterer,
    reservoirs,
    lead_resistance=None,
    order=ORDER,
    cooling=None,
    area=None,
    exponent=5.0,
):
    r"""Electron temperatures beside the constriction, where leads or phonons take the heat away.

    With `lead_resistance` each lead is a diffusive resistor R between the constriction and a bath,
    in which the electrons' heat follows the law of Wiedemann and Franz:

    .. math:: T_s^2 = T_{0,s}^2 + \frac{2 R P_s(T_L, T_R) + (R I)^2}{\mathcal{L}}, \quad
              \mathcal{L} = \frac{\pi^2}{3} \frac{k_B^2}{e^2}, \quad s = L, R

    with the power :math:`P_s` that the constriction dissipates on that side; the last term is the
    Joule heat of the lead itself. With `cooling` and `area` the electrons of that area on each side
    give their heat to phonons at the temperature of the bath, and to nothing else:

    .. math:: P_s(T_L, T_R) = \Sigma A\, (T_s^p - T_{0,s}^p)

    Both equations are solved by Newton's method, and derivatives are those of the implicit
    function. Below some kelvin leads take more heat than phonons.

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs` with the temperatures of the baths, and the bias across the
            constriction alone; their fields broadcast.
        lead_resistance: R of each lead in ohm, from the constriction to the bath; broadcasts.
        order: Gauss nodes in a panel of the quadrature.
        cooling: Sigma in fW/(um^2 K^p), instead of a resistance; broadcasts. In GaAs it is
            uncertain by a factor of 40: about 20 with p = 5 is often quoted.
        area: A of the heated electrons on each side in um^2; broadcasts.
        exponent: p, a plain number, 2 or more; 5 for acoustic phonons.

    Returns:
        `SelfHeated`; NaN with a status where a side would be cooled below 0 K, where the resistance
        is negative or Sigma A is not positive, where the equations were not solved to 1e-9, and
        where the scatterer keeps too few modes for electrons so hot. In calls with concrete numbers
        it is given more of them.

    Raises:
        ValueError: neither a resistance nor cooling and area, or both; numbers out of range.

    References:
        A. Kumar et al., Phys. Rev. Lett. 76, 2778 (1996) estimate the same for the noise of a QPC.
    """
    scatterer = as_scatterer(scatterer)
    sink, exponent = _sink(lead_resistance, cooling, area, exponent)
    given = scatterer, reservoirs, sink
    if any(isinstance(x, Tracer) for x in jax.tree.leaves(given)):
        return _self_heated(*given, order, exponent)
    found: Any = None
    kept = None
    for hottest in _HOTTEST:
        roomy = _with_room(scatterer, reservoirs, hottest)
        if found is not None and modes_kept(roomy) == kept:
            break
        kept, found = modes_kept(roomy), _self_heated(roomy, reservoirs, sink, order, exponent)
        if not np.any(np.asarray(found.status) == NOT_KNOWN):
            break
    return found


def _sink(lead_resistance, cooling, area, exponent):
    """What takes the heat away: R in ohm and no exponent, or Sigma A in pW/K^p and p."""
    if lead_resistance is not None:
        if cooling is not None or area is not None:
            raise ValueError(
                "give lead_resistance, or cooling and area: heat goes into the leads or to phonons"
            )
        return lead_resistance, None
    if cooling is None or area is None:
        raise ValueError(
            "what takes the heat away is missing: give lead_resistance in ohm, or cooling (Sigma "
            "in fW/(um^2 K^p), which no default could know to better than a factor of 40) and "
            "area in um^2"
        )
    exponent = float(exponent)
    require("exponent", exponent, "a number, 2 or more", lambda p: (p >= 2) & np.isfinite(p))
    for name, value in (("cooling", cooling), ("area", area)):
        require(name, value, "a positive number", lambda x: x > 0)
    return _FEMTO * number(cooling, "cooling") * number(area, "area"), exponent


def _with_room(scatterer, r, hottest):
    """The scatterer with the modes that electrons need which the bias heats this far."""
    warm = np.asarray(r.temperature) + hottest * np.abs(np.asarray(r.bias)) / BOLTZMANN
    return with_modes(scatterer, Window(np.asarray(r.mu), np.asarray(r.bias), warm))


@_of_order
def _self_heated(scatterer, reservoirs, sink, order, exponent):
    """Temperatures with leads of the resistance `sink`, or with phonons of this Sigma A."""
    r = reservoirs
    allowed = sink >= 0 if exponent is None else sink > 0
    half = r.temperature_bias / 2
    bath = jnp.stack([r.temperature + half, r.temperature - half]) ** 2

    def flows(squares):
        left, right = jnp.sqrt(squares)
        zeroth, first = transport_moments(
            scatterer, r.mu, r.bias, (left + right) / 2, left - right, order
        )
        even = r.bias / 2 * zeroth
        powers = CONDUCTANCE_QUANTUM * jnp.stack([even - first, even + first])
        return CONDUCTANCE_QUANTUM * zeroth, powers

    def heated(squares):
        """T^2, or of phonons T^p, that both sides come to when they are at these squares."""
        current, powers = flows(squares)
        if exponent is None:
            return wiedemann_franz(bath, sink, powers, _MICRO * sink * current)
        return bath ** (exponent / 2) + powers / jnp.where(allowed, sink, 1)

    def off(squares):
        if exponent is None:
            return squares - heated(squares)
        p = exponent / 2
        slope = p * jax.lax.stop_gradient(squares) ** (p - 1)
        return (squares**p - heated(squares)) / slope

    def step(squares):
        (a, b), (c, d) = jax.lax.stop_gradient(jax.jacfwd(off)(squares))
        # By Cramer's rule: a solver of its own is a call that not every GPU has.
        left, right = off(squares)
        moved = squares - jnp.stack([d * left - b * right, a * right - c * left]) / (a * d - b * c)
        # A step may not leave what has a square root, nor reach far beyond.
        return jnp.clip(moved, squares / 16, squares * 4)

    # What the current of cold electrons heats is a good start, and most often too cold.
    p = 1 if exponent is None else exponent / 2
    start = jax.lax.stop_gradient(jnp.maximum(heated(bath + _COLD), _COLD**p) ** (1 / p))
    found = jax.lax.stop_gradient(
        jax.lax.fori_loop(0, _STEPS, lambda _, squares: step(squares), start)
    )
    left = off(found)
    solved = jnp.all(jnp.abs(left) <= 1e-9 * (_COLD + jnp.abs(found))) & allowed
    squares = step(found)  # with the derivatives of the solution
    current, powers = flows(squares)
    numbers = (*jnp.sqrt(squares), current, *powers)
    unknown = jnp.any(jnp.isnan(left)) & allowed
    status = jnp.where(solved, FOUND, jnp.where(unknown, NOT_KNOWN, NO_BALANCE))
    return SelfHeated._make([*where_meaningful(solved, numbers), status])
