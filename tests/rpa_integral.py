"""The damping of one electron or hole by pairs, as the integral over energy and momentum given off.

Strictly two-dimensional gas, on shell, T = 0; energies in E_F, wavevectors in k_F. Stern's
dielectric function is complex where pairs can be excited.
"""

import itertools

import numpy as np

# Gauss nodes on (0, 1), crowded towards both ends, where the integrands have square roots.
_x, _w = np.polynomial.legendre.leggauss(24)
_s = (_x + 1) / 2
NODES, WEIGHTS = _s**2 * (3 - 2 * _s), _w / 2 * 6 * _s * (1 - _s)


def inside(low, high):
    """Nodes and weights on an interval."""
    return low + (high - low) * NODES, (high - low) * WEIGHTS


def loss(q, w, screening):
    """-Im 1/epsilon."""
    real, imaginary = np.ones_like(q), np.zeros_like(q)
    for sign, n in ((1, w / (2 * q) - q / 2), (-1, w / (2 * q) + q / 2)):
        real += sign * np.sign(n) * np.sqrt(np.maximum(n**2 - 1, 0)) / q
        imaginary += sign * np.sqrt(np.maximum(1 - n**2, 0)) / q
    epsilon = 1 + screening / q * (real + 1j * imaginary)
    return -np.imag(1 / epsilon)


def well(width):
    """What screening becomes in an infinitely deep well of this width, in 1/k_F: a factor of q."""

    def factor(q, _):
        u = q * width
        both = u * u + 4 * np.pi**2
        far = 3 * u + 8 * np.pi**2 / u
        return (far - 32 * np.pi**4 * -np.expm1(-u) / (u * u * both)) / both

    return factor


def polar(upper, lower, ratio):
    """The same beside optical phonons, a factor of w; `ratio` is kappa_0 over kappa_inf."""
    return lambda _, w: ratio * (lower**2 - w**2) / (upper**2 - w**2)


def no_factor(_q, _w):
    """A strictly two-dimensional gas without phonons."""
    return 1.0


def pair_rate(distance, screening, hole=False, factor=no_factor, merging=np.inf):
    """Gamma/E_F of an electron `distance` above the Fermi energy, or a hole below it.

    `factor(q, w)` multiplies the screening q_TF/k_F; at `merging` a mode meets the pairs.
    """
    k = np.sqrt(1 - distance if hole else 1 + distance)
    total = 0.0
    ends = [1e-3 * distance, 0.1 * distance, 1.0, 0.99 * merging, merging, 1.01 * merging]
    ends = [0.0, *sorted(end for end in ends if end < distance)]
    for low, high in zip(ends, [*ends[1:], distance], strict=True):
        for w, weight in zip(*inside(low, high), strict=True):
            total += weight * given_off(w, k, screening, hole, factor)
    return total / np.pi


def given_off(w, k, screening, hole, factor):
    """The integral over momentum; q = c + h cos(angle) takes the roots at both ends away."""
    other = np.sqrt(k * k + w if hole else k * k - w)
    first, last = abs(k - other), k + other
    centre, half = (first + last) / 2, (last - first) / 2
    # Where the continuum of pairs begins and ends, and where its shape changes.
    breaks = [np.sqrt(1 + w) - 1, np.sqrt(1 + w) + 1, 8 * first, 64 * first, 2 - 64 * first]
    breaks += [1 - np.sqrt(1 - w), 1 + np.sqrt(1 - w)] if w < 1 else []
    within = [q for q in breaks if first < q < last]
    angles = np.sort([0.0, np.pi, *np.arccos((np.array(within) - centre) / half)])
    total = 0.0
    for a, b in itertools.pairwise(angles):
        angle, weight = inside(a, b)
        q = centre + half * np.cos(angle)
        screened = screening * factor(q, w)
        kernel = screened * loss(q, w, screened) / np.sqrt((q + first) * (q + last))
        total += np.sum(weight * kernel)
    return total


def threshold(screening, factor, most=12.0):
    """The least excess energy from which a plasmon is emitted, on a grid of its wavevectors.

    Its w(q) is the zero of the dielectric function outside the continuum of pairs, found by
    bisection up to w = `most`.
    """
    q = np.linspace(0.02, 3.0, 60)
    best = np.inf
    for _ in range(8):
        low, high = q * q + 2 * q, np.full_like(q, most)  # above the continuum
        w = low
        for _ in range(60):
            w = np.minimum((low + high) / 2, most)
            screened = screening * factor(q, w)
            root = [np.sqrt(np.maximum((w / (2 * q) + s * q / 2) ** 2 - 1, 0)) for s in (-1, 1)]
            negative = 1 + screened / q * (1 + (root[0] - root[1]) / q) < 0
            low, high = np.where(negative, w, low), np.where(negative, high, w)
        exists = (low > q * q + 2 * q) & (low < most)
        needed = np.where(exists, np.maximum(((w + q * q) / (2 * q)) ** 2 - 1, w), np.inf)
        k = int(np.clip(np.argmin(needed), 1, q.size - 2))
        best, q = needed[k], np.linspace(q[k - 1], q[k + 1], 60)
    return best


def plasmon(q, screening):
    """Energy of a plasmon, in closed form, and whether that is a zero of epsilon.

    It is one up to where the curve touches the continuum of pairs.
    """
    z = q / screening
    w = (1 + z) * np.sqrt(q**4 + 4 * screening * q / (2 + z))
    return w, q * (1 + z) < np.sqrt(w)


def bisection(holds, within, beyond):
    """The last number for which something holds."""
    for _ in range(60):
        middle = (within + beyond) / 2
        within, beyond = (middle, beyond) if holds(middle) else (within, middle)
    return within


def merging(screening):
    """The energy at which the plasmon meets the continuum of pairs."""
    return plasmon(bisection(lambda q: plasmon(q, screening)[1], 1e-4, 10.0), screening)[0]


def plasmon_rate(distance, screening):
    """Gamma/E_F of an electron by plasmons with w <= 2 k q - q^2, as an integral over q."""
    k = np.sqrt(1 + distance)

    def real(q, w):
        roots = [np.sqrt((w / (2 * q) + s * q / 2) ** 2 - 1) for s in (-1, 1)]
        return 1 + screening / q * (1 + (roots[0] - roots[1]) / q)

    def emitted(q):
        w, exists = plasmon(q, screening)
        return exists & (w < 2 * k * q - q * q)

    q = np.linspace(1e-4, k - 1, 2001)
    some = np.flatnonzero(emitted(q))
    pairs = (q[some[0]], q[some[0] - 1]), (q[some[-1]], q[some[-1] + 1])
    at, weight = inside(*(bisection(emitted, *pair) for pair in pairs))
    w = plasmon(at, screening)[0]
    step = 1e-6 * (w - at * at - 2 * at)  # it stays outside the continuum
    slope = (real(at, w + step) - real(at, w - step)) / (2 * step)
    return np.sum(weight * screening / slope / np.sqrt((2 * k * at) ** 2 - (w + at * at) ** 2))
