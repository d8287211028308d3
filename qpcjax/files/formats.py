"""The registry of formats. The first bytes of a file tell its format, never its name alone."""

import dataclasses
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qpcjax.files.foreign import IGOR_AS_TEXT, MATLAB_AS_TEXT, TDMS_AS_TEXT, refuse_foreign
from qpcjax.files.table import File, Table, check_size, digest, read_head
from qpcjax.measurements import InputError


def _later(module, name) -> Callable[[Path], Any]:
    """A function of a reader's module, which is imported when a file of its format is read."""
    return lambda path: getattr(importlib.import_module(f"qpcjax.files.{module}"), name)(path)


def _always(path):
    return True


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
        also: path -> whether a file with the mark has this format, where the mark is not enough.
        export: what to do in the program that writes it, for a file that is damaged.
    """

    name: str
    suffixes: tuple[str, ...]
    mark: bytes
    read: Callable[[Path], list[Table]]
    places: tuple[int, ...] = (0,)
    beside: Callable[[Path], list[Path]] = lambda path: []
    also: Callable[[Path], bool] = _always
    export: str = ""

    def has(self, path, head):
        """Whether a file that begins with these bytes has this format."""
        marked = any(head[i : i + len(self.mark)] == self.mark for i in self.places)
        return marked and self.also(path)


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
    *(
        Format(name, suffixes, b"PK", _later("sheets", read), also=_later("sheets", test))
        for name, suffixes, read, test in (
            ("Excel .xlsx", (".xlsx", ".xlsm"), "read_xlsx", "is_xlsx"),
            ("OpenDocument .ods", (".ods",), "read_ods", "is_ods"),
        )
    ),
    Format("NumPy .npz", (".npz",), b"PK", _later("npz", "read_npz")),
    Format("NumPy .npy", (".npy",), b"\x93NUMPY", _later("npz", "read_npy")),
    Format(
        "QCoDeS .db",
        (".db",),
        b"SQLite format 3\0",
        _later("qcodes", "read_qcodes"),
        beside=_later("sqlite", "waiting"),
    ),
    Format(
        "MATLAB 5", (".mat",), b"MATLAB 5.0", _later("matlab", "read_matlab"), export=MATLAB_AS_TEXT
    ),
    Format("LabVIEW TDMS", (".tdms",), b"TDSm", _later("tdms", "read_tdms"), export=TDMS_AS_TEXT),
    Format(
        "AVS .fld", (".fld",), b"# AVS", _later("avs", "read_avs"), beside=_later("avs", "files_of")
    ),
    Format(
        "COMSOL grid", (), b"%", _later("comsol", "read_comsol"), also=_later("comsol", "is_grid")
    ),
    Format("Spyview .mtx", (".mtx",), b"Units,", _later("spyview", "read_spyview")),
    *(
        Format(
            "Igor .ibw",
            (".ibw",),
            version,
            _later("igor", "read_igor"),
            also=_later("igor", "is_wave"),
            export=IGOR_AS_TEXT,
        )
        for version in (b"\1\0", b"\2\0", b"\3\0", b"\5\0", b"\0\1", b"\0\2", b"\0\3", b"\0\5")
    ),
    *(
        Format(kind, (suffix,), mark, _later("packed", f"read_{kind}"))
        for kind, suffix, mark in (
            ("gzip", ".gz", b"\x1f\x8b"),
            ("bzip2", ".bz2", b"BZh"),
            ("xz", ".xz", b"\xfd7zXZ\0"),
        )
    ),
    Format(
        "JSON",
        (".json",),
        b"",
        _later("json_arrays", "read_json"),
        also=_later("json_arrays", "begins"),
    ),
    # Any bytes might be text, so this format is the last one.
    Format(
        "text",
        (".csv", ".tsv", ".txt", ".dat", ".lvm", ".itx"),
        b"",
        _later("text", "read_text"),
        beside=_later("text_meta", "meta_files"),
    ),
]


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
        alike = known.mark == new.mark and set(known.places) & set(new.places)
        if alike and known.also is _always and new.also is _always:
            raise ValueError(f"{new.name}: the mark {new.mark!r} is that of {known.name}")
    FORMATS.insert(0, new)
    return new


def recognised(path: Path) -> Format:
    """The format of a file, by its first bytes; `FORMATS[-1]` is text.

    Raises:
        InputError: no such file, a format that is not read, a name that promises another one.
    """
    check_size(path, 1 << 50)  # it exists and is not empty; each reader has its own limit
    head = read_head(path)
    text = FORMATS[-1]
    found = next(f for f in FORMATS if f.has(path, head))
    if found is text:
        refuse_foreign(path, head)
    promised = next((f for f in FORMATS if path.suffix.lower() in f.suffixes), found)
    if promised is not found and found is text:
        raise InputError(
            f"{path}: by its name it is {promised.name}, but it does not begin like that: it was "
            "cut off or damaged, or has another's name. Save or copy it once more, or call a text "
            f"file .csv{promised.export and f'. {promised.export}'}"
        )
    return found


def open_file(path) -> File:
    """The tables in a file of measurements; their numbers are read when they are asked for.

    Raises:
        InputError: no such file, a format that is not read, a file that is cut off or damaged.
    """
    path = Path(path)
    found = recognised(path)
    tables = tuple(found.read(path))
    if not tables:
        raise InputError(f"{path}: it holds no table of numbers")
    sha256 = digest(path, *found.beside(path))
    return File(path, tables[0].format or found.name, sha256, tables)
