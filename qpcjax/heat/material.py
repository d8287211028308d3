"""The electron gas that a damping law is of: a material, a density, and the scales of both."""

import dataclasses
from typing import Any, NamedTuple

import jax.numpy as jnp

from qpcjax.constants import BOHR_RADIUS, GAAS_MASS, HBAR2_OVER_2M, density, fermi_energy
from qpcjax.validation import require


@dataclasses.dataclass(frozen=True)
class Material:
    """A semiconductor, as its electrons screen each other.

    Args:
        mass: effective mass in m_e.
        permittivity: static relative permittivity, kappa_0.
        high_frequency_permittivity: relative permittivity above the optical phonons, kappa_inf.
        phonon_energy: longitudinal optical phonon in meV; None for a material without a polar one.

    The numbers are those of GaAs by default. No derivatives are taken by them.

    Raises:
        ValueError: a number that is not positive, or kappa_inf above kappa_0.
    """

    mass: float = GAAS_MASS
    permittivity: float = 12.9
    high_frequency_permittivity: float = 10.9
    phonon_energy: float | None = 36.25

    def __post_init__(self):
        for name in ("mass", "permittivity", "high_frequency_permittivity", "phonon_energy"):
            value = getattr(self, name)
            if name == "phonon_energy" and value is None:
                continue
            require(name, float(value), "positive", lambda x: x > 0)
            object.__setattr__(self, name, float(value))
        if self.high_frequency_permittivity > self.permittivity:
            raise ValueError(
                "high_frequency_permittivity must be at most permittivity "
                f"({self.permittivity:g}), got {self.high_frequency_permittivity:g}"
            )

    @property
    def screening_wavevector(self) -> float:
        """q_TF = 2/a_B in 1/nm, with the effective Bohr radius a_B."""
        return 2 * self.mass / (BOHR_RADIUS * self.permittivity)

    @property
    def transverse_phonon(self) -> float | None:
        """Transverse optical phonon in meV, of the relation of Lyddane, Sachs and Teller."""
        if self.phonon_energy is None:
            return None
        return self.phonon_energy * (self.high_frequency_permittivity / self.permittivity) ** 0.5

    def screening(self, energy) -> Any:
        """q_TF/k_F at a Fermi energy in meV."""
        return self.screening_wavevector * (HBAR2_OVER_2M / self.mass / energy) ** 0.5

    def density_at_screening(self, screening) -> float:
        """Density in 1e11 cm^-2 at which q_TF/k_F has this value."""
        wavevector = self.screening_wavevector / screening
        return density(HBAR2_OVER_2M / self.mass * wavevector**2, self.mass)


class ElectronGas(NamedTuple):
    """Scales of an electron gas: E_F in meV, and q_TF/k_F; both are 1 where E_F is not positive."""

    energy: Any
    screening: Any
    exists: Any


def electron_gas(material, density, mu_side) -> ElectronGas:
    """The gas of this density, or that whose Fermi energy is the potential of its side.

    Raises:
        ValueError: neither is given.
    """
    if density is not None:
        energy = fermi_energy(density, material.mass)
    elif mu_side is not None:
        energy = mu_side
    else:
        raise ValueError("mu_side must be given: this law has no density of its own")
    energy = jnp.asarray(energy)
    exists = energy > 0
    energy = jnp.where(exists, energy, 1)
    return ElectronGas(energy, jnp.where(exists, material.screening(energy), 1), exists)
