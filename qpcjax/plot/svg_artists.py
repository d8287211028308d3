"""What is on the Axes of a figure as parts of an SVG."""

import base64
import io
from typing import Any

import numpy as np
from matplotlib.collections import Collection, QuadMesh
from matplotlib.colors import to_hex, to_rgba
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.path import Path
from matplotlib.spines import Spine
from matplotlib.text import Annotation, Text
from PIL import Image

from qpcjax.plot.svg_text import UnknownTextError, spans, width

_DASHES = {"--": (3.7, 1.6), ":": (1.0, 1.65), "-.": (6.4, 1.6, 1.0, 1.6)}  # in line widths
_MARKERS = {"o": 1.0, ".": 0.5}  # both round; the diameter in the marker's size
_ANCHORS = {"left": "start", "center": "middle", "right": "end"}
_CAPITAL, _DEPTH = 0.73, 0.24  # of the size of letters: above and below the line they stand on
# Of matplotlib's legends, in the size of their letters.
_BORDER, _HANDLE, _GAP, _ROW = 0.9, 2.2, 0.8, 1.5
_UPPER_LEFT = 2
_HEAD = 4.0, 2.0  # of an arrow in points: along, and to either side


class UnknownArtistError(ValueError):
    """Something on a figure that is not drawn here."""


