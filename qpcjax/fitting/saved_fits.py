"""What `qpcjax compare` and `qpcjax next` do with fits that were saved."""

import dataclasses
import math
from pathlib import Path

import numpy as np

from qpcjax.files import InputError
from qpcjax.fitting.archive import load_fit
from qpcjax.fitting.next_points import Candidates, NextPoints
from qpcjax.fitting.predictions import response_named
from qpcjax.fitting.result import FitResult
from qpcjax.scatterers.registry import BARRIERS

_GATES = 41  # of the candidates along the gate alone
_MAP = 21, 9  # of gate voltages and biases of a map of candidates


def read_fit(path) -> FitResult:
    """A saved fit: a file of `FitResult.save`, or the folder of `qpcjax fit`.

    Barriers that are registered are known by their classes.

    Raises:
        InputError: see `load_fit`; a folder without fit.json.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "fit.json"
        if not path.is_file():
            raise InputError(f"{path.parent} has no fit.json: give the folder of qpcjax fit")
    kinds = (kind.scatterer_class for kind in BARRIERS.values())
    return load_fit(path, {c.__name__: c for c in kinds if isinstance(c, type)})


def read_fits(paths) -> dict[str, FitResult]:
    """Saved fits by the names of their folders or files, and by their paths where these are alike.

    Raises:
        InputError: fewer than two fits, one twice; see `read_fit`.
    """
    paths = [Path(path) for path in paths]
    if len(paths) < 2:
        raise InputError("give at least two fits to compare")
    if len({path.resolve() for path in paths}) < len(paths):
        raise InputError("give each fit once")
    short = [path.parent.name if path.name == "fit.json" else path.stem for path in paths]
    alike = len(set(short)) < len(short) or not all(short)
    names = [str(path) for path in paths] if alike else short
    return {name: read_fit(path) for name, path in zip(names, paths, strict=True)}


@dataclasses.dataclass(frozen=True)
class NextQuestion:
    """Which parameter to learn more of, and what could be measured.

    Fields:
        target: name of the parameter.
        kind: what could be measured, as `Candidates` has it.
        gate: ends in mV; None for those of the fitted data.
        bias: ends in meV of a map; None for no bias.
        sigma: standard error of a point; None for that of the fit's data of this kind.
        temperature: in K; None for that of the device.
        count: number of points.
        free: names of held parameters that are supposed free.

    Raises:
        ValueError: an unknown kind, a number out of range.
    """

    target: str
    kind: str = "conductance"
    gate: tuple[float, float] | None = None
    bias: tuple[float, float] | None = None
    sigma: float | None = None
    temperature: float | None = None
    count: int = 3
    free: tuple[str, ...] = ()

    def __post_init__(self):
        response_named(self.kind)
        if self.count < 1:
            raise ValueError(f"count must be 1 or more, got {self.count}")
        if self.sigma is not None and not 0 < self.sigma < math.inf:
            raise ValueError(f"sigma must be a positive number, got {self.sigma:g}")
        if self.temperature is not None and not 0 <= self.temperature < math.inf:
            raise ValueError(f"temperature must be 0 K or more, got {self.temperature:g}")

    def candidates(self, fit: FitResult) -> Candidates:
        """Points along the gate, or on a map over gate and bias.

        Raises:
            InputError: a fit of data without a gate.
        """
        gates = [p.data.settings["gate"] for p in fit.parts if "gate" in p.data.settings]
        if not gates:
            raise InputError("the fit is of data without a gate: use next_points in Python")
        ends = self.gate or (min(g.min() for g in gates), max(g.max() for g in gates))
        gate, bias = np.linspace(*ends, _GATES), None
        if self.bias is not None:
            gate = np.linspace(*ends, _MAP[0])[:, None]
            bias = np.linspace(*self.bias, _MAP[1])
        return Candidates(self.kind, gate, bias, temperature=self.temperature, sigma=self.sigma)

    def answer(self, fit: FitResult) -> NextPoints:
        """The points to measure next; see `FitResult.next_points` for what it refuses."""
        return fit.next_points(self.target, self.candidates(fit), self.count, self.free)

    def in_words(self, fit: FitResult, found: NextPoints) -> str:
        """The parameter as it is known, and the points with what each would make of its error."""
        known = {p.name: p for p in fit.parameters}[self.target]
        head = f"{known.name} = {known.value:.6g} {known.unit}".rstrip()
        return f"{head} ({fit.meaning(known.name)})\n{found.summary()}"
