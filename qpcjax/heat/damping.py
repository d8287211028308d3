"""Damping laws: how fast a hot electron loses its excess energy.

A law gives the rate Gamma = hbar/(2 tau) of an electron (or a hole) whose energy lies `excess`
above (below) the electrochemical potential of its side. Everything else, the free path and the
position of the heat, is written once for any law.
"""

import abc
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from qpcjax.constants import BOLTZMANN, GAAS_MASS, HBAR, HBAR2_OVER_2M
from qpcjax.validation import Parameters, Real, allowed, number, positive, require

# What `AbstractDamping.status` says.
KNOWN, UNKNOWN, NO_GAS, OUTSIDE, PLASMON, PHONON, EMPTY, LATTICE = range(8)
_WORDS = {
    KNOWN: "",
    UNKNOWN: "the law has no rate here",
    NO_GAS: "the Fermi energy is not positive",
    OUTSIDE: "the formula does not hold for this density or excess energy",
    PLASMON: "the excess energy is enough to emit a plasmon, which the formula does not contain",
    PHONON: (
        "the excess energy is enough to emit a coupled mode of plasmon and optical phonon, which "
        "the formula does not contain"
    ),
    EMPTY: "a hole cannot lie below the bottom of the band",
    LATTICE: (
        "the excess energy reaches that of the transverse optical phonon, below which alone the "
        "law knows how the lattice screens"
    ),
}


class AbstractDamping(Parameters):
    """A damping law. One of your own needs `rate`; it must rise with the excess energy."""

    @abc.abstractmethod
    def rate(self, excess, mu_side=None, temperature=0.0) -> jax.Array:
        """Damping rate Gamma = hbar/(2 tau) in meV.

        Args:
            excess: energy in meV above the electrochemical potential of the carrier's side.
            mu_side: that potential in meV, which stands for the Fermi energy where the law has
                none of its own.
            temperature: of the carrier's side in K; 0 gives the rate without thermal electrons.
        """

    @property
    def words(self) -> str:
        """The law in a few words, for reports and figures."""
        return f"damping law {type(self).__name__}"

    def hole_rate(self, depth, mu_side=None, temperature=0.0) -> jax.Array:
        """The rate in meV of a hole `depth` meV below the potential: that of an electron above."""
        return self.rate(depth, mu_side, temperature)

    def status(self, excess, mu_side=None, temperature=0.0) -> jax.Array:
        """Whether there is a rate: 0 where it is known; `why` has the other numbers in words."""
        rate = self.rate(excess, mu_side, temperature)
        return jnp.where(jnp.isnan(rate), UNKNOWN, KNOWN)

    def why(self, excess, mu_side=None, temperature=0.0) -> str:
        """Why `rate` is NaN at one excess energy, in words; "" where it is not."""
        return _WORDS[int(self.status(excess, mu_side, temperature))]

    def reference_energy(self, mu, mu_side):
        """Energy in meV that `rate` takes as `mu_side`: the potential of the side by default."""
        return mu_side

    def fermi_energy_at(self, mu_side):
        """The Fermi energy of the law in meV: the potential of the side by default.

        Raises:
            ValueError: neither the law nor the caller has one.
        """
        if mu_side is None:
            raise ValueError("mu_side must be given: this law has no Fermi energy of its own")
        return mu_side

    def _mass(self):
        """Effective mass of the carriers in m_e."""
        return GAAS_MASS

    def lifetime(self, excess, mu_side=None, temperature=0.0) -> jax.Array:
        r"""Time after which a carrier has lost its energy, tau = hbar/(2 Gamma), in ps.

        Args:
            excess: energy in meV above the electrochemical potential of the carrier's side.
            mu_side: that potential in meV.
            temperature: of the carrier's side in K.
        """
        return HBAR / 2 / self.rate(excess, mu_side, temperature)

    def free_path(self, excess, mu_side=None, temperature=0.0) -> jax.Array:
        r"""How far a carrier of a flat band comes in this time, in nm.

        .. math:: l = v \tau = \frac{\hbar}{\sqrt{2m}} \frac{\sqrt{E_F + x}}{\Gamma}

        with the mass of the law's material, or that of GaAs. `qpcjax.inelastic_length` is that of
        an electron which has crossed a constriction under bias.

        Args:
            excess: x in meV, energy above the electrochemical potential of the carrier's side.
            mu_side: that potential in meV.
            temperature: of the carrier's side in K.
        """
        kinetic = self.fermi_energy_at(mu_side) + excess
        rate = self.rate(excess, mu_side, temperature)
        return jnp.sqrt(HBAR2_OVER_2M / self._mass() * kinetic) / rate

    def effective_strength(self, excess, mu_side=None, temperature=0.0) -> jax.Array:
        """The strength that a quadratic law would need, a = Gamma E_F/x^2.

        Args:
            excess: x in meV, energy above the electrochemical potential of the carrier's side.
            mu_side: that potential in meV.
            temperature: of the carrier's side in K.
        """
        energy = self.fermi_energy_at(mu_side)
        return self.rate(excess, mu_side, temperature) * energy / excess**2


def thermal_square(excess, temperature):
    """x^2 + (pi k_B T)^2 in meV^2: what x^2 becomes in a Fermi liquid at a temperature in K."""
    return excess**2 + (math.pi * BOLTZMANN * temperature) ** 2


class QuadraticDamping(AbstractDamping):
    r"""Damping rate of a hot electron, quadratic in its excess energy, Eq. (22).

    .. math:: \Gamma(E) = a\, \frac{(E - \mu_R)^2 + (\pi k_B T)^2}{E_F}

    Without a temperature this is Eq. (22). The thermal term is that of a Fermi liquid; with it the
    free path of an electron at the potential is finite.

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

    @property
    def words(self):
        """The strength."""
        return f"a = {float(self.strength):g}"

    def rate(self, excess, mu_side=None, temperature=0.0):
        """The rate a [x^2 + (pi k_B T)^2]/E_F in meV, the same above and below the potential."""
        square = thermal_square(excess, temperature)
        return self.strength * square / self.fermi_energy_at(mu_side)

    def fermi_energy_at(self, mu_side):
        """E_F in meV: the number that the law has, or the potential of the side."""
        return super().fermi_energy_at(mu_side if self.energy is None else self.energy)

    def reference_energy(self, mu, mu_side):
        """The potential that stands for E_F."""
        return mu if self.reference == "mu" else mu_side
