"""Low-bias and low-temperature expansions of the dissipated powers, Eqs. (6)-(17).

An independent check of the full integrals: nothing here integrates over energy.
"""

import math
from fractions import Fraction

import jax
import jax.numpy as jnp

from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM
from qpcjax.transport.batching import batched
from qpcjax.transport.reservoirs import Dissipation
from qpcjax.validation import require_count

_POINTS_AT_ONCE = 1 << 12


@batched(_POINTS_AT_ONCE, room="modes")
def low_bias_dissipation(scatterer, mu, bias):
    r"""Powers at zero temperature and low bias, Eqs. (7)-(8).

    .. math::
        P_{L/R} = \frac{T(\mu)}{h} (eV)^2 \mp \frac{T'(\mu)}{6h} (eV)^3, \qquad
        P_A = \frac{T'(\mu)}{3h} (eV)^3

    for a left-right symmetric scatterer, with T'(mu) by automatic differentiation.

    Args:
        scatterer: any scatterer.
        mu: mean electrochemical potential in meV, any shape.
        bias: eV in meV, broadcasts with `mu`.

    Returns:
        `Dissipation(left, right)` in pW, whose `asymmetry` is P_A; the next terms are of order
        (eV)^4 and, in the asymmetry, (eV)^5.
    """
    value, slope = _derivatives(scatterer, mu, jnp.zeros_like(bias), 1)
    even = CONDUCTANCE_QUANTUM / 2 * value * bias**2
    odd = CONDUCTANCE_QUANTUM / 12 * slope * bias**3
    return Dissipation(even - odd, even + odd)


@batched(_POINTS_AT_ONCE, static=("order",), room="modes")
def low_temperature_correction(scatterer, reservoirs, order=1):
    r"""What a low temperature adds to the dissipated powers, Eqs. (11)-(16).

    .. math::
        \Delta P_L &= -\frac{2}{h} \sum_n \frac{T^{(n)}(\mu_L)}{n!} I_{n+1}
            + \frac{2}{h} \sum_n \frac{T^{(n)}(\mu_R)}{n!} (I_{n+1} - eV I_n) \\
        \Delta P_R &= \frac{2}{h} \sum_n \frac{T^{(n)}(\mu_L)}{n!} (I_{n+1} + eV I_n)
            - \frac{2}{h} \sum_n \frac{T^{(n)}(\mu_R)}{n!} I_{n+1}

    with I_n of Eq. (13) taken at the temperature of its side, and T^(n) by automatic
    differentiation.

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs`, whose fields broadcast.
        order: p, a whole number; every term through (kT)^(2p) is kept. Order 1 is Eqs. (14), (16).

    Returns:
        `Dissipation(left, right)` in pW: P(T) - P(0). The series is asymptotic, and loses its
        power law where mu_L or mu_R is on a threshold.

    Raises:
        ValueError: an order below 1.
    """
    require_count("order", order)
    r, bias = reservoirs, reservoirs.bias
    highest = 2 * order - 1
    # Both sides in one map: the nested derivatives are long to compile.
    at_left, at_right = jnp.transpose(
        jax.vmap(lambda mu: jnp.stack(_derivatives(scatterer, mu, bias, highest)))(
            jnp.stack([r.mu_left, r.mu_right])
        )
    ).T
    kT_left = BOLTZMANN * (r.temperature + r.temperature_bias / 2)
    kT_right = BOLTZMANN * (r.temperature - r.temperature_bias / 2)
    left = right = jnp.zeros_like(bias)
    for n in range(highest + 1):
        i_left, i_next_left = _fermi_moment(n, kT_left), _fermi_moment(n + 1, kT_left)
        i_right, i_next_right = _fermi_moment(n, kT_right), _fermi_moment(n + 1, kT_right)
        t_left, t_right = (t[n] / math.factorial(n) for t in (at_left, at_right))
        left += -t_left * i_next_left + t_right * (i_next_right - bias * i_right)
        right += t_left * (i_next_left + bias * i_left) - t_right * i_next_right
    return Dissipation(CONDUCTANCE_QUANTUM * left, CONDUCTANCE_QUANTUM * right)


def _derivatives(scatterer, energy, bias, highest):
    """T and its energy derivatives up to order `highest`, by nested forward differentiation."""

    def total(energy):
        value = scatterer.total(energy, bias)
        return jnp.where(energy > scatterer.energy_limit(), jnp.nan, value)

    def slope(fun):
        return lambda energy: jax.jvp(fun, (energy,), (jnp.ones_like(energy),))[1]

    derivatives = [total]
    for _ in range(highest):
        derivatives.append(slope(derivatives[-1]))
    return [derivative(energy) for derivative in derivatives]


def _fermi_moment(n, kT):
    """I_n of Eq. (13), the integral of x^n [f(x) - theta(-x)]; zero for even n."""
    if n % 2 == 0:
        return jnp.zeros_like(kT)
    coefficient = (1 - Fraction(1, 2**n)) * abs(_bernoulli(n + 1)) / (n + 1)
    return float(coefficient) * (2 * math.pi * kT) ** (n + 1)


def _bernoulli(n):
    """Bernoulli number B_n, exactly."""
    b = []
    for m in range(n + 1):
        b.append(Fraction(m == 0) - sum(math.comb(m, k) * b[k] / (m - k + 1) for k in range(m)))
    return b[n]
