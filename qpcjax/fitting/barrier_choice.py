"""The barrier of a trace chosen by evidence among several that are fitted."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from qpcjax.fitting.barrier_comparison import BarrierComparison, BarrierRow
from qpcjax.fitting.barrier_starts import BarrierStart, barrier_start
from qpcjax.fitting.device_of_trace import trace_device, trace_model
from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.fitting.evidence import bayesian_criteria, independent_points
from qpcjax.fitting.joint_fit import checked, fit
from qpcjax.fitting.misfit import WRONG, in_noise
from qpcjax.fitting.noise import noise_of
from qpcjax.fitting.result import FitResult
from qpcjax.fitting.shoulders import is_quick, require_shoulder, shoulder_numbers
from qpcjax.fitting.threads import side_by_side
from qpcjax.measurements import ConductanceTrace
from qpcjax.quantities import closest
from qpcjax.scatterers.registry import COMPARED
from qpcjax.validation import require_double

ALIKE = 6.0  # of the Bayesian criterion, odds of 20 to 1: within it barriers fit equally well
_LOST = 20.0  # the same, odds of 20,000 to 1: beyond it a barrier is not followed any further
_OF_TABLES = 1.15  # how many times too large the rms on a table may be
_SCOUTED = 500  # points from which on barriers are first fitted to averages of neighbours
_LEFT = 320  # averages, at most
_STOPPED = "not fitted, stopped by the user"

# Barriers that are fitted from the fit of a cheaper one of the same numbers.
_SCOUTS = {"matched": "profile", "biased": "mean"}


def compare_barriers(
    trace: ConductanceTrace,
    models: Iterable[str] = COMPARED,
    shoulders: Iterable[str | None] = (None, "gap"),
    *,
    free: Iterable[str] = (),
    fixed: Mapping[str, float] | None = None,
    loss: str = "linear",
    starts: int = 12,
    progress: Callable[[int, int, str], None] | None = None,
    told: Callable[[str], None] | None = None,
    **of_device: Any,
) -> BarrierComparison:
    r"""Fit several barriers to a trace and choose among them by the Bayesian criterion.

    The criterion counts points that the residuals leave independent (`bayesian_criteria`). Barriers
    within 6 of the best, odds of 20 to 1, fit about equally well: what they differ by is the
    systematic part of every error. Work is spared where it cannot change the answer:

    * Every barrier is looked at on a table of its conductance first. The best one there is fitted
      first, and another one unless odds of 20,000 to 1 speak against it, tables being taken to be
      wrong by 15 %.
    * A trace of more than 500 points is averaged over neighbours for that. All points are fitted
      by the best barrier and by all that fit about equally well.
    * A shoulder is tried where the best barrier without one misses the data by more than 1.3 times
      their noise; for the best barrier first, then for every other one that would come within odds
      of 20 to 1 of it by gaining as much. Of several barriers it is tried on those whose modes open
      at energies in closed form, such as the saddle: with hard walls it takes minutes, and is
      fitted where the shoulder alone is asked for.

    Args:
        trace: the data.
        models: names of barriers, as of `trace_device`.
        shoulders: what may make a shoulder, None for nothing; where None is not among them the fits
            without a shoulder are starts alone.
        free: names to free that are held by default. Barriers without one of them are left out.
        fixed: names to hold, with values; the same.
        loss: as of `fit`.
        starts: how many starts each barrier has.
        progress: called with (done, total, label).
        told: called with the result of each fit in a line, as soon as it is there.
        **of_device: what else `trace_device` takes: mu, mass, knots, zeeman, ...

    Returns:
        `BarrierComparison`.

    Raises:
        InputError: no barrier can be fitted; the reason of the first one.
        ValueError: an unknown model, shoulder or parameter, no model.
    """
    require_double("fits")
    models, shoulders = list(dict.fromkeys(models)), list(dict.fromkeys(shoulders))
    if not models or not shoulders:
        raise ValueError("models and shoulders must name at least one each")
    for model in models:
        trace_model(model)
        for shoulder in shoulders:
            require_shoulder(shoulder, model)
    asked = {"free": list(free), "fixed": dict(fixed or {}), "loss": loss}
    shown = progress or (lambda *_: None), told or (lambda _: None)
    return _Comparison(trace, models, shoulders, asked, starts, of_device, shown).run()


class _Comparison:
    """The fits of a comparison, by (model, shoulder), and why others were not made."""

    def __init__(self, trace, models, shoulders, asked, starts, of_device, shown):
        self.trace, self.models, self.shoulders = trace.sorted(), models, shoulders
        self.asked, self.starts, self.of_device = asked, starts, of_device
        self.progress, self.told = shown
        self.few = averaged(self.trace) if self.trace.value.size > _SCOUTED else self.trace
        self.thinned = self.few is not self.trace
        self.noise = noise_of(self.trace)
        self.of_shoulders = {n for s in shoulders for n in shoulder_numbers(s)}
        self.fits: dict[Any, FitResult] = {}
        self.whole: dict[Any, FitResult] = {}
        self.why: dict[Any, str] = {}
        self.refused: list[ValueError] = []

    def run(self):
        begun = dict(zip(self.models, side_by_side(self._begun, self.models), strict=True))
        for model in sorted(self.models, key=lambda m: begun[m].rms):
            self._bare(model, begun[model])
        if not self.fits:
            raise self.refused[0]
        for shoulder in self.shoulders:
            if shoulder is not None:
                self._with(shoulder)
        bare = {k: f for k, f in self.fits.items() if k[1] is None}
        if None not in self.shoulders:
            for key in bare:
                del self.fits[key]
            if not self.fits:
                raise self.refused[0]
        self._to_the_end()
        return self._found(bare)

    # --- the stages ---

    def _device(self, model, shoulder):
        return trace_device(self.few, model, shoulder=shoulder, **self.of_device)

    def _progress_of(self, key):
        return lambda done, total, what: self.progress(done, total, f"{name_of(*key)}: {what}")

    def _fit(self, key, device, data, starts):
        """A fit; what is said of the numbers of a shoulder concerns the fits with it alone."""
        others = self.of_shoulders - set(shoulder_numbers(key[1]))

        return fit(
            device,
            data,
            free=[n for n in self.asked["free"] if n not in others],
            fixed={n: v for n, v in self.asked["fixed"].items() if n not in others},
            loss=self.asked["loss"],
            starts=starts,
            checks=False,
            progress=self._progress_of(key),
        )

    def _bare(self, model, begun):
        """The fit of a barrier without a shoulder, unless a table speaks against it."""
        key = model, None
        if self._interrupted():
            self.why[key] = _STOPPED
            return
        try:
            if begun.refused is not None:
                raise begun.refused
            tabled = self.fits and math.isfinite(begun.rms)
            if tabled and (behind := self._behind(begun)) > _LOST:
                self.why[key] = (
                    f"not fitted, its rms is {self._factor * begun.rms:.3g} {self._unit} on a "
                    f"table, which is behind by {behind:.0f} at least"
                )
                return
            starts = begun.starts
            if model in _SCOUTS:
                scout = self._device(_SCOUTS[model], None)
                starts = self._fit((_SCOUTS[model], None), scout, self.few, self.starts)
            self.fits[key] = self._fit(key, begun.device, self.few, starts)
        except ValueError as error:
            if len(self.models) == 1:
                raise
            self.refused.append(error)
            self.why[key] = f"not fitted, {error}"
            return
        self._tell(key)

    def _require_known(self, device, model):
        """Raise ValueError for numbers that the user names and a barrier does not have."""
        layout = DeviceNumbers(device)
        known = [*layout.names, *layout.bases, *self.of_shoulders]
        said = [*self.asked["free"], *self.asked["fixed"]]
        unknown = [n for n in said if n not in known]
        if unknown:
            name = unknown[0]
            raise ValueError(f"{model} has no parameter {name!r}: {closest(name, known)}")

    def _begun(self, model):
        """Where the fit of a barrier begins: on a table, where the device has one."""
        try:
            device = self._device(model, None)
            self._require_known(device, model)
            asked = self.asked["free"], self.asked["fixed"], self.starts
            return barrier_start(device, self.few, *asked)
        except ValueError as refused:
            return BarrierStart(refused=refused)

    def _behind(self, begun):
        """By how much a barrier is behind the best fit at least, from its rms on a table."""
        criteria = bayesian_criteria(self.fits)
        best = self.fits[min(criteria, key=lambda k: criteria[k])]
        part = best.parts[0]
        count = independent_points(part)
        least = max(begun.rms / _OF_TABLES, 1e-300) / part.rms
        kept = part.known and not part.misfit > WRONG
        gained = count * (part.misfit**2 * (least**2 - 1) if kept else 2 * math.log(least))
        free = sum(p.free for p in DeviceNumbers(begun.device).parameters())
        return gained + (free - len(best.free)) * math.log(max(count, 1))

    def _misfit(self, found):
        """The misfit of all points, of a fit of averages too."""
        part = found.parts[0]
        if not self.thinned or part.known:
            return part.misfit
        excess = max(part.rms**2 - part.noise**2, 0.0)
        return math.sqrt(1 + excess / self.noise**2) if self.noise else math.inf

    def _with(self, shoulder):
        criteria = bayesian_criteria({k: f for k, f in self.fits.items() if k[1] is None})
        order = sorted(criteria, key=lambda k: criteria[k])
        misfit = self._misfit(self.fits[order[0]])
        if None in self.shoulders and not misfit > WRONG:
            for model, _ in order:
                self.why[model, shoulder] = (
                    f"not fitted, without a shoulder the misfit is {misfit:.2f}, which leaves "
                    "nothing to explain"
                )
            return
        quick = [model for model, _ in order if is_quick(model)]
        for bare in order:
            key = bare[0], shoulder
            if self._interrupted():
                self.why[key] = _STOPPED
                continue
            if None in self.shoulders and quick and bare[0] not in quick:
                self.why[key] = (
                    f"not fitted, which takes minutes, unless {shoulder} is the only shoulder "
                    "asked for"
                )
                continue
            behind = self._behind_with(bare, shoulder)
            if behind > ALIKE:
                self.why[key] = (
                    f"not fitted, behind by {behind:.0f} if its shoulder gains as much as another's"
                )
                continue
            try:
                device = self._device(bare[0], shoulder)
                self.fits[key] = self._fit(key, device, self.few, self.fits[bare])
            except ValueError as error:
                if len(self.models) == 1:
                    raise
                self.refused.append(error)
                self.why[key] = f"not fitted, {error}"
                continue
            self._tell(key)

    def _behind_with(self, bare, shoulder):
        """By how much a barrier would be behind with the largest gain of a shoulder so far."""
        if not any(s == shoulder for _, s in self.fits):
            return -math.inf
        criteria = bayesian_criteria(self.fits)
        gain = max(criteria[m, None] - criteria[m, s] for m, s in self.fits if s == shoulder)
        return criteria[bare] - gain - min(criteria.values())

    def _to_the_end(self):
        """Fit all points by the barriers that fit about equally well, and look at the best."""
        criteria = bayesian_criteria(self.fits)
        best = min(criteria.values())
        for key in sorted(criteria, key=lambda k: criteria[k]):
            scout = self.fits[key]
            if not self.thinned:
                self.whole[key] = scout
            elif criteria[key] - best <= ALIKE and not (self.whole and self._interrupted()):
                self.whole[key] = self._fit(key, scout.device, self.trace, scout)
            else:
                self.why[key] = "averages of neighbouring points alone were fitted"
        if self._interrupted():
            return
        criteria = bayesian_criteria(self.whole)
        best = min(criteria, key=lambda k: criteria[k])
        scout = self.fits[best]
        # The starts and the other minima are those of the search.
        found = dataclasses.replace(self.whole[best], others=scout.others, starts=scout.starts)
        self.whole[best] = checked(found, self._progress_of(best))

    def _found(self, bare):
        """The rows, the best first: criteria of all points where they were fitted."""
        whole, few = bayesian_criteria(self.whole), bayesian_criteria(self.fits)
        lowest = min(whole, key=lambda k: whole[k])
        rows = []
        for key in self.fits:
            model, shoulder = key
            ended = key in whole
            difference = whole[key] - whole[lowest] if ended else few[key] - few[lowest]
            rows.append(
                BarrierRow(
                    name_of(*key), model, shoulder, self.whole.get(key, self.fits[key]), ended,
                    difference, ended and difference <= ALIKE, self.why.get(key, ""),
                )
            )  # fmt: skip
        rows.sort(key=lambda r: (not r.whole, r.difference))
        rows = [rows[0], *sorted(rows[1:], key=lambda r: r.difference)]
        rows += [
            BarrierRow(name_of(model, s), model, s, None, False, math.nan, False, why)
            for (model, s), why in self.why.items()
            if (model, s) not in self.fits and s in self.shoulders
        ]
        model, shoulder = lowest
        return BarrierComparison(tuple(rows), None if shoulder is None else bare[model, None])

    # --- words ---

    def _interrupted(self):
        return any(f.status == "interrupted" for f in (*self.fits.values(), *self.whole.values()))

    @property
    def _unit(self):
        return self.trace.response.residual_unit[0]

    @property
    def _factor(self):
        return self.trace.response.residual_unit[1]

    def _tell(self, key):
        self.told(f"{name_of(*key)}: {short(self.fits[key], self.thinned)}")


def name_of(model, shoulder):
    """What a barrier is called in tables, such as "saddle" or "saddle, gap"."""
    return model if shoulder is None else f"{model}, {shoulder}"


def short(found, averages=False) -> str:
    """A fit in a line: rms, misfit, length and series resistance with their errors."""
    told = [in_noise(found.parts[0])]
    values, errors = found.values(), found.stderr
    for name, symbol, unit in (("length", "L", "nm"), ("series_resistance", "R_s", "ohm")):
        if name in errors:
            told.append(f"{symbol} = {values[name]:.4g} +- {errors[name]:.2g} {unit}")
    if found.status != "converged":
        told.append(found.message)
    return "; ".join(told) + (" (averages of neighbouring points)" if averages else "")


def averaged(trace: ConductanceTrace) -> ConductanceTrace:
    """The trace with neighbouring points averaged, such that at most 320 are left."""
    trace = trace.sorted()
    together = -(-trace.value.size // _LEFT)
    first = np.arange(0, trace.value.size, together)
    count = np.diff(np.append(first, trace.value.size))
    few = trace[first]

    def mean(x):
        return np.add.reduceat(x, first) / count

    columns = {"gate": mean(trace.gate), "conductance": mean(trace.conductance)}
    if trace.sigma is not None:
        sigma = np.broadcast_to(np.asarray(trace.sigma, float), trace.value.shape)
        columns["sigma"] = np.sqrt(np.add.reduceat(sigma**2, first)) / count
    return dataclasses.replace(few, **columns)
