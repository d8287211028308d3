r"""Current and heat over a map of mu and bias, at one geometry and one temperature.

With both sides at one temperature f_L - f_R is an integral of -f' over the electrochemical
potential s from mu_R to mu_L, so that the moments of a point (mu, eV) are

.. math::
    M_0 = \int_{\mu_R}^{\mu_L} ds\, \bar T(s), \qquad
    M_1 = \int_{\mu_R}^{\mu_L} ds\, [(s - \mu)\, \bar T(s) + U(s)], \\
    \bar T(s) = \int dE\, T(E) \left(-\frac{\partial f}{\partial E}\right)_s, \qquad
    U(s) = \int dE\, (E - s)\, T(E) \left(-\frac{\partial f}{\partial E}\right)_s .

Both functions of s are tabulated once, as polynomials between the energies at which they are not
smooth, and every point of the map is a difference of their antiderivatives. Antiderivatives count
from the start of their own piece, and differences within a piece come from a recurrence for the
differences: subtracted at last, they would have lost the digits of a small bias.
"""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics.blocks import in_blocks
from qpcjax._numerics.panels import ORDER, panel_ends, rough_ends
from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM
from qpcjax.overviews import brief
from qpcjax.scatterers.search import over
from qpcjax.scatterers.users import as_scatterer
from qpcjax.transport.batching import same_dtype
from qpcjax.transport.linear_response import conductance_terms
from qpcjax.transport.reservoirs import Dissipation
from qpcjax.transport.window import REACH
from qpcjax.validation import concrete, meaningful

_NODES = 16  # of T-bar and U in half a panel
_PIECES = 8  # polynomials in half a panel
_DEGREE = 7  # of T-bar and U in a piece, in the coordinate of its panel
_TERMS = _DEGREE + 4  # of the antiderivatives: ds has one degree more, s - a two

# Where T-bar bends around a threshold, in kT.
_THERMAL_EDGES = np.array([-24.0, -11.0, -5.0, -2.0, 0.0, 2.0, 5.0, 11.0, 24.0])

_AT_ONCE = 1 << 21  # points of the map evaluated side by side
_NODES_AT_ONCE = 256  # thermal averages side by side


class TransportMap(NamedTuple):
    """Current in nA and dissipation in pW at every point of a map."""

    current: jax.Array
    dissipation: Dissipation

    def __repr__(self):
        return brief(self, {"current": "nA"})


