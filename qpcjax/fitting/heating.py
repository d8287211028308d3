"""What a fitted device says about heat: powers and hot spot along the gate, with bands."""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.constants import BOLTZMANN
from qpcjax.fitting.compiled_predictions import Predictor
from qpcjax.fitting.device import Gated
from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.fitting.predictions import device_at, require_near
from qpcjax.fitting.result import FitResult
from qpcjax.heat.hot_spot import hot_spot
from qpcjax.heat.laws import damping_law
from qpcjax.measurements import InputError
from qpcjax.measurements.circuit import heated
from qpcjax.transport.landauer import dissipation
from qpcjax.transport.reservoirs import Reservoirs
from qpcjax.transport.self_heating import wiedemann_franz
from qpcjax.validation import require_count

GATES = 81
OBSERVABLES = ("P_L", "P_R", "P_A", "r*")
_SPLIT_SHARE = 0.68  # of an even distribution between two ends lies within this share of them
_ORDER = 12
_AT_ONCE = 16  # devices that one call evaluates, one after the other


@dataclasses.dataclass(frozen=True, eq=False)
class Heating:
    """Heat predicted along a trace; arrays over the gate voltage.

    Fields:
        gate: in mV.
        voltage: bias energy in meV that drops across the barrier itself.
        value: prediction by observable: P_L, P_R, P_A in pW, r* in nm.
        low: lower end of the 68 % band.
        high: upper end of the 68 % band.
        bias: bias energy in meV across barrier and series resistance.
        temperature: of the reservoirs, in K.
        damping: the damping law, or the strength a of Eq. (22).
        split: whether the band holds the question how much of the smearing was temperature.
        without: the same by a fit of the same data without the shoulder, where there is one.
        each: of barriers that fit equally well, by name, the prediction of each; bands hold their
            spread. Empty for one barrier alone.
    """

    gate: np.ndarray
    voltage: np.ndarray
    value: dict[str, np.ndarray]
    low: dict[str, np.ndarray]
    high: dict[str, np.ndarray]
    bias: float
    temperature: float
    damping: Any
    split: bool
    without: "Heating | None" = None
    each: Mapping[str, "Heating"] = dataclasses.field(default_factory=dict)

    def as_columns(self):
        """The columns of heating.csv, for `qpc.to_dataframe`."""
        from qpcjax.fitting.tables import heating_columns

        return heating_columns(self)

    @property
    def largest(self):
        """Index along the gate where the modulus of P_A is largest; None where it has no value."""
        asymmetry = np.abs(self.value["P_A"])
        return int(np.nanargmax(asymmetry)) if np.any(np.isfinite(asymmetry)) else None

    def electron_temperatures(self, resistance: float) -> tuple[np.ndarray, np.ndarray]:
        r"""Temperatures to which the current heats the electrons on both sides, in K.

        Those of `wiedemann_franz` with the predicted powers, half of the series resistance in each
        lead, and the stated temperature in the baths. The powers are those at that temperature:
        `self_heated` solves for both.

        Args:
            resistance: series resistance in ohm, 0 or more.

        Returns:
            T_L and T_R along the gate; NaN where a side would be cooled below 0 K.
        """
        drop = (self.bias - self.voltage) / 2
        bath = self.temperature**2
        squares = (
            wiedemann_franz(bath, resistance / 2, self.value[side], drop) for side in ("P_L", "P_R")
        )
        left, right = (np.sqrt(np.where(square >= 0, square, np.nan)) for square in squares)
        return left, right

    @property
    def damping_text(self):
        """The damping in words: its strength, or the law."""
        strength = isinstance(self.damping, int | float | np.number)
        if strength:
            return f"a = {self.damping:g}"
        law = damping_law(self.damping)
        return getattr(law, "words", str(law))


