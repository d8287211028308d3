"""What a fit is asked: its data by name, its parameters, priors and starts, all of them checked."""

import dataclasses
import math
from collections.abc import Mapping

from qpcjax.fitting.device import Gated
from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.fitting.gated_sample import GatedSample
from qpcjax.fitting.problem import FitProblem, make_parts
from qpcjax.fitting.result import FitResult
from qpcjax.fitting.starts import starting_values
from qpcjax.measurements import KINDS, AbstractMeasurement, InputError
from qpcjax.optimise.losses import LOSSES
from qpcjax.quantities import closest
from qpcjax.validation import require_double


class FitSetup:
    """What a fit is asked, checked: the device, its data by name, parameters and priors.

    The arguments are those of `fit`.
    """

    def __init__(
        self,
        device,
        data,
        free=(),
        fixed=(),
        bounds=None,
        priors=None,
        tied=None,
        private=(),
        loss="linear",
    ):
        require_double("fits")
        if loss not in LOSSES:
            raise ValueError(f"loss must be one of {', '.join(LOSSES)}, got {loss!r}")
        self.device, self.loss, self.named = device, loss, _named(data)
        _check_data(device, self.named)
        self.layout = DeviceNumbers(device)
        self.names = _Names(self.layout, self.named, private, tied or {})
        self.parameters = self.names.parameters(free, fixed, bounds or {})
        self.priors = self.names.priors(priors or {})
        count = sum(p.free for p in self.parameters)
        points = sum(d.value.size for d in self.named.values())
        if count == 0:
            raise ValueError("at least one parameter must be free")
        if points + len(self.priors) < count:
            raise InputError(
                f"{points} points cannot determine {count} free parameters: take more points, or "
                "hold or tie some parameters"
            )

    def problem(self):
        """The question as least squares."""
        owner, factors = self.names.owner, self.names.factors
        parts = make_parts(self.device, self.named, self.parameters, owner, factors, order=8)
        return FitProblem(self.parameters, parts, self.priors, self.loss)

    def _of_data(self, data_set):
        """The `Parameter` that each number of a data set's device is, by the number's name."""
        by_name = {p.name: p for p in self.parameters}
        return {n: by_name[self.names.owner(data_set, n)] for n in self.layout.names}

    def starts(self, starts, seed):
        """Starts as dicts of the fit's names and values; see `fit` for what they may be."""
        names = self.names
        if isinstance(starts, FitResult):
            known = {f"{n}@{d}" for n in self.layout.names for d in self.named}
            known |= set(self.layout.names)
            # Numbers that the other fit does not know begin where they are.
            own = {p.name: p.value for p in self.parameters}
            found = [own | {n: v for n, v in starts.values().items() if n in known}]
        elif isinstance(starts, int):
            if starts < 1:
                raise ValueError(f"starts must be 1 or more, got {starts}")
            found = starting_values(
                self.layout, self.device, self.named, self._of_data, starts, seed
            )
        else:
            found = [dict(s) for s in starts]
            if not found:
                raise ValueError("starts must hold at least one dict of names and values")
            for name in (n for s in found for n in s):
                names.expand(name)
        return [
            {
                n: float(v)
                for name, v in start.items()
                if name not in names.ties
                for n in names.expand(name)
            }
            for start in found
        ]


def _named(data):
    """Data sets by name, traces sorted by their gate voltage."""
    if not isinstance(data, Mapping):
        sets = list(data) if isinstance(data, list | tuple) else [data]
        data = {}
        for d in sets:
            name = getattr(d, "label", "")
            data[name if name not in data else f"{name} ({len(data) + 1})"] = d
    if not data:
        raise ValueError("data must hold at least one data set")
    for d in data.values():
        if not isinstance(d, AbstractMeasurement):
            raise TypeError(
                f"data must be of a registered kind ({', '.join(KINDS)}), got {type(d).__name__}"
            )
    return {str(name): d.sorted() for name, d in data.items()}


def _check_data(device, named):
    """Raise InputError for data that lack what the device needs to predict them."""
    for name, data in named.items():
        gated = "gate" in data.settings
        follows = isinstance(device, GatedSample) or isinstance(device.barrier, Gated)
        if gated and not follows:
            raise InputError(
                f"{name}: the data have a gate voltage; the device's barrier must be Gated"
            )
        if not gated and follows:
            raise InputError(f"{name}: the device has a gate; the data need their gate voltage")
        data.response.require_known(device, data.settings, f"{name}: ", warm=True)


