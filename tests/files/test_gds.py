"""Gates from layouts in GDSII."""

import sys

import numpy as np
import pytest

from qpcjax.files import InputError, read_gates
from qpcjax.staircases.layout import read_layout

LAYOUT = """
grid = 20.0
box = [1600.0, 1600.0]
gds = {{ file = "{}", origin = [5000.0, 2000.0], within = [600.0, 600.0] }}
[stack]
density = 2.5
depth = 60.0
[gates.upper]
layer = 1
at = [0.0, 300.0]
[gates.lower]
layer = [1, 0]
at = [0.0, -300.0]
offset = 0.05
[gates.middle]
rectangle = [250.0, 350.0, -50.0, 50.0]
[voltages]
upper = [-0.6, -0.7]
lower = -0.6
middle = 0.0
"""


@pytest.fixture(scope="module")
def layout(tmp_path_factory):
    """Two bars in one layer, each of two pieces that touch, in a cell that another one holds."""
    gdstk = pytest.importorskip("gdstk", reason="the extra gds is not installed")
    library = gdstk.Library(unit=1e-6, precision=1e-9)
    bars = library.new_cell("BARS")
    for sign in (1, -1):
        bars.add(gdstk.rectangle((-0.15, sign * 0.2), (0.15, sign * 0.5), layer=1))
        bars.add(gdstk.rectangle((-0.15, sign * 0.5), (0.15, sign * 40.0), layer=1))
    bars.add(gdstk.rectangle((-1, -1), (1, 1), layer=7, datatype=3))
    library.new_cell("TOP").add(gdstk.Reference(bars, (5.0, 2.0)))
    path = tmp_path_factory.mktemp("gds") / "bars.gds"
    library.write_gds(path)
    return path


def extent(outline):
    corners = np.asarray(outline.corners)
    return [*corners.min(axis=0), *corners.max(axis=0)]


def test_gates_of_a_layer(layout):
    at = {"up": (0.0, 300.0), "down": (0.0, -300.0)}
    gates = read_gates(
        layout,
        {"up": 1, "down": (1, 0)},
        at=at,
        offset={"up": 0.1, "down": 0.0},
        origin=(5000.0, 2000.0),
        within=(600.0, 600.0),
    )
    assert gates.names == ("up", "down")
    np.testing.assert_allclose(extent(gates.outlines[0]), [-150, 200, 150, 600], atol=1e-2)
    np.testing.assert_allclose(extent(gates.outlines[1]), [-150, -600, 150, -200], atol=1e-2)
    np.testing.assert_allclose(gates.offset, [0.1, 0.0])
    whole = read_gates(layout, {"all": (7, 3)}, cell="BARS")
    np.testing.assert_allclose(extent(whole.outlines[0]), [-1000, -1000, 1000, 1000], atol=1e-2)


@pytest.mark.parametrize(
    ("layers", "options", "message"),
    [
        ({"up": 2}, {}, r"the layer 2/0 is empty; the layout has 1/0, 7/3"),
        ({"up": 1}, {}, r"one shape on the layer 1/0 was expected, found 2 shapes"),
        ({"up": 1}, {"at": {"up": (0.0, 0.0)}}, r"found 0 shapes"),
        ({"up": 1}, {"at": {"upper": (0.0, 0.0)}}, r"there is no gate 'upper'"),
        ({"up": 1}, {"cell": "GATES"}, r"no cell 'GATES'; its cells are BARS, TOP"),
        ({"a": (7, 3), "b": (7, 3)}, {}, r"the gates a and b overlap"),
    ],
)
def test_layouts_that_are_refused(layout, layers, options, message):
    with pytest.raises(InputError, match=message):
        read_gates(layout, layers, **options)


def test_a_layout_in_toml_names_a_gds_file(layout):
    path = layout.parent / "layout.toml"
    path.write_text(LAYOUT.format(layout.name))
    gates = read_layout(path).device.gates
    assert gates.names == ("upper", "lower", "middle")
    np.testing.assert_allclose(extent(gates.outlines[1]), [-150, -600, 150, -200], atol=1e-2)
    np.testing.assert_allclose(gates.offset, [0.0, 0.05, 0.0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("layer = 1\n", 'layer = "1"\n'), r"gates.upper.layer must be a layer, or \[layer"),
        (("gds = ", "grid2 = "), "grid2"),
        (('file = "{}"', "file = 3"), "gds.file must be a text"),
    ],
)
def test_tables_that_are_refused(tmp_path, change, message):
    path = tmp_path / "layout.toml"
    path.write_text(LAYOUT.replace(*change).format("bars.gds"))
    with pytest.raises(InputError, match=message):
        read_layout(path)


def test_what_is_no_layout_and_a_missing_library(tmp_path, monkeypatch):
    path = tmp_path / "a.gds"
    path.write_text("no layout")
    with pytest.raises(InputError, match="a layout in GDSII was expected"):
        read_gates(path, {"up": 1})
    path.write_bytes(b"\x00\x06\x00\x02\x02\x58")
    monkeypatch.setitem(sys.modules, "gdstk", None)
    with pytest.raises(InputError, match=r"gdstk is missing.*qpcjax\[gds\]"):
        read_gates(path, {"up": 1})
