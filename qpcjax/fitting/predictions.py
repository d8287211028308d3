"""What each kind of measurement shows of a device, and its derivatives."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from qpcjax._numerics.blocks import in_blocks
from qpcjax.constants import BOLTZMANN, RESISTANCE_QUANTUM
from qpcjax.heat.hot_spot import hot_spot
from qpcjax.measurements import (
    BiasSpectroscopy,
    ConductanceTrace,
    DissipationData,
    HotSpotData,
    InputError,
)
from qpcjax.scatterers import soften
from qpcjax.transport.integrals import smeared_conductance, smeared_flow, transport_moments
from qpcjax.transport.landauer import dissipation
from qpcjax.transport.reservoirs import Reservoirs

WINDOW = 40.0  # thermal widths that heat reaches beyond mu_L and mu_R
_CHORDS = 2  # steps of the chord I/V, each gains a digit or two, before a step of Newton's
_EXCITATION_NODES = 6
_LEAST_BIAS = 1e-6  # meV: below it the chord is taken there
_FLOWS_AT_ONCE = 128  # points evaluated side by side
_HEAT_AT_ONCE = 4


class Resolution(NamedTuple):
    """What is static in the evaluation of a device.

    Fields:
        order: Gauss nodes in a panel; 12 give 1e-6 of G at the smearing of a trace.
        panels: panels kept around mu; None keeps all.
        grid: points of the energy grid of a softened T(E), see `soften`.
    """

    order: int = 12
    panels: int | None = None
    grid: int = 64


class Inputs(NamedTuple):
    """What is set at each point of a measurement: arrays of one length, None where it is not.

    Fields:
        gate: in mV.
        bias: eV in meV across barrier and series resistance.
        mu: electrochemical potential in meV, where it is set and not the device's.
        temperature: in K, where the data say it.
    """

    gate: Any = None
    bias: Any = None
    mu: Any = None
    temperature: Any = None


def inputs_of(data) -> Inputs:
    """What was set at the points of a data set."""
    temperature = data.temperature
    if temperature is not None:
        temperature = np.full(data.value.size, float(temperature))
    gate, bias, mu = (getattr(data, name, None) for name in ("gate", "bias", "mu"))
    return Inputs(gate, bias, mu, temperature)


def kind_of(data) -> str:
    """What was measured, as `observe` calls it.

    Raises:
        TypeError: not a data set.
    """
    if isinstance(data, DissipationData):
        return data.side
    kinds = {
        ConductanceTrace: "conductance",
        BiasSpectroscopy: "differential_conductance",
        HotSpotData: "distance",
    }
    for kind, name in kinds.items():
        if isinstance(data, kind):
            return name
    raise TypeError(
        f"data must be ConductanceTrace, BiasSpectroscopy, HotSpotData or DissipationData, got "
        f"{type(data).__name__}"
    )


# Observables of electrons that pass; the others are heat.
FLOWS = ("conductance", "differential_conductance", "current", "voltage")

UNITS = {
    "conductance": "2e2/h",
    "differential_conductance": "2e2/h",
    "distance": "nm",
    "left": "pW",
    "right": "pW",
    "asymmetry": "pW",
    "total": "pW",
    "current": "nA",
    "voltage": "meV",
    "heating": "pW, pW, pW, nm",
}


def require_known(device, kind, inputs):
    """Raise InputError unless the device or the inputs have the temperature that is needed.

    And where hot electrons lose their energy unless it is known how fast.
    """
    unknown = inputs.temperature is None and device.temperature is None
    if unknown and (device.smearing is None or kind not in FLOWS):
        raise InputError(
            f"{kind} needs a temperature, which this device does not have: give temperature="
        )
    if kind in ("distance", "heating") and device.damping is None:
        raise InputError(
            f"{kind} needs a damping strength, which this device does not have: give damping="
        )


def predict(device, kind, inputs, resolution):
    """One observable at many points, differentiable in the device.

    However many numbers a device has, a point knows them only through the barrier at its gate
    voltage and the few numbers beside it: derivatives are taken by those, and then combined.

    Args:
        device: `Device`.
        kind: a key of `UNITS`.
        inputs: `Inputs`.
        resolution: `Resolution`.

    Returns:
        Array of the points' length, in the unit of `UNITS`.
    """
    size = next(len(x) for x in inputs if x is not None)

    def local(row):
        return device.at(row.gate, row.mu, row.temperature), row.bias

    points = jax.vmap(local)(jax.tree.map(jnp.asarray, inputs))
    leaves, structure = jax.tree.flatten(points)
    dtype = jnp.result_type(float)
    leaves = [jnp.broadcast_to(jnp.asarray(leaf, dtype), (size,)) for leaf in leaves]

    def one(*leaves):
        point, bias = jax.tree.unflatten(structure, leaves)
        return observe(kind, point, bias, resolution)

    return _by_point(one, _FLOWS_AT_ONCE if kind in FLOWS else _HEAT_AT_ONCE)(*leaves)


def _by_point(fun, at_once):
    """Map a function of scalars over columns; each scalar's derivative is taken once a point."""

    @jax.custom_jvp
    def columns(*leaves):
        return in_blocks(lambda c: jax.vmap(fun)(*c), list(leaves), at_once)

    def rule(primals, tangents):
        moving = [i for i, t in enumerate(tangents) if not isinstance(t, SymbolicZero)]

        def point(*leaves):
            def of_moving(*values):
                full = list(leaves)
                for i, value in zip(moving, values, strict=True):
                    full[i] = value
                return fun(*full)

            values = tuple(leaves[i] for i in moving)
            unit = jnp.eye(len(moving), dtype=values[0].dtype)
            push = jax.vmap(lambda t: jax.jvp(of_moving, values, tuple(t)), out_axes=(None, 0))
            return push(unit)

        value, slopes = in_blocks(lambda c: jax.vmap(point)(*c), list(primals), at_once)
        beyond = (1,) * (value.ndim - 1)
        columns_of = [slopes[:, k] * tangents[i].reshape(-1, *beyond) for k, i in enumerate(moving)]
        return value, sum(columns_of)

    columns.defjvp(rule, symbolic_zeros=True)
    return columns


