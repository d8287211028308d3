"""A design: where the search ended, how sharp the optimum is, what a fabrication error costs."""

import dataclasses
from typing import Any

import numpy as np

from qpcjax.optimise.parameters import Parameter
from qpcjax.overviews import Overview, Shown, in_words, range_in_words, unit_text
from qpcjax.quantities import closest


@dataclasses.dataclass(frozen=True)
class DesignStart:
    """One start of the search, and what became of it.

    Fields:
        values: the free parameters there.
        value: the objective there; NaN where it has none.
        status: "screened" (looked at alone), "converged", "infeasible", "steps" (stopped before it
            settled), "merged" (met a better one), "behind" (left, being far from the best one), or
            "no value".
        end: the free parameters where the descent ended; None where there was none.
        end_value: the objective there.
        violation: the largest violation of a constraint there, in units of its spread over the
            starts.
        evaluations: points evaluated, with the start.
        history: the objective at the best point so far, after each of them. Under constraints a
            point may be better for meeting them, and its objective worse.
    """

    values: dict[str, float]
    value: float
    status: str
    end: dict[str, float] | None
    end_value: float
    violation: float
    evaluations: int
    history: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True)
class ConstraintResult:
    """A constraint at the design.

    Fields:
        name: of the number.
        value: the number.
        lower: its smallest value.
        upper: its largest one.
        unit: its unit.
        active: whether the number stands on one of its bounds and holds the objective back.
        price: by how much the objective would change for each unit by which that bound moved up.
        violation: how far the number is outside, in its unit; 0 up to the search's tolerance.
    """

    name: str
    value: float
    lower: float
    upper: float
    unit: str
    active: bool
    price: float
    violation: float


@dataclasses.dataclass(frozen=True)
class Tolerance:
    r"""What independent Gaussian errors of the parameters do to the objective f.

    .. math::
        \Delta f = \tfrac12 \sum_i f_{ii} \sigma_i^2, \qquad
        \mathrm{var} f = \sum_i f_i^2 \sigma_i^2
            + \tfrac12 \sum_{ij} f_{ij}^2 \sigma_i^2 \sigma_j^2

    from the gradient and Hessian at the design; the first order of the change is 0.

    Fields:
        errors: standard deviation by name.
        change: expected change of f, second order.
        spread: standard deviation of f, with the second order.
        first_order: that of the first order alone; 0 at an optimum away from all bounds.
        by_name: what each error alone contributes to the variance of f (first and second order);
            pairs contribute the rest.
    """

    errors: dict[str, float]
    change: float
    spread: float
    first_order: float
    by_name: dict[str, float]


