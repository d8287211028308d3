"""Current, heat and conductance of any scatterer between two reservoirs, Eqs. (1)-(5)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from qpcjax._numerics.panels import ORDER
from qpcjax.constants import CONDUCTANCE_QUANTUM
from qpcjax.overviews import brief
from qpcjax.transport.batching import batched
from qpcjax.transport.error_estimate import finer, integral_error, quadrature_error
from qpcjax.transport.integrals import FLOW, terms, transport_moments
from qpcjax.transport.linear_response import conductance_average, conductance_error
from qpcjax.transport.reservoirs import Dissipation

# Order and with_error change what is compiled.
_integral = batched(64, static=("order", "with_error"))


class DissipationError(NamedTuple):
    """Error estimates of the four powers of a `Dissipation`, in pW."""

    left: jax.Array
    right: jax.Array
    total: jax.Array
    asymmetry: jax.Array

    def __repr__(self):
        return brief(self, dict.fromkeys(self._fields, "pW"))


def _numbers(reservoirs):
    r = reservoirs
    return r.mu, r.bias, r.temperature, r.temperature_bias


def _estimates(scatterer, reservoirs, combinations, order):
    errors = integral_error(FLOW, scatterer, *_numbers(reservoirs), combinations, order)
    return [CONDUCTANCE_QUANTUM * error for error in errors]


@_integral
def current(scatterer, reservoirs, order=ORDER, with_error=False):
    r"""Current, Eq. (1).

    .. math:: I = \frac{2e}{h} \int dE\, T(E, V) [f_L(E) - f_R(E)]

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs`, whose fields broadcast.
        order: Gauss nodes in a panel of the quadrature.
        with_error: whether an estimate of the quadrature's error is returned as well.

    Returns:
        I in nA; positive where electrons flow to the right. With an error: the pair (I, error).
    """
    zeroth, _ = transport_moments(scatterer, *_numbers(reservoirs), order)
    value = CONDUCTANCE_QUANTUM * zeroth
    if not with_error:
        return value
    return value, *_estimates(scatterer, reservoirs, [(1, 0)], order)


@_integral
def energy_current(scatterer, reservoirs, order=ORDER, with_error=False):
    r"""Energy current, Eq. (4), counted from the bottom of the conduction band.

    .. math:: J = \frac{2}{h} \int dE\, E\, T(E, V) [f_L(E) - f_R(E)]

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs`, whose fields broadcast.
        order: Gauss nodes in a panel of the quadrature.
        with_error: whether an estimate of the quadrature's error is returned as well.

    Returns:
        J in pW; P_L = mu_L I/e - J and P_R = J - mu_R I/e. With an error: the pair (J, error).
    """
    zeroth, first = transport_moments(scatterer, *_numbers(reservoirs), order)
    value = CONDUCTANCE_QUANTUM * (first + reservoirs.mu * zeroth)
    if not with_error:
        return value
    return value, *_estimates(scatterer, reservoirs, [(reservoirs.mu, 1)], order)


@_integral
def dissipation(scatterer, reservoirs, order=ORDER, with_error=False):
    r"""Powers dissipated left and right of the scatterer, Eqs. (2), (3) and (5).

    .. math::
        P_L = \frac{2}{h} \int dE\, (\mu_L - E)\, T(E, V) [f_L - f_R], \quad
        P_R = \frac{2}{h} \int dE\, (E - \mu_R)\, T(E, V) [f_L - f_R]

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs`, whose fields broadcast.
        order: Gauss nodes in a panel of the quadrature.
        with_error: whether an estimate of the quadrature's error is returned as well.

    Returns:
        `Dissipation(left, right)` in pW, with `total` = V I and `asymmetry` = P_R - P_L. With an
        error: the pair of it and a `DissipationError`.
    """
    zeroth, first = transport_moments(scatterer, *_numbers(reservoirs), order)
    half = reservoirs.bias / 2
    even = half * zeroth
    value = Dissipation(CONDUCTANCE_QUANTUM * (even - first), CONDUCTANCE_QUANTUM * (even + first))
    if not with_error:
        return value
    combinations = [(half, -1), (half, 1), (2 * half, 0), (0, 2)]
    return value, DissipationError(*_estimates(scatterer, reservoirs, combinations, order))


@_integral
def conductance(scatterer, mu, temperature=0.0, order=ORDER, with_error=False):
    r"""Linear-response conductance.

    .. math:: G = \frac{2e^2}{h} \int dE\, T(E) \left(-\frac{\partial f}{\partial E}\right)

    Args:
        scatterer: any scatterer.
        mu: electrochemical potential in meV, any shape.
        temperature: in K, 0 or more, broadcasts with `mu`.
        order: Gauss nodes in a panel of the quadrature.
        with_error: whether an estimate of the quadrature's error is returned as well.

    Returns:
        G in 2e^2/h, at T = 0 on a jump of T(E) the mean of both sides, which is its limit; NaN
        where the temperature is negative or a mode that is not kept counts. With an error: the
        pair (G, error).
    """
    value = conductance_average(scatterer, mu, temperature, order)
    if not with_error:
        return value
    return value, conductance_error(scatterer, mu, temperature, order)


@_integral
def differential_conductance(scatterer, reservoirs, order=ORDER, with_error=False):
    """Differential conductance dI/dV at a fixed mean electrochemical potential.

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs`, whose fields broadcast.
        order: Gauss nodes in a panel of the quadrature.
        with_error: whether an estimate of the quadrature's error is returned as well.

    Returns:
        dI/dV in 2e^2/h; at zero temperature the mean of T(mu_L) and T(mu_R), and what the
        transmission itself changes with the bias. With an error: the pair of it and its error.
    """
    mu, bias, temperature, temperature_bias = _numbers(reservoirs)

    def with_slope(fun):
        return jax.jvp(fun, (bias,), (jnp.ones_like(bias),))

    def flow_at(bias):
        return transport_moments(scatterer, mu, bias, temperature, temperature_bias, order)[0]

    flow, slope = with_slope(flow_at)
    # The slope of NaN is 0.
    value = jnp.where(jnp.isnan(flow), jnp.nan, slope)
    if not with_error:
        return value

    def passed(order):
        def at(bias):
            numbers = mu, bias, temperature, temperature_bias
            return terms(FLOW, scatterer, *numbers, order=order).panels[0]

        return at

    # Nodes stand still under differentiation: the slope is an integral on the same panels.
    coarse, fine = ([with_slope(passed(nodes))[1]] for nodes in (order, finer(order)))
    return value, jnp.where(jnp.isnan(flow), jnp.nan, quadrature_error(coarse, fine))
