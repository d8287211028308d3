"""A potential V(x, y) in the plane of the electrons: an array on a grid, or a function."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from scipy.interpolate import CubicSpline

from qpcjax._numerics.small_matrices import product
from qpcjax.constants import GAAS_MASS
from qpcjax.validation import Real, concrete, number, positive, require


def window(x: Any, inner: Any, outer: Any) -> Any:
    r"""1 up to \|x\| = inner, 0 from outer on, smooth between them.

    There it is 1 - s^4 (35 - 84 s + 70 s^2 - 20 s^3) with s from 0 to 1, whose first three
    derivatives are continuous.

    Args:
        x: in nm, an array of NumPy or JAX.
        inner: in nm.
        outer: in nm.
    """
    xp = np if concrete(x) is not None and not _is_jax(x, inner, outer) else jnp
    s = xp.clip((xp.abs(x) - inner) / (outer - inner), 0, 1)
    return 1 - s**4 * (35 - 84 * s + 70 * s**2 - 20 * s**3)


def _is_jax(*values):
    return any(hasattr(value, "aval") for value in values)


def capped(energy: Any, cap: Any, softness: Any = 10.0) -> Any:
    """V where it is far below the cap, and the cap where it is far above, with a soft corner.

    Args:
        energy: V in meV.
        cap: the largest energy in meV that is left.
        softness: width of the corner in meV.
    """
    return cap - softness * jnp.logaddexp(0.0, (cap - jnp.asarray(energy)) / softness)


class AbstractPotential(eqx.Module):
    """A potential V(x, y) in meV over nm.

    Attributes:
        half_length: extent along x on either side of 0 in nm; None where it is not centred on 0.
        width: extent across in nm, centred on y = 0; None where it is not.
        mass: effective mass in m_e.
        kinks: y in nm at which it is not smooth.
    """

    half_length: eqx.AbstractVar[Any]
    width: eqx.AbstractVar[Any]
    mass: eqx.AbstractVar[Any]

    @property
    def kinks(self) -> Any:
        """None, unless a class knows better."""
        return ()

    @abc.abstractmethod
    def at(self, x: Any, y: Any) -> Any:
        """V in meV on the grid of x and y in nm, shape (x.size, y.size)."""

    def walls(self, x: Any) -> Any:
        """The width in nm of the left lead, and the `Walls` at x; None: the walls are straight."""
        return None


class Potential(AbstractPotential):
    """A potential on a grid, with cubic splines between its points.

    Energies count from the bottom of the band far from the gates. It may come from a Poisson solver
    of your own, a measured map or any other array; `Potential.from_function` takes a formula.

    Args:
        x: along the current in nm, increasing, shape (nx,), nx of 4 or more.
        y: across in nm, increasing, shape (ny,), ny of 4 or more.
        energy: V in meV, shape (nx, ny). May be differentiated.
        mass: effective mass in m_e; GaAs by default.

    Raises:
        ValueError: axes that do not increase or are too short, an array of another shape, or
            numbers that are not finite.
    """

    x: Any
    y: Any
    energy: Any
    mass: Real
    half_length: Any
    width: Any

    def __init__(self, x, y, energy, mass=GAAS_MASS):
        self.x, self.y = _axis("x", x), _axis("y", y)
        self.energy = number(energy, "energy")
        shape, wanted = np.shape(self.energy), (self.x.size, self.y.size)
        if shape != wanted:
            turned = ": transpose it" if shape == wanted[::-1] else ""
            raise ValueError(f"energy must have the shape {wanted} of x and y, got {shape}{turned}")
        known = concrete(self.energy)
        if known is not None and not np.all(np.isfinite(known)):
            raise ValueError("energy must be finite in every point of the grid, in meV")
        self.mass = _positive("mass", mass, "mass in m_e")
        self.half_length = _half_extent(self.x)
        half = _half_extent(self.y)
        self.width = None if half is None else 2 * half

    @property
    def kinks(self) -> Any:
        """The knots of the spline."""
        return self.y

    @staticmethod
    def from_function(
        function: Callable[[Any, Any], Any],
        half_length: Any,
        width: Any,
        mass: Any = GAAS_MASS,
    ) -> "PotentialFunction":
        """The potential V(x, y) of a formula.

        Args:
            function: f(x, y) in meV over nm. It is called with arrays that broadcast, x of shape
                (nx, 1) and y of shape (1, ny). They are NumPy's, unless half_length or width are
                traced, so that NumPy functions serve; a function of traced numbers needs
                jax.numpy. One of jax.numpy is best wrapped in jax.jit: otherwise each of its
                operations is compiled by itself for every size of the arrays.
            half_length: X in nm: the potential counts for -X < x < X and is 0 beyond.
            width: W in nm of the strip -W/2 < y < W/2 with hard walls.
            mass: effective mass in m_e; GaAs by default.

        Raises:
            ValueError: a length or mass that is not positive.
            TypeError: no function.
        """
        return PotentialFunction(function, half_length, width, mass)

    def at(self, x: Any, y: Any) -> Any:
        """V in meV on the grid of x and y in nm, shape (x.size, y.size).

        Raises:
            ValueError: points outside the array.
        """
        along, across = _spline("x", self.x, x), _spline("y", self.y, y)
        energy = jnp.asarray(self.energy)
        along, across = (jnp.asarray(m, energy.dtype) for m in (along, across))
        return product(along, energy, across.T)


class PotentialFunction(AbstractPotential):
    """The potential of a formula, as `Potential.from_function` makes it.

    Attributes:
        function: V(x, y) in meV over nm.
        half_length: X in nm.
        width: W in nm.
        mass: effective mass in m_e.
    """

    function: Callable[[Any, Any], Any]
    half_length: Any
    width: Any
    mass: Any

    def __init__(self, function, half_length, width, mass=GAAS_MASS):
        if not callable(function):
            raise TypeError(f"function must be a function of x and y, got {function!r}")
        self.function = function
        self.half_length = _positive("half_length", half_length, "length in nm")
        self.width = _positive("width", width, "length in nm")
        self.mass = _positive("mass", mass, "mass in m_e")

    def at(self, x: Any, y: Any) -> Any:
        """V in meV on the grid of x and y in nm, shape (x.size, y.size).

        Raises:
            ValueError: a function that returns another shape.
        """
        shape = np.size(x), np.size(y)
        energy = number(self.function(x[:, None], y[None, :]), "the potential")
        try:
            return jnp.broadcast_to(jnp.asarray(energy), shape)
        except ValueError:
            raise ValueError(
                f"the function of the potential must return an array of shape {shape} for x of "
                f"shape {(shape[0], 1)} and y of shape {(1, shape[1])}, got {np.shape(energy)}"
            ) from None


def _positive(name, value, words):
    value = number(value, name)
    wanted = positive(words)
    require(name, value, wanted.wanted, wanted.holds)
    return value


def _axis(name, values):
    values = concrete(number(values, name))
    if values is None:
        raise ValueError(f"{name} must be plain numbers: a spline is made for fixed places")
    if values.ndim != 1 or values.size < 4:
        raise ValueError(f"{name} must be a column of 4 numbers or more, got shape {values.shape}")
    if not (np.all(np.isfinite(values)) and np.all(np.diff(values) > 0)):
        raise ValueError(f"{name} must increase from point to point, in nm")
    return values


def _half_extent(axis):
    centred = abs(axis[0] + axis[-1]) <= 1e-9 * (axis[-1] - axis[0])
    return float(axis[-1] - axis[0]) / 2 if centred else None


def _spline(name, axis, places):
    """The matrix from values on an axis to those of their spline at other places."""
    places = concrete(places)
    if places is None:
        raise ValueError(
            "half_length and width must be plain numbers with a potential that is an array: a "
            "spline is made for fixed places"
        )
    slack = 1e-9 * (axis[-1] - axis[0])
    if places.min() < axis[0] - slack or places.max() > axis[-1] + slack:
        raise ValueError(
            f"the array of the potential must reach from {places.min():.6g} to "
            f"{places.max():.6g} nm in {name}, and it goes from {axis[0]:.6g} to {axis[-1]:.6g} "
            "nm: give the scatterer a smaller half_length or width"
        )
    return CubicSpline(axis, np.eye(axis.size))(np.clip(places, axis[0], axis[-1]))
