"""Charges beside the gates: a scanning tip, and the donors' disorder."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.constants import COULOMB
from qpcjax.gates import kernels, solver
from qpcjax.gates.kernels import Grid
from qpcjax.gates.stack import PER_AREA, Heterostructure
from qpcjax.validation import Parameters, Range, Real, allowed, positive


class Tip(Parameters):
    r"""A point charge above a frozen surface, such as the tip of a scanning gate microscope.

    It raises the energy of electrons in the gas by

    .. math:: u(r) = \frac{Q\, e^2}{2\pi\epsilon_0 (\epsilon + \epsilon_a)}
        \frac{1}{\sqrt{r^2 + (z + d)^2}}

    before the gas screens it, and that at the surface likewise, with d = 0. A pinned surface
    screens it out.

    Attributes:
        charge: Q in elementary charges, positive where it repels electrons.
        x: along the current in nm.
        y: across in nm.
        height: z above the surface in nm.
    """

    charge: Real = eqx.field(metadata=allowed())
    x: Real = eqx.field(metadata=allowed())
    y: Real = eqx.field(metadata=allowed())
    height: Real = eqx.field(metadata=allowed(positive("length in nm")))

    def energies(self, stack: Heterostructure, grid: Grid) -> Any:
        """Energies in meV at the surface and in the gas, shape (2, nx, ny)."""
        q = kernels.wavevector(stack, grid)
        fall = self.charge * kernels.surface_energy(stack) / q * jnp.exp(-q * self.height)
        # Waves count from the first point of the grid.
        along, across = (axis[0] for axis in grid.axes)
        kx = 2 * math.pi * np.fft.fftfreq(grid.shape[0], grid.step)[:, None]
        ky = 2 * math.pi * np.fft.rfftfreq(grid.shape[1], grid.step)
        phase = kx * (self.x - along) + ky * (self.y - across)
        wave = jax.lax.complex(jnp.cos(phase), -jnp.sin(phase))
        both = jnp.stack([fall, fall * jnp.exp(-q * stack.depth)]) / grid.step**2
        waves = jax.lax.complex(both * wave.real, both * wave.imag)
        return jnp.fft.irfft2(waves, s=grid.shape)


class Donors(Parameters):
    r"""Ionised donors in a sheet, each at a random place: disorder.

    Their mean is part of the heterostructure. What differs from it by chance lowers and raises the
    energies of electrons, by the Green functions of the layers, and is uncorrelated but for a
    factor on its amplitude.

    Attributes:
        density: of the donors in 1e11 cm^-2.
        depth: of their sheet below the surface in nm.
        key: of JAX's random numbers, such as `jax.random.key(1)`.
        correlation: factor on the amplitude, from 0 to 1. Charges of real donors avoid each other,
            which smooths the disorder; 1 is independent places.
    """

    density: Real = eqx.field(metadata=allowed(positive("density in 1e11 cm^-2")))
    depth: Real = eqx.field(metadata=allowed(positive("length in nm")))
    key: Any
    correlation: Real = eqx.field(default=1.0, metadata=allowed(Range("from 0 to 1", 0, False, 1)))

    def energies(self, stack: Heterostructure, grid: Grid) -> Any:
        """Energies in meV at the surface and in the gas, shape (2, nx, ny)."""
        mean = jnp.asarray(PER_AREA * self.density * grid.step**2)
        counts = jax.random.poisson(self.key, jax.lax.stop_gradient(mean), grid.shape)
        # As random as the square root of the density, so that it has a derivative by that.
        scatter = (counts.astype(mean.dtype) - mean) * jnp.sqrt(mean / jax.lax.stop_gradient(mean))
        charge = -self.correlation * scatter / grid.step**2
        pinned = stack.surface != "frozen"
        q = kernels.wavevector(stack, grid)
        mirrored = -1.0 if pinned else kernels.image(stack)
        gas = jnp.exp(-q * jnp.abs(stack.depth - self.depth))
        gas = gas + mirrored * jnp.exp(-q * (stack.depth + self.depth))
        gas = COULOMB / (2 * stack.permittivity * q) * gas
        surface = kernels.surface_energy(stack) / q * jnp.exp(-q * self.depth)
        surface = surface * (0.0 if pinned else 1.0)
        both = jnp.stack([surface, gas])[:, None]
        return solver.convolved(both, charge[None])
