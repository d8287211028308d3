"""T_n(E) that were evaluated once, between the energies at which they are not smooth."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics import safe
from qpcjax._numerics.panels import ORDER
from qpcjax.constants import GAAS_MASS
from qpcjax.quantities import holding
from qpcjax.scatterers.base import AbstractScatterer
from qpcjax.validation import Real, allowed

SMOOTH, ROUGH_START, ROUGH_END = 0, 1, 2
"""Kinds of panels: T(E) is smooth in them, or has a square root at their start or end."""


def legendre_coefficients() -> np.ndarray:
    """The matrix from values at Gauss nodes to coefficients of Legendre polynomials."""
    x, w = np.polynomial.legendre.leggauss(ORDER)
    k = np.arange(ORDER)
    return (2 * k[:, None] + 1) / 2 * np.polynomial.legendre.legvander(x, ORDER - 1).T * w


class InterpolatedTransmission(AbstractScatterer):
    """Eigenvalues T_n(E) between energies, as polynomials of degree 15 in each panel.

    In a panel that begins or ends at a threshold they are polynomials in the square root of the
    distance from it. `qpcjax.tabulated` makes it; it may be differentiated by its values.

    Args:
        edges: energies in meV, rising, shape (panels + 1,).
        values: T_n at the Gauss nodes of the panels, shape (panels, 16, modes).
        kinds: 0 of a smooth panel, 1 and 2 where it starts or ends at a threshold, shape (panels,).
        rough: those thresholds in meV.
        mass: effective mass in m_e; GaAs by default.
    """

    edges: Real = eqx.field(metadata=allowed(scalar=False))
    values: Real = eqx.field(metadata=allowed(scalar=False))
    kinds: Any
    rough: Real = eqx.field(metadata=allowed(scalar=False))
    mass: Real = eqx.field(metadata=holding("mass"), default=GAAS_MASS)

    follows_bias = False
    opens_in_steps = False

    def check(self):
        """Refuse shapes that do not belong together."""
        panels = np.size(self.edges) - 1
        shape = np.shape(self.values)
        if panels < 1 or len(shape) != 3 or shape[:2] != (panels, ORDER):
            raise ValueError(
                f"values must have the shape ({panels}, {ORDER}, modes) for {panels + 1} edges, "
                f"got {shape}"
            )

    def eigenvalues(self, energy, bias=0.0):
        """T_n at one energy, shape (modes,); NaN outside the edges."""
        outside = (energy < self.edges[0]) | (energy > self.edges[-1])
        return jnp.where(outside, jnp.nan, self._inside(energy))

    def total(self, energy, bias=0.0):
        """T(E) at one energy; outside the edges that of the nearest one."""
        return jnp.sum(self._inside(energy))

    def _inside(self, energy):
        edges, values = jnp.asarray(self.edges), jnp.asarray(self.values)
        panel = jnp.searchsorted(edges[1:-1], energy, side="right")
        start, end = edges[panel], edges[panel + 1]
        u = jnp.clip((energy - start) / (end - start), 0, 1)
        kind = jnp.asarray(self.kinds)[panel]
        s = jnp.where(kind == ROUGH_START, safe.root(u), u)
        s = jnp.where(kind == ROUGH_END, 1 - safe.root(1 - u), s)
        x = 2 * s - 1
        before, here = jnp.ones_like(x), x
        polynomials = [before, here]
        for k in range(1, ORDER - 1):
            before, here = here, ((2 * k + 1) * x * here - k * before) / (k + 1)
            polynomials.append(here)
        to_coefficients = jnp.asarray(legendre_coefficients(), values.dtype)
        weights = jnp.sum(jnp.stack(polynomials)[:, None] * to_coefficients, axis=0)
        return jnp.sum(weights[:, None] * values[panel], axis=0)

    def thresholds(self, bias=0.0):
        """Energies in meV at which T(E) has a square root."""
        return jnp.asarray(self.rough)

    def jumps(self, bias=0.0):
        """None: T(E) is continuous."""
        return jnp.zeros(0, jnp.asarray(self.edges).dtype)

    def panel_edges(self, bias=0.0):
        """The edges."""
        return jnp.asarray(self.edges)

    def finest_scale(self, bias=0.0):
        """The width in meV of the narrowest panel."""
        return jnp.min(jnp.diff(jnp.asarray(self.edges)))

    def energy_floor(self):
        """The first edge in meV."""
        return self.edges[0]

    def energy_limit(self):
        """The last edge in meV."""
        return self.edges[-1]
