"""How T(E) of a gated device is calculated, and the currents that follow from it."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from qpcjax.constants import BOLTZMANN
from qpcjax.gates import GatedPotential
from qpcjax.scatterers import (
    PotentialScatterer,
    TabulatedTransmission,
    joint_sizes,
    resolve,
)
from qpcjax.staircases.region import Region
from qpcjax.transport.landauer import conductance, dissipation
from qpcjax.transport.reservoirs import Reservoirs
from qpcjax.transport.transmission import transmission

# Thermal widths beyond which no Fermi weight counts, and the least reach of a table in meV.
TAIL, _LEAST_REACH = 36.0, 0.2
# Distance in meV of the energies of a table at first, and their least and largest number.
_SPACING, _FEWEST, _MOST = 0.05, 33, 1025
# Largest distance r in units of the softness of the steps. Interpolation is wrong by about
# 1.1e-3 r^2 (1 + r), measured for r from 0.1 to 4.
_BY_SOFTNESS, _ERROR = 2 / 3, 1.1e-3
_APART = 1e-9  # meV, of energies at which T(E) is continued and those next to them, at least
_CLOSED = 1e-6  # share of the electrons that count which passes a closed constriction
ABOVE = 50.0  # meV above mu, where potentials are cut off: electrons do not get there


@dataclasses.dataclass(frozen=True, eq=False)
class Tabulation:
    """How T(E) is calculated: at which energies, and with which sizes.

    Fields:
        energies: in meV, rising.
        bottom: the lowest energy in meV that counts; the table reaches down to it.
        options: of the `PotentialScatterer`.
        ends: energies in meV to which T(E) is continued from the first and the last one, unchanged;
            None: it is not.
    """

    energies: np.ndarray
    bottom: float
    options: dict[str, Any]
    ends: tuple[float, float] | None = None

    def scatterer(self, potential: GatedPotential) -> PotentialScatterer:
        """The scattering states of a potential."""
        return PotentialScatterer(potential, **self.options)

    def table(self, passed: Any) -> TabulatedTransmission:
        """T(E) with these values at the energies, 0 below the leads' band, where nothing passes."""
        energies = self.energies
        if self.ends is not None:
            energies = np.concatenate([self.ends[:1], energies, self.ends[1:]])
            passed = jnp.concatenate([passed[:1], passed, passed[-1:]])
        if self.bottom < energies[0]:
            energies = np.append([min(self.bottom, -1.0), 0.0], energies)
            passed = jnp.concatenate([jnp.zeros(2), passed])
        return TabulatedTransmission(energies, passed)

    def transmission(self, potential: GatedPotential) -> np.ndarray:
        """T at the energies.

        Raises:
            ValueError: electrons pass along the edges of the strip, under the gates.
        """
        c = self.scatterer(potential)
        _refuse_leak(c, float(self.energies[-1]))
        return np.asarray(transmission(c, self.energies))

    def flows(self, passed: np.ndarray, point: Reservoirs) -> tuple[Any, Any, Any]:
        """G in 2e^2/h and P_L and P_R in pW; 0 where the constriction is closed.

        Args:
            passed: T at the energies.
            point: the operating point of the powers; G is that at its temperature.
        """
        bias, temperature = abs(float(point.bias)), float(point.temperature)
        beyond = np.maximum(np.abs(self.energies - float(point.mu)) - bias / 2, 0)
        counting = np.exp(-beyond / max(BOLTZMANN * temperature, 1e-9))
        if np.max(passed * counting) <= _CLOSED:
            return 0.0, 0.0, 0.0
        table = self.table(passed)
        power = dissipation(table, point)
        return conductance(table, point.mu, temperature), power.left, power.right


def tabulation_of(
    potentials: Sequence[GatedPotential],
    point: Reservoirs,
    region: Region,
    tail: float = TAIL,
    most: int = _MOST,
) -> tuple[Tabulation, float]:
    """How T(E) of some potentials is calculated, with the sizes that all of them need.

    Args:
        potentials: the most different ones.
        point: the operating point.
        region: where T(E) is calculated.
        tail: thermal widths beyond both electrochemical potentials up to which T(E) is
            calculated; up to 36, where no weight counts, it is continued.
        most: energies. They are 0.05 meV apart or closer, where the steps of T(E) are sharper.

    Returns:
        The tabulation, and the estimated error of T(E).
    """
    mu, bias = float(point.mu), abs(float(point.bias))
    width = BOLTZMANN * float(point.temperature)
    reach = [max(bias / 2 + share * width, _LEAST_REACH) for share in (tail, TAIL)]
    options: dict[str, Any] = {
        "width": region.width,
        "half_length": region.half_length,
        "window": region.window,
        "cap": mu + ABOVE,
    }
    lowest = (mu + reach[1]) / 100
    lower, upper = max(mu - reach[0], lowest), mu + reach[0]
    count = min(max(math.ceil((upper - lower) / _SPACING) + 1, _FEWEST), most)
    sized = [
        resolve(potential, np.linspace(lower, upper, 9), region.tolerance, **options)
        for potential in potentials
    ]
    options |= joint_sizes(sized)
    bottom, highest = mu - reach[1], mu + reach[1]
    ends = None
    if tail < TAIL:
        ends = min(max(bottom, lowest), lower - _APART), max(highest, upper + _APART)
    first = Tabulation(np.linspace(lower, upper, count), bottom, options, ends)
    found, missed = resolving(first, potentials, most)
    return found, max(float(np.max(c.error_estimate)) for c in sized) + missed


def resolving(
    tabulation: Tabulation, potentials: Sequence[GatedPotential], most: int = _MOST
) -> tuple[Tabulation, float]:
    """A tabulation that resolves the steps of T(E), and how far its interpolation is off.

    Args:
        tabulation: where to begin.
        potentials: the settings whose steps are looked at.
        most: energies.
    """
    while True:
        energies = tabulation.energies
        apart = energies[1] - energies[0]
        soft = min(softness(energies, tabulation.transmission(p)) for p in potentials)
        if apart <= _BY_SOFTNESS * soft or energies.size >= most:
            r = float(apart / soft)
            return tabulation, min(_ERROR * r**2 * (1 + r), 1.0)
        wanted = math.ceil((energies[-1] - energies[0]) / (_BY_SOFTNESS * soft)) + 1
        finer = np.linspace(energies[0], energies[-1], min(wanted, most))
        tabulation = dataclasses.replace(tabulation, energies=finer)


def softness(energies: np.ndarray, passed: np.ndarray) -> float:
    r"""Width s in meV of the sharpest step :math:`1/(1 + e^{(E_n - E)/s})` in values of T(E).

    A step that lies between two energies looks a quarter of their distance wide.

    Args:
        energies: in meV, rising.
        passed: T at these energies.
    """
    steepest = np.max(np.diff(passed) / np.diff(energies))
    return float(1 / (4 * max(steepest, 1e-3)))


@eqx.filter_jit
def _leak(c):
    return c.leak()


def _refuse_leak(c, upper):
    leak = float(_leak(c))
    if leak < upper:
        raise ValueError(
            f"electrons pass along the edges of the strip above {leak:.4g} meV, and those up to "
            f"{upper:.4g} meV count: take a wider strip, whose edges lie under the gates, or more "
            "negative voltages"
        )
