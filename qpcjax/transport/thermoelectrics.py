"""Thermoelectrics: linear response, thermopower, and the machine between two temperatures.

Thermopower is S = (mu_L - mu_R)/(|e| dT) without a current, dT = T_L - T_R: it is negative where
T(E) rises with E.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics.panels import ORDER
from qpcjax._numerics.roots import falling_root
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM
from qpcjax.overviews import brief
from qpcjax.quantities import QUANTITIES
from qpcjax.transport.batching import batched
from qpcjax.transport.error_estimate import finer, quadrature_error
from qpcjax.transport.integrals import transport_moments
from qpcjax.transport.linear_response import conductance_average, conductance_terms, lost_moments
from qpcjax.transport.transmission import transmission
from qpcjax.validation import number

_with_error = batched(64, static=("order", "with_error"))
_of_order = batched(64, static=("order",))
_of_kind = batched(64, static=("kind", "order"))

_MICRO = 1e3  # uV in a mV
_SOMMERFELD = math.pi**2 / 3
_DOUBLINGS = 60
_BEST_BIAS = 1.1445544409119055  # a of the largest a ln(1 + exp(-a))
# The most power of one spin-degenerate mode, in units of (2/h) (k_B dT)^2.
_MOST_POWER = _BEST_BIAS * math.log1p(math.exp(-_BEST_BIAS))
_CLOSED = 0.05  # of the largest conductance: what a trace of `seebeck_from_traces` may begin with


class Thermoelectrics(NamedTuple):
    """Linear thermoelectric coefficients.

    Fields:
        conductance: G in 2e^2/h.
        seebeck: thermopower S in uV/K.
        peltier: Peltier coefficient T S in mV.
        thermal_conductance: kappa in pW/K, without a current.
        lorenz_ratio: kappa/(G T) over (pi^2/3)(k_B/e)^2; 1 by the law of Wiedemann and Franz.
        zt: figure of merit G S^2 T/kappa, of the electrons alone.
        power_factor: G S^2 in fW/K^2.
    """

    conductance: jax.Array
    seebeck: jax.Array
    peltier: jax.Array
    thermal_conductance: jax.Array
    lorenz_ratio: jax.Array
    zt: jax.Array
    power_factor: jax.Array

    def __repr__(self):
        return brief(self, {name: QUANTITIES[name].unit_text for name in self._fields})


def _moments(scatterer, mu, temperature, order):
    """Terms of <T x^j>, j = 0 to 2, x = (E - mu)/kT, in the thermal kernel.

    Also whether the averages are meaningful.
    """
    y, kernel, t, valid = conductance_terms(scatterer, mu, temperature, order)
    kT = BOLTZMANN * temperature
    cold = kT == 0
    x = jnp.where(cold, 0, y / jnp.where(cold, 1, kT))
    weight = kernel / jnp.sum(kernel)
    zeroth = weight * t
    # At T = 0 the nodes stand at mu, where <x^2> is pi^2/3.
    second = jnp.where(cold, _SOMMERFELD * zeroth, zeroth * x**2)
    return (zeroth, zeroth * x, second), valid


def _coefficients(sums, temperature):
    zeroth, first, second = sums
    closed = zeroth == 0
    ratio = first / jnp.where(closed, 1, zeroth)
    seebeck = jnp.where(closed, jnp.nan, -_MICRO * BOLTZMANN * ratio)
    heat = second - first * ratio
    return Thermoelectrics(
        zeroth,
        seebeck,
        temperature * seebeck / _MICRO,
        CONDUCTANCE_QUANTUM * BOLTZMANN**2 * temperature * heat,
        heat / (_SOMMERFELD * jnp.where(closed, jnp.nan, zeroth)),
        first * ratio / jnp.where(closed, jnp.nan, heat),
        CONDUCTANCE_QUANTUM * zeroth * seebeck**2 / _MICRO,
    )


@_with_error
def thermoelectrics(scatterer, mu, temperature, order=ORDER, with_error=False):
    r"""Linear thermoelectric coefficients.

    With :math:`L_m = \int dE\, (E - \mu)^m\, T(E)\, (-\partial f/\partial E)`

    .. math::
        G = \frac{2e^2}{h} L_0, \quad S = -\frac{L_1}{e T L_0}, \quad
        \kappa = \frac{2}{h T} \left(L_2 - \frac{L_1^2}{L_0}\right), \quad
        ZT = \frac{L_1^2}{L_0 L_2 - L_1^2}

    The limits at T = 0 are exact: S = 0, and a Lorenz ratio of 1.

    Args:
        scatterer: any scatterer.
        mu: electrochemical potential in meV, any shape.
        temperature: in K, 0 or more, broadcasts with `mu`.
        order: Gauss nodes in a panel of the quadrature.
        with_error: whether an estimate of the quadrature's error is returned as well.

    Returns:
        `Thermoelectrics`; NaN where the conductance is, and all but G and kappa where G is 0. With
        an error: the pair of it and a `Thermoelectrics` of the errors.

    References:
        U. Sivan and Y. Imry, Phys. Rev. B 33, 551 (1986).
    """
    terms, valid = _moments(scatterer, mu, temperature, order)
    sums = [jnp.where(valid, jnp.sum(x), jnp.nan) for x in terms]
    value = _coefficients(sums, temperature)
    if not with_error:
        return value
    slopes = jax.jacfwd(lambda sums: jnp.stack(_coefficients(sums, temperature)))(sums)
    fine, _ = _moments(scatterer, mu, temperature, finer(order))
    lost = lost_moments(scatterer, mu, BOLTZMANN * temperature)

    def error(row):
        coarse, finest = ([a * x for a, x in zip(row, some, strict=True)] for some in (terms, fine))
        found = quadrature_error(coarse, finest)
        found += sum(jnp.abs(a) * x for a, x in zip(row, lost, strict=True))
        return jnp.where(valid, found, jnp.nan)

    return value, Thermoelectrics._make(map(error, zip(*slopes, strict=True)))


@_of_kind
def mott_seebeck(scatterer, mu, temperature, kind="conductance", order=ORDER):
    r"""Thermopower by Mott's formula, which holds where T(E) varies little over k_B T.

    .. math:: S = -\frac{\pi^2 k_B^2 T}{3 e} \frac{1}{G} \frac{dG}{d\mu}

    "conductance" takes G(mu) at the temperature, as a measurement has it; "transmission" takes
    T(mu). In the tunnelling regime, where S is largest, both may be off by a factor of two: use
    `thermoelectrics`.

    Args:
        scatterer: any scatterer.
        mu: electrochemical potential in meV, any shape.
        temperature: in K, 0 or more, broadcasts with `mu`.
        kind: "conductance" or "transmission".
        order: Gauss nodes in a panel of the quadrature.

    Returns:
        S in uV/K; NaN where nothing is transmitted.

    Raises:
        ValueError: another kind.

    References:
        M. Cutler and N. F. Mott, Phys. Rev. 181, 1336 (1969).
    """
    if kind not in ("conductance", "transmission"):
        raise ValueError(f'kind must be "conductance" or "transmission", got {kind!r}')

    def passed(mu):
        if kind == "transmission":
            return transmission(scatterer, mu)
        return conductance_average(scatterer, mu, temperature, order)

    value, slope = jax.jvp(passed, (mu,), (jnp.ones_like(mu),))
    value = jnp.where(value == 0, jnp.nan, value)
    return -_MICRO * _SOMMERFELD * BOLTZMANN**2 * temperature * slope / value


def seebeck_from_traces(mu, colder, warmer, temperature_difference) -> np.ndarray:
    r"""Thermopower from two conductance traces at two temperatures, without a model of T(E).

    .. math:: S = -\frac{1}{e G} \int_{-\infty}^{\mu} \frac{\partial G}{\partial T} d\mu'

    Exact where T depends on the distance of E from the barrier alone and not on temperature: G and
    L_1/T are derivatives of one function, by mu and by T. A gate that shifts the barrier rigidly
    does as well as mu; multiply its voltage by the lever arm. Where the barrier changes with the
    density or the temperature, as at a 0.7 shoulder, the result may be as wrong as Mott's formula,
    to the other side.

    Args:
        mu: electrochemical potentials in meV, rising, from pinch-off on, (n,).
        colder: G in 2e^2/h at T - dT/2, (n,).
        warmer: G in 2e^2/h at T + dT/2, (n,).
        temperature_difference: dT in K, positive.

    Returns:
        S in uV/K at each mu, (n,), by the trapezoidal rule; NaN where G is not positive.

    Raises:
        ValueError: arrays that do not match or are not finite, mu that does not rise, traces that
            do not begin at pinch-off, or a difference that is not positive.
    """
    mu, colder, warmer = (
        np.asarray(number(x, name), float)
        for x, name in ((mu, "mu"), (colder, "colder"), (warmer, "warmer"))
    )
    if not (mu.ndim == 1 and mu.shape == colder.shape == warmer.shape and mu.size > 1):
        raise ValueError(
            "mu, colder and warmer must be arrays of one length, two or more, got shapes "
            f"{mu.shape}, {colder.shape}, {warmer.shape}"
        )
    if not np.all(np.isfinite([mu, colder, warmer])):
        raise ValueError("mu, colder and warmer must be finite: leave out what was not measured")
    if not np.all(np.diff(mu) > 0):
        raise ValueError("mu must rise from each point to the next: sort the points")
    if not (np.isfinite(temperature_difference) and temperature_difference > 0):
        raise ValueError(
            f"temperature_difference must be positive, in K, got {temperature_difference:g}"
        )
    mean = (colder + warmer) / 2
    if not mean[0] <= _CLOSED * np.max(mean):
        raise ValueError(
            f"the traces begin at {mean[0]:.3g} 2e^2/h and not at pinch-off: the integral over mu "
            "needs all that opened before"
        )
    slope = (warmer - colder) / temperature_difference
    whole = np.concatenate([[0.0], np.cumsum(np.diff(mu) * (slope[1:] + slope[:-1]) / 2)])
    return -_MICRO * whole / np.where(mean > 0, mean, np.nan)


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