@dataclasses.dataclass(frozen=True, repr=False)
class Design(Shown):
    """The best constriction and operating point that a search has found.

    Attributes:
        problem: what was asked for: its `objective` and `constraints`, with the scatterer before.
        scatterer: of the design, with modes for the whole range that was searched.
        reservoirs: of the design.
        parameters: the free ones, as `Parameter` with value, unit and bounds.
        value: of the objective; for targets the mean square deviation.
        unit: of the value.
        status: "converged"; "steps", where the search was stopped before it settled; "infeasible",
            where no descent met the constraints; "interrupted".
        message: what the status means, in words.
        evaluations: points evaluated in the search, each with its first derivatives, those of every
            start counted.
        sensitivity_evaluations: further points, for the Hessian.
        starts: each `DesignStart`, followed or not.
        conditions: each constraint at the design.
        names: what `gradient` and `hessian` are by: the free parameters, then others whose
            tolerance was asked for.
        points: their values.
        gradient: of the value, by each name, per its unit.
        hessian: second derivatives of the value, in the order of `names`.
        tolerance: `Tolerance` for the errors that were given, or None.
    """

    problem: Any = dataclasses.field(repr=False)
    scatterer: Any
    reservoirs: Any
    parameters: tuple[Parameter, ...]
    value: float
    unit: str
    status: str
    message: str
    evaluations: int
    sensitivity_evaluations: int
    starts: tuple[DesignStart, ...]
    conditions: tuple[ConstraintResult, ...]
    names: tuple[str, ...]
    points: dict[str, float]
    gradient: dict[str, float]
    hessian: np.ndarray
    tolerance: Tolerance | None = None

    def as_columns(self):
        """The columns of the table of its parameters, for `qpc.to_dataframe`."""
        from qpcjax.designing.report import parameter_columns

        return parameter_columns(self)

    def _overview(self):
        states = {name: "on its bound" for name in self.at_bound}
        states |= {name: "active" for name in self.active}
        states |= {c.name: f"violated by {c.violation:.3g}" for c in self.conditions if c.violation}
        rows = [
            (
                x.name,
                f"{x.value:.6g}",
                unit_text(x.unit),
                range_in_words(x.lower, x.upper),
                states.get(x.name, ""),
            )
            for x in (*self.parameters, *self.conditions)
        ]
        value = in_words(self.value, self.unit)
        title = f"Design, {self.objective.title}: {value}, {self.status}"
        return Overview(title, rows, () if self.status == "converged" else (self.message,))

    @property
    def objective(self):
        """What was asked for."""
        return self.problem.objective

    def along(self, name, values):
        """The objective along one of `names`, the others as in the design.

        Args:
            name: of a free parameter, or of one with a tolerance.
            values: in its unit.

        Returns:
            NumPy array; no new program is compiled.
        """
        return self.problem.value(self._outputs_along(name, values))

    def kept_along(self, name, values):
        """Whether every constraint is met along one of `names`, the others as in the design.

        Args:
            name: as of `along`.
            values: in its unit.

        Returns:
            NumPy array of Booleans, with a millionth of each number to spare.
        """
        count = len(self.problem.constraints)
        outputs = self._outputs_along(name, values)
        numbers = outputs[:, np.shape(outputs)[-1] - count :]
        kept = np.ones(np.size(values), bool)
        for limit, number in zip(self.problem.constraints, numbers.T, strict=True):
            spare = 1e-6 * np.abs(number)
            kept &= (number >= limit.lower - spare) & (number <= limit.upper + spare)
        return kept

    def _outputs_along(self, name, values):
        if name not in self.names:
            raise ValueError(f"there is no {name!r} in the design: {closest(name, self.names)}")
        rows = np.tile([self.points[n] for n in self.names], (np.size(values), 1))
        rows[:, self.names.index(name)] = values
        return self.problem.linearise(rows)[0]

    def values(self):
        """The free parameters by name."""
        return {p.name: p.value for p in self.parameters}

    @property
    def at_bound(self):
        """Names of free parameters that ended on a bound."""
        return tuple(p.name for p in self.parameters if min(p.share, 1 - p.share) < 1e-6)

    @property
    def active(self):
        """Names of the constraints that hold the objective back."""
        return tuple(c.name for c in self.conditions if c.active)

    @property
    def logarithmic(self):
        """Sensitivities d ln f/d ln p by name: per cent of the value for one of the parameter."""
        if self.value == 0:
            return dict.fromkeys(self.names, np.nan)
        return {n: self.points[n] * self.gradient[n] / self.value for n in self.names}

    @property
    def flat_directions(self):
        """Combinations of free parameters that the objective leaves open at the design.

        A list of {name: change}, the changes in shares of the parameters' ranges; empty where the
        optimum is one point, and where a constraint is active.
        """
        inner = [i for i, p in enumerate(self.parameters) if p.name not in self.at_bound]
        if not inner or self.active:
            return []
        ranges = np.array([self.parameters[i].upper - self.parameters[i].lower for i in inner])
        hessian = self.hessian[np.ix_(inner, inner)] * ranges * ranges[:, None]
        if not np.all(np.isfinite(hessian)):
            return []
        curvature, directions = np.linalg.eigh(hessian)
        largest = np.max(np.abs(curvature))
        return [
            {self.parameters[i].name: float(x) for i, x in zip(inner, direction, strict=True)}
            for curve, direction in zip(curvature, directions.T, strict=True)
            if abs(curve) <= _FLAT * largest
        ]

    def with_tolerance(self, errors):
        """The expected change and spread for standard deviations by name, as `Tolerance`.

        Raises:
            ValueError: a name whose derivatives are not at hand.
        """
        return tolerance(self.names, self.gradient, self.hessian, errors)


_FLAT = 1e-5  # curvature, in units of the largest one, that counts as none


def tolerance(names, gradient, hessian, errors) -> Tolerance:
    """`Tolerance` from a gradient by name and a Hessian in the order of `names`."""
    missing = [name for name in errors if name not in names]
    if missing:
        raise ValueError(
            f"there are no derivatives by {', '.join(missing)}: give their errors to design as "
            "tolerances"
        )
    sigma = np.array([errors.get(name, 0.0) for name in names])
    linear = np.array([gradient[name] for name in names]) * sigma
    curved = hessian * sigma * sigma[:, None]
    # A derivative that is not known counts only where there is an error.
    linear, curved = (np.where(s == 0, 0, x) for s, x in
                      ((sigma, linear), (sigma * sigma[:, None], curved)))  # fmt: skip
    variance = np.sum(linear**2) + np.sum(curved**2) / 2
    own = linear**2 + np.diag(curved) ** 2 / 2
    return Tolerance(
        dict(errors),
        float(np.trace(curved) / 2),
        float(np.sqrt(variance)),
        float(np.linalg.norm(linear)),
        {name: float(x) for name, x in zip(names, own, strict=True) if name in errors},
    )
