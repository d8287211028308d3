"""Tables of results as CSV, JSON and netCDF, with units, versions and where they are from."""

import csv
import hashlib
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from qpcjax.files.column_units import split_unit
from qpcjax.files.optional_libraries import need
from qpcjax.measurements import InputError

SUFFIXES = {"csv": ".csv", "json": ".json", "netcdf": ".nc"}
_LIBRARIES = {"netcdf": ("h5netcdf",), "zarr": ("xarray", "zarr")}  # of the extra `files`


def table_files(
    stem,
    columns: Mapping[str, Iterable],
    formats: Sequence[str] = ("csv",),
    attributes: Mapping | None = None,
    index: str | None = None,
) -> dict[str, str | bytes]:
    """A table as the content of a file for each format, for `write_files`.

    Args:
        stem: name of the files without suffix.
        columns: column title, with its unit in brackets -> values, numbers or words. A column
            called unit states those of the rows.
        formats: of csv, json and netcdf.
        attributes: what the table is from: name -> text, number, or a mapping of them.
        index: title of the column that the others are functions of.

    Returns:
        File name -> content. A CSV has the attributes in comments behind its rows, so that its
        first line stays the header.

    Raises:
        InputError: a format that is not known, or netCDF without the extra `files`.
    """
    check_formats(formats)
    attributes = attributes or {}
    made = {}
    for name in dict.fromkeys(formats):
        if name == "csv":
            content = "".join(csv_pieces([columns], attributes))
        elif name == "json":
            content = save_json(_as_json(columns, attributes))
        else:
            content = save_netcdf(columns, attributes, index)
        made[stem + SUFFIXES[name]] = content
    return made


def csv_pieces(pieces: Iterable[Mapping[str, Iterable]], attributes: Mapping) -> Iterator[str]:
    """The text of a CSV file, piece by piece; every CSV file of the package is made here.

    Args:
        pieces: the columns of some rows, and of the following rows: title -> values.
        attributes: what the table is from, which stands in comments behind the rows.
    """
    for number, columns in enumerate(pieces):
        yield save_table(columns, header=not number)
    for name, value in attributes.items():
        yield f"# {name}: {one_line(value)}\n"


def save_table(
    columns: Mapping[str, Iterable], comments: Iterable[str] = (), header: bool = True
) -> str:
    """CSV text of equally long columns, in full precision.

    Args:
        columns: column title, with its unit -> values.
        comments: lines put in front, each behind a #.
        header: whether the titles stand above the rows; not where the rows go on those before.
    """
    values = {title: np.asarray(column) for title, column in columns.items()}
    shapes = {title: column.shape for title, column in values.items()}
    if len(set(shapes.values())) != 1 or any(len(shape) != 1 for shape in shapes.values()):
        raise ValueError(f"columns of one length were wanted, got the shapes {shapes}")
    text = io.StringIO()
    text.writelines(f"# {line}\n" for line in comments)
    writer = csv.writer(text, lineterminator="\n")
    if header:
        writer.writerow(values)
    # tolist gives Python numbers, which csv writes by their shortest exact representation.
    writer.writerows(zip(*(column.tolist() for column in values.values()), strict=True))
    return text.getvalue()


def save_json(value) -> str:
    """JSON text that any program can read: NaN and infinity, which JSON lacks, become null."""
    return json.dumps(_finite(value), indent=2, allow_nan=False) + "\n"


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def content_digest(content) -> str:
    """SHA-256 of plain values, however they are laid out: a float has one shortest text."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def format_of(path, suffixes: Mapping[str, str] = SUFFIXES):
    """The format of what is to be written by the suffix of its name.

    Args:
        path: where to.
        suffixes: format -> suffix; by default those of tables.

    Raises:
        InputError: another suffix, or netCDF or zarr without the extra `files`.
    """
    kinds = {suffix: kind for kind, suffix in suffixes.items()}
    kind = kinds.get(Path(path).suffix.lower())
    if kind is None:
        raise InputError(f"{path}: a name ending in {', '.join(kinds)} was expected")
    _need_for(kind)
    return kind


def check_formats(formats):
    """Raise InputError for a format of tables that is not written, or that lacks its library."""
    for name in formats:
        if name not in SUFFIXES:
            raise InputError(f"format must be one of {', '.join(SUFFIXES)}, got {name!r}")
        _need_for(name)


def _need_for(kind):
    for module in _LIBRARIES.get(kind, ()):
        need(module)


def save_netcdf(
    columns: Mapping[str, Iterable], attributes: Mapping | None = None, index: str | None = None
) -> bytes:
    """A table as a netCDF-4 file, which xarray opens with units.

    Args:
        columns: column title, with its unit in brackets -> values.
        attributes: what the table is from: name -> text, number, or a mapping of them.
        index: title of the column that becomes the dimension; by default rows are numbered.

    Returns:
        The file's bytes, the same for the same table.

    Raises:
        InputError: the extra `files` is not installed.
        ValueError: columns that are not of one length, or that have the same name.
    """
    h5netcdf = need("h5netcdf")
    values = {title: np.asarray(column) for title, column in columns.items()}
    save_table(values)  # which refuses columns of other shapes
    names = {title: _variable(split_unit(title)[0]) for title in values}
    if len(set(names.values())) < len(names):
        raise ValueError(f"columns of different names were wanted, got {list(columns)}")
    dimension = names[index] if index is not None else "row"
    (length,) = {column.size for column in values.values()}
    buffer = io.BytesIO()
    with h5netcdf.File(buffer, "w") as file:
        file.dimensions = {dimension: length}
        file.attrs.update({k: one_line(v) for k, v in (attributes or {}).items()})
        for title, column in values.items():
            name = split_unit(title)[0]
            # netCDF has words of any length, NumPy those of a fixed one.
            words = column.dtype.kind == "U"
            kind = need("h5py").string_dtype() if words else column.dtype
            variable = file.create_variable(names[title], (dimension,), kind)
            variable[...] = column.astype(object) if words else column
            labels = {"units": _unit(title, column, columns), "long_name": name}
            variable.attrs.update({k: v for k, v in labels.items() if v is not None})
    return buffer.getvalue()


def _variable(name):
    """A name that netCDF allows."""
    return name.strip().replace("/", " over ").replace(" ", "_")


def _unit(title, values, columns):
    """A column's unit: None for words, and where each row states its own in a column `unit`."""
    unit = split_unit(title)[1]
    rows_state_it = "unit" in columns or values.dtype.kind == "U"
    return unit or (None if rows_state_it else "1")


def _as_json(columns, attributes):
    table = {}
    for title, column in columns.items():
        values = np.asarray(column)
        unit = _unit(title, values, columns)
        table[split_unit(title)[0]] = {"unit": unit, "values": values.tolist()}
    return {"columns": table, **attributes}


def one_line(value):
    """An attribute as text or number, what is nested as JSON."""
    if isinstance(value, str | int | float):
        return value
    return json.dumps(value)
