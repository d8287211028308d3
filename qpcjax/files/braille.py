"""Pictures of letters, for a terminal: a curve in braille dots, a map in shades."""

import numpy as np

WIDTH, HEIGHT = 60, 12  # letters inside the frame

_BRAILLE = 0x2800
# A letter has 2 dots across and 4 down; these are their bits.
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_SHADES = " ░▒▓█"


def curve(x, y, x_title, y_title, width=WIDTH, height=HEIGHT):
    """Points as braille dots in a frame with the ends of the axes.

    Args:
        x: abscissas, finite.
        y: ordinates, finite.
        x_title: what x is, with its unit.
        y_title: what y is, with its unit.
        width: of the picture, in letters.
        height: of the picture, in letters.
    """
    cells = np.zeros((height, width), int)
    column, row = _places(x, 2 * width), 4 * height - 1 - _places(y, 4 * height)
    np.bitwise_or.at(cells, (row // 4, column // 2), _DOTS[row % 4, column % 2])
    drawn = ["".join(chr(_BRAILLE + int(c)) if c else " " for c in line) for line in cells]
    return _framed(drawn, x, y, x_title, y_title, width)


def shades(x, y, z, x_title, y_title, z_title, width=WIDTH, height=HEIGHT):
    """A map as shades of its mean in each cell; from light to dark is from its least to its most.

    Args:
        x: abscissas, finite.
        y: ordinates, finite.
        z: values, finite.
        x_title: what x is, with its unit.
        y_title: what y is, with its unit.
        z_title: what z is, with its unit.
        width: of the picture, in letters.
        height: of the picture, in letters.
    """
    # No more cells than values on an axis, which would leave gaps.
    columns, rows = min(width, np.unique(x).size), min(height, np.unique(y).size)
    place = (rows - 1 - _places(y, rows)) * columns + _places(x, columns)
    count = np.bincount(place, minlength=rows * columns)
    total = np.bincount(place, z, minlength=rows * columns)
    mean = np.divide(total, count, out=np.full(count.shape, np.min(z)), where=count > 0)
    shade = np.where(count, 1 + _places(mean, len(_SHADES) - 1), 0).reshape(rows, columns)
    wide = width // columns
    drawn = ["".join(_SHADES[i] * wide for i in line) for line in shade]
    key = f"{z_title}: {_SHADES[1]} {np.min(z):.4g} to {_SHADES[-1]} {np.max(z):.4g}"
    return f"{_framed(drawn, x, y, x_title, y_title, wide * columns)}\n{key}"


def _places(values, count):
    """Numbers from 0 to count - 1 in proportion to the values."""
    low, high = np.min(values), np.max(values)
    if high <= low:
        return np.full(np.shape(values), count // 2)
    return np.minimum(((values - low) / (high - low) * count).astype(int), count - 1)


def _framed(drawn, x, y, x_title, y_title, width):
    ends = [f"{np.max(y):.4g}", *[""] * (len(drawn) - 2), f"{np.min(y):.4g}"][-len(drawn) :]
    margin = max(len(end) for end in ends)
    lines = [y_title]
    lines += [f"{end:>{margin}} ┤{row}" for end, row in zip(ends, drawn, strict=True)]
    lines.append(f"{'':{margin}} └{'─' * width}")
    low, high = f"{np.min(x):.4g}", f"{np.max(x):.4g}"
    space = width - len(low) - len(high)
    lines.append(f"{'':{margin}}  {low}{x_title:^{max(space, 0)}}{high}")
    return "\n".join(line.rstrip() for line in lines)
