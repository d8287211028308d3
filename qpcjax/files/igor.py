"""Waves of Igor Pro, .ibw: one array with the scale of its axes (WaveMetrics' technical note 3).

A file holds a header of the file, a header of the wave, the numbers, and texts behind them. A wave
has no names of its axes, so that they are called x, y, z and t.
"""

import dataclasses
import math
import struct

import numpy as np

from qpcjax.files.arrays import Array, tables_from
from qpcjax.files.damage import readable
from qpcjax.files.foreign import IGOR_AS_TEXT
from qpcjax.files.table import check_size, read_head

_AXES = ("x", "y", "z", "t")
_KINDS = {2: "f4", 4: "f8", 8: "i1", 16: "i2", 32: "i4", 128: "i8"}
_COMPLEX, _UNSIGNED = 1, 64


@dataclasses.dataclass(frozen=True)
class _Layout:
    """Where the numbers of a version's headers stand.

    Args:
        file: bytes of the file's header.
        wave: bytes of the wave's header in front of the numbers.
        sums: how many bytes the sum of the header may cover.
        note: place of the length of the note, in the file's header; None where there is none.
        before_note: places of the lengths of what stands between the numbers and the note.
    """

    file: int
    wave: int
    sums: tuple[int, ...]
    note: int | None
    before_note: tuple[int, ...] = ()


_PADDING = 16  # bytes behind the numbers of the first versions
_LAYOUTS = {
    1: _Layout(8, 110, (118, 134), None),
    2: _Layout(16, 110, (126, 142), 6),
    3: _Layout(20, 110, (130, 146), 6),
    5: _Layout(64, 320, (384,), 12, (8,)),
}


@dataclasses.dataclass(frozen=True)
class _Header:
    """What the headers say."""

    begin: int
    dtype: np.dtype
    shape: tuple[int, ...]
    name: str
    unit: str
    steps: tuple[tuple[float, float, str], ...]
    note: tuple[int, int]


def is_wave(path):
    """Whether a file begins with the headers of a wave: the words of them sum up to 0."""
    head = read_head(path, 512)
    found = _version(head)
    if found is None:
        return False
    version, order = found
    return path.suffix.lower() == ".ibw" or any(
        len(head) >= size and not _sum(head, order, size) for size in _LAYOUTS[version].sums
    )


def _version(head) -> tuple[int, str] | None:
    for order in "<>":
        version = int.from_bytes(head[:2], "little" if order == "<" else "big")
        if version in _LAYOUTS:
            return version, order
    return None


def _sum(head, order, size):
    return int(np.frombuffer(head[:size], f"{order}i2").astype(np.int64).sum()) & 0xFFFF


def read_igor(path):
    """The table of a wave, as `formats` calls it."""
    size = check_size(path)
    head = read_head(path, 512)
    with readable(path, "a wave of Igor", f"Save it once more. {IGOR_AS_TEXT}"):
        header = _header(head, size)
    steps = header.steps[: len(header.shape)]
    arrays = [_axis(_AXES[i], step, header.shape[i]) for i, step in enumerate(steps)]

    def numbers():
        with path.open("rb") as file:
            file.seek(header.begin)
            values = np.fromfile(file, header.dtype, math.prod(header.shape))
        return values.reshape(header.shape, order="F")

    whole = Array(
        header.name, header.unit or None, header.shape, numbers, _AXES[: len(header.shape)]
    )
    metadata = {"note": _note(path, *header.note)}
    return tables_from(path, [*arrays, whole], {k: v for k, v in metadata.items() if v})


def _axis(name, step, length):
    width, start, unit = step
    return Array(
        name, unit or None, (length,), lambda: start + width * np.arange(length), (name,), True
    )


def _header(head, size) -> _Header:
    """What the headers say, checked against each other and the size of the file."""
    version, order = _version(head) or (0, "<")
    if not version:
        raise ValueError(f"version {head[:2].hex()}")
    layout = _LAYOUTS[version]
    if len(head) < layout.file + layout.wave:
        raise ValueError("its header ends too early")
    if all(len(head) >= n and _sum(head, order, n) for n in layout.sums):
        raise ValueError("the words of its header do not sum up to 0")
    wave = head[layout.file : layout.file + layout.wave]

    def several(kind, place) -> tuple:
        return struct.unpack_from(order + kind, wave, place)

    def one(kind, place, data=wave):
        return struct.unpack_from(order + kind, data, place)[0]

    if version == 5:
        points, kind, name, unit = one("i", 12), one("h", 16), wave[28:60], wave[148:152]
        shape = tuple(n for n in several("4i", 68) if n > 0)
        units = [_text(wave[i : i + 4]) for i in (152, 156, 160, 164)]
        steps = tuple(zip(several("4d", 84), several("4d", 116), units, strict=True))
    else:
        points, kind, name, unit = one("i", 42), one("h", 0), wave[6:26], wave[34:38]
        shape = (points,)
        steps = ((one("d", 48), one("d", 56), _text(wave[38:42])),)
    if kind == 0:
        raise ValueError("it holds texts, and no numbers")
    dtype = _dtype(kind, order)
    begin = layout.file + layout.wave
    if points <= 0 or math.prod(shape) != points:
        raise ValueError(f"{points} points, and the shape {shape}")
    end = begin + points * dtype.itemsize
    if end > size:
        raise ValueError(f"{points} points end at byte {end}, the file has {size}")
    if not all(math.isfinite(x) for step in steps for x in step[:2]):
        raise ValueError("the scale of an axis is not finite")
    before = sum(max(one("i", place, head), 0) for place in layout.before_note)
    length = 0 if layout.note is None else max(one("i", layout.note, head), 0)
    begin_note = end + before + (_PADDING if version < 5 else 0)
    return _Header(
        begin, dtype, shape, _text(name) or "wave", _text(unit), steps, (begin_note, length)
    )


def _dtype(kind, order):
    is_complex, unsigned = kind & _COMPLEX, kind & _UNSIGNED
    letters = _KINDS.get(kind & ~(_COMPLEX | _UNSIGNED))
    if letters is None or (is_complex and letters[0] != "f"):
        raise ValueError(f"numbers of the kind {kind}")
    if is_complex:
        letters = f"c{2 * int(letters[1])}"
    return np.dtype(order + (letters.replace("i", "u") if unsigned else letters))


def _text(content):
    return content.split(b"\0")[0].decode("latin-1").strip()


def _note(path, begin, length):
    with path.open("rb") as file:
        file.seek(begin)
        return file.read(min(length, 1 << 16)).decode("utf-8", "replace").strip("\0\r\n ")
