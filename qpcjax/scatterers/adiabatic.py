"""The adiabatic constriction: smooth walls, no reflections but from the tops of the modes."""

import math

import equinox as eqx
import jax.numpy as jnp

from qpcjax.constants import GAAS_MASS, transverse_energy
from qpcjax.quantities import holding
from qpcjax.scatterers.logistic import CLOSED, LogisticSteps
from qpcjax.validation import Real, require_count


class AdiabaticConstriction(LogisticSteps):
    r"""A hard-wall constriction of width :math:`d(x) = 2w + x^2/R` that opens slowly.

    Each mode meets the parabolic barrier :math:`E_n [1 - 2x^2/(R\, 2w)]`, whose exact transmission
    with e = (E - U)/E1 is

    .. math::
        T_n = \frac{1}{1 + \exp(-\pi^2 z_n \sqrt{2R/2w})}, \quad z_n = \frac{e - n^2}{2n}, \quad
        n = 1, 2, \ldots

    The original writes :math:`z_n = k\, 2w/\pi - n`, which is the same next to the step. There are
    no oscillations. It holds for R well above 2w, and is defined at any E, also below 0.

    Args:
        half_width: w in nm, half the width at the narrowest place.
        curvature_radius: R in nm, of the walls at the narrowest place.
        offset: U in meV, the channel's floor above the bottom of the 2DEG's conduction band.
        mass: effective mass in m_e; GaAs by default.
        modes: number of modes kept. T(E) is NaN where a further one transmits more than 1e-13.

    Raises:
        ValueError: a width, radius, energy or mass out of range, no mode.

    References:
        L. I. Glazman, G. B. Lesovik, D. E. Khmelnitskii and R. I. Shekhter, JETP Lett. 48, 238
        (1988).
    """

    half_width: Real = eqx.field(metadata=holding("half_width"))
    curvature_radius: Real = eqx.field(metadata=holding("curvature_radius"))
    offset: Real = eqx.field(metadata=holding("offset"), default=0.0)
    mass: Real = eqx.field(metadata=holding("mass"), default=GAAS_MASS)
    modes: int = eqx.field(default=8, static=True)

    def __check_init__(self):
        require_count("modes", self.modes)

    @property
    def energy_scale(self):
        """E1 in meV, the lowest transverse energy of the channel (without its offset)."""
        return transverse_energy(self.half_width, self.mass)

    @property
    def _width(self):
        """Width of the first step in units of E1; that of the n-th is n times it."""
        return 2 / (math.pi**2 * jnp.sqrt(self.curvature_radius / self.half_width))

    def steps(self, value):
        """U + n^2 E1 and n times the width of the first step."""
        n, scale = self._numbers(self.modes, value) + 1, self.energy_scale
        return self.offset + n * n * scale, n * (self._width * scale)

    def energy_limit(self):
        """Energy in meV at which the first mode that is not kept transmits 1e-13."""
        # Of very wide steps a higher one may be the first: n^2 - CLOSED n s is least at this n.
        n = jnp.maximum(self.modes + 1, CLOSED / 2 * self._width)
        return self.offset + n * (n - CLOSED * self._width) * self.energy_scale
