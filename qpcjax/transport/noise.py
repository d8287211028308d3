"""Noise of current and heat, Fano factors and cumulants of the charge.

Spectral densities are one-sided, S = 2 int <dI(0) dI(t)> dt: equilibrium gives 4 k T G. Other
libraries may print half of it.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from qpcjax._numerics.panels import ORDER
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM, NOISE_QUANTUM, SCHOTTKY
from qpcjax.overviews import brief
from qpcjax.transport.batching import batched
from qpcjax.transport.error_estimate import integral_error
from qpcjax.transport.integrals import Integrand, integral, transport_moments

_with_error = batched(64, static=("order", "with_error"))
_of_kind = batched(64, static=("kind", "order"))
_of_order = batched(64, static=("order",))


class Noise(NamedTuple):
    """Noise of the current I and of the powers P_L and P_R at zero frequency, one-sided.

    Fields:
        current: of I, in fA^2/Hz.
        left: of P_L, in aW^2/Hz.
        right: of P_R, in aW^2/Hz.
        left_right: mixed, of P_L and P_R, in aW^2/Hz.
        current_left: mixed, of I and P_L, in fA aW/Hz.
        current_right: mixed, of I and P_R, in fA aW/Hz.
        thermal: the part of `current` that T_n [f_L (1 - f_L) + f_R (1 - f_R)] makes, in fA^2/Hz.
        shot: the part that T_n (1 - T_n) (f_L - f_R)^2 makes, in fA^2/Hz.
    """

    current: jax.Array
    left: jax.Array
    right: jax.Array
    left_right: jax.Array
    current_left: jax.Array
    current_right: jax.Array
    thermal: jax.Array
    shot: jax.Array

    def __repr__(self):
        return brief(self, _UNITS)


_UNITS = {
    "current": "fA^2/Hz",
    "left": "aW^2/Hz",
    "right": "aW^2/Hz",
    "left_right": "aW^2/Hz",
    "current_left": "fA aW/Hz",
    "current_right": "fA aW/Hz",
    "thermal": "fA^2/Hz",
    "shot": "fA^2/Hz",
}


def _fluctuations(energies):
    passed, partition = energies.over_modes(lambda t: (t, t * (1 - t)))
    left, right = energies.left, energies.right
    thermal = passed * (left * (1 - left) + right * (1 - right))
    shot = partition * energies.difference**2
    both = thermal + shot
    first = energies.offset * both
    return thermal, shot, first, energies.offset * first


_FLUCTUATIONS = Integrand(_fluctuations, powers=(0, 0, 1, 2))


def noise_of_moments(bias, thermal, shot, first, second) -> Noise:
    """`Noise` from the integrals B_0 (its two parts), B_1 and B_2, in meV to meV^3.

    It is linear in them, so that the same combinations hold for their errors.
    """
    h, zeroth = bias / 2, thermal + shot
    numbers = (
        zeroth,
        h**2 * zeroth - 2 * h * first + second,
        h**2 * zeroth + 2 * h * first + second,
        h**2 * zeroth - second,
        h * zeroth - first,
        h * zeroth + first,
        thermal,
        shot,
    )
    return Noise(*(NOISE_QUANTUM * x for x in numbers))


def _numbers(reservoirs):
    r = reservoirs
    return r.mu, r.bias, r.temperature, r.temperature_bias


@_with_error
def noise(scatterer, reservoirs, order=ORDER, with_error=False):
    r"""Noise of current and heat at zero frequency.

    With :math:`F_n = T_n [f_L (1 - f_L) + f_R (1 - f_R)] + T_n (1 - T_n) (f_L - f_R)^2`,
    :math:`B_j = \int dE\, (E - \mu)^j \sum_n F_n` and :math:`h = eV/2`

    .. math::
        S_I = \frac{4 e^2}{h} B_0, \quad
        S_{P_{L,R}} = \frac{4}{h} (h^2 B_0 \mp 2 h B_1 + B_2), \quad
        S_{P_L P_R} = \frac{4}{h} (h^2 B_0 - B_2), \quad
        S_{I P_{L,R}} = \frac{4 e}{h} (h B_0 \mp B_1)

    for spin-degenerate modes, with Planck's constant h in front of the brackets. Where a scatterer
    has eigenvalues of each spin, such as `ZeemanSplit`, each spin counts one half.

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs`, whose fields broadcast.
        order: Gauss nodes in a panel of the quadrature.
        with_error: whether an estimate of the quadrature's error is returned as well.

    Returns:
        `Noise`, one-sided: 4 k T G in equilibrium. With an error: the pair of it and a `Noise` of
        the errors.

    References:
        M. Buttiker, Phys. Rev. B 46, 12485 (1992); Ya. M. Blanter and M. Buttiker, Phys. Rep. 336,
        1 (2000).
    """
    moments = integral(_FLUCTUATIONS, scatterer, *_numbers(reservoirs), order)
    value = noise_of_moments(reservoirs.bias, *moments)
    if not with_error:
        return value
    units = jnp.eye(len(moments), dtype=jnp.result_type(*moments))
    columns = [noise_of_moments(reservoirs.bias, *unit) for unit in units]
    combinations = list(zip(*columns, strict=True))
    numbers = _numbers(reservoirs)
    return value, Noise(*integral_error(_FLUCTUATIONS, scatterer, *numbers, combinations, order))


@_of_kind
def fano_factor(scatterer, reservoirs, kind="plain", order=ORDER):
    r"""Fano factor of the current.

    "plain" is :math:`S_I/2e|I|`; "excess" takes off what equilibrium and temperature explain,

    .. math:: \frac{S_I(V) - S_I(0)}{2e|I| [\coth|y| - 1/|y|]}, \quad y = \frac{eV}{2 k_B T}

    which is :math:`\sum_n T_n (1 - T_n)/\sum_n T_n` where T is flat over the window. Where it is
    not, the excess may leave the range from 0 to 1: it is not clipped.

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs`, whose fields broadcast.
        kind: "plain" or "excess".
        order: Gauss nodes in a panel of the quadrature.

    Returns:
        A pure number; NaN at eV = 0, and for the excess where T_L and T_R differ.

    Raises:
        ValueError: another kind.
    """
    if kind not in ("plain", "excess"):
        raise ValueError(f'kind must be "plain" or "excess", got {kind!r}')
    mu, bias, temperature, difference = _numbers(reservoirs)
    zeroth, _ = transport_moments(scatterer, mu, bias, temperature, difference, order)
    thermal, shot, *_ = integral(_FLUCTUATIONS, scatterer, mu, bias, temperature, difference, order)
    schottky = SCHOTTKY * CONDUCTANCE_QUANTUM * jnp.abs(zeroth)
    schottky = jnp.where((zeroth == 0) | (bias == 0), jnp.nan, schottky)
    if kind == "plain":
        return NOISE_QUANTUM * (thermal + shot) / schottky
    quiet, _, *_ = integral(
        _FLUCTUATIONS, scatterer, mu, jnp.zeros_like(bias), temperature, difference, order
    )
    cold = temperature == 0
    y = jnp.abs(bias) / jnp.where(cold, 1, 2 * BOLTZMANN * temperature)
    small = y < 1e-2
    large = jnp.where(small, 1, y)
    crossover = jnp.where(small, y / 3 - y**3 / 45, 1 / jnp.tanh(large) - 1 / large)
    crossover = jnp.where(cold, 1, crossover)
    excess = NOISE_QUANTUM * (thermal + shot - quiet) / (schottky * crossover)
    return jnp.where(difference == 0, excess, jnp.nan)


def _counts(energies):
    t1, t2, t3, t4 = energies.over_modes(lambda t: (t, t**2, t**3, t**4))
    # One electron to the right with probability p = T f_L (1 - f_R), one to the left with q, else
    # none: a = (p - q)/T and b = (p + q)/T.
    left, right, a = energies.left, energies.right, energies.difference
    b = left * (1 - right) + right * (1 - left)
    return (
        t1 * a,
        t1 * b - t2 * a**2,
        t1 * a - 3 * t2 * a * b + 2 * t3 * a**3,
        t1 * b - t2 * (4 * a**2 + 3 * b**2) + 12 * t3 * a**2 * b - 6 * t4 * a**4,
    )


_CUMULANTS = Integrand(_counts)


@_of_order
def cumulants(scatterer, reservoirs, order=ORDER):
    r"""The first four cumulants of the transferred charge, per time.

    .. math:: \kappa_k = \frac{d^k}{dx^k} \int dE \sum_n \ln\{1 + T_n f_L (1 - f_R)(e^x - 1)
              + T_n f_R (1 - f_L)(e^{-x} - 1)\} \Big|_{x = 0}

    in units of 2/h for charges e: I is 2e/h times the first, S_I is 4e^2/h times the second.

    Args:
        scatterer: any scatterer.
        reservoirs: `Reservoirs`, whose fields broadcast.
        order: Gauss nodes in a panel of the quadrature.

    Returns:
        Four arrays in meV.

    References:
        L. S. Levitov and G. B. Lesovik, JETP Lett. 58, 230 (1993).
    """
    return tuple(integral(_CUMULANTS, scatterer, *_numbers(reservoirs), order))
