"""`design`: the arguments checked, the search, and the derivatives at its end."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from qpcjax.designing.constraints import Constraint, read_constraints
from qpcjax.designing.layout_problem import LayoutProblem
from qpcjax.designing.merit import FEASIBLE
from qpcjax.designing.objectives import RESERVOIR_NAMES, AbstractObjective, HotSpotAt
from qpcjax.designing.problem import Box, DesignProblem, placed, present, with_room
from qpcjax.designing.result import ConstraintResult, Design, DesignStart, tolerance
from qpcjax.designing.search import Search, low_discrepancy
from qpcjax.heat.damping import AbstractDamping, QuadraticDamping
from qpcjax.measurements import InputError
from qpcjax.optimise.parameters import Parameter
from qpcjax.quantities import closest
from qpcjax.scatterers import as_scatterer
from qpcjax.scatterers.fields import field_names, quantity_of
from qpcjax.staircases import GatedConstriction
from qpcjax.transport.reservoirs import Reservoirs
from qpcjax.validation import require_double

_DIFFERENCE = 1e-4  # step of the Hessian's differences, in the parameter's range or value
_ACTIVE = 1e-5  # distance from its bound, in its spread, at which a constraint is active


def design(
    objective: AbstractObjective,
    scatterer: Any,
    reservoirs: Reservoirs,
    free: Mapping[str, tuple[float, float]],
    *,
    constraints: Mapping[str, tuple[Any, Any]] | Iterable[Constraint] = (),
    tolerances: Mapping[str, float] | None = None,
    damping: AbstractDamping | None = None,
    starts: int | None = None,
    descents: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> Design:
    """Find the constriction and operating point that do best what is asked of them.

    Starts that fill the range evenly, and the scatterer's own numbers where they lie in it, are
    evaluated. SciPy's optimisers follow the best of them, with derivatives from JAX, until no step
    gains more. The same seed gives the same design.

    Args:
        objective: one of `qpcjax.designing`: `MostAsymmetry`, `StrongestCooling`, `HotSpotAt`,
            `FlattestPlateau`, `TargetTransmission`, `TargetConductance`, or a function of
            (scatterer, reservoirs) in `Minimise` or `Maximise`.
        scatterer: any scatterer; the numbers that are not free stay as they are in it. It gets the
            modes and panels that the bounds need.
        reservoirs: `Reservoirs` of plain numbers.
        free: name -> (lower, upper) of each number that may change: mu, bias, temperature,
            temperature_bias, and the scatterer's own, such as half_width or hbar_omega_x.
        constraints: observable -> (lower, upper), None for no bound; or a list of `Constraint`,
            which may hold functions of your own.
        tolerances: name -> standard deviation of a number as it is made, free or not.
        damping: damping law of constraints on the hot spot.
        starts: number of points evaluated at first; by default 2 and two more for each free
            parameter, twice as many with constraints. More starts find an optimum that is hidden in
            a small part of the range.
        descents: number of starts that are followed; by default 2, or 4 with constraints.
        seed: of the starts.
        progress: called with (done, total, label).

    Returns:
        `Design`. Its status says whether the search settled and whether the constraints are met.

    Raises:
        InputError: an objective or constraint without a finite value at any start.
        ValueError: an unknown name, bounds that contradict each other or leave the physical range,
            no free parameter, a bias of 0 where heat needs one.
    """
    require_double("designs")
    objective = _objective(objective)
    _check_reservoirs(reservoirs)
    as_scatterer(scatterer)  # says what a class of the user's own lacks
    conditions = read_constraints(constraints)
    parameters = _parameters(scatterer, reservoirs, free)
    errors = _errors(scatterer, tolerances or {})
    _check_count("starts", starts, 2)
    _check_count("descents", descents, 1)
    objective.check(scatterer, [p.name for p in parameters])
    _check_bias(objective, reservoirs, parameters)
    _check_mu(scatterer, reservoirs, parameters)
    roomy = with_room(objective, scatterer, reservoirs, parameters)
    names = [p.name for p in parameters] + [n for n in errors if n not in free]
    if damping is None:
        damping = objective.damping if isinstance(objective, HotSpotAt) else QuadraticDamping()
    kind = LayoutProblem if isinstance(roomy, GatedConstriction) else DesignProblem
    problem = kind(objective, conditions, roomy, reservoirs, damping, tuple(names))
    # Constraints cut the range into valleys.
    valleys = 2 if conditions else 1
    starts = valleys * (2 + 2 * len(parameters)) if starts is None else starts
    descents = 2 * valleys if descents is None else descents
    progress = progress or (lambda *_: None)

    progress(0, 1, "compiling")
    evaluator = _Evaluator(problem, parameters)
    search = Search(evaluator.linearise, objective, conditions, descents, progress)
    if not search.screen(_starts(problem, parameters, starts, seed)):
        raise InputError(_no_value(search, conditions))
    search.descend()
    progress(0, 1, "sensitivities")
    return _result(search, evaluator, errors)


def _objective(objective):
    if isinstance(objective, AbstractObjective):
        return objective
    if isinstance(objective, type) and issubclass(objective, AbstractObjective):
        raise ValueError(f"objective must be an object, such as {objective.__name__}(...)")
    if callable(objective):
        raise ValueError(
            "say whether your function is to be small or large: Minimise(function) or "
            "Maximise(function) of qpcjax.designing"
        )
    raise ValueError(f"objective must be one of qpcjax.designing, got {objective!r}")


def _check_reservoirs(reservoirs):
    if not isinstance(reservoirs, Reservoirs):
        raise ValueError(f"reservoirs must be Reservoirs, got {reservoirs!r}")
    for name in RESERVOIR_NAMES:
        value = getattr(reservoirs, name)
        if np.ndim(value) or not math.isfinite(value):
            raise ValueError(f"{name} of the reservoirs must be one finite number, got {value}")


def _check_count(name, value, least):
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be a whole number, {least} or more, got {value!r}")


def _known_name(scatterer, name):
    known = [*RESERVOIR_NAMES, *field_names(scatterer)]
    if name not in known:
        raise ValueError(f"there is no parameter {name!r}: {closest(name, known)}")


def _unit(scatterer, name):
    return quantity_of(scatterer, name).unit


def _parameters(scatterer, reservoirs, free):
    """The free `Parameter`s, at the present values where these lie in the bounds."""
    if not isinstance(free, Mapping):
        raise ValueError(f"free must be {{name: (lower, upper)}}, got {free!r}")
    if not free:
        raise ValueError(
            "at least one parameter must be free: free={'half_width': (15, 25)}, for instance"
        )
    found = []
    for name, ends in free.items():
        _known_name(scatterer, name)
        unit = _unit(scatterer, name)
        try:
            lower, upper = (float(x) for x in ends)
        except (TypeError, ValueError):
            raise ValueError(f"the bounds of {name} must be (lower, upper), got {ends!r}") from None
        if not (math.isfinite(lower) and math.isfinite(upper)):
            raise ValueError(f"the bounds of {name} must be finite, got {lower:g} to {upper:g}")
        if not lower < upper:
            raise ValueError(
                f"the bounds of {name} contradict each other: {lower:g} to {upper:g} {unit}"
                + ("; to hold it, leave it out of free" if lower == upper else "")
            )
        for end, word in ((lower, "lower"), (upper, "upper")):
            try:
                placed(scatterer, reservoirs, {name: end})
            except ValueError as error:
                raise ValueError(f"the {word} bound of {name}: {error}") from None
        value = present(scatterer, reservoirs, name)
        value = value if lower <= value <= upper else math.nan
        log = lower > 0
        if math.isnan(value):
            value = math.sqrt(lower * upper) if log else (lower + upper) / 2
        found.append(Parameter(name, value, unit, lower, upper, log=log))
    return tuple(found)


def _errors(scatterer, tolerances):
    found = {}
    for name, sigma in tolerances.items():
        _known_name(scatterer, name)
        try:
            found[name] = float(sigma)
        except (TypeError, ValueError):
            raise ValueError(f"the tolerance of {name} must be a number, got {sigma!r}") from None
        if not (found[name] > 0 and math.isfinite(found[name])):
            raise ValueError(
                f"the tolerance of {name} must be a positive standard deviation in "
                f"{_unit(scatterer, name) or 'its unit'}, got {sigma!r}"
            )
    return found


def _check_bias(objective, reservoirs, parameters):
    """Heat has a direction only where there is a bias, of one sign."""
    if not objective.driven:
        return
    ends = {p.name: (p.lower, p.upper) for p in parameters}.get("bias", 2 * (reservoirs.bias,))
    if ends[0] <= 0 <= ends[1]:
        given = f"{ends[0]:g}" if ends[0] == ends[1] else f"{ends[0]:g} to {ends[1]:g}"
        raise ValueError(
            f"bias must be other than 0, and of one sign, for {type(objective).__name__}, got "
            f"{given} meV"
        )


def _check_mu(scatterer, reservoirs, parameters):
    """Gates have their own mu, which follows the density of the gas."""
    own = getattr(scatterer, "own_mu", None)
    if own is None:
        return
    if any(p.name == "mu" for p in parameters):
        raise ValueError("mu follows the density of these gates: let density be free instead")
    if not math.isclose(float(own), float(reservoirs.mu), rel_tol=1e-6):
        raise ValueError(
            f"mu of the reservoirs must be that of the gates, {float(own):.6g} meV at their "
            f"density, got {float(reservoirs.mu):.6g} meV"
        )


class _Evaluator:
    """Outputs and derivatives of a problem by the coordinates of its free parameters."""

    def __init__(self, problem, parameters):
        self.problem, self.parameters, self.box = problem, parameters, Box(parameters)
        others = problem.names[len(parameters) :]
        self.held = np.array([present(problem.scatterer, problem.reservoirs, n) for n in others])

    def values(self, shares):
        """Values of the problem's names for rows of coordinates."""
        held = np.broadcast_to(self.held, (len(shares), self.held.size))
        return np.concatenate([self.box.values(shares), held], 1)

    def linearise(self, shares):
        """Outputs and their slopes by the coordinates, for rows of coordinates."""
        values = self.values(shares)
        outputs, slopes = self.problem.linearise(values)
        free = len(self.parameters)
        return outputs, slopes[:, :, :free] * self.box.slopes(values[:, :free])[:, None]

    def derivatives(self, values, errors):
        """Gradient and Hessian of the value by all names, and the number of evaluations.

        The Hessian is made of differences of exact gradients, which the program of the search
        gives: no second one is compiled. Its points stay within the bounds.
        """
        count, free = len(values), len(self.parameters)
        lower, upper = np.full(count, -np.inf), np.full(count, np.inf)
        lower[:free], upper[:free] = self.box.lower, self.box.upper
        size = np.maximum(np.abs(values), [errors.get(n, 0.0) for n in self.problem.names])
        size = np.maximum(size, 1e-3)
        size[:free] = upper[:free] - lower[:free]
        logs = [i for i, p in enumerate(self.parameters) if p.log]
        size[logs] = np.minimum(size[logs], values[logs])
        rows, weights = [values], []
        for i, h in enumerate(_DIFFERENCE * size):
            steps, weight = (h, -h), np.array([0.0, 0.5, -0.5]) / h
            if values[i] - h < lower[i]:
                steps, weight = (h, 2 * h), np.array([-1.5, 2.0, -0.5]) / h
            elif values[i] + h > upper[i]:
                steps, weight = (-h, -2 * h), np.array([1.5, -2.0, 0.5]) / h
            rows += [values + step * np.eye(count)[i] for step in steps]
            weights.append(weight)
        gradients = self.problem.gradient(*self.problem.linearise(np.array(rows)))
        hessian = np.array([w @ gradients[[0, 1 + 2 * i, 2 + 2 * i]]
                            for i, w in enumerate(weights)])  # fmt: skip
        return gradients[0], (hessian + hessian.T) / 2, len(rows)


