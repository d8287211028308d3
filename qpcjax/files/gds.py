"""Outlines of gates from layouts in GDSII, which gdstk reads (extra `gds`)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from qpcjax.files.optional_libraries import need
from qpcjax.files.table import check_size, read_head
from qpcjax.gates import Gates
from qpcjax.measurements import InputError, counted

_MARK = b"\x00\x06\x00\x02"  # the record HEADER, a number of two bytes
_GRID = 1e-3  # nm, to which shapes are joined


def read_gates(
    path: str | Path,
    layers: Mapping[str, int | tuple[int, int]],
    *,
    cell: str | None = None,
    at: Mapping[str, tuple[float, float]] | None = None,
    origin: tuple[float, float] = (0.0, 0.0),
    within: tuple[float, float] | None = None,
    offset: float | Mapping[str, float] = 0.0,
) -> Gates:
    """Gates from a layout in GDSII.

    Shapes of a layer that touch are one; references and paths are resolved. A gate is one polygon
    without holes. x of the layout is along the current.

    Args:
        path: the file.
        layers: name of each gate -> its layer, or (layer, datatype); the datatype is 0 by default.
        cell: name of the cell; by default the one that no other cell holds.
        at: name -> a point (x, y) in nm inside the gate, for layers with several shapes, counted
            from the origin.
        origin: (x, y) in nm of the layout that become (0, 0), the middle of the constriction.
        within: how far to either side, in x and in y in nm, gates are kept; what lies beyond is cut
            off, so that they end inside the device's box.
        offset: in V, as of `Gates`.

    Raises:
        InputError: gdstk is missing, no layout, no such cell or layer, several shapes, holes, gates
            that overlap.
    """
    path = Path(path)
    check_size(path)
    if not read_head(path, 4) == _MARK:
        raise InputError(f"{path}: a layout in GDSII was expected: it does not begin like one")
    gdstk = need("gdstk", "gds")
    try:
        library = gdstk.read_gds(str(path), unit=1e-9)
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"{path}: gdstk cannot read it ({error}): export it once more") from None
    for name in at or {}:
        if name not in layers:
            raise InputError(
                f"{path}: at: there is no gate {name!r}; layers has {', '.join(layers)}"
            )
    shapes = _cell(path, library, cell).get_polygons()
    outlines = {}
    for name, layer in layers.items():
        one = layer if isinstance(layer, tuple) else (layer, 0)
        known = [shape for shape in shapes if (shape.layer, shape.datatype) == one]
        if not known:
            others = sorted({f"{s.layer}/{s.datatype}" for s in shapes})
            raise InputError(
                f"{path}: the gate {name}: the layer {one[0]}/{one[1]} is empty; the layout has "
                f"{', '.join(others) or 'no polygons'}"
            )
        joined = gdstk.boolean(known, [], "or", precision=_GRID)
        if within is not None:
            x, y = origin
            room = gdstk.rectangle((x - within[0], y - within[1]), (x + within[0], y + within[1]))
            joined = gdstk.boolean(joined, room, "and", precision=_GRID)
        corners = [np.asarray(shape.points) - origin for shape in joined]
        if at is not None and name in at:
            corners = [c for c in corners if gdstk.Polygon(c).contain(tuple(at[name]))]
        if len(corners) != 1:
            raise InputError(
                f"{path}: the gate {name}: one shape on the layer {one[0]}/{one[1]} was expected, "
                f"found {counted(len(corners), 'shape')}. Name it by a point inside, at"
            )
        outlines[name] = corners[0]
    try:
        return Gates(outlines, offset)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None


def _cell(path, library, name) -> Any:
    found = library.top_level() if name is None else [c for c in library.cells if c.name == name]
    if len(found) != 1:
        names = ", ".join(cell.name for cell in library.cells) or "none"
        wanted = "one top cell was expected" if name is None else f"there is no cell {name!r}"
        raise InputError(f"{path}: {wanted}; its cells are {names}. Say which: cell")
    return found[0]
