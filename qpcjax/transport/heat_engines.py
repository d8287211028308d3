"""The machine between two temperatures: open-circuit bias, heat engine and refrigerator."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from qpcjax._numerics.panels import ORDER
from qpcjax._numerics.roots import falling_root
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM
from qpcjax.overviews import brief
from qpcjax.transport.batching import batched
from qpcjax.transport.integrals import transport_moments

_of_order = batched(64, static=("order",))

_DOUBLINGS = 60
_BEST_BIAS = 1.1445544409119055  # a of the largest a ln(1 + exp(-a))
# The most power of one spin-degenerate mode, in units of (2/h) (k_B dT)^2.
_MOST_POWER = _BEST_BIAS * math.log1p(math.exp(-_BEST_BIAS))


@_of_order
def open_circuit_bias(scatterer, reservoirs, order=ORDER):
    r"""The bias eV at which no current flows between the two temperatures.

    The root of :math:`I(eV, T_L, T_R) = 0`; the bias of the reservoirs is not used. I rises with
    eV where T does not depend on the bias, so that there is one root. Its derivatives are those of
    the implicit function. The nonlinear thermopower is 1000 eV/(T_L - T_R) uV/K.

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs`, whose fields broadcast.
        order: Gauss nodes in a panel of the quadrature.

    Returns:
        eV in meV; 0 where T_L = T_R, and NaN where nothing is transmitted.
    """
    return _open_circuit(scatterer, reservoirs, order)


def _open_circuit(scatterer, reservoirs, order):
    r = reservoirs

    def flow(bias):
        numbers = r.mu, bias, r.temperature, r.temperature_bias
        return transport_moments(scatterer, *numbers, order)[0]

    # The current falls against the temperature that drives it: the root has the other sign.
    warmer = BOLTZMANN * jnp.abs(r.temperature_bias)
    width = jax.lax.stop_gradient(jnp.maximum(warmer, jnp.finfo(warmer.dtype).tiny))

    def outside(state):
        step, width = state
        return (step < _DOUBLINGS) & ((flow(-width) > 0) | (flow(width) < 0))

    _, width = jax.lax.while_loop(outside, lambda s: (s[0] + 1, 2 * s[1]), (0, width))
    width = jax.lax.stop_gradient(width)
    root = falling_root(lambda bias: -flow(bias), -width, width)
    known = (flow(width) > 0) & (flow(-width) < 0)
    return jnp.where(r.temperature_bias == 0, 0, jnp.where(known, root, jnp.nan))


class Engine(NamedTuple):
    """What a scatterer does between two temperatures at a bias.

    Fields:
        power: electrical power that it delivers, -eV I, in pW.
        heat: taken out of the warmer side, in pW.
        efficiency: power over heat; NaN where it delivers none.
        carnot: the most that is possible, 1 - T_c/T_h.
        bound: the most power that one spin-degenerate mode may deliver, 0.316 (2/h) (k_B dT)^2, in
            pW.
    """

    power: jax.Array
    heat: jax.Array
    efficiency: jax.Array
    carnot: jax.Array
    bound: jax.Array

    def __repr__(self):
        return brief(self, dict(zip(self._fields, ("pW", "pW", "1", "1", "pW"), strict=True)))


class Refrigerator(NamedTuple):
    """What a scatterer cools at a bias.

    Fields:
        cooling: heat taken out of the colder side, in pW; of two sides of one temperature the one
            that is cooled.
        power: electrical power that it takes, eV I, in pW.
        cop: coefficient of performance, cooling over power; NaN where it cools nothing.
        carnot: the most that is possible, T_c/(T_h - T_c); infinite at one temperature.
        bound: the most that one spin-degenerate mode may take out, (pi^2/6)(k_B T_c)^2/h, in pW.
    """

    cooling: jax.Array
    power: jax.Array
    cop: jax.Array
    carnot: jax.Array
    bound: jax.Array

    def __repr__(self):
        return brief(self, dict(zip(self._fields, ("pW", "pW", "1", "1", "pW"), strict=True)))


def _powers(scatterer, r, order):
    zeroth, first = transport_moments(
        scatterer, r.mu, r.bias, r.temperature, r.temperature_bias, order
    )
    even = r.bias / 2 * zeroth
    left, right = (CONDUCTANCE_QUANTUM * x for x in (even - first, even + first))
    half = jnp.abs(r.temperature_bias) / 2
    return left, right, r.temperature - half, r.temperature + half


@_of_order
def engine(scatterer, reservoirs, order=ORDER):
    r"""Power and efficiency of the heat engine that the scatterer is at this bias.

    .. math:: P = -V I, \quad \eta = \frac{P}{J_h} \le 1 - \frac{T_c}{T_h}, \quad
              P \le \frac{2}{h} (k_B \Delta T)^2 \max_a [a \ln(1 + e^{-a})]
              \text{ a spin-degenerate mode}

    It delivers power at biases between 0 and `open_circuit_bias`.

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs`, whose fields broadcast.
        order: Gauss nodes in a panel of the quadrature.

    Returns:
        `Engine`.

    References:
        R. S. Whitney, Phys. Rev. Lett. 112, 130601 (2014).
    """
    left, right, cold, hot = _powers(scatterer, reservoirs, order)
    power, heat = -(left + right), -jnp.where(reservoirs.temperature_bias >= 0, left, right)
    works = (power > 0) & (heat > 0)
    efficiency = jnp.where(works, power / jnp.where(works, heat, 1), jnp.nan)
    carnot = jnp.where(hot > 0, 1 - cold / jnp.where(hot > 0, hot, 1), 0)
    bound = CONDUCTANCE_QUANTUM * _MOST_POWER * (BOLTZMANN * (hot - cold)) ** 2
    return Engine(power, heat, efficiency, carnot, bound)


@_of_order
def refrigerator(scatterer, reservoirs, order=ORDER):
    r"""Cooling of the colder side at this bias.

    .. math:: COP = \frac{J_c}{V I} \le \frac{T_c}{T_h - T_c}, \quad
              J_c \le \frac{\pi^2}{6 h} (k_B T_c)^2 \text{ a spin-degenerate mode}

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs`, whose fields broadcast.
        order: Gauss nodes in a panel of the quadrature.

    Returns:
        `Refrigerator`.

    References:
        R. S. Whitney, Phys. Rev. Lett. 112, 130601 (2014).
    """
    left, right, cold, hot = _powers(scatterer, reservoirs, order)
    difference = reservoirs.temperature_bias
    coldest = jnp.where(difference < 0, left, right)
    cooling = -jnp.where(difference == 0, jnp.minimum(left, right), coldest)
    power = left + right
    works = (cooling > 0) & (power > 0)
    cop = jnp.where(works, cooling / jnp.where(works, power, 1), jnp.nan)
    apart = hot - cold
    carnot = jnp.where(apart > 0, cold / jnp.where(apart > 0, apart, 1), jnp.inf)
    bound = CONDUCTANCE_QUANTUM * math.pi**2 / 12 * (BOLTZMANN * cold) ** 2
    return Refrigerator(cooling, power, cop, carnot, bound)


@_of_order
def maximum_power_bias(scatterer, reservoirs, order=ORDER):
    r"""The bias eV at which the engine between the two temperatures delivers most.

    The root of :math:`d(eV\, I)/d(eV) = 0` between 0 and `open_circuit_bias`; the bias of the
    reservoirs is not used.

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs`, whose fields broadcast.
        order: Gauss nodes in a panel of the quadrature.

    Returns:
        eV in meV; 0 where T_L = T_R, and NaN where nothing is transmitted. `engine` at this bias
        tells the power and the efficiency.
    """
    r = reservoirs
    end = _open_circuit(scatterer, r, order)

    def flow(bias):
        numbers = r.mu, bias, r.temperature, r.temperature_bias
        return transport_moments(scatterer, *numbers, order)[0]

    def falling(bias):
        value, slope = jax.jvp(flow, (bias,), (jnp.ones_like(bias),))
        return -(value + bias * slope)

    root = falling_root(falling, jnp.minimum(end, 0), jnp.maximum(end, 0))
    return jnp.where(r.temperature_bias == 0, 0, jnp.where(jnp.isnan(end), jnp.nan, root))
