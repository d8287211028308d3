"""Fit of a conductance trace: starts from the data, optax from several of them, covariance."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from qpcjax.files import ConductanceTrace, InputError
from qpcjax.fitting.device import gate_basis, gate_knots
from qpcjax.fitting.model import ConductanceModel, GateCalibration
from qpcjax.fitting.optimiser import levenberg_marquardt
from qpcjax.fitting.result import correlation_length
from qpcjax.fitting.starts import Steps
from qpcjax.fitting.trace import DEFAULT_DENSITY, MOST_KNOTS
from qpcjax.parameters import Estimates, Parameter, Space
from qpcjax.scatterers.abrupt import MATCHINGS
from qpcjax.units import (
    CONDUCTANCE_QUANTUM,
    GAAS_MASS,
    HBAR2_OVER_2M,
    fermi_energy,
)

_BINS = 128  # points the search works on; more data are averaged in bins along the gate
_STARTS_RUN = 3
_TRIAL_STEPS = 6
_MOST_STEPS = 80
_CONVERGED = 1e-9  # relative decrease of the loss that is still to be had
_ROOMY = 0.85  # share of the panels that may be in use: beyond them the model is NaN
_FLAT = 0.3  # a direction known to less than this share of its parameters' scale is flat
_TAIL = 28.0  # logistic widths after which a weight is below 1e-12
_ORDER = 12  # Gauss nodes in a panel: better than 1e-6 of G at the smearing of a trace
_ASPECT_SLACK = 1.5  # beyond its limit by this much a panel rule still holds 1e-6
_ASPECTS = (2.0, 5.0, 10.0, 15.0, 30.0)  # L/2w resolved, as far as the fit needs it


@dataclasses.dataclass(frozen=True)
class Start:
    """One start of the search and where it ended, losses as rms in uS."""

    series_resistance: float
    smearing: float
    rms_at_start: float
    rms_at_end: float | None = None


@dataclasses.dataclass(frozen=True)
class FlatDirection:
    """A combination of parameters that the data leave undetermined.

    Fields:
        changes: relative change of each parameter (name -> number, the largest is 1).
        spread: standard error along it, in units of the parameters' scale.
    """

    changes: dict[str, float]
    spread: float


@dataclasses.dataclass(frozen=True)
class TraceFit(Estimates):
    """A fitted trace. Conductances in 2e^2/h, gate voltages in mV.

    Fields:
        trace: the data, sorted by gate voltage.
        parameters: values of all parameters, free and fixed.
        covariance: of the free ones, in their units and order.
        status: "converged", or why it stopped otherwise.
        message: the same in words.
        rms: of the residuals of all points, in uS.
        correlation_length: points over which residuals are correlated; the covariance allows
            for it.
        starts: every start tried.
        flat_directions: what the data leave undetermined.
        model: the fitted model.
        build: the model for given parameter values.
        evaluate: conductance in 2e^2/h for given parameter values and gate voltages in mV, with
            its derivatives in all parameters.
    """

    trace: ConductanceTrace
    parameters: tuple[Parameter, ...]
    covariance: np.ndarray
    status: str
    message: str
    rms: float
    correlation_length: float
    starts: tuple[Start, ...]
    flat_directions: tuple[FlatDirection, ...]
    model: ConductanceModel
    build: Callable
    evaluate: Callable

    def predict(self, values=None, gate=None):
        """Conductance in 2e^2/h, by default of the fit at the gates of the trace (in mV)."""
        values = self.values() if values is None else values
        return self.evaluate(values, self.trace.gate if gate is None else gate)[0]

    def band(self, gate):
        """Fitted conductance in 2e^2/h at gates in mV, and its standard error."""
        value, slopes = self.evaluate(self.values(), gate)
        free = slopes[:, [p.free for p in self.parameters]]
        return value, np.sqrt(np.einsum("gi,ij,gj->g", free, self.covariance, free))


def fit_trace(
    trace: ConductanceTrace,
    *,
    mu: float | None = None,
    mass: float = GAAS_MASS,
    matching: str = "mean",
    knots: int | None = None,
    fixed: dict[str, float] | None = None,
    free: tuple[str, ...] = (),
    progress: Callable[[int, int, str], None] | None = None,
) -> TraceFit:
    """Fit an abrupt constriction behind a series resistance to a conductance trace.

    Free are the width 2w at a few gate voltages, the length L, the smearing at both ends of the
    trace and the series resistance; mu and the floor of the channel are held, because one trace
    does not determine them.

    Args:
        trace: the data; rows in any order.
        mu: electrochemical potential in meV; by default that of 2e11 electrons per cm^2.
        mass: effective mass in m_e.
        matching: the constriction's, "mean" (the paper's) or "profile" (nearly exact).
        knots: number of gate voltages at which the width is free, 2 to 6; by default as many as
            the trace has steps, within these bounds.
        fixed: parameters to hold at a value, by name.
        free: names of parameters to free that are held by default.
        progress: called with (done, total, label).

    Returns:
        `TraceFit`, also where the search did not converge: see its status.

    Raises:
        InputError: fewer points than free parameters, or a trace without a step.
        ValueError: a parameter that does not exist or is out of range.
    """
    _require_double()
    mu = (fixed or {}).get("mu", fermi_energy(DEFAULT_DENSITY, mass)) if mu is None else mu
    if not mu > 0:
        raise ValueError(f"mu must be a positive energy in meV, got {mu:g}")
    if matching not in MATCHINGS:
        raise ValueError(f'matching must be "mean" or "profile", got {matching!r}')
    if knots is not None and not 2 <= knots <= MOST_KNOTS:
        raise ValueError(f"knots must be a whole number from 2 to {MOST_KNOTS}, got {knots}")
    trace = trace.sorted()
    steps = _Steps(trace)
    count = knots or min(max(steps.count, 2), MOST_KNOTS)
    parameters = _parameters(trace, mu, mass, count, steps)
    parameters = _adjusted(parameters, fixed or {}, free)
    if trace.gate.size < sum(p.free for p in parameters):
        raise InputError(
            f"{trace.name}: {trace.gate.size} points cannot determine "
            f"{sum(p.free for p in parameters)} free parameters; take more points or fewer knots"
        )
    search = _Search(trace, parameters, mu, mass, matching, progress or (lambda *_: None))
    return search.run(steps)


def _require_double():
    if jnp.zeros(0, float).dtype != jnp.float64:
        raise ValueError(
            "fits need double precision: call jax.config.update('jax_enable_x64', True) first"
        )


def _half_wavelength(mu, mass):
    """Half the Fermi wavelength in nm: a channel of this width has E1 = mu."""
    return math.pi * math.sqrt(HBAR2_OVER_2M / mass / mu)


# --- starts ---------------------------------------------------------------------------------


class _Steps(Steps):
    """The steps of a trace, and the widths that put a constriction's there."""

    def widths(self, resistance, gate_range, count):
        """Widths at the knots, in half Fermi wavelengths: mode n opens at width n."""
        at, n = self.positions(resistance)
        if len(n) < 2:  # the slope of a single step is unknown: a tenth of the range
            at = np.append(at, at[-1:] + (gate_range[1] - gate_range[0]) / 2)
            n = np.append(n, n[-1:] + 1)
        degree = min(count - 1, len(n) - 1, 3)
        line = np.polynomial.Polynomial.fit(at, n, degree, domain=gate_range)
        knots = gate_knots(gate_range, count)
        # Beyond the outermost steps a polynomial is not to be trusted: continue straight.
        inner = np.clip(knots, at[0], at[-1])
        return np.clip(line(inner) + line.deriv()(inner) * (knots - inner), 0.3, None)


