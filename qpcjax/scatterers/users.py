"""Classes of users as scatterers: any pytree with `eigenvalues` and `thresholds` will do."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from qpcjax.scatterers.base import AbstractScatterer

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
