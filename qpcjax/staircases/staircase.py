"""Conductance and heat of a gated device along its gate voltages."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from qpcjax.constants import BOLTZMANN
from qpcjax.gates import BoxChange, GatedDevice, GatedPotential, box_change
from qpcjax.scatterers import (
    PotentialScatterer,
    TabulatedTransmission,
    joint_sizes,
    resolve,
)
from qpcjax.transport.landauer import conductance, dissipation
from qpcjax.transport.reservoirs import Reservoirs
from qpcjax.transport.transmission import transmission

# Thermal widths beyond which no Fermi weight counts, and the least reach of a table in meV.
_TAIL, _LEAST_REACH = 36.0, 0.2
# Distance in meV of the energies at which T(E) is calculated, and their least and largest number:
# steps of T(E) are some tenths of a meV wide.
_SPACING, _FEWEST, _MOST = 0.05, 33, 1025
_CLOSED = 1e-6  # share of the electrons that count which passes a closed constriction
_PRECISE = 1e-5  # V, of the pinch-off
_ABOVE = 50.0  # meV above mu, where potentials are cut off: electrons do not get there
_BESIDE = 490.0, 180.0  # nm of the region beside the gates' edges, along and across
_EDGE = 4  # steps of the grid between the region and the end of the box


@dataclasses.dataclass(frozen=True)
class Region:
    """Where T(E) of a potential is calculated.

    Fields:
        half_length: the region is |x| < half_length, in nm.
        width: W of the strip with hard walls in nm; they should lie under the gates.
        window: length in nm before the leads over which the potential goes to 0.
        tolerance: error of T(E).
    """

    half_length: float
    width: float
    window: float = 150.0
    tolerance: float = 1e-3

    def __post_init__(self):
        for name in ("half_length", "width", "window", "tolerance"):
            value = float(getattr(self, name))
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a positive number, got {value:g}")
        if self.window >= self.half_length:
            raise ValueError(
                f"window must be shorter than half_length = {self.half_length:g} nm, got "
                f"{self.window:g} nm"
            )

    @classmethod
    def of(cls, device: GatedDevice, **given: float) -> "Region":
        """The region around the gates of a device, as far as its box reaches.

        Args:
            device: a `GatedDevice`.
            given: fields that are known, in place of those chosen here.
        """
        step = device.mesh.step
        room = [length / 2 - _EDGE * step for length in device.mesh.lengths]
        corners = [o.corners for o in device.gates.outlines]
        places = np.abs(np.concatenate([c for c in corners if c is not None] or [np.zeros((1, 2))]))
        inside = [p[p < r] for p, r in zip(places.T, room, strict=True)]
        along = max(inside[0], default=0.0) + _BESIDE[0]
        across = max(inside[1], default=0.0) + _BESIDE[1]
        chosen = {"half_length": min(along, room[0]), "width": 2 * min(across, room[1])}
        return cls(**(chosen | given))


@dataclasses.dataclass(frozen=True, eq=False)
class Tabulation:
    """How T(E) is calculated: at which energies, and with which sizes.

    Fields:
        energies: in meV, rising.
        bottom: the lowest energy in meV that counts; the table reaches down to it.
        options: of the `PotentialScatterer`.
    """

    energies: np.ndarray
    bottom: float
    options: dict[str, Any]

    def scatterer(self, potential: GatedPotential) -> PotentialScatterer:
        """The scattering states of a potential."""
        return PotentialScatterer(potential, **self.options)

    def table(self, passed: Any) -> TabulatedTransmission:
        """T(E) with these values at the energies, 0 below the leads' band, where nothing passes."""
        energies = self.energies
        if self.bottom < energies[0]:
            energies = np.append([min(self.bottom, -1.0), 0.0], energies)
            passed = jnp.concatenate([jnp.zeros(2), passed])
        return TabulatedTransmission(energies, passed)


@dataclasses.dataclass(frozen=True)
class GateStaircase:
    """What `gate_staircase` finds, one number for each setting of the gates.

    Fields:
        device: the `GatedDevice`.
        voltages: of the gates in V, shape (points, gates).
        pinch_off: voltage in V of the gate `swept` at which the barrier is as high as mu; NaN where
            it is at none between these settings.
        barrier: the energy in meV that electrons must have to pass: the largest along the current
            of the smallest across.
        conductance: G in 2e^2/h at zero bias and the temperature; 0, as the powers, where less than
            a millionth of the electrons at any energy counts and passes.
        left: power dissipated on the left side in pW.
        right: that on the right side.
        removed: the largest potential in meV that the window takes away.
        error: estimated error of T(E), the larger one of the first and the last setting.
        box_change: what an infinite box would change, where the barrier is nearest to mu.
        reservoirs: the operating point of the powers.
        region: the `Region`.
        potentials: a `GatedPotential` for each setting.
        tabulation: how T(E) of each setting was calculated.
    """

    device: GatedDevice
    voltages: np.ndarray
    pinch_off: float
    barrier: np.ndarray
    conductance: np.ndarray
    left: np.ndarray
    right: np.ndarray
    removed: np.ndarray
    error: float
    box_change: BoxChange
    reservoirs: Reservoirs
    region: Region
    potentials: tuple[GatedPotential, ...]
    tabulation: Tabulation

    @property
    def gates(self) -> tuple[str, ...]:
        """Names of the gates."""
        return self.device.gates.names

    @property
    def asymmetry(self) -> np.ndarray:
        """P_A = P_R - P_L in pW."""
        return self.right - self.left

    @property
    def swept(self) -> int:
        """Index of the gate whose voltage changes most, the first of several."""
        return _swept(self.voltages)


