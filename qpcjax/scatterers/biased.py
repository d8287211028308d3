"""The abrupt constriction with the voltage dropping along its channel."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics import safe
from qpcjax.constants import GAAS_MASS
from qpcjax.scatterers.abrupt import AbruptConstriction
from qpcjax.scatterers.channel import AbstractUncoupledChannel
from qpcjax.scatterers.ramp import ramp_matrix
from qpcjax.scatterers.wavevectors import lead_wavevectors

_PANEL_PHASE = 5.0  # radians on a panel of 16 Gauss nodes


def ramp_transmission(a, b, k2, drop, depth):
    r"""T_n through a channel with a linear drop, from the wavevectors of the leads.

    With A = a + ib on each side and the transfer matrix m of determinant 1,

    .. math::
        T_n = \frac{4 a_L a_R}{|A_L A_R m_{12} - m_{21} + i (A_R m_{11} + A_L m_{22})|^2}
            = \frac{4 a_L a_R}{4 a_L a_R + X^2 + Y^2}, \\
        X = a_R p - a_L q, \quad Y = a_L a_R m_{12} + m_{21} + b_R m_{11} + b_L q, \quad
        p = m_{11} + b_L m_{12}, \quad q = m_{22} + b_R m_{12}

    which is never above 1 and, without a drop, has X = 0 and the Y of the abrupt constriction.

    Args:
        a: Re A_n of the left and of the right lead in units of pi/2w.
        b: Im A_n of the two.
        k2: K_n^2 in the middle of the channel, in units of (pi/2w)^2.
        drop: |eV|/E1, what K_n^2 gains along the channel.
        depth: pi L/2w.
    """
    (a_left, a_right), (b_left, b_right) = a, b
    (m11, m12, m21, m22), scale = ramp_matrix(k2, drop, depth)
    p, q = m11 + b_left * m12, m22 + b_right * m12
    both = a_left * a_right
    x, y = a_right * p - a_left * q, both * m12 + m21 + b_right * m11 + b_left * q
    passed = 4 * both * scale
    return safe.divide(passed, passed + x * x + y * y, 0)


def _transmissions(x, modes, matching):
    """T_1 ... T_modes at x = (e, pi L/2w, U/E1, |eV|/E1), with e > |eV|/2E1."""
    e, depth, floor, drop = x
    n = jnp.arange(1, modes + 1, dtype=e.dtype)
    sides = e + drop * jnp.asarray([-0.5, 0.5], e.dtype)
    a, b = jax.vmap(lambda e: lead_wavevectors(e, modes, matching))(sides)

    def one(mode):
        a, b, k2 = mode
        return ramp_transmission(a, b, k2, drop, depth)

    # One after the other: a loop body compiles faster, and nothing is computed twice.
    return jax.lax.map(one, (a.T, b.T, e - n * n - floor))


def _forward_only(function, corrected=lambda x, slopes: slopes):
    """A function of one vector whose derivatives of every order come from forward differentiation.

    One direction after the other: reverse mode would keep every term of the series inside.

    Args:
        function: from a vector to an array.
        corrected: what is done to the first derivatives.
    """

    @jax.custom_jvp
    def wrapped(x):
        return function(x)

    def slopes(x):
        def along(direction):
            return jax.jvp(function, (x,), (direction,))[1]

        return corrected(x, jax.lax.map(along, jnp.eye(x.size, dtype=x.dtype)))

    @wrapped.defjvp
    def _(primals, tangents):
        each = _forward_only(slopes)(*primals)
        return wrapped(*primals), sum(t * slope for t, slope in zip(tangents[0], each, strict=True))

    return wrapped


def _even(x, slopes):
    """First derivatives with that by the drop exactly 0 where there is none: T is even in it."""
    rounding = jax.lax.stop_gradient(jnp.where(x[3] == 0, slopes[3], 0))
    return slopes.at[3].add(-rounding)


def _largest_drop(modes):
    """|eV|/E1 up to which T(E, V) is resolved."""
    return 2 * modes


def _even_steps(limit, modes, dtype):
    """Panel ends, in units of the drop, between the two ends of a mode's floor.

    There the phase of T_n changes by 2 pi (L/2w) sqrt(drop), which counts at its largest.
    """
    phase = 2 * math.pi * max(limit, 1) * math.sqrt(_largest_drop(modes))
    count = math.ceil(phase / _PANEL_PHASE)
    return jnp.asarray(np.arange(count + 1) / count - 0.5, dtype)


class BiasedConstriction(AbstractUncoupledChannel):
    r"""The abrupt constriction with a linear potential drop along its channel.

    The band bottom stands at eV/2 on the left and at -eV/2 on the right, and between them in the
    channel the longitudinal wave of mode n obeys

    .. math::
        -\frac{\hbar^2}{2m} \phi'' = [E - E_n - U - U_V(x)]\, \phi, \qquad
        U_V(x) = eV \left(\frac12 - \frac{x}{L}\right),

    so that, with its transfer matrix m from end to end and with the leads' wavevectors A_L at
    E - eV/2 and A_R at E + eV/2,

    .. math::
        T_n(E, V) = \frac{4\, \mathrm{Re} A_L\, \mathrm{Re} A_R}
            {|A_L A_R m_{12} - m_{21} + i (A_R m_{11} + A_L m_{22})|^2}.

    At V = 0 it is `AbruptConstriction`, Eqs. (18)-(20). T(E, V) = T(E, -V): the leading P_A of a
    low bias is that of the abrupt constriction. T_n = 0 below (n-1)^2 E1 + abs(eV)/2, and with
    matching="profile" below abs(eV)/2. T_n agrees with Airy functions to 1e-12 in any tunnelling.
    Above abs(eV) = 2N E1 the panels of the energy integrals would not resolve it: NaN.

    Args:
        half_width: w in nm.
        length: L in nm, 0 or more.
        offset: U in meV, the channel's floor above the bottom of the 2DEG's conduction band.
        mass: effective mass in m_e; GaAs by default.
        matching: "mean", the lead's wavevector of Eq. (18), or "profile", as in
            `AbruptConstriction`.
        modes: number N of channel modes kept. T(E, V) is NaN above N^2 E1, although with "mean"
            mode N + 1 stays closed for another abs(eV)/2.
        aspect_limit: the largest L/2w that the panels of the energy integrals resolve, as in
            `AbruptConstriction`.

    Raises:
        ValueError: a width, length or mass out of range, an unknown matching, too few modes.

    References:
        SciPost Phys. 12, 105 (2022), Sec. 3.1, where the barrier does not depend on the bias;
        D. S. Fisher and P. A. Lee, PRB 23, 6851 (1981).
    """

    memory = 16
    follows_bias = True

    def __init__(
        self,
        half_width,
        length,
        offset=0.0,
        mass=GAAS_MASS,
        matching="mean",
        modes=8,
        aspect_limit=None,
    ):
        self._set_channel(half_width, length, offset, mass, aspect_limit)
        self.matching = matching
        self.modes = modes

    def stand_in(self):
        """The abrupt constriction without a drop along its channel."""
        return AbruptConstriction(
            self.half_width, self.length, self.offset, self.mass, matching=self.matching
        )

    def _evaluate(self, function, energy, bias):
        e = jnp.asarray(energy) / self.energy_scale
        drop = jnp.asarray(bias, e.dtype) / self.energy_scale
        drop = jnp.where(drop < 0, -drop, drop)
        closed = e - drop / 2 <= jnp.finfo(e.dtype).tiny * 1e16
        x = jnp.stack(
            [
                jnp.where(closed, drop + 1, e),
                jnp.asarray(math.pi * self.length / (2 * self.half_width), e.dtype),
                jnp.asarray(self.offset / self.energy_scale, e.dtype),
                drop,
            ]
        )
        t = function(lambda x: _transmissions(x, self.modes, self.matching))(x)
        return jnp.where(drop > _largest_drop(self.modes), jnp.nan, jnp.where(closed, 0, t))

    def eigenvalues(self, energy, bias=0.0):
        """T_n(E, V) at one energy and bias, both in meV."""
        return self._evaluate(lambda t: _forward_only(t, _even), energy, bias)

    def thresholds(self, bias=0.0):
        """Both leads' onsets: n^2 E1 +- abs(eV)/2 in meV, n = 0 ... modes + 1; 0 for "profile"."""
        onsets, half = self._onsets(), jnp.abs(bias) / 2
        return jnp.concatenate([onsets - half, onsets + half])

    def panel_edges(self, bias=0.0):
        """Energies that follow the oscillations above the channel's floor, and the tails below.

        A mode has those of `AbruptConstriction`, moved with the upper end of its floor above that
        and with the lower end below it, and even steps between the two ends.
        """
        scale, drop = jnp.asarray(self.energy_scale), jnp.abs(bias)
        n, k2 = self._oscillations(self.modes)
        ends = (n * n + k2) * scale + jnp.where(k2 < 0, -drop, drop) / 2
        floors = jnp.arange(1, self.modes + 1, dtype=scale.dtype)[:, None] ** 2 * scale
        between = floors + drop * _even_steps(self.aspect_limit, self.modes, scale.dtype)
        return jnp.concatenate([ends, between.reshape(-1)]) + self.offset

    def mode_panel_edges(self, bias=0.0):
        """The panel edges, each with the mode whose oscillations or floor it follows."""
        edges, mode = super().mode_panel_edges(bias)
        steps = (edges.size - mode.size) // self.modes
        return edges, jnp.concatenate([mode, np.repeat(np.arange(self.modes), steps)])
