"""A scatterer: transmission eigenvalues, and the energies that matter to integrals over them."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from qpcjax._numerics.blocks import leading
from qpcjax.constants import GAAS_MASS
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
    """

    mass = GAAS_MASS
    weight = 1.0
    memory = 1
    follows_bias = True
    in_one_kernel = False
    distance = 0.0

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
        flat = jax.vmap(lambda energy: self.total(energy, bias))
        if filled is None:
            return flat(energies.reshape(-1)).reshape(energies.shape)
        return leading(jax.vmap(flat), (energies,), filled, energies.shape[1])

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

    @property
    def states_panels(self):
        """Whether the inner scatterer's class states its panels."""
        return self.inner.states_panels

    mass = property(lambda self: self.inner.mass)
    weight = property(lambda self: self.inner.weight)
    memory = property(lambda self: self.inner.memory)
    follows_bias = property(lambda self: self.inner.follows_bias)
    in_one_kernel = property(lambda self: self.inner.in_one_kernel)


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
    mass = _attribute("mass")
    weight = _attribute("weight")
    memory = _attribute("memory")
    follows_bias = _attribute("follows_bias")

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
