"""Everything the model says about one barrier at one operating point."""

import concurrent.futures
import functools
import math
from importlib.metadata import version
from typing import NamedTuple

import jax

from qpcjax.constants import CONDUCTANCE_QUANTUM
from qpcjax.heat.hot_spot import EXCHANGE, hot_spot
from qpcjax.resolution import spinless
from qpcjax.scatterers import transmission
from qpcjax.scatterers.batching import same_dtype
from qpcjax.transport.integrals import transport_moments
from qpcjax.transport.landauer import conductance


class Quantity(NamedTuple):
    """One line of a table: a number (NaN where there is no answer) with its name and unit."""

    symbol: str
    name: str
    value: float
    unit: str


class Evaluation(NamedTuple):
    """The quantities at one operating point, and remarks on them in words."""

    quantities: list[Quantity]
    notes: list[str]


# One point is evaluated once: what the compiler would optimise takes longer than it saves.
_COMPILER: dict[str, bool | int] = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
}
if version("jaxlib").startswith("0.10."):
    # The older of its two ways to compile a kernel takes less time; later versions have but one.
    _COMPILER["xla_cpu_use_fusion_emitters"] = False


_quickly = functools.partial(jax.jit, compiler_options=_COMPILER)


@_quickly
def _hottest(scatterer, reservoirs, damping):
    spot = hot_spot(scatterer, reservoirs, damping)
    return {"E*": spot.energy, "r*": spot.distance, "status": spot.status}


@_quickly
def _transported(scatterer, reservoirs, _):
    # One pair of integrals for the current and all heat: the command's time is the compiler's.
    scatterer, r = same_dtype((scatterer, reservoirs))
    moments = transport_moments(scatterer, r.mu, r.bias, r.temperature, r.temperature_bias)
    zeroth, first = (CONDUCTANCE_QUANTUM * moment for moment in moments)
    even = r.bias / 2 * zeroth
    return {
        "T": transmission(scatterer, reservoirs.mu, reservoirs.bias),
        "G": conductance(scatterer, reservoirs.mu, reservoirs.temperature),
        "I": zeroth,
        "P_L": even - first,
        "P_R": even + first,
        "P_A": 2 * first,
    }


def _operating_point(*arguments):
    """The numbers at one point, the compiler working on one part while the next is traced."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        parts = [pool.submit(f.lower(*arguments).compile) for f in (_hottest, _transported)]
    numbers = [part.result()(*arguments) for part in parts]
    return {symbol: value.item() for part in numbers for symbol, value in part.items()}


def evaluate(scatterer, reservoirs, damping) -> Evaluation:
    """T(mu), G, I, the powers and the hot spot, with notes on what has no answer.

    Args:
        scatterer: any scatterer, see `qpcjax.resolution.prepared`; a channel gives its E1 too.
        reservoirs: `Reservoirs` with plain numbers in its fields.
        damping: `QuadraticDamping`.
    """
    value = _operating_point(scatterer, reservoirs, damping)
    scale = getattr(spinless(scatterer), "energy_scale", None)
    if scale is not None:
        value["E1"] = float(scale)
    side = "right" if reservoirs.bias >= 0 else "left"
    quantities = [
        Quantity(symbol, name, value[symbol], unit)
        for symbol, name, unit in (
            ("E1", "lowest transverse energy", "meV"),
            ("T", "total transmission at mu", "1"),
            ("G", "linear-response conductance", "2e^2/h"),
            ("I", "current", "nA"),
            ("P_L", "power dissipated on the left", "pW"),
            ("P_R", "power dissipated on the right", "pW"),
            ("P_A", "asymmetry P_R - P_L", "pW"),
            ("E*", "energy of the hottest electrons", "meV"),
            ("r*", f"distance of the hot spot, {side}", "nm"),
        )
        if symbol in value
    ]
    return Evaluation(quantities, _notes(value, reservoirs))


def _notes(value, r):
    notes = [
        f"P_{s} is negative: the {side} side is cooled."
        for s, side in (("L", "left"), ("R", "right"))
        if value[f"P_{s}"] < 0
    ]
    downstream = r.mu - abs(r.bias) / 2
    if r.bias < 0:
        notes.append("The bias is negative: electrons flow to the left, which is downstream.")
    if value["status"] == EXCHANGE:
        notes.append(
            "r*: a second maximum is within 0.1 % of the highest, so r* is about to jump between "
            "the two."
        )
    if math.isnan(value["r*"]):
        if downstream <= 0:
            why = (
                f"the electrochemical potential downstream, mu - |eV|/2 = {downstream:.4g} meV, is "
                "not above the bottom of the conduction band"
            )
        elif r.bias == 0 and r.temperature == 0:
            why = "at zero bias and zero temperature nothing is heated"
        else:
            why = "nothing is transmitted above the electrochemical potential downstream"
        notes.append(f"E* and r* have no value: {why}.")
    elif r.bias == 0 and r.temperature_bias == 0:
        notes.append("At zero bias nothing is heated; E* and r* are the limit of a small bias.")
    others = [k for k in ("T", "G", "I", "P_L", "P_R", "P_A") if math.isnan(value[k])]
    if others:
        notes.append(f"{', '.join(others)}: outside the range of validity of the integrals.")
    return notes
