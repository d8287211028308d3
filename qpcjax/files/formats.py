"""The formats, and which one a file has: told by its first bytes, never by its name alone."""

import dataclasses
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qpcjax.files.table import File, Table, check_size, digest, read_head
from qpcjax.measurements import InputError


def _later(module, name) -> Callable[[Path], Any]:
    """A function of a reader's module, which is not imported before a file of its format is."""
    return lambda path: getattr(importlib.import_module(f"qpcjax.files.{module}"), name)(path)


@dataclasses.dataclass(frozen=True)
class Format:
    """A format that is read.

    Args:
        name: what it is called.
        suffixes: what its files' names end in.
        mark: the bytes that tell it.
        read: path -> list of its `Table`s.
        places: where the bytes may stand.
        beside: path -> further files that hold a part of it.
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


FORMATS = (
    Format(
        "HDF5",
        (".h5", ".hdf5", ".hdf", ".nc", ".nc4", ".mat"),
        b"\x89HDF\r\n\x1a\n",
        _later("hdf5", "read_hdf5"),
        (0, 512, 1024, 2048),  # a block of the user's may stand before it
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
        beside=_later("qcodes", "waiting"),
    ),
    # Last, as any bytes might be text.
    Format("text", (".csv", ".tsv", ".txt", ".dat"), b"", _later("text", "read_text")),
)

_PICKLED = ("pickled", "What is pickled may run any code and is never read: save as .npz")
# First bytes of what is not read -> what it is, and what to do.
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


def open_file(path) -> File:
    """What stands in a file of measurements; its numbers are read when they are asked for.

    Raises:
        InputError: no such file, a format that is not read, a file that is cut off or damaged.
    """
    path = Path(path)
    check_size(path, 1 << 50)  # there, a file and not empty: the readers know their own limits
    head = read_head(path)
    for begin, (kind, remedy) in _FOREIGN.items():
        if head.startswith(begin):
            raise InputError(f"{path}: this file is {kind}, which is not read. {remedy}")
    found = next(f for f in FORMATS if f.has(head))
    promised = next((f for f in FORMATS if path.suffix.lower() in f.suffixes), found)
    if promised is not found and found is FORMATS[-1]:
        raise InputError(
            f"{path}: by its name it is {promised.name}, but it does not begin like that: it was "
            "cut off or damaged, or has another's name. Save or copy it once more, or call a text "
            "file .csv"
        )
    tables = tuple(found.read(path))
    sha256 = digest(path, *found.beside(path))
    return File(path, tables[0].format or found.name, sha256, tables)
