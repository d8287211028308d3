r"""The sectors of a channel whose hard walls \|y\| = w(x) are smooth.

With y = w(x) eta the channel is a strip. In the modes chi_n = s_n(eta)/sqrt(w) of the width at x
the wave psi = sum_n phi_n(x) chi_n obeys, since d chi_m/dx = -(w'/w)(eta d/d eta + 1/2) chi_m,

.. math::
    (\partial_x + P)^2 \phi = [U(x) - k^2] \phi, \quad P = -\frac{w'}{w} A, \quad
    A_{nm} = \langle s_n | \eta \partial_\eta + \tfrac12 | s_m \rangle.

A does not depend on x and is antisymmetric, so that phi = exp(A ln(w(x)/w_mid)) phi~ removes P
exactly: the modes are stretched back to the width in the middle of the sector, and phi~'' =
exp(-A ln) U exp(A ln) phi~ is the equation of a strip. Between neighbours lies
exp(A ln(w_i/w_j)), as the phase of the gauge in a magnetic field does. With the modes
of a Galerkin method

.. math::
    U = \frac{\langle s_n' | s_m' \rangle}{w^2} + \frac{V}{C} + \frac{w'^2}{w^2}
    \left(\langle (\eta\partial_\eta + \tfrac12) s_n | (\eta\partial_\eta + \tfrac12) s_m \rangle
    - A^T A\right),

the last term being what the derivative has outside the modes.

Sine functions alone converge as M^-3: at a sloping wall the second derivative of psi by eta is not
0, as theirs is. Two of the M functions are therefore (1 - eta^2) and eta (1 - eta^2), made
orthogonal to the M - 2 sine functions: 1e-6 then needs 16 functions instead of 32.
"""

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics.eigen import eigh
from qpcjax.potentials.sectors import Sectors, joined, split_levels, times

SUPPLEMENTS = 2
"""Functions across beside the sine functions."""


class Walls(NamedTuple):
    """The walls along a region, in shares of its width and half length.

    Fields:
        ratio: w(x)/w(-X) `along` the region, shape (2 N + 1,).
        slope: X w'(x)/w(x), of the same shape.
    """

    ratio: Any
    slope: Any


class _Functions(NamedTuple):
    """The functions across and their matrices, in u = y/W from -1/2 to 1/2.

    Fields:
        mixture: of the sine functions and the two polynomials in the last two functions, shape
            (2, M).
        kinetic: <s_n'|s_n'>; the others are 0.
        outside: what u d/du + 1/2 has outside the functions, shape (M, M).
        vectors: U of A = U diag(i rates) U^+, its real and its imaginary part.
        rates: shape (M,).
    """

    mixture: Any
    kinetic: Any
    outside: Any
    vectors: tuple[Any, Any]
    rates: Any


@functools.lru_cache(maxsize=32)
def _functions(modes) -> _Functions:
    count = modes - SUPPLEMENTS
    nodes, weights = np.polynomial.legendre.leggauss(3 * modes + 60)
    nodes, weights = nodes / 2, weights / 2
    n = np.arange(1, count + 1) * np.pi
    values = math.sqrt(2) * np.sin((nodes[:, None] + 0.5) * n)
    slopes = math.sqrt(2) * n * np.cos((nodes[:, None] + 0.5) * n)
    values, slopes = (
        np.column_stack([a, b]) for a, b in zip((values, slopes), _polynomials(nodes), strict=True)
    )
    mixture = np.zeros((SUPPLEMENTS, modes))
    for k in range(SUPPLEMENTS):
        mixture[k, count + k] = 1.0
        for _ in range(3):  # what rounding leaves of the sine functions goes with the next pass
            mixture[k, :count] -= values[:, :count].T @ (weights * (values @ mixture[k]))
            mixture[k] /= math.sqrt(weights @ (values @ mixture[k]) ** 2)
    values = np.column_stack([values[:, :count], values @ mixture.T])
    slopes = np.column_stack([slopes[:, :count], slopes @ mixture.T])
    stretched = nodes[:, None] * slopes + values / 2
    inside = values.T @ (weights[:, None] * stretched)
    inside = (inside - inside.T) / 2
    outside = stretched.T @ (weights[:, None] * stretched) - inside.T @ inside
    rates, vectors = np.linalg.eigh(-1j * inside)
    kinetic = weights @ slopes**2
    return _Functions(mixture, kinetic, outside, (np.real(vectors), np.imag(vectors)), rates)


def _polynomials(u, xp: Any = np):
    """Values and slopes of 1/4 - u^2 and u (1/4 - u^2), each of shape (points, 2)."""
    values = xp.stack([0.25 - u**2, u * (0.25 - u**2)], axis=1)
    return values, xp.stack([-2 * u, 0.25 - 3 * u**2], axis=1)


