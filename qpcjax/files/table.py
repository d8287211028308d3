"""The table into which every format is read, and limits that hold for all formats."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from qpcjax.measurements import InputError

MOST_BYTES = 1 << 30  # of a file that is read as a whole; a trace of a million points has 2e7
MOST_VALUES = MOST_BYTES // 8  # of one part of a file, all columns together
_OVERFLOW = 9.9e37, 9.92e37  # what instruments send for a reading beyond their range, and for none


@dataclasses.dataclass(frozen=True, eq=False)
class Column:
    """One column, in the order of the measurement. Its numbers are read when they are asked for.

    Args:
        title: its name in the file, with its unit where that is part of the name.
        name: the same without the unit.
        unit: as the file states it, None where it does not.
        read: gives the numbers, NaN where one is missing; raises InputError.
        swept: whether the file says that this was set and the others measured against it.
        label: a longer name, where the file has one.
        number: its place in a table of text, counted from 0.
    """

    title: str
    name: str
    unit: str | None
    read: Callable[[], np.ndarray]
    swept: bool = False
    label: str = ""
    number: int | None = None

    @cached_property
    def values(self) -> np.ndarray:
        """The numbers: one dimension, float64 or complex128."""
        values = np.asarray(self.read())
        with np.errstate(invalid="ignore"):  # as a damaged NaN is
            kind = complex if values.dtype.kind == "c" else float
            values = values.astype(kind, copy=False)
            ends = [f.reduce(values) for f in (np.fmin, np.fmax)] if values.size else [0.0]
            if kind is float and np.max(np.abs(ends)) < _OVERFLOW[0]:  # mostly, without a copy
                return values
            out_of_range = (np.abs(values) >= _OVERFLOW[0]) & (np.abs(values) <= _OVERFLOW[1])
        return np.where(out_of_range, np.nan, values) if np.any(out_of_range) else values

    @property
    def moves(self) -> bool:
        """Whether it holds more than one number; not where it holds text."""
        try:
            values = self.values
        except InputError:
            return False
        if values.dtype.kind != "c":
            return bool(values.size and np.fmin.reduce(values) < np.fmax.reduce(values))
        there = values[~np.isnan(values)]
        return bool(there.size and np.any(there != there[0]))


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """Columns of one length that were measured together.

    Args:
        path: the file.
        columns: at least one; swept ones first where the file knows them.
        part: which part of the file it is, such as a run's number; "" where the file has only one.
        metadata: other facts of the file: texts and numbers.
        nameless: why the columns have no names but their numbers; "" where they have.
        notes: what may be wrong with it although it can be read.
        format: a narrower name of the file's format, "" where there is none.
    """

    path: Path
    columns: tuple[Column, ...]
    part: str = ""
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    nameless: str = ""
    notes: tuple[str, ...] = ()
    format: str = ""

    @property
    def where(self):
        """File and part, for messages."""
        return f"{self.path}, part {self.part}" if self.part else str(self.path)

    @property
    def name(self):
        """What data from it are called."""
        return f"{self.path.name}, part {self.part}" if self.part else self.path.name


@dataclasses.dataclass(frozen=True, eq=False)
class File:
    """The content of a file.

    Args:
        path: the file.
        format: the recognised format.
        sha256: of its bytes.
        tables: its parts.
    """

    path: Path
    format: str
    sha256: str
    tables: tuple[Table, ...]


def mib(size):
    """A number of bytes for a message."""
    return f"{size / 2**20:.0f} MiB"


def check_size(path, most=MOST_BYTES):
    """Number of bytes of a file that may be read.

    Raises:
        InputError: it is not there, no file, empty, or larger than `most`.
    """
    with _mended(path):
        size = path.stat().st_size
        if path.is_dir():
            raise IsADirectoryError
    if not size:
        raise InputError(f"{path}: the file is empty")
    if size > most:
        raise InputError(
            f"{path}: the file has {mib(size)}, and no more than {mib(most)} are read. Give a part "
            "of it: the columns or the scan that are to be fitted"
        )
    return size


def read_bytes(path, most=MOST_BYTES):
    """The content of a file that is not too large; InputError where it cannot be read."""
    check_size(path, most)
    with _mended(path):
        content = path.read_bytes()
    if not content.strip():
        raise InputError(f"{path}: the file is empty")
    return content


def read_head(path, size=4096):
    """The first bytes of a file."""
    with _mended(path), path.open("rb") as file:
        return file.read(size)


def digest(*paths):
    """SHA-256 of files one after the other, a piece at a time."""
    found = hashlib.sha256()
    for path in paths:
        with _mended(path), path.open("rb") as file:
            while piece := file.read(1 << 20):
                found.update(piece)
    return found.hexdigest()


def check_values(where, number):
    """Raise InputError where a part of a file holds more numbers than are read."""
    if number > MOST_VALUES:
        raise InputError(
            f"{where}: it holds {number:.3g} numbers, and no more than {MOST_VALUES:.3g} are read. "
            "Give a part of it: the columns or the scan that are to be fitted"
        )


class _mended:
    """Turn an error of the file system into an InputError."""

    def __init__(self, path):
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if isinstance(error, FileNotFoundError):
            raise InputError(f"{self.path}: there is no such file") from None
        if isinstance(error, IsADirectoryError):
            raise InputError(f"{self.path}: this is a folder, a file was expected") from None
        if isinstance(error, OSError):
            raise InputError(f"{self.path}: cannot be read ({error.strerror})") from None
