"""The potential of electrons under gates, as an array with what is known of it."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from qpcjax.potentials import Potential
from qpcjax.potentials import window as window_of

SOLVED, UNCONVERGED, EMPTY, REFUSED = 0, 1, 2, 3
"""Values of `status`: solved; not converged; no electrons anywhere; a number out of its range."""


class GatedPotential(Potential):
    """The potential of the electrons under gates, as `GatedDevice.potential` returns it.

    Attributes:
        x: in nm, along the current; the last point is the image of the first.
        y: in nm, across.
        energy: in meV, shape (nx, ny).
        mass: in m_e.
        density: of the electrons in 1e11 cm^-2, of the same shape.
        mu: their electrochemical potential in meV.
        surface: energy of an electron at the surface in meV, of the same shape; None where the
            surface is pinned or bare.
        converged: whether the residual is small enough.
        residual: the largest misfit of the energies in meV.
        steps: of Newton's method.
        status: 0 solved; 1 not converged, 2 no electrons anywhere, 3 a number out of its range,
            where all energies are NaN.
        charge: of the sheets in 1/nm^2, with which a neighbouring solution may start.
        box_change: the `BoxChange` where it was asked for, else None.
    """

    density: Any
    mu: Any
    surface: Any
    converged: Any
    residual: Any
    steps: Any
    status: Any
    charge: Any
    box_change: Any

    def __init__(self, x, y, energy, mass, solution):
        super().__init__(x, y, energy, mass)
        for name, value in solution.items():
            setattr(self, name, value)

    def removed(self, half_length: float, window: float, width: float) -> Any:
        r"""The largest \|u\| in meV that a window at the leads takes away.

        Args:
            half_length: X of the scatterer in nm.
            window: the length in nm over which V goes to 0.
            width: W of the strip in nm.
        """
        x = np.linspace(-half_length, half_length, 129)
        y = np.linspace(-width / 2, width / 2, 65)
        share = 1 - window_of(x, half_length - window, half_length)
        return jnp.max(jnp.abs(share[:, None] * self.at(x, y)))
