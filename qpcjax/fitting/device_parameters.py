"""The numbers of a device by name: as one vector, with units, words and bounds."""

import dataclasses
import functools
import math

import jax
import numpy as np

from qpcjax.fitting.device import GateCurve, Gated, Ratio, StepPositions
from qpcjax.fitting.gated_sample import GatedSample
from qpcjax.optimise.parameters import Parameter
from qpcjax.quantities import QUANTITIES, Quantity
from qpcjax.scatterers.fields import field_quantities, innermost, quantity_of
from qpcjax.scatterers.wrapper import Wrapper

# Containers on the way to a number: they are not part of its name.
_CONTAINERS = {"barrier", "scatterer", "inner", "curves", "values", "positions", "value"}

_LONGEST_WORDS = 40

# What one conductance trace does not determine, or somebody knows.
HELD = {
    "mu",
    "mass",
    "offset",
    "temperature",
    "bias_share",
    "excitation",
    "magnetic_field",
    "g_factor",
    "wide_ratio",
    "hbar_omega_y",
    "spin_magnetic_field",
}


class DeviceNumbers:
    """The numbers of a device as one vector.

    Attributes:
        names: of its elements. A curve of several values has `half_width_1`, `half_width_2`, ...
            from the lowest gate voltage to the highest, a ratio `length_over_half_width`, the
            positions of steps `half_width_position_1`, ...
        units: of them.
    """

    def __init__(self, device):
        self.device = device
        flat, self._structure = jax.tree_util.tree_flatten_with_path(device)
        self._leaves = [leaf for _, leaf in flat]
        self._held = [self._is_constant(path) for path, _ in flat]
        own = [pair for pair, held in zip(flat, self._held, strict=True) if not held]
        self._own = [leaf for _, leaf in own]
        self.names, bases = [], []
        for path, leaf in own:
            base, size = self._base(path), np.size(leaf)
            bases += [base] * size
            self.names += [f"{base}_{k + 1}" for k in range(size)] if np.ndim(leaf) else [base]
        self.bases = tuple(bases)
        self.units = [self.unit(base) for base in bases]
        twice = {n for n in self.names if self.names.count(n) > 1}
        if twice:
            raise ValueError(f"two numbers of the device are called {', '.join(sorted(twice))}")

    @property
    def values(self):
        """NumPy vector of the numbers' values in the device."""
        return np.concatenate([np.ravel(np.asarray(leaf, float)) for leaf in self._own])

    def _is_constant(self, path):
        """Whether it is no number of the fit: the mass, a table, what the device overwrites."""
        keys = _keys(path)
        if isinstance(self.device, GatedSample):
            return self.device.constant(keys)
        barrier = self.device.barrier
        moved = barrier.curves if isinstance(barrier, Gated) else ()
        own = "curves" not in keys and keys[0] == "barrier"
        return own and (keys[-1] in ("mass", "mu") or keys[-1] in moved)

    def _base(self, path):
        keys = _keys(path)
        base = next((k for k in reversed(keys) if k not in _CONTAINERS), keys[-1])
        if "damping" in keys:
            return "damping" if base == "strength" else f"damping_{base}"
        barrier = self.device.barrier
        if "curves" in keys and isinstance(barrier, Gated):
            curve = barrier.curves[base]
            if isinstance(curve, Ratio):
                return f"{base}_over_{curve.to}"
            if isinstance(curve, StepPositions):
                return f"{base}_position"
        return self._own_name(keys, base)

    def _own_name(self, keys, base):
        """The number's name; that of its quantity where a scatterer around the barrier has it."""
        if "curves" in keys:
            return base
        holder = functools.reduce(getattr, keys[:-1], self.device)
        if not isinstance(holder, Wrapper):
            return base
        name = field_quantities(type(holder))[base].name
        return f"spin_{name}" if hasattr(innermost(holder), name) else name

    def quantity(self, base) -> Quantity:
        """The quantity of a number, or of the values of a curve."""
        if isinstance(self.device, GatedSample):
            return self.device.quantity(base) or QUANTITIES[base]
        if base.startswith("damping_"):
            field = base.removeprefix("damping_")
            own = field_quantities(type(self.device.damping)).get(field)
            return _OF_DAMPING.get(base) or own or Quantity(base, words=f"{field} of the damping")
        if base.endswith("_position"):
            return Quantity(base, unit="mV", words="gate voltage of a step")
        if base.startswith("spin_"):
            own = QUANTITIES[base.removeprefix("spin_")]
            return dataclasses.replace(own, name=base, words=f"{own.label} that splits the spins")
        over, _, under = base.partition("_over_")
        if under:
            words = f"{over.replace('_', ' ')} over {under.replace('_', ' ')}"
            return Quantity(base, unit="", words=words)
        own = field_quantities(type(innermost(self.device.scatterer))).get(base)
        return own or QUANTITIES.get(base) or quantity_of(self.device.scatterer, base)

    def unit(self, base):
        """Unit of a number, or of the values of a curve."""
        if base == "smearing" and hasattr(type(innermost(self.device.scatterer)), "energy_scale"):
            return "E1"
        return self.quantity(base).unit

    def words(self, name) -> str:
        """What a number is, with the gate voltage that it stands at."""
        base = self.bases[self.names.index(name)]
        quantity, index = self.quantity(base), name[len(base) + 1 :]
        # Tables have no room for long words.
        words = quantity.words if len(quantity.words) <= _LONGEST_WORDS else quantity.label
        words += f" {quantity.symbol}" if quantity.symbol else ""
        if not index or base.endswith("_position"):
            return words
        curves = self.device.barrier.curves if isinstance(self.device.barrier, Gated) else {}
        curve = self.device.smearing if base == "smearing" else curves[base]
        return f"{words} at {float(curve.knots[int(index) - 1]):.5g} mV"

    def build(self, vector):
        """The device with these numbers."""
        leaves, start = [], 0
        for leaf, held in zip(self._leaves, self._held, strict=True):
            if held:
                leaves.append(leaf)
                continue
            size = np.size(leaf)
            leaves.append(vector[start : start + size].reshape(np.shape(leaf)))
            start += size
        return jax.tree.unflatten(self._structure, leaves)

    def like(self, device):
        """The layout of another device with the same numbers."""
        other = DeviceNumbers(device)
        assert other.names == self.names
        return other

    def parameters(self):
        """All numbers as `Parameter`, with usual bounds around their values."""
        return [self._parameter(*row) for row in zip(
            self.names, self.bases, self.values, self.units, strict=True
        )]  # fmt: skip

    def _parameter(self, name, base, value, unit):
        value = float(value)
        scale = abs(float(self.device.mu)) or 1.0
        if isinstance(self.device, GatedSample):
            lower, upper, log = self.device.bounds(name, value) or _USUAL_BOUNDS[name]
            free = self.device.freed_by_default(name)
            return Parameter(name, value, unit, min(lower, value), max(upper, value), free, log)
        free = base not in HELD or base in self.device.freed
        if base.endswith("_position"):
            low, high = _gate_range(self.device)
            room = (high - low) / 2
            return Parameter(name, value, unit, low - room, high + room, free)
        lower, upper, log = _bounds(self.quantity(base), value, scale)
        return Parameter(name, value, unit, min(lower, value), max(upper, value), free, log)


