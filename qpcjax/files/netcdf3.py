"""netCDF-3 files, classic and with 64-bit offsets: what netCDF was before it was HDF5.

The header is read here and held against the size of the file before any numbers are: libraries
trust it, so that a damaged byte would give numbers from elsewhere in the file, and no error.
"""

import contextlib
import dataclasses
import math

import numpy as np

from qpcjax.files.arrays import tables_from
from qpcjax.files.hdf5_attributes import plain_values
from qpcjax.files.named_dimensions import Dataset, arrays_of, decoded
from qpcjax.files.table import check_size
from qpcjax.measurements import InputError

FORMAT = "netCDF-3"
_MOST_OBJECTS = 10_000  # dimensions, variables and attributes
_MOST_DIMENSIONS = 1024  # of a variable
_DIMENSIONS, _VARIABLES, _ATTRIBUTES = 10, 11, 12
_TYPES = {1: ">i1", 2: "S1", 3: ">i2", 4: ">i4", 5: ">f4", 6: ">f8"}


class _DamagedError(ValueError):
    """Something in the header that cannot be."""


@dataclasses.dataclass(frozen=True)
class _Variable:
    """A variable as the header has it; those over the record dimension stand side by side in it."""

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    attributes: dict
    dtype: np.dtype
    begin: int
    stated_size: int
    is_record: bool
    record_size: int = 0

    @property
    def size(self):
        """Bytes in one piece: all of it, or what one record has of it."""
        lengths = self.shape[1:] if self.is_record else self.shape
        return math.prod(lengths) * self.dtype.itemsize

    @property
    def end(self):
        """The byte behind its last."""
        if not self.is_record:
            return self.begin + self.size
        records = self.shape[0]
        return self.begin + (records - 1) * self.record_size + self.size if records else self.begin


def read_netcdf3(path):
    """The tables in a netCDF-3 file, as `formats` calls it."""
    size = check_size(path)
    with _mended(path):
        with path.open("rb") as file:
            attributes, variables = _read_header(path, file, size)
        single = {v.name: _single(path, v) for v in variables.values() if _is_single(v)}
    datasets = {
        name: Dataset(name, v.shape, v.dtype.kind, v.attributes, tuple(f"/{d}" for d in v.dims))
        for name, v in variables.items()
    }
    arrays = arrays_of(path, datasets, lambda name: _read(path, variables[name]))
    if not arrays:
        raise InputError(f"{path}: there is no variable of numbers in it")
    return [
        dataclasses.replace(table, format=FORMAT)
        for table in tables_from(path, arrays, plain_values(attributes | single))
    ]


def _is_single(variable):
    """Whether it is one number or one text, which has a dimension for its letters."""
    return len(variable.shape) < (2 if variable.dtype.kind == "S" else 1)


def _single(path, variable):
    values = _values(path, variable)
    return values.tobytes().rstrip(b"\0") if values.dtype.kind == "S" else values


def _read(path, variable):
    with _mended(path):
        return decoded(_values(path, variable), variable.attributes)


def _values(path, variable):
    """The numbers as they stand in the file."""
    v = variable
    with path.open("rb") as file:
        file.seek(v.begin)
        content = file.read(v.end - v.begin)
    if len(content) < v.end - v.begin:
        raise _DamagedError(f"'{v.name}' ends too early")
    if not v.is_record or not content:
        return np.frombuffer(content, v.dtype).reshape(v.shape)
    inner = np.empty(v.shape[1:], v.dtype).strides
    return np.ndarray(v.shape, v.dtype, content, strides=(v.record_size, *inner))


@contextlib.contextmanager
def _mended(path):
    """Turns what goes wrong in the file into an InputError."""
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, TypeError, OverflowError) as error:
        raise InputError(
            f"{path}: cut off or damaged, and cannot be read as netCDF-3 ({error}). Save or copy "
            "it once more, or convert it with 'nccopy -k nc4 in.nc out.nc'"
        ) from None


# --- the header -----------------------------------------------------------------------------


def _read_header(path, file, size):
    """Attributes of the file and its variables by name, all of which lie in it."""
    header = _Header(path, file, size)
    wide = header.take(4)[3] == 2  # whether offsets have 64 bits
    records = header.number()
    dimensions = header.listed(_DIMENSIONS, header.number)
    attributes = header.listed(_ATTRIBUTES, header.values)
    growing = list(dimensions.values()).count(0)
    if growing > 1 or (records and not growing):
        raise _DamagedError(f"{growing} dimensions are without fixed length, for {records} records")
    lengths = {name: length or records for name, length in dimensions.items()}
    grows = next((name for name, length in dimensions.items() if not length), None)
    found = header.listed(_VARIABLES, lambda: _variable(header, lengths, grows, wide))
    variables = [_Variable(name, *facts) for name, facts in found.items()]
    return attributes, {f"/{v.name}": v for v in _placed(variables, header.place, size)}


