"""Barriers fitted to one trace beside each other, and what they differ by."""

import dataclasses
import math

import numpy as np

from qpcjax.fitting.device_parameters import DeviceNumbers
from qpcjax.fitting.heating import Heating, predict_heating
from qpcjax.fitting.report_sections import aligned
from qpcjax.fitting.result import FitResult


@dataclasses.dataclass(frozen=True)
class BarrierRow:
    """One barrier of a comparison.

    Fields:
        name: such as "saddle" or "saddle, gap".
        model: the barrier's name.
        shoulder: name of the shoulder, or None.
        fit: its `FitResult`, of averages of neighbouring points where `whole` is False; None where
            there is none.
        whole: whether all points were fitted.
        difference: of the Bayesian criterion from the best; NaN where there is no fit.
        alike: whether it fits about as well as the best one.
        why: why it was not followed to the end, in words; empty where it was.
    """

    name: str
    model: str
    shoulder: str | None
    fit: FitResult | None
    whole: bool
    difference: float
    alike: bool
    why: str

    def cells(self, heating: Heating | None = None) -> tuple[str, ...]:
        """The row as strings: name, rms, rms over noise, R_s, difference, P_A, and a remark.

        Args:
            heating: of this barrier, for the largest P_A.
        """
        if self.fit is None:
            return (self.name, "", "", "", "", "", "not fitted")
        resistance = self.fit.values().get("series_resistance")
        largest = _largest(heating)
        return (
            self.name,
            f"{self.fit.rms:.4g}",
            f"{self.fit.misfit:.3g}",
            "" if resistance is None else f"{resistance:.4g}",
            f"{self.difference:.1f}",
            "" if largest is None else f"{largest:.4g}",
            "fits as well" if self.alike and self.difference > 0 else "",
        )


