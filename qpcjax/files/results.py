"""Tables of results as CSV, JSON and netCDF, with units, versions and where they are from."""

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from qpcjax.files.atomic_writing import save_json, save_table
from qpcjax.files.column_units import split_unit
from qpcjax.files.optional_libraries import need
from qpcjax.measurements import InputError

SUFFIXES = {"csv": ".csv", "json": ".json", "netcdf": ".nc"}


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
            content = save_table(columns) + csv_source(attributes)
        elif name == "json":
            content = save_json(_as_json(columns, attributes))
        else:
            content = save_netcdf(columns, attributes, index)
        made[stem + SUFFIXES[name]] = content
    return made


def csv_source(attributes: Mapping) -> str:
    """What a table is from, as the comments behind its rows in a CSV file."""
    return "".join(f"# {name}: {one_line(value)}\n" for name, value in attributes.items())


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
    if kind == "netcdf":
        need("h5netcdf")


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
