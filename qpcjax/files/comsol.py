"""Grids of COMSOL as text: a section `% Grid` with one line for each axis, then `% Data`.

In the data each line runs along the first axis, and the lines follow one another along the second
and third.
"""

import math
import re

import numpy as np

from qpcjax.files.arrays import Array, tables_from
from qpcjax.files.column_units import split_unit
from qpcjax.files.table import check_values, read_bytes, read_head
from qpcjax.measurements import InputError

_GRID = re.compile(rb"^%\s*Grid\s*$", re.MULTILINE)
_AXES = ("x", "y", "z")


def is_grid(path):
    """Whether a text that begins with % is a grid."""
    return _GRID.search(read_head(path)) is not None


def read_comsol(path):
    """The table of a grid, as `formats` calls it."""
    section, length_unit, title = "", None, ""
    axes, blocks = [], []
    for number, line in enumerate(read_bytes(path).decode("utf-8", "replace").splitlines(), 1):
        if line.startswith("%"):
            said = line.lstrip("% ").strip()
            lowered = said.lower()
            if lowered == "grid" or lowered.startswith("data"):
                section, title = lowered[:4], said[4:].strip(" ()") if section else ""
            elif lowered.startswith("length unit:"):
                length_unit = said.split(":", 1)[1].strip()
            if section == "data":
                title = title if lowered.startswith("data") else said
                if blocks and not blocks[-1][1]:
                    blocks.pop()  # a name below the word Data
                blocks.append((title, []))
        elif line.strip() and section:
            try:
                numbers = [float(word) for word in line.replace(",", " ").split()]
            except ValueError:
                raise InputError(
                    f"{path}: row {number}: numbers were expected, found {line.strip()[:50]!r}"
                ) from None
            (axes if section == "grid" else blocks[-1][1]).append(numbers)
    if not 1 <= len(axes) <= len(_AXES) or not blocks:
        raise InputError(
            f"{path}: one line for each of 1 to 3 axes was expected below % Grid and numbers below "
            f"% Data, found {len(axes)} lines and {len(blocks)} sections of data"
        )
    shape = tuple(len(axis) for axis in axes)
    check_values(path, math.prod(shape))
    names = _AXES[: len(shape)]
    arrays = [
        Array(name, length_unit, (len(axis),), lambda axis=axis: np.array(axis), (name,), True)
        for name, axis in zip(names, axes, strict=True)
    ]
    for k, (title, rows) in enumerate(blocks):
        flat = np.array([value for row in rows for value in row])
        if flat.size != math.prod(shape):
            raise InputError(
                f"{path}: {' x '.join(map(str, shape))} numbers were expected below % Data, found "
                f"{flat.size}: the file was cut off, or is of another grid. Export it once more"
            )
        own, (name, unit) = flat.reshape(shape[::-1]).T, split_unit(title or f"data {k + 1}")
        arrays.append(Array(name, unit, shape, lambda own=own: own, names))
    return tables_from(path, arrays, {})
