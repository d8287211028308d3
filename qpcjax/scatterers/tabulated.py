"""A transmission that somebody else measured or calculated."""

import importlib
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from qpcjax.constants import GAAS_MASS
from qpcjax.quantities import holding
from qpcjax.scatterers.base import AbstractScatterer
from qpcjax.validation import Real, concrete, number


def knot_slopes(x, y):
    r"""Slopes at the knots with which a cubic through (x, y) keeps the table's shape.

    Inside, with the slopes d of the intervals before and after, of lengths h, it is 0 where they
    differ in sign, and their weighted harmonic mean otherwise,

    .. math:: \frac{w_1 + w_2}{w_1/d_- + w_2/d_+}, \quad w_1 = 2 h_+ + h_-, \quad w_2 = h_+ + 2 h_-.

    Args:
        x: energies, strictly increasing, shape (rows,).
        y: values, the same shape.
    """
    h = jnp.diff(x)
    d = jnp.diff(y) / h
    if d.size == 1:
        return jnp.concatenate([d, d])
    h_before, h_after, d_before, d_after = h[:-1], h[1:], d[:-1], d[1:]
    alike = jnp.sign(d_before) * jnp.sign(d_after) > 0
    d_before, d_after = jnp.where(alike, d_before, 1), jnp.where(alike, d_after, 1)
    w_1, w_2 = 2 * h_after + h_before, h_after + 2 * h_before
    inside = jnp.where(alike, (w_1 + w_2) / (w_1 / d_before + w_2 / d_after), 0)
    first, last = _end_slope(h[0], h[1], d[0], d[1]), _end_slope(h[-1], h[-2], d[-1], d[-2])
    return jnp.concatenate([first[None], inside, last[None]])


def _end_slope(h, h_next, d, d_next):
    """Slope at an end: that of the parabola, as far as it keeps the shape."""
    slope = ((2 * h + h_next) * d - h * d_next) / (h + h_next)
    turns = jnp.sign(d) != jnp.sign(d_next)
    slope = jnp.where(turns & (jnp.abs(slope) > 3 * jnp.abs(d)), 3 * d, slope)
    return jnp.where(jnp.sign(slope) != jnp.sign(d), 0, slope)


def _cubics(x, y):
    """Ends of each interval, and four numbers whose mean with binomial weights is the cubic.

    None of the four is negative where the table is not, so that neither is the cubic.
    """
    slope, third = knot_slopes(x, y), jnp.diff(x) / 3
    left, right = y[:-1] + third * slope[:-1], y[1:] - third * slope[1:]
    return jnp.stack([x[:-1], x[1:], y[:-1], left, right, y[1:]], axis=1)


ROUNDING = 1e-10  # a transmission that is negative by less is 0, as other codes calculate it


def without_rounding(transmission):
    """Transmissions in which numbers from -1e-10 to 0 are 0, with a warning that says so.

    Args:
        transmission: an array; one that is traced passes unchanged.
    """
    values = concrete(transmission)
    if values is None:
        return transmission
    slight = (values < 0) & (values >= -ROUNDING)
    if not np.any(slight):
        return transmission
    warnings.warn(
        f"{np.sum(slight)} of {np.size(values)} transmissions are negative by rounding, down to "
        f"{np.min(values[slight]):.3g}; they are taken as 0",
        UserWarning,
        stacklevel=3,
    )
    return np.where(slight, 0.0, values)


def _transmissions(value):
    return without_rounding(number(value))