def _parameters(trace, mu, mass, count, steps):
    unit = _half_wavelength(mu, mass)
    widths = steps.widths(steps.resistance, (trace.gate[0], trace.gate[-1]), count) * unit
    most = 40 * unit
    return [
        Parameter("mu", mu, "meV", mu / 100, mu * 100, free=False, log=True),
        *(
            Parameter(f"width_{i + 1}", w, "nm", unit / 50, most, log=True)
            for i, w in enumerate(np.clip(widths, unit / 40, most / 2))
        ),
        Parameter("floor_1", 0.0, "meV", -2 * mu, 2 * mu, free=False),
        Parameter("floor_2", 0.0, "meV", -2 * mu, 2 * mu, free=False),
        Parameter("length", 2 * unit, "nm", unit / 50, 15 * unit, log=True),
        Parameter("smearing_1", 0.2, "E1", 0.02, 5.0, log=True),
        Parameter("smearing_2", 0.5, "E1", 0.02, 5.0, log=True),
        Parameter("series_resistance", steps.resistance, "ohm", -2000.0, 10000.0),
    ]


def _adjusted(parameters, fixed, free):
    names = {p.name for p in parameters}
    for name in (*fixed, *free):
        if name not in names:
            raise ValueError(
                f"no parameter is called {name}; there are: {', '.join(sorted(names))}"
            )
    both = set(fixed) & set(free)
    if both:
        raise ValueError(f"{', '.join(sorted(both))}: cannot be fixed and free at once")
    changed = [p.fixed(fixed[p.name]) if p.name in fixed else p for p in parameters]
    return [dataclasses.replace(p, free=True) if p.name in free else p for p in changed]


