"""The same physics by other means: a compiled loop, NumPy, and scipy's adaptive quadrature.

Everything is in units of E1 and of L/2w, for the box average of Eq. (18); integrals are M_0 and M_1
of `qpcjax.transport.integrals.transport_moments`.
"""

import math

import numpy as np
from scipy.integrate import quad
from scipy.special import expit


def loop_of_transmission():
    """T(E) as anybody would write it in numba: parallel, fast mathematics, the C library's.

    Returns:
        A function of (e, ell, modes, out), which fills out.
    """
    import numba  # pyright: ignore[reportMissingImports]  # of the extra bench

    @numba.njit(fastmath=True, inline="always")
    def segment(e, m):
        d = e - m * m
        if d > 0:
            s = math.sqrt(d)
            return 0.5 * (e * math.atan(s / m) - m * s)
        s = math.sqrt(-d)
        return 0.5 * (e * math.log((m + s) / math.sqrt(e)) - m * s)

    @numba.njit(fastmath=True, parallel=True)
    def fill(energy, ell, modes, out):
        for i in numba.prange(energy.size):
            e = energy[i]
            below, at, total = e * math.pi / 4, segment(e, 1.0), 0.0
            for n in range(1, modes + 1):
                above = segment(e, n + 1.0)
                a = 0.5 * (max(below, 0.0) - max(above, 0.0))
                b = 0.5 * (max(-above, 0.0) - max(-below, 0.0))
                below, at = at, above
                if a <= 0.0:
                    break
                k2 = e - n * n
                if k2 > 0.0:
                    k = math.sqrt(k2)
                    phase = math.pi * ell * k
                    x = 2 * b * math.cos(phase) + (a * a + b * b - k2) * math.sin(phase) / k
                    passed = 4 * a * a
                else:
                    k = math.sqrt(-k2)
                    decay = math.exp(-2 * math.pi * ell * k)
                    x = b * (1 + decay) + (a * a + b * b - k2) * (1 - decay) / (2 * k)
                    passed = 4 * a * a * decay
                total += passed / (passed + x * x)
            out[i] = total

    return fill


def transmission(e, ell, modes):
    """T(E) in NumPy, in complex arithmetic as Eqs. (18)-(20) are printed; e and ell broadcast."""
    shape = np.broadcast_shapes(np.shape(e), np.shape(ell))
    e = np.broadcast_to(np.asarray(e, dtype=complex), shape)

    def area(q):
        """Antiderivative of sqrt(e - q^2)."""
        root = np.sqrt(e - q * q)
        return (q * root - 1j * e * np.log(1j * q + root)) / 2

    total = np.zeros(shape)
    areas = [area(q) for q in range(modes + 2)]
    with np.errstate(all="ignore"):
        for n in range(1, modes + 1):
            lead = (areas[n + 1] - areas[n - 1]) / 2
            k = np.sqrt(np.where(e == n * n, 1e-16, e - n * n))  # 0/0 on the step itself
            # The growing exponential is taken out.
            wave = np.exp(2j * np.pi * ell * k)
            d = (k + lead) ** 2 - (k - lead) ** 2 * wave
            passed = np.abs(4 * k * lead.real / d) ** 2 * np.abs(wave)
            total += np.where(np.real(e) > (n - 1) ** 2, passed, 0)
    return total


def occupation(y, half, kT):
    """f_L - f_R at y = E - mu."""
    if np.all(kT == 0):
        return (np.abs(y) < half).astype(float)
    decrement = -np.expm1(-2 * half / kT)
    return expit((half - y) / kT) * expit((y + half) / kT) * decrement


def moments(points, edges, thresholds, order, modes):
    """M_0 and M_1 of many points at once by a Gauss rule on panels, as the package has them.

    Args:
        points: mu, bias, kT and ell, each of shape (n, 1).
        edges: panel ends of T(E), shape (n or 1, k).
        thresholds: onsets among them, shape (t,).
        order: Gauss nodes in a panel.
        modes: of the channel.
    """
    mu, bias, kT, ell = points
    half = bias / 2
    thermal = kT * np.array([-37.0, -20.0, -10.0, -4.0, 0.0, 4.0, 10.0, 20.0, 37.0])
    reach = half + 37 * kT
    ends = np.concatenate(
        [
            mu + half + thermal,
            mu - half + thermal,
            np.broadcast_to(edges, (mu.size, edges.shape[-1])),
        ],
        axis=1,
    )
    ends = np.sort(
        np.concatenate([mu - reach, np.clip(ends, mu - reach, mu + reach), mu + reach], 1)
    )
    start, width = ends[:, :-1, None], np.diff(ends)[..., None]
    from_onset = np.min(np.abs(ends[..., None] - thresholds), axis=2)[..., None]
    s, weight = np.polynomial.legendre.leggauss(order)
    s, weight = (s + 1) / 2, weight / 2
    at_start = from_onset[:, :-1] <= 0.03 * width
    at_end = from_onset[:, 1:] <= 0.03 * width
    kinds = [at_start & at_end, at_start, at_end]
    node = np.select(kinds, [s * s * (3 - 2 * s), s * s, s * (2 - s)], s)
    slope = np.select(kinds, [6 * s * (1 - s), 2 * s, 2 * (1 - s)], np.ones_like(s))
    e = start + width * node
    y = e - mu[..., None]
    passed = transmission(np.maximum(e, 1e-12), ell[..., None], modes)
    passed = passed * occupation(y, half[..., None], kT[..., None]) * width * slope * weight
    passed = np.where(e > 0, passed, 0)
    return np.sum(passed, axis=(1, 2)), np.sum(passed * y, axis=(1, 2))


def adaptive(mu, bias, kT, ell, modes):
    """M_0 and M_1 of one point by scipy.integrate.quad."""
    reach = bias / 2 + 37 * kT
    low, high = max(mu - reach, 0.0), mu + reach
    onsets = [m * m for m in range(1, modes + 2) if low < m * m < high]

    def passed(e):
        return transmission(e, ell, modes) * occupation(e - mu, bias / 2, kT)

    options = {"points": onsets or None, "limit": 400, "epsabs": 0, "epsrel": 1e-10}
    zeroth = quad(passed, low, high, **options)[0]
    options["epsabs"] = 1e-10 * zeroth * (bias + kT)
    return zeroth, quad(lambda e: (e - mu) * passed(e), low, high, **options)[0]
