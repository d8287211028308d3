"""The damping law of Giuliani and Quinn: a two-dimensional electron gas near its Fermi energy."""

import math

import jax.numpy as jnp

from qpcjax.heat.damping import (
    KNOWN,
    NO_GAS,
    OUTSIDE,
    thermal_square,
)
from qpcjax.heat.gas_damping import GasDamping


class GiulianiQuinnDamping(GasDamping):
    r"""Damping rate by collisions between electrons, to leading order in the excess energy.

    .. math:: \Gamma = \frac{E_F}{8\pi} d^2
        \left[\ln\frac{1}{d} + \frac{1}{2} + \ln\frac{2 q_\mathrm{TF}}{k_F}\right], \quad
        d = \frac{\sqrt{x^2 + (\pi k_B T)^2}}{E_F}

    Above 1 meV it lies 20 to 50 % above `RPADamping`. The formula is cited from memory and was not
    compared with the original; later work corrects its numbers and adds an exchange term.

    Args:
        density: of the electrons in 1e11 cm^-2. Without it E_F is the potential of the electron's
            side.
        material: `Material`; GaAs by default.

    Raises:
        ValueError: a density that is not positive.

    References:
        G. F. Giuliani and J. J. Quinn, Phys. Rev. B 26, 4421 (1982).
    """

    @property
    def words(self):
        """The law and its density."""
        return self.named("damping of Giuliani and Quinn")

    def rate(self, excess, mu_side=None, temperature=0.0):
        """The rate in meV, the same above and below the potential; NaN for d > 1."""
        gas = self.gas(mu_side)
        d2 = thermal_square(excess, temperature) / gas.energy**2
        d2 = jnp.where(gas.exists & (d2 <= 1), d2, jnp.nan)
        bracket = 0.5 + math.log(2) + jnp.log(gas.screening) - jnp.log(jnp.where(d2 > 0, d2, 1)) / 2
        return gas.energy / (8 * math.pi) * d2 * bracket

    def status(self, excess, mu_side=None, temperature=0.0):
        """Why there is no rate: d > 1, or no electron gas."""
        gas = self.gas(mu_side)
        far = thermal_square(jnp.asarray(excess), temperature) > gas.energy**2
        return jnp.where(gas.exists, jnp.where(far, OUTSIDE, KNOWN), NO_GAS)
