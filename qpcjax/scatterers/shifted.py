"""Scatterers whose modes are shifted in energy, each by an amount of its own."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from qpcjax.scatterers.base import at_many
from qpcjax.scatterers.wrapper import Wrapper
from qpcjax.validation import Real


class ShiftedModes(Wrapper):
    """Modes of a scatterer that are raised by fixed energies.

    Attributes:
        scatterer: the scatterer.
        raised: by how much T_n(E) of each mode is raised, in meV, shape (modes,).
        lowered: None; or by how much all modes of the other spin are lowered, in meV. Then each
            eigenvalue is that of one spin, and those of the lowered spin come first.
    """

    raised: jax.Array
    lowered: Any = None

    @property
    def weight(self):
        """That of the scatterer, half of it where there are two spins."""
        return self.scatterer.weight / (1 if self.lowered is None else 2)

    @property
    def memory(self):
        """That of the scatterer, twice that where there are two spins."""
        return self.scatterer.memory * (1 if self.lowered is None else 2)

    def eigenvalues(self, energy, bias=0.0):
        """T_n(E, V) at one energy and bias."""
        raised = self.scatterer.eigenvalues_at(energy - self.raised, bias)
        if self.lowered is None:
            return raised
        return jnp.concatenate([self.scatterer.eigenvalues(energy + self.lowered, bias), raised])

    def total(self, energy, bias=0.0):
        """T(E, V); the mean of both spins where there are two."""
        raised = _raised_total(self, energy, bias)
        if self.lowered is None:
            return raised
        return (self.scatterer.total(energy + self.lowered, bias) + raised) / 2

    def transmissions(self, energies, bias=0.0, filled=None, bulk=False):
        """The same, at many energies."""
        raised = at_many(_raised_total, self, energies, bias, filled)
        if self.lowered is None:
            return raised
        return (
            self.scatterer.transmissions(energies + self.lowered, bias, filled, bulk) + raised
        ) / 2

    def _shifted(self, energies, own):
        """Energies of the scatterer as they stand here."""
        of_mode, mode = own
        raised = of_mode + self.raised[mode]
        return raised if self.lowered is None else jnp.append(raised, energies - self.lowered)

    def thresholds(self, bias=0.0):
        """Those of each mode."""
        return self._shifted(self.scatterer.thresholds(bias), self.scatterer.mode_thresholds(bias))

    def panel_edges(self, bias=0.0):
        """Those of each mode."""
        return self._shifted(
            self.scatterer.panel_edges(bias), self.scatterer.mode_panel_edges(bias)
        )

    def jumps(self, bias=0.0):
        """A scatterer that jumps somewhere may do so at any of its thresholds."""
        jumps = self.scatterer.jumps(bias)
        return self.thresholds(bias) if jumps.size else jumps

    def energy_floor(self):
        """Energy down to which all modes are known."""
        return self.scatterer.energy_floor() + jnp.max(self.raised)

    def energy_limit(self):
        """Energy up to which the modes are whole: none is raised by less than 0."""
        return self.scatterer.energy_limit() - (0 if self.lowered is None else self.lowered)


def _raised_total(shifted, energy, bias):
    return shifted.scatterer.total_at(energy - shifted.raised, bias)


class FilledBarrier(Wrapper):
    """A scatterer whose modes are raised by amounts that follow their filling.

    The amounts are numbers at one electrochemical potential. Everything is that of `settled`, which
    knows them; what asks for several things, such as an integral, settles the scatterer first.

    Attributes:
        mu: mean electrochemical potential in meV.
    """

    mu: eqx.AbstractVar[Real]

    @abc.abstractmethod
    def settled(self) -> ShiftedModes:
        """The scatterer with its modes shifted by fixed energies."""

    @property
    def weight(self):
        """Share of each eigenvalue in T(E, V)."""
        return self.scatterer.weight

    @property
    def memory(self):
        """Twice that of the scatterer."""
        return 2 * self.scatterer.memory

    def eigenvalues(self, energy, bias=0.0):
        """T_n(E, V) at one energy and bias."""
        return self.settled().eigenvalues(energy, bias)

    def total(self, energy, bias=0.0):
        """T(E, V)."""
        return self.settled().total(energy, bias)

    def transmissions(self, energies, bias=0.0, filled=None, bulk=False):
        """The same, at many energies."""
        return self.settled().transmissions(energies, bias, filled, bulk)

    def thresholds(self, bias=0.0):
        """Those of each mode."""
        return self.settled().thresholds(bias)

    def panel_edges(self, bias=0.0):
        """Those of each mode."""
        return self.settled().panel_edges(bias)

    def jumps(self, bias=0.0):
        """Those of each mode."""
        return self.settled().jumps(bias)

    def energy_floor(self):
        """Energy down to which all modes are known."""
        return self.settled().energy_floor()

    def energy_limit(self):
        """Energy up to which the modes are whole."""
        return self.settled().energy_limit()

    def at_potential(self, mu):
        """The same with this mean electrochemical potential in meV."""
        inner = self.scatterer.at_potential(mu)
        return eqx.tree_at(lambda s: (s.mu, s.scatterer), self, (mu, inner))

    def _checked(self, shifts):
        """Shifts, NaN where a traced number is out of its range."""
        return jnp.where(self.meaningful(), shifts, jnp.nan)
