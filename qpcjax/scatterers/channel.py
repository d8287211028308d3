"""What hard-wall channels share: their numbers, and panels that follow their oscillations."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.constants import transverse_energy
from qpcjax.quantities import holding
from qpcjax.scatterers.base import AbstractScatterer
from qpcjax.scatterers.channel_formula import rises_at
from qpcjax.scatterers.openings import searched_openings
from qpcjax.validation import Real, concrete, number, require_count

# Aspect ratios L/2w up to which a set of quadrature panels resolves the Fabry-Perot oscillations.
ASPECT_BUCKETS = (1, 2, 5, 10, 15, 30, 60, 120)
_TRACED_ASPECT = 8  # holds up to L/2w = 10

# Steps in 2w |K_n|/pi, times L/2w: 0.9 oscillations above the step of a mode; below that of the
# first mode T falls by a factor exp(2 pi 1.5).
_PHASE_STEP = 1.8
_TAIL_STEP = 1.5

# Where openings are looked for: K_n L/pi, negative below the floor; the first resonance is at 1.
_HALF_WAVES = (-8.0, -4.0, -2.0, -1.0, -0.5, 0.0, 0.25, 0.5, 0.75, 1.0)
_LEAST_ASPECT = 0.5
_LEAD_STEPS = 9

SHARPEST = 5.0  # times that the resonances over a floor may be sharper


class AbstractChannel(AbstractScatterer):
    """A channel of width 2w and length L with hard walls, whose floor stands at U.

    Attributes:
        half_width: w in nm.
        length: L in nm, 0 or more.
        offset: U in meV, above the bottom of the 2DEG's conduction band.
        mass: effective mass in m_e.
        aspect_limit: the largest L/2w that the panels of the energy integrals resolve.
    """

    half_width: Real = eqx.field(metadata=holding("half_width"))
    length: Real = eqx.field(metadata=holding("length"))
    offset: Real = eqx.field(metadata=holding("offset"))
    mass: Real = eqx.field(metadata=holding("mass"))
    aspect_limit: float = eqx.field(static=True)

    follows_bias = False

    def _set_channel(self, half_width, length, offset, mass, aspect_limit):
        self.half_width = half_width
        self.length = length
        self.offset = offset
        self.mass = mass
        self.aspect_limit = _aspect_limit(half_width, length, offset, mass, aspect_limit)

    @property
    def energy_scale(self):
        """E1 in meV, the lowest transverse energy of the channel (without its offset)."""
        return transverse_energy(self.half_width, self.mass)

    @property
    def first_step(self):
        """Energy in meV at which the first mode opens in the channel."""
        return self.energy_scale + self.offset

    def jumps(self, bias=0.0):
        """None: T(E) is continuous."""
        return jnp.zeros(0, jnp.result_type(bias, *jax.tree.leaves(self)))

    def finest_scale(self, bias=0.0):
        """Scale in meV of the sharpest Fabry-Perot oscillation, above the first step."""
        aspect = jnp.maximum(self.length / (2 * self.half_width), 1)
        return self.energy_scale / (2 * aspect) ** 2

    def resolved(self):
        """Whether L/2w is within the aspect ratio that panel_edges was made for."""
        return self.length <= 1.25 * self.aspect_limit * 2 * self.half_width

    def _oscillations(self, modes):
        """Where panels have to end so that T_n is resolved above its step, and in the tail below.

        How many there are is static, from aspect_limit and `modes`; where they stand follows L/2w
        and the floor. Those that are not needed fall on a step.

        Args:
            modes: number of modes that are followed.

        Returns:
            Mode numbers n and K_n^2/Q_1^2 = (E - U)/E1 - n^2, two arrays of one shape.
        """
        scale = jnp.asarray(self.energy_scale)
        numbers = self.length / self.half_width / 2, self.offset / scale
        aspect, floor = (
            jax.lax.stop_gradient(jnp.asarray(number, scale.dtype)) for number in numbers
        )
        limit = max(self.aspect_limit, 1)
        aspect = jnp.clip(aspect, 1, limit)
        n = np.arange(1, modes + 1, dtype=scale.dtype)[:, None]
        sharp = jnp.minimum(aspect * _sharpness(floor, jnp), limit)
        above = _phase_steps(sharp, limit, math.sqrt(2 * modes + 1))
        # Below their steps the higher modes hide in the tails of the lower ones; nothing hides the
        # first, which carries everything through a high floor.
        below = np.asarray(0.7 * 2.0 ** np.arange(4), scale.dtype) / aspect
        deep = _tail_steps(aspect, limit, math.sqrt(2 * modes))
        pieces = [
            (n, jnp.minimum(above**2, 2 * n + 1)),
            (n[1:], jnp.where(below**2 < n[1:] - 0.5, -(below**2), 0)),
            (n[:1], jnp.where(deep**2 < 1 + floor, -(deep**2), 0)[None]),
        ]
        n = np.concatenate([np.repeat(n, k2.shape[1]) for n, k2 in pieces])
        return jnp.asarray(n), jnp.concatenate([k2.reshape(-1) for _, k2 in pieces])


class AbstractUncoupledChannel(AbstractChannel):
    """A channel whose modes transmit one by one, each into an average over the leads' waves.

    Attributes:
        matching: the average, "mean" or "profile".
        modes: number N of channel modes kept.
    """

    matching: str = eqx.field(static=True)
    modes: int = eqx.field(static=True)

    def __check_init__(self):
        if self.matching not in ("mean", "profile"):
            raise ValueError(f'matching must be "mean" or "profile", got {self.matching!r}')
        require_count("modes", self.modes)

    def _onsets(self):
        """n^2 E1 in meV, n = 0 ... modes + 1; 0 alone for "profile"."""
        scale = jnp.asarray(self.energy_scale)
        count = 1 if self.matching == "profile" else self.modes + 2
        return jnp.asarray(np.arange(count, dtype=scale.dtype) ** 2) * scale

    def openings(self):
        """Where each T_n rises through 1/2 for the first time: before its first resonance."""
        scale = jnp.asarray(self.energy_scale)
        n = np.arange(1, self.modes + 1, dtype=scale.dtype)[None]
        aspect = jnp.maximum(self.length / (2 * self.half_width), _LEAST_ASPECT)
        wave = np.asarray(_HALF_WAVES, scale.dtype)[:, None]
        # Around the floor of mode n in units of a half wave in the channel, and from one mode of
        # the leads to the next.
        k2 = jnp.asarray(np.sign(wave) * wave**2) / jnp.asarray(aspect, scale.dtype) ** 2
        inside = k2 + jnp.asarray(n * n) + jnp.asarray(self.offset, scale.dtype) / scale
        leads = (n + np.linspace(-1, 1, _LEAD_STEPS, dtype=scale.dtype)[:, None]) ** 2
        tiny = jnp.finfo(scale.dtype).eps
        energies = jnp.sort(jnp.concatenate([inside, jnp.asarray(leads)]), axis=0)
        energies = jnp.maximum(energies, tiny) * scale

        def rises(c, energies):
            scale = c.energy_scale
            phase = math.pi / 2 * (c.length / c.half_width)
            return rises_at(energies / scale, phase, c.offset / scale, c.matching)

        return searched_openings(self, energies, rises)

    def mode_panel_edges(self, bias=0.0):
        """The panel edges, each with the mode whose oscillations it follows."""
        edges = self.panel_edges(bias)
        n, _ = self._oscillations(self.modes)
        return edges, n.astype(int) - 1

    def energy_limit(self):
        """E_modes in meV: below it, at any bias, the first mode that is not kept is closed."""
        return self.modes**2 * self.energy_scale


def _sharpness(floor, np_):
    """How much sharper the resonances above the first step are over a floor at U = floor E1.

    They stand at another ratio of the wavevectors in channel and lead then: sharper over a floor
    far up, and over one below 0, where few plane waves enter the channel. Above 1 and with a cap,
    since the resonances of a state that is nearly bound have no width.
    """
    step = np_.maximum(1 + floor, 0.05)
    return np_.clip(np_.maximum(step**-1.3, 0.85 * np_.sqrt(step)), 1, SHARPEST)


def _phase_steps(aspect, limit, reach):
    """Values t of sqrt|K_n^2| between which T_n varies little above E_n, from 0 to `reach`.

    Oscillations are even in K_n, one for each 1/aspect; the resonances at small K_n are sharper,
    with a width proportional to K_n / aspect. So t grows by the factor 1 + 1/aspect from
    0.5/aspect to _PHASE_STEP, and by _PHASE_STEP/aspect from there.

    Args:
        aspect: L/2w, from 1 to `limit`.
        limit: the aspect ratio for which the number of steps is enough.
        reach: the last t.
    """

    def growing(a, np_):
        return np_.log(2 * _PHASE_STEP * a) / np_.log1p(1 / a)

    last = growing(limit, np)
    count = math.ceil(last + max(reach - _PHASE_STEP, 0) / _PHASE_STEP * limit) + 1
    j = jnp.arange(count, dtype=aspect.dtype)
    turn = growing(aspect, jnp)
    t = 0.5 / aspect * jnp.exp(jnp.minimum(j, turn) * jnp.log1p(1 / aspect))
    t = t + jnp.maximum(j - turn, 0) * _PHASE_STEP / aspect
    return jnp.concatenate([jnp.zeros(1, t.dtype), t])


def _tail_steps(aspect, limit, reach):
    """The same below E_1, where T_1 falls as exp(-2 pi aspect t).

    T_n is a function of t^2: from 0.7/aspect t grows by half, until that is _TAIL_STEP/aspect.
    """
    count = math.ceil(reach * limit / _TAIL_STEP) + 4
    j = np.arange(count)
    turn = np.minimum(j, 4)
    return jnp.asarray(0.7 * 1.5**turn + _TAIL_STEP * (j - turn), aspect.dtype) / aspect


def known_floor(half_width, offset, mass):
    """U/E1 as a number where it is known and in range, else 0."""
    values = [concrete(number(value)) for value in (half_width, offset, mass)]
    known = [float(value) for value in values if value is not None and not value.ndim]
    if len(known) < len(values):
        return 0.0
    w, offset, mass = known
    if not (w > 0 and mass > 0 and math.isfinite(offset)):
        return 0.0
    return offset / transverse_energy(w, mass)


def _aspect_limit(half_width, length, offset, mass, limit):
    """Static aspect limit: the one given, or the next bucket above L/2w where that is known.

    Sharp resonances over a floor count as those of a longer channel.
    """
    if limit is not None:
        if not (math.isfinite(limit) and limit > 0):
            raise ValueError(f"aspect_limit must be a positive number, got {limit!r}")
        return float(limit)
    values = [concrete(number(value)) for value in (half_width, length, offset, mass)]
    known = [float(value) for value in values if value is not None and not value.ndim]
    if len(known) < len(values):
        return float(_TRACED_ASPECT)
    w, length, offset, mass = known
    if not (w > 0 and mass > 0 and math.isfinite(offset)):
        return float(_TRACED_ASPECT)  # refused by the class itself
    aspect, lowest = length / (2 * w), transverse_energy(w, mass)
    if not (0 < lowest < math.inf and math.isfinite(aspect)):
        raise ValueError(
            f"half_width must be a width in nm at which E1 is a number of meV, got {w:g} nm at a "
            f"length of {length:g} nm and a mass of {mass:g}: E1 = {lowest:g} meV"
        )
    sharp = max(aspect, 1) * float(_sharpness(offset / lowest, np))
    return float(next((b for b in ASPECT_BUCKETS if sharp <= b), max(sharp, 1)))
