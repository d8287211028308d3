"""The entry point: checks, starts, search, and what is known at its end."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.designing.constraints import Constraint, read_constraints
from qpcjax.designing.objectives import RESERVOIR_NAMES, AbstractObjective, HotSpotAt
from qpcjax.designing.problem import Problem, physical, present, with_room
from qpcjax.designing.result import Condition, Design, Start, tolerance
from qpcjax.designing.search import Merit, Search, low_discrepancy
from qpcjax.heat.hot_spot import QuadraticDamping
from qpcjax.measurements import InputError
from qpcjax.optimise.parameters import Parameter
from qpcjax.quantities import closest
from qpcjax.scatterers import as_scatterer
from qpcjax.scatterers.fields import field_names, quantity_of
from qpcjax.transport.reservoirs import Reservoirs

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
    damping: QuadraticDamping | None = None,
    starts: int | None = None,
    descents: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> Design:
    """Find the constriction and operating point that do best what is asked of them.

    Starts that fill the range evenly, and the scatterer's own numbers where they lie in it, are
    looked at; the best ones are followed by quasi-Newton steps, with derivatives from JAX, until no
    step gains more. The same seed gives the same design.

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
        damping: `QuadraticDamping` of constraints on the distance of the hot spot.
        starts: how many points are looked at; by default 2 and two more for each free parameter,
            twice as many with constraints. More find an optimum that is hidden in a small part of
            the range.
        descents: how many of them are followed; by default 2, or 4 with constraints.
        seed: of the starts.
        progress: called with (done, total, label).

    Returns:
        `Design`, also where the search did not settle or met no feasible point: see its status.

    Raises:
        InputError: an objective or constraint without a finite value at any start.
        ValueError: an unknown name, bounds that contradict each other or leave the physical range,
            no free parameter, a bias of 0 where heat needs one.
    """
    _require_double()
    objective = _objective(objective)
    _plain(reservoirs)
    as_scatterer(scatterer)  # says what is missing of a class of the user's own
    conditions = read_constraints(constraints)
    parameters = _parameters(scatterer, reservoirs, free)
    errors = _errors(scatterer, tolerances or {})
    _check_count("starts", starts, 2)
    _check_count("descents", descents, 1)
    objective.check(scatterer, [p.name for p in parameters])
    _check_bias(objective, reservoirs, parameters)
    roomy = with_room(objective, scatterer, reservoirs, parameters)
    names = [p.name for p in parameters] + [n for n in errors if n not in free]
    if damping is None:
        damping = objective.damping if isinstance(objective, HotSpotAt) else QuadraticDamping()
    problem = Problem(objective, conditions, roomy, reservoirs, damping, tuple(names))
    run = _Run(problem, parameters, errors, seed, progress or (lambda *_: None))
    # Constraints cut the range into valleys.
    valleys = 2 if conditions else 1
    starts = valleys * (2 + 2 * len(parameters)) if starts is None else starts
    return run.result(starts, 2 * valleys if descents is None else descents)


def _require_double():
    if jnp.zeros(0, float).dtype != jnp.float64:
        raise ValueError(
            "designs need double precision: call jax.config.update('jax_enable_x64', True) first"
        )


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


def _plain(reservoirs):
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
    """The free `Parameter`s, their values those of the scatterer where these lie in the bounds."""
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
                physical(scatterer, reservoirs, name, end)
            except ValueError as error:
                raise ValueError(f"the {word} bound of {name}: {error}") from None
        value = present(scatterer, reservoirs, name)
        value = value if lower <= value <= upper else math.nan
        # By factors where that has a meaning: what steps and potentials share (mu w^2) is straight
        # in logarithms, and a valley that is straight takes fewer steps.
        log = lower > 0
        start = math.sqrt(lower * upper) if log else (lower + upper) / 2
        start = start if math.isnan(value) else value
        found.append(Parameter(name, start, unit, lower, upper, log=log))
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


class _Run:
    """One search, between numbers in their units and the unit box."""

    def __init__(self, problem, parameters, errors, seed, progress):
        self.problem, self.parameters, self.errors = problem, parameters, errors
        self.seed, self.progress = seed, progress
        self.count = len(parameters)
        others = problem.names[self.count :]
        self.held = np.array([present(problem.scatterer, problem.reservoirs, n) for n in others])

    # --- the unit box ---

    def _physical(self, boxes):
        """Values of the problem's names for rows of box coordinates, and their slopes."""
        values, slopes = np.empty(np.shape(boxes)), np.empty(np.shape(boxes))
        for i, p in enumerate(self.parameters):
            u = boxes[:, i]
            if p.log:
                width = math.log(p.upper / p.lower)
                inner = p.lower * np.exp(u * width)
                slopes[:, i] = inner * width
            else:
                inner = p.lower + u * (p.upper - p.lower)
                slopes[:, i] = p.upper - p.lower
            # The bounds themselves without rounding.
            values[:, i] = np.where(u >= 1, p.upper, np.where(u <= 0, p.lower, inner))
        held = np.broadcast_to(self.held, (len(values), self.held.size))
        return np.concatenate([values, held], 1), slopes

    def _linearise(self, boxes):
        values, slopes = self._physical(np.asarray(boxes))
        outputs, jacobian = self.problem.linearise(values)
        return outputs, jacobian[:, :, : self.count] * slopes[:, None]

    def _starts(self, count):
        own = np.array([p.share for p in self.parameters])
        names = [p.name for p in self.parameters]
        problem = self.problem
        now = [present(problem.scatterer, problem.reservoirs, n) for n in names]
        inside = [p.lower <= v <= p.upper for p, v in zip(self.parameters, now, strict=True)]
        points = low_discrepancy(count, self.count, self.seed)
        if all(inside):
            points = np.concatenate([own[None], points[:-1]])
        return points

    # --- the search and its end ---

    def result(self, starts, descents):
        """Search and say what was found."""
        points = self._starts(starts)
        objective = self.problem.objective
        self.progress(0, 1, "compiling")
        parts = self._count_parts()
        merit = Merit(objective, self.problem.constraints, parts)
        search = Search(self._linearise, merit, descents, self.progress)
        if not search.screen(points):
            raise InputError(self._no_value(search))
        search.descend()
        row = self._best(search)
        return self._design(search, row)

    def _count_parts(self):

        values, _ = self._physical(np.full((1, self.count), 0.5))
        return jax.eval_shape(self.problem.outputs, values[0]).shape[0] - len(
            self.problem.constraints
        )

    def _no_value(self, search):
        outputs = np.array([r.outputs[search.merit.parts :] for r in search.rows])
        finite = np.any(np.isfinite(outputs), axis=0)
        bad = [c.name for c, ok in zip(self.problem.constraints, finite, strict=True) if not ok]
        what = f"the constraint on {bad[0]}" if bad else "the objective"
        return (
            f"{what} has no finite value and slope at any of {len(search.rows)} starts: check the "
            "units and bounds, or give more starts"
        )

    def _best(self, search):
        """The best feasible end; of infeasible ones that of the smallest violation."""
        merit = search.merit
        ends = [r for r in search.rows if r.status not in ("screened",)]
        finished = {"converged": 0, "steps": 0, "merged": 0, "behind": 0, "infeasible": 1}

        def order(row):
            violation = merit.violation(row.outputs)
            if violation <= 1e-6 and finished[row.status] == 0:
                return 0, float(merit.objective(row.outputs))
            return 1, violation

        return min(ends, key=order)

    def _design(self, search, row):
        self.progress(0, 1, "sensitivities")
        merit, problem = search.merit, self.problem
        values = self._physical(row.at[None])[0][0]
        value = self._value(row.outputs)
        feasible = merit.violation(row.outputs) <= 1e-6
        status, message = _status(search, row, feasible)
        gradient, hessian, taken = self._derivatives(values)
        conditions = self._conditions(merit, row)
        scatterer, reservoirs = problem.at([float(v) for v in values])
        names = problem.names
        gradient = {n: float(g) for n, g in zip(names, gradient, strict=True)}
        spread = tolerance(names, gradient, hessian, self.errors) if self.errors else None
        return Design(
            problem,
            scatterer,
            reservoirs,
            tuple(p.at(v) for p, v in zip(self.parameters, values, strict=False)),
            value,
            problem.objective.unit,
            status,
            message,
            search.evaluations,
            taken,
            tuple(self._start(search, r) for r in search.rows),
            conditions,
            names,
            {n: float(v) for n, v in zip(names, values, strict=True)},
            gradient,
            hessian,
            spread,
        )

    def _value(self, outputs):
        parts = outputs[: len(outputs) - len(self.problem.constraints)]
        return float(np.mean(parts**2) if self.problem.objective.squares else parts[0])

    def _named(self, box):
        values = self._physical(box[None])[0][0]
        return {p.name: float(v) for p, v in zip(self.parameters, values, strict=False)}

    def _start(self, search, row):
        moved = row.status != "screened"
        finite = bool(np.all(np.isfinite(row.first_outputs)))
        return Start(
            self._named(row.start),
            self._value(row.first_outputs),
            row.status if finite else "no value",
            self._named(row.at) if moved else None,
            self._value(row.outputs) if moved else math.nan,
            search.merit.violation(row.outputs) if finite else math.nan,
            row.evaluations,
            tuple(self._value(z) for z in row.history),
        )

    def _conditions(self, merit, row):
        found = []
        sign = merit.sign
        factor = 1.0 if not merit.squares else 2 / merit.parts
        multipliers = merit.new_multipliers(row.outputs, row.multipliers, row.penalty)
        for i, c in enumerate(self.problem.constraints):
            value, scale = float(row.outputs[merit.parts + i]), float(merit.scales[i])
            near = min(abs(value - c.lower), abs(value - c.upper)) <= _ACTIVE * scale
            outside = max(c.lower - value, value - c.upper, 0.0)
            active = near and multipliers[i] != 0
            # Of the augmented Lagrangian: f/s + lambda c/scale is stationary.
            price = -sign * multipliers[i] * merit.scale / scale * factor
            found.append(
                Condition(
                    c.name, value, c.lower, c.upper, c.unit, bool(active),
                    float(price) if active else 0.0,
                    outside if outside > 1e-6 * scale else 0.0,
                )
            )  # fmt: skip
        return tuple(found)

    def _derivatives(self, values):
        """Gradient and Hessian of the value by all names; and the evaluations they took.

        The Hessian is differences of exact gradients, which the program of the search gives: no
        second one is compiled. Its points stay within the bounds.
        """
        count = len(values)
        rows, plan = [values], []
        for i in range(count):
            lower, upper, size = -math.inf, math.inf, max(abs(values[i]), 1e-3)
            if i < self.count:
                p = self.parameters[i]
                lower, upper, size = p.lower, p.upper, p.upper - p.lower
                size = min(size, values[i]) if p.log else size
            elif self.errors.get(self.problem.names[i]):
                size = max(size, self.errors[self.problem.names[i]])
            h = _DIFFERENCE * size
            if values[i] - h < lower:
                steps, weights = (h, 2 * h), np.array([-1.5, 2.0, -0.5]) / h
            elif values[i] + h > upper:
                steps, weights = (-h, -2 * h), np.array([1.5, -2.0, 0.5]) / h
            else:
                steps, weights = (h, -h), np.array([0.0, 0.5, -0.5]) / h
            plan.append(weights)
            for step in steps:
                moved = values.copy()
                moved[i] += step
                rows.append(moved)
        gradients = self._gradients(np.array(rows))
        hessian = np.array([
            weights @ gradients[[0, 1 + 2 * i, 2 + 2 * i]] for i, weights in enumerate(plan)
        ])  # fmt: skip
        return gradients[0], (hessian + hessian.T) / 2, len(rows)

    def _gradients(self, rows):
        outputs, jacobian = self.problem.linearise(rows)
        parts = outputs.shape[1] - len(self.problem.constraints)
        if not self.problem.objective.squares:
            return jacobian[:, 0]
        weights = 2 / parts * outputs[:, :parts]
        return np.einsum("ri,rij->rj", weights, jacobian[:, :parts])


def _status(search, row, feasible):
    if search.interrupted:
        return "interrupted", "stopped by the user: the best point so far"
    if not feasible:
        return "infeasible", (
            "no descent met all constraints: this is the nearest point; widen a bound, or give "
            "more starts"
        )
    if row.status == "steps":
        return "steps", "stopped before the objective settled"
    return "converged", "no small step within the bounds and constraints gains any more"
