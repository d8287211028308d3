"""Independent evaluations of the same physics: the formulas as printed, adaptive quadrature.

Energies are in units of E1, lengths in units of 2w, powers in 2 E1^2/h and currents in 2 e E1/h.
Nothing here imports the package.
"""

import mpmath as mp
import numpy as np
from scipy.integrate import quad_vec
from scipy.special import expit

# --- arbitrary precision --------------------------------------------------------------------


def averaged_wavevector(e, n):
    """A_n of Eq. (18), by the antiderivative of sqrt(e - q^2), complex."""
    k = mp.sqrt(e)

    def primitive(q):
        if q <= k:
            return (q * mp.sqrt(e - q * q) + e * mp.asin(q / k)) / 2
        root, angle = mp.sqrt(q * q - e), mp.acosh(q / k)
        return mp.mpc(e * mp.pi / 4, (q * root - e * angle) / 2)

    return (primitive(mp.mpf(n + 1)) - primitive(mp.mpf(n - 1))) / 2


def eigenvalue(e, ell, n, u=0, digits=60):
    """T_n of Eqs. (19)-(20) as printed, with a floor of height u in the channel."""
    with mp.workdps(digits):
        e, ell, u = mp.mpf(e), mp.mpf(ell), mp.mpf(u)
        if e <= (n - 1) ** 2:
            return mp.mpf(0)
        a = averaged_wavevector(e, n)
        k2 = e - n * n - u
        if k2 == 0:
            # Eq. (19) is 0/0 here; its limit is what stands next to it.
            k2 = mp.mpf(10) ** (-digits // 2)
        k = mp.sqrt(k2)
        phase = mp.pi * ell * k
        d = (k + a) ** 2 * mp.exp(-1j * phase) - (k - a) ** 2 * mp.exp(1j * phase)
        return (4 * abs(k) * mp.re(a) / abs(d)) ** 2


def difference(fun, x, step):
    """Central difference of a function in arbitrary precision."""
    with mp.workdps(60):
        x, step = mp.mpf(x), mp.mpf(step)
        return (fun(x + step) - fun(x - step)) / (2 * step)


def fermi(x):
    return 1 / (mp.exp(x) + 1)


# --- double precision -----------------------------------------------------------------------


def transmission(e, ell, u=0.0, modes=8):
    """T(E) of Eqs. (18)-(20) as printed, in complex double precision, for a scalar e."""
    if e <= 0:
        return 0.0
    n = np.arange(1, modes + 1)
    q = np.arange(modes + 2, dtype=complex)
    root = np.sqrt(e - q * q)  # +i sqrt(q^2 - e) beyond
    primitive = (q * root + e * np.conj(np.arcsin(q / np.sqrt(e)))) / 2
    a = (primitive[2:] - primitive[:-2]) / 2
    real = np.where(e > (n - 1) ** 2, a.real, 0)
    k = np.sqrt(e - n * n - u + 0j)
    if np.any(k == 0):
        return transmission(np.nextafter(e, np.inf), ell, u, modes)
    phase = np.pi * ell * k
    # The growing exponential is divided out.
    small = np.exp(2j * phase)
    d = (k + a) ** 2 - (k - a) ** 2 * small
    return float(np.sum((4 * np.abs(k) * real / np.abs(d)) ** 2 * np.abs(small)))


def occupation_difference(y, half_bias, kT_left, kT_right):
    """f_L - f_R at y above mu; by one hyperbolic quotient where both sides are equally warm."""
    if kT_left == kT_right and kT_left > 0:
        a, x = half_bias / kT_left, np.abs(y) / kT_left
        top = max(abs(a), x)
        # sinh a / (cosh a + cosh x), with exp(top) taken out
        cosh = (np.exp(abs(a) - top) + np.exp(-abs(a) - top)) / 2
        cosh = cosh + (np.exp(x - top) + np.exp(-x - top)) / 2
        return np.sign(a) * np.exp(abs(a) - top) * -np.expm1(-2 * abs(a)) / 2 / cosh

    def side(y, kT):
        return np.heaviside(-y, 0.5) if kT == 0 else expit(-y / kT)

    return side(y - half_bias, kT_left) - side(y + half_bias, kT_right)


def moments(total, breaks, mu, bias, kT_left, kT_right, tolerance=1e-13):
    """Integrals of T (f_L - f_R) and of (E - mu) T (f_L - f_R), and of their moduli.

    Args:
        total: T as a function of the energy.
        breaks: energies at which it is not smooth.
        mu: mean electrochemical potential.
        bias: mu_L - mu_R.
        kT_left: kT on the left.
        kT_right: kT on the right.
        tolerance: relative error of the adaptive quadrature.
    """
    half = bias / 2
    warmer = max(kT_left, kT_right)
    reach = abs(half) + 40 * warmer
    if reach == 0:
        return np.zeros(4)
    # Far below the first step everything may be carried by electrons activated to its top.
    if warmer > 0:
        reach = max(reach, 1 - mu + 40 * warmer)
    steps = np.array([-39.0, -20, -8, -3, 0, 3, 8, 20, 39])
    points = np.concatenate(
        [
            half + kT_left * steps,
            -half + kT_right * steps,
            np.asarray(breaks) - mu,
            1 - mu + warmer * steps,
        ]
    )
    points = np.unique(points[np.abs(points) < reach])

    def integrand(y):
        passed = total(mu + y) * occupation_difference(y, half, kT_left, kT_right)
        scaled = passed * y / reach
        return np.array([passed, scaled, abs(passed), abs(scaled)])

    value, _ = quad_vec(
        integrand, -reach, reach, epsabs=0, epsrel=tolerance, points=points, norm="max", limit=4000
    )
    return value * np.array([1, reach, 1, reach])


def observables(ell, mu, bias, kT_left, kT_right, u=0.0, modes=8):
    """I, P_L, P_R, P_A and the integrals of the moduli of the integrands of I, P_R and P_A."""
    zeroth, first, size_zeroth, size_first = moments(
        lambda e: transmission(e, ell, u, modes),
        np.arange(modes + 2) ** 2,
        mu,
        bias,
        kT_left,
        kT_right,
    )
    return {
        "current": zeroth,
        "left": bias / 2 * zeroth - first,
        "right": bias / 2 * zeroth + first,
        "asymmetry": 2 * first,
        "current_size": size_zeroth,
        "power_size": abs(bias) / 2 * size_zeroth + size_first,
        "asymmetry_size": 2 * size_first,
    }
