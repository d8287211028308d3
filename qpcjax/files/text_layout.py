"""Where a table stands in a text file: comments, lines above it, names, units, its first row."""

import dataclasses
import re

from qpcjax.files.column_units import (
    BIAS,
    CONDUCTANCE,
    CURRENT,
    ENERGY,
    GATE,
    LOCK_IN,
    RESISTANCE,
    TRANSMISSION,
    is_unit,
    key,
    loose_unit,
    split_unit,
)

Line = tuple[int, str]  # the number of a line in its file, and the line

_MARKS = ("#", "%", "//", "!", ";")
_SEPARATORS = re.compile(r"[\s,;]+")
_LAST = 20  # lines that tell which columns hold numbers
_NEAR = 6  # comments above a table that may name its columns
_LABEL = re.compile(r"(columns?|names?|column names?|header|fields?|data|legend)\s*[:=]\s*", re.I)
_NUMBERED = re.compile(r"(?:column|col\.?|c)\s*#?(\d{1,3})\s*[:=.)]\s*(.*)", re.I)
# Words that programs write where there is no number.
_MISSING = frozenset((
    "nan", "-nan", "+nan", "na", "n/a", "#n/a", "none", "null", "-", "--", "---", "----",
    "overflow", "overload", "over-range", "overrange", "out-of-range", "ovld", "ovl", "ovf", "ol",
    "o.l.", "1.#qnan", "-1.#qnan", "1.#ind", "-1.#ind", "1.#nan", "nan(ind)", "-nan(ind)",
))  # fmt: skip
_NAMED = (GATE, BIAS, CONDUCTANCE, CURRENT, RESISTANCE, LOCK_IN, ENERGY, TRANSMISSION)


def is_missing(cell: str) -> bool:
    """Whether a cell is empty or holds a word for a number that is not there."""
    return not cell or cell.casefold() in _MISSING