def gate_staircase(
    device: GatedDevice,
    voltages: Iterable[float | Mapping[str, float]],
    *,
    bias: float = 1.0,
    temperature: float = 0.5,
    region: Region | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> GateStaircase:
    """G and the powers dissipated left and right of a gated device along its gate voltages.

    Each potential starts from the one before. T(E) is tabulated over the energies that count, and
    G and the powers are the Landauer integrals over that table. Nothing is screened anew at finite
    bias.

    Args:
        device: a `GatedDevice`.
        voltages: settings, each as `GatedDevice.potential` takes it; neighbours in rising or
            falling order are quickest.
        bias: eV in meV, of the powers.
        temperature: of the electrons in K.
        region: where T(E) is calculated; by default `Region.of(device)`.
        progress: called with (done, total, label).

    Raises:
        ValueError: no setting, voltages that the device refuses, electrons that reach energies at
            which they pass under the gates along the edges of the strip.
    """
    settings = list(voltages)
    if not settings:
        raise ValueError("voltages must hold one setting of the gates or more")
    region = Region.of(device) if region is None else region
    told = progress or (lambda *_: None)
    potentials = []
    for k, setting in enumerate(settings):
        told(k, len(settings), "potentials")
        potentials.append(device.potential(setting, start=potentials[-1] if k else None))
    mu = float(device.mu)
    point = Reservoirs(mu, bias, temperature)
    reach = max(abs(bias) / 2 + _TAIL * BOLTZMANN * temperature, _LEAST_REACH)
    lower, upper = mu - reach, mu + reach
    options: dict[str, Any] = {
        "width": region.width,
        "half_length": region.half_length,
        "window": region.window,
        "cap": mu + _ABOVE,
    }
    told(0, 1, "compiling")
    bottom = lower
    lower = max(lower, upper / 100)
    count = min(max(math.ceil((upper - lower) / _SPACING) + 1, _FEWEST), _MOST)
    energies = np.linspace(lower, upper, count)
    beyond = np.maximum(np.abs(energies - mu) - abs(bias) / 2, 0)  # both electrochemical potentials
    counting = np.exp(-beyond / max(BOLTZMANN * temperature, 1e-9))
    # The first and the last setting are the most different ones.
    ends = [
        resolve(potentials[k], np.linspace(lower, upper, 9), region.tolerance, **options)
        for k in dict.fromkeys((0, len(settings) - 1))
    ]
    tabulation = Tabulation(energies, bottom, options | joint_sizes(ends))
    found = []
    for k, potential in enumerate(potentials):
        told(k, len(potentials), "T(E)")
        c = tabulation.scatterer(potential)
        _refuse_leak(c, upper, settings[k])
        passed = np.asarray(transmission(c, energies))
        flows = 0.0, 0.0, 0.0
        if np.max(passed * counting) > _CLOSED:
            table = tabulation.table(passed)
            power = dissipation(table, point)
            flows = conductance(table, mu, temperature), power.left, power.right
        away = potential.removed(region.half_length, region.window, region.width)
        found.append((_barrier(potential, region), *flows, away))
    barrier, conductances, left, right, removed = np.array(found, float).T
    applied = np.array([device.gates.numbers_of(s) for s in settings])
    told(0, 1, "a larger box")
    nearest = settings[int(np.argmin(np.abs(barrier - mu)))]
    return GateStaircase(
        device=device,
        voltages=applied,
        pinch_off=_pinch_off(device, region, applied, barrier, potentials),
        barrier=barrier,
        conductance=conductances,
        left=left,
        right=right,
        removed=removed,
        error=max(float(np.max(c.error_estimate)) for c in ends),
        box_change=box_change(device, nearest, (region.half_length, region.width / 2)),
        reservoirs=point,
        region=region,
        potentials=tuple(potentials),
        tabulation=tabulation,
    )


@eqx.filter_jit
def _leak(c):
    return c.leak()


def _refuse_leak(c, upper, setting):
    leak = float(_leak(c))
    if leak < upper:
        raise ValueError(
            f"electrons pass along the edges of the strip above {leak:.4g} meV, and those up to "
            f"{upper:.4g} meV count (voltages {setting!r}): take a wider strip, whose edges lie "
            "under the gates, or more negative voltages"
        )


def _swept(voltages):
    return int(np.argmax(np.ptp(voltages, axis=0)))


def _barrier(potential, region):
    """Energy that electrons must have to pass: the largest along x of the smallest u(x, y)."""
    x, y = np.asarray(potential.x), np.asarray(potential.y)
    step = (x[1] - x[0]) / 4
    x = np.arange(-region.half_length, region.half_length + step, step)
    y = np.arange(-region.width / 2, region.width / 2 + step, step)
    return float(np.max(np.min(np.asarray(potential.at(x, y)), axis=1)))


def _pinch_off(device, region, voltages, barrier, potentials):
    """Where the barrier passes mu, by halving the distance of two settings."""
    above = barrier - float(device.mu)
    crossed = np.flatnonzero(above[:-1] * above[1:] <= 0)
    if not crossed.size:
        return math.nan
    k, start = crossed[0], potentials[crossed[0]]
    near, far = voltages[k], voltages[k + 1]
    while np.max(np.abs(far - near)) > _PRECISE:
        middle = (near + far) / 2
        start = device.potential(dict(zip(device.gates.names, middle.tolist(), strict=True)), start)
        same = (_barrier(start, region) - float(device.mu)) * above[k] > 0
        near, far = (middle, far) if same else (near, middle)
    return float(near[_swept(voltages)])
