"""Figures as SVG: where things stand, by hand, and what is drawn as a PNG instead."""

import base64
import io
import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from PIL import Image

from qpcjax import plot
from qpcjax.plot.svg import svg_bytes
from qpcjax.plot.svg_artists import UnknownArtistError
from qpcjax.plot.svg_text import UnknownTextError, spans

SVG, LINK = "{http://www.w3.org/2000/svg}", "href"


def axes_of(**limits):
    """Axes of 144 x 72 points whose lower left corner is 36 points from both edges."""
    axes: Any = Figure((3.0, 2.0)).add_axes((1 / 6, 1 / 4, 2 / 3, 1 / 2))
    axes.set(**{"xlim": (0, 4), "ylim": (0, 2)} | limits)
    return axes


def drawn(axes):
    return ET.fromstring(svg_bytes(axes.figure))


def paths(root, **given):
    """Corners of the paths with these attributes."""
    found = []
    for path in root.iter(f"{SVG}path"):
        if all(path.get(name) == value for name, value in given.items()):
            numbers = re.findall(r"-?\d+\.?\d*", path.get("d", ""))
            found.append(np.reshape([float(x) for x in numbers], (-1, 2)))
    return found


def test_a_line_stands_where_its_numbers_say():
    axes = axes_of()
    axes.plot([0, 1, 4], [0, 2, 1], color="#123456", linewidth=2.0, linestyle="--")
    root = drawn(axes)
    ((line),) = paths(root, stroke="#123456")
    # x = 36 + 36 v, and y from the upper edge = 144 - 36 - 36 v
    np.testing.assert_allclose(line[:3], [[36, 108], [72, 36], [180, 72]], atol=0.01)
    np.testing.assert_array_equal(line[3:], line[2:3])  # the end once more, if anything
    (path,) = (p for p in root.iter(f"{SVG}path") if p.get("stroke") == "#123456")
    assert path.get("stroke-width") == "2.00"
    assert path.get("stroke-dasharray") == "7.40 3.20"
    assert axes.figure.get_dpi() == 100


def test_a_gap_is_a_gap_and_a_straight_line_has_two_ends():
    axes = axes_of()
    x = np.linspace(0, 4, 4001)
    axes.plot(x, np.where(abs(x - 2) < 0.5, np.nan, x / 2), color="#123456")
    ((corners),) = paths(drawn(axes), stroke="#123456")
    assert len(corners) < 12
    assert not np.any((corners[:, 0] > 90.5) & (corners[:, 0] < 125.5))


def test_ticks_and_names_stand_beside_the_axes():
    axes = axes_of(xlabel="energy $E$ (meV)", ylabel="$P_L$")
    axes.set_xticks([0, 1, 2, 5])
    axes.set_yticks([0.5])
    axes.set(xlim=(0, 4))
    texts = {"".join(t.itertext()): t for t in drawn(axes).iter(f"{SVG}text")}
    below = {t.text: t for t in texts.values() if t.get("text-anchor") == "middle"}
    for words, x in {"0": 36, "1": 72, "2": 108}.items():
        assert float(below[words].get("x", "nan")) == pytest.approx(x)
        assert float(below[words].get("y", "nan")) > 108
    assert "5" not in texts
    assert float(texts["energy E (meV)"].get("x", "nan")) == pytest.approx(108)
    assert texts["PL"].get("transform", "").startswith("rotate(-90")
    assert float(texts["PL"].get("x", "nan")) < 36


def test_an_image_has_the_colours_of_its_numbers_and_lies_where_they_are():
    axes = axes_of()
    values = np.array([[1.0, 10.0, 100.0], [100.0, 1.0, 10.0]])
    shown = axes.imshow(values, extent=(1, 3, 0.5, 1.5), origin="lower", norm=LogNorm(1, 100))
    axes.set(xlim=(0, 4), ylim=(0, 2), aspect="auto")
    (image,) = drawn(axes).iter(f"{SVG}image")
    place = [float(image.get(n, "nan")) for n in ("x", "y", "width", "height")]
    assert place == pytest.approx([72, 54, 72, 36])
    content = (image.get(LINK) or "").removeprefix("data:image/png;base64,")
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB"))
    low, middle, high = (shown.cmap(v, bytes=True)[:3] for v in (0.0, 0.5, 1.0))
    np.testing.assert_array_equal(pixels, [[high, low, middle], [low, middle, high]])


def test_a_shaded_mesh_has_its_nodes_in_the_middle_of_pixels():
    axes = axes_of()
    x, y = np.arange(5.0), np.arange(3.0)
    axes.pcolormesh(x, y, x + y[:, None], shading="gouraud")
    (image,) = drawn(axes).iter(f"{SVG}image")
    place = [float(image.get(n, "nan")) for n in ("x", "y", "width", "height")]
    assert place == pytest.approx([18, 18, 180, 108])  # half a step beyond the Axes, cut off there
    assert image.get("clip-path")


@pytest.mark.parametrize(
    ("label", "written"),
    [
        ("power (pW)", "power (pW)"),
        (r"$\mathdefault{0.25}$", "0.25"),
        ("$T(E)$", '<tspan font-style="italic">T</tspan>(<tspan font-style="italic">E</tspan>)'),
        (
            r"$\mu_\mathrm{L}$ < 0",
            '<tspan font-style="italic">µ</tspan>'
            '<tspan dy="1.80" font-size="7.00">L</tspan><tspan dy="-1.80"> &lt; 0</tspan>',
        ),
        (
            r"$\mathdefault{10^{-3}}$",
            '10<tspan dy="-3.60" font-size="7.00">\u22123</tspan>',
        ),
        (r"5 \$ a", "5 $ a"),
        (r"$\bar\mu$", '<tspan font-style="italic">µ\u0304</tspan>'),
    ],
)
def test_labels_are_set(label, written):
    assert spans(label, 10.0).replace("\u2005", "") == written


@pytest.mark.parametrize("label", [r"$\frac{1}{2}$", "two\nlines", "$a_{b_c}$", "$a}$"])
def test_other_formulas_are_refused(label):
    with pytest.raises(UnknownTextError):
        spans(label, 10.0)


def framed_legend(axes):
    axes.plot([0, 1], [0, 1], label="a")
    axes.legend(loc="upper left", frameon=True)


@pytest.mark.parametrize(
    "draw",
    [
        lambda axes: axes.text(1, 1, "turned", rotation=30),
        framed_legend,
        lambda axes: axes.set_title("named"),
        lambda axes: axes.set_xlabel(r"$\frac{1}{2}$"),
        lambda axes: axes.plot([0, 1], [0, 1], "s"),
        lambda axes: axes.pcolormesh([0, 1, 3, 4], [0, 1, 2], np.ones((2, 3))),
        lambda axes: axes.tick_params(direction="inout"),
        lambda axes: axes.scatter([1, 2], [1, 1]),
        lambda axes: axes.step([1, 2], [1, 1]),
        lambda axes: axes.axvspan(1, 2, linestyle="--"),
        lambda axes: axes.contour(np.eye(3) - 0.5, levels=[-0.2], colors="k"),
    ],
)
def test_what_is_not_drawn_here_is_a_png(draw):
    axes = axes_of()
    assert plot.page_bytes(axes.figure).startswith(b"<svg")
    draw(axes)
    with pytest.raises(UnknownArtistError):
        svg_bytes(axes.figure)
    assert plot.page_bytes(axes.figure).startswith(b"\x89PNG")
