"""What every kind of measured data has in common, and the registry of the kinds."""

import dataclasses
import math
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from qpcjax.measurements.errors import InputError
from qpcjax.measurements.response import Response, add_response
from qpcjax.overviews import brief, in_words

KINDS: dict[str, type["AbstractMeasurement"]] = {}
_Kind = TypeVar("_Kind", bound=type["AbstractMeasurement"])


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class AbstractMeasurement:
    """Points of a measurement: what was set, what came out, and how a device predicts it.

    A kind of data is a subclass, a frozen dataclass with `eq=False`, decorated with `register`. It
    declares its columns as fields, a field `name`, and the class variables below. All of its
    columns broadcast to one length, and a row with NaN anywhere is left out.

    Args:
        sigma: standard error of the values, one number or one for each point; None where it is not
            known: a fit then takes it from the residuals.
        temperature: electron temperature in K, None where it is not known.
        dropped: number of rows left out because a value was missing (NaN).
        excluded: number of points left out by choice, as by `between` or a mask.
        sha256: of the bytes that were read.
        metadata: what else the file said: texts and numbers.
        notes: what may be wrong with the data, in sentences; a fit's doubts begin with them.

    Attributes:
        settings_names: names of the columns that were set. A device knows `gate` (mV), `bias`
            (meV), `mu` (meV) and `temperature` (K); others are for the response.
        measured: name of the column that was measured.
        responses: the `Response` of this kind; several, where a field of the data says which.
        ordered: whether the points follow one another along the gate, so that neighbours have
            correlated residuals, and a fit may interpolate between fewer gate voltages.
        staircase: whether it is a linear conductance along the gate, whose steps give starts.

    Raises:
        InputError: columns that do not broadcast, no complete point, infinite values, a sigma that
            is not positive, a negative temperature.
    """

    sigma: np.ndarray | float | None = None
    temperature: Any = None
    dropped: int = 0
    excluded: int = 0
    sha256: str = ""
    metadata: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = dataclasses.field(default=(), repr=False)

    settings_names: ClassVar[tuple[str, ...]]
    measured: ClassVar[str]
    responses: ClassVar[tuple[Response, ...]]
    ordered: ClassVar[bool] = False
    staircase: ClassVar[bool] = False

    def __post_init__(self):
        self._keep_complete_rows()
        self._check_errors_and_temperature()

    def __repr__(self):
        return brief(self)

    # --- some of the points ---

    __iter__ = None  # points are chosen, and not walked through one by one

    def __getitem__(self, points: Any) -> Self:
        """The data of some points alone; sigma and temperature follow, names and metadata stay.

        Args:
            points: a mask with a Boolean for each point, a slice, or the numbers of points counted
                from 0, in the order of the data.

        Raises:
            InputError: another mask or number, or no point that is left.
        """
        every = np.arange(self.value.size)
        wanted = points if isinstance(points, slice) else np.asarray(points)
        try:
            chosen = np.atleast_1d(every[wanted])
        except IndexError:
            chosen = None
        if chosen is None or chosen.ndim != 1:
            raise InputError(
                f"{self.label}: points are chosen by a mask of {every.size} Booleans, a slice, or "
                f"whole numbers from 0 to {every.size - 1}, got {in_words(points)}"
            )
        if chosen.size == 0:
            raise InputError(f"{self.label}: no point is left of {every.size}")
        return self._at(chosen)

    def between(self, low: float, high: float) -> Self:
        """The points whose gate voltage lies between two voltages in mV, these included.

        Raises:
            InputError: data without a gate voltage, no point that is left.
            ValueError: a voltage that is not a number.
        """
        return self[self.inside(low, high)]

    def inside(self, low: float, high: float) -> np.ndarray:
        """The mask of `between`, a Boolean for each point; `data[~data.inside(a, b)]` skips them.

        Args:
            low: gate voltage in mV.
            high: another one; the order does not matter.
        """
        gate = self.settings.get("gate")
        if gate is None:
            raise InputError(
                f"{self.label}: the data have no gate voltage; choose points by a mask instead, "
                f"such as data[data.{self.settings_names[0]} > 0]"
            )
        low, high = sorted((float(low), float(high)))
        if math.isnan(low) or math.isnan(high):
            raise ValueError(f"gate voltages in mV must be numbers, got {low:g} and {high:g}")
        mask = (gate >= low) & (gate <= high)
        if not np.any(mask):
            first, last = gate.min(), gate.max()
            message = (
                f"{self.label}: no point lies between {low:g} and {high:g} mV: the gate voltages "
                f"go from {first:g} to {last:g} mV"
            )
            volts = 1e3 * low, 1e3 * high  # perhaps they are in V
            if np.any((gate >= volts[0]) & (gate <= volts[1])):
                message += f"; did you mean {volts[0]:g} and {volts[1]:g}?"
            raise InputError(message)
        return mask

    def _at(self, index):
        """The data of the points of these numbers."""
        names = [n for n in (*self._columns, "sigma", "temperature") if np.ndim(getattr(self, n))]
        size = (self.value.size,)
        columns = {n: np.broadcast_to(getattr(self, n), size)[index] for n in names}
        excluded = self.excluded + self.value.size - index.size
        found = dataclasses.replace(self, **columns, excluded=excluded)
        object.__setattr__(found, "dropped", self.dropped)  # of the file, not of what is left
        return found

    # --- what fits ask ---

    @property
    def label(self) -> str:
        """What the data are called in reports and messages."""
        return getattr(self, "name", type(self).__name__)

    @property
    def response(self) -> Response:
        """What predicts these data."""
        return self.responses[0]

    @property
    def value(self) -> np.ndarray:
        """What was measured."""
        return getattr(self, self.measured)

    @property
    def settings(self) -> dict[str, np.ndarray]:
        """What was set at each point, by name: arrays of one length."""
        names = dict.fromkeys((*self.settings_names, "temperature"))
        columns = {n: getattr(self, n) for n in names if getattr(self, n) is not None}
        size = self.value.size
        return {n: np.broadcast_to(np.asarray(x, float), (size,)) for n, x in columns.items()}

    def sorted(self):
        """The same points in the order of the gate voltage, where they are a trace."""
        if not self.ordered:
            return self
        return self._at(np.argsort(self.settings["gate"], kind="stable"))

    # --- checks ---

    @property
    def _columns(self):
        names = (*self.settings_names, self.measured)
        return [n for n in names if getattr(self, n) is not None]

    def _keep_complete_rows(self):
        columns = list(self._columns)
        columns += [n for n in ("sigma",) if np.ndim(getattr(self, n)) > 0]
        try:
            arrays = [np.asarray(getattr(self, n), float) for n in columns]
            arrays = [np.ravel(a) for a in np.broadcast_arrays(*arrays)]
        except (TypeError, ValueError):
            shapes = {n: np.shape(getattr(self, n)) for n in columns}
            raise InputError(
                f"{self.label}: {', '.join(columns)} must be numbers whose shapes broadcast, got "
                f"{shapes}"
            ) from None
        kept = ~np.any(np.isnan(arrays), axis=0)
        if np.any(np.isinf(arrays)):
            raise InputError(f"{self.label}: values must be finite; NaN marks a missing one")
        if not np.any(kept):
            raise InputError(f"{self.label}: no point has all of {', '.join(columns)}")
        for name, array in zip(columns, arrays, strict=True):
            self._set_column(name, array[kept])
        object.__setattr__(self, "dropped", int(np.sum(~kept)))

    def _set_column(self, name, values):
        values = np.array(values, dtype=float)
        values.setflags(write=False)
        object.__setattr__(self, name, values)

    def _require_one(self, first, second):
        if (getattr(self, first) is None) == (getattr(self, second) is None):
            raise InputError(f"{self.label}: give one of {first} and {second}")

    def _check_errors_and_temperature(self):
        temperature = self.temperature
        if temperature is not None:
            wrong = np.ravel(temperature)
            wrong = wrong[~(np.isfinite(wrong) & (wrong >= 0))]
            if wrong.size:
                raise InputError(
                    f"{self.label}: temperature must be 0 or more, in K, got {wrong[0]:g}; leave "
                    "it out where it is not known"
                )
        if self.sigma is None:
            return
        sigma, points = np.array(self.sigma, float), self.value.size
        if sigma.shape not in ((), (points,)):
            raise InputError(
                f"{self.label}: sigma must be one number or one for each of the {points} points, "
                f"got the shape {sigma.shape}"
            )
        wrong = ~(np.isfinite(sigma) & (sigma > 0))
        if np.any(wrong):
            raise InputError(
                f"{self.label}: sigma must be positive and finite, got {sigma[wrong].flat[0]:g}; "
                "leave it out to take it from the residuals"
            )
        sigma.setflags(write=False)
        object.__setattr__(self, "sigma", sigma if sigma.ndim else float(sigma))