def predict_heating(
    fit: FitResult,
    bias: float,
    temperature: float,
    damping: Any = 0.04,
    gates: Any = GATES,
    progress=None,
) -> Heating:
    """Predict P_L, P_R, P_A and r* along the gate of a fitted device, each with a 68 % band.

    A fitted smearing is kept as softness of T(E); the Fermi functions have the temperature that is
    stated. A power that has one sign in every device of the band has a band of this sign. The band
    holds the fit's covariance and, where the trace's own temperature is not known,
    the question how much of the smearing was temperature when it was measured: none (the
    prediction) or the stated one. Where data sets have private parameters it is the device of the
    first one.

    Args:
        fit: a fitted device with a gate.
        bias: bias energy in meV across barrier and series resistance, not 0.
        temperature: of the reservoirs in K, 0 or more.
        damping: damping law, or the strength a of Eq. (22).
        gates: number of gate voltages, evenly over the first data set; or the voltages in mV.
        progress: called with (done, total, label).

    Returns:
        `Heating`; r* is NaN where mu_R <= 0.

    Raises:
        ValueError: a bias of 0, a negative temperature, or a damping that is not positive.
        InputError: a device without a gate; gate voltages far outside of those of the data, or in
            V.
    """
    if not (math.isfinite(bias) and bias != 0):
        raise ValueError(f"bias must be a finite energy in meV other than 0, got {bias:g}")
    Reservoirs(0.0, bias, temperature)
    rate = damping_law(damping)
    if not isinstance(fit.device.barrier, Gated):
        raise InputError("heat along the gate needs a device whose barrier is Gated")
    first = fit.parts[0].data
    if np.ndim(gates) == 0:
        require_count("gates", gates)
        gate = np.linspace(first.gate.min(), first.gate.max(), gates)
    else:
        gate = np.ravel(np.asarray(gates, float))
        require_near({"gate": gate}, [part.data for part in fit.parts])
    device = dataclasses.replace(fit.device, damping=rate, temperature=float(temperature))
    settings = {
        "gate": gate,
        "bias": np.full(gate.size, float(bias)),
        "temperature": np.full(gate.size, float(temperature)),
    }
    kernel = Predictor(device, "heating", settings, _ORDER)
    local, covariance, structure = _local_numbers(fit, kernel)
    smearing = jax.tree.unflatten(structure, range(local.shape[1])).smearing
    split = smearing is not None and fit.device.temperature is None and first.temperature is None
    ensembles = []
    for k in range(gate.size):
        ensemble = _ensemble(local[k], covariance[k])
        if split:
            other = local[k].copy()
            other[smearing] = _least_softness(other[smearing], BOLTZMANN * temperature)
            ensemble = np.concatenate([ensemble, other[None]])
        ensembles.append(ensemble)
    ends = np.cumsum([len(e) for e in ensembles])[:-1]
    found = _observed(np.concatenate(ensembles), structure, bias, kernel.resolution, progress)
    rows = []
    for numbers, drop in zip(*(np.split(x, ends) for x in found), strict=True):
        other = numbers[-1] if split else numbers[0]
        pairs = numbers[1 : len(numbers) - split]
        rows.append((numbers[0], *_band(numbers[0], pairs, other), drop[0]))
    value, low, high, voltage = (np.array(part) for part in zip(*rows, strict=True))

    def named(array):
        return {name: array[:, i] for i, name in enumerate(OBSERVABLES)}

    bands = named(value), named(low), named(high)
    return Heating(gate, voltage, *bands, bias, temperature, damping, split)


def _local_numbers(fit, kernel):
    """The numbers of a `Point` at each gate voltage, their covariance, and how they belong.

    However many parameters a fit has, heat at a gate voltage depends on these few alone.
    """
    part = fit.problem.parts[0]
    there, names = kernel.layout, part.kernel.layout.names
    chosen = fit.problem.selection(part)
    moves = chosen.any(axis=1)
    known = [k for k, i in enumerate(part.kernel.moving) if moves[k] and names[i] in there.names]
    moving = np.array([there.names.index(names[part.kernel.moving[k]]) for k in known], int)
    settings = jax.tree.map(jnp.asarray, kernel.settings)
    structure = jax.tree.structure(
        jax.eval_shape(lambda device: device.at(0.0, None, 0.0), kernel.device)
    )

    def local(values):
        device = DeviceNumbers(kernel.device).build(
            jnp.asarray(there.values).at[moving].set(values)
        )
        points = jax.vmap(lambda row: device_at(device, row))(settings)
        size = settings["gate"].shape
        found = [jnp.broadcast_to(x, size) for x in jax.tree.leaves(points)]
        return (jnp.stack(found, axis=-1),) * 2

    start = jnp.asarray(there.values[moving])
    slopes, numbers = jax.device_get(jax.jit(jax.jacfwd(local, has_aux=True))(start))
    slopes = slopes @ chosen[known]
    covariance = np.einsum("gpi,ij,gqj->gpq", slopes, fit.covariance, slopes)
    return numbers, covariance, structure


