"""Fields of AVS/Express, .fld: what nextnano writes of two and three dimensions.

The header is text: the number of points along each axis, a label for each variable, and where the
numbers stand, such as `variable 1 file=NAME filetype=ascii skip=0 offset=0 stride=1`. In text skip
counts lines, in binary files bytes. The first axis runs fastest.
"""

import math
import re

import numpy as np

from qpcjax.files.arrays import Array, tables_from
from qpcjax.files.column_units import split_unit
from qpcjax.files.table import check_values, read_bytes
from qpcjax.measurements import InputError

_AXES = ("x", "y", "z")
_WHOLE = re.compile(r"[0-9]{1,9}")
_PLACES = {"skip": "0", "offset": "0", "stride": "1"}
_KINDS = {"double": "<f8", "float": "<f4"}
_SOURCE = re.compile(r"(variable|coord)\s+(\d+)\s+(.*)")


def read_avs(path):
    """The table of a field, as `formats` calls it; its axes are x, y and z in nm."""
    header, sources = _header(path)
    shape = tuple(_count(path, header, f"dim{k + 1}") for k in range(_count(path, header, "ndim")))
    if not 1 <= len(shape) <= len(_AXES) or header.get("field", ["rectilinear"]) != ["rectilinear"]:
        raise InputError(
            f"{path}: a rectilinear field of 1 to 3 axes was expected, found ndim = {len(shape)}, "
            f"field = {header.get('field', ['?'])[0]}"
        )
    check_values(path, math.prod(shape))
    kind = header.get("data", ["double"])[0]
    if kind not in _KINDS:
        raise InputError(f"{path}: data must be {' or '.join(_KINDS)}, found {kind!r}")

    def values(what, number, count):
        if (what, number) not in sources:
            raise InputError(f"{path}: the header has no line '{what} {number} file=...'")
        return _numbers(path, sources[what, number], count, _KINDS[kind])

    arrays = []
    for k, count in enumerate(shape):
        own = values("coord", k + 1, count)
        arrays.append(Array(_AXES[k], "nm", (count,), lambda own=own: own, (_AXES[k],), True))
    labels = header.get("label", [])
    for k in range(_count(path, header, "veclen")):
        label = labels[k] if k < len(labels) else f"variable {k + 1}"
        name, unit = split_unit(label)
        own = values("variable", k + 1, math.prod(shape)).reshape(shape[::-1]).T
        arrays.append(Array(name, unit, shape, lambda own=own: own, _AXES[: len(shape)]))
    return tables_from(path, arrays, {})


def files_of(path):
    """The files beside a header that hold its numbers, as `formats` calls it."""
    _, sources = _header(path)
    named = dict.fromkeys(path.parent / said["file"] for said in sources.values() if "file" in said)
    return [other for other in named if other.name != path.name]


def _header(path):
    """Values of each key, and the places of variables and coordinates."""
    header, sources = {}, {}
    for line in read_bytes(path).decode("latin-1").splitlines():
        line = line.strip()
        place = _SOURCE.fullmatch(line)
        if place:
            pairs = (word.split("=", 1) for word in place[3].split() if "=" in word)
            sources[place[1], int(place[2])] = dict(pairs)
        elif "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            header.setdefault(key.strip(), []).append(value.split("#")[0].strip())
        elif line and not line.startswith("#"):
            break  # the numbers begin
    return header, sources


def _count(path, header, key):
    value = header.get(key, ["?"])[0]
    if not _WHOLE.fullmatch(value) or int(value) < 1:
        raise InputError(f"{path}: '{key} = a whole number' was expected, found {value!r}")
    return int(value)


def _numbers(path, said, count, kind):
    """The numbers of one variable or axis."""
    places = [said.get(key, usual) for key, usual in _PLACES.items()]
    if not all(_WHOLE.fullmatch(place) for place in places) or int(places[-1]) < 1:
        raise InputError(f"{path}: skip, offset and stride must be whole numbers, got {said}")
    skip, offset, stride = map(int, places)
    name = said.get("file", path.name)
    if "/" in name or "\\" in name:
        raise InputError(f"{path}: the numbers must stand in a file beside it, found {name!r}")
    source = path if name == path.name else path.parent / name
    content = read_bytes(source)
    if said.get("filetype") == "binary":
        size = np.dtype(kind).itemsize
        rest = content[skip:]
        found = np.frombuffer(rest[: len(rest) // size * size], kind)[offset::stride][:count]
    else:
        end = offset + stride * (count - 1) + 1
        rest = " ".join(content.decode("latin-1").splitlines()[skip:])
        words = rest.split(maxsplit=end)[offset:end:stride]
        try:
            found = np.array(words, float)
        except ValueError:
            raise InputError(
                f"{source}: {count} numbers were expected behind line {skip}, found words"
            ) from None
    if found.size != count:
        raise InputError(
            f"{source}: {count} numbers were expected, found {found.size}: the file was cut off. "
            "Copy it once more"
        )
    return found.astype(float)
