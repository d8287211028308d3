"""What a fitted trace says about heat: powers and hot spot against the gate voltage, with bands."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.fitting.fit import TraceFit
from qpcjax.hotspot import QuadraticDamping, hot_spot
from qpcjax.landauer import dissipation
from qpcjax.quadrature import REACH, panels_in, transport_moments
from qpcjax.reservoirs import Reservoirs
from qpcjax.scatterers import grid_points, soften
from qpcjax.units import BOLTZMANN, CONDUCTANCE_QUANTUM, transverse_energy

GATES = 81
OBSERVABLES = ("P_L", "P_R", "P_A", "r*")
_VOLTAGE_STEPS = 4  # each gains about two digits
_SPLIT_SHARE = 0.68  # of an even distribution between two ends lies within this share of them
_WINDOW = 40.0  # thermal widths that an integral reaches beyond mu_L and mu_R


@dataclasses.dataclass(frozen=True)
class Heating:
    """Heat predicted along a trace; arrays over the gate voltage.

    Fields:
        gate: in mV.
        voltage: bias energy in meV that drops across the constriction itself.
        value: prediction by observable: P_L, P_R, P_A in pW, r* in nm.
        low: lower end of the 68 % band.
        high: upper end of the 68 % band.
        bias: bias energy in meV across constriction and series resistance.
        temperature: of the reservoirs, in K.
        damping: strength a.
    """

    gate: np.ndarray
    voltage: np.ndarray
    value: dict[str, np.ndarray]
    low: dict[str, np.ndarray]
    high: dict[str, np.ndarray]
    bias: float
    temperature: float
    damping: float


def predict_heating(
    fit: TraceFit,
    bias: float,
    temperature: float,
    damping: float = 0.04,
    gates: int = GATES,
    progress=None,
) -> Heating:
    """Predict P_L, P_R, P_A and r* along a fitted trace, each with a 68 % band.

    The fitted smearing is kept as softness of T(E); the Fermi functions have the temperature that
    is stated. The band holds the fit's covariance and the question how much of the smearing was
    temperature when the trace was measured: none (the prediction) or the stated one.

    Args:
        fit: the fitted trace.
        bias: bias energy in meV across constriction and series resistance, not 0.
        temperature: of the reservoirs in K, 0 or more.
        damping: strength a of the damping rate, Eq. (22).
        gates: number of gate voltages, evenly over the trace.
        progress: called with (done, total, label).

    Returns:
        `Heating`; r* is NaN where mu_R <= 0.

    Raises:
        ValueError: a bias of 0, a negative temperature, or a damping that is not positive.
    """
    if not (math.isfinite(bias) and bias != 0):
        raise ValueError(f"bias must be a finite energy in meV other than 0, got {bias:g}")
    Reservoirs(0.0, bias, temperature)
    rate = QuadraticDamping(damping)
    gate = np.linspace(fit.trace.gate[0], fit.trace.gate[-1], gates)
    local, covariance = _local_numbers(fit, gate)
    modes = _modes(fit, local, bias, temperature)
    resolution = fit.model.resolution._replace(modes=modes)
    kT = BOLTZMANN * temperature
    panels = _panels(fit, local, resolution, abs(bias) / 2 + _WINDOW * kT)
    points = grid_points(abs(bias) + 2 * _WINDOW * kT, _least_softness(local[:, 3], kT).min())
    rows = []
    for k in range(gates):
        if progress:
            progress(k, gates, "heating")
        ensemble = _ensemble(local[k], covariance[k], kT)
        numbers, drop = jax.device_get(
            _observables(
                ensemble,
                float(fit.model.mu),
                bias,
                temperature,
                rate,
                fit.model.mass,
                resolution=resolution,
                points=points,
                panels=panels,
            )
        )
        up, down = numbers[2::2], numbers[3::2]
        spread = np.sqrt(np.sum(((up - down) / 2) ** 2, axis=0))
        rows.append((numbers[0], spread, numbers[1], drop[0]))
    value, spread, other, voltage = (np.array(part) for part in zip(*rows, strict=True))
    shift = _SPLIT_SHARE * (other - value)
    low = value - np.hypot(spread, np.minimum(shift, 0))
    high = value + np.hypot(spread, np.maximum(shift, 0))

    def named(array):
        return {name: array[:, i] for i, name in enumerate(OBSERVABLES)}

    return Heating(gate, voltage, named(value), named(low), named(high), bias, temperature, damping)


def _local_numbers(fit, gate):
    """Half-width, length, floor, smearing (meV) and R_s at each gate, and their covariance."""
    names = [p.name for p in fit.free]
    at = {p.name: jnp.asarray(p.value) for p in fit.parameters}

    def numbers(free):
        model = fit.build(at | dict(zip(names, free, strict=True)))
        channel = model.channel(jnp.asarray(gate))
        resistance = jnp.broadcast_to(model.series_resistance, gate.shape)
        return jnp.stack([*channel, resistance], axis=-1)

    free = jnp.stack([at[name] for name in names])
    local, slopes = jax.device_get(jax.jit(lambda f: (numbers(f), jax.jacfwd(numbers)(f)))(free))
    covariance = np.einsum("gpi,ij,gqj->gpq", slopes, fit.covariance, slopes)
    return local, covariance


def _modes(fit, local, bias, temperature):
    """Channel modes that hold everything up to the end of the softened window."""
    top = float(fit.model.mu) + abs(bias) / 2 + _WINDOW * BOLTZMANN * temperature
    e = (top + 28 * local[:, 3]) / transverse_energy(local[:, 0], fit.model.mass)
    return max(math.ceil(math.sqrt(float(e.max()))) + 1, fit.model.modes)


def _least_softness(smearing, kT):
    """Softness that is left of a smearing if the trace was taken at this temperature.

    At least half of it, where the temperature alone would smear as much.
    """
    return np.sqrt(np.maximum(smearing**2 - kT**2, (0.5 * smearing) ** 2))


def _ensemble(local, covariance, kT):
    """Local numbers to evaluate: the best, the other split of the smearing, and pairs.

    A pair is one standard deviation up and down a principal axis of the covariance (in relative
    units). A number without variance adds no axis.
    """
    other = local.copy()
    other[3] = _least_softness(local[3], kT)
    unit = np.where(local == 0, 1.0, np.abs(local))
    size, axis = np.linalg.eigh(covariance / unit / unit[:, None])
    moving = int(np.count_nonzero(np.diag(covariance)))
    size, axis = size[-moving:], axis[:, -moving:]
    steps = axis.T * np.sqrt(np.maximum(size, 0))[:, None] * unit
    return np.concatenate(
        [[local, other], np.stack([local + steps, local - steps], 1).reshape(-1, 5)]
    )


def _panels(fit, local, resolution, reach):
    """Panels of the constriction that a softened window holds at the worst gate, with room."""

    def ends(numbers):
        c = resolution.constriction(numbers[0], numbers[1], numbers[2], fit.model.mass)
        return jnp.concatenate([c.thresholds(), c.panel_edges()])

    edges = np.asarray(jax.jit(jax.vmap(ends))(jnp.asarray(local)))
    centres = np.full(len(local), float(fit.model.mu))
    return math.ceil(1.2 * panels_in(edges, centres, reach + 1.1 * REACH * local[:, 3])) + 8


@functools.partial(jax.jit, static_argnames=("resolution", "points", "panels"))
def _observables(ensemble, mu, bias, temperature, damping, mass, *, resolution, points, panels):
    """Powers (pW) and r* (nm) for rows of local numbers, and the voltage that drops there."""

    def observe(local):
        half_width, length, offset, softness, resistance = local
        constriction = resolution.constriction(half_width, length, offset, mass)
        reach = jnp.abs(bias) / 2 + _WINDOW * BOLTZMANN * temperature
        scatterer = soften(constriction, softness, mu - reach, mu + reach, points, panels)
        voltage = _voltage_across(scatterer, mu, bias, temperature, resistance)
        reservoirs = Reservoirs(mu, voltage, temperature)
        power = dissipation(scatterer, reservoirs)
        spot = hot_spot(scatterer, reservoirs, damping)
        return jnp.stack([power.left, power.right, power.asymmetry, spot.distance]), voltage

    return jax.lax.map(observe, ensemble)


def _voltage_across(scatterer, mu, bias, temperature, resistance):
    """Bias energy across the constriction: V - I R_s, solved by iteration of the chord I/V."""
    zero = jnp.zeros_like(mu)

    def step(voltage, _):
        flow = transport_moments(scatterer, mu, voltage, temperature, zero, order=8)[0]
        chord = CONDUCTANCE_QUANTUM * flow / voltage  # uS
        return bias / (1 + 1e-6 * resistance * chord), None

    mu, bias, temperature = (jnp.asarray(x, zero.dtype) for x in (mu, bias, temperature))
    return jax.lax.scan(step, bias, None, length=_VOLTAGE_STEPS)[0]
