"""The table of `qpcjax evaluate`: the registered observables at one operating point."""

import concurrent.futures
import functools
import itertools
import math
from importlib.metadata import version
from typing import NamedTuple

import jax

from qpcjax.heat.hot_spot import EXCHANGE, NO_RATE
from qpcjax.observables import OBSERVABLES, OperatingPoint, values_at
from qpcjax.quantities import RESULTS
from qpcjax.resolution import spinless

# Numbers of an operating point without an energy or a distance.
_GIVEN = ("mu",)


class TableRow(NamedTuple):
    """One line of the table: a number (NaN where there is no answer) with its name and unit."""

    symbol: str
    name: str
    value: float
    unit: str


class Evaluation(NamedTuple):
    """The table of one operating point, and remarks on it in words."""

    quantities: list[TableRow]
    notes: list[str]

    def as_columns(self):
        """The columns of the table, by name."""
        return dict(zip(TableRow._fields, zip(*self.quantities, strict=True), strict=True))


# One point is evaluated once: what the compiler would optimise takes longer than it saves.
_COMPILER: dict[str, bool | int] = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
}
if version("jaxlib").startswith("0.10."):
    # The older of its two ways to compile a kernel takes less time; later versions have but one.
    _COMPILER["xla_cpu_use_fusion_emitters"] = False


@functools.partial(jax.jit, static_argnames="observables", compiler_options=_COMPILER)
def _values(scatterer, reservoirs, damping, observables):
    return values_at(OperatingPoint(scatterer, reservoirs, damping), observables)


def _in_groups(observables):
    """The observables group by group; the hot spot first, which takes longest to compile."""
    groups = {}
    for observable in observables:
        groups.setdefault(observable.group, []).append(observable)
    return [tuple(groups[name]) for name in sorted(groups)]


def _values_by_name(observables, told, *arguments):
    """The numbers at one point, the compiler working on one group while the next is traced."""
    groups = _in_groups(observables)
    finished = itertools.count(1)
    told(0, len(groups))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        compiled = []
        for group in groups:
            program = _values.lower(*arguments, observables=group)
            compiled.append(pool.submit(program.compile))
            compiled[-1].add_done_callback(lambda _: told(next(finished), len(groups)))
    numbers = [program.result()(*arguments) for program in compiled]
    return {name: value.item() for part in numbers for name, value in part.items()}


def _untold(done, total):
    """Nothing is told."""


def evaluate(scatterer, reservoirs, damping, also=(), told=_untold) -> Evaluation:
    """The registered observables that need no energy or distance, with notes on missing answers.

    Args:
        scatterer: any scatterer, see `qpcjax.resolution.prepared`; a channel gives its E1 too.
        reservoirs: `Reservoirs` with plain numbers in its fields.
        damping: a damping law, such as `QuadraticDamping`.
        also: observables to list that the table leaves out.
        told: called with how many of the programs are compiled, and with how many there are.
    """
    listed = [o for o in OBSERVABLES.values() if o.in_table and o.missing(_GIVEN) is None]
    listed += [o for o in also if o not in listed]
    status = OBSERVABLES["hot_spot_status"]
    asked = dict.fromkeys([*listed, status])
    value = _values_by_name(asked, told, scatterer, reservoirs, damping)
    side = "right" if reservoirs.bias >= 0 else "left"
    where = {"transmission": " at mu", "hot_spot_distance": f", {side}"}
    rows = [
        TableRow(o.symbol, o.quantity.words + where.get(o.name, ""), value[o.name], o.unit)
        for o in listed
    ]
    scale = getattr(spinless(scatterer), "energy_scale", None)
    if scale is not None:
        q = RESULTS["energy_scale"]
        rows.insert(0, TableRow(q.symbol, q.words, float(scale), q.unit))
    return Evaluation(rows, _notes(listed, value, reservoirs, damping))


def _notes(listed, value, r, damping):
    notes = [
        f"{OBSERVABLES[side].symbol} is negative: the {side} side is cooled."
        for side in ("left", "right")
        if value[side] < 0
    ]
    downstream = r.mu - abs(r.bias) / 2
    if r.bias < 0:
        notes.append("The bias is negative: electrons flow to the left, which is downstream.")
    if value["hot_spot_status"] == EXCHANGE:
        notes.append(
            "r*: a second maximum is within 0.1 % of the highest, so r* is about to jump between "
            "the two."
        )
    if math.isnan(value["hot_spot_distance"]):
        if downstream <= 0:
            why = (
                f"the electrochemical potential downstream, mu - |eV|/2 = {downstream:.4g} meV, is "
                "not above the bottom of the conduction band"
            )
        elif value["hot_spot_status"] == NO_RATE:
            why = f"electrons carry heat whose energy the {damping.words} has no rate for"
        elif r.bias == 0 and r.temperature == 0:
            why = "at zero bias and zero temperature nothing is heated"
        else:
            why = "nothing is transmitted above the electrochemical potential downstream"
        notes.append(f"E* and r* have no value: {why}.")
    elif r.bias == 0 and r.temperature_bias == 0:
        notes.append("At zero bias nothing is heated; E* and r* are the limit of a small bias.")
    of_heat = [o.symbol for o in listed if o.group == "heat spread" and math.isnan(value[o.name])]
    if of_heat:
        notes.append(
            f"{', '.join(of_heat)}: no heat is emitted there, or the damping law has no rate for "
            "what carries it."
        )
    of_hot = ("hot spot", "heat spread")
    others = [o.symbol for o in listed if o.group not in of_hot and math.isnan(value[o.name])]
    if others:
        why = "outside the range of validity of the integrals"
        if value["current"] == 0:
            why = "no value without a current"
        notes.append(f"{', '.join(others)}: {why}.")
    return notes
