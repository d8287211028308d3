"""Text files that a program writes in a layout of its own: LabVIEW, Igor, EasyEXPERT."""

import re
from collections.abc import Callable

import numpy as np

from qpcjax.files.table import Column, Table
from qpcjax.files.text_layout import is_missing, is_number, title_unit, titled
from qpcjax.measurements import InputError

_HEAD = 2000  # characters that tell the program


def program_tables(path, text: str) -> list[Table] | None:
    """The tables of a file in the layout of a program, None where it is of no such program.

    Args:
        path: the file.
        text: its content.

    Raises:
        InputError: a file of such a program without a table, or with cells that are no numbers.
    """
    head = text[:_HEAD].lstrip()
    for begins, read in _PROGRAMS:
        if begins(head):
            tables = read(path, text.splitlines())
            if not tables:
                raise InputError(f"{path}: it holds no table of numbers")
            return tables
    return None


def _table(path, part, titles, rows, metadata, notes=()):
    """A table of rows, each its number in the file and its cells."""
    columns = []
    for i, title in enumerate(titles):
        if title:
            name, unit = title_unit(title)
            read = _reader(path, title, i, rows)
            columns.append(Column(title, name, unit, read, number=i))
    return Table(path, tuple(columns), part, metadata, notes=tuple(notes))


def _reader(path, title, i, rows):
    def read():
        found = []
        for number, cells in rows:
            cell = cells[i] if i < len(cells) else ""
            if not is_number(cell) and not is_missing(cell):
                raise InputError(
                    f"{path}: row {number}, column '{title}': a number was expected, found "
                    f"{cell[:50]!r}. Correct the cell, or leave it empty to drop the row"
                )
            found.append(np.nan if is_missing(cell) else float(cell))
        return np.array(found)

    return read


# --- LabVIEW's measurement file (.lvm) ------------------------------------------------------

_SI = {"voltage": "V", "electric_potential": "V", "current": "A", "time": "s", "resistance": "Ohm"}


def _labview(path, lines):
    """A table for each segment; headers end with ***End_of_Header***."""
    blocks = [[]]
    for number, line in enumerate(lines, start=1):
        if line.startswith("***End_of_Header***"):
            blocks.append([])
        elif line.strip():
            blocks[-1].append((number, line))
    facts = {}
    for _, line in blocks[0]:
        name, _, value = line.partition("\t")
        facts[name.strip()] = value.strip()
    mark = "," if facts.get("Separator", "").casefold() == "comma" else "\t"
    decimal = facts.get("Decimal_Separator", ".") if mark == "\t" else "."
    segment, bodies = (blocks[1], blocks[2:]) if len(blocks) > 2 else ([], blocks[1:])
    tables = []
    for body in bodies:
        # Behind the numbers stands the header of the next segment.
        end = next((i for i, (_, row) in enumerate(body) if row.startswith("Channels")), len(body))
        header = [[c.strip() for c in line.split(mark)] for _, line in segment]
        rows = [
            (number, [c.strip().replace(decimal, ".") for c in line.split(mark)])
            for number, line in body[1:end]
        ]
        segment = body[end:]
        if rows:
            notes = []
            names = [c.strip() for c in body[0][1].split(mark)]
            titles = _labview_titles(names, {h[0]: h[1:] for h in header}, facts, notes)
            tables.append((titles, rows, facts, notes))
    return [
        _table(path, str(i) if len(tables) > 1 else "", *table) for i, table in enumerate(tables)
    ]


def _labview_titles(titles, segment, facts, notes):
    """Titles with the units that stand above them: one for each channel."""
    y_units = segment.get("Y_Unit_Label", [])
    x_unit, dimension = (
        next((cell for cell in segment.get(name, []) if cell), "")
        for name in ("X_Unit_Label", "X_Dimension")
    )
    found, channel = [], 0
    for title in titles:
        if title == "Comment":
            found.append("")
        elif title.startswith("X_Value"):
            unit = x_unit
            if not unit and dimension.casefold() in _SI:
                unit = _SI[dimension.casefold()]
                notes.append(
                    f"X_Value is a {dimension.lower()} without a unit: it is taken in {unit}, as "
                    "LabVIEW counts in SI units"
                )
            # Without columns of X nothing stands there.
            found.append("" if facts.get("X_Columns") == "No" else titled(title, unit))
        else:
            unit = y_units[channel] if channel < len(y_units) else ""
            found.append(titled(title, unit))
            channel += 1
    return found


# --- Keysight EasyEXPERT --------------------------------------------------------------------


def _easyexpert(path, lines):
    """Lines DataName with names, below them lines DataValue; units are those of SI."""
    tables, metadata = [], {}
    for number, line in enumerate(lines, start=1):
        cells = [cell.strip().strip('"') for cell in line.split(",")]
        if cells[0] == "DataName":
            tables.append(([_with_si(name) for name in cells[1:]], []))
        elif cells[0] == "DataValue" and tables:
            tables[-1][1].append((number, cells[1:]))
        elif cells[0]:
            metadata.setdefault(cells[0], ", ".join(cells[1:])[:200])
    note = "EasyEXPERT writes no units: names that begin with V are in V, with I in A"
    return [
        _table(path, str(i) if len(tables) > 1 else "", titles, rows, metadata, (note,))
        for i, (titles, rows) in enumerate(tables)
        if rows
    ]


