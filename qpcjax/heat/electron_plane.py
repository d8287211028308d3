"""The electrons of a 2DEG: how they conduct heat, and how the lattice cools them."""

import math

import equinox as eqx
import jax.numpy as jnp

from qpcjax.constants import BOLTZMANN_SI, ELEMENTARY_CHARGE, PLANCK
from qpcjax.validation import (
    Parameters,
    Range,
    Real,
    allowed,
    positive,
)

LORENZ_SI = math.pi**2 / 3 * (BOLTZMANN_SI / ELEMENTARY_CHARGE) ** 2  # W ohm/K^2
_HBAR = PLANCK / (2 * math.pi)

# Speed of longitudinal and transverse sound in GaAs in m/s, to some per cent.
_SOUND = (5240.0, 3000.0)
# Heat that phonons carry across a plane, per T^4, in W/(m^2 K^4): longitudinal and two transverse.
PHONON_CONSTANT = (
    math.pi**2 * BOLTZMANN_SI**4 / (120 * _HBAR**3) * (1 / _SOUND[0] ** 2 + 2 / _SOUND[1] ** 2)
)


class ElectronPlane(Parameters):
    r"""The electrons of a 2DEG, how they conduct heat and how the lattice cools them.

    They conduct by the law of Wiedemann and Franz, and lose
    :math:`\Sigma (T^p - T_0^p)` per area to the lattice. Sigma in GaAs is uncertain by a factor of
    40, which is why it must be given: by itself, or by the length over which a small rise decays,

    .. math:: l_c = \sqrt{\frac{\mathcal{L} \sigma}{p\, \Sigma\, T_0^{p-2}}}, \quad
              \sigma = n e \mu_e, \quad \mathcal{L} = \frac{\pi^2}{3} \frac{k_B^2}{e^2}

    Args:
        density: n in 1e11 cm^-2.
        mobility: mu_e in cm^2/Vs.
        temperature: T_0 of bath and lattice in K, positive.
        cooling: Sigma in fW/(um^2 K^p), such as 20 with p = 5.
        cooling_length: l_c in nm at T_0, instead.
        exponent: p, 2 or more; 5 for acoustic phonons.
        half_plane: whether the heat flows into a half plane, beside a constriction, or all around.

    Raises:
        ValueError: a number out of range, or not one of cooling and cooling_length.
    """

    density: Real = eqx.field(metadata=allowed(positive("density in 1e11 cm^-2")))
    mobility: Real = eqx.field(metadata=allowed(positive("mobility in cm^2/Vs")))
    temperature: Real = eqx.field(metadata=allowed(positive("temperature in K")))
    cooling: Real = eqx.field(
        metadata=allowed(positive("number in fW/(um^2 K^p)"), optional=True), default=None
    )
    cooling_length: Real = eqx.field(
        metadata=allowed(positive("length in nm"), optional=True), default=None
    )
    exponent: Real = eqx.field(metadata=allowed(Range("a number, 2 or more", 2.0)), default=5.0)
    half_plane: bool = eqx.field(static=True, default=True)

    def check(self):
        """Check that the cooling is given, once."""
        if (self.cooling is None) == (self.cooling_length is None):
            raise ValueError(
                "cooling (Sigma in fW/(um^2 K^p)) or cooling_length (in nm) must be given, one of "
                "both: how strongly phonons cool electrons is uncertain by a factor of 40, and has "
                "no default"
            )

    @property
    def angle(self):
        """Angle into which the heat flows."""
        return math.pi if self.half_plane else 2 * math.pi

    @property
    def conduction(self):
        """L sigma in pW/K^2: the heat conductivity over T."""
        sheet = self.density * 1e15 * ELEMENTARY_CHARGE * self.mobility * 1e-4  # S
        return LORENZ_SI * 1e12 * sheet

    @property
    def loss(self):
        """Sigma in pW/(nm^2 K^p)."""
        if self.cooling is not None:
            return 1e-9 * self.cooling
        linear = self.exponent * self.temperature ** (self.exponent - 2)
        return self.conduction / (linear * self.cooling_length**2)

    @property
    def decay_length(self):
        """l_c in nm."""
        if self.cooling_length is not None:
            return self.cooling_length
        linear = self.exponent * self.temperature ** (self.exponent - 2)
        return jnp.sqrt(self.conduction / (linear * self.loss))

    @property
    def mean_free_path(self):
        """Elastic mean free path hbar k_F mu_e/e in nm: diffusion holds beyond it."""
        wavevector = jnp.sqrt(2 * math.pi * self.density * 1e15)  # 1/m
        return _HBAR * wavevector * self.mobility * 1e-4 / ELEMENTARY_CHARGE * 1e9

    def lattice_rise(self, power_per_area):
        r"""Warming of the lattice under a heated area: an order of magnitude.

        Phonons fly on for mm at these temperatures, so that no diffusion equation holds. Their
        radiation from the area carries the heat q away,

        .. math:: \Delta T = \frac{q}{4 \sigma_{ph} T_0^3}, \qquad \sigma_{ph} =
                  \frac{\pi^2 k_B^4}{120 \hbar^3} \left(\frac{1}{c_l^2} + \frac{2}{c_t^2}\right)

        with 659 W/(m^2 K^4) in GaAs.

        Args:
            power_per_area: heat given to phonons in pW/nm^2.

        Returns:
            In K, the same shape.
        """
        return 1e6 * power_per_area / (4 * PHONON_CONSTANT * self.temperature**3)
