"""The paper's figures: a function a figure, from a table of numbers to its Axes.

A table maps column names to NumPy arrays, as `qpcjax.paper_figures` makes them and its CSV files
hold them. Nothing here computes physics, shows a window or touches matplotlib's global state: the
figure of the Axes that come back is `axes.figure`, ready for `savefig`.
"""

import numpy as np
from matplotlib.patches import Rectangle

from qpcjax.plot.style import COLD, COLOURS, GREEN, SYMBOLS, diverging, styled
from qpcjax.plot.table_curves import (
    DASHES,
    add_legend,
    colour_handles,
    condition_values,
    curves_of,
    in_scale,
    name_panel,
    noted_panels,
    span,
    style_handles,
)

_BLUES = ("#08306B", "#2171B5", "#5FA6D6", "#A3CCE6")
_THIN = {"linewidth": 0.6, "shrinkA": 0, "shrinkB": 0}
_IN_SPAN = {"ha": "right", "va": "center", "fontsize": 6, "color": "0.35"}
_POWER = r"$hP\,/\,2E_1^2$"


@styled
def figure_2(table, note="", *, axes=None):
    """Dissipated powers against mu, a panel a bias.

    P_R blue, P_L red, P_A ocher; solid, dashed and dotted for rising temperature. Insets: the
    constriction, and T(mu).

    Args:
        table: columns as of `qpcjax.paper_figures.figure_2`.
        note: a line above the figure, where it is made here.
        axes: two Axes to draw in.

    Returns:
        The Axes of the panels a and b.
    """
    axes = noted_panels(axes, 2, 2.9, note)
    curves = curves_of(table)
    for axis, letter, bias in zip(axes, "ab", condition_values(curves, "eV"), strict=True):
        shown = [c for c in curves if c["eV"] == bias]
        _draw_powers(axis, table["mu/E1"], shown, "kT")
        name_panel(axis, letter, f"$eV = {bias}\\,E_1$")
        axis.set(xlabel=in_scale("mu"), ylabel=_POWER, xlim=span(table["mu/E1"]))
        axis.set_ylim(top=1.3 * axis.get_ylim()[1])
    temperatures = [
        rf"$k_\mathrm{{B}}T = {t}\,E_1$" if float(t) else r"$k_\mathrm{B}T = 0$"
        for t in condition_values(curves, "kT")
    ]
    # Below the second plateau and above P_A nothing else is drawn.
    add_legend(axes[0], style_handles(temperatures), loc="center right", bbox_to_anchor=(1.0, 0.38))
    add_legend(axes[1], colour_handles(), loc="center right", bbox_to_anchor=(1.0, 0.38))
    _sketch(axes[0].inset_axes((0.02, 0.61, 0.42, 0.34)))
    _transmission_inset(axes[1].inset_axes((0.08, 0.66, 0.38, 0.29)), table)
    return axes


@styled
def figure_3(table, note="", *, axes=None):
    """Maps of P_R and P_A over bias and mu at zero temperature.

    The colours of P_A diverge from white at P_A = 0: ocher is more heat on the right, blue more
    on the left.

    Args:
        table: columns as of `qpcjax.paper_figures.figure_3`.
        note: a line above the figure, where it is made here.
        axes: two Axes to draw in.

    Returns:
        The Axes of the panels a and b.
    """
    axes = noted_panels(axes, 2, 2.9, note)
    bias, mu = np.unique(table["eV/E1"]), np.unique(table["mu/E1"])
    order = np.lexsort((table["eV/E1"], table["mu/E1"]))
    for axis, letter, name in zip(axes, "ab", ("P_R", "P_A"), strict=True):
        power = np.asarray(table[f"h {name}/2E1^2"])[order].reshape(mu.size, bias.size)
        low, high = np.nanmin(power), np.nanmax(power)
        reach = max(abs(low), abs(high))
        colours = {
            "P_R": {"cmap": "viridis", "vmin": 0, "vmax": high},
            "P_A": {"cmap": diverging(), "vmin": -reach, "vmax": reach},
        }[name]
        mesh = axis.pcolormesh(bias, mu, power, shading="gouraud", rasterized=True, **colours)
        bar = axis.figure.colorbar(mesh, ax=axis, pad=0.02, aspect=25)
        bar.ax.set_ylim(low, high)
        bar.set_label(f"$h{SYMBOLS[name]}\\,/\\,2E_1^2$")
        axis.set(xlabel=in_scale("bias"), ylabel=in_scale("mu"))
        axis.set(xlim=span(bias), ylim=span(mu))
        axis.tick_params(direction="out")  # inside, they are lost in the dark colours
        name_panel(axis, letter, f"${SYMBOLS[name]}$")
    return axes


@styled
def figure_4(table, note="", *, axes=None):
    """Dissipated powers against temperature at mu = E1.

    P_R blue, P_L red, P_A ocher; solid for the lower bias, dashed for the higher one. Light blue
    is the heat that the upstream side loses, P_L < 0.

    Args:
        table: columns as of `qpcjax.paper_figures.figure_4`.
        note: a line above the figure, where it is made here.
        axes: Axes to draw in.

    Returns:
        The Axes.
    """
    (axis,) = noted_panels(axes, 1, 2.7, note)
    curves = curves_of(table)
    axis.axhline(0, color="0.6", linewidth=0.6)
    for c in curves:
        if "P_L" in c["name"]:
            shade = {"facecolor": COLD, "linewidth": 0, "gid": f"cooling, {c['name']}"}
            cooled = np.minimum(c["values"], 0)
            axis.fill_between(table["kT/E1"], cooled, 0, where=cooled <= 0, **shade)
    _draw_powers(axis, table["kT/E1"], curves, "eV")
    axis.set(xlabel=r"$k_\mathrm{B}T\,/\,E_1$", ylabel=_POWER, xlim=span(table["kT/E1"]))
    axis.set_title(r"$\bar\mu = E_1$", loc="left", fontsize=8)
    add_legend(axis, colour_handles(), loc="upper left")
    biases = [f"$eV = {v}\\,E_1$" for v in condition_values(curves, "eV")]
    add_legend(axis, style_handles(biases), loc="upper left", bbox_to_anchor=(0.22, 1.0))
    text = {"ha": "left", "va": "bottom", "transform": axis.transAxes, "color": "0.35"}
    axis.text(0.03, 0.04, f"${SYMBOLS['P_L']} < 0$: upstream side cooled", fontsize=7, **text)
    return axis


