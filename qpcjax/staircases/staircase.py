"""Conductance and heat of a gated device along its gate voltages."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from qpcjax.gates import BoxChange, GatedDevice, GatedPotential, box_change
from qpcjax.staircases.region import Region
from qpcjax.staircases.region import barrier as barrier_of
from qpcjax.staircases.tabulation import Tabulation, tabulation_of
from qpcjax.transport.reservoirs import Reservoirs

_PRECISE = 1e-5  # V, of the pinch-off


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
        error: estimated error of T(E), the larger one of the first and the last setting, and of
            the interpolation between energies.
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
    told(0, 1, "compiling")
    # The first and the last setting are the most different ones.
    ends = [potentials[k] for k in dict.fromkeys((0, len(settings) - 1))]
    tabulation, error = tabulation_of(ends, point, region)
    found = []
    for k, potential in enumerate(potentials):
        told(k, len(potentials), "T(E)")
        try:
            passed = tabulation.transmission(potential)
        except ValueError as refused:
            raise ValueError(f"at the voltages {settings[k]!r} {refused}") from None
        flows = tabulation.flows(passed, point)
        away = potential.removed(region.half_length, region.window, region.width)
        found.append((barrier_of(potential, region), *flows, away))
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
        error=error,
        box_change=box_change(device, nearest, (region.half_length, region.width / 2)),
        reservoirs=point,
        region=region,
        potentials=tuple(potentials),
        tabulation=tabulation,
    )


def _swept(voltages):
    return int(np.argmax(np.ptp(voltages, axis=0)))


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
        same = (barrier_of(start, region) - float(device.mu)) * above[k] > 0
        near, far = (middle, far) if same else (near, middle)
    return float(near[_swept(voltages)])
