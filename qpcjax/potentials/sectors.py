r"""The sectors of a strip: what a potential gives the scattering problem once, for all energies.

Across the strip |y| < W/2 waves are sums of M sine functions, and the region |x| < X is cut into N
sectors. In the middle of each one the transverse Hamiltonian is diagonal in the sector's own modes,

.. math:: O^T [Q^2 + V(x_{mid})/C] O = \mathrm{diag}(\lambda), \quad Q_n = n\pi/W,

and what the Hamiltonian differs by at its ends acts there as kicks, by Simpson's rule,

.. math:: Q_{a,b} = \tfrac{H}{6} \left[O^T (Q^2 + V(x_{a,b})/C) O - \mathrm{diag}(\lambda)\right].

Of the M modes of a sector the m lowest are kept: electrons do not reach those far above them.

With a magnetic field the gauge A_y(x) is 0 in the middle of each sector: there the matrix is that
without a field, and neighbours are related by :math:`O_i^T e^{-i(\theta_i - \theta_j)y} O_j`.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics.eigen import eigh
from qpcjax._numerics.small_matrices import product

# Levels that are equal have no eigenvectors to differentiate: a slope this small parts them.
_SPLITTING = 1e-8  # meV across the strip

_LEAST = 6  # nodes between two kinks


class Sectors(NamedTuple):
    """Matrices of the sectors, in 1/nm and 1/nm^2.

    Both halves of the region stand side by side on the first axis, each from its lead to the cut
    in the middle.

    Fields:
        modes: O of each sector, columns in sine functions; shape (2, N/2, M, m).
        levels: squared transverse wavevectors of these modes, shape (2, N/2, m).
        lead: from the leads' modes to those of the first sectors, shape (2, m, M).
        rotation: from the modes before a sector to its own, 1 for the first one; shape
            (2, N/2, m, m).
        entry: kick at the end that is nearer to the lead, shape (2, N/2, m, m).
        exit: kick at the other end.
        meeting: from the modes right of the cut to those left of it, shape (m, m).
        lead_modes: the leads' modes in sine functions, shape (2, M, M).
        lead_levels: their squared transverse wavevectors, shape (2, M).
        length: H of one sector in nm.
    """

    modes: Any
    levels: Any
    lead: Any
    rotation: Any
    entry: Any
    exit: Any
    meeting: Any
    lead_modes: Any
    lead_levels: Any
    length: Any


def along(half_length: Any, sectors: int) -> Any:
    """Ends and middles x of the sectors in nm, shape (2 N + 1,)."""
    return np.linspace(-1.0, 1.0, 2 * sectors + 1) * half_length


def across(points: int, kinks: Any = ()) -> tuple[np.ndarray, np.ndarray]:
    """Gauss nodes y/W from -1/2 to 1/2, and their weights.

    Args:
        points: how many nodes at least.
        kinks: y/W at which the potential is not smooth, such as the knots of a spline: the rule is
            made of one for each piece.
    """
    inside = [place for place in kinks if abs(place) < 0.5 - 1e-9]
    ends = np.array([-0.5, *inside, 0.5])
    nodes, weights = [], []
    for start, width in zip(ends[:-1], np.diff(ends), strict=True):
        count = max(math.ceil(points * width), min(points, _LEAST))
        node, weight = np.polynomial.legendre.leggauss(count)
        nodes.append(start + width * (node + 1) / 2)
        weights.append(width * weight / 2)
    return np.concatenate(nodes), np.concatenate(weights)


def sines(modes: int, places: Any) -> Any:
    """sqrt(2) sin(n pi (y/W + 1/2)) at places y/W, shape (places, modes)."""
    places = jnp.asarray(places)
    n = jnp.asarray(np.arange(1, modes + 1), places.dtype)
    return math.sqrt(2) * jnp.sin(np.pi * (places[:, None] + 0.5) * n)


def gauge(x: Any, field: Any, inner: Any, outer: Any, xp: Any = jnp) -> Any:
    r"""Integral of b(x) = 2 pi B(x)/(h/e) from 0 to x, in 1/nm.

    B(x) = B for \|x\| < inner, and falls to 0 at outer as 1 - s^4 (35 - 84 s + 70 s^2 - 20 s^3).

    Args:
        x: in nm.
        field: 2 pi B/(h/e) in 1/nm^2.
        inner: in nm.
        outer: in nm.
        xp: NumPy, or JAX's form of it.
    """
    far = xp.abs(x)
    s = xp.clip((far - inner) / (outer - inner), 0, 1)
    falling = s - s**5 * (7 - 14 * s + 10 * s**2 - 2.5 * s**3)
    return field * xp.sign(x) * (xp.minimum(far, inner) + (outer - inner) * falling)


def _cosines(modes, nodes, weights, xp):
    """What makes the cosine coefficients c_k, k = 0 ... 2 M, of values at the nodes."""
    k = xp.asarray(np.arange(2 * modes + 1), nodes.dtype)
    return xp.cos(np.pi * (nodes[:, None] + 0.5) * k) * weights[:, None]


def _slopes(modes):
    """<n| W d/dy |m> between sine functions."""
    n = np.arange(1.0, modes + 1)
    odd = (n[:, None] + n) % 2 == 1
    gap = np.where(odd, n[:, None] ** 2 - n**2, 1)
    return np.where(odd, 4 * n[:, None] * n / gap, 0)


def _positions(modes):
    """Eigenvectors and eigenvalues of y/W between sine functions."""
    n = np.arange(1.0, modes + 1)
    minus, plus = n[:, None] - n, n[:, None] + n
    odd = plus % 2 == 1
    matrix = np.where(odd, 2 / np.pi**2 * (1 / plus**2 - 1 / np.where(odd, minus, 1) ** 2), 0)
    levels, vectors = np.linalg.eigh(matrix)
    return vectors, levels


def sectors_of(
    values,
    rule,
    half_length,
    width,
    scale,
    modes,
    theta=None,
    profiles=False,
    kept=None,
    xp: Any = jnp,
) -> Sectors:
    """The sectors of a potential.

    Args:
        values: V in meV `along` and `across`, shape (2 N + 1, points), N even.
        rule: the nodes and weights `across`.
        half_length: X in nm.
        width: W in nm.
        scale: C = hbar^2/2m in meV nm^2.
        modes: M.
        theta: `gauge` of the field `along`, in 1/nm; None without a field.
        profiles: whether V at the two ends goes on into the leads; otherwise V = 0 there.
        kept: m; by default M.
        xp: NumPy, or JAX's form of it.
    """
    values = xp.asarray(values)
    dtype = values.dtype
    nodes, weights = (xp.asarray(x, dtype) for x in rule)
    count = values.shape[0] // 2
    length = 2 * half_length / count
    parted = split_levels(values, nodes, xp)
    coefficients = times(parted, _cosines(modes, nodes, weights, xp))
    n = np.arange(1, modes + 1)
    near, far = np.abs(n[:, None] - n), n[:, None] + n
    free = (xp.asarray(n, dtype) * (np.pi / width)) ** 2
    one = xp.eye(modes, dtype=dtype)
    matrices = (coefficients[:, near] - coefficients[:, far]) / scale + free * one

    own, ends = matrices[1::2], matrices[::2]
    if profiles:
        own = xp.concatenate([own, ends[:1], ends[-1:]])
    levels, vectors = np.linalg.eigh(own) if xp is np else jax.vmap(eigh)(own)
    if profiles:
        lead_levels, lead_modes = levels[count:], vectors[count:]
        levels, vectors = levels[:count], vectors[:count]
    else:
        lead_levels = xp.stack([free, free])
        lead_modes = xp.broadcast_to(one, (2, modes, modes))

    kept = modes if kept is None else kept
    levels, vectors, one = levels[:, :kept], vectors[:, :, :kept], one[:kept, :kept]
    turned = xp.swapaxes(vectors, 1, 2)
    diagonal = levels[:, :, None] * one
    start = times(turned, ends[:-1], vectors) - diagonal
    end = times(turned, ends[1:], vectors) - diagonal
    if theta is None:
        onwards = times(turned[1:], vectors[:-1])  # from a sector to the next one
        from_left = times(turned[:1], lead_modes[:1])
        from_right = times(turned[-1:], lead_modes[1:])
    else:
        theta = xp.asarray(theta, dtype)
        place = theta[1::2]
        start = _with_gauge(start, theta[:-2:2] - place, turned, vectors, width, xp)
        end = _with_gauge(end, theta[2::2] - place, turned, vectors, width, xp)
        onwards = _carried(turned[1:], vectors[:-1], (place[1:] - place[:-1]) * width, xp)
        from_left = _carried(turned[:1], lead_modes[:1], (place[:1] - theta[:1]) * width, xp)
        from_right = _carried(turned[-1:], lead_modes[1:], (place[-1:] - theta[-1:]) * width, xp)
    return joined(
        vectors,
        levels,
        start,
        end,
        onwards,
        from_left,
        from_right,
        lead_modes,
        lead_levels,
        length,
        xp,
    )


def split_levels(values: Any, nodes: Any, xp: Any = jnp) -> Any:
    """V with a slope across in the middles of the sectors, so small that it parts equal levels.

    Args:
        values: V in meV `along` and `across`.
        nodes: y/W `across`.
        xp: NumPy, or JAX's form of it.
    """
    middle = np.arange(values.shape[0]) % 2 == 1
    slope = xp.asarray(_SPLITTING * nodes, values.dtype)
    return values + xp.asarray(middle[:, None], values.dtype) * slope


def joined(
    vectors: Any,
    levels: Any,
    start: Any,
    end: Any,
    onwards: Any,
    from_left: Any,
    from_right: Any,
    lead_modes: Any,
    lead_levels: Any,
    length: Any,
    xp: Any = jnp,
) -> Sectors:
    """The `Sectors` of the matrices of N sectors from the left lead to the right one.

    Args:
        vectors: O of each sector, shape (N, M, m).
        levels: squared transverse wavevectors, shape (N, m).
        start: what the matrices have at the left ends more than in the middles, shape (N, m, m).
        end: the same at the right ends.
        onwards: from the modes of a sector to those of the next one, shape (N - 1, m, m).
        from_left: from the modes of the left lead to those of the first sector, shape (1, m, M).
        from_right: the same of the right lead and the last sector.
        lead_modes: see `Sectors`.
        lead_levels: see `Sectors`.
        length: H in nm.
        xp: NumPy, or JAX's form of it.
    """
    half, kept = vectors.shape[0] // 2, levels.shape[-1]
    one = xp.eye(kept, dtype=levels.dtype)
    backwards = xp.conj(xp.swapaxes(onwards, 1, 2))
    simpson = xp.asarray(length / 6).astype(start.dtype)

    first = xp.asarray(one[None], dtype=onwards.dtype)

    def sides(first, second):
        return xp.stack([first[:half], second[half:][::-1]])

    return Sectors(
        sides(vectors, vectors),
        sides(levels, levels),
        xp.concatenate([from_left, from_right]),
        xp.stack(
            [
                xp.concatenate([first, onwards[: half - 1]]),
                xp.concatenate([first, backwards[half:][::-1]]),
            ]
        ),
        sides(start, end) * simpson,
        sides(end, start) * simpson,
        backwards[half - 1],
        lead_modes,
        lead_levels,
        xp.asarray(length, levels.dtype),
    )


def times(*matrices: Any) -> Any:
    """Product of matrices of NumPy or JAX."""
    if isinstance(matrices[0], np.ndarray):
        first, *others = matrices
        for matrix in others:
            first = first @ matrix
        return first
    return product(*matrices)


def _complex(real, imag, xp):
    i = xp.asarray(1j, np.result_type(real.dtype, np.complex64))
    return real.astype(i.dtype) + i * imag.astype(i.dtype)


def _with_gauge(matrices, theta, turned, vectors, width, xp):
    """Matrices at an end of the sectors, with (p_y - theta)^2 in place of p_y^2."""
    (modes, kept), dtype = vectors.shape[-2:], matrices.dtype
    slope = times(turned, xp.asarray(_slopes(modes), dtype), vectors)
    shift = (theta * theta)[:, None, None] * xp.eye(kept, dtype=dtype)
    return _complex(matrices + shift, (2 * theta / width)[:, None, None] * slope, xp)


def _carried(turned, vectors, theta, xp):
    """O^T exp(-i theta y/W) O' of sectors whose gauge differs by theta."""
    basis, place = (xp.asarray(x, vectors.dtype) for x in _positions(vectors.shape[-2]))
    phase = (theta[:, None] * place)[:, None, :]
    before, after = times(turned, basis), times(basis.T, vectors)
    real = times(before * xp.cos(phase), after)
    imag = times(before * xp.sin(phase), after)
    return _complex(real, -imag, xp)
