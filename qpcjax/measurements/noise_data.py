"""Noise of the current against bias and gate voltage."""

import dataclasses

import numpy as np

from qpcjax.constants import BOLTZMANN, NOISE_QUANTUM, RESISTANCE_QUANTUM
from qpcjax.measurements.base import AbstractMeasurement, register
from qpcjax.measurements.circuit import behind, heated
from qpcjax.measurements.errors import InputError
from qpcjax.measurements.response import Response
from qpcjax.transport.landauer import differential_conductance
from qpcjax.transport.noise import noise


def _noise(point, settings, resolution):
    """What the amplifier shows, in fA^2/Hz; see `NoiseData`."""
    scatterer, reservoirs = heated(point, settings, resolution)
    seen = noise(scatterer, reservoirs).current
    if point.series_resistance is not None:
        share = point.series_resistance / RESISTANCE_QUANTUM
        g = differential_conductance(scatterer, reservoirs)
        # 4 kT in units of 2e (2e^2/h), with the conductance in 2e^2/h.
        thermal = 2 * NOISE_QUANTUM * BOLTZMANN * point.temperature
        whole = behind(g, point.series_resistance)
        seen = seen / (1 + share * g) ** 2 + thermal * share * whole**2
    if point.noise_gain is not None:
        seen = point.noise_gain * seen
    return seen if point.noise_background is None else seen + point.noise_background


class _OfModes(Response):
    """A response that takes each T_n by itself, which a smeared T(E) does not have."""

    def require_known(self, device, settings, where="", warm=False):
        """Raise InputError for a device whose T(E) is smeared, too."""
        super().require_known(device, settings, where, warm)
        if device.smearing is not None:
            raise InputError(
                f"{where}{self.name} takes T_n (1 - T_n) of each mode, which a smeared T(E) does "
                "not have: leave smearing out of the Device, and take a barrier that is soft "
                "itself, such as SaddlePoint, or let the temperature be what smears"
            )


CURRENT_NOISE = _OfModes(
    "noise", "fA^2/Hz", "noise of the current", _noise, needs=("temperature",), heat=True
)


@register
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class NoiseData(AbstractMeasurement):
    r"""Measured noise of the current, one-sided, at a frequency far below kT/h.

    .. math:: S = A \left[\frac{S_I}{(1 + g R_s)^2} + 4 k_B T R_s G^2\right] + B

    with the noise S_I of the constriction at the voltage that drops across it, its dI/dV g, the
    thermal noise of the series resistance at the electrons' temperature, G = g/(1 + g R_s), and the
    amplifier's gain A and background B: `Device(noise_gain=, noise_background=)`, which fits free
    where they are given. As eV is known, noise against bias tells the temperature of the electrons.

    Points where 1/f noise rules are left out by a mask, such as ``data[abs(data.bias) < 2]``.

    Args:
        bias: eV in meV across constriction and series resistance.
        noise: S in fA^2/Hz; NaN where it is missing.
        gate: gate voltage in mV; for a device without a gate leave it out and give
        mu: electrochemical potential in meV.
        name: what it is called in reports and messages.
        sigma: standard error in fA^2/Hz; see `AbstractMeasurement`.
        temperature: in K, None where it is not known.
        sha256: of the file that was read.
        metadata: what else the file said: texts and numbers.

    Raises:
        InputError: gate and mu both given or both missing; see `AbstractMeasurement`.

    References:
        Ya. M. Blanter and M. Buttiker, Phys. Rep. 336, 1 (2000); L. DiCarlo et al., Phys. Rev.
        Lett. 97, 036810 (2006) measured it in QPCs.
    """

    bias: np.ndarray
    noise: np.ndarray
    gate: np.ndarray | None = None
    mu: np.ndarray | None = None
    name: str = "noise"

    settings_names = ("bias", "gate", "mu")
    measured = "noise"
    responses = (CURRENT_NOISE,)

    def __post_init__(self):
        self._require_one("gate", "mu")
        super().__post_init__()
