"""Files that gzip, bzip2 or xz packed: any other format is inside."""

import bz2
import dataclasses
import gzip
import lzma
import tempfile
from pathlib import Path

from qpcjax.files.damage import readable
from qpcjax.files.table import MOST_BYTES, MOST_VALUES, Column, Table, check_size, mib
from qpcjax.measurements import InputError

_OPENERS = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
_PIECE = 1 << 20
SUFFIXES = {"gzip": (".gz",), "bzip2": (".bz2",), "xz": (".xz",)}


def read_gzip(path):
    """The tables in a file that gzip packed, as `formats` calls it."""
    return _read(path, "gzip")


def read_bzip2(path):
    """The tables in a file that bzip2 packed."""
    return _read(path, "bzip2")


def read_xz(path):
    """The tables in a file that xz packed."""
    return _read(path, "xz")


def _read(path, kind):
    """The tables of the file inside, which is unpacked into a folder that goes again."""
    from qpcjax.files.formats import open_file

    check_size(path)
    suffix = path.suffix.lower()
    name = path.name[: -len(suffix)] if suffix in SUFFIXES[kind] else path.name
    with tempfile.TemporaryDirectory(prefix="qpcjax-") as folder:
        inside = Path(folder, name)
        _unpack(path, kind, inside)
        try:
            file = open_file(inside)
            left = MOST_VALUES
            tables = []
            for table in file.tables:
                columns = []
                for column in table.columns:
                    columns.append(_kept(column, inside, path))
                    left -= columns[-1].read.size
                    if left < 0:
                        raise InputError(
                            f"{path}: it holds more than {MOST_VALUES:.3g} numbers. Unpack it, and "
                            "give the part of it that is to be fitted"
                        )
                tables.append(_moved(table, tuple(columns), inside, path, f"{file.format}, {kind}"))
        except InputError as error:
            raise InputError(str(error).replace(str(inside), str(path))) from None
    return tables


def _unpack(path, kind, inside):
    size = 0
    with (
        readable(path, f"packed by {kind}", "Copy it once more"),
        _OPENERS[kind](path) as source,
        inside.open("wb") as target,
    ):
        while piece := source.read(_PIECE):
            size += len(piece)
            if size > MOST_BYTES:
                raise InputError(
                    f"{path}: it would unpack to more than {mib(MOST_BYTES)}, and no more are "
                    "read. Unpack it, and give the part of it that is to be fitted"
                )
            target.write(piece)


class _Kept:
    """The numbers of a column, or the error that reading them gave, after the file has gone."""

    def __init__(self, column, inside, path):
        self.values, self.problem = None, ""
        try:
            self.values = column.values
        except InputError as error:
            self.problem = str(error).replace(str(inside), str(path))

    @property
    def size(self):
        return 0 if self.values is None else self.values.size

    def __call__(self):
        if self.values is None:
            raise InputError(self.problem)
        return self.values


def _kept(column: Column, inside, path) -> Column:
    return dataclasses.replace(column, read=_Kept(column, inside, path))


def _moved(table: Table, columns, inside, path, format) -> Table:
    """The table with the packed file's name in it instead of the name of what was unpacked."""

    def named(text):
        return text.replace(str(inside), str(path))

    return dataclasses.replace(
        table,
        path=path,
        columns=columns,
        nameless=named(table.nameless),
        notes=tuple(map(named, table.notes)),
        format=format,
    )
