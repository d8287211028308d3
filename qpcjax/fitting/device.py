"""What a measured device is made of: a barrier that a gate moves, and what stands around it."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.heat.laws import damping_law
from qpcjax.measurements.circuit import Point
from qpcjax.quantities import closest
from qpcjax.scatterers import AbstractScatterer, as_scatterer
from qpcjax.scatterers.fields import innermost
from qpcjax.scatterers.wrapper import wrappers
from qpcjax.validation import number, require


def gate_knots(gate_range, count):
    """Gate voltages in mV of `count` Chebyshev knots, from the lowest to the highest."""
    low, high = gate_range
    return (low + high) / 2 + (high - low) / 2 * _chebyshev_points(count)


def gate_basis(gate_range, gate, count):
    """Polynomials that are 1 at one of `count` knots and 0 at the others, at these gates."""
    low, high = gate_range
    x = (gate - (low + high) / 2) * (2 / (high - low))
    library = np if isinstance(x, np.ndarray) else jnp  # what is concrete needs no compiling
    powers = [library.ones_like(x), x]
    for _ in range(count - 2):
        powers.append(2 * x * powers[-1] - powers[-2])
    to_knots = np.linalg.inv(
        np.polynomial.chebyshev.chebvander(_chebyshev_points(count), count - 1)
    )
    return library.stack(powers[:count], axis=-1) @ to_knots


def _chebyshev_points(count):
    if count == 1:
        return np.zeros(1)
    return -np.cos(np.pi * np.arange(count) / (count - 1))


def _range(value):
    low, high = (float(v) for v in value)
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(f"range must be two gate voltages in mV, the lower first, got {value}")
    return low, high


def _column(value):
    value = jnp.asarray(value, float) if np.ndim(value) else value
    if np.ndim(value) != 1 or value.shape[0] < 1:
        raise ValueError(f"values must be one number for each knot, got {value!r}")
    return value


class GateCurve(eqx.Module):
    """A number along the gate: the polynomial through its values at Chebyshev knots.

    The ends of the range are knots, so a value is what the number is at a gate voltage, and the
    polynomial is as well conditioned as can be. One value is a constant, two a straight line, six
    a quintic.

    Args:
        range: lowest and highest gate voltage in mV.
        values: the number at the knots, from the lowest gate voltage to the highest.
        kind: "plain"; "log", where it is the logarithm that is a polynomial; or "positive", a
            polynomial that is bent away from zero (as a width must be).

    Raises:
        ValueError: a range without width, no value, an unknown kind.
    """

    range: tuple[float, float] = eqx.field(static=True, converter=_range)
    values: jax.Array = eqx.field(converter=_column)
    kind: str = eqx.field(static=True, default="plain")

    def __check_init__(self):
        if self.kind not in ("plain", "log", "positive"):
            raise ValueError(f'kind must be "plain", "log" or "positive", got {self.kind!r}')
        if self.kind != "plain":
            require("values", self.values, "positive", lambda v: v > 0)

    @property
    def knots(self):
        """Gate voltages in mV at which the values stand."""
        return gate_knots(self.range, self.values.shape[0])

    def basis(self, gate):
        """From the values (of their logarithms, where these are the polynomial) to the gates."""
        return gate_basis(self.range, gate, self.values.shape[0])

    def __call__(self, gate, numbers=None):
        """The number at gate voltages in mV."""
        del numbers
        basis = self.basis(gate)
        if self.kind == "log":
            return jnp.exp(basis @ jnp.log(self.values))
        value = basis @ self.values
        if self.kind == "plain":
            return value
        # A polynomial may dip below zero between or beyond its knots: a width may not.
        least = 1e-2 * jnp.max(self.values)
        return jnp.where(value > least, value, least * jnp.exp(jnp.minimum(value / least - 1, 0)))


class GateLine(eqx.Module):
    """A positive number along the gate whose logarithm is straight between gate voltages.

    Beyond the outermost of them the number is constant.

    Args:
        knots: gate voltages in mV, rising.
        values: the number there.

    Raises:
        ValueError: fewer than two gate voltages, that do not rise, another number of values, a
            value that is not positive.
    """

    knots: tuple[float, ...] = eqx.field(
        static=True, converter=lambda knots: tuple(float(v) for v in knots)
    )
    values: jax.Array = eqx.field(converter=_column)

    def __check_init__(self):
        if not len(self.knots) == self.values.shape[0] >= 2 or min(np.diff(self.knots)) <= 0:
            raise ValueError(
                f"give two or more rising gate voltages and a value for each, got {self.knots} "
                f"and {self.values.shape[0]} values"
            )
        require("values", self.values, "positive", lambda v: v > 0)

    def basis(self, gate):
        """From the logarithms of the values to that at the gates: hats over the knots."""
        library = np if isinstance(gate, np.ndarray) else jnp  # as in `gate_basis`
        x = np.array(self.knots)
        share = library.clip((gate[..., None] - x[:-1]) / np.diff(x), 0, 1)
        first, last = library.ones_like(share[..., :1]), library.zeros_like(share[..., :1])
        # What has passed one knot has left the one before it.
        return library.concatenate([first, share], -1) - library.concatenate([share, last], -1)

    def __call__(self, gate, numbers=None):
        """The number at gate voltages in mV."""
        del numbers
        gate = gate if np.ndim(gate) else jnp.asarray(gate)
        return jnp.exp(self.basis(gate) @ jnp.log(self.values))


class StepPositions(eqx.Module):
    """A number along the gate, known at gate voltages that a fit moves: a subband's each.

    Between them it is a piecewise cubic with the slopes of the parabola through three neighbours,
    beyond them a straight line. With the widths n pi/k_F the positions are where mode n opens.

    Args:
        positions: gate voltages in mV, rising.
        values: what the number is there.

    Raises:
        ValueError: fewer than two positions, another number of values, positions that do not rise.
    """

    positions: jax.Array = eqx.field(converter=_column)
    values: tuple[float, ...] = eqx.field(
        static=True, converter=lambda values: tuple(float(v) for v in values)
    )

    def __check_init__(self):
        if len(self.values) != self.positions.shape[0] or len(self.values) < 2:
            raise ValueError(
                f"positions and values must be two or more numbers each, got "
                f"{self.positions.shape[0]} and {len(self.values)}"
            )
        require("positions", self.positions, "rising gate voltages in mV", lambda p: np.diff(p) > 0)

    @property
    def knots(self):
        """Gate voltages in mV at which the values stand."""
        return np.asarray(self.positions)

    def __call__(self, gate, numbers=None):
        """The number at gate voltages in mV."""
        del numbers
        x, y = self.positions, jnp.asarray(self.values, self.positions.dtype)
        chord = jnp.diff(y) / jnp.diff(x)
        if chord.size == 1:
            return y[0] + chord[0] * (gate - x[0])
        inner = (chord[:-1] * jnp.diff(x)[1:] + chord[1:] * jnp.diff(x)[:-1]) / (x[2:] - x[:-2])
        slope = jnp.concatenate([chord[:1], inner, chord[-1:]])
        i = jnp.clip(jnp.searchsorted(x, jax.lax.stop_gradient(gate)) - 1, 0, chord.size - 1)
        width = x[i + 1] - x[i]
        t = (gate - x[i]) / width
        bend = (slope[i] - chord[i]) * (1 - t) - (slope[i + 1] - chord[i]) * t
        inside = y[i] + chord[i] * width * t + t * (1 - t) * width * bend
        beyond = jnp.where(t < 0, y[i] + slope[i] * t * width, 0)
        beyond = jnp.where(t > 1, y[i + 1] + slope[i + 1] * (t - 1) * width, beyond)
        return jnp.where((t < 0) | (t > 1), beyond, inside)


class Ratio(eqx.Module):
    """A number that is a fixed multiple of another one along the gate, such as L of w.

    Args:
        to: name of the other number.
        value: their ratio.
    """

    to: str = eqx.field(static=True)
    value: float = eqx.field(converter=number)

    def __check_init__(self):
        require("value", self.value, "a finite ratio", np.isfinite)

    def __call__(self, gate, numbers):
        """The number, from those that are already known at this gate voltage."""
        return self.value * numbers[self.to]


class Gated(eqx.Module):
    """A barrier whose numbers follow a gate voltage.

    `Gated(AbruptConstriction(20.0, 80.0), half_width=GateCurve(...))` is a constriction that the
    gate widens; any number of any scatterer may be moved, and several of them. Numbers that are not
    named stay as they are in the scatterer.

    Args:
        scatterer: any scatterer; what it says of the moved numbers does not count.
        **curves: number -> `GateCurve`, `StepPositions` or `Ratio`.

    Raises:
        ValueError: no curve, a number that the scatterer does not have, a ratio to one that does
            not move.
    """

    scatterer: AbstractScatterer
    curves: dict[str, Any]

    def __init__(self, scatterer, **curves):
        scatterer = as_scatterer(scatterer)
        own = _own_numbers(innermost(scatterer))
        if not curves:
            raise ValueError("give at least one number that the gate moves, as name=GateCurve(...)")
        for name, curve in curves.items():
            if name not in own:
                raise ValueError(f"the barrier has no number {name!r}: {closest(name, own)}")
            if isinstance(curve, Ratio):
                if curve.to not in curves or isinstance(curves[curve.to], Ratio):
                    raise ValueError(
                        f"{name} is a ratio to {curve.to!r}, which must itself follow the gate"
                    )
            elif not callable(curve):
                raise ValueError(f"{name} must be a GateCurve, StepPositions or Ratio")
        self.scatterer = scatterer
        self.curves = curves

    def at(self, gate) -> AbstractScatterer:
        """The scatterer at one gate voltage in mV."""
        numbers = {}
        for name, curve in sorted(self.curves.items(), key=lambda c: isinstance(c[1], Ratio)):
            numbers[name] = curve(gate, numbers)
        return _with_fields(self.scatterer, numbers)

    def replaced(self, scatterer):
        """The same curves on another scatterer of the same numbers, such as one of more modes."""
        return Gated(scatterer, **self.curves)


def _own_numbers(scatterer):
    return [f.name for f in dataclasses.fields(scatterer) if not f.metadata.get("static", False)]


def _with_fields(scatterer, values):
    """The scatterer with other numbers, unchecked: they may be traced, or on their way."""

    def where(s):
        return [getattr(innermost(s), name) for name in values]

    return eqx.tree_at(where, scatterer, list(values.values()), is_leaf=lambda x: x is None)


def _barrier(value):
    return value if isinstance(value, Gated) else as_scatterer(value)


def _optional_number(value):
    return None if value is None else number(value)


class Device(eqx.Module):
    r"""A barrier in its circuit, as it is measured.

    Linear conductance, with the barrier's T(E) smeared over a logistic kernel of width s:

    .. math::
        G = \frac{g}{1 + g R_s}, \qquad g = \frac{2e^2}{h} \int dE\, T(E)
            \left(-\frac{\partial f}{\partial E}\right)_{\mu, k_B T_s},
        \qquad (k_B T_s)^2 = (k_B T)^2 + s^2

    One logistic kernel stands for the two of s and k_B T: exact where one of them is 0, and within
    0.011 of a step in between (the most, at s = k_B T). In heat they are apart: T(E) is smeared
    with s, and the Fermi functions have the temperature T. At finite bias the barrier sees
    V - I R_s, with mu_L = mu + eta eV and mu_R = mu - (1 - eta) eV.

    Args:
        barrier: `Gated`, or a scatterer that no gate moves.
        mu: electrochemical potential in meV from the bottom of the conduction band;
            `units.fermi_energy` gives it from the density.
        smearing: s along the trace, in units of the barrier's `energy_scale` where it has one (E1
            of a constriction) and in meV otherwise; a `GateCurve`, a number, or None for none. It
            is the softness of the barrier and whatever else smears a staircase.
        series_resistance: R_s in ohm; None leaves it out.
        temperature: of the electrons, in K, where the data do not say it.
        bias_share: eta; None for 1/2.
        excitation: lock-in excitation in mV rms, averaged over with six nodes; None where it is
            small.
        damping: damping law for the hot spot, or its name as `heat.laws.damping_law` takes it; a
            number is the strength of `QuadraticDamping`.
        noise_gain: gain of the amplifier of `NoiseData`; None for 1.
        noise_background: what the amplifier adds, in fA^2/Hz; None for nothing.
        freed: names of numbers that fits free although they hold them by default, such as an
            electron temperature that nobody measured.

    Raises:
        ValueError: a number out of range.
        TypeError: a barrier that is neither `Gated` nor a scatterer.
    """

    barrier: Any = eqx.field(converter=_barrier)
    mu: float = eqx.field(converter=number)
    smearing: Any = None
    series_resistance: Any = eqx.field(default=None, converter=_optional_number)
    temperature: Any = eqx.field(default=None, converter=_optional_number)
    bias_share: Any = eqx.field(default=None, converter=_optional_number)
    excitation: Any = eqx.field(default=None, converter=_optional_number)
    damping: Any = eqx.field(default=None, converter=damping_law)
    noise_gain: Any = eqx.field(default=None, converter=_optional_number)
    noise_background: Any = eqx.field(default=None, converter=_optional_number)
    freed: tuple[str, ...] = eqx.field(default=(), static=True, converter=tuple)

    def __check_init__(self):
        require("mu", self.mu, "a finite energy in meV", np.isfinite)
        wanted = "0 or more"
        if not callable(self.smearing) and self.smearing is not None:
            require("smearing", np.asarray(self.smearing), wanted, lambda s: s >= 0)
        require("series_resistance", self.series_resistance, "a finite resistance", np.isfinite)
        require("temperature", self.temperature, f"{wanted}, in K", lambda t: t >= 0)
        require("bias_share", self.bias_share, "from 0 to 1", lambda s: (s >= 0) & (s <= 1))
        require("noise_gain", self.noise_gain, "a positive number", lambda g: g > 0)
        require("noise_background", self.noise_background, "finite, in fA^2/Hz", np.isfinite)
        require("excitation", self.excitation, f"{wanted}, in mV", lambda v: v >= 0)

    @property
    def scatterer(self):
        """The barrier without what the gate moves."""
        return self.barrier.scatterer if isinstance(self.barrier, Gated) else self.barrier

    @property
    def title(self):
        """What the barrier is: its class, its matching where it has one, and what is around it."""
        bare = innermost(self.scatterer)
        kind = type(bare).__name__
        kind = f"{kind} ({bare.matching})" if hasattr(bare, "matching") else kind
        return "; ".join([kind, *(w.words for w in wrappers(self.scatterer))])

    def replaced(self, scatterer):
        """The same device with another scatterer of the same numbers."""
        gated = isinstance(self.barrier, Gated)
        barrier = self.barrier.replaced(scatterer) if gated else scatterer
        return eqx.tree_at(lambda d: d.barrier, self, barrier)

    def at(self, gate, mu=None, temperature=None) -> Point:
        """The device at one gate voltage in mV, or at a chemical potential of its own."""
        scatterer = self.barrier.at(gate) if isinstance(self.barrier, Gated) else self.barrier
        mu = self.mu if mu is None else mu
        scatterer = scatterer.at_potential(mu)
        smearing: Any = self.smearing
        smearing = smearing(gate) if callable(smearing) else smearing
        if smearing is not None:
            smearing = smearing * getattr(innermost(scatterer), "energy_scale", 1.0)
        return Point(
            scatterer,
            mu,
            smearing,
            self.temperature if temperature is None else temperature,
            self.series_resistance,
            self.bias_share,
            self.excitation,
            self.damping,
            self.noise_gain,
            self.noise_background,
        )