def _with_si(name):
    if title_unit(name)[1]:
        return name
    unit = {"V": "V", "I": "A", "R": "Ohm", "G": "S"}.get(name[:1].upper(), "")
    return titled(name, unit)


# --- Igor's text waves (.itx) ---------------------------------------------------------------

_WAVES = re.compile(
    r"WAVES(?:/[A-Z](?!=))*\s*(?:/N=\((?P<shape>[\d,\s]+)\))?(?:/[A-Z](?!=))*[\s,]+(?P<names>.*)",
    re.I,
)
_SCALE = re.compile(
    r"SetScale\s*/?(?P<flag>[IP])?\s*(?P<axis>[xyd])\s*,?\s*(?P<a>[^,]+),\s*(?P<b>[^,;]+)"
    r"(?:,\s*\"(?P<unit>[^\"]*)\")?\s*,\s*(?P<wave>'[^']+'|[^\s;,]+)",
    re.I,
)


def _igor(path, lines):
    """Waves between BEGIN and END; their units and axes in SetScale below."""
    waves, scales = {}, {}
    for names, shape, rows in _wave_blocks(path, lines):
        for i, name in enumerate(names):
            if shape:
                sizes = tuple(int(n) for n in shape.split(","))
                waves[name] = (_flat_reader(path, name, rows, sizes), sizes)
            else:
                waves[name] = (_reader(path, name, i, rows), (len(rows),))
    for line in lines:
        if line.strip().upper().startswith("X "):
            for found in _SCALE.finditer(line):
                of_wave = scales.setdefault(found["wave"].strip("'"), {})
                of_wave[found["axis"].lower()] = found.groupdict()
    groups = {}
    for name, (_, sizes) in waves.items():
        groups.setdefault(sizes, []).append(name)
    return [
        _wave_table(path, str(i) if len(groups) > 1 else "", sizes, members, waves, scales)
        for i, (sizes, members) in enumerate(groups.items())
    ]


def _wave_blocks(path, lines):
    """Names, shape and rows of the waves between each BEGIN and END."""
    names, shape, rows = [], None, None
    for number, line in enumerate(lines, start=1):
        bare = line.strip()
        if bare.upper().startswith("WAVES"):
            match = _WAVES.fullmatch(bare)
            if match is None:
                raise InputError(
                    f"{path}: row {number} begins waves in a way that is not known. Save the waves "
                    "as general text, with their names in the first row"
                )
            found = re.findall(r"'[^']+'|[^\s,]+", match["names"])
            names, shape = [name.strip("'") for name in found], match["shape"]
        elif bare.upper() == "BEGIN":
            rows = []
        elif bare.upper() == "END" and rows is not None:
            _check_waves(path, names, shape, rows)
            yield names, shape, rows
            rows = None
        elif rows is not None and bare:
            rows.append((number, bare.split()))
    if rows is not None:
        raise InputError(f"{path}: its last wave has no END: the file was cut off")


def _check_waves(path, names, shape, rows):
    """Raise InputError where rows hold more or fewer numbers than the waves are said to have."""
    sizes = [len(rows), len(names)] if shape is None else [int(n) for n in shape.split(",")]
    wrong = [number for number, cells in rows if len(cells) != sizes[-1] and len(sizes) == 2]
    if wrong or len(sizes) > 2 or len(rows) != sizes[0]:
        row = f"row {wrong[0]}" if wrong else f"'{names[0]}'" if names else "a wave"
        raise InputError(
            f"{path}: {row} does not hold {' x '.join(map(str, sizes))} numbers as its header "
            "says: it was cut off or damaged. Save the waves once more, of one or two dimensions"
        )


def _flat_reader(path, name, rows, sizes):
    def read():
        columns = [_reader(path, name, i, rows)() for i in range(sizes[1] if len(sizes) > 1 else 1)]
        return np.stack(columns, axis=1).ravel()

    return read


def _wave_table(path, part, sizes, members, waves, scales):
    """Waves of one shape, with the axes that their scales give."""
    columns = []
    scaled = scales.get(members[-1], {})
    for place, axis in enumerate("xy"[: len(sizes)]):
        scale = scaled.get(axis)
        if scale is None or not scale["flag"] or (len(members) > 1 and len(sizes) == 1):
            continue
        values = _scaled(scale, sizes[place])
        full = np.broadcast_to(
            values if len(sizes) == 1 else np.expand_dims(values, 1 - place), sizes
        )
        unit = scale["unit"] or ""
        title = titled(axis, unit)
        columns.append(Column(title, axis, unit or None, lambda full=full: full.ravel(), True))
    for name in members:
        known = scales.get(name, {})
        # Of a wave of one dimension y is the data themselves.
        unit = next((known[k]["unit"] for k in "dy"[: 3 - len(sizes)] if k in known), "") or ""
        title = titled(name, unit)
        own, inside = title_unit(title)
        columns.append(Column(title, own, inside, waves[name][0], number=len(columns)))
    return Table(path, tuple(columns), part)


def _scaled(scale, points):
    first, second = float(scale["a"]), float(scale["b"])
    if scale["flag"].upper() == "I":
        return np.linspace(first, second, points)
    return first + second * np.arange(points)


_PROGRAMS: list[tuple[Callable[[str], bool], Callable]] = [
    (lambda head: head.startswith("LabVIEW Measurement"), _labview),
    (lambda head: bool(re.match(r"IGOR\s*\n", head)), _igor),
    (lambda head: "\nDataName" in head and "\nDataValue" in head, _easyexpert),
]
