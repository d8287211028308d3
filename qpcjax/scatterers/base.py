"""What a scatterer is."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from qpcjax._numerics.blocks import leading
from qpcjax.constants import GAAS_MASS


class AbstractScatterer(eqx.Module):
    """A barrier between two reservoirs, known by its transmission and where that is not smooth.

    A scatterer has two things of its own, `eigenvalues` and `thresholds`; everything else has a
    default. Methods are written for one energy: batches are made by the functions that use them.
    Energies are in meV from the bottom of the conduction band.

    Attributes:
        mass: effective mass in m_e, which sets the velocity of hot electrons; GaAs by default.
        memory: memory that one energy takes, in that of an abrupt constriction, a whole number;
            as many energies fewer are evaluated side by side.
        follows_bias: whether T(E, V) depends on V. Where it does not, work can be spared.
    """

    mass = GAAS_MASS
    memory = 1
    follows_bias = True

    @abc.abstractmethod
    def eigenvalues(self, energy, bias=0.0) -> jax.Array:
        """Transmission eigenvalues T_n(E, V) at one energy and bias eV, shape (modes,)."""

    @abc.abstractmethod
    def thresholds(self, bias=0.0) -> jax.Array:
        """Energies at which T(E, V) is not smooth, in any order, shape (k,) with static k."""

    def total(self, energy, bias=0.0) -> jax.Array:
        """Total transmission T(E, V) at one energy and bias: the sum of the eigenvalues."""
        return jnp.sum(self.eigenvalues(energy, bias))

    @property
    def bulk_total(self) -> Any:
        """T(E, V) as `total` gives it, but such that XLA makes one kernel of it: for many energies.

        None where there is no such form. It takes longer to compile, and no memory but its result.
        """
        return None

    def at_nodes(self, energies, filled, bias=0.0) -> jax.Array:
        """T(E, V) at the nodes of an integral, shape (panels, order).

        Only the first `filled` panels count: of the others any finite number will do.
        """
        return _mapped_at_nodes(self.total, energies, filled, bias)

    def bulk_at_nodes(self, energies, filled, bias=0.0) -> jax.Array:
        """The same by `bulk_total`."""
        return _mapped_at_nodes(self.bulk_total, energies, filled, bias)

    def nested_total(self, energy, bias=0.0) -> jax.Array:
        """T(E, V) in the form whose derivatives are best taken one of another."""
        return jnp.sum(self.eigenvalues(energy, bias))

    def jumps(self, bias=0.0) -> jax.Array:
        """Those of the thresholds at which T(E, V) itself jumps, shape (k,) with static k."""
        return jnp.zeros(0, jnp.result_type(bias))

    def panel_edges(self, bias=0.0) -> jax.Array:
        """Energies that, with the thresholds, divide T(E, V) into panels of 16 Gauss nodes."""
        return jnp.zeros(0, jnp.result_type(bias))

    def energy_floor(self) -> Any:
        """Energy down to which T(E, V) is known."""
        return -jnp.inf

    def energy_limit(self) -> Any:
        """Energy up to which the modes that are kept give the whole T(E, V)."""
        return jnp.inf

    def resolved(self) -> Any:
        """Whether panel_edges resolve T(E, V) for these parameters."""
        return True


def _mapped_at_nodes(total, energies, filled, bias):
    each = jax.vmap(jax.vmap(lambda energy: total(energy, bias)))
    return leading(each, (energies,), filled, energies.shape[1])


_OWN = ("eigenvalues", "thresholds")


def _optional(name) -> Any:
    """A method that is the inner object's where it has one, and the default otherwise."""
    default = getattr(AbstractScatterer, name)

    def method(self, *args):
        own = getattr(self.inner, name, None)
        return default(self, *args) if own is None else own(*args)

    return method


class _Adapted(AbstractScatterer):
    """Somebody else's class as a scatterer: what it does not have gets the default."""

    inner: Any

    def eigenvalues(self, energy, bias=0.0):
        return jnp.atleast_1d(self.inner.eigenvalues(energy, bias))

    def thresholds(self, bias=0.0):
        return jnp.atleast_1d(jnp.asarray(self.inner.thresholds(bias)))

    total = _optional("total")
    at_nodes = _optional("at_nodes")
    bulk_at_nodes = _optional("bulk_at_nodes")
    nested_total = _optional("nested_total")
    jumps = _optional("jumps")
    panel_edges = _optional("panel_edges")
    energy_floor = _optional("energy_floor")
    energy_limit = _optional("energy_limit")
    resolved = _optional("resolved")

    @property
    def mass(self):
        return getattr(self.inner, "mass", GAAS_MASS)

    @property
    def memory(self):
        return getattr(self.inner, "memory", 1)

    @property
    def follows_bias(self):
        return getattr(self.inner, "follows_bias", True)

    @property
    def bulk_total(self):
        return getattr(self.inner, "bulk_total", None)


class _InBulk(_Adapted):
    """A scatterer whose T(E, V) is always its bulk kernel."""

    def total(self, energy, bias=0.0):
        return self.inner.bulk_total(energy, bias)

    def at_nodes(self, energies, filled, bias=0.0):
        return self.inner.bulk_at_nodes(energies, filled, bias)


def in_bulk(scatterer) -> AbstractScatterer:
    """The same scatterer in the form for large batches of integrals.

    T(E) then is one kernel for XLA, with all modes written out, and so is each of its derivatives.
    Gradients of integrals at some hundred thousand points run half again to twice as fast, their
    values about as fast as without it; the first call compiles up to four times as long.

    Args:
        scatterer: any scatterer; one that has no such form is returned as it is.
    """
    scatterer = as_scatterer(scatterer)
    return scatterer if scatterer.bulk_total is None else _InBulk(scatterer)


def as_scatterer(value) -> AbstractScatterer:
    """The value as an `AbstractScatterer`: any pytree with `eigenvalues` and `thresholds` will do.

    Raises:
        TypeError: it lacks one of the two, or JAX does not know what to do with its class.
    """
    if isinstance(value, AbstractScatterer):
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
    return _Adapted(value)
