"""Sweeps as zarr groups (format 2), whose plain files need no library to be written or read.

A group is a folder with JSON documents, and in it a folder for every array. Axes are one piece of
raw numbers; an observable has a file for every chunk.
"""

import json
import struct
import zlib

import numpy as np

MARK = ".zgroup"  # a file that every group holds
_FORMAT = {"zarr_format": 2}
_LONGEST = 0xFFFF  # bytes in a block of zlib's stored form


def group_files(result, chunks):
    """All files of a group but the chunks: path in the folder -> bytes.

    Args:
        result: a `SweepResult`, of whose observables no values are read.
        chunks: the `Chunks` of the observables.
    """
    documents = {".zgroup": _FORMAT, ".zattrs": result.flat_attributes}
    contents = {}
    for name, values in result.axes.items():
        documents |= _array(result, name, values.shape, values.shape, None)
        contents[f"{name}/0"] = np.ascontiguousarray(values, "<f8").tobytes()
    for name in result.values:
        # Stored as it is, since such numbers do not become shorter: zlib adds a checksum.
        packed = {"id": "zlib", "level": 0}
        documents |= _array(result, name, chunks.shape, chunks.chunk, packed)
    consolidated = {"zarr_consolidated_format": 1, "metadata": documents}
    for path, document in {**documents, ".zmetadata": consolidated}.items():
        contents[path] = (json.dumps(document, allow_nan=False) + "\n").encode()
    return contents


def _array(result, name, shape, chunk, compressor):
    """The documents of an array: path -> JSON value."""
    described = {
        "shape": [int(n) for n in shape],
        "chunks": [int(n) for n in chunk],
        "dtype": "<f8",
        "order": "C",
        "fill_value": "NaN",  # of what is not finished
        "compressor": compressor,
        "filters": None,
        "dimension_separator": ".",
        **_FORMAT,
    }
    # Format 2 has no other place for the names of dimensions.
    labels = {"_ARRAY_DIMENSIONS": list(result.dimensions_of(name)), **result.labels(name)}
    return {f"{name}/.zarray": described, f"{name}/.zattrs": labels}


def encoded(values, size):
    """The parts of a chunk's file: its values, and NaN up to so many points.

    They are what zlib.compress(..., 0) gives, RFC 1950 and 1951, which takes five times as long.
    """
    whole = np.ascontiguousarray(values, "<f8")
    if values.size < size:
        whole = np.concatenate([whole, np.full(size - values.size, np.nan, "<f8")])
    content = whole.data.cast("B")
    parts: list = [b"\x78\x01"]
    for start in range(0, len(content), _LONGEST):
        block = content[start : start + _LONGEST]
        last, length = start + _LONGEST >= len(content), len(block)
        parts += [struct.pack("<BHH", last, length, length ^ 0xFFFF), block]
    return [*parts, struct.pack(">I", zlib.adler32(content))]


def decoded(content, size):
    """The values of a chunk's file.

    Raises:
        ValueError: it is damaged.
    """
    try:
        values = np.frombuffer(zlib.decompress(content), "<f8")
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if values.size != size:
        raise ValueError(f"{size} numbers were wanted, got {values.size}")
    return values
