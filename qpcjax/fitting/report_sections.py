"""Pieces of a report, as plain text and as a web page."""

import dataclasses
import html
import re
import textwrap

from qpcjax.overviews import as_image

_WIDTH = 94  # of the text
_FOLDED = 5  # rows of a folded table that the text has


@dataclasses.dataclass(frozen=True)
class Section:
    """A piece of a report.

    Fields:
        title: its heading.
        lines: sentences and figures in words.
        columns: heads of a table's columns, the first of them names.
        rows: the table, as strings.
        folded: whether the page shows the table only once it is opened, and the text only its
            first rows.
    """

    title: str
    lines: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    folded: bool = False

    def text(self):
        """The section as plain text."""
        lines = [row for line in self.lines for row in textwrap.wrap(line, _WIDTH)]
        left_out = len(self.rows) - _FOLDED if self.folded else 0
        table = aligned(self.columns, self.rows[:_FOLDED] if left_out > 0 else self.rows)
        if left_out > 0:
            table.append(f"... and {left_out} more, which report.html lists")
        return "\n".join([f"[[{self.title}]]", *(f"    {line}" for line in (*lines, *table))])

    def html(self):
        """The section as HTML."""
        parts = [f"<h2>{html.escape(self.title)}</h2>"]
        parts += [f"<p>{html.escape(line)}</p>" for line in self.lines]
        if self.rows:
            head = "".join(f"<th>{html.escape(c)}</th>" for c in self.columns)
            body = "".join(
                "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
                for row in self.rows
            )
            table = f"<table>{head and f'<tr>{head}</tr>'}{body}</table>"
            if self.folded:
                summary = f"<summary>{len(self.rows)} rows</summary>"
                table = f"<details>{summary}{table}</details>"
            parts.append(table)
        return "\n".join(parts)


def aligned(heads, rows) -> list[str]:
    """A table as lines of text: numbers stand to the right, names and words to the left."""
    every = [heads, *rows] if heads else list(rows)
    widths = [max(map(len, column)) for column in zip(*every, strict=True)]
    right = [_numeric(column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{cell:>{width}}" if number else f"{cell:<{width}}"
            for cell, width, number in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in every
    ]


def _numeric(column):
    """Whether the cells of a column are numbers, with what may stand around them."""
    cells = [c.removeprefix("+- ").removesuffix(" %") for c in column if c]
    cells = [c for c in cells if c not in ("held", "open", "not run")]
    return all(re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", c) for c in cells)


def as_page(title, sections, figures=None) -> str:
    """One HTML page that needs nothing beside it; the pictures come first.

    Args:
        title: its heading.
        sections: its pieces.
        figures: title -> bytes of a PNG.
    """
    parts = [
        f"<h2>{html.escape(name)}</h2>\n{as_image(png)}" for name, png in (figures or {}).items()
    ]
    parts += [s.html() for s in sections]
    return _PAGE.format(title=html.escape(title), body="\n".join(parts))


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 15px/1.45 sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }}
h2 {{ font-size: 1.1rem; margin: 1.6rem 0 0.3rem; }}
p {{ margin: 0.15rem 0; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; margin-top: 0.4rem; }}
th, td {{ text-align: left; padding: 0.15rem 0.9rem 0.15rem 0; border-bottom: 1px solid #ddd; }}
img {{ max-width: 100%; }}
</style>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""
