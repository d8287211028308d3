"""Short descriptions of results: a few lines of text, and a table in notebooks."""

import base64
import dataclasses
import html
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jax.core import Tracer

from qpcjax.validation import concrete

_MOST_ROWS = 8  # of a text; a page has room for all of them
_LONGEST = 88  # characters of a line


@dataclasses.dataclass(frozen=True)
class Overview:
    """A result in a title, a table and notes.

    Fields:
        title: one line.
        rows: of the table; cells are texts.
        notes: sentences below the table.
    """

    title: str
    rows: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = ()

    def text(self) -> str:
        """About ten lines of text; a longer table is cut."""
        rows = [tuple(row) for row in self.rows[:_MOST_ROWS]]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            for row in rows
        ]
        if len(self.rows) > _MOST_ROWS:
            lines.append(f"... and {len(self.rows) - _MOST_ROWS} more")
        notes = [_cut(note) for note in self.notes[:2]]
        table = [_cut(f"  {line.rstrip()}") for line in lines]
        return printable("\n".join([_cut(self.title), *table, *notes]))

    def html(self) -> str:
        """The whole as HTML; every text is escaped."""
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in self.notes)
        return f"<p><strong>{html.escape(self.title)}</strong></p>{html_table(self.rows)}{notes}"


class Shown:
    """A result that Python and notebooks show by its overview."""

    def _overview(self) -> Overview:
        raise NotImplementedError  # every result has its own

    def __repr__(self):
        return self._overview().text()

    def _repr_html_(self):
        return self._overview().html()


def html_table(rows: Sequence[Sequence[str]]) -> str:
    """A table of texts, which are escaped; the first column heads the rows."""
    if not rows:
        return ""
    lines = []
    for first, *rest in rows:
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in rest)
        lines.append(f'<tr><th scope="row">{html.escape(first)}</th>{cells}</tr>')
    return f"<table><tbody>{''.join(lines)}</tbody></table>"


def as_image(png: bytes) -> str:
    """A PNG as an element of a page that needs no file beside it."""
    return f'<img src="data:image/png;base64,{base64.b64encode(png).decode("ascii")}">'


def brief(instance: Any, units: Mapping[str, str] | None = None) -> str:
    """A dataclass or named tuple on a few lines, arrays by their shape and range.

    Fields that have their default value are left out.

    Args:
        instance: the object.
        units: unit by field.
    """
    units = units or {}
    parts = [f"{name}={in_words(value, units.get(name, ''))}" for name, value in _fields(instance)]
    name = type(instance).__name__
    line = f"{name}({', '.join(parts)})"
    return line if len(line) <= _LONGEST else f"{name}(\n  " + ",\n  ".join(parts) + ",\n)"


def _fields(instance):
    if not dataclasses.is_dataclass(instance):  # a named tuple
        return list(zip(instance._fields, instance, strict=True))
    found = []
    for field in dataclasses.fields(instance):
        value, default = getattr(instance, field.name), field.default
        usual = value is default or (isinstance(value, (str, int, float)) and value == default)
        if field.repr and not usual:
            found.append((field.name, value))
    return found


def in_words(value: Any, unit: str = "") -> str:
    """A value on one line: a number with its unit, an array by its shape and range."""
    unit = f" {unit_text(unit)}".rstrip()
    if isinstance(value, (bool, int, str)) or value is None:
        return f"{value!r}" if isinstance(value, str) else f"{value}{unit if value else ''}"
    known = concrete(value)
    if known is not None and known.dtype.kind in "iuf":
        return _array_in_words(known) + unit
    if isinstance(value, Tracer):
        return f"traced {value.dtype}{list(value.shape)}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(map(str, value))}}}" if len(value) <= 6 else f"{len(value)} entries"
    text = repr(value)
    return text if len(text) <= _LONGEST - 20 and "\n" not in text else f"{type(value).__name__}"


def printable(text: str) -> str:
    r"""A text as a terminal may show it: what would move or colour it is spelled, such as \x1b.

    Names and cells of files may hold escape sequences, marks that turn the direction of writing,
    and bytes that are no text. Line breaks and tabs stay.
    """
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def unit_text(unit: str) -> str:
    """A unit in a text or a table: "" of a pure number, whose unit is "1"."""
    return "" if unit == "1" else unit


def titled(name: str, unit: str) -> str:
    """A name with its unit, such as "gate (mV)"; without one where there is none."""
    return f"{name} ({unit_text(unit)})" if unit_text(unit) else name


def range_in_words(lower: float, upper: float) -> str:
    """Two bounds, either of which may be infinite."""
    if lower == -math.inf:
        return f"at most {upper:g}"
    return f"at least {lower:g}" if upper == math.inf else f"of {lower:g} to {upper:g}"


def _array_in_words(array):
    if array.ndim == 0:
        return f"{array:.6g}"
    size = " x ".join(map(str, array.shape))
    known = array[~np.isnan(array)] if array.dtype.kind == "f" else array
    if known.size == 0:
        return f"{size} values, all of them NaN" if array.size else "no values"
    missing = array.size - known.size
    nan = f" and {missing} NaN" if missing else ""
    plural = "value" if array.size == 1 else "values"
    return f"{size} {plural}{nan} from {known.min():.6g} to {known.max():.6g}"


def _cut(line):
    return line if len(line) <= _LONGEST else line[: _LONGEST - 4] + " ..."
