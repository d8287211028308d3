"""Green functions of charged sheets over one another, in the wavevectors of a periodic grid."""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from qpcjax.constants import COULOMB

# The largest compressibility of a gate is this many times 1/(kappa h).
STIFFNESS = 30.0


class Grid(NamedTuple):
    """A periodic grid of square cells, its points from -L/2 on."""

    step: float
    shape: tuple[int, int]

    @property
    def lengths(self) -> tuple[float, float]:
        """The periods along x and y in nm."""
        return self.shape[0] * self.step, self.shape[1] * self.step

    @property
    def axes(self) -> tuple[np.ndarray, np.ndarray]:
        """Points along x and y in nm; 0 is one of them."""
        x, y = (self.step * (np.arange(n) - n // 2) for n in self.shape)
        return x, y

    @property
    def wavevector(self) -> np.ndarray:
        """|q| in 1/nm, as rfft2 orders it."""
        along = 2 * math.pi * np.fft.fftfreq(self.shape[0], self.step)
        across = 2 * math.pi * np.fft.rfftfreq(self.shape[1], self.step)
        return np.hypot(along[:, None], across)


def wavevector(stack, grid: Grid):
    """|q| in 1/nm, for q = 0 that of the grounded plane far below."""
    q = grid.wavevector
    return jnp.where(q > 0, q, 1 / stack.back)


def image(stack):
    """Charge of the image behind the surface, (eps - above)/(eps + above)."""
    return (stack.permittivity - stack.above) / (stack.permittivity + stack.above)


def surface_energy(stack):
    """Kappa = e^2/[eps_0 (eps + above)] in meV nm."""
    return COULOMB / (stack.permittivity + stack.above)


def frozen(stack, grid: Grid):
    r"""Energies of surface and gas by charges in both, shape (2, 2, nx, ny // 2 + 1).

    .. math::
        G_{00} = \kappa/q, \quad G_{01} = G_{00} e^{-q d}, \quad
        G_{11} = \frac{e^2}{2\epsilon_0\epsilon q} \left[1 +
            \frac{\epsilon - \epsilon_a}{\epsilon + \epsilon_a} e^{-2 q d}\right]

    in meV nm^2. From G_00 is taken what makes up for the potential drop in gates of finite
    compressibility.
    """
    q = wavevector(stack, grid)
    kappa, fall = surface_energy(stack), jnp.exp(-q * stack.depth)
    surface = kappa / q - kappa * grid.step / STIFFNESS
    between = kappa / q * fall
    gas = COULOMB / (2 * stack.permittivity * q) * (1 + image(stack) * fall**2)
    return jnp.stack([jnp.stack([surface, between]), jnp.stack([between, gas])])


def pinned(stack, grid: Grid):
    r"""Energy of the gas by its own charge under a pinned surface, shape (1, 1, nx, ny // 2 + 1).

    .. math:: G = \frac{e^2}{2\epsilon_0\epsilon q} \left(1 - e^{-2 q d}\right)
    """
    q = grid.wavevector
    safe = np.where(q > 0, q, 1.0)
    between = -jnp.expm1(-2 * safe * stack.depth) / (2 * safe)
    gas = COULOMB / stack.permittivity * jnp.where(q > 0, between, stack.depth)
    return gas[None, None]


def smoothing(points: int, grid: Grid) -> np.ndarray:
    r"""What makes the averages over the points of a cell exact where density follows u linearly.

    With m = (1 - 1/k^2)/12, the mean square of places within a cell, these averages respond to a
    wave as 1 + m (sin^2 q_x h + sin^2 q_y h). Energies that enter them are multiplied by the
    inverse root S of that, and the charges that come out as well.

    Args:
        points: k, along one side of a cell.
        grid: shape (nx, ny).

    Returns:
        S, shape (nx, ny // 2 + 1).
    """
    along = np.sin(2 * np.pi * np.fft.fftfreq(grid.shape[0]))
    across = np.sin(2 * np.pi * np.fft.rfftfreq(grid.shape[1]))
    mean_square = (1 - 1 / points**2) / 12
    return (1 + mean_square * (along[:, None] ** 2 + across**2)) ** -0.5
