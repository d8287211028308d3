"""The registry of formats. The first bytes of a file tell its format, never its name alone."""

import dataclasses
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qpcjax.files.table import File, Table, check_size, digest, read_head
from qpcjax.measurements import InputError


def _later(module, name) -> Callable[[Path], Any]:
    """A function of a reader's module, which is imported when a file of its format is read."""
    return lambda path: getattr(importlib.import_module(f"qpcjax.files.{module}"), name)(path)


@dataclasses.dataclass(frozen=True)
class Format:
    """A format of files.

    Args:
        name: its name in messages and in `qpcjax inspect`.
        suffixes: usual ends of the names of its files, such as ".h5".
        mark: the bytes that identify it.
        read: path -> list of `Table`s, at least one.
        places: positions in the file at which the mark may stand.
        beside: path -> further files that hold a part of the data.
    """

    name: str
    suffixes: tuple[str, ...]
    mark: bytes
    read: Callable[[Path], list[Table]]
    places: tuple[int, ...] = (0,)
    beside: Callable[[Path], list[Path]] = lambda path: []

    def has(self, head):
        """Whether a file that begins with these bytes has this format."""
        return any(head[i : i + len(self.mark)] == self.mark for i in self.places)


FORMATS: list[Format] = [
    Format(
        "HDF5",
        (".h5", ".hdf5", ".hdf", ".nc", ".nc4", ".mat"),
        b"\x89HDF\r\n\x1a\n",
        _later("hdf5", "read_hdf5"),
        (0, 512, 1024, 2048),  # a block of the user's own may come first
    ),
    *(
        Format("netCDF-3", (".cdf", ".nc3"), b"CDF" + version, _later("netcdf3", "read_netcdf3"))
        for version in (b"\x01", b"\x02")  # with offsets of 32 and of 64 bits
    ),
    Format("NumPy .npz", (".npz",), b"PK", _later("npz", "read_npz")),
    Format(
        "QCoDeS .db",
        (".db",),
        b"SQLite format 3\0",
        _later("qcodes", "read_qcodes"),
        beside=_later("sqlite", "waiting"),
    ),
    # Any bytes might be text, so this format is the last one.
    Format("text", (".csv", ".tsv", ".txt", ".dat"), b"", _later("text", "read_text")),
]

_PICKLED = ("pickled", "A pickled object may run any code and is never read: save as .npz")
# First bytes of formats that are not read -> name of the format, and a remedy.
_FOREIGN = {
    b"CDF\x05": ("netCDF-3 with 64-bit data", "Convert it: nccopy -k nc4 in.nc out.nc"),
    b"\x93NUMPY": (
        "a single NumPy array",
        'Save the columns by name: np.savez(file, **{"gate (mV)": ..., "conductance (uS)": ...})',
    ),
    **{bytes([0x80, protocol]): _PICKLED for protocol in (2, 3, 4, 5)},
    b"\x1f\x8b": ("compressed by gzip", "Unpack it first"),
    b"BZh": ("compressed by bzip2", "Unpack it first"),
    b"\xfd7zXZ": ("compressed by xz", "Unpack it first"),
    b"\xd0\xcf\x11\xe0": ("an Excel sheet", "Save the table as plain CSV in UTF-8"),
    b"MATLAB 5.0": ("a MATLAB file of version 5", "Save it with -v7.3, or as plain CSV in UTF-8"),
}


def register(new: Format) -> Format:
    """Add a format, which every function that reads files then knows.

    A file of the new format is recognised before one of the formats that are there.

    Args:
        new: the format; its mark tells it from all others.

    Returns:
        The same format.

    Raises:
        TypeError: this is not a `Format`.
        ValueError: the name is taken, or the mark is empty or that of another format.
    """
    if not isinstance(new, Format):
        raise TypeError(f"a qpcjax.files.formats.Format was expected, got {new!r}")
    if not isinstance(new.mark, bytes) or not new.mark:
        raise ValueError(
            f"{new.name}: mark must be the bytes that tell the format, got {new.mark!r}"
        )
    for known in FORMATS:
        if known.name == new.name:
            raise ValueError(f"there is a format {new.name!r} already: choose another name")
        if known.mark == new.mark and set(known.places) & set(new.places):
            raise ValueError(f"{new.name}: the mark {new.mark!r} is that of {known.name}")
    FORMATS.insert(0, new)
    return new


def open_file(path) -> File:
    """The tables in a file of measurements; their numbers are read when they are asked for.

    Raises:
        InputError: no such file, a format that is not read, a file that is cut off or damaged.
    """
    path = Path(path)
    check_size(path, 1 << 50)  # it exists and is not empty; each reader has its own limit
    head = read_head(path)
    text = FORMATS[-1]
    found = next(f for f in FORMATS if f.has(head))
    if found is text:
        _refuse_foreign(path, head)
    promised = next((f for f in FORMATS if path.suffix.lower() in f.suffixes), found)
    if promised is not found and found is text:
        raise InputError(
            f"{path}: by its name it is {promised.name}, but it does not begin like that: it was "
            "cut off or damaged, or has another's name. Save or copy it once more, or call a text "
            "file .csv"
        )
    tables = tuple(found.read(path))
    if not tables:
        raise InputError(f"{path}: it holds no table of numbers")
    sha256 = digest(path, *found.beside(path))
    return File(path, tables[0].format or found.name, sha256, tables)


def _refuse_foreign(path, head):
    for begin, (kind, remedy) in _FOREIGN.items():
        if head.startswith(begin):
            raise InputError(f"{path}: this file is {kind}, which is not read. {remedy}")
