"""A trace predicted at fewer gate voltages than it has, and interpolated between them."""

import numpy as np

STENCIL = 8
_NODES_PER_STEP = 28
_LEAST, _MOST = 64, 256


class Along:
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
        self._weight = np.ones((gate.size, STENCIL))
        for j in range(STENCIL):
            for k in range(STENCIL):
                if k != j:
                    self._weight[:, j] *= (place - first - k) / (j - k)

    @property
    def matrix(self):
        """From values at the nodes to those at the points, (points, nodes)."""
        matrix = np.zeros((self._weight.shape[0], self.nodes.size))
        np.put_along_axis(matrix, self._index, self._weight, axis=1)
        return matrix

    def to_points(self, values):
        """Values at the points from those at the nodes, (rows, nodes, ...)."""
        weight = self._weight.reshape(*self._weight.shape, *(1,) * (values.ndim - 2))
        return sum(
            weight[:, j] * np.take(values, self._index[:, j], axis=1) for j in range(STENCIL)
        )


def nodes_for(trace):
    """How many nodes a trace of that many steps is first tried with."""
    steps = max(float(np.ptp(trace.conductance)), 1.0)
    blocks = round(_NODES_PER_STEP * steps / _LEAST)
    return int(np.clip(_LEAST * blocks, _LEAST, _MOST))


def along(trace, count):
    """`Along` with that many nodes, or None where the points themselves are not many more."""
    return Along(trace.gate, count) if trace.gate.size > 1.2 * count else None
