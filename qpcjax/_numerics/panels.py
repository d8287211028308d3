"""Gauss panels: where an integral over energy is evaluated, and a function at its nodes.

A panel ends wherever the integrand is not smooth, and its nodes crowd quadratically towards both
ends, which makes the 3/2-power onsets of T(E) harmless. Every shape is static: panels outside the
window of integration have no width and come last.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax._numerics.blocks import leading
from qpcjax._numerics.sorting import ascending
from qpcjax.validation import require_count

ORDER = 16  # Gauss nodes in a panel
MOST_ORDER = 1000  # beyond, the nodes themselves take long, and nothing is gained

# A panel end this near to a threshold, in panel widths, is treated as being on it.
_NEAR_THRESHOLD = 0.03


class Panels(NamedTuple):
    """Panels in ascending order, each field but the last of shape (panels,).

    Fields:
        start: where they start.
        width: their widths, 0 for those that are not needed.
        kind: which of their ends are rough: 1 for the start, 2 for the end, 3 for both.
        filled: all panels with a width are among the first so many.
    """

    start: jax.Array
    width: jax.Array
    kind: jax.Array
    filled: jax.Array


def lay_panels(thresholds, edges, lower, upper, keep=None, rounding=None):
    """Panels of [lower, upper].

    Args:
        thresholds: points at which the integrand has a square root or a 3/2 power.
        edges: further panel ends, in any order.
        lower: start of the window; what lies outside the window is moved to its ends.
        upper: end of the window.
        keep: number of panels to keep; by default all, whether they lie in the window or not. The
            widths are NaN where the window holds more.
        rounding: distance within which an edge is put onto a threshold. An integrand that jumps
            there is differentiated by moving the threshold: the panel between the two has no
            width, but it would get one, with nodes on a side of the jump that rounding chooses.
    """
    if rounding is not None:
        gap = jnp.abs(edges[:, None] - thresholds)
        on = jnp.min(gap, axis=1) <= rounding
        edges = jnp.where(on, thresholds[jnp.argmin(gap, axis=1)], edges)
    # Jumps that coincide may part under differentiation: both are needed then.
    distinct = rounding is None or keep is not None
    ends = panel_ends(thresholds, edges, lower, upper, distinct)
    start, width = ends[:-1], jnp.diff(ends)
    rough_start, rough_end = rough_ends(ends, thresholds)
    kind = jnp.where(rough_start, 1, 0) + jnp.where(rough_end, 2, 0)
    if keep is not None and keep < width.size:
        complete = ~jnp.any(width[keep:] > 0)
        start, width = start[:keep], jnp.where(complete, width[:keep], jnp.nan)
        kind = kind[:keep]
    number = jnp.arange(1, width.size + 1)
    return Panels(start, width, kind, jnp.max(jnp.where(width != 0, number, 0)))


def panel_nodes(panels, order):
    r"""Nodes and weights of the composite Gauss rule, each of shape (panels, order).

    On a panel [a, b] the nodes are a + (b - a) phi(s), with s the Gauss nodes of [0, 1] and phi
    quadratic at a rough end, so that a square root there is analytic in s.
    """
    start, width, kind = (a[:, None] for a in panels[:3])
    node, weight = _gauss_maps(order)

    def pick(table):
        return jnp.select([kind == k for k in range(4)], list(jnp.asarray(table, start.dtype)))

    return start + width * pick(node), width * pick(weight)


@eqx.filter_custom_jvp
def at_panels(function, panels, order):
    """A function of the nodes of panels; what has no width may be 0 instead.

    Values alone are evaluated some panels at a time, and those that are not needed left out.

    Args:
        function: a pytree that is called with nodes and weights, arrays of shape (panels, order),
            and with how many of these panels count; returns a pytree of such arrays. Of the
            others the nodes stand in the first panel.
        panels: the panels.
        order: Gauss nodes in a panel.
    """
    require_count("order", order, 2)

    def some(start, width, kind):
        rows = jnp.asarray(start.size)
        return function(*panel_nodes(Panels(start, width, kind, rows), order), rows)

    *columns, filled = _inside(panels)
    return leading(some, tuple(columns), filled, order)


@at_panels.def_jvp
def _(primals, tangents):
    # The derivatives of a function that is evaluated in blocks would be so too, one by one.
    return eqx.filter_jvp(_at_all, primals, tangents)


def _at_all(function, panels, order):
    return function(*nodes_inside(panels, order))


def nodes_inside(panels, order):
    """Nodes, those without a weight in the first panel, weights, and how many panels count."""
    panels = _inside(panels)
    return *panel_nodes(panels, order), panels.filled


def _inside(panels):
    """The panels that count, and the others in the first: beyond the window T(E) may be NaN."""
    number = jnp.arange(panels.width.size)
    middle = panels.start[0] + jax.lax.stop_gradient(panels.width[0]) / 2
    return panels._replace(start=jnp.where(number < panels.filled, panels.start, middle))


def panel_ends(thresholds, edges, lower, upper, distinct=True):
    """All panel ends in their order; panels that are not needed come last and have no width.

    Args:
        thresholds: as in `lay_panels`.
        edges: as there.
        lower: as there.
        upper: as there.
        distinct: whether equal ends count once.
    """
    ends = jnp.concatenate([thresholds, edges])
    ends = jnp.where((ends > lower) & (ends < upper), ends, upper)
    # With its own end the array holds all that must be equal: evaluated again, upper may differ
    # by a rounding.
    ends = ascending(jnp.append(ends, upper))
    if distinct:
        again = jnp.diff(ends, prepend=lower) == 0
        ends = ascending(jnp.where(again, ends[-1], ends))
    return jnp.concatenate([lower[None], ends])


def rough_ends(ends, thresholds):
    """Whether panels start, and whether they end, at a threshold."""
    width = jnp.diff(ends)
    # Another panel end may stand next to a threshold: what counts is how near, in panel widths.
    from_threshold = jnp.min(jnp.abs(ends[:, None] - thresholds), axis=1, initial=jnp.inf)
    near = _NEAR_THRESHOLD * width
    return from_threshold[:-1] <= near, from_threshold[1:] <= near


def rough_panels(start, width, thresholds):
    """Panels in any order, with the kinds that the thresholds give them."""
    rough = (
        jnp.min(jnp.abs(x[:, None] - thresholds), axis=1, initial=jnp.inf)
        <= _NEAR_THRESHOLD * width
        for x in (start, start + width)
    )
    at_start, at_end = rough
    kind = jnp.where(at_start, 1, 0) + jnp.where(at_end, 2, 0)
    return Panels(start, width, kind, jnp.asarray(start.size))


def _gauss_maps(order):
    """Gauss nodes phi(s) and weights phi'(s) w on [0, 1]; a row for each kind of panel."""
    x, w = np.polynomial.legendre.leggauss(order)
    s, w = (x + 1) / 2, w / 2
    one = np.ones_like(s)
    # Rough ends of the rows: none, start, end, both.
    nodes = np.stack([s, s * s, s * (2 - s), s * s * (3 - 2 * s)])
    slopes = np.stack([one, 2 * s, 2 * (1 - s), 6 * s * (1 - s)])
    return nodes, slopes * w
