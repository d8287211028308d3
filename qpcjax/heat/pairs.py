r"""Damping by pairs: the integral over all energies and wavevectors that a carrier gives off.

.. math:: \Gamma = \frac{E_F}{\pi} \int_0^x dw \int dq\,
    \frac{\beta\, [-\mathrm{Im}\, 1/\epsilon(q, w)]}{\sqrt{(2kq)^2 - (w + q^2)^2}}

On shell, at zero temperature; energies in units of E_F, wavevectors in units of k_F. What bounds q
are pairs of numbers whose product is w:

- w/S and S, S = sqrt(1 + w) + 1: the edges of the continuum of pairs;
- w/b and b, b = 1 + sqrt(1 - w): between them pairs give off less, as some of them lie deeper in
  the Fermi sea than w;
- w/l and l, l = k + sqrt(k^2 - w), or k + sqrt(k^2 + w) of a hole: what the carrier can give off.

For small w all pairs nearly coincide. Distances between them are therefore written without
differences of nearly equal numbers, and the rule holds for any x, however small.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

_ENERGIES = 24  # Gauss nodes in a panel of w
_FIRST = 0.03  # where the first panel ends, as a share of where the second one does
_BETWEEN, _EDGES = 112, 76  # nodes in q between the ends of a pair, and between two pairs
_REACH = 26.0  # logarithm of how near to an end they go
_REACH_OF_ROOTS = 42.0  # the same where the integrand is an inverse root


class _Bounds(NamedTuple):
    """The larger numbers of the three pairs, and their distances, at each energy w.

    Where w > 1 the second pair has met: both of its numbers are sqrt(w).
    """

    w: Any
    edge: Any
    inner: Any
    shell: Any
    edge_inner: Any  # edge - inner
    shell_edge: Any
    shell_inner: Any

    def low(self, further, high, other):
        """w/high - w/other, where high - other is `-further`."""
        return self.w * further / (high * other)


def pair_rate(x, screening, hole, merging):
    """Gamma/E_F by pairs, of an electron x above the Fermi energy or of a hole x below it.

    Args:
        x: above 0; for a hole below 1.
        screening: `Screening`.
        hole: whether it is a hole.
        merging: the energy w at which a mode enters the continuum, or any number from x on.
    """
    ends = jnp.stack([jnp.where(x <= 1, x, 1), jnp.where(x <= merging, x, merging)])
    first, second = jnp.min(ends), jnp.max(ends)
    ends = jnp.stack([jnp.zeros_like(x), _FIRST * first, first, second, x])
    start, end = ends[:-1], ends[1:]
    real = end > start
    # A panel of no width is another one, which does not count.
    start, end, x = (jnp.where(real, a, b) for a, b in ((start, 0.1), (end, 0.2), (x, 0.5)))
    rates = jax.vmap(_panel, (0, 0, 0, None, None))(start, end, x, screening, hole)
    return jnp.sum(jnp.where(real, rates, 0)) / np.pi


def _panel(start, end, x, screening, hole):
    """The integral over a panel of energies."""
    s, weight = np.polynomial.legendre.leggauss(_ENERGIES)
    s = (s + 1) / 2
    rule = s**2 * (3 - 2 * s), (1 - s) ** 2 * (1 + 2 * s), 3 * weight * s * (1 - s)
    along, left, weight = (jnp.asarray(a, x.dtype)[:, None] for a in rule)
    width = end - start
    w = start + width * along
    from_one = jnp.where(end <= 1, (1 - end) + width * left, (start - 1) + width * along)
    inner = _wavevectors(w, (x - end) + width * left, from_one, x, screening, hole)
    return width * jnp.sum(weight[:, 0] * inner)


def _wavevectors(w, left, from_one, x, screening, hole):
    """The integral over wavevectors at each energy.

    Args:
        w: energies, (n, 1).
        left: x - w.
        from_one: |1 - w|.
        x: excess energy of the carrier.
        screening: `Screening`.
        hole: whether it is a hole.
    """
    below = w < 1
    k = jnp.sqrt(jnp.where(hole, 1 - x, 1 + x))
    other = jnp.sqrt(jnp.where(hole, 1 - left, 1 + left))
    s, r = jnp.sqrt(1 + w), jnp.sqrt(from_one)
    inner = jnp.where(below, 1 + r, jnp.sqrt(w))
    edge_inner = jnp.where(below, 2 * w / (s + r), s + 1 - inner)
    beyond = left / (k + s) + left / (other + 1)
    short = left / (other + 1) + left / (k + r)  # of a hole
    b = _Bounds(
        *(w, s + 1, inner, k + other, edge_inner),
        shell_edge=jnp.where(hole, -x / (s + other) - x / (1 + k), beyond),
        shell_inner=jnp.where(hole, -short, edge_inner + beyond),
    )

    # Between the ends of a pair: of the inner one, or of a hole's own.
    high = jnp.where(hole, b.shell, jnp.where(below, b.inner, b.edge))
    edge = jnp.where(hole, -b.shell_edge, jnp.where(below, b.edge_inner, 0))
    deep = jnp.where(hole, -b.shell_inner, 0)
    shell = jnp.where(hole, 0, jnp.where(below, b.shell_inner, b.shell_edge))
    low = w / high
    middle = jnp.log(high / low) / 2
    roots = _REACH - jnp.log(jnp.where(x < 1, x, 1)) / 2  # outside the ends by x of them
    reach = jnp.where(hole, _REACH_OF_ROOTS, roots) + middle
    y = jnp.linspace(-1, 1, _BETWEEN, dtype=x.dtype) * reach
    u, v, weight = _shares(y - middle, high - low, 2 * reach / (_BETWEEN - 1))
    between = _Nodes(
        low + u,
        (b.low(edge, high + edge, high) + u) * (edge + v),
        (b.low(deep, high + deep, high) + u) * (deep + v),
        (b.low(shell, high + shell, high) + u) * (shell + v),
        jnp.where(hole | below, weight, 0),
    )

    # Between two pairs, at both edges of the continuum: not for a hole.
    y = jnp.linspace(-_REACH, _REACH, _EDGES, dtype=x.dtype)
    step = jnp.where(hole, 0, jnp.full_like(w, 2 * _REACH / (_EDGES - 1)))
    lower = w / b.edge
    u, v, weight = _shares(y, b.low(edge_inner, b.edge, b.inner), step)
    q = lower + u
    outside = jnp.where(hole, 1, (b.low(beyond, b.shell, b.edge) + u) * (b.shell - q))
    start = _Nodes(q, u * (b.edge - q), -v * (b.inner - q), outside, weight)
    u, v, weight = _shares(y, edge_inner, step)
    q = b.inner + u
    outside = jnp.where(hole, 1, (b.shell_edge + v) * (q - w / b.shell))
    end = _Nodes(q, (q - lower) * v, -u * (q - w / b.inner), outside, weight)

    columns = zip(between, start, end, strict=True)
    nodes = _Nodes(*(jnp.concatenate(parts, axis=1) for parts in columns))
    q, to_edges, to_inner, to_shell, weight = nodes
    minus = jnp.sqrt(to_edges * (q + lower) * (q + b.edge))  # 2q sqrt(1 - n_-^2)
    to_inner = jnp.where(below, to_inner, -((q - 1) ** 2) - from_one)
    plus = to_inner * (q * q + 2 * q + w)
    partly = plus > 0
    plus = jnp.sqrt(jnp.abs(plus))  # 2q sqrt(|1 - n_+^2|)
    beta = screening.at(q, w)
    scale = beta / (2 * q**3)
    real = 1 + beta / q - scale * jnp.where(partly, 0, plus)
    imaginary = scale * jnp.where(partly, 4 * q * q * w / (minus + plus), minus)
    loss = imaginary / (real**2 + imaginary**2)
    phase = jnp.sqrt(to_shell * (q + w / b.shell) * (q + b.shell))
    return jnp.sum(weight * beta * loss / phase, axis=1)


class _Nodes(NamedTuple):
    """Wavevectors with their weights, and the products of their distances to the ends of pairs."""

    q: Any
    to_edges: Any
    to_inner: Any
    to_shell: Any
    weight: Any


def _shares(y, span, step):
    """Distances to both ends of a span, their ratio being exp(y), and the weights."""
    odds = jnp.exp(y)
    u, v = span * odds / (1 + odds), span / (1 + odds)
    return u, v, u * v / span * step
