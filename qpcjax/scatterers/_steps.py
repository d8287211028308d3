"""Staircases of logistic steps: what smooth parabolic barriers have in common."""

import abc
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.scatterers._base import AbstractScatterer

# Panel ends around a step, in its widths s. The poles of a logistic function stand at +- i pi s
# from it: on these panels 16 Gauss nodes err by 1e-13 of it, and what is left beyond is 1e-12.
_STEP_EDGES = np.array([-28.0, -8.0, 0.0, 8.0, 28.0])

# Widths of the panels of the tail below the first step, where T falls as an exponential.
_TAIL_PANEL = 28.0

# Widths below a step at which it transmits 1e-13.
CLOSED = 30.0


class LogisticSteps(AbstractScatterer):
    r"""A scatterer whose modes open one by one in logistic steps.

    .. math:: T_n(E) = \frac{1}{1 + \exp[-(E - e_n)/s_n]}

    The exact transmission of a parabolic barrier, which nothing but the tops e_n and the widths
    s_n tells apart.
    """

    modes: eqx.AbstractVar[int]

    @abc.abstractmethod
    def steps(self, i) -> tuple[jax.Array, jax.Array]:
        """Top e and width s in meV of the steps i = 0, 1, ..., the lowest first."""

    @property
    def first_step(self):
        """Energy in meV of the first step."""
        return self.steps(jnp.zeros(()))[0]

    def _kept(self, value):
        """Tops and widths of the modes that are kept, in the dtype of the fields and a value."""
        dtype = jnp.result_type(value, *jax.tree.leaves(self))
        return self.steps(jnp.arange(self.modes, dtype=dtype))

    def eigenvalues(self, energy, bias=0.0):
        """T_n(E) at one energy in meV; it does not depend on the bias."""
        top, width = self._kept(energy)
        return jax.nn.sigmoid((energy - top) / width)

    def thresholds(self, bias=0.0):
        """None: T(E) is smooth."""
        return jnp.zeros(0, jnp.result_type(bias, *jax.tree.leaves(self)))

    def panel_edges(self, bias=0.0):
        """Energies around each step, down the tail as far as this dtype goes, and the limit."""
        top, width = self._kept(bias)
        around = top[:, None] + width[:, None] * _STEP_EDGES.astype(top.dtype)
        depth = -math.log(jnp.finfo(top.dtype).tiny)
        down = jnp.arange(2, math.ceil(depth / _TAIL_PANEL) + 1, dtype=top.dtype)
        # Higher modes have steps that are no narrower.
        tail = top[0] - width[0] * _TAIL_PANEL * down
        limit = jnp.asarray(self.energy_limit(), top.dtype)
        return jnp.concatenate([around.reshape(-1), tail, limit[None]])


def require_modes(modes):
    """Raise ValueError unless this is a number of modes."""
    if isinstance(modes, bool) or not isinstance(modes, int) or modes < 1:
        raise ValueError(f"modes must be a whole number, 1 or more, got {modes!r}")
