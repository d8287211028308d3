"""Damping by collisions between electrons in the random-phase approximation, by a formula."""

import math

import jax.numpy as jnp

from qpcjax.heat.damping import (
    EMPTY,
    KNOWN,
    NO_GAS,
    OUTSIDE,
    PHONON,
    PLASMON,
    thermal_square,
)
from qpcjax.heat.gas_damping import GasDamping
from qpcjax.heat.plasmons import SCREENINGS, thresholds
from qpcjax.validation import require

# C(d, beta) of the formula: rows of powers of ln beta, for the terms (1, d ln d, d) at d <= 1 and
# (1, 1/d, d) above.
_BELOW = (
    (0.28384, 1.08061, -0.01845),
    (0.23099, 0.33157, -0.07702),
    (0.58968, -0.60641, 0.12291),
)
_ABOVE = (
    (1.41510, 0.52298, 0.05798),
    (-0.71513, 0.03384, 0.02749),
    (0.16970, -0.07575, 0.01259),
)
_BLEND = (0.9, 1.1)  # values of d between which one goes over into the other


class RPADamping(GasDamping):
    r"""Damping rate by collisions between electrons in a two-dimensional electron gas.

    With :math:`\beta = q_\mathrm{TF}/k_F`

    .. math:: \Gamma = \frac{E_F}{8\pi} d^2 \left\{\left[1 + \frac{1}{2}
        \left(\frac{\beta}{\beta + 2}\right)^2\right] \ln\frac{1}{d} + C(d, \beta)\right\}, \quad
        d = \frac{\sqrt{x^2 + (\pi k_B T)^2}}{E_F}

    where C is fitted to the exact integral over pairs of a strictly two-dimensional gas at T = 0:
    within 0.6 % for 1e-4 <= d. Holes lose their energy faster by the factor 1 + \|x\|/E_F, which
    holds within 2.5 % to a depth of 0.6 E_F. Exchange, which may lower the logarithm by a quarter
    or more, and the width of the well, which lowers the rate by 13 to 23 % at 20 nm, are left out.

    An electron with enough energy for a plasmon, or for the mode in which plasmons and optical
    phonons couple, loses it some six times as fast. The formula ends there: beyond, the rate is
    NaN, and `why` tells so. `ExactRPADamping` has those rates too.

    Args:
        density: of the electrons in 1e11 cm^-2. Without it E_F is the potential of the electron's
            side.
        material: `Material`; GaAs by default.

    Raises:
        ValueError: a density that is not positive, or outside the formula's range
            0.75 <= beta <= 2.6; in GaAs from 0.91 to 10.9e11 cm^-2.

    References:
        F. Stern, Phys. Rev. Lett. 18, 546 (1967), for the dielectric function; R. Jalabert and
        S. Das Sarma, Phys. Rev. B 40, 9723 (1989), for the coupled mode.
    """

    def check(self):
        """Refuse a density at which the formula does not hold."""
        if self.density is not None:
            high, low = (self.material.density_at_screening(b) for b in SCREENINGS)
            wanted = f"from {low:.3g} to {high:.3g} (1e11 cm^-2) in this material"
            require("density", self.density, wanted, lambda n: (n >= low) & (n <= high))

    def threshold(self, mu_side=None):
        """Excess energy in meV from which an electron can emit a mode of the gas.

        It is the plasmon, or the coupled mode of plasmon and phonon in a material that has one.

        Args:
            mu_side: potential of the electron's side in meV, where the law has no density.

        Returns:
            The energy, to 1e-3 of it; NaN outside the formula's range.
        """
        gas = self.gas(mu_side)
        held = gas.exists & _in_range(gas.screening)
        return jnp.where(held, gas.energy * _threshold(self.material, gas.screening), jnp.nan)

    @property
    def words(self):
        """The law and its density."""
        return self.named("damping in RPA")

    def rate(self, excess, mu_side=None, temperature=0.0):
        """The rate in meV; that of a hole where `excess` is negative."""
        return self._rate(excess, mu_side, temperature, hole=None)

    def hole_rate(self, depth, mu_side=None, temperature=0.0):
        """The rate in meV of a hole `depth` meV below the potential."""
        return self._rate(depth, mu_side, temperature, hole=True)

    def _rate(self, excess, mu_side, temperature, hole):
        gas = self.gas(mu_side)
        excess = jnp.asarray(excess)
        x = excess / gas.energy
        hole = excess < 0 if hole is None else jnp.asarray(hole)
        d2 = thermal_square(excess, temperature) / gas.energy**2
        depth = jnp.where(hole, jnp.abs(x), 0)
        held = gas.exists & _in_range(gas.screening) & (depth < 1)
        held &= d2 <= _threshold(self.material, gas.screening) ** 2
        d2 = jnp.where(held, d2, jnp.nan)
        return gas.energy * _formula(d2, gas.screening) * (1 + depth)

    def status(self, excess, mu_side=None, temperature=0.0):
        """Why there is no rate: a mode that can be emitted, a density or depth out of range."""
        gas = self.gas(mu_side)
        excess = jnp.asarray(excess)
        d2 = thermal_square(excess, temperature) / gas.energy**2
        emits = d2 > _threshold(self.material, gas.screening) ** 2
        mode = PLASMON if self.material.phonon_energy is None else PHONON
        found = jnp.where(emits, mode, KNOWN)
        found = jnp.where(-excess >= gas.energy, EMPTY, found)
        found = jnp.where(_in_range(gas.screening), found, OUTSIDE)
        return jnp.where(gas.exists, found, NO_GAS)


def _in_range(screening):
    return (screening >= SCREENINGS[0]) & (screening <= SCREENINGS[1])


def _threshold(material, screening):
    """The excess energy from which a mode is emitted, in units of E_F."""
    table = thresholds(material)
    return jnp.interp(screening, *(jnp.asarray(x, screening.dtype) for x in table))


def _formula(d2, screening):
    """Gamma/E_F at the square of d."""
    log_screening = jnp.log(screening)
    d2 = jnp.asarray(d2)
    at_rest = d2 == 0
    square = jnp.where(at_rest, 1, d2)
    ln_d = jnp.log(square) / 2
    d = jnp.exp(ln_d)

    def sum_of(rows, terms):
        return sum(
            (a + log_screening * (b + log_screening * c)) * term
            for (a, b, c), term in zip(rows, terms, strict=True)
        )

    t = jnp.clip((ln_d - math.log(_BLEND[0])) / math.log(_BLEND[1] / _BLEND[0]), 0, 1)
    share = t * t * (3 - 2 * t)
    constant = (1 - share) * sum_of(_BELOW, (1.0, d * ln_d, d))
    constant += share * sum_of(_ABOVE, (1.0, 1 / jnp.maximum(d, _BLEND[0]), d))
    leading = 1 + 0.5 * (screening / (screening + 2)) ** 2
    return jnp.where(at_rest, 0, square * (constant - leading * ln_d) / (8 * math.pi))
