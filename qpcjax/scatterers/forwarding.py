"""Scatterers that are another one in all but what a subclass changes."""

import dataclasses
from typing import Any

import equinox as eqx

from qpcjax.scatterers.base import AbstractScatterer
from qpcjax.scatterers.users import as_scatterer


class Forwarding(AbstractScatterer):
    """A scatterer that is another one in everything but what a subclass changes."""

    inner: Any

    def eigenvalues(self, energy: Any, bias: Any = 0.0):
        """Those of the inner scatterer."""
        return self.inner.eigenvalues(energy, bias)

    def thresholds(self, bias: Any = 0.0):
        """Those of the inner scatterer."""
        return self.inner.thresholds(bias)

    def finest_scale(self, bias: Any = 0.0):
        """That of the inner scatterer."""
        return self.inner.finest_scale(bias)

    def total(self, energy: Any, bias: Any = 0.0):
        """That of the inner scatterer."""
        return self.inner.total(energy, bias)

    def transmissions(self, energies: Any, bias: Any = 0.0, filled: Any = None, bulk: bool = False):
        """Those of the inner scatterer."""
        return self.inner.transmissions(energies, bias, filled, bulk)

    def jumps(self, bias: Any = 0.0):
        """Those of the inner scatterer."""
        return self.inner.jumps(bias)

    def panel_edges(self, bias: Any = 0.0):
        """Those of the inner scatterer."""
        return self.inner.panel_edges(bias)

    def energy_floor(self):
        """That of the inner scatterer."""
        return self.inner.energy_floor()

    def energy_limit(self):
        """That of the inner scatterer."""
        return self.inner.energy_limit()

    def resolved(self):
        """Whether the inner scatterer is."""
        return self.inner.resolved()

    def eigenvalues_at(self, energies: Any, bias: Any = 0.0):
        """Those of the inner scatterer."""
        return self.inner.eigenvalues_at(energies, bias)

    def total_at(self, energies: Any, bias: Any = 0.0):
        """That of the inner scatterer."""
        return self.inner.total_at(energies, bias)

    def openings(self):
        """Those of the inner scatterer."""
        return self.inner.openings()

    def mode_thresholds(self, bias: Any = 0.0):
        """Those of the inner scatterer."""
        return self.inner.mode_thresholds(bias)

    def mode_panel_edges(self, bias: Any = 0.0):
        """Those of the inner scatterer."""
        return self.inner.mode_panel_edges(bias)

    def settled(self):
        """The same around the settled inner scatterer."""
        return dataclasses.replace(self, inner=self.inner.settled())

    def at_potential(self, mu: Any):
        """The same around the inner scatterer as it is there."""
        return eqx.tree_at(lambda s: s.inner, self, self.inner.at_potential(mu))

    @property
    def states_panels(self):
        """Whether the inner scatterer's class states its panels."""
        return self.inner.states_panels

    mass = property(lambda self: self.inner.mass)
    weight = property(lambda self: self.inner.weight)
    memory = property(lambda self: self.inner.memory)
    follows_bias = property(lambda self: self.inner.follows_bias)
    in_one_kernel = property(lambda self: self.inner.in_one_kernel)
    opens_in_steps = property(lambda self: self.inner.opens_in_steps)


class InBulk(Forwarding):
    """A scatterer whose T(E, V) is always one kernel."""

    def total(self, energy: Any, bias: Any = 0.0):
        """T(E, V) of the inner scatterer, as one kernel."""
        return self.inner.transmissions(energy, bias, bulk=True)

    def transmissions(self, energies: Any, bias: Any = 0.0, filled: Any = None, bulk: bool = True):
        """The same at many energies."""
        return self.inner.transmissions(energies, bias, filled, bulk=True)


def in_bulk(scatterer) -> AbstractScatterer:
    """The same scatterer in the form for large batches of integrals.

    T(E) then is one kernel for XLA, with all modes written out, and so is each of its derivatives.
    Gradients of integrals at some hundred thousand points run 1.5 to 2 times as fast, their values
    about as fast as without it; the first call compiles up to four times as long.

    Args:
        scatterer: any scatterer; one that has no such form is returned as it is.
    """
    scatterer = as_scatterer(scatterer)
    return InBulk(scatterer) if scatterer.in_one_kernel else scatterer
