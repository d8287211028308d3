"""Linear thermoelectric coefficients, and the thermopower of Mott's formula and of two traces.

Thermopower is S = (mu_L - mu_R)/(|e| dT) without a current, dT = T_L - T_R: it is negative where
T(E) rises with E.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics.panels import ORDER
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM
from qpcjax.overviews import brief
from qpcjax.quantities import QUANTITIES
from qpcjax.transport.batching import batched
from qpcjax.transport.error_estimate import finer, quadrature_error
from qpcjax.transport.linear_response import (
    conductance_average,
    conductance_terms,
    in_kernel,
    lost_moments,
)
from qpcjax.transport.transmission import transmission
from qpcjax.validation import number

_with_error = batched(64, static=("order", "with_error"))
_of_kind = batched(64, static=("kind", "order"))

_MICRO = 1e3  # uV in a mV
_SOMMERFELD = math.pi**2 / 3
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
    x = in_kernel(y, mu, BOLTZMANN * temperature)
    weight = kernel / jnp.sum(kernel)
    zeroth = weight * t
    # At T = 0 the nodes stand at mu, where <x^2> is pi^2/3; or on the sides of a jump.
    second = jnp.where(y == 0, _SOMMERFELD * zeroth, zeroth * x**2)
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

    The limits at T = 0 are exact: S = 0 and a Lorenz ratio of 1, or where T(E) jumps at mu those of
    the jump, such as S = -2 ln 2 k_B/e on a first step.

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
