"""The saddle-point constriction, in a perpendicular magnetic field if one is on."""

import math

import equinox as eqx
import jax.numpy as jnp

from qpcjax.constants import CYCLOTRON_ENERGY, GAAS_MASS
from qpcjax.quantities import holding
from qpcjax.scatterers.logistic import CLOSED, LogisticSteps
from qpcjax.validation import Real, require_count


class SaddlePoint(LogisticSteps):
    r"""A saddle :math:`V_0 - m\omega_x^2 x^2/2 + m\omega_y^2 y^2/2`.

    .. math::
        T_n = \frac{1}{1 + \exp(-2\pi [E - V_0 - \hbar\omega_+ (n + 1/2)]/\hbar\omega_-)},
        \quad n = 0, 1, \ldots

    with the normal modes of an electron on the saddle in a field B along z,

    .. math::
        \omega_\pm^2 = \tfrac12 \left[\sqrt{\Omega^4 + 4\omega_x^2\omega_y^2} \pm \Omega^2\right],
        \quad \Omega^2 = \omega_c^2 + \omega_y^2 - \omega_x^2, \quad \omega_c = eB/m:

    omega_y and omega_x without a field, omega_c and omega_x omega_y/omega_c in a high one. Spin is
    not in it: see `ZeemanSplit`.

    Args:
        height: V0 in meV, the saddle's potential from the bottom of the conduction band.
        hbar_omega_y: spacing of the transverse levels in meV.
        hbar_omega_x: in meV; a step rises from 1/4 to 3/4 within 0.35 of it.
        magnetic_field: B along z in T, of either sign.
        mass: effective mass in m_e; GaAs by default.
        modes: number of modes kept. T(E) is NaN where a further one transmits more than 1e-13.

    Raises:
        ValueError: an energy, field or mass out of range, no mode.

    References:
        M. Buettiker, PRB 41, 7906 (1990); H. A. Fertig and B. I. Halperin, PRB 36, 7969 (1987).
    """

    height: Real = eqx.field(metadata=holding("height"))
    hbar_omega_y: Real = eqx.field(metadata=holding("hbar_omega_y"))
    hbar_omega_x: Real = eqx.field(metadata=holding("hbar_omega_x"))
    magnetic_field: Real = eqx.field(metadata=holding("magnetic_field"), default=0.0)
    mass: Real = eqx.field(metadata=holding("mass"), default=GAAS_MASS)
    modes: int = eqx.field(default=8, static=True)

    def __check_init__(self):
        require_count("modes", self.modes)

    @property
    def normal_modes(self):
        """Transverse and unstable normal mode, ``hbar omega_+`` and ``hbar omega_-``, in meV."""
        x, y = self.hbar_omega_x, self.hbar_omega_y
        cyclotron = CYCLOTRON_ENERGY * self.magnetic_field / self.mass
        # With w_+- = sqrt(w_x w_y) exp(+-u) nothing cancels: w_+^2 - w_-^2 = 2 w_x w_y sinh(2u).
        u = jnp.arcsinh((cyclotron**2 + (y - x) * (y + x)) / (2 * x * y)) / 2
        mean = jnp.sqrt(x * y)
        return mean * jnp.exp(u), mean * jnp.exp(-u)

    def steps(self, value):
        """``V0 + hbar omega_+ (n + 1/2)`` and ``hbar omega_-/2 pi``."""
        n = self._numbers(self.modes, value)
        transverse, unstable = self.normal_modes
        return self.height + transverse * (n + 0.5), unstable / (2 * math.pi) * jnp.ones_like(n)

    def energy_limit(self):
        """Energy in meV at which the first mode that is not kept transmits 1e-13."""
        transverse, unstable = self.normal_modes
        top = self.height + transverse * (self.modes + 0.5)
        return top - CLOSED / (2 * math.pi) * unstable
