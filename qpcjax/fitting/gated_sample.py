"""A gated device as it is measured: its gates follow a voltage, and a resistance is in series."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import numpy as np

from qpcjax.gates import GatedDevice
from qpcjax.quantities import QUANTITIES, Quantity, closest
from qpcjax.staircases import Region
from qpcjax.validation import number, require

# Where the numbers of a device stand in it; everything else of it is held.
_PLACES = {
    ("stack", "density"): "density",
    ("stack", "depth"): "depth",
    ("gates", "gap"): "gap",
    ("gates", "length"): "length",
}
_OWN = {
    q.name: q
    for q in (
        QUANTITIES["density"],
        Quantity("depth", "d", "nm", "depth of the 2DEG", lower=0.0, above=True),
        Quantity("gap", unit="nm", words="gap between the gates", lower=0.0, above=True),
        Quantity("length", unit="nm", words="length of the gates", lower=0.0, above=True),
        Quantity("offset", unit="mV", words="offset voltage of the gates"),
        Quantity("lever_arm", unit="", words="voltage of the gates over that of the trace"),
    )
}
# Bounds of a number as factors on its value; or plain ones.
_FACTORS = {"density": 3.0, "depth": 3.0, "gap": 2.0, "length": 3.0, "lever_arm": 3.0}
_OFFSET = 2000.0  # mV
_FREE = ("density", "series_resistance", "temperature")


class GatedSample(eqx.Module):
    r"""Gates over an electron gas, as a trace over a gate voltage V shows them.

    .. math::
        G = \frac{g}{1 + g R_s}, \qquad g = \frac{2e^2}{h} \int dE\, T(E)
            \left(-\frac{\partial f}{\partial E}\right), \qquad
        V_\mathrm{gates} = \alpha V + V_0

    T(E) is that of the potential which the gates make in the gas at these voltages, see
    `GatedDevice`. Its numbers are `density` (1e11 cm^-2) and `depth` (nm); of a `SplitGate` also
    `gap` and `length` (nm); `offset` (mV), `lever_arm`, `series_resistance` (ohm) and `temperature`
    (K). A fit frees density, series resistance and temperature, and others where it is told to.

    Args:
        barrier: a `GatedDevice`; its numbers are where a fit starts.
        series_resistance: R_s in ohm.
        temperature: of the electrons in K, above 0; that of a data set goes before.
        offset: V_0 in mV, beside those of the gates themselves.
        lever_arm: alpha, a factor on the trace's voltage, 1 where it is that of the gates.
        still: voltages in V of gates that do not follow the trace, by name.
        region: where T(E) is calculated; by default `Region.of(barrier)`.
        freed: names of numbers that fits free although they hold them by default.

    Raises:
        ValueError: a number out of range, a gate that there is not, no gate that moves, a bare
            surface.
        TypeError: a barrier that is no `GatedDevice`.
    """

    barrier: GatedDevice
    series_resistance: Any = eqx.field(default=0.0, converter=number)
    temperature: Any = eqx.field(default=0.5, converter=number)
    offset: Any = eqx.field(default=0.0, converter=number)
    lever_arm: Any = eqx.field(default=1.0, converter=number)
    still: tuple[tuple[str, float], ...] = eqx.field(
        default=(), static=True, converter=lambda still: tuple(sorted(dict(still).items()))
    )
    region: Region | None = eqx.field(default=None, static=True)
    freed: tuple[str, ...] = eqx.field(default=(), static=True, converter=tuple)

    def __check_init__(self):
        if not isinstance(self.barrier, GatedDevice):
            raise TypeError(f"barrier must be a GatedDevice, got {type(self.barrier).__name__}")
        if self.barrier.stack.surface == "bare":
            raise ValueError("surface must be frozen or pinned: a bare one has no gate voltages")
        require("series_resistance", self.series_resistance, "a finite resistance", np.isfinite)
        require("temperature", self.temperature, "above 0, in K", lambda t: t > 0)
        require("offset", self.offset, "a finite voltage in mV", np.isfinite)
        require("lever_arm", self.lever_arm, "a positive number", lambda a: a > 0)
        names = self.barrier.gates.names
        for name, _ in self.still:
            if name not in names:
                raise ValueError(f"there is no gate {name!r}: {closest(name, names)}")
        if len(self.still) == len(names):
            raise ValueError("still must leave out one gate or more, which follow the trace")
        if self.region is None:
            object.__setattr__(self, "region", Region.of(self.barrier))

    @property
    def mu(self) -> Any:
        """Electrochemical potential in meV; it follows the density."""
        return self.barrier.mu

    @property
    def scatterer(self) -> GatedDevice:
        """The gated device, which stands where fits of other devices have a scatterer."""
        return self.barrier

    # What a `Device` may have beside, and this has not.
    smearing = excitation = damping = bias_share = None

    @property
    def title(self) -> str:
        """What it is, in words."""
        gates = self.barrier.gates
        kind, mesh = type(gates).__name__, self.barrier.mesh
        return f"GatedDevice ({kind}, {self.barrier.stack.surface} surface, grid {mesh.step:g} nm)"

    def voltages(self, gate: Any) -> dict[str, Any]:
        """Voltages in V of all gates.

        Args:
            gate: voltage of the trace in mV.
        """
        moved = (self.lever_arm * gate + self.offset) / 1e3
        held: Mapping[str, Any] = dict(self.still)
        return {name: held.get(name, moved) for name in self.barrier.gates.names}

    # --- what fits ask for ---

    def constant(self, keys: list[str]) -> bool:
        """Whether the number at this place is held, whatever a fit frees."""
        return keys[0] == "barrier" and tuple(keys[1:]) not in _PLACES

    def quantity(self, name: str) -> Quantity | None:
        """The quantity of a number, where its name means another one elsewhere."""
        return _OWN.get(name)

    def bounds(self, name: str, value: float) -> tuple[float, float, bool] | None:
        """Usual lower and upper bound of a number, and whether its logarithm is what varies."""
        if name == "offset":
            return value - _OFFSET, value + _OFFSET, False
        factor = _FACTORS.get(name)
        return None if factor is None else (value / factor, value * factor, True)

    def freed_by_default(self, name: str) -> bool:
        """Whether a fit frees a number without being told to."""
        return name in (*_FREE, *self.freed)
