"""A data set beside a device: predictions and their derivatives, compiled once for many rows."""

import functools
import math
import operator

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.fitting.device_parameters import Layout
from qpcjax.fitting.predictions import device_at, predict
from qpcjax.measurements.circuit import Resolution, bias_of, heat_reach, width_of
from qpcjax.measurements.response import response_named
from qpcjax.resolution import keeping, modes_kept, spinless
from qpcjax.scatterers import grid_points
from qpcjax.scatterers.channel import ASPECT_BUCKETS
from qpcjax.scatterers.fields import with_static
from qpcjax.transport.integrals import NARROW_REACH, REACH, panels_in

_ROOM = 0.15  # share of panels and modes kept beyond what the start needs
_HEAT_REACH = 28.0  # thermal widths that heat needs: a weight of 1e-12
_MOST_MODES = 100
# Rows of numbers, and points of a data set, evaluated side by side: on a processor no more than
# keep it busy, so that one row at a few points costs little.
_SIDE_BY_SIDE = {"cpu": (1, 32), "other": (16, 64)}
_LONG = 256  # points of which twice as many side by side take less time
_HEAT_BLOCK = 64


class Kernel:
    """Predictions of one data set for rows of numbers, and their derivatives in some of them.

    Modes, panels and the aspect ratio that they resolve are static: they are chosen for given
    numbers with room for more, and `resolves` says whether other numbers are still within them.
    Where they are not, predictions are NaN. One shape is compiled, a block of points for one or a
    few rows; more rows and longer data sets are evaluated in pieces.

    Args:
        device: `Device`; its numbers are where room is made first.
        response: `Response` that is predicted, or its name.
        settings: name -> NumPy array, all of one length.
        order: Gauss nodes in a panel.
        moving: indices, in the device's `Layout`, of the numbers to differentiate by.
        resolution: `Resolution` that the device goes with; by default room is made for its numbers.
    """

    def __init__(self, device, response, settings, order=8, moving=(), resolution=None):
        self.response, self.settings, self.order = response_named(response), settings, order
        self.moving = np.array(moving, int)
        self.rows, block = _SIDE_BY_SIDE["cpu" if jax.default_backend() == "cpu" else "other"]
        if _length(settings) > _LONG:
            block = 64
        if self.response.heat:
            self.rows, block = 1, _HEAT_BLOCK
        if hasattr(spinless(device.scatterer), "channel_modes"):
            # Matrices of coupled modes are large: few at a time stay in the processor's cache.
            self.rows, block = 1, 1
        self.block = min(_length(settings), block)
        self.device, self.layout = device, Layout(device)
        if resolution is None:
            self.make_room(self.layout.values)
        else:
            self.resolution = resolution

    def make_room(self, rows, room=_ROOM):
        """Choose what is static so that it holds for these rows of numbers."""
        rows = np.atleast_2d(np.asarray(rows, float))
        device = self._keeping_enough(rows, room)
        # The device's own numbers are those of the first row; they stand for its constants.
        self.device = self.layout.like(device).build(rows[0])
        self.layout = Layout(self.device)
        panels, grid = self._panels(rows)
        # In steps, so that fits of similar data share what is compiled.
        panels = 8 * math.ceil((1 + room) * panels / 8) + 8
        self.resolution = Resolution(self.order, panels, grid)

    def resolves(self, numbers):
        """Whether these numbers are within the modes, panels and aspect ratio that are kept."""
        rows = np.atleast_2d(np.asarray(numbers, float))
        panels, grid = self._panels(rows)
        kept = self.resolution
        reach, known, resolved = _limits(self.layout, rows, self.settings, self.response)
        enough = panels <= (kept.panels or math.inf) and grid <= kept.grid
        return enough and bool(np.all((known >= reach) & resolved))

    def _keeping_enough(self, rows, room):
        """The device, its barrier with modes and an aspect ratio that hold everywhere with room."""
        device, bare = self.device, spinless(self.device.scatterer)
        if hasattr(bare, "aspect_limit"):

            def with_aspect(k):
                limit = float(ASPECT_BUCKETS[k - 1])
                return device.replaced(with_static(device.scatterer, "aspect_limit", limit))

            def resolved(k):
                layout = self.layout.like(with_aspect(k))
                return bool(np.all(_limits(layout, rows, self.settings, self.response)[2]))

            first = 1 + np.searchsorted(ASPECT_BUCKETS[:-1], float(bare.aspect_limit))
            device = with_aspect(_least(resolved, int(first), 0, len(ASPECT_BUCKETS)))
        kept = modes_kept(device.scatterer)
        if kept is None:
            return device

        def with_modes(modes):
            return device.replaced(keeping(device.scatterer, modes))

        def enough(modes):
            layout = self.layout.like(with_modes(modes))
            reach, known, _ = _limits(layout, rows, self.settings, self.response)
            return bool(np.all(known >= (1 + room) * reach))

        # Channel modes of the matched solver are a matter of accuracy too: never fewer than asked.
        few = kept - 1 if hasattr(bare, "channel_modes") else 0
        return with_modes(_least(enough, kept, few, max(kept, _MOST_MODES)))

    def _panels(self, rows):
        """Panels and grid points of a softened T(E) that the worst point needs."""
        panels, grid = 0, Resolution().grid
        for row in rows:
            device = self.layout.build(row)
            windows = _windows(device, _arrays(self.settings), self.response)
            edges, mu, reach, softness, softened = jax.device_get(windows)
            panels = max(panels, panels_in(edges, mu, reach))
            if device.smearing is not None and self.response.heat:
                grid = max(grid, grid_points(float(softened.max()), float(softness.min())))
        return panels, grid

    def predict(self, numbers, settings=None):
        """Predictions, shape (rows, points), for rows of numbers."""
        return self._in_pieces(_predicted, numbers, settings)

    def linearise(self, numbers, settings=None):
        """Predictions (rows, points) and their slopes in the moving numbers, (rows, points, k)."""
        return self._in_pieces(
            functools.partial(_linearised, moving=tuple(self.moving)), numbers, settings
        )

    def _in_pieces(self, compiled, numbers, settings):
        """Evaluate (rows, points) by pieces of the one shape that is compiled."""
        settings = self.settings if settings is None else settings
        numbers = np.atleast_2d(np.asarray(numbers, float))
        count, size = numbers.shape[0], _length(settings)
        blocks = -(-size // self.block)
        total = count * blocks
        # Rows of the compiled shape: every block of points for every row of numbers.
        row = np.repeat(np.arange(count), blocks)
        column = np.tile(np.arange(blocks), count)
        fill = -total % self.rows
        row, column = (np.append(x, np.repeat(x[-1:], fill)) for x in (row, column))
        cut = jax.tree.map(lambda x: _blocks(x, blocks, self.block), settings)
        results = []
        for first in range(0, total + fill, self.rows):
            at = column[first : first + self.rows]
            piece = jax.tree.map(operator.itemgetter(at), cut)
            rows = numbers[row[first : first + self.rows]]
            results.append(compiled(self.device, rows, piece, self.response, self.resolution))

        def joined(*parts):
            whole = np.concatenate([np.asarray(p) for p in parts])[:total]
            return whole.reshape(count, blocks * self.block, *whole.shape[2:])[:, :size]

        return jax.tree.map(joined, *results)


@functools.partial(jax.jit, static_argnames=("response", "resolution"))
def _predicted(device, numbers, settings, response, resolution):
    """Predictions of rows of numbers, each at its own block of points."""
    layout = Layout(device)

    def row(numbers, settings):
        return predict(layout.build(numbers), response, settings, resolution)

    return jax.vmap(row)(numbers, settings)


@functools.partial(jax.jit, static_argnames=("response", "resolution", "moving"))
def _linearised(device, numbers, settings, response, resolution, moving):
    """The same, with the slopes in the moving numbers."""
    if not moving:
        y = _predicted(device, numbers, settings, response, resolution)
        return y, jnp.zeros((*y.shape, 0))
    layout, index = Layout(device), np.array(moving)

    def of_moving(values):
        def row(numbers, settings):
            return predict(layout.build(numbers), response, settings, resolution)

        return jax.vmap(row)(numbers.at[:, index].set(values), settings)

    y, push = jax.linearize(of_moving, numbers[:, index])
    unit = np.eye(index.size)[:, None].repeat(numbers.shape[0], axis=1)
    return y, jnp.moveaxis(jax.vmap(push)(jnp.asarray(unit)), 0, -1)


def _least(enough, guess, few, most):
    """The least number above `few` that is enough, or the most; near the guess after two trials."""
    step = 1
    if enough(guess):
        many = guess
        while many - step > few and enough(many - step):
            many, step = many - step, 2 * step
        few = max(few, many - step)
    else:
        few = guess
        while few + step < most and not enough(few + step):
            few, step = few + step, 2 * step
        many = min(few + step, most)
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many


def _length(settings):
    return len(next(iter(settings.values())))


def _arrays(settings):
    return jax.tree.map(lambda x: jnp.asarray(x, float), settings)


def _blocks(x, blocks, block):
    return np.pad(x, (0, blocks * block - len(x)), mode="edge").reshape(blocks, block)


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


def _limits(layout, rows, settings, response):
    """How far energies count above mu, how far T(E) is known, and whether it is resolved.

    Not compiled: it is tried for many numbers of modes.
    """
    thermal = 2 * _HEAT_REACH if response.heat else NARROW_REACH

    def one(numbers, row):
        point, bias, width = _at(layout.build(numbers), row)
        reach = jnp.abs(bias) / 2 + thermal * width
        if response.reach is not None:
            reach = response.reach(point, row)
        known = point.scatterer.energy_limit() - point.mu
        return *_floats(reach, known), jnp.asarray(point.scatterer.resolved(), bool)

    every_point = jax.vmap(one, in_axes=(None, 0))
    found = jax.vmap(every_point, in_axes=(0, None))(jnp.asarray(rows), _arrays(settings))
    return jax.device_get(found)


def _at(device, row):
    """The device at a row of settings, its bias, and k_B T_s, 0 where neither part is known."""
    point = device_at(device, row)
    width = width_of(point)
    return point, bias_of(point, row), 0.0 if width is None else width


def _floats(*values):
    return tuple(jnp.asarray(v, float) for v in values)
