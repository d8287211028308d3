"""Conductance of a gated sample along the gate, with its slopes in every number of it."""

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from qpcjax.constants import BOLTZMANN
from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.fitting.predictions import response_named
from qpcjax.gates import GatedDevice
from qpcjax.measurements import InputError
from qpcjax.measurements.circuit import behind
from qpcjax.scatterers import PotentialScatterer, joint_sizes, resolve
from qpcjax.staircases.tabulation import softness
from qpcjax.transport.transmission import transmission

_ABOVE = 50.0  # meV above mu, where potentials are cut off
_REACH = 9.0  # k_B T on either side of mu; beyond is 2.5e-4 of the weight
# Largest distance of nodes: in units of the softness of the sharpest step, and of k_B T. Then the
# thermal average of such a step is good to 1e-3.
_BY_SOFTNESS, _BY_TEMPERATURE = 2.5, 1.8
_MOST_NODES = 400
_SAMPLES, _LOWEST = 64, 0.6  # energies that the softness is taken from, the lowest over mu
_WARMER = 1.2  # of the temperature, for which there are nodes enough
_ROOM = 1.1  # of the largest energy, which moves with the density
_FOLLOWED = 1.25  # up to which larger energy, relative, room is made in the middle of a search
_KEPT = 4096  # predictions that are remembered


class GateSizes(NamedTuple):
    """What is static in a prediction.

    Fields:
        energies: number of nodes of the thermal average.
        sectors: of the scattering states.
        modes: the same.
        kept: the same, by parts of the way; empty for all.
        highest: energy in meV up to which T(E) is known.
    """

    energies: int
    sectors: int
    modes: int
    kept: tuple[int, ...]
    highest: float

    @classmethod
    def of(cls, values):
        """Sizes from a sequence, as a file holds them."""
        energies, sectors, modes, kept, highest = values
        return cls(int(energies), int(sectors), int(modes), tuple(kept), float(highest))


class _Near(NamedTuple):
    """A potential to start from, as far as `GatedDevice.potential` looks at it."""

    charge: Any


def thermal_nodes(count: int) -> tuple[np.ndarray, np.ndarray]:
    r"""Nodes x and weights w of a thermal average: sum of w f(mu + x k_B T).

    Midpoints of equal parts of -9 to 9, with the weight -df/dE. That converges exponentially: a
    step 1/(1 + exp(-E/s)) is averaged to about :math:`2 \exp(-2 \pi^2 s/h)`, h the distance of the
    nodes in meV.

    Args:
        count: of the nodes.
    """
    x = _REACH * (2 * np.arange(count) + 1 - count) / count
    weight = 1 / np.cosh(x / 2) ** 2
    return x, weight / np.sum(weight)


def nodes_needed(kT: float, soft: float | None) -> int:
    """How many `thermal_nodes` average steps of this softness in meV to 1e-3; 0: not known."""
    if soft is None:
        return 0
    apart = min(_BY_SOFTNESS * soft / kT, _BY_TEMPERATURE)
    return min(2 * math.ceil(_REACH / apart), _MOST_NODES)