def functions_at(modes: int, places: Any, xp: Any = jnp) -> Any:
    """The functions across at places y/W, shape (places, modes), normalised over y/W.

    Args:
        modes: M, two more than there are sine functions.
        places: y/W from -1/2 to 1/2.
        xp: NumPy, or JAX's form of it.
    """
    places = xp.asarray(places)
    count = modes - SUPPLEMENTS
    n = xp.asarray(np.arange(1, count + 1) * np.pi, places.dtype)
    waves = math.sqrt(2) * xp.sin((places[:, None] + 0.5) * n)
    values = xp.concatenate([waves, _polynomials(places, xp)[0]], axis=1)
    return xp.concatenate(
        [waves, times(values, xp.asarray(_functions(modes).mixture.T, places.dtype))], axis=1
    )


def stretched(vectors: Any, logarithm: Any, xp: Any = jnp) -> Any:
    """exp(A ln) of coefficients of the functions across.

    Args:
        vectors: coefficients, shape (k, M, m).
        logarithm: ln of the width at which they are wanted over that at which they are, shape (k,).
        xp: NumPy, or JAX's form of it.
    """
    found = _functions(vectors.shape[-2])
    real, imag, rates = (xp.asarray(x, vectors.dtype) for x in (*found.vectors, found.rates))
    angle = (logarithm[:, None] * rates)[:, None, :]
    cos, sin = xp.cos(angle), xp.sin(angle)
    onto = xp.concatenate([real * cos - imag * sin, real * sin + imag * cos], axis=2)
    return times(onto, times(xp.concatenate([real, imag], axis=1).T, vectors))


def walled_sectors(
    values,
    rule,
    half_length,
    width,
    walls,
    scale,
    modes,
    profiles=False,
    xp: Any = jnp,
) -> Sectors:
    """The sectors of a channel, with all modes.

    Args:
        values: V in meV at x `along` and y = u W(x), shape (2 N + 1, points), N even.
        rule: the nodes u and weights `across`.
        half_length: X in nm.
        width: W(-X) = 2 w(-X) in nm.
        walls: the `Walls`.
        scale: C = hbar^2/2m in meV nm^2.
        modes: M.
        profiles: whether V at the two ends goes on into the leads; otherwise V = 0 there.
        xp: NumPy, or JAX's form of it.
    """
    values = xp.asarray(values)
    dtype, found = values.dtype, _functions(modes)
    nodes, weights = (xp.asarray(x, dtype) for x in rule)
    shown = functions_at(modes, nodes, xp)
    pairs = ((weights[:, None] * shown)[:, :, None] * shown[:, None, :]).reshape(-1, modes**2)
    of_values = times(split_levels(values, nodes, xp), pairs).reshape(-1, modes, modes)
    ratio, slope = (xp.asarray(x, dtype) for x in walls)
    one, outside = xp.eye(modes, dtype=dtype), xp.asarray(found.outside, dtype)
    free = xp.asarray(found.kinetic, dtype) / (width * ratio[:, None]) ** 2
    beyond = ((slope / half_length) ** 2)[:, None, None] * outside
    matrices = of_values / scale + free[:, :, None] * one + beyond

    own, ends = matrices[1::2], matrices[::2]
    count = own.shape[0]
    if profiles:
        flat = ends[np.array([0, -1])] - beyond[np.array([0, -1])]
        own = xp.concatenate([own, flat])
    levels, vectors = np.linalg.eigh(own) if xp is np else jax.vmap(eigh)(own)
    if profiles:
        lead_levels, lead_modes = levels[count:], vectors[count:]
        levels, vectors = levels[:count], vectors[:count]
    else:
        lead_levels = xp.stack([free[0], free[-1]])
        lead_modes = xp.broadcast_to(one, (2, modes, modes))

    log = xp.log(ratio)
    middle, node = log[1::2], log[::2]
    diagonal = levels[:, :, None] * one
    turned = xp.swapaxes(vectors, 1, 2)

    def at_end(matrices, logarithm):
        moved = stretched(vectors, logarithm - middle, xp)
        return times(xp.swapaxes(moved, 1, 2), matrices, moved) - diagonal

    def carried(turned, vectors, logarithm):
        return times(turned, stretched(vectors, logarithm, xp))

    return joined(
        vectors,
        levels,
        at_end(ends[:-1], node[:-1]),
        at_end(ends[1:], node[1:]),
        carried(turned[1:], vectors[:-1], middle[1:] - middle[:-1]),
        carried(turned[:1], lead_modes[:1], middle[:1] - node[:1]),
        carried(turned[-1:], lead_modes[1:], middle[-1:] - node[-1:]),
        lead_modes,
        lead_levels,
        2 * half_length / count,
        xp,
    )
