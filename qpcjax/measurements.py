"""Measured data as fits take them: what was set, what came out, how well it is known."""

import dataclasses
from typing import Any, ClassVar

import numpy as np


class InputError(ValueError):
    """Something in the user's input that they can mend; the message says where and how."""


def counted(number, noun):
    """A number with its noun: "1 row", "2 rows"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


@dataclasses.dataclass(frozen=True, eq=False)
class ConductanceTrace:
    """A measured conductance against the gate voltage, in the order of the measurement.

    Args:
        gate: gate voltage in mV; rising, falling or unsorted.
        conductance: in 2e^2/h.
        name: what the trace is called in reports and messages.
        dropped: number of rows left out because a value was missing (NaN).
        sha256: of the bytes that were read; for two files, of the gate's followed by the other's.
        gate_unit: unit of the gate voltage as it stood in the file.
        conductance_unit: unit of the conductance as it stood in the file.
        sigma: standard error of the conductance in 2e^2/h, one number or one for each point; None
            where it is not known: a fit then takes it from the residuals.
        temperature: electron temperature in K, None where it is not known.
        metadata: what else the file said: texts and numbers.

    Raises:
        InputError: fewer than two points, values that are not finite, a gate that never moves, a
            sigma that is not positive, a negative temperature.
    """

    gate: np.ndarray
    conductance: np.ndarray
    name: str = "trace"
    dropped: int = 0
    sha256: str = ""
    gate_unit: str = "mV"
    conductance_unit: str = "2e2/h"
    sigma: np.ndarray | float | None = None
    temperature: float | None = None
    metadata: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)

    def __post_init__(self):
        _freeze(self, ("gate", "conductance"))
        gate, conductance = self.gate, self.conductance
        if gate.ndim != 1 or gate.shape != conductance.shape:
            raise InputError(
                f"{self.name}: gate and conductance must be two columns of the same length, "
                f"got the shapes {gate.shape} and {conductance.shape}"
            )
        if not (np.all(np.isfinite(gate)) and np.all(np.isfinite(conductance))):
            raise InputError(f"{self.name}: gate and conductance must be finite numbers")
        self._check_information()
        _check_sigma(self, gate.size)
        _check_temperature(self)

    def _check_information(self):
        points = self.gate.size
        if points < 2:
            left_out = f" ({counted(self.dropped, 'row')} without a value left out)"
            raise InputError(
                f"{self.name}: a trace needs at least 2 points with both a gate voltage and a "
                f"conductance, found {points}{left_out if self.dropped else ''}"
            )
        if np.ptp(self.gate) == 0:
            raise InputError(
                f"{self.name}: the gate voltage never moves: all {points} points are at "
                f"{self.gate[0]:g} mV. Is this the right column?"
            )

    @property
    def value(self):
        """What was measured."""
        return self.conductance

    def sorted(self):
        """The same points by rising gate voltage."""
        order = np.argsort(self.gate, kind="stable")
        sigma = self.sigma[order] if isinstance(self.sigma, np.ndarray) else self.sigma
        return dataclasses.replace(
            self, gate=self.gate[order], conductance=self.conductance[order], sigma=sigma
        )


@dataclasses.dataclass(frozen=True, eq=False)
class _Points:
    """Points of a measurement with several inputs; a row with NaN anywhere is left out."""

    inputs: ClassVar[tuple[str, ...]]
    measured: ClassVar[str]

    def _set_points(self):
        columns = [n for n in (*self.inputs, self.measured) if getattr(self, n) is not None]
        own_sigma = np.ndim(self.sigma) > 0  # pyright: ignore[reportAttributeAccessIssue]
        if own_sigma:
            columns.append("sigma")
        try:
            arrays = [np.asarray(getattr(self, n), float) for n in columns]
            arrays = [np.ravel(a) for a in np.broadcast_arrays(*arrays)]
        except (TypeError, ValueError):
            shapes = {n: np.shape(getattr(self, n)) for n in columns}
            raise InputError(
                f"{self._name}: {', '.join(columns)} must be numbers whose shapes broadcast, got "
                f"{shapes}"
            ) from None
        kept = ~np.any(np.isnan(arrays), axis=0)
        if np.any(np.isinf(arrays)):
            raise InputError(f"{self._name}: values must be finite; NaN marks a missing one")
        if not np.any(kept):
            raise InputError(f"{self._name}: no point has all of {', '.join(columns)}")
        for name, array in zip(columns, arrays, strict=True):
            array = array[kept]
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        object.__setattr__(self, "dropped", int(np.sum(~kept)))
        _check_sigma(self, int(kept.sum()))
        _check_temperature(self)

    @property
    def _name(self):
        return getattr(self, "name", type(self).__name__)

    @property
    def value(self):
        """What was measured."""
        return getattr(self, self.measured)

    def _require_one(self, first, second):
        if (getattr(self, first) is None) == (getattr(self, second) is None):
            raise InputError(f"{self._name}: give one of {first} and {second}")


@dataclasses.dataclass(frozen=True, eq=False)
class BiasSpectroscopy(_Points):
    """Differential conductance over gate voltage and bias; arrays that broadcast.

    Args:
        gate: gate voltage in mV.
        bias: eV in meV (the voltage in mV) across constriction and series resistance.
        conductance: dI/dV in 2e^2/h; NaN where it is missing.
        name: what it is called in reports and messages.
        sigma: standard error in 2e^2/h, one number or an array; None where it is not known.
        temperature: electron temperature in K, None where it is not known.
        bias_offset: what the instrument adds to the bias, in meV: it is taken off.
        sha256: of the file that was read.
        metadata: what else the file said: texts and numbers.

    Raises:
        InputError: shapes that do not broadcast, no complete point, a sigma that is not positive.
    """

    gate: np.ndarray
    bias: np.ndarray
    conductance: np.ndarray
    name: str = "bias spectroscopy"
    sigma: np.ndarray | float | None = None
    temperature: float | None = None
    bias_offset: float = 0.0
    dropped: int = 0
    sha256: str = ""
    metadata: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)

    inputs = ("gate", "bias")
    measured = "conductance"

    def __post_init__(self):
        self._set_points()
        object.__setattr__(self, "bias", self.bias - self.bias_offset)
        object.__setattr__(self, "bias_offset", 0.0)


@dataclasses.dataclass(frozen=True, eq=False)
class HotSpotData(_Points):
    """Measured distances of the hot spot from the constriction.

    Args:
        bias: eV in meV across constriction and series resistance.
        distance: r* in nm; NaN where it is missing.
        gate: gate voltage in mV; for a device without a gate leave it out and give
        mu: electrochemical potential in meV.
        name: what they are called in reports and messages.
        sigma: standard error in nm, one number or an array; None where it is not known.
        temperature: in K, None where it is not known.
        sha256: of the file that was read.
        metadata: what else the file said: texts and numbers.

    Raises:
        InputError: gate and mu both given or both missing; see `BiasSpectroscopy`.
    """

    bias: np.ndarray
    distance: np.ndarray
    gate: np.ndarray | None = None
    mu: np.ndarray | None = None
    name: str = "hot spot"
    sigma: np.ndarray | float | None = None
    temperature: float | None = None
    dropped: int = 0
    sha256: str = ""
    metadata: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)

    inputs = ("bias", "gate", "mu")
    measured = "distance"

    def __post_init__(self):
        self._require_one("gate", "mu")
        self._set_points()


POWERS = ("left", "right", "asymmetry", "total")


@dataclasses.dataclass(frozen=True, eq=False)
class DissipationData(_Points):
    """Measured powers dissipated on one side, their sum or their difference.

    Args:
        bias: eV in meV across constriction and series resistance.
        power: in pW; NaN where it is missing.
        side: "left", "right", "asymmetry" (P_R - P_L) or "total".
        gate: gate voltage in mV; for a device without a gate leave it out and give
        mu: electrochemical potential in meV.
        name: what they are called in reports and messages.
        sigma: standard error in pW, one number or an array; None where it is not known.
        temperature: in K, None where it is not known.
        sha256: of the file that was read.
        metadata: what else the file said: texts and numbers.

    Raises:
        InputError: gate and mu both given or both missing, an unknown side; see
            `BiasSpectroscopy`.
    """

    bias: np.ndarray
    power: np.ndarray
    side: str = "asymmetry"
    gate: np.ndarray | None = None
    mu: np.ndarray | None = None
    name: str = "dissipation"
    sigma: np.ndarray | float | None = None
    temperature: float | None = None
    dropped: int = 0
    sha256: str = ""
    metadata: dict[str, Any] = dataclasses.field(default_factory=dict, repr=False)

    inputs = ("bias", "gate", "mu")
    measured = "power"

    def __post_init__(self):
        if self.side not in POWERS:
            raise InputError(
                f"{self.name}: side must be one of {', '.join(POWERS)}, got {self.side!r}"
            )
        self._require_one("gate", "mu")
        self._set_points()


def _freeze(data, names):
    for name in names:
        values = np.array(getattr(data, name), dtype=float)
        values.setflags(write=False)
        object.__setattr__(data, name, values)


def _check_sigma(data, points):
    if data.sigma is None:
        return
    sigma = np.array(data.sigma, float)
    if sigma.shape not in ((), (points,)):
        raise InputError(
            f"{data.name}: sigma must be one number or one for each of the {points} points, got "
            f"the shape {sigma.shape}"
        )
    wrong = ~(np.isfinite(sigma) & (sigma > 0))
    if np.any(wrong):
        raise InputError(
            f"{data.name}: sigma must be positive and finite, got {sigma[wrong].flat[0]:g}; leave "
            "it out to take it from the residuals"
        )
    sigma.setflags(write=False)
    object.__setattr__(data, "sigma", sigma if sigma.ndim else float(sigma))


def _check_temperature(data):
    temperature = data.temperature
    if temperature is not None and not (np.isfinite(temperature) and temperature >= 0):
        raise InputError(
            f"{data.name}: temperature must be 0 or more, in K, got {temperature:g}; leave it out "
            "where it is not known"
        )
