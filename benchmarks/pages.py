"""Where the pages of measurements stand, and what they have in common."""

from pathlib import Path

from qpcjax._versions import versions

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "benchmarks"
IMAGES = PAGES / "images"


def table(header, rows):
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def used_versions():
    """The versions that a page was measured with."""
    return ", ".join(f"{name} {versions()[name]}" for name in ("qpcjax", "jax", "numpy"))
