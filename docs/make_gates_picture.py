"""Draw docs/images/gates.png: python docs/make_gates_picture.py."""

from pathlib import Path

import jax
import numpy as np
from matplotlib import pyplot as plt

import qpcjax as qpc

jax.config.update("jax_enable_x64", True)

OUT = Path(__file__).parent / "images" / "gates.png"
BOX = {"grid": 20.0, "box": (2400.0, 1600.0)}
VOLTAGES = {"frozen": -1.2, "pinned": -3.0}
ACROSS, ALONG = 500.0, 600.0


def draw():
    """U under both surfaces close to pinch-off, and cuts along and across."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    gates = qpc.SplitGate(gap=400.0, length=300.0)
    for panel, (surface, voltage) in zip(axes, VOLTAGES.items(), strict=False):
        device = qpc.GatedDevice(qpc.Heterostructure(2.5, 90.0, surface=surface), gates, **BOX)
        u = device.potential(voltage)
        energy, mu = np.asarray(u.energy).T, float(u.mu)
        shown = panel.pcolormesh(u.x, u.y, energy, shading="gouraud", cmap="cividis", vmax=2.5 * mu)
        panel.contour(u.x, u.y, energy, levels=[mu], colors="w", linewidths=0.8)
        for outline in gates.outlines:
            x, y = np.clip([*outline.corners, outline.corners[0]], -2000, 2000).T
            panel.plot(x, y, "r--", lw=0.8)
        panel.set(xlim=(-ALONG, ALONG), ylim=(-ACROSS, ACROSS), aspect="equal")
        panel.set(xlabel="x (nm)", ylabel="y (nm)", title=f"{surface}, {voltage:g} V")
        i, j = u.x.size // 2, u.y.size // 2
        axes[2].plot(u.x, energy[j], label=f"{surface}, along", color=f"C{surface == 'pinned':d}")
        axes[2].plot(u.y, energy[:, i], "--", color=f"C{surface == 'pinned':d}")
    figure.colorbar(shown, ax=axes[:2], label="U (meV)")
    axes[2].axhline(mu, color="0.7", lw=0.8)
    axes[2].text(-ALONG, mu, " mu", va="bottom", color="0.4")
    axes[2].set(xlim=(-ALONG, ALONG), ylim=(0, 2.5 * mu), xlabel="x or y (nm)", ylabel="U (meV)")
    axes[2].legend(loc="upper right", fontsize="small")
    figure.savefig(OUT, dpi=100)


if __name__ == "__main__":
    draw()
