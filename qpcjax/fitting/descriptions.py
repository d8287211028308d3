"""What the parameters and the barrier of a fit are, in words."""

from qpcjax.constants import density
from qpcjax.fitting.device import Gated
from qpcjax.fitting.device_parameters import Layout
from qpcjax.scatterers.fields import innermost

# What the numbers of a device are.
_MEANINGS = {
    "mu": "electrochemical potential",
    "half_width": "half-width w of the channel",
    "length": "length L of the channel",
    "curvature_radius": "radius of curvature of the walls",
    "wide_ratio": "width of the wide regions over that of the channel",
    "offset": "floor U of the channel",
    "height": "height of the saddle's lowest point",
    "hbar_omega_x": "softness of the saddle, hbar omega_x",
    "hbar_omega_y": "spacing of the saddle's modes, hbar omega_y",
    "energy": "energy of the step",
    "magnetic_field": "magnetic field",
    "g_factor": "g factor",
    "smearing": "smearing s of T(E)",
    "series_resistance": "series resistance R_s",
    "temperature": "temperature of the electrons",
    "bias_share": "share eta of the bias on the left",
    "excitation": "excitation, rms",
    "damping": "strength a of the damping",
    "damping_energy": "Fermi energy of the damping",
}


def barrier_title(device):
    """What the barrier of a device is."""
    bare = innermost(device.scatterer)
    kind = type(bare).__name__
    return f"{kind} ({bare.matching})" if hasattr(bare, "matching") else kind


def initial_values(fit):
    """Where the search began that led to the result, by name."""
    ended = [s for s in fit.starts if s.end is not None or len(fit.starts) == 1]
    first = min(ended, key=lambda s: s.end or 0).values if ended else {}
    return {p.name: first.get(p.name, p.value) for p in fit.parameters}


def meaning(fit, name):
    """What a parameter is, in words, with the gate voltage that it stands at."""
    number, _, data_set = name.partition("@")
    layout = Layout(fit.device)
    base = layout.bases[layout.names.index(number)] if number in layout.names else number
    index = number[len(base) + 1 :]
    over, _, under = base.partition("_over_")
    if under:
        words = f"{over.replace('_', ' ')} over {under.replace('_', ' ')}"
    elif base.endswith("_position"):
        words = "gate voltage of a step"
    else:
        words = str(_MEANINGS.get(base, base.replace("_", " ")))
    if index and not base.endswith("_position"):
        words += f" at {_knot(fit.device, base, int(index)):.5g} mV"
    if base == "mu":
        mass = getattr(innermost(fit.device.scatterer), "mass", None)
        value = {p.name: p.value for p in fit.parameters}[name]
        if mass is not None and value > 0:
            words += f" ({density(value, float(mass)):.3g}e11 cm^-2)"
    return words + (f" of {data_set}" if data_set else "")


def _knot(device, base, index):
    curves = device.barrier.curves if isinstance(device.barrier, Gated) else {}
    curve = device.smearing if base == "smearing" else curves[base]
    return float(curve.knots[index - 1])