class Pen:
    """What is on one Axes, written one after the other.

    Args:
        parts: of the SVG so far, to which more are added.
        axes: whose artists are drawn.
        height: of the figure in points.
        clip: id of the clip path of the Axes.
    """

    def __init__(self, parts, axes, height, clip):
        self.parts, self.axes, self.height, self.clip = parts, axes, height, clip
        self.box = axes.bbox.extents  # left, bottom, right, top in points
        self.titles = {axes.title, axes._left_title, axes._right_title}

    def draw(self, artist):
        """Write one artist."""
        if artist in (self.axes.xaxis, self.axes.yaxis):
            self._axis(artist)
        elif artist is self.axes.get_legend():
            self._legend(artist)
        elif isinstance(artist, Line2D):
            self._line(artist)
        elif isinstance(artist, AxesImage):
            left, right, bottom, top = artist.get_extent()
            if {self.axes.get_xscale(), self.axes.get_yscale()} != {"linear"}:
                raise UnknownArtistError("an image on logarithmic axes")
            pixels = artist.to_rgba(np.ma.asarray(artist.get_array()), bytes=True)
            upper = pixels[::-1] if artist.origin == "lower" else pixels
            self._image(upper, (left, right, bottom, top))
        elif isinstance(artist, QuadMesh):
            self._mesh(artist)
        elif isinstance(artist, Collection):
            self._collection(artist)
        elif isinstance(artist, Spine):
            self._spine(artist)
        elif isinstance(artist, Patch):
            self._patch(artist)
        elif isinstance(artist, Text):
            self._text(artist)
        else:
            raise UnknownArtistError(type(artist).__name__)

    # --- lines and areas --------------------------------------------------------------------

    def _path(self, path, transform, style, clipped=True):
        """One path with what its lines and its area look like."""
        line = style.startswith('fill="none"')
        cleaned = path.cleaned(transform, remove_nans=True, simplify=line)
        letters = {Path.MOVETO: "M", Path.LINETO: "L", Path.CLOSEPOLY: "Z"}
        words = []
        for (x, y), code in zip(cleaned.vertices.tolist(), cleaned.codes.tolist(), strict=True):
            if code == Path.STOP:
                break
            end = "" if code == Path.CLOSEPOLY else f"{x:.2f} {self.height - y:.2f}"
            words.append(letters[code] + end)
        if words:
            self.parts.append(f'<path d="{"".join(words)}" {style}{self._clipping(clipped)}/>')

    def _clipping(self, clipped):
        return f' clip-path="url(#{self.clip})"' if clipped else ""

    def _line(self, line):
        style, marker, colour = line.get_linestyle(), line.get_marker(), line.get_color()
        if style not in ("-", "None", *_DASHES) or marker not in ("None", *_MARKERS):
            raise UnknownArtistError(f"a line of {style!r} and {marker!r}")
        if line.get_drawstyle() != "default":
            raise UnknownArtistError("a line in steps")
        transform = line.get_transform()
        if style != "None":
            drawn = _stroke(colour, line.get_linewidth(), style, line.get_alpha())
            self._path(line.get_path(), transform, f'fill="none" {drawn}', line.get_clip_on())
        if marker != "None":
            r = (line.get_markersize() * _MARKERS[marker] + line.get_markeredgewidth()) / 2
            for x, y in transform.transform(line.get_xydata()):
                self.parts.append(
                    f'<circle cx="{x:.2f}" cy="{self.height - y:.2f}" r="{r:.2f}" '
                    f"{fill(colour)}{self._clipping(True)}/>"
                )

    def _collection(self, found):
        widths = np.atleast_1d(found.get_linewidths())
        faces, edges = found.get_facecolors(), found.get_edgecolors()
        if np.any(np.asarray(found.get_offsets())) or any(d for _, d in found.get_linestyles()):
            raise UnknownArtistError("points, or dashed lines, of a collection")
        for k, path in enumerate(found.get_paths()):
            face = fill(faces[k % len(faces)]) if len(faces) else 'fill="none"'
            edge = _stroke(edges[k % len(edges)], widths[k % len(widths)]) if len(edges) else ""
            self._path(path, found.get_transform(), f"{face} {edge}", found.get_clip_on())

    def _patch(self, patch):
        if patch.get_linestyle() not in ("solid", "-") or patch.get_hatch():
            raise UnknownArtistError("an area with a dashed edge or hatched")
        face = fill(patch.get_facecolor()) if patch.get_fill() else 'fill="none"'
        edge = _stroke(patch.get_edgecolor(), patch.get_linewidth())
        self._path(patch.get_path(), patch.get_transform(), f"{face} {edge}", patch.get_clip_on())

    def _spine(self, spine):
        """One side of the frame, or the outline of a bar of colours."""
        left, bottom, right, top = self.box
        sides = {
            "left": [(left, bottom), (left, top)], "right": [(right, bottom), (right, top)],
            "bottom": [(left, bottom), (right, bottom)], "top": [(left, top), (right, top)],
        }  # fmt: skip
        edge = _stroke(spine.get_edgecolor(), spine.get_linewidth())
        style = f'fill="none" {edge} stroke-linecap="square"'
        if spine.spine_type in sides:
            self._path(Path(sides[spine.spine_type]), None, style, False)
        else:
            self._path(spine.get_path(), spine.get_transform(), style, False)

    # --- images -----------------------------------------------------------------------------

    def _mesh(self, mesh):
        """Values on a regular grid as an image: at its nodes where they are shaded, else cells."""
        places = np.asarray(mesh.get_coordinates())
        x, y = places[0, :, 0], places[:, 0, 1]
        values = np.ma.asarray(mesh.get_array())
        shaded = values.size == x.size * y.size
        rows, columns = (y.size, x.size) if shaded else (y.size - 1, x.size - 1)
        if not (_even(self.axes.transData, x, 0) and _even(self.axes.transData, y, 1)):
            raise UnknownArtistError("a mesh that is not even")
        half = [(axis[1] - axis[0]) / 2 if shaded else 0.0 for axis in (x, y)]
        pixels = mesh.to_rgba(values.reshape(rows, columns), bytes=True)
        extent = x[0] - half[0], x[-1] + half[0], y[0] - half[1], y[-1] + half[1]
        # A bar of colours has a step for each of them, which must not run into one another.
        self._image(pixels[::-1], extent, shaded)

    def _image(self, pixels, extent, smooth=True):
        """Pixels, the uppermost first, between x of the left and right and y of the ends."""
        left, right, bottom, top = extent
        (x0, y0), (x1, y1) = self.axes.transData.transform([(left, bottom), (right, top)])
        data, file = np.asarray(pixels)[..., :3], io.BytesIO()
        if np.min(np.asarray(pixels)[..., 3]) < 255:
            data = np.asarray(pixels)
        Image.fromarray(np.ascontiguousarray(data)).save(file, "png", compress_level=1)
        content = base64.b64encode(file.getvalue()).decode()
        crisp = "" if smooth else ' image-rendering="pixelated"'
        self.parts.append(
            f'<image x="{x0:.2f}" y="{self.height - y1:.2f}" width="{x1 - x0:.2f}" '
            f'height="{y1 - y0:.2f}" preserveAspectRatio="none"{crisp}{self._clipping(True)} '
            f'href="data:image/png;base64,{content}"/>'
        )

    # --- letters ----------------------------------------------------------------------------

    def _write(self, x, y, words, size, colour, anchor="middle", turned=False):
        """Words on the line through (x, y) in points, y upwards."""
        y = self.height - y
        turn = f' transform="rotate(-90 {x:.2f} {y:.2f})"' if turned else ""
        try:
            inner = spans(words, size)
        except UnknownTextError as error:
            raise UnknownArtistError(f"a label: {error}") from None
        self.parts.append(
            f'<text x="{x:.2f}" y="{y:.2f}" font-size="{size:g}" text-anchor="{anchor}" '
            f'fill="{to_hex(colour)}"{turn}>{inner}</text>'
        )

    def _text(self, text):
        words = text.get_text()
        if text in self.titles and not words:
            return
        if isinstance(text, Annotation) and text.arrow_patch is not None and not words:
            self._arrow(text)
            return
        if text.get_rotation() or text in self.titles or isinstance(text, Annotation):
            raise UnknownArtistError(f"the text {words!r}")
        size, (x, y) = text.get_fontsize(), text.get_transform().transform(text.get_position())
        below = {
            "top": _CAPITAL, "center": _CAPITAL / 2, "baseline": 0.0, "bottom": -_DEPTH
        }[text.get_verticalalignment()]  # fmt: skip
        anchor = _ANCHORS[text.get_horizontalalignment()]
        self._write(x, y - below * size, words, size, text.get_color(), anchor)

    def _arrow(self, note):
        (x0, y0), (x1, y1) = self.axes.transData.transform([note.xyann, note.xy])
        patch, (long, wide) = note.arrow_patch, _HEAD
        along = np.array([x1 - x0, y1 - y0]) / np.hypot(x1 - x0, y1 - y0)
        aside = np.array([-along[1], along[0]])
        tip = np.array([x1, y1])
        sides = [tip - long * along + s * wide * aside for s in (1, -1)]
        vertices = [(x0, y0), tip, sides[0], tip, sides[1]]
        codes = [Path.MOVETO, Path.LINETO, Path.MOVETO, Path.LINETO, Path.LINETO]
        stroke = _stroke(patch.get_edgecolor(), patch.get_linewidth())
        self._path(Path(vertices, codes), None, f'fill="none" {stroke}')

    def _legend(self, legend):
        """Lines and their names, one below the other, in the upper left corner."""
        rows = [*zip(legend.get_lines(), legend.get_texts(), strict=False)]
        if legend._loc != _UPPER_LEFT or legend.get_frame_on() or not rows:
            raise UnknownArtistError("a legend elsewhere, or in a frame")
        if len(legend.get_texts()) != len(rows):
            raise UnknownArtistError("a legend of more than lines")
        for k, (line, text) in enumerate(rows):
            size = text.get_fontsize()
            x, y = self.box[0] + _BORDER * size, self.box[3] - (_BORDER + 0.45 + _ROW * k) * size
            end = x + _HANDLE * size
            stroke = _stroke(line.get_color(), line.get_linewidth(), line.get_linestyle())
            self._path(Path([(x, y), (end, y)]), None, f'fill="none" {stroke}', False)
            base = y - _CAPITAL * size / 2
            words, colour = text.get_text(), text.get_color()
            self._write(end + _GAP * size, base, words, size, colour, "start")

    def _axis(self, axis):
        """Ticks with their labels on one side, and the name of the axis beside them."""
        if not self.axes.axison:
            return
        flat = axis is self.axes.xaxis
        side = axis.get_label_position()
        wanted = "bottom" if flat else side
        if side != wanted or side == "top":
            raise UnknownArtistError(f"an axis on the {side}")
        locations = np.asarray(axis.get_majorticklocs(), float)
        labels = axis.get_major_formatter().format_ticks(locations)
        tick = axis.get_major_ticks(1)[0]
        pad, size = tick.get_tick_padding() + tick.get_pad(), tick.label1.get_fontsize()
        out = -1 if side in ("bottom", "left") else 1
        widest = 0.0
        ends = {"bottom": ("bottom", "top"), "left": ("left", "right"), "right": ("right",)}[side]
        for place, words in zip(self._seen(axis, locations), labels, strict=True):
            if place is None:
                continue
            self._ticks(flat, place, tick, ends)
            if not words:
                continue
            edge = self.box[{"bottom": 1, "left": 0, "right": 2}[side]] + out * pad
            colour = tick.label1.get_color()
            if flat:
                self._write(place, edge - _CAPITAL * size, words, size, colour)
            else:
                anchor = "end" if side == "left" else "start"
                self._write(edge, place - _CAPITAL * size / 2, words, size, colour, anchor)
            widest = max(widest, size if flat else width(words, size))
        minor = axis.get_minorticklocs()
        if len(minor):
            small = axis.get_minor_ticks(1)[0]
            for place in self._seen(axis, minor):
                if place is not None:
                    self._ticks(flat, place, small, ends)
        offset = axis.get_major_formatter().get_offset()
        if offset:
            self._write(self.box[0], self.box[3] + 3, offset, size, "black", "start")
        self._name(axis, side, pad + widest)

    def _name(self, axis, side, away):
        label = axis.get_label()
        if not label.get_text():
            return
        size = label.get_fontsize()
        away += axis.labelpad
        middle = {"bottom": (self.box[0] + self.box[2]) / 2}.get(
            side, (self.box[1] + self.box[3]) / 2
        )
        if side == "bottom":
            x, y = middle, self.box[1] - away - _CAPITAL * size
        elif side == "left":
            x, y = self.box[0] - away - _DEPTH * size, middle
        else:
            x, y = self.box[2] + away + _CAPITAL * size, middle
        self._write(x, y, label.get_text(), size, label.get_color(), turned=side != "bottom")

    def _seen(self, axis, locations):
        """Places of ticks in points along their axis, None of those that are not seen."""
        low, high = sorted(axis.get_view_interval())
        slack = 1e-9 * (high - low)
        flat = axis is self.axes.xaxis
        points = np.tile([self.axes.get_xlim()[0], self.axes.get_ylim()[0]], (len(locations), 1))
        points[:, 0 if flat else 1] = locations
        places = self.axes.transData.transform(points)[:, 0 if flat else 1]
        inside = (locations >= low - slack) & (locations <= high + slack)
        return [p if i else None for p, i in zip(places, inside, strict=True)]

    def _ticks(self, flat, place, tick, ends):
        line = tick.tick1line
        length = line.get_markersize()
        for end in ends:
            shown = tick.tick1line if end in ("bottom", "left") else tick.tick2line
            if not shown.get_visible():
                continue
            edge = self.box[{"left": 0, "bottom": 1, "right": 2, "top": 3}[end]]
            inwards = 1 if end in ("bottom", "left") else -1
            turn = {"in": 1, "out": -1}.get(tick.get_tickdir())
            if turn is None:
                raise UnknownArtistError("ticks on both sides of the frame")
            tip = edge + inwards * turn * length
            corners = [(place, edge), (place, tip)] if flat else [(edge, place), (tip, place)]
            stroke = _stroke(line.get_markeredgecolor(), line.get_markeredgewidth())
            self._path(Path(corners), None, f'fill="none" {stroke}', False)


def _even(transform, axis, column):
    """Whether an axis is even where it is drawn."""
    points = np.ones((axis.size, 2))
    points[:, column] = axis
    drawn = transform.transform(points)[:, column]
    return np.ptp(np.diff(drawn)) < 1e-6 * np.ptp(drawn) + 1e-9


def fill(colour: Any, alpha: float | None = None) -> str:
    """Attributes of an area of a colour."""
    r, g, b, a = to_rgba(colour, alpha)
    if not a:
        return 'fill="none"'
    return f'fill="{to_hex((r, g, b))}"' + (f' fill-opacity="{a:.3g}"' if a < 1 else "")


def _stroke(colour, points, style="-", alpha=None):
    r, g, b, a = to_rgba(colour, alpha)
    if not points or not a:
        return ""
    dashes = " ".join(f"{points * d:.2f}" for d in _DASHES.get(style, ()))
    return (
        f'stroke="{to_hex((r, g, b))}" stroke-width="{points:.2f}"'
        + (f' stroke-opacity="{a:.3g}"' if a < 1 else "")
        + (f' stroke-dasharray="{dashes}"' if dashes else "")
    )
