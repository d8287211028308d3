"""Maps of a `PotentialScatterer`: where electrons are and flow, and where T feels a weak tip."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.potentials.sectors import sines
from qpcjax.potentials.walls import functions_at, stretched


class LocalFlow(NamedTuple):
    """Where electrons are, and flow.

    Fields:
        x: ends of the sectors in nm, shape (N + 1,).
        y: in nm, shape (points,); between hard walls that bend, (N + 1, points).
        density: sum of |psi|^2 over waves of unit flux, shape (N + 1, points).
        current: sum of Im(psi* dpsi/dx) in 1/nm, of the same shape.
    """

    x: Any
    y: Any
    density: Any
    current: Any


def local_flow(scatterer: Any, energy: Any, bias: Any, side: str) -> LocalFlow:
    """Density and current of the electrons from one lead, see `PotentialScatterer.local`.

    Args:
        scatterer: the `PotentialScatterer`.
        energy: E in meV, a scalar.
        bias: eV in meV.
        side: "left" or "right".

    Raises:
        ValueError: another side.
    """
    if side not in ("left", "right"):
        raise ValueError(f'side must be "left" or "right", got {side!r}')
    found = scatterer.waves(energy, bias, side)
    n, modes, nodes = scatterer.open_modes, scatterer.sine_modes, scatterer.rule[0]
    parts = [x for z in (found.psi, found.slope) for x in (z[..., :n].real, z[..., :n].imag)]
    dtype = scatterer.values.dtype
    width, y = scatterer.width, scatterer.y
    if scatterer.walls is None:
        shown = jnp.asarray(sines(modes, nodes), dtype)
    else:
        # Waves are known in the functions of the width in the middle of the sector that follows.
        ratio = jnp.asarray(scatterer.walls.ratio, dtype)
        here, middle = ratio[::2], ratio[1::2]
        if side == "right":
            here, middle = here[::-1], middle[::-1]
        moved = jnp.log(here / jnp.append(middle, here[-1]))
        parts = [stretched(part, moved) for part in parts]
        shown = functions_at(modes, jnp.asarray(nodes, dtype))
        width, y = width * here[:, None], y * ratio[::2, None]
    real, imag, slope_real, slope_imag = (jnp.matmul(shown, part) for part in parts)
    density = jnp.sum(real**2 + imag**2, axis=-1) / width
    current = jnp.sum(real * slope_imag - imag * slope_real, axis=-1) / width
    if side == "right":
        density, current = density[::-1], -current[::-1]
    return LocalFlow(scatterer.x[::2], y, density, current)


def weak_response(scatterer: Any, energy: Any, bias: Any) -> jax.Array:
    """dT/dV(x, y) in 1/(meV nm^2), see `PotentialScatterer.response`.

    Args:
        scatterer: the `PotentialScatterer`.
        energy: E in meV, a scalar.
        bias: eV in meV.
    """
    made = scatterer.made is not None
    bare = eqx.tree_at(lambda s: s.made, scatterer, None) if made else scatterer

    def total(values):
        return eqx.tree_at(lambda s: s.values, bare, values).total(energy, bias)

    slope = jax.grad(total)(jnp.asarray(scatterer.values))
    sectors = scatterer.sectors
    simpson = np.ones(2 * sectors + 1)
    simpson[1::2], simpson[2:-1:2] = 4, 2
    along_x = jnp.asarray(simpson, slope.dtype) * (scatterer.half_length / (3 * sectors))
    if scatterer.walls is not None:
        along_x = along_x * scatterer.walls.ratio
    across_y = jnp.asarray(scatterer.rule[1], slope.dtype) * scatterer.width
    return slope / (along_x[:, None] * across_y)
