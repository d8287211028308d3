"""The model of a conductance trace: a gate moves the channel's width and floor."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.fitting.device import gate_basis
from qpcjax.quadrature import REACH, panels_in, thermal_average
from qpcjax.scatterers import AbruptConstriction
from qpcjax.units import RESISTANCE_QUANTUM, transverse_energy


class GateCalibration(eqx.Module):
    """Channel width and floor as polynomials of the gate voltage, given by values at knots.

    The knots are Chebyshev points of the gate range, its ends among them: the polynomial is as
    well conditioned as can be, and each coefficient is a width in nm (or a floor in meV) at a
    gate voltage.

    Args:
        range: lowest and highest gate voltage in mV.
        width: 2w in nm at the width's knots.
        floor: U in meV at the floor's knots.
    """

    range: tuple[float, float] = eqx.field(static=True)
    width: jax.Array
    floor: jax.Array

    def __call__(self, gate):
        """Width in nm and floor in meV at gate voltages in mV."""
        width = self._basis(gate, self.width.shape[0]) @ self.width
        # A polynomial may dip below zero between or beyond its knots: the width may not.
        least = 1e-2 * jnp.max(self.width)
        width = jnp.where(width > least, width, least * jnp.exp(jnp.minimum(width / least - 1, 0)))
        return width, self._basis(gate, self.floor.shape[0]) @ self.floor

    def _basis(self, gate, count):
        return gate_basis(self.range, gate, count)


class Resolution(NamedTuple):
    """What is kept of a constriction while its geometry varies.

    Fields:
        matching: of `AbruptConstriction`.
        modes: channel modes kept.
        aspect_limit: largest L/2w that the panels resolve.
    """

    matching: str
    modes: int
    aspect_limit: float

    def constriction(self, half_width, length, offset, mass):
        """The constriction of this geometry."""
        return AbruptConstriction(half_width, length, offset, mass, *self)


class ConductanceModel(eqx.Module):
    r"""Measured linear conductance of a gated constriction behind a series resistance.

    .. math::
        G(V_g) = \frac{g}{1 + g R_s 2e^2/h}, \qquad
        g = \int dE\, T(E; w, L, U) \left(-\frac{\partial f}{\partial E}\right)_{\mu, s}

    where the kernel's width s = smearing x E1(V_g) stands for whatever smears the trace: the
    softness of the barrier, temperature and excitation, which one trace cannot tell apart.

    Args:
        calibration: `GateCalibration`.
        mu: electrochemical potential in meV.
        length: L in nm.
        smearing: s/E1 at the lowest and the highest gate voltage; its logarithm is linear between.
        series_resistance: R_s in ohm.
        mass: effective mass in m_e.
        modes: channel modes kept.
        aspect_limit: largest L/2w that the panels resolve.
        order: Gauss nodes in a panel.
        panels: panels kept around mu; G is NaN where more are needed.
        matching: of the constriction, "mean" or "profile".
    """

    calibration: GateCalibration
    mu: jax.Array
    length: jax.Array
    smearing: jax.Array
    series_resistance: jax.Array
    mass: float
    modes: int = eqx.field(static=True)
    aspect_limit: float = eqx.field(static=True)
    order: int = eqx.field(static=True)
    panels: int | None = eqx.field(static=True, default=None)
    matching: str = eqx.field(static=True, default="mean")

    @property
    def resolution(self):
        """How the constriction is evaluated."""
        return Resolution(self.matching, self.modes, self.aspect_limit)

    def channel(self, gate):
        """Half-width (nm), length (nm), floor (meV) and smearing s (meV) at gate voltages."""
        width, floor = self.calibration(gate)
        slope = gate_basis(self.calibration.range, gate, 2)
        smearing = jnp.exp(slope @ jnp.log(self.smearing))
        length = jnp.broadcast_to(self.length, width.shape)
        return width / 2, length, floor, smearing * transverse_energy(width / 2, self.mass)

    def panels_needed(self, gate):
        """Panels that the smearing's window holds at the worst of these gate voltages."""
        half_width, length, floor, smearing = jax.jit(type(self).channel)(self, jnp.asarray(gate))

        def ends(half_width, length, floor):
            c = self.resolution.constriction(half_width, length, floor, self.mass)
            return jnp.concatenate([c.thresholds(), c.panel_edges()])

        edges = np.asarray(jax.jit(jax.vmap(ends))(half_width, length, floor))
        centres = np.full(edges.shape[0], float(self.mu))
        return panels_in(edges, centres, REACH * np.asarray(smearing))

    def intrinsic(self, gate):
        """Conductance in 2e^2/h of the constriction alone."""
        mu = jnp.broadcast_to(self.mu, gate.shape)
        smeared = _smeared(self.resolution, self.mass, self.order, self.panels)
        return smeared(*self.channel(gate), mu)

    def __call__(self, gate):
        """Conductance in 2e^2/h as measured, behind the series resistance."""
        g = self.intrinsic(gate)
        return g / (1 + self.series_resistance / RESISTANCE_QUANTUM * g)


def _smeared(resolution, mass, order, panels):
    """Smeared conductance of many points, with its derivatives in their five numbers at once.

    However many parameters a fit has, a point knows them only through its half-width, length,
    floor, smearing and mu: their derivatives are evaluated once and then combined.
    """

    def point(half_width, length, offset, smearing, mu):
        c = resolution.constriction(half_width, length, offset, mass)
        thresholds, edges = c.thresholds() - mu, c.panel_edges() - mu
        total = jax.vmap(jax.vmap(lambda y: c.total(mu + y)))
        return thermal_average(total, thresholds, edges, mu, smearing, order, panels)

    @jax.custom_jvp
    def points(*numbers):
        return jax.vmap(point)(*numbers)

    @points.defjvp
    def _(primals, tangents) -> tuple[jax.Array, Any]:
        def all_slopes(*numbers):
            unit = jnp.eye(len(numbers))
            return jax.vmap(lambda t: jax.jvp(point, numbers, tuple(t))[1])(unit)

        slopes = jax.vmap(all_slopes)(*primals)
        return points(*primals), sum(slopes[:, i] * t for i, t in enumerate(tangents))

    return points
