"""What stands beside the sliders, brought up to date part by part."""

from collections.abc import Iterator
from typing import Any

import jax

from qpcjax.evaluation import evaluate
from qpcjax.explorer import html_tables, pictures
from qpcjax.explorer.neighbourhood import view


class Screen:
    """Numbers and pictures of an operating point, for one visitor."""

    def __init__(self):
        self._compiled = set()  # kinds of barriers that were shown
        self._parts: dict[str, Any] = {}  # the last results: numbers, curves, plane

    def moved(self, scatterer, reservoirs, damping) -> Iterator[str]:
        """The whole as HTML, after each part that changed and at the end; the quickest part first.

        Args:
            scatterer: of the operating point, as `view` takes it.
            reservoirs: of the operating point, as `view` takes them.
            damping: for the hot spot.
        """
        steps = {
            "numbers": lambda: html_tables.table(evaluate(scatterer, reservoirs, damping)),
            "curves": lambda: pictures.curves(view(scatterer, reservoirs), reservoirs),
            "plane": lambda: pictures.plane(scatterer, reservoirs, damping),
        }
        order = ["numbers", "curves", "plane"]
        kind = jax.tree.structure(scatterer)
        if kind not in self._compiled:  # then the numbers take longest
            self._parts = {"numbers": html_tables.COMPILING}
            order = ["curves", "numbers", "plane"]
        for part in order:
            found = steps[part]()
            changed = found != self._parts.get(part)
            self._parts[part] = found
            if changed or part == order[-1]:
                yield self._html()
        self._compiled.add(kind)

    def _html(self):
        known = self._parts
        pictures = {**known.get("curves", {}), **known.get("plane", {})}
        return html_tables.gallery(pictures, known["numbers"])