class _Header:
    """Reads a header from its beginning on.

    Args:
        path: the file, for a message.
        file: the same, opened.
        size: its bytes.
    """

    def __init__(self, path, file, size):
        self._path, self._file, self._size = path, file, size
        self.place = self._objects = 0

    def take(self, count):
        """The next bytes."""
        content = self._file.read(count) if count <= self._size - self.place else b""
        if len(content) < count:
            raise _DamagedError("its header ends too early")
        self.place += count
        return content

    def number(self, size=4):
        """The next number, of so many bytes."""
        return int.from_bytes(self.take(size), "big")

    def _padded(self, count):
        content = self.take(count)
        self.take(-count % 4)
        return content

    def listed(self, mark, read):
        """A list, which begins with its mark: name -> what `read` finds behind the name."""
        begin, count = self.number(), self.number()
        if begin != mark and (begin or count):
            raise _DamagedError(f"a list that should begin with {mark} begins with {begin}")
        self._objects += count
        if self._objects > _MOST_OBJECTS:
            raise InputError(
                f"{self._path}: it says that it holds more than {_MOST_OBJECTS} dimensions, "
                "variables and attributes: it is damaged, or give a file that holds the "
                "measurement alone"
            )
        found = {}
        for _ in range(count):
            name = self._padded(self.number()).decode("utf-8", "replace")
            if not name or name in found:
                raise _DamagedError(f"'{name}' is the name of more than one thing, or of none")
            found[name] = read()
        return found

    def dtype(self):
        """The type of what follows."""
        kind = self.number()
        if kind not in _TYPES:
            raise _DamagedError(f"there is no type {kind}")
        return np.dtype(_TYPES[kind])

    def values(self):
        """What an attribute says: text, or numbers."""
        dtype = self.dtype()
        content = self._padded(self.number() * dtype.itemsize)
        if dtype.kind == "S":
            return content.rstrip(b"\0")
        return np.frombuffer(content, dtype).astype(dtype.newbyteorder("="))


def _variable(header, lengths, grows, wide):
    """What stands behind a variable's name, in the order of `_Variable`."""
    names, count = list(lengths), header.number()
    if count > _MOST_DIMENSIONS:
        raise _DamagedError(f"a variable has {count} dimensions")
    numbers = [header.number() for _ in range(count)]
    if any(n >= len(names) for n in numbers):
        raise _DamagedError("a variable has a dimension that there is not")
    dims = tuple(names[n] for n in numbers)
    if grows in dims[1:]:
        raise _DamagedError("a dimension without fixed length is not the first of a variable")
    shape = tuple(lengths[dim] for dim in dims)
    attributes = header.listed(_ATTRIBUTES, header.values)
    dtype, stated, begin = header.dtype(), header.number(), header.number(8 if wide else 4)
    return dims, shape, attributes, dtype, begin, stated, grows in dims


def _placed(variables, begin, size):
    """The variables, once it is sure that none lies outside of the file or on another's place."""
    growing = [v for v in variables if v.is_record]
    alone = len(growing) == 1
    record_size = growing[0].size if alone else sum(_rounded(v.size) for v in growing)
    variables = [
        dataclasses.replace(v, record_size=record_size) if v.is_record else v for v in variables
    ]
    for v in variables:
        if v.end > size:
            raise _DamagedError(f"'{v.name}' should end at byte {v.end}, the file has {size}")
        # SciPy does not round up where one variable grows alone, nor count what is empty.
        allowed = {_rounded(v.size)}
        if v.is_record:
            allowed |= ({v.size} if alone else set()) | (set() if v.shape[0] else {0})
        if v.stated_size not in allowed:
            raise _DamagedError(f"the size of '{v.name}' contradicts its dimensions")
    fixed = sorted((v.begin, v.end) for v in variables if not v.is_record)
    first = sorted((v.begin, v.begin + v.size) for v in variables if v.is_record)
    records = next((v.shape[0] for v in variables if v.is_record), 0)
    for start, end in fixed + (first if records else []):
        if start < begin:
            raise _DamagedError("variables lie on one another's place")
        begin = end
    if first:
        start = first[0][0]
        if records and begin > start + record_size:
            raise _DamagedError("variables lie on one another's place")
        if start + (records + 1) * record_size <= size:
            raise _DamagedError(f"it says that it has {records} records, and has more")
    return variables


def _rounded(size):
    return size + -size % 4