def _observed(numbers, structure, bias, resolution, progress):
    """`_observables` of rows of a `Point`'s numbers, in pieces of the one size that is compiled."""
    count = len(numbers)
    numbers = np.pad(numbers, [(0, -count % _AT_ONCE), (0, 0)], mode="edge")
    # None is waited for at once: several are evaluated side by side.
    asked = [
        _observables(
            jax.tree.unflatten(structure, list(numbers[k : k + _AT_ONCE].T)), bias, resolution
        )
        for k in range(0, len(numbers), _AT_ONCE)
    ]
    found = []
    for k, piece in enumerate(asked):
        if progress:
            progress(k, len(asked), "heating")
        found.append(jax.device_get(piece))
    powers, distances, voltages = (np.concatenate(x)[:count] for x in zip(*found, strict=True))
    return np.column_stack([powers, distances]), voltages


def _ensemble(local, covariance):
    """Local numbers to evaluate: the best and, by its sides, pairs.

    A pair is one standard deviation up and down a principal axis of the covariance (in relative
    units). A number without variance adds no axis.
    """
    unit = np.where(local == 0, 1.0, np.abs(local))
    size, axis = np.linalg.eigh(covariance / unit / unit[:, None])
    moving = int(np.count_nonzero(np.diag(covariance)))
    size, axis = size[-moving:], axis[:, -moving:]
    steps = axis.T * np.sqrt(np.maximum(size, 0))[:, None] * unit
    pairs = np.stack([local + steps, local - steps], 1).reshape(-1, local.size)
    return np.concatenate([local[None], pairs])


def _band(value, pairs, other):
    """Ends of the 68 % band of observables.

    What has the same sign in all devices that were evaluated has a band in its logarithm, which
    does not change the sign either.

    Args:
        value: of the best device, (observables,).
        pairs: of devices by its sides, two each, (2 n, observables).
        other: of the device whose smearing was temperature.
    """
    everything = np.concatenate([value[None], pairs, other[None]])
    signed = np.all(everything > 0, axis=0) | np.all(everything < 0, axis=0)

    def ends(value, pairs, other):
        spread = np.sqrt(np.sum(((pairs[::2] - pairs[1::2]) / 2) ** 2, axis=0))
        shift = other - value
        return np.hypot(spread, np.minimum(shift, 0)), np.hypot(spread, np.maximum(shift, 0))

    moved = value + _SPLIT_SHARE * (other - value)
    below, above = ends(value, pairs, moved)
    low, high = value - below, value + above
    logarithms = (np.log(np.abs(x[..., signed])) for x in (value, pairs, moved))
    below, above = ends(*logarithms)
    one, two = value[signed] * np.exp(-below), value[signed] * np.exp(above)
    low[signed], high[signed] = np.minimum(one, two), np.maximum(one, two)
    return low, high


def _least_softness(smearing, kT):
    """Softness that is left of a smearing if the trace was taken at this temperature.

    At least half of it, where the temperature alone would smear as much.
    """
    return np.sqrt(np.maximum(smearing**2 - kT**2, (0.5 * smearing) ** 2))


# Two programs: together they take a third more memory to compile, and no less time.
@functools.partial(jax.jit, static_argnames="resolution")
def _powers(points, bias, *, resolution):
    """Powers in pW for rows of points, with the barrier and reservoirs that they are of."""

    def observe(point):
        point = point._replace(scatterer=point.scatterer.settled())
        scatterer, reservoirs = heated(point, {"bias": jnp.asarray(bias, float)}, resolution)
        power = dissipation(scatterer, reservoirs)
        found = jnp.stack([power.left, power.right, power.asymmetry])
        return found, scatterer, jax.tree.map(lambda x: jnp.asarray(x, float), reservoirs)

    return jax.lax.map(observe, points)


@jax.jit
def _distances(scatterers, reservoirs, dampings):
    """r* in nm for rows of barriers, reservoirs and damping laws."""
    return jax.lax.map(lambda row: hot_spot(*row).distance, (scatterers, reservoirs, dampings))


def _observables(points, bias, resolution):
    """Powers (pW) and r* (nm) for rows of points, and the voltage that drops there."""
    powers, scatterers, reservoirs = _powers(points, bias, resolution=resolution)
    return powers, _distances(scatterers, reservoirs, points.damping), reservoirs.bias