def _starts(problem, parameters, count, seed):
    """Starts in the unit box: low-discrepancy points, the first one the problem's own numbers."""
    points = low_discrepancy(count, len(parameters), seed)
    now = [present(problem.scatterer, problem.reservoirs, p.name) for p in parameters]
    if all(p.lower <= v <= p.upper for p, v in zip(parameters, now, strict=True)):
        own = np.array([p.share for p in parameters])
        points = np.concatenate([own[None], points[:-1]])
    return points


def _no_value(search, conditions):
    outputs = np.array([d.start.outputs for d in search.rows])[:, -len(conditions) or None :]
    finite = np.any(np.isfinite(outputs), axis=0)
    bad = [c.name for c, ok in zip(conditions, finite, strict=False) if not ok]
    where = f"the constraint on {bad[0]}" if bad else "the objective"
    return (
        f"{where} has no finite value and slope at any of {len(search.rows)} starts: check the "
        "units and bounds, or give more starts"
    )


def _result(search, evaluator, errors):
    """The `Design` at the best end of a search."""
    problem, parameters = evaluator.problem, evaluator.parameters
    row = search.best()
    values = evaluator.values(row.best.at[None])[0]
    status, message = _status(search, row)
    gradient, hessian, taken = evaluator.derivatives(values, errors)
    names = problem.names
    gradient = {n: float(g) for n, g in zip(names, gradient, strict=True)}
    scatterer, reservoirs = problem.at([float(v) for v in values])
    return Design(
        problem,
        scatterer,
        reservoirs,
        tuple(p.at(v) for p, v in zip(parameters, values, strict=False)),
        float(problem.value(row.best.outputs)),
        problem.objective.unit,
        status,
        message,
        search.evaluations,
        taken,
        tuple(_start(search, evaluator, r) for r in search.rows),
        _conditions(search.merit, problem.constraints, row),
        names,
        {n: float(v) for n, v in zip(names, values, strict=True)},
        gradient,
        hessian,
        tolerance(names, gradient, hessian, errors) if errors else None,
    )