def observe(kind, point, bias, resolution):
    """One observable at one point, `Point`, and a bias; see `predict`."""
    if kind == "conductance" and point.excitation is None:
        keep = resolution.panels
        g = smeared_conductance(point.scatterer, point.mu, _width(point), resolution.order, keep)
        return _behind(g, point.series_resistance)
    bias = jnp.zeros_like(point.mu) if bias is None else bias
    if kind in ("conductance", "differential_conductance"):
        return _lock_in(point, bias, resolution)
    if kind in ("voltage", "current"):
        flow = _flow(point, resolution)
        voltage, flow = _voltage_across(flow, bias, point.series_resistance)
        return voltage if kind == "voltage" else 1e6 / RESISTANCE_QUANTUM * flow
    scatterer, reservoirs = heated(point, bias, resolution)
    if kind == "distance":
        return hot_spot(scatterer, reservoirs, point.damping).distance
    power = dissipation(scatterer, reservoirs)
    if kind == "heating":
        distance = hot_spot(scatterer, reservoirs, point.damping).distance
        return jnp.stack([power.left, power.right, power.asymmetry, distance])
    return getattr(power, kind)


def _width(point):
    """k_B T_s in meV: temperature and smearing together."""
    kT = None if point.temperature is None else BOLTZMANN * point.temperature
    if point.smearing is None or kT is None:
        return point.smearing if kT is None else kT
    return jnp.hypot(kT, point.smearing)


def _behind(g, resistance):
    return g if resistance is None else g / (1 + resistance / RESISTANCE_QUANTUM * g)


def _mean_mu(point, voltage):
    """(mu_L + mu_R)/2 at a voltage across the barrier."""
    if point.bias_share is None:
        return point.mu
    return point.mu + (point.bias_share - 0.5) * voltage


def _flow(point, resolution):
    """The current, in units of 2e^2/h times meV, as a function of the voltage."""

    def flow(voltage):
        width, mu = _width(point), _mean_mu(point, voltage)
        return smeared_flow(
            point.scatterer, mu, voltage, width, resolution.order, resolution.panels
        )

    return flow