@styled
def figure_5(table, note="", *, axes=None):
    """Distance of the hot spot against the bias, on logarithmic axes.

    Solid for mu on a conductance step, dashed on a plateau, darker for higher mu; green is the
    slope V^-2. Under the grey bar, eV < 3 kT, a good part of the exchanged heat is cooling from
    below mu_R, and r* is not where the net heat appears. A gap is a jump of r* from one maximum
    of the power per length to another.

    Args:
        table: columns as of `qpcjax.paper_figures.figure_5`.
        note: a line above the figure, where it is made here.
        axes: Axes to draw in.

    Returns:
        The Axes.
    """
    (axis,) = noted_panels(axes, 1, 2.7, note)
    bias = table["eV/E1"]
    curves = sorted(curves_of(table), key=lambda c: -float(c["mu"]))
    kT = max(float(c["kT"]) for c in curves)
    axis.axvspan(bias[0], 3 * kT, ymin=0.94, color="0.9", linewidth=0)
    axis.text(2.9 * kT, 0.965, r"$eV < 3\,k_\mathrm{B}T$", transform=_across(axis), **_IN_SPAN)
    for c, colour in zip(curves, _BLUES, strict=True):
        step = " on step " in c["name"]
        dashes = DASHES[0] if step else DASHES[1]
        label = f"$\\bar\\mu = {c['mu']}\\,E_1$, {'step' if step else 'plateau'}"
        x, r = _broken_at_jumps(bias, c["values"])
        axis.plot(x, r, color=colour, linestyle=dashes, label=label, gid=c["name"])
    (guide,) = (name for name in table if name.startswith("guide"))
    axis.plot(bias, table[guide], color=GREEN, linewidth=0.9, label="$V^{-2}$", gid=guide)
    every = np.concatenate([c["values"] for c in curves])
    axis.set(xscale="log", yscale="log", xlim=span(bias))
    axis.set_ylim(np.nanmin(every) / 1.5, 2.0 * np.nanmax(every))
    ticks = [t for t in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0) if bias[0] <= t <= bias[-1]]
    axis.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axis.set(xlabel=in_scale("bias"), ylabel=r"$r^*\,/\,(n_e w^3)$")
    axis.set_title(
        rf"$k_\mathrm{{B}}T = {kT:g}\,E_1$, $a = {curves[0]['a']}$", loc="left", fontsize=8
    )
    axis.legend(loc="lower left")
    return axis


def _draw_powers(axis, x, curves, styled_by):
    styles = dict(zip(condition_values(curves, styled_by), DASHES, strict=False))
    for c in curves:
        name = next(p for p in COLOURS if p in c["name"])
        axis.plot(
            x, c["values"], color=COLOURS[name], linestyle=styles[c[styled_by]], gid=c["name"]
        )


def _broken_at_jumps(x, y):
    """The curve with a gap where y jumps from one maximum to another, so that no line joins them.

    A jump is a step in ln y that is five times the median one, and a tenth at least.
    """
    steps = np.abs(np.diff(np.log(y)))
    jumps = np.flatnonzero(steps > max(0.1, 5 * np.nanmedian(steps))) + 1
    return np.insert(x, jumps, np.nan), np.insert(y, jumps, np.nan)


def _across(axis):
    """Data coordinates along x, axes coordinates along y."""
    return axis.get_xaxis_transform()


def _transmission_inset(axis, table):
    axis.plot(table["mu/E1"], table["T"], color="black", linewidth=0.8, gid="T")
    axis.set(xlim=span(table["mu/E1"]), ylim=(0, 1.15 * np.nanmax(table["T"])))
    axis.set_xlabel(in_scale("mu"), labelpad=0, fontsize=7)
    axis.text(0.06, 0.9, "$T$", transform=axis.transAxes, ha="left", va="top")
    axis.tick_params(labelsize=6)


def _sketch(axis):
    """The constriction between its two wide regions, and the electrons' way; not to scale."""
    axis.set(xlim=(0, 10), ylim=(0, 6), xticks=[], yticks=[])
    axis.set_axis_off()
    for bottom in (-1, 4.3):  # they run on beyond the frame, which clips them
        axis.add_patch(Rectangle((3, bottom), 4, 2.7, facecolor="0.82", edgecolor="0.3"))
    for name, x in (("P_L", 1.3), ("P_R", 8.7)):
        axis.text(x, 3, f"${SYMBOLS[name]}$", color=COLOURS[name], ha="center", va="center")
    for ends in (((3, 1.1), (7, 1.1)), ((3.7, 1.7), (3.7, 4.3))):
        axis.annotate("", *ends, arrowprops={**_THIN, "arrowstyle": "<->"})
    axis.text(5, 0.95, "$L$", ha="center", va="top")
    axis.text(4, 3.6, "$2w$", ha="left", va="center")
    axis.annotate("", (7.6, 2.3), (2.4, 2.3), arrowprops={**_THIN, "arrowstyle": "->"})
