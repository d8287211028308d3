"""Panels for a scatterer that does not state its own: the energies at which T(E) varies are found.

A class of the user's needs two methods, and its T(E) may have features far narrower than the
thermal window, such as a resonance. Panels of 16 Gauss nodes are halved where they do not resolve
T(E), the worst ones first, until the rest no longer counts. What does not show in the panels with
which the search begins, such as a narrow Gaussian, is found where the class states its
`finest_scale`: then the whole window is looked through at that scale.
"""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from qpcjax._numerics.bisection import bisected
from qpcjax.scatterers.forwarding import Forwarding
from qpcjax.scatterers.users import as_scatterer
from qpcjax.scatterers.zeeman import ZeemanSplit

EVEN_PANELS = 64  # with which the search begins
_FINE = 1024  # the same where the arguments are concrete
_HALVED = 96  # panels that the search may add

# Error that the search may leave, relative to the integral of T(E) with its thermal weight.
_BEARABLE = 1e-6


class SearchedScatterer(Forwarding):
    """A scatterer with the panels that a search found for one window of energies.

    Attributes:
        inner: the scatterer.
        edges: ends of the panels in meV.
        found: whether these panels resolve T(E) to 1e-6 of its integral.
    """

    edges: jax.Array
    found: jax.Array

    def panel_edges(self, bias=0.0):
        """Ends of the panels that were found."""
        return self.edges

    def resolved(self):
        """Whether the panels that were found resolve T(E)."""
        return self.found & self.inner.resolved()

    @property
    def states_panels(self):
        """True: these are its own."""
        return True


class FinelySearched(Forwarding):
    """A scatterer whose search begins with more panels than the default.

    Attributes:
        inner: the scatterer.
        even_panels: number of equal panels with which the search begins.
    """

    inner: Any
    even_panels: int = eqx.field(static=True)

    def __repr__(self):
        return repr(self.inner)


def over(scatterer, lower, upper, bias, half_bias, kT, mu):
    """The scatterer with panels that resolve T(E) in a window of energies.

    Args:
        scatterer: an `AbstractScatterer`; one that states its panels is returned as it is.
        lower: start of the window in meV.
        upper: end of the window in meV.
        bias: eV in meV.
        half_bias: half of its modulus: within it around mu every energy counts alike.
        kT: thermal energy in meV of the warmer side, with which the weight of T(E) falls beyond.
        mu: mean electrochemical potential in meV.
    """
    if scatterer.states_panels:
        return scatterer
    if isinstance(scatterer, ZeemanSplit):
        shift = jnp.abs(scatterer.zeeman_energy) / 2
        inner = over(
            scatterer.scatterer, lower - shift, upper + shift, bias, half_bias + shift, kT, mu
        )
        return dataclasses.replace(scatterer, scatterer=inner)
    even = scatterer.even_panels if isinstance(scatterer, FinelySearched) else EVEN_PANELS
    fixed = jax.lax.stop_gradient((scatterer, lower, upper, bias, half_bias, kT, mu))
    scatterer_, lower, upper, bias_, half_bias, kT, mu = fixed

    def weight(energy):
        """About the share of electrons that count; smooth, so that it needs no panels itself."""
        warm = jnp.where(kT > 0, kT, 1)
        above, below = (energy - mu - half_bias) / warm, (mu - half_bias - energy) / warm
        return jnp.where(kT > 0, jax.nn.sigmoid(-above) * jax.nn.sigmoid(-below), 1)

    scale = scatterer_.finest_scale(bias_)
    if scale is not None:  # of the integrand, which varies over some kT too
        scale = jnp.where(kT > 0, jnp.minimum(scale, 2 * kT), scale)
    found = bisected(
        lambda energy: scatterer_.total(energy, bias_),
        weight,
        scatterer_.thresholds(bias_),
        lower,
        upper,
        even,
        _HALVED,
        scale,
    )
    edges = jax.lax.stop_gradient(found.edges)
    return SearchedScatterer(scatterer, edges, found.error <= _BEARABLE * found.size)


def finely_searched(scatterer) -> Any:
    """The scatterer with a finer search, for calls with concrete arguments.

    Returns:
        One whose search begins with a thousand panels, unless the class states its panels or its
        `finest_scale`.
    """
    scatterer = as_scatterer(scatterer)
    if scatterer.states_panels or isinstance(scatterer, FinelySearched):
        return scatterer
    if isinstance(scatterer, ZeemanSplit):
        return dataclasses.replace(scatterer, scatterer=finely_searched(scatterer.scatterer))
    return scatterer if scatterer.finest_scale() is not None else FinelySearched(scatterer, _FINE)
