"""How well a fit knows its parameters: correlations, profiles, samples."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from qpcjax.plot.style import MARK, MODEL, PAGE, one_panel, panels, quoted, styled, with_unit

_CELL = 0.36  # inches of a number in the matrix
_BINS, _CELLS = 30, 25
_ALIKE = 2.0  # difference of Akaike's criterion that tells no models apart
_SHARES = (0.95, 0.68)  # of the samples within the contours


@styled
def correlation(fit, *, axes=None):
    """The correlation matrix of the free parameters, each number written out.

    Red is a positive correlation, blue a negative one.

    Args:
        fit: a `FitResult`.
        axes: Axes to draw in.

    Returns:
        The Axes.
    """
    names, matrix = [p.name for p in fit.free], fit.correlation
    size = _CELL * len(names) + 1.1
    axes = one_panel(axes, size, size + 0.6)
    image = axes.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1)
    for (i, j), value in np.ndenumerate(matrix):
        colour = "white" if abs(value) > 0.6 else "black"
        axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=6, color=colour)
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(length=0)
    axes.figure.colorbar(image, ax=axes, shrink=0.8, label="correlation")
    return axes


@styled
def comparison(compared, *, axes=None):
    """How far each model is behind the best one.

    The difference of Akaike's criterion, the weight written beside it; and where data were held
    out, by how much less probable they are than for the model that predicts them best, with its
    standard error. The shaded models are not told apart by the criterion, within 2.

    Args:
        compared: a `Comparison` of `fitting.compare`.
        axes: one Axes to draw in; two where data were held out.

    Returns:
        The Axes, of two panels an array.
    """
    rivals, y = compared.rivals, np.arange(len(compared.rivals))
    held = bool(compared.held_out_points)
    height = 0.32 * len(rivals) + 0.9
    if held:
        own = left, right = panels(axes, 1, 2, (PAGE, height), sharey=True)
        chances = np.array([r.held_out for r in rivals])
        behind, errors = np.max(chances) - chances, np.array(compared.held_out_error)
        style = {"fmt": "o", "color": MODEL, "markersize": 4, "capsize": 2, "linewidth": 0.8}
        right.errorbar(behind, y, xerr=errors, label="held out", **style)
        right.set_xlabel(f"ln probability of {compared.held_out_points} points held out, below")
        right.axvline(0, color="0.3", linewidth=0.6)
        right.tick_params(axis="y", length=0)
    else:
        own = left = one_panel(axes, height)
    differences = np.array([r.difference for r in rivals])
    left.axvspan(0, _ALIKE, color="0.9", linewidth=0)
    left.barh(y, differences, color=MODEL, height=0.55)
    for place, rival in zip(y, rivals, strict=True):
        where = {"xytext": (3, 0), "textcoords": "offset points", "va": "center", "fontsize": 6}
        left.annotate(f"weight {rival.weight:.2g}", (rival.difference, place), **where)
    left.set_yticks(y, [quoted(r.name) for r in rivals])
    left.tick_params(axis="y", length=0)
    left.set_ylim(len(rivals) - 0.5, -0.5)  # the best at the top
    left.set_xlim(0, 1.25 * max(np.max(differences), _ALIKE))
    left.set_xlabel("difference of Akaike's criterion (grey: not told apart)")
    return own


@styled
def profiles(fit, profiles, *, axes=None):
    """Profile likelihoods, beside the parabolas of the standard errors.

    The increase of chi-square against each parameter, in its unit; dashed grey is the parabola,
    dotted the ends of the 68 % interval, where the increase is 1.

    Args:
        fit: a `FitResult`.
        profiles: of `FitResult.profile`.
        axes: as many Axes to draw in as there are profiles.

    Returns:
        The Axes, one a profile.
    """
    columns = min(3, len(profiles))
    rows = -(-len(profiles) // columns)
    if axes is None:
        grid = panels(None, rows, columns, (PAGE * columns / 3, 1.9 * rows), sharey=True)
    else:
        grid = panels(axes, 1, len(profiles), None)
    values, errors = fit.values(), fit.stderr
    units = {p.name: p.unit for p in fit.parameters}
    for k, (panel, p) in enumerate(zip(grid, profiles, strict=False)):
        fine = np.linspace(p.values[0], p.values[-1], 101)
        parabola = ((fine - values[p.name]) / errors[p.name]) ** 2
        grey = {"color": "0.6", "linestyle": "--", "label": "standard error"}
        panel.plot(fine, parabola, gid="parabola", **grey)
        blue = {"color": MODEL, "marker": "o", "markersize": 2.5, "label": "profile"}
        panel.plot(p.values, p.delta, gid=p.name, **blue)
        panel.axhline(1, color="0.3", linewidth=0.6)
        ends = [e for e in p.interval if np.isfinite(e)]
        panel.vlines(ends, 0, 1, color=MODEL, linewidth=0.8, linestyle=":")
        panel.set_ylim(-0.3, 9.5)
        panel.set_xlabel(with_unit(p.name, units[p.name]))
        panel.xaxis.set_major_locator(MaxNLocator(4))
        if k % columns == 0:
            panel.set_ylabel(r"increase of $\chi^2$")
    grid[0].legend(loc="upper center")
    for empty in grid[len(profiles) :]:
        empty.set_axis_off()
    return grid[: len(profiles)]


@styled
def corner(samples, truth=None, *, axes=None):
    """Samples of several parameters: histograms of each, and of pairs with 68 % and 95 % contours.

    Args:
        samples: a `Posterior`, or a mapping from names to the values drawn, such as the columns of
            `FitResult.bootstrap`. Draws that are not finite are left out.
        truth: name -> a value to mark in ocher.
        axes: square of Axes to draw in, a row and a column a parameter.

    Returns:
        The Axes, (parameters, parameters); those above the diagonal are switched off.

    Raises:
        ValueError: a `truth` that names none of the parameters.
    """
    names, truth = list(getattr(samples, "names", samples)), dict(truth or {})
    unknown = [name for name in truth if name not in names]
    if unknown:
        raise ValueError(f"there are no samples of {', '.join(unknown)}, but of {', '.join(names)}")
    fit = getattr(samples, "fit", None)
    units = {} if fit is None else {p.name: p.unit for p in fit.parameters}
    values = np.stack([np.ravel(samples[n]) for n in names])
    values = values[:, np.all(np.isfinite(values), axis=0)]
    count = len(names)
    size = min(PAGE, 1.3 * count + 0.6)
    grid = panels(axes, count, count, (size, size), sharex="col").reshape(count, count)
    for i, j in np.ndindex(count, count):
        panel = grid[i, j]
        if j > i:
            panel.set_axis_off()
            continue
        if i == j:
            panel.hist(values[i], bins=_BINS, color=MODEL, alpha=0.7)
            panel.set_yticks([])
        else:
            _draw_pair(panel, values[j], values[i])
        if names[j] in truth:
            panel.axvline(truth[names[j]], color=MARK, linewidth=0.9)
        if names[i] in truth and i != j:
            panel.axhline(truth[names[i]], color=MARK, linewidth=0.9)
        _label(panel, names, units, i, j)
    grid[0, 0].figure.align_labels()
    return grid


def _draw_pair(axes, x, y):
    axes.plot(x, y, ",", color="0.7", rasterized=True, gid="samples")
    density, x_ends, y_ends = np.histogram2d(x, y, bins=_CELLS)
    for _ in range(2):  # a cell shares with its neighbours, or contours would be frayed
        wide = np.pad(density, ((1, 1), (0, 0)))
        density = ((wide[:-2] + 2 * wide[1:-1] + wide[2:]) / 4).T
    levels = [_level(density, share) for share in _SHARES]
    if levels[0] < levels[1]:
        middle = (x_ends[:-1] + x_ends[1:]) / 2, (y_ends[:-1] + y_ends[1:]) / 2
        axes.contour(*middle, density.T, levels=levels, colors=MODEL, linewidths=0.8)


def _level(density, share):
    """Height above which a histogram holds this share of its counts."""
    heights = np.sort(density.ravel())[::-1]
    held = np.cumsum(heights) / heights.sum()
    return float(heights[min(int(np.searchsorted(held, share)), heights.size - 1)])


def _label(axes, names, units, i, j):
    """Names below the lowest row and beside the first column, with few numbers."""
    axes.tick_params(labelsize=6, labelbottom=i == len(names) - 1, labelleft=j == 0 and i > 0)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.tick_params(axis="x", rotation=40)
    if i == len(names) - 1:
        axes.set_xlabel(with_unit(names[j], units.get(names[j], "")), fontsize=7)
    if i != j:
        axes.yaxis.set_major_locator(MaxNLocator(3))
        if j == 0:
            axes.set_ylabel(with_unit(names[i], units.get(names[i], "")), fontsize=7)
