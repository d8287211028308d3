"""What a finer grid makes of a design of gates."""

import dataclasses

from qpcjax.designing.layout_problem import LayoutProblem
from qpcjax.designing.result import Design
from qpcjax.gates import GatedDevice
from qpcjax.overviews import unit_text


@dataclasses.dataclass(frozen=True)
class LayoutCheck:
    """A design of gates on a finer grid, its numbers as they are.

    Fields:
        grid: step of the finer grid in nm.
        value: of the objective there.
        coarse: of the objective on the grid of the search.
        unit: of both.
        conditions: constrained number -> its value there.
    """

    grid: float
    value: float
    coarse: float
    unit: str
    conditions: dict[str, float]

    def in_words(self) -> str:
        """A sentence for reports."""
        unit = f" {unit_text(self.unit)}".rstrip()
        others = "".join(f", {name} {value:.4g}" for name, value in self.conditions.items())
        return (
            f"on a grid of {self.grid:g} nm the objective is {self.value:.4g}{unit}{others}; the "
            f"search has {self.coarse:.4g}{unit}"
        )


def layout_check(found: Design, grid: float | None = None) -> LayoutCheck:
    """A design of gates on a finer grid, with scattering states resolved anew.

    Args:
        found: a `Design` of a `GatedConstriction`.
        grid: step in nm; half of the search's by default.

    Raises:
        ValueError: another design, a grid that is not finer or does not fit the box, a device with
            an `external` energy, which is known on its own grid alone.
    """
    problem = found.problem
    if not isinstance(problem, LayoutProblem):
        raise ValueError("a finer grid is that of gates: this design is of another scatterer")
    layout = found.scatterer.layout
    if layout.external is not None:
        raise ValueError("the device has an external energy, known on its own grid alone")
    step = layout.mesh.step
    fine = step / 2 if grid is None else float(grid)
    if not fine < step:
        raise ValueError(f"grid must be finer than the {step:g} nm of the search, got {fine:g}")
    finer = GatedDevice(
        layout.stack,
        layout.gates,
        fine,
        layout.mesh.lengths,
        layout.points,
        tip=layout.tip,
        disorder=layout.disorder,
    )
    c = dataclasses.replace(found.scatterer, layout=finer, sizes=None, near=None)
    points = problem.objective.operating_points(c, found.reservoirs)
    roomy = c.with_room([(c, found.reservoirs), *points])
    there = dataclasses.replace(problem, scatterer=roomy)
    outputs = there.linearise([[found.points[name] for name in found.names]])[0][0]
    names = [limit.name for limit in problem.constraints]
    constrained = outputs[outputs.size - len(names) :]
    return LayoutCheck(
        fine,
        float(there.value(outputs)),
        found.value,
        found.unit,
        {name: float(value) for name, value in zip(names, constrained, strict=True)},
    )
