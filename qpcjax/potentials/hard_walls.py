"""A channel between hard walls that bend smoothly."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.constants import GAAS_MASS
from qpcjax.potentials.potential import AbstractPotential
from qpcjax.potentials.walls import Walls
from qpcjax.validation import concrete, number, require


class HardWalls(AbstractPotential):
    r"""A channel \|y\| < w(x) with hard walls, straight beyond \|x\| = X.

    Electrons in it feel V(x, y), or none: then T(E) follows from the walls alone. The walls must be
    smooth, with three continuous derivatives where T(E) is wanted to more than a few digits;
    `MatchedConstriction` has vertical walls and corners.

    Args:
        half_width: w(x) in nm, a function made of jax.numpy, of x in nm, shape (n,). Its slope is
            taken by differentiation. Numbers that it holds may be traced.
        half_length: X in nm: the leads begin at x = -X and x = X, with the half widths that w has
            there. They may differ.
        energy: V(x, y) in meV, called with arrays that broadcast, x of shape (nx, 1) and y of shape
            (nx, ny); 0 beyond X. None: 0 everywhere.
        mass: effective mass in m_e; GaAs by default.

    Raises:
        ValueError: a length or mass that is not positive, walls that meet.
        TypeError: no function, or one that is not made of jax.numpy.
    """

    half_width: Callable[[Any], Any]
    half_length: Any
    energy: Callable[[Any, Any], Any] | None
    mass: Any

    def __init__(self, half_width, half_length, energy=None, mass=GAAS_MASS):
        if not callable(half_width):
            raise TypeError(f"half_width must be a function of x in nm, got {half_width!r}")
        if not (energy is None or callable(energy)):
            raise TypeError(f"energy must be a function of x and y, or None, got {energy!r}")
        self.half_width, self.energy = half_width, energy
        self.half_length = number(half_length, "half_length")
        require("half_length", self.half_length, "a positive length in nm", lambda v: v > 0)
        self.mass = number(mass, "mass")
        require("mass", self.mass, "a positive mass in m_e", lambda v: v > 0)

    @property
    def width(self) -> Any:
        """W(-X) of the left lead in nm."""
        return 2 * self._at(-jnp.asarray(self.half_length, float)[None])[0][0]

    def walls(self, x: Any) -> tuple[Any, Walls]:
        """The width of the left lead in nm, and the walls at x from there to the right one."""
        half, slope = self._at(jnp.asarray(x, float))
        return 2 * half[0], Walls(half / half[0], slope / half * -x[0])

    def at(self, x: Any, y: Any) -> Any:
        """V in meV at x and at y w(x)/w(-X), x and y in nm, shape (x.size, y.size).

        Raises:
            ValueError: a function `energy` that returns another shape.
        """
        shape = np.size(x), np.size(y)
        if self.energy is None:
            return jnp.zeros(shape)
        across = self.walls(x)[1].ratio[:, None] * y
        found = number(self.energy(x[:, None], across), "the potential")
        try:
            return jnp.broadcast_to(jnp.asarray(found, float), shape)
        except ValueError:
            raise ValueError(
                f"energy must return an array of shape {shape} for x of shape {(shape[0], 1)} and "
                f"y of shape {shape}, got {np.shape(found)}"
            ) from None

    def _at(self, x):
        """The half width and its slope."""
        try:
            half, slope = jax.jvp(self._half_width, (x,), (jnp.ones_like(x),))
        except jax.errors.TracerArrayConversionError as error:
            raise TypeError(
                "half_width must be made of functions of jax.numpy, not NumPy: its slope is taken "
                "by differentiation"
            ) from error
        known = concrete(half)
        if known is not None and not (np.all(np.isfinite(known)) and np.all(known > 0)):
            raise ValueError(
                "half_width must be a positive length in nm everywhere in the region; it is "
                f"{np.min(known):.4g} nm at the least"
            )
        return half, slope

    def _half_width(self, x):
        half = jnp.asarray(self.half_width(x), float)
        if jnp.ndim(half) and jnp.shape(half) != x.shape:
            raise ValueError(
                f"half_width must return an array of shape {x.shape} for x of this shape, got "
                f"{jnp.shape(half)}"
            )
        return jnp.broadcast_to(half, x.shape)
