"""How an electron gas screens: Stern's dielectric function, in a well, beside optical phonons.

Energies in units of E_F, wavevectors in units of k_F, zero temperature.
"""

import math
from typing import Any, NamedTuple

import jax.numpy as jnp

_TERMS = 16  # of a series below u = 1, to 1e-17


class Screening(NamedTuple):
    """What the dielectric function is of.

    Fields:
        strength: beta = q_TF/k_F.
        width: of an infinitely deep well, in 1/k_F; None for a strictly two-dimensional gas.
        lower: the transverse optical phonon; None for a material without a polar one.
        upper: the longitudinal optical phonon.
        ratio: static relative permittivity over that above the phonons.
    """

    strength: Any
    width: Any = None
    lower: Any = None
    upper: Any = None
    ratio: Any = None

    def at(self, q, w):
        r"""What stands for beta where q and w are given off.

        .. math:: \beta\, F(q) \frac{\kappa_0}{\kappa(w)}, \quad
            \kappa(w) = \kappa_\infty \frac{w_{LO}^2 - w^2}{w_{TO}^2 - w^2}
        """
        value = self.strength
        if self.width is not None:
            value = value * form_factor(q * self.width)
        if self.lower is not None:
            value = value * self.ratio * (self.lower**2 - w**2) / (self.upper**2 - w**2)
        return value

    def dielectric(self, q, w, minus):
        r"""The dielectric function outside the continuum of pairs, where it is real.

        .. math:: \epsilon = 1 + \frac{\beta}{q} \left[1 - \frac{w}{q (\sqrt{n_+^2 - 1}
            + \sqrt{n_-^2 - 1})}\right], \quad n_\pm = \frac{w}{2q} \pm \frac{q}{2}

        Args:
            q: wavevector.
            w: energy.
            minus: n_-^2 - 1, which is 0 at the edge of the continuum; n_+^2 = n_-^2 + w.
        """
        roots = jnp.sqrt(minus + w) + jnp.sqrt(minus)
        return 1 + self.at(q, w) / q * (1 - w / (q * roots))


def form_factor(u):
    r"""What the width W of an infinitely deep well leaves of the repulsion at u = q W.

    .. math:: F = \frac{1}{u^2 + 4\pi^2} \left[3u + \frac{8\pi^2}{u}
        - \frac{32\pi^4 (1 - e^{-u})}{u^2 (u^2 + 4\pi^2)}\right]

    It is written such that nothing cancels where u is small.
    """
    near = u < 1
    small, large = jnp.where(near, u, 0), jnp.where(near, 1, u)
    series = jnp.zeros_like(u)
    for n in reversed(range(_TERMS)):
        series = 1 / math.factorial(n + 3) - small * series
    closed = (1 - large + large**2 / 2 - jnp.exp(-large)) / large**3
    third = jnp.where(near, series, closed)  # [1 - u + u^2/2 - exp(-u)]/u^3
    p = 4 * math.pi**2
    both = u**2 + p
    return (3 * u + (2 * p * u + p**2 - 2 * p**2 * u * third) / both) / both
