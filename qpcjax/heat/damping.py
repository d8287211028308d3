"""Damping laws: how fast a hot electron loses its excess energy.

A law gives the rate Gamma = hbar/(2 tau) of an electron (or a hole) whose energy lies `excess`
above (below) the electrochemical potential of its side. Everything else, the free path and the
position of the heat, is written once for any law.
"""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from qpcjax.validation import Parameters, Real, allowed, number, positive, require


class AbstractDamping(Parameters):
    """A damping law. One of your own needs `rate`; it must rise with the excess energy."""

    @abc.abstractmethod
    def rate(self, excess, mu_side=None, temperature=0.0) -> jax.Array:
        """Damping rate Gamma = hbar/(2 tau) in meV.

        Args:
            excess: energy in meV above the electrochemical potential of the carrier's side.
            mu_side: that potential in meV, which stands for the Fermi energy where the law has
                none of its own.
            temperature: of the carrier's side in K.
        """

    def reference_energy(self, mu, mu_side):
        """Energy in meV that `rate` takes as `mu_side`: the potential of the side by default."""
        return mu_side


def logarithmic_slope(damping, excess, mu_side) -> jax.Array:
    """Gamma'(x)/Gamma(x) in 1/meV at an excess energy x."""

    def rate(x):
        return damping.rate(x, mu_side)

    value, slope = jax.jvp(rate, (excess,), (jnp.ones_like(excess),))
    return slope / value


class QuadraticDamping(AbstractDamping):
    r"""Damping rate of a hot electron, quadratic in its excess energy, Eq. (22).

    .. math:: \Gamma(E) = a\, \frac{(E - \mu_R)^2}{E_F}

    Args:
        strength: a, dimensionless; about 0.04 in GaAs from 2e11 to 1e12 cm^-2.
        fermi_energy: E_F: "mu_R" (Eq. 23, the default: the potential of the electron's side), "mu"
            (counted from the band bottom on the downstream side), or a number in meV (such as
            pi hbar^2 n_e / m from the density).

    Raises:
        ValueError: a strength or Fermi energy that is not positive, an unknown name.
    """

    strength: Real = eqx.field(metadata=allowed(positive("number")))
    reference: str = eqx.field(static=True)
    energy: Real = eqx.field(metadata=allowed(positive("energy in meV"), optional=True))

    def __init__(self, strength: Real = 0.04, fermi_energy: Any = "mu_R"):
        self.strength = strength
        named = isinstance(fermi_energy, str)
        self.reference = fermi_energy if named else "fixed"
        self.energy = None if named else fermi_energy

    def __check_init__(self):
        if self.reference not in ("mu_R", "mu", "fixed"):
            raise ValueError(
                f'fermi_energy must be "mu_R", "mu" or a number in meV, got {self.reference!r}'
            )
        if self.energy is not None:
            require("fermi_energy", number(self.energy), "positive, in meV", lambda e: e > 0)

    def rate(self, excess, mu_side=None, temperature=0.0):
        """A x^2/E_F in meV; it does not depend on the temperature."""
        fermi_energy = mu_side if self.energy is None else self.energy
        if fermi_energy is None:
            raise ValueError("mu_side must be given: this law has no Fermi energy of its own")
        return self.strength * excess**2 / fermi_energy

    def reference_energy(self, mu, mu_side):
        """The potential that stands for E_F."""
        return mu if self.reference == "mu" else mu_side
