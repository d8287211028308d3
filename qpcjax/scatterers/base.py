"""A scatterer: transmission eigenvalues, and the energies that matter to integrals over them."""

import abc
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics.blocks import leading
from qpcjax.constants import GAAS_MASS
from qpcjax.scatterers.openings import Openings, search_energies, searched_openings
from qpcjax.validation import Parameters


class AbstractScatterer(Parameters):
    """A barrier between two reservoirs, known by its transmission and where that varies.

    A scatterer states three things: `eigenvalues`, `thresholds` and, unless it is to be found by a
    search, `finest_scale`. Everything else has a default. Methods are written for one energy:
    batches are made by the functions that use them. Energies are in meV from the bottom of the
    conduction band.

    Attributes:
        mass: effective mass in m_e, which sets the velocity of hot electrons; GaAs by default.
        weight: share of each eigenvalue in T(E, V), which is per pair of spins: 1, or 1/2 where
            every eigenvalue is that of one spin.
        memory: memory that one energy takes, in that of an abrupt constriction, a whole number;
            as many energies fewer are evaluated side by side.
        follows_bias: whether T(E, V) depends on V. Where it does not, work can be spared.
        in_one_kernel: whether `transmissions` has a form that XLA compiles to one kernel.
        distance: root mean square distance of T(E) from the exact answer that it approximates; 0
            where it is the model itself. Fits give what it does to their parameters.
        opens_in_steps: whether each eigenvalue is a step, that of one mode which opens with the
            energy, as `SpinGap` and `HartreeBarrier` need it.
        openings_are_searched: whether `openings` looks for them and has no formula, so that fits
            with a `SpinGap` compile for a minute.
        dear: whether `settled` takes seconds, so that designs go from point to point.
        own_mu: electrochemical potential in meV where the scatterer sets it; None elsewhere.
    """

    mass = GAAS_MASS
    weight = 1.0
    memory = 1
    follows_bias = True
    in_one_kernel = False
    distance = 0.0
    opens_in_steps = True
    openings_are_searched = True
    dear = False
    own_mu = None

    @abc.abstractmethod
    def eigenvalues(self, energy: Any, bias: Any = 0.0) -> jax.Array:
        """Transmission eigenvalues T_n(E, V) at one energy and bias eV, shape (modes,)."""

    @abc.abstractmethod
    def thresholds(self, bias: Any = 0.0) -> jax.Array:
        """Energies at which T(E, V) is not smooth, in any order, shape (k,) with static k."""

    def finest_scale(self, bias: Any = 0.0) -> Any:
        """Smallest energy in meV over which T(E, V) varies; None where a search is to find it.

        A search looks through the window at this scale, which takes longer the finer it is.
        """
        return None

    def total(self, energy: Any, bias: Any = 0.0) -> jax.Array:
        """Total transmission T(E, V) at one energy and bias: the weighted sum of eigenvalues."""
        return self.weight * jnp.sum(self.eigenvalues(energy, bias))

    def transmissions(
        self, energies: Any, bias: Any = 0.0, filled: Any = None, bulk: bool = False
    ) -> jax.Array:
        """T(E, V) at many energies: the one method that a class overrides to be faster.

        Args:
            energies: E in meV, any shape; (panels, order) with `filled`.
            bias: eV in meV.
            filled: how many of the first panels count; of the others any finite number will do.
            bulk: whether everything shall be one kernel for XLA, which takes longer to compile.
        """
        return at_many(_total, self, energies, bias, filled)

    def jumps(self, bias: Any = 0.0) -> jax.Array:
        """The thresholds at which T(E, V) itself may jump, shape (k,) with static k.

        Integrals are differentiated by following them. All thresholds, unless a class knows better.
        """
        return self.thresholds(bias)

    def panel_edges(self, bias: Any = 0.0) -> jax.Array:
        """Energies that, with the thresholds, divide T(E, V) into panels of 16 Gauss nodes.

        Where a class has no such method, `qpcjax.scatterers.search` finds them.
        """
        return jnp.zeros(0, jnp.result_type(bias))

    @property
    def states_panels(self) -> bool:
        """Whether `panel_edges` is the class's own."""
        return type(self).panel_edges is not AbstractScatterer.panel_edges

    def energy_floor(self) -> Any:
        """Energy down to which T(E, V) is known."""
        return -jnp.inf

    def energy_limit(self) -> Any:
        """Energy up to which the modes that are kept give the whole T(E, V)."""
        return jnp.inf

    def resolved(self) -> Any:
        """Whether panel_edges resolve T(E, V) for these parameters."""
        return True

    def stand_in(self) -> "AbstractScatterer":
        """A quicker scatterer of nearly the same T(E), for the search of a fit; by default itself.

        Its numbers have the same names.
        """
        return self

    # --- mode by mode, for what shifts the modes by energies of their own ---------------------

    def eigenvalues_at(self, energies: Any, bias: Any = 0.0) -> jax.Array:
        """T_n of each mode at an energy of its own: both of shape (modes,).

        A class that knows its modes one by one spares the evaluation of all modes at every energy.
        """
        every = jax.vmap(lambda energy: self.eigenvalues(energy, bias))(energies)
        return jnp.diagonal(every)

    def total_at(self, energies: Any, bias: Any = 0.0) -> jax.Array:
        """The weighted sum of `eigenvalues_at`."""
        return self.weight * jnp.sum(self.eigenvalues_at(energies, bias))

    def openings(self) -> Openings:
        """Where each mode opens at no bias, and over which width; NaN where that is not found."""
        energies = search_energies(jnp.concatenate([self.thresholds(), self.panel_edges()]))
        return searched_openings(self, energies)

    def mode_thresholds(self, bias: Any = 0.0) -> tuple[jax.Array, Any]:
        """The thresholds of each T_n: energies, and the indices of their eigenvalues."""
        return _for_every_mode(self, self.thresholds(bias))

    def mode_panel_edges(self, bias: Any = 0.0) -> tuple[jax.Array, Any]:
        """The same for the panel edges."""
        return _for_every_mode(self, self.panel_edges(bias))

    def at_potential(self, mu: Any) -> "AbstractScatterer":
        """The barrier as it is where the mean electrochemical potential is mu, in meV.

        Itself, but for barriers whose height follows their filling, such as `SpinGap`.
        """
        return self

    def settled(self) -> "AbstractScatterer":
        """The same scatterer with what its numbers imply evaluated once, for many questions.

        Itself, but where T_n(E) holds numbers that are dear to find, such as those of `SpinGap`.
        """
        return self