def _with_slope(flow, voltage):
    value, slope = jax.jvp(flow, (voltage,), (jnp.ones_like(voltage),))
    # The derivative of a constant NaN is 0: a slope without a value would look like one.
    return value, jnp.where(jnp.isnan(value), jnp.nan, slope)


def _voltage_across(flow, bias, resistance, near=None):
    """Bias energy across the barrier, eV - e I R_s, and the flow there.

    Args:
        flow: the current as a function of the voltage, see `_flow`.
        bias: eV.
        resistance: R_s in ohm, or None.
        near: a voltage to start from; by default the bias.
    """
    if resistance is None:
        return bias, flow(bias)
    share = resistance / RESISTANCE_QUANTUM
    voltage = jax.lax.stop_gradient(bias if near is None else near)
    for _ in range(_CHORDS):
        at = jnp.where(jnp.abs(voltage) < _LEAST_BIAS, _LEAST_BIAS, voltage)
        voltage = jax.lax.stop_gradient(bias / (1 + share * flow(at) / at))
    passed, slope = _with_slope(flow, voltage)
    # A step of Newton's from a point that stands still has the derivatives of the solution.
    slope = jax.lax.stop_gradient(slope)
    step = (bias - voltage - share * passed) / (1 + jax.lax.stop_gradient(share) * slope)
    return voltage + step, passed + slope * step


def _lock_in(point, bias, resolution):
    """dI/dV of barrier and series resistance, averaged as the lock-in's first harmonic."""

    def measured(bias):
        voltage, _ = _voltage_across(_flow(point, resolution), bias, point.series_resistance)
        return _behind(_with_slope(_flow(point, resolution), voltage)[1], point.series_resistance)

    if point.excitation is None:
        return measured(bias)
    k = np.arange(1, _EXCITATION_NODES + 1) * np.pi / (_EXCITATION_NODES + 1)
    x = jnp.asarray(np.sqrt(2) * np.cos(k), bias.dtype)
    weight = jnp.asarray(2 / (_EXCITATION_NODES + 1) * np.sin(k) ** 2, bias.dtype)
    return jnp.sum(weight * jax.vmap(measured)(bias + point.excitation * x))


def heated(point, bias, resolution):
    """The barrier with its own softness, and the reservoirs on its two sides."""
    scatterer, resistance, voltage = point.scatterer, point.series_resistance, bias
    soft = point.smearing is not None
    if resistance is not None and not (soft and not scatterer.follows_bias):
        voltage = _voltage_across(_flow(point, resolution), bias, resistance)[0]
    if soft:
        scatterer = _softened(point, bias, voltage, resolution)
        if resistance is not None:
            voltage = _voltage_behind(scatterer, point, bias, voltage)
    return scatterer, Reservoirs(_mean_mu(point, voltage), voltage, point.temperature)


def _voltage_behind(scatterer, point, bias, near):
    """Bias energy across a softened barrier, where its softness is not the electrons' warmth."""

    def flow(voltage):
        mu = _mean_mu(point, voltage)
        zero = jnp.zeros_like(mu)
        return transport_moments(scatterer, mu, voltage, point.temperature, zero)[0]

    for _ in range(2):
        near = _voltage_across(flow, bias, point.series_resistance, near)[0]
    return near


def _softened(point, bias, voltage, resolution):
    """The barrier's transmission at a voltage, smeared, over every energy that counts."""
    reach = heat_reach(point, bias)
    lower, upper = point.mu - reach, point.mu + reach
    grid, panels = resolution.grid, resolution.panels
    return soften(point.scatterer, point.smearing, lower, upper, grid, panels, bias=voltage)


def heat_reach(point, bias):
    """How far from mu, in meV, heat needs the softened T(E) at any voltage up to this bias."""
    # Where the bias drops unevenly the mean potential moves with it.
    share = 0.5 if point.bias_share is None else 1.0
    return share * jnp.abs(bias) + WINDOW * BOLTZMANN * point.temperature
