"""Scatterers around another one, of whose modes they shift the energies."""

from typing import Any

import equinox as eqx

from qpcjax.scatterers.base import AbstractScatterer
from qpcjax.scatterers.users import as_scatterer


class Wrapper(AbstractScatterer):
    """A scatterer around another one, from which it has what shifts of energies do not change.

    Attributes:
        scatterer: any scatterer.
        words: what the wrapper does, for reports.
        splits_spins: whether its two spins have different T_n(E) without a field.
    """

    scatterer: Any = eqx.field(converter=as_scatterer)

    words = ""
    splits_spins = False

    @property
    def mass(self):
        """Effective mass of the scatterer in m_e."""
        return self.scatterer.mass

    @property
    def follows_bias(self):
        """Whether that of the scatterer does."""
        return self.scatterer.follows_bias

    @property
    def distance(self):
        """That of the scatterer."""
        return self.scatterer.distance

    @property
    def opens_in_steps(self):
        """Whether that of the scatterer does."""
        return self.scatterer.opens_in_steps

    @property
    def states_panels(self):
        """Whether the scatterer's class states its panels."""
        return self.scatterer.states_panels

    def finest_scale(self, bias=0.0):
        """That of the scatterer."""
        return self.scatterer.finest_scale(bias)

    def resolved(self):
        """Whether the scatterer's panels resolve it."""
        return self.scatterer.resolved()

    def at_potential(self, mu):
        """The same around the scatterer as it is there."""
        return eqx.tree_at(lambda s: s.scatterer, self, self.scatterer.at_potential(mu))


def wrappers(scatterer) -> list[Any]:
    """The wrappers around a scatterer, the outermost first."""
    found = []
    while isinstance(scatterer, Wrapper):
        found.append(scatterer)
        scatterer = scatterer.scatterer
    return found


def unwrapped(scatterer) -> Any:
    """The scatterer inside all wrappers."""
    while isinstance(scatterer, Wrapper):
        scatterer = scatterer.scatterer
    return scatterer


def require_steps(wrapper, bare):
    """Raise ValueError unless the modes of a bare scatterer open one after the other."""
    kind, own = type(bare).__name__, type(wrapper).__name__
    if isinstance(bare, Wrapper):
        raise ValueError(f"{own} must be around a barrier, or one that a field splits, not {kind}")
    if not bare.opens_in_steps:
        raise ValueError(
            f"{own} needs a barrier whose modes open one after the other, each T_n(E) a step; "
            f"{kind} is none: take a saddle, a channel or another barrier of modes"
        )
