"""Current, heat and conductance of any scatterer between two reservoirs, Eqs. (1)-(5)."""

import jax
import jax.numpy as jnp

from qpcjax._batching import batched
from qpcjax.quadrature import conductance_average, transport_moments
from qpcjax.reservoirs import Dissipation
from qpcjax.units import CONDUCTANCE_QUANTUM

_POINTS_AT_ONCE = 64


def _moments(scatterer, reservoirs):
    r = reservoirs
    return transport_moments(scatterer, r.mu, r.bias, r.temperature, r.temperature_bias)


@batched(_POINTS_AT_ONCE)
def current(scatterer, reservoirs):
    r"""Current, Eq. (1).

    .. math:: I = \frac{2e}{h} \int dE\, T(E, V) [f_L(E) - f_R(E)]

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs`, whose fields broadcast.

    Returns:
        I in nA; positive where electrons flow to the right.
    """
    zeroth, _ = _moments(scatterer, reservoirs)
    return CONDUCTANCE_QUANTUM * zeroth


@batched(_POINTS_AT_ONCE)
def energy_current(scatterer, reservoirs):
    r"""Energy current, Eq. (4), counted from the bottom of the conduction band.

    .. math:: J = \frac{2}{h} \int dE\, E\, T(E, V) [f_L(E) - f_R(E)]

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs`, whose fields broadcast.

    Returns:
        J in pW; P_L = mu_L I/e - J and P_R = J - mu_R I/e.
    """
    zeroth, first = _moments(scatterer, reservoirs)
    return CONDUCTANCE_QUANTUM * (first + reservoirs.mu * zeroth)


@batched(_POINTS_AT_ONCE)
def dissipation(scatterer, reservoirs):
    r"""Powers dissipated left and right of the scatterer, Eqs. (2), (3) and (5).

    .. math::
        P_L = \frac{2}{h} \int dE\, (\mu_L - E)\, T(E, V) [f_L - f_R], \quad
        P_R = \frac{2}{h} \int dE\, (E - \mu_R)\, T(E, V) [f_L - f_R]

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs`, whose fields broadcast.

    Returns:
        `Dissipation(left, right)` in pW, with `total` = V I and `asymmetry` = P_R - P_L.
    """
    zeroth, first = _moments(scatterer, reservoirs)
    even = reservoirs.bias / 2 * zeroth
    return Dissipation(CONDUCTANCE_QUANTUM * (even - first), CONDUCTANCE_QUANTUM * (even + first))


@batched(_POINTS_AT_ONCE)
def conductance(scatterer, mu, temperature=0.0):
    r"""Linear-response conductance.

    .. math:: G = \frac{2e^2}{h} \int dE\, T(E) \left(-\frac{\partial f}{\partial E}\right)

    Args:
        scatterer: any scatterer.
        mu: electrochemical potential in meV, any shape.
        temperature: in K, 0 or more, broadcasts with `mu`.

    Returns:
        G in 2e^2/h; NaN where the temperature is negative or a mode that is not kept counts.
    """
    return conductance_average(scatterer, mu, temperature)


@batched(_POINTS_AT_ONCE)
def differential_conductance(scatterer, reservoirs):
    """Differential conductance dI/dV at a fixed mean electrochemical potential.

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs`, whose fields broadcast.

    Returns:
        dI/dV in 2e^2/h; at zero temperature the mean of T(mu_L) and T(mu_R), and what the
        transmission itself changes with the bias.
    """
    r = reservoirs

    def flow(bias):
        return transport_moments(scatterer, r.mu, bias, r.temperature, r.temperature_bias)[0]

    return jax.jvp(flow, (r.bias,), (jnp.ones_like(r.bias),))[1]
