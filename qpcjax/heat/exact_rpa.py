"""Damping by collisions between electrons in the random-phase approximation, by its integral."""

import functools
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from qpcjax._numerics.blocks import in_blocks
from qpcjax.heat.damping import EMPTY, KNOWN, LATTICE, NO_GAS, OUTSIDE, thermal_square
from qpcjax.heat.gas_damping import GasDamping
from qpcjax.heat.modes import mode_rate, threshold
from qpcjax.heat.pairs import pair_rate
from qpcjax.heat.screening import Screening
from qpcjax.overviews import brief
from qpcjax.validation import Range, Real, allowed

_AT_ONCE = 4  # carriers


class EmissionRates(NamedTuple):
    """What a carrier loses its energy to, as damping rates in meV.

    Fields:
        pairs: pairs of an electron and a hole.
        mode: plasmons, or in a polar material the coupled mode of plasmons and optical phonons.
        total: their sum.
    """

    pairs: jax.Array
    mode: jax.Array
    total: jax.Array

    def __repr__(self):
        return brief(self, dict.fromkeys(self._fields, "meV"))


class ExactRPADamping(GasDamping):
    r"""Damping rate in a two-dimensional electron gas, with the emission of plasmons.

    With energies in E_F, wavevectors in k_F, :math:`k = \sqrt{1 + x}`, and
    :math:`\beta = q_\mathrm{TF}/k_F`

    .. math:: \Gamma = \frac{E_F}{\pi} \int_0^x dw \int dq\, \frac{\beta\,
        [-\mathrm{Im}\, 1/\epsilon(q, w)]}{\sqrt{(2kq)^2 - (w + q^2)^2}}

    on shell, with Stern's dielectric function at T = 0. Pairs take up to 1e-9 of it, and a zero of
    epsilon, from a threshold on, adds the emission of plasmons. Where the material has a polar
    phonon, beta is multiplied by kappa_0/kappa(w), which makes them coupled modes, and the law ends
    at the transverse phonon. Thermal electrons turn x^2 into x^2 + (pi k_B T)^2, as in a Fermi
    liquid. Exchange is left out, which may lower the rate by a quarter or more.

    `RPADamping` is a formula for the pairs, within 0.6 %, and some hundred times as fast: a hot
    spot asks for many rates and takes minutes with this law.

    Args:
        density: of the electrons in 1e11 cm^-2. Without it E_F is the potential of the electron's
            side.
        material: `Material`; GaAs by default.
        width: of an infinitely deep well in nm; without it the gas is strictly two-dimensional.

    Raises:
        ValueError: a density that is not positive, or a width below 0.

    References:
        F. Stern, Phys. Rev. Lett. 18, 546 (1967), for the dielectric function; R. Jalabert and
        S. Das Sarma, Phys. Rev. B 40, 9723 (1989), for the coupled mode, not compared with the
        original.
    """

    width: Real = eqx.field(
        default=None, metadata=allowed(Range("a width in nm, 0 or more", 0.0), optional=True)
    )

    @property
    def words(self):
        """The law and its density."""
        return self.named("damping in RPA with plasmons")

    def emission(self, excess, mu_side=None, temperature=0.0) -> EmissionRates:
        """What a carrier loses its energy to, in meV; a hole where `excess` is negative.

        Args:
            excess: energy in meV above the electrochemical potential of the carrier's side.
            mu_side: that potential in meV, where the law has no density.
            temperature: of the carrier's side in K.

        Returns:
            `EmissionRates(pairs, mode, total)`, NaN where `why` says so.
        """
        return self._emission(excess, mu_side, temperature, holes=None)

    def rate(self, excess, mu_side=None, temperature=0.0):
        """The rate in meV; that of a hole where `excess` is negative."""
        return self._emission(excess, mu_side, temperature, holes=None).total

    def hole_rate(self, depth, mu_side=None, temperature=0.0):
        """The rate in meV of a hole `depth` meV below the potential; it emits pairs alone."""
        return self._emission(depth, mu_side, temperature, holes=True).total

    def threshold(self, mu_side=None):
        """Excess energy in meV from which an electron emits a mode of the gas.

        Args:
            mu_side: potential of the electron's side in meV, where the law has no density.

        Returns:
            The energy; NaN where there is no gas.
        """
        gas = self.gas(mu_side)
        energy, screening = jnp.broadcast_arrays(gas.energy, gas.screening)
        found = jnp.vectorize(lambda e, b: threshold(self._screening(e, b)))(energy, screening)
        return jnp.where(gas.exists, gas.energy * found, jnp.nan)

    def _screening(self, energy, strength):
        """The dielectric function of a gas of this Fermi energy in meV."""
        material, width = self.material, self.width
        if width is not None:
            width = width * (material.screening_wavevector / strength)
        if material.phonon_energy is None:
            return Screening(strength, width)
        ratio = material.permittivity / material.high_frequency_permittivity
        lower, upper = (
            phonon / energy for phonon in (material.transverse_phonon, material.phonon_energy)
        )
        return Screening(strength, width, lower, upper, ratio)

    def _emission(self, excess, mu_side, temperature, holes):
        gas = self.gas(mu_side)
        square, hole, status = self._known(gas, excess, temperature, holes)
        counts = (status == KNOWN) & (square > 0)
        x = jnp.sqrt(jnp.where(counts, square, 1))
        columns = jnp.broadcast_arrays(x, gas.energy, gas.screening, hole, counts)
        shape = columns[0].shape
        columns = [c.reshape(-1) for c in columns]
        if holes:
            columns[3] = jnp.ones_like(columns[3])
        point = functools.partial(self._at, holes=holes)
        pairs, mode = in_blocks(lambda some: jax.vmap(point)(*some), columns, _AT_ONCE)
        pairs, mode = (
            jnp.where(status == KNOWN, gas.energy * y.reshape(shape), jnp.nan)
            for y in (pairs, mode)
        )
        return EmissionRates(pairs, mode, pairs + mode)

    def _at(self, x, energy, strength, hole, counts, holes):
        """Rates by pairs and by the mode over E_F at one excess energy; 0 where none counts."""
        screening = self._screening(energy, strength)
        largest = 1.0 if screening.lower is None else jnp.minimum(1, screening.lower)
        x = jnp.where(counts, x, 0.5 * largest)
        if holes:
            return jnp.where(counts, pair_rate(x, screening, True, jnp.inf), 0), jnp.zeros_like(x)
        mode, merging = mode_rate(x, screening)
        pairs = pair_rate(x, screening, hole, merging)
        return jnp.where(counts, pairs, 0), jnp.where(counts & ~hole, mode, 0)

    def _known(self, gas, excess, temperature, holes):
        """The square of x in units of E_F, whether it is a hole's, and whether there is a rate."""
        excess = jnp.asarray(excess)
        square = thermal_square(excess, temperature) / gas.energy**2
        hole = excess < 0 if holes is None else jnp.full(excess.shape, True)
        depth = jnp.where(hole, jnp.abs(excess) / gas.energy, 0)
        status = jnp.full(jnp.broadcast_shapes(square.shape, depth.shape), KNOWN)
        if self.material.phonon_energy is not None:
            far = square >= (self.material.transverse_phonon / gas.energy) ** 2
            status = jnp.where(far, LATTICE, status)
        status = jnp.where(hole & (square >= 1), OUTSIDE, status)
        status = jnp.where(depth >= 1, EMPTY, status)
        return square, hole, jnp.where(gas.exists, status, NO_GAS)

    def status(self, excess, mu_side=None, temperature=0.0):
        """Why there is no rate: no gas, the optical phonon, or the bottom of the band."""
        return self._known(self.gas(mu_side), excess, temperature, None)[2]
