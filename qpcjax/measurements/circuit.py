"""A device at one point of a measurement: the barrier behind its resistance, cold or heated."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.constants import BOLTZMANN, RESISTANCE_QUANTUM
from qpcjax.scatterers import soften
from qpcjax.transport.integrals import smeared_flow, transport_moments
from qpcjax.transport.reservoirs import Reservoirs

WINDOW = 40.0  # thermal widths that heat reaches beyond mu_L and mu_R
_CHORDS = 2  # steps of the chord I/V, each gains a digit or two, before a step of Newton's
_CHORDS_BEHIND = 5  # the same behind a barrier that is softer than its electrons are warm
_EXCITATION_NODES = 6
_LEAST_BIAS = 1e-6  # meV: below it the chord is taken there


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


class Point(NamedTuple):
    """A device at one gate voltage: everything that a response there depends on.

    Fields:
        scatterer: the barrier.
        mu: mean electrochemical potential in meV at no bias.
        smearing: width s in meV of the logistic kernel that smears T(E), or None.
        temperature: of the electrons, in K, or None where it is not known.
        series_resistance: in ohm, or None.
        bias_share: (mu_L - mu)/eV, or None for a half.
        excitation: lock-in excitation in mV rms, or None.
        damping: damping law of hot electrons, or None.
        noise_gain: of the amplifier, or None for 1.
        noise_background: of the amplifier in fA^2/Hz, or None.
    """

    scatterer: Any
    mu: Any
    smearing: Any
    temperature: Any
    series_resistance: Any
    bias_share: Any
    excitation: Any
    damping: Any
    noise_gain: Any = None
    noise_background: Any = None


def bias_of(point, settings):
    """The bias eV in meV of a point's settings, 0 where none was set."""
    return settings.get("bias", jnp.zeros_like(point.mu))


def width_of(point: Point):
    """k_B T_s in meV: temperature and smearing together."""
    kT = None if point.temperature is None else BOLTZMANN * point.temperature
    if point.smearing is None or kT is None:
        return point.smearing if kT is None else kT
    return jnp.hypot(kT, point.smearing)


def behind(g, resistance):
    """The conductance of barrier and series resistance together, in 2e^2/h."""
    return g if resistance is None else g / (1 + resistance / RESISTANCE_QUANTUM * g)


def _mean_mu(point, voltage):
    """(mu_L + mu_R)/2 at a voltage across the barrier."""
    if point.bias_share is None:
        return point.mu
    return point.mu + (point.bias_share - 0.5) * voltage


def flow_through(point, resolution):
    """The current, in units of 2e^2/h times meV, as a function of the voltage."""

    def flow(voltage):
        width, mu = width_of(point), _mean_mu(point, voltage)
        return smeared_flow(
            point.scatterer, mu, voltage, width, resolution.order, resolution.panels
        )

    return flow


def _with_slope(flow, voltage):
    value, slope = jax.jvp(flow, (voltage,), (jnp.ones_like(voltage),))
    # The derivative of a constant NaN is 0: a slope without a value would look like one.
    return value, jnp.where(jnp.isnan(value), jnp.nan, slope)


def voltage_across(flow, bias, resistance, near=None, chords=_CHORDS):
    """Bias energy across the barrier, eV - e I R_s, and the flow there.

    Args:
        flow: the current as a function of the voltage, see `flow_through`.
        bias: eV.
        resistance: R_s in ohm, or None.
        near: a voltage to start from; by default the bias.
        chords: steps of the chord I/V before a step of Newton's.
    """
    if resistance is None:
        return bias, flow(bias)
    share = resistance / RESISTANCE_QUANTUM
    voltage = _by_chords(flow, bias, share, bias if near is None else near, chords)
    passed, slope = _with_slope(flow, voltage)
    # A step of Newton's from a point that stands still has the derivatives of the solution.
    slope = jax.lax.stop_gradient(slope)
    step = (bias - voltage - share * passed) / (1 + jax.lax.stop_gradient(share) * slope)
    return voltage + step, passed + slope * step


def _by_chords(flow, bias, share, near, steps):
    """A voltage near eV - e I R_s, without derivatives; a loop, so that one step is compiled."""
    near = jnp.asarray(near + 0 * share)
    still = eqx.filter_closure_convert(flow, near)
    still, bias, share, near = jax.tree.map(_stopped, (still, bias, share, near))

    def step(_, voltage):
        at = jnp.where(jnp.abs(voltage) < _LEAST_BIAS, _LEAST_BIAS, voltage)
        return jnp.asarray(bias / (1 + share * still(at) / at), near.dtype)

    return jax.lax.fori_loop(0, steps, step, near)


def _stopped(leaf):
    return jax.lax.stop_gradient(leaf) if eqx.is_inexact_array(leaf) else leaf


def lock_in(point, bias, resolution):
    """dI/dV of barrier and series resistance in 2e^2/h: the first harmonic of the lock-in."""

    def measured(bias):
        flow, resistance = flow_through(point, resolution), point.series_resistance
        voltage, _ = voltage_across(flow, bias, resistance)
        return behind(_with_slope(flow, voltage)[1], resistance)

    if point.excitation is None:
        return measured(bias)
    k = np.arange(1, _EXCITATION_NODES + 1) * np.pi / (_EXCITATION_NODES + 1)
    x = jnp.asarray(np.sqrt(2) * np.cos(k), bias.dtype)
    weight = jnp.asarray(2 / (_EXCITATION_NODES + 1) * np.sin(k) ** 2, bias.dtype)
    return jnp.sum(weight * jax.vmap(measured)(bias + point.excitation * x))


def heated(point, settings, resolution):
    """The barrier with its own softness, and the reservoirs on its two sides.

    Args:
        point: `Point`.
        settings: of the point; its bias counts.
        resolution: `Resolution`.

    Returns:
        A scatterer and `Reservoirs`, for any function of the package that takes the two.
    """
    bias = bias_of(point, settings)
    scatterer, resistance, voltage = point.scatterer, point.series_resistance, bias
    soft = point.smearing is not None
    if resistance is not None and not (soft and not scatterer.follows_bias):
        voltage = voltage_across(flow_through(point, resolution), bias, resistance)[0]
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

    return voltage_across(flow, bias, point.series_resistance, near, _CHORDS_BEHIND)[0]


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
