"""The exact answer for the hard-wall constriction: all modes of the channel, coupled."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics import safe
from qpcjax._numerics.eigen import eigvalsh
from qpcjax._numerics.slopes import slopes_at_once
from qpcjax._numerics.small_matrices import inverse, product
from qpcjax.constants import GAAS_MASS
from qpcjax.quantities import holding
from qpcjax.scatterers.abrupt import AbruptConstriction
from qpcjax.scatterers.channel import AbstractChannel
from qpcjax.scatterers.wavevectors import half_plane_matrix, overlap
from qpcjax.validation import Real, concrete, number, require_count

_MODES_PER_ENERGY = 3  # channel modes kept for each one that may be open
_REACH = 3  # transverse wavevectors of the wide regions that are summed, in channel modes
_LARGEST_TRACED_RATIO = 8
_LEAST_EXTRAPOLATED = 12
_CORNERS = 4 / 3  # power of 1/modes in the error of T(E): the field at a corner goes as r^(2/3)


class MatchedConstriction(AbstractChannel):
    r"""A hard-wall channel between wide regions, by matching all modes.

    Between the modes of the channel the wide region acts as the operator K of its longitudinal
    wavevectors, :math:`K_{nm} = \sum_q \langle n|q\rangle \langle q|m\rangle \sqrt{k^2 - q^2}`.
    With t = K_n L/2 and by the left-right symmetry

    .. math::
        T = 4\, \mathrm{Tr}\, [R\, G\, R\, G^\dagger], \quad R = \mathrm{Re} K, \quad
        G = -\tfrac12 A^{-T} B^{-1}, \\
        A = \mathrm{diag}(K_n \sin t) + i K \,\mathrm{diag}(\cos t), \quad
        B = -\mathrm{diag}(\cos t) + i K \,\mathrm{diag}(\sin t/K_n),

    which has no poles at E = E_n and, with the growing exponentials taken out of the columns, no
    overflow in deep tunnelling. Modes that are even and odd across the channel never mix.

    Every T_n is positive at any E > 0: there are no onsets. Wide regions of finite width have
    thresholds of their own, at (m/wide_ratio)^2 E1, where T is continuous and its derivative
    infinite; exactly on one, derivatives are returned without that part.

    Args:
        half_width: w of the channel in nm.
        length: L in nm, 0 or more.
        wide_ratio: width of the wide regions over that of the channel, more than 1; None for half
            planes.
        channel_modes: modes of the channel kept. T(E) is NaN above (channel_modes // 3)^2 E1. What
            is missing falls as channel_modes^(-4/3), because of the channel's corners: up to
            10 E1 the error of 20 is at most 4.1e-3, that of 40 at most 1.8e-3.
        mass: effective mass in m_e; GaAs by default.
        offset: U in meV, the channel's floor above the bottom of the 2DEG's conduction band.
        extrapolate: whether T_n is extrapolated to infinitely many channel modes, from three parts
            of those that are kept; for half again the time the error of 20 is 1e-4, that of 40
            1e-5. The T_n then are eigenvalues no longer, and may leave [0, 1] by their error.
        aspect_limit: the largest L/2w that the panels of the energy integrals resolve, as in
            `AbruptConstriction`.
        largest_ratio: the largest wide_ratio, which says how many waves of the wide regions are
            summed; T(E) is NaN above it. By default wide_ratio rounded up where that is concrete,
            else 8.

    Raises:
        ValueError: a width, length, ratio or mass out of range, fewer than 3 channel modes or 12
            to extrapolate from.

    References:
        A. Szafer and A. D. Stone, PRL 62, 300 (1989); G. Kirczenow, PRB 39, 10452 (1989).
    """

    wide_ratio: Real = eqx.field(metadata=holding("wide_ratio", optional=True))
    channel_modes: int = eqx.field(static=True)
    extrapolate: bool = eqx.field(static=True)
    largest_ratio: float = eqx.field(static=True)

    def __init__(
        self,
        half_width,
        length,
        wide_ratio=None,
        channel_modes=20,
        mass=GAAS_MASS,
        offset=0.0,
        extrapolate=False,
        aspect_limit=None,
        largest_ratio=None,
    ):
        self._set_channel(half_width, length, offset, mass, aspect_limit)
        self.wide_ratio = None if wide_ratio is None else number(wide_ratio)
        self.channel_modes = channel_modes
        self.extrapolate = bool(extrapolate)
        if largest_ratio is None:
            known = concrete(self.wide_ratio)
            if known is None or known.ndim or not np.isfinite(known):
                known = _LARGEST_TRACED_RATIO
            largest_ratio = np.ceil(known)
        self.largest_ratio = float(largest_ratio)

    def __check_init__(self):
        purpose = " to extrapolate from" if self.extrapolate else ""
        require_count("channel_modes", self.channel_modes, self.fewest_modes, purpose)

    def stand_in(self):
        """The abrupt constriction with the modes' own profiles."""
        return AbruptConstriction(
            self.half_width, self.length, self.offset, self.mass, matching="profile"
        )

    @property
    def fewest_modes(self):
        """The smallest number of channel modes that may be kept."""
        return _LEAST_EXTRAPOLATED if self.extrapolate else _MODES_PER_ENERGY

    @property
    def _open_modes(self):
        """Channel modes that may be open below the energy limit."""
        return self.channel_modes // _MODES_PER_ENERGY

    def energy_limit(self):
        """Energy in meV up to which the channel modes that are kept are enough."""
        return self._open_modes**2 * self.energy_scale

    @property
    def memory(self):
        """Memory that one energy takes, in that of an abrupt constriction."""
        return max(1, self.channel_modes**2 // 8)

    def total(self, energy, bias=0.0):
        """T(E), which does not depend on the bias."""
        return self._for_positive(
            energy, lambda e: slopes_at_once(MatchedConstriction._total, self, e)
        )

    def eigenvalues(self, energy, bias=0.0):
        """The eigenvalues of t^dagger t, shape (channel_modes,).

        First those of modes even across the channel, then the odd ones, each falling. Where two
        cross, only symmetric functions of them can be differentiated.
        """
        return self._for_positive(energy, self._eigenvalues)

    def scattering(self, energy):
        """Reflection and transmission amplitudes between plane waves of unit flux.

        Args:
            energy: E in meV, above 0.

        Returns:
            For modes even across the channel and then for odd ones a pair (r, t) of matrices. For
            wide regions of finite width rows and columns are their modes of that parity; a closed
            one has 0 in t and -1 in r. For half planes they are the nodes of a quadrature over the
            angle.
        """
        e = jnp.asarray(energy) / self.energy_scale
        return tuple(self._amplitudes(e, parity, self.channel_modes) for parity in (0, 1))

    def thresholds(self, bias=0.0):
        """0 and, for wide regions of finite width, the energies at which their modes open."""
        scale = jnp.asarray(self.energy_scale)
        if self.wide_ratio is None:
            return jnp.zeros(1, scale.dtype)
        count = int(self.largest_ratio * self._open_modes) + 1
        m = jnp.arange(count, dtype=scale.dtype)
        return (m / self.wide_ratio) ** 2 * scale

    def panel_edges(self, bias=0.0):
        """Energies that follow the oscillations in K_n L, as in `AbruptConstriction`."""
        n, k2 = self._oscillations(self._open_modes)
        return (n * n + k2) * self.energy_scale + self.offset

    def mode_panel_edges(self, bias=0.0):
        """The panel edges, each with the eigenvalue of its mode: those of odd n come first."""
        n, _ = self._oscillations(self._open_modes)
        number = n.astype(int) - 1
        first_even = len(self._modes(0))
        return self.panel_edges(bias), number // 2 + jnp.where(number % 2 == 0, 0, first_even)

    def resolved(self):
        """Whether L/2w and the wide ratio are within what the static shapes were made for."""
        fits = super().resolved()
        return fits if self.wide_ratio is None else fits & (self.wide_ratio <= self.largest_ratio)

    def _for_positive(self, energy, function):
        e = jnp.asarray(energy) / self.energy_scale
        closed = e <= jnp.finfo(e.dtype).tiny * 1e16
        value = function(jnp.where(closed, 1, e))
        value = jnp.where(closed, 0, value)
        if self.wide_ratio is None:
            return value
        return jnp.where(self.wide_ratio <= self.largest_ratio, value, jnp.nan)

    def _modes(self, parity, kept=None):
        """Channel modes up to `kept` that are even (parity 0: n = 1, 3, ...) or odd across it."""
        return tuple(range(1 + parity, (kept or self.channel_modes) + 1, 2))

    def _parts(self):
        """Numbers of channel modes and the weights with which their answers are added up.

        The weights take the terms kept^(-4/3) and kept^(-2) out of the error.
        """
        if not self.extrapolate:
            return [(self.channel_modes, 1.0)]
        kept = [self.channel_modes] + [2 * round(self.channel_modes * f) for f in (0.4, 0.25)]
        powers = np.array(kept, float)[:, None] ** np.array([0, -_CORNERS, -2])
        return list(zip(kept, np.linalg.inv(powers)[0].tolist(), strict=True))

    def _wide_waves(self, e, parity, last):
        """Overlaps and e - s^2 of the wide region's modes of one parity, up to s = `last`."""
        count = int(self.largest_ratio * last)
        s = jnp.arange(1 + parity, count + 1, 2, dtype=e.dtype) / self.wide_ratio
        n = jnp.asarray(self._modes(parity), e.dtype)[:, None]
        return jnp.sqrt(2 / self.wide_ratio) * overlap(n, s), e - s * s

    def _wavevector(self, e, parity):
        """Re K and Im K of the wide regions between channel modes of one parity."""
        modes = self._modes(parity)
        if self.wide_ratio is None:
            return half_plane_matrix(e, modes, self._open_modes)
        last = _REACH * self.channel_modes
        waves, d = self._wide_waves(e, parity, last)
        q = safe.root(d)
        real = product(waves * jnp.where(d > 0, q, 0), waves.T)
        imag = product(waves * jnp.where(d > 0, 0, q), waves.T)
        return real, imag + self._beyond(e, parity, last)

    def _beyond(self, e, parity, last):
        r"""What the wide modes that are not summed add to Im K: an integral, and its oscillation.

        There o_n o_m sqrt(s^2 - e) = +-(4 nm/pi^2) [1 +- cos(pi s)] s^-3 with corrections that the
        terms below hold to first order.
        """
        n = jnp.asarray(self._modes(parity), e.dtype)
        # Sums over every other mode are midpoint sums: they end halfway to the first left out.
        count = int(self.largest_ratio * last)
        final = count if (count - 1 - parity) % 2 == 0 else count - 1
        s = (final + 1) / self.wide_ratio
        squares, nm = n * n, n[:, None] * n
        sign = 1 - 2 * (((n[:, None] - n) / 2) % 2)
        gap = squares[:, None] - squares
        ratio = jnp.log1p(gap / (s * s - squares[:, None]))
        smooth = jnp.where(gap == 0, 1 / (s * s - squares), ratio / jnp.where(gap == 0, 1, gap)) / 2
        smooth = smooth - e / (8 * s**4)
        wave = (2 * parity - 1) * jnp.sin(math.pi * s) / jnp.sin(math.pi / self.wide_ratio)
        density = s / ((s * s - squares) * (s * s - squares[:, None]))
        return sign * nm * (4 / math.pi**2) * (smooth + wave * density / self.wide_ratio)

    def _matrices(self, e, parity):
        """A, B with scaled columns, cos t and sin(t)/K_n as scaled, the scale squared, Re K."""
        n = jnp.asarray(self._modes(parity), e.dtype)
        k2 = e - n * n - jnp.asarray(self.offset / self.energy_scale, e.dtype)
        half = jnp.asarray(math.pi * self.length / (4 * self.half_width), e.dtype)
        cos, sinc, scale = safe.scaled_cos_sin(half * half * k2)
        sin_over = half * sinc
        real, imag = self._wavevector(e, parity)
        # i K in two real parts: strict promotion mixes no real with complex numbers.
        a = jax.lax.complex(jnp.diag(k2 * sin_over) - imag * cos, real * cos)
        b = jax.lax.complex(-jnp.diag(cos) - imag * sin_over, real * sin_over)
        return a, b, cos, sin_over, scale, real

    def _total(self, e):
        total = jnp.zeros_like(e)
        for parity in (0, 1):
            a, b, _, _, scale, real = self._matrices(e, parity)
            for kept, weight in self._parts():
                k = len(self._modes(parity, kept))
                # Tr[R G R G^+] as a sum over pairs of modes: each brings its own exponential.
                left, right = jax.vmap(_passed, (0, None))(
                    jnp.stack([a[:k, :k], b[:k, :k]]), real[:k, :k]
                )
                total += weight * jnp.sum(left * right * scale[:k] * scale[:k, None])
        return total

    def _waves(self, e, parity, kept):
        """A factor C of Re K = C C^T, a column for each propagating wave."""
        k = len(self._modes(parity, kept))
        if self.wide_ratio is not None:
            waves, d = self._wide_waves(e, parity, self._open_modes)
            q = safe.root(d)
            return waves[:k] * jnp.where(d > 0, safe.root(q), 0)
        # The midpoint rule over the angle converges exponentially.
        count = self._open_modes + 8
        angle = (np.arange(count) + 0.5) * math.pi / (2 * count)
        sin, cos = jnp.asarray(np.sin(angle), e.dtype), jnp.asarray(np.cos(angle), e.dtype)
        n = jnp.asarray(self._modes(parity, kept), e.dtype)[:, None]
        weight = jnp.sqrt(e * (math.pi / (2 * count)))
        return overlap(n, jnp.sqrt(e) * sin) * cos * weight

    def _amplitudes(self, e, parity, kept):
        a, b, cos, sin_over, scale, _ = self._matrices(e, parity)
        waves = self._waves(e, parity, kept)
        k = waves.shape[0]
        waves, cos, sin_over, scale = (x[:k].astype(a.dtype) for x in (waves, cos, sin_over, scale))
        at_a, at_b = (product(inverse(m[:k, :k]), waves) for m in (a, b))
        i = jnp.asarray(1j, a.dtype)
        t = -i * product(at_a.T, scale[:, None] * at_b)
        r = i * product(waves.T, cos[:, None] * at_a + sin_over[:, None] * at_b)
        return r - jnp.eye(waves.shape[1], dtype=a.dtype), t

    def _eigenvalues(self, e):
        """All parts and parities together, which compiles once."""
        parts = self._parts()
        t = [self._amplitudes(e, parity, kept)[1] for kept, _ in parts for parity in (0, 1)]
        size = max(m.shape[0] for m in t)
        t = jnp.stack([jnp.pad(m, (0, size - m.shape[0])) for m in t])
        values = jax.vmap(eigvalsh)(product(jnp.conj(t.transpose(0, 2, 1)), t))[:, ::-1]
        values = jnp.clip(values, 0).reshape(len(parts), 2, size)
        weights = jnp.asarray([weight for _, weight in parts], values.dtype)
        values = jnp.tensordot(weights, values, 1, precision=jax.lax.Precision.HIGHEST)
        lengths = [len(self._modes(parity)) for parity in (0, 1)]
        values = jnp.pad(values, ((0, 0), (0, max(0, max(lengths) - size))))
        return jnp.concatenate([v[:k] for v, k in zip(values, lengths, strict=True)])


def _passed(matrix, real):
    """M^-1 R M^-+ for A or B and R = Re K; it is real."""
    inverted = inverse(matrix)
    x, y = jnp.real(inverted), jnp.imag(inverted)
    return product(x, real, x.T) + product(y, real, y.T)
