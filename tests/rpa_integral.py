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


def pair_rate(distance, screening, hole=False):
    """Gamma/E_F of an electron `distance` above the Fermi energy, or a hole below it."""
    k = np.sqrt(1 - distance if hole else 1 + distance)
    total = 0.0
    ends = [0.0, *(end for end in (1e-3 * distance, 0.1 * distance, 1.0) if end < distance)]
    for low, high in zip(ends, [*ends[1:], distance], strict=True):
        for w, weight in zip(*inside(low, high), strict=True):
            total += weight * given_off(w, k, screening, hole)
    return total / np.pi


def given_off(w, k, screening, hole):
    """The integral over momentum; q = c + h cos(angle) takes the roots at both ends away."""
    other = np.sqrt(k * k + w if hole else k * k - w)
    first, last = abs(k - other), k + other
    centre, half = (first + last) / 2, (last - first) / 2
    # Where the continuum of pairs begins and ends, and where its shape changes.
    breaks = [np.sqrt(1 + w) - 1, np.sqrt(1 + w) + 1]
    breaks += [1 - np.sqrt(1 - w), 1 + np.sqrt(1 - w)] if w < 1 else []
    within = [q for q in breaks if first < q < last]
    angles = np.sort([0.0, np.pi, *np.arccos((np.array(within) - centre) / half)])
    total = 0.0
    for a, b in itertools.pairwise(angles):
        angle, weight = inside(a, b)
        q = centre + half * np.cos(angle)
        kernel = screening * loss(q, w, screening) / np.sqrt((q + first) * (q + last))
        total += np.sum(weight * kernel)
    return total
