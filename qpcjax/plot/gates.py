"""Pictures of gated devices: the potential under the gates, and the staircase in volts."""

import numpy as np

from qpcjax.plot.style import (
    COLOURS,
    COLUMN,
    MODEL,
    POWER,
    SYMBOLS,
    TARGET,
    one_panel,
    panels,
    styled,
)

_ABOVE = 1.5  # shown range of the potential in units of mu
_FINE = 8.0  # nm between drawn points, at most: it rises by mu within a step of a coarse grid
_MOST = 401  # of them along a side, as long as the grid itself has fewer


@styled
def gate_potential(potential, gates=None, *, axes=None):
    """The potential of the electrons under gates in meV, up to 1.5 mu.

    The white line is where u = mu: the electrons end there. Dashed outlines are the gates.

    Args:
        potential: a `GatedPotential`.
        gates: the device's gates, or None.
        axes: the Axes to draw in.

    Returns:
        The Axes.
    """
    own = one_panel(axes, 0.72 * COLUMN)
    x, y = (_finer(np.asarray(axis)) for axis in (potential.x, potential.y))
    u = np.asarray(potential.at(x, y))
    mu = float(potential.mu)
    shown = own.pcolormesh(
        x, y, u.T, shading="gouraud", cmap="cividis", vmin=min(0.0, u.min()), vmax=_ABOVE * mu
    )
    shown.set_rasterized(True)
    if u.min() < mu < u.max():
        own.contour(x, y, u.T, levels=[mu], colors="w", linewidths=0.9)
    for outline in () if gates is None else gates.outlines:
        corners = outline.corners
        if corners is not None:
            closed = np.concatenate([corners, corners[:1]])
            closed = np.clip(closed, [x[0], y[0]], [x[-1], y[-1]])
            own.plot(*closed.T, "--", color=TARGET, lw=0.9)
    own.figure.colorbar(shown, ax=own, label="u (meV)", extend="max")
    own.set(xlabel="x (nm)", ylabel="y (nm)", aspect="equal", xlim=x[[0, -1]], ylim=y[[0, -1]])
    return own


def _finer(axis):
    """An even axis with more points between its own."""
    cells = axis.size - 1
    each = max(1, min(int(np.ceil((axis[1] - axis[0]) / _FINE)), (_MOST - 1) // cells))
    return np.linspace(axis[0], axis[-1], each * cells + 1)


@styled
def gate_staircase(found, *, axes=None):
    """G and the powers left and right along the voltage of a gate.

    Args:
        found: a `GateStaircase`.
        axes: two Axes to draw in, G and the powers.

    Returns:
        The Axes of G and of the powers.
    """
    own = panels(axes, 2, 1, (COLUMN, 3.8), sharex=True)
    upper, lower = own
    v = found.voltages[:, found.swept]
    upper.plot(v, found.conductance, color=MODEL)
    upper.set_ylabel("G (2e$^2$/h)")
    upper.set_ylim(0, None)
    upper.grid(axis="y", lw=0.3)
    for name, values in (("P_L", found.left), ("P_R", found.right), ("P_A", found.asymmetry)):
        lower.plot(v, values, color=COLOURS[name], label=f"${SYMBOLS[name]}$", gid=name)
    lower.axhline(0, color="0.7", lw=0.6)
    lower.set_ylabel(POWER)
    lower.set_xlabel(f"gate voltage of {found.gates[found.swept]} (V)")
    lower.legend()
    return own
