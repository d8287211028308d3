"""A trace predicted at fewer gate voltages than it has, and interpolated between them."""

import itertools

import numpy as np

STENCIL = 8
_NODES_PER_STEP = 28
_LEAST, _MOST = 64, 256
_NODES_OF_DEAR, _LEAST_OF_DEAR = 10, 24  # where a prediction takes a second
_SLOWEST, _FASTEST = 1.25, 4.0  # how much denser nodes become at once
_BLOCK = 64  # nodes are evaluated so many at a time


class GateNodes:
    """Even nodes along a gate, and the polynomials through eight of them.

    A trace is a smooth function of the gate voltage: however many points it has, it is known from a
    few dozen for each step.

    Args:
        gate: gate voltages in mV of the points, rising.
        count: number of nodes.
    """

    def __init__(self, gate, count):
        self.nodes = np.linspace(gate[0], gate[-1], count)
        place = (gate - gate[0]) / (self.nodes[1] - self.nodes[0])
        first = np.clip(np.floor(place).astype(int) - (STENCIL // 2 - 1), 0, count - STENCIL)
        self._index = first[:, None] + np.arange(STENCIL)
        self._weight = _weights(place, first, STENCIL)
        # What the two outer nodes change tells where a polynomial says little.
        self._outer = self._weight.copy()
        self._outer[:, 1:-1] -= _weights(place, first + 1, STENCIL - 2)

    @property
    def matrix(self):
        """From values at the nodes to those at the points, (points, nodes)."""
        matrix = np.zeros((self._weight.shape[0], self.nodes.size))
        np.put_along_axis(matrix, self._index, self._weight, axis=1)
        return matrix

    def to_points(self, values):
        """Values at the points from those at the nodes, (rows, nodes, ...)."""
        return self._combined(self._weight, values)

    def doubt(self, values):
        """An upper guess of how far `to_points` is off, (rows, points), from (rows, nodes)."""
        return np.abs(self._combined(self._outer, values))

    def _combined(self, weight, values):
        weight = weight.reshape(*weight.shape, *(1,) * (values.ndim - 2))
        return sum(
            weight[:, j] * np.take(values, self._index[:, j], axis=1) for j in range(STENCIL)
        )

    def more(self, miss):
        """How many nodes to try next where these miss by so many times what they may."""
        # The error goes with the eighth power of the distance, but with less where it is large.
        grow = 1.1 * miss**0.2 if np.isfinite(miss) else 2.0
        return int(_BLOCK * np.ceil(self.nodes.size * np.clip(grow, _SLOWEST, _FASTEST) / _BLOCK))


def _weights(place, first, count):
    """Weights of `count` nodes from `first` in the polynomial through them, (points, count)."""
    weight = np.ones((place.size, count))
    for j, k in itertools.permutations(range(count), 2):
        weight[:, j] *= (place - first - k) / (j - k)
    return weight


def nodes_for(trace, dear=False):
    """How many nodes a trace of that many steps is first tried with; fewer where they are dear."""
    steps = max(float(np.ptp(trace.value)), 1.0)
    if dear:
        return int(np.clip(round(_NODES_OF_DEAR * steps), _LEAST_OF_DEAR, _MOST))
    blocks = round(_NODES_PER_STEP * steps / _LEAST)
    return int(np.clip(_LEAST * blocks, _LEAST, _MOST))


def along(trace, count):
    """`GateNodes` with that many nodes, or None where the points themselves are not many more."""
    return GateNodes(trace.gate, count) if trace.gate.size > 1.2 * count else None
