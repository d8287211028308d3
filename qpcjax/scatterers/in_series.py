"""Parts of a constriction between which electrons lose their phase: two in series, and a half."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp

from qpcjax.scatterers.base import AbstractScatterer
from qpcjax.scatterers.users import as_scatterer
from qpcjax.scatterers.wrapper import Wrapper


class InSeries(AbstractScatterer):
    r"""Two parts with total loss of phase between them, at every energy for itself.

    .. math:: T(E) = \frac{T_1 T_2}{T_1 + T_2}

    with the totals of both parts: a region between them mixes all modes. Each part sees half of the
    bias.

    Args:
        left: T_1, any scatterer.
        right: T_2.
    """

    left: Any = eqx.field(converter=as_scatterer)
    right: Any = eqx.field(converter=as_scatterer)

    opens_in_steps = False

    @property
    def parts(self):
        """Both parts."""
        return self.left, self.right

    @property
    def mass(self):
        """That of the left part."""
        return self.left.mass

    @property
    def memory(self):
        """That of both parts."""
        return self.left.memory + self.right.memory

    @property
    def follows_bias(self):
        """Whether a part does."""
        return any(part.follows_bias for part in self.parts)

    @property
    def states_panels(self):
        """Whether both parts' classes state their panels."""
        return all(part.states_panels for part in self.parts)

    def total(self, energy, bias=0.0):
        """T(E, V) at one energy."""
        left, right = (part.total(energy, bias / 2) for part in self.parts)
        together = left + right
        closed = together == 0
        return jnp.where(closed, 0, left * right / jnp.where(closed, 1, together))

    def eigenvalues(self, energy, bias=0.0):
        """The total, shape (1,)."""
        return self.total(energy, bias)[None]

    def thresholds(self, bias=0.0):
        """Those of both parts."""
        return jnp.concatenate([part.thresholds(bias / 2) for part in self.parts])

    def jumps(self, bias=0.0):
        """Those of both parts."""
        return jnp.concatenate([part.jumps(bias / 2) for part in self.parts])

    def panel_edges(self, bias=0.0):
        """Those of both parts."""
        return jnp.concatenate([part.panel_edges(bias / 2) for part in self.parts])

    def finest_scale(self, bias=0.0):
        """The finer of both, where both are stated."""
        scales = [part.finest_scale(bias / 2) for part in self.parts]
        return None if None in scales else jnp.minimum(*scales)

    def energy_floor(self):
        """Energy down to which both parts are known."""
        return jnp.maximum(*(part.energy_floor() for part in self.parts))

    def energy_limit(self):
        """Energy up to which both parts are whole."""
        return jnp.minimum(*(part.energy_limit() for part in self.parts))

    def resolved(self):
        """Whether both parts are."""
        return jnp.asarray(self.left.resolved()) & self.right.resolved()

    def settled(self):
        """The settled parts."""
        return InSeries(*(part.settled() for part in self.parts))


class HalfOf(Wrapper):
    r"""One of two equal parts that make the scatterer when they add without phase.

    .. math:: t_n = \frac{2 T_n}{1 + T_n}, \qquad \frac{1}{T_n} = \frac{2}{t_n} - 1

    Args:
        scatterer: any scatterer.
    """

    @property
    def weight(self):
        """That of the scatterer."""
        return self.scatterer.weight

    @property
    def memory(self):
        """That of the scatterer."""
        return self.scatterer.memory

    def eigenvalues(self, energy, bias=0.0):
        """t_n of every mode; a part sees half of the voltage, the scatterer all of it."""
        t = self.scatterer.eigenvalues(energy, 2 * bias)
        return 2 * t / (1 + t)

    def thresholds(self, bias=0.0):
        """Those of the scatterer."""
        return self.scatterer.thresholds(2 * bias)

    def jumps(self, bias=0.0):
        """Those of the scatterer."""
        return self.scatterer.jumps(2 * bias)

    def panel_edges(self, bias=0.0):
        """Those of the scatterer."""
        return self.scatterer.panel_edges(2 * bias)

    def energy_floor(self):
        """That of the scatterer."""
        return self.scatterer.energy_floor()

    def energy_limit(self):
        """That of the scatterer."""
        return self.scatterer.energy_limit()

    def settled(self):
        """A half of the settled scatterer."""
        return HalfOf(self.scatterer.settled())
