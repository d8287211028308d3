r"""An operating point among its neighbours: curves and a map, quick enough to follow a slider.

With both sides at one temperature the moments of T(E) are differences of two functions of one
electrochemical potential,

.. math::
    K_j(s) = \int dE\, E^j\, T(E)\, f(E - s), \quad I \propto K_0(\mu_L) - K_0(\mu_R), \quad
    J \propto K_1(\mu_L) - K_1(\mu_R),

so that a map over mu and bias needs them at a few hundred potentials only, for each of its biases
where T(E, V) follows the bias. They are sums on an even grid of energies, right to the width of a
drawn line (a test says how far); the numbers on the page are those of `qpcjax.evaluation`, right to
the library's own accuracy.
"""

from typing import NamedTuple

import numpy as np

from qpcjax.constants import BOLTZMANN, CONDUCTANCE_QUANTUM
from qpcjax.explorer.barriers import BIAS, ENERGIES, MU
from qpcjax.transport.reservoirs import Dissipation, Reservoirs
from qpcjax.transport.transmission import transmission

_STEP = 0.02  # meV, of the energies; a Fermi function is no steeper than one step
_MU = np.arange(MU.low, MU.high + 0.1, 0.2)
_SHOWN = MU.high + BIAS.high / 2  # meV, of T(E): as far as a potential can go
_BIAS = np.arange(BIAS.low, BIAS.high + 0.2, 0.4)


class View(NamedTuple):
    """What is drawn: energies in meV, powers in pW.

    Fields:
        energy: of the transmission.
        transmission: T(E) at the bias of the operating point.
        mu: of the powers, and rows of the map.
        powers: P_L and P_R along mu at the bias of the operating point.
        bias: columns of the map.
        asymmetry: P_A over mu and bias.
    """

    energy: np.ndarray
    transmission: np.ndarray
    mu: np.ndarray
    powers: Dissipation
    bias: np.ndarray
    asymmetry: np.ndarray


def view(scatterer, reservoirs) -> View:
    """The surroundings of an operating point; NaN where T(E, V) is not known.

    Args:
        scatterer: any scatterer with T(E, V) = T(E, -V) and modes for `ENERGIES`.
        reservoirs: `Reservoirs` with plain numbers in its fields and one temperature.
    """
    energy = np.arange(ENERGIES[0], ENERGIES[1], _STEP)
    here = np.asarray(transmission(scatterer, energy, reservoirs.bias), float)
    moments = _Moments(energy, reservoirs.temperature)
    powers = moments.dissipation(here[:, None], Reservoirs(_MU, reservoirs.bias))
    across = here[:, None]
    if scatterer.follows_bias:
        drop, column = np.unique(np.round(np.abs(_BIAS), 9), return_inverse=True)
        across = np.asarray(transmission(scatterer, energy[:, None], drop), float)[:, column]
    every = moments.dissipation(across, Reservoirs(_MU[:, None], _BIAS))
    shown = energy <= _SHOWN
    return View(energy[shown], here[shown], _MU, powers, _BIAS, np.asarray(every.asymmetry))


class _Moments:
    """K_0 and K_1 at one temperature."""

    def __init__(self, energy, temperature):
        self.energy = energy
        self.kT = max(BOLTZMANN * temperature, _STEP)

    def at(self, transmission, potential):
        """Both at potentials of any shape, whose last axis goes with the columns of T."""
        # A map has each potential many times: mu and bias stand on grids that fit each other.
        each, place = np.unique(np.round(potential, 9), return_inverse=True)
        place, column = place.reshape(np.shape(potential)), np.arange(transmission.shape[1])
        filled = (1 - np.tanh((self.energy - each[:, None]) / (2 * self.kT))) / 2
        passed = transmission * _STEP
        moments = filled @ passed, filled @ (self.energy[:, None] * passed)
        return (k[place, column] for k in moments)

    def dissipation(self, transmission, reservoirs):
        """P_L and P_R in pW, Eqs. (2) and (3), with T(E) in one column or in one for each bias."""
        mu_left, mu_right = reservoirs.mu_left, reservoirs.mu_right
        moments = zip(self.at(transmission, mu_left), self.at(transmission, mu_right), strict=True)
        zeroth, first = (CONDUCTANCE_QUANTUM * (left - right) for left, right in moments)
        return Dissipation(mu_left * zeroth - first, first - mu_right * zeroth)