class _Pieces(NamedTuple):
    """T-bar and U as polynomials in pieces, in the order of their energies.

    Fields:
        start: energy at which a piece starts, and from where its first moment counts.
        panel: energy at which its half panel starts.
        width: width of the half panel.
        kind: 1 or 2 where T-bar has a square root or a 3/2 power at its start or its end.
        number: number of the piece in its half panel.
        series: Chebyshev coefficients 1 ... _TERMS of the two antiderivatives.
        below: the two moments of all pieces before, as sums of a large and a small part.
        origin: energy from where the first moments of `below` count.
        valid: whether everything in the piece is known.
    """

    start: jax.Array
    panel: jax.Array
    width: jax.Array
    kind: jax.Array
    number: jax.Array
    series: tuple[jax.Array, jax.Array]
    below: tuple[tuple[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]
    origin: jax.Array
    valid: jax.Array


def transport_map(scatterer, reservoirs, order=ORDER):
    r"""Current and dissipation over any number of mu and bias, at one temperature.

    The same integrals as `current` and `dissipation`, Eqs. (1)-(5), point by point far cheaper:
    the work at the energies is done once for the whole map. Differentiable by everything.

    Args:
        scatterer: any scatterer whose T(E) does not depend on the bias.
        reservoirs: `Reservoirs` whose mu and bias broadcast, for instance mu of shape (n, 1) and
            bias of shape (m,) for a map of shape (n, m); temperature is a scalar, and there is no
            temperature bias.
        order: Gauss nodes in a panel of the thermal averages.

    Returns:
        `TransportMap(current, dissipation)`, in nA and pW: NaN where `dissipation` is.

    Raises:
        ValueError: temperatures differ, or T(E, V) depends on the bias.
    """
    scatterer = as_scatterer(scatterer)
    if np.shape(reservoirs.temperature) != ():
        raise ValueError(
            "transport_map takes one temperature, a scalar, got shape "
            f"{np.shape(reservoirs.temperature)}: make a map for each, or use qpcjax.dissipation"
        )
    difference = concrete(reservoirs.temperature_bias)
    if difference is None or np.any(difference != 0):
        raise ValueError(
            "transport_map needs the same temperature on both sides, temperature_bias = 0: "
            "with a difference use qpcjax.dissipation"
        )
    cold = concrete(reservoirs.temperature)
    result, follows = _transport_map(
        scatterer,
        reservoirs.mu,
        reservoirs.bias,
        reservoirs.temperature,
        order=order,
        cold=cold is not None and bool(cold == 0),
    )
    if concrete(follows):
        raise ValueError(
            f"transport_map needs a T(E) that does not depend on the bias, unlike that of "
            f"{type(scatterer).__name__}: use qpcjax.dissipation"
        )
    return result


@functools.partial(jax.jit, static_argnames=("order", "cold"))
def _transport_map(scatterer, mu, bias, temperature, order, cold):
    scatterer, mu, bias, temperature = same_dtype([scatterer, mu, bias, temperature])
    scatterer = scatterer.settled()
    shape = jnp.broadcast_shapes(mu.shape, bias.shape)
    if math.prod(shape) == 0:
        empty = jnp.zeros(shape, mu.dtype)
        return TransportMap(empty, Dissipation(empty, empty)), jnp.asarray(False)
    follows = _follows_bias(scatterer, mu, bias)
    pieces = _tabulate(scatterer, mu, bias, temperature, order, cold)
    mu, bias = (jnp.broadcast_to(x, shape).reshape(-1) for x in (mu, bias))
    values = in_blocks(lambda point: _moments(pieces, *point), [mu, bias], _AT_ONCE)
    held = ~follows & meaningful(scatterer, temperature)
    unit = jnp.where(held, CONDUCTANCE_QUANTUM, jnp.nan).astype(mu.dtype)
    zeroth, first = (unit * v.reshape(shape) for v in values)
    even = bias.reshape(shape) / 2 * zeroth
    return TransportMap(zeroth, Dissipation(even - first, even + first)), follows


def _follows_bias(scatterer, mu, bias):
    """Whether T(E, V) differs between no bias and the largest one, at some energies of the map."""
    largest = jnp.nanmax(jnp.abs(bias))
    share = jnp.asarray(np.linspace(0, 1, 16), mu.dtype)
    energy = jnp.nanmin(mu) + (jnp.nanmax(mu) - jnp.nanmin(mu) + largest) * share
    numbers = jax.lax.stop_gradient((scatterer, energy, largest))
    scatterer, energy, largest = numbers
    t = [jax.vmap(lambda e, v=v: scatterer.total(e, v))(energy) for v in (0 * largest, largest)]
    return jnp.any((t[0] != t[1]) & ~(jnp.isnan(t[0]) & jnp.isnan(t[1])))


# --- the table ------------------------------------------------------------------------------


def _tabulate(scatterer, mu, bias, temperature, order, cold):
    """`_Pieces` from the lowest to the highest electrochemical potential of a map."""
    half = jnp.abs(bias) / 2
    lowest, highest = jax.lax.stop_gradient((jnp.nanmin(mu - half), jnp.nanmax(mu + half)))
    middle = (lowest + highest) / 2
    reach = (highest - lowest) / 2
    if not cold:
        reach = reach + REACH * BOLTZMANN * jax.lax.stop_gradient(temperature)
    window = middle - reach, middle + reach
    scatterer = over(scatterer, *window, jnp.zeros_like(middle), reach, 0 * reach, middle)
    # A hair more: the highest potential must not stand in the empty panels that end the table.
    highest = highest + 16 * jnp.finfo(mu.dtype).eps * jnp.abs(highest)
    thresholds, edges = scatterer.thresholds(), scatterer.panel_edges()
    if not cold:
        kT = BOLTZMANN * temperature
        around = thresholds[:, None] + kT * _THERMAL_EDGES.astype(mu.dtype)
        edges = jnp.concatenate([edges, around.reshape(-1)])
    ends = panel_ends(*jax.lax.stop_gradient((thresholds, edges)), lowest, highest)
    # Halves of panels: only one end of them is rough.
    middles = (ends[:-1] + ends[1:]) / 2
    ends = jnp.concatenate([jnp.stack([ends[:-1], middles], axis=1).reshape(-1), ends[-1:]])
    rough_start, rough_end = rough_ends(ends, jax.lax.stop_gradient(thresholds))
    kind = jnp.where(rough_start, 1, jnp.where(rough_end, 2, 0))
    start, width = ends[:-1], jnp.diff(ends)

    t, *tables = _antiderivatives()
    t = jnp.asarray(t, mu.dtype)
    zeroth_table, first_table = (jnp.asarray(table, mu.dtype)[kind] for table in tables)
    inside = _bent(kind[:, None], t)
    energy = start[:, None] + width[:, None] * inside
    transmission, shift, valid = _averages(scatterer, energy, temperature, order, cold)

    def series(values, table):
        # Shape (_TERMS, pieces), the pieces of all panels one after the other.
        return jnp.einsum("pn,pjkn->kpj", values, table, precision="highest").reshape(_TERMS, -1)

    def repeated(x):
        return jnp.repeat(x, _PIECES)

    h = width[:, None]
    both = (
        series(h * transmission, zeroth_table),
        series(h * h * transmission, first_table) + series(h * shift, zeroth_table),
    )
    panel, width, kind = repeated(start), repeated(width), repeated(kind)
    number = jnp.tile(jnp.arange(_PIECES, dtype=mu.dtype), h.size)
    start = panel + width * _bent(kind, number / _PIECES)
    # T_k(1) - T_k(-1) is 2 for odd k.
    zeroth, first = (2 * jnp.sum(s[::2], axis=0) for s in both)
    origin = (lowest + highest) / 2
    below = _summed(zeroth), _summed(first + (start - origin) * zeroth)
    return _Pieces(start, panel, width, kind, number, both, below, origin, repeated(valid))


def _bent(kind, t):
    """Place in a half panel, from 0 to 1: nodes crowd at its rough end."""
    return jnp.where(kind == 0, t, jnp.where(kind == 1, t * t, t * (2 - t)))


def _averages(scatterer, energy, temperature, order, cold):
    """T-bar and U at potentials of shape (panels, nodes), and in which panels they are known."""
    shape = energy.shape
    if cold:
        t = scatterer.transmissions(energy.reshape(-1), bulk=scatterer.in_one_kernel)
        t = t.reshape(shape)
        known = (energy <= scatterer.energy_limit()) & (energy >= scatterer.energy_floor())
        known = known & scatterer.resolved()
        t = jnp.where(known, t, 0)
        return t, jnp.zeros_like(t), jnp.all(known, axis=1)

    @jax.vmap
    def average(s):
        y, kernel, t, valid = conductance_terms(scatterer, s, temperature, order)
        passed = kernel * t / jnp.sum(kernel)
        zeroth, first = jnp.sum(passed), jnp.sum(y * passed)
        return jnp.where(valid, zeroth, 0), jnp.where(valid, first, 0), valid

    at_once = max(1, _NODES_AT_ONCE // scatterer.memory)
    zeroth, first, known = in_blocks(lambda s: average(*s), [energy.reshape(-1)], at_once)
    return zeroth.reshape(shape), first.reshape(shape), jnp.all(known.reshape(shape), axis=1)


@functools.cache
def _antiderivatives():
    """Gauss nodes t of a half panel, and the maps from values there to the antiderivatives.

    T-bar is one polynomial in a piece, and both moments are its exact integrals: if each had its
    own interpolant, their difference would count as much as a small bias.

    Returns:
        t in [0, 1] and, for a panel of width 1, two arrays (kinds, _PIECES, _TERMS, _NODES): from
        values to the coefficients 1 ... _TERMS of the Chebyshev series of the integral of T-bar
        over s, and of (s - a) T-bar with the start a of the piece.
    """
    chebyshev, legendre = np.polynomial.chebyshev, np.polynomial.legendre
    x, _ = legendre.leggauss(_NODES)
    inner = np.cos(math.pi * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1))
    to_legendre = np.linalg.inv(legendre.legvander(x, _NODES - 1))
    to_chebyshev = np.linalg.inv(chebyshev.chebvander(inner, _DEGREE))

    def integrated(polynomials, factor):
        columns = [
            chebyshev.chebint(chebyshev.chebmul(column, factor))[1:] / (2 * _PIECES)
            for column in polynomials.T
        ]
        return np.stack([np.pad(c, (0, _TERMS - c.size)) for c in columns], axis=1)

    bends = ([0, 1], [0, 0, 1], [0, 2, -1])  # the place in the panel as a polynomial in t
    zeroth, first = (np.empty((len(bends), _PIECES, _TERMS, _NODES)) for _ in range(2))
    for j in range(_PIECES):
        at = 2 * (j + (inner + 1) / 2) / _PIECES - 1
        piece = to_chebyshev @ legendre.legvander(at, _NODES - 1) @ to_legendre
        t = np.array([(j + 0.5) / _PIECES, 0.5 / _PIECES])  # as a series in the piece's place
        for kind, bend in enumerate(bends):
            place = functools.reduce(
                lambda value, c, t=t: chebyshev.chebadd(chebyshev.chebmul(value, t), [c]),
                bend[::-1],
                np.zeros(1),
            )
            slope = chebyshev.chebder(place) * (2 * _PIECES)
            place[0] -= chebyshev.chebval(-1, place)
            zeroth[kind, j] = integrated(piece, slope)
            first[kind, j] = integrated(piece, chebyshev.chebmul(slope, place))
    return (x + 1) / 2, zeroth, first


def _summed(values):
    """Sums of all values before each, as pairs of a large part and its rounding error."""

    def add(carry, value):
        large, small = carry
        total = large + value
        back = total - large
        lost = (large - (total - back)) + (value - back)
        return (total, small + lost), carry

    zero = jnp.zeros((), values.dtype)
    return jax.lax.scan(add, (zero, zero), values)[1]


# --- a point of the map ---------------------------------------------------------------------


def _moments(pieces, mu, bias):
    """M_0 and M_1 in meV and meV^2 at points of shape (n,)."""
    backward = bias < 0
    half = jnp.where(backward, -bias, bias) / 2
    right, x_right = _locate(pieces, mu - half)
    left, x_left = _locate(pieces, mu + half)
    same = left == right
    end = jnp.ones_like(mu)

    def about_mu(piece, a, b):
        zeroth, first = _between(pieces, piece, a, b)
        return zeroth, first + (_at(pieces.start, piece) - mu) * zeroth

    lower = about_mu(right, x_right, jnp.where(same, x_left, end))
    upper = about_mu(left, -end, jnp.where(same, -end, x_left))
    # What lies between: nothing where the two pieces are the same or neighbours.
    following = jnp.where(same, left, right + 1)
    zeroth, first = (
        (_at(large, left) - _at(large, following)) + (_at(small, left) - _at(small, following))
        for large, small in pieces.below
    )
    first = first + (pieces.origin - mu) * zeroth
    valid = _at(pieces.valid, left) & _at(pieces.valid, right)
    sign = jnp.where(backward, -1, 1).astype(mu.dtype)
    return tuple(
        jnp.where(valid, sign * (a + b + c), jnp.nan)
        for a, b, c in zip((zeroth, first), lower, upper, strict=True)
    )


def _at(column, piece):
    """Entries of one column of the table: whole columns keep XLA in a single loop."""
    return column.at[piece].get(mode="promise_in_bounds")


def _locate(pieces, energy):
    """The piece that holds an energy, and its place there from -1 to 1."""
    found = jnp.searchsorted(pieces.start, jax.lax.stop_gradient(energy), side="right")
    piece = jnp.clip(found - 1, 0, pieces.start.size - 1)
    width, kind = _at(pieces.width, piece), _at(pieces.kind, piece)
    u = (energy - _at(pieces.panel, piece)) / jnp.where(width == 0, 1, width)
    u = jnp.where(width == 0, 0, u)
    # On a rough end itself the root has no derivative, but the integral has: a hair away from it.
    from_end = jnp.where(kind == 2, 1 - u, u)
    least = jnp.finfo(u.dtype).eps
    at_end = from_end < least
    from_end = jnp.where(at_end, least + from_end - jax.lax.stop_gradient(from_end), from_end)
    root = jnp.sqrt(jnp.where(kind == 0, 1, from_end))
    t = jnp.where(kind == 0, u, jnp.where(kind == 1, root, 1 - root))
    return piece, 2 * (_PIECES * t - _at(pieces.number, piece)) - 1


def _between(pieces, piece, a, b):
    """Differences of a piece's two antiderivatives between its places a and b.

    With D_k = [T_k(b) - T_k(a)]/(b - a) and S_k = T_k(b) + T_k(a):
    D_{k+1} = (a + b) D_k + S_k - D_{k-1} and S_{k+1} = (a + b) S_k + (b - a)^2 D_k - S_{k-1}.
    """
    gap, double = b - a, a + b
    square = gap * gap
    differences, sums = [jnp.zeros_like(a), jnp.ones_like(a)], [jnp.full_like(a, 2), double]
    for _ in range(_TERMS - 1):
        further = double * differences[-1] + sums[-1] - differences[-2]
        sums.append(double * sums[-1] + square * differences[-1] - sums[-2])
        differences.append(further)
    return tuple(
        gap * sum(_at(series[k], piece) * differences[k + 1] for k in range(_TERMS))
        for series in pieces.series
    )