def is_number(cell: str) -> bool:
    """Whether a cell holds a number, be it NaN or infinite."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # Python would read 1_000 as 1000


@dataclasses.dataclass
class Layout:
    """The parts of a text file.

    Args:
        lines: the rows of numbers.
        above: lines right above them that are no comments, the names among them.
        comments: comments as they stand, without their marks, those above the table first.
        near: how many of the comments stand above the first row of numbers.
    """

    lines: list[Line]
    above: list[Line]
    comments: list[str]
    near: int


def split_lines(lines: list[Line]) -> Layout:
    """Tell comments, lines above the table and its rows apart.

    Args:
        lines: all lines of a file.
    """
    body, comments, marks = [], [], _MARKS
    last = next((line for _, line in reversed(lines) if line.strip()), "")
    if ";" in last:
        marks = tuple(mark for mark in marks if mark != ";")  # it separates the columns
    places = []
    for number, line in lines:
        bare = line.strip()
        mark = next((m for m in marks if bare.startswith(m)), None)
        if mark is None:
            body.append((number, line))
        else:
            places.append(number)
            comments.append(bare.lstrip(mark))
    while body and not body[-1][1].strip():
        body.pop()
    while body and not body[0][1].strip():
        body.pop(0)
    start = _first_row(body)
    above = [(n, line) for n, line in body[:start] if line.strip()]
    rows = body[start:]
    if len(rows) > 2 and _is_count(rows):
        comments, rows = [*comments, rows[0][1].strip()], rows[1:]
    first = rows[0][0] if rows else 0
    return Layout(rows, above, comments, sum(place < first for place in places))


def _first_row(body):
    """Place of the first line that has numbers where the last lines have them."""
    kinds = [_kinds(line) for _, line in [b for b in body if b[1].strip()][-_LAST:]]
    width = max((len(k) for k in kinds), default=0)
    numeric = [
        sum(i < len(k) and k[i] for k in kinds) > 0.5 * sum(i < len(k) for k in kinds)
        for i in range(width)
    ]
    if not any(numeric):
        return min(1, len(body)) if body and not any(_kinds(body[0][1])) else 0
    for place, (_, line) in enumerate(body):
        kind = _kinds(line)
        pairs = list(zip(kind, numeric, strict=False))
        if any(pair == (True, True) for pair in pairs) and (False, True) not in pairs:
            return place
    return 0


def _kinds(line):
    """Whether each word of a line is a number, or stands for one."""
    words = [w.strip('"') for w in _SEPARATORS.split(line.strip()) if w.strip('"')]
    return [is_number(w) or is_missing(w) for w in words]


def _is_count(rows):
    """Whether the first row is nothing but the number of the rows."""
    first, second = rows[0][1].split(), rows[1][1].split()
    count = sum(bool(line.strip()) for _, line in rows) - 1
    return len(first) == 1 and first[0] == str(count) and len(second) > 1


# --- names and units ------------------------------------------------------------------------


def title_unit(title: str) -> tuple[str, str | None]:
    """Name and unit of a title, be it in brackets, behind a slash or in words; None without one."""
    name, unit = split_unit(title)
    return (name, unit) if unit else loose_unit(title)


def titled(name: str, unit: str) -> str:
    """A name with a unit that stands apart from it."""
    bare = unit.strip().strip("()[]").strip()
    if not bare or bare in ("-", "--", "1") or title_unit(name)[1]:
        return name
    return f"{name} ({bare})"


def score(cells: list[str]) -> int:
    """How much cells look like names: cells with a unit, and cells with a known name."""
    return sum(_worth(cell) for cell in cells)


def _worth(cell):
    if not cell or is_number(cell):
        return 0
    name, unit = title_unit(cell)
    known = any(key(name) in k.names or k.likely.fullmatch(key(name)) for k in _NAMED)
    return 2 * (unit is not None and is_unit(unit)) + known


def is_unit_row(cells: list[str]) -> bool:
    """Whether every cell is a unit, with or without brackets, or empty."""
    bare = [cell.strip("()[] ") for cell in cells]
    return any(map(is_unit, bare)) and all(b in ("", "-", "1") or is_unit(b) for b in bare)


def names_of(rows: list[list[str]]) -> tuple[list[str], int] | None:
    """Names of columns from rows of cells above a table, and which of the rows they are.

    A row of units may stand below the names. Of several rows that may be names, the one with most
    units and known names is taken, else the last.

    Args:
        rows: from top to bottom.
    """
    if not rows:
        return None
    width = len(_stripped(rows[-1]))
    for place in range(len(rows) - 1, 0, -1):
        names, units = _stripped(rows[place - 1]), rows[place]
        if is_unit_row(units) and len(names) >= len(_stripped(units)) and score(names) >= 0:
            units = [*units, *[""] * len(names)]
            return [titled(n, u) for n, u in zip(names, units, strict=False)], place - 1
    same = [i for i, row in enumerate(rows) if len(_stripped(row)) == width]
    best = max(same, key=lambda i: (score(rows[i]), i))
    return rows[best], best


def _stripped(cells):
    """Cells without empty ones at the end."""
    end = len(cells)
    while end and not cells[end - 1]:
        end -= 1
    return cells[:end]


def commented_names(comments: list[str], width: int, delimiter: str) -> list[str] | None:
    """Names of columns in the comments above a table, None where there are none.

    Args:
        comments: those above the table, without their marks.
        width: number of columns.
        delimiter: what separates the columns of the table.
    """
    return _one_by_one(comments, width) or _in_a_row(comments[-_NEAR:], width, delimiter)


def _in_a_row(comments, width, delimiter):
    """All names in one comment, their units perhaps in the next."""
    rows = []
    for comment in comments:
        bare = _LABEL.sub("", comment.strip(" "), count=1)
        for mark in (delimiter, "\t", ",", ";", " "):
            cells = _cells(bare, mark)
            if len(cells) == width:
                rows.append(cells)
                break
    found = names_of(rows)
    if found is None:
        return None
    names, _ = found
    units = sum(title_unit(name)[1] is not None for name in names)
    known = sum(_worth(name) > 0 for name in names)
    return names if width > 1 and (units or known > 1) else None


def _cells(text, mark):
    if mark == " ":
        found = re.findall(r'"[^"]*"|[^\s(\[]+(?:\s*[(\[][^)\]]*[)\]])?', text)
        return [cell.strip('"') for cell in found]
    return [cell.strip().strip('"') for cell in text.split(mark)]


def _one_by_one(comments, width):
    """Names that stand in a comment each: 'Column 1: gate (V)', or below it 'name: gate (V)'."""
    names: dict[int, str] = {}
    units: dict[int, str] = {}
    place = None
    for comment in comments:
        bare = comment.strip()
        numbered = _NUMBERED.fullmatch(bare)
        if numbered:
            place = int(numbered[1])
            if numbered[2]:
                names[place] = numbered[2].strip().strip('"')
            continue
        word, mark, value = bare.partition(":")
        if mark and place is not None and word.strip().casefold() in ("name", "label"):
            names.setdefault(place, value.strip())
        if mark and place is not None and word.strip().casefold() in ("unit", "units"):
            units[place] = value.strip()
    first = min(names, default=0)
    if first not in (0, 1) or sorted(names) != list(range(first, first + width)):
        return None
    return [titled(names[i], units.get(i, "")) for i in sorted(names)]
