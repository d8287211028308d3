"""A scatterer: transmission eigenvalues, and the energies that matter to integrals over them."""

import abc
import dataclasses
import functools
from typing import Any

import equinox as eqx
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
    """

    mass = GAAS_MASS
    weight = 1.0
    memory = 1
    follows_bias = True
    in_one_kernel = False
    distance = 0.0
    opens_in_steps = True
    openings_are_searched = True

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


_OWN = ("eigenvalues", "thresholds")


def _optional(name) -> Any:
    """A method that is the user's own where there is one, and the default otherwise."""
    default = getattr(AbstractScatterer, name)

    def method(self, *args, **keywords):
        own = getattr(self.users, name, None)
        return default(self, *args, **keywords) if own is None else own(*args, **keywords)

    return method


def _attribute(name) -> Any:
    """An attribute that is the user's own where there is one, and the default otherwise."""
    default = getattr(AbstractScatterer, name)
    return property(lambda self: getattr(self.users, name, default))


class UsersScatterer(AbstractScatterer):
    """A class of somebody else's as a scatterer: what it does not have gets the default.

    Attributes:
        inner: the arrays and numbers of the user's object.
        rest: its other leaves, such as functions.
    """

    inner: Any
    rest: Any = eqx.field(static=True, default=None)

    @property
    def users(self):
        """The user's object."""
        return self.inner if self.rest is None else eqx.combine(self.inner, self.rest)

    def eigenvalues(self, energy: Any, bias: Any = 0.0):
        """Those of the user's class, as an array."""
        return jnp.atleast_1d(jnp.asarray(self.users.eigenvalues(energy, bias)))

    def thresholds(self, bias: Any = 0.0):
        """Those of the user's class, as an array."""
        found = jnp.asarray(self.users.thresholds(bias))
        whole = not jnp.issubdtype(found.dtype, jnp.floating)
        return jnp.atleast_1d(found.astype(jnp.result_type(float)) if whole else found)

    finest_scale = _optional("finest_scale")
    total = _optional("total")
    jumps = _optional("jumps")
    panel_edges = _optional("panel_edges")
    energy_floor = _optional("energy_floor")
    energy_limit = _optional("energy_limit")
    resolved = _optional("resolved")
    eigenvalues_at = _optional("eigenvalues_at")
    total_at = _optional("total_at")
    openings = _optional("openings")
    mode_thresholds = _optional("mode_thresholds")
    mode_panel_edges = _optional("mode_panel_edges")
    mass = _attribute("mass")
    weight = _attribute("weight")
    memory = _attribute("memory")
    follows_bias = _attribute("follows_bias")
    opens_in_steps = _attribute("opens_in_steps")

    def at_potential(self, mu: Any):
        """The user's own object there, where its class says what it is; else itself."""
        own = getattr(self.users, "at_potential", None)
        return self if own is None else as_scatterer(own(mu))

    @property
    def states_panels(self):
        """Whether the user's class has a method `panel_edges` of its own."""
        own = getattr(type(self.users), "panel_edges", None)
        return own is not None and own is not AbstractScatterer.panel_edges

    def __repr__(self):
        return repr(self.users)


def as_scatterer(value) -> AbstractScatterer:
    """The value as an `AbstractScatterer`: any pytree with `eigenvalues` and `thresholds` will do.

    Raises:
        TypeError: it lacks one of the two, or JAX does not know what to do with its class.
    """
    if type(value).__module__.startswith("qpcjax.") and isinstance(value, AbstractScatterer):
        return value
    kind = type(value).__name__
    missing = [name for name in _OWN if not callable(getattr(value, name, None))]
    if missing:
        raise TypeError(
            f"{kind} is not a scatterer: it has no method {' and no method '.join(missing)}; a "
            "scatterer needs eigenvalues(energy, bias) and thresholds(bias)"
        )
    if jax.tree_util.all_leaves([value]):
        raise TypeError(
            f"{kind} must be a pytree for JAX to differentiate and compile it: derive it from "
            "qpcjax.AbstractScatterer or equinox.Module"
        )
    plain = all(eqx.is_array_like(leaf) for leaf in jax.tree.leaves(value))
    if plain:
        return value if isinstance(value, AbstractScatterer) else UsersScatterer(value, None)
    return UsersScatterer(*eqx.partition(value, eqx.is_array_like))
