"""Spin splitting by a magnetic field, for any scatterer."""

import equinox as eqx
import jax.numpy as jnp

from qpcjax.constants import BOHR_MAGNETON
from qpcjax.quantities import holding
from qpcjax.scatterers.wrapper import Wrapper
from qpcjax.validation import Real


class ZeemanSplit(Wrapper):
    r"""A scatterer whose two spins see its energies shifted by the Zeeman energy.

    .. math:: T(E) = \tfrac12 \sum_{s = \pm 1} T_0(E - s\, g \mu_B B/2)

    Conductances stay in 2e^2/h: T is per pair of spins, and a plateau of one spin alone is at 1/2.
    The eigenvalues are those of both spins, from 0 to 1, and count with the weight 1/2 each.

    Args:
        scatterer: any scatterer.
        magnetic_field: total B in T, whatever its direction. What its perpendicular part does to
            the orbit is the scatterer's own matter, as in `SaddlePoint`.
        g_factor: g; that of electrons in bulk GaAs by default.

    Raises:
        TypeError: this is not a scatterer.
        ValueError: a field or g-factor that is not finite, or spins that are split already.
    """

    magnetic_field: Real = eqx.field(metadata=holding("magnetic_field"))
    g_factor: Real = eqx.field(metadata=holding("g_factor"), default=-0.44)

    words = "spins split by the field"

    def check(self):
        """Check that no gap splits the spins yet."""
        if getattr(self.scatterer, "splits_spins", False):
            raise ValueError(
                "ZeemanSplit must be around a barrier that is the same for both spins; to have a "
                "spin gap in a field, put SpinGap around ZeemanSplit"
            )

    @property
    def memory(self):
        """Twice that of the scatterer."""
        return 2 * self.scatterer.memory

    @property
    def zeeman_energy(self):
        """Zeeman energy g mu_B B in meV, by which the steps of s = +1 lie above those of s = -1."""
        return BOHR_MAGNETON * self.g_factor * self.magnetic_field

    def _shift(self, bias):
        """Half the Zeeman energy.

        Everything is even in the field. Without one, two jumps in one place would not see that
        what they do cancels, when their positions are differentiated: there the slope is put to 0.
        """
        shift = self.zeeman_energy / 2
        return jnp.where(shift == 0, 0, shift) if self.scatterer.jumps(bias).size else shift

    def _both(self, energies, bias):
        """Energies of the scatterer as they stand for either spin."""
        shift = self._shift(bias)
        return jnp.concatenate([energies + shift, energies - shift])

    @property
    def weight(self):
        """Half of the scatterer's weight: every eigenvalue is that of one spin."""
        return self.scatterer.weight / 2

    def eigenvalues(self, energy, bias=0.0):
        """T_n(E, V) of both spins, at one energy and bias."""
        shift = self._shift(bias)
        spins = [self.scatterer.eigenvalues(energy - s, bias) for s in (shift, -shift)]
        return jnp.concatenate(spins)

    def total(self, energy, bias=0.0):
        """The mean of both spins' T(E, V)."""
        shift = self._shift(bias)
        up, down = (self.scatterer.total(energy - s, bias) for s in (shift, -shift))
        return (up + down) / 2

    def transmissions(self, energies, bias=0.0, filled=None, bulk=False):
        """The same, at many energies."""
        shift = self._shift(bias)
        up, down = (
            self.scatterer.transmissions(energies - s, bias, filled, bulk) for s in (shift, -shift)
        )
        return (up + down) / 2

    def thresholds(self, bias=0.0):
        """Those of both spins."""
        return self._both(self.scatterer.thresholds(bias), bias)

    def jumps(self, bias=0.0):
        """Those of both spins."""
        return self._both(self.scatterer.jumps(bias), bias)

    def panel_edges(self, bias=0.0):
        """Those of both spins."""
        return self._both(self.scatterer.panel_edges(bias), bias)

    def energy_floor(self):
        """Energy down to which both spins are known."""
        return self.scatterer.energy_floor() + jnp.abs(self.zeeman_energy) / 2

    def energy_limit(self):
        """Energy up to which both spins are whole."""
        return self.scatterer.energy_limit() - jnp.abs(self.zeeman_energy) / 2
