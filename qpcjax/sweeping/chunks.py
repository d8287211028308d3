"""How a grid of points is divided into chunks."""

import dataclasses
import functools
import math

import numpy as np


@dataclasses.dataclass(frozen=True)
class Chunks:
    """Equal blocks of a grid, each of which is a run of its flat order; those at the end are cut.

    So a chunk is computed and written as a run of points, and it is one of the blocks of an array
    on the disk as well. One axis at most is cut into pieces: behind it chunks are as wide as the
    grid, and before it they have one row.

    Attributes:
        shape: of the grid, the last axis running fastest.
        chunk: shape of a chunk.
    """

    shape: tuple[int, ...]
    chunk: tuple[int, ...]

    @classmethod
    def of(cls, shape, most):
        """The chunks of at most so many points that are few and fill the grid well."""
        run, chunk = 1, []
        for n in reversed(shape):
            step = _step(n, max(most // run, 1))
            chunk.append(step)
            run = run * step if step == n else most
        return cls(tuple(shape), tuple(reversed(chunk)))

    @property
    def size(self):
        """Points in a whole chunk."""
        return math.prod(self.chunk)

    @functools.cached_property
    def grid(self):
        """How many chunks there are along each axis."""
        return tuple(math.ceil(n / c) for n, c in zip(self.shape, self.chunk, strict=True))

    @property
    def count(self):
        """Number of chunks."""
        return math.prod(self.grid)

    @functools.cached_property
    def _row(self):
        """Points, and chunks, in a row of the axis that is cut."""
        cut = next((i for i, g in reversed(list(enumerate(self.grid))) if g > 1), 0)
        return math.prod(self.shape[cut:]), math.prod(self.grid[cut:])

    def bounds(self, number):
        """First point of a chunk in the flat order, and the one behind its last."""
        points, pieces = self._row
        row, piece = divmod(number, pieces)
        start = row * points + piece * self.size
        return start, min(start + self.size, (row + 1) * points)

    def points(self, number):
        """How many points a chunk has."""
        start, stop = self.bounds(number)
        return stop - start

    def at(self, point):
        """Number of the chunk that holds a point of the flat order, or an array of them."""
        points, pieces = self._row
        return point // points * pieces + point % points // self.size

    def box(self, number):
        """A chunk as slices, one for each axis."""
        places = np.unravel_index(number, self.grid)
        sides = zip(places, self.chunk, self.shape, strict=True)
        return tuple(slice(int(i) * c, min((int(i) + 1) * c, n)) for i, c, n in sides)

    def key(self, number):
        """Name of a chunk: its places along the axes, as in a zarr array."""
        return ".".join(str(i) for i in np.unravel_index(number, self.grid))

    def number(self, key):
        """The number of a chunk by its name; None where it is not the name of one."""
        places = key.split(".")
        if len(places) != len(self.grid) or not all(p.isdecimal() for p in places):
            return None
        places = [int(p) for p in places]
        if any(p >= g for p, g in zip(places, self.grid, strict=True)):
            return None
        return int(np.ravel_multi_index(places, self.grid))


def _step(n, most):
    """The length, at most so large, whose multiples exceed n by the least; no less than half."""
    if n <= most:
        return n
    lengths = np.arange(most, (most - 1) // 2, -1)
    return int(lengths[np.argmin(-n % lengths)])
