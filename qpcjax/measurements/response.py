"""A number that a measured device shows at one point, and the registry of such numbers."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from qpcjax.measurements.errors import InputError


@dataclasses.dataclass(frozen=True)
class Response:
    """A number that a device shows at one point, and how it is predicted.

    Args:
        name: what `FitResult.predict` and `Candidates` call it.
        unit: of the number.
        words: what it is, in reports.
        at: function of a `Point`, of the settings of the point (name -> number) and of a
            `Resolution` that returns the number. Pure JAX, for one point.
        needs: what must be known of the device or the point: "temperature"; "width" (a temperature,
            or a smearing), "width above 0"; or a field of `Device` such as "damping".
        heat: whether `at` takes barrier and reservoirs from `circuit.heated`, so that the softened
            T(E) counts at all energies that the Fermi functions reach.
        reach: function of a `Point` and the settings that returns how far above mu, in meV, T(E)
            counts; by default as far as the bias and the Fermi functions reach.
        columns: how many numbers `at` returns; one for data.
        fine_unit: another unit, in which residuals are shown, and the factor to it.
    """

    name: str
    unit: str
    words: str
    at: Callable[..., Any]
    needs: tuple[str, ...] = ("width",)
    heat: bool = False
    reach: Callable[..., Any] | None = None
    columns: int = 1
    fine_unit: tuple[str, float] | None = None

    @property
    def residual_unit(self) -> tuple[str, float]:
        """The unit of residuals in reports, and the factor to it."""
        return self.fine_unit or (self.unit, 1.0)

    def require_known(
        self, device, settings: Mapping[str, Any], where: str = "", warm: bool = False
    ) -> None:
        """Raise InputError unless device and settings say what the prediction needs.

        Args:
            device: `Device`.
            settings: name -> numbers or arrays.
            where: what the message begins with, such as the name of a data set.
            warm: whether a width must be above 0 in any case, as in fits, which need slopes.
        """
        temperature = settings.get("temperature", device.temperature)
        for need in self.needs:
            need = "width above 0" if warm and need == "width" else need
            if need == "width":
                known = temperature is not None or device.smearing is not None
            elif need == "width above 0":
                warm = temperature is not None and bool(np.min(temperature) > 0)
                known = warm or device.smearing is not None
            elif need == "temperature":
                known = temperature is not None
            else:
                known = getattr(device, need) is not None
            if not known:
                raise InputError(f"{where}{self.name} needs {_missing(need)}")


def _missing(need):
    if need == "damping":
        return (
            "a damping strength, which this device does not have: give damping=, such as "
            "QuadraticDamping(0.04) for a Device"
        )
    if need == "width above 0":
        return (
            "a temperature above 0 or a smearing, which neither the points nor the device have: "
            "give temperature="
        )
    if need in ("width", "temperature"):
        return "a temperature, which neither the points nor the device have: give temperature="
    return f"{need}, which this device does not have: give {need}= to the Device"


RESPONSES: dict[str, Response] = {}


def add_response(response: Response) -> Response:
    """Make a response known by its name.

    Raises:
        ValueError: another one has the same name.
    """
    if RESPONSES.get(response.name, response) != response:
        raise ValueError(f"there is already a response called {response.name}")
    RESPONSES[response.name] = response
    return response
