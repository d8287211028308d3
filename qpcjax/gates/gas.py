r"""Thomas-Fermi density of the gas in cells, averaged over points within each.

Within a cell u runs on along its central slopes. Its charge is put back onto the cells by the same
weights, so that the density is the slope of an energy:

.. math:: n = \frac{1}{k^2} B^T f(B u), \quad f(u) = D\, kT \ln(1 + e^{(\mu - u)/kT}).
"""

import jax
import jax.numpy as jnp
import numpy as np


def slope(values, axis):
    """Central difference of neighbouring cells, periodic."""
    return (jnp.roll(values, -1, axis) - jnp.roll(values, 1, axis)) / 2


def _moments(u, points, function, powers):
    """Means over each cell of a^i b^j f(u), for each (i, j) of powers, at its places (a, b)."""
    within = (np.arange(points) + 0.5) / points - 0.5
    a, b = (m.reshape(-1, 1, 1) for m in np.meshgrid(within, within, indexing="ij"))
    values = function(u + a * slope(u, 0) + b * slope(u, 1))
    weights = np.stack([(a**i * b**j).reshape(-1) for i, j in powers]) / points**2
    return jnp.tensordot(weights.astype(u.dtype), values, 1)


def density(u, states, mu, kT, points):
    """Electrons per nm^2: the mean of each cell, and what counts as the charge of its centre."""

    def filled(u):
        return states * kT * jax.nn.softplus((mu - u) / kT)

    mean, along, across = _moments(u, points, filled, ((0, 0), (1, 0), (0, 1)))
    return mean, mean - slope(along, 0) - slope(across, 1)


def compressibility(u, states, mu, kT, points):
    """The linear map from a change of u to the loss of density, -dn/du in 1/(meV nm^2)."""

    def share(u):
        return states * jax.nn.sigmoid((mu - u) / kT)

    powers = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
    m, ma, mb, maa, mab, mbb = _moments(u, points, share, powers)

    def apply(change):
        if points == 1:
            return m * change
        x, y = slope(change, 0), slope(change, 1)
        plain = m * change + ma * x + mb * y
        along = ma * change + maa * x + mab * y
        across = mb * change + mab * x + mbb * y
        return plain - slope(along, 0) - slope(across, 1)

    return apply