def at_many(total, scatterer, energies, bias, filled=None):
    """A function of scatterer, one energy and bias at many energies.

    Args:
        total: the function, defined once: a new one is traced anew.
        scatterer: any scatterer.
        energies: as in `AbstractScatterer.transmissions`, and so on.
        bias: as there.
        filled: as there.
    """
    if filled is None:
        return _in_one(total, scatterer, energies.reshape(-1), bias).reshape(energies.shape)

    def rows(energies):
        return _in_rows(total, scatterer, energies, bias)

    return leading(rows, (energies,), filled, energies.shape[1])


# Compiled functions of their own: blocks of one shape are traced once for all integrals.
@functools.partial(jax.jit, static_argnames="total")
def _in_rows(total, scatterer, energies, bias):
    return jax.vmap(lambda row: _in_one(total, scatterer, row, bias))(energies)


def _in_one(total, scatterer, energies, bias):
    return jax.vmap(lambda energy: total(scatterer, energy, bias))(energies)


def _total(scatterer, energy, bias):
    return scatterer.total(energy, bias)


def mode_count(scatterer) -> int:
    """How many eigenvalues a scatterer has."""
    return jax.eval_shape(scatterer.eigenvalues, 0.0).shape[0]


def _for_every_mode(scatterer, energies):
    modes = mode_count(scatterer)
    return jnp.tile(energies, modes), np.repeat(np.arange(modes), energies.size)
