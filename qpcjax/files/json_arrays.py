"""JSON files of numbers: QCoDeS' and xarray's arrays, pandas' tables, this package's results."""

import json
import re

from qpcjax.files.damage import readable
from qpcjax.files.named_tree import tree_tables
from qpcjax.files.table import check_size, read_bytes, read_head
from qpcjax.measurements import InputError

_MOST = 1 << 24  # bytes; lists take twenty times as much in memory
_BEGIN = re.compile(rb"(\xef\xbb\xbf)?\s*(\{|\[\s*\{)")


def begins(path):
    """Whether a file begins as JSON does that holds names."""
    return _BEGIN.match(read_head(path)) is not None


def read_json(path):
    """The tables in a JSON file, as `formats` calls it."""
    check_size(path, _MOST)
    with readable(path, "JSON", "Save or copy it once more. A table of text begins with no brace"):
        content = json.loads(read_bytes(path, _MOST).decode("utf-8-sig"))
    tables = tree_tables(path, _by_columns(path, content))
    if not tables:
        raise InputError(
            f"{path}: JSON that holds no lists of numbers by name, such as "
            '{"gate (V)": [...], "conductance (uS)": [...]}. A snapshot of QCoDeS has settings '
            "alone: give the file of the data, or export the run as CSV"
        )
    return tables


def _by_columns(path, content):
    """Rows, as pandas writes them in two of its ways, as columns by name."""
    if isinstance(content, list):
        names = {name: None for row in content if isinstance(row, dict) for name in row}
        if not all(isinstance(row, dict) for row in content) or not _fits(path, names, content):
            return {}
        return {name: [row.get(name) for row in content] for name in names}
    names, rows = content.get("columns"), content.get("data")
    if not isinstance(names, list) or not isinstance(rows, list):
        return content
    if not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        raise InputError(f"{path}: rows of {len(names)} numbers were expected below 'data'")
    return {
        str(name): list(column)
        for name, column in zip(names, zip(*rows, strict=True), strict=False)
    }


def _fits(path, names, rows):
    if len(names) * len(rows) > _MOST:
        raise InputError(f"{path}: {len(rows)} rows have {len(names)} names, one name a column")
    return True
