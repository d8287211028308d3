"""NumPy's .npz and .npy: arrays whose names hold their units, or with a text `NAME_unit` beside.

Nothing is unpickled, and no more is unpacked than the archive and the array's own header say.
"""

import math
import zipfile
import zlib

import numpy as np
from numpy.lib import format as npy

from qpcjax.files.arrays import Array, tables_from, unit_from
from qpcjax.files.damage import readable
from qpcjax.files.table import MOST_BYTES, check_size, check_values, mib
from qpcjax.measurements import InputError

# What a damaged archive raises; NotImplementedError is zipfile's for a compression it lacks.
_BROKEN = (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, NotImplementedError)
_PICKLED = (
    "pickled objects may run any code when they are read, so they are not. Save arrays of numbers"
)
_UNIT_ENDS = ("_unit", "_units")


def read_npz(path):
    """The tables in an .npz file, as `formats` calls it."""
    check_size(path)
    headers, texts, numbers = _members(path)
    arrays = []
    for name, shape in headers.items():
        beside = [texts.pop(name + end, None) for end in _UNIT_ENDS]
        unit = unit_from(path, name, beside)
        arrays.append(Array(name, unit, shape, lambda name=name: _read(path, name)))
    if not arrays:
        raise InputError(f"{path}: there is no array of numbers in it")
    return tables_from(path, arrays, {**texts, **numbers})


def read_npy(path):
    """The table in an .npy file: an array with named fields, or with columns that have numbers."""
    size = check_size(path)
    with readable(path, "a NumPy array"):
        with path.open("rb") as stream:
            shape, dtype, begin = _stated(stream)
        if dtype.hasobject:
            raise InputError(f"{path}: {_PICKLED}")
        if begin + math.prod(shape) * dtype.itemsize != size:
            raise ValueError(f"the shape {shape} does not fit its {size} bytes")
    check_values(path, math.prod(shape))

    def read(name=None):
        with readable(path, "a NumPy array"):
            whole = np.load(path, allow_pickle=False)
        return whole if name is None else whole[name]

    if dtype.names is None:
        if len(shape) < 2 or dtype.kind not in "biufc":
            raise InputError(
                f"{path}: a single NumPy array of the shape {shape}, where two columns were "
                'expected. Save all columns by name: np.savez(file, **{"gate (V)": ..., '
                '"conductance (uS)": ...})'
            )
        return tables_from(path, [Array("array", None, shape, read)], {})
    kinds = {name: dtype[name] for name in dtype.names}
    arrays = [
        Array(name, unit_from(path, name, []), (*shape, *kind.shape), lambda n=name: read(n))
        for name, kind in kinds.items()
        if shape and kind.base.kind in "biufc"
    ]
    if not arrays:
        raise InputError(f"{path}: there is no field of numbers in it")
    return tables_from(path, arrays, {})


def _members(path):
    """Shapes of the arrays, and the texts and single numbers, by name."""
    headers, texts, numbers = {}, {}, {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_members(path, members)
            for member in members:
                name = member.filename.removesuffix(".npy")
                shape, dtype = _header(path, archive, member)
                if shape and dtype.kind in "biufc":
                    headers[name] = shape
                elif not shape and dtype.kind in "biufU":
                    value = _values(path, archive, member).item()
                    (texts if isinstance(value, str) else numbers)[name] = value
    except _BROKEN as error:
        if isinstance(error, InputError):
            raise
        raise _corrupt(path, error) from None
    return headers, texts, numbers


def _check_members(path, members):
    names = [member.filename for member in members]
    if not any(name.endswith(".npy") for name in names):
        raise InputError(
            f"{path}: this is a zip archive (a spreadsheet?) that holds no NumPy arrays. Save the "
            "table as plain CSV in UTF-8, or unpack the archive"
        )
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{path}: more than one array is called '{name}'; name each its own")
    size = sum(member.file_size for member in members)
    if size > MOST_BYTES:
        raise InputError(
            f"{path}: it would unpack to {mib(size)}, and no more than {mib(MOST_BYTES)} are read. "
            "Save only the arrays that are to be fitted"
        )


def _header(path, archive, member):
    """Shape and dtype of an array, checked against the size in the archive."""
    with archive.open(member) as stream:
        shape, dtype, begin = _stated(stream)
        if dtype.hasobject:
            raise InputError(f"{path}: the array '{member.filename}': {_PICKLED}")
        if begin + math.prod(shape) * dtype.itemsize != member.file_size:
            raise InputError(
                f"{path}: the array '{member.filename}' says that it has the shape {shape}, but "
                f"the archive holds {member.file_size} bytes of it: the file is damaged. Save it "
                "once more"
            )
    return shape, dtype


def _stated(stream):
    """Shape and dtype of an array, and where its numbers begin."""
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(stream)
    return shape, dtype, stream.tell()


def _values(path, archive, member):
    _header(path, archive, member)
    # Python's zipfile stops at the size that was checked, whatever the compressed bytes go on to.
    with archive.open(member) as stream:
        return npy.read_array(stream, allow_pickle=False)


def _read(path, name):
    try:
        with zipfile.ZipFile(path) as archive:
            return _values(path, archive, archive.getinfo(f"{name}.npy"))
    except (*_BROKEN, KeyError) as error:
        if isinstance(error, InputError):
            raise
        raise _corrupt(path, error, f", array '{name}'") from None


def _corrupt(path, error, where=""):
    return InputError(
        f"{path}{where}: a zip archive that was cut off or damaged, or no .npz at all, cannot be "
        f"unpacked ({error}). Save or copy it once more; a spreadsheet, as plain CSV in UTF-8"
    )
