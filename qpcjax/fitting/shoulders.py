"""The forms of a shoulder below the plateaus that a fit knows by name."""

from collections.abc import Callable
from typing import Any, NamedTuple

from qpcjax.quantities import POINT, closest
from qpcjax.scatterers import HartreeBarrier, SpinGap
from qpcjax.scatterers.fields import field_quantities
from qpcjax.scatterers.registry import BARRIERS

# Where a fit begins: the slope, y0 over mu, which is -0.1 of the spacing with which a saddle
# begins, and the fade; without a slope a gap is flat in the others, and no fit finds it.
_SLOPE, _ONSET, _FADE = 0.6, -0.025, 0.9
_STRENGTH = 0.5


def _gap(scatterer, mu):
    return SpinGap(scatterer, mu, _SLOPE, _ONSET * mu, _FADE)


def _hartree(scatterer, mu):
    return HartreeBarrier(scatterer, mu, _STRENGTH)


class Shoulder(NamedTuple):
    """A form of a shoulder.

    Fields:
        kind: the class of the scatterer around the barrier.
        begin: from a barrier and mu to the barrier with a shoulder, as a fit begins.
    """

    kind: type
    begin: Callable[[Any, float], Any]


SHOULDERS = {"gap": Shoulder(SpinGap, _gap), "hartree": Shoulder(HartreeBarrier, _hartree)}


def shoulder_numbers(name: str | None) -> tuple[str, ...]:
    """Names of the numbers of a shoulder, as a fit has them."""
    if name is None:
        return ()
    own = field_quantities(SHOULDERS[name].kind)
    return tuple(q.name for q in own.values() if q.name not in POINT)


def require_shoulder(name: str | None, model: str | None = None) -> None:
    """Raise ValueError unless this is the name of a shoulder, or None.

    Args:
        name: of the shoulder.
        model: of the barrier that it is for.
    """
    if name is None:
        return
    if name not in SHOULDERS:
        raise ValueError(f"there is no shoulder {name!r}: {closest(name, SHOULDERS)}")
    if model is not None and not getattr(BARRIERS[model].scatterer_class, "opens_in_steps", True):
        raise ValueError(
            f"the model {model} has no steps below which a shoulder could be: leave the shoulder "
            "out, or take a barrier whose modes open one after the other"
        )


def is_quick(model: str) -> bool:
    """Whether a fit with a shoulder takes seconds: the barrier's openings are in closed form.

    Where they are searched for, as in a channel with hard walls, compiling alone takes a minute.
    """
    kind = BARRIERS[model].scatterer_class
    return not getattr(kind, "openings_are_searched", True)


def with_shoulder(scatterer, name: str | None, mu: float) -> Any:
    """The barrier with a shoulder, as a fit begins; itself for None.

    Args:
        scatterer: a barrier of modes that open one after the other.
        name: "gap" for `SpinGap`, "hartree" for `HartreeBarrier`.
        mu: electrochemical potential in meV.

    Raises:
        ValueError: an unknown name, or a barrier whose T_n(E) are no steps.
    """
    require_shoulder(name)
    return scatterer if name is None else SHOULDERS[name].begin(scatterer, mu)
