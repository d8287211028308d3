"""An observable of a sweep on the disk, read when it is indexed."""

import itertools
import math
from typing import Any

import numpy as np


class StoredValues:
    """One observable on the disk, read when it is indexed.

    Takes whole numbers, slices and 1-D arrays of numbers as NumPy does, an array acting on its own
    axis alone; `np.asarray` reads all of it.
    """

    dtype = np.dtype(np.float64)

    def __init__(self, store, observable):
        self._store, self._observable = store, observable
        self.shape = store.chunks.shape

    @property
    def ndim(self):
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self):
        """Number of points."""
        return math.prod(self.shape)

    @property
    def unfinished(self):
        """Number of chunks that are not finished."""
        return self._store.chunks.count - len(self._store.finished())

    def __len__(self):
        return self.shape[0]

    def __repr__(self):
        return f"StoredValues(shape={self.shape}, folder={str(self._store.folder)!r})"

    def __array__(self, dtype=None, copy=None):
        values = self[...]
        return values if dtype is None else values.astype(dtype, copy=False)

    def __getitem__(self, key) -> Any:
        chunks = self._store.chunks
        wanted = _positions(key, self.shape)
        lists = [range(p, p + 1) if isinstance(p, int) else p for p in wanted]
        values = np.empty([len(p) for p in lists])
        for pieces in itertools.product(*map(_by_chunk, lists, chunks.chunk)):
            places, target, source = zip(*pieces, strict=True)
            number = int(np.ravel_multi_index(places, chunks.grid))
            lengths = [side.stop - side.start for side in chunks.box(number)]
            part = self._store.read(self._observable, number).reshape(lengths)
            values[_outer(target)] = part[_outer(source)]
        return values[tuple(0 if isinstance(p, int) else slice(None) for p in wanted)]

    def run(self, start, stop):
        """Values of the points from `start` to `stop` of the flat grid."""
        values, chunks = np.empty(stop - start), self._store.chunks
        for number in range(chunks.at(start), chunks.at(stop - 1) + 1) if stop > start else ():
            first, last = chunks.bounds(number)
            low, high = max(start, first), min(stop, last)
            part = self._store.read(self._observable, number)
            values[low - start : high - start] = part[low - first : high - first]
        return values


def _positions(key, shape):
    """The positions that a key picks along each axis: a number, a range or an array."""
    key = key if isinstance(key, tuple) else (key,)
    dots = [i for i, k in enumerate(key) if k is Ellipsis]
    if len(dots) > 1 or len(key) - len(dots) > len(shape):
        raise IndexError(f"an index of at most {len(shape)} axes was wanted, got {key}")
    missing = (slice(None),) * (len(shape) - len(key) + len(dots))
    at = dots[0] if dots else len(key)
    key = (*key[:at], *missing, *key[at + len(dots) :])
    return [
        range(size)[k]
        if isinstance(k, int | np.integer | slice)
        else np.arange(size)[np.asarray(k, None if np.size(k) else int)]
        for k, size in zip(key, shape, strict=True)
    ]


def _by_chunk(positions, length):
    """Chunk by chunk along an axis: its place, the positions' own places, those in the chunk."""
    if isinstance(positions, range) and positions.step == 1:
        start, stop = positions.start, positions.stop
        for place in range(start // length, -(-stop // length) if stop > start else 0):
            first = place * length
            low, high = max(start, first), min(stop, first + length)
            yield place, slice(low - start, high - start), slice(low - first, high - first)
        return
    positions = np.asarray(positions)
    for place in np.unique(positions // length).tolist():
        here = np.flatnonzero(positions // length == place)
        yield place, here, positions[here] - place * length


def _outer(index):
    """An index each of whose parts acts on its own axis."""
    if all(isinstance(part, slice) for part in index):
        return index
    return np.ix_(*(np.r_[part] for part in index))