# --- the search -----------------------------------------------------------------------------


class _Search:
    """The data in bins, the model at their gates, and the steps of the search."""

    def __init__(self, trace, parameters, mu, mass, matching, progress):
        self.trace, self.parameters, self.mu, self.mass = trace, parameters, mu, mass
        self.matching = matching
        self.space, self.progress = Space(parameters), progress
        self.range = (float(trace.gate[0]), float(trace.gate[-1]))
        self.knots = sum(p.name.startswith("width_") for p in parameters)
        bins = np.array_split(np.arange(trace.gate.size), min(_BINS, trace.gate.size))
        self.gate = np.array([trace.gate[b].mean() for b in bins])
        self.data = np.array([trace.conductance[b].mean() for b in bins])
        self.weight = np.sqrt([b.size for b in bins]) * CONDUCTANCE_QUANTUM
        value = {p.name: p.value for p in parameters}
        self._expand = jax.jit(lambda v: (self._numbers(v), jax.jacfwd(self._numbers)(v)))
        self.optimiser = levenberg_marquardt()
        self.update = jax.jit(self.optimiser.update)
        self._compile(value, room=0.3)

    def _modes(self, value, room=0.0):
        """Modes that hold the smeared transmission at every gate, with room for more."""
        e = (self._width(value).max() / _half_wavelength(self.mu, self.mass)) ** 2
        tail = _TAIL * max(value["smearing_1"], value["smearing_2"], room)
        return math.ceil(math.sqrt((1 + room) * e + tail))

    def _resolves(self, value):
        return (
            self._modes(value) <= self.modes
            and self._aspect(value) <= _ASPECT_SLACK * self.aspect_limit
        )

    def _width(self, value):
        widths = np.array([value[f"width_{i + 1}"] for i in range(self.knots)])
        return np.asarray(gate_basis(self.range, self.gate, self.knots) @ widths)

    def _aspect(self, value):
        """Largest L/2w along the trace."""
        widths = self._width(value)
        return value["length"] / max(widths.min(), 1e-2 * widths.max())

    def model(self, values, order=_ORDER):
        """The model at these parameter values."""
        return ConductanceModel(
            GateCalibration(
                self.range,
                jnp.stack([values[f"width_{i + 1}"] for i in range(self.knots)]),
                jnp.stack([values["floor_1"], values["floor_2"]]),
            ),
            jnp.asarray(values["mu"]),
            jnp.asarray(values["length"]),
            jnp.stack([values["smearing_1"], values["smearing_2"]]),
            jnp.asarray(values["series_resistance"]),
            self.mass,
            self.modes,
            self.aspect_limit,
            order,
            self.panels,
            self.matching,
        )

    def _panels(self, value):
        """Panels that the model needs somewhere along the trace."""
        model = self.model({name: jnp.asarray(x) for name, x in value.items()})
        return model.panels_needed(np.concatenate([self.range, self.gate]))

    def _make_room(self, vector):
        """Compile anew if the search may have been held back by too few panels or modes there."""
        value = {p.name: p.value for p in self.space.at(vector)}
        if self._panels(value) <= _ROOMY * self.panels and self._resolves(value):
            return False
        self._compile(value, room=0.3)
        return True

    def _compile(self, value, room=0.1):
        """Make the one function that everything here evaluates: G and its derivatives.

        With as many modes and panels as these parameter values need, and some room.
        """
        aspect = self._aspect(value)
        self.modes = self._modes(value, room) + 1
        self.aspect_limit = next((a for a in _ASPECTS if aspect <= a), _ASPECTS[-1])
        self.panels: Any = None
        self.panels = math.ceil((1 + room) * self._panels(value)) + 8
        names = [p.name for p in self.parameters]

        def linearised(numbers, gate):
            def conductance(numbers):
                return self.model(dict(zip(names, numbers, strict=True)))(gate)

            g, push = jax.linearize(conductance, numbers)
            return g, jax.vmap(push)(jnp.eye(numbers.size)).T

        self._linearised = jax.jit(linearised)

    def _numbers(self, vector):
        values = self.space.decode(vector)
        return jnp.stack([values[p.name] for p in self.parameters])

    def _evaluate(self, numbers, gate):
        """G and its derivatives in all parameters, in pieces of the one compiled shape."""
        size = self.gate.size
        padded = np.append(gate, np.full(-gate.size % size, gate[-1])).reshape(-1, size)
        pieces = [jax.device_get(self._linearised(numbers, g)) for g in padded]
        g, slopes = (np.concatenate(part)[: gate.size] for part in zip(*pieces, strict=True))
        return g, slopes

    def residual(self, vector, binned=True):
        """Weighted residuals of the bins or of all points, and their derivatives in the vector."""
        numbers, to_numbers = jax.device_get(self._expand(vector))
        if binned:
            gate, data, weight = self.gate, self.data, self.weight
        else:
            gate, data = self.trace.gate, self.trace.conductance
            weight = np.full(gate.size, CONDUCTANCE_QUANTUM)
        g, slopes = self._evaluate(numbers, gate)
        return (g - data) * weight, (slopes * weight[:, None]) @ to_numbers

    def start(self, steps, resistance, smearing):
        """Vector of a start with this resistance and smearing."""
        unit = _half_wavelength(self.mu, self.mass)
        widths = steps.widths(resistance, self.range, self.knots) * unit
        guess = {f"width_{i + 1}": w for i, w in enumerate(widths)}
        guess |= {"series_resistance": resistance, "smearing_1": smearing}
        guess |= {"smearing_2": 2 * smearing, "length": 1.5 * unit}
        moved = [p.at(guess[p.name]) if p.free and p.name in guess else p for p in self.parameters]
        return Space(moved).encode()

    def loss(self, vector):
        r, _ = self.residual(vector)
        return float(r @ r / 2)

    def rms(self, loss):
        """Residual rms in uS of the binned data with this loss."""
        return math.sqrt(max(2 * loss, 0) / self.trace.gate.size)

    def descend(self, vector, steps, label, binned=True) -> tuple[Any, bool]:
        """Up to `steps` Levenberg-Marquardt steps; (state, whether it converged)."""
        vector = jnp.asarray(vector)
        state = self.optimiser.init(vector)
        for i in range(steps):
            self.progress(i, steps, label)
            r, jacobian = self.residual(vector, binned)
            move, state = self.update(
                jacobian.T @ r, state, vector, value=r @ r / 2, curvature=jacobian.T @ jacobian
            )
            vector = optax.apply_updates(vector, move)
            # A step that promises nothing, with little damping: the minimum.
            if state.predicted < _CONVERGED and state.damping < 1:
                return state, True
            if state.damping > 1e10:
                return state, bool(state.predicted < _CONVERGED)
        return state, False

    def run(self, steps):
        tried = sorted({0.0, round(steps.resistance, 3), round(1.5 * steps.resistance, 3)})
        trials = []
        for k, (resistance, smearing) in enumerate((r, s) for r in tried for s in (0.1, 0.4)):
            self.progress(k, 2 * len(tried), "looking at starts")
            vector = self.start(steps, resistance, smearing)
            trials.append((self.loss(vector), vector, resistance, smearing))
        trials.sort(key=lambda trial: trial[0] if math.isfinite(trial[0]) else math.inf)
        ends = []
        for k, (_, vector, *_rest) in enumerate(trials[:_STARTS_RUN]):
            state, _ = self.descend(vector, _TRIAL_STEPS, label=f"start {k + 1} of {_STARTS_RUN}")
            ends.append(state)
        best = min(ends, key=lambda state: float(state.value))
        self._make_room(best.params)
        state, converged = self.descend(best.params, _MOST_STEPS, label="to the minimum")
        if self._make_room(state.params):
            state, converged = self.descend(state.params, _MOST_STEPS, "more resolution")
        if converged and self.gate.size < self.trace.gate.size:
            # A bin's mean is not the model at its middle: the last steps take every point.
            state, converged = self.descend(state.params, _MOST_STEPS, "all points", binned=False)
        starts = tuple(
            Start(r, s, self.rms(loss), self.rms(float(ends[k].value)) if k < len(ends) else None)
            for k, (loss, _, r, s) in enumerate(trials)
        )
        return self.result(np.asarray(state.params), converged, starts)

    # --- what is known at the end ---

    def result(self, vector, converged, starts):
        self.progress(0, 1, "uncertainties")
        parameters = tuple(self.space.at(vector))
        values = {p.name: jnp.asarray(p.value) for p in parameters}
        predicted, _ = self.evaluate(values, self.trace.gate)
        residual = (predicted - self.trace.conductance) * CONDUCTANCE_QUANTUM
        rms = float(np.sqrt(np.mean(residual**2)))
        length = correlation_length(residual)
        freedom = max(self.trace.gate.size - len(self.space.free), 1)
        variance = float(np.sum(residual**2)) / freedom * length
        if not math.isfinite(rms):
            raise InputError(
                f"{self.trace.name}: the search ended where the model has no finite conductance; "
                f"check the units, or hold some parameters"
            )
        _, jacobian = self.residual(vector, binned=False)
        inverse = variance * np.linalg.pinv(jacobian.T @ jacobian, hermitian=True)
        free = [k for k, p in enumerate(self.parameters) if p.free]
        to_values = np.asarray(self._expand(vector)[1])[free]
        status, message = self._status(parameters, converged)
        return TraceFit(
            trace=self.trace,
            parameters=parameters,
            covariance=to_values @ inverse @ to_values.T,
            status=status,
            message=message,
            rms=rms,
            correlation_length=length,
            starts=starts,
            flat_directions=self._flat_directions(parameters, variance),
            model=self.model(values),
            build=self.model,
            evaluate=self.evaluate,
        )

    def evaluate(self, values, gate):
        """Conductance in 2e^2/h at gates in mV, and its derivatives in all parameters."""
        numbers = np.array([float(values[p.name]) for p in self.parameters])
        return self._evaluate(numbers, np.asarray(gate, float))

    def _status(self, parameters, converged):
        value = {p.name: p.value for p in parameters}
        if not self._resolves(value):
            return "resolution", "the fitted channel is too wide or too long to be resolved"
        if not converged:
            return "steps", f"stopped after {_MOST_STEPS} steps before the rms settled"
        return "converged", "no small step lowers the rms of the residuals any further"

    def _flat_directions(self, parameters, variance):
        """Combinations of all parameters, held ones too, that the data do not determine."""
        names = [p.name for p in parameters]
        scale = np.array([p.scale if p.log else _natural_scale(p, self.mu) for p in parameters])
        _, slopes = self._evaluate(np.array([p.value for p in parameters]), self.trace.gate)
        jacobian = slopes * CONDUCTANCE_QUANTUM * scale
        _, s, vt = np.linalg.svd(jacobian, full_matrices=False)
        found = []
        for singular, row in zip(s[::-1], vt[::-1], strict=True):
            spread = math.sqrt(variance) / max(singular, 1e-12 * s[0])
            if spread < _FLAT:
                break
            row = row / row[int(np.argmax(np.abs(row)))]
            changes = {n: float(x) for n, x in zip(names, row, strict=True) if abs(x) > 0.05}
            found.append(FlatDirection(changes, float(spread)))
        return tuple(found)


def _natural_scale(p, mu):
    return mu if p.unit == "meV" else 100.0
