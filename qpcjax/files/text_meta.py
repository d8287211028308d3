"""Names of columns in the file .meta.txt that qtlab and spyview write beside a table."""

from pathlib import Path

import numpy as np

from qpcjax.files.table import read_bytes
from qpcjax.files.text_decoding import decoded

_MOST = 1 << 16  # bytes
_AXES = 3  # inner, outer and outermost loop
_NEAR = 1e-3  # of an axis' range: how well the column of an axis must cover it


def meta_files(path: Path) -> list[Path]:
    """The file beside a table that names its columns, where there is one."""
    beside = Path(path).with_suffix(".meta.txt")
    return [beside] if beside.is_file() and beside != Path(path) else []


def meta_names(path: Path, columns: list[np.ndarray]) -> list[str] | None:
    """Names of the columns of a table, None where no file beside it tells all of them.

    The file lists size, begin, end and name of each loop, then number and name of each value. The
    column of a loop is the one that covers its range.

    Args:
        path: the table.
        columns: its numbers.
    """
    for beside in meta_files(path):
        text, _ = decoded(beside, read_bytes(beside, _MOST))
        words = [line.strip() for line in text.splitlines()]
        words = [word for word in words if word and not word.startswith("#")]
        try:
            return _names(words, columns)
        except (ValueError, IndexError):
            return None
    return None


def _names(words, columns):
    loops = [words[4 * i : 4 * i + 4] for i in range(_AXES)]
    axes = [(float(begin), float(end), name) for _, begin, end, name in loops]
    values = words[4 * _AXES :]
    numbers = [int(number) for number in values[::2]]
    first = 1 if max(numbers) == len(columns) else 0  # counted from 1 or from 0
    names = {number - first: name for number, name in zip(numbers, values[1::2], strict=True)}
    for place, column in enumerate(columns):
        if place in names:
            continue
        low, high = np.nanmin(column), np.nanmax(column)
        fits = [
            name
            for begin, end, name in axes
            if name.casefold() not in ("none", "nothing", "")
            and abs(min(begin, end) - low) + abs(max(begin, end) - high) <= _NEAR * abs(end - begin)
        ]
        rests = low == high and place < min(names)
        if len(fits) != 1 and not rests:
            return None
        names[place] = fits[0] if fits else f"rest {place}"
    found = [names[i] for i in range(len(columns))]
    return found if len(set(found)) == len(found) else None
