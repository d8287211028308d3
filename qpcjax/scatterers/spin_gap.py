"""A gap between the spins that grows as a mode fills: the shoulder below a plateau."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp

from qpcjax.quantities import holding
from qpcjax.scatterers.base import mode_count
from qpcjax.scatterers.fields import with_static
from qpcjax.scatterers.openings import Openings
from qpcjax.scatterers.shifted import FilledBarrier, ShiftedModes
from qpcjax.scatterers.wrapper import require_steps
from qpcjax.scatterers.zeeman import ZeemanSplit
from qpcjax.validation import Real

_ONSET = -0.1  # of the distance to the next mode
_APART = 1024  # roundings of an energy, by which jumps are held apart


class SpinGap(FilledBarrier):
    r"""A scatterer whose modes open at higher energies for one spin, the more the fuller they are.

    .. math::
        T_{n,\uparrow}(E) = T_n(E), \quad T_{n,\downarrow}(E) = T_n(E - \Delta_n), \quad
        \Delta_n = g f^n w_n \ln\left[1 + e^{(\mu - \epsilon_n - y_0)/w_n}\right],
        \quad n = 0, 1, \ldots

    with the slope g, the fade f and the onset y0. Mode n opens at :math:`\epsilon_n`, where T_n =
    1/2 (the lowest such energy), over the width :math:`w_n = T_n (1 - T_n)/T_n'` there:
    V0 + hbar omega_y (n + 1/2) and hbar omega_x/2 pi in a saddle. T(E) is the mean of both spins.

    It is phenomenological: a staircase with a shoulder near 0.7 x 2e^2/h is described, and nothing
    is said of where it comes from. The gap follows the filling mu - eps_n: at one gate voltage
    it is a number, whatever the energy, bias and temperature. So P_L + P_R = V I, the second law
    and Onsager's relations hold, and derivatives by the energy are at a fixed gap. Devices and
    sweeps set `mu` to their own electrochemical potential, see `at_potential`.

    The eigenvalues are those of single spins, from 0 to 1, and count with the weight 1/2 each.

    Args:
        scatterer: a barrier of modes that open one after the other. Around a `ZeemanSplit` the
            gap adds to the Zeeman energy.
        mu: mean electrochemical potential in meV.
        slope: g, 0 or more; 0 is the scatterer without a gap.
        onset: y0 in meV; None for -0.1 times the distance of each mode to the next.
        fade: f, 0 or more, the ratio of the slopes of neighbouring modes.

    Raises:
        ValueError: a barrier whose T_n(E) are no steps, a barrier of a single mode without an
            onset, a slope or fade that is negative, numbers that are not finite.

    References:
        H. Bruus, V. V. Cheianov and K. Flensberg, Physica E 10, 97 (2001) and D. J. Reilly, PRB
        72, 033309 (2005) have gaps of this kind; the form with a fade was fitted to measured
        staircases for this package.
    """

    mu: Real = eqx.field(metadata=holding("mu"))
    slope: Real = eqx.field(metadata=holding("gap_slope"), default=0.6)
    onset: Real = eqx.field(metadata=holding("gap_onset", optional=True), default=None)
    fade: Real = eqx.field(metadata=holding("gap_fade"), default=0.9)

    words = "spin gap, phenomenological"
    splits_spins = True

    def check(self):
        """Check that the barrier's modes open one after the other, and that an onset is known."""
        require_steps(self, self._bare)
        if self.onset is None and not self._adds_modes and mode_count(self._bare) < 2:
            raise ValueError(
                f"onset must be given, in meV: {type(self._bare).__name__} has one mode, and no "
                "distance to the next"
            )

    @property
    def _bare(self):
        """The barrier of either spin, without a field."""
        inner = self.scatterer
        return inner.scatterer if isinstance(inner, ZeemanSplit) else inner

    @property
    def _adds_modes(self):
        """Whether the bare barrier has as many modes as it is asked to keep."""
        bare = self._bare
        return dataclasses.is_dataclass(bare) and "modes" in {
            f.name for f in dataclasses.fields(bare)
        }

    def _openings_and_onsets(self):
        """Where the modes open, their numbers, and y0 of each of them."""
        if self.onset is None and self._adds_modes:
            # A mode more has the distance of the last one; it changes nothing for the others.
            more = with_static(self._bare, "modes", self._bare.modes + 1).openings()
            found = Openings(more.energy[:-1], more.width[:-1])
            return found, mode_numbers(found), _ONSET * jnp.diff(more.energy)
        found = self._bare.openings()
        number = mode_numbers(found)
        return found, number, self._onsets(found, number)

    def _onsets(self, openings, number):
        """y0 of each mode of a barrier whose modes are all that it has."""
        if self.onset is not None:
            return self.onset
        rising = jnp.sort(openings.energy)
        distance = jnp.diff(rising)
        # Closed modes open infinitely far up.
        distance = jnp.where(jnp.isinf(rising[1:]), 0, distance)
        return _ONSET * jnp.append(distance, distance[-1])[number]

    @property
    def gaps(self):
        """Delta_n in meV, shape (modes,), in the order of the eigenvalues."""
        return _gaps(self)

    def _found_gaps(self):
        found, number, onsets = self._openings_and_onsets()
        filling = self.mu - found.energy - onsets
        dtype = found.energy.dtype
        power = jnp.asarray(self.fade, dtype) ** number.astype(dtype)
        ramp = _soft_ramp(filling, found.width)
        gaps = self.slope * power * ramp
        if not self._bare.jumps().size:
            return gaps
        # Two jumps in one place would not see how they part under differentiation.
        apart = _APART * jnp.finfo(dtype).eps * (jnp.abs(found.energy) + ramp)
        return gaps + jax.lax.stop_gradient(jnp.where((gaps == 0) & (ramp > 0), apart, 0))

    @property
    def weight(self):
        """Half of the bare weight: every eigenvalue is that of one spin."""
        return self._bare.weight / 2

    def settled(self):
        """The scatterer with its gaps as fixed energies."""
        inner, bare = self.scatterer, self._bare
        gaps = self._checked(self.gaps)
        half = jnp.zeros((), gaps.dtype)
        if isinstance(inner, ZeemanSplit):
            half = jnp.abs(inner.zeeman_energy) / 2
        return ShiftedModes(bare, half + gaps, half)

    def energy_limit(self):
        """Energy up to which both spins are whole: no gap is negative."""
        return self.scatterer.energy_limit()


# One program, not one for each operation where it is called by itself.
_gaps = eqx.filter_jit(SpinGap._found_gaps)


def mode_numbers(openings: Openings):
    """The number n of each eigenvalue's mode, 0 for the one that opens first."""
    order = jnp.argsort(jax.lax.stop_gradient(openings.energy))
    return jnp.argsort(order)


def _soft_ramp(x, width):
    """The soft ramp width ln(1 + exp(x/width)), and max(x, 0) for no width."""
    sharp = width == 0
    unit = jnp.where(sharp, 1, width)
    return jnp.where(sharp, jnp.maximum(x, 0), unit * jax.nn.softplus(x / unit))
