"""Damping laws of a two-dimensional electron gas, which a density and a material tell all of."""

import equinox as eqx

from qpcjax.heat.damping import AbstractDamping
from qpcjax.heat.material import Material, electron_gas
from qpcjax.validation import Real, allowed, positive


class GasDamping(AbstractDamping):
    """A damping law of an electron gas: of its density, or with the potential of the side as E_F.

    Args:
        density: of the electrons in 1e11 cm^-2.
        material: `Material`; GaAs by default.
    """

    density: Real = eqx.field(
        default=None, metadata=allowed(positive("density in 1e11 cm^-2"), optional=True)
    )
    material: Material = eqx.field(default=Material(), static=True)

    def gas(self, mu_side):
        """The scales of the gas, see `electron_gas`."""
        return electron_gas(self.material, self.density, mu_side)

    def fermi_energy_at(self, mu_side):
        """E_F in meV of the density, or the potential of the side; 1 where that is not positive."""
        return self.gas(mu_side).energy

    def _mass(self):
        return self.material.mass

    def named(self, law):
        """The law and its density in words."""
        if self.density is None:
            return f"{law}, E_F of mu"
        return f"{law}, {float(self.density):.4g}e11 cm^-2"
