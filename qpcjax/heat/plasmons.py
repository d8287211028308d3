"""From which excess energy an electron can emit a plasmon of a two-dimensional electron gas.

Energies in units of E_F, wavevectors in units of k_F. Computed once for a material, with NumPy.
"""

import functools

import numpy as np

from qpcjax.constants import HBAR2_OVER_2M

SCREENINGS = (0.75, 2.6)  # the range of q_TF/k_F in which the damping formula holds
_ROWS, _ENERGIES, _ZOOMS, _HALVINGS = 1025, 16, 6, 40


@functools.cache
def thresholds(material):
    r"""Values of beta = q_TF/k_F, and the excess energy from which the lower mode is emitted.

    An electron of wavevector k = sqrt(1 + d) gives off w at q where w <= 2 k q - q^2 and w <= d. On
    the mode, the zero of Stern's dielectric function outside the continuum of pairs,

    .. math:: w^2 = (1 + z)^2 \left[q^4 + \frac{4 \beta q}{2 + z}\right], \quad z = q/\beta

    with :math:`\beta\, \kappa_0/\kappa(w)` for beta where the material has a polar phonon.

    Returns:
        Two arrays; the second one in units of E_F.
    """
    beta = np.linspace(*SCREENINGS, _ROWS)[:, None]
    wavevector = material.screening_wavevector / beta
    fermi = HBAR2_OVER_2M / material.mass * wavevector**2  # meV
    phonons = material.phonon_energy is not None
    start = np.zeros_like(beta)
    end = np.minimum(material.transverse_phonon / fermi if phonons else np.inf, 12.0) + start
    value = start
    for _ in range(_ZOOMS):  # the least value of a curve with one valley, which may be a kink
        w = start + (end - start) * (np.arange(_ENERGIES) + 0.5) / _ENERGIES
        screened = np.broadcast_to(beta, w.shape)
        if phonons:
            upper, lower = material.phonon_energy / fermi, material.transverse_phonon / fermi
            ratio = material.permittivity / material.high_frequency_permittivity
            screened = beta * ratio * (lower**2 - w**2) / (upper**2 - w**2)
        q = _wavevector(w, screened)
        needed = np.maximum(((w + q * q) / (2 * q)) ** 2 - 1, w)
        at = np.clip(np.argmin(needed, axis=1), 1, _ENERGIES - 2)[:, None]
        value = np.min(needed, axis=1)
        start, end = (np.take_along_axis(w, at + k, axis=1) for k in (-1, 1))
    return beta[:, 0], value


def _wavevector(w, beta):
    """Where the mode has the energy w: its w(q) rises."""
    low, high = np.zeros_like(w), np.full_like(w, 4.0)
    for _ in range(_HALVINGS):
        q = (low + high) / 2
        z = q / beta
        below = (1 + z) ** 2 * (q**4 + 4 * beta * q / (2 + z)) < w * w
        low, high = np.where(below, q, low), np.where(below, high, q)
    return (low + high) / 2
