"""Thermopower against the gate voltage."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from qpcjax.measurements.base import AbstractMeasurement, register
from qpcjax.measurements.circuit import heated
from qpcjax.measurements.response import Response
from qpcjax.transport.thermoelectrics import thermoelectrics


def _thermopower(point, settings, resolution):
    """S in uV/K at no bias: no current flows, so that a series resistance does not count."""
    at_rest = {**settings, "bias": jnp.zeros_like(point.mu)}
    scatterer, reservoirs = heated(point, at_rest, resolution)
    return thermoelectrics(scatterer, reservoirs.mu, reservoirs.temperature).seebeck


THERMOPOWER = Response(
    "thermopower", "uV/K", "thermopower", _thermopower, needs=("temperature",), heat=True
)


@register
@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ThermopowerTrace(AbstractMeasurement):
    r"""Measured thermopower along the gate, in linear response.

    .. math:: S = \frac{\mu_L - \mu_R}{|e| (T_L - T_R)} \Big|_{I = 0}
                = -\frac{1}{|e| T} \frac{\int dE\, (E - \mu)\, T(E) (-f')}{\int dE\, T(E) (-f')}

    It is negative where T(E) rises with E, with a peak at each step. Beside a conductance trace it
    tells the electrons' temperature from the softness of the barrier.

    Args:
        gate: gate voltage in mV.
        seebeck: S in uV/K; NaN where it is missing.
        name: what it is called in reports and messages.
        sigma: standard error in uV/K; see `AbstractMeasurement`.
        temperature: mean temperature of the electrons in K, None where it is not known.
        sha256: of the file that was read.
        metadata: what else the file said: texts and numbers.

    Raises:
        InputError: see `AbstractMeasurement`.

    References:
        L. W. Molenkamp et al., Phys. Rev. Lett. 65, 1052 (1990) measured it.
    """

    gate: np.ndarray
    seebeck: np.ndarray
    name: str = "thermopower"

    settings_names = ("gate",)
    measured = "seebeck"
    responses = (THERMOPOWER,)
    ordered = True
