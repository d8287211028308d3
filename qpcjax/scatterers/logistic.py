"""Staircases of logistic steps: what smooth parabolic barriers have in common."""

import abc
import math

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.scatterers.base import AbstractScatterer
from qpcjax.scatterers.openings import Openings

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

    follows_bias = False
    openings_are_searched = False

    @abc.abstractmethod
    def steps(self, value) -> tuple[jax.Array, jax.Array]:
        """Tops e_n and widths s_n in meV of the modes that are kept, the lowest first.

        Args:
            value: a number whose dtype counts with those of the fields.
        """

    def _numbers(self, modes, value):
        """0, 1, ... modes - 1 in the dtype of the fields and a value."""
        return jnp.arange(modes, dtype=jnp.result_type(value, *jax.tree.leaves(self)))

    @property
    def first_step(self):
        """Energy in meV of the first step."""
        return self.steps(0.0)[0][0]

    def eigenvalues(self, energy, bias=0.0):
        """T_n(E) at one energy in meV; it does not depend on the bias."""
        top, width = self.steps(energy)
        return jax.nn.sigmoid((energy - top) / width)

    def eigenvalues_at(self, energies, bias=0.0):
        """T_n of each mode at an energy of its own."""
        return self.eigenvalues(energies, bias)

    def openings(self):
        """The tops and widths."""
        return Openings(*self.steps(0.0))

    def thresholds(self, bias=0.0):
        """None: T(E) is smooth."""
        return jnp.zeros(0, jnp.result_type(bias, *jax.tree.leaves(self)))

    def finest_scale(self, bias=0.0):
        """Width in meV of the sharpest step."""
        return jnp.min(self.steps(bias)[1])

    def panel_edges(self, bias=0.0):
        """Energies around each step, down the tail as far as this dtype goes, and the limit."""
        top, width = self.steps(bias)
        around = top[:, None] + width[:, None] * _STEP_EDGES.astype(top.dtype)
        depth = -math.log(jnp.finfo(top.dtype).tiny)
        down = jnp.arange(2, math.ceil(depth / _TAIL_PANEL) + 1, dtype=top.dtype)
        # Higher modes have steps that are no narrower.
        tail = top[0] - width[0] * _TAIL_PANEL * down
        limit = jnp.asarray(self.energy_limit(), top.dtype)
        return jnp.concatenate([around.reshape(-1), tail, limit[None]])

    def mode_panel_edges(self, bias=0.0):
        """The same energies, each with the mode whose step it resolves."""
        edges = self.panel_edges(bias)
        modes = self.steps(bias)[0].size
        around = np.repeat(np.arange(modes), _STEP_EDGES.size)
        below = np.zeros(edges.size - around.size, around.dtype)  # the first mode's tail
        return edges, np.concatenate([around, below])