def _start(search, evaluator, row):
    moved = row.status != "screened"
    value = evaluator.problem.value

    def named(point):
        values = evaluator.box.values(point.at)
        return {p.name: float(v) for p, v in zip(evaluator.parameters, values, strict=True)}

    return DesignStart(
        named(row.start),
        float(value(row.start.outputs)),
        row.status if row.start.finite else "no value",
        named(row.best) if moved else None,
        float(value(row.best.outputs)) if moved else math.nan,
        search.merit.violation(row.best.outputs) if row.start.finite else math.nan,
        row.evaluations,
        tuple(float(value(p.outputs)) for p in row.history),
    )


def _conditions(merit, constraints, row):
    found, outputs = [], row.best.outputs
    # From the multipliers of the scaled objective and numbers to the value for each unit.
    factor = -merit.scale * (2 / merit.parts if merit.squares else merit.sign)
    prices = factor * merit.new_multipliers(outputs, row.multipliers, row.penalty) / merit.scales
    for i, c in enumerate(constraints):
        value, scale = float(outputs[merit.parts + i]), float(merit.scales[i])
        near = min(abs(value - c.lower), abs(value - c.upper)) <= _ACTIVE * scale
        active = bool(near and prices[i] != 0)
        outside = max(c.lower - value, value - c.upper, 0.0)
        found.append(
            ConstraintResult(
                c.name, value, c.lower, c.upper, c.unit, active,
                float(prices[i]) if active else 0.0,
                outside if outside > FEASIBLE * scale else 0.0,
            )
        )  # fmt: skip
    return tuple(found)


def _status(search, row):
    if search.interrupted:
        return "interrupted", "stopped by the user: the best point so far"
    if search.merit.violation(row.best.outputs) > FEASIBLE:
        return "infeasible", (
            "no descent met all constraints: this is the nearest point; widen a bound, or give "
            "more starts"
        )
    if row.status == "steps":
        return "steps", "stopped before the objective settled"
    return "converged", "no small step within the bounds and constraints gains any more"
