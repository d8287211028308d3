"""The abrupt constriction with the voltage dropping along its channel."""

import functools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax import _safe
from qpcjax._fields import number, require, require_scalar
from qpcjax.scatterers._base import AbstractScatterer
from qpcjax.scatterers._channel import aspect_bucket, channel_edges, is_resolved
from qpcjax.scatterers._ramp import ramp_matrix
from qpcjax.scatterers._wavevector import lead_wavevectors
from qpcjax.units import GAAS_MASS, transverse_energy

_MATCHINGS = ("mean", "profile")
_LARGEST_DROP = 2  # eV/E1 for each mode that is kept, up to which the panels resolve T(E, V)
_PANEL_PHASE = 5.0  # radians on a panel of 16 Gauss nodes


def ramp_transmission(a_left, b_left, a_right, b_right, k2, drop, depth):
    r"""T_n through a channel with a linear drop, from the wavevectors of the leads.

    With A = a + ib on each side and the transfer matrix m of determinant 1,

    .. math::
        T_n = \frac{4 a_L a_R}{|A_L A_R m_{12} - m_{21} + i (A_R m_{11} + A_L m_{22})|^2}
            = \frac{4 a_L a_R}{4 a_L a_R + X^2 + Y^2}, \\
        X = a_R p - a_L q, \quad Y = a_L a_R m_{12} + m_{21} + b_R m_{11} + b_L q, \quad
        p = m_{11} + b_L m_{12}, \quad q = m_{22} + b_R m_{12}

    which is never above 1 and, without a drop, has X = 0 and the Y of the abrupt constriction.

    Args:
        a_left: Re A_n of the left lead in units of pi/2w.
        b_left: Im A_n of the left lead.
        a_right: Re A_n of the right lead.
        b_right: Im A_n of the right lead.
        k2: K_n^2 in the middle of the channel, in units of (pi/2w)^2.
        drop: |eV|/E1, what K_n^2 gains along the channel.
        depth: pi L/2w.
    """
    (m11, m12, m21, m22), scale = ramp_matrix(k2, drop, depth)
    p, q = m11 + b_left * m12, m22 + b_right * m12
    both = a_left * a_right
    x, y = a_right * p - a_left * q, both * m12 + m21 + b_right * m11 + b_left * q
    passed = 4 * both * scale
    return _safe.divide(passed, passed + x * x + y * y, 0)


def _transmissions(x, modes, matching):
    """T_1 ... T_modes at x = (e, pi L/2w, U/E1, |eV|/E1), with e > |eV|/2E1."""
    e, depth, floor, drop = x
    n = jnp.arange(1, modes + 1, dtype=e.dtype)
    left, right = (lead_wavevectors(e + side * drop / 2, modes, matching) for side in (-1, 1))

    def one(mode):
        *wavevectors, k2 = mode
        return ramp_transmission(*wavevectors, k2, drop, depth)

    # One after the other: a loop body compiles faster, and nothing is computed twice.
    return jax.lax.map(one, (*left, *right, e - n * n - floor))


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
        by_each = _forward_only(slopes)(*primals)
        return wrapped(*primals), sum(t * s for t, s in zip(tangents[0], by_each, strict=True))

    return wrapped


def _even(x, slopes):
    """First derivatives with that by the drop exactly 0 where there is none: T is even in it."""
    rounding = jax.lax.stop_gradient(jnp.where(x[3] == 0, slopes[3], 0))
    return slopes.at[3].add(-rounding)


def _even_steps(limit, modes, dtype):
    """Panel ends from -1/2 to 1/2 of the drop, for aspect ratios and drops up to their limits.

    Between the two ends of a floor the phase of T_n changes by 2 pi (L/2w) sqrt(drop).
    """
    phase = 2 * math.pi * max(limit, 1) * math.sqrt(_LARGEST_DROP * modes)
    count = math.ceil(phase / _PANEL_PHASE)
    return jnp.asarray(np.arange(count + 1) / count - 0.5, dtype)