class _Names:
    """Which parameter of the fit each number of a data set's device is."""

    def __init__(self, layout, named, private, tied):
        self.layout, self.named = layout, named
        self._own = {n for name in private for n in self._expand(name)}
        self.ties = {}
        for name, to in tied.items():
            other, factor = (to, 1.0) if isinstance(to, str) else to
            for source, target in zip(self._expand(name), self._expand(other), strict=True):
                if target in self.ties or source == target or target in tied:
                    raise ValueError(f"{source} cannot be tied to {target}, which is tied itself")
                self.ties[source] = (target, float(factor))

    @property
    def factors(self):
        """Factor of each number that is tied, on the parameter that it is tied to."""
        return {source: factor for source, (_, factor) in self.ties.items()}

    def owner(self, data_set, number):
        """Name of the parameter that a number of a data set's device is."""
        number = self.ties[number][0] if number in self.ties else number
        return f"{number}@{data_set}" if number in self._own else number

    def expand(self, name):
        """Names of the fit's parameters that a name stands for."""
        number, _, data_set = name.partition("@")
        tied = [n for n in self._expand(number) if n in self.ties]
        if tied:
            target = self.ties[tied[0]][0]
            raise ValueError(f"{tied[0]} is tied to {target}: say it of {target}")
        if data_set and data_set not in self.named:
            raise ValueError(f"there is no data set {data_set!r}: {closest(data_set, self.named)}")
        sets = [data_set] if data_set else list(self.named)
        found = {self.owner(s, n): None for n in self._expand(number) for s in sets}
        return list(found)

    def _expand(self, name):
        known = self.layout.names
        if name in known:
            return [name]
        found = [n for n, base in zip(known, self.layout.bases, strict=True) if base == name]
        if not found:
            bases = [b for b in dict.fromkeys(self.layout.bases) if b not in known]
            raise ValueError(f"there is no parameter {name!r}: {closest(name, [*known, *bases])}")
        return found

    def parameters(self, free, fixed, bounds):
        """Every `Parameter` of the fit."""
        all_of = {}
        for p in self.layout.parameters():
            if p.name in self.ties:
                continue
            for data_set in self.named:
                name = self.owner(data_set, p.name)
                all_of[name] = dataclasses.replace(p, name=name)
        freed = {n for name in free for n in self.expand(name)}
        if all("temperature" in d.settings for d in self.named.values()):
            if "temperature" in freed:
                raise ValueError("temperature cannot be free: every data set states its own")
            if "temperature" in all_of:
                all_of["temperature"] = dataclasses.replace(all_of["temperature"], free=False)
        values = fixed if isinstance(fixed, Mapping) else dict.fromkeys(fixed)
        held = {n: value for name, value in values.items() for n in self.expand(name)}
        both = freed & set(held)
        if both:
            raise ValueError(f"{', '.join(sorted(both))}: cannot be fixed and free at once")
        for name, ends in bounds.items():
            for n in self.expand(name):
                all_of[n] = _bounded(all_of[n], ends)
        for n in freed:
            all_of[n] = dataclasses.replace(all_of[n], free=True)
        for n, value in held.items():
            p = all_of[n]
            all_of[n] = p.fixed(p.value if value is None else value)
        return list(all_of.values())

    def priors(self, priors):
        """Priors by the fit's names."""
        found = {}
        for name, prior in priors.items():
            try:
                mean, sigma = (float(x) for x in prior)
            except (TypeError, ValueError):
                raise ValueError(
                    f"the prior on {name} must be (mean, standard deviation), got {prior!r}"
                ) from None
            if not (math.isfinite(mean) and math.isfinite(sigma) and sigma > 0):
                raise ValueError(
                    f"the prior on {name} needs a finite mean and a positive standard deviation, "
                    f"got {prior!r}"
                )
            found |= dict.fromkeys(self.expand(name), (mean, sigma))
        return found


def _bounded(p, ends):
    try:
        lower, upper = (float(x) for x in ends)
    except (TypeError, ValueError):
        raise ValueError(f"the bounds of {p.name} must be (lower, upper), got {ends!r}") from None
    if not lower < upper:
        raise ValueError(
            f"the bounds of {p.name} contradict each other: {lower:g} to {upper:g} {p.unit}"
        )
    value = min(max(p.value, lower), upper)
    return dataclasses.replace(p, lower=lower, upper=upper, value=value, log=p.log and lower > 0)
