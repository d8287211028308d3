"""The second set of figures: a function a figure, from a table of numbers to its Axes.

Tables are those of `qpcjax.beyond_figures`, and the rules those of `qpcjax.plot.paper`.
"""

import numpy as np

from qpcjax.plot.style import COLOURS, GREEN, SERIES, axis_label, styled
from qpcjax.plot.table_curves import (
    DASHES,
    condition_values,
    curves_of,
    name_panel,
    noted_panels,
    span,
)

_MICRO = 1e-3  # nm in um; also pW/nm are 1e3 pW/um
_BLUES = ("#A3CCE6", "#4A98C9", "#08306B")
_ROOM = 1.35  # of an axis above its curves, for a legend


@styled
def thermopower(table, note="", *, axes=None):
    """Thermopower against mu, a panel a temperature.

    Blue the exact thermopower, ocher dashed that of Mott's formula with the measured G(mu), red
    dotted that with T(mu). In grey the conductance, on an axis of its own.

    Args:
        table: columns as of `qpcjax.beyond_figures.thermopower`.
        note: a line above the figure, where it is made here.
        axes: two Axes to draw in.

    Returns:
        The Axes of the panels a and b.
    """
    axes = noted_panels(axes, 2, 2.9, note)
    curves = curves_of(table)
    forms = {
        "S (uV/K)": "exact",
        "S of Mott with G": "Mott, of $G$",
        "S of Mott with T": "Mott, of $T$",
    }
    for axis, letter, t in zip(axes, "ab", condition_values(curves, "T"), strict=True):
        shown = [c for c in curves if c["T"] == t]
        steps = axis.twinx()
        colours = (COLOURS["P_R"], COLOURS["P_A"], COLOURS["P_L"])
        for (start, label), colour, dashes in zip(forms.items(), colours, DASHES, strict=True):
            (c,) = (c for c in shown if c["name"].startswith(start))
            axis.plot(
                table["mu (meV)"],
                c["values"],
                color=colour,
                linestyle=dashes,
                label=label,
                gid=c["name"],
            )
        (c,) = (c for c in shown if c["name"].startswith("G "))
        steps.plot(table["mu (meV)"], c["values"], color="0.75", linewidth=0.8, gid=c["name"])
        steps.set(ylim=(0, 2.2 * np.nanmax(c["values"])), ylabel="$G$ ($2e^2/h$)")
        steps.yaxis.label.set_color("0.5")
        steps.tick_params(colors="0.5")
        exact = next(c["values"] for c in shown if c["name"].startswith("S (uV/K)"))
        axis.set(
            xlabel=axis_label("mu"), ylabel=axis_label("seebeck"), xlim=span(table["mu (meV)"])
        )
        axis.set_ylim(1.15 * np.nanmin(exact), 0.1 * np.nanmax(np.abs(exact)))
        name_panel(axis, letter, f"$T = {t}$ K")
    axes[0].legend(loc="lower right")
    return axes


@styled
def noise_and_gap(table, note="", *, axes=None):
    """Conductance along mu, and the Fano factor against the conductance.

    Black without, blue with a gap between the spins that opens as a mode fills: the shoulder near
    0.7 and the smaller noise there. Green dotted is 1 - T of a single mode of both spins.

    Args:
        table: columns as of `qpcjax.beyond_figures.noise_and_gap`.
        note: a line above the figure, where it is made here.
        axes: two Axes to draw in.

    Returns:
        The Axes of the panels a and b.
    """
    axes = noted_panels(axes, 2, 2.9, note)
    curves = curves_of(table)
    slopes = condition_values(curves, "slope")
    for slope, colour in zip(slopes, ("black", COLOURS["P_R"]), strict=True):
        g, fano = (c for c in curves if c["slope"] == slope)
        label = f"gap of slope {slope}" if float(slope) else "no gap"
        axes[0].plot(table["mu (meV)"], g["values"], color=colour, label=label, gid=g["name"])
        axes[1].plot(g["values"], fano["values"], color=colour, gid=fano["name"])
    top = np.nanmax(curves[0]["values"])
    one = np.linspace(0, 1, 2)
    axes[1].plot(one, 1 - one, ":", color=GREEN, label="$1 - T$", gid="1 - T")
    axes[0].axhline(0.7, color="0.6", linewidth=0.6, linestyle=":")
    axes[1].axvline(0.7, color="0.6", linewidth=0.6, linestyle=":")
    conductance = "$I/V$ ($2e^2/h$)"
    axes[0].set(xlabel=axis_label("mu"), ylabel=conductance, xlim=span(table["mu (meV)"]))
    axes[1].set(xlabel=conductance, ylabel="excess Fano factor", xlim=(0, 1.02 * top))
    axes[1].set_ylim(bottom=min(0, axes[1].get_ylim()[0]))
    axes[0].legend(loc="upper left")
    axes[1].legend(loc="upper right")
    bias, t = curves[0]["eV"], curves[0]["T"]
    name_panel(axes[0], "a", f"$eV = {bias}$ meV, $T = {t}$ K")
    name_panel(axes[1], "b", "noise")
    return axes


