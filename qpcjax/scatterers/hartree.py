"""A barrier that the electrons on it raise: the shoulder below a plateau, with one parameter."""

import functools
import itertools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.quantities import holding
from qpcjax.scatterers.shifted import FilledBarrier, ShiftedModes
from qpcjax.scatterers.wrapper import require_steps
from qpcjax.validation import Real

# Panels on which N is a Chebyshev series: below the first end N is less than 1e-16, above the last
# one its asymptotic series holds.
_ENDS = np.array([-12, -9, -6.5, -4.7, -3.3, -2.3, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2.3, 3.3, 4.7,
                  6.5, 9, 13, 18, 25, 34])  # fmt: skip
_TERMS = 30
_STEPS = 40  # of the root: Newton's, inside a bracket


class HartreeBarrier(FilledBarrier):
    r"""A scatterer whose modes are raised by the electrons in them, both spins alike.

    .. math::
        T_n(E) \to T_n(E - \hbar\omega_x\, b\, N(v_n)), \quad
        v_n + b N(v_n) = \frac{\mu - \epsilon_n}{\hbar\omega_x}, \quad
        N(v) = \int_{-\infty}^v dz\, A(z), \quad
        A(z) = \frac{e^{\pi z/2}}{2\pi} |\Gamma(1/4 + iz/2)|^2

    where A is, in units of its length, the density of states at the top of a parabolic barrier, z =
    (E - eps_n)/hbar omega_x. Mode n opens at eps_n, where T_n = 1/2, and hbar omega_x = 2 pi T_n (1
    - T_n)/T_n' there: that of a saddle. b = U/(pi l_x hbar omega_x) for a contact energy U per
    length, l_x = sqrt(hbar/m omega_x).

    It is phenomenological, as `SpinGap` is: at one gate voltage the shift of each mode is a number,
    whatever the energy, bias and temperature. Devices and sweeps set `mu` to their own
    electrochemical potential, see `at_potential`.

    Args:
        scatterer: a barrier of modes that open one after the other.
        mu: mean electrochemical potential in meV.
        strength: b, 0 or more; 0 is the scatterer itself.

    Raises:
        ValueError: a barrier whose T_n(E) are no steps, a strength that is negative, numbers that
            are not finite.

    References:
        F. Bauer et al., Nature 501, 73 (2013), for a barrier whose electrons repel each other.
    """

    mu: Real = eqx.field(metadata=holding("mu"))
    strength: Real = eqx.field(metadata=holding("hartree_strength"), default=0.5)

    words = "barrier raised as it fills, phenomenological"

    def check(self):
        """Check that the barrier's modes open one after the other."""
        require_steps(self, self.scatterer)

    @property
    def shifts(self):
        """By how much each mode is raised, in meV, shape (modes,)."""
        found = self.scatterer.openings()
        sharp = found.width == 0  # a step that jumps: nothing stays at its top
        unit = 2 * math.pi * jnp.where(sharp, 1, found.width)
        shift = unit * raised((self.mu - found.energy) / unit, self.strength)
        return jnp.where(sharp, 0, shift)

    def settled(self):
        """The scatterer with its modes raised by fixed energies."""
        return ShiftedModes(self.scatterer, self._checked(self.shifts))

    def energy_limit(self):
        """That of the scatterer: no mode is lowered."""
        return self.scatterer.energy_limit()


def raised(y, strength):
    """The shift b N(v) at the v that solves v + b N(v) = y, with its derivatives."""
    y = jnp.asarray(y)
    b = jnp.asarray(strength, y.dtype)
    y_, b_ = jax.lax.stop_gradient((y, b))
    # N rises, so that y - b N(y) <= v <= y.
    lower, upper = y_ - b_ * filling(y_), y_

    def with_slope(v):
        value, slope = jax.jvp(filling, (v,), (jnp.ones_like(v),))
        return v + b_ * value - y_, 1 + b_ * slope

    def step(_, state):
        lower, upper, v = state
        value, slope = with_slope(v)
        lower, upper = jnp.where(value < 0, v, lower), jnp.where(value < 0, upper, v)
        next_ = v - value / slope
        inside = (next_ >= lower) & (next_ <= upper)
        return lower, upper, jnp.where(inside, next_, (lower + upper) / 2)

    v = jax.lax.fori_loop(0, _STEPS, step, (lower, upper, lower))[2]
    slope = with_slope(v)[1]
    # A step of Newton's from a point that stands still has the derivatives of the solution.
    v = v - (v + b * filling(v) - y) / slope
    return b * filling(v)


