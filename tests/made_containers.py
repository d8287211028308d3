"""Containers of a trace or map, made by hand or by a library, for the tests of their readers."""

import struct
import zipfile

import numpy as np
import pytest
from measurements import (
    CONDUCTANCE,
    GATE,
    MAP,
)

from qpcjax.files.column_units import CONDUCTANCE_UNITS

FACTOR = CONDUCTANCE_UNITS["S"]
COLUMNS = np.stack([GATE, CONDUCTANCE], axis=1)
BY_NUMBER = {
    "gate": "0",
    "conductance": "1",
    "gate_unit": "V",
    "conductance_unit": "S",
}


def is_the_trace(trace):
    return np.array_equal(trace.gate, GATE * 1e3) and np.array_equal(
        trace.conductance, CONDUCTANCE * FACTOR
    )


def is_the_map(data):
    order = np.lexsort((data.bias, data.gate))
    expected = MAP[::-1] * FACTOR  # the gate falls
    return np.allclose(data.conductance[order], expected.ravel(), rtol=1e-12)


LINE = (GATE[1] - GATE[0], GATE[0], "V")


NAMED = [["Gate, left (V)", "G (S)", ""], *[[*row, None] for row in COLUMNS.tolist()]]


CSV = "gate (V),G (S)\n" + "".join(f"{v!r},{g!r}\n" for v, g in COLUMNS.tolist())


def wave(values, name="G", unit="S", axes=(), order="<", version=5, note=b""):
    """A wave as technical note 3 lays it out: the file's header, the wave's, numbers, the note."""
    values = np.asarray(values)
    kind = {"f4": 2, "f8": 4, "i2": 16, "u2": 80, "c16": 5}[values.dtype.str[1:]]
    data = values.astype(values.dtype.newbyteorder(order)).tobytes(order="F")
    size = {2: 142, 5: 384}[version]
    head = bytearray(size)

    def put(form, place, *numbers):
        struct.pack_into(order + form, head, place, *numbers)

    def text(place, length, words):
        head[place : place + length] = words.encode().ljust(length, b"\0")

    axes = [*axes, *[(1.0, 0.0, "")] * (4 - len(axes))]
    if version == 5:
        put("h", 0, 5)
        put("3i", 4, 320 + len(data), 0, len(note))
        put("ih", 64 + 12, values.size, kind)
        text(64 + 28, 32, name)
        put("4i", 64 + 68, *values.shape, *[0] * (4 - values.ndim))
        put("4d", 64 + 84, *(step for step, _, _ in axes))
        put("4d", 64 + 116, *(start for _, start, _ in axes))
        text(64 + 148, 4, unit)
        for i, (_, _, its) in enumerate(axes):
            text(64 + 152 + 4 * i, 4, its)
        summed, at, whole = head, 2, head + data
    else:
        put("h2i", 0, 2, 126 + len(data), len(note))
        put("h", 16, kind)
        text(16 + 6, 20, name)
        text(16 + 34, 4, unit)
        text(16 + 38, 4, axes[0][2])
        put("i", 16 + 42, values.size)
        put("2d", 16 + 48, *axes[0][:2])
        head[126:142] = data[:16].ljust(16, b"\0")  # the first numbers are part of the header
        summed, at, whole = head, 14, head[:126] + data + bytes(16)
    total = sum(np.frombuffer(bytes(summed), f"{order}i2").astype(int))
    struct.pack_into(f"{order}H", whole, at, -total & 0xFFFF)
    return bytes(whole) + note


def xlsx(path, sheets):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)


def ods(path, sheets):
    """As LibreOffice writes it: what is empty up to the end of the sheet is one repeated row."""
    tables = []
    for name, rows in sheets.items():
        lines = []
        for row in rows:
            cells = [
                f'<c:table-cell o:value-type="float" o:value="{x!r}"><x:p>{x:.3g}</x:p>'
                if isinstance(x, float)
                else "<c:table-cell>" + (f"<x:p>{x}</x:p>" if x else "")
                for x in row
            ]
            rest = '<c:table-cell c:number-columns-repeated="16380"/>'
            lines.append(f"<c:table-row>{'</c:table-cell>'.join([*cells, ''])}{rest}</c:table-row>")
        rest = f'<c:table-row c:number-rows-repeated="1048000">{rest}</c:table-row>'
        tables.append(f'<c:table c:name="{name}">{"".join(lines)}{rest}</c:table>')
    urn = "urn:oasis:names:tc:opendocument:xmlns"
    spaces = f'xmlns:o="{urn}:office:1.0" xmlns:c="{urn}:table:1.0" xmlns:x="{urn}:text:1.0"'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", f"<o:doc {spaces}>{''.join(tables)}</o:doc>")