class TabulatedTransmission(AbstractScatterer):
    r"""A table of T(E), measured or calculated elsewhere, with monotonic cubics between its rows.

    Between two rows T(E) is the cubic with the slopes of `knot_slopes`: it does not overshoot, so
    that it is nowhere negative and a staircase stays one; T' is continuous and T'' jumps at the
    rows. The table may be differentiated; where two neighbouring rows are equal the derivative
    with respect to them is one-sided, and the side on which they stay a plateau is taken.

    There is one eigenvalue, the total, which may exceed 1. Every row is the end of a panel, which
    makes the integrals exact and their cost proportional to the number of rows; with many rows
    fewer nodes in a panel (order=6) are enough.

    Args:
        energy: E in meV, strictly increasing, shape (rows,).
        transmission: T per pair of spins, 0 or more, shape (rows,). T(E) is NaN outside the table.
            Numbers from -1e-10 to 0 are rounding: they become 0, with a warning.
        mass: effective mass in m_e; GaAs by default.

    Raises:
        ValueError: shapes that differ, fewer than 2 rows, numbers that are not finite, energies
            that do not increase, a negative transmission; the row is named, counted from 1.

    References:
        F. N. Fritsch and R. E. Carlson, SIAM J. Numer. Anal. 17, 238 (1980); F. N. Fritsch and J.
        Butland, SIAM J. Sci. Stat. Comput. 5, 300 (1984).
    """

    energy: np.ndarray = eqx.field(converter=number)
    transmission: np.ndarray = eqx.field(converter=_transmissions)
    mass: Real = eqx.field(metadata=holding("mass"), default=GAAS_MASS)

    follows_bias = False
    opens_in_steps = False

    def __check_init__(self):
        energy_shape, shape = np.shape(self.energy), np.shape(self.transmission)
        if len(energy_shape) != 1 or energy_shape != shape:
            raise ValueError(
                "energy and transmission must be two columns of the same length, got the shapes "
                f"{energy_shape} and {shape}"
            )
        if shape[0] < 2:
            raise ValueError(f"a table of T(E) needs 2 rows or more, got {shape[0]}")
        energy, transmission = concrete(self.energy), concrete(self.transmission)
        if energy is not None:
            _require_rows("energy", energy, "a finite energy in meV", np.isfinite)
            _require_increasing(energy)
        if transmission is not None:
            wanted = "a finite number, 0 or more"
            _require_rows("transmission", transmission, wanted, lambda t: (t >= 0) & np.isfinite(t))

    @classmethod
    def from_function(
        cls,
        transmission: Callable[[float], Any],
        energies: Iterable[float],
        mass: Real = GAAS_MASS,
    ) -> "TabulatedTransmission":
        """The table of any function of one energy.

        Args:
            transmission: energy in meV -> T per pair of spins, a number.
            energies: in meV, increasing, at least 2.
            mass: effective mass in m_e; GaAs by default.

        Raises:
            ValueError: the function gives anything but one real number, or see the class.
        """
        energies = [float(energy) for energy in energies]
        return cls(np.array(energies), np.array([_one(transmission, e) for e in energies]), mass)

    @classmethod
    def from_kwant(
        cls,
        system: Any,
        energies: Iterable[float],
        *,
        leads: tuple[int, int] = (1, 0),
        unit: float = 1.0,
        params: Mapping[str, Any] | None = None,
        mass: Real = GAAS_MASS,
    ) -> "TabulatedTransmission":
        """The transmission of a system of Kwant.

        Args:
            system: finalized, without spin; T of a system with spin is that of both spins, and is
                halved by `from_function(lambda e: kwant.smatrix(...).transmission(1, 0) / 2, ...)`.
            energies: in the unit of the system's Hamiltonian, increasing, at least 2.
            leads: numbers of the lead that electrons leave by and of the one they come from.
            unit: meV in that unit, such as the hopping t in meV for energies in t.
            params: of the system.
            mass: effective mass in m_e; GaAs by default.

        Raises:
            ImportError: Kwant is not installed.
            ValueError: see the class.
        """
        try:
            kwant = importlib.import_module("kwant")
        except ImportError:
            raise ImportError(
                "from_kwant needs Kwant: conda install -c conda-forge kwant; from_function takes "
                "any function of energy"
            ) from None

        def transmission(energy):
            return kwant.smatrix(system, energy, params=params).transmission(*leads)

        table = cls.from_function(transmission, energies, mass)
        return eqx.tree_at(lambda t: t.energy, table, unit * np.asarray(table.energy))

    def meaningful(self):
        """Whether the energies increase and no transmission is negative."""
        energy, transmission = jnp.asarray(self.energy), jnp.asarray(self.transmission)
        rising = jnp.all(jnp.diff(energy) > 0) & jnp.all(jnp.isfinite(energy))
        return super().meaningful() & rising & jnp.all(transmission >= 0)

    @property
    def memory(self):
        """In proportion to the panels of an integral."""
        return max(1, self.energy.shape[0] // 128)

    def eigenvalues(self, energy, bias=0.0):
        """T(E) at one energy, shape (1,), NaN outside the table."""
        outside = (energy < self.energy[0]) | (energy > self.energy[-1])
        return jnp.where(outside, jnp.nan, self.total(energy))[None]

    def total(self, energy, bias=0.0):
        """T(E) at one energy; outside the table that of its end.

        A thermal tail may reach there with a weight that does not count; one that counts makes an
        integral NaN, by the energy floor and limit.
        """
        x, y = jnp.asarray(self.energy), jnp.asarray(self.transmission)
        interval = jnp.searchsorted(x[1:-1], energy, side="right")
        start, end, a, b, c, d = _cubics(x, y)[interval]
        energy = jnp.where(energy < start, start, jnp.where(energy > end, end, energy))
        t, u = (energy - start) / (end - start), (end - energy) / (end - start)
        return u * u * (u * a + 3 * t * b) + t * t * (3 * u * c + t * d)

    def thresholds(self, bias=0.0):
        """None: between two rows T(E) is smooth up to its ends."""
        return jnp.zeros(0, jnp.asarray(self.energy).dtype)

    def finest_scale(self, bias=0.0):
        """Smallest distance in meV of two rows."""
        return jnp.min(jnp.diff(jnp.asarray(self.energy)))

    def panel_edges(self, bias=0.0):
        """The energies of the table."""
        return jnp.asarray(self.energy)

    def energy_floor(self):
        """The first energy of the table in meV."""
        return self.energy[0]

    def energy_limit(self):
        """The last energy of the table in meV."""
        return self.energy[-1]


def _one(transmission, energy):
    """The function's value as one float."""
    value = np.asarray(transmission(energy))
    if value.size != 1 or value.dtype.kind not in "biuf":
        raise ValueError(
            f"transmission must give one real number at each energy; at {energy:g} it gave "
            f"{value.dtype} of the shape {value.shape}"
        )
    return value.item()


def _require_rows(name, values, wanted, holds):
    wrong = np.flatnonzero(~holds(values))
    if wrong.size:
        row = wrong[0]
        raise ValueError(
            f"{name} must be {wanted}, in every row; row {row + 1} holds {values[row]:g}"
        )


def _require_increasing(energy):
    wrong = np.flatnonzero(np.diff(energy) <= 0)
    if wrong.size:
        row = wrong[0] + 1
        raise ValueError(
            f"energy must increase from row to row, in meV; row {row + 1} holds {energy[row]:g} "
            f"after {energy[row - 1]:g} in row {row}"
        )
