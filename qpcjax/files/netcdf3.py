"""netCDF-3 files, classic and with 64-bit offsets, which SciPy reads.

SciPy trusts the header of a file: a damaged byte would give numbers from elsewhere in the file, and
no error. So the header is checked against itself and against the size of the file.
"""

import dataclasses
import math
from typing import Any, NamedTuple

from scipy.io import netcdf_file

from qpcjax.files.arrays import tables_from
from qpcjax.files.hdf5_attributes import plain_values
from qpcjax.files.named_dimensions import Dataset, arrays_of, decoded
from qpcjax.files.table import check_size
from qpcjax.measurements import InputError

FORMAT = "netCDF-3"
_MOST_NAMES = 10_000


class _DamagedError(ValueError):
    """The header says something that cannot be true."""


class _Place(NamedTuple):
    """The bytes of a variable in the file; `size` is that of one record where it has records."""

    name: str
    begin: int
    size: int
    stated_size: int
    is_record: bool
    header_end: int


class _CheckedFile(netcdf_file):
    """SciPy's reader, which checks where a variable lies before it reads its numbers.

    SciPy has no public way to read a header alone, and takes the padding of one variable of short
    records for data. So three of its methods are extended, which read a name, a list of attributes
    and the header of a variable.
    """

    def __init__(self, file, size):
        self.names, self.places, self.file_size = [], [], size
        super().__init__(file, "r", mmap=False)
        if self._recs and None not in self.dimensions.values():
            raise _DamagedError(f"{self._recs} records, and no dimension without fixed length")
        _check_places(self.places, self._recs, size)

    def _unpack_string(self):
        if len(self.names) == _MOST_NAMES:
            raise _DamagedError(f"more than {_MOST_NAMES} dimensions, variables and attributes")
        self.names.append(super()._unpack_string())
        return self.names[-1]

    def _read_att_array(self):
        # SciPy keeps attributes as those of its own objects; the mark keeps them apart.
        return {f"@{name}": value for name, value in super()._read_att_array().items()}

    def _read_var(self):
        found: Any = super()._read_var()
        name, _, shape, _, _, itemsize, _, begin, stated = found
        is_record = shape[:1] == (None,)
        if None in shape[is_record:]:
            raise _DamagedError(f"a dimension of '{name}' without fixed length is not its first")
        if self._recs < 0 or begin < 0:
            raise _DamagedError(f"the number of records or the place of '{name}' is negative")
        size = math.prod(n % 2**32 for n in shape[is_record:]) * itemsize
        before = _record_size(self.places)
        self.places.append(_Place(name, int(begin), size, stated, is_record, self.fp.tell()))
        record_size = _record_size(self.places)
        records = self._recs if is_record else 1
        end = begin + (records - 1) * record_size + size if records else begin
        if end > self.file_size:
            raise _DamagedError(f"'{name}' should end at byte {end}, the file has {self.file_size}")
        # SciPy adds up the last one to the size of a record, with other padding than the format's.
        return *found[:-1], record_size - before


def _padded(size):
    return size + -size % 4


def _record_size(places):
    """The bytes of a record: variables stand side by side, without padding where there is one."""
    sizes = [place.size for place in places if place.is_record]
    return sizes[0] if len(sizes) == 1 else sum(map(_padded, sizes))


def _check_places(places, records, file_size):
    """Raise _DamagedError unless variables lie behind the header, each on a place of its own."""
    if len({place.name for place in places} - {""}) < len(places):
        raise _DamagedError("two variables have the same name, or one has none")
    record_size = _record_size(places)
    grown = [place for place in places if place.is_record]
    for place in places:
        allowed = {_padded(place.size)}
        if place.is_record:  # SciPy writes other numbers for one variable alone, and an empty one
            allowed |= ({place.size} if len(grown) == 1 else set()) | (set() if records else {0})
        if place.stated_size not in allowed:
            raise _DamagedError(f"the size of '{place.name}' contradicts its dimensions")
    extents = [(place.begin, place.begin + place.size) for place in places if not place.is_record]
    if grown:
        begin = start = grown[0].begin
        extents += [(start, start + records * record_size)] if records else []
        for place in grown if records else ():
            if place.begin != begin:
                raise _DamagedError(f"the records of '{place.name}' lie elsewhere than expected")
            begin += _padded(place.size)
        if start + (records + 1) * record_size <= file_size:
            raise _DamagedError(f"it says that it has {records} records, and has more")
    end = places[-1].header_end if places else 0
    for begin, stop in sorted(extents):
        if begin < end:
            raise _DamagedError("two variables, or one and the header, lie on the same place")
        end = stop


def read_netcdf3(path):
    """The tables in a netCDF-3 file, as `formats` calls it."""
    size = check_size(path)
    try:
        with path.open("rb") as file:
            found = _CheckedFile(file, size)
    except (OSError, ValueError, TypeError, LookupError, OverflowError, MemoryError) as error:
        known = isinstance(error, _DamagedError | OSError)
        reason = error if known else "its header ends too early or contradicts itself"
        raise InputError(
            f"{path}: cut off or damaged, and cannot be read as netCDF-3 ({reason}). Save or copy "
            "it once more, or convert it with 'nccopy -k nc4 in.nc out.nc'"
        ) from None
    variables = {f"/{_utf8(name)}": variable for name, variable in found.variables.items()}
    datasets = {name: _dataset(name, variable) for name, variable in variables.items()}

    def read(name):
        return decoded(variables[name].data, datasets[name].attributes)

    arrays = arrays_of(path, datasets, read)
    if not arrays:
        raise InputError(f"{path}: there is no variable of numbers in it")
    single = {d.own: _single(variables[d.name].data) for d in datasets.values() if _is_single(d)}
    tables = tables_from(path, arrays, plain_values(_attributes(found) | single))
    return [dataclasses.replace(table, format=FORMAT) for table in tables]


def _dataset(name, variable):
    dims = tuple(f"/{_utf8(dim)}" for dim in variable.dimensions)
    values = variable.data
    return Dataset(name, values.shape, values.dtype.kind, _attributes(variable), dims)


def _attributes(holder):
    return {_utf8(k[1:]): v for k, v in holder._attributes.items() if k.startswith("@")}


def _utf8(name):
    """A name as text, which SciPy takes for Latin-1."""
    return name.encode("latin-1").decode("utf-8", "replace")


def _is_single(dataset):
    """Whether it is one number or one text, which has a dimension for its letters."""
    return len(dataset.shape) < (2 if dataset.kind == "S" else 1)


def _single(values):
    return values.tobytes().rstrip(b"\0") if values.dtype.kind == "S" else values
