"""Matrices of Spyview, .mtx: two lines of text, then the numbers.

The first line is `Units, NAME, x, x0, x1, y, y0, y1, z, z0, z1`, the second the numbers of points
along x, y and z and the bytes of a number.
"""

import dataclasses
import math

import numpy as np

from qpcjax.files.arrays import Array, tables_from
from qpcjax.files.column_units import split_unit
from qpcjax.files.damage import readable
from qpcjax.files.table import check_size, check_values
from qpcjax.measurements import InputError

_KINDS = {4: "<f4", 8: "<f8"}
_LONGEST = 4096  # bytes of a line
_CLEARLY = 2.0  # times as sharp a bend where a line ends
_OTHER = (
    "its points follow one another along x, not along the last axis as Spyview writes them: there "
    "the numbers jump back"
)
_EITHER = (
    "its points were taken as Spyview writes them, the last axis first; the numbers do not tell "
    "whether that is so. Look at the map"
)


def read_spyview(path):
    """The table of a matrix, as `formats` calls it."""
    size = check_size(path)
    with readable(path, "a matrix of Spyview"):
        names, ends, shape, kind, begin = _header(path)
    check_values(path, math.prod(shape))
    if begin + math.prod(shape) * np.dtype(kind).itemsize != size:
        raise InputError(
            f"{path}: {' x '.join(map(str, shape))} numbers of {np.dtype(kind).itemsize} bytes "
            f"were expected behind its header, found {size - begin} bytes: the file was cut off or "
            "damaged. Save or copy it once more"
        )
    with path.open("rb") as file:
        file.seek(begin)
        flat = np.fromfile(file, kind).astype(float)
    values, notes = _ordered(flat, shape)
    dims = ("x", "y", "z")
    arrays = [
        Array(name, _unit(name), (n,), lambda e=e, n=n: np.linspace(*e, n), (dim,), True)
        for name, e, n, dim in zip(names[1:], ends, shape, dims, strict=True)
        if n > 1
    ]
    kept = tuple(dim for dim, n in zip(dims, shape, strict=True) if n > 1) or ("x",)
    values = values.reshape([n for n in shape if n > 1] or [1])
    arrays.append(Array(names[0], _unit(names[0]), values.shape, lambda: values, kept))
    return [dataclasses.replace(table, notes=notes) for table in tables_from(path, arrays, {})]


def _header(path):
    with path.open("rb") as file:
        lines = [file.readline(_LONGEST).decode("latin-1") for _ in range(2)]
        begin = file.tell()
    words = [word.strip() for word in lines[0].split(",")]
    if len(words) != 11:
        raise ValueError(f"a first line of 11 words was expected, found {len(words)}")
    names = [words[1], *words[2::3]]
    ends = [(float(words[i]), float(words[i + 1])) for i in (3, 6, 9)]
    if not np.all(np.isfinite(ends)):
        raise ValueError("the end of an axis is not finite")
    numbers = [int(word) for word in lines[1].split()]
    if len(numbers) != 4 or min(numbers) < 1 or numbers[3] not in _KINDS:
        raise ValueError(f"a second line such as '81 3 1 8' was expected, found {lines[1][:40]!r}")
    return names, ends, tuple(numbers[:3]), _KINDS[numbers[3]], begin


def _unit(name):
    return split_unit(name)[1]


def _ordered(flat, shape):
    """The numbers along x, y and z, and a note where their order had to be told by themselves."""
    usual, other = flat.reshape(shape), flat.reshape(shape[::-1]).T
    long = [n for n in shape if n > 1]
    if len(long) < 2:
        return usual, ()
    bends = _bend(flat, long[-1]), _bend(flat, long[0])
    if bends[1] > _CLEARLY * bends[0]:
        return other, (_OTHER,)
    return usual, () if bends[0] > _CLEARLY * bends[1] else (_EITHER,)


def _bend(flat, length):
    """How sharply the numbers bend where lines of this length end, over how they bend elsewhere."""
    bends = np.abs(np.diff(flat, 2))
    first = np.arange(bends.size) % length
    at_end = first >= length - 2
    means = [
        np.nanmean(b) if np.any(np.isfinite(b)) else 0.0 for b in (bends[at_end], bends[~at_end])
    ]
    return float(means[0] / max(means[1], 1e-300))