@styled
def engine_map(table, note="", *, axes=None):
    """Power and efficiency of the heat engine over bias and mu; white where it delivers none.

    Args:
        table: columns as of `qpcjax.beyond_figures.engine_map`.
        note: a line above the figure, where it is made here.
        axes: two Axes to draw in.

    Returns:
        The Axes of the panels a and b.
    """
    axes = noted_panels(axes, 2, 2.9, note)
    curves = curves_of(table)
    bias, mu = np.unique(table["eV (meV)"]), np.unique(table["mu (meV)"])
    order = np.lexsort((table["eV (meV)"], table["mu (meV)"]))
    names = {"P/bound": r"$P\,/\,P_\mathrm{max}$", "eta/eta_C": r"$\eta\,/\,\eta_\mathrm{C}$"}
    for axis, letter, c, label in zip(axes, "ab", curves, names.values(), strict=True):
        values = c["values"][order].reshape(mu.size, bias.size)
        mesh = axis.pcolormesh(
            bias, mu, values, shading="nearest", rasterized=True, cmap="viridis", vmin=0
        )
        axis.figure.colorbar(mesh, ax=axis, pad=0.02, aspect=25, label=label)
        axis.set(xlabel=axis_label("bias"), ylabel=axis_label("mu"))
        axis.tick_params(direction="out")
        name_panel(axis, letter, "power, of one mode's bound" if letter == "a" else "efficiency")
    hot, cold = curves[0]["T_L"], curves[0]["T_R"]
    text = rf"$T_\mathrm{{L}} = {hot}$ K" + "\n" + rf"$T_\mathrm{{R}} = {cold}$ K"
    axes[0].text(0.04, 0.96, text, transform=axes[0].transAxes, va="top", fontsize=7)
    return axes


@styled
def cooling(table, note="", *, axes=None):
    """Heat taken out of the upstream side against mu, over the most that one mode can take out.

    Darker for a higher bias; dashed of an ideal step, and dotted Whitney's bound.

    Args:
        table: columns as of `qpcjax.beyond_figures.cooling`.
        note: a line above the figure, where it is made here.
        axes: Axes to draw in.

    Returns:
        The Axes.
    """
    (axis,) = noted_panels(axes, 1, 2.7, note)
    curves = curves_of(table)
    colours = dict(zip(condition_values(curves, "eV"), _BLUES, strict=True))
    for c in curves:
        step = "an ideal step" in c["name"]
        style = {"color": colours[c["eV"]], "linestyle": DASHES[1] if step else "-"}
        label = None if step else f"$eV = {c['eV']}$ meV"
        axis.plot(table["mu (meV)"], c["values"], label=label, gid=c["name"], **style)
    axis.plot([], [], color="0.3", linestyle=DASHES[1], label="ideal step")
    axis.axhline(1, color=GREEN, linestyle=":", label="bound of one mode")
    axis.axhline(0, color="0.6", linewidth=0.6)
    axis.set(xlabel=axis_label("mu"), xlim=span(table["mu (meV)"]), ylim=(-0.25, 1.75))
    axis.set_ylabel(r"$-P_\mathrm{L}\,/\,(\pi^2/6h)(k_\mathrm{B}T)^2$")
    axis.set_title(f"$T = {curves[0]['T']}$ K", loc="left", fontsize=8)
    axis.legend(loc="upper right", ncols=2)
    return axis


@styled
def heat_by_law(table, note="", *, axes=None):
    """Power per unit length against the distance, by damping law; a panel a kind of free paths.

    Args:
        table: columns as of `qpcjax.beyond_figures.heat_by_law`.
        note: a line above the figure, where it is made here.
        axes: two Axes to draw in.

    Returns:
        The Axes of the panels a and b.
    """
    axes = noted_panels(axes, 2, 2.9, note)
    x = table["r (nm)"] * _MICRO
    for axis, letter, path in zip(axes, "ab", ("fixed", "exponential"), strict=True):
        names = [name for name in table if name.endswith(f", {path} paths")]
        for name, colour, dashes in zip(names, SERIES, DASHES, strict=False):
            law = name.removeprefix("p (pW/nm) of ").removesuffix(f", {path} paths")
            y = table[name] / _MICRO
            axis.plot(x, y, color=colour, linestyle=dashes, label=law, gid=name)
        top = max(np.nanmax(table[name], initial=0) for name in names) / _MICRO
        ylabel = axis_label("power_per_length", "pW/µm")
        axis.set(xscale="log", xlabel=axis_label("distance", "µm"), ylabel=ylabel, xlim=span(x))
        axis.set_ylim(0, _ROOM * top if top > 0 else 1)
        name_panel(axis, letter, f"{path} free paths")
    axes[0].legend(loc="upper left")
    return axes