class BiasedConstriction(AbstractScatterer):
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

    At V = 0 it is `AbruptConstriction`, Eqs. (18)-(20). T(E, V) = T(E, -V), and the leading P_A of
    a low bias is that of the abrupt constriction. T_n = 0 below (n-1)^2 E1 + |eV|/2, with
    matching="profile" below |eV|/2. Wherever |eV| is at most 2 modes E1, relative errors are
    1e-11 or smaller; T(E, V) is NaN beyond.

    Args:
        half_width: w in nm.
        length: L in nm, 0 or more.
        offset: U in meV, the channel's floor above the bottom of the 2DEG's conduction band.
        mass: effective mass in m_e; GaAs by default.
        matching: "mean", the lead's wavevector of Eq. (18), or "profile", as in
            `AbruptConstriction`.
        modes: number N of channel modes kept. T(E, V) is NaN above N^2 E1, although with "mean"
            mode N + 1 stays closed for another |eV|/2.
        aspect_limit: the largest L/2w that the panels of the energy integrals resolve, as in
            `AbruptConstriction`.

    Raises:
        ValueError: a width, length or mass out of range, an unknown matching, too few modes.

    References:
        SciPost Phys. 12, 105 (2022), Sec. 3.1, whose barrier does not depend on the bias; S. Datta,
        Electronic Transport in Mesoscopic Systems (1995), Sec. 2.4, for T(E, V).
    """

    half_width: float = eqx.field(converter=number)
    length: float = eqx.field(converter=number)
    offset: float = eqx.field(converter=number)
    mass: float = eqx.field(converter=number)
    matching: str = eqx.field(static=True)
    modes: int = eqx.field(static=True)
    aspect_limit: float = eqx.field(static=True)

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
        self.half_width = half_width
        self.length = length
        self.offset = offset
        self.mass = mass
        self.matching = matching
        self.modes = modes
        self.aspect_limit = aspect_bucket(half_width, length, aspect_limit)

    def __check_init__(self):
        require_scalar(self, ("half_width", "length", "offset", "mass"))
        require("half_width", self.half_width, "a positive width in nm", lambda w: w > 0)
        require("length", self.length, "a length in nm, 0 or more", lambda length: length >= 0)
        require("offset", self.offset, "a finite energy in meV", np.isfinite)
        require("mass", self.mass, "a positive effective mass in m_e", lambda mass: mass > 0)
        if self.matching not in _MATCHINGS:
            raise ValueError(f'matching must be "mean" or "profile", got {self.matching!r}')
        if isinstance(self.modes, bool) or not isinstance(self.modes, int) or self.modes < 1:
            raise ValueError(f"modes must be a whole number, 1 or more, got {self.modes!r}")

    @property
    def energy_scale(self):
        """E1 in meV, the lowest transverse energy of the channel (without its offset)."""
        return transverse_energy(self.half_width, self.mass)

    @property
    def first_step(self):
        """Energy in meV at which the first mode opens in the channel."""
        return self.energy_scale + self.offset

    def eigenvalues(self, energy, bias=0.0):
        """T_n(E, V) at one energy and bias, both in meV."""
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
        t = _forward_only(lambda x: _transmissions(x, self.modes, self.matching), _even)(x)
        return jnp.where(drop > _LARGEST_DROP * self.modes, jnp.nan, jnp.where(closed, 0, t))

    def thresholds(self, bias=0.0):
        """Energies in meV at which a mode of either lead opens: n^2 E1 +- |eV|/2."""
        scale, half = jnp.asarray(self.energy_scale), jnp.abs(bias) / 2
        count = 1 if self.matching == "profile" else self.modes + 2
        onsets = jnp.arange(count, dtype=scale.dtype) ** 2 * scale
        return jnp.concatenate([onsets - half, onsets + half])

    def panel_edges(self, bias=0.0):
        """Energies that follow the oscillations above the channel's floor, and the tails below.

        Each mode has those of `AbruptConstriction`, above the floor's upper end and below its lower
        one, and even steps between the two.
        """
        scale, drop = jnp.asarray(self.energy_scale), jnp.abs(bias)
        aspect = jnp.asarray(self.length / (2 * self.half_width), scale.dtype)
        e = channel_edges(aspect, self.aspect_limit, self.modes)
        n = jnp.arange(1, self.modes + 1, dtype=scale.dtype)[:, None]
        ends = e * scale + jnp.where(e < n * n, -drop, drop) / 2
        between = n * n * scale + drop * _even_steps(self.aspect_limit, self.modes, scale.dtype)
        return jnp.concatenate([ends, between], axis=1).reshape(-1) + self.offset

    def energy_limit(self):
        """E_modes in meV: no bias opens the first mode that is not kept below it."""
        return self.modes**2 * self.energy_scale

    def resolved(self):
        """Whether L/2w is within the aspect ratio that panel_edges was made for."""
        return is_resolved(self.length, self.half_width, self.aspect_limit)
