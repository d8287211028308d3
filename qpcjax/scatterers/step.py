"""The ideal step."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from qpcjax.constants import GAAS_MASS
from qpcjax.scatterers.base import AbstractScatterer
from qpcjax.validation import number, require, require_scalar


class IdealStep(AbstractScatterer):
    r"""One mode that opens at once, :math:`T(E) = \theta(E - E_0)`, 1 at E0 itself.

    With mu = E0 everything is known in closed form: I = G0 V/2 at any temperature, and
    P_A = (G0/e^2) (eV)^2/4 at T = 0. Integrals over it are differentiated with respect to E0 by
    following the jump.

    Args:
        energy: E0 in meV.
        mass: effective mass in m_e; GaAs by default.

    Raises:
        ValueError: an energy that is not finite, a mass that is not positive.
    """

    energy: float = eqx.field(converter=number, metadata={"quantity": "step_energy"})
    mass: float = eqx.field(default=GAAS_MASS, converter=number)

    follows_bias = False

    def __check_init__(self):
        require_scalar(self, ("energy", "mass"))
        require("energy", self.energy, "a finite energy in meV", np.isfinite)
        wanted = "a positive effective mass in m_e"
        require("mass", self.mass, wanted, lambda mass: (mass > 0) & np.isfinite(mass))

    def eigenvalues(self, energy, bias=0.0):
        """The one T_n(E) at one energy in meV."""
        dtype = jnp.result_type(energy, self.energy)
        return jnp.asarray(energy >= self.energy, dtype)[None]

    def thresholds(self, bias=0.0):
        """E0."""
        return jnp.asarray(self.energy, jnp.result_type(bias, self.energy))[None]

    def jumps(self, bias=0.0):
        """E0."""
        return self.thresholds(bias)