@dataclasses.dataclass(frozen=True, eq=False)
class BarrierComparison:
    """Barriers beside each other, the best first; see `compare_barriers`.

    Fields:
        rows: a `BarrierRow` for each barrier; the ones that were not fitted stand last.
        bare: the fit of the best barrier without its shoulder; None where it has none.
    """

    rows: tuple[BarrierRow, ...]
    bare: FitResult | None = None

    @property
    def best(self) -> FitResult:
        """The fit of the barrier with the lowest criterion."""
        return next(r.fit for r in self.rows if r.fit is not None)

    @property
    def alike(self) -> dict[str, FitResult]:
        """Fits of all barriers that fit about equally well, by name, the best first."""
        return {r.name: r.fit for r in self.rows if r.alike and r.fit is not None}

    @property
    def systematic(self) -> dict[str, float]:
        """By how much barriers that fit equally well differ, in each number that they share.

        It is the largest distance from the best fit's value, in the parameter's unit: an error
        beside `FitResult.stderr`, to be added in squares. A value of a gate curve is shared where
        the curves have as many values.
        """
        best, *others = self.alike.values()
        values, count = best.values(), _curves(best)
        found = {}
        for p in best.free:
            sharing = [
                f.values()[p.name] for f in others if _curves(f).get(p.name) == count[p.name]
            ]
            if sharing:
                found[p.name] = max(abs(x - values[p.name]) for x in sharing)
        return found

    def spread(self, gate) -> np.ndarray:
        """The largest distance of the other curves that fit as well from the best one, in 2e^2/h.

        Args:
            gate: gate voltages in mV, within those of the data.
        """
        best, *others = (f.band(gate)[0] for f in self.alike.values())
        return np.fmax.reduce([np.zeros(np.shape(gate)), *(np.abs(y - best) for y in others)])

    def heating(self, bias, temperature, damping=0.04, progress=None) -> Heating:
        """`predict_heating` of the best barrier, its bands with the spread between barriers.

        An end of a band is the fit's error and the farthest of the barriers that fit equally well,
        added in squares. Arguments as of `predict_heating`.

        Returns:
            `Heating`, with the prediction of each of these barriers as `each`.
        """
        asked = bias, temperature, damping
        each = {}
        for name, found in self.alike.items():
            gates = () if not each else (next(iter(each.values())).gate,)
            each[name] = predict_heating(found, *asked, *gates, progress=progress)
        best, *others = each.values()
        found = _widened(best, others) if others else best
        if len(self.rows) > 1:
            found = dataclasses.replace(found, each=each)
        if self.bare is not None:
            bare = predict_heating(self.bare, *asked, best.gate, progress=progress)
            found = dataclasses.replace(found, without=bare)
        return found

    def table(self, heating: Heating | None = None) -> str:
        """The barriers as lines of text.

        Args:
            heating: of `heating`, for the column of the largest P_A.
        """
        return "\n".join(aligned(HEADS, self.cells(heating)))

    def cells(self, heating=None) -> list[tuple[str, ...]]:
        """The same as rows of strings, under `HEADS`."""
        each = {} if heating is None else dict(heating.each)
        if heating is not None and heating.without is not None:
            bare = next((r.name for r in self.rows if r.fit is self.bare), None)
            each |= {bare: heating.without}
        return [row.cells(each.get(row.name)) for row in self.rows]

    def words(self) -> list[str]:
        """Sentences: which barrier was chosen, and what fits as well."""
        best, *others = self.alike
        first = f"{best} fits best, and no other barrier as well."
        if others:
            first = (
                f"{best} fits best. {' and '.join(others)} fit{'s' if len(others) == 1 else ''} "
                "about as well: what they differ by is the systematic part of the bands of the "
                "curve and of the heat, and stands beside the errors below."
            )
        scale = (
            "BIC: difference of the Bayesian criterion, by points that the residuals leave "
            "independent; 6 is odds of 20 to 1."
        )
        return [first, scale, *(f"{r.name}: {r.why}." for r in self.rows if r.why)]

    def as_values(self, heating: Heating | None = None) -> dict:
        """The comparison as plain values, for fit.json."""
        each = {} if heating is None else heating.each
        return {
            "alike": list(self.alike),
            "systematic": self.systematic,
            "table": [
                {
                    "name": r.name,
                    "model": r.model,
                    "shoulder": r.shoulder,
                    "all_points": r.whole,
                    "rms": None if r.fit is None else r.fit.rms,
                    "misfit": None if r.fit is None else r.fit.misfit,
                    "free": None if r.fit is None else len(r.fit.free),
                    "series_resistance": None
                    if r.fit is None
                    else r.fit.values().get("series_resistance"),
                    "bic_difference": r.difference,
                    "largest_asymmetry_pW": _largest(each.get(r.name)),
                    "why": r.why,
                }
                for r in self.rows
            ],
        }


HEADS = ("barrier", "rms/uS", "rms/noise", "R_s/ohm", "BIC", "P_A/pW", "")


def _largest(heating):
    """The P_A of the largest modulus in pW; None where there is none."""
    if heating is None or heating.largest is None:
        return None
    value = float(heating.value["P_A"][heating.largest])
    return value if math.isfinite(value) else None


def _widened(heating, others):
    """A `Heating` whose bands hold what other barriers say."""
    low, high = dict(heating.low), dict(heating.high)
    for name, value in heating.value.items():
        every = np.stack([value, *(o.value[name] for o in others)])
        below, above = np.fmin.reduce(every), np.fmax.reduce(every)
        low[name] = value - np.hypot(value - low[name], value - below)
        high[name] = value + np.hypot(high[name] - value, above - value)
    return dataclasses.replace(heating, low=low, high=high)


def _curves(found):
    """Name of each parameter -> how many values the curve has that it belongs to."""
    layout = DeviceNumbers(found.device)
    base = dict(zip(layout.names, layout.bases, strict=True))
    return {p.name: layout.bases.count(base[p.name.partition("@")[0]]) for p in found.parameters}