def filling(v):
    """N(v), to 1e-15 of itself or 1e-16; see `HartreeBarrier`."""
    v = jnp.asarray(v)
    ends, table = _table()
    inside = jnp.clip(v, ends[0], ends[-1])
    places = jnp.asarray(ends, v.dtype)
    panel = jnp.searchsorted(places, jax.lax.stop_gradient(inside), side="right") - 1
    panel = jnp.clip(panel, 0, len(table) - 1)
    start, end = places[panel], places[panel + 1]
    x = (2 * inside - start - end) / (end - start)
    terms = jnp.asarray(table, v.dtype)[panel]
    one = two = jnp.zeros_like(x)
    for k in range(_TERMS - 1, 0, -1):  # Clenshaw's recurrence
        one, two = terms[..., k] + 2 * x * one - two, one
    series = terms[..., 0] + x * one - two
    far = v > ends[-1]
    top = jnp.where(far, v, ends[-1])
    beyond = _far_filling(top, jnp) + jnp.asarray(_offset(), v.dtype)
    return jnp.where(far, beyond, jnp.where(v < ends[0], 0, series))


def _density(z):
    """A(z)."""
    from scipy import special

    log = math.pi * z / 2 + 2 * special.loggamma(0.25 + 0.5j * z).real
    return np.exp(log) / (2 * math.pi)


@functools.cache
def _table():
    """Ends of the panels, and the Chebyshev coefficients of N on each."""
    node, weight = np.polynomial.legendre.leggauss(24)
    x = np.cos(math.pi * (np.arange(_TERMS) + 0.5) / _TERMS)
    basis = np.polynomial.chebyshev.chebvander(x, _TERMS - 1)
    at_start, rows = 0.0, []
    for start, end in itertools.pairwise(_ENDS):
        reach = np.append((x + 1) / 2, 1.0) * (end - start)
        z = start + reach[:, None] * (node + 1) / 2
        n = at_start + reach / 2 * (_density(z) @ weight)
        rows.append(np.linalg.solve(basis, n[:-1]))
        at_start = n[-1]
    return _ENDS.astype(float), np.array(rows)


@functools.cache
def _far_terms():
    """Coefficients a_k of A(z) = (z/2)^-1/2 sum_k a_k z^-2k for large z."""
    # From Stirling's series of ln Gamma(1/4 + iz/2), with Bernoulli's polynomials at 1/4.
    euler = {1: -1, 2: 5, 3: -61, 4: 1385, 5: -50521}
    log = np.zeros(len(euler) + 1)
    for j, number in euler.items():
        bernoulli = -(2 * j + 1) * number / 4.0 ** (2 * j + 1)
        log[j] = -2 * (-1) ** j * bernoulli / (2 * j * (2 * j + 1)) * 4.0**j
    found = np.zeros_like(log)
    found[0] = 1.0
    for k in range(1, len(log)):  # the exponential of a power series
        found[k] = sum(j * log[j] * found[k - j] for j in range(1, k + 1)) / k
    return found


def _far_filling(v, np_):
    """An integral of that series."""
    power = sum(a / (0.5 - 2 * k) * v ** (-2.0 * k) for k, a in enumerate(_far_terms().tolist()))
    return math.sqrt(2) * np_.sqrt(v) * power


@functools.cache
def _offset():
    """N less that integral, which is the same for every large v."""
    ends, table = _table()
    return float(np.sum(table[-1]) - _far_filling(ends[-1], np))