def register(kind: _Kind) -> _Kind:
    """Make a kind of data known to fits, their predictions and their files; a class decorator.

    Args:
        kind: a dataclass derived from `AbstractMeasurement`.

    Returns:
        The class.

    Raises:
        TypeError: not such a class, or one that lacks a class variable or a column.
        ValueError: another kind, or another response, has the same name.
    """
    if not (isinstance(kind, type) and issubclass(kind, AbstractMeasurement)):
        raise TypeError(f"a kind of data must be derived from AbstractMeasurement, got {kind!r}")
    for attribute in ("settings_names", "measured", "responses"):
        if not hasattr(kind, attribute):
            raise TypeError(f"{kind.__name__} must have the class variable {attribute}")
    fields = {f.name for f in dataclasses.fields(kind)}
    missing = [n for n in (*kind.settings_names, kind.measured) if n not in fields]
    if missing or "__dataclass_fields__" not in vars(kind):
        raise TypeError(
            f"{kind.__name__} must be a dataclass with the fields "
            f"{', '.join((*kind.settings_names, kind.measured))}"
        )
    if KINDS.get(kind.__name__, kind) is not kind:
        raise ValueError(f"there is already a kind of data called {kind.__name__}")
    for response in kind.responses:
        add_response(response)
    KINDS[kind.__name__] = kind
    return kind