def _keys(path):
    return [str(getattr(k, "name", getattr(k, "key", k))) for k in path]


_OF_DAMPING = {
    "damping_energy": dataclasses.replace(QUANTITIES["fermi_energy"], name="damping_energy"),
}
_MU_SHARE = 0.5  # of mu, how far from 0 a gap may open: some two distances of modes
_USUAL_BOUNDS = {
    "gap_slope": (0.0, 3.0, False),
    "gap_fade": (0.0, 1.2, False),
    "hartree_strength": (0.0, 5.0, False),
    "series_resistance": (-2000.0, 10000.0, False),
    "smearing": (0.001, 10.0, True),
    "temperature": (0.01, 100.0, True),
    "damping": (1e-4, 10.0, True),
    "noise_background": (-1e6, 1e6, False),
}


def _bounds(quantity, value, scale):
    """Usual lower and upper bound of a number, and whether its logarithm is what varies."""
    lower, upper = quantity.lower, quantity.upper
    if quantity.name == "gap_onset":
        return -_MU_SHARE * scale, _MU_SHARE * scale, False
    if quantity.name in _USUAL_BOUNDS:
        lower, upper, log = _USUAL_BOUNDS[quantity.name]
        return lower, upper, log and value > 0
    if math.isfinite(lower) and math.isfinite(upper):
        return lower, upper, False
    # A positive mu is the scale of all energies, whatever else it can be.
    signed = quantity.unit and quantity.signed and quantity.name != "mu"
    if value <= 0 or signed:
        reach = 20.0 if quantity.name == "g_factor" else max(4 * scale, 4 * abs(value))
        return max(value - reach, lower), min(value + reach, upper), False
    return max(value / 40, lower), min(value * 40, upper), True


def _gate_range(device):
    curves = device.barrier.curves.values()
    ends = [c.knots for c in curves if isinstance(c, GateCurve | StepPositions)]
    return min(float(k[0]) for k in ends), max(float(k[-1]) for k in ends)
