"""Modes, panels and aspect ratio that hold for rows of a device's numbers."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.fitting.predictions import device_at
from qpcjax.measurements.circuit import Resolution, bias_of, heat_reach, width_of
from qpcjax.resolution import MOST_MODES, keeping, least, limits_kept, modes_kept, spinless
from qpcjax.scatterers import grid_points
from qpcjax.scatterers.channel import ASPECT_BUCKETS
from qpcjax.scatterers.fields import innermost, with_static
from qpcjax.scatterers.resonances import depth_needed
from qpcjax.transport.window import NARROW_REACH, REACH, panels_in

_ROWS = 4  # rows of numbers are looked at by so many at once
_LENGTH = 512  # points are looked at by so many at once
_HEAT_REACH = 28.0  # thermal widths that heat needs: a weight of 1e-12


def with_room(layout, rows, settings, response, room):
    """The device, its barrier with modes and an aspect ratio that hold everywhere with room.

    Args:
        layout: `DeviceNumbers` of the device.
        rows: rows of its numbers.
        settings: name -> array, where it is predicted.
        response: `Response` that is predicted.
        room: share of modes kept beyond what these rows need.
    """
    device = layout.device

    points, reach = _points_of(device, rows, settings, response)

    def limits_with(scatterer):
        return _known(points, scatterer)

    def with_aspect(k):
        return with_static(device.scatterer, "aspect_limit", float(ASPECT_BUCKETS[k - 1]))

    def resolved(k):
        return bool(np.all(limits_with(with_aspect(k))[1]))

    def enough(modes):
        known, _ = limits_with(keeping(scatterer, modes))
        return bool(np.all(known >= (1 + room) * reach))

    scatterer = device.scatterer
    if (depth := limits_kept(scatterer).get("depth_limit")) is not None:
        needed = max(depth, _depth(innermost(points[0])))
        device = device.replaced(with_static(scatterer, "depth_limit", needed))
    if (limit := limits_kept(scatterer).get("aspect_limit")) is not None:
        first = 1 + int(np.searchsorted(ASPECT_BUCKETS[:-1], limit))
        scatterer = with_aspect(least(resolved, first, 0, len(ASPECT_BUCKETS)))
    kept = modes_kept(scatterer)
    if kept is not None:
        # Channel modes of the matched solver are a matter of accuracy too: never fewer than asked.
        few = kept - 1 if hasattr(spinless(scatterer), "channel_modes") else 0
        scatterer = keeping(scatterer, least(enough, kept, few, max(kept, MOST_MODES)))
    return device.replaced(scatterer)


def _depth(channels):
    """The depth limit that holds for channels of many numbers."""
    floors = np.asarray(channels.offset) / np.asarray(channels.energy_scale)
    return depth_needed(float(np.fmin.reduce(floors, axis=None, initial=0.0)))


def panels_needed(layout, rows, settings, response):
    """Panels and grid points of a softened T(E) that the worst point needs."""
    panels, grid = 0, Resolution().grid
    for row in rows:
        device = layout.build(row)
        windows = _windows(device, _arrays(settings), response)
        edges, mu, reach, softness, softened = jax.device_get(windows)
        panels = max(panels, panels_in(edges, mu, reach))
        if device.smearing is not None and response.heat:
            grid = max(grid, grid_points(float(softened.max()), float(softness.min())))
    return panels, grid


def _arrays(settings):
    return jax.tree.map(lambda x: jnp.asarray(x, float), settings)


@functools.partial(jax.jit, static_argnames="response")
def _windows(device, settings, response):
    """Panel ends of every point, its mu, and in meV what follows from its temperature and bias.

    That is the reach of the window that the panels fill, the smearing, and the width over which
    heat needs a softened T(E).
    """

    def one(row):
        point, bias, width = _at(device, row)
        edges = [point.scatterer.thresholds(bias), point.scatterer.panel_edges(bias)]
        softness = 0.0 if point.smearing is None else point.smearing
        reach, softened = jnp.abs(bias) / 2 + NARROW_REACH * width, 0.0
        if response.heat and point.smearing is not None:
            softened = 2 * heat_reach(point, bias)
            reach = softened / 2 + REACH * softness
        return jnp.concatenate(edges), *_floats(point.mu, reach, softness, softened)

    return jax.vmap(one)(settings)


def limits(layout, rows, settings, response):
    """How far energies count above mu, how far T(E) is known, and whether it is resolved.

    Arrays (rows, settings).
    """
    points, reach = _points_of(layout.device, rows, settings, response)
    return reach, *_known(points, layout.device.scatterer)


def _points_of(device, rows, settings, response):
    """`_points` of a few rows, which share what is compiled for a multiple of them."""
    count = len(rows)
    fill = -count % _ROWS if all(np.ndim(x) == 0 for x in jax.tree.leaves(device.scatterer)) else 0
    rows = jnp.asarray(np.pad(rows, [(0, fill), (0, 0)], mode="edge"))
    found = jax.device_get(_points(device, rows, _arrays(settings), response))
    return jax.tree.map(lambda x: x[:count], found)


@functools.partial(jax.jit, static_argnames="response")
def _points(device, rows, settings, response):
    """The device at rows of its numbers and settings, and how far energies count above mu."""
    thermal = 2 * _HEAT_REACH if response.heat else NARROW_REACH
    layout = DeviceNumbers(device)

    def one(numbers, row):
        point, bias, width = _at(layout.build(numbers), row)
        reach = jnp.abs(bias) / 2 + thermal * width
        if response.reach is not None:
            reach = response.reach(point, row)
        return (point.scatterer, jnp.asarray(point.mu, float)), jnp.asarray(reach, float)

    every_point = jax.vmap(one, in_axes=(None, 0))
    return jax.vmap(every_point, in_axes=(0, None))(rows, settings)


def _known(points, like):
    """How far T(E) is known above mu, and whether it is resolved, with what is static in `like`.

    Not compiled as a whole: it is tried for many numbers of modes. Each operation is compiled for
    the length of its arrays, of which there are few.
    """
    count, shape = points[1].size, points[1].shape
    plain = all(x.shape == shape for x in jax.tree.leaves(points))
    fill = -count % _LENGTH if plain else 0  # barriers that hold arrays may be large

    def column(x):
        x = x.reshape(count, *x.shape[2:])
        return jnp.asarray(np.pad(x, [(0, fill), *[(0, 0)] * (x.ndim - 1)], mode="edge"))

    scatterers, mu = jax.tree.map(column, points)
    scatterers = jax.tree.unflatten(jax.tree.structure(like), jax.tree.leaves(scatterers))

    def one(scatterer, mu):
        known = jnp.asarray(scatterer.energy_limit(), float) - mu
        return known, jnp.asarray(scatterer.resolved(), bool)

    found = jax.device_get(jax.vmap(one)(scatterers, mu))
    return [x[:count].reshape(shape) for x in found]


def _at(device, row):
    """The device at a row of settings, its bias, and k_B T_s, 0 where neither part is known."""
    point = device_at(device, row)
    width = width_of(point)
    return point, bias_of(point, row), 0.0 if width is None else width


def _floats(*values):
    return tuple(jnp.asarray(v, float) for v in values)
