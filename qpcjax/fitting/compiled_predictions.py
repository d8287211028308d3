"""A data set beside a device: predictions and their derivatives, compiled once for many rows."""

import collections
import functools
import math
import operator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.fitting.predictions import predict, response_named
from qpcjax.fitting.room import limits, panels_needed, with_room
from qpcjax.measurements.circuit import Resolution
from qpcjax.resolution import spinless

_ROOM = 0.15  # share of panels and modes kept beyond what the start needs
# Rows of numbers, and points of a data set, evaluated side by side: on a processor no more than
# keep it busy, so that one row at a few points costs little.
_SIDE_BY_SIDE = {"cpu": (1, 32), "other": (16, 64)}
_LONG = 256  # points of which twice as many side by side take less time
_HEAT_BLOCK = 64
# Blocks of predictions without slopes that were asked for, by what would be compiled; and from how
# many on compiling takes less time than the slopes.
_ASKED: collections.Counter[Any] = collections.Counter()
_ENOUGH = 150


class Predictor:
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
        moving: indices, in the device's `DeviceNumbers`, of the numbers to differentiate by.
        resolution: `Resolution` that the device goes with; by default room is made for its numbers.
    """

    dear = False

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
        self.device, self.layout = device, DeviceNumbers(device)
        if resolution is None:
            self.make_room(self.layout.values)
        else:
            self.resolution = resolution

    def make_room(self, rows, room=_ROOM):
        """Choose what is static so that it holds for these rows of numbers."""
        rows = np.atleast_2d(np.asarray(rows, float))
        device = with_room(self.layout, rows, self.settings, self.response, room)
        # The device's own numbers are those of the first row; they stand for its constants.
        self.device = self.layout.like(device).build(rows[0])
        self.layout = DeviceNumbers(self.device)
        panels, grid = panels_needed(self.layout, rows, self.settings, self.response)
        # In steps, so that fits of similar data share what is compiled.
        panels = 8 * math.ceil((1 + room) * panels / 8) + 8
        self.resolution = Resolution(self.order, panels, grid)

    def resolves(self, numbers):
        """Whether these numbers are within the modes, panels and aspect ratio that are kept."""
        rows = np.atleast_2d(np.asarray(numbers, float))
        panels, grid = panels_needed(self.layout, rows, self.settings, self.response)
        kept = self.resolution
        reach, known, resolved = limits(self.layout, rows, self.settings, self.response)
        enough = panels <= (kept.panels or math.inf) and grid <= kept.grid
        return enough and bool(np.all((known >= reach) & resolved))

    def serves(self, device, response, moving):
        """Whether this predictor already compiles the slopes of this device in these numbers."""
        return (
            response_named(response) == self.response
            and jax.tree.structure(device) == jax.tree.structure(self.device)
            and set(moving) <= set(self.moving)
            and self.resolves(DeviceNumbers(device).values)
        )

    def predict(self, numbers, settings=None):
        """Predictions, shape (rows, points), for rows of numbers."""
        if self.moving.size and not self._pays(numbers, settings):
            return self.linearise(numbers, settings)[0]
        return self._in_pieces(_predicted, numbers, settings)

    def _pays(self, numbers, settings):
        """Whether predictions are asked for so often that a program without slopes pays."""
        size = _length(self.settings if settings is None else settings)
        kind = jax.tree.structure(self.device), self.response, self.resolution, self.block
        _ASKED[kind] += np.atleast_2d(numbers).shape[0] * -(-size // self.block)
        return _ASKED[kind] > _ENOUGH

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
    layout = DeviceNumbers(device)

    def row(numbers, settings):
        return predict(layout.build(numbers), response, settings, resolution)

    return jax.vmap(row)(numbers, settings)


@functools.partial(jax.jit, static_argnames=("response", "resolution", "moving"))
def _linearised(device, numbers, settings, response, resolution, moving):
    """The same, with the slopes in the moving numbers."""
    if not moving:
        y = _predicted(device, numbers, settings, response, resolution)
        return y, jnp.zeros((*y.shape, 0))
    layout, index = DeviceNumbers(device), np.array(moving)

    def of_moving(values):
        def row(numbers, settings):
            return predict(layout.build(numbers), response, settings, resolution)

        return jax.vmap(row)(numbers.at[:, index].set(values), settings)

    y, push = jax.linearize(of_moving, numbers[:, index])
    unit = np.eye(index.size)[:, None].repeat(numbers.shape[0], axis=1)
    return y, jnp.moveaxis(jax.vmap(push)(jnp.asarray(unit)), 0, -1)


def _length(settings):
    return len(next(iter(settings.values())))


def _blocks(x, blocks, block):
    return np.pad(x, (0, blocks * block - len(x)), mode="edge").reshape(blocks, block)