class GatePredictor:
    """Predictions of the conductance of a `GatedSample`, with the interface of `Predictor`.

    A setting costs a potential, T(E) at a few energies and one reverse pass, which has the slopes
    in all numbers. Each potential starts from the last one at that gate voltage, or the nearest.

    Args:
        device: `GatedSample`.
        response: the conductance, or its name.
        settings: gate voltages in mV, and temperatures where the data state them.
        moving: indices of the numbers to differentiate by.
        sizes: `GateSizes`; by default `make_room` chooses what the device needs.

    Raises:
        InputError: another response than the conductance; voltages that the gates cannot have.
    """

    dear = True

    def __init__(self, device, response, settings, moving=(), sizes=None):
        self.response, self.settings = response_named(response), settings
        if self.response.name != "conductance":
            raise InputError(
                f"{self.response.name} is not predicted from a fit of gates: take "
                "qpcjax.gate_staircase(found.device.barrier, [found.device.voltages(gate), ...])"
            )
        self.moving = np.array(moving, int)
        self.device, self.layout = device, DeviceNumbers(device)
        self._known: dict[Any, Any] = {}
        self._charges: dict[float, np.ndarray] = {}
        self.resolution = None if sizes is None else GateSizes.of(sizes)
        self._softness: float | None = None  # meV; `make_room` measures it

    def make_room(self, rows):
        """Choose the sizes that the device of the first of these rows needs."""
        row = np.atleast_2d(np.asarray(rows, float))[0]
        sample = self.layout.build(row)
        gate, barrier, region = self.settings["gate"], sample.barrier, self.device.region
        mu = float(sample.mu)
        highest = math.ceil(_ROOM * self._largest_energy(sample))
        ends, near = [], None
        try:
            for voltage in (np.max(gate), np.min(gate)):
                near = barrier.potential(sample.voltages(float(voltage)), start=near)
                trial = resolve(
                    near,
                    np.linspace(0.5 * mu, highest, 5),
                    region.tolerance,
                    width=region.width,
                    half_length=region.half_length,
                    window=region.window,
                    cap=mu + _ABOVE,
                )
                leak = float(trial.leak())
                if leak < highest:
                    raise InputError(
                        f"at {voltage:g} mV electrons pass along the edges of the strip above "
                        f"{leak:.4g} meV, and mu is {mu:.4g} meV: leave out the points where the "
                        "gates hardly deplete the gas, or give a wider region"
                    )
                ends.append(trial)
        except InputError:
            raise
        except ValueError as error:
            raise InputError(
                f"the gates cannot have the voltages of {np.min(gate):g} to {np.max(gate):g} mV: "
                f"{error}"
            ) from None
        energy = np.linspace(_LOWEST * mu, highest, _SAMPLES)
        passed = [np.asarray(transmission(trial, energy)) for trial in ends]
        self._softness = min(softness(energy, values) for values in passed)
        count = nodes_needed(_WARMER * self._warmest(sample), self._softness)
        sizes: dict[str, Any] = {"kept": ()} | joint_sizes(ends)
        self.resolution = GateSizes.of(
            (count, sizes["sectors"], sizes["modes"], sizes["kept"], highest)
        )
        self._known.clear()

    def _warmest(self, sample):
        """k_B T in meV of the warmest point."""
        warm = self.settings.get("temperature", sample.temperature)
        return BOLTZMANN * float(np.max(warm))

    def _largest_energy(self, sample):
        """In meV, of the nodes of the thermal average."""
        return float(sample.mu) + _REACH * self._warmest(sample)

    def _follow(self, row, sizes):
        """Make room for a row whose density or temperature is a little beyond it.

        A search that is led there would else meet NaN, and creep along the edge of the room.
        """
        sample = self.layout.build(row)
        needed = self._largest_energy(sample)
        few = sizes.energies < nodes_needed(self._warmest(sample), self._softness)
        if needed <= _FOLLOWED * sizes.highest and (few or needed > sizes.highest):
            try:
                self.make_room(row)
            except InputError:
                self.resolution = sizes  # a step too far, which the search takes back

    def resolves(self, numbers):
        """Whether the sizes hold: what is beyond them is NaN, so that nothing else is looked at."""
        return bool(np.all(np.isfinite(self.predict(numbers))))

    def serves(self, device, response, moving):
        """Whether this predictor already compiles the slopes of this device."""
        del moving  # it has them all
        same = jax.tree.structure(device) == jax.tree.structure(self.device)
        return response_named(response) == self.response and same

    def predict(self, numbers, settings=None):
        """Predictions, shape (rows, points), for rows of numbers."""
        return self._evaluated(numbers, settings)[0]

    def linearise(self, numbers, settings=None):
        """Predictions (rows, points) and their slopes in the moving numbers, (rows, points, k)."""
        value, slopes = self._evaluated(numbers, settings)
        return value, slopes[:, :, self.moving]

    def _evaluated(self, numbers, settings):
        settings = self.settings if settings is None else settings
        rows = np.atleast_2d(np.asarray(numbers, float))
        if self.resolution is None:
            self.make_room(rows)
        else:
            for row in rows:
                self._follow(row, self.resolution)
        gates = np.asarray(settings["gate"], float)
        warm = np.broadcast_to(settings.get("temperature", np.nan), gates.shape)
        found = [[self._at(row, g, t) for g, t in zip(gates, warm, strict=True)] for row in rows]
        value = np.array([[v for v, _ in row] for row in found]).reshape(len(rows), gates.size)
        slopes = np.array([[s for _, s in row] for row in found])
        return value, slopes.reshape(len(rows), gates.size, len(self.layout.names))

    def _at(self, row, gate, temperature):
        """The conductance at one gate voltage and its slopes in all numbers."""
        key = row.tobytes(), float(gate), float(temperature)
        if key not in self._known:
            if len(self._known) > _KEPT:
                self._known.clear()
            value, charge, slopes = _linearised(
                self.device, row, float(gate), float(temperature), self._start(gate),
                self.resolution,
            )  # fmt: skip
            if np.isfinite(value):
                self._charges[float(gate)] = np.asarray(charge)
            self._known[key] = float(value), np.asarray(slopes)
        return self._known[key]

    def _start(self, gate):
        """The charge from which the electrostatics start: the last at the nearest gate voltage."""
        if not self._charges:
            surface = self.device.barrier.stack.surface
            return np.zeros((2 if surface == "frozen" else 1, *self.device.barrier.mesh.shape))
        nearest = min(self._charges, key=lambda known: abs(known - gate))
        return self._charges[nearest]


@functools.partial(jax.jit, static_argnames="sizes")
def _linearised(sample, numbers, gate, temperature, charge, sizes):
    """Value, charge and slopes in all numbers, at one gate voltage."""
    layout = DeviceNumbers(sample)

    def of(numbers):
        return _conductance(layout.build(numbers), gate, temperature, charge, sizes)

    (value, found), slopes = jax.value_and_grad(of, has_aux=True)(numbers)
    return value, found, slopes


def _conductance(sample, gate, temperature, charge, sizes):
    """G in 2e^2/h behind the series resistance, and the charge of the sheets."""
    device: GatedDevice = sample.barrier
    region, mu = sample.region, device.mu
    potential = device.potential(sample.voltages(gate), start=_Near(charge))  # type: ignore[arg-type]
    scatterer = PotentialScatterer(
        potential,
        width=region.width,
        half_length=region.half_length,
        window=region.window,
        cap=jax.lax.stop_gradient(mu) + _ABOVE,
        sectors=sizes.sectors,
        modes=sizes.modes,
        kept=sizes.kept or None,
        highest=sizes.highest,
    )
    nodes, weights = thermal_nodes(sizes.energies)
    warm = jnp.where(jnp.isnan(temperature), sample.temperature, temperature)
    energies = mu + BOLTZMANN * warm * nodes
    passed = jnp.where(energies > 0, transmission(scatterer, jnp.maximum(energies, 1e-3)), 0)
    closed = scatterer.leak() > jnp.max(energies)
    g = jnp.where(closed, jnp.sum(weights * passed), jnp.nan)
    return behind(g, sample.series_resistance), potential.charge
