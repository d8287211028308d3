"""The ideal step."""

import equinox as eqx
import jax.numpy as jnp

from qpcjax.constants import GAAS_MASS
from qpcjax.quantities import holding
from qpcjax.scatterers.base import AbstractScatterer
from qpcjax.scatterers.openings import Openings
from qpcjax.validation import Real


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

    energy: Real = eqx.field(metadata=holding("step_energy"))
    mass: Real = eqx.field(metadata=holding("mass"), default=GAAS_MASS)

    follows_bias = False
    openings_are_searched = False

    def eigenvalues(self, energy, bias=0.0):
        """The one T_n(E) at one energy in meV."""
        dtype = jnp.result_type(energy, self.energy)
        known = ~(jnp.isnan(energy) | jnp.isnan(self.energy))
        return jnp.where(known, jnp.asarray(energy >= self.energy, dtype), jnp.nan)[None]

    def thresholds(self, bias=0.0):
        """E0, where T(E) jumps."""
        return jnp.asarray(self.energy, jnp.result_type(bias, self.energy))[None]

    def openings(self):
        """E0, and no width."""
        energy = self.thresholds()
        return Openings(energy, jnp.zeros_like(energy))

    def panel_edges(self, bias=0.0):
        """None: T(E) is constant on both sides of E0."""
        return jnp.zeros(0, jnp.result_type(bias, self.energy))

    def finest_scale(self, bias=0.0):
        """Infinite: beside its jump T(E) does not vary."""
        return jnp.inf
