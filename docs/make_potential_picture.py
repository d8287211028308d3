"""Draw potential.png and hard_walls.png in docs/images: python docs/make_potential_picture.py."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib import pyplot as plt

import qpcjax as qpc
from qpcjax.potentials import bare_split_gate, window

jax.config.update("jax_enable_x64", True)

IMAGES = Path(__file__).parent / "images"
GAP, LENGTH, ENERGY = 150.0, 100.0, 6.0


def energy(x, y):
    """V(x, y) in meV."""
    impurity = 6 * jnp.exp(-((x - 40) ** 2 + (y - 25) ** 2) / (2 * 18**2))
    gates = 28 * bare_split_gate(x, y, 60.0, GAP, LENGTH)
    return window(x, 180.0, 300.0) * (gates + impurity)


def draw():
    """The four panels."""
    potential = qpc.Potential.from_function(energy, half_length=300.0, width=300.0)
    energies = np.linspace(2.0, 9.0, 141)
    c = qpc.resolve(potential, energies[::10], 1e-3)
    eigenvalues = np.asarray(qpc.eigenvalues(c, energies))
    flow, response = jax.jit(lambda c: (c.local(ENERGY), c.response(ENERGY)))(c)
    figure, axes = plt.subplots(2, 2, figsize=(9, 6), layout="constrained")
    left, top, right, below = axes[0, 0], axes[1, 0], axes[0, 1], axes[1, 1]

    shown = left.pcolormesh(c.x, c.y, np.asarray(c.values).T, shading="gouraud", cmap="cividis")
    left.contour(c.x, c.y, np.asarray(c.values).T, levels=[ENERGY], colors="w", linewidths=0.8)
    for low, high in ((GAP / 2, 150.0), (-150.0, -GAP / 2)):
        x, y = LENGTH / 2 * np.array([-1, -1, 1, 1, -1]), [low, high, high, low, low]
        left.plot(x, y, "r--", lw=0.8)
    figure.colorbar(shown, ax=left, label="V (meV)")

    for values in eigenvalues.T[eigenvalues.T.max(axis=1) > 0.01]:
        top.plot(energies, values, lw=0.8, color="0.6")
    top.plot(energies, eigenvalues.sum(axis=1), color="C0")
    top.axvline(ENERGY, color="0.8", lw=0.8)
    top.set(xlabel="E (meV)", ylabel="T, T_n", xlim=(2, 9), ylim=(0, None))

    density = np.asarray(flow.density)
    shown = right.pcolormesh(
        flow.x, flow.y, density.T, shading="gouraud", cmap="magma", vmax=np.quantile(density, 0.99)
    )
    figure.colorbar(shown, ax=right, label="density at unit flux")
    response = 1e3 * np.asarray(response)
    limit = np.quantile(np.abs(response), 0.995)
    shown = below.pcolormesh(
        c.x, c.y, response.T, shading="gouraud", cmap="RdBu", vmin=-limit, vmax=limit
    )
    figure.colorbar(shown, ax=below, label="dT/dV (1e-3/(meV nm$^2$))")
    for panel in (left, right, below):
        panel.set(xlabel="x (nm)", ylabel="y (nm)", aspect="equal")
    figure.savefig(IMAGES / "potential.png", dpi=100)


def horn(narrow):
    """Hard walls that open from twice this half width to 160 nm."""
    return qpc.HardWalls(lambda x: 80.0 - (80.0 - narrow) * window(x, 40.0, 160.0), 180.0)


def draw_hard_walls():
    """Density in a horn, and T(E) of horns."""
    energies = np.linspace(1.0, 22.0, 211)
    found = qpc.resolve(horn(20.0), energies[::15], 1e-3)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    flow = jax.jit(lambda c: c.local(15.0))(found)
    density, y = np.asarray(flow.density), np.asarray(flow.y)
    x = np.broadcast_to(np.asarray(flow.x)[:, None], y.shape)
    top = np.quantile(density, 0.99)
    shown = left.pcolormesh(x, y, density, shading="gouraud", cmap="magma", vmax=top)
    figure.colorbar(shown, ax=left, label="density at unit flux")
    left.set(xlabel="x (nm)", ylabel="y (nm)", aspect="equal")
    for k, narrow in enumerate((16.0, 20.0, 24.0)):
        channel = qpc.PotentialScatterer(horn(narrow), **found.sizes)
        t = qpc.transmission(channel, energies)
        right.plot(energies, t, color=f"C{k}", label=f"{2 * narrow:g} nm")
        for n in (1, 2, 3):
            level = float(channel.scale) * (n * np.pi / (2 * narrow)) ** 2
            right.plot(2 * [level], [-0.12, -0.04], color=f"C{k}", lw=1)
    right.set(xlabel="E (meV)", ylabel="T", xlim=(1, 22), ylim=(-0.15, None))
    right.legend(title="narrowest", frameon=False)
    figure.savefig(IMAGES / "hard_walls.png", dpi=100)


if __name__ == "__main__":
    draw()
    draw_hard_walls()
