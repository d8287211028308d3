"""Panels for a function that says nothing about itself: they are found by looking at its values."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from qpcjax._numerics.panels import ORDER, panel_nodes, rough_panels
from qpcjax._numerics.sorting import ascending

_AT_ONCE = 4  # panels that a step of `bisected` halves

_COARSE = 3  # nodes of the rule by which a scan knows a panel with a feature
_SCANNED = 64  # panels that a step of a scan evaluates
_KEPT = 32  # panels with features that a scan keeps
_SCALES = 4  # finest scales in a panel of a scan
_MOST_SCANNED = 1 << 23  # panels of a scan, beyond which a scale is too fine to be looked through
_LARGEST = 1e6  # modulus of the function that a scan reckons with beyond where it stops


class Searched(NamedTuple):
    """What a search has found.

    Fields:
        edges: ends of the panels, in any order.
        error: estimate of the error of the integral that they give.
        size: the integral of the modulus.
    """

    edges: jax.Array
    error: jax.Array
    size: jax.Array


class _Scan(NamedTuple):
    """The integral over a window by equal panels, and where the panels with features are."""

    integral: jax.Array
    start: jax.Array
    end: jax.Array
    complete: jax.Array


def bisected(function, weight, thresholds, lower, upper, even, most, scale=None) -> Searched:
    """Panels that resolve a function: the worst ones are halved, one after the other.

    Halving alone finds what shows in the first panels. Where the finest scale of the function is
    known, the window is scanned with nodes at a fraction of it: the scan says where to begin, and
    its integral must be that of the panels found.

    Args:
        function: of one point.
        weight: of points: how much they count.
        thresholds: points at which the function is not smooth.
        lower: start of the window.
        upper: end of the window.
        even: number of equal panels with which the search begins.
        most: number of panels that it may add.
        scale: smallest distance over which the function varies.
    """
    step = (upper - lower) / even
    ends = [
        lower + step * jnp.arange(even + 1, dtype=step.dtype),
        _inside(thresholds.astype(step.dtype), lower, upper),
    ]
    at = jax.vmap(jax.vmap(function))

    def integrals(panels, order):
        """The weighted integral over each panel."""
        x, w = panel_nodes(panels, order)
        w = w * weight(x)
        # NaN, such as beyond the energies that are known, is no reason to look closer.
        return jnp.nan_to_num(jnp.sum(jnp.where(w > 0, w * at(x), 0), axis=1))

    scan = None
    if scale is not None:
        scan = _scanned(integrals, weight, thresholds, lower, upper, jnp.asarray(scale, step.dtype))
        ends += [scan.start, scan.end]
    ends = ascending(jnp.concatenate(ends))

    def judged(start, width):
        """Error and size of the integral over each panel, from two rules."""
        panels = rough_panels(start, width, thresholds)
        low, high = (integrals(panels, order) for order in (ORDER, ORDER + ORDER // 2 + 1))
        return jnp.abs(high - low), high

    start, width = ends[:-1], jnp.diff(ends)
    error, integral = judged(start, width)
    columns = (jnp.pad(x, (0, most)) for x in (start, width, error, integral))
    state = (jnp.asarray(start.size, jnp.int32), *columns)
    room = start.size + most - _AT_ONCE
    rounding = 4 * jnp.finfo(step.dtype).eps

    def unresolved(state):
        count, _, _, error, integral = state
        return (count <= room) & (jnp.max(error) > rounding * jnp.sum(jnp.abs(integral)))

    def halve(state):
        count, start, width, error, integral = state
        _, worst = jax.lax.top_k(error, _AT_ONCE)
        worst = worst.astype(count.dtype)
        half = width[worst] / 2
        both = jnp.concatenate([start[worst], start[worst] + half]), jnp.concatenate([half, half])
        new = (*both, *judged(*both))
        place = jnp.concatenate([worst, count + jnp.arange(_AT_ONCE, dtype=count.dtype)])
        columns = (
            c.at[place].set(x) for c, x in zip((start, width, error, integral), new, strict=True)
        )
        return (count + _AT_ONCE, *columns)

    count, start, width, error, integral = jax.lax.while_loop(unresolved, halve, state)
    used = jnp.arange(start.size, dtype=count.dtype) < count
    error, size = jnp.sum(error), jnp.sum(jnp.abs(integral))
    if scan is not None:
        error = jnp.maximum(error, jnp.abs(jnp.sum(integral) - scan.integral))
        error = jnp.where(scan.complete, error, jnp.inf)
    return Searched(jnp.where(used, start, upper), error, size)


def _inside(points, lower, upper):
    """The points, or the end of the window for those beyond it."""
    return jnp.where((points > lower) & (points < upper), points, upper)


def _scanned(integrals, weight, thresholds, lower, upper, scale) -> _Scan:
    """Integrate panels of a few finest scales, which start anew at each threshold.

    From below, until what is left weighs nothing: a thermal weight falls long before it is 0.
    """
    dtype = lower.dtype
    cuts = ascending(_inside(thresholds.astype(dtype), lower, upper))
    starts = jnp.concatenate([lower[None], cuts])
    widths = jnp.diff(jnp.append(starts, upper))
    counts = jnp.maximum(jnp.ceil(widths / (_SCALES * scale)), 1)
    complete = jnp.sum(counts) <= _MOST_SCANNED  # not so for a scale of 0 or NaN
    counts = jnp.where(complete, counts, 0).astype(jnp.int32)
    ends = jnp.cumsum(counts)
    rounding = jnp.finfo(dtype).eps

    def panels(number):
        stretch = jnp.minimum(jnp.searchsorted(ends, number, side="right"), ends.size - 1)
        place = (number - ends[stretch] + counts[stretch]).astype(dtype)
        width = widths[stretch] / jnp.maximum(counts[stretch], 1).astype(dtype)
        return starts[stretch] + place * width, jnp.where(number < ends[-1], width, 0)

    def more(state):
        first, integral, *_ = state
        left = weight(panels(first)[0]) * (upper - lower) * _LARGEST
        return (first < ends[-1]) & (left > rounding * jnp.abs(integral))

    def scan(state):
        first, integral, seen, start, end = state
        number = first + jnp.arange(_SCANNED, dtype=jnp.int32)
        new = rough_panels(*panels(number), thresholds)
        found = integrals(new, ORDER)
        integral = integral + jnp.sum(found)
        feature = jnp.abs(found - integrals(new, _COARSE))
        pairs = (seen, feature), (start, new.start), (end, new.start + new.width)
        columns = [jnp.concatenate(pair) for pair in pairs]
        _, best = jax.lax.top_k(columns[0], _KEPT)
        return first + _SCANNED, integral, *(column[best] for column in columns)

    nothing, end = jnp.zeros(_KEPT, dtype), jnp.broadcast_to(upper, (_KEPT,))
    state = (jnp.asarray(0, jnp.int32), jnp.zeros((), dtype), nothing, end, end)
    _, integral, seen, start, end = jax.lax.while_loop(more, scan, state)
    plain = seen <= rounding * jnp.abs(integral)
    start, end = (jnp.where(plain, upper, x) for x in (start, end))
    return _Scan(integral, start, end, complete)
